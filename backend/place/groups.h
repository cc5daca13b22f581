/* The best slicing trees of few kernels that follow each other in an order. Not for use outside backend/place. */
#ifndef WFC_BACKEND_PLACE_GROUPS_H
#define WFC_BACKEND_PLACE_GROUPS_H

#include "backend/place/kcurve.h"
#include "backend/place/tree.h"

#define WFC_BE_ANNEAL_NONE UINT32_MAX

enum { WFC_BE_GROUP_MOST = 8 };

/* Curves of every run of at most `most` kernels of an order. */
typedef struct wfc_be_groups {
    const wfc_be_kgraph *g;
    uint32_t n, most, length, height, most_cols;
    const uint32_t *order; /* [n] borrowed */
    int16_t *data;         /* [n][WFC_BE_GROUP_MOST][curve][length] of so many kernels from a place on */
    int16_t *scratch;      /* [length] */
} wfc_be_groups;

/* For orders of up to `n` kernels. */
WFC_MUST_USE wfc_status wfc_be_groups_init(wfc_be_groups *s, const wfc_be_leaf_curves *c, uint32_t n);
void wfc_be_groups_deinit(wfc_be_groups *s);
/* All curves. `order` must outlive the reading. most <= WFC_BE_GROUP_MOST. */
void wfc_be_groups_make(wfc_be_groups *s, const uint32_t *order, uint32_t n, const wfc_be_leaf_curve *leaf,
                        uint32_t most);
/* Of the kernels i .. j-1 of the order. */
int16_t *wfc_be_group_curve(const wfc_be_groups *s, uint32_t i, uint32_t j, uint32_t which);

typedef struct wfc_be_anneal_node {
    uint32_t parent, child[2]; /* WFC_BE_ANNEAL_NONE */
    uint32_t kernel;           /* leaves */
    wfc_be_tree_kind kind;
} wfc_be_anneal_node;

/* A tree under construction: nodes[used] is the next one. */
typedef struct wfc_be_tree_builder {
    wfc_be_anneal_node *nodes;
    uint32_t used;
    uint64_t *rng;
} wfc_be_tree_builder;
uint32_t wfc_be_builder_leaf(wfc_be_tree_builder *t, uint32_t kernel);
uint32_t wfc_be_builder_join(wfc_be_tree_builder *t, wfc_be_tree_kind kind, uint32_t first, uint32_t second);
/* A tree of the kernels i .. j-1 within w x h, where they fit: at each cut one of those that fit, each as likely, and
 * children in random order. Returns its root. */
uint32_t wfc_be_group_read(const wfc_be_groups *s, wfc_be_tree_builder *t, uint32_t i, uint32_t j, int32_t w,
                           int32_t h);

#endif
