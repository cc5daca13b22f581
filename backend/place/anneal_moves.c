/* Random moves on a slicing tree, each undone when it costs too much. */
#include <math.h>
#include <string.h>

#include "backend/place/anneal.h"

#define NONE WFC_BE_ANNEAL_NONE

enum { MOST_SAVED = 8 };

/* What a move changed besides the curves. */
typedef struct undo {
    uint32_t node[MOST_SAVED], count;
    wfc_be_anneal_node was[MOST_SAVED];
    uint32_t root, step;
    double time, wire, cost;
    int32_t cols;
} undo;

static uint32_t below(wfc_be_anneal *a, uint32_t n) {
    return (uint32_t)(((wfc_rng_next(&a->rng) >> 32) * n) >> 32);
}

static double uniform(wfc_be_anneal *a) {
    return ((double)(wfc_rng_next(&a->rng) >> 11) + 1) / 9007199254740993.0; /* (0, 1) */
}

static void save(wfc_be_anneal *a, undo *u, uint32_t node) {
    if (node == NONE) return;
    u->node[u->count] = node;
    u->was[u->count++] = a->nodes[node];
}

/* Saved last, restored first: a node saved twice gets its oldest value. */
static void restore(wfc_be_anneal *a, const undo *u) {
    for (uint32_t k = u->count; k-- > 0;) {
        a->nodes[u->node[k]] = u->was[k];
        if (u->was[k].kind == WFC_BE_TREE_LEAF) a->leaf_of[u->was[k].kernel] = u->node[k];
    }
    for (uint32_t k = 0; k < a->changed_count; k++) a->current[a->changed[k]] ^= 1;
    a->root = u->root;
    a->step = u->step;
    a->time = u->time;
    a->wire = u->wire;
    a->cost = u->cost;
    a->cols = u->cols;
}

static bool is_above(const wfc_be_anneal *a, uint32_t upper, uint32_t node) {
    for (; node != NONE; node = a->nodes[node].parent)
        if (node == upper) return true;
    return false;
}

static void adopt(wfc_be_anneal *a, uint32_t parent, uint32_t old, uint32_t child) {
    if (parent == NONE)
        a->root = child;
    else
        a->nodes[parent].child[a->nodes[parent].child[1] == old] = child;
    a->nodes[child].parent = parent;
}

/* ---- moves; each returns false when it does not apply ---- */

static bool swap_leaves(wfc_be_anneal *a, undo *u, uint32_t k, uint32_t l) {
    uint32_t x = a->leaf_of[k], y = a->leaf_of[l];
    if (k == l) return false;
    save(a, u, x);
    save(a, u, y);
    a->nodes[x].kernel = l;
    a->nodes[y].kernel = k;
    a->leaf_of[k] = y;
    a->leaf_of[l] = x;
    if (a->g->kernels.data[k].type != a->g->kernels.data[l].type)
        wfc_be_anneal_update(a, a->nodes[x].parent, a->nodes[y].parent);
    return true;
}

static bool swap_subtrees(wfc_be_anneal *a, undo *u, uint32_t x, uint32_t y) {
    if (is_above(a, x, y) || is_above(a, y, x)) return false;
    uint32_t px = a->nodes[x].parent, py = a->nodes[y].parent;
    if (px == py) return false;
    save(a, u, x);
    save(a, u, y);
    save(a, u, px);
    save(a, u, py);
    adopt(a, px, x, y);
    adopt(a, py, y, x);
    wfc_be_anneal_update(a, px, py);
    return true;
}

static bool swap_children(wfc_be_anneal *a, undo *u, uint32_t node) {
    wfc_be_anneal_node *n = &a->nodes[node];
    if (n->kind == WFC_BE_TREE_LEAF) return false;
    save(a, u, node);
    uint32_t c = n->child[0];
    n->child[0] = n->child[1];
    n->child[1] = c;
    return true;
}

static bool flip_kind(wfc_be_anneal *a, undo *u, uint32_t node) {
    wfc_be_anneal_node *n = &a->nodes[node];
    if (n->kind == WFC_BE_TREE_LEAF) return false;
    save(a, u, node);
    n->kind = n->kind == WFC_BE_TREE_V ? WFC_BE_TREE_H : WFC_BE_TREE_V;
    wfc_be_anneal_update(a, node, NONE);
    return true;
}

