/* Integers beyond 2^24, which float32 does not hold: a Cast to float rounds the exact integer once, as ONNX says, and
 * what would have to be such an integer at run time is refused. */
#include "fe_expect.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT = 1, INT64 = 7, DOUBLE = 11, COUNT = 6 };

static fe_rig rig;
static void close_rig(void) {
    fe_rig_close(&rig);
}

/* The second lies just above the middle of two floats, where rounding twice goes down. */
static const int64_t LARGE[COUNT] = {
    16777217, (INT64_C(1) << 60) + (INT64_C(1) << 36) + 1, -16777219, INT64_MAX, INT64_MIN + 1, 5};
static const float ZEROS[COUNT] = {0};

static void open_x(int type, const char *x_shape, const char *y_shape) {
    fe_rig_open(&rig, 13);
    mb_input(rig.model, "x", type, x_shape);
    mb_output(rig.model, "y", FLOAT, y_shape);
}

static void cast(const char *in, const char *out, int to) {
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", out, in, out), "to", to);
}

/* 0: the constant, 1: its negative, 2: the larger of it and 3; all exact before the one rounding. */
START_TEST(constants_are_rounded_once) {
    float expected[COUNT];
    static const int64_t three = 3;
    open_x(FLOAT, "6", "6");
    mb_ints(rig.model, "c", "6", LARGE);
    mb_ints(rig.model, "three", "", &three);
    const char *made = "c";
    if (_i == 1) mb_node(rig.model, "Neg", "neg", "c", made = "n");
    if (_i == 2) mb_node(rig.model, "Max", "max", "c three", made = "m");
    cast(made, "f", FLOAT);
    mb_node(rig.model, "Add", "add", "x f", "y");
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t v = _i == 1 ? -LARGE[i] : _i == 2 && LARGE[i] < 3 ? 3 : LARGE[i];
        expected[i] = (float)v;
    }
    IMPORT_OK();
    fe_rig_expect(&rig, ZEROS, COUNT, expected, sizeof expected);
}
END_TEST

/* A float that becomes an int64 and a float again loses its fraction only. */
START_TEST(float_through_int64) {
    static const float x[COUNT] = {1.5f, -3e9f, 3e9f, 2e7f, -0.75f, 16777218.f};
    static const float expected[COUNT] = {1, -3e9f, 3e9f, 2e7f, 0, 16777218.f};
    open_x(FLOAT, "6", "6");
    cast("x", "i", INT64);
    cast("i", "y0", FLOAT);
    mb_node(rig.model, "Abs", "abs", "y0", "y"); /* -0 and 0 are one */
    float wanted[COUNT];
    for (unsigned i = 0; i < COUNT; i++) wanted[i] = fabsf(expected[i]);
    IMPORT_OK();
    fe_rig_expect(&rig, x, COUNT, wanted, sizeof wanted);
}
END_TEST

/* Sums and products of int64 are rounded once too, when only a Cast to float reads them. */
START_TEST(arithmetic_then_cast) {
    static const float x[3] = {1, 3, 16777216};
    static const int64_t k = 10000001;
    static const char *const ops[] = {"Mul", "Add", "Sub"};
    open_x(INT64, "3", "3");
    mb_ints(rig.model, "k", "", &k);
    mb_node(rig.model, ops[_i], "op", "x k", "z");
    cast("z", "y", FLOAT);
    float expected[3];
    for (unsigned i = 0; i < 3; i++) {
        int64_t v = (int64_t)x[i];
        expected[i] = (float)(_i == 0 ? v * k : _i == 1 ? v + k : v - k);
    }
    IMPORT_OK();
    fe_rig_expect(&rig, x, 3, expected, sizeof expected);
}
END_TEST

/* Each would need such an integer at run time. */
START_TEST(large_integers_refused_at_run_time) {
    static const struct {
        const char *op, *inputs, *part;
    } rows[] = {{"Add", "x big", "holds 16777217; integers up to 2^24"},
                {"Less", "x big", "holds 16777217; integers up to 2^24"},
                {"Clip", "x big", "the bound 'min' is 16777217"},
                {"Pad", "x pads big", "constant_value is 16777217"}};
    static const int64_t big = 16777217, pads[] = {1, 1};
    open_x(INT64, "3", "?");
    mb_ints(rig.model, "big", "", &big);
    mb_ints(rig.model, "pads", "2", pads);
    mb_node(rig.model, rows[_i].op, "op", rows[_i].inputs, "z");
    cast("z", "y", FLOAT);
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, rows[_i].part);
}
END_TEST

/* Bounds that no integer at run time reaches change nothing; a pad of integers is one of their type. */
START_TEST(clip_and_pad_of_integers) {
    static const float x[3] = {-5, 0, 16777216};
    static const int64_t low = INT64_MIN, high = INT64_MAX, seven = 7, pads[] = {1, 1};
    static const float expected[5] = {7, -5, 0, 16777216, 7};
    open_x(INT64, "3", "5");
    mb_ints(rig.model, "low", "", &low);
    mb_ints(rig.model, "high", "", &high);
    mb_ints(rig.model, "seven", "", &seven);
    mb_ints(rig.model, "pads", "2", pads);
    mb_node(rig.model, "Clip", "clip", "x low high", "c");
    mb_node(rig.model, "Pad", "pad", "c pads seven", "p");
    cast("p", "y", FLOAT);
    IMPORT_OK();
    fe_rig_expect(&rig, x, 3, expected, sizeof expected);
}
END_TEST

START_TEST(doubles_beyond_float32) {
    static const double c[3] = {1e300, 1, 2};
    fe_rig_open(&rig, 13);
    mb_input(rig.model, "x", DOUBLE, "3");
    mb_output(rig.model, "y", DOUBLE, "3");
    mb_raw(rig.model, mb_initializer(rig.model, "c", DOUBLE, "3"), c, sizeof c);
    mb_node(rig.model, "Add", "add", "x c", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "holds 1e+300; the PEs compute in float32");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("integers");
    TCase *c = tcase_create("integers");
    tcase_add_checked_fixture(c, NULL, close_rig);
    tcase_add_loop_test(c, constants_are_rounded_once, 0, 3);
    tcase_add_test(c, float_through_int64);
    tcase_add_loop_test(c, arithmetic_then_cast, 0, 3);
    tcase_add_loop_test(c, large_integers_refused_at_run_time, 0, 4);
    tcase_add_test(c, clip_and_pad_of_integers);
    tcase_add_test(c, doubles_beyond_float32);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
