/* Resize and Upsample, one axis after the other. Along an axis every result is a weighted sum of a few elements, with
 * weights that are known: a contract with a constant matrix [result, input]. Nearest picks elements: a view where each
 * is repeated equally often, views side by side for few runs, else a matrix of ones (then an infinity or a NaN in the
 * input reaches the whole axis, as it does in every contract). */
#include "frontend/convert.h"
#include <math.h>
#include <string.h>

typedef enum resize_mode { NEAREST, LINEAR, CUBIC } resize_mode;

typedef struct resize {
    uint8_t rank;
    int64_t in[WFC_IR_MAX_RANK], out[WFC_IR_MAX_RANK];
    double scale[WFC_IR_MAX_RANK], start[WFC_IR_MAX_RANK], end[WFC_IR_MAX_RANK]; /* start, end: of the region */
    resize_mode mode;
    const char *transform, *nearest;
    double cubic_a, extrapolation;
    bool exclude_outside, crops;
} resize;

enum { MAX_MATRIX = 1 << 24, MAX_RUNS_TAKEN = 64 };

/* --- coordinates ---------------------------------------------------------------------------------------------------
 */

static double source_of(const resize *r, unsigned axis, int64_t x) {
    /* ONNX's reference counts with the length before it is rounded down */
    double in = (double)r->in[axis], s = r->scale[axis], out = in * s, at = (double)x;
    const char *t = r->transform;
    if (!strcmp(t, "asymmetric")) return at / s;
    if (!strcmp(t, "align_corners")) return out > 1 ? at * (in - 1) / (out - 1) : 0;
    if (!strcmp(t, "tf_half_pixel_for_nn")) return (at + 0.5) / s;
    if (!strcmp(t, "pytorch_half_pixel") && out <= 1) return 0;
    if (!strcmp(t, "half_pixel_symmetric")) return in / 2 * (1 - (double)r->out[axis] / out) + (at + 0.5) / s - 0.5;
    if (r->crops)
        return out > 1 ? r->start[axis] * (in - 1) + at * (r->end[axis] - r->start[axis]) * (in - 1) / (out - 1)
                       : 0.5 * (r->start[axis] + r->end[axis]) * (in - 1);
    return (at + 0.5) / s - 0.5;
}

static int64_t clamp(int64_t v, int64_t n) {
    return v < 0 ? 0 : v >= n ? n - 1 : v;
}

static int64_t nearest_of(const resize *r, double x, int64_t n) {
    double at = !strcmp(r->nearest, "round_prefer_floor")  ? ceil(x - 0.5)
                : !strcmp(r->nearest, "round_prefer_ceil") ? floor(x + 0.5)
                : !strcmp(r->nearest, "floor")             ? floor(x)
                                                           : ceil(x);
    return at < 0 ? 0 : at > (double)n ? n - 1 : clamp((int64_t)at, n);
}

