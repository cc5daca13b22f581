#include "passes/rewrite.h"
#include <math.h>
#include <string.h>

wfc_status wfc_rewrite_begin(wfc_rewrite *r, const wfc_graph *g) {
    r->count = (uint32_t)g->nodes.count;
    r->to = wfc_calloc(r->count, sizeof *r->to);
    if (!r->to) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < r->count; i++) r->to[i] = i;
    return WFC_OK;
}

wfc_status wfc_rewrite_merge_locs(wfc_graph *g, wfc_value from, wfc_value to) {
    for (uint32_t k = 0; k < g->nodes.data[from.i].loc_count; k++)
        WFC_TRY(wfc_ir_add_loc(g, to, g->nodes.data[from.i].locs[k]));
    return WFC_OK;
}

wfc_status wfc_rewrite_set(wfc_rewrite *r, wfc_graph *g, wfc_value from, wfc_value to) {
    uint8_t op = g->nodes.data[to.i].op;
    r->to[from.i] = to.i;
    return op == WFC_CORE_INPUT || op == WFC_CORE_CONST ? WFC_OK : wfc_rewrite_merge_locs(g, from, to);
}

/* Replacements point from a node to one it depends on or to a newer one, never in a circle. Nodes appended after
 * begin are their own. */
static uint32_t resolve(const wfc_rewrite *r, uint32_t i) {
    while (i < r->count && r->to[i] != i) i = r->to[i];
    return i;
}

wfc_status wfc_rewrite_end(wfc_rewrite *r, wfc_graph *g) {
    for (size_t i = 0; i < g->operands.count; i++) g->operands.data[i].i = resolve(r, g->operands.data[i].i);
    for (size_t i = 0; i < g->outputs.count; i++) g->outputs.data[i].value.i = resolve(r, g->outputs.data[i].value.i);
    wfc_rewrite_abandon(r);
    return wfc_ir_compact(g);
}

void wfc_rewrite_abandon(wfc_rewrite *r) {
    wfc_free(r->to);
    r->to = NULL;
    r->count = 0;
}

/* Larger constants are not read through for this. */
static const uint64_t max_splat_bytes = UINT64_C(64) << 20;

bool wfc_const_splat(const wfc_graph *g, wfc_value v, double *out) {
    const wfc_node *n = &g->nodes.data[v.i];
    if (n->op != WFC_CORE_CONST || n->u.konst.data.size_bytes == 0) return false;
    if (n->u.konst.data.size_bytes > max_splat_bytes) return false;
    unsigned size = wfc_dtype_bytes((wfc_dtype)n->dtype);
    const uint8_t *p = n->u.konst.data.bytes;
    for (uint64_t at = size; at < n->u.konst.data.size_bytes; at += size)
        if (memcmp(p, p + at, size) != 0) return false;
    double x = wfc_dtype_get((wfc_dtype)n->dtype, p, 0);
    if (isnan(x) || (!wfc_dtype_is_float((wfc_dtype)n->dtype) && fabs(x) >= 9007199254740992.0)) return false;
    *out = x;
    return true;
}

int wfc_affine_single(const wfc_affine *f) {
    int found = -1;
    for (int v = 0; v < WFC_IR_MAX_INDEX; v++) {
        if (f->coef[v] == 0) continue;
        if (found >= 0) return -2;
        found = v;
    }
    return found;
}

bool wfc_affine_is(const wfc_affine *f, uint32_t v) {
    return f->offset == 0 && wfc_affine_single(f) == (int)v && f->coef[v] == 1;
}
