#include "oracle.h"

#include <math.h>
#include <string.h>

static bool is_unsigned(wfc_dtype t) {
    return t == WFC_U32 || t == WFC_U16 || t == WFC_U8;
}

/* Modulo 2^32, read as the family says. */
static int64_t wrap32(int64_t v, wfc_dtype t) {
    uint64_t low = (uint64_t)v & 0xffffffffu;
    return !is_unsigned(t) && low >= 0x80000000u ? (int64_t)low - (INT64_C(1) << 32) : (int64_t)low;
}

value oracle_load(const uint8_t *at, wfc_dtype t) {
    double d = wfc_dtype_get(t, at, 0);
    if (wfc_dtype_is_float(t)) return (value){.is_float = true, .f = d};
    return (value){.i = (int64_t)d};
}

void oracle_store(uint8_t *at, wfc_dtype t, value v) {
    if (wfc_dtype_is_float(t)) {
        wfc_dtype_set(t, at, 0, v.is_float ? v.f : (double)v.i);
        return;
    }
    for (unsigned b = 0; b < wfc_dtype_bytes(t); b++) at[b] = (uint8_t)((uint64_t)v.i >> (8 * b));
}

value oracle_register(uint32_t bits, wfc_dtype family) {
    float f;
    memcpy(&f, &bits, sizeof f);
    if (wfc_dtype_is_float(family)) return (value){.is_float = true, .f = (double)f};
    return (value){.i = wrap32((int64_t)bits, family)};
}

uint32_t oracle_bits(value v) {
    float f = (float)v.f;
    uint32_t bits = (uint32_t)(uint64_t)v.i;
    if (v.is_float) memcpy(&bits, &f, sizeof bits);
    return bits;
}

static double larger(double a, double b) {
    if (isnan(a) || isnan(b)) return (double)NAN;
    if (a == b) return signbit(a) ? b : a;
    return a > b ? a : b;
}

static value float_op(unsigned op, double a, double b, double d) {
    float x = (float)a, y = (float)b, z = (float)d;
    volatile float r = 0, p;
    switch (op) {
    case WFC_OP_VRINT: r = nearbyintf(x); break;
    case WFC_OP_VNEG: r = -x; break;
    case WFC_OP_VABS: r = fabsf(x); break;
    case WFC_OP_VADD:
    case WFC_OP_VREDSUM: r = x + y; break;
    case WFC_OP_VSUB: r = x - y; break;
    case WFC_OP_VMUL:
    case WFC_OP_VREDPROD: r = x * y; break;
    case WFC_OP_VDIV: r = x / y; break;
    case WFC_OP_VSQRT: r = (float)sqrt((double)x); break; /* double rounding is innocuous for sqrt */
    case WFC_OP_VMAX:
    case WFC_OP_VREDMAX: r = (float)larger(a, b); break;
    case WFC_OP_VMIN:
    case WFC_OP_VREDMIN: r = (float)-larger(-a, -b); break;
    case WFC_OP_VMAC:
    case WFC_OP_VDOT:
        p = x * y;
        r = z + p;
        break;
    default: r = x; break;
    }
    return (value){.is_float = true, .f = (double)r};
}

static int64_t int_op(unsigned op, int64_t a, int64_t b, int64_t d) {
    uint64_t ua = (uint64_t)a & 0xffffffffu;
    unsigned shift = (unsigned)b & 31;
    switch (op) {
    case WFC_OP_VNEG: return -a;
    case WFC_OP_VABS: return a < 0 ? -a : a;
    case WFC_OP_VADD:
    case WFC_OP_VREDSUM: return a + b;
    case WFC_OP_VSUB: return a - b;
    case WFC_OP_VMUL:
    case WFC_OP_VREDPROD: return (int64_t)((uint64_t)a * (uint64_t)b);
    case WFC_OP_VMAX:
    case WFC_OP_VREDMAX: return a > b ? a : b;
    case WFC_OP_VMIN:
    case WFC_OP_VREDMIN: return a < b ? a : b;
    case WFC_OP_VMAC:
    case WFC_OP_VDOT: return (int64_t)((uint64_t)d + (uint64_t)a * (uint64_t)b);
    case WFC_OP_VAND:
    case WFC_OP_VREDAND: return a & b;
    case WFC_OP_VOR:
    case WFC_OP_VREDOR: return a | b;
    case WFC_OP_VXOR: return a ^ b;
    case WFC_OP_VSHL: return (int64_t)(ua << shift);
    case WFC_OP_VSAR: /* floor(a / 2^shift) of the 32-bit form read as signed */
        for (a = wrap32(a, WFC_I32); shift > 0; shift--) a = a < 0 ? -((1 - a) / 2) : a / 2;
        return a;
    default: return a;
    }
}

value oracle_apply(unsigned op, wfc_dtype t, value d, value a, value b) {
    bool f = wfc_dtype_is_float(t);
    if (!f && op != WFC_OP_VSEL) { /* 32-bit forms, read with the sign of the instruction's type */
        a.i = wrap32(a.i, t);
        b.i = wrap32(b.i, t);
        d.i = wrap32(d.i, t);
    }
    switch (op) {
    case WFC_OP_VCMPEQ: return (value){.i = f ? a.f == b.f : a.i == b.i};
    case WFC_OP_VCMPLT: return (value){.i = f ? a.f < b.f : a.i < b.i};
    case WFC_OP_VCMPLE: return (value){.i = f ? a.f <= b.f : a.i <= b.i};
    case WFC_OP_VSEL: return (d.is_float ? d.f != 0 || signbit(d.f) || isnan(d.f) : d.i != 0) ? a : b;
    default: break;
    }
    if (f) return float_op(op, a.f, b.f, d.f);
    return (value){.i = wrap32(int_op(op, a.i, b.i, d.i), t)};
}

static int64_t bound(wfc_dtype t, bool high) {
    unsigned bits = 8 * wfc_dtype_bytes(t);
    if (is_unsigned(t)) return high ? (INT64_C(1) << bits) - 1 : 0;
    return high ? (INT64_C(1) << (bits - 1)) - 1 : -(INT64_C(1) << (bits - 1));
}

value oracle_convert(value v, wfc_dtype to, bool saturate) {
    if (wfc_dtype_is_float(to)) return v.is_float ? v : (value){.is_float = true, .f = (double)(float)v.i};
    if (!v.is_float) {
        if (saturate) v.i = v.i < bound(to, false) ? bound(to, false) : v.i > bound(to, true) ? bound(to, true) : v.i;
        return v;
    }
    value r = {.i = 0};
    if (isnan(v.f)) return r;
    double whole = trunc(v.f);
    if (saturate) {
        double lo = (double)bound(to, false), hi = (double)bound(to, true);
        r.i = (int64_t)(whole < lo ? lo : whole > hi ? hi : whole);
    } else if (!isinf(whole)) {
        double m = fmod(whole, 4294967296.0);
        r.i = (int64_t)m;
    }
    return r;
}