static double cubic_weight(double t, double a) {
    t = fabs(t);
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* Adds the weights of one result to row[in]. */
static void fill_row(const resize *r, unsigned axis, int64_t x, float *row) {
    int64_t n = r->in[axis];
    double at = source_of(r, axis, x), sum = 0, w[4];
    if (r->mode == NEAREST) {
        row[nearest_of(r, at, n)] = 1;
        return;
    }
    if (!(at > -1e9 && at < 1e9)) return;
    int64_t first = (int64_t)floor(at) - (r->mode == CUBIC);
    int taps = r->mode == CUBIC ? 4 : 2;
    for (int k = 0; k < taps; k++) {
        double t = at - (double)(first + k);
        bool outside = first + k < 0 || first + k >= n;
        w[k] = r->mode == CUBIC ? cubic_weight(t, r->cubic_a) : 1 - fabs(t);
        if (r->exclude_outside && outside) w[k] = 0;
        sum += w[k];
    }
    for (int k = 0; k < taps; k++)
        row[clamp(first + k, n)] += (float)(r->exclude_outside && sum != 0 ? w[k] / sum : w[k]);
}

/* --- attributes and inputs -----------------------------------------------------------------------------------------
 */

static const char *one_of(const wfc_fe_node *n, const char *name, const char *const *list, const char *fallback) {
    if (!wfc_fe_attr(n, name)) return fallback;
    for (unsigned i = 0; list[i]; i++)
        if (wfc_fe_attr_is(n, name, list[i])) return list[i];
    return NULL;
}

static wfc_status read_modes(wfc_fe_ctx *c, wfc_fe_node *n, resize *r) {
    static const char *const modes[] = {"nearest", "linear", "bilinear", "cubic", NULL};
    static const char *const transforms[] = {
        "half_pixel",           "pytorch_half_pixel", "align_corners",        "asymmetric",
        "tf_half_pixel_for_nn", "tf_crop_and_resize", "half_pixel_symmetric", NULL};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
    bool old = n->opset < 11 || !strcmp(n->proto->op_type, "Upsample");
    const char *mode = one_of(n, "mode", modes, "nearest");
    r->transform = one_of(n, "coordinate_transformation_mode", transforms, old ? "asymmetric" : "half_pixel");
    r->nearest = one_of(n, "nearest_mode", nearest, old ? "floor" : "round_prefer_floor");
    if (!mode || !r->transform || !r->nearest)
        return wfc_fe_invalid(c, n, "an unknown mode, nearest_mode or coordinate_transformation_mode");
    r->mode = !strcmp(mode, "nearest") ? NEAREST : !strcmp(mode, "cubic") ? CUBIC : LINEAR;
    r->crops = !strcmp(r->transform, "tf_crop_and_resize");
    r->cubic_a = (double)wfc_fe_attr_float(n, "cubic_coeff_a", -0.75f);
    r->extrapolation = (double)wfc_fe_attr_float(n, "extrapolation_value", 0);
    r->exclude_outside = wfc_fe_attr_int(n, "exclude_outside", 0) != 0;
    if (wfc_fe_attr_int(n, "antialias", 0)) return wfc_fe_unsupported(c, n, "antialias");
    if (!isfinite(r->cubic_a) || !isfinite(r->extrapolation))
        return wfc_fe_unsupported(c, n, "an attribute that is not finite");
    return WFC_OK;
}

/* Numbers of input k for the axes listed (all when there are none); *given false when it is left out or empty. */
static wfc_status per_axis(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const resize *r, const unsigned *axes,
                           size_t axis_count, unsigned times, double *out, bool *given) {
    const wfc_fe_const *t;
    *given = false;
    WFC_TRY(wfc_fe_const_input(c, n, k, &t));
    if (!t || t->elems == 0) return WFC_OK;
    if (t->elems != axis_count * times)
        return wfc_fe_invalid(c, n, "input %u has %llu elements, expected %zu", k, (unsigned long long)t->elems,
                              axis_count * times);
    for (size_t i = 0; i < axis_count; i++)
        for (unsigned j = 0; j < times; j++) {
            double v = wfc_dtype_get((wfc_dtype)t->dtype, t->bytes, j * axis_count + i);
            if (!isfinite(v)) return wfc_fe_invalid(c, n, "input %u holds a number that is not finite", k);
            out[j * WFC_IR_MAX_RANK + axes[i]] = v;
        }
    (void)r;
    *given = true;
    return WFC_OK;
}

static wfc_status set_extents(wfc_fe_ctx *c, wfc_fe_node *n, resize *r, const unsigned *axes, size_t count,
                              const double *scales, const double *sizes) {
    bool larger = wfc_fe_attr_is(n, "keep_aspect_ratio_policy", "not_smaller");
    bool keeps = larger || wfc_fe_attr_is(n, "keep_aspect_ratio_policy", "not_larger");
    double all = larger ? 0 : HUGE_VAL;
    for (size_t i = 0; i < count && sizes; i++) {
        double s = sizes[axes[i]] / (double)r->in[axes[i]];
        all = larger ? fmax(all, s) : fmin(all, s);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned a = axes[i];
        double in = (double)r->in[a], out = sizes ? (keeps ? floor(all * in + 0.5) : sizes[a]) : floor(in * scales[a]);
        if (!(out >= 1 && out <= INT32_MAX)) return wfc_fe_invalid(c, n, "axis %u gets %g elements", a, out);
        r->out[a] = (int64_t)out;
        r->scale[a] = !sizes ? scales[a] : keeps ? all : out / in;
    }
    return WFC_OK;
}

static wfc_status listed_axes(wfc_fe_ctx *c, wfc_fe_node *n, const resize *r, unsigned *axes, size_t *count) {
    const int64_t *list = wfc_fe_attr_ints(n, "axes", count);
    if (!list) *count = r->rank;
    if (*count > r->rank) return wfc_fe_invalid(c, n, "more axes than the input has");
    for (size_t i = 0; i < *count; i++) {
        axes[i] = (unsigned)i;
        if (list) WFC_TRY(wfc_fe_axis(c, n, list[i], r->rank, false, &axes[i]));
    }
    return WFC_OK;
}

/* Operator sets 7 and 8 have Upsample's scales as an attribute; Resize has inputs X, roi, scales, sizes from 11 on, X
 * and scales before. */
static wfc_status read_inputs(wfc_fe_ctx *c, wfc_fe_node *n, resize *r) {
    double scales[WFC_IR_MAX_RANK] = {0}, sizes[WFC_IR_MAX_RANK] = {0}, roi[2 * WFC_IR_MAX_RANK] = {0};
    unsigned axes[WFC_IR_MAX_RANK];
    size_t count;
    bool has_scales = false, has_sizes = false, has_roi = false;
    bool upsample = !strcmp(n->proto->op_type, "Upsample");
    WFC_TRY(listed_axes(c, n, r, axes, &count));
    if (upsample && n->opset < 9) {
        const Onnx__AttributeProto *a = wfc_fe_attr(n, "scales");
        has_scales = a && a->n_floats == count;
        for (size_t i = 0; i < count && has_scales; i++) scales[i] = (double)a->floats[i];
    } else {
        bool old = upsample || n->opset < 11;
        WFC_TRY(per_axis(c, n, old ? 1 : 2, r, axes, count, 1, scales, &has_scales));
        if (!old) WFC_TRY(per_axis(c, n, 3, r, axes, count, 1, sizes, &has_sizes));
        if (!old && r->crops) WFC_TRY(per_axis(c, n, 1, r, axes, count, 2, roi, &has_roi));
    }
    if (has_scales == has_sizes) return wfc_fe_invalid(c, n, "expected either scales or sizes, one per axis");
    if (r->crops && !has_roi) return wfc_fe_invalid(c, n, "tf_crop_and_resize without a region (roi)");
    for (unsigned i = 0; i < r->rank; i++) r->end[i] = 1;
    for (size_t i = 0; i < count && r->crops; i++)
        r->start[axes[i]] = roi[axes[i]], r->end[axes[i]] = roi[WFC_IR_MAX_RANK + axes[i]];
    return set_extents(c, n, r, axes, count, scales, has_sizes ? sizes : NULL);
}

/* --- one axis ------------------------------------------------------------------------------------------------------
 */

static wfc_status by_matrix(wfc_fe_ctx *c, wfc_fe_node *n, const resize *r, unsigned axis, wfc_value x,
                            wfc_value *out) {
    static const char letters[] = "abcdefgh";
    const wfc_shape in = wfc_ir_node_c(c->g, x)->shape;
    const int64_t dims[] = {r->out[axis], r->in[axis]};
    wfc_shape shape;
    wfc_fe_const t;
    wfc_value matrix;
    void *bytes;
    wfc_space s = {0};
    if (dims[0] * dims[1] > MAX_MATRIX) return wfc_fe_unsupported(c, n, "a matrix of more than %d weights", MAX_MATRIX);
    WFC_TRY(wfc_fe_ir_shape(c, n, 2, dims, &shape));
    WFC_TRY(wfc_fe_new_const(c, n, WFC_F32, 2, dims, &t, &bytes));
    for (int64_t i = 0; i < dims[0]; i++) fill_row(r, axis, i, (float *)bytes + i * dims[1]);
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, NULL, WFC_F32, &shape, t.bytes, false, &matrix));
    WFC_TRY(wfc_ir_add_loc(c->g, matrix, n->loc));
    for (unsigned i = 0; i < in.rank; i++) {
        unsigned v = wfc_fe_space_var(&s, letters[i], i == axis ? (uint32_t)dims[0] : in.dims[i]);
        if (i == axis)
            s.b[0].coef[v] = 1;
        else
            s.a[i].coef[v] = 1;
    }
    s.out_rank = s.index_count;
    unsigned sum = wfc_fe_space_var(&s, 'r', in.dims[axis]);
    s.a[axis].coef[sum] = s.b[1].coef[sum] = 1;
    return wfc_fe_contract(c, n, x, matrix, &s, out);
}

