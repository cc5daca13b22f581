/* Add, Sub, Mul, Div: one map each over operands that broadcast; between constants the result is computed here, on
 * integers exactly. */
#include "frontend/convert.h"
#include <string.h>

/* Wraps, as the element type does when it is stored. A quotient is cut off towards 0; y is not 0 there. */
static int64_t int_result(char op, int64_t x, int64_t y) {
    uint64_t a = (uint64_t)x, b = (uint64_t)y;
    switch (op) {
    case '+': return (int64_t)(a + b);
    case '-': return (int64_t)(a - b);
    case '*': return (int64_t)(a * b);
    default: return y == -1 ? (int64_t)(0 - a) : x / y;
    }
}

static double float_result(char op, double x, double y) {
    switch (op) {
    case '+': return x + y;
    case '-': return x - y;
    case '*': return x * y;
    default: return x / y;
    }
}

/* Element by element; x and y are as large as the result. */
static wfc_status fold_elements(wfc_fe_ctx *c, const wfc_fe_node *n, char op, const wfc_fe_const *x,
                                const wfc_fe_const *y, const wfc_fe_const *out, void *bytes) {
    wfc_dtype t = (wfc_dtype)out->dtype;
    for (uint64_t i = 0; i < out->elems; i++) {
        if (wfc_dtype_is_float(t)) {
            wfc_dtype_set(t, bytes, i, float_result(op, wfc_dtype_get(t, x->bytes, i), wfc_dtype_get(t, y->bytes, i)));
            continue;
        }
        int64_t p = wfc_fe_get_int(x, i), q = wfc_fe_get_int(y, i);
        if (op == '/' && q == 0) return wfc_fe_invalid(c, n, "an integer divided by 0");
        wfc_fe_put_int(t, bytes, i, int_result(op, p, q));
    }
    return WFC_OK;
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
    WFC_TRY(fold_elements(c, n, op, &x, &y, &out, bytes));
    return wfc_fe_set_const(c, n, 0, &out);
}

wfc_status wfc_fe_aligned_shape(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t *rank, int64_t *dims) {
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
    WFC_TRY(wfc_fe_aligned_shape(c, n, &rb, db));
    if (wfc_fe_all_const(c, n)) return fold_binary(c, n, op, &a->konst, &b->konst, db, rb);
    wfc_fe_shape(c, a, &ra, da);
    if (!wfc_fe_broadcast(ra, da, rb, db, &rank, dims))
        return wfc_fe_invalid(c, n, "the shapes of its inputs do not broadcast");
    const char *text = op == '+' ? "add(a,b)" : op == '-' ? "sub(a,b)" : op == '*' ? "mul(a,b)" : "div(a,b)";
    wfc_value x[2], y, rounded;
    wfc_shape shape;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    WFC_TRY(wfc_fe_ir_input_as(c, n, 1, rb, db, &x[1]));
    wfc_dtype t = wfc_fe_value_dtype(c, a);
    /* Cut off towards 0: a rounded a / b cannot reach the next whole number below 2^24, but the product with a rounded
     * reciprocal, by which the backend divides by literals, can; so the divisor is kept from being one. */
    if (op == '/' && wfc_fe_kind(t) == WFC_FE_INTS)
        text = "t0=div(a,add(b,mul(a,0))); select(lt(t0,0),ceil(t0),floor(t0))";
    WFC_TRY(wfc_fe_map(c, n, text, x, 2, &y));
    rounded = y;
    WFC_TRY(wfc_fe_guard(c, n, t, &y));
    WFC_TRY(wfc_fe_set_ir(c, n, 0, y));
    if (op != '/') wfc_fe_set_as_float(c, n, rounded);
    return WFC_OK;
}

static wfc_status convert_add(wfc_fe_ctx *c, wfc_fe_node *n) {
    return binary(c, n, '+');
}
static wfc_status convert_sub(wfc_fe_ctx *c, wfc_fe_node *n) {
    return binary(c, n, '-');
}
static wfc_status convert_mul(wfc_fe_ctx *c, wfc_fe_node *n) {
    return binary(c, n, '*');
}
static wfc_status convert_div(wfc_fe_ctx *c, wfc_fe_node *n) {
    return binary(c, n, '/');
}

#define ATTRIBUTES "broadcast:i axis:i consumed_inputs:I"
const wfc_fe_op wfc_fe_op_add = {
    {"", "Add", 1, WFC_FE_NEWEST_OPSET, ""}, 2, 2, 1, 0, ATTRIBUTES, convert_add, WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_sub = {
    {"", "Sub", 1, WFC_FE_NEWEST_OPSET, ""}, 2, 2, 1, 0, ATTRIBUTES, convert_sub, WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_mul = {
    {"", "Mul", 1, WFC_FE_NEWEST_OPSET, ""}, 2, 2, 1, 0, ATTRIBUTES, convert_mul, WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_div = {
    {"", "Div", 1, WFC_FE_NEWEST_OPSET, ""}, 2, 2, 1, 0, ATTRIBUTES, convert_div, WFC_FE_NUMBERS};
