/* Slabs: widths by binary search, order by slicing tree or topology. Worked example of the widths, 10 columns:
 *   a: 2 cols 80 cycles, 4 cols 40      b: 3 cols 90, 6 cols 50      no adapters
 *   T = 40: a 4, b impossible;  T = 50: 4 + 6 = 10 fits. The answer is 50. */
#include "backend/place/floorplan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks ---- */

static bool layer_ok(const wfc_be_floor_layer *l) {
    if (l->option_count == 0) return false;
    for (uint32_t k = 0; k < l->option_count; k++) {
        const wfc_be_width_option *o = &l->options[k];
        if (o->cols == 0 || !(o->cycles >= 0) || !isfinite(o->cycles)) return false;
        if (k && (o->cols <= o[-1].cols || o->cycles >= o[-1].cycles)) return false;
    }
    return true;
}

static wfc_status check_problem(const wfc_be_floor_problem *p, wfc_diag *diag) {
    bool ok = p->layer_count > 0 && p->height > 0;
    for (uint32_t k = 0; ok && k < p->layer_count; k++) ok = layer_ok(&p->layers[k]);
    for (uint32_t k = 0; ok && k < p->edge_count; k++) {
        const wfc_be_floor_edge *e = &p->edges[k];
        bool from_host = e->from == e->to && e->words == 0;
        ok = (e->from < e->to || from_host) && e->to < p->layer_count && e->words >= 0 && isfinite(e->words);
    }
    if (ok) return WFC_OK;
    return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0722", NULL,
                    "the floorplan's problem is malformed: %u layers, %u edges; widths must ascend while cycles "
                    "descend, edges go from lower to higher layers",
                    p->layer_count, p->edge_count);
}

static uint32_t adapter_cols(const wfc_be_floor_problem *p) {
    uint32_t sum = 0;
    for (uint32_t k = 0; k < p->edge_count; k++) sum += p->edges[k].adapter_cols;
    return sum;
}

static wfc_status no_fit(const wfc_be_floor_problem *p, wfc_diag *diag) {
    uint32_t need = 0, widest = 0;
    for (uint32_t k = 0; k < p->layer_count; k++) {
        need += p->layers[k].options[0].cols;
        if (p->layers[k].options[0].cols > p->layers[widest].options[0].cols) widest = k;
    }
    return wfc_fail(
        diag, WFC_ERR_NO_FIT, "WFC-E0723", NULL,
        "the model needs at least %u columns of %u PEs (%u for layers, %u for adapters), the target has %u; "
        "the widest layer \"%s\" needs %u; use a larger target",
        need + adapter_cols(p), p->height, need, adapter_cols(p), p->width, p->layers[widest].name,
        p->layers[widest].options[0].cols);
}

/* ---- widths ---- */

/* Columns of the narrowest options with at most `cycles`; UINT64_MAX when a layer cannot be that fast. */
static uint64_t cols_for(const wfc_be_floor_problem *p, double cycles, uint32_t *option) {
    uint64_t sum = 0;
    for (uint32_t k = 0; k < p->layer_count; k++) {
        const wfc_be_floor_layer *l = &p->layers[k];
        uint32_t lo = 0, hi = l->option_count;
        while (lo < hi) {
            uint32_t mid = lo + (hi - lo) / 2;
            if (l->options[mid].cycles <= cycles)
                hi = mid;
            else
                lo = mid + 1;
        }
        if (lo == l->option_count) return UINT64_MAX;
        option[k] = lo;
        sum += l->options[lo].cols;
    }
    return sum;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The answer is the cycle count of some option: search those. */
static double search_cycles(const wfc_be_floor_problem *p, uint32_t cols, const double *times, size_t count,
                            uint32_t *option) {
    if (cols_for(p, times[count - 1], option) > cols) return -1;
    size_t lo = 0, hi = count - 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cols_for(p, times[mid], option) <= cols)
            hi = mid;
        else
            lo = mid + 1;
    }
    cols_for(p, times[lo], option);
    return times[lo];
}

double wfc_be_floor_widths(const wfc_be_floor_problem *p, uint32_t cols, uint32_t *option) {
    size_t count = 0, at = 0;
    for (uint32_t k = 0; k < p->layer_count; k++) count += p->layers[k].option_count;
    double *times = wfc_calloc(count, sizeof *times);
    if (!times) return NAN;
    for (uint32_t k = 0; k < p->layer_count; k++) {
        for (uint32_t i = 0; i < p->layers[k].option_count; i++) times[at++] = p->layers[k].options[i].cycles;
    }
    qsort(times, count, sizeof *times, compare_doubles);
    double t = search_cycles(p, cols, times, count, option);
    wfc_free(times);
    return t;
}

