/* Elementwise operators of two or more inputs that broadcast: comparisons, logic, Where, Pow, Mod, PRelu, BitShift, and
 * Min, Max, Sum, Mean of any number. Arithmetic of two is in arith.c.
 *
 * An integer that overflowed is NaN at run time, and a comparison would turn it into an answer: where an operand may be
 * one, the result is made NaN as well, by adding 0 times the operands. */
#include "frontend/convert.h"
#include <stdio.h>
#include <string.h>

/* Whether input k may hold an overflowed integer. */
static bool overflows(const wfc_fe_ctx *c, const wfc_fe_node *n, unsigned k) {
    const wfc_fe_value *v = wfc_fe_input(c, n, k);
    return v && v->state == WFC_FE_RUNTIME && v->overflows;
}

/* Inputs a and b as they broadcast; their element types agree, unless `mixed`. */
static wfc_status operands(wfc_fe_ctx *c, wfc_fe_node *n, bool mixed, wfc_value *x) {
    uint8_t ra, rb, rank;
    int64_t da[WFC_IR_MAX_RANK], db[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK];
    const wfc_fe_value *a = wfc_fe_input(c, n, 0), *b = wfc_fe_input(c, n, 1);
    wfc_shape shape;
    if (!mixed && wfc_fe_value_dtype(c, a) != wfc_fe_value_dtype(c, b))
        return wfc_fe_invalid(c, n, "its inputs differ in element type: %s and %s",
                              wfc_dtype_name(wfc_fe_value_dtype(c, a)), wfc_dtype_name(wfc_fe_value_dtype(c, b)));
    WFC_TRY(wfc_fe_aligned_shape(c, n, &rb, db));
    wfc_fe_shape(c, a, &ra, da);
    if (!wfc_fe_broadcast(ra, da, rb, db, &rank, dims))
        return wfc_fe_invalid(c, n, "the shapes of its inputs do not broadcast");
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    return wfc_fe_ir_input_as(c, n, 1, rb, db, &x[1]);
}

/* --- comparisons and logic ---------------------------------------------------------------------------------------- */

static wfc_status compare(wfc_fe_ctx *c, wfc_fe_node *n, const char *expr) {
    wfc_value x[2], y;
    char text[96];
    bool keep = !c->folding && (overflows(c, n, 0) || overflows(c, n, 1));
    WFC_TRY(operands(c, n, false, x));
    snprintf(text, sizeof text, keep ? "add(%s,mul(0,add(a,b)))" : "%s", expr);
    WFC_TRY(wfc_fe_map_typed(c, n, WFC_BOOL, text, x, 2, &y));
    return wfc_fe_set_typed(c, n, 0, WFC_BOOL, y);
}

#define COMPARE(suffix, name, expr, types)                                                                             \
    static wfc_status convert_##suffix(wfc_fe_ctx *c, wfc_fe_node *n) {                                                \
        return compare(c, n, expr);                                                                                    \
    }                                                                                                                  \
    const wfc_fe_op wfc_fe_op_##suffix = {                                                                             \
        {"", name, 1, WFC_FE_NEWEST_OPSET, ""}, 2, 2, 1, 0, "broadcast:i axis:i", convert_##suffix, types};
COMPARE(equal, "Equal", "eq(a,b)", WFC_FE_ANY)
COMPARE(less, "Less", "lt(a,b)", WFC_FE_NUMBERS)
COMPARE(greater, "Greater", "lt(b,a)", WFC_FE_NUMBERS)
COMPARE(less_or_equal, "LessOrEqual", "le(a,b)", WFC_FE_NUMBERS)
COMPARE(greater_or_equal, "GreaterOrEqual", "le(b,a)", WFC_FE_NUMBERS)
COMPARE(and, "And", "and(a,b)", WFC_FE_BOOLS)
COMPARE(or, "Or", "or(a,b)", WFC_FE_BOOLS)
COMPARE(xor, "Xor", "not(eq(a,b))", WFC_FE_BOOLS)

/* --- Where -------------------------------------------------------------------------------------------------------- */

