/* Functions of one to a few instructions: arithmetic, comparisons, rounding, logic, select. */
#include "backend/kernels/fn_emit_internal.h"

#include <math.h>

/* A temporary for the result only where no destination is given; then an argument's own memory serves. */
static wfc_be_tmp result_in(wfc_be_fx *x, wfc_be_val *a, wfc_be_val *b) {
    if (x->dst != WFC_OPND_NONE) return WFC_BE_TMP_NONE;
    if (a && a->kind == WFC_BE_VAL_TMP && a->dying && !a->taken) return wfc_be_fx_take(x, a);
    return b ? wfc_be_fx_take(x, b) : wfc_be_fx_new(x);
}

static wfc_be_tmp unary(wfc_be_fx *x, wfc_be_val *a, wfc_op op) {
    wfc_be_tmp r = result_in(x, a, NULL);
    wfc_be_fx_v1(x, op, wfc_be_fx_out(x, r), a);
    return r;
}

static wfc_be_tmp binary(wfc_be_fx *x, wfc_be_val *a, wfc_be_val *b, wfc_op op) {
    wfc_be_tmp r = result_in(x, a, b);
    wfc_be_fx_v2(x, op, wfc_be_fx_out(x, r), a, b);
    return r;
}

static wfc_be_tmp fn_add(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VADD);
}
static wfc_be_tmp fn_sub(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VSUB);
}
static wfc_be_tmp fn_mul(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VMUL);
}
static wfc_be_tmp fn_min(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VMIN);
}
static wfc_be_tmp fn_max(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VMAX);
}
static wfc_be_tmp fn_neg(wfc_be_fx *x, wfc_be_val *const *v) {
    return unary(x, v[0], WFC_OP_VNEG);
}
static wfc_be_tmp fn_abs(wfc_be_fx *x, wfc_be_val *const *v) {
    return unary(x, v[0], WFC_OP_VABS);
}
static wfc_be_tmp fn_sqrt(wfc_be_fx *x, wfc_be_val *const *v) {
    return unary(x, v[0], WFC_OP_VSQRT);
}
static wfc_be_tmp fn_round(wfc_be_fx *x, wfc_be_val *const *v) {
    return unary(x, v[0], WFC_OP_VRINT);
}
static wfc_be_tmp fn_eq(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VCMPEQ);
}
static wfc_be_tmp fn_lt(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VCMPLT);
}
static wfc_be_tmp fn_le(wfc_be_fx *x, wfc_be_val *const *v) {
    return binary(x, v[0], v[1], WFC_OP_VCMPLE);
}

/* By a constant whose reciprocal is a normal number: one multiplication (exact for powers of two, else at most
 * 1.5 ulp), 30 times faster than the divide unit. */
static wfc_be_tmp fn_div(wfc_be_fx *x, wfc_be_val *const *v) {
    if (v[1]->kind == WFC_BE_VAL_CONST) {
        float r = 1.0f / v[1]->value;
        if (isnormal(v[1]->value) && isnormal(r)) {
            wfc_be_val by = {.kind = WFC_BE_VAL_CONST, .value = r};
            return binary(x, v[0], &by, WFC_OP_VMUL);
        }
    }
    return binary(x, v[0], v[1], WFC_OP_VDIV);
}

static wfc_be_tmp fn_recip(wfc_be_fx *x, wfc_be_val *const *v) {
    wfc_be_val one = {.kind = WFC_BE_VAL_CONST, .value = 1.0f};
    return binary(x, &one, v[0], WFC_OP_VDIV);
}

/* rint(x) minus 1 where that is above x. */
static wfc_be_tmp fn_floor(wfc_be_fx *x, wfc_be_val *const *v) {
    wfc_be_tmp t = wfc_be_fx_new(x), m = wfc_be_fx_new(x);
    wfc_be_fx_v1(x, WFC_OP_VRINT, t.f, v[0]);
    wfc_be_fx_f(x, WFC_OP_VCMPLT, m.f, wfc_be_fx_src(x, v[0]), t.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, wfc_be_fx_out(x, t), t.f, m.f);
    wfc_be_fx_free(x, m);
    return t;
}

