/* Shape curves: the least width of every node of a slicing tree for every height, at one time per sample.
 *
 *   leaf   w(h) = least cols of the shapes with rows <= h and cycles <= T
 *   V      w(h) = first(h) + second(h) + strips
 *   H      w(h) = min over h1 of max(first(h1), second(h - h1)) + strips
 *
 * first(h1) falls and second(h - h1) rises with h1, so the best h1 is where they cross, and that point only moves down
 * the rows as h grows: one sweep per node. Strips between ends of equal rows are narrower; two curves per node, for
 * subtrees of V nodes only and for any, tell these cases apart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/place/tree_parts.h"

/* ---- times ---- */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The fastest that each layer can be, of all layers the slowest; INFINITY when one has no shape that fits. */
static double least_time(const wfc_be_tree_problem *p) {
    double slowest = 0;
    for (uint32_t l = 0; l < p->layer_count; l++) {
        double fastest = INFINITY;
        for (uint32_t k = 0; k < p->layers[l].shape_count; k++) {
            const wfc_be_shape *s = &p->layers[l].shapes[k];
            if (s->rows <= p->height && s->cols <= p->width) fastest = fmin(fastest, s->cycles);
        }
        slowest = fmax(slowest, fastest);
    }
    return slowest;
}

wfc_status wfc_be_times_make(const wfc_be_tree_problem *p, wfc_be_times *out) {
    double least = least_time(p);
    size_t most = 0, count = 0, distinct = 0;
    for (uint32_t l = 0; l < p->layer_count; l++) most += p->layers[l].shape_count;
    *out = (wfc_be_times){.data = wfc_calloc(most, sizeof *out->data)};
    if (!out->data) return WFC_ERR_NO_MEMORY;
    for (uint32_t l = 0; l < p->layer_count; l++) {
        for (uint32_t k = 0; k < p->layers[l].shape_count; k++) {
            const wfc_be_shape *s = &p->layers[l].shapes[k];
            if (s->rows <= p->height && s->cols <= p->width && s->cycles >= least) out->data[count++] = s->cycles;
        }
    }
    qsort(out->data, count, sizeof *out->data, compare_doubles);
    for (size_t k = 0; k < count; k++) {
        if (k == 0 || out->data[k] > out->data[distinct - 1]) out->data[distinct++] = out->data[k];
    }
    out->count = (uint32_t)distinct;
    return WFC_OK;
}

/* ---- curves ---- */

static uint32_t clamp(uint32_t w) {
    return w < WFC_BE_TREE_TOO_WIDE ? w : WFC_BE_TREE_TOO_WIDE;
}

/* Leaves keep theirs by layer: they outlive changes of the tree. */
static uint32_t *leaf_of(const wfc_be_curve *c, uint32_t layer) {
    return c->leaf + (size_t)layer * (c->p->height + 1u);
}

static uint32_t *level_of(const wfc_be_curve *c, uint32_t node) {
    const wfc_be_tree_node *n = &c->t->nodes[node];
    return n->kind == WFC_BE_TREE_LEAF ? leaf_of(c, n->layer) : c->level + (size_t)node * (c->p->height + 1u);
}

static uint32_t *any_of(const wfc_be_curve *c, uint32_t node) {
    const wfc_be_tree_node *n = &c->t->nodes[node];
    return n->kind == WFC_BE_TREE_LEAF ? leaf_of(c, n->layer) : c->any + (size_t)node * (c->p->height + 1u);
}

wfc_status wfc_be_curve_init(wfc_be_curve *c, const wfc_be_tree_problem *p, wfc_be_tree *t, bool fixed) {
    *c = (wfc_be_curve){.p = p, .t = t, .fixed = fixed};
    size_t cells = (size_t)t->node_count * (p->height + 1u);
    c->leaf = wfc_calloc((size_t)p->layer_count * (p->height + 1u), sizeof *c->leaf);
    c->any = wfc_calloc(cells, sizeof *c->any);
    c->level = fixed ? NULL : wfc_calloc(cells, sizeof *c->level);
    c->level_strips = wfc_calloc(t->node_count, sizeof *c->level_strips);
    c->turn_strips = wfc_calloc(t->node_count, sizeof *c->turn_strips);
    c->cuts = wfc_calloc(p->edge_count, sizeof *c->cuts);
    if (!c->leaf || !c->any || (!fixed && !c->level) || !c->level_strips || !c->turn_strips || !c->cuts) {
        wfc_be_curve_deinit(c);
        return WFC_ERR_NO_MEMORY;
    }
    wfc_be_curve_refresh(c);
    return WFC_OK;
}

