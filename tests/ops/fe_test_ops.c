/* Operators that ONNX's own cases leave out in part: reductions and normalisation in all forms, run-time Concat,
 * quotients and negatives of integers, Dropout outside training. */
#include "fe_expect.h"
#include "frontend/import.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT = 1, INT64 = 7, BOOL = 9 };

static fe_rig rig;
static void close_rig(void) {
    fe_rig_close(&rig);
}

static void open_unary(int opset, const char *in_shape, const char *out_shape) {
    fe_rig_open(&rig, opset);
    mb_input(rig.model, "x", FLOAT, in_shape);
    mb_output(rig.model, "y", FLOAT, out_shape);
}

static unsigned nodes_of(wfc_core_op op) {
    unsigned count = 0;
    for (size_t i = 0; i < rig.graph.nodes.count; i++) count += rig.graph.nodes.data[i].op == op;
    return count;
}

/* --- reductions -------------------------------------------------------------------------------------------------- */

static const float SIX[] = {1, 2, 3, 4, 5, 9};

START_TEST(mean_axes_attribute) {
    open_unary(13, "1,2,3", "1,2,1");
    Onnx__NodeProto *n = mb_node(rig.model, "ReduceMean", "mean", "x", "y");
    mb_attr_ints(rig.model, n, "axes", "-1");
    IMPORT_OK();
    EXPECT(SIX, 6 * (float)(1.0 / 3), 18 * (float)(1.0 / 3));
}
END_TEST

START_TEST(mean_axes_input_dropped) {
    static const int64_t axes[] = {2, 0};
    open_unary(18, "1,2,4", "2");
    const float x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    mb_ints(rig.model, "axes", "2", axes);
    mb_attr_int(rig.model, mb_node(rig.model, "ReduceMean", "mean", "x axes", "y"), "keepdims", 0);
    IMPORT_OK();
    EXPECT(x, 2.5f, 6.5f);
}
END_TEST

START_TEST(sum_of_all) {
    open_unary(13, "2,3", "");
    mb_attr_int(rig.model, mb_node(rig.model, "ReduceSum", "sum", "x", "y"), "keepdims", 0);
    IMPORT_OK();
    EXPECT(SIX, 24);
}
END_TEST

START_TEST(sum_of_none) {
    open_unary(13, "2,3", "2,3");
    mb_ints(rig.model, "axes", "0", NULL);
    mb_attr_int(rig.model, mb_node(rig.model, "ReduceSum", "sum", "x axes", "y"), "noop_with_empty_axes", 1);
    IMPORT_OK();
    ck_assert_uint_eq(nodes_of(WFC_CORE_REDUCE), 0);
    EXPECT(SIX, 1, 2, 3, 4, 5, 9);
}
END_TEST

START_TEST(reduce_axis_twice) {
    open_unary(13, "2,3", "2,1");
    mb_attr_ints(rig.model, mb_node(rig.model, "ReduceMax", "max", "x", "y"), "axes", "1,-1");
    IMPORT_FAILS(WFC_ERR_INPUT, "axis 1 is given twice");
}
END_TEST

START_TEST(reduce_axis_out_of_range) {
    open_unary(13, "2,3", "2,1");
    mb_attr_ints(rig.model, mb_node(rig.model, "ReduceProd", "prod", "x", "y"), "axes", "2");
    IMPORT_FAILS(WFC_ERR_INPUT, "axis 2 is out of range for 2 axes");
}
END_TEST

START_TEST(reduce_axes_at_run_time) {
    open_unary(18, "2,3", "2,1");
    mb_input(rig.model, "axes", INT64, "1");
    mb_node(rig.model, "ReduceMin", "min", "x axes", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "input 1 ('axes') depends on run-time data");
}
END_TEST

START_TEST(global_pools_1d_and_3d) {
    const float x[] = {1, 2, 3, 6, -4, -3, -2, -1};
    open_unary(13, _i ? "1,2,4" : "1,2,2,1,2", _i ? "1,2,1" : "1,2,1,1,1");
    mb_node(rig.model, "GlobalAveragePool", "avg", "x", "a");
    mb_node(rig.model, "GlobalMaxPool", "max", "x", "m");
    mb_node(rig.model, "Sub", "sub", "m a", "y");
    IMPORT_OK();
    EXPECT(x, 3, 1.5f);
}
END_TEST

