/* For ir/ and the flow of passes/prune: walks the reduced variables of an index space for one result element. The last
 * reduced variable is given as a run of points where every coordinate is in range, so that the sums are tight loops. */
#ifndef WFC_IR_EVAL_WALK_H
#define WFC_IR_EVAL_WALK_H

#include "ir/graph.h"

typedef struct wfc_walk_side { /* one operand */
    const wfc_affine *coords;
    wfc_shape shape;
    int64_t stride[WFC_IR_MAX_RANK]; /* row-major, elements */
} wfc_walk_side;

typedef struct wfc_walk {
    const wfc_space *s;
    uint32_t sides; /* 1 or 2 */
    wfc_walk_side side[2];
    uint32_t index[WFC_IR_MAX_INDEX];
    bool started;
} wfc_walk;

typedef struct wfc_walk_run {
    uint64_t count;
    int64_t at[2], step[2]; /* element of each operand, advance per point */
} wfc_walk_run;

void wfc_walk_init(wfc_walk *w, const wfc_space *s, const wfc_shape *a, const wfc_shape *b /* or NULL */);
/* Starts at result element `out_index` (row-major over the first out_rank variables). */
void wfc_walk_start(wfc_walk *w, uint64_t out_index);
/* Next run with at least one point; false at the end. */
bool wfc_walk_next(wfc_walk *w, wfc_walk_run *run);

#endif
