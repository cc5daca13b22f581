/* Pruning by magnitude. The k-th smallest magnitude is found in two counting passes over the upper and the lower half
 * of the float's bits, which order like the magnitudes they stand for: example, k = 3 of {1, -2, 0.5, 2, 3}: magnitudes
 * below 2 are two, so the threshold is 2 and one of the two elements of magnitude 2 goes too, the first. */
#include "passes/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "passes/pipelines.h"

bool wfc_prune_parse(const char *text, wfc_prune_spec *out) {
    static const char method[] = "magnitude:";
    if (strncmp(text, method, sizeof method - 1) != 0) return false;
    text += sizeof method - 1;
    if (*text != '.' && (*text < '0' || *text > '9')) return false; /* no blanks, signs, "nan" */
    char *end;
    double s = strtod(text, &end);
    if (!(s >= 0 && s < 1) || memchr(text, 'x', (size_t)(end - text))) return false;
    *out = (wfc_prune_spec){.sparsity = s, .global = strcmp(end, ":global") == 0};
    return out->global || *end == '\0' || strcmp(end, ":layer") == 0;
}

/* ---- Which constants are weights ---- */

static bool is_weight(const wfc_node *n) {
    return n->op == WFC_CORE_CONST && wfc_shape_elems(&n->shape) > 0 &&
           (n->dtype == WFC_F32 || n->dtype == WFC_F16 || n->dtype == WFC_BF16);
}

static wfc_value below_views(const wfc_graph *g, wfc_value v) {
    while (wfc_ir_node_c(g, v)->op == WFC_CORE_VIEW) v = wfc_ir_operand(g, v, 0);
    return v;
}

static const uint8_t *bytes_of(const wfc_graph *g, wfc_value v) {
    return wfc_ir_node_c(g, v)->u.konst.data.bytes;
}

wfc_status wfc_weights_find(const wfc_graph *g, wfc_weight_list *out) {
    *out = (wfc_weight_list){0};
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        if (g->nodes.data[i].op != WFC_CORE_CONTRACT) continue;
        wfc_value w = below_views(g, wfc_ir_operand(g, (wfc_value){i}, 1));
        bool known = !is_weight(wfc_ir_node_c(g, w));
        for (size_t k = 0; k < out->count && !known; k++) known = bytes_of(g, out->data[k]) == bytes_of(g, w);
        if (known || wfc_vec_push(out, w) == WFC_OK) continue;
        wfc_vec_free(out);
        return WFC_ERR_NO_MEMORY;
    }
    return WFC_OK;
}

/* Whether a contract's operand b is computed from constants by more than views: w * mask, for example. */
static wfc_status any_computed(const wfc_graph *g, bool *out) {
    bool *constant = wfc_calloc(g->nodes.count, sizeof *constant);
    if (!constant) return WFC_ERR_NO_MEMORY;
    *out = false;
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        constant[i] = n->op == WFC_CORE_CONST || (n->op != WFC_CORE_INPUT && n->operand_count > 0);
        for (uint32_t k = 0; k < n->operand_count; k++) constant[i] &= constant[wfc_ir_operand(g, (wfc_value){i}, k).i];
        if (n->op != WFC_CORE_CONTRACT) continue;
        wfc_value w = below_views(g, wfc_ir_operand(g, (wfc_value){i}, 1));
        *out |= constant[w.i] && wfc_ir_node_c(g, w)->op != WFC_CORE_CONST;
    }
    wfc_free(constant);
    return WFC_OK;
}

/* ---- The threshold ---- */

static uint32_t magnitude(const wfc_node *n, uint64_t i) {
    if (n->u.konst.mask && !n->u.konst.mask[i]) return 0;
    float x = (float)wfc_dtype_get((wfc_dtype)n->dtype, n->u.konst.data.bytes, (size_t)i);
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}

typedef struct cut {
    uint32_t threshold; /* magnitudes below it go */
    uint64_t ties;      /* and this many equal to it */
} cut;

/* One digit of the k-th smallest: bins[d] counts the elements of digit d whose other half is `upper` (any when it is
 * UINT32_MAX). */
static void count(const wfc_graph *g, const wfc_value *w, size_t n, uint32_t upper, uint64_t *bins) {
    memset(bins, 0, (1u << 16) * sizeof *bins);
    for (size_t k = 0; k < n; k++) {
        const wfc_node *c = wfc_ir_node_c(g, w[k]);
        uint64_t elems = wfc_shape_elems(&c->shape);
        for (uint64_t i = 0; i < elems; i++) {
            uint32_t m = magnitude(c, i);
            if (upper == UINT32_MAX)
                bins[m >> 16]++;
            else if (m >> 16 == upper)
                bins[m & 0xffffu]++;
        }
    }
}

