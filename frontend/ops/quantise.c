/* Quantised operators, on whole numbers in float32: exact as long as no sum can pass 2^24, which the operators check by
 * the number of products (258 of two 8-bit numbers). QuantizeLinear and its like divide by the scale; the divisor is
 * kept from being a literal, by whose rounded reciprocal the backend would multiply: half-way cases would tip over. */
#include "frontend/convert.h"
#include <string.h>

#define DIVIDED(a, b) "div(" a ",add(" b ",mul(min(abs(" a "),1),0)))"

static bool is_8bit(wfc_dtype t) {
    return t == WFC_U8 || t == WFC_I8;
}

static void limits(wfc_dtype t, double *params) {
    bool is_signed = t == WFC_I8 || t == WFC_I16;
    double span = wfc_dtype_bytes(t) == 1 ? 256 : 65536;
    params[0] = is_signed ? -span / 2 : 0;
    params[1] = params[0] + span - 1;
}

/* Scale or zero point k: a scalar, or a vector along `axis` of `rank` axes. A missing zero point is NULL input. */
static wfc_status along(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, uint8_t rank, const int64_t *like, unsigned axis,
                        wfc_value *out) {
    uint8_t r;
    int64_t d[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, k), &r, d);
    if (r == 0 || (r == 1 && d[0] == 1)) return wfc_fe_ir_input_as(c, n, k, 0, NULL, out);
    if (r != 1) return wfc_fe_unsupported(c, n, "a scale or zero point of %u axes", r);
    if (axis >= rank || d[0] != like[axis]) return wfc_fe_invalid(c, n, "input %u does not fit axis %u", k, axis);
    for (unsigned i = 0; i < rank; i++) dims[i] = i == axis ? d[0] : 1;
    return wfc_fe_ir_input_as(c, n, k, rank, dims, out);
}

static wfc_status quant_axis(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t *rank, int64_t *dims, unsigned *axis) {
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), rank, dims);
    int64_t at = wfc_fe_attr_int(n, "axis", 1);
    *axis = 0;
    if (!wfc_fe_attr(n, "axis") && *rank < 2) return WFC_OK; /* the default may be beyond a vector's axes */
    return wfc_fe_axis(c, n, at, *rank, false, axis);
}

static wfc_status convert_quantize(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    unsigned axis;
    int64_t dims[WFC_IR_MAX_RANK];
    double params[2];
    wfc_value in[3], y;
    wfc_dtype t = wfc_fe_input(c, n, 2) ? wfc_fe_value_dtype(c, wfc_fe_input(c, n, 2)) : WFC_U8;
    if (wfc_fe_kind(t) != WFC_FE_INTS || wfc_dtype_bytes(t) > 2)
        return wfc_fe_unsupported(c, n, "to another type than 8 or 16 bits");
    WFC_TRY(quant_axis(c, n, &rank, dims, &axis));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    WFC_TRY(along(c, n, 1, rank, dims, axis, &in[1]));
    if (wfc_fe_input(c, n, 2)) WFC_TRY(along(c, n, 2, rank, dims, axis, &in[2]));
    limits(t, params);
    bool shifts = wfc_fe_input(c, n, 2) != NULL;
    WFC_TRY(wfc_fe_map_params(c, n, t,
                              shifts ? "min(max(add(round(" DIVIDED("a", "b") "),c),P),Q)"
                                     : "min(max(round(" DIVIDED("a", "b") "),P),Q)",
                              params, in, shifts ? 3 : 2, &y));
    return wfc_fe_set_typed(c, n, 0, t, y);
}

static wfc_status convert_dequantize(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    unsigned axis;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_value in[3], y;
    WFC_TRY(quant_axis(c, n, &rank, dims, &axis));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    WFC_TRY(along(c, n, 1, rank, dims, axis, &in[1]));
    bool shifts = wfc_fe_input(c, n, 2) != NULL;
    if (shifts) WFC_TRY(along(c, n, 2, rank, dims, axis, &in[2]));
    WFC_TRY(wfc_fe_map_typed(c, n, WFC_F32, shifts ? "mul(sub(a,c),b)" : "mul(a,b)", in, shifts ? 3 : 2, &y));
    return wfc_fe_set_typed(c, n, 0, WFC_F32, y);
}

