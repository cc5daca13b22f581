/* Functions defined in the model; constants of rare types and sparse ones; shapes given from outside; numbers other
 * than float32 at run time. */
#include "fe_expect.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT = 1, UINT8 = 2, INT32 = 6, INT64 = 7, BOOL = 9, FLOAT64 = 11, FP8 = 17, INT4 = 22 };

static fe_rig rig;
static void close_rig(void) {
    fe_rig_close(&rig);
}

static void open_xy(int opset, int type, const char *shape) {
    fe_rig_open(&rig, opset);
    mb_input(rig.model, "x", type, shape);
    mb_output(rig.model, "y", type, shape);
}

/* --- functions -----------------------------------------------------------------------------------------------------
 */

/* Zeroed memory for one test, taken anew by open_functions. */
static _Alignas(16) unsigned char pool[1 << 16];
static size_t pool_used;
static void *get(size_t bytes) {
    void *p = pool + pool_used;
    pool_used += (bytes + 15) / 16 * 16;
    ck_assert_uint_le(pool_used, sizeof pool);
    memset(p, 0, bytes);
    return p;
}

/* Functions take the nodes that were added to the main graph last. */
static Onnx__FunctionProto *functions[40];
static size_t function_count;

static char **words(const char *list, size_t *count) {
    char **out = get(8 * sizeof *out), *copy = strcpy(get(strlen(list) + 1), list);
    *count = 0;
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) out[(*count)++] = w;
    return out;
}

static Onnx__FunctionProto *add_function(const char *name, const char *in, const char *out, size_t nodes) {
    Onnx__FunctionProto *f = get(sizeof *f);
    Onnx__GraphProto *g = mb_model(rig.model)->graph;
    Onnx__OperatorSetIdProto *set = get(sizeof *set), **sets = get(sizeof *sets);
    onnx__function_proto__init(f);
    onnx__operator_set_id_proto__init(set);
    set->domain = (char *)"", set->has_version = 1, set->version = 13;
    sets[0] = set;
    f->name = (char *)name, f->domain = (char *)"local";
    f->input = words(in, &f->n_input);
    f->output = words(out, &f->n_output);
    f->opset_import = sets, f->n_opset_import = 1;
    f->n_node = nodes;
    f->node = get((nodes + 1) * sizeof *f->node);
    g->n_node -= nodes;
    if (nodes) memcpy(f->node, g->node + g->n_node, nodes * sizeof *f->node);
    functions[function_count++] = f;
    mb_model(rig.model)->functions = functions;
    mb_model(rig.model)->n_functions = function_count;
    return f;
}

static Onnx__NodeProto *call(const char *function, const char *name, const char *in, const char *out) {
    Onnx__NodeProto *n = mb_node(rig.model, function, name, in, out);
    n->domain = (char *)"local";
    return n;
}

static void open_functions(void) {
    function_count = 0;
    pool_used = 0;
    open_xy(13, FLOAT, "2");
    mb_opset(rig.model, "local", 1);
}

/* The same function twice, with inner values of one name; and one function within another. */
START_TEST(function_calls) {
    static const float x[] = {-3, 4};
    open_functions();
    mb_node(rig.model, "Add", "add", "a a", "t");
    mb_node(rig.model, "Relu", "relu", "t", "r");
    add_function("DoubleRelu", "a", "r", 2);
    call("DoubleRelu", "once", "v", "t");
    call("DoubleRelu", "", "t", "w");
    add_function("Twice", "v", "w", 2);
    call("Twice", "deep", "x", "t");
    mb_node(rig.model, "Neg", "neg", "t", "y");
    IMPORT_OK();
    EXPECT(x, 0, -16);
    bool found = false;
    for (size_t i = 0; i < rig.graph.nodes.count; i++)
        for (uint32_t k = 0; k < rig.graph.nodes.data[i].loc_count; k++)
            found |= !strcmp(rig.graph.nodes.data[i].locs[k], "deep/once/relu");
    ck_assert(found);
}
END_TEST

START_TEST(function_attributes) {
    static const float x[] = {-4, 2};
    open_functions();
    Onnx__NodeProto *leaky = mb_node(rig.model, "LeakyRelu", "leaky", "a", "r");
    mb_attr_float(rig.model, leaky, "alpha", 0);
    leaky->attribute[0]->ref_attr_name = (char *)"slope";
    Onnx__FunctionProto *f = add_function("Leaky", "a", "r", 1);
    char *list[] = {(char *)"slope"};
    f->attribute = list, f->n_attribute = _i != 2;
    Onnx__NodeProto *c = call("Leaky", "call", "x", "y");
    if (_i == 0) mb_attr_float(rig.model, c, "slope", 0.25f);
    if (_i == 2) { /* neither given nor listed: it has a default that nobody reads */
        IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "refers to the attribute 'slope'");
    } else {
        IMPORT_OK();
        EXPECT(x, _i == 0 ? -1 : -0.04f, 2);
    }
    f->n_attribute = 0;
}
END_TEST

