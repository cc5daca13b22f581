/* Elementwise operators of one input: the map's text stands in the record, with P and Q for its attributes. Functions
 * that the PEs do not have are made of those they have; where the obvious formula loses digits by cancellation, another
 * one takes its place:
 *   exp(x) - 1   as tanh(x / 2) * (exp(x) + 1)
 *   log(1 + u)   as log(w) * (u / (w - 1)) with w = 1 + u rounded, or u where w is 1 */
#include "frontend/convert.h"
#include <math.h>

static wfc_status unary(wfc_fe_ctx *c, wfc_fe_node *n, const char *expr, double p, double q) {
    wfc_value x, y;
    const double params[] = {p, q};
    if (!isfinite(p) || !isfinite(q)) return wfc_fe_unsupported(c, n, "an attribute that is not finite");
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_map_params(c, n, (wfc_dtype)c->result, expr, params, &x, 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

/* An operator without attributes. */
#define PLAIN(suffix, name, since, kind, expr)                                                                         \
    static wfc_status convert_##suffix(wfc_fe_ctx *c, wfc_fe_node *n) {                                                \
        return unary(c, n, expr, 0, 0);                                                                                \
    }                                                                                                                  \
    const wfc_fe_op wfc_fe_op_##suffix = {                                                                             \
        {"", name, since, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "consumed_inputs:I", convert_##suffix, WFC_FE_##kind};

/* One with the attributes of P and Q, each with its default; one more name where there is but one. */
#define WITH(suffix, name, since, list, p, p0, q, q0, expr)                                                            \
    static wfc_status convert_##suffix(wfc_fe_ctx *c, wfc_fe_node *n) {                                                \
        return unary(c, n, expr, (double)wfc_fe_attr_float(n, p, p0), (double)wfc_fe_attr_float(n, q, q0));            \
    }                                                                                                                  \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, since, WFC_FE_NEWEST_OPSET, ""},                                  \
                                          1,                                                                           \
                                          1,                                                                           \
                                          1,                                                                           \
                                          0,                                                                           \
                                          list " consumed_inputs:I",                                                   \
                                          convert_##suffix,                                                            \
                                          WFC_FE_FLOATS};

PLAIN(abs, "Abs", 1, NUMBERS, "abs(a)")
PLAIN(ceil, "Ceil", 1, FLOATS, "ceil(a)")
PLAIN(erf, "Erf", 9, FLOATS, "erf(a)")
PLAIN(exp, "Exp", 1, FLOATS, "exp(a)")
PLAIN(floor, "Floor", 1, FLOATS, "floor(a)")
PLAIN(log, "Log", 1, FLOATS, "log(a)")
PLAIN(reciprocal, "Reciprocal", 1, FLOATS, "recip(a)")
PLAIN(round, "Round", 11, FLOATS, "round(a)")
PLAIN(sign, "Sign", 9, NUMBERS, "select(eq(a,a),sub(lt(0,a),lt(a,0)),a)")
PLAIN(sqrt, "Sqrt", 1, FLOATS, "sqrt(a)")
PLAIN(softsign, "Softsign", 1, FLOATS, "div(a,add(1,abs(a)))")

/* max(x, 0) + log1p(exp(-|x|)) */
#define SOFTPLUS                                                                                                       \
    "t0=exp(neg(abs(a))); t1=add(1,t0); "                                                                              \
    "t2=add(max(a,0),select(eq(t1,1),t0,mul(log(t1),div(t0,sub(t1,1))))); "
PLAIN(softplus, "Softplus", 1, FLOATS, SOFTPLUS "t2")
PLAIN(mish, "Mish", 18, FLOATS, SOFTPLUS "mul(a,tanh(t2))")

