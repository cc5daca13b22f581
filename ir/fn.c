/* The scalar functions. Floats are computed in double and rounded by the caller after every expression node, which
 * gives the correctly rounded f32 result for add, sub, mul, div and sqrt (double carries more than twice the bits).
 * Integers are exact in 64 bits and wrapped by the caller. */
#include "ir/fn.h"
#include <math.h>
#include <string.h>

#define F1(name, expr)                                                                                                 \
    static double f_##name(double a, double b, double c) {                                                             \
        (void)b;                                                                                                       \
        (void)c;                                                                                                       \
        return expr;                                                                                                   \
    }
#define F2(name, expr)                                                                                                 \
    static double f_##name(double a, double b, double c) {                                                             \
        (void)c;                                                                                                       \
        return expr;                                                                                                   \
    }
#define I1(name, expr)                                                                                                 \
    static int64_t i_##name(int64_t a, int64_t b, int64_t c) {                                                         \
        (void)b;                                                                                                       \
        (void)c;                                                                                                       \
        return expr;                                                                                                   \
    }
#define I2(name, expr)                                                                                                 \
    static int64_t i_##name(int64_t a, int64_t b, int64_t c) {                                                         \
        (void)c;                                                                                                       \
        return expr;                                                                                                   \
    }

/* NaN if either is NaN, -0 below +0, as the machine's vmin and vmax. */
static double min2(double a, double b) {
    if (isnan(a) || isnan(b)) return NAN;
    if (a == 0 && b == 0) return signbit(a) ? a : b;
    return a < b ? a : b;
}
static double max2(double a, double b) {
    if (isnan(a) || isnan(b)) return NAN;
    if (a == 0 && b == 0) return signbit(a) ? b : a;
    return a > b ? a : b;
}
static int64_t add_wrap(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static int64_t mul_wrap(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a * (uint64_t)b);
}
static int64_t neg_wrap(int64_t a) {
    return (int64_t)(0 - (uint64_t)a);
}
/* Truncates towards zero as ONNX Div; by zero gives 0, the one overflow wraps. */
static int64_t div_wrap(int64_t a, int64_t b) {
    return b == 0 ? 0 : b == -1 ? neg_wrap(a) : a / b;
}
static int64_t pow_wrap(int64_t a, int64_t n) {
    int64_t r = 1;
    if (n < 0) return a == 1 ? 1 : a == -1 ? (n & 1 ? -1 : 1) : 0;
    for (; n; n >>= 1, a = mul_wrap(a, a))
        if (n & 1) r = mul_wrap(r, a);
    return r;
}
static double round_even(double a) {
    double f = floor(a), d = a - f;
    if (d == 0.5) return fmod(f, 2.0) == 0 ? copysign(f, a) : f + 1;
    double r = d < 0.5 ? f : f + 1;
    return r == 0 ? copysign(0.0, a) : r;
}

F2(add, a + b)
F2(sub, a - b)
F2(mul, a *b)
F2(div, a / b)
F2(min, min2(a, b))
F2(max, max2(a, b))
F2(pow, pow(a, b))
F1(neg, -a)
F1(abs, fabs(a))
F1(sqrt, sqrt(a))
F1(recip, 1.0 / a)
F1(exp, exp(a))
F1(log, log(a))
F1(tanh, tanh(a))
F1(sigmoid, 1.0 / (1.0 + exp(-a)))
F1(erf, erf(a))
F1(floor, floor(a))
F1(ceil, ceil(a))
F1(round, isfinite(a) ? round_even(a) : a)
F2(eq, a == b)
F2(lt, a < b)
F2(le, a <= b)
F1(not, a == 0)
F2(and, a != 0 && b != 0)
F2(or, a != 0 || b != 0)
static double f_select(double a, double b, double c) {
    return a != 0 ? b : c;
}
F1(cast, a) /* the caller rounds to the map's result type */

I2(add, add_wrap(a, b))
I2(sub, add_wrap(a, neg_wrap(b)))
I2(mul, mul_wrap(a, b))
I2(div, div_wrap(a, b))
I2(min, a < b ? a : b)
I2(max, a > b ? a : b)
I2(pow, pow_wrap(a, b))
I1(neg, neg_wrap(a))
I1(abs, a < 0 ? neg_wrap(a) : a)
I1(floor, a)
I1(ceil, a)
I1(round, a)
I2(eq, a == b)
I2(lt, a < b)
I2(le, a <= b)
I1(not, a == 0)
I2(and, a != 0 && b != 0)
I2(or, a != 0 || b != 0)
static int64_t i_select(int64_t a, int64_t b, int64_t c) {
    return a != 0 ? b : c;
}
I1(cast, a)

static const wfc_fn_record table[WFC_FN_COUNT] = {
    {WFC_FN_ARG, "arg", 0, NULL, NULL},
    {WFC_FN_CONST, "const", 0, NULL, NULL},
    {WFC_FN_INDEX, "index", 0, NULL, NULL},
    {WFC_FN_ADD, "add", 2, f_add, i_add},
    {WFC_FN_SUB, "sub", 2, f_sub, i_sub},
    {WFC_FN_MUL, "mul", 2, f_mul, i_mul},
    {WFC_FN_DIV, "div", 2, f_div, i_div},
    {WFC_FN_MIN, "min", 2, f_min, i_min},
    {WFC_FN_MAX, "max", 2, f_max, i_max},
    {WFC_FN_POW, "pow", 2, f_pow, i_pow},
    {WFC_FN_NEG, "neg", 1, f_neg, i_neg},
    {WFC_FN_ABS, "abs", 1, f_abs, i_abs},
    {WFC_FN_SQRT, "sqrt", 1, f_sqrt, NULL},
    {WFC_FN_RECIP, "recip", 1, f_recip, NULL},
    {WFC_FN_EXP, "exp", 1, f_exp, NULL},
    {WFC_FN_LOG, "log", 1, f_log, NULL},
    {WFC_FN_TANH, "tanh", 1, f_tanh, NULL},
    {WFC_FN_SIGMOID, "sigmoid", 1, f_sigmoid, NULL},
    {WFC_FN_ERF, "erf", 1, f_erf, NULL},
    {WFC_FN_FLOOR, "floor", 1, f_floor, i_floor},
    {WFC_FN_CEIL, "ceil", 1, f_ceil, i_ceil},
    {WFC_FN_ROUND, "round", 1, f_round, i_round},
    {WFC_FN_EQ, "eq", 2, f_eq, i_eq},
    {WFC_FN_LT, "lt", 2, f_lt, i_lt},
    {WFC_FN_LE, "le", 2, f_le, i_le},
    {WFC_FN_NOT, "not", 1, f_not, i_not},
    {WFC_FN_AND, "and", 2, f_and, i_and},
    {WFC_FN_OR, "or", 2, f_or, i_or},
    {WFC_FN_SELECT, "select", 3, f_select, i_select},
    {WFC_FN_CAST, "cast", 1, f_cast, i_cast},
};

const wfc_fn_record *wfc_fn_lookup(unsigned fn) {
    return fn < WFC_FN_COUNT ? &table[fn] : NULL;
}

const wfc_fn_record *wfc_fn_find(const char *name) {
    for (unsigned i = 0; i < WFC_FN_COUNT; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}
