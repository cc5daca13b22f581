/* Newer operator sets than ONNX's cases in Debian have: ordinary operators in each of them, and what 24 to 28 changed.
 */
#include "fe_expect.h"
#include "frontend/import.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT = 1, INT32 = 6, INT64 = 7, FLOAT16 = 10, OLDEST = 22, NEWEST = 28 };

static fe_rig rig;
static void close_rig(void) {
    fe_rig_close(&rig);
}

static void open_unary(int opset, const char *in_shape, const char *out_shape) {
    fe_rig_open(&rig, opset);
    mb_input(rig.model, "x", FLOAT, in_shape);
    mb_output(rig.model, "y", FLOAT, out_shape);
}

/* Each of the operators is of another version from one of these sets on, except Gemm and Relu. */
START_TEST(ordinary_operators) {
    static const float w[] = {1, -1}, x[] = {1, 2, 3, 5}, eye[] = {1, 0, 0, 1};
    static const int64_t shape[] = {1, 2}, axes[] = {0};
    open_unary(_i, "1,1,2,2", "1,1,2");
    mb_floats(rig.model, "w", "2,1,1,1", w);
    mb_floats(rig.model, "eye", "2,2", eye);
    mb_ints(rig.model, "shape", "2", shape);
    mb_ints(rig.model, "axes", "1", axes);
    mb_node(rig.model, "Conv", "conv", "x w", "a");
    mb_node(rig.model, "Relu", "relu", "a", "b");
    mb_attr_ints(rig.model, mb_node(rig.model, "MaxPool", "pool", "b", "c"), "kernel_shape", "2,2");
    mb_node(rig.model, "Reshape", "reshape", "c shape", "d");
    mb_node(rig.model, "Gemm", "gemm", "d eye", "e");
    mb_attr_ints(rig.model, mb_node(rig.model, "Transpose", "transpose", "e", "f"), "perm", "0,1");
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", "int", "f", "g"), "to", INT32);
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", "float", "g", "h"), "to", FLOAT);
    mb_node(rig.model, "Unsqueeze", "unsqueeze", "h axes", "y");
    IMPORT_OK();
    EXPECT(x, 5, 0);
}
END_TEST

/* One that is newer than every operator's last is refused, not taken for the last. */
START_TEST(not_read_yet) {
    uint32_t count;
    int last = 0;
    const wfc_op_info *ops = wfc_import_ops(&count);
    for (uint32_t i = 0; i < count; i++)
        if (ops[i].until > last) last = ops[i].until;
    ck_assert_int_eq(last, NEWEST);
    open_unary(last + 1, "2", "2");
    mb_node(rig.model, "Relu", "relu", "x", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "supported from opset 1 to 28");
}
END_TEST

/* round_mode is about float8e8m0 only, which no value at run time has. */
START_TEST(cast_round_mode) {
    static const float x[] = {1.5f, -2.5f};
    open_unary(24, "2", "2");
    Onnx__NodeProto *n = mb_node(rig.model, "Cast", "cast", "x", "i");
    mb_attr_int(rig.model, n, "to", INT32);
    mb_attr_string(rig.model, n, "round_mode", "nearest");
    mb_attr_string(rig.model, mb_node(rig.model, "CastLike", "like", "i x", "y"), "round_mode", "down");
    IMPORT_OK();
    EXPECT(x, 1, -2);
}
END_TEST

/* 16-bit floats since 27. The sum is taken in float32: 2049 would stay 2048 in steps of float16. */
START_TEST(range_of_half) {
    static const uint16_t limits[] = {0x6800, 0x6804, 0x3c00}; /* 2048, 2056, 1 */
    static const uint16_t expected[] = {0x6800, 0x6800, 0x6801, 0x6802, 0x6802, 0x6802, 0x6803, 0x6804};
    static const char *const names[] = {"start", "limit", "delta"};
    fe_rig_open(&rig, _i == 1 ? 26 : 27);
    mb_output(rig.model, "y", FLOAT16, "8");
    for (int k = 0; k < 3; k++)
        mb_raw(rig.model, mb_initializer(rig.model, names[k], FLOAT16, ""), &limits[k], sizeof limits[k]);
    Onnx__NodeProto *n = mb_node(rig.model, "Range", "range", "start limit delta", "y");
    if (_i == 2) mb_attr_int(rig.model, n, "stash_type", FLOAT16);
    if (_i == 1) IMPORT_FAILS(WFC_ERR_INPUT, "element type");
    if (_i == 2) IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "'stash_type'");
    if (_i > 0) return;
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
}
END_TEST

