/* Resident weights of a contract: the part of operand b that a PE's channels need, ordered for the loop nest. */
#include "backend/kernels/k_weights.h"

#include <string.h>

typedef struct walk {
    const wfc_space *s;
    const wfc_node *b;
    unsigned order[WFC_IR_MAX_INDEX], count; /* variables of b, outermost first */
    uint32_t extent[WFC_IR_MAX_INDEX];
} walk;

static int contract_edge(const wfc_be_layer *l) {
    for (uint32_t e = 0; e < l->edge_count; e++) {
        if (l->edges[e].operand == 0 && wfc_value_eq(l->edges[e].user, l->nodes[0])) return (int)e;
    }
    return -1;
}

static void describe(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, walk *w) {
    int e = contract_edge(l);
    w->s = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract;
    w->b = wfc_ir_node_c(be->g, wfc_ir_operand(be->g, l->nodes[0], 1));
    w->count = 0;
    for (unsigned v = 0; v < w->s->index_count; v++) {
        w->extent[v] = v < w->s->out_rank               ? need->chan_all.n[v]
                       : (int)v == l->red_var && e >= 0 ? need->edge[e].n[l->red_axis]
                                                        : w->s->extent[v];
    }
    for (unsigned pass = 0; pass < 3; pass++) {
        for (unsigned v = 0; v < w->s->index_count; v++) {
            bool in_b = false;
            for (unsigned d = 0; d < w->b->shape.rank; d++) in_b |= w->s->b[d].coef[v] != 0;
            unsigned where = v >= w->s->out_rank ? 0 : (int)v == l->chan_var ? 2 : 1;
            if (in_b && where == pass) w->order[w->count++] = v;
        }
    }
}

uint64_t wfc_be_weights_layout(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, int32_t *stride) {
    walk w;
    describe(be, l, need, &w);
    uint64_t total = 1;
    for (unsigned i = w.count; i-- > 0;) {
        stride[w.order[i]] = (int32_t)total;
        total *= w.extent[w.order[i]];
    }
    return total;
}

/* Value of variable v at local index j. */
static uint32_t value_of(const wfc_be_layer *l, const wfc_be_need *need, const walk *w, unsigned v, uint32_t j,
                         const uint32_t *channels) {
    const wfc_be_box *box = &need->chan_all;
    if (v < w->s->out_rank) return (int)v == box->list_axis ? box->list[j] : (uint32_t)(box->lo[v] + (int32_t)j);
    return (int)v == l->red_var ? channels[j] : j;
}

void wfc_be_weights_fill(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, float *data) {
    walk w;
    describe(be, l, need, &w);
    int e = contract_edge(l);
    const uint32_t *channels = l->red_var >= 0 && e >= 0 ? need->edge[e].list : NULL;
    uint64_t total = 1;
    /* The affine maps of b are sums over variables: each variable's step is kept per local index. */
    uint32_t at[WFC_IR_MAX_INDEX] = {0};
    int64_t coord[WFC_IR_MAX_RANK];
    for (unsigned d = 0; d < w.b->shape.rank; d++) {
        coord[d] = w.s->b[d].offset;
        for (unsigned i = 0; i < w.count; i++) {
            unsigned v = w.order[i];
            if (w.extent[v]) coord[d] += (int64_t)w.s->b[d].coef[v] * value_of(l, need, &w, v, 0, channels);
        }
    }
    for (unsigned i = 0; i < w.count; i++) total *= w.extent[w.order[i]];
    for (uint64_t i = 0; i < total; i++) {
        int64_t flat = 0;
        bool inside = true;
        for (unsigned d = 0; d < w.b->shape.rank; d++) {
            inside &= coord[d] >= 0 && coord[d] < w.b->shape.dims[d];
            flat = flat * w.b->shape.dims[d] + coord[d];
        }
        if (inside) memcpy(&data[i], w.b->u.konst.data.bytes + 4 * flat, 4);
        for (unsigned k = w.count; k-- > 0;) {
            unsigned v = w.order[k];
            uint32_t before = value_of(l, need, &w, v, at[v], channels);
            bool carry = ++at[v] == w.extent[v];
            if (carry) at[v] = 0;
            int64_t step = (int64_t)value_of(l, need, &w, v, at[v], channels) - before;
            for (unsigned d = 0; d < w.b->shape.rank; d++) coord[d] += w.s->b[d].coef[v] * step;
            if (!carry) break;
        }
    }
}