WITH(elu, "Elu", 1, "alpha:f", "alpha", 1.0f, "", 0.0f, "select(lt(a,0),mul(P,mul(tanh(mul(a,0.5)),add(exp(a),1))),a)")
WITH(celu, "Celu", 12, "alpha:f", "alpha", 1.0f, "", 0.0f,
     "t0=div(a,P); select(lt(a,0),mul(P,mul(tanh(mul(t0,0.5)),add(exp(t0),1))),a)")
WITH(selu, "Selu", 1, "alpha:f gamma:f", "alpha", 1.67326319217681884765625f, "gamma", 1.05070102214813232421875f,
     "mul(Q,select(lt(a,0),mul(P,mul(tanh(mul(a,0.5)),add(exp(a),1))),a))")
WITH(leaky_relu, "LeakyRelu", 1, "alpha:f", "alpha", 0.01f, "", 0.0f, "select(lt(a,0),mul(a,P),a)")
WITH(swish, "Swish", 24, "alpha:f", "alpha", 1.0f, "", 0.0f, "mul(a,sigmoid(mul(a,P)))")
WITH(thresholded_relu, "ThresholdedRelu", 10, "alpha:f", "alpha", 1.0f, "", 0.0f, "select(lt(P,a),a,0)")
WITH(shrink, "Shrink", 9, "bias:f lambd:f", "lambd", 0.5f, "bias", 0.0f,
     "select(lt(a,neg(P)),add(a,Q),select(lt(P,a),sub(a,Q),0))")

/* --- Gelu -------------------------------------------------------------------------------------------------------- */

static wfc_status convert_gelu(wfc_fe_ctx *c, wfc_fe_node *n) {
    if (wfc_fe_attr_is(n, "approximate", "tanh"))
        return unary(c, n, "mul(mul(a,0.5),add(1,tanh(mul(P,add(a,mul(Q,mul(a,mul(a,a))))))))", 0.79788456080286535588,
                     0.044715);
    if (!wfc_fe_attr_is(n, "approximate", NULL) && !wfc_fe_attr_is(n, "approximate", "none"))
        return wfc_fe_invalid(c, n, "attribute 'approximate' is neither none nor tanh");
    return unary(c, n, "mul(mul(a,0.5),add(1,erf(mul(a,P))))", 0.70710678118654752440, 0);
}
const wfc_fe_op wfc_fe_op_gelu = {
    {"", "Gelu", 20, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "approximate:s", convert_gelu, WFC_FE_FLOATS};

/* --- tests: bool results ----------------------------------------------------------------------------------------- */

static wfc_status test(wfc_fe_ctx *c, wfc_fe_node *n, const char *expr) {
    wfc_value x, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_map_typed(c, n, WFC_BOOL, expr, &x, 1, &y));
    return wfc_fe_set_typed(c, n, 0, WFC_BOOL, y);
}

static wfc_status convert_isnan(wfc_fe_ctx *c, wfc_fe_node *n) {
    return test(c, n, "not(eq(a,a))");
}
static wfc_status convert_isinf(wfc_fe_ctx *c, wfc_fe_node *n) {
    bool low = wfc_fe_attr_int(n, "detect_negative", 1) != 0, high = wfc_fe_attr_int(n, "detect_positive", 1) != 0;
    return test(c, n, low && high ? "eq(abs(a),inf)" : low ? "eq(a,-inf)" : high ? "eq(a,inf)" : "lt(a,-inf)");
}
/* A bool that may stand for an overflow (NaN) stays one. */
static wfc_status convert_not(wfc_fe_ctx *c, wfc_fe_node *n) {
    return test(c, n, c->folding ? "not(a)" : "sub(1,a)");
}
const wfc_fe_op wfc_fe_op_isnan = {
    {"", "IsNaN", 9, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "", convert_isnan, WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_isinf = {{"", "IsInf", 10, WFC_FE_NEWEST_OPSET, ""},
                                   1,
                                   1,
                                   1,
                                   0,
                                   "detect_negative:i detect_positive:i",
                                   convert_isinf,
                                   WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_not = {{"", "Not", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "", convert_not, WFC_FE_BOOLS};
