/* A slicing tree with shape curves: updating, laying out, pricing. Moves are in anneal_moves.c. */
#include <math.h>
#include <string.h>

#include "backend/place/anneal.h"

#define NONE WFC_BE_ANNEAL_NONE

wfc_status wfc_be_anneal_init(wfc_be_anneal *a, const wfc_be_kgraph *g, wfc_be_leaf_curves *curves, uint64_t seed) {
    *a = (wfc_be_anneal){.g = g, .curves = curves, .rng = seed, .penalty = 1, .root = NONE};
    a->n = (uint32_t)g->kernels.count;
    a->node_count = 2 * a->n - 1;
    a->nodes = wfc_calloc(a->node_count, sizeof *a->nodes);
    a->best.nodes = wfc_calloc(a->node_count, sizeof *a->nodes);
    a->best.cost = INFINITY;
    a->leaf_of = wfc_calloc(a->n, sizeof *a->leaf_of);
    a->store = wfc_calloc(4 * (size_t)a->node_count, curves->length * sizeof *a->store);
    a->current = wfc_calloc(a->node_count, sizeof *a->current);
    a->has = wfc_calloc(2 * (size_t)a->node_count, sizeof *a->has);
    a->stamp = wfc_calloc(a->node_count, sizeof *a->stamp);
    a->changed = wfc_calloc(a->node_count, sizeof *a->changed);
    a->rects = wfc_calloc(a->n, sizeof *a->rects);
    a->stack = wfc_calloc(a->node_count, sizeof *a->stack);
    a->region = wfc_calloc(4 * (size_t)a->node_count, sizeof *a->region);
    bool ok = a->nodes && a->best.nodes && a->leaf_of && a->store && a->current && a->has && a->stamp && a->changed &&
              a->rects && a->stack && a->region;
    if (ok && wfc_be_groups_init(&a->groups, curves, WFC_BE_GROUP_MOST) == WFC_OK) return WFC_OK;
    wfc_be_anneal_deinit(a);
    return WFC_ERR_NO_MEMORY;
}

void wfc_be_anneal_deinit(wfc_be_anneal *a) {
    wfc_be_groups_deinit(&a->groups);
    wfc_free(a->nodes);
    wfc_free(a->best.nodes);
    wfc_free(a->leaf_of);
    wfc_free(a->store);
    wfc_free(a->current);
    wfc_free(a->has);
    wfc_free(a->stamp);
    wfc_free(a->changed);
    wfc_free(a->rects);
    wfc_free(a->stack);
    wfc_free(a->region);
    *a = (wfc_be_anneal){0};
}

/* ---- curves ---- */

static int16_t *slot(const wfc_be_anneal *a, uint32_t node, uint32_t which) {
    return a->store + ((size_t)node * 4 + a->current[node] * 2u + which) * a->curves->length;
}

/* A curve of a node, made from its inverse where nobody has asked for it before. */
static const int16_t *curve(wfc_be_anneal *a, uint32_t node, uint32_t which) {
    if (a->nodes[node].kind == WFC_BE_TREE_LEAF)
        return a->leaf[a->g->kernels.data[a->nodes[node].kernel].type].curve[which];
    uint8_t *has = &a->has[node * 2 + a->current[node]];
    int16_t *out = slot(a, node, which);
    if (*has & (1u << which)) return out;
    uint32_t n[2] = {a->g->height, a->curves->most_cols};
    wfc_be_curve_invert(slot(a, node, !which), n[!which], out, n[which], a->curves->length);
    *has |= (uint8_t)(1u << which);
    return out;
}

static void make_curve(wfc_be_anneal *a, uint32_t node) {
    const wfc_be_anneal_node *n = &a->nodes[node];
    uint32_t which = n->kind == WFC_BE_TREE_V ? WFC_BE_CURVE_COLS : WFC_BE_CURVE_ROWS;
    const int16_t *first = curve(a, n->child[0], which), *second = curve(a, n->child[1], which);
    a->current[node] ^= 1;
    a->changed[a->changed_count++] = node;
    a->has[node * 2 + a->current[node]] = (uint8_t)(1u << which);
    wfc_be_curve_add(first, second, a->curves->length, slot(a, node, which));
}

/* Inner nodes, parents first, on the stack; returns how many. */
static uint32_t parents_first(wfc_be_anneal *a) {
    uint32_t count = 0;
    if (a->nodes[a->root].kind == WFC_BE_TREE_LEAF) return 0;
    a->stack[count++] = a->root;
    for (uint32_t k = 0; k < count; k++) {
        for (int c = 0; c < 2; c++) {
            uint32_t child = a->nodes[a->stack[k]].child[c];
            if (a->nodes[child].kind != WFC_BE_TREE_LEAF) a->stack[count++] = child;
        }
    }
    return count;
}

void wfc_be_anneal_rebuild(wfc_be_anneal *a) {
    for (uint32_t k = parents_first(a); k-- > 0;) make_curve(a, a->stack[k]);
}

void wfc_be_anneal_update_one(wfc_be_anneal *a, uint32_t node) {
    if (a->nodes[node].kind != WFC_BE_TREE_LEAF) make_curve(a, node);
}