START_TEST(global_pool_needs_space) {
    open_unary(13, "2,3", "2,3");
    mb_node(rig.model, "GlobalMaxPool", "max", "x", "y");
    IMPORT_FAILS(WFC_ERR_INPUT, "expected at least 3");
}
END_TEST

/* --- BatchNormalization ------------------------------------------------------------------------------------------ */

/* scale 2 and -1, bias 1 and 0.5, mean 3 and -2, variance + epsilon 4 and 16 */
static Onnx__NodeProto *add_norm(int opset, const char *in_shape) {
    static const float scale[] = {2, -1}, bias[] = {1, 0.5f}, mean[] = {3, -2}, var[] = {3, 15};
    open_unary(opset, in_shape, in_shape);
    mb_floats(rig.model, "scale", "2", scale);
    mb_floats(rig.model, "bias", "2", bias);
    mb_floats(rig.model, "mean", "2", mean);
    mb_floats(rig.model, "var", "2", var);
    Onnx__NodeProto *n = mb_node(rig.model, "BatchNormalization", "bn", "x scale bias mean var", "y");
    mb_attr_float(rig.model, n, "epsilon", 1);
    return n;
}

START_TEST(batchnorm_is_one_map) {
    static const int opsets[] = {7, 9, 14, 15};
    const float x[] = {3, 5, -2, 6};
    add_norm(opsets[_i], "1,2,2");
    IMPORT_OK();
    ck_assert_uint_eq(nodes_of(WFC_CORE_MAP), 1);
    ck_assert_uint_eq(nodes_of(WFC_CORE_CONST), 2); /* factor and shift */
    EXPECT(x, 1, 3, 0.5f, -1.5f);
}
END_TEST

START_TEST(batchnorm_matrix) {
    const float x[] = {3, -2, 5, 6};
    add_norm(15, "2,2");
    IMPORT_OK();
    EXPECT(x, 1, 0.5f, 3, -1.5f);
}
END_TEST

START_TEST(batchnorm_training) {
    Onnx__NodeProto *n = add_norm(_i ? 15 : 6, "1,2,2");
    if (_i) mb_attr_int(rig.model, n, "training_mode", 1);
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "training mode");
}
END_TEST

START_TEST(batchnorm_wrong_channels) {
    add_norm(15, "1,3,2");
    IMPORT_FAILS(WFC_ERR_INPUT, "input 1 has not one element for each of the 3 channels");
}
END_TEST

/* --- Concat, Squeeze, arithmetic --------------------------------------------------------------------------------- */

START_TEST(concat_run_time_and_constant) {
    static const float c[] = {7, 8};
    const float x[] = {1, 2, 3, 4};
    open_unary(13, "2,2", "2,5");
    mb_floats(rig.model, "c", "2,1", c);
    mb_floats(rig.model, "none", "2,0", NULL);
    mb_attr_int(rig.model, mb_node(rig.model, "Concat", "cat", "x none c x", "y"), "axis", -1);
    IMPORT_OK();
    ck_assert_uint_eq(nodes_of(WFC_CORE_CONCAT), 1);
    EXPECT(x, 1, 2, 7, 1, 2, 3, 4, 8, 3, 4);
}
END_TEST

START_TEST(concat_disagrees) {
    static const float c[] = {7, 8, 9};
    open_unary(13, "2,2", "2,3");
    mb_floats(rig.model, "c", "3,1", c);
    mb_attr_int(rig.model, mb_node(rig.model, "Concat", "cat", "x c", "y"), "axis", 1);
    IMPORT_FAILS(WFC_ERR_INPUT, "input 1 differs from input 0 on axis 0");
}
END_TEST

START_TEST(squeeze_at_run_time) {
    const float x[] = {1, 2, 3};
    open_unary(11, "1,3,1", "1,3");
    mb_attr_ints(rig.model, mb_node(rig.model, "Squeeze", "s", "x", "t"), "axes", "0,2");
    mb_attr_ints(rig.model, mb_node(rig.model, "Unsqueeze", "u", "t", "y"), "axes", "0");
    IMPORT_OK();
    EXPECT(x, 1, 2, 3);
}
END_TEST

START_TEST(squeeze_of_a_long_axis) {
    open_unary(11, "1,3,1", "1,1");
    mb_attr_ints(rig.model, mb_node(rig.model, "Squeeze", "s", "x", "y"), "axes", "1");
    IMPORT_FAILS(WFC_ERR_INPUT, "axis 1 has extent 3, not 1");
}
END_TEST

