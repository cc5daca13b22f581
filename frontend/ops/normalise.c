/* Normalisations as composites: LayerNormalization, RMSNormalization, InstanceNormalization, GroupNormalization,
 * MeanVarianceNormalization, LpNormalization, LRN. The variance is the mean of (x - mean)^2, which does not cancel as
 * the difference of two large numbers would. */
#include "frontend/convert.h"
#include <string.h>

static double count_of(const wfc_shape *s, uint32_t axes) {
    double count = 1;
    for (unsigned i = 0; i < s->rank; i++)
        if (axes >> i & 1) count *= (double)s->dims[i];
    return count;
}

/* Mean over the axes, which keep extent 1. */
static wfc_status mean_of(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_value x, uint32_t axes, wfc_value *out) {
    const double share = 1 / count_of(&wfc_ir_node_c(c->g, x)->shape, axes);
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, x, WFC_RED_SUM, axes, true, out));
    return wfc_fe_map_params(c, n, WFC_F32, "mul(a,P)", &share, out, 1, out);
}

typedef struct moments {
    wfc_value mean, centred, variance;
} moments;

static wfc_status moments_of(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_value x, uint32_t axes, moments *m) {
    wfc_value in[2] = {x}, square;
    WFC_TRY(mean_of(c, n, x, axes, &m->mean));
    in[1] = m->mean;
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "sub(a,b)", in, 2, &m->centred));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "mul(a,a)", &m->centred, 1, &square));
    return mean_of(c, n, square, axes, &m->variance);
}

/* (x - mean) / sqrt(variance + epsilon); *inverse, where it is asked for, the factor. */
static wfc_status standardise(wfc_fe_ctx *c, const wfc_fe_node *n, moments *m, double epsilon, wfc_value *inverse,
                              wfc_value *out) {
    wfc_value in[2] = {m->centred};
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "recip(sqrt(add(a,P)))", &epsilon, &m->variance, 1, &in[1]));
    if (inverse) *inverse = in[1];
    return wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "mul(a,b)", in, 2, out);
}

/* y * scale [+ bias], inputs 1 and 2 under the shape `dims`. */
static wfc_status scale_and_shift(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value y, uint8_t rank, const int64_t *dims,
                                  wfc_value *out) {
    wfc_value in[3] = {y};
    bool shift = wfc_fe_input(c, n, 2) != NULL;
    WFC_TRY(wfc_fe_ir_input_as(c, n, 1, rank, dims, &in[1]));
    if (shift) WFC_TRY(wfc_fe_ir_input_as(c, n, 2, rank, dims, &in[2]));
    return wfc_fe_map(c, n, shift ? "add(mul(a,b),c)" : "mul(a,b)", in, shift ? 3 : 2, out);
}

/* Inputs 1 and (where given) 2 hold one number for each of `count` channels. */
static wfc_status check_vectors(wfc_fe_ctx *c, wfc_fe_node *n, int64_t count) {
    for (unsigned k = 1; k < 3; k++) {
        uint8_t rank;
        int64_t dims[WFC_IR_MAX_RANK];
        if (!wfc_fe_input(c, n, k)) continue;
        wfc_fe_shape(c, wfc_fe_input(c, n, k), &rank, dims);
        if (rank != 1 || dims[0] != count)
            return wfc_fe_invalid(c, n, "input %u is no vector of %lld elements", k, (long long)count);
    }
    return WFC_OK;
}

