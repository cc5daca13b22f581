/* runtime/host: conversion, stream words, comparison, delta-T; without the simulator. */
#include "runtime/host/compare.h"
#include "runtime/host/elements.h"
#include "runtime/host/run.h"
#include "runtime/host/run_stats.h"
#include "runtime/host/stream_words.h"
#include "support/mem.h"
#include "tests/unit/unit_main.h"
#include <math.h>
#include <string.h>

START_TEST(conversion_is_checked_not_wrapped) {
    const int64_t wide[] = {0, -1, 2147483647, -2147483648LL, 2147483648LL, 5};
    int32_t narrow[6];
    ck_assert_uint_eq(wfc_convert(WFC_I64, wide, WFC_I32, narrow, 6), 4);
    ck_assert(narrow[1] == -1 && narrow[2] == INT32_MAX && narrow[3] == INT32_MIN);
    int64_t back[4];
    ck_assert_uint_eq(wfc_convert(WFC_I32, narrow, WFC_I64, back, 4), 4);
    ck_assert_int_eq(memcmp(back, wide, sizeof back), 0);
    const uint64_t big[] = {UINT64_MAX};
    int64_t out;
    ck_assert_uint_eq(wfc_convert(WFC_U64, big, WFC_I64, &out, 1), 0);
    const int8_t minus[] = {-1};
    uint32_t u;
    ck_assert_uint_eq(wfc_convert(WFC_I8, minus, WFC_U32, &u, 1), 0);
    const uint8_t odd[] = {0, 1, 2, 255};
    uint8_t bools[4];
    ck_assert_uint_eq(wfc_convert(WFC_BOOL, odd, WFC_BOOL, bools, 4), 4);
    ck_assert(bools[0] == 0 && bools[1] == 1 && bools[2] == 1 && bools[3] == 1);
    const double d[] = {0.1, HUGE_VAL, NAN, 1e300};
    float f[4];
    ck_assert_uint_eq(wfc_convert(WFC_F64, d, WFC_F32, f, 4), 3);
    ck_assert(f[0] == 0.1f && isinf(f[1]) && isnan(f[2]));
    ck_assert(wfc_convertible(WFC_F32, WFC_I32) && wfc_convertible(WFC_I64, WFC_F32));
    ck_assert(!wfc_convertible(WFC_F16, WFC_I32) && !wfc_convertible(WFC_I32, WFC_F64));
    ck_assert(wfc_convertible(WFC_BOOL, WFC_U8) && wfc_convertible(WFC_F16, WFC_F32));
}
END_TEST

/* Integers and bools travel as float32: exact, or refused. */
START_TEST(integers_as_f32) {
    const int64_t whole[] = {-16777216, 16777216, 0, 16777217};
    float f[4];
    ck_assert_uint_eq(wfc_convert(WFC_I64, whole, WFC_F32, f, 4), 3);
    ck_assert(f[0] == -16777216.0f && f[1] == 16777216.0f && f[2] == 0.0f);
    const float back[] = {-5.0f, 255.0f, NAN, 0.5f, 16777218.0f, -0.0f};
    int64_t i[6];
    uint8_t u, b;
    ck_assert_uint_eq(wfc_convert(WFC_F32, back, WFC_I64, i, 6), 2);
    ck_assert(i[0] == -5 && i[1] == 255);
    for (unsigned k = 2; k < 5; k++) ck_assert_uint_eq(wfc_convert(WFC_F32, back + k, WFC_I64, i, 1), 0);
    ck_assert_uint_eq(wfc_convert(WFC_F32, back, WFC_U8, &u, 1), 0);
    ck_assert(wfc_convert(WFC_F32, back + 1, WFC_U8, &u, 1) == 1 && u == 255);
    ck_assert(wfc_convert(WFC_F32, back + 5, WFC_BOOL, &b, 1) == 1 && b == 0);
    ck_assert_uint_eq(wfc_convert(WFC_F32, back, WFC_BOOL, &b, 1), 0);
}
END_TEST

