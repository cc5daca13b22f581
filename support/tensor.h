/* A host tensor: dense, row-major. Who holds one calls wfc_tensor_deinit. */
#ifndef WFC_SUPPORT_TENSOR_H
#define WFC_SUPPORT_TENSOR_H

#include "support/dtype.h"
#include "support/status.h"

enum { WFC_TENSOR_MAX_RANK = 8 };
typedef struct wfc_tensor {
    uint8_t dtype, rank; /* wfc_dtype */
    uint32_t dims[WFC_TENSOR_MAX_RANK];
    void *data; /* owned, wfc_calloc'ed */
} wfc_tensor;
uint64_t wfc_tensor_elems(const wfc_tensor *t);
void wfc_tensor_deinit(wfc_tensor *t);
/* Allocates zeroed data; dims are copied. */
WFC_MUST_USE wfc_status wfc_tensor_init(wfc_tensor *t, wfc_dtype dtype, uint8_t rank, const uint32_t *dims);

#endif
