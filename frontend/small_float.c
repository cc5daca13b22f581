/* Element types of 2 to 8 bits, which only constants have. Floats by their fields: exponent bits, fraction bits, bias,
 * and what stands for infinity and NaN. */
#include "frontend/model.h"
#include <math.h>

typedef struct small_type {
    int code; /* TensorProto.DataType */
    uint8_t bits, exponent, fraction;
    int8_t bias;
    enum { FINITE, NAN_ALL_ONES, IEEE, NAN_MINUS_ZERO, POWER_OF_TWO, UNSIGNED, SIGNED } special;
} small_type;

static const small_type types[] = {
    {17, 8, 4, 3, 7, NAN_ALL_ONES},    /* float8e4m3fn */
    {18, 8, 4, 3, 8, NAN_MINUS_ZERO},  /* float8e4m3fnuz */
    {19, 8, 5, 2, 15, IEEE},           /* float8e5m2 */
    {20, 8, 5, 2, 16, NAN_MINUS_ZERO}, /* float8e5m2fnuz */
    {21, 4, 0, 0, 0, UNSIGNED},        /* uint4 */
    {22, 4, 0, 0, 0, SIGNED},          /* int4 */
    {23, 4, 2, 1, 1, FINITE},          /* float4e2m1 */
    {24, 8, 8, 0, 127, POWER_OF_TWO},  /* float8e8m0: neither sign nor zero */
    {25, 2, 0, 0, 0, UNSIGNED},        /* uint2 */
    {26, 2, 0, 0, 0, SIGNED},          /* int2 */
    {27, 6, 2, 3, 1, FINITE},          /* float6e2m3 */
    {28, 6, 3, 2, 3, FINITE},          /* float6e3m2 */
};

static const small_type *find(int code) {
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].code == code) return &types[i];
    return NULL;
}

bool wfc_fe_small_type(int code, wfc_dtype *out, unsigned *bits) {
    const small_type *t = find(code);
    if (!t) return false;
    *out = t->special == UNSIGNED ? WFC_U8 : t->special == SIGNED ? WFC_I8 : WFC_F32;
    *bits = t->bits;
    return true;
}

double wfc_fe_small_value(int code, unsigned raw) {
    const small_type *t = find(code);
    if (t->special == UNSIGNED) return raw;
    if (t->special == SIGNED) return raw >> (t->bits - 1) ? (double)raw - (double)(1u << t->bits) : (double)raw;
    if (t->special == POWER_OF_TWO) return raw == 255 ? NAN : ldexp(1, (int)raw - t->bias);
    unsigned magnitude = raw & ((1u << (t->bits - 1)) - 1), exponent = magnitude >> t->fraction;
    unsigned fraction = magnitude & ((1u << t->fraction) - 1), top = (1u << t->exponent) - 1;
    bool negative = raw >> (t->bits - 1);
    if (t->special == NAN_MINUS_ZERO && negative && magnitude == 0) return NAN;
    if (t->special == NAN_ALL_ONES && magnitude == (1u << (t->bits - 1)) - 1) return NAN;
    if (t->special == IEEE && exponent == top) return fraction ? NAN : negative ? -HUGE_VAL : HUGE_VAL;
    double v = exponent ? ldexp(1.0 + ldexp(fraction, -t->fraction), (int)exponent - t->bias)
                        : ldexp(fraction, 1 - t->bias - t->fraction);
    return negative ? -v : v;
}
