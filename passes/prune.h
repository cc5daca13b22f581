/* Masks on weights: which elements of a contract's constant operand are meant to be there.
 *
 * A weight is a constant of float elements that operand b of a contract is, or is seen through views (a transposed or
 * reshaped initializer). Constants with the same bytes (one initializer read in two shapes, or by two layers) are one
 * weight. Depthwise and tiny layers are weights like all others; biases and all other constants are none. */
#ifndef WFC_PASSES_PRUNE_H
#define WFC_PASSES_PRUNE_H

#include "ir/graph.h"

/* A weight's first constant in node order. */
typedef WFC_VEC(wfc_value) wfc_weight_list;
/* All weights, in the order of the first contracts that read them. Constants without elements are left out. Free with
 * wfc_vec_free. */
WFC_MUST_USE wfc_status wfc_weights_find(const wfc_graph *g, wfc_weight_list *out);

typedef struct wfc_prune_spec {
    double sparsity; /* in [0, 1) */
    bool global;     /* one threshold over all weights, else one for each */
} wfc_prune_spec;
/* "magnitude:S", "magnitude:S:layer", "magnitude:S:global"; false for anything else. */
bool wfc_prune_parse(const char *text, wfc_prune_spec *out);

/* Sets masks and zeroes what they leave out: the round(S n) of n elements (halves up) with the smallest magnitude, ties
 * by place: the earlier weight, then the smaller index goes first. Zeros that are there already count. Global: n is the
 * sum over all weights. Linear time. To be run on the imported graph, before the passes: then magnitudes and masks are
 * those of the model's own tensors; all passes keep zeros zero. Weights that constant nodes compute are folded first.
 * Errors: WFC_ERR_INPUT for a NaN among the weights (WFC-E0282). */
WFC_MUST_USE wfc_status wfc_prune(wfc_graph *g, const wfc_prune_spec *spec, wfc_diag *diag);

#endif
