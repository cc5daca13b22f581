/* The call that makes a tree: checks, what all methods share, the plain one (slabs), and the words of a refusal. */
#include <math.h>
#include <string.h>

#include "backend/place/part_metis.h"
#include "backend/place/tree_parts.h"

/* ---- checks ---- */

static bool edge_ok(const wfc_be_tree_edge *e, uint32_t layers) {
    bool host = e->from_host || e->to_host;
    return e->from < layers && e->to < layers && (e->from == e->to) == host && !(e->from_host && e->to_host) &&
           e->words >= 0 && isfinite(e->words);
}

static bool layer_ok(const wfc_be_tree_layer *l) {
    if (l->shape_count == 0) return false;
    for (uint32_t k = 0; k < l->shape_count; k++) {
        const wfc_be_shape *s = &l->shapes[k];
        if (s->rows == 0 || s->cols == 0 || !(s->cycles > 0) || !isfinite(s->cycles)) return false;
    }
    return true;
}

static wfc_status check_problem(const wfc_be_tree_problem *p, wfc_diag *diag) {
    enum { MAX_EDGES = 32768 }; /* so that sums of columns stay below 2^31 */
    if (p->layer_count > WFC_BE_MAX_VERTICES || p->edge_count > MAX_EDGES)
        return wfc_fail(diag, WFC_ERR_NO_FIT, "WFC-E0726", NULL,
                        "the model has %u layers and %u edges to be placed, a floorplan holds at most %d and %d",
                        p->layer_count, p->edge_count, (int)WFC_BE_MAX_VERTICES, (int)MAX_EDGES);
    const char *what = p->layer_count == 0               ? "it has no layers"
                       : p->width == 0 || p->height == 0 ? "its area is empty"
                                                         : NULL;
    for (uint32_t l = 0; !what && l < p->layer_count; l++) {
        if (!layer_ok(&p->layers[l])) what = "a layer has no shapes, or one with no rows, no columns or bad cycles";
    }
    for (uint32_t e = 0; !what && e < p->edge_count; e++) {
        if (!edge_ok(&p->edges[e], p->layer_count)) what = "an edge has ends or words that cannot be";
    }
    if (!what) return WFC_OK;
    return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0725", NULL, "the floorplan's problem is malformed: %s", what);
}

/* ---- refusals ---- */

/* PEs of the smallest shape; the layer has one. */
static const wfc_be_shape *smallest(const wfc_be_tree_layer *l) {
    const wfc_be_shape *best = &l->shapes[0];
    for (uint32_t k = 1; k < l->shape_count; k++) {
        const wfc_be_shape *s = &l->shapes[k];
        if ((uint32_t)s->rows * s->cols < (uint32_t)best->rows * best->cols) best = s;
    }
    return best;
}

static bool one_fits(const wfc_be_tree_problem *p, const wfc_be_tree_layer *l) {
    for (uint32_t k = 0; k < l->shape_count; k++) {
        if (l->shapes[k].rows <= p->height && l->shapes[k].cols <= p->width) return true;
    }
    return false;
}

static wfc_status no_fit(const wfc_be_tree_search *s, wfc_be_tree_method method) {
    const wfc_be_tree_problem *p = s->p;
    uint64_t pes = 0;
    uint32_t largest = 0;
    for (uint32_t l = 0; l < p->layer_count; l++) {
        const wfc_be_shape *small = smallest(&p->layers[l]), *most = smallest(&p->layers[largest]);
        pes += (uint32_t)small->rows * small->cols;
        if ((uint32_t)small->rows * small->cols > (uint32_t)most->rows * most->cols) largest = l;
        if (one_fits(p, &p->layers[l])) continue;
        return wfc_fail(s->diag, WFC_ERR_NO_FIT, "WFC-E0727", p->layers[l].name,
                        "the layer needs at least %u rows x %u columns of PEs in its smallest form, and no form of it "
                        "fits the %u x %u there are. Use a larger target",
                        small->rows, small->cols, p->height, p->width);
    }
    const wfc_be_shape *most = smallest(&p->layers[largest]);
    char *need =
        s->need < WFC_BE_TREE_TOO_WIDE ? wfc_asprintf("at least %u", s->need) : wfc_asprintf("more than %u", p->width);
    if (!need) return WFC_ERR_NO_MEMORY;
    wfc_status status = wfc_fail(
        s->diag, WFC_ERR_NO_FIT, "WFC-E0728", NULL,
        "the model needs %s columns of %u PEs with adapters (%s floorplan, every layer as small as can be), the target "
        "has %u; layers alone need at least %llu of %llu PEs, the largest, \"%s\", %u x %u. Use a larger target",
        need, p->height, wfc_be_tree_method_name(method), p->width, (unsigned long long)pes,
        (unsigned long long)p->width * p->height, p->layers[largest].name, most->rows, most->cols);
    wfc_free(need);
    return status;
}