/* ---- order ---- */

/* Marks the leaves below `node` with `mark`. */
static void mark_leaves(const wfc_be_slice *tree, uint32_t node, uint8_t mark, uint8_t *marks) {
    const wfc_be_slice_node *n = &tree->nodes[node];
    if (n->is_leaf) {
        marks[n->vertex] = mark;
        return;
    }
    mark_leaves(tree, n->left, mark, marks);
    mark_leaves(tree, n->right, mark, marks);
}

static bool visit(const wfc_be_floor_problem *p, const wfc_be_slice *tree, uint32_t node, uint8_t *marks,
                  uint32_t *order, uint32_t *at) {
    const wfc_be_slice_node *n = &tree->nodes[node];
    if (n->is_leaf) {
        order[(*at)++] = n->vertex;
        return true;
    }
    memset(marks, 0, p->layer_count);
    mark_leaves(tree, n->left, 1, marks);
    mark_leaves(tree, n->right, 2, marks);
    bool east = false, west = false;
    for (uint32_t k = 0; k < p->edge_count; k++) {
        uint8_t from = marks[p->edges[k].from], to = marks[p->edges[k].to];
        east = east || (from == 1 && to == 2);
        west = west || (from == 2 && to == 1);
    }
    if (east && west) return false;
    uint32_t first = west ? n->right : n->left, second = west ? n->left : n->right;
    return visit(p, tree, first, marks, order, at) && visit(p, tree, second, marks, order, at);
}

bool wfc_be_floor_order(const wfc_be_floor_problem *p, const wfc_be_slice *tree, uint32_t *order) {
    if (tree->node_count != 2 * p->layer_count - 1) return false;
    uint8_t *marks = wfc_calloc(p->layer_count, 1);
    if (!marks) return false;
    uint32_t at = 0;
    bool ok = visit(p, tree, tree->node_count - 1, marks, order, &at);
    wfc_free(marks);
    return ok && at == p->layer_count;
}

/* ---- cost of an order ---- */

typedef struct order_cost {
    double link_cycles, wire;
} order_cost;

/* Lays slabs out in `order`; west[l], east[l]: columns where layer l's slab (its adapters not included) begins, ends.
 */
static uint32_t lay_out(const wfc_be_floor_problem *p, const uint32_t *order, const uint32_t *option,
                        wfc_be_floor_slab *slabs, uint32_t *west, uint32_t *east) {
    uint32_t x = 0, count = 0;
    for (uint32_t i = 0; i < p->layer_count; i++) {
        uint32_t l = order[i];
        for (uint32_t k = 0; k < p->edge_count; k++) {
            const wfc_be_floor_edge *e = &p->edges[k];
            if (e->to != l || e->adapter_cols == 0) continue;
            slabs[count++] = (wfc_be_floor_slab){l, k, (uint16_t)x, e->adapter_cols};
            x += e->adapter_cols;
        }
        uint16_t cols = p->layers[l].options[option[l]].cols;
        slabs[count++] = (wfc_be_floor_slab){l, UINT32_MAX, (uint16_t)x, cols};
        west[l] = x;
        x += cols;
        east[l] = x;
    }
    return count;
}

/* A word crosses every border between its producer's slab and its reader's, on its row. */
static order_cost cost_of(const wfc_be_floor_problem *p, const uint32_t *west, const uint32_t *east) {
    order_cost c = {0, 0};
    for (uint32_t l = 0; l < p->layer_count; l++) {
        double crossing = 0;
        for (uint32_t k = 0; k < p->edge_count; k++) {
            const wfc_be_floor_edge *e = &p->edges[k];
            if (east[e->from] <= west[l] && west[l] <= west[e->to]) crossing += e->words;
        }
        c.link_cycles = fmax(c.link_cycles, crossing / p->height);
    }
    for (uint32_t k = 0; k < p->edge_count; k++) {
        const wfc_be_floor_edge *e = &p->edges[k];
        c.wire += e->words * (1.0 + west[e->to] - east[e->from]);
    }
    return c;
}

/* Wire matters where the links are fast enough anyway. */
static bool cheaper(const order_cost *x, const order_cost *y, double layer_cycles) {
    double tx = fmax(layer_cycles, x->link_cycles), ty = fmax(layer_cycles, y->link_cycles);
    if (tx != ty) return tx < ty;
    return x->wire < y->wire;
}

/* ---- the whole ---- */

typedef struct candidates {
    uint32_t *order, *best; /* [layer_count] */
    uint32_t *west, *east;
    order_cost best_cost, topo_cost;
    uint32_t winner, unusable; /* index of the tree, tree_count for topology */
} candidates;

