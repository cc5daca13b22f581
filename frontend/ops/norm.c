/* BatchNormalization as at inference: y = (x - mean) * scale / sqrt(var + epsilon) + bias, per channel. With constants,
 * as in every exported model, that is x * factor + shift, which scalefold brings into the weights of a Conv or Gemm. */
#include "frontend/convert.h"
#include "ir/fn.h"
#include <math.h>
#include <string.h>

enum { SCALE = 1, BIAS, MEAN, VARIANCE, INPUTS };

static wfc_status check_mode(wfc_fe_ctx *c, wfc_fe_node *n) {
    bool trains = n->opset < 7    ? !wfc_fe_attr_int(n, "is_test", 0)
                  : n->opset < 14 ? false /* the number of outputs says so, and one is the most we take */
                                  : wfc_fe_attr_int(n, "training_mode", 0) != 0;
    if (trains) return wfc_fe_unsupported(c, n, "it is in training mode");
    if (n->opset < 9 && !wfc_fe_attr_int(n, "spatial", 1))
        return wfc_fe_unsupported(c, n, "statistics per element (spatial = 0)");
    return WFC_OK;
}

/* The four inputs have one element per channel. */
static wfc_status check_shapes(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t rank, int64_t channels) {
    for (unsigned k = SCALE; k < INPUTS; k++) {
        uint8_t r;
        int64_t d[WFC_IR_MAX_RANK];
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        if (!v) return wfc_fe_invalid(c, n, "input %u may not be left out", k);
        wfc_fe_shape(c, v, &r, d);
        if (r != 1 || d[0] != channels)
            return wfc_fe_invalid(c, n, "input %u has not one element for each of the %lld channels", k,
                                  (long long)channels);
    }
    if (rank > WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "more than 8 axes");
    return WFC_OK;
}

static bool statistics_known(const wfc_fe_ctx *c, const wfc_fe_node *n) {
    for (unsigned k = SCALE; k < INPUTS; k++) {
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        if (v->state != WFC_FE_CONST || v->konst.dtype != WFC_F32) return false;
    }
    return true;
}

/* factor and shift as constants [channels, 1, 1, ..]; the shift belongs to the factor as it is rounded. */
static wfc_status add_factor(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_shape *shape, double epsilon, wfc_value *out) {
    const float *in[INPUTS];
    wfc_fe_const t[2];
    void *bytes[2];
    int64_t channels = shape->dims[0];
    for (unsigned k = SCALE; k < INPUTS; k++) in[k] = wfc_fe_input(c, n, k)->konst.bytes;
    for (unsigned k = 0; k < 2; k++) WFC_TRY(wfc_fe_new_const(c, n, WFC_F32, 1, &channels, &t[k], &bytes[k]));
    float *factor = bytes[0], *shift = bytes[1];
    for (int64_t i = 0; i < channels; i++) {
        factor[i] = (float)((double)in[SCALE][i] / sqrt((double)in[VARIANCE][i] + epsilon));
        shift[i] = (float)((double)in[BIAS][i] - (double)in[MEAN][i] * (double)factor[i]);
    }
    for (unsigned k = 0; k < 2; k++) {
        WFC_TRY(wfc_ir_add_const(c->g, c->diag, NULL, WFC_F32, shape, t[k].bytes, false, &out[k]));
        WFC_TRY(wfc_ir_add_loc(c->g, out[k], n->loc));
    }
    return WFC_OK;
}

static wfc_status convert_batchnorm(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], per_channel[WFC_IR_MAX_RANK];
    wfc_value x[INPUTS], y;
    wfc_shape shape;
    double epsilon = (double)wfc_fe_attr_float(n, "epsilon", 1e-5f);
    WFC_TRY(check_mode(c, n));
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank < 1) return wfc_fe_invalid(c, n, "the input is a scalar");
    int64_t channels = rank > 1 ? dims[1] : 1; /* without a channel axis there is one channel, as ONNX says */
    WFC_TRY(check_shapes(c, n, rank, channels));
    uint8_t r = rank > 1 ? (uint8_t)(rank - 1) : 1;
    per_channel[0] = channels;
    for (unsigned i = 1; i < r; i++) per_channel[i] = 1;
    WFC_TRY(wfc_fe_ir_shape(c, n, r, per_channel, &shape));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    if (statistics_known(c, n)) {
        WFC_TRY(add_factor(c, n, &shape, epsilon, x + 1));
        WFC_TRY(wfc_fe_map(c, n, "add(mul(a,b),c)", x, 3, &y));
        return wfc_fe_set_ir(c, n, 0, y);
    }
    for (unsigned k = SCALE; k < INPUTS; k++) WFC_TRY(wfc_fe_ir_input_as(c, n, k, r, per_channel, &x[k]));
    wfc_expr_node e[] = {
        {.fn = WFC_FN_ARG, .index = 0},        {.fn = WFC_FN_ARG, .index = SCALE},
        {.fn = WFC_FN_ARG, .index = BIAS},     {.fn = WFC_FN_ARG, .index = MEAN},
        {.fn = WFC_FN_ARG, .index = VARIANCE}, {.fn = WFC_FN_CONST, .value = epsilon},
        {.fn = WFC_FN_ADD, .args = {4, 5, 0}}, {.fn = WFC_FN_SQRT, .args = {6, 0, 0}},
        {.fn = WFC_FN_DIV, .args = {1, 7, 0}}, {.fn = WFC_FN_SUB, .args = {0, 3, 0}},
        {.fn = WFC_FN_MUL, .args = {9, 8, 0}}, {.fn = WFC_FN_ADD, .args = {10, 2, 0}},
    };
    WFC_TRY(wfc_fe_map_expr(c, n, e, sizeof e / sizeof e[0], x, INPUTS, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_batchnorm = {
    {"", "BatchNormalization", 1, WFC_FE_NEWEST_OPSET, "not in training mode; statistics per channel"},
    5,
    5,
    1,
    0,
    "epsilon:f momentum:f is_test:i spatial:i training_mode:i consumed_inputs:I",
    convert_batchnorm,
    WFC_FE_FLOATS};