/* Every element `times` times. */
static wfc_status repeat(wfc_fe_ctx *c, wfc_fe_node *n, unsigned axis, int64_t times, wfc_value x, wfc_value *out) {
    const wfc_shape in = wfc_ir_node_c(c->g, x)->shape;
    wfc_shape made = in;
    wfc_view_step step = {.is_index = true};
    made.dims[axis] = in.dims[axis] * (uint32_t)times;
    if (in.rank == WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "8 axes");
    step.shape = (wfc_shape){.rank = (uint8_t)(in.rank + 1)};
    for (unsigned i = 0; i <= in.rank; i++)
        step.shape.dims[i] = i <= axis ? in.dims[i] : i == axis + 1 ? (uint32_t)times : in.dims[i - 1];
    for (unsigned i = 0; i < in.rank; i++) step.in[i].coef[i <= axis ? i : i + 1] = 1;
    WFC_TRY(wfc_ir_add_view(c->g, c->diag, NULL, x, &step, 1, out));
    return wfc_ir_add_reshape(c->g, c->diag, NULL, *out, &made, out);
}

static size_t runs_of(const int64_t *list, size_t count) {
    size_t runs = 0;
    for (size_t i = 0; i < count; runs++) {
        size_t k = i + 1;
        int64_t stride = k < count ? list[k] - list[i] : 1;
        while (k < count && list[k] - list[k - 1] == stride) k++;
        i = k;
    }
    return runs;
}