/* ---- shared by the methods ---- */

/* Estimated columns. */
static wfc_status set_columns(wfc_be_tree_search *s, wfc_be_tree *t, double cycles) {
    const wfc_be_tree_problem *p = s->p;
    uint16_t *layer_cols = wfc_calloc(p->layer_count, sizeof *layer_cols);
    uint16_t *strip_cols = wfc_calloc(p->edge_count, sizeof *strip_cols);
    wfc_status status = layer_cols && strip_cols ? WFC_OK : WFC_ERR_NO_MEMORY;
    t->cycles = 0;
    for (uint32_t l = 0; status == WFC_OK && l < p->layer_count; l++) {
        const wfc_be_shape *shape = &p->layers[l].shapes[t->shape[l]];
        layer_cols[l] = shape->cols;
        t->cycles = fmax(t->cycles, shape->cycles);
    }
    for (uint32_t e = 0; status == WFC_OK && e < p->edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(t, &p->edges[e], &cut);
        strip_cols[e] = (uint16_t)wfc_be_cut_cols(&cut, &p->edges[e], cycles);
    }
    wfc_be_packing k = {0};
    if (status == WFC_OK) status = wfc_be_tree_pack_nodes(t, p, layer_cols, strip_cols, NULL, &k);
    if (status == WFC_OK) status = wfc_be_tree_price(p, &k, t);
    t->width = k.width;
    wfc_be_packing_deinit(&k);
    wfc_free(layer_cols);
    wfc_free(strip_cols);
    return status;
}

wfc_status wfc_be_tree_finish(wfc_be_tree_search *s, uint32_t limit, wfc_be_tree *t, uint32_t *out_time) {
    wfc_be_curve c;
    WFC_TRY(wfc_be_curve_init(&c, s->p, t, true));
    s->tried++;
    *out_time = wfc_be_curve_search(&c, &s->times, limit);
    bool fits = *out_time < limit;
    if (fits) {
        wfc_be_curve_settle(&c, s->times.data[*out_time]);
    } else if (limit == s->times.count) {
        uint32_t need = wfc_be_curve_width(&c, s->times.data[limit - 1]);
        s->need = need < s->need ? need : s->need;
    }
    wfc_be_curve_deinit(&c);
    return fits ? set_columns(s, t, s->times.data[*out_time]) : WFC_OK;
}

uint32_t wfc_be_tree_limit(const wfc_be_tree_search *s, const wfc_be_tree *best, uint32_t best_time) {
    uint32_t lo = 0, hi = s->times.count;
    while (lo < hi && best_time < s->times.count) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->times.data[mid] < best->score)
            lo = mid + 1;
        else
            hi = mid;
    }
    return hi;
}

wfc_status wfc_be_tree_offer(wfc_be_tree_search *s, wfc_be_tree *t, wfc_be_tree *best, uint32_t *best_time) {
    uint32_t limit = wfc_be_tree_limit(s, best, *best_time), time = limit;
    wfc_status status = wfc_be_tree_finish(s, limit, t, &time);
    if (status == WFC_OK && time < limit && (*best_time == s->times.count || t->score < best->score)) {
        wfc_be_tree_deinit(best);
        *best = *t;
        *best_time = time;
    } else {
        wfc_be_tree_deinit(t);
    }
    return status;
}

/* ---- slabs ---- */

/* The chain hangs to the west: an edge's strip then stands directly west of its reader. */
wfc_status wfc_be_tree_slabs(wfc_be_tree_search *s, wfc_be_tree *best, uint32_t *best_time) {
    wfc_be_tree t;
    wfc_status status = wfc_be_tree_alloc(&t, s->p->layer_count);
    if (status != WFC_OK) {
        wfc_be_tree_deinit(&t);
        return status;
    }
    uint32_t root = wfc_be_tree_add_leaf(&t, 0);
    for (uint32_t l = 1; l < s->p->layer_count; l++)
        root = wfc_be_tree_add(&t, WFC_BE_TREE_V, root, wfc_be_tree_add_leaf(&t, l));
    WFC_TRY(wfc_be_tree_offer(s, &t, best, best_time));
    if (*best_time == s->times.count) return WFC_OK;
    best->report = wfc_strdup("full-height slabs in topological order");
    return best->report ? WFC_OK : WFC_ERR_NO_MEMORY;
}

