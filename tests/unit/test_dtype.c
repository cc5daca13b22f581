/* support/dtype.h: the 16-bit conversions against their definition, for all 65536 values and the points between. */
#include "support/dtype.h"
#include "tests/unit/unit_main.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

static uint32_t bits(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

START_TEST(f16_round_trip_is_exact) {
    for (uint32_t h = 0; h < 65536; h++) {
        float f = wfc_f16_to_f32((uint16_t)h);
        int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
        double expected = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
        if (exponent == 31 && fraction) {
            ck_assert(f != f);
            ck_assert_uint_eq(wfc_f32_to_f16(f), h | 0x200u); /* quiet, payload kept */
            continue;
        }
        if (exponent == 31) expected = INFINITY;
        ck_assert(f == (h & 0x8000 ? -expected : expected));
        ck_assert_uint_eq(wfc_f32_to_f16(f), h);
    }
}
END_TEST

/* The nearest 16-bit value by search: neighbours lo <= f < hi, ties to the even code. */
START_TEST(rounding_is_to_nearest_even) {
    for (uint32_t h = 0; h < 0x7bff; h++) {
        double lo = wfc_f16_to_f32((uint16_t)h), hi = wfc_f16_to_f32((uint16_t)(h + 1));
        float middle = (float)((lo + hi) / 2), below = nextafterf(middle, -INFINITY), above = nextafterf(middle, 1e9f);
        ck_assert_uint_eq(wfc_f32_to_f16(middle), h + (h & 1));
        ck_assert_uint_eq(wfc_f32_to_f16(below), h);
        ck_assert_uint_eq(wfc_f32_to_f16(above), h + 1);
        ck_assert_uint_eq(wfc_f32_to_f16(-above), (h + 1) | 0x8000);
    }
    ck_assert_uint_eq(wfc_f32_to_f16(65519.996f), 0x7bff);
    ck_assert_uint_eq(wfc_f32_to_f16(65520.0f), 0x7c00);
    ck_assert_uint_eq(wfc_f32_to_f16(1e30f), 0x7c00);
    ck_assert_uint_eq(wfc_f32_to_f16(1e-30f), 0);
    for (uint32_t h = 0; h < 0x7f7f; h++) {
        double lo = wfc_bf16_to_f32((uint16_t)h), hi = wfc_bf16_to_f32((uint16_t)(h + 1));
        float middle = (float)((lo + hi) / 2);
        if ((double)middle != (lo + hi) / 2) continue; /* no tie in f32: the smallest subnormals */
        ck_assert_uint_eq(wfc_f32_to_bf16(middle), h + (h & 1));
        ck_assert_uint_eq(wfc_f32_to_bf16(nextafterf(middle, INFINITY)), h + 1);
    }
    ck_assert_uint_eq(wfc_f32_to_bf16(3.4e38f), 0x7f80); /* more than half a step above the largest */
}
END_TEST

START_TEST(bf16_round_trip_is_exact) {
    for (uint32_t h = 0; h < 65536; h++) {
        float f = wfc_bf16_to_f32((uint16_t)h);
        ck_assert_uint_eq(bits(f), h << 16);
        ck_assert_uint_eq(wfc_f32_to_bf16(f), f != f ? h | 0x40u : h);
    }
}
END_TEST

START_TEST(names_and_sizes) {
    for (unsigned t = 0; t < WFC_NUM_DTYPES; t++) {
        wfc_dtype back;
        ck_assert(wfc_dtype_parse(wfc_dtype_name((wfc_dtype)t), &back));
        ck_assert_uint_eq(back, t);
        ck_assert_uint_gt(wfc_dtype_bytes((wfc_dtype)t), 0);
    }
    wfc_dtype none;
    ck_assert(!wfc_dtype_parse("f33", &none));
    ck_assert(wfc_dtype_is_float(WFC_BF16) && !wfc_dtype_is_float(WFC_BOOL));
}
END_TEST

START_TEST(set_and_get_saturate) {
    static const struct {
        wfc_dtype t;
        double in, out;
    } k_cases[] = {
        {WFC_I8, 127.9, 127},
        {WFC_I8, 300, 127},
        {WFC_I8, -300, -128},
        {WFC_I8, -1.9, -1},
        {WFC_U8, -1, 0},
        {WFC_U8, 256, 255},
        {WFC_I32, 3e9, 2147483647},
        {WFC_I32, -3e9, -2147483648.0},
        {WFC_U32, 4294967295.0, 4294967295.0},
        {WFC_I64, 1e30, 9223372036854775807.0},
        {WFC_U64, 1e30, 18446744073709551615.0},
        {WFC_U64, -5, 0},
        {WFC_I16, NAN, 0},
        {WFC_BOOL, 0.5, 1},
        {WFC_BOOL, 0, 0},
        {WFC_F64, 0.1, 0.1},
        {WFC_F32, 0.1, (double)0.1f},
        {WFC_F16, 1e9, INFINITY},
        {WFC_BF16, -0.0, 0},
    };
    for (size_t i = 0; i < sizeof k_cases / sizeof *k_cases; i++) {
        uint64_t room[2] = {0, UINT64_C(0x1111111111111111)};
        wfc_dtype_set(k_cases[i].t, room, 0, k_cases[i].in);
        ck_assert(wfc_dtype_get(k_cases[i].t, room, 0) == k_cases[i].out);
        ck_assert(room[1] == UINT64_C(0x1111111111111111));
    }
}
END_TEST

START_TEST(double_to_f16_rounds_once) {
    /* 1 + 2^-11 + 2^-40 lies just above the tie of f16; through f32 in two roundings it would become the tie. */
    double v = 1 + ldexp(1, -11) + ldexp(1, -40);
    uint16_t h;
    wfc_dtype_set(WFC_F16, &h, 0, v);
    ck_assert_uint_eq(h, 0x3c01);
    wfc_dtype_set(WFC_F16, &h, 0, -v);
    ck_assert_uint_eq(h, 0xbc01);
    wfc_dtype_set(WFC_F16, &h, 0, 1 + ldexp(1, -11)); /* the tie itself goes to even */
    ck_assert_uint_eq(h, 0x3c00);
    wfc_dtype_set(WFC_F16, &h, 0, 1 + 3 * ldexp(1, -11) - ldexp(1, -40));
    ck_assert_uint_eq(h, 0x3c01);
}
END_TEST

int main(void) {
    Suite *s = suite_create("dtype");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, f16_round_trip_is_exact);
    tcase_add_test(c, rounding_is_to_nearest_even);
    tcase_add_test(c, bf16_round_trip_is_exact);
    tcase_add_test(c, names_and_sizes);
    tcase_add_test(c, set_and_get_saturate);
    tcase_add_test(c, double_to_f16_rounds_once);
    suite_add_tcase(s, c);
    return unit_run(s);
}