/* scale = (max(x, 0) - min(x, 0)) / 255, zero point = round(-min / scale), both of the run. */
static wfc_status convert_dynamic_quantize(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value in[3], low, high, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[0]));
    const uint32_t all = (1u << wfc_ir_node_c(c->g, in[0])->shape.rank) - 1;
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, in[0], WFC_RED_MIN, all, false, &low));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, in[0], WFC_RED_MAX, all, false, &high));
    wfc_value ends[2] = {low, high};
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32,
                                "div(sub(max(b,0),min(a,0)),add(255,mul(0,min(abs(a),1))))", ends, 2, &in[1]));
    ends[1] = in[1];
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "min(max(round(div(sub(0,min(a,0)),b)),0),255)", ends, 2,
                                &in[2]));
    WFC_TRY(wfc_fe_map_typed(c, n, WFC_U8, "min(max(add(round(div(a,b)),c),0),255)", in, 3, &y));
    WFC_TRY(wfc_fe_set_typed(c, n, 0, WFC_U8, y));
    WFC_TRY(wfc_fe_set_typed(c, n, 1, WFC_F32, in[1]));
    return wfc_fe_set_typed(c, n, 2, WFC_U8, in[2]);
}

#define QUANT(suffix, name, least, most, outs, attributes, types, restrictions)                                        \
    const wfc_fe_op wfc_fe_op_##suffix = {                                                                             \
        {"", name, 10, WFC_FE_NEWEST_OPSET, restrictions}, least, most, outs, 0, attributes, convert_##suffix, types};
QUANT(quantize, "QuantizeLinear", 2, 3, 1, "axis:i saturate:i", WFC_FE_NUMBERS, "to 8 or 16 bits; per tensor or axis")
QUANT(dequantize, "DequantizeLinear", 2, 3, 1, "axis:i", WFC_FE_NUMBERS, "per tensor or axis")
QUANT(dynamic_quantize, "DynamicQuantizeLinear", 1, 1, 3, "", WFC_FE_FLOATS | WFC_FE_NOT_FOLDED, "")

/* --- products of 8-bit numbers -------------------------------------------------------------------------------------
 */

#define MAX_PRODUCTS 258 /* of 255 * 255: below 2^24 */

static wfc_status check_products(wfc_fe_ctx *c, wfc_fe_node *n, unsigned a, unsigned b, int64_t products) {
    if (!is_8bit(wfc_fe_value_dtype(c, wfc_fe_input(c, n, a))) ||
        !is_8bit(wfc_fe_value_dtype(c, wfc_fe_input(c, n, b))))
        return wfc_fe_invalid(c, n, "its operands are not 8 bits");
    if (products > MAX_PRODUCTS)
        return wfc_fe_unsupported(c, n, "sums of %lld products; up to %d are exact on the PEs", (long long)products,
                                  MAX_PRODUCTS);
    return WFC_OK;
}

/* Input x less its zero point, which lies along `axis`. */
static wfc_status shifted(wfc_fe_ctx *c, wfc_fe_node *n, unsigned x, unsigned zero, unsigned axis, wfc_value *out) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_value in[2];
    wfc_fe_shape(c, wfc_fe_input(c, n, x), &rank, dims);
    WFC_TRY(wfc_fe_ir_input(c, n, x, &in[0]));
    *out = in[0];
    if (!wfc_fe_input(c, n, zero)) return WFC_OK;
    WFC_TRY(along(c, n, zero, rank, dims, axis, &in[1]));
    return wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "sub(a,b)", in, 2, out);
}

/* acc * (scale_a * scale_b / scale_y), rounded, + zero point, within the type of it. */
static wfc_status rescale(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value acc, unsigned a, unsigned b, unsigned y,
                          unsigned axis_b, wfc_value *out) {
    const wfc_shape shape = wfc_ir_node_c(c->g, acc)->shape;
    int64_t dims[WFC_IR_MAX_RANK];
    double params[2];
    wfc_value in[5] = {acc};
    for (unsigned i = 0; i < shape.rank; i++) dims[i] = shape.dims[i];
    WFC_TRY(along(c, n, a, shape.rank, dims, 0, &in[1]));
    WFC_TRY(along(c, n, b, shape.rank, dims, axis_b, &in[2]));
    WFC_TRY(along(c, n, y, shape.rank, dims, axis_b, &in[3]));
    WFC_TRY(along(c, n, y + 1, shape.rank, dims, axis_b, &in[4]));
    wfc_dtype t = wfc_fe_value_dtype(c, wfc_fe_input(c, n, y + 1));
    if (!is_8bit(t)) return wfc_fe_invalid(c, n, "the result's zero point is not 8 bits");
    limits(t, params);
    WFC_TRY(wfc_fe_map_params(c, n, t, "min(max(add(round(mul(a,div(mul(b,c),add(d,mul(b,0))))),e),P),Q)", params, in,
                              5, out));
    return wfc_fe_set_typed(c, n, 0, t, *out);
}