START_TEST(integer_quotients) {
    static const int64_t a[] = {7, -7, INT64_MIN, 5}, b[] = {2, 2, -1, 5};
    const int64_t expected[] = {-3, 3, INT64_MIN, -1};
    fe_rig_open(&rig, 13);
    mb_output(rig.model, "y", INT64, "4");
    mb_ints(rig.model, "a", "4", a);
    mb_ints(rig.model, "b", "4", b);
    mb_node(rig.model, "Div", "div", "a b", "q"); /* cut off towards 0; the greatest quotient wraps */
    mb_node(rig.model, "Neg", "neg", "q", "y");
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
}
END_TEST

START_TEST(integer_by_zero) {
    static const int64_t a[] = {7}, b[] = {0};
    fe_rig_open(&rig, 13);
    mb_output(rig.model, "y", INT64, "1");
    mb_ints(rig.model, "a", "1", a);
    mb_ints(rig.model, "b", "1", b);
    mb_node(rig.model, "Div", "div", "a b", "y");
    IMPORT_FAILS(WFC_ERR_INPUT, "an integer divided by 0");
}
END_TEST

START_TEST(div_sub_neg_chain) {
    static const float two[] = {2};
    const float x[] = {1, -3};
    open_unary(13, "2", "2");
    mb_floats(rig.model, "two", "1", two);
    mb_node(rig.model, "Div", "div", "x two", "a");
    mb_node(rig.model, "Sub", "sub", "two a", "b");
    mb_node(rig.model, "Neg", "neg", "b", "y");
    IMPORT_OK();
    EXPECT(x, -1.5f, -3.5f);
}
END_TEST

START_TEST(hard_functions) {
    const float x[] = {-4, -1.5f, 3, 5};
    open_unary(14, "4", "4");
    mb_node(rig.model, "HardSwish", "swish", "x", "a");
    Onnx__NodeProto *n = mb_node(rig.model, "HardSigmoid", "sigmoid", "a", "y");
    mb_attr_float(rig.model, n, "alpha", 0.25f);
    IMPORT_OK();
    /* swish: 0, -0.375, 3, 5 */
    EXPECT(x, 0.5f, 0.40625f, 1, 1);
}
END_TEST

/* --- Dropout ----------------------------------------------------------------------------------------------------- */

START_TEST(dropout_is_nothing) {
    const float x[] = {1, 2};
    const uint8_t ones[] = {1, 1};
    open_unary(13, "2", "2");
    mb_output(rig.model, "mask", BOOL, "2");
    mb_node(rig.model, "Dropout", "drop", "x", "y mask");
    IMPORT_OK();
    ck_assert_uint_eq(nodes_of(WFC_CORE_MAP), 0);
    EXPECT(x, 1, 2);
    const wfc_node *mask = wfc_ir_node_c(&rig.graph, rig.graph.outputs.data[1].value);
    ck_assert_int_eq(mask->op, WFC_CORE_CONST);
    ck_assert_mem_eq(mask->u.konst.data.bytes, ones, 2);
}
END_TEST

START_TEST(dropout_old_trains) {
    open_unary(6, "2", "2");
    mb_node(rig.model, "Dropout", "drop", "x", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "training mode");
}
END_TEST

/* --- operators newer than ONNX's cases, or without one -------------------------------------------------------------
 */

static const float FOUR[] = {-3, -0.5f, 0.25f, 2};

START_TEST(gelu_and_mish) {
    open_unary(20, "4", "4");
    Onnx__NodeProto *n = mb_node(rig.model, _i == 2 ? "Mish" : "Gelu", "op", "x", "y");
    if (_i == 1) mb_attr_string(rig.model, n, "approximate", "tanh");
    IMPORT_OK();
    if (_i == 0) EXPECT(FOUR, -0.00404969409f, -0.154268769f, 0.149676581f, 1.95449974f);
    if (_i == 1) EXPECT(FOUR, -0.00363739208f, -0.15428599f, 0.149675351f, 1.95459769f);
    if (_i == 2) EXPECT(FOUR, -0.145647461f, -0.220743775f, 0.16957241f, 1.94395896f);
}
END_TEST

