/* exp, tanh, sigmoid, erf.
 *
 *   x = n ln2 + r,  |r| <= ln2 / 2,   e^x = 2^n e^r
 *
 * n comes from adding a big constant: t = x log2(e) + (1.5 * 2^23 + bias). The sum's ulp is 1, so t holds
 * round(x log2 e) in the low bits of its mantissa: t - constant is n as a float, and the bits of t shifted left by 23
 * are the float 2^n (with bias 127), without any conversion instruction. Example: x = 1: x log2 e = 1.44,
 * t = 12583039 + 1 = 0x4b4000 80, shifted: 0x40000000 = 2.0 = 2^1.
 *
 * ln2 is subtracted in two parts; the first has so few bits that n * part is exact.
 * Coefficients: fn_fit.py (weighted minimax, rounded to single precision one by one). */
#include "backend/kernels/fn_emit_internal.h"

static const float LOG2E = 0x1.715476p+0f;
static const float LN2_HI = 0x1.62e4p-1f, LN2_LO = 0x1.7f7d1cp-20f;
static const float MAGIC = 12582912.0f;
static const wfc_be_val ZERO = {.kind = WFC_BE_VAL_CONST};
static const float EXP_C[] = {1.0f, 1.0f, 0x1.0p-1f, 0x1.555466p-3f, 0x1.5552fep-5f, 0x1.1257d4p-7f, 0x1.6ff252p-10f};
/* (e^2r - 1 - 2r) / r^2 */
static const float EXPM1_C[] = {2.0f, 0x1.5554ap+0f, 0x1.555446p-1f, 0x1.123438p-2f, 0x1.6e598p-4f};
/* atanh(erf(x)) / x - 1 as a polynomial in x^2, for |x| <= 3.95 */
static const float ERF_C[] = {0x1.06ebacp-3f,   0x1.a4f39ap-4f,   -0x1.a84aa8p-13f, -0x1.3c696ep-11f, 0x1.407582p-14f,
                              -0x1.edbfbep-20f, -0x1.160128p-21f, 0x1.d07466p-25f,  -0x1.c3b8dep-30f};

static void clamp(wfc_be_fx *x, wfc_be_tmp r, const wfc_be_val *v, float lo, float hi) {
    wfc_be_fx_vk(x, WFC_OP_VMAX, r.f, v, lo);
    wfc_be_fx_fk(x, WFC_OP_VMIN, r.f, r.f, hi);
}

/* From r = argument: t's low bits = n + bias, n as a float, r = argument - n unit ln2, so that e^(argument / unit) =
 * 2^n e^(r / unit); unit is 1, -1 or -1/2. */
static void reduce(wfc_be_fx *x, wfc_be_tmp r, wfc_be_tmp t, wfc_be_tmp n, float unit, float bias) {
    wfc_be_fx_fk(x, WFC_OP_VMUL, t.f, r.f, LOG2E / unit);
    wfc_be_fx_fk(x, WFC_OP_VADD, t.f, t.f, MAGIC + bias);
    wfc_be_fx_fk(x, WFC_OP_VSUB, n.f, t.f, MAGIC + bias);
    wfc_be_fx_fk(x, WFC_OP_VMAC, r.f, n.f, -LN2_HI * unit);
    wfc_be_fx_fk(x, WFC_OP_VMAC, r.f, n.f, -LN2_LO * unit);
}

void wfc_be_fx_exp_core(wfc_be_fx *x, wfc_be_tmp p, wfc_be_tmp r) {
    wfc_be_fx_horner(x, p.f, r.f, EXP_C, 7);
}

/* 2^floor(n/2) * 2^ceil(n/2); the first product is exact. */
void wfc_be_fx_scale(wfc_be_fx *x, uint8_t y, wfc_be_tmp p, wfc_be_tmp t, wfc_be_tmp h) {
    wfc_be_fx_bk(x, WFC_OP_VSAR, h, t, 1);
    wfc_be_fx_b(x, WFC_OP_VSUB, t, t, h);
    wfc_be_fx_bk(x, WFC_OP_VSHL, h, h, 23);
    wfc_be_fx_bk(x, WFC_OP_VSHL, t, t, 23);
    wfc_be_fx_f(x, WFC_OP_VMUL, p.f, p.f, h.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, y, p.f, t.f);
}

/* Full range, subnormal results and overflow included. */
wfc_be_tmp wfc_be_fn_exp(wfc_be_fx *x, wfc_be_val *const *args) {
    wfc_be_tmp r = wfc_be_fx_take(x, args[0]), t = wfc_be_fx_new(x), p = wfc_be_fx_new(x);
    clamp(x, r, args[0], -104.0f, 89.0f);
    reduce(x, r, t, p, 1.0f, 254.0f);
    wfc_be_fx_exp_core(x, p, r);
    wfc_be_fx_scale(x, wfc_be_fx_out(x, p), p, t, r);
    wfc_be_fx_free(x, r);
    wfc_be_fx_free(x, t);
    return p;
}