/* The bin that holds the *left-th (from 1) element; *left becomes its place in the bin. */
static uint32_t bin_of(const uint64_t *bins, uint64_t *left) {
    uint32_t d = 0;
    while (*left > bins[d]) *left -= bins[d++];
    return d;
}

/* Of `n` weights in all, `prune` elements go, 1 <= prune <= their number. */
static cut find_cut(const wfc_graph *g, const wfc_value *w, size_t n, uint64_t prune, uint64_t *bins) {
    count(g, w, n, UINT32_MAX, bins);
    uint32_t upper = bin_of(bins, &prune);
    count(g, w, n, upper, bins);
    uint32_t lower = bin_of(bins, &prune);
    return (cut){.threshold = upper << 16 | lower, .ties = prune};
}

/* ---- The change ---- */

/* New bytes and mask for weight w and for every other constant with its bytes. */
static wfc_status apply(wfc_graph *g, wfc_value w, cut *c) {
    const wfc_node *n = wfc_ir_node_c(g, w);
    const uint8_t *old = n->u.konst.data.bytes;
    uint64_t elems = wfc_shape_elems(&n->shape), size = n->u.konst.data.size_bytes;
    unsigned each = wfc_dtype_bytes((wfc_dtype)n->dtype);
    uint8_t *bytes = wfc_arena_alloc(&g->arena, (size_t)size, 1), *mask = wfc_arena_alloc(&g->arena, (size_t)elems, 1);
    if (!bytes || !mask) return WFC_ERR_NO_MEMORY;
    memcpy(bytes, old, (size_t)size);
    for (uint64_t i = 0; i < elems; i++) {
        uint32_t m = magnitude(n, i);
        bool goes = m < c->threshold || (m == c->threshold && c->ties > 0 && c->ties-- > 0);
        mask[i] = !goes && m != 0;
        if (!mask[i]) memset(bytes + i * each, 0, each);
    }
    for (size_t i = 0; i < g->nodes.count; i++) {
        wfc_node *o = &g->nodes.data[i];
        if (o->op != WFC_CORE_CONST || o->u.konst.data.bytes != old || o->u.konst.data.size_bytes != size) continue;
        o->u.konst.data.bytes = bytes;
        o->u.konst.mask = mask;
    }
    return WFC_OK;
}

static wfc_status refuse_nan(const wfc_graph *g, const wfc_weight_list *w, wfc_diag *diag) {
    for (size_t k = 0; k < w->count; k++) {
        const wfc_node *n = wfc_ir_node_c(g, w->data[k]);
        uint64_t elems = wfc_shape_elems(&n->shape);
        for (uint64_t i = 0; i < elems; i++)
            if (magnitude(n, i) > 0x7f800000u)
                return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0282", n->name,
                                "element %llu of this weight is NaN, which has no magnitude to prune by; repair the "
                                "model, or compile it without --prune",
                                (unsigned long long)i);
    }
    return WFC_OK;
}

static uint64_t to_prune(double sparsity, uint64_t elems) {
    uint64_t k = (uint64_t)floor(sparsity * (double)elems + 0.5);
    return k < elems ? k : elems;
}

static wfc_status prune_weights(wfc_graph *g, const wfc_weight_list *w, const wfc_prune_spec *spec, uint64_t *bins) {
    uint64_t all = 0;
    for (size_t k = 0; k < w->count; k++) all += wfc_shape_elems(&wfc_ir_node_c(g, w->data[k])->shape);
    cut c = {0};
    if (spec->global && to_prune(spec->sparsity, all))
        c = find_cut(g, w->data, w->count, to_prune(spec->sparsity, all), bins);
    for (size_t k = 0; k < w->count; k++) {
        uint64_t some = to_prune(spec->sparsity, wfc_shape_elems(&wfc_ir_node_c(g, w->data[k])->shape));
        if (!spec->global) c = some ? find_cut(g, &w->data[k], 1, some, bins) : (cut){0};
        WFC_TRY(apply(g, w->data[k], &c));
    }
    return WFC_OK;
}

wfc_status wfc_prune(wfc_graph *g, const wfc_prune_spec *spec, wfc_diag *diag) {
    wfc_weight_list w;
    bool computed;
    WFC_TRY(any_computed(g, &computed));
    if (computed) WFC_TRY(wfc_pass_fold.run(g, diag));
    WFC_TRY(wfc_weights_find(g, &w));
    uint64_t *bins = wfc_calloc(1u << 16, sizeof *bins);
    wfc_status s = bins ? refuse_nan(g, &w, diag) : WFC_ERR_NO_MEMORY;
    if (s == WFC_OK) s = prune_weights(g, &w, spec, bins);
    wfc_free(bins);
    wfc_vec_free(&w);
    return s == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : s;
}