/* Two groups of two channels; scale and bias per group, from operator set 21 on per channel. */
START_TEST(group_norm) {
    static const float x[] = {1, 3, 10, 30}, by_group[] = {1, 2}, by_channel[] = {1, 1, 2, 2}, zero[4] = {0};
    open_unary(_i ? 21 : 18, "1,4,1", "1,4,1");
    mb_floats(rig.model, "s", _i ? "4" : "2", _i ? by_channel : by_group);
    mb_floats(rig.model, "b", _i ? "4" : "2", zero);
    Onnx__NodeProto *n = mb_node(rig.model, "GroupNormalization", "norm", "x s b", "y");
    mb_attr_int(rig.model, n, "num_groups", 2);
    mb_attr_float(rig.model, n, "epsilon", 0);
    IMPORT_OK();
    EXPECT(x, -1, 1, -2, 2);
}
END_TEST

START_TEST(lp_norm) {
    static const float x[] = {3, -4, 6, 8, 0, 0, NAN, 1};
    open_unary(13, "4,2", "4,2");
    mb_attr_int(rig.model, mb_node(rig.model, "LpNormalization", "norm", "x", "y"), "p", _i ? 1 : 2);
    IMPORT_OK();
    if (_i) EXPECT(x, 3.0f / 7, -4.0f / 7, 6.0f / 14, 8.0f / 14, 0, 0, NAN, NAN);
    if (!_i) EXPECT(x, 0.6f, -0.8f, 0.6f, 0.8f, 0, 0, NAN, NAN);
}
END_TEST

START_TEST(lp_pools) {
    static const float x[] = {3, -4, 0, 2};
    open_unary(18, "1,1,4", _i ? "1,1,1" : "1,1,3");
    Onnx__NodeProto *n = mb_node(rig.model, _i ? "GlobalLpPool" : "LpPool", "pool", "x", "y");
    mb_attr_int(rig.model, n, "p", _i ? 1 : 2);
    if (!_i) mb_attr_ints(rig.model, n, "kernel_shape", "2");
    IMPORT_OK();
    if (_i) EXPECT(x, 9);
    if (!_i) EXPECT(x, 5, 4, 2);
}
END_TEST

/* One index that no run-time tensor has: an answer would be another element. */
START_TEST(gather_at_run_time) {
    static const float x[] = {2, 0, -1, 3};
    static const float table[] = {10, 20, 30};
    fe_rig_open(&rig, 13);
    mb_input(rig.model, "x", INT64, "4");
    mb_output(rig.model, "y", FLOAT, "4");
    mb_floats(rig.model, "table", "3", table);
    mb_node(rig.model, "Gather", "gather", "table x", "y");
    IMPORT_OK();
    EXPECT(x, 30, 10, 30, NAN);
}
END_TEST

START_TEST(gather_of_many_runs) {
    static int64_t list[200];
    for (int i = 0; i < 200; i++) list[i] = i % 2 ? 0 : i % 3;
    open_unary(13, "4", "200");
    mb_ints(rig.model, "list", "200", list);
    mb_node(rig.model, "Gather", "gather", "x list", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "arithmetic progressions");
}
END_TEST

/* --- ReverseSequence -----------------------------------------------------------------------------------------------
 */

static const float SEQUENCES[] = {0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32};

/* Lengths of the run are data. One that no sequence has makes NaN, of that sequence only. */
START_TEST(reverse_by_lengths_of_the_run) {
    static const float lens[] = {2, 0, 4, -1}, by_time[] = {3, 1, 5};
    fe_rig_open(&rig, 10);
    mb_input(rig.model, "n", INT64, _i ? "3" : "4");
    mb_output(rig.model, "y", FLOAT, "4,3");
    mb_floats(rig.model, "x", "4,3", SEQUENCES);
    Onnx__NodeProto *n = mb_node(rig.model, "ReverseSequence", "rev", "x n", "y");
    mb_attr_int(rig.model, n, "time_axis", 1 - _i);
    mb_attr_int(rig.model, n, "batch_axis", _i);
    IMPORT_OK();
    ck_assert_uint_eq(nodes_of(WFC_CORE_REDUCE), 1);
    if (_i == 0) EXPECT(lens, 1, 0, 2, 10, 11, 12, NAN, NAN, NAN, NAN, NAN, NAN);
    if (_i == 1) EXPECT(by_time, 20, 1, NAN, 10, 11, NAN, 0, 21, NAN, 30, 31, NAN);
}
END_TEST

