/* A weight as the matrix that its contract multiplies with: what a row, a block or an input channel is. Private to
 * passes/prune.
 *
 * Example, a convolution of 4 groups out="n g k y x" a="n g c y+r x+s" b="g k c r s": g is in all three, a group; k
 * only in b and out, a row; c, r, s are in a and b, the columns, in this order (PyTorch's unfold); n, y, x, in a and
 * out, say where: each position gives each group one input column vector. Depthwise: k is a group, each with one row.
 */
#ifndef WFC_PASSES_PRUNE_MATRIX_H
#define WFC_PASSES_PRUNE_MATRIX_H

#include "passes/prune/pruning.h"

typedef struct wfc_index_list { /* variables of the space, outermost first */
    uint32_t count, var[WFC_IR_MAX_INDEX];
    uint64_t extent; /* their product */
} wfc_index_list;

typedef struct wfc_weight_matrix {
    wfc_index_list group, row, column, position;
    uint32_t segment;  /* so many neighbouring columns are input channels of one kernel position; channels_inner only */
    uint32_t *element; /* [group][row][column]: element of the constant */
} wfc_weight_matrix;

/* Of layer l as read by `contract`. channels_inner: columns in the order r, s, c. Errors: WFC_ERR_UNSUPPORTED
 * (WFC-E0287) when an element of the constant is read not at all or twice, or by something that is no such product. */
WFC_MUST_USE wfc_status wfc_weight_matrix_init(wfc_weight_matrix *m, const wfc_pruning *p, const wfc_prune_layer *l,
                                               wfc_value contract, bool channels_inner);
void wfc_weight_matrix_deinit(wfc_weight_matrix *m);
/* Sets the variables of a list to its k-th assignment. */
void wfc_index_set(const wfc_index_list *l, const wfc_space *s, uint64_t k, uint32_t *index);

/* Outputs plus inputs plus kernel extents, for ERK: the extents of all reduced variables, and the product of the
 * result's that b has. Output points times reduced extents: multiply-accumulates of the contract. */
double wfc_weight_dim_sum(const wfc_graph *g, wfc_value contract);

#endif