static wfc_status by_picking(wfc_fe_ctx *c, wfc_fe_node *n, const resize *r, unsigned axis, wfc_value x,
                             wfc_value *out) {
    size_t count = (size_t)r->out[axis];
    int64_t times = r->out[axis] / r->in[axis];
    bool even = times * r->in[axis] == r->out[axis];
    int64_t *list = wfc_calloc(count, sizeof *list);
    if (!list) return wfc_fail_memory(c->diag);
    for (size_t i = 0; i < count; i++) {
        list[i] = nearest_of(r, source_of(r, axis, (int64_t)i), r->in[axis]);
        even = even && list[i] == (int64_t)i / times;
    }
    wfc_status s = even                                     ? repeat(c, n, axis, times, x, out)
                   : runs_of(list, count) <= MAX_RUNS_TAKEN ? wfc_fe_take(c, n, x, axis, list, count, out)
                                                            : by_matrix(c, n, r, axis, x, out);
    wfc_free(list);
    return s;
}

/* Where the region leaves the input: 1, else 0, along an axis. */
static wfc_status extrapolate(wfc_fe_ctx *c, wfc_fe_node *n, const resize *r, unsigned axis, wfc_value *y) {
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_fe_const t;
    wfc_shape shape;
    wfc_value in[2] = {*y};
    void *bytes;
    bool any = false;
    for (unsigned i = 0; i < r->rank; i++) dims[i] = i == axis ? r->out[i] : 1;
    WFC_TRY(wfc_fe_ir_shape(c, n, r->rank, dims, &shape));
    WFC_TRY(wfc_fe_new_const(c, n, WFC_F32, r->rank, dims, &t, &bytes));
    for (int64_t i = 0; i < r->out[axis]; i++) {
        double at = source_of(r, axis, i);
        bool outside = at < 0 || at > (double)(r->in[axis] - 1);
        ((float *)bytes)[i] = outside;
        any |= outside;
    }
    if (!any) return WFC_OK;
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, NULL, WFC_F32, &shape, t.bytes, false, &in[1]));
    WFC_TRY(wfc_ir_add_loc(c->g, in[1], n->loc));
    return wfc_fe_map_params(c, n, (wfc_dtype)c->result, "select(b,P,a)", &r->extrapolation, in, 2, y);
}

static wfc_status convert_resize(wfc_fe_ctx *c, wfc_fe_node *n) {
    resize r = {0};
    wfc_value y;
    wfc_shape ignored;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &r.rank, r.in);
    memcpy(r.out, r.in, sizeof r.out);
    WFC_TRY(read_modes(c, n, &r));
    WFC_TRY(read_inputs(c, n, &r));
    WFC_TRY(wfc_fe_ir_shape(c, n, r.rank, r.out, &ignored));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &y));
    for (unsigned i = 0; i < r.rank; i++) {
        bool same = r.in[i] == r.out[i] && r.scale[i] == 1 && !r.crops;
        if (r.scale[i] == 0 || same) continue; /* 0: an axis that is not listed */
        WFC_TRY(r.mode == NEAREST ? by_picking(c, n, &r, i, y, &y) : by_matrix(c, n, &r, i, y, &y));
    }
    for (unsigned i = 0; i < r.rank && r.crops; i++)
        if (r.scale[i] != 0) WFC_TRY(extrapolate(c, n, &r, i, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_resize = {{"", "Resize", 10, WFC_FE_NEWEST_OPSET, "no antialias"},
                                    1,
                                    4,
                                    1,
                                    7u << 1,
                                    "mode:s coordinate_transformation_mode:s nearest_mode:s cubic_coeff_a:f "
                                    "exclude_outside:i extrapolation_value:f antialias:i axes:I "
                                    "keep_aspect_ratio_policy:s",
                                    convert_resize,
                                    WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_upsample = {
    {"", "Upsample", 7, 9, ""}, 1, 2, 1, 1u << 1, "mode:s scales:F", convert_resize, WFC_FE_FLOATS};
