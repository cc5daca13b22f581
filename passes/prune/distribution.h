/* How a sparsity is shared out among layers. Private to passes/prune. */
#ifndef WFC_PASSES_PRUNE_DISTRIBUTION_H
#define WFC_PASSES_PRUNE_DISTRIBUTION_H

#include "passes/prune/prune.h"

/* A layer, as far as shares depend on it. Convolution: outputs + inputs of a group + kernel extents. */
typedef struct wfc_prune_shape {
    uint64_t elems;
    double dim_sum;
} wfc_prune_shape;

struct wfc_prune_distribution {
    const char *name, *doc;
    /* Sparsities of n >= 1 layers for S in [0, 1); false when they cannot be met. */
    bool (*share)(const wfc_prune_shape *layers, size_t n, double sparsity, double *out);
};
const wfc_prune_distribution *wfc_prune_distribution_find(const char *name);

#endif
