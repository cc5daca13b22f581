#include "support/tensor.h"

#include "support/mem.h"

uint64_t wfc_tensor_elems(const wfc_tensor *t) {
    uint64_t n = 1;
    for (unsigned i = 0; i < t->rank; i++) n *= t->dims[i];
    return n; /* cannot wrap: wfc_tensor_init checked the product */
}

void wfc_tensor_deinit(wfc_tensor *t) {
    wfc_free(t->data);
    *t = (wfc_tensor){0};
}

wfc_status wfc_tensor_init(wfc_tensor *t, wfc_dtype dtype, uint8_t rank, const uint32_t *dims) {
    *t = (wfc_tensor){0};
    if (rank > WFC_TENSOR_MAX_RANK || (unsigned)dtype >= WFC_NUM_DTYPES) return WFC_ERR_INPUT;
    wfc_tensor made = {.dtype = (uint8_t)dtype, .rank = rank};
    size_t elems = 1, nonzero = 1;
    for (unsigned i = 0; i < rank; i++) {
        made.dims[i] = dims[i];
        /* the product without the zeros is checked too, so that no order of multiplying can wrap */
        if (!wfc_mul_size(nonzero, dims[i] ? dims[i] : 1, &nonzero)) return WFC_ERR_NO_MEMORY;
        if (dims[i] == 0) elems = 0;
    }
    if (elems) elems = nonzero;
    made.data = wfc_calloc(elems, wfc_dtype_bytes(dtype));
    if (!made.data) return WFC_ERR_NO_MEMORY;
    *t = made;
    return WFC_OK;
}