static wfc_status convert_where(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank = 0, r;
    int64_t dims[WFC_IR_MAX_RANK], d[WFC_IR_MAX_RANK];
    wfc_value x[3], y;
    wfc_shape shape;
    wfc_dtype t = wfc_fe_value_dtype(c, wfc_fe_input(c, n, 1));
    if (wfc_fe_value_dtype(c, wfc_fe_input(c, n, 0)) != WFC_BOOL)
        return wfc_fe_invalid(c, n, "the condition is no bool");
    if (t != wfc_fe_value_dtype(c, wfc_fe_input(c, n, 2)))
        return wfc_fe_invalid(c, n, "its inputs 1 and 2 differ in element type");
    for (unsigned k = 0; k < 3; k++) {
        wfc_fe_shape(c, wfc_fe_input(c, n, k), &r, d);
        if (!wfc_fe_broadcast(rank, dims, r, d, &rank, dims))
            return wfc_fe_invalid(c, n, "the shapes of its inputs do not broadcast");
    }
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    for (unsigned k = 0; k < 3; k++) WFC_TRY(wfc_fe_ir_input(c, n, k, &x[k]));
    bool keep = !c->folding && overflows(c, n, 0);
    WFC_TRY(wfc_fe_map_typed(c, n, t, keep ? "add(select(a,b,c),mul(0,a))" : "select(a,b,c)", x, 3, &y));
    return wfc_fe_set_typed(c, n, 0, t, y);
}
const wfc_fe_op wfc_fe_op_where = {
    {"", "Where", 9, WFC_FE_NEWEST_OPSET, ""}, 3, 3, 1, 0, "", convert_where, WFC_FE_ANY};

/* --- Pow, Mod, BitShift ------------------------------------------------------------------------------------------- */