/* ---- the whole ---- */

/* Writes the report; `how` is what the method says. */
static wfc_status sum_up(const wfc_be_tree_problem *p, const char *how, wfc_be_tree *t) {
    double words = 0;
    for (uint32_t e = 0; e < p->edge_count; e++) words += p->edges[e].words;
    char *report = wfc_asprintf("%s: %.0f cycles, busiest link %.0f, %.0f hops a word, %u of %u columns (%s)",
                                wfc_be_tree_method_name(t->method), t->cycles, t->link_cycles,
                                words > 0 ? t->wire / words : 0, t->width, p->width, how);
    if (!report) return WFC_ERR_NO_MEMORY;
    wfc_free(t->report);
    t->report = report;
    return WFC_OK;
}

static wfc_status run(wfc_be_tree_search *s, wfc_be_tree_method method, wfc_be_tree *out) {
    static wfc_be_tree_run *const methods[] = {wfc_be_tree_slabs, wfc_be_tree_metis, wfc_be_tree_rows};
    if ((unsigned)method >= sizeof methods / sizeof methods[0])
        return wfc_fail(s->diag, WFC_ERR_INTERNAL, "WFC-E0725", NULL, "there is no placement method %d", (int)method);
    WFC_TRY(wfc_be_times_make(s->p, &s->times));
    uint32_t time = s->times.count;
    if (time > 0) WFC_TRY(methods[method](s, out, &time));
    if (time == s->times.count) return no_fit(s, method);
    out->method = method;
    return sum_up(s->p, out->report, out);
}

wfc_status wfc_be_tree_make(const wfc_be_tree_problem *p, wfc_be_tree_method method, uint64_t seed, wfc_diag *diag,
                            wfc_be_tree *out) {
    memset(out, 0, sizeof *out);
    WFC_TRY(check_problem(p, diag));
    wfc_be_tree_search s = {.p = p, .seed = seed, .diag = diag, .need = WFC_BE_TREE_TOO_WIDE};
    wfc_status status = run(&s, method, out);
    wfc_free(s.times.data);
    if (status == WFC_OK) return WFC_OK;
    wfc_be_tree_deinit(out);
    return status == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : status;
}

static wfc_status copy(const wfc_be_tree *t, wfc_be_tree *out) {
    wfc_status status = wfc_be_tree_alloc(out, t->layer_count);
    if (status != WFC_OK) {
        wfc_be_tree_deinit(out);
        return status;
    }
    memcpy(out->nodes, t->nodes, t->node_count * sizeof *t->nodes);
    memcpy(out->leaf, t->leaf, t->layer_count * sizeof *t->leaf);
    out->node_count = t->node_count;
    out->method = t->method;
    return WFC_OK;
}

static wfc_status refit(wfc_be_tree_search *s, wfc_be_tree *t) {
    wfc_be_tree now;
    WFC_TRY(wfc_be_times_make(s->p, &s->times));
    if (s->times.count == 0) return no_fit(s, t->method);
    WFC_TRY(copy(t, &now));
    uint32_t time = s->times.count;
    wfc_status status = wfc_be_tree_finish(s, s->times.count, &now, &time);
    if (status == WFC_OK && time == s->times.count) status = no_fit(s, t->method);
    if (status == WFC_OK) status = sum_up(s->p, "cuts of an earlier plan", &now);
    wfc_be_tree_deinit(status == WFC_OK ? t : &now);
    if (status == WFC_OK) *t = now;
    return status;
}

wfc_status wfc_be_tree_refit(const wfc_be_tree_problem *p, wfc_diag *diag, wfc_be_tree *t) {
    WFC_TRY(check_problem(p, diag));
    if (p->layer_count != t->layer_count)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0725", NULL, "a tree of %u layers is to be refitted to %u",
                        t->layer_count, p->layer_count);
    wfc_be_tree_search s = {.p = p, .diag = diag, .need = WFC_BE_TREE_TOO_WIDE};
    wfc_status status = refit(&s, t);
    wfc_free(s.times.data);
    return status == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : status;
}