/* Takes x out and puts it beside y, its parent node going with it. */
static bool relocate(wfc_be_anneal *a, undo *u, uint32_t x, uint32_t y) {
    uint32_t p = a->nodes[x].parent;
    if (p == NONE || y == p || is_above(a, x, y)) return false;
    uint32_t sibling = a->nodes[p].child[a->nodes[p].child[0] == x], up = a->nodes[p].parent;
    bool first = below(a, 2), upright = below(a, 2);
    if (y == sibling) { /* only kind and order may change */
        save(a, u, p);
        a->nodes[p].child[!first] = x;
        a->nodes[p].child[first] = y;
        a->nodes[p].kind = upright ? WFC_BE_TREE_V : WFC_BE_TREE_H;
        wfc_be_anneal_update(a, p, NONE);
        return true;
    }
    uint32_t py = a->nodes[y].parent == p ? up : a->nodes[y].parent;
    save(a, u, p);
    save(a, u, sibling);
    save(a, u, up);
    save(a, u, y);
    save(a, u, py);
    adopt(a, up, p, sibling);
    adopt(a, a->nodes[y].parent, y, p);
    a->nodes[p].child[!first] = x;
    a->nodes[p].child[first] = y;
    a->nodes[y].parent = p;
    a->nodes[p].kind = upright ? WFC_BE_TREE_V : WFC_BE_TREE_H;
    wfc_be_anneal_update(a, up, p);
    return true;
}

static bool change_time(wfc_be_anneal *a) {
    static const int k_by[] = {-1, 1, -2, 2, -4, 4, -8, 8, -32, 32};
    int64_t step = (int64_t)a->step + k_by[below(a, sizeof k_by / sizeof *k_by)];
    if (step < 0 || step >= a->curves->steps) return false;
    const wfc_be_leaf_curve *leaf = wfc_be_leaf_curves_at(a->curves, (uint32_t)step);
    a->no_memory = !leaf;
    if (!leaf) return false;
    a->leaf = leaf;
    a->step = (uint32_t)step;
    wfc_be_anneal_rebuild(a);
    return true;
}

/* A kernel's leaf or one of the nodes above it, each as likely as all further up together. */
static uint32_t around(wfc_be_anneal *a, uint32_t kernel) {
    uint32_t node = a->leaf_of[kernel];
    while (below(a, 2) && a->nodes[node].parent != NONE) node = a->nodes[node].parent;
    return node;
}

/* Beside a kernel that x is connected with. */
static bool bring_together(wfc_be_anneal *a, undo *u) {
    if (a->g->edges.count == 0) return false;
    const wfc_be_kedge *e = &a->g->edges.data[below(a, (uint32_t)a->g->edges.count)];
    bool back = below(a, 2);
    return relocate(a, u, around(a, back ? e->to : e->from), around(a, back ? e->from : e->to));
}

static bool apply(wfc_be_anneal *a, undo *u) {
    uint32_t r = below(a, 100);
    if (r < 25) return swap_leaves(a, u, below(a, a->n), below(a, a->n));
    if (r < 45) return bring_together(a, u);
    if (r < 65) return relocate(a, u, below(a, a->node_count), below(a, a->node_count));
    if (r < 75) return swap_subtrees(a, u, below(a, a->node_count), below(a, a->node_count));
    if (r < 85) return swap_children(a, u, below(a, a->node_count));
    if (r < 95) return flip_kind(a, u, below(a, a->node_count));
    return change_time(a);
}

wfc_status wfc_be_anneal_move(wfc_be_anneal *a, double heat) {
    undo u = {.root = a->root, .step = a->step, .time = a->time, .wire = a->wire, .cost = a->cost, .cols = a->cols};
    const wfc_be_leaf_curve *leaf = a->leaf;
    a->changed_count = 0;
    if (!apply(a, &u)) return a->no_memory ? WFC_ERR_NO_MEMORY : WFC_OK;
    double most = a->cost - heat * log(uniform(a));
    wfc_be_anneal_price(a);
    if (a->cost <= most) {
        wfc_be_anneal_keep_best(a);
        return WFC_OK;
    }
    restore(a, &u);
    a->leaf = leaf;
    return WFC_OK;
}

void wfc_be_anneal_turn(wfc_be_anneal *a) {
    undo u = {.root = a->root, .step = a->step, .time = a->time, .wire = a->wire, .cost = a->cost, .cols = a->cols};
    a->changed_count = 0;
    if (!swap_children(a, &u, below(a, a->node_count))) return;
    double most = a->cost;
    wfc_be_anneal_price(a);
    if (a->cost <= most)
        wfc_be_anneal_keep_best(a);
    else
        restore(a, &u);
}