START_TEST(function_passes_through) {
    static const float x[] = {-4, 2};
    open_functions();
    mb_node(rig.model, "Relu", "relu", "b", "r");
    add_function("Swap", "a b", "r a", 1);
    call("Swap", "swap", "x x", "p q");
    mb_node(rig.model, "Sub", "sub", "p q", "y");
    IMPORT_OK();
    EXPECT(x, 4, 0);
}
END_TEST

START_TEST(function_recursion) {
    open_functions();
    call("B", "b", "a", "r");
    add_function("A", "a", "r", 1);
    call("A", "a", "a", "r");
    add_function("B", "a", "r", 1);
    call("A", "start", "x", "y");
    IMPORT_FAILS(WFC_ERR_INPUT, "calls itself");
}
END_TEST

/* Each function calls the next one twice: 2^30 calls of nothing. */
START_TEST(function_bomb) {
    static char names[32][8];
    open_functions();
    for (int i = 0; i < 31; i++) snprintf(names[i], sizeof names[i], "F%d", i);
    add_function("F30", "a", "r", 0);
    for (int i = 29; i >= 0; i--) {
        call(names[i + 1], "", "a", "r");
        call(names[i + 1], "", "a", "s");
        add_function(names[i], "a", "r", 2);
    }
    call("F0", "bomb", "x", "y");
    IMPORT_FAILS(WFC_ERR_INPUT, "inlining the model's functions takes more than 256 MiB");
}
END_TEST

START_TEST(function_of_too_many_inputs) {
    open_functions();
    mb_node(rig.model, "Relu", "relu", "a", "r");
    add_function("One", "a", "r", 1);
    call("One", "two", "x x", "y");
    IMPORT_FAILS(WFC_ERR_INPUT, "has 2 inputs");
}
END_TEST

/* --- constants -----------------------------------------------------------------------------------------------------
 */

START_TEST(eight_bit_floats) {
    /* 1, -0.5, 448 (the largest), 2^-9 (the smallest) */
    static const uint8_t raw[] = {0x38, 0xb0, 0x7e, 0x01};
    static const float x[] = {1, 1, 1, 1};
    open_xy(13, FLOAT, "4");
    mb_raw(rig.model, mb_initializer(rig.model, "w", FP8, "4"), raw, sizeof raw);
    mb_node(rig.model, "Mul", "mul", "x w", "y");
    IMPORT_OK();
    EXPECT(x, 1, -0.5f, 448, 0.001953125f);
}
END_TEST

START_TEST(four_bit_integers) {
    static const uint8_t raw[] = {0x8f, 0x07}; /* -1, -8, 7 */
    static const float x[] = {1, 1, 1};
    open_xy(13, FLOAT, "3");
    mb_raw(rig.model, mb_initializer(rig.model, "w", INT4, "3"), raw, sizeof raw);
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", "cast", "w", "f"), "to", FLOAT);
    mb_node(rig.model, "Mul", "mul", "x f", "y");
    IMPORT_OK();
    EXPECT(x, -1, -8, 7);
}
END_TEST

/* The types of two to eight bits that operator sets 24 to 28 brought, in raw_data and in int32_data. */
START_TEST(newer_small_types) {
    static struct {
        int type;
        size_t bytes, entries;
        uint8_t raw[4];
        int32_t typed[4];
        float values[4];
    } cases[] = {{24, 4, 4, {127, 128, 255, 126}, {127, 128, 255, 126}, {1, 2, NAN, 0.5f}},     /* float8e8m0 */
                 {25, 1, 1, {0xe4}, {0xe4}, {0, 1, 2, 3}},                                      /* uint2 */
                 {26, 1, 1, {0xe4}, {0xe4}, {0, 1, -2, -1}},                                    /* int2 */
                 {27, 3, 4, {0x48, 0xf8, 0x53}, {8, 33, 63, 20}, {1, -0.125f, -7.5f, 3}},       /* float6e2m3 */
                 {28, 3, 4, {0x4c, 0xf0, 0x87}, {12, 1, 63, 33}, {1, 0.0625f, -28, -0.0625f}}}; /* float6e3m2 */
    static const float x[] = {1, 1, 1, 1};
    open_xy(24, FLOAT, "4");
    Onnx__TensorProto *t = mb_initializer(rig.model, "w", cases[_i / 2].type, "4");
    if (_i % 2) t->int32_data = cases[_i / 2].typed, t->n_int32_data = cases[_i / 2].entries;
    if (_i % 2 == 0) mb_raw(rig.model, t, cases[_i / 2].raw, cases[_i / 2].bytes);
    mb_attr_int(rig.model, mb_node(rig.model, "Cast", "cast", "w", "f"), "to", FLOAT);
    mb_node(rig.model, "Mul", "mul", "x f", "y");
    IMPORT_OK();
    fe_rig_expect(&rig, x, 4, cases[_i / 2].values, sizeof cases[_i / 2].values);
    if (_i % 2 == 0) mb_raw(rig.model, t, cases[_i / 2].raw, cases[_i / 2].bytes - 1);
    if (_i % 2) t->n_int32_data--;
    IMPORT_FAILS(WFC_ERR_INPUT, "the tensor's shape and its data disagree");
}
END_TEST