/* Of floats with the divisor's sign since 28; before, floats had the dividend's only. */
START_TEST(mod_of_floats) {
    static const float some[] = {5.5f, -5.5f, 6, -0.0f, INFINITY, -1}, two[] = {2.5f}, minus[] = {-INFINITY};
    open_unary(_i == 2 ? 27 : 28, "6", "6");
    mb_floats(rig.model, "by", "1", _i == 1 ? minus : two);
    mb_node(rig.model, "Mod", "mod", "x by", "y");
    if (_i == 2) IMPORT_FAILS(WFC_ERR_INPUT, "floats need fmod = 1");
    if (_i == 2) return;
    IMPORT_OK();
    ck_assert_uint_eq(rig.graph.nodes.count, 3); /* x, by, a map */
    if (_i == 0) EXPECT(some, 0.5f, 2, 1, 0, NAN, 1.5f);
    if (_i == 1) EXPECT(some, -INFINITY, -5.5f, -INFINITY, -0.0f, NAN, -1);
}
END_TEST

/* What C's fmod says of an infinite divisor holds for the older sets as well. */
START_TEST(fmod_by_infinity) {
    static const float x[] = {5.5f, -5.5f, INFINITY}, by[] = {INFINITY};
    open_unary(13, "3", "3");
    mb_floats(rig.model, "by", "1", by);
    mb_attr_int(rig.model, mb_node(rig.model, "Mod", "mod", "x by", "y"), "fmod", 1);
    IMPORT_OK();
    EXPECT(x, 5.5f, -5.5f, NAN);
}
END_TEST

START_TEST(space_to_depth_by_columns) {
    static const float x[] = {0, 1, 2, 3, 10, 11, 12, 13};
    open_unary(28, "1,2,2,2", "1,8,1,1");
    Onnx__NodeProto *n = mb_node(rig.model, "SpaceToDepth", "s", "x", "y");
    mb_attr_int(rig.model, n, "blocksize", 2);
    if (_i) mb_attr_string(rig.model, n, "mode", _i == 1 ? "CRD" : "XYZ");
    if (_i == 2) IMPORT_FAILS(WFC_ERR_INPUT, "neither DCR nor CRD");
    if (_i == 2) return;
    IMPORT_OK();
    if (_i == 0) EXPECT(x, 0, 10, 1, 11, 2, 12, 3, 13);
    if (_i == 1) EXPECT(x, 0, 1, 2, 3, 10, 11, 12, 13);
}
END_TEST

/* Of signed integers since 28, which are not supported; before, such a model was no valid one. */
START_TEST(bit_shift_of_signed) {
    fe_rig_open(&rig, _i ? 28 : 27);
    mb_input(rig.model, "x", INT32, "2");
    mb_output(rig.model, "y", INT32, "2");
    mb_attr_string(rig.model, mb_node(rig.model, "BitShift", "shift", "x x", "y"), "direction", "RIGHT");
    IMPORT_FAILS(_i ? WFC_ERR_UNSUPPORTED : WFC_ERR_INPUT, "signed");
}
END_TEST

/* From axis 1 on: the mean of the squares is 12.5, then 0. */
START_TEST(rms_norm) {
    static const float x[] = {3, 4, 0, 5, 0, 0, 0, 0}, scale[] = {1, 2}, wrong[] = {1, 1, 1};
    open_unary(23, "2,2,2", "2,2,2");
    mb_floats(rig.model, "s", _i ? "3" : "2", _i ? wrong : scale);
    Onnx__NodeProto *n = mb_node(rig.model, "RMSNormalization", "norm", "x s", "y");
    mb_attr_int(rig.model, n, "axis", 1);
    mb_attr_float(rig.model, n, "epsilon", 3.5f);
    if (_i) IMPORT_FAILS(WFC_ERR_INPUT, "does not broadcast");
    if (_i) return;
    IMPORT_OK();
    EXPECT(x, 0.75f, 2, 0, 2.5f, 0, 0, 0, 0);
}
END_TEST

START_TEST(swish) {
    static const float x[] = {-1, 0, 2};
    open_unary(24, "3", "3");
    Onnx__NodeProto *n = mb_node(rig.model, "Swish", "swish", "x", "y");
    if (_i) mb_attr_float(rig.model, n, "alpha", 2);
    IMPORT_OK();
    if (_i == 0) EXPECT(x, -0.268941421f, 0, 1.76159416f);
    if (_i == 1) EXPECT(x, -0.119202922f, 0, 1.96402758f);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("operator sets");
    TCase *c = tcase_create("operator sets");
    tcase_add_checked_fixture(c, NULL, close_rig);
    tcase_add_loop_test(c, ordinary_operators, OLDEST, NEWEST + 1);
    tcase_add_test(c, not_read_yet);
    tcase_add_test(c, cast_round_mode);
    tcase_add_loop_test(c, range_of_half, 0, 3);
    tcase_add_loop_test(c, mod_of_floats, 0, 3);
    tcase_add_test(c, fmod_by_infinity);
    tcase_add_loop_test(c, space_to_depth_by_columns, 0, 3);
    tcase_add_loop_test(c, bit_shift_of_signed, 0, 2);
    tcase_add_loop_test(c, rms_norm, 0, 2);
    tcase_add_loop_test(c, swish, 0, 2);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
