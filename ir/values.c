/* How values are rounded and stored: the conversions of map, reduce, contract and const in one place. */
#include "ir/op.h"
#include <math.h>
#include <string.h>

int64_t wfc_int_wrap(wfc_dtype t, int64_t v) {
    switch (t) {
    case WFC_I32: return (int32_t)(uint32_t)(uint64_t)v;
    case WFC_U32: return (uint32_t)(uint64_t)v;
    case WFC_I16: return (int16_t)(uint16_t)(uint64_t)v;
    case WFC_U16: return (uint16_t)(uint64_t)v;
    case WFC_I8: return (int8_t)(uint8_t)(uint64_t)v;
    case WFC_U8: return (uint8_t)(uint64_t)v;
    case WFC_BOOL: return v != 0;
    default: return v;
    }
}

/* Truncates towards zero, then modulo 2^64; what is no number gives 0. */
static int64_t to_int(wfc_dtype t, double v) {
    if (t == WFC_BOOL) return v != 0;
    if (!isfinite(v)) return 0;
    double m = fmod(trunc(v), 18446744073709551616.0);
    uint64_t bits = m < 0 ? 0 - (uint64_t)-m : (uint64_t)m;
    return wfc_int_wrap(t, (int64_t)bits);
}

/* To f32 so that a second rounding to f16 or bf16 is exact: a value between two floats takes the odd one. */
static float round_to_odd(double v) {
    float f = (float)v;
    uint32_t bits;
    if (!isfinite(f) || (double)f == v) return f;
    memcpy(&bits, &f, sizeof bits);
    if (bits & 1) return f;
    bool away = fabs((double)f) > fabs(v);
    bits = away ? bits - 1 : bits + 1;
    memcpy(&f, &bits, sizeof f);
    return f;
}

void wfc_value_store(wfc_dtype t, void *data, size_t i, double v) {
    if (t == WFC_F16)
        ((uint16_t *)data)[i] = wfc_f32_to_f16(round_to_odd(v));
    else if (t == WFC_BF16)
        ((uint16_t *)data)[i] = wfc_f32_to_bf16(round_to_odd(v));
    else if (t == WFC_F32)
        ((float *)data)[i] = (float)v;
    else if (t == WFC_F64)
        ((double *)data)[i] = v;
    else
        wfc_value_store_int(t, data, i, to_int(t, v));
}

double wfc_value_round(wfc_dtype t, double v) {
    union {
        double d;
        float f;
        uint16_t h;
    } u = {0};
    if (!wfc_dtype_is_float(t)) return (double)to_int(t, v);
    wfc_value_store(t, &u, 0, v);
    return wfc_dtype_get(t, &u, 0);
}

int64_t wfc_value_load_int(wfc_dtype t, const void *data, size_t i) {
    switch (t) {
    case WFC_I32: return ((const int32_t *)data)[i];
    case WFC_U32: return ((const uint32_t *)data)[i];
    case WFC_I16: return ((const int16_t *)data)[i];
    case WFC_U16: return ((const uint16_t *)data)[i];
    case WFC_I8: return ((const int8_t *)data)[i];
    case WFC_U8: return ((const uint8_t *)data)[i];
    case WFC_BOOL: return ((const uint8_t *)data)[i] != 0;
    case WFC_I64:
    case WFC_U64: return ((const int64_t *)data)[i];
    default: return to_int(WFC_I64, wfc_dtype_get(t, data, i));
    }
}

void wfc_value_store_int(wfc_dtype t, void *data, size_t i, int64_t v) {
    v = wfc_int_wrap(t, v);
    switch (t) {
    case WFC_I32:
    case WFC_U32: ((uint32_t *)data)[i] = (uint32_t)(uint64_t)v; return;
    case WFC_I16:
    case WFC_U16: ((uint16_t *)data)[i] = (uint16_t)(uint64_t)v; return;
    case WFC_I8:
    case WFC_U8:
    case WFC_BOOL: ((uint8_t *)data)[i] = (uint8_t)(uint64_t)v; return;
    case WFC_I64:
    case WFC_U64: ((int64_t *)data)[i] = v; return;
    default: wfc_value_store(t, data, i, (double)v); return;
    }
}
