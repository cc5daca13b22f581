/* The driver: layers, their sparsities, rounds of score and select. */
#include "passes/pipelines.h"
#include "passes/prune/distribution.h"
#include "passes/prune/matrix.h"
#include <fnmatch.h>
#include <math.h>
#include <string.h>

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
        wfc_value w = wfc_ir_operand(g, (wfc_value){i}, 1);
        while (wfc_ir_node_c(g, w)->op == WFC_CORE_VIEW) w = wfc_ir_operand(g, w, 0);
        *out |= constant[w.i] && wfc_ir_node_c(g, w)->op != WFC_CORE_CONST;
    }
    wfc_free(constant);
    return WFC_OK;
}

/* ---- Layers ---- */

uint64_t wfc_prune_count(double share, uint64_t n) {
    uint64_t k = (uint64_t)floor(share * (double)n + 0.5);
    return k < n ? k : n;
}

void wfc_prune_drop(wfc_prune_layer *l, uint64_t i) {
    unsigned each = wfc_dtype_bytes(l->dtype);
    memset(l->bytes + i * each, 0, each);
    l->mask[i] = 0;
}

wfc_status wfc_prune_make_scores(wfc_pruning *p, wfc_prune_layer *l) {
    (void)p;
    if (!l->scores) l->scores = wfc_calloc((size_t)l->elems, sizeof *l->scores);
    if (!l->scores) return WFC_ERR_NO_MEMORY;
    memset(l->scores, 0, (size_t)l->elems * sizeof *l->scores);
    return WFC_OK;
}

static bool rule_matches(const wfc_graph *g, const wfc_prune_rule *r, wfc_value w) {
    if (fnmatch(r->glob, wfc_ir_node_c(g, w)->name, 0) == 0) return true;
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        if (!wfc_weight_read_by(g, w, (wfc_value){i})) continue;
        for (uint32_t k = 0; k < n->loc_count; k++)
            if (fnmatch(r->glob, n->locs[k], 0) == 0) return true;
    }
    return false;
}

/* Later rules win. A rule that matches nothing is a slip of the pen. */
static wfc_status apply_rules(wfc_pruning *p) {
    for (uint32_t i = 0; i < p->spec->rule_count; i++)
        for (size_t k = 0; p->spec->rules[i].only && k < p->count; k++) p->layers[k].ignored = true;
    for (uint32_t i = 0; i < p->spec->rule_count; i++) {
        const wfc_prune_rule *r = &p->spec->rules[i];
        bool matched = false;
        for (size_t k = 0; k < p->count; k++) {
            wfc_prune_layer *l = &p->layers[k];
            if (!rule_matches(p->g, r, l->weight)) continue;
            matched = true;
            if (r->only) l->ignored = false;
            if (r->ignore) l->ignored = true;
            if (!isnan(r->sparsity)) l->fixed = r->sparsity;
            if (!isnan(r->min)) l->min = r->min;
            if (!isnan(r->max)) l->max = r->max;
        }
        if (!matched)
            return wfc_fail(
                p->diag, WFC_ERR_INPUT, "WFC-E0288", r->glob,
                "no layer and no weight of the model has a name like this; --prune magnitude:0 with --masks lists "
                "the weights");
    }
    for (size_t k = 0; k < p->count; k++)
        if (p->layers[k].min > p->layers[k].max)
            return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0285", p->layers[k].where,
                            "the recipe asks for a sparsity of at least %g and at most %g here", p->layers[k].min,
                            p->layers[k].max);
    return WFC_OK;
}

/* Bytes and a mask of our own, in every constant with this weight. */
static wfc_status own_bytes(wfc_pruning *p, wfc_prune_layer *l) {
    const wfc_node *n = wfc_ir_node_c(p->g, l->weight);
    const uint8_t *old = n->u.konst.data.bytes, *old_mask = n->u.konst.mask;
    uint64_t size = n->u.konst.data.size_bytes;
    l->bytes = wfc_arena_alloc(&p->g->arena, (size_t)size, 1);
    l->mask = wfc_arena_alloc(&p->g->arena, (size_t)l->elems, 1);
    if (!l->bytes || !l->mask) return WFC_ERR_NO_MEMORY;
    memcpy(l->bytes, old, (size_t)size);
    for (uint64_t i = 0; i < l->elems; i++) {
        double w = wfc_prune_value(l, i);
        if (isnan(w))
            return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0282", n->name,
                            "element %llu of this weight is NaN, which has no magnitude to prune by; repair the "
                            "model, or compile it without --prune",
                            (unsigned long long)i);
        l->mask[i] = 1;
        if (w == 0 || (old_mask && !old_mask[i])) wfc_prune_drop(l, i);
    }
    for (size_t i = 0; i < p->g->nodes.count; i++) {
        wfc_node *o = &p->g->nodes.data[i];
        if (o->op != WFC_CORE_CONST || o->u.konst.data.bytes != old || o->u.konst.data.size_bytes != size) continue;
        o->u.konst.data.bytes = l->bytes;
        o->u.konst.mask = l->mask;
    }
    return WFC_OK;
}

