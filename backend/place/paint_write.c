/* Writer of .paint: a line of execution arguments and a line of place per kernel. */
#include <inttypes.h>

#include "backend/place/kgraph.h"

static void write_arguments(const wfc_be_kernel *k, const wfc_be_kshape *s, wfc_buf *out) {
    const wfc_be_conv *v = &k->conv[0];
    if (k->kind == WFC_BE_KERNEL_CONV) {
        wfc_buf_printf(out, "conv( %u %u %u %u %u %u %u %u %u %u", v->H, v->W, v->C, v->K, v->R, v->S, v->T, v->T, s->h,
                       s->w);
    } else {
        const char *kind = k->kind == WFC_BE_KERNEL_DBLOCK ? "dblock" : "cblock";
        wfc_buf_printf(out, "%s( %u %u %u %u %u", kind, v->H, v->W, k->f, s->h, s->w);
    }
    for (uint32_t i = 0; i < k->conv_count; i++) wfc_buf_printf(out, " %u", s->c[i]);
    for (uint32_t i = 0; i < k->conv_count; i++) wfc_buf_printf(out, " %u", s->k[i]);
    wfc_buf_printf(out, " )\n");
}

void wfc_be_paint_write(const wfc_be_kgraph *g, const wfc_be_kplacement *p, wfc_buf *out) {
    for (size_t i = 0; i < g->kernels.count; i++) {
        wfc_buf_printf(out, "%s = ", g->kernels.data[i].name);
        write_arguments(&g->kernels.data[i], &p->spots[i].shape, out);
    }
    for (size_t i = 0; i < g->kernels.count; i++) {
        const wfc_be_kspot *s = &p->spots[i];
        wfc_buf_printf(out, "%s : place(%" PRIu32 " %" PRIu32 " %s)\n", g->kernels.data[i].name, s->x, s->y,
                       s->r90 ? "R90" : "R0");
    }
}
