/* Random moves on a slicing tree, each undone when it costs too much. */
#include <math.h>
#include <string.h>

#include "backend/place/anneal.h"

#define NONE WFC_BE_ANNEAL_NONE

enum { MOST_SAVED = 2 * WFC_BE_GROUP_MOST };

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

/* Leaves of the subtree in order, and its inner nodes without the root; false when there are too many. */
static bool collect(const wfc_be_anneal *a, uint32_t root, uint32_t *leaves, uint32_t *leaf_count, uint32_t *inner) {
    uint32_t stack[2 * WFC_BE_GROUP_MOST], count = 0, inner_count = 0;
    *leaf_count = 0;
    stack[count++] = root;
    while (count) {
        uint32_t node = stack[--count];
        if (a->nodes[node].kind == WFC_BE_TREE_LEAF) {
            if (*leaf_count == WFC_BE_GROUP_MOST) return false;
            leaves[(*leaf_count)++] = node;
            continue;
        }
        if (node != root) {
            if (inner_count == WFC_BE_GROUP_MOST - 2) return false;
            inner[inner_count++] = node;
        }
        stack[count++] = a->nodes[node].child[1];
        stack[count++] = a->nodes[node].child[0];
    }
    return true;
}

/* A node with 3 to 8 leaves, and those; WFC_BE_ANNEAL_NONE: not this time. */
static uint32_t choose_group(wfc_be_anneal *a, uint32_t *leaves, uint32_t *count, uint32_t *inner) {
    uint32_t node = a->leaf_of[below(a, a->n)], found = NONE, want = 3 + below(a, WFC_BE_GROUP_MOST - 2);
    for (node = a->nodes[node].parent; node != NONE; node = a->nodes[node].parent) {
        if (!collect(a, node, leaves, count, inner)) break;
        if (*count >= 3) found = node;
        if (*count >= want) break;
    }
    return found != NONE && collect(a, found, leaves, count, inner) ? found : NONE;
}

/* Puts a tree of `used` nodes, leaves and inner nodes as they come, in the place of a group. */
static void replace_group(wfc_be_anneal *a, undo *u, uint32_t root, const wfc_be_anneal_node *made, uint32_t used,
                          const uint32_t *leaves, const uint32_t *inner) {
    uint32_t name[2 * WFC_BE_GROUP_MOST], l = 0, n = 0;
    for (uint32_t k = 0; k < used; k++)
        name[k] = made[k].kind == WFC_BE_TREE_LEAF ? leaves[l++] : k == used - 1 ? root : inner[n++];
    for (uint32_t k = 0; k < used; k++) save(a, u, name[k]);
    for (uint32_t k = 0; k < used; k++) {
        wfc_be_anneal_node *to = &a->nodes[name[k]];
        uint32_t parent = k == used - 1 ? to->parent : name[made[k].parent];
        *to = made[k];
        to->parent = parent;
        if (made[k].kind == WFC_BE_TREE_LEAF) {
            a->leaf_of[made[k].kernel] = name[k];
        } else {
            to->child[0] = name[made[k].child[0]];
            to->child[1] = name[made[k].child[1]];
        }
    }
    for (uint32_t k = 0; k + 1 < used; k++) wfc_be_anneal_update_one(a, name[k]);
    wfc_be_anneal_update(a, root, NONE);
}

/* Cuts a group anew, in the best way for its rows; at times two of its kernels change places first. */
static bool slice_again(wfc_be_anneal *a, undo *u) {
    uint32_t leaves[WFC_BE_GROUP_MOST], inner[WFC_BE_GROUP_MOST], order[WFC_BE_GROUP_MOST], count;
    wfc_be_anneal_node made[2 * WFC_BE_GROUP_MOST];
    uint32_t root = choose_group(a, leaves, &count, inner);
    if (root == NONE) return false;
    for (uint32_t k = 0; k < count; k++) order[k] = a->nodes[leaves[k]].kernel;
    if (below(a, 4)) {
        uint32_t i = below(a, count), j = below(a, count), kernel = order[i];
        order[i] = order[j];
        order[j] = kernel;
    }
    wfc_be_groups_make(&a->groups, order, count, a->leaf, count);
    int32_t h = a->region[4 * (size_t)root + 3], w = wfc_be_group_curve(&a->groups, 0, count, WFC_BE_CURVE_COLS)[h];
    int32_t room = a->region[4 * (size_t)root + 2];
    if (w > (int32_t)a->curves->most_cols) return false;
    wfc_be_tree_builder t = {made, 0, &a->rng};
    (void)wfc_be_group_read(&a->groups, &t, 0, count, below(a, 2) && room > w ? room : w, h);
    replace_group(a, u, root, made, t.used, leaves, inner);
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

/* Shares in a hundred. */
static bool apply(wfc_be_anneal *a, undo *u) {
    uint32_t r = below(a, 100);
    if (r < 26) return swap_leaves(a, u, below(a, a->n), below(a, a->n));
    if (r < 46) return bring_together(a, u);
    if (r < 66) return relocate(a, u, below(a, a->node_count), below(a, a->node_count));
    if (r < 76) return swap_subtrees(a, u, below(a, a->node_count), below(a, a->node_count));
    if (r < 86) return swap_children(a, u, below(a, a->node_count));
    if (r < 94) return flip_kind(a, u, below(a, a->node_count));
    if (r < 97) return slice_again(a, u);
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
