/* Element types, one enum for all layers. The first nine exist on the PE (their value is the 4-bit code in instructions
 * and descriptors); the rest only in the frontend and the IR before legalisation. */
#ifndef WFC_SUPPORT_DTYPE_H
#define WFC_SUPPORT_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum wfc_dtype {
    WFC_F32 = 0,
    WFC_F16,
    WFC_BF16,
    WFC_I32,
    WFC_U32,
    WFC_I16,
    WFC_U16,
    WFC_I8,
    WFC_U8,
    WFC_I64,
    WFC_U64,
    WFC_F64,
    WFC_BOOL
} wfc_dtype;
enum { WFC_NUM_PE_DTYPES = 9, WFC_NUM_DTYPES = 13 };

/* 0 where t is none of them. */
static inline unsigned wfc_dtype_bytes(wfc_dtype t) {
    static const uint8_t bytes[WFC_NUM_DTYPES] = {4, 2, 2, 4, 4, 2, 2, 1, 1, 8, 8, 8, 1};
    return (unsigned)t < WFC_NUM_DTYPES ? bytes[t] : 0;
}
const char *
wfc_dtype_name(wfc_dtype t); /* "f32" "f16" "bf16" "i32" "u32" "i16" "u16" "i8" "u8" "i64" "u64" "f64" "bool" */
bool wfc_dtype_parse(const char *name, wfc_dtype *out);
bool wfc_dtype_is_float(wfc_dtype t);
/* Bit-exact conversions, round to nearest even, subnormals kept. */
float wfc_f16_to_f32(uint16_t h);
uint16_t wfc_f32_to_f16(float f);
float wfc_bf16_to_f32(uint16_t h);
uint16_t wfc_f32_to_bf16(float f);
/* Element i of an array of type t as double (integers beyond 2^53 lose bits: use the array directly for i64). */
double wfc_dtype_get(wfc_dtype t, const void *data, size_t i);
void wfc_dtype_set(wfc_dtype t, void *data, size_t i, double v);

#endif