static int64_t last_dim(const wfc_fe_ctx *c, const wfc_fe_node *n, unsigned k) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK] = {0};
    wfc_fe_shape(c, wfc_fe_input(c, n, k), &rank, dims);
    return rank ? dims[rank - 1] : 0;
}

static wfc_status convert_matmul_integer(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t ra, rb;
    int64_t d[WFC_IR_MAX_RANK];
    wfc_value a, b, y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &ra, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &rb, d);
    if (ra < 2 || rb < 2) return wfc_fe_unsupported(c, n, "a vector as operand");
    WFC_TRY(check_products(c, n, 0, 1, last_dim(c, n, 0)));
    WFC_TRY(shifted(c, n, 0, 2, ra - 2u, &a));
    WFC_TRY(shifted(c, n, 1, 3, rb - 1u, &b));
    WFC_TRY(wfc_fe_matmul(c, n, a, b, &y));
    return wfc_fe_set_typed(c, n, 0, WFC_I32, y);
}

static wfc_status convert_qlinear_matmul(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t ra, rb;
    int64_t d[WFC_IR_MAX_RANK];
    wfc_value a, b, y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &ra, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 3), &rb, d);
    if (ra < 2 || rb < 2) return wfc_fe_unsupported(c, n, "a vector as operand");
    WFC_TRY(check_products(c, n, 0, 3, last_dim(c, n, 0)));
    WFC_TRY(shifted(c, n, 0, 2, ra - 2u, &a));
    WFC_TRY(shifted(c, n, 3, 5, rb - 1u, &b));
    WFC_TRY(wfc_fe_matmul(c, n, a, b, &y));
    return rescale(c, n, y, 1, 4, 6, wfc_ir_node_c(c->g, y)->shape.rank - 1u, &y);
}

static int64_t products_of(const wfc_fe_ctx *c, const wfc_fe_node *n, unsigned weights) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], p = 1;
    wfc_fe_shape(c, wfc_fe_input(c, n, weights), &rank, dims);
    for (unsigned i = 1; i < rank; i++) p *= dims[i];
    return p;
}

static wfc_status convert_conv_integer(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x, w, y;
    WFC_TRY(check_products(c, n, 0, 1, products_of(c, n, 1)));
    WFC_TRY(shifted(c, n, 0, 2, 0, &x));
    WFC_TRY(shifted(c, n, 1, 3, 0, &w));
    WFC_TRY(wfc_fe_convolve(c, n, x, w, &y));
    return wfc_fe_set_typed(c, n, 0, WFC_I32, y);
}

static wfc_status convert_qlinear_conv(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x, w, y[2];
    WFC_TRY(check_products(c, n, 0, 3, products_of(c, n, 3)));
    WFC_TRY(shifted(c, n, 0, 2, 0, &x));
    WFC_TRY(shifted(c, n, 3, 5, 0, &w));
    WFC_TRY(wfc_fe_convolve(c, n, x, w, &y[0]));
    if (wfc_fe_input(c, n, 8)) {
        const wfc_shape shape = wfc_ir_node_c(c->g, y[0])->shape;
        int64_t dims[WFC_IR_MAX_RANK] = {shape.dims[1]};
        for (unsigned i = 1; i + 1 < shape.rank; i++) dims[i] = 1;
        WFC_TRY(wfc_fe_ir_input_as(c, n, 8, (uint8_t)(shape.rank - 1), dims, &y[1]));
        WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "add(a,b)", y, 2, &y[0]));
    }
    return rescale(c, n, y[0], 1, 4, 6, 1, &y[0]);
}

#define EXACT "8 bits; up to " WFC_FE_STRING(MAX_PRODUCTS) " products in a sum"
#define RUN_NUMBERS (WFC_FE_NUMBERS | WFC_FE_NOT_FOLDED)
#define WINDOW "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"
QUANT(matmul_integer, "MatMulInteger", 2, 4, 1, "", RUN_NUMBERS, EXACT)
QUANT(qlinear_matmul, "QLinearMatMul", 8, 8, 1, "", RUN_NUMBERS, EXACT)
QUANT(conv_integer, "ConvInteger", 2, 4, 1, WINDOW, RUN_NUMBERS, EXACT)
QUANT(qlinear_conv, "QLinearConv", 8, 9, 1, WINDOW, RUN_NUMBERS, EXACT)
