/* Local search over slicing trees: which side of a cut is west, and who hangs where. A move takes a subtree off and
 * hangs it in above another node; whether cuts stand or lie is open all the while and found by the shape curves.
 *
 *   ((a b) (c d)), b moved to d:  (a (c (d b))) */
#include <string.h>

#include "backend/place/tree_parts.h"

enum { MOST_MOVES = 4000, MOST_CELLS = 150000000 }; /* a move costs nodes x rows cells */

/* ---- direction ---- */

typedef struct sides {
    double cols[2], words[2]; /* columns of strips, words east: as it stands; with the children exchanged */
} sides;

static void count_sides(const wfc_be_tree_problem *p, double cycles, const wfc_be_tree *t, sides *all) {
    for (uint32_t e = 0; e < p->edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(t, &p->edges[e], &cut);
        if (cut.node == WFC_BE_TREE_NONE) continue;
        int east = cut.relation == WFC_BE_EAST;
        all[cut.node].cols[!east] += p->edges[e].adapter_cols;
        all[cut.node].cols[east] += wfc_be_turn_cols(&p->edges[e], cycles);
        all[cut.node].words[!east] += p->edges[e].words;
    }
}

wfc_status wfc_be_tree_turn_east(const wfc_be_tree_problem *p, double cycles, wfc_be_tree *t) {
    sides *all = wfc_calloc(t->node_count, sizeof *all);
    uint32_t *lowest = wfc_calloc(t->node_count, sizeof *lowest); /* layer below a node */
    wfc_status status = all && lowest ? WFC_OK : WFC_ERR_NO_MEMORY;
    if (status == WFC_OK) count_sides(p, cycles, t, all);
    for (uint32_t n = 0; status == WFC_OK && n < t->node_count; n++) {
        wfc_be_tree_node *k = &t->nodes[n];
        lowest[n] = k->layer;
        if (k->kind == WFC_BE_TREE_LEAF) continue;
        uint32_t a = lowest[k->first], b = lowest[k->second], first = k->first;
        const sides *s = &all[n];
        lowest[n] = a < b ? a : b;
        bool turn = s->cols[0] != s->cols[1]     ? s->cols[1] < s->cols[0]
                    : s->words[0] != s->words[1] ? s->words[1] > s->words[0]
                                                 : b < a;
        if (!turn) continue;
        k->first = k->second;
        k->second = first;
    }
    wfc_free(all);
    wfc_free(lowest);
    return status;
}

/* ---- moves ---- */

typedef struct climber {
    wfc_be_tree_search *s;
    wfc_be_tree *t;
    wfc_be_curve curve;
    wfc_be_tree_node *saved, *work; /* [node_count] */
    uint32_t *saved_leaf;           /* [layer_count] */
    wfc_be_tree_node *best;         /* [node_count] the tree that reached the time */
    uint32_t *number, *stack;       /* [node_count] */
    uint64_t rng;
} climber;

static wfc_status climber_init(climber *c, wfc_be_tree_search *s, wfc_be_tree *t) {
    *c = (climber){.s = s, .t = t, .rng = s->seed + 0x9e3779b97f4a7c15u};
    c->saved = wfc_calloc(t->node_count, sizeof *c->saved);
    c->work = wfc_calloc(t->node_count, sizeof *c->work);
    c->saved_leaf = wfc_calloc(t->layer_count, sizeof *c->saved_leaf);
    c->best = wfc_calloc(t->node_count, sizeof *c->best);
    c->number = wfc_calloc(t->node_count, sizeof *c->number);
    c->stack = wfc_calloc(t->node_count, sizeof *c->stack);
    if (!c->saved || !c->work || !c->saved_leaf || !c->best || !c->number || !c->stack) return WFC_ERR_NO_MEMORY;
    return wfc_be_curve_init(&c->curve, s->p, t, false);
}

static void climber_free(climber *c) {
    wfc_be_curve_deinit(&c->curve);
    wfc_free(c->saved);
    wfc_free(c->work);
    wfc_free(c->saved_leaf);
    wfc_free(c->best);
    wfc_free(c->number);
    wfc_free(c->stack);
}

static void keep(climber *c) {
    memcpy(c->saved, c->t->nodes, c->t->node_count * sizeof *c->saved);
    memcpy(c->saved_leaf, c->t->leaf, c->t->layer_count * sizeof *c->saved_leaf);
}

/* The best tree again, whatever was tried since. */
static void recall(climber *c) {
    wfc_be_tree *t = c->t;
    memcpy(t->nodes, c->best, t->node_count * sizeof *c->best);
    for (uint32_t n = 0; n < t->node_count; n++) {
        if (t->nodes[n].kind == WFC_BE_TREE_LEAF) t->leaf[t->nodes[n].layer] = n;
    }
}

static void put_back(climber *c) {
    memcpy(c->t->nodes, c->saved, c->t->node_count * sizeof *c->saved);
    memcpy(c->t->leaf, c->saved_leaf, c->t->layer_count * sizeof *c->saved_leaf);
}

/* Numbers the nodes anew, parents above their children. */
static void renumber(climber *c, uint32_t root) {
    wfc_be_tree *t = c->t;
    uint32_t depth = 0, next = t->node_count;
    c->stack[depth++] = root;
    while (depth) {
        uint32_t n = c->stack[--depth];
        c->number[n] = --next;
        if (t->nodes[n].kind == WFC_BE_TREE_LEAF) continue;
        c->stack[depth++] = t->nodes[n].first;
        c->stack[depth++] = t->nodes[n].second;
    }
    for (uint32_t n = 0; n < t->node_count; n++) {
        wfc_be_tree_node k = t->nodes[n];
        if (k.parent != WFC_BE_TREE_NONE) k.parent = c->number[k.parent];
        if (k.kind == WFC_BE_TREE_LEAF) {
            t->leaf[k.layer] = c->number[n];
        } else {
            k.first = c->number[k.first];
            k.second = c->number[k.second];
        }
        c->work[c->number[n]] = k;
    }
    memcpy(t->nodes, c->work, t->node_count * sizeof *c->work);
}

