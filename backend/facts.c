/* Facts of a PE: what its program depends on, and nothing else. Coordinates appear only as differences, so that PEs at
 * different places of a tensor agree. Two PEs with equal facts get one program, emitted once; the tests of the fabric's
 * programs (every emitted program is verified, checked and compared with the evaluator) are what would show a fact that
 * was forgotten. */
#include "backend/kernels/kernel.h"

static void put(wfc_be_facts *f, int64_t v) {
    if (wfc_vec_push(&f->v, (uint32_t)v) != WFC_OK) f->failed = true;
}

static void put_box(wfc_be_facts *f, const wfc_be_box *b) {
    put(f, b->rank * 16 + b->list_axis + 1);
    for (unsigned d = 0; d < b->rank; d++) put(f, b->n[d]);
}

/* Where box `b` begins, seen from `from` of the same tensor. */
static void put_offset(wfc_be_facts *f, const wfc_be_box *b, const wfc_be_box *from) {
    for (unsigned d = 0; d < b->rank; d++) put(f, (int)d == b->list_axis ? 0 : (int64_t)b->lo[d] - from->lo[d]);
}

/* Where an operand's box begins, seen from the element that the space reads for the first element of `result`. */
static void put_space(wfc_be_facts *f, const wfc_space *s, const wfc_affine *at, const wfc_be_box *result,
                      const wfc_be_box *operand) {
    for (unsigned q = 0; q < operand->rank; q++) {
        int64_t first = at[q].offset;
        for (unsigned v = 0; v < s->out_rank; v++) {
            if ((int)v != result->list_axis) first += (int64_t)at[q].coef[v] * result->lo[v];
        }
        put(f, (int)q == operand->list_axis ? 0 : first - operand->lo[q]);
    }
}

static void put_map(wfc_be_facts *f, const wfc_be_box *result, const wfc_be_box *operand, const wfc_shape *shape) {
    unsigned shift = (unsigned)result->rank - operand->rank;
    for (unsigned d = 0; d < operand->rank; d++) {
        bool fixed = (int)d == operand->list_axis || d >= shape->rank || shape->dims[d] == 1;
        put(f, fixed ? 0 : (int64_t)result->lo[d + shift] - operand->lo[d]);
    }
}

static void put_nodes(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, wfc_be_facts *f) {
    for (uint32_t i = 0; i < l->node_count; i++) {
        const wfc_node *n = wfc_ir_node_c(be->g, l->nodes[i]);
        put_box(f, &need->node[i]);
        put_box(f, &need->hull[i]);
        put_offset(f, &need->hull[i], &need->node[i]);
        for (uint32_t k = 0; k < n->operand_count; k++) {
            wfc_value o = wfc_ir_operand(be->g, l->nodes[i], k);
            int j = wfc_be_node_at(l, o), e = wfc_be_edge_at(l, l->nodes[i], k);
            if (j < 0 && e < 0) continue;
            const wfc_be_box *at = j >= 0 ? &need->hull[j] : &need->edge[e];
            if (n->op == WFC_CORE_MAP)
                put_map(f, &need->node[i], at, &wfc_ir_node_c(be->g, o)->shape);
            else if (n->op == WFC_CORE_REDUCE)
                put_space(f, &n->u.reduce.space, n->u.reduce.space.a, &need->node[i], at);
            else
                put_space(f, &n->u.contract, k == 0 ? n->u.contract.a : n->u.contract.b, &need->chan_all, at);
        }
    }
    if (l->has_contract) put_box(f, &need->chan_all);
}

/* Intervals taken; of a picking edge also where each element lies in it. */
static wfc_status put_edges(wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, uint32_t row, uint32_t col,
                            wfc_be_facts *f) {
    for (uint32_t e = 0; e < l->edge_count; e++) {
        const wfc_be_stream *s = &be->streams.data[l->edges[e].stream];
        wfc_be_interval take = {0, 0};
        for (uint32_t k = 0; k < s->tap_count; k++) {
            if (s->taps[k].slab == l->slab) take = s->taps[k].accept[row][col];
        }
        put_box(f, &need->edge[e]);
        put(f, take.hi - take.lo);
        if (!l->edges[e].pick) continue;
        const wfc_be_where *w;
        wfc_be_list list = {0};
        WFC_TRY(wfc_be_locate(be, l->edges[e].stream, &w));
        WFC_TRY(wfc_be_list_box(be, l->edges[e].consumed, true, &need->edge[e], l->edges[e].fill, &list));
        for (uint32_t i = 0; i < list.count; i++)
            put(f, list.ids[i] < 0 ? (int64_t)list.ids[i] : (int64_t)w->pos[list.ids[i]] - take.lo);
    }
    return WFC_OK;
}

wfc_status wfc_be_layer_facts(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col, wfc_be_need *need,
                              wfc_be_facts *out, bool *any) {
    uint32_t group, inner;
    out->v.count = 0;
    *any = wfc_be_row_place(&l->split, row, &group, &inner);
    if (!*any) return WFC_OK;
    wfc_be_box final;
    bool holds = wfc_be_out_box(be, l, row, col, &final), chained = l->has_contract && l->split.pc > 1;
    WFC_TRY(wfc_be_needs(be, l, row, col, need));
    *any = (holds || chained) && !(l->has_contract && wfc_be_box_elems(&need->chan_all) == 0);
    if (!*any) return WFC_OK;
    const wfc_be_stream *s = &be->streams.data[l->out_stream];
    const wfc_be_slab *slab = &be->slabs.data[l->slab];
    bool sends = s->segment[row] && s->segment[row][col];
    put(out, l->slab);
    put(out, be->parity ? (int64_t)(row & 1u) * 2 + ((slab->x + col) & 1u) : 0);
    put(out, sends ? 2 + (int64_t)wfc_be_lane_control(be, s, row, col) : (int64_t)holds);
    put_box(out, &final);
    if (chained) {
        uint32_t ic = inner % l->split.pc;
        wfc_be_scatter sc = wfc_be_scatter_words(l, row, col, 1);
        put(out, (int64_t)(ic == 0) + 2 * (ic + 1 == l->split.pc) + 4 * (ic & 1u));
        put(out, sc.above);
        put(out, sc.own);
        put(out, sc.below);
    }
    put_nodes(be, l, need, out);
    WFC_TRY(put_edges(be, l, need, row, col, out));
    return out->failed ? wfc_fail_memory(be->diag) : WFC_OK;
}
