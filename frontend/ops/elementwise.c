/* Relu, Tanh, Sigmoid, Neg, HardSigmoid, HardSwish, Clip, Dropout: one map each, or the value itself. */
#include "frontend/convert.h"
#include "ir/fn.h"
#include <math.h>
#include <string.h>

/* --- one operand ------------------------------------------------------------------------------------------------- */

static wfc_status unary(wfc_fe_ctx *c, wfc_fe_node *n, const char *expr) {
    wfc_value x, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_map(c, n, expr, &x, 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
static wfc_status convert_relu(wfc_fe_ctx *c, wfc_fe_node *n) {
    return unary(c, n, "max(a,0)");
}
static wfc_status convert_tanh(wfc_fe_ctx *c, wfc_fe_node *n) {
    return unary(c, n, "tanh(a)");
}
static wfc_status convert_sigmoid(wfc_fe_ctx *c, wfc_fe_node *n) {
    return unary(c, n, "sigmoid(a)");
}

/* Integers, which only constants are here, exactly. */
static wfc_status negate_const(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_fe_const *x) {
    wfc_fe_const out;
    void *bytes;
    if (x->dtype == WFC_BOOL) return wfc_fe_invalid(c, n, "a bool operand");
    WFC_TRY(wfc_fe_new_const(c, n, (wfc_dtype)x->dtype, x->rank, x->dims, &out, &bytes));
    for (uint64_t i = 0; i < out.elems; i++) {
        if (wfc_dtype_is_float((wfc_dtype)x->dtype))
            wfc_dtype_set((wfc_dtype)x->dtype, bytes, i, -wfc_dtype_get((wfc_dtype)x->dtype, x->bytes, i));
        else
            wfc_fe_put_int((wfc_dtype)x->dtype, bytes, i, (int64_t)(0 - (uint64_t)wfc_fe_get_int(x, i)));
    }
    return wfc_fe_set_const(c, n, 0, &out);
}

static wfc_status convert_neg(wfc_fe_ctx *c, wfc_fe_node *n) {
    if (wfc_fe_all_const(c, n)) return negate_const(c, n, &wfc_fe_input(c, n, 0)->konst);
    return unary(c, n, "neg(a)");
}

/* max(0, min(1, alpha * x + beta)), and with `times_x` that times x. */
static wfc_status hard_sigmoid(wfc_fe_ctx *c, wfc_fe_node *n, float alpha, float beta, bool times_x) {
    wfc_value x, y;
    wfc_expr_node e[] = {
        {.fn = WFC_FN_ARG},
        {.fn = WFC_FN_CONST, .value = (double)alpha},
        {.fn = WFC_FN_MUL, .args = {0, 1, 0}},
        {.fn = WFC_FN_CONST, .value = (double)beta},
        {.fn = WFC_FN_ADD, .args = {2, 3, 0}},
        {.fn = WFC_FN_CONST, .value = 1},
        {.fn = WFC_FN_MIN, .args = {4, 5, 0}},
        {.fn = WFC_FN_CONST, .value = 0},
        {.fn = WFC_FN_MAX, .args = {6, 7, 0}},
        {.fn = WFC_FN_MUL, .args = {8, 0, 0}},
    };
    if (!isfinite(alpha) || !isfinite(beta)) return wfc_fe_unsupported(c, n, "alpha or beta is not finite");
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_map_expr(c, n, e, times_x ? 10 : 9, &x, 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status convert_hardsigmoid(wfc_fe_ctx *c, wfc_fe_node *n) {
    return hard_sigmoid(c, n, wfc_fe_attr_float(n, "alpha", 0.2f), wfc_fe_attr_float(n, "beta", 0.5f), false);
}
static wfc_status convert_hardswish(wfc_fe_ctx *c, wfc_fe_node *n) {
    return hard_sigmoid(c, n, 1.0f / 6.0f, 0.5f, true);
}

/* --- Clip -------------------------------------------------------------------------------------------------------- */

/* A bound: attribute up to opset 10, optional scalar input from 11 on. No bound: infinite. */
static wfc_status clip_bound(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const char *attribute, double *bound) {
    const wfc_fe_const *t;
    if (n->opset < 11) {
        if (wfc_fe_attr(n, attribute)) *bound = (double)wfc_fe_attr_float(n, attribute, 0);
        return WFC_OK;
    }
    WFC_TRY(wfc_fe_const_input(c, n, k, &t));
    if (!t) return WFC_OK;
    *bound = wfc_dtype_get((wfc_dtype)t->dtype, t->bytes, 0);
    /* Integers at run time reach to 2^24: a bound beyond it changes nothing, or is what all of them become. */
    if (wfc_fe_kind((wfc_dtype)t->dtype) == WFC_FE_INTS && (k == 1 ? *bound > WFC_FE_EXACT : *bound < -WFC_FE_EXACT))
        return wfc_fe_unsupported(c, n, "the bound '%s' is %.0f; integers up to 2^24 are exact on the PEs",
                                  k == 1 ? "min" : "max", *bound);
    return WFC_OK;
}

static wfc_status check_clip(wfc_fe_ctx *c, wfc_fe_node *n) {
    for (unsigned k = 1; k < 3; k++) {
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        uint8_t rank;
        int64_t dims[WFC_IR_MAX_RANK];
        uint64_t elems;
        if (!v) continue;
        wfc_fe_shape(c, v, &rank, dims);
        if (!wfc_fe_elems(dims, rank, INT64_MAX, &elems) || elems != 1)
            return wfc_fe_invalid(c, n, "the bound '%s' is not a scalar", k == 1 ? "min" : "max");
        if (wfc_fe_value_dtype(c, v) != (wfc_dtype)c->result)
            return wfc_fe_invalid(c, n, "a bound is %s, the input %s", wfc_dtype_name(wfc_fe_value_dtype(c, v)),
                                  wfc_dtype_name((wfc_dtype)c->result));
    }
    return WFC_OK;
}

/* Bounds that the run brings. */
static wfc_status clip_at_run_time(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value in[3], y;
    uint32_t count = 1;
    bool low = wfc_fe_input(c, n, 1), high = wfc_fe_input(c, n, 2);
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    if (low) WFC_TRY(wfc_fe_ir_input_as(c, n, 1, 0, NULL, &in[count++]));
    if (high) WFC_TRY(wfc_fe_ir_input_as(c, n, 2, 0, NULL, &in[count++]));
    const char *text = !low && !high ? "a" : low && high ? "min(max(a,b),c)" : low ? "max(a,b)" : "min(a,b)";
    WFC_TRY(wfc_fe_map(c, n, text, in, count, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static bool bound_at_run_time(const wfc_fe_ctx *c, const wfc_fe_node *n) {
    for (unsigned k = 1; k < 3; k++)
        if (wfc_fe_input(c, n, k) && wfc_fe_input(c, n, k)->state == WFC_FE_RUNTIME) return true;
    return false;
}

/* min(max(x, lo), hi): where lo > hi the upper bound wins, as ONNX says. */
static wfc_status convert_clip(wfc_fe_ctx *c, wfc_fe_node *n) {
    double lo = -HUGE_VAL, hi = HUGE_VAL;
    wfc_value x, y;
    WFC_TRY(check_clip(c, n));
    if (bound_at_run_time(c, n) || c->folding) return clip_at_run_time(c, n);
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(clip_bound(c, n, 1, "min", &lo));
    WFC_TRY(clip_bound(c, n, 2, "max", &hi));
    if (isnan(lo) || isnan(hi)) return wfc_fe_unsupported(c, n, "a bound that is not a number");
    wfc_expr_node e[5] = {{.fn = WFC_FN_ARG}};
    uint8_t count = 1;
    const struct {
        uint8_t fn;
        double bound;
    } steps[] = {{WFC_FN_MAX, lo}, {WFC_FN_MIN, hi}};
    for (unsigned i = 0; i < 2; i++) {
        if (steps[i].bound == (i ? HUGE_VAL : -HUGE_VAL)) continue;
        e[count] = (wfc_expr_node){.fn = WFC_FN_CONST, .value = steps[i].bound};
        e[count + 1] = (wfc_expr_node){.fn = steps[i].fn, .args = {(uint8_t)(count - 1), count, 0}};
        count = (uint8_t)(count + 2);
    }
    if (count == 1) return wfc_fe_set_same(c, n, 0, wfc_fe_input(c, n, 0));
    WFC_TRY(wfc_fe_map_expr(c, n, e, count, &x, 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

/* --- Dropout ----------------------------------------------------------------------------------------------------- */

/* Whether the node drops anything: attribute is_test up to opset 6, input training_mode from 12 on, never between. */
static wfc_status dropout_trains(wfc_fe_ctx *c, wfc_fe_node *n, bool *trains) {
    const wfc_fe_const *ratio, *mode;
    *trains = n->opset < 7 && !wfc_fe_attr_int(n, "is_test", 0);
    if (n->opset < 12) return WFC_OK;
    WFC_TRY(wfc_fe_const_input(c, n, 1, &ratio));
    WFC_TRY(wfc_fe_const_input(c, n, 2, &mode));
    if (!mode) return WFC_OK;
    if (mode->dtype != WFC_BOOL || mode->elems != 1) return wfc_fe_invalid(c, n, "training_mode is no bool scalar");
    if (ratio && (!wfc_dtype_is_float((wfc_dtype)ratio->dtype) || ratio->elems != 1))
        return wfc_fe_invalid(c, n, "ratio is no scalar of a float type");
    bool drops = !ratio || wfc_dtype_get((wfc_dtype)ratio->dtype, ratio->bytes, 0) != 0;
    *trains = drops && wfc_fe_get_int(mode, 0) != 0;
    return WFC_OK;
}

static wfc_status convert_dropout(wfc_fe_ctx *c, wfc_fe_node *n) {
    const wfc_fe_value *x = wfc_fe_input(c, n, 0);
    bool trains;
    WFC_TRY(dropout_trains(c, n, &trains));
    if (trains) return wfc_fe_unsupported(c, n, "it is in training mode");
    if (n->out_count > 1 && n->out[1] != UINT32_MAX && c->values[n->out[1]].uses > 0) { /* the mask: all kept */
        uint8_t rank;
        int64_t dims[WFC_IR_MAX_RANK];
        wfc_fe_const mask;
        void *bytes;
        if (n->opset < 10) return wfc_fe_unsupported(c, n, "the output 'mask' before operator set 10");
        wfc_fe_shape(c, x, &rank, dims);
        WFC_TRY(wfc_fe_new_const(c, n, WFC_BOOL, rank, dims, &mask, &bytes));
        memset(bytes, 1, (size_t)mask.elems);
        WFC_TRY(wfc_fe_set_const(c, n, 1, &mask));
    }
    return wfc_fe_set_same(c, n, 0, x);
}

#define UNARY_ATTRIBUTES "consumed_inputs:I"
const wfc_fe_op wfc_fe_op_relu = {
    {"", "Relu", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, UNARY_ATTRIBUTES, convert_relu, WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_tanh = {
    {"", "Tanh", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, UNARY_ATTRIBUTES, convert_tanh, WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_sigmoid = {
    {"", "Sigmoid", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, UNARY_ATTRIBUTES, convert_sigmoid, WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_clip = {{"", "Clip", 1, WFC_FE_NEWEST_OPSET, ""},
                                  1,
                                  3,
                                  1,
                                  0,
                                  "min:f max:f consumed_inputs:I",
                                  convert_clip,
                                  WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_neg = {
    {"", "Neg", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, UNARY_ATTRIBUTES, convert_neg, WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_hardsigmoid = {{"", "HardSigmoid", 1, WFC_FE_NEWEST_OPSET, ""},
                                         1,
                                         1,
                                         1,
                                         0,
                                         "alpha:f beta:f consumed_inputs:I",
                                         convert_hardsigmoid,
                                         WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_hardswish = {
    {"", "HardSwish", 14, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "", convert_hardswish, WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_dropout = {{"", "Dropout", 1, WFC_FE_NEWEST_OPSET, "not in training mode"},
                                     1,
                                     3,
                                     2,
                                     3u << 1,
                                     "ratio:f seed:i is_test:i consumed_inputs:I",
                                     convert_dropout,
                                     WFC_FE_ANY};