void wfc_be_anneal_update(wfc_be_anneal *a, uint32_t x, uint32_t y) {
    a->now++;
    for (uint32_t k = x; k != NONE; k = a->nodes[k].parent) a->stamp[k] = a->now;
    for (uint32_t k = y; k != NONE && a->stamp[k] != a->now; k = a->nodes[k].parent) make_curve(a, k);
    /* The part of x's way below the meeting point does not depend on y's, nor the other way round, and above it both
     * are done: one walk from x, which comes by the meeting point after y's part. */
    for (uint32_t k = x; k != NONE; k = a->nodes[k].parent) make_curve(a, k);
}

/* ---- layout ---- */

static void put(wfc_be_anneal *a, uint32_t node, int32_t x, int32_t y, int32_t w, int32_t h) {
    int32_t *r = a->region + 4 * (size_t)node;
    r[0] = x;
    r[1] = y;
    r[2] = w;
    r[3] = h;
}

static void put_leaf(wfc_be_anneal *a, uint32_t kernel, const int32_t *r) {
    const wfc_be_leaf_curve *leaf = &a->leaf[a->g->kernels.data[kernel].type];
    uint32_t pick = leaf->pick[r[3]];
    const wfc_be_kshape *s = &leaf->shapes.data[pick / 2];
    bool r90 = pick % 2;
    a->rects[kernel] = (wfc_be_anneal_rect){r[0], r[1], r90 ? s->rows : s->cols, r90 ? s->cols : s->rows, r90, s};
    a->time = s->time > a->time ? s->time : a->time;
}

/* Every node gets a region in which it fits; the second child has what the first leaves. */
static void lay_out(wfc_be_anneal *a) {
    uint32_t count = 0;
    put(a, a->root, 0, 0, a->cols, (int32_t)a->g->height);
    a->stack[count++] = a->root;
    a->time = 0;
    while (count) {
        uint32_t node = a->stack[--count];
        const wfc_be_anneal_node *n = &a->nodes[node];
        const int32_t *r = a->region + 4 * (size_t)node;
        if (n->kind == WFC_BE_TREE_LEAF) {
            put_leaf(a, n->kernel, r);
        } else if (n->kind == WFC_BE_TREE_V) {
            int32_t w = curve(a, n->child[0], WFC_BE_CURVE_COLS)[r[3]];
            put(a, n->child[0], r[0], r[1], w, r[3]);
            put(a, n->child[1], r[0] + w, r[1], r[2] - w, r[3]);
        } else {
            int32_t h = curve(a, n->child[0], WFC_BE_CURVE_ROWS)[r[2]];
            put(a, n->child[0], r[0], r[1], r[2], h);
            put(a, n->child[1], r[0], r[1] + h, r[2], r[3] - h);
        }
        if (n->kind == WFC_BE_TREE_LEAF) continue;
        a->stack[count++] = n->child[0];
        a->stack[count++] = n->child[1];
    }
}

static double wire_of(const wfc_be_anneal *a) {
    int64_t twice = 0;
    for (size_t e = 0; e < a->g->edges.count; e++) {
        const wfc_be_anneal_rect *u = &a->rects[a->g->edges.data[e].from], *v = &a->rects[a->g->edges.data[e].to];
        int32_t dx = 2 * (u->x - v->x) + u->w - v->w, dy = 2 * (u->y - v->y) + u->h - v->h;
        twice += (dx < 0 ? -dx : dx) + (dy < 0 ? -dy : dy);
    }
    return (double)twice / 2;
}

/* A column too many costs what a share 1/width of the area costs in time, times the penalty. */
void wfc_be_anneal_price(wfc_be_anneal *a) {
    a->cost = INFINITY;
    a->cols = curve(a, a->root, WFC_BE_CURVE_COLS)[a->g->height];
    if (a->cols > (int32_t)a->curves->most_cols) return;
    lay_out(a);
    a->wire = wire_of(a);
    double cost = a->g->wdeltat * a->time + a->g->wlength * a->wire;
    int32_t over = a->cols - (int32_t)a->g->width;
    if (over > 0) cost += a->penalty * (cost + 1) * over / a->g->width;
    a->cost = cost;
}

void wfc_be_anneal_keep_best(wfc_be_anneal *a) {
    if (a->cols > (int32_t)a->g->width || a->cost >= a->best.cost) return;
    memcpy(a->best.nodes, a->nodes, a->node_count * sizeof *a->nodes);
    a->best.root = a->root;
    a->best.step = a->step;
    a->best.cost = a->cost;
}

wfc_status wfc_be_anneal_set(wfc_be_anneal *a, const wfc_be_anneal_node *nodes, uint32_t root, uint32_t step) {
    a->leaf = wfc_be_leaf_curves_at(a->curves, step);
    if (!a->leaf) return WFC_ERR_NO_MEMORY;
    if (nodes != a->nodes) memcpy(a->nodes, nodes, a->node_count * sizeof *nodes);
    a->root = root;
    a->step = step;
    for (uint32_t k = 0; k < a->node_count; k++)
        if (a->nodes[k].kind == WFC_BE_TREE_LEAF) a->leaf_of[a->nodes[k].kernel] = k;
    a->changed_count = 0;
    wfc_be_anneal_rebuild(a);
    a->changed_count = 0;
    wfc_be_anneal_price(a);
    if (a->cost < INFINITY) wfc_be_anneal_keep_best(a);
    return WFC_OK;
}
