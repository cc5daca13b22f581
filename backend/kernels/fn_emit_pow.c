/* pow(a, b) = 2^(b log2|a|), with the sign of a where b is an odd integer.
 *
 * The exponent's error is the result's relative error, and the exponent can be 128, so log2 needs more than single
 * precision: it is carried as an exact head of 12 bits and a tail, products of heads being exact (there is no fused
 * multiply-add). What is left is the error of the cubic tail of log(1 + f); see docs/functions.md. Constant exponents
 * that are small integers or halves take the short way. */
#include "backend/kernels/fn_emit_internal.h"

#include <math.h>

enum { HEAD_MASK = ~0xfff }; /* 12 of 24 bits stay */
static const float LOG2E_HEAD = 0x1.714p+0f, LOG2E_TAIL = 0x1.47652cp-12f, LOG2E = 0x1.715476p+0f;
static const float LN2 = 0x1.62e43p-1f;
static const float MAGIC = 12582912.0f + 254.0f;
static const float HUGE_EXPONENT = 0x1.0p+127f, MAX_B = 0x1.0p+34f;

/* head = v with 12 bits, tail = v - head. */
static void cut(wfc_be_fx *x, wfc_be_tmp v, wfc_be_tmp head, wfc_be_tmp tail) {
    wfc_be_fx_bk(x, WFC_OP_VAND, head, v, HEAD_MASK);
    wfc_be_fx_f(x, WFC_OP_VSUB, tail.f, v.f, head.f);
}

/* f -> hi + lo = log(1 + f): with f = h + l, h - h^2/2 has exact terms; the rest, h l + l^2/2 and the cubic tail, is
 * small. Overwrites f. */
static void log1p_pair(wfc_be_fx *x, wfc_be_tmp f, wfc_be_tmp hi, wfc_be_tmp lo) {
    wfc_be_tmp h = wfc_be_fx_new(x), l = wfc_be_fx_new(x), q = wfc_be_fx_new(x);
    wfc_be_fx_log_tail(x, lo, f, q);
    cut(x, f, h, l);
    wfc_be_fx_f(x, WFC_OP_VMUL, q.f, h.f, l.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, lo.f, lo.f, q.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, q.f, l.f, l.f);
    wfc_be_fx_fk(x, WFC_OP_VMAC, lo.f, q.f, -0.5f);
    wfc_be_fx_f(x, WFC_OP_VADD, lo.f, lo.f, l.f);
    wfc_be_fx_fk(x, WFC_OP_VMUL, q.f, h.f, 0.5f);
    wfc_be_fx_f(x, WFC_OP_VMUL, q.f, q.f, h.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, f.f, h.f, q.f); /* h - q, and what its rounding lost */
    wfc_be_fx_f(x, WFC_OP_VSUB, l.f, h.f, f.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, l.f, l.f, q.f);
    wfc_be_fx_f(x, WFC_OP_VADD, lo.f, lo.f, l.f);
    wfc_be_fx_f(x, WFC_OP_VADD, hi.f, f.f, lo.f); /* renormalised */
    wfc_be_fx_f(x, WFC_OP_VSUB, l.f, hi.f, f.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, lo.f, lo.f, l.f);
    wfc_be_fx_free(x, h);
    wfc_be_fx_free(x, l);
    wfc_be_fx_free(x, q);
}

/* e + log2(1 + f) -> s + lo; e and f are overwritten. Zero and infinity get an exponent beyond all. */
static void log2_pair(wfc_be_fx *x, const wfc_be_val *ax, wfc_be_tmp s, wfc_be_tmp lo) {
    wfc_be_tmp e = wfc_be_fx_new(x), f = wfc_be_fx_new(x);
    wfc_be_fx_log_split(x, ax, f, e, s);
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, s.f, ax, INFINITY);
    wfc_be_fx_fk(x, WFC_OP_VMAC, e.f, s.f, HUGE_EXPONENT);
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, s.f, ax, 0.0f);
    wfc_be_fx_fk(x, WFC_OP_VMAC, e.f, s.f, -HUGE_EXPONENT);
    wfc_be_fx_fk(x, WFC_OP_VSUB, f.f, f.f, 1.0f);
    log1p_pair(x, f, s, lo);
    /* (head + tail + lo) * log2(e) */
    wfc_be_tmp head = wfc_be_fx_new(x);
    cut(x, s, head, s);
    wfc_be_fx_f(x, WFC_OP_VADD, lo.f, lo.f, s.f);
    wfc_be_fx_fk(x, WFC_OP_VMUL, lo.f, lo.f, LOG2E);
    wfc_be_fx_fk(x, WFC_OP_VMAC, lo.f, head.f, LOG2E_TAIL);
    wfc_be_fx_fk(x, WFC_OP_VMUL, head.f, head.f, LOG2E_HEAD);
    /* + e, which is 0 or larger than the rest */
    wfc_be_fx_f(x, WFC_OP_VADD, s.f, e.f, head.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, e.f, e.f, s.f);
    wfc_be_fx_f(x, WFC_OP_VADD, e.f, e.f, head.f);
    wfc_be_fx_f(x, WFC_OP_VADD, lo.f, lo.f, e.f);
    wfc_be_fx_free(x, head);
    wfc_be_fx_free(x, e);
    wfc_be_fx_free(x, f);
}

