/* Random graphs for differential tests: contracts (matmul, convolution), maps, reduces, views (pads, slices,
 * transposes, reshapes, broadcasts), concats, joins, softmax; small shapes, f32. Same seed, same graph. */
#ifndef WFC_TESTS_IR_RANDOM_GRAPH_H
#define WFC_TESTS_IR_RANDOM_GRAPH_H

#include "ir/graph.h"
#include "support/tensor.h"

typedef struct random_graph_options {
    uint32_t nodes;    /* how many steps to take; 0: 3 to 14 */
    uint32_t batch;    /* > 0: every input leads with this extent, and most steps keep the axis independent */
    bool smooth;       /* no maps with jumps, so that a change of rounding stays a small change */
    bool no_exact_ops; /* leave out sqrt, log, .. that make NaN and Inf */
} random_graph_options;

/* The caller deinits the graph, also on failure. */
WFC_MUST_USE wfc_status random_graph(uint64_t seed, const random_graph_options *opt, wfc_diag *diag, wfc_graph *g);
/* Inputs for the graph's input nodes, in order: *out_count tensors, malloc'ed. Values in [-2, 2], some 0, some equal.
 */
WFC_MUST_USE wfc_status random_inputs(uint64_t seed, const wfc_graph *g, wfc_tensor **out, uint32_t *out_count);
void free_tensors(wfc_tensor *t, size_t count); /* deinits each and frees the array */

/* Equal type, shape and bits, any NaN equal to any NaN. */
bool tensors_bit_equal(const wfc_tensor *a, const wfc_tensor *b);
/* The graph as text, malloc'ed; NULL on failure. */
char *graph_text(const wfc_graph *g);

#endif
