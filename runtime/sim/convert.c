/* Elements between memory, wavelets, their 32-bit forms, and one type and another. */
#include "runtime/sim/engine.h"
#include "runtime/sim/kernels.h"

#include <string.h>

static uint32_t float_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float bits_float(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

uint32_t elem_widen(wfc_dtype t, uint32_t bits) {
    switch (t) {
    case WFC_F16: return float_bits(wfc_f16_to_f32((uint16_t)bits));
    case WFC_BF16: return float_bits(wfc_bf16_to_f32((uint16_t)bits));
    case WFC_I16: return bits & 0x8000 ? bits | 0xffff0000u : bits & 0xffff;
    case WFC_U16: return bits & 0xffff;
    case WFC_I8: return bits & 0x80 ? bits | 0xffffff00u : bits & 0xff;
    case WFC_U8: return bits & 0xff;
    default: return bits;
    }
}

uint32_t elem_narrow(wfc_dtype t, uint32_t value) {
    switch (t) {
    case WFC_F16: return wfc_f32_to_f16(bits_float(value));
    case WFC_BF16: return wfc_f32_to_bf16(bits_float(value));
    case WFC_I16:
    case WFC_U16: return value & 0xffff;
    case WFC_I8:
    case WFC_U8: return value & 0xff;
    default: return value;
    }
}

static int64_t least(wfc_dtype t) {
    return t == WFC_I32 ? INT32_MIN : t == WFC_I16 ? INT16_MIN : t == WFC_I8 ? INT8_MIN : 0;
}

static int64_t most(wfc_dtype t) {
    switch (t) {
    case WFC_I32: return INT32_MAX;
    case WFC_U32: return UINT32_MAX;
    case WFC_I16: return INT16_MAX;
    case WFC_U16: return UINT16_MAX;
    case WFC_I8: return INT8_MAX;
    default: return UINT8_MAX;
    }
}

static bool is_signed(wfc_dtype t) {
    return t == WFC_I32 || t == WFC_I16 || t == WFC_I8;
}

/* Toward zero, as a 64-bit integer; what is larger saturates at +-2^62 or, modulo 2^32, is taken from the bits. */
static uint32_t float_to_int(uint32_t bits, wfc_dtype to, bool saturate) {
    uint32_t exponent = bits >> 23 & 255, mantissa = (bits & 0x7fffff) | 0x800000;
    bool negative = bits >> 31, nan = exponent == 255 && (bits & 0x7fffff);
    if (exponent < 127 || nan) return 0; /* magnitude below 1 */
    int64_t v;
    int shift = (int)exponent - 150; /* value = mantissa * 2^shift */
    if (shift > 38)
        v = saturate ? INT64_C(1) << 62 : 0; /* a multiple of 2^32 */
    else
        v = shift >= 0 ? (int64_t)mantissa << shift : (int64_t)(mantissa >> -shift);
    if (negative) v = -v;
    if (saturate) v = v < least(to) ? least(to) : v > most(to) ? most(to) : v;
    return (uint32_t)(uint64_t)v;
}

uint32_t elem_convert(uint32_t value, wfc_dtype from, wfc_dtype to, bool saturate) {
    bool from_float = wfc_dtype_is_float(from), to_float = wfc_dtype_is_float(to);
    if (from_float && to_float) return value;
    if (from_float) return float_to_int(value, to, saturate);
    int64_t v = is_signed(from) && (value >> 31) ? (int64_t)value - (INT64_C(1) << 32) : (int64_t)value;
    if (to_float) return float_bits((float)v);
    if (saturate) v = v < least(to) ? least(to) : v > most(to) ? most(to) : v;
    return (uint32_t)(uint64_t)v;
}

uint32_t elem_load(const uint8_t *at, wfc_dtype t) {
    uint32_t bits = 0;
    switch (wfc_dtype_bytes(t)) {
    case 4: memcpy(&bits, at, 4); return bits;
    case 2: bits = (uint32_t)at[0] | (uint32_t)at[1] << 8; break;
    default: bits = at[0]; break;
    }
    return elem_widen(t, bits);
}

void elem_store(uint8_t *at, wfc_dtype t, uint32_t value) {
    uint32_t bits = elem_narrow(t, value);
    switch (wfc_dtype_bytes(t)) {
    case 4: memcpy(at, &bits, 4); break;
    case 2:
        at[0] = (uint8_t)bits;
        at[1] = (uint8_t)(bits >> 8);
        break;
    default: at[0] = (uint8_t)bits; break;
    }
}

/* 32-bit types, the bulk of the work, get loops of their own; the host is little-endian as the PE is (checked where
 * program files are read). */
void elems_load(uint32_t *buf, const uint8_t *at, int32_t step, wfc_dtype t, uint32_t n) {
    if (step == 0) {
        uint32_t v = elem_load(at, t);
        for (uint32_t i = 0; i < n; i++) buf[i] = v;
    } else if (t == WFC_F32 || t == WFC_I32 || t == WFC_U32) {
        if (step == 4)
            memcpy(buf, at, (size_t)n * 4);
        else
            for (uint32_t i = 0; i < n; i++) memcpy(&buf[i], at + (ptrdiff_t)i * step, 4);
    } else {
        for (uint32_t i = 0; i < n; i++) buf[i] = elem_load(at + (ptrdiff_t)i * step, t);
    }
}

void elems_store(uint8_t *at, int32_t step, wfc_dtype t, const uint32_t *buf, uint32_t n) {
    if (t == WFC_F32 || t == WFC_I32 || t == WFC_U32) {
        if (step == 4)
            memcpy(at, buf, (size_t)n * 4);
        else
            for (uint32_t i = 0; i < n; i++) memcpy(at + (ptrdiff_t)i * step, &buf[i], 4);
        return;
    }
    for (uint32_t i = 0; i < n; i++) elem_store(at + (ptrdiff_t)i * step, t, buf[i]);
}