/* Integer powers are rounded: the function's error is below one half up to 2^20. */
static wfc_status convert_pow(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x[2], y;
    wfc_dtype t = wfc_fe_value_dtype(c, wfc_fe_input(c, n, 0));
    bool whole = wfc_fe_kind(t) == WFC_FE_INTS;
    WFC_TRY(operands(c, n, true, x));
    if (c->folding && whole != (wfc_fe_kind(wfc_fe_value_dtype(c, wfc_fe_input(c, n, 1))) == WFC_FE_INTS))
        return wfc_fe_unsupported(c, n, "a constant integer to a constant float power, or the other way round");
    WFC_TRY(wfc_fe_map(
        c, n, whole && !c->folding ? "t0=round(pow(a,b)); select(le(abs(t0),1048576),t0,nan)" : "pow(a,b)", x, 2, &y));
    c->guarded |= whole;
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_pow = {{"", "Pow", 1, WFC_FE_NEWEST_OPSET, "integer results up to 2^20"},
                                 2,
                                 2,
                                 1,
                                 0,
                                 "broadcast:i axis:i",
                                 convert_pow,
                                 WFC_FE_NUMBERS};

/* a - trunc(a / b) * b, which has the sign of a, is exact for integers; that of b by one b more (of floats since
 * operator set 28). For floats the divisor is taken in two parts of 12 bits, so that nothing is lost up to quotients of
 * 4096, and a quotient of 0 is not multiplied with the divisor, which may be infinite. The divisor is kept from being a
 * literal, which would be divided by as a product with its rounded reciprocal. */
#define TRUNCATED "t0=div(a,add(b,mul(a,0))); t1=select(lt(t0,0),ceil(t0),floor(t0)); "
#define FLOATS                                                                                                         \
    TRUNCATED                                                                                                          \
    "t2=mul(b,4097); t3=sub(t2,sub(t2,b)); t4=select(t1,sub(sub(a,mul(t1,t3)),mul(t1,sub(b,t3))),a); "                 \
    "t5=select(eq(t4,0),t4,select(eq(lt(t4,0),lt(a,0)),t4,sub(t4,mul(abs(b),sub(lt(0,a),lt(a,0)))))); "
static wfc_status convert_mod(wfc_fe_ctx *c, wfc_fe_node *n) {
    static const char whole[] =
        TRUNCATED "t2=sub(a,mul(t1,b)); select(eq(t2,0),t2,select(eq(lt(t2,0),lt(b,0)),t2,add(t2,b)))",
                      like_c[] = TRUNCATED "sub(a,mul(t1,b))", floats[] = FLOATS "t5",
                      floored_floats[] =
                          FLOATS "select(eq(t5,0),select(lt(b,0),-0,0),select(eq(lt(t5,0),lt(b,0)),t5,add(t5,b)))";
    static const char cut[] = "sub(a,mul(div(a,b),b))"; /* of constants: div of integers truncates */
    static const char floored[] =
        "t0=sub(a,mul(div(a,b),b)); select(eq(t0,0),t0,select(eq(lt(t0,0),lt(b,0)),t0,add(t0,b)))";
    wfc_value x[2], y;
    wfc_dtype t = wfc_fe_value_dtype(c, wfc_fe_input(c, n, 0));
    bool ints = wfc_fe_kind(t) == WFC_FE_INTS, fmod = wfc_fe_attr_int(n, "fmod", 0) != 0;
    if (!ints && !fmod && n->opset < 28) return wfc_fe_invalid(c, n, "floats need fmod = 1");
    WFC_TRY(operands(c, n, false, x));
    const char *text = c->folding ? (fmod ? cut : floored) : fmod ? like_c : whole;
    if (!ints) text = fmod ? floats : floored_floats;
    WFC_TRY(wfc_fe_map(c, n, text, x, 2, &y));
    c->guarded |= ints; /* by 0 */
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_mod = {{"", "Mod", 10, WFC_FE_NEWEST_OPSET, "floats exact for quotients up to 4096"},
                                 2,
                                 2,
                                 1,
                                 0,
                                 "fmod:i",
                                 convert_mod,
                                 WFC_FE_NUMBERS};

/* t5 = 2^b for b up to 63, bit by bit: exact, where pow is not. */
#define POWER                                                                                                          \
    "t0=floor(mul(b,0.5)); t1=floor(mul(b,0.25)); t2=floor(mul(b,0.125)); t3=floor(mul(b,0.0625)); "                   \
    "t4=floor(mul(b,0.03125)); t5=mul(mul(mul(select(sub(b,mul(2,t0)),2,1),select(sub(t0,mul(2,t1)),4,1)),"            \
    "mul(select(sub(t1,mul(2,t2)),16,1),select(sub(t2,mul(2,t3)),256,1))),"                                            \
    "mul(select(sub(t3,mul(2,t4)),65536,1),select(t4,4294967296,1))); "
static wfc_status convert_bit_shift(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x[2], y;
    bool left = wfc_fe_attr_is(n, "direction", "LEFT");
    wfc_dtype t = wfc_fe_value_dtype(c, wfc_fe_input(c, n, 0));
    if (!left && !wfc_fe_attr_is(n, "direction", "RIGHT"))
        return wfc_fe_invalid(c, n, "attribute 'direction' is neither LEFT nor RIGHT");
    if (t != WFC_U8 && t != WFC_U16 && t != WFC_U32 && t != WFC_U64)
        return n->opset < 28 ? wfc_fe_invalid(c, n, "its inputs are signed")
                             : wfc_fe_unsupported(c, n, "signed integers");
    WFC_TRY(operands(c, n, false, x));
    WFC_TRY(wfc_fe_map(c, n, left ? POWER "mul(a,t5)" : POWER "floor(div(a,t5))", x, 2, &y));
    /* A product with a power of two has the 24 bits of its operand: wrapping is exact, and comes first. */
    if (left && wfc_dtype_bytes(t) <= 2) {
        double span = t == WFC_U8 ? 256 : 65536, p[] = {1 / span, span};
        WFC_TRY(wfc_fe_map_params(c, n, t, "sub(a,mul(floor(mul(a,P)),Q))", p, &y, 1, &y));
    } else if (left) {
        WFC_TRY(wfc_fe_guard(c, n, t, &y));
    }
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_bit_shift = {{"", "BitShift", 11, WFC_FE_NEWEST_OPSET, ""},
                                       2,
                                       2,
                                       1,
                                       0,
                                       "direction:s",
                                       convert_bit_shift,
                                       WFC_FE_INTS | WFC_FE_NOT_FOLDED};

/* --- PRelu -------------------------------------------------------------------------------------------------------- */

/* Before operator set 7 the slope is one number, or one per channel (axis 1). */
static wfc_status convert_prelu(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rx, rs, rank;
    int64_t dx[WFC_IR_MAX_RANK], ds[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK];
    wfc_value x[2], y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rx, dx);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &rs, ds);
    if (n->opset < 7 && rs == 1 && ds[0] != 1)
        while (rs + 1 < rx) ds[rs++] = 1;
    if (!wfc_fe_broadcast(rx, dx, rs, ds, &rank, dims) || rank != rx || memcmp(dims, dx, sizeof *dims * rx) != 0)
        return wfc_fe_invalid(c, n, "the slope does not broadcast to the input");
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    WFC_TRY(wfc_fe_ir_input_as(c, n, 1, rs, ds, &x[1]));
    WFC_TRY(wfc_fe_map(c, n, "select(lt(a,0),mul(a,b),a)", x, 2, &y));
    WFC_TRY(wfc_fe_guard(c, n, (wfc_dtype)c->result, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_prelu = {
    {"", "PRelu", 1, WFC_FE_NEWEST_OPSET, ""}, 2, 2, 1, 0, "consumed_inputs:I", convert_prelu, WFC_FE_NUMBERS};

/* --- Min, Max, Sum, Mean ------------------------------------------------------------------------------------------ */

static wfc_status variadic(wfc_fe_ctx *c, wfc_fe_node *n, const char *expr, bool mean) {
    uint8_t rank = 0, r;
    int64_t dims[WFC_IR_MAX_RANK], d[WFC_IR_MAX_RANK];
    wfc_value x[2], all;
    wfc_shape shape;
    for (unsigned k = 0; k < n->in_count; k++) {
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        if (!v) return wfc_fe_invalid(c, n, "input %u may not be left out", k);
        if (wfc_fe_value_dtype(c, v) != (wfc_dtype)c->result) return wfc_fe_invalid(c, n, "its inputs differ in type");
        wfc_fe_shape(c, v, &r, d);
        if (!wfc_fe_broadcast(rank, dims, r, d, &rank, dims))
            return wfc_fe_invalid(c, n, "the shapes of its inputs do not broadcast");
    }
    if (n->in_count == 1) return wfc_fe_set_same(c, n, 0, wfc_fe_input(c, n, 0));
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &all));
    for (unsigned k = 1; k < n->in_count; k++) {
        x[0] = all;
        WFC_TRY(wfc_fe_ir_input(c, n, k, &x[1]));
        WFC_TRY(wfc_fe_map(c, n, expr, x, 2, &all));
    }
    const double share = 1.0 / n->in_count;
    if (mean) WFC_TRY(wfc_fe_map_params(c, n, (wfc_dtype)c->result, "mul(a,P)", &share, &all, 1, &all));
    return wfc_fe_set_ir(c, n, 0, all);
}

#define VARIADIC(suffix, name, expr, mean, types)                                                                      \
    static wfc_status convert_##suffix(wfc_fe_ctx *c, wfc_fe_node *n) {                                                \
        return variadic(c, n, expr, mean);                                                                             \
    }                                                                                                                  \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, 1, WFC_FE_NEWEST_OPSET, ""},                                      \
                                          1,                                                                           \
                                          WFC_FE_VARIADIC,                                                             \
                                          1,                                                                           \
                                          0,                                                                           \
                                          "consumed_inputs:I",                                                         \
                                          convert_##suffix,                                                            \
                                          types};
VARIADIC(max, "Max", "max(a,b)", false, WFC_FE_NUMBERS)
VARIADIC(min, "Min", "min(a,b)", false, WFC_FE_NUMBERS)
VARIADIC(sum, "Sum", "add(a,b)", false, WFC_FE_FLOATS)
VARIADIC(mean, "Mean", "add(a,b)", true, WFC_FE_FLOATS)