START_TEST(onnx_codes) {
    static const struct {
        unsigned code;
        wfc_dtype t;
    } k_known[] = {{1, WFC_F32},  {2, WFC_U8},   {3, WFC_I8},   {4, WFC_U16},  {5, WFC_I16},
                   {6, WFC_I32},  {7, WFC_I64},  {9, WFC_BOOL}, {10, WFC_F16}, {11, WFC_F64},
                   {12, WFC_U32}, {13, WFC_U64}, {16, WFC_BF16}};
    wfc_dtype t;
    for (size_t i = 0; i < sizeof k_known / sizeof *k_known; i++) {
        ck_assert(wfc_dtype_of_onnx(k_known[i].code, &t));
        ck_assert_int_eq(t, k_known[i].t);
    }
    static const unsigned k_unknown[] = {0, 8, 14, 15, 17, 200, 4000000000u};
    for (size_t i = 0; i < sizeof k_unknown / sizeof *k_unknown; i++) ck_assert(!wfc_dtype_of_onnx(k_unknown[i], &t));
}
END_TEST

/* A tensor of 2 x 5 elements over two streams: the even elements backwards, then the odd ones in two runs. */
static const wfc_prog_run k_runs[] = {{8, 5, -2}, {1, 2, 2}, {5, 3, 2}};
static wfc_prog_stream g_streams[2] = {{.run_first = 0, .run_count = 1}, {.run_first = 1, .run_count = 2}};

static wfc_program program_for(wfc_prog_tensor *t, wfc_dtype dtype) {
    unsigned per_word = wfc_elems_per_wavelet(dtype);
    for (int i = 0; i < 2; i++) g_streams[i].words = (5 + per_word - 1) / per_word;
    *t = (wfc_prog_tensor){.name = "x",
                           .dtype = (uint8_t)dtype,
                           .host_dtype = 1,
                           .rank = 2,
                           .dims = {2, 5},
                           .samples = 1,
                           .streams = g_streams,
                           .stream_count = 2};
    return (wfc_program){.runs = (wfc_prog_run *)k_runs,
                         .run_count = 3,
                         .inputs = t,
                         .input_count = 1,
                         .outputs = t,
                         .output_count = 1,
                         .model_name = "m"};
}

START_TEST(words_hold_each_element_once) {
    static const wfc_dtype k_types[] = {WFC_F32, WFC_F16, WFC_I16, WFC_U8, WFC_I8};
    for (size_t k = 0; k < sizeof k_types / sizeof *k_types; k++) {
        wfc_dtype dtype = k_types[k];
        wfc_prog_tensor t;
        wfc_program p = program_for(&t, dtype);
        uint8_t a[40] = {0}, b[40] = {0}, out[120] = {0};
        for (size_t i = 0; i < 10; i++)
            wfc_dtype_set(dtype, a, i, (double)i + 1), wfc_dtype_set(dtype, b, i, 50 - (double)i);
        const void *given[] = {a, b};
        wfc_host_words words;
        ck_assert_int_eq(wfc_host_words_init(&t, 1, 3, NULL, &words), WFC_OK);
        ck_assert_int_eq(wfc_host_pack(&p, &t, dtype, given, 2, 3, words.streams, NULL), WFC_OK);
        ck_assert_uint_eq(wfc_host_sample_words(&t, 1), 2 * g_streams[0].words);
        if (dtype == WFC_U8) { /* elements 8 6 4 2 | 0, low bits first; element i holds i + 1 */
            ck_assert_uint_eq(words.streams[0][0], 0x03050709u);
            ck_assert_uint_eq(words.streams[0][1], 0x00000001u);
            ck_assert_uint_eq(words.streams[1][0], 0x08060402u);
        }
        size_t bytes = 10 * wfc_dtype_bytes(dtype);
        ck_assert_int_eq(wfc_host_unpack(&p, &t, dtype, 3, (const uint32_t *const *)words.streams, out, NULL), WFC_OK);
        ck_assert_int_eq(memcmp(out, a, bytes), 0);
        ck_assert_int_eq(memcmp(out + bytes, b, bytes), 0);
        ck_assert_int_eq(memcmp(out + 2 * bytes, a, bytes), 0); /* the third sample repeats the first */
        wfc_host_words_deinit(&words);
    }
}
END_TEST