void wfc_be_curve_refresh(wfc_be_curve *c) {
    for (uint32_t e = 0; e < c->p->edge_count; e++) wfc_be_tree_cut(c->t, &c->p->edges[e], &c->cuts[e]);
}

void wfc_be_curve_deinit(wfc_be_curve *c) {
    wfc_free(c->leaf);
    wfc_free(c->any);
    wfc_free(c->level);
    wfc_free(c->level_strips);
    wfc_free(c->turn_strips);
    wfc_free(c->cuts);
    memset(c, 0, sizeof *c);
}

/* Returns the columns at both ends of the plan. A tree whose kinds are open is built of V nodes: its cuts are EAST or
 * WEST, and level. */
static uint32_t add_strips(wfc_be_curve *c, double cycles) {
    uint32_t ends = 0;
    memset(c->level_strips, 0, c->t->node_count * sizeof *c->level_strips);
    memset(c->turn_strips, 0, c->t->node_count * sizeof *c->turn_strips);
    for (uint32_t e = 0; e < c->p->edge_count; e++) {
        const wfc_be_cut *cut = &c->cuts[e];
        uint32_t cols = wfc_be_cut_cols(cut, &c->p->edges[e], cycles);
        if (cut->node == WFC_BE_TREE_NONE) {
            ends += cols;
            continue;
        }
        c->level_strips[cut->node] += cols;
        c->turn_strips[cut->node] += wfc_be_turn_cols(&c->p->edges[e], cycles);
    }
    for (uint32_t n = 0; n < c->t->node_count; n++) {
        c->level_strips[n] = clamp(c->level_strips[n]);
        c->turn_strips[n] = clamp(c->turn_strips[n]);
    }
    return clamp(ends);
}

static void leaf_curve(const wfc_be_curve *c, uint32_t layer, double cycles) {
    const wfc_be_tree_layer *l = &c->p->layers[layer];
    uint32_t *w = leaf_of(c, layer);
    for (uint32_t h = 0; h <= c->p->height; h++) w[h] = WFC_BE_TREE_TOO_WIDE;
    for (uint32_t k = 0; k < l->shape_count; k++) {
        const wfc_be_shape *s = &l->shapes[k];
        if (s->rows <= c->p->height && s->cycles <= cycles && s->cols < w[s->rows]) w[s->rows] = s->cols;
    }
    for (uint32_t h = 1; h <= c->p->height; h++) w[h] = w[h] < w[h - 1] ? w[h] : w[h - 1];
}

static uint32_t larger(uint32_t x, uint32_t y) {
    return x > y ? x : y;
}

/* out[h] = the least of out[h] and the widths of the two above each other. */
static void stack_curve(const uint32_t *first, const uint32_t *second, uint32_t strips, uint32_t height,
                        uint32_t *out) {
    uint32_t h1 = 1;
    for (uint32_t h = 2; h <= height; h++) {
        while (h1 < h - 1 && first[h1] > second[h - h1]) h1++;
        uint32_t w = larger(first[h1], second[h - h1]);
        if (h1 > 1) {
            uint32_t before = larger(first[h1 - 1], second[h - h1 + 1]);
            w = before < w ? before : w;
        }
        w = clamp(w + strips);
        out[h] = w < out[h] ? w : out[h];
    }
}

static void inner_curve(const wfc_be_curve *c, uint32_t node) {
    const wfc_be_tree_node *n = &c->t->nodes[node];
    const uint32_t *first = any_of(c, n->first), *second = any_of(c, n->second);
    uint32_t *any = any_of(c, node), height = c->p->height;
    if (c->fixed) {
        uint32_t strips = c->level_strips[node];
        for (uint32_t h = 0; h <= height; h++)
            any[h] = n->kind == WFC_BE_TREE_V ? clamp(first[h] + second[h] + strips) : WFC_BE_TREE_TOO_WIDE;
        if (n->kind == WFC_BE_TREE_H) stack_curve(first, second, strips, height, any);
        return;
    }
    const uint32_t *level1 = level_of(c, n->first), *level2 = level_of(c, n->second);
    uint32_t *level = level_of(c, node);
    for (uint32_t h = 0; h <= height; h++) {
        level[h] = clamp(level1[h] + level2[h] + c->level_strips[node]);
        uint32_t mixed = clamp(first[h] + second[h] + c->turn_strips[node]);
        any[h] = level[h] < mixed ? level[h] : mixed;
    }
    stack_curve(first, second, c->turn_strips[node], height, any);
}

