#include "fe_compare.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool close_enough(double found, double expected, double rtol) {
    if (isnan(found) || isnan(expected)) return isnan(found) && isnan(expected);
    if (isinf(found) || isinf(expected)) return found == expected;
    return fabs(found - expected) <= 1e-7 + rtol * fabs(expected);
}

bool fe_tensors_agree(const wfc_tensor *found, const wfc_tensor *expected, char *why, size_t size) {
    if (found->dtype != expected->dtype || found->rank != expected->rank ||
        memcmp(found->dims, expected->dims, sizeof found->dims[0] * found->rank) != 0) {
        snprintf(why, size, "element type or shape differs: %s of %u axes, expected %s of %u",
                 wfc_dtype_name((wfc_dtype)found->dtype), found->rank, wfc_dtype_name((wfc_dtype)expected->dtype),
                 expected->rank);
        return false;
    }
    wfc_dtype t = (wfc_dtype)found->dtype;
    uint64_t n = wfc_tensor_elems(found);
    if (!wfc_dtype_is_float(t)) {
        bool same = !n || memcmp(found->data, expected->data, n * wfc_dtype_bytes(t)) == 0;
        if (!same) snprintf(why, size, "integers differ");
        return same;
    }
    for (uint64_t i = 0; i < n; i++) {
        double f = wfc_dtype_get(t, found->data, i), e = wfc_dtype_get(t, expected->data, i);
        if (close_enough(f, e, t == WFC_F16 || t == WFC_BF16 ? 2e-2 : 1e-3)) continue;
        snprintf(why, size, "element %llu is %.9g, expected %.9g", (unsigned long long)i, f, e);
        return false;
    }
    return true;
}
