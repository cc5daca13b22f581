/* zeros: finds the zeros of weights, explicit ones of either sign, and notes them in masks. Models come pruned by other
 * tools with zeros among dense weights; passes that compute new weights keep zeros but lose masks. A mask that is there
 * keeps what it leaves out. One note per weight says how dense it is, by the first contract that reads it. Weights of a
 * GiB in all are read; those beyond it stay as they are, so that a huge model is not read here. */
#include "passes/pipelines.h"
#include "passes/prune/prune.h"
#include <string.h>

static const uint64_t max_total_bytes = UINT64_C(512) << 20;

/* Mask of constant w: *kept elements stay. NULL in *out when all do. */
static wfc_status find_mask(wfc_graph *g, wfc_value w, const uint8_t **out, uint64_t *kept) {
    const wfc_node *n = wfc_ir_node_c(g, w);
    const uint8_t *old = n->u.konst.mask;
    uint64_t elems = wfc_shape_elems(&n->shape);
    bool changes = false;
    *kept = 0;
    *out = old;
    for (uint64_t i = 0; i < elems; i++) {
        bool zero = wfc_dtype_get((wfc_dtype)n->dtype, n->u.konst.data.bytes, (size_t)i) == 0;
        bool keep = !zero && (!old || old[i]);
        *kept += keep;
        changes |= !keep && (!old || old[i]);
    }
    if (!changes) return WFC_OK;
    uint8_t *mask = wfc_arena_alloc(&g->arena, (size_t)elems, 1);
    if (!mask) return WFC_ERR_NO_MEMORY;
    for (uint64_t i = 0; i < elems; i++)
        mask[i] = wfc_dtype_get((wfc_dtype)n->dtype, n->u.konst.data.bytes, (size_t)i) != 0 && (!old || old[i]);
    *out = mask;
    return WFC_OK;
}

/* The first contract that reads weight w names it. */
static const wfc_node *reader_of(const wfc_graph *g, wfc_value w) {
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        if (g->nodes.data[i].op != WFC_CORE_CONTRACT) continue;
        wfc_value b = wfc_ir_operand(g, (wfc_value){i}, 1);
        while (wfc_ir_node_c(g, b)->op == WFC_CORE_VIEW) b = wfc_ir_operand(g, b, 0);
        if (wfc_value_eq(b, w)) return &g->nodes.data[i];
    }
    return wfc_ir_node_c(g, w);
}

static wfc_status note_zeros(wfc_graph *g, wfc_value w, wfc_diag *diag) {
    const wfc_node *n = wfc_ir_node_c(g, w), *r = reader_of(g, w);
    const uint8_t *mask, *bytes = n->u.konst.data.bytes;
    uint64_t kept, elems = wfc_shape_elems(&n->shape), size = n->u.konst.data.size_bytes;
    WFC_TRY(find_mask(g, w, &mask, &kept));
    if (kept == elems) return WFC_OK;
    for (size_t i = 0; i < g->nodes.count; i++) {
        wfc_node *o = &g->nodes.data[i];
        if (o->op == WFC_CORE_CONST && o->u.konst.data.bytes == bytes && o->u.konst.data.size_bytes == size)
            o->u.konst.mask = mask;
    }
    wfc_diag_add(diag, WFC_NOTE, "WFC-N0283", r->loc_count ? r->locs[0] : r->name,
                 "%llu of %llu weights are zero, density %.4f", (unsigned long long)(elems - kept),
                 (unsigned long long)elems, (double)kept / (double)elems);
    return WFC_OK;
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    wfc_weight_list w;
    WFC_TRY(wfc_weights_find(g, &w));
    wfc_status s = WFC_OK;
    uint64_t left = max_total_bytes;
    for (size_t k = 0; k < w.count && s == WFC_OK; k++) {
        uint64_t size = wfc_ir_node_c(g, w.data[k])->u.konst.data.size_bytes;
        if (size > left) {
            const wfc_node *r = reader_of(g, w.data[k]);
            wfc_diag_add(diag, WFC_NOTE, "WFC-N0284", r->loc_count ? r->locs[0] : r->name,
                         "zeros are not looked for among these weights: with those before they are more than 512 MiB");
            continue;
        }
        left -= size;
        s = note_zeros(g, w.data[k], diag);
    }
    wfc_vec_free(&w);
    return s;
}

const wfc_pass wfc_pass_zeros = {"zeros", "finds zeros among the weights of contracts and masks them", run};