uint32_t wfc_be_curve_width(wfc_be_curve *c, double cycles) {
    uint32_t ends = add_strips(c, cycles), root = c->t->node_count - 1;
    for (uint32_t l = 0; c->leaf_cycles != cycles && l < c->p->layer_count; l++) leaf_curve(c, l, cycles);
    c->leaf_cycles = cycles;
    for (uint32_t n = 0; n <= root; n++) {
        if (c->t->nodes[n].kind != WFC_BE_TREE_LEAF) inner_curve(c, n);
    }
    return clamp(any_of(c, root)[c->p->height] + ends);
}

uint32_t wfc_be_curve_search(wfc_be_curve *c, const wfc_be_times *times, uint32_t limit) {
    if (limit == 0 || wfc_be_curve_width(c, times->data[limit - 1]) > c->p->width) return limit;
    uint32_t lo = 0, hi = limit - 1;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (wfc_be_curve_width(c, times->data[mid]) <= c->p->width)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* ---- settling ---- */

/* Rows of the first child: the middle of those that give the least width. */
static uint32_t split_rows(const uint32_t *first, const uint32_t *second, uint32_t h) {
    uint32_t best = WFC_BE_TREE_TOO_WIDE, from = 1, to = 1;
    for (uint32_t h1 = 1; h1 < h; h1++) {
        uint32_t w = larger(first[h1], second[h - h1]);
        if (w < best) {
            best = w;
            from = h1;
        }
        if (w == best) to = h1;
    }
    return from + (to - from) / 2;
}

/* Kind of a node whose kind is open, from the curves; `level`: only V may be below. */
static wfc_be_tree_kind choose_kind(const wfc_be_curve *c, uint32_t node, uint32_t h, bool *level) {
    const wfc_be_tree_node *n = &c->t->nodes[node];
    if (*level || any_of(c, node)[h] == level_of(c, node)[h]) {
        *level = true;
        return WFC_BE_TREE_V;
    }
    uint32_t beside = clamp(any_of(c, n->first)[h] + any_of(c, n->second)[h] + c->turn_strips[node]);
    return any_of(c, node)[h] == beside ? WFC_BE_TREE_V : WFC_BE_TREE_H;
}

/* Of equal widths the fastest. */
static uint32_t choose_shape(const wfc_be_tree_layer *l, uint32_t h, double cycles) {
    uint32_t best = WFC_BE_TREE_NONE;
    for (uint32_t k = 0; k < l->shape_count; k++) {
        const wfc_be_shape *s = &l->shapes[k], *b = best == WFC_BE_TREE_NONE ? NULL : &l->shapes[best];
        if (s->rows > h || s->cycles > cycles) continue;
        if (!b || s->cols < b->cols || (s->cols == b->cols && s->cycles < b->cycles)) best = k;
    }
    return best;
}

void wfc_be_curve_settle(wfc_be_curve *c, double cycles) {
    (void)wfc_be_curve_width(c, cycles);
    uint32_t root = c->t->node_count - 1;
    c->t->nodes[root].y = 0;
    c->t->nodes[root].h = c->p->height;
    c->t->nodes[root].w = 0; /* until the columns are set: whether the node is inside a level one */
    for (uint32_t k = root + 1; k-- > 0;) {
        wfc_be_tree_node *n = &c->t->nodes[k];
        if (n->kind == WFC_BE_TREE_LEAF) {
            c->t->shape[n->layer] = choose_shape(&c->p->layers[n->layer], n->h, cycles);
            continue;
        }
        bool level = n->w != 0;
        if (!c->fixed) n->kind = choose_kind(c, k, n->h, &level);
        wfc_be_tree_node *first = &c->t->nodes[n->first], *second = &c->t->nodes[n->second];
        bool v = n->kind == WFC_BE_TREE_V;
        uint32_t h1 = v ? n->h : split_rows(any_of(c, n->first), any_of(c, n->second), n->h);
        first->y = n->y;
        first->h = h1;
        second->y = v ? n->y : n->y + h1;
        second->h = v ? n->h : n->h - h1;
        first->w = second->w = level;
    }
}
