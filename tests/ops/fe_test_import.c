/* Import of what ONNX's own cases do not cover: old opsets, tensor encodings, folding, order, names, contracts. */
#include "fe_expect.h"
#include "frontend/import.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT = 1, UINT8 = 2, INT32 = 6, INT64 = 7, BOOL = 9, FLOAT16 = 10, DOUBLE = 11, BFLOAT16 = 16 };

static fe_rig rig;
static void close_rig(void) {
    fe_rig_close(&rig);
}

static const wfc_node *last_of(wfc_core_op op) {
    for (size_t i = rig.graph.nodes.count; i-- > 0;)
        if (rig.graph.nodes.data[i].op == op) return &rig.graph.nodes.data[i];
    ck_abort_msg("no %s in the graph", wfc_core_op_name(op));
    return NULL;
}

static void open_unary(int opset, const char *in_shape, const char *out_shape) {
    fe_rig_open(&rig, opset);
    mb_input(rig.model, "x", FLOAT, in_shape);
    mb_output(rig.model, "y", FLOAT, out_shape);
}

START_TEST(add_opset6_axis) {
    static const float b[] = {10, 20};
    const float x[] = {1, 2, 3, 4};
    open_unary(6, "2,2", "2,2");
    mb_floats(rig.model, "b", "2", b);
    Onnx__NodeProto *n = mb_node(rig.model, "Add", "add", "x b", "y");
    mb_attr_int(rig.model, n, "broadcast", 1);
    mb_attr_int(rig.model, n, "axis", 0);
    IMPORT_OK();
    EXPECT(x, 11, 12, 23, 24);
}
END_TEST

START_TEST(add_opset6_needs_broadcast) {
    static const float b[] = {10, 20};
    open_unary(6, "2,2", "2,2");
    mb_floats(rig.model, "b", "2", b);
    mb_node(rig.model, "Add", "add", "x b", "y");
    ck_assert_int_eq(fe_rig_import(&rig, NULL), WFC_ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(fe_rig_message(&rig), "broadcast is not set"));
}
END_TEST

START_TEST(clip_attribute) {
    const float x[] = {-3, 0.5f, 9};
    open_unary(6, "3", "3");
    Onnx__NodeProto *n = mb_node(rig.model, "Clip", "clip", "x", "y");
    mb_attr_float(rig.model, n, "min", -1.5f);
    mb_attr_float(rig.model, n, "max", 6);
    IMPORT_OK();
    EXPECT(x, -1.5f, 0.5f, 6);
}
END_TEST

START_TEST(clip_input_one_bound) {
    static const float lo = 0.25f;
    const float x[] = {-3, 0.5f, 9};
    open_unary(13, "3", "3");
    mb_floats(rig.model, "lo", "", &lo);
    mb_node(rig.model, "Clip", "clip", "x lo -", "y");
    IMPORT_OK();
    EXPECT(x, 0.25f, 0.5f, 9);
}
END_TEST

/* y = 2 * x' * w' + 3 * b, x [2,1] and w [3,2] both transposed */
START_TEST(gemm_all_attributes) {
    static const float w[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, -1};
    const float x[] = {1, 10};
    open_unary(13, "2,1", "1,3");
    mb_floats(rig.model, "w", "3,2", w);
    mb_floats(rig.model, "b", "3", b);
    Onnx__NodeProto *n = mb_node(rig.model, "Gemm", "gemm", "x w b", "y");
    mb_attr_float(rig.model, n, "alpha", 2);
    mb_attr_float(rig.model, n, "beta", 3);
    mb_attr_int(rig.model, n, "transA", 1);
    mb_attr_int(rig.model, n, "transB", 1);
    IMPORT_OK();
    EXPECT(x, 2 * 21 + 3, 2 * 43, 2 * 65 - 3);
    ck_assert_str_eq(last_of(WFC_CORE_CONTRACT)->locs[0], "gemm");
}
END_TEST

/* A constant left operand: the contract's a is the activation all the same. */
START_TEST(matmul_constant_left) {
    static const float w[] = {1, 2, 3, 4, 5, 6};
    const float x[] = {1, 10, 100};
    open_unary(13, "3,1", "2,1");
    mb_floats(rig.model, "w", "2,3", w);
    mb_node(rig.model, "MatMul", "mm", "w x", "y");
    IMPORT_OK();
    EXPECT(x, 321, 654);
    const wfc_node *n = last_of(WFC_CORE_CONTRACT);
    wfc_value a = rig.graph.operands.data[n->operand_first];
    ck_assert_int_eq(wfc_ir_node_c(&rig.graph, a)->op, WFC_CORE_INPUT);
}
END_TEST

