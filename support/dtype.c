#include "support/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    bool is_float;
} k_dtypes[WFC_NUM_DTYPES] = {
    [WFC_F32] = {"f32", true},    [WFC_F16] = {"f16", true},  [WFC_BF16] = {"bf16", true}, [WFC_I32] = {"i32", false},
    [WFC_U32] = {"u32", false},   [WFC_I16] = {"i16", false}, [WFC_U16] = {"u16", false},  [WFC_I8] = {"i8", false},
    [WFC_U8] = {"u8", false},     [WFC_I64] = {"i64", false}, [WFC_U64] = {"u64", false},  [WFC_F64] = {"f64", true},
    [WFC_BOOL] = {"bool", false},
};

const char *wfc_dtype_name(wfc_dtype t) {
    return (unsigned)t < WFC_NUM_DTYPES ? k_dtypes[t].name : "?";
}

bool wfc_dtype_is_float(wfc_dtype t) {
    return (unsigned)t < WFC_NUM_DTYPES && k_dtypes[t].is_float;
}

bool wfc_dtype_parse(const char *name, wfc_dtype *out) {
    for (unsigned i = 0; i < WFC_NUM_DTYPES; i++)
        if (strcmp(name, k_dtypes[i].name) == 0) {
            *out = (wfc_dtype)i;
            return true;
        }
    return false;
}

static uint32_t bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

float wfc_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 0x1fu, fraction = h & 0x3ffu;
    if (exponent == 31) return float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0) return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    /* Subnormal: fraction * 2^-24, exact in f32. */
    float magnitude = (float)fraction * (1.0f / 16777216.0f);
    return float_of(sign | bits_of(magnitude));
}

/* value >> shift, rounded to nearest even; shift 1..31. */
static uint32_t shift_round_even(uint32_t value, unsigned shift) {
    uint32_t kept = value >> shift, rest = value & ((1u << shift) - 1), half = 1u << (shift - 1);
    return kept + (rest > half || (rest == half && (kept & 1)));
}

uint16_t wfc_f32_to_f16(float f) {
    uint32_t u = bits_of(f), sign = u >> 16 & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN stays a quiet NaN and keeps the top of its payload */
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
    if (magnitude >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); /* 2^16 and more: infinity */
    if (magnitude >= 0x38800000u) { /* 2^-14: normal; a carry may round up to infinity */
        return (uint16_t)(sign | shift_round_even(magnitude - 0x38000000u, 13));
    }
    if (magnitude <= 0x33000000u) return (uint16_t)sign; /* at most 2^-25: the tie goes to even zero */
    unsigned shift = 126 - (magnitude >> 23);            /* 14..24: in units of 2^-24 */
    return (uint16_t)(sign | shift_round_even((magnitude & 0x7fffffu) | 0x800000u, shift));
}

float wfc_bf16_to_f32(uint16_t h) {
    return float_of((uint32_t)h << 16);
}

uint16_t wfc_f32_to_bf16(float f) {
    uint32_t u = bits_of(f), magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u & 0x80000000u) >> 16 | shift_round_even(magnitude, 16));
}

#define LOAD(T, p, i)                                                                                                  \
    T v;                                                                                                               \
    memcpy(&v, (const char *)(p) + (i) * sizeof v, sizeof v)