/* (s + lo) * b -> t + lo, t exact up to its clamp. */
static void times_exponent(wfc_be_fx *x, const wfc_be_val *b, wfc_be_tmp s, wfc_be_tmp lo, wfc_be_tmp t) {
    wfc_be_tmp bc = wfc_be_fx_new(x), bh = wfc_be_fx_new(x);
    wfc_be_fx_vk(x, WFC_OP_VMAX, bc.f, b, -MAX_B);
    wfc_be_fx_fk(x, WFC_OP_VMIN, bc.f, bc.f, MAX_B);
    cut(x, s, t, s);
    wfc_be_fx_f(x, WFC_OP_VADD, lo.f, lo.f, s.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, lo.f, lo.f, bc.f);
    cut(x, bc, bh, bc);
    wfc_be_fx_f(x, WFC_OP_VMAC, lo.f, t.f, bc.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, t.f, t.f, bh.f);
    /* 2^-160 is 0 and 2^130 is infinite; where t is beyond, the tail must not undo it. */
    wfc_be_fx_fk(x, WFC_OP_VMAX, t.f, t.f, -160.0f);
    wfc_be_fx_fk(x, WFC_OP_VMIN, t.f, t.f, 130.0f);
    wfc_be_fx_fk(x, WFC_OP_VMAX, lo.f, lo.f, -1.0f);
    wfc_be_fx_fk(x, WFC_OP_VMIN, lo.f, lo.f, 1.0f);
    wfc_be_fx_free(x, bc);
    wfc_be_fx_free(x, bh);
}

/* p = 2^(t + lo); t, lo, h are overwritten. */
static void exp2_pair(wfc_be_fx *x, wfc_be_tmp t, wfc_be_tmp lo, wfc_be_tmp h, wfc_be_tmp p) {
    wfc_be_fx_f(x, WFC_OP_VADD, h.f, t.f, lo.f);
    wfc_be_fx_fk(x, WFC_OP_VADD, h.f, h.f, MAGIC);
    wfc_be_fx_fk(x, WFC_OP_VSUB, p.f, h.f, MAGIC);
    wfc_be_fx_f(x, WFC_OP_VSUB, t.f, t.f, p.f);
    wfc_be_fx_f(x, WFC_OP_VADD, lo.f, lo.f, t.f);
    wfc_be_fx_fk(x, WFC_OP_VMUL, lo.f, lo.f, LN2);
    wfc_be_fx_exp_core(x, p, lo);
    wfc_be_fx_scale(x, p.f, p, h, t);
}

/* q = 1 where b is an even integer, -1 where odd, else NaN for finite a < 0 and 1 for the rest; m is scratch. */
static void sign_if_negative(wfc_be_fx *x, const wfc_be_val *a, const wfc_be_val *b, wfc_be_tmp q, wfc_be_tmp m) {
    wfc_be_tmp other = wfc_be_fx_new(x);
    wfc_be_fx_vk(x, WFC_OP_VCMPLT, other.f, a, 0.0f);
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, m.f, a, -INFINITY);
    wfc_be_fx_f(x, WFC_OP_VSUB, other.f, other.f, m.f);
    wfc_be_fx_fk(x, WFC_OP_VSEL, other.f, wfc_be_fx_k(x, NAN), 1.0f);
    wfc_be_fx_vk(x, WFC_OP_VMUL, q.f, b, 0.5f);
    wfc_be_fx_f(x, WFC_OP_VRINT, m.f, q.f, WFC_OPND_NONE);
    wfc_be_fx_f(x, WFC_OP_VCMPEQ, q.f, q.f, m.f);
    wfc_be_fx_fk(x, WFC_OP_VMUL, q.f, q.f, 2.0f);
    wfc_be_fx_fk(x, WFC_OP_VSUB, q.f, q.f, 1.0f);
    wfc_be_fx_v1(x, WFC_OP_VRINT, m.f, b);
    wfc_be_fx_f(x, WFC_OP_VCMPEQ, m.f, m.f, wfc_be_fx_src(x, b));
    wfc_be_fx_f(x, WFC_OP_VSEL, m.f, q.f, other.f);
    wfc_be_fx_f(x, WFC_OP_VMOV, q.f, m.f, WFC_OPND_NONE);
    wfc_be_fx_free(x, other);
}

