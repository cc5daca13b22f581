/* Slicing floorplans: where every layer lies, as a binary tree of cuts.
 *
 *   V node: first child west of the second     | first | EAST strips | second | WEST strips |
 *   H node: first child above the second       | first  ...free |        |
 *           (smaller y), both from the         |----------------| STACK  |
 *           node's west edge                   | second ..free  | strips |
 *
 * Words travel along rows; a strip of columns (an adapter) moves them to other rows. The strip of an edge u -> v stands
 * in the lowest node that holds both, over that node's full height:
 *   EAST   V node, u in the first child: between the children; 0 columns: v takes u's lanes as they are
 *   WEST   V node, u in the second child: east of both children, sends west; at least 1 column
 *   STACK  H node: at the node's east end, sends west; at least 1 column
 *   IN     edge from the host: at the west end of the plan, full height; may have 0 columns
 *   OUT    edge to the host: at the east end of the plan, full height; may have 0 columns
 * So a V node is as wide as its children and strips together, an H node as its wider child and its strips.
 *
 * Geometry only: what a layer is, and how wide an adapter really gets, is the caller's affair. Rows and y count from
 * the north, columns and x from the west of the area given. */
#ifndef WFC_BACKEND_PLACE_TREE_H
#define WFC_BACKEND_PLACE_TREE_H

#include "support/diag.h"
#include "support/mem.h"
#include <stdbool.h>
#include <stdint.h>

/* A way to build a layer: it needs rows x cols PEs and takes `cycles` per sample. */
typedef struct wfc_be_shape {
    uint16_t rows, cols; /* >= 1 */
    double cycles;       /* > 0 */
} wfc_be_shape;

typedef struct wfc_be_tree_layer {
    const char *name;
    const wfc_be_shape *shapes; /* any order; some may be too large for the area */
    uint32_t shape_count;
} wfc_be_tree_layer;

typedef struct wfc_be_tree_edge {
    uint32_t from, to; /* layers; equal where one end is the host */
    bool from_host, to_host;
    double words;          /* per sample, >= 0 */
    uint16_t adapter_cols; /* columns of the strip for EAST between equal rows, for IN and OUT; 0: direct */
    uint16_t turn_cols;    /* columns in all other cases; 0: not known yet, wfc_be_turn_cols estimates them */
    uint32_t tensor;       /* which output of `from` it carries: readers of one tensor share a lane where they can */
} wfc_be_tree_edge;

/* Borrowed arrays. Layers are numbered in a topological order: a layer's number is above those it reads. */
typedef struct wfc_be_tree_problem {
    uint16_t width, height; /* columns and rows to fill */
    const wfc_be_tree_layer *layers;
    uint32_t layer_count;
    const wfc_be_tree_edge *edges;
    uint32_t edge_count;
} wfc_be_tree_problem;

typedef enum wfc_be_tree_kind { WFC_BE_TREE_LEAF, WFC_BE_TREE_V, WFC_BE_TREE_H } wfc_be_tree_kind;
typedef enum wfc_be_relation {
    WFC_BE_EAST,
    WFC_BE_WEST,
    WFC_BE_STACK,
    WFC_BE_IN, /* edges of the host */
    WFC_BE_OUT
} wfc_be_relation;
typedef enum wfc_be_tree_method {
    WFC_BE_TREE_SLABS, /* full-height slabs in topological order: V nodes only */
    WFC_BE_TREE_METIS, /* recursive bisection, every cut tried both ways */
    WFC_BE_TREE_ROWS,  /* the topological order cut into bands that lie above each other */
    WFC_BE_TREE_METHODS
} wfc_be_tree_method;
const char *wfc_be_tree_method_name(wfc_be_tree_method m);
const char *wfc_be_relation_name(wfc_be_relation r);

