/* Add, Mul, Relu, Tanh, Sigmoid, Clip: one map each. */
#include "frontend/convert.h"
#include "frontend/ops/ops.h"
#include "ir/fn.h"
#include <math.h>
#include <string.h>

/* --- Add, Mul ---------------------------------------------------------------------------------------------------- */

static int64_t int_result(char op, int64_t x, int64_t y) {
    uint64_t a = (uint64_t)x, b = (uint64_t)y; /* wraps, as the element type does when it is stored */
    return (int64_t)(op == '+' ? a + b : a * b);
}

static wfc_status fold_binary(wfc_fe_ctx *c, wfc_fe_node *n, char op, const wfc_fe_const *a, const wfc_fe_const *b,
                              const int64_t *b_dims, uint8_t b_rank) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], row[WFC_IR_MAX_RANK], strides[2][WFC_IR_MAX_RANK] = {{0}};
    wfc_dtype t = (wfc_dtype)a->dtype;
    if (t == WFC_BOOL) return wfc_fe_invalid(c, n, "bool operands");
    if (!wfc_fe_broadcast(a->rank, a->dims, b_rank, b_dims, &rank, dims))
        return wfc_fe_invalid(c, n, "the shapes of its inputs do not broadcast");
    wfc_fe_row_major(a->rank, a->dims, row);
    for (unsigned i = 0; i < a->rank; i++) strides[0][rank - a->rank + i] = a->dims[i] == 1 ? 0 : row[i];
    wfc_fe_row_major(b_rank, b_dims, row);
    for (unsigned i = 0; i < b_rank; i++) strides[1][rank - b_rank + i] = b_dims[i] == 1 ? 0 : row[i];
    wfc_fe_const out, x = *a, y = *b;
    void *bytes, *spread[2];
    unsigned width = wfc_dtype_bytes(t);
    WFC_TRY(wfc_fe_new_const(c, n, t, rank, dims, &out, &bytes));
    for (unsigned k = 0; k < 2; k++) WFC_TRY(wfc_fe_model_alloc(c->model, n->loc, out.elems * width, &spread[k]));
    wfc_fe_strided_copy(spread[0], a->bytes, width, rank, dims, strides[0], 0);
    wfc_fe_strided_copy(spread[1], b->bytes, width, rank, dims, strides[1], 0);
    x.bytes = spread[0], y.bytes = spread[1];
    for (uint64_t i = 0; i < out.elems; i++) {
        if (!wfc_dtype_is_float(t)) {
            wfc_fe_put_int(t, bytes, i, int_result(op, wfc_fe_get_int(&x, i), wfc_fe_get_int(&y, i)));
            continue;
        }
        double p = wfc_dtype_get(t, x.bytes, i), q = wfc_dtype_get(t, y.bytes, i);
        wfc_dtype_set(t, bytes, i, op == '+' ? p + q : p * q);
    }
    return wfc_fe_set_const(c, n, 0, &out);
}

/* Shape of input 1 as it broadcasts. Before opset 7 that needs broadcast=1, and `axis` says which axis of input 0 its
 * first axis meets. */
static wfc_status aligned_shape(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t *rank, int64_t *dims) {
    uint8_t ra;
    int64_t da[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &ra, da);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), rank, dims);
    if (n->opset >= 7) return WFC_OK;
    if (!wfc_fe_attr_int(n, "broadcast", 0)) {
        if (ra != *rank || memcmp(da, dims, sizeof *dims * ra) != 0)
            return wfc_fe_invalid(c, n, "its inputs differ in shape and broadcast is not set");
        return WFC_OK;
    }
    if (!wfc_fe_attr(n, "axis")) return WFC_OK;
    unsigned axis;
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", 0), ra, true, &axis));
    if (axis + *rank > ra) return wfc_fe_invalid(c, n, "input 1 has too many axes to start at axis %u", axis);
    while (axis + *rank < ra) dims[(*rank)++] = 1;
    return WFC_OK;
}