static Onnx__TensorProto *detached(const char *name, int type, const char *shape, const void *raw, size_t size) {
    Onnx__TensorProto *t = mb_initializer(rig.model, name, type, shape);
    mb_raw(rig.model, t, raw, size);
    mb_model(rig.model)->graph->n_initializer--;
    return t;
}

/* Linear indices, coordinates, and an index outside. */
START_TEST(sparse_initializer) {
    static const float values[] = {5, 7}, x[] = {1, 1, 1, 1};
    static const int64_t linear[] = {1, 3}, pairs[] = {0, 1, 1, 1}, outside[] = {0, 4};
    static int64_t dims[] = {2, 2};
    Onnx__SparseTensorProto sparse, *list = &sparse;
    open_xy(13, FLOAT, "2,2");
    onnx__sparse_tensor_proto__init(&sparse);
    sparse.values = detached("w", FLOAT, "2", values, sizeof values);
    sparse.indices = _i == 1 ? detached("", INT64, "2,2", pairs, sizeof pairs)
                             : detached("", INT64, "2", _i ? outside : linear, sizeof linear);
    sparse.dims = dims, sparse.n_dims = 2;
    mb_model(rig.model)->graph->sparse_initializer = &list;
    mb_model(rig.model)->graph->n_sparse_initializer = 1;
    mb_node(rig.model, "Mul", "mul", "x w", "y");
    if (_i == 2) {
        IMPORT_FAILS(WFC_ERR_INPUT, "index 1 of the sparse tensor");
    } else {
        IMPORT_OK();
        EXPECT(x, 0, 5, 0, 7);
    }
}
END_TEST

/* --- shapes from outside -------------------------------------------------------------------------------------------
 */

START_TEST(input_shapes) {
    static const struct {
        const char *name;
        uint8_t rank;
        int64_t dims[3];
        const char *message; /* NULL: it imports */
    } cases[] = {{"x", 2, {3, 4, 0}, NULL},
                 {"x", 2, {3, 5, 0}, "axis 1 is given as 5, but it is 4"},
                 {"x", 3, {3, 4, 1}, "has 3 axes, the model's 2"},
                 {"z", 2, {3, 4, 0}, "no input has this name"},
                 {"x", 2, {0, 4, 0}, "expected 1 to"}};
    open_xy(13, FLOAT, "N,4");
    mb_node(rig.model, "Relu", "relu", "x", "y");
    wfc_input_shape shape = {.name = cases[_i].name, .rank = cases[_i].rank};
    memcpy(shape.dims, cases[_i].dims, sizeof cases[_i].dims);
    wfc_import_options opt = {.shapes = &shape, .shape_count = 1};
    wfc_status s = fe_rig_import(&rig, &opt);
    ck_assert_int_eq(s, cases[_i].message ? WFC_ERR_INPUT : WFC_OK);
    if (cases[_i].message)
        ck_assert_msg(strstr(fe_rig_message(&rig), cases[_i].message) != NULL, "%s", fe_rig_message(&rig));
    else
        ck_assert_uint_eq(rig.graph.nodes.data[0].shape.dims[0], 3);
}
END_TEST