START_TEST(conv_groups) {
    static const float w[] = {1, 2, 3, 4, 5, 6, 7, 8}; /* [4,2,1]: 2 groups of 2 x 2 channels */
    static const float b[] = {0, 1, 0, 1};
    const float x[] = {1, 10, 100, 1000};
    open_unary(11, "1,4,1", "1,4,1");
    mb_floats(rig.model, "w", "4,2,1", w);
    mb_floats(rig.model, "b", "4", b);
    mb_attr_int(rig.model, mb_node(rig.model, "Conv", "conv", "x w b", "y"), "group", 2);
    IMPORT_OK();
    EXPECT(x, 21, 44, 6500, 8701);
}
END_TEST

START_TEST(conv_depthwise_same_lower) {
    static const float w[] = {1, 2, 10, 20};
    const float x[] = {1, 2, 3, 4};
    open_unary(11, "1,2,2", "1,2,2");
    mb_floats(rig.model, "w", "2,1,2", w);
    Onnx__NodeProto *n = mb_node(rig.model, "Conv", "conv", "x w", "y");
    mb_attr_int(rig.model, n, "group", 2);
    mb_attr_string(rig.model, n, "auto_pad", "SAME_LOWER");
    IMPORT_OK();
    EXPECT(x, 2, 5, 60, 110);
}
END_TEST

/* Windows of 2 at stride 2 over 3 elements: ceil_mode gives a second window of one element. */
START_TEST(average_pool_ceil_border) {
    const float x[] = {1, 3, 8};
    open_unary(11, "1,1,3", "1,1,2");
    Onnx__NodeProto *n = mb_node(rig.model, "AveragePool", "pool", "x", "y");
    mb_attr_ints(rig.model, n, "kernel_shape", "2");
    mb_attr_ints(rig.model, n, "strides", "2");
    mb_attr_int(rig.model, n, "ceil_mode", 1);
    IMPORT_OK();
    EXPECT(x, 2, 8);
}
END_TEST

START_TEST(average_pool_include_pad) {
    const float x[] = {2, 4};
    open_unary(11, "1,1,2", "1,1,3");
    Onnx__NodeProto *n = mb_node(rig.model, "AveragePool", "pool", "x", "y");
    mb_attr_ints(rig.model, n, "kernel_shape", "2");
    mb_attr_ints(rig.model, n, "pads", "1,1");
    mb_attr_int(rig.model, n, "count_include_pad", 1);
    IMPORT_OK();
    EXPECT(x, 1, 3, 2);
}
END_TEST

START_TEST(max_pool_dilated_ceil) {
    const float x[] = {5, 1, 2, 7, 3, 4};
    open_unary(12, "1,1,6", "1,1,3");
    Onnx__NodeProto *n = mb_node(rig.model, "MaxPool", "pool", "x", "y");
    mb_attr_ints(rig.model, n, "kernel_shape", "2");
    mb_attr_ints(rig.model, n, "strides", "2");
    mb_attr_ints(rig.model, n, "dilations", "2");
    mb_attr_int(rig.model, n, "ceil_mode", 1);
    IMPORT_OK();
    EXPECT(x, 5, 3, 3);
}
END_TEST

/* Opset 11: one row of everything from axis 1 on. Opset 13: each row alone. */
START_TEST(softmax_both_semantics) {
    const float x[] = {0, 0, 0, 0};
    open_unary(11, "1,2,2", "1,2,2");
    mb_node(rig.model, "Softmax", "sm", "x", "y");
    IMPORT_OK();
    EXPECT(x, 0.25f, 0.25f, 0.25f, 0.25f);
    mb_model(rig.model)->opset_import[0]->version = 13;
    IMPORT_OK();
    EXPECT(x, 0.5f, 0.5f, 0.5f, 0.5f);
}
END_TEST

START_TEST(pad_crops_and_reflects) {
    const float x[] = {1, 2, 3, 4};
    open_unary(10, "4", "4");
    Onnx__NodeProto *n = mb_node(rig.model, "Pad", "pad", "x", "y");
    mb_attr_ints(rig.model, n, "pads", "2,-2");
    mb_attr_string(rig.model, n, "mode", "reflect");
    IMPORT_OK();
    EXPECT(x, 3, 2, 1, 2);
}
END_TEST

