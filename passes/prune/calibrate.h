/* What goes into the layers while samples run through the net as it is before pruning. Private to passes/prune. */
#ifndef WFC_PASSES_PRUNE_CALIBRATE_H
#define WFC_PASSES_PRUNE_CALIBRATE_H

#include "passes/prune/matrix.h"

/* Sums over the input vectors x of a layer: one for each sample, position and group. */
typedef struct wfc_layer_inputs {
    wfc_weight_matrix matrix;
    double *squares;  /* [group][column]: sum of x_j^2 */
    double *products; /* [group][column][column], j >= i: sum of x_i x_j; NULL unless asked for */
    uint64_t vectors; /* per group */
} wfc_layer_inputs;

/* Runs all samples through the reference evaluator and fills out[p->count] (zeroed by the caller, to be freed with
 * wfc_layer_inputs_deinit also after an error); those of ignored layers stay empty. Columns as wfc_weight_matrix_init.
 */
WFC_MUST_USE wfc_status wfc_prune_calibrate(wfc_pruning *p, bool products, bool channels_inner, wfc_layer_inputs *out);
void wfc_layer_inputs_deinit(wfc_layer_inputs *in);

#endif