static wfc_status alloc_all(const wfc_be_floor_problem *p, candidates *c, wfc_be_floorplan *out) {
    c->order = wfc_calloc(p->layer_count, sizeof *c->order);
    c->best = wfc_calloc(p->layer_count, sizeof *c->best);
    c->west = wfc_calloc(p->layer_count, sizeof *c->west);
    c->east = wfc_calloc(p->layer_count, sizeof *c->east);
    out->option = wfc_calloc(p->layer_count, sizeof *out->option);
    out->slabs = wfc_calloc((size_t)p->layer_count + p->edge_count, sizeof *out->slabs);
    bool ok = c->order && c->best && c->west && c->east && out->option && out->slabs;
    return ok ? WFC_OK : WFC_ERR_NO_MEMORY;
}

static void free_all(candidates *c) {
    wfc_free(c->order);
    wfc_free(c->best);
    wfc_free(c->west);
    wfc_free(c->east);
}

static void choose_order(const wfc_be_floor_problem *p, const wfc_be_slice *trees, uint32_t tree_count, candidates *c,
                         wfc_be_floorplan *out) {
    bool have = false;
    for (uint32_t t = 0; t <= tree_count; t++) {
        if (t == tree_count) {
            for (uint32_t l = 0; l < p->layer_count; l++) c->order[l] = l;
        } else if (!wfc_be_floor_order(p, &trees[t], c->order)) {
            c->unusable++;
            continue;
        }
        lay_out(p, c->order, out->option, out->slabs, c->west, c->east);
        order_cost cost = cost_of(p, c->west, c->east);
        if (t == tree_count) c->topo_cost = cost;
        if (have && !cheaper(&cost, &c->best_cost, out->layer_cycles)) continue;
        have = true;
        c->best_cost = cost;
        c->winner = t;
        memcpy(c->best, c->order, p->layer_count * sizeof *c->best);
    }
}

static wfc_status report(const candidates *c, uint32_t tree_count, wfc_diag *diag, wfc_be_floorplan *out) {
    out->tree_won = c->winner < tree_count;
    if (tree_count && c->unusable == tree_count) {
        wfc_diag_add(diag, WFC_NOTE, "WFC-N0724", NULL,
                     "placement: every slicing tree (%u) cuts edges in both directions, so no flip makes its order "
                     "follow the data flow; the topological order is used",
                     tree_count);
    }
    out->report = wfc_asprintf(
        "%s order: %.0f word columns of wire, %.0f cycles on the busiest border; topological order: %.0f, %.0f; "
        "%u slicing trees tried, %u against the data flow",
        out->tree_won ? "slicing tree's" : "topological", c->best_cost.wire, c->best_cost.link_cycles,
        c->topo_cost.wire, c->topo_cost.link_cycles, tree_count, c->unusable);
    return out->report ? WFC_OK : WFC_ERR_NO_MEMORY;
}

static wfc_status make(const wfc_be_floor_problem *p, const wfc_be_slice *trees, uint32_t tree_count, wfc_diag *diag,
                       candidates *c, wfc_be_floorplan *out) {
    WFC_TRY(alloc_all(p, c, out));
    uint32_t fixed = adapter_cols(p);
    out->layer_cycles = fixed > p->width ? -1 : wfc_be_floor_widths(p, p->width - fixed, out->option);
    if (isnan(out->layer_cycles)) return WFC_ERR_NO_MEMORY;
    if (out->layer_cycles < 0) return no_fit(p, diag);
    choose_order(p, trees, tree_count, c, out);
    out->slab_count = lay_out(p, c->best, out->option, out->slabs, c->west, c->east);
    out->used_cols = (uint16_t)(out->slabs[out->slab_count - 1].x + out->slabs[out->slab_count - 1].cols);
    out->link_cycles = c->best_cost.link_cycles;
    out->wire = c->best_cost.wire;
    return report(c, tree_count, diag, out);
}

wfc_status wfc_be_floorplan_make(const wfc_be_floor_problem *p, const wfc_be_slice *trees, uint32_t tree_count,
                                 wfc_diag *diag, wfc_be_floorplan *out) {
    memset(out, 0, sizeof *out);
    WFC_TRY(check_problem(p, diag));
    candidates c = {0};
    wfc_status s = make(p, trees, tree_count, diag, &c, out);
    free_all(&c);
    if (s == WFC_OK) return WFC_OK;
    wfc_be_floorplan_deinit(out);
    return s == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : s;
}

void wfc_be_floorplan_deinit(wfc_be_floorplan *f) {
    wfc_free(f->slabs);
    wfc_free(f->option);
    wfc_free(f->report);
    memset(f, 0, sizeof *f);
}