START_TEST(pad_axes_opset18) {
    static const int64_t pads[] = {1, 0}, axes[] = {-1};
    static const float value = 9;
    const float x[] = {1, 2};
    open_unary(18, "1,2", "1,3");
    mb_ints(rig.model, "pads", "2", pads);
    mb_ints(rig.model, "axes", "1", axes);
    mb_floats(rig.model, "value", "", &value);
    mb_node(rig.model, "Pad", "pad", "x pads value axes", "y");
    IMPORT_OK();
    EXPECT(x, 9, 1, 2);
}
END_TEST

/* Shape -> Gather -> Unsqueeze -> Concat -> Reshape, as exporters write it, nodes in reverse order. */
START_TEST(shape_arithmetic_folds) {
    static const int64_t zero = 0, minus = -1, axes = 0;
    const float x[] = {1, 2, 3, 4, 5, 6};
    open_unary(13, "N,3", "3,N");
    mb_ints(rig.model, "zero", "", &zero);
    mb_ints(rig.model, "minus", "1", &minus);
    mb_ints(rig.model, "axes", "1", &axes);
    mb_node(rig.model, "Reshape", "r", "x shape", "y");
    mb_attr_int(rig.model, mb_node(rig.model, "Concat", "cat", "minus n1", "shape"), "axis", 0);
    mb_node(rig.model, "Unsqueeze", "u", "n axes", "n1");
    mb_node(rig.model, "Gather", "g", "dims zero", "n");
    mb_node(rig.model, "Shape", "s", "x", "dims");
    const char *names[] = {"N"};
    const int64_t values[] = {2};
    wfc_import_options opt = {.dim_names = names, .dim_values = values, .dim_count = 1};
    IMPORT_OK_WITH(&opt);
    EXPECT(x, 1, 2, 3, 4, 5, 6);
    ck_assert_uint_eq(last_of(WFC_CORE_VIEW)->shape.dims[0], 3);
    ck_assert_uint_eq(rig.graph.nodes.count, 2); /* input and reshape: nothing else is left */
}
END_TEST

START_TEST(integers_fold_exactly) {
    static const int64_t a[] = {INT64_C(9007199254740993), -7}, b[] = {1, INT64_C(3000000000)};
    const int64_t expected[] = {INT64_C(9007199254740994), INT64_C(2999999993)};
    fe_rig_open(&rig, 13);
    mb_output(rig.model, "y", INT64, "2");
    mb_ints(rig.model, "a", "2", a);
    mb_ints(rig.model, "b", "2", b);
    mb_node(rig.model, "Add", "add", "a b", "y");
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
}
END_TEST

START_TEST(slice_backwards_and_clamped) {
    static const int64_t data[] = {0, 1, 2, 3, 4}, start = INT64_MAX, end = INT64_MIN, step = -2;
    const int64_t expected[] = {4, 2, 0}, axis = 0;
    fe_rig_open(&rig, 13);
    mb_output(rig.model, "y", INT64, "3");
    mb_ints(rig.model, "d", "5", data);
    mb_ints(rig.model, "start", "1", &start);
    mb_ints(rig.model, "end", "1", &end);
    mb_ints(rig.model, "axis", "1", &axis);
    mb_ints(rig.model, "step", "1", &step);
    mb_node(rig.model, "Slice", "s", "d start end axis step", "y");
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
}
END_TEST

START_TEST(range_expand_transpose_cast) {
    static const int64_t r[] = {0, 3, 1}, shape[] = {2, 3};
    const float expected[] = {0, 0, 1, 1, 2, 2};
    fe_rig_open(&rig, 13);
    mb_output(rig.model, "y", FLOAT, "3,2");
    mb_ints(rig.model, "a", "", &r[0]);
    mb_ints(rig.model, "b", "", &r[1]);
    mb_ints(rig.model, "c", "", &r[2]);
    mb_ints(rig.model, "shape", "2", shape);
    mb_node(rig.model, "Range", "range", "a b c", "v");
    mb_node(rig.model, "Expand", "ex", "v shape", "w");
    mb_node(rig.model, "Transpose", "t", "w", "u");
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", "cast", "u", "y"), "to", FLOAT);
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
}
END_TEST

/* --- encodings -----------------------------------------------------------------------------------------------------
 */

/* An initializer in one encoding, cast to float32. */
static void expect_encoding(Onnx__TensorProto *t, const float *expected, size_t count) {
    (void)t;
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", "cast", "t", "y"), "to", FLOAT);
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, count * sizeof *expected);
}

static Onnx__TensorProto *open_encoding(int type, const char *shape) {
    fe_rig_open(&rig, 13);
    mb_output(rig.model, "y", FLOAT, shape);
    return mb_initializer(rig.model, "t", type, shape);
}