static wfc_status binary(wfc_fe_ctx *c, wfc_fe_node *n, char op) {
    uint8_t ra, rb, rank;
    int64_t da[WFC_IR_MAX_RANK], db[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK];
    const wfc_fe_value *a = wfc_fe_input(c, n, 0), *b = wfc_fe_input(c, n, 1);
    if (wfc_fe_value_dtype(c, a) != wfc_fe_value_dtype(c, b))
        return wfc_fe_invalid(c, n, "its inputs differ in element type: %s and %s",
                              wfc_dtype_name(wfc_fe_value_dtype(c, a)), wfc_dtype_name(wfc_fe_value_dtype(c, b)));
    WFC_TRY(aligned_shape(c, n, &rb, db));
    if (wfc_fe_all_const(c, n)) return fold_binary(c, n, op, &a->konst, &b->konst, db, rb);
    wfc_fe_shape(c, a, &ra, da);
    if (!wfc_fe_broadcast(ra, da, rb, db, &rank, dims))
        return wfc_fe_invalid(c, n, "the shapes of its inputs do not broadcast");
    wfc_value x[2], y;
    wfc_shape shape;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    WFC_TRY(wfc_fe_ir_input_as(c, n, 1, rb, db, &x[1]));
    WFC_TRY(wfc_fe_map(c, n, op == '+' ? "add(a,b)" : "mul(a,b)", x, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status convert_add(wfc_fe_ctx *c, wfc_fe_node *n) {
    return binary(c, n, '+');
}
static wfc_status convert_mul(wfc_fe_ctx *c, wfc_fe_node *n) {
    return binary(c, n, '*');
}

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
    if (t->dtype != WFC_F32) return wfc_fe_unsupported(c, n, "%s; only float32", wfc_dtype_name((wfc_dtype)t->dtype));
    if (t->elems != 1) return wfc_fe_invalid(c, n, "the bound '%s' is not a scalar", attribute);
    *bound = (double)*(const float *)t->bytes;
    return WFC_OK;
}

/* min(max(x, lo), hi): where lo > hi the upper bound wins, as ONNX says. */
static wfc_status convert_clip(wfc_fe_ctx *c, wfc_fe_node *n) {
    double lo = -HUGE_VAL, hi = HUGE_VAL;
    wfc_value x, y;
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

#define UNARY_ATTRIBUTES "consumed_inputs:I"
const wfc_fe_op wfc_fe_op_add = {
    {"", "Add", 1, WFC_FE_NEWEST_OPSET, "float32 at run time; any number type between constants"},
    2,
    2,
    1,
    0,
    "broadcast:i axis:i consumed_inputs:I",
    convert_add};
const wfc_fe_op wfc_fe_op_mul = {
    {"", "Mul", 1, WFC_FE_NEWEST_OPSET, "float32 at run time; any number type between constants"},
    2,
    2,
    1,
    0,
    "broadcast:i axis:i consumed_inputs:I",
    convert_mul};
const wfc_fe_op wfc_fe_op_relu = {
    {"", "Relu", 1, WFC_FE_NEWEST_OPSET, "float32"}, 1, 1, 1, 0, UNARY_ATTRIBUTES, convert_relu};
const wfc_fe_op wfc_fe_op_tanh = {
    {"", "Tanh", 1, WFC_FE_NEWEST_OPSET, "float32"}, 1, 1, 1, 0, UNARY_ATTRIBUTES, convert_tanh};
const wfc_fe_op wfc_fe_op_sigmoid = {
    {"", "Sigmoid", 1, WFC_FE_NEWEST_OPSET, "float32"}, 1, 1, 1, 0, UNARY_ATTRIBUTES, convert_sigmoid};
const wfc_fe_op wfc_fe_op_clip = {{"", "Clip", 1, WFC_FE_NEWEST_OPSET, "float32; the bounds are constants"},
                                  1,
                                  3,
                                  1,
                                  0,
                                  "min:f max:f consumed_inputs:I",
                                  convert_clip};