START_TEST(runs_that_do_not_fit_are_refused) {
    static const wfc_prog_run k_bad[][3] = {
        {{10, 5, -2}, {1, 2, 2}, {5, 3, 2}}, /* starts outside */
        {{8, 6, -2}, {1, 2, 2}, {5, 3, 2}},  /* runs below 0 */
        {{8, 4, -2}, {1, 2, 2}, {5, 3, 2}},  /* too few */
        {{8, 5, -2}, {1, 2, 2}, {5, 4, 1}},  /* too many for the words */
        {{8, 5, INT32_MIN}, {1, 2, 2}, {5, 3, 2}}, {{UINT32_MAX, 5, INT32_MAX}, {1, 2, 2}, {5, 3, 2}},
    };
    for (size_t k = 0; k < sizeof k_bad / sizeof *k_bad; k++) {
        wfc_prog_tensor t;
        wfc_program p = program_for(&t, WFC_F32);
        p.runs = (wfc_prog_run *)k_bad[k];
        float x[10] = {0};
        const void *given[] = {x};
        wfc_host_words words;
        ck_assert_int_eq(wfc_host_words_init(&t, 1, 1, NULL, &words), WFC_OK);
        ck_assert_int_eq(wfc_host_pack(&p, &t, WFC_F32, given, 1, 1, words.streams, NULL), WFC_ERR_INTERNAL);
        ck_assert_int_eq(wfc_host_unpack(&p, &t, WFC_F32, 1, (const uint32_t *const *)words.streams, x, NULL),
                         WFC_ERR_INTERNAL);
        wfc_host_words_deinit(&words);
    }
}
END_TEST

static wfc_status execute(const wfc_program *p, const char *name, wfc_dtype dtype, uint8_t rank, const uint32_t *dims,
                          char code[12]) {
    wfc_tensor_list set = {0};
    wfc_tensor x;
    wfc_host_options opt = {0};
    wfc_host_run run;
    wfc_diag d;
    wfc_diag_init(&d);
    ck_assert_int_eq(wfc_tensor_init(&x, dtype, rank, dims), WFC_OK);
    ck_assert_int_eq(wfc_tensor_list_take(&set, name, &x, NULL), WFC_OK);
    wfc_status s = wfc_host_execute(p, &set, 1, &opt, &d, &run);
    strcpy(code, d.count ? d.items[0].code : "");
    wfc_diag_deinit(&d);
    wfc_tensor_list_deinit(&set);
    return s;
}

START_TEST(wrong_names_shapes_and_types_are_refused) {
    static const struct {
        const char *name, *code;
        wfc_dtype dtype;
        uint8_t rank;
        uint32_t dims[3];
    } k_cases[] = {
        {"y", "WFC-E0823", WFC_F32, 2, {2, 5, 0}}, {"x", "WFC-E0822", WFC_F64, 2, {2, 5, 0}},
        {"x", "WFC-E0822", WFC_I32, 2, {2, 5, 0}}, {"x", "WFC-E0821", WFC_F32, 2, {4, 5, 0}},
        {"x", "WFC-E0821", WFC_F32, 2, {5, 2, 0}}, {"x", "WFC-E0821", WFC_F32, 1, {10, 0, 0}},
        {"x", "WFC-E0821", WFC_F32, 3, {1, 2, 5}}, {"x", "WFC-E0821", WFC_F32, 2, {0, 5, 0}},
    };
    for (size_t i = 0; i < sizeof k_cases / sizeof *k_cases; i++) {
        wfc_prog_tensor t;
        wfc_program p = program_for(&t, WFC_F32);
        char code[12];
        ck_assert_int_eq(execute(&p, k_cases[i].name, k_cases[i].dtype, k_cases[i].rank, k_cases[i].dims, code),
                         WFC_ERR_INPUT);
        ck_assert_msg(strcmp(code, k_cases[i].code) == 0, "case %zu: %s", i, code);
    }
}
END_TEST