/* sign times the polynomial at -r. */
static void horner_minus(wfc_be_fx *x, uint8_t p, uint8_t r, const float *c, unsigned count, float sign) {
    float at_minus[8];
    for (unsigned i = 0; i < count; i++) at_minus[i] = i % 2 ? -sign * c[i] : sign * c[i];
    wfc_be_fx_horner(x, p, r, at_minus, count);
}

/* y = 1 / d within 2e-6, for 1 <= d <= 2: K - bits(d) is right within 12 %, one Newton step with a tuned constant
 * leaves 1.3e-3, a second one 2e-6. e is scratch. */
static void rough_reciprocal(wfc_be_fx *x, wfc_be_tmp d, wfc_be_tmp y, wfc_be_tmp e) {
    uint8_t magic = wfc_be_asm_const(x->a, 0x7ef33473u);
    wfc_be_asm_op(x->a, WFC_OP_VSUB, WFC_I32, wfc_be_fx_bits(x, y), magic, wfc_be_fx_bits(x, d), 0);
    wfc_be_fx_f(x, WFC_OP_VMUL, e.f, d.f, y.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, e.f, wfc_be_fx_k(x, 0x1.002ap+1f), e.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, y.f, y.f, e.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, e.f, d.f, y.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, e.f, wfc_be_fx_k(x, 1.0f), e.f);
    wfc_be_fx_f(x, WFC_OP_VMAC, y.f, y.f, e.f);
}

/* tanh of 0 <= a + tail <= 10, times the sign that `sign` (bits) holds; tail may be NULL. a is overwritten and
 * returned, sign and tail are freed.
 *
 *   F = 1 - e^(-2a) = (1 - 2^n) + 2^n p,  p = 1 - e^(-2 rest)      relatively exact near zero
 *   tanh(a) = q = F / (2 - F)
 *
 * q from a rough reciprocal is corrected by its residual F - 2q + qF. F / 2 <= q <= F, so F - 2q is exact; e is what
 * rounding F lost. That leaves little but the last rounding (a plain division would leave 3 ulp). */
static wfc_be_tmp tanh_of(wfc_be_fx *x, wfc_be_tmp a, const wfc_be_tmp *tail, wfc_be_tmp sign) {
    wfc_be_tmp t = wfc_be_fx_new(x), p = wfc_be_fx_new(x), f = wfc_be_fx_new(x);
    reduce(x, a, t, p, -0.5f, 127.0f);
    /* p = 2r - (2r^2 - ...): the large term comes last, and 2r is exact. */
    horner_minus(x, p.f, a.f, EXPM1_C, 5, -1.0f);
    wfc_be_fx_f(x, WFC_OP_VMUL, p.f, p.f, a.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, p.f, p.f, a.f);
    if (tail) {
        wfc_be_fx_fk(x, WFC_OP_VMAC, p.f, tail->f, 2.0f);
        wfc_be_fx_free(x, *tail);
    }
    wfc_be_fx_fk(x, WFC_OP_VMAC, p.f, a.f, 2.0f);
    wfc_be_fx_bk(x, WFC_OP_VSHL, t, t, 23);
    wfc_be_fx_f(x, WFC_OP_VMUL, p.f, p.f, t.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, t.f, wfc_be_fx_k(x, 1.0f), t.f);
    wfc_be_fx_f(x, WFC_OP_VADD, f.f, t.f, p.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, t.f, t.f, f.f);
    wfc_be_fx_f(x, WFC_OP_VADD, t.f, t.f, p.f); /* e */
    wfc_be_tmp d = p, q = a, y = wfc_be_fx_new(x);
    wfc_be_fx_f(x, WFC_OP_VSUB, d.f, wfc_be_fx_k(x, 2.0f), f.f);
    rough_reciprocal(x, d, y, q);
    wfc_be_fx_f(x, WFC_OP_VMUL, q.f, f.f, y.f);
    wfc_be_fx_fk(x, WFC_OP_VMUL, d.f, q.f, 2.0f);
    wfc_be_fx_f(x, WFC_OP_VSUB, d.f, f.f, d.f);
    wfc_be_fx_f(x, WFC_OP_VMAC, d.f, q.f, f.f);
    wfc_be_fx_f(x, WFC_OP_VADD, d.f, d.f, t.f);
    wfc_be_fx_f(x, WFC_OP_VMAC, d.f, q.f, t.f);
    wfc_be_fx_f(x, WFC_OP_VMAC, q.f, d.f, y.f);
    wfc_be_fx_b(x, WFC_OP_VOR, q, q, sign);
    if (x->dst != WFC_OPND_NONE) wfc_be_fx_f(x, WFC_OP_VMOV, x->dst, q.f, WFC_OPND_NONE);
    const wfc_be_tmp done[] = {t, p, f, y, sign};
    for (int k = 0; k < 5; k++) wfc_be_fx_free(x, done[k]);
    return q;
}

