#include "runtime/host/compare.h"

#include <math.h>
#include <string.h>

static double largest_finite(wfc_dtype t, const void *data, size_t n) {
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double v = fabs(wfc_dtype_get(t, data, i));
        if (isfinite(v) && v > largest) largest = v;
    }
    return largest;
}

/* True when the pair passes; the sums of the comparison are updated for finite pairs. */
static bool pair_passes(double y, double ref, bool exact, double limit, wfc_comparison *c, double *call_max) {
    if (isnan(y) || isnan(ref)) return isnan(y) && isnan(ref);
    if (isinf(y) || isinf(ref)) return y == ref;
    double difference = fabs(y - ref);
    if (difference > c->max_abs) c->max_abs = difference;
    if (difference > *call_max) *call_max = difference;
    if (ref != 0 && difference / fabs(ref) > c->max_rel) c->max_rel = difference / fabs(ref);
    return exact ? difference == 0 : difference <= limit;
}

void wfc_compare(wfc_dtype dtype, const void *found, const void *expected, size_t n, const wfc_tolerance *tol,
                 wfc_comparison *c) {
    bool exact = !wfc_dtype_is_float(dtype);
    size_t size = wfc_dtype_bytes(dtype);
    double max_ref = largest_finite(dtype, expected, n), call_max = 0;
    for (size_t i = 0; i < n; i++) {
        double y = wfc_dtype_get(dtype, found, i), ref = wfc_dtype_get(dtype, expected, i);
        double limit = tol->use_rel_max ? tol->rel_max * max_ref : tol->atol + tol->rtol * fabs(ref);
        bool pass = pair_passes(y, ref, exact, limit, c, &call_max);
        /* 64-bit integers lose bits as double: the bytes decide. */
        if (exact && memcmp((const char *)found + i * size, (const char *)expected + i * size, size) != 0) pass = false;
        if (!pass && c->failed++ == 0) {
            c->first_failed = c->elements + i;
            c->first_found = y;
            c->first_expected = ref;
        }
    }
    c->elements += n;
    if (max_ref > c->max_ref) c->max_ref = max_ref;
    if (call_max > 0) {
        double ratio = max_ref > 0 ? call_max / max_ref : INFINITY;
        if (ratio > c->max_abs_over_ref) c->max_abs_over_ref = ratio;
    }
}

ptrdiff_t wfc_argmax(wfc_dtype dtype, const void *data, size_t n) {
    if (n == 0) return -1;
    double best = wfc_dtype_get(dtype, data, 0);
    ptrdiff_t at = 0;
    for (size_t i = 0; i < n; i++) {
        double v = wfc_dtype_get(dtype, data, i);
        if (isnan(v)) return -1;
        if (v > best) best = v, at = (ptrdiff_t)i;
    }
    return at;
}