/* From attribute axis on all axes are normalised; scale and bias broadcast to the input. */
static wfc_status read_last_axes(wfc_fe_ctx *c, wfc_fe_node *n, uint32_t *axes) {
    uint8_t rank, rs, all_rank;
    unsigned axis;
    int64_t dims[WFC_IR_MAX_RANK], ds[WFC_IR_MAX_RANK], all[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", -1), rank, false, &axis));
    *axes = (1u << rank) - (1u << axis);
    for (unsigned k = 1; k < 3; k++) {
        if (!wfc_fe_input(c, n, k)) continue;
        wfc_fe_shape(c, wfc_fe_input(c, n, k), &rs, ds);
        if (!wfc_fe_broadcast(rank, dims, rs, ds, &all_rank, all) || all_rank != rank ||
            memcmp(all, dims, sizeof *dims * rank) != 0)
            return wfc_fe_invalid(c, n, "input %u does not broadcast to the input", k);
    }
    return WFC_OK;
}

static wfc_status convert_layer_norm(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint32_t axes;
    moments m;
    wfc_value x, y, inverse;
    WFC_TRY(read_last_axes(c, n, &axes));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(moments_of(c, n, x, axes, &m));
    WFC_TRY(standardise(c, n, &m, (double)wfc_fe_attr_float(n, "epsilon", 1e-5f), &inverse, &y));
    wfc_value in[3] = {y};
    bool shift = wfc_fe_input(c, n, 2) != NULL;
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &in[1]));
    if (shift) WFC_TRY(wfc_fe_ir_input(c, n, 2, &in[2]));
    WFC_TRY(wfc_fe_map(c, n, shift ? "add(mul(a,b),c)" : "mul(a,b)", in, shift ? 3 : 2, &y));
    WFC_TRY(wfc_fe_set_ir(c, n, 0, y));
    WFC_TRY(wfc_fe_set_typed(c, n, 1, WFC_F32, m.mean));
    return wfc_fe_set_typed(c, n, 2, WFC_F32, inverse);
}

/* x / sqrt(mean of x^2 + epsilon) * scale */
static wfc_status convert_rms_norm(wfc_fe_ctx *c, wfc_fe_node *n) {
    const double epsilon = (double)wfc_fe_attr_float(n, "epsilon", 1e-5f);
    uint32_t axes;
    wfc_value in[3], square, y;
    WFC_TRY(read_last_axes(c, n, &axes));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &in[2]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "mul(a,a)", in, 1, &square));
    WFC_TRY(mean_of(c, n, square, axes, &square));
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "recip(sqrt(add(a,P)))", &epsilon, &square, 1, &in[1]));
    WFC_TRY(wfc_fe_map(c, n, "mul(mul(a,b),c)", in, 3, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status convert_instance_norm(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], per_channel[WFC_IR_MAX_RANK];
    moments m;
    wfc_value x, y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank < 3) return wfc_fe_invalid(c, n, "the input has %u axes, expected at least 3", rank);
    WFC_TRY(check_vectors(c, n, dims[1]));
    per_channel[0] = dims[1];
    for (unsigned i = 1; i + 1 < rank; i++) per_channel[i] = 1;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(moments_of(c, n, x, (1u << rank) - 4u, &m));
    WFC_TRY(standardise(c, n, &m, (double)wfc_fe_attr_float(n, "epsilon", 1e-5f), NULL, &y));
    WFC_TRY(scale_and_shift(c, n, y, (uint8_t)(rank - 1), per_channel, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

/* Scale and bias are per group in operator sets 18 to 20, per channel from 21 on. */
static wfc_status convert_group_norm(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], groups = wfc_fe_attr_int(n, "num_groups", 0), per[WFC_IR_MAX_RANK];
    moments m;
    wfc_value x, y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank < 2) return wfc_fe_invalid(c, n, "the input has %u axes, expected at least 2", rank);
    if (groups < 1 || dims[1] % groups)
        return wfc_fe_invalid(c, n, "%lld groups of %lld channels", (long long)groups, (long long)dims[1]);
    bool by_group = n->opset < 21;
    WFC_TRY(check_vectors(c, n, by_group ? groups : dims[1]));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    wfc_shape full = wfc_ir_node_c(c->g, x)->shape;
    uint64_t elems = wfc_shape_elems(&full);
    wfc_shape grouped = {
        .rank = 3, .dims = {full.dims[0], (uint32_t)groups, (uint32_t)(elems / (full.dims[0] * (uint64_t)groups))}};
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &grouped, &x));
    WFC_TRY(moments_of(c, n, x, 1u << 2, &m));
    WFC_TRY(standardise(c, n, &m, (double)wfc_fe_attr_float(n, "epsilon", 1e-5f), NULL, &y));
    per[0] = by_group ? groups : dims[1];
    for (unsigned i = 1; i < WFC_IR_MAX_RANK; i++) per[i] = 1;
    if (!by_group) WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, y, &full, &y));
    WFC_TRY(scale_and_shift(c, n, y, by_group ? 2 : (uint8_t)(rank - 1), per, &y));
    if (by_group) WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, y, &full, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