static void int32_encoding(int type, int32_t *data, size_t count, const float *expected) {
    Onnx__TensorProto *t = open_encoding(type, "3");
    t->int32_data = data;
    t->n_int32_data = count;
    expect_encoding(t, expected, count);
}

START_TEST(encoding_int32_data) {
    static const struct {
        int type;
        int32_t data[3];
        float expected[3];
    } rows[] = {{FLOAT16, {0x3c00, 0xc000, 0x0001}, {1, -2, 5.9604645e-8f}},
                {BFLOAT16, {0x3f80, 0xc000, 0x4049}, {1, -2, 3.140625f}},
                {BOOL, {0, 1, 1}, {0, 1, 1}},
                {UINT8, {0, 255, 7}, {0, 255, 7}},
                {3, {-128, 127, -1}, {-128, 127, -1}},
                {4, {65535, 1, 2}, {65535, 1, 2}},
                {5, {-32768, 1, 2}, {-32768, 1, 2}},
                {INT32, {-2147483647, 1, 2}, {-2147483648.f, 1, 2}}};
    int32_t data[3];
    memcpy(data, rows[_i].data, sizeof data);
    int32_encoding(rows[_i].type, data, 3, rows[_i].expected);
}
END_TEST

START_TEST(encoding_wide_fields) {
    float f[] = {1.5f, -2};
    double d[] = {1.5, -2};
    uint64_t u[] = {3, UINT64_C(4294967295)};
    const float expected[] = {1.5f, -2}, expected_u[] = {3, 4294967296.f};
    static const int types[] = {FLOAT, DOUBLE, 12, 13};
    Onnx__TensorProto *t = open_encoding(types[_i], "2");
    if (_i == 0) t->float_data = f, t->n_float_data = 2;
    if (_i == 1) t->double_data = d, t->n_double_data = 2;
    if (_i >= 2) t->uint64_data = u, t->n_uint64_data = 2;
    expect_encoding(t, _i < 2 ? expected : expected_u, 2);
}
END_TEST

START_TEST(encoding_raw_misaligned) {
    static const double d[] = {1.5, -2};
    static const uint8_t b[] = {7, 8, 9};
    const float expected[] = {1.5f, -2};
    Onnx__TensorProto *t = open_encoding(DOUBLE, "2");
    mb_raw(rig.model, t, d, sizeof d);
    for (int i = 0; i < 8; i++) { /* neighbours of odd sizes, so that some payload lies at every offset */
        char name[8] = {'p', (char)('0' + i), 0};
        mb_raw(rig.model, mb_initializer(rig.model, name, UINT8, "3"), b, 3);
        mb_raw(rig.model, mb_initializer(rig.model, strcat(name, "d"), DOUBLE, "2"), d, sizeof d);
        mb_output(rig.model, name, DOUBLE, "2");
    }
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", "cast", "t", "y"), "to", FLOAT);
    IMPORT_OK();
    (void)expected;
    for (size_t i = 1; i < rig.graph.outputs.count; i++) {
        const wfc_node *n = wfc_ir_node_c(&rig.graph, rig.graph.outputs.data[i].value);
        ck_assert_uint_eq((uintptr_t)n->u.konst.data.bytes % 8, 0);
        ck_assert_mem_eq(n->u.konst.data.bytes, d, sizeof d);
    }
}
END_TEST

START_TEST(external_data) {
    static const float file[] = {0, 0, 1, 2};
    const float x[] = {10, 20};
    open_unary(13, "2", "2");
    Onnx__TensorProto *t = mb_initializer(rig.model, "w", FLOAT, "2");
    mb_external(rig.model, t, "location", "weights.bin");
    mb_external(rig.model, t, "offset", "8");
    mb_external(rig.model, t, "length", "8");
    mb_node(rig.model, "Add", "add", "x w", "y");
    fe_rig_write(&rig, "weights.bin", file, sizeof file);
    IMPORT_OK();
    EXPECT(x, 11, 22);
}
END_TEST

/* --- graph -----------------------------------------------------------------------------------------------------------
 */

START_TEST(initializer_is_input_too) {
    static const float w[] = {1, 2};
    const float x[] = {10, 20};
    open_unary(13, "2", "2");
    mb_input(rig.model, "w", FLOAT, "2");
    mb_floats(rig.model, "w", "2", w);
    mb_node(rig.model, "Add", "", "x w", "y");
    IMPORT_OK();
    EXPECT(x, 11, 22);
    ck_assert_str_eq(last_of(WFC_CORE_MAP)->locs[0], "Add_0");
}
END_TEST