/* Known ones are views, a part for each run of equal lengths. */
START_TEST(reverse_by_known_lengths) {
    static const int64_t lens[] = {2, 2, 0, 3};
    open_unary(10, "4,3,1", "4,3,1");
    mb_ints(rig.model, "n", "4", lens);
    Onnx__NodeProto *n = mb_node(rig.model, "ReverseSequence", "rev", "x n", "y");
    mb_attr_int(rig.model, n, "time_axis", 1);
    mb_attr_int(rig.model, n, "batch_axis", 0);
    IMPORT_OK();
    ck_assert_uint_eq(nodes_of(WFC_CORE_MAP) + nodes_of(WFC_CORE_REDUCE), 0);
    EXPECT(SEQUENCES, 1, 0, 2, 11, 10, 12, 20, 21, 22, 32, 31, 30);
}
END_TEST

/* Of many different ones the views would be too many. Between constants there is no such limit, and integers are exact.
 */
START_TEST(reverse_by_many_lengths) {
    static int64_t x[80], lens[40], expected[80];
    float in[80], out[80];
    for (int i = 0; i < 40; i++) lens[i] = i % 3;
    for (int i = 0; i < 80; i++) {
        in[i] = (float)i;
        x[i] = _i ? (INT64_C(1) << 60) + i : i;
        int from = lens[i % 40] == 2 ? (i + 40) % 80 : i;
        out[i] = (float)from;
        expected[i] = _i ? (INT64_C(1) << 60) + from : from;
    }
    fe_rig_open(&rig, 10);
    if (!_i) mb_input(rig.model, "x", FLOAT, "2,40");
    if (_i) mb_ints(rig.model, "x", "2,40", x);
    mb_output(rig.model, "y", _i ? INT64 : FLOAT, "2,40");
    mb_ints(rig.model, "n", "40", lens);
    mb_node(rig.model, "ReverseSequence", "rev", "x n", "y");
    IMPORT_OK();
    ck_assert_uint_eq(nodes_of(WFC_CORE_CONCAT), 0);
    if (_i) fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
    if (!_i) fe_rig_expect(&rig, in, 80, out, sizeof out);
}
END_TEST

START_TEST(reverse_refused) {
    static const struct {
        const char *x, *n;
        int64_t lens[2];
        int time, batch;
        const char *message;
    } cases[] = {{"3,2", "2", {4, 0}, 0, 1, "a sequence of length 4 in 3 steps of time"},
                 {"3,2", "2", {3, -1}, 0, 1, "a sequence of length -1"},
                 {"3,2", "2", {1, 1}, 1, 1, "time_axis 1 and batch_axis 1"},
                 {"3,2", "2", {1, 1}, 0, 2, "time_axis 0 and batch_axis 2"},
                 {"3,2", "2,1", {1, 1}, 0, 1, "an int64 for each of the 2 sequences"},
                 {"3,4", "2", {1, 1}, 0, 1, "an int64 for each of the 4 sequences"},
                 {"3", "2", {1, 1}, 0, 1, "expected at least 2"}};
    open_unary(10, cases[_i].x, cases[_i].x);
    mb_ints(rig.model, "n", cases[_i].n, cases[_i].lens);
    Onnx__NodeProto *n = mb_node(rig.model, "ReverseSequence", "rev", "x n", "y");
    mb_attr_int(rig.model, n, "time_axis", cases[_i].time);
    mb_attr_int(rig.model, n, "batch_axis", cases[_i].batch);
    IMPORT_FAILS(WFC_ERR_INPUT, cases[_i].message);
}
END_TEST

START_TEST(reverse_of_too_many) {
    fe_rig_open(&rig, 10);
    mb_input(rig.model, "x", FLOAT, "1024,4,2");
    mb_input(rig.model, "n", INT64, "4");
    mb_output(rig.model, "y", FLOAT, "1024,4,2");
    mb_node(rig.model, "ReverseSequence", "rev", "x n", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "1024 x 1024 times of 8 elements are compared, at most 4194304");
}
END_TEST

/* --- windows of signals ------------------------------------------------------------------------------------------- */

static void open_window(const char *op, const char *size_name, int64_t periodic, int type, const char *shape) {
    fe_rig_open(&rig, 17);
    mb_output(rig.model, "y", type, shape);
    Onnx__NodeProto *n = mb_node(rig.model, op, "window", size_name, "y");
    mb_attr_int(rig.model, n, "periodic", periodic);
    if (type != FLOAT) mb_attr_int(rig.model, n, "output_datatype", type);
}