/* ONNX divides by the deviation plus 1e-9. */
static wfc_status convert_mean_variance(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    uint32_t axes;
    size_t count;
    bool given;
    moments m;
    wfc_value in[2], y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(wfc_fe_axes(c, n, WFC_FE_NEWEST_OPSET + 1, rank, &axes, &count, &given));
    if (!given) axes = 0xd & ((1u << rank) - 1);
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    WFC_TRY(moments_of(c, n, in[0], axes, &m));
    in[0] = m.centred, in[1] = m.variance;
    WFC_TRY(wfc_fe_map(c, n, "div(a,add(sqrt(b),1e-9))", in, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status convert_lp_norm(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    unsigned axis;
    int64_t dims[WFC_IR_MAX_RANK], p = wfc_fe_attr_int(n, "p", 2);
    wfc_value in[2], y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", -1), rank, false, &axis));
    if (p != 1 && p != 2) return wfc_fe_invalid(c, n, "p is %lld, expected 1 or 2", (long long)p);
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, p == 1 ? "abs(a)" : "mul(a,a)", in, 1, &in[1]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, in[1], WFC_RED_SUM, 1u << axis, true, &in[1]));
    /* a norm of 0 gives 0 */
    WFC_TRY(wfc_fe_map(c, n, p == 1 ? "select(b,div(a,b),0)" : "select(b,div(a,sqrt(b)),0)", in, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

/* The sum of squares over `size` channels around each, then a power. */
static wfc_status convert_lrn(wfc_fe_ctx *c, wfc_fe_node *n) {
    static const char out_letters[] = "abcdefgh";
    wfc_value in[2], y;
    wfc_space s = {0};
    int64_t size = wfc_fe_attr_int(n, "size", 0);
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    const wfc_shape shape = wfc_ir_node_c(c->g, in[0])->shape;
    if (shape.rank < 2) return wfc_fe_invalid(c, n, "the input has no channels");
    if (size < 1 || size > 1 << 20) return wfc_fe_invalid(c, n, "a size of %lld", (long long)size);
    for (unsigned i = 0; i < shape.rank; i++) s.a[i].coef[wfc_fe_space_var(&s, out_letters[i], shape.dims[i])] = 1;
    s.out_rank = s.index_count;
    s.a[1].coef[wfc_fe_space_var(&s, 'w', (uint32_t)size)] = 1;
    s.a[1].offset = (int32_t) - ((size - 1) / 2);
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "mul(a,a)", in, 1, &in[1]));
    WFC_TRY(wfc_ir_add_reduce(c->g, c->diag, NULL, in[1], WFC_RED_SUM, &s, &in[1]));
    const double params[] = {(double)wfc_fe_attr_float(n, "alpha", 1e-4f) / (double)size,
                             (double)wfc_fe_attr_float(n, "bias", 1), (double)wfc_fe_attr_float(n, "beta", 0.75f)};
    WFC_TRY(wfc_fe_map_params(c, n, (wfc_dtype)c->result, "div(a,pow(add(Q,mul(b,P)),R))", params, in, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

#define NORM(suffix, name, since, least, most, outs, attributes)                                                       \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, since, WFC_FE_NEWEST_OPSET, ""},                                  \
                                          least,                                                                       \
                                          most,                                                                        \
                                          outs,                                                                        \
                                          0,                                                                           \
                                          attributes,                                                                  \
                                          convert_##suffix,                                                            \
                                          WFC_FE_FLOATS};
NORM(layer_norm, "LayerNormalization", 1, 2, 3, 3, "axis:i epsilon:f stash_type:i")
NORM(rms_norm, "RMSNormalization", 23, 2, 2, 1, "axis:i epsilon:f stash_type:i")
NORM(instance_norm, "InstanceNormalization", 1, 3, 3, 1, "epsilon:f consumed_inputs:I")
NORM(group_norm, "GroupNormalization", 18, 3, 3, 1, "epsilon:f num_groups:i stash_type:i")
NORM(mean_variance, "MeanVarianceNormalization", 9, 1, 1, 1, "axes:I")
NORM(lp_norm, "LpNormalization", 1, 1, 1, 1, "axis:i p:i")
NORM(lrn, "LRN", 1, 1, 1, 1, "alpha:f beta:f bias:f size:i")