START_TEST(folded_nodes_listed) {
    static const int64_t shape[] = {2, 2};
    size_t count;
    open_xy(13, FLOAT, "4");
    mb_ints(rig.model, "shape", "2", shape);
    mb_node(rig.model, "Mul", "twice", "shape shape", "s");
    mb_node(rig.model, "Div", "half", "s shape", "t");
    mb_node(rig.model, "Reshape", "reshape", "x t", "z");
    mb_attr_ints(rig.model, mb_node(rig.model, "Transpose", "transpose", "z", "u"), "perm", "1,0");
    static const int64_t four[] = {4};
    mb_ints(rig.model, "four", "1", four);
    mb_node(rig.model, "Reshape", "back", "u four", "y");
    wfc_import_options opt = {.list_folded = true};
    IMPORT_OK_WITH(&opt);
    const char *const *lines = wfc_import_folded(rig.import, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(lines[0], "twice: Mul -> i64[2]");
    ck_assert_str_eq(lines[1], "half: Div -> i64[2]");
}
END_TEST

/* --- other numbers at run time -------------------------------------------------------------------------------------
 */

/* What a PE would compute: float32 in, float32 out; the edge converts. */
START_TEST(bytes_wrap) {
    static const float x[] = {0, 100, 200};
    open_xy(13, UINT8, "3");
    mb_node(rig.model, "Add", "add", "x x", "y");
    IMPORT_OK();
    EXPECT(x, 0, 200, 144);
    ck_assert_int_eq(rig.graph.nodes.data[0].u.input.host_dtype, UINT8);
    ck_assert_int_eq(rig.graph.outputs.data[0].host_dtype, UINT8);
}
END_TEST

/* Above 2^24 there is no answer, and nothing makes one of that again. */
START_TEST(integers_overflow) {
    static const float x[] = {4096, 4097, -5000};
    open_xy(13, INT64, "3");
    mb_node(rig.model, "Mul", "square", "x x", _i ? "s" : "y");
    if (_i == 1) mb_node(rig.model, "Min", "min", "s x", "y");
    if (_i == 2) {
        mb_node(rig.model, "Less", "less", "s x", "l");
        mb_attr_int(rig.model, mb_node(rig.model, "Cast", "cast", "l", "y"), "to", INT64);
    }
    IMPORT_OK();
    EXPECT(x, _i == 1 ? 4096 : _i == 2 ? 0 : 16777216, NAN, NAN);
}
END_TEST

START_TEST(integer_quotients_at_run_time) {
    static const float x[] = {9, -9, 16777215, 2};
    static const int64_t three[] = {3};
    open_xy(13, INT64, "4");
    mb_ints(rig.model, "three", "", three);
    mb_node(rig.model, _i ? "Mod" : "Div", "op", "x three", "y");
    IMPORT_OK();
    EXPECT(x, _i ? 0 : 3, _i ? 0 : -3, _i ? 0 : 5592405, _i ? 2 : 0);
}
END_TEST

START_TEST(wrong_type_for_the_operator) {
    open_xy(13, INT64, "3");
    mb_node(rig.model, "Sigmoid", "sigmoid", "x", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "input 0 ('x') is int64");
}
END_TEST

START_TEST(large_integer_constant) {
    static const int64_t big[] = {16777217};
    open_xy(13, INT64, "1");
    mb_ints(rig.model, "big", "1", big);
    mb_node(rig.model, "Add", "add", "x big", "y");
    IMPORT_FAILS(WFC_ERR_UNSUPPORTED, "holds 16777217");
}
END_TEST

/* Between constants 64 bits are exact. */
START_TEST(large_integers_fold) {
    static const int64_t big[] = {INT64_C(9007199254740993)}, one[] = {1};
    static const int64_t expected[] = {INT64_C(9007199254740993)};
    fe_rig_open(&rig, 13);
    mb_ints(rig.model, "big", "1", big);
    mb_ints(rig.model, "one", "1", one);
    mb_node(rig.model, "Max", "max", "big one", "y");
    mb_output(rig.model, "y", INT64, "1");
    IMPORT_OK();
    fe_rig_expect(&rig, NULL, 0, expected, sizeof expected);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("functions and types");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, NULL, close_rig);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, function_calls);
    tcase_add_loop_test(c, function_attributes, 0, 3);
    tcase_add_test(c, function_passes_through);
    tcase_add_test(c, function_recursion);
    tcase_add_test(c, function_bomb);
    tcase_add_test(c, function_of_too_many_inputs);
    tcase_add_test(c, eight_bit_floats);
    tcase_add_test(c, four_bit_integers);
    tcase_add_loop_test(c, newer_small_types, 0, 10);
    tcase_add_loop_test(c, sparse_initializer, 0, 3);
    tcase_add_loop_test(c, input_shapes, 0, 5);
    tcase_add_test(c, folded_nodes_listed);
    tcase_add_test(c, bytes_wrap);
    tcase_add_loop_test(c, integers_overflow, 0, 3);
    tcase_add_loop_test(c, integer_quotients_at_run_time, 0, 2);
    tcase_add_test(c, wrong_type_for_the_operator);
    tcase_add_test(c, large_integer_constant);
    tcase_add_test(c, large_integers_fold);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