/* At the ends, half way, and, in Hann's, a quarter: periodic of 4 as symmetric of 5. */
START_TEST(signal_windows) {
    static const char *const names[] = {"HannWindow", "HammingWindow", "BlackmanWindow"};
    static const float end[] = {0, 0.08695652f, 0}, quarter[] = {0.5f, 0.54347825f, 0.34f};
    const int64_t size = 4 + (_i & 1);
    const float w[] = {end[_i / 2], quarter[_i / 2], 1, quarter[_i / 2], end[_i / 2]};
    open_window(names[_i / 2], "n", size == 4, FLOAT, size == 4 ? "4" : "5");
    mb_ints(rig.model, "n", "", &size);
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, w, sizeof *w * (size_t)size);
}
END_TEST

/* Cast as ONNX does, toward 0; the middle is 1 exactly. */
START_TEST(signal_window_of_integers) {
    static const int64_t size = 5, expected[] = {0, 0, 1, 0, 0};
    open_window("BlackmanWindow", "n", 0, INT64, "5");
    mb_ints(rig.model, "n", "1", &size);
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
}
END_TEST

START_TEST(signal_window_refused) {
    static const int64_t sizes[] = {1, -1};
    static const char *const messages[] = {"a symmetric window of one element", "a size of -1",
                                           "input 0 ('n') depends on run-time data", "an output_datatype of bool"};
    static const int64_t four = 4;
    open_window("HannWindow", "n", 0, _i == 3 ? BOOL : FLOAT, "4");
    if (_i == 2) mb_input(rig.model, "n", INT64, "");
    if (_i != 2) mb_ints(rig.model, "n", "", _i < 2 ? &sizes[_i] : &four);
    IMPORT_FAILS(_i == 1 ? WFC_ERR_INPUT : WFC_ERR_UNSUPPORTED, messages[_i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("operators");
    TCase *c = tcase_create("operators");
    tcase_add_checked_fixture(c, NULL, close_rig);
    tcase_add_test(c, mean_axes_attribute);
    tcase_add_test(c, mean_axes_input_dropped);
    tcase_add_test(c, sum_of_all);
    tcase_add_test(c, sum_of_none);
    tcase_add_test(c, reduce_axis_twice);
    tcase_add_test(c, reduce_axis_out_of_range);
    tcase_add_test(c, reduce_axes_at_run_time);
    tcase_add_loop_test(c, global_pools_1d_and_3d, 0, 2);
    tcase_add_test(c, global_pool_needs_space);
    tcase_add_loop_test(c, batchnorm_is_one_map, 0, 4);
    tcase_add_test(c, batchnorm_matrix);
    tcase_add_loop_test(c, batchnorm_training, 0, 2);
    tcase_add_test(c, batchnorm_wrong_channels);
    tcase_add_test(c, concat_run_time_and_constant);
    tcase_add_test(c, concat_disagrees);
    tcase_add_test(c, squeeze_at_run_time);
    tcase_add_test(c, squeeze_of_a_long_axis);
    tcase_add_test(c, integer_quotients);
    tcase_add_test(c, integer_by_zero);
    tcase_add_test(c, div_sub_neg_chain);
    tcase_add_test(c, hard_functions);
    tcase_add_test(c, dropout_is_nothing);
    tcase_add_test(c, dropout_old_trains);
    tcase_add_loop_test(c, gelu_and_mish, 0, 3);
    tcase_add_loop_test(c, group_norm, 0, 2);
    tcase_add_loop_test(c, lp_norm, 0, 2);
    tcase_add_loop_test(c, lp_pools, 0, 2);
    tcase_add_test(c, gather_at_run_time);
    tcase_add_test(c, gather_of_many_runs);
    tcase_add_loop_test(c, reverse_by_lengths_of_the_run, 0, 2);
    tcase_add_test(c, reverse_by_known_lengths);
    tcase_add_loop_test(c, reverse_by_many_lengths, 0, 2);
    tcase_add_loop_test(c, reverse_refused, 0, 7);
    tcase_add_test(c, reverse_of_too_many);
    tcase_add_loop_test(c, signal_windows, 0, 6);
    tcase_add_test(c, signal_window_of_integers);
    tcase_add_loop_test(c, signal_window_refused, 0, 4);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