static wfc_status find_layers(wfc_pruning *p) {
    wfc_weight_list w;
    WFC_TRY(wfc_weights_find(p->g, &w));
    p->layers = wfc_calloc(w.count, sizeof *p->layers);
    p->count = p->layers ? w.count : 0;
    for (size_t k = 0; k < p->count; k++) {
        const wfc_node *n = wfc_ir_node_c(p->g, w.data[k]);
        uint32_t reader = 0;
        while (!wfc_weight_read_by(p->g, w.data[k], (wfc_value){reader})) reader++;
        const wfc_node *r = wfc_ir_node_c(p->g, (wfc_value){reader});
        p->layers[k] = (wfc_prune_layer){.weight = w.data[k],
                                         .contract = {reader},
                                         .where = r->loc_count ? r->locs[0] : n->name,
                                         .dtype = (wfc_dtype)n->dtype,
                                         .elems = wfc_shape_elems(&n->shape),
                                         .fixed = NAN,
                                         .max = 1};
    }
    wfc_vec_free(&w);
    return p->layers ? WFC_OK : WFC_ERR_NO_MEMORY;
}

/* ---- Sparsities ---- */

static wfc_status share_out(wfc_pruning *p, wfc_prune_shape *shapes, double *shares) {
    const wfc_prune_spec *s = p->spec;
    size_t n = 0;
    for (size_t k = 0; k < p->count; k++)
        if (!p->layers[k].ignored && isnan(p->layers[k].fixed))
            shapes[n++] = (wfc_prune_shape){p->layers[k].elems, wfc_weight_dim_sum(p->g, p->layers[k].contract)};
    if (s->list_count && s->list_count != n)
        return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0285", "",
                        "the list has %u sparsities, and %zu layers are to get one", s->list_count, n);
    if (s->list_count)
        memcpy(shares, s->list, n * sizeof *shares);
    else if (n && !s->distribution->share(shapes, n, s->sparsity, shares))
        return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0285", "",
                        "a sparsity of %g cannot be met by %s on these layers; take less, or another distribution",
                        s->sparsity, s->distribution->name);
    n = 0;
    for (size_t k = 0; k < p->count; k++) {
        wfc_prune_layer *l = &p->layers[k];
        if (l->ignored) continue;
        l->sparsity = isnan(l->fixed) ? fmin(fmax(shares[n++], l->min), l->max) : l->fixed;
    }
    return WFC_OK;
}

static wfc_status set_sparsities(wfc_pruning *p) {
    if (p->spec->scope == WFC_PRUNE_GLOBAL) return WFC_OK; /* the threshold says it */
    wfc_prune_shape *shapes = wfc_calloc(p->count, sizeof *shapes);
    double *shares = wfc_calloc(p->count, sizeof *shares);
    wfc_status s = shapes && shares ? share_out(p, shapes, shares) : WFC_ERR_NO_MEMORY;
    wfc_free(shapes);
    wfc_free(shares);
    return s;
}

static wfc_status prune(wfc_pruning *p) {
    const wfc_prune_criterion *c = p->spec->criterion;
    WFC_TRY(find_layers(p));
    WFC_TRY(apply_rules(p));
    for (size_t k = 0; k < p->count; k++) WFC_TRY(own_bytes(p, &p->layers[k]));
    WFC_TRY(set_sparsities(p));
    if (c->solve) return c->solve(p);
    for (uint32_t r = 1; r <= p->spec->rounds; r++) {
        WFC_TRY(c->score(p));
        WFC_TRY(p->spec->filters ? wfc_prune_select_filters(p) : wfc_prune_select(p, (double)r / p->spec->rounds));
    }
    return WFC_OK;
}

wfc_status wfc_prune(wfc_graph *g, const wfc_prune_spec *spec, const wfc_prune_data *data, wfc_diag *diag) {
    static const wfc_prune_data none = {0};
    wfc_pruning p = {.g = g, .spec = spec, .data = data ? data : &none, .diag = diag};
    bool computed;
    WFC_TRY(any_computed(g, &computed));
    if (computed) WFC_TRY(wfc_pass_fold.run(g, diag));
    wfc_status s = prune(&p);
    for (size_t k = 0; k < p.count; k++) wfc_free(p.layers[k].scores);
    wfc_free(p.layers);
    return s == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : s;
}

wfc_status wfc_prune_shrink(wfc_graph *g, wfc_diag *diag, uint32_t *out_removed) {
    static const wfc_prune_data none = {0};
    wfc_pruning p = {.g = g, .data = &none, .diag = diag};
    wfc_status s = find_layers(&p);
    for (size_t k = 0; k < p.count; k++) /* to be read only */
        p.layers[k].bytes = (uint8_t *)(uintptr_t)wfc_ir_node_c(g, p.layers[k].weight)->u.konst.data.bytes;
    if (s == WFC_OK) s = wfc_prune_remove_unread(&p, out_removed);
    wfc_free(p.layers);
    return s == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : s;
}