/* a = |v| clamped to hi, s = the bits of v's sign. */
static void fold_sign(wfc_be_fx *x, const wfc_be_val *v, wfc_be_tmp s, wfc_be_tmp a, float hi) {
    if (v->kind != WFC_BE_VAL_TMP || v->tmp.array != s.array) wfc_be_fx_v1(x, WFC_OP_VMOV, s.f, v);
    wfc_be_fx_f(x, WFC_OP_VABS, a.f, s.f, WFC_OPND_NONE);
    wfc_be_fx_fk(x, WFC_OP_VMIN, a.f, a.f, hi);
    wfc_be_fx_bk(x, WFC_OP_VAND, s, s, INT32_MIN);
}

wfc_be_tmp wfc_be_fn_tanh(wfc_be_fx *x, wfc_be_val *const *args) {
    wfc_be_tmp s = wfc_be_fx_take(x, args[0]), a = wfc_be_fx_new(x);
    fold_sign(x, args[0], s, a, 9.2f); /* 1 - tanh(9.2) = 2e-8 */
    return tanh_of(x, a, NULL, s);
}

/* With E = e^-|x| <= 1: q = E / (1 + E) for x <= 0, else 1 - q, so that small results are relatively exact. The
 * residual's first difference E - q is exact (E / 2 <= q <= E). Below 2^-127 the factor 2^n is 0. */
wfc_be_tmp wfc_be_fn_sigmoid(wfc_be_fx *x, wfc_be_val *const *args) {
    wfc_be_tmp r = wfc_be_fx_new(x), t = wfc_be_fx_new(x), e = wfc_be_fx_new(x), y = wfc_be_fx_new(x);
    wfc_be_fx_v1(x, WFC_OP_VABS, r.f, args[0]);
    wfc_be_fx_fk(x, WFC_OP_VMIN, r.f, r.f, 88.0f);
    reduce(x, r, t, e, -1.0f, 127.0f);
    horner_minus(x, e.f, r.f, EXP_C, 7, 1.0f);
    wfc_be_fx_bk(x, WFC_OP_VSHL, t, t, 23);
    wfc_be_fx_f(x, WFC_OP_VMUL, e.f, e.f, t.f);
    wfc_be_tmp d = t, q = r;
    wfc_be_fx_fk(x, WFC_OP_VADD, d.f, e.f, 1.0f);
    rough_reciprocal(x, d, y, q);
    wfc_be_fx_f(x, WFC_OP_VMUL, q.f, e.f, y.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, d.f, e.f, q.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, e.f, e.f, q.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, d.f, d.f, e.f);
    wfc_be_fx_f(x, WFC_OP_VMAC, q.f, d.f, y.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, d.f, wfc_be_fx_k(x, 1.0f), q.f);
    wfc_be_fx_v2(x, WFC_OP_VCMPLT, e.f, &ZERO, args[0]);
    wfc_be_fx_select(x, e, d.f, q.f);
    wfc_be_fx_free(x, r);
    wfc_be_fx_free(x, t);
    wfc_be_fx_free(x, y);
    return e;
}

/* erf(x) = tanh(x + x g(x^2)): the polynomial is mild (1.13 at 0, 2.3 at 4), and tanh damps its error where erf
 * saturates. */
wfc_be_tmp wfc_be_fn_erf(wfc_be_fx *x, wfc_be_val *const *args) {
    wfc_be_tmp s = wfc_be_fx_take(x, args[0]), a = wfc_be_fx_new(x);
    fold_sign(x, args[0], s, a, 3.95f); /* 1 - erf(3.95) = 2.3e-8 */
    wfc_be_tmp u = wfc_be_fx_new(x), g = wfc_be_fx_new(x);
    wfc_be_fx_f(x, WFC_OP_VMUL, u.f, a.f, a.f);
    wfc_be_fx_horner(x, g.f, u.f, ERF_C, 9);
    wfc_be_fx_f(x, WFC_OP_VMUL, g.f, g.f, a.f); /* a + a g, and in g what its rounding lost */
    wfc_be_fx_f(x, WFC_OP_VADD, u.f, a.f, g.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, a.f, u.f, a.f);
    wfc_be_fx_f(x, WFC_OP_VSUB, g.f, g.f, a.f);
    wfc_be_fx_free(x, a);
    return tanh_of(x, u, &g, s);
}
