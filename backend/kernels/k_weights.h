/* Weights of a contract's PE: their order in memory and their values. */
#ifndef WFC_BACKEND_KERNELS_K_WEIGHTS_H
#define WFC_BACKEND_KERNELS_K_WEIGHTS_H

#include "backend/be.h"

/* Element strides per index variable of the resident weights: reduced variables outermost, then the result's, the dealt
 * channels innermost; 0 for variables that the weights do not have. Returns their number. */
uint64_t wfc_be_weights_layout(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, int32_t *stride);

#endif