typedef struct wfc_be_tree_node {
    wfc_be_tree_kind kind;
    uint32_t parent;        /* UINT32_MAX: the root */
    uint32_t first, second; /* inner nodes */
    uint32_t layer;         /* leaves */
    uint32_t y, h;          /* rows: final */
    uint32_t x, w;          /* columns: as estimated; a leaf has its shape's cols, an inner node its strips included */
} wfc_be_tree_node;

/* Freed with wfc_be_tree_deinit. */
typedef struct wfc_be_tree {
    wfc_be_tree_node *nodes; /* [node_count] children come before their parent; the last is the root */
    uint32_t node_count, layer_count;
    uint32_t *leaf;  /* [layer_count] node */
    uint32_t *shape; /* [layer_count] index of the chosen shape; its rows are at most the leaf's h */
    wfc_be_tree_method method;
    double cycles;      /* the slowest layer's */
    double link_cycles; /* words per sample over the busiest link along a row, lanes of passing tensors included */
    double wire;        /* sum over edges of words x distance, in hops between the rectangles by way of the strip */
    double score;       /* what trees are compared by, cycles: max(cycles, link_cycles) + mean distance / 64 */
    uint32_t width;     /* columns needed as estimated, strips included */
    char *report;       /* one line: what was tried and what came of it; never NULL */
} wfc_be_tree;

/* Columns for an edge that turns back (WEST, STACK) or changes between different ranges of rows, where each sample may
 * take `cycles`: turn_cols if given, else all words over one row's borders, ceil(words / cycles) + 1; in both cases no
 * fewer than adapter_cols and 1. */
uint32_t wfc_be_turn_cols(const wfc_be_tree_edge *e, double cycles);

/* The best tree of one method: each tree tried takes the least time of its slowest layer that fits, and the least score
 * of those trees wins. Equal inputs and seed give
 * an equal tree. Errors: WFC_ERR_NO_FIT with columns needed and available and the largest layers; WFC_ERR_INTERNAL for
 * a malformed problem. */
WFC_MUST_USE wfc_status wfc_be_tree_make(const wfc_be_tree_problem *p, wfc_be_tree_method method, uint64_t seed,
                                         wfc_diag *diag, wfc_be_tree *out);
void wfc_be_tree_deinit(wfc_be_tree *t);
/* The same cuts for a problem that has changed in its shapes, columns or area (layers and edges are as many and go the
 * same ways): rows, shapes, columns and prices anew. Errors as above; the tree is as it was then. */
WFC_MUST_USE wfc_status wfc_be_tree_refit(const wfc_be_tree_problem *p, wfc_diag *diag, wfc_be_tree *t);

/* Relation of an edge between two different layers. */
wfc_be_relation wfc_be_tree_relation(const wfc_be_tree *t, uint32_t from, uint32_t to);
/* Relation of an edge of the problem, the host's included. */
wfc_be_relation wfc_be_edge_relation(const wfc_be_tree *t, const wfc_be_tree_edge *e);

typedef struct wfc_be_rect {
    uint32_t x, y, w, h;
} wfc_be_rect;

/* Freed with wfc_be_packing_deinit. */
typedef struct wfc_be_packing {
    wfc_be_rect *layers;       /* [layer_count] */
    wfc_be_rect *strips;       /* [edge_count] w 0: none; x is then where it would stand */
    wfc_be_relation *relation; /* [edge_count] */
    uint32_t width;            /* columns needed in all */
    bool fits;                 /* width <= the problem's */
} wfc_be_packing;

/* Columns of everything once the true widths are known: layer_cols[layer_count] >= 1, strip_cols[edge_count]. Rows are
 * the tree's. A result that does not fit is WFC_OK with fits = false. Errors: WFC_ERR_INTERNAL where a WEST or STACK
 * edge has 0 columns or a layer has none. */
WFC_MUST_USE wfc_status wfc_be_tree_pack(const wfc_be_tree *t, const wfc_be_tree_problem *p, const uint16_t *layer_cols,
                                         const uint16_t *strip_cols, wfc_diag *diag, wfc_be_packing *out);
void wfc_be_packing_deinit(wfc_be_packing *k);

#endif