static void replace_child(wfc_be_tree *t, uint32_t parent, uint32_t old, uint32_t now) {
    t->nodes[now].parent = parent;
    if (parent == WFC_BE_TREE_NONE) return;
    uint32_t *child = t->nodes[parent].first == old ? &t->nodes[parent].first : &t->nodes[parent].second;
    *child = now;
}

/* Takes x off with its parent and hangs both in above y; false when that is no change or impossible. */
static bool move(climber *c, uint32_t x, uint32_t y) {
    wfc_be_tree *t = c->t;
    uint32_t parent = t->nodes[x].parent, up = y;
    if (parent == WFC_BE_TREE_NONE || y == parent) return false;
    uint32_t sibling = t->nodes[parent].first == x ? t->nodes[parent].second : t->nodes[parent].first;
    if (y == sibling) return false;
    while (up != WFC_BE_TREE_NONE && up != x) up = t->nodes[up].parent;
    if (up == x) return false;
    replace_child(t, t->nodes[parent].parent, parent, sibling);
    replace_child(t, t->nodes[y].parent, y, parent);
    t->nodes[parent].first = y;
    t->nodes[parent].second = x;
    t->nodes[y].parent = t->nodes[x].parent = parent;
    uint32_t root = x;
    while (t->nodes[root].parent != WFC_BE_TREE_NONE) root = t->nodes[root].parent;
    renumber(c, root);
    return true;
}

static uint32_t below(climber *c, uint32_t n) {
    return (uint32_t)(wfc_rng_next(&c->rng) % n);
}

/* The layer's leaf, or some node above it: each step up is half as likely as the one before. */
static uint32_t near(climber *c, uint32_t layer) {
    uint32_t n = c->t->leaf[layer];
    while (below(c, 2) && c->t->nodes[n].parent != WFC_BE_TREE_NONE) n = c->t->nodes[n].parent;
    return n;
}

static bool exchange(climber *c, uint32_t a, uint32_t b) {
    wfc_be_tree *t = c->t;
    uint32_t at_a = t->leaf[a], at_b = t->leaf[b];
    t->nodes[at_a].layer = b;
    t->nodes[at_b].layer = a;
    t->leaf[a] = at_b;
    t->leaf[b] = at_a;
    return a != b;
}

/* Mostly something moves to where its words come from or go to; else anything anywhere, or two layers change places. */
static bool random_move(climber *c) {
    const wfc_be_tree_problem *p = c->s->p;
    uint32_t what = below(c, 8);
    if (what < 5 && p->edge_count) {
        const wfc_be_tree_edge *e = &p->edges[below(c, p->edge_count)];
        bool back = below(c, 2);
        uint32_t x = near(c, back ? e->to : e->from);
        return move(c, x, near(c, back ? e->from : e->to));
    }
    if (what == 5) return exchange(c, below(c, c->t->layer_count), below(c, c->t->layer_count));
    uint32_t x = below(c, c->t->node_count);
    return move(c, x, below(c, c->t->node_count));
}

/* ---- search ---- */

typedef struct goal {
    uint32_t target; /* index of the time to be reached next */
    double cycles;
    uint32_t least; /* columns of the narrowest tree there so far */
} goal;

/* The tree fits at some time below the target's successor: the next goal. False when there is none. */
static bool reached(climber *c, goal *g, uint32_t *time) {
    *time = wfc_be_curve_search(&c->curve, &c->s->times, g->target + 1);
    memcpy(c->best, c->t->nodes, c->t->node_count * sizeof *c->best);
    if (*time == 0) return false;
    *g = (goal){.target = *time - 1, .cycles = c->s->times.data[*time - 1]};
    g->least = wfc_be_curve_width(&c->curve, g->cycles);
    return true;
}

/* A tree a little wider than the narrowest is good enough to go on from, less and less so. */
static wfc_status climb(climber *c, uint32_t *time, uint32_t *moves) {
    uint32_t budget = MOST_CELLS / (c->t->node_count * (c->s->p->height + 1u));
    if (budget > MOST_MOVES) budget = MOST_MOVES;
    goal g = {.target = *time - 1, .cycles = c->s->times.data[*time - 1]};
    g.least = wfc_be_curve_width(&c->curve, g.cycles);
    memcpy(c->best, c->t->nodes, c->t->node_count * sizeof *c->best);
    for (uint32_t k = 0; k < budget; k++) {
        keep(c);
        if (!random_move(c)) continue;
        WFC_TRY(wfc_be_tree_turn_east(c->s->p, g.cycles, c->t));
        wfc_be_curve_refresh(&c->curve);
        uint32_t now = wfc_be_curve_width(&c->curve, g.cycles);
        if (now > g.least + (uint64_t)c->s->p->width * (budget - k) / budget / 200) {
            put_back(c);
            continue;
        }
        *moves += now < g.least;
        g.least = now < g.least ? now : g.least;
        if (now <= c->s->p->width && !reached(c, &g, time)) break;
    }
    recall(c);
    return WFC_OK;
}

wfc_status wfc_be_tree_climb(wfc_be_tree_search *s, wfc_be_tree *t, uint32_t *time, uint32_t *moves) {
    *moves = 0;
    if (t->layer_count < 3 || *time == 0) return WFC_OK;
    climber c;
    wfc_status status = climber_init(&c, s, t);
    if (status == WFC_OK) status = climb(&c, time, moves);
    climber_free(&c);
    return status;
}
