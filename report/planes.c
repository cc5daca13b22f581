#include "report/planes.h"
#include "support/mem.h"

#include <zlib.h>

const char *const wfc_report_plane_names[WFC_PLANES] = {"class",      "layer",       "colours",   "words_north",
                                                        "words_east", "words_south", "words_west"};

static uint32_t value(const wfc_report_facts *f, uint32_t pe, wfc_report_plane plane) {
    static const uint8_t port[WFC_PLANES] = {[WFC_PLANE_NORTH] = WFC_PORT_N,
                                             [WFC_PLANE_EAST] = WFC_PORT_E,
                                             [WFC_PLANE_SOUTH] = WFC_PORT_S,
                                             [WFC_PLANE_WEST] = WFC_PORT_W};
    if (pe == UINT32_MAX) return 0;
    const wfc_prog_pe *q = &f->p->pes[pe];
    switch (plane) {
    case WFC_PLANE_CLASS: return q->class_index < f->p->class_count ? q->class_index + 2 : 1;
    case WFC_PLANE_LAYER: return q->layer < f->p->layer_count ? q->layer + 1 : 0;
    case WFC_PLANE_COLOURS: return q->router_index < f->p->router_count ? f->router_colours[q->router_index] : 0;
    default: return f->links.words[port[plane]][pe];
    }
}

static void base64(const uint8_t *in, size_t n, wfc_buf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char group[4];
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0) | (i + 2 < n ? in[i + 2] : 0);
        for (unsigned k = 0; k < 4; k++) group[k] = digits[v >> (18 - 6 * k) & 63];
        if (i + 1 >= n) group[2] = '=';
        if (i + 2 >= n) group[3] = '=';
        wfc_buf_append(out, group, 4);
    }
}

/* Values of the used rectangle as bytes; returns the width of a number. */
static unsigned fill(const wfc_report_facts *f, const uint32_t *grid, wfc_report_plane plane, uint8_t *bytes) {
    uint32_t most = 0;
    for (unsigned pass = 0, width = 0;; pass++) {
        uint8_t *at = bytes;
        for (uint32_t y = f->used.y; y < (uint32_t)f->used.y + f->used.h; y++)
            for (uint32_t x = f->used.x; x < (uint32_t)f->used.x + f->used.w; x++) {
                uint32_t v = value(f, grid[(size_t)y * f->p->target.width + x], plane);
                if (v > most) most = v;
                for (unsigned k = 0; k < width; k++) *at++ = (uint8_t)(v >> (8 * k));
            }
        if (pass) return width;
        width = most < 256 ? 1 : most < 65536 ? 2 : 4;
    }
}

wfc_status wfc_report_plane_encode(const wfc_report_facts *f, const uint32_t *grid, wfc_report_plane plane,
                                   wfc_diag *diag, wfc_buf *text, unsigned *out_bytes) {
    size_t places = (size_t)f->used.w * f->used.h;
    uint8_t *raw = wfc_calloc(places + 1, 4), *packed = NULL;
    wfc_status s = WFC_ERR_NO_MEMORY;
    if (raw) {
        *out_bytes = fill(f, grid, plane, raw);
        uLong size = (uLong)(places * *out_bytes);
        uLongf packed_size = compressBound(size);
        packed = wfc_calloc(packed_size, 1);
        if (packed && compress2(packed, &packed_size, raw, size, 9) == Z_OK) {
            base64(packed, packed_size, text);
            s = text->failed ? WFC_ERR_NO_MEMORY : WFC_OK;
        }
    }
    wfc_free(raw);
    wfc_free(packed);
    return s == WFC_OK ? s : wfc_fail_memory(diag);
}