START_TEST(repeated_node_names_are_told_apart) {
    const float x[] = {-1, 2};
    open_unary(13, "2", "2");
    mb_node(rig.model, "Relu", "same", "x", "a");
    mb_node(rig.model, "Relu", "same", "a", "y");
    IMPORT_OK();
    EXPECT(x, 0, 2);
    ck_assert_str_eq(last_of(WFC_CORE_MAP)->locs[0], "same#1");
}
END_TEST

START_TEST(hostile_names) {
    const float x[] = {-1, 2};
    static const char evil[] = "%n%s\"\n\x1b[2J\xff";
    wfc_buf text = {0};
    wfc_graph again;
    fe_rig_open(&rig, 13);
    mb_input(rig.model, "x", FLOAT, "2");
    mb_output(rig.model, "y", FLOAT, "2");
    mb_node(rig.model, "Relu", evil, "x", "y");
    mb_model(rig.model)->graph->node[0]->output[0] = mb_model(rig.model)->graph->output[0]->name = (char *)evil;
    IMPORT_OK();
    EXPECT(x, 0, 2);
    ck_assert_int_eq(wfc_ir_print(&rig.graph, &text), WFC_OK);
    ck_assert_ptr_null(memchr(text.data, 0x1b, text.count));
    wfc_graph_init(&again);
    ck_assert_int_eq(wfc_ir_parse(text.data, text.count, "text", &rig.diag, &again), WFC_OK);
    wfc_graph_deinit(&again);
    wfc_buf_deinit(&text);
}
END_TEST

START_TEST(operator_table_is_sorted) {
    uint32_t count;
    fe_rig_open(&rig, 13);
    const wfc_op_info *ops = wfc_import_ops(&count);
    ck_assert_uint_gt(count, 20);
    for (uint32_t i = 1; i < count; i++) ck_assert_int_lt(strcmp(ops[i - 1].name, ops[i].name), 0);
}
END_TEST

START_TEST(inspect_reports) {
    wfc_buf out = {0};
    open_unary(13, "N,2", "N,2");
    mb_node(rig.model, "Relu", "relu", "x", "h");
    mb_node(rig.model, "Dance", "d", "h", "y");
    mb_write(rig.model, rig.path);
    ck_assert_int_eq(wfc_import_inspect(rig.path, NULL, &rig.diag, &out), WFC_OK);
    static const char *const parts[] = {"x : float32[N, 2]",
                                        "Dance  NOT SUPPORTED",
                                        "Relu  supported",
                                        "--dim 'N=N'",
                                        "d: Dance (domain ai.onnx, opset 13)",
                                        "import: refused"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ck_assert_msg(strstr(out.data, parts[i]) != NULL, "no '%s' in:\n%s", parts[i], out.data);
    wfc_buf_deinit(&out);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("import");
    TCase *c = tcase_create("import");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, NULL, close_rig);
    tcase_add_test(c, add_opset6_axis);
    tcase_add_test(c, add_opset6_needs_broadcast);
    tcase_add_test(c, clip_attribute);
    tcase_add_test(c, clip_input_one_bound);
    tcase_add_test(c, gemm_all_attributes);
    tcase_add_test(c, matmul_constant_left);
    tcase_add_test(c, conv_groups);
    tcase_add_test(c, conv_depthwise_same_lower);
    tcase_add_test(c, average_pool_ceil_border);
    tcase_add_test(c, average_pool_include_pad);
    tcase_add_test(c, max_pool_dilated_ceil);
    tcase_add_test(c, softmax_both_semantics);
    tcase_add_test(c, pad_crops_and_reflects);
    tcase_add_test(c, pad_axes_opset18);
    tcase_add_test(c, shape_arithmetic_folds);
    tcase_add_test(c, integers_fold_exactly);
    tcase_add_test(c, slice_backwards_and_clamped);
    tcase_add_test(c, range_expand_transpose_cast);
    tcase_add_loop_test(c, encoding_int32_data, 0, 8);
    tcase_add_loop_test(c, encoding_wide_fields, 0, 4);
    tcase_add_test(c, encoding_raw_misaligned);
    tcase_add_test(c, external_data);
    tcase_add_test(c, initializer_is_input_too);
    tcase_add_test(c, repeated_node_names_are_told_apart);
    tcase_add_test(c, hostile_names);
    tcase_add_test(c, operator_table_is_sorted);
    tcase_add_test(c, inspect_reports);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner), ran = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
