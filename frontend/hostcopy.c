/* Host copies for folding constants. */
#include "frontend/convert.h"
#include <limits.h>
#include <string.h>

void wfc_fe_row_major(uint8_t rank, const int64_t *dims, int64_t *strides) {
    int64_t step = 1;
    for (unsigned i = rank; i-- > 0;) {
        strides[i] = step;
        step *= dims[i];
    }
}

void wfc_fe_strided_copy(void *dst, const void *src, unsigned width, uint8_t rank, const int64_t *dims,
                         const int64_t *strides, int64_t offset) {
    int64_t index[WFC_IR_MAX_RANK] = {0}, at = offset;
    uint8_t *to = dst;
    for (unsigned i = 0; i < rank; i++)
        if (dims[i] == 0) return;
    for (;;) {
        memcpy(to, (const uint8_t *)src + at * (int64_t)width, width);
        to += width;
        unsigned i = rank;
        for (; i-- > 0;) {
            at += strides[i];
            if (++index[i] < dims[i]) break;
            at -= strides[i] * dims[i];
            index[i] = 0;
        }
        if (i == UINT_MAX) return; /* every axis turned over */
    }
}

bool wfc_fe_broadcast(uint8_t ra, const int64_t *a, uint8_t rb, const int64_t *b, uint8_t *rank, int64_t *dims) {
    *rank = ra > rb ? ra : rb;
    for (unsigned i = 0; i < *rank; i++) {
        int64_t x = i < ra ? a[ra - 1 - i] : 1, y = i < rb ? b[rb - 1 - i] : 1;
        if (x != y && x != 1 && y != 1) return false;
        dims[*rank - 1 - i] = x == 1 ? y : x;
    }
    return true;
}

int64_t wfc_fe_get_int(const wfc_fe_const *t, uint64_t i) {
    switch (t->dtype) {
    case WFC_I64:
    case WFC_U64: return ((const int64_t *)t->bytes)[i];
    case WFC_I32: return ((const int32_t *)t->bytes)[i];
    case WFC_U32: return ((const uint32_t *)t->bytes)[i];
    case WFC_I16: return ((const int16_t *)t->bytes)[i];
    case WFC_U16: return ((const uint16_t *)t->bytes)[i];
    case WFC_I8: return ((const int8_t *)t->bytes)[i];
    default: return ((const uint8_t *)t->bytes)[i];
    }
}

void wfc_fe_put_int(wfc_dtype t, void *bytes, uint64_t i, int64_t v) {
    switch (wfc_dtype_bytes(t)) {
    case 8: ((int64_t *)bytes)[i] = v; break;
    case 4: ((uint32_t *)bytes)[i] = (uint32_t)v; break;
    case 2: ((uint16_t *)bytes)[i] = (uint16_t)v; break;
    default: ((uint8_t *)bytes)[i] = (uint8_t)v; break;
    }
}
