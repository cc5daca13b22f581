/* Outputs against recorded references, and top-1 accuracy. */
#ifndef WFC_HOST_COMPARE_H
#define WFC_HOST_COMPARE_H

#include "support/tensor.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An element fails when |y - ref| > atol + rtol |ref| or, with use_rel_max, when |y - ref| > rel_max * max |ref| (the
 * largest finite |ref| of this call). NaN must meet NaN and an infinity the same infinity. Integers and bools must be
 * equal, whatever the tolerance. */
typedef struct wfc_tolerance {
    double rtol, atol, rel_max;
    bool use_rel_max;
} wfc_tolerance;
#define WFC_TOLERANCE_DEFAULT ((wfc_tolerance){.rtol = 1e-3, .atol = 1e-7})

/* Zero-initialise, then accumulate over calls (samples). */
typedef struct wfc_comparison {
    uint64_t elements, failed;
    uint64_t first_failed; /* element number over all calls, when failed > 0 */
    double first_found, first_expected;
    double max_abs, max_rel; /* over elements where both are finite; max_rel where ref != 0 */
    double max_ref;          /* largest finite |ref| over all calls */
    double max_abs_over_ref; /* largest per-call max |y - ref| / max |ref| */
} wfc_comparison;

/* Compares n elements of one type. */
void wfc_compare(wfc_dtype dtype, const void *found, const void *expected, size_t n, const wfc_tolerance *tol,
                 wfc_comparison *c);

/* Index of the first largest of n elements, or -1 when n is 0 or one of them is NaN. */
ptrdiff_t wfc_argmax(wfc_dtype dtype, const void *data, size_t n);

#endif
