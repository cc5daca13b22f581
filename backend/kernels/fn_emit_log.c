/* log: x = 2^e m with 2/3 <= m < 4/3, by integer arithmetic on the bits; log(m) by a polynomial in f = m - 1.
 *
 *   bits(x) - bits(2/3), arithmetic shift by 23 -> e;   bits(x) - (e << 23) -> m
 *
 * Subnormal x are scaled by 2^24 first. What is not a positive finite number is put right by selects at the end. */
#include "backend/kernels/fn_emit_internal.h"

#include <math.h>

static const float LN2_HI = 0x1.62e4p-1f, LN2_LO = 0x1.7f7d1cp-20f;
/* (log(1 + f) - f + f^2 / 2) / f^3 */
static const float LOG_C[] = {0x1.555506p-2f, -0x1.ffff54p-3f, 0x1.99cc52p-3f, -0x1.55a08p-3f,
                              0x1.1f410cp-3f, -0x1.f1f41cp-4f, 0x1.1bd9bp-3f,  -0x1.0b0af4p-3f};

void wfc_be_fx_log_split(wfc_be_fx *x, const wfc_be_val *src, wfc_be_tmp m, wfc_be_tmp e, wfc_be_tmp c) {
    wfc_be_fx_vk(x, WFC_OP_VCMPLT, c.f, src, 0x1.0p-126f);
    wfc_be_fx_fk(x, WFC_OP_VMUL, m.f, c.f, 0x1.fffffep+23f);
    wfc_be_fx_fk(x, WFC_OP_VADD, m.f, m.f, 1.0f);
    wfc_be_fx_f(x, WFC_OP_VMUL, m.f, m.f, wfc_be_fx_src(x, src));
    wfc_be_fx_bk(x, WFC_OP_VSUB, e, m, 0x3f2aaaab);
    wfc_be_fx_bk(x, WFC_OP_VSAR, e, e, 23);
    wfc_be_tmp t = wfc_be_fx_new(x);
    wfc_be_fx_bk(x, WFC_OP_VSHL, t, e, 23);
    wfc_be_fx_b(x, WFC_OP_VSUB, m, m, t);
    wfc_be_fx_free(x, t);
    wfc_be_fx_f(x, WFC_OP_VCVT, e.f, wfc_be_fx_bits(x, e), WFC_OPND_NONE);
    wfc_be_fx_fk(x, WFC_OP_VMAC, e.f, c.f, -24.0f);
}

void wfc_be_fx_log_tail(wfc_be_fx *x, wfc_be_tmp p, wfc_be_tmp f, wfc_be_tmp z) {
    wfc_be_fx_f(x, WFC_OP_VMUL, z.f, f.f, f.f);
    wfc_be_fx_horner(x, p.f, f.f, LOG_C, 8);
    wfc_be_fx_f(x, WFC_OP_VMUL, p.f, p.f, f.f);
    wfc_be_fx_f(x, WFC_OP_VMUL, p.f, p.f, z.f);
}

/* What is not positive and finite: inf and NaN are their own logarithm; for x <= 0, (x == 0) * -inf is -inf for zeros
 * and NaN for the rest. y is the result so far; c, e are scratch. */
static void special_cases(wfc_be_fx *x, const wfc_be_val *v, wfc_be_tmp y, wfc_be_tmp c, wfc_be_tmp e) {
    wfc_be_val zero = {.kind = WFC_BE_VAL_CONST, .value = 0.0f};
    wfc_be_fx_vk(x, WFC_OP_VCMPLT, c.f, v, INFINITY);
    wfc_be_fx_f(x, WFC_OP_VSEL, c.f, y.f, wfc_be_fx_src(x, v));
    wfc_be_fx_vk(x, WFC_OP_VCMPEQ, e.f, v, 0.0f);
    wfc_be_fx_fk(x, WFC_OP_VMUL, e.f, e.f, -INFINITY);
    wfc_be_fx_v2(x, WFC_OP_VCMPLT, y.f, &zero, v);
    wfc_be_fx_select(x, y, c.f, e.f);
}

wfc_be_tmp wfc_be_fn_log(wfc_be_fx *x, wfc_be_val *const *args) {
    wfc_be_tmp m = wfc_be_fx_new(x), e = wfc_be_fx_new(x), c = wfc_be_fx_new(x), p = wfc_be_fx_new(x);
    wfc_be_fx_log_split(x, args[0], m, e, c);
    wfc_be_fx_fk(x, WFC_OP_VSUB, m.f, m.f, 1.0f);
    wfc_be_fx_log_tail(x, p, m, c);
    /* Small terms first. */
    wfc_be_fx_fk(x, WFC_OP_VMAC, p.f, e.f, LN2_LO);
    wfc_be_fx_fk(x, WFC_OP_VMAC, p.f, c.f, -0.5f);
    wfc_be_fx_f(x, WFC_OP_VADD, p.f, p.f, m.f);
    wfc_be_fx_fk(x, WFC_OP_VMAC, p.f, e.f, LN2_HI);
    special_cases(x, args[0], p, c, e);
    wfc_be_fx_free(x, m);
    wfc_be_fx_free(x, e);
    wfc_be_fx_free(x, c);
    return p;
}
