/* Shape curves of kernels, as arrays. Not for use outside backend/place. */
#ifndef WFC_BACKEND_PLACE_KCURVE_H
#define WFC_BACKEND_PLACE_KCURVE_H

#include "backend/place/kgraph.h"

enum { WFC_BE_CURVE_COLS, WFC_BE_CURVE_ROWS }; /* columns for given rows; rows for given columns */
enum { WFC_BE_CURVE_CAP = 16383 };             /* impossible; two of them still fit an int16_t */

/* Curves of one type of kernel at one time; either way up. pick[cols or rows] is 2 x index in shapes + turned. */
typedef struct wfc_be_leaf_curve {
    int16_t *curve[2]; /* [length] */
    uint16_t *pick;    /* [height + 1] shape of curve[WFC_BE_CURVE_COLS] */
    wfc_be_kshapes shapes;
    double time; /* of the step: no shape is slower */
} wfc_be_leaf_curve;

/* Curves by step, made when first asked for. Step s stands for the time first x ratio^s; from half of the steps on,
 * where only graphs of few and coarse kernels come, times grow by 1 %. */
typedef struct wfc_be_leaf_curves {
    const wfc_be_kgraph *g;
    double first, ratio;
    uint32_t steps,
        length;         /* of a curve: indices 0 .. length - 1 hold rows up to the height, columns up to most_cols */
    uint32_t most_cols; /* somewhat more than the mesh has: on the way a plan may be too wide */
    wfc_be_leaf_curve **made; /* [step] -> [type] or NULL */
} wfc_be_leaf_curves;
WFC_MUST_USE wfc_status wfc_be_leaf_curves_init(wfc_be_leaf_curves *c, const wfc_be_kgraph *g, double first,
                                                double ratio, uint32_t steps);
void wfc_be_leaf_curves_deinit(wfc_be_leaf_curves *c);
/* [type] at a step; NULL when out of memory. */
const wfc_be_leaf_curve *wfc_be_leaf_curves_at(wfc_be_leaf_curves *c, uint32_t step);

/* out[i] = the sum, at most the cap. `length` is a multiple of 16. */
void wfc_be_curve_add(const int16_t *a, const int16_t *b, uint32_t length, int16_t *out);
/* out[i] = the least of itself and the sum. */
void wfc_be_curve_add_least(const int16_t *x, const int16_t *y, uint32_t length, int16_t *out);
/* All impossible. */
void wfc_be_curve_clear(int16_t *out, uint32_t length);
/* out[v] = least i >= 1 with in[i] <= v, for i <= n_in and v <= n_out; the cap where there is none. */
void wfc_be_curve_invert(const int16_t *in, uint32_t n_in, int16_t *out, uint32_t n_out, uint32_t length);

#endif
