/* Annealing of slicing trees over kernels with shape curves; kgraph_place.c is its only user. Not for use outside
 * backend/place.
 *
 * State: a slicing tree (V: children side by side, H: one above the other), the kernel at each leaf, and a step of
 * time: every kernel takes one of the shapes that are fast enough. Each node has two curves, least columns for rows and
 * least rows for columns; a V node adds the one, an H node the other, and each is the other's inverse. A move changes
 * the tree or the time; the curves of the nodes above are made anew in a second buffer each, so that undoing is
 * switching back. */
#ifndef WFC_BACKEND_PLACE_ANNEAL_H
#define WFC_BACKEND_PLACE_ANNEAL_H

#include "backend/place/groups.h"

typedef struct wfc_be_anneal_rect {
    int32_t x, y, w, h; /* of the kernel itself */
    bool r90;
    const wfc_be_kshape *shape;
} wfc_be_anneal_rect;

/* A state that can be gone back to. */
typedef struct wfc_be_anneal_state {
    wfc_be_anneal_node *nodes; /* [2 kernels - 1] leaf i holds kernel i at first; afterwards any */
    uint32_t root, step;
    double cost; /* INFINITY: none */
} wfc_be_anneal_state;

typedef struct wfc_be_anneal {
    const wfc_be_kgraph *g;
    wfc_be_leaf_curves *curves;
    const wfc_be_leaf_curve *leaf; /* [type] at `step` */
    uint32_t n, node_count, root, step;
    wfc_be_anneal_node *nodes;
    uint32_t *leaf_of;                /* [kernel] */
    int16_t *store;                   /* [node][buffer][curve][length] */
    uint8_t *current;                 /* [node] buffer */
    uint8_t *has;                     /* [node][buffer] bits of curves made */
    uint32_t *stamp, now;             /* [node] marks of one walk */
    uint32_t *changed, changed_count; /* nodes whose buffer this move switched */
    wfc_be_anneal_rect *rects;        /* [kernel] as laid out last */
    uint32_t *stack;                  /* [node] scratch */
    int32_t *region;                  /* [node][4] scratch: x y w h */
    uint64_t rng;
    wfc_be_groups groups;    /* scratch of a move */
    bool no_memory;          /* for the curves of a step */
    double time, wire, cost; /* of the present layout */
    int32_t cols;            /* it needs */
    double penalty;          /* of a column too many, as a share of its fair price */
    wfc_be_anneal_state best;
} wfc_be_anneal;

WFC_MUST_USE wfc_status wfc_be_anneal_init(wfc_be_anneal *a, const wfc_be_kgraph *g, wfc_be_leaf_curves *curves,
                                           uint64_t seed);
void wfc_be_anneal_deinit(wfc_be_anneal *a);
/* Sets tree and step and prices them; cost INFINITY when the tree is far too wide. */
WFC_MUST_USE wfc_status wfc_be_anneal_set(wfc_be_anneal *a, const wfc_be_anneal_node *nodes, uint32_t root,
                                          uint32_t step);
/* Makes the curves of all inner nodes anew. */
void wfc_be_anneal_rebuild(wfc_be_anneal *a);
/* The curve of one node, if it is an inner one, from its children's. */
void wfc_be_anneal_update_one(wfc_be_anneal *a, uint32_t node);
/* Curves from `x` and `y` (inner nodes or WFC_BE_ANNEAL_NONE) up to the root. */
void wfc_be_anneal_update(wfc_be_anneal *a, uint32_t x, uint32_t y);
/* Lays the tree out and prices it. */
void wfc_be_anneal_price(wfc_be_anneal *a);
/* Keeps the state if it fits and is the cheapest so far. */
void wfc_be_anneal_keep_best(wfc_be_anneal *a);
/* One random move, kept if it costs less, or no more than `heat` x -log(a random number) more. */
WFC_MUST_USE wfc_status wfc_be_anneal_move(wfc_be_anneal *a, double heat);
/* Exchanges the children of a random node, unless wires get longer. */
void wfc_be_anneal_turn(wfc_be_anneal *a);

#endif
