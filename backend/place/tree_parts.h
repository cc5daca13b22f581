/* What the files of the slicing floorplan share. Not for use outside backend/place. */
#ifndef WFC_BACKEND_PLACE_TREE_PARTS_H
#define WFC_BACKEND_PLACE_TREE_PARTS_H

#include "backend/place/tree.h"

#define WFC_BE_TREE_NONE UINT32_MAX
enum { WFC_BE_TREE_TOO_WIDE = 1 << 30 }; /* no way; sums of two are taken back to it */

/* What an edge is in a tree. */
typedef struct wfc_be_cut {
    uint32_t node; /* lowest node holding both ends; WFC_BE_TREE_NONE for edges of the host */
    wfc_be_relation relation;
    bool level; /* both ends have all the rows of the node: no H node between it and them */
} wfc_be_cut;
void wfc_be_tree_cut(const wfc_be_tree *t, const wfc_be_tree_edge *e, wfc_be_cut *out);
/* Columns of an edge's strip at `cycles` per sample. */
uint32_t wfc_be_cut_cols(const wfc_be_cut *cut, const wfc_be_tree_edge *e, double cycles);

/* Trees are built bottom up: allocate, add the leaves, then inner nodes, at last parents and heights follow. Returns
 * the node. */
WFC_MUST_USE wfc_status wfc_be_tree_alloc(wfc_be_tree *t, uint32_t layer_count);
uint32_t wfc_be_tree_add_leaf(wfc_be_tree *t, uint32_t layer);
uint32_t wfc_be_tree_add(wfc_be_tree *t, wfc_be_tree_kind kind, uint32_t first, uint32_t second);

/* The distinct cycle counts that the answer can have, ascending; none below what every layer can reach. */
typedef struct wfc_be_times {
    double *data;
    uint32_t count;
} wfc_be_times;
WFC_MUST_USE wfc_status wfc_be_times_make(const wfc_be_tree_problem *p, wfc_be_times *out);

/* Shape curves of a tree: least width of every node for every height. In a fixed tree V and H stay as they are; else
 * they are what is found best. The tree is borrowed and changed by wfc_be_curve_settle. */
typedef struct wfc_be_curve {
    const wfc_be_tree_problem *p;
    wfc_be_tree *t;
    bool fixed;
    uint32_t *leaf;        /* [layer][height + 1] */
    double leaf_cycles;    /* time they are of, 0: none yet */
    uint32_t *level, *any; /* [node][height + 1] inner nodes: least width: V nodes only below, anything below */
    uint32_t *level_strips, *turn_strips; /* [node] columns of the strips when all below is level, when not */
    wfc_be_cut *cuts;                     /* [edge] */
} wfc_be_curve;
WFC_MUST_USE wfc_status wfc_be_curve_init(wfc_be_curve *c, const wfc_be_tree_problem *p, wfc_be_tree *t, bool fixed);
void wfc_be_curve_deinit(wfc_be_curve *c);
/* After a change of the tree. */
void wfc_be_curve_refresh(wfc_be_curve *c);
/* Columns needed at `cycles` per sample; WFC_BE_TREE_TOO_WIDE or more: impossible at any width. */
uint32_t wfc_be_curve_width(wfc_be_curve *c, double cycles);
/* Index of the least time of [0, limit) at which the tree fits, `limit` when none does. */
uint32_t wfc_be_curve_search(wfc_be_curve *c, const wfc_be_times *times, uint32_t limit);
/* Sets kinds, rows and shapes of the tree to those of the width at `cycles`, which must be possible. */
void wfc_be_curve_settle(wfc_be_curve *c, double cycles);

/* One call of wfc_be_tree_make. */
typedef struct wfc_be_tree_search {
    const wfc_be_tree_problem *p;
    wfc_be_times times;
    uint64_t seed;
    wfc_diag *diag;
    uint32_t tried; /* trees finished, fitting or not */
    uint32_t need;  /* least columns of any tree tried, at the slowest time; TOO_WIDE: impossible or none tried */
} wfc_be_tree_search;

/* Settles a tree whose kinds are given at its least time of [0, limit), sets everything but the report and the method.
 * *out_time is the index, `limit` when it does not fit (then nothing else is set). */
WFC_MUST_USE wfc_status wfc_be_tree_finish(wfc_be_tree_search *s, uint32_t limit, wfc_be_tree *t, uint32_t *out_time);
/* Times from here on cannot beat the best tree's score; the count of times while there is none. */
uint32_t wfc_be_tree_limit(const wfc_be_tree_search *s, const wfc_be_tree *best, uint32_t best_time);
/* Finishes the tree, and keeps it in *best if its score is less. *best_time is an index, the
 * count of times while there is none. Takes the tree over, whatever the status. */
WFC_MUST_USE wfc_status wfc_be_tree_offer(wfc_be_tree_search *s, wfc_be_tree *t, wfc_be_tree *best,
                                          uint32_t *best_time);
/* link_cycles, wire and score of a tree, from its columns as packed. */
WFC_MUST_USE wfc_status wfc_be_tree_price(const wfc_be_tree_problem *p, const wfc_be_packing *k, wfc_be_tree *t);
/* wfc_be_tree_pack that also sets x and w of the tree's nodes. */
WFC_MUST_USE wfc_status wfc_be_tree_pack_nodes(wfc_be_tree *t, const wfc_be_tree_problem *p, const uint16_t *layer_cols,
                                               const uint16_t *strip_cols, wfc_diag *diag, wfc_be_packing *out);

/* Exchanges children of V nodes so that edges go east: by columns of the strips at `cycles`, then words, then numbers.
 */
WFC_MUST_USE wfc_status wfc_be_tree_turn_east(const wfc_be_tree_problem *p, double cycles, wfc_be_tree *t);
/* Moves subtrees about, at random, while the tree gets no wider at the next time to be reached. Inner nodes are V
 * before and after: kinds are open. *time as for wfc_be_tree_offer; *moves counts those that made it narrower. */
WFC_MUST_USE wfc_status wfc_be_tree_climb(wfc_be_tree_search *s, wfc_be_tree *t, uint32_t *time, uint32_t *moves);

/* One per method: offers its trees. *best is empty and *best_time the count of times when none fits. */
typedef wfc_status wfc_be_tree_run(wfc_be_tree_search *s, wfc_be_tree *best, uint32_t *best_time);
wfc_be_tree_run wfc_be_tree_slabs, wfc_be_tree_metis, wfc_be_tree_rows;

#endif