/* rint(x) plus 1 where that is below x, as -(-rint(x) - 1): so ceil(-0.3) is -0. */
static wfc_be_tmp fn_ceil(wfc_be_fx *x, wfc_be_val *const *v) {
    wfc_be_tmp t = wfc_be_fx_new(x), m = wfc_be_fx_new(x);
    wfc_be_fx_v1(x, WFC_OP_VRINT, t.f, v[0]);
    wfc_be_fx_f(x, WFC_OP_VCMPLT, m.f, t.f, wfc_be_fx_src(x, v[0]));
    wfc_be_fx_f(x, WFC_OP_VNEG, t.f, t.f, WFC_OPND_NONE);
    wfc_be_fx_f(x, WFC_OP_VSUB, t.f, t.f, m.f);
    wfc_be_fx_f(x, WFC_OP_VNEG, wfc_be_fx_out(x, t), t.f, WFC_OPND_NONE);
    wfc_be_fx_free(x, m);
    return t;
}

static wfc_be_tmp fn_not(wfc_be_fx *x, wfc_be_val *const *v) {
    wfc_be_val zero = {.kind = WFC_BE_VAL_CONST, .value = 0.0f};
    return binary(x, v[0], &zero, WFC_OP_VCMPEQ);
}

static bool is_boolean(const wfc_be_val *v) {
    return v->boolean || (v->kind == WFC_BE_VAL_CONST && (v->value == 0.0f || v->value == 1.0f));
}

/* a and b = not (not a or not b); on truth values one instruction. `joined` combines the negated ones. */
static wfc_be_tmp logic(wfc_be_fx *x, wfc_be_val *a, wfc_be_val *b, wfc_op direct, wfc_op joined) {
    if (is_boolean(a) && is_boolean(b)) return binary(x, a, b, direct);
    wfc_be_tmp p = wfc_be_fx_new(x), q = wfc_be_fx_new(x);
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, p.f, a, 0.0f);
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, q.f, b, 0.0f);
    wfc_be_fx_f(x, joined, p.f, p.f, q.f);
    wfc_be_fx_f(x, WFC_OP_VCMPEQ, wfc_be_fx_out(x, p), p.f, 0);
    wfc_be_fx_free(x, q);
    return p;
}

static wfc_be_tmp fn_and(wfc_be_fx *x, wfc_be_val *const *v) {
    return logic(x, v[0], v[1], WFC_OP_VMIN, WFC_OP_VMAX);
}
static wfc_be_tmp fn_or(wfc_be_fx *x, wfc_be_val *const *v) {
    return logic(x, v[0], v[1], WFC_OP_VMAX, WFC_OP_VMIN);
}

/* vsel looks at bits, where -0 is true: a condition that is no truth value is compared with 0 first. */
static wfc_be_tmp fn_select(wfc_be_fx *x, wfc_be_val *const *v) {
    bool whole = v[0]->boolean && v[0]->dying;
    wfc_be_tmp m = whole ? wfc_be_fx_take(x, v[0]) : wfc_be_fx_new(x);
    if (!whole) wfc_be_fx_vk(x, WFC_OP_VCMPEQ, m.f, v[0], 0.0f);
    uint8_t yes = wfc_be_fx_src(x, v[1]), no = wfc_be_fx_src(x, v[2]);
    wfc_be_fx_select(x, m, whole ? yes : no, whole ? no : yes);
    return m;
}

static const wfc_be_fn_emitter BASIC[WFC_FN_COUNT] = {
    [WFC_FN_ADD] = fn_add,     [WFC_FN_SUB] = fn_sub,     [WFC_FN_MUL] = fn_mul,     [WFC_FN_DIV] = fn_div,
    [WFC_FN_MIN] = fn_min,     [WFC_FN_MAX] = fn_max,     [WFC_FN_NEG] = fn_neg,     [WFC_FN_ABS] = fn_abs,
    [WFC_FN_SQRT] = fn_sqrt,   [WFC_FN_RECIP] = fn_recip, [WFC_FN_EQ] = fn_eq,       [WFC_FN_LT] = fn_lt,
    [WFC_FN_LE] = fn_le,       [WFC_FN_NOT] = fn_not,     [WFC_FN_AND] = fn_and,     [WFC_FN_OR] = fn_or,
    [WFC_FN_FLOOR] = fn_floor, [WFC_FN_CEIL] = fn_ceil,   [WFC_FN_ROUND] = fn_round, [WFC_FN_SELECT] = fn_select,
};

wfc_be_fn_emitter wfc_be_fn_basic(wfc_fn fn) {
    return (unsigned)fn < WFC_FN_COUNT ? BASIC[fn] : NULL;
}