/* y *= that sign where a's sign bit is set (-0 too). */
static void apply_sign(wfc_be_fx *x, const wfc_be_val *a, const wfc_be_val *b, wfc_be_tmp y) {
    wfc_be_tmp q = wfc_be_fx_new(x), m = wfc_be_fx_new(x);
    sign_if_negative(x, a, b, q, m);
    wfc_be_fx_v1(x, WFC_OP_VMOV, m.f, a);
    wfc_be_fx_bk(x, WFC_OP_VSAR, m, m, 31);
    wfc_be_fx_fk(x, WFC_OP_VSEL, m.f, q.f, 1.0f);
    wfc_be_fx_f(x, WFC_OP_VMUL, y.f, y.f, m.f);
    wfc_be_fx_free(x, q);
    wfc_be_fx_free(x, m);
}

static wfc_be_tmp general(wfc_be_fx *x, const wfc_be_val *a, const wfc_be_val *b) {
    wfc_be_tmp s = wfc_be_fx_new(x), lo = wfc_be_fx_new(x), t = wfc_be_fx_new(x);
    wfc_be_fx_v1(x, WFC_OP_VABS, t.f, a);
    wfc_be_val ax = {.kind = WFC_BE_VAL_TMP, .tmp = t};
    log2_pair(x, &ax, s, lo);
    times_exponent(x, b, s, lo, t);
    wfc_be_tmp y = wfc_be_fx_new(x);
    exp2_pair(x, t, lo, s, y);
    apply_sign(x, a, b, y);
    /* NaN stays NaN; but anything to the power 0, and 1 to any power, is 1. */
    wfc_be_fx_v2(x, WFC_OP_VCMPEQ, t.f, a, a);
    wfc_be_fx_f(x, WFC_OP_VSEL, t.f, y.f, wfc_be_fx_src(x, a));
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, y.f, b, 0.0f);
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, s.f, a, 1.0f);
    wfc_be_fx_f(x, WFC_OP_VMAX, y.f, y.f, s.f);
    wfc_be_fx_select(x, y, wfc_be_fx_k(x, 1.0f), t.f);
    wfc_be_fx_free(x, s);
    wfc_be_fx_free(x, lo);
    wfc_be_fx_free(x, t);
    return y;
}

/* a^2, a^3, a^4 by products, 1/a, 1/a^2, sqrt(a), 1/sqrt(a); false where the exponent is none of these. */
static bool by_products(wfc_be_fx *x, const wfc_be_val *a, float b, wfc_be_tmp *out) {
    if (b != 1 && b != 2 && b != 3 && b != 4 && b != -1 && b != -2 && b != 0.5f && b != -0.5f) return false;
    wfc_be_tmp y = wfc_be_fx_new(x);
    uint8_t last = wfc_be_fx_out(x, y);
    float m = fabsf(b);
    bool inverse = b < 0;
    if (m == 1 && !inverse) wfc_be_fx_v1(x, WFC_OP_VMOV, last, a);
    if (m == 2) wfc_be_fx_v2(x, WFC_OP_VMUL, inverse ? y.f : last, a, a);
    if (m == 3 || m == 4) wfc_be_fx_v2(x, WFC_OP_VMUL, y.f, a, a);
    if (m == 3) wfc_be_fx_f(x, WFC_OP_VMUL, last, y.f, wfc_be_fx_src(x, a));
    if (m == 4) wfc_be_fx_f(x, WFC_OP_VMUL, last, y.f, y.f);
    if (m == 0.5f) wfc_be_fx_v1(x, WFC_OP_VSQRT, inverse ? y.f : last, a);
    if (inverse) {
        uint8_t one = wfc_be_fx_k(x, 1.0f);
        wfc_be_fx_f(x, WFC_OP_VDIV, last, one, m == 1 ? wfc_be_fx_src(x, a) : y.f);
    }
    *out = y;
    return true;
}

wfc_be_tmp wfc_be_fn_pow(wfc_be_fx *x, wfc_be_val *const *args) {
    wfc_be_tmp y;
    if (args[1]->kind == WFC_BE_VAL_CONST && by_products(x, args[0], args[1]->value, &y)) return y;
    return general(x, args[0], args[1]);
}
