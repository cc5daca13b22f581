#include "runtime/host/elements.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Index: TensorProto.DataType of onnx.proto; WFC_NUM_DTYPES marks what a tensor here cannot hold. */
static const uint8_t k_onnx[] = {
    WFC_NUM_DTYPES, WFC_F32, WFC_U8,  WFC_I8,  WFC_U16, WFC_I16,        WFC_I32,        WFC_I64,  WFC_NUM_DTYPES,
    WFC_BOOL,       WFC_F16, WFC_F64, WFC_U32, WFC_U64, WFC_NUM_DTYPES, WFC_NUM_DTYPES, WFC_BF16,
};

bool wfc_dtype_of_onnx(unsigned code, wfc_dtype *out) {
    if (code >= sizeof k_onnx || k_onnx[code] == WFC_NUM_DTYPES) return false;
    *out = (wfc_dtype)k_onnx[code];
    return true;
}

bool wfc_convertible(wfc_dtype from, wfc_dtype to) {
    return from == to || wfc_dtype_is_float(from) == wfc_dtype_is_float(to) || from == WFC_F32 || to == WFC_F32;
}

/* An integer as sign and magnitude, so that i64 and u64 both fit. */
typedef struct wide {
    bool negative;
    uint64_t magnitude;
} wide;

static wide load(wfc_dtype t, const void *src, size_t i) {
    uint64_t u = 0;
    size_t size = wfc_dtype_bytes(t);
    const char *at = (const char *)src + i * size;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    switch (size) {
    case 1: memcpy(&u8, at, 1), u = u8; break;
    case 2: memcpy(&u16, at, 2), u = u16; break;
    case 4: memcpy(&u32, at, 4), u = u32; break;
    default: memcpy(&u, at, 8);
    }
    if (t == WFC_BOOL) return (wide){false, u != 0};
    bool is_signed = t == WFC_I8 || t == WFC_I16 || t == WFC_I32 || t == WFC_I64;
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    if (!is_signed || !(u & sign)) return (wide){false, u};
    return (wide){true, sign - (u & (sign - 1))};
}

static bool store(wfc_dtype t, void *dst, size_t i, wide w) {
    size_t size = wfc_dtype_bytes(t);
    bool is_signed = t == WFC_I8 || t == WFC_I16 || t == WFC_I32 || t == WFC_I64;
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    uint64_t largest = t == WFC_BOOL ? 1 : is_signed ? sign - 1 : sign - 1 + sign;
    if (t == WFC_BOOL) w = (wide){false, w.magnitude != 0};
    if (w.negative && w.magnitude != 0 && (!is_signed || w.magnitude > sign)) return false;
    if (!w.negative && w.magnitude > largest) return false;
    uint64_t u = w.negative ? 0 - w.magnitude : w.magnitude;
    char *at = (char *)dst + i * size;
    uint8_t u8 = (uint8_t)u;
    uint16_t u16 = (uint16_t)u;
    uint32_t u32 = (uint32_t)u;
    switch (size) {
    case 1: memcpy(at, &u8, 1); break;
    case 2: memcpy(at, &u16, 2); break;
    case 4: memcpy(at, &u32, 4); break;
    default: memcpy(at, &u, 8);
    }
    return true;
}

/* Whole numbers up to here are all in float32. */
static const uint64_t k_exact = UINT64_C(1) << 24;

static bool to_f32(void *dst, size_t i, wide w) {
    if (w.magnitude > k_exact) return false;
    float f = (float)w.magnitude;
    ((float *)dst)[i] = w.negative ? -f : f;
    return true;
}

static bool from_f32(wfc_dtype to, const void *src, size_t i, void *dst) {
    float f = ((const float *)src)[i], size = f < 0 ? -f : f;
    if (!(size <= (float)k_exact) || (float)(uint64_t)size != size) return false;
    if (to == WFC_BOOL && f != 0 && f != 1) return false;
    return store(to, dst, i, (wide){f < 0, (uint64_t)size});
}

size_t wfc_convert(wfc_dtype from, const void *src, wfc_dtype to, void *dst, size_t n) {
    if (from == to && from != WFC_BOOL) { /* bit for bit: NaN payloads stay */
        if (n) memcpy(dst, src, n * wfc_dtype_bytes(from));
        return n;
    }
    if (wfc_dtype_is_float(from) && wfc_dtype_is_float(to)) {
        for (size_t i = 0; i < n; i++) {
            double v = wfc_dtype_get(from, src, i);
            wfc_dtype_set(to, dst, i, v);
            if (from == WFC_F64 && isfinite(v) && isinf(wfc_dtype_get(to, dst, i))) return i;
        }
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        bool fits = wfc_dtype_is_float(from) ? from_f32(to, src, i, dst)
                    : wfc_dtype_is_float(to) ? to_f32(dst, i, load(from, src, i))
                                             : store(to, dst, i, load(from, src, i));
        if (!fits) return i;
    }
    return n;
}