static wfc_comparison compared(const float *y, const float *ref, size_t n, wfc_tolerance tol) {
    wfc_comparison c = {0};
    wfc_compare(WFC_F32, y, ref, n, &tol, &c);
    return c;
}

START_TEST(comparison_rules) {
    const wfc_tolerance by_element = WFC_TOLERANCE_DEFAULT, by_max = {.rel_max = 1e-4, .use_rel_max = true};
    const float ref[] = {1000, 1, 0, -2}, good[] = {1000.9f, 1.0009f, 5e-8f, -1.999f}, bad[] = {1000, 1, 2e-7f, -2};
    wfc_comparison c = compared(good, ref, 4, by_element);
    ck_assert_uint_eq(c.failed, 0);
    ck_assert_double_eq_tol(c.max_abs, 0.9, 1e-3);
    ck_assert(c.max_ref == 1000);
    c = compared(bad, ref, 4, by_element);
    ck_assert(c.failed == 1 && c.first_failed == 2);
    ck_assert_uint_eq(compared(bad, ref, 4, by_max).failed, 0);
    ck_assert_uint_eq(compared(good, ref, 4, by_max).failed, 1); /* 0.9 > 1e-4 * 1000 */

    const float odd[] = {NAN, INFINITY, -INFINITY, 1}, same[] = {NAN, INFINITY, -INFINITY, 1},
                other[] = {1, -INFINITY, 3e38f, NAN};
    ck_assert_uint_eq(compared(same, odd, 4, by_element).failed, 0);
    ck_assert_uint_eq(compared(other, odd, 4, by_element).failed, 4);
    ck_assert_uint_eq(compared(other, odd, 4, by_max).failed, 4);
    ck_assert_uint_eq(compared(odd, other, 4, (wfc_tolerance){.rtol = 1e9, .atol = 1e30}).failed, 4);

    /* rel-max with a reference of zeros accepts zeros only */
    const float zeros[2] = {0}, tiny[] = {0, 1e-30f};
    ck_assert_uint_eq(compared(zeros, zeros, 2, by_max).failed, 0);
    ck_assert_uint_eq(compared(tiny, zeros, 2, by_max).failed, 1);

    /* 64-bit integers that are equal as double */
    const int64_t a[] = {INT64_MAX}, b[] = {INT64_MAX - 1};
    c = (wfc_comparison){0};
    wfc_compare(WFC_I64, a, b, 1, &by_element, &c);
    ck_assert_uint_eq(c.failed, 1);
}
END_TEST

START_TEST(argmax_takes_the_first_and_refuses_nan) {
    const float x[] = {1, 3, 3, 2}, bad[] = {1, NAN, 3};
    ck_assert_int_eq(wfc_argmax(WFC_F32, x, 4), 1);
    ck_assert_int_eq(wfc_argmax(WFC_F32, bad, 3), -1);
    ck_assert_int_eq(wfc_argmax(WFC_F32, x, 0), -1);
}
END_TEST

START_TEST(delta_t_is_the_steady_state) {
    const uint64_t done[] = {1000, 1900, 2100, 2200, 2300, 2400, 2500, 2600, 2700};
    double d = 0;
    ck_assert(!wfc_stats_delta_t(done, 7, &d));
    ck_assert(wfc_stats_delta_t(done, 8, &d));
    ck_assert(d == 100); /* (2600 - 2200) / 4 */
    ck_assert(wfc_stats_delta_t(done, 9, &d));
    ck_assert(d == 100); /* (2700 - 2200) / 5: the five samples between */
}
END_TEST