double wfc_dtype_get(wfc_dtype t, const void *data, size_t i) {
    switch (t) {
    case WFC_F32: {
        LOAD(float, data, i);
        return v;
    }
    case WFC_F16: {
        LOAD(uint16_t, data, i);
        return wfc_f16_to_f32(v);
    }
    case WFC_BF16: {
        LOAD(uint16_t, data, i);
        return wfc_bf16_to_f32(v);
    }
    case WFC_I32: {
        LOAD(int32_t, data, i);
        return v;
    }
    case WFC_U32: {
        LOAD(uint32_t, data, i);
        return v;
    }
    case WFC_I16: {
        LOAD(int16_t, data, i);
        return v;
    }
    case WFC_U16: {
        LOAD(uint16_t, data, i);
        return v;
    }
    case WFC_I8: {
        LOAD(int8_t, data, i);
        return v;
    }
    case WFC_BOOL: /* fallthrough: stored as one byte */
    case WFC_U8: {
        LOAD(uint8_t, data, i);
        return v;
    }
    case WFC_I64: {
        LOAD(int64_t, data, i);
        return (double)v;
    }
    case WFC_U64: {
        LOAD(uint64_t, data, i);
        return (double)v;
    }
    case WFC_F64: {
        LOAD(double, data, i);
        return v;
    }
    }
    return 0;
}

/* double to an integer in [lo, hi], truncating; out of range is clamped and NaN is 0, so that no conversion is
 * undefined. hi_excl = hi + 1 is exact in double for every integer type. */
static int64_t clamp_i64(double v, double lo, double hi_excl, int64_t lo_int, int64_t hi_int) {
    if (v != v) return 0;
    if (v < lo) return lo_int;
    return v >= hi_excl ? hi_int : (int64_t)v;
}

static uint64_t clamp_u64(double v) {
    if (!(v > 0)) return 0;
    return v >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)v;
}

/* double to f16/bf16 in one rounding: through f32 rounded to odd, which keeps the sticky bit. */
static float round_to_odd(double v) {
    float f = (float)v;
    if ((double)f == v || v != v || f - f != 0) {
        /* exact, NaN or infinite; an overflow to infinity overflows the 16-bit types as well (bf16 by its own tie) */
        return f;
    }
    uint32_t u = bits_of(f);
    if (u & 1) return f;
    double a = v < 0 ? -v : v, b = f < 0 ? -(double)f : (double)f;
    if (u << 1 == 0) return float_of(bits_of(v < 0 ? -0.0f : 0.0f) | 1); /* rounded to zero: not exact, so sticky */
    return float_of(b > a ? u - 1 : u + 1);
}

#define STORE(T, value)                                                                                                \
    do {                                                                                                               \
        T v_ = (T)(value);                                                                                             \
        memcpy((char *)data + i * sizeof v_, &v_, sizeof v_);                                                          \
    } while (0)

void wfc_dtype_set(wfc_dtype t, void *data, size_t i, double v) {
    switch (t) {
    case WFC_F32: STORE(float, v); break;
    case WFC_F16: STORE(uint16_t, wfc_f32_to_f16(round_to_odd(v))); break;
    case WFC_BF16: STORE(uint16_t, wfc_f32_to_bf16(round_to_odd(v))); break;
    case WFC_I32: STORE(int32_t, clamp_i64(v, -2147483648.0, 2147483648.0, INT32_MIN, INT32_MAX)); break;
    case WFC_U32: STORE(uint32_t, clamp_i64(v, 0, 4294967296.0, 0, UINT32_MAX)); break;
    case WFC_I16: STORE(int16_t, clamp_i64(v, -32768.0, 32768.0, INT16_MIN, INT16_MAX)); break;
    case WFC_U16: STORE(uint16_t, clamp_i64(v, 0, 65536.0, 0, UINT16_MAX)); break;
    case WFC_I8: STORE(int8_t, clamp_i64(v, -128.0, 128.0, INT8_MIN, INT8_MAX)); break;
    case WFC_U8: STORE(uint8_t, clamp_i64(v, 0, 256.0, 0, UINT8_MAX)); break;
    case WFC_I64:
        STORE(int64_t, clamp_i64(v, -9223372036854775808.0, 9223372036854775808.0, INT64_MIN, INT64_MAX));
        break;
    case WFC_U64: STORE(uint64_t, clamp_u64(v)); break;
    case WFC_F64: STORE(double, v); break;
    case WFC_BOOL: STORE(uint8_t, v != 0); break;
    }
}
