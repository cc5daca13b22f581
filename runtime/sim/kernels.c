#include "runtime/sim/kernels.h"

#include <math.h>
#include <string.h>

/* Floats live in the same 32-bit buffers as bits; these compile to plain moves. */
static inline float as_f(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline uint32_t as_u(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static inline int32_t as_i(uint32_t u) {
    int32_t i;
    memcpy(&i, &u, sizeof i);
    return i;
}

#define KERNEL(name, expr)                                                                                             \
    static void name(uint32_t *d, const uint32_t *a, const uint32_t *b, uint32_t n) {                                  \
        (void)a, (void)b;                                                                                              \
        for (uint32_t i = 0; i < n; i++) d[i] = (expr);                                                                \
    }

static const uint32_t QUIET_NAN = 0x7fc00000u;

/* NaN if either is; -0 < +0: equal values differ in the sign bit only. */
static inline uint32_t f_max(uint32_t x, uint32_t y) {
    float a = as_f(x), b = as_f(y);
    uint32_t r = a > b ? x : y;
    r = a == b ? (x & y) : r;
    return a != a || b != b ? QUIET_NAN : r;
}
static inline uint32_t f_min(uint32_t x, uint32_t y) {
    float a = as_f(x), b = as_f(y);
    uint32_t r = a < b ? x : y;
    r = a == b ? (x | y) : r;
    return a != a || b != b ? QUIET_NAN : r;
}

/* To the nearest even integer without libm: adding 2^23 leaves no fraction bits. NaN and large values stay. */
static inline uint32_t f_rint(uint32_t x) {
    uint32_t sign = x & 0x80000000u, mag = x & 0x7fffffffu;
    if (mag >= 0x4b000000u) return x;
    volatile float big = as_f(mag) + 8388608.0f; /* volatile: rounded to f32 here, whatever the optimiser thinks */
    return as_u(big - 8388608.0f) | sign;
}

KERNEL(k_mov, a[i])
KERNEL(kf_rint, f_rint(a[i]))
KERNEL(kf_neg, a[i] ^ 0x80000000u)
KERNEL(kf_abs, a[i] & 0x7fffffffu)
KERNEL(kf_add, as_u(as_f(a[i]) + as_f(b[i])))
KERNEL(kf_sub, as_u(as_f(a[i]) - as_f(b[i])))
KERNEL(kf_mul, as_u(as_f(a[i]) * as_f(b[i])))
KERNEL(kf_div, as_u(as_f(a[i]) / as_f(b[i])))
KERNEL(kf_sqrt, as_u(sqrtf(as_f(a[i]))))
KERNEL(kf_max, f_max(a[i], b[i]))
KERNEL(kf_min, f_min(a[i], b[i]))
KERNEL(kf_mac, as_u(as_f(d[i]) + as_f(a[i]) * as_f(b[i])))
KERNEL(kf_eq, as_f(a[i]) == as_f(b[i]))
KERNEL(kf_lt, as_f(a[i]) < as_f(b[i]))
KERNEL(kf_le, as_f(a[i]) <= as_f(b[i]))
KERNEL(k_sel, d[i] ? a[i] : b[i])
KERNEL(ki_neg, 0u - a[i])
KERNEL(ki_abs, a[i] >> 31 ? 0u - a[i] : a[i])
KERNEL(ki_add, a[i] + b[i])
KERNEL(ki_sub, a[i] - b[i])
KERNEL(ki_mul, a[i] * b[i])
KERNEL(ki_mac, d[i] + a[i] * b[i])
KERNEL(ki_and, a[i] & b[i])
KERNEL(ki_or, a[i] | b[i])
KERNEL(ki_xor, a[i] ^ b[i])
KERNEL(ki_shl, a[i] << (b[i] & 31))
KERNEL(ki_eq, a[i] == b[i])
KERNEL(ks_max, as_i(a[i]) > as_i(b[i]) ? a[i] : b[i])
KERNEL(ks_min, as_i(a[i]) < as_i(b[i]) ? a[i] : b[i])
KERNEL(ks_lt, as_i(a[i]) < as_i(b[i]))
KERNEL(ks_le, as_i(a[i]) <= as_i(b[i]))
KERNEL(ks_sar, a[i] >> (b[i] & 31) | (a[i] >> 31 ? ~(UINT32_MAX >> (b[i] & 31)) : 0))
KERNEL(ku_max, a[i] > b[i] ? a[i] : b[i])
KERNEL(ku_min, a[i] < b[i] ? a[i] : b[i])
KERNEL(ku_lt, a[i] < b[i])
KERNEL(ku_le, a[i] <= b[i])

enum { F, S, U, FAMILIES };
static const kernel_fn KERNELS[WFC_OP_COUNT][FAMILIES] = {
    [WFC_OP_VMOV] = {k_mov, k_mov, k_mov},
    [WFC_OP_VCVT] = {k_mov, k_mov, k_mov}, /* converted by elem_convert on the way */
    [WFC_OP_VGAT] = {k_mov, k_mov, k_mov},
    [WFC_OP_VRINT] = {kf_rint, k_mov, k_mov},
    [WFC_OP_VNEG] = {kf_neg, ki_neg, ki_neg},
    [WFC_OP_VABS] = {kf_abs, ki_abs, k_mov},
    [WFC_OP_VADD] = {kf_add, ki_add, ki_add},
    [WFC_OP_VSUB] = {kf_sub, ki_sub, ki_sub},
    [WFC_OP_VMUL] = {kf_mul, ki_mul, ki_mul},
    [WFC_OP_VMAX] = {kf_max, ks_max, ku_max},
    [WFC_OP_VMIN] = {kf_min, ks_min, ku_min},
    [WFC_OP_VMAC] = {kf_mac, ki_mac, ki_mac},
    [WFC_OP_VAND] = {ki_and, ki_and, ki_and},
    [WFC_OP_VOR] = {ki_or, ki_or, ki_or},
    [WFC_OP_VXOR] = {ki_xor, ki_xor, ki_xor},
    [WFC_OP_VSHL] = {ki_shl, ki_shl, ki_shl},
    [WFC_OP_VSAR] = {ks_sar, ks_sar, ks_sar},
    [WFC_OP_VCMPEQ] = {kf_eq, ki_eq, ki_eq},
    [WFC_OP_VCMPLT] = {kf_lt, ks_lt, ku_lt},
    [WFC_OP_VCMPLE] = {kf_le, ks_le, ku_le},
    [WFC_OP_VSEL] = {k_sel, k_sel, k_sel},
    [WFC_OP_VDIV] = {kf_div, k_mov, k_mov},
    [WFC_OP_VSQRT] = {kf_sqrt, k_mov, k_mov},
    /* a reduction's step: accumulator op element; scatter's: what is there op element */
    [WFC_OP_VDOT] = {kf_mac, ki_mac, ki_mac},
    [WFC_OP_VREDSUM] = {kf_add, ki_add, ki_add},
    [WFC_OP_VREDPROD] = {kf_mul, ki_mul, ki_mul},
    [WFC_OP_VREDMAX] = {kf_max, ks_max, ku_max},
    [WFC_OP_VREDMIN] = {kf_min, ks_min, ku_min},
    [WFC_OP_VREDAND] = {ki_and, ki_and, ki_and},
    [WFC_OP_VREDOR] = {ki_or, ki_or, ki_or},
    [WFC_OP_VARGMAX] = {kf_lt, ks_lt, ku_lt}, /* best < element: the element replaces it */
    [WFC_OP_VARGMIN] = {kf_lt, ks_lt, ku_lt}, /* element < best */
    [WFC_OP_VSCATSET] = {k_mov, k_mov, k_mov},
    [WFC_OP_VSCATADD] = {kf_add, ki_add, ki_add},
    [WFC_OP_VSCATMAX] = {kf_max, ks_max, ku_max},
    [WFC_OP_VSCATMIN] = {kf_min, ks_min, ku_min},
};

kernel_fn kernel_find(unsigned op, wfc_dtype type) {
    bool is_unsigned = type == WFC_U32 || type == WFC_U16 || type == WFC_U8;
    return KERNELS[op][wfc_dtype_is_float(type) ? F : is_unsigned ? U : S];
}