START_TEST(spacing_is_of_the_samples_that_delta_t_counts) {
    const uint64_t done[] = {1000, 1900, 2100, 2200, 2350, 2400, 2500, 2600, 2900};
    uint64_t least = 7, most = 7;
    ck_assert(!wfc_stats_spacing(done, 7, &least, &most));
    ck_assert(wfc_stats_spacing(done, 8, &least, &most));
    ck_assert(least == 50 && most == 150); /* 2400 - 2350, 2350 - 2200; not 1900 - 1000 */
    ck_assert(wfc_stats_spacing(done, 9, &least, &most));
    ck_assert(least == 50 && most == 300);
}
END_TEST

static const char k_double[] =
    "wafer 1\ntarget lab\nlayer double\nclass double {\n  array x f32[3] input\n  desc get = in f32 q0 [3]\n"
    "  desc put = mem f32 x [3]\n  desc out = out f32 q2 [3]\n  in q0 = c1\n  out q2 = c2\n  task t0 local main "
    "active\n"
    "  code { main: vmov.f32 put, get\n    vadd.f32 out, put, put\n    bra main }\n}\n"
    "router edge { c1 [W>R] c2 [R>W] }\npe 0,0 class double router edge layer 0\n"
    "input x f32 dims [3] { stream west row 0 c1 [0:3] }\noutput y f32 dims [3] { stream west row 0 c2 [0:3] }\n";

START_TEST(every_failing_allocation_of_a_run_is_clean) {
    wfc_program p;
    wfc_program_init(&p);
    ck_assert_int_eq(wfc_program_parse(k_double, sizeof k_double - 1, "double", NULL, &p), WFC_OK);
    ck_assert_int_eq(wfc_program_verify(&p, NULL), WFC_OK);
    wfc_tensor_list set = {0};
    wfc_tensor x;
    ck_assert_int_eq(wfc_tensor_init(&x, WFC_F32, 1, (const uint32_t[]){3}), WFC_OK);
    for (size_t i = 0; i < 3; i++) wfc_dtype_set(WFC_F32, x.data, i, (double)i + 1);
    ck_assert_int_eq(wfc_tensor_list_take(&set, "x", &x, NULL), WFC_OK);
    const wfc_host_options opt = {.samples = 2, .latency = true};
    size_t n = 1, made = 0;
    for (;; n++) {
        wfc_host_run run;
        wfc_mem_fail_nth(n);
        wfc_status s = wfc_host_execute(&p, &set, 1, &opt, NULL, &run);
        made = wfc_mem_fail_nth(0);
        if (s == WFC_OK) {
            ck_assert(wfc_dtype_get(WFC_F32, run.outputs.data[0].tensor.data, 5) == 6);
            ck_assert_uint_gt(run.latency_cycles, 0);
            wfc_host_run_deinit(&run);
        } else {
            ck_assert_int_eq(s, WFC_ERR_NO_MEMORY);
        }
        if (n > made) break;
    }
    ck_assert_uint_gt(n, 10);
    wfc_tensor_list_deinit(&set);
    wfc_program_deinit(&p);
}
END_TEST

int main(void) {
    Suite *s = suite_create("host_run");
    TCase *c = tcase_create("all");
    tcase_add_test(c, conversion_is_checked_not_wrapped);
    tcase_add_test(c, onnx_codes);
    tcase_add_test(c, integers_as_f32);
    tcase_add_test(c, words_hold_each_element_once);
    tcase_add_test(c, runs_that_do_not_fit_are_refused);
    tcase_add_test(c, wrong_names_shapes_and_types_are_refused);
    tcase_add_test(c, comparison_rules);
    tcase_add_test(c, argmax_takes_the_first_and_refuses_nan);
    tcase_add_test(c, delta_t_is_the_steady_state);
    tcase_add_test(c, spacing_is_of_the_samples_that_delta_t_counts);
    tcase_add_test(c, every_failing_allocation_of_a_run_is_clean);
    suite_add_tcase(s, c);
    return unit_run(s);
}
