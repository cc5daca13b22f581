/* Bad models: each ends in one error with a message, never in a crash, a hang or a wrong answer. */
#include "fe_rig.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLOAT = 1, INT64 = 7 };

static fe_rig rig;
static void close_rig(void) {
    fe_rig_close(&rig);
}

static void expect_refusal(wfc_status found, wfc_status expected, const char *part) {
    ck_assert_msg(found == expected, "status %s, expected %s: %s", wfc_status_name(found), wfc_status_name(expected),
                  fe_rig_message(&rig));
    ck_assert_msg(strstr(fe_rig_message(&rig), part) != NULL, "no '%s' in: %s", part, fe_rig_message(&rig));
}
#define REFUSED(status, part) expect_refusal(fe_rig_import(&rig, NULL), (status), (part))

static void open_xy(int opset, const char *x_shape, const char *y_shape) {
    fe_rig_open(&rig, opset);
    mb_input(rig.model, "x", FLOAT, x_shape);
    mb_output(rig.model, "y", FLOAT, y_shape);
}

/* A model with most of what a model can hold. */
static void open_rich(void) {
    static const float w[18] = {1, 2, 3}, b[2] = {1, 2};
    static const int64_t shape[] = {1, -1};
    open_xy(13, "1,1,4,4", "1,8");
    mb_floats(rig.model, "w", "2,1,3,3", w);
    mb_floats(rig.model, "b", "2", b);
    mb_ints(rig.model, "shape", "2", shape);
    Onnx__NodeProto *n = mb_node(rig.model, "Conv", "conv", "x w b", "c");
    mb_attr_ints(rig.model, n, "pads", "0,0,0,0");
    mb_attr_string(rig.model, n, "auto_pad", "NOTSET");
    mb_node(rig.model, "Relu", "relu", "c", "r");
    mb_node(rig.model, "Reshape", "reshape", "r shape", "y");
}

/* --- damaged files -------------------------------------------------------------------------------------------------
 */

START_TEST(truncated_everywhere) {
    size_t size;
    open_rich();
    ck_assert_int_eq(fe_rig_import(&rig, NULL), WFC_OK);
    uint8_t *bytes = mb_pack(rig.model, &size);
    for (size_t n = 0; n < size; n++) {
        fe_rig_write(&rig, "model.onnx", bytes, n);
        ck_assert_msg(fe_rig_import_file(&rig, NULL) == WFC_ERR_INPUT, "cut at %zu of %zu bytes", n, size);
    }
    free(bytes);
}
END_TEST

START_TEST(random_bytes) {
    uint64_t seed = 1;
    uint8_t bytes[512];
    open_rich();
    for (unsigned round = 0; round < 1000; round++) {
        size_t n = wfc_rng_next(&seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)wfc_rng_next(&seed);
        fe_rig_write(&rig, "model.onnx", bytes, n);
        ck_assert_int_eq(fe_rig_import_file(&rig, NULL), WFC_ERR_INPUT);
    }
}
END_TEST

/* One byte changed: still a model or refused, but never our own bug. */
START_TEST(mutated_bytes) {
    size_t size;
    unsigned ok = 0;
    uint64_t seed = 2;
    open_rich();
    uint8_t *bytes = mb_pack(rig.model, &size);
    for (unsigned round = 0; round < 2000; round++) {
        size_t at = wfc_rng_next(&seed) % size;
        uint8_t saved = bytes[at];
        bytes[at] = (uint8_t)wfc_rng_next(&seed);
        fe_rig_write(&rig, "model.onnx", bytes, size);
        wfc_status s = fe_rig_import_file(&rig, NULL);
        ok += s == WFC_OK;
        ck_assert_msg(s == WFC_OK || s == WFC_ERR_INPUT || s == WFC_ERR_UNSUPPORTED, "byte %zu: %s", at,
                      fe_rig_message(&rig));
        bytes[at] = saved;
    }
    ck_assert_uint_gt(ok, 0); /* weights may change freely */
    free(bytes);
}
END_TEST

START_TEST(not_a_file) {
    fe_rig_open(&rig, 13);
    expect_refusal(fe_rig_import_file(&rig, NULL), WFC_ERR_IO, "");
    mkdir(rig.path, 0700);
    ck_assert_int_ne(fe_rig_import_file(&rig, NULL), WFC_OK);
}
END_TEST

/* --- bombs -----------------------------------------------------------------------------------------------------------
 */

/* Writes `depth` nested messages from the inside out: each level is the tags with the body's length behind each. */
static uint8_t *nested(const uint8_t *tags, size_t tag_count, unsigned depth, size_t *out_size) {
    size_t capacity = (size_t)depth * tag_count * 6 + 16, at = capacity;
    uint8_t *bytes = malloc(capacity);
    ck_assert_ptr_nonnull(bytes);
    for (size_t k = (size_t)depth * tag_count; k-- > 0;) {
        size_t length = capacity - at;
        uint8_t varint[6], n = 0;
        for (; length > 127; length >>= 7) varint[n++] = (uint8_t)(length | 0x80);
        varint[n++] = (uint8_t)length;
        at -= n;
        memcpy(bytes + at, varint, n);
        bytes[--at] = tags[k % tag_count];
    }
    *out_size = capacity - at;
    memmove(bytes, bytes + at, *out_size);
    return bytes;
}

START_TEST(nested_graphs) {
    /* graph = 7 in the model, then node = 1, attribute = 5, graph = 6 over and over: 5000 graphs in 54 KB */
    static const uint8_t tags[] = {1 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2};
    size_t size, head = 1;
    fe_rig_open(&rig, 13);
    uint8_t *body = nested(tags, 3, 5000, &size), *file = malloc(size + 8);
    ck_assert_uint_lt(size, 64 << 10);
    file[0] = 7 << 3 | 2;
    for (size_t n = size; n; n >>= 7) file[head++] = (uint8_t)((n & 127) | (n > 127 ? 128 : 0));
    memcpy(file + head, body, size);
    fe_rig_write(&rig, "model.onnx", file, head + size);
    expect_refusal(fe_rig_import_file(&rig, NULL), WFC_ERR_INPUT, "nested too deep");
    free(body);
    free(file);
}
END_TEST

START_TEST(nested_types) {
    static const uint8_t model_to_type[] = {7 << 3 | 2, 11 << 3 | 2, 2 << 3 | 2};
    static const uint8_t levels[] = {4 << 3 | 2, 1 << 3 | 2}; /* sequence, element type */
    size_t size, head = 0;
    fe_rig_open(&rig, 13);
    uint8_t *body = nested(levels, 2, 4000, &size), *file = malloc(size + 64), prefix[64];
    for (unsigned k = 3; k-- > 0;) { /* from the inside out */
        uint8_t piece[8], n = 0;
        piece[n++] = model_to_type[k];
        for (size_t v = size + head; n == 1 || v; v >>= 7) piece[n++] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        memmove(prefix + n, prefix, head);
        memcpy(prefix, piece, n);
        head += n;
    }
    memcpy(file, prefix, head);
    memcpy(file + head, body, size);
    fe_rig_write(&rig, "model.onnx", file, head + size);
    expect_refusal(fe_rig_import_file(&rig, NULL), WFC_ERR_INPUT, "nested too deep");
    free(body);
    free(file);
}
END_TEST

/* Five million empty nodes in 10 MB would take gigabytes once unpacked. */
START_TEST(many_messages) {
    enum { COUNT = 5 << 20 };
    fe_rig_open(&rig, 13);
    uint8_t *file = calloc(2 * (size_t)COUNT + 8, 1);
    ck_assert_ptr_nonnull(file);
    size_t n = 2 * (size_t)COUNT, head = 1;
    file[0] = 7 << 3 | 2;
    for (size_t v = n; v; v >>= 7) file[head++] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
    for (size_t i = 0; i < COUNT; i++) file[head + 2 * i] = 1 << 3 | 2;
    fe_rig_write(&rig, "model.onnx", file, head + n);
    expect_refusal(fe_rig_import_file(&rig, NULL), WFC_ERR_INPUT, "more than");
    free(file);
}
END_TEST

START_TEST(expand_bomb) {
    static const float one = 1;
    static const int64_t shape[] = {1000000, 1000000};
    open_xy(13, "1", "1");
    mb_floats(rig.model, "one", "1", &one);
    mb_ints(rig.model, "shape", "2", shape);
    mb_node(rig.model, "Expand", "bomb", "one shape", "big");
    mb_node(rig.model, "Add", "add", "x big", "y");
    REFUSED(WFC_ERR_INPUT, "would create 4000000000000 bytes");
    ck_assert_str_eq(rig.diag.items[rig.diag.count - 1].where, "bomb");
}
END_TEST

START_TEST(overflowing_products) {
    static const int64_t shape[] = {INT64_C(4294967295), INT64_C(4294967295), INT64_C(4294967295)};
    open_xy(13, "1", "1");
    mb_ints(rig.model, "shape", "3", shape);
    mb_node(rig.model, "ConstantOfShape", "bomb", "shape", "big");
    mb_node(rig.model, "Add", "add", "x big", "y");
    REFUSED(WFC_ERR_INPUT, "too many elements");
}
END_TEST

START_TEST(range_bomb) {
    static const int64_t v[] = {INT64_MIN, INT64_MAX, 1};
    fe_rig_open(&rig, 13);
    mb_output(rig.model, "y", INT64, "?");
    mb_ints(rig.model, "a", "", &v[0]);
    mb_ints(rig.model, "b", "", &v[1]);
    mb_ints(rig.model, "c", "", &v[2]);
    mb_node(rig.model, "Range", "bomb", "a b c", "y");
    REFUSED(WFC_ERR_INPUT, "too many elements");
}
END_TEST

/* Doubling 40 times: each step alone looks harmless. */
START_TEST(doubling_bomb) {
    static const float row[64] = {1};
    char in[32] = "t t", out[16];
    fe_rig_open(&rig, 13);
    mb_floats(rig.model, "t", "64", row);
    for (int i = 0; i < 40; i++) {
        snprintf(out, sizeof out, i == 39 ? "y" : "t%d", i);
        mb_attr_int(rig.model, mb_node(rig.model, "Concat", out, in, out), "axis", 0);
        snprintf(in, sizeof in, "%s %s", out, out);
    }
    mb_output(rig.model, "y", FLOAT, "?");
    wfc_import_options opt = {.fold_budget_bytes = 1 << 20};
    expect_refusal(fe_rig_import(&rig, &opt), WFC_ERR_INPUT, "of the budget are left");
}
END_TEST

START_TEST(pad_bomb) {
    static const int64_t pads[] = {1 << 30, 1 << 30, 1 << 30, 1 << 30};
    open_xy(13, "2,2", "?,?");
    mb_ints(rig.model, "pads", "4", pads);
    mb_node(rig.model, "Pad", "bomb", "x pads", "y");
    REFUSED(WFC_ERR_UNSUPPORTED, "more than 2147483647 elements");
}
END_TEST

START_TEST(broadcast_bomb) {
    open_xy(13, "100000,1", "?,?");
    mb_node(rig.model, "Transpose", "t", "x", "xt");
    mb_node(rig.model, "Mul", "outer", "x xt", "y");
    REFUSED(WFC_ERR_UNSUPPORTED, "more than 2147483647 elements");
}
END_TEST

/* --- tensors ---------------------------------------------------------------------------------------------------------
 */

static Onnx__TensorProto *open_weight(const char *shape) {
    open_xy(13, "2", "2");
    Onnx__TensorProto *t = mb_initializer(rig.model, "w", FLOAT, shape);
    mb_node(rig.model, "Add", "add", "x w", "y");
    return t;
}

START_TEST(tensor_size_disagrees) {
    static const float data[3] = {1, 2, 3};
    mb_raw(rig.model, open_weight("2"), data, sizeof data);
    REFUSED(WFC_ERR_INPUT, "found 12 bytes, expected 8");
}
END_TEST

START_TEST(tensor_shape_overflows) {
    open_weight("4611686018427387904,4");
    REFUSED(WFC_ERR_INPUT, "too many elements");
}
END_TEST

START_TEST(tensor_negative_extent) {
    open_weight("-2");
    REFUSED(WFC_ERR_INPUT, "negative extent");
}
END_TEST

START_TEST(tensor_without_data) {
    open_weight("2");
    REFUSED(WFC_ERR_INPUT, "found 0 elements, expected 2");
}
END_TEST

/* --- external data ---------------------------------------------------------------------------------------------------
 */

START_TEST(external_data_refused) {
    static const struct {
        const char *location, *offset, *length, *part;
    } rows[] = {{"../weights.bin", NULL, NULL, "leaves the folder"},
                {"sub/../../weights.bin", NULL, NULL, "leaves the folder"},
                {"/etc/passwd", NULL, NULL, "absolute"},
                {"missing.bin", NULL, NULL, "No such file"},
                {"sub", NULL, NULL, "not a regular file"},
                {"fifo", NULL, NULL, "not a regular file"},
                {"link", NULL, NULL, "leads out of the folder"},
                {"linked/passwd", NULL, NULL, "leads out of the folder"},
                {"short.bin", NULL, "8", "truncated"},
                {"short.bin", "5", NULL, "truncated"},
                {"short.bin", "9223372036854775807", "8", "truncated"},
                {"short.bin", "-1", NULL, "expected a number"},
                {"short.bin", NULL, "eight", "expected a number"},
                {"short.bin", NULL, NULL, "found 4 bytes, expected 8"},
                {"", NULL, NULL, "without a location"}};
    char path[160];
    Onnx__TensorProto *t = open_weight("2");
    mb_external(rig.model, t, "location", rows[_i].location);
    if (rows[_i].offset) mb_external(rig.model, t, "offset", rows[_i].offset);
    if (rows[_i].length) mb_external(rig.model, t, "length", rows[_i].length);
    snprintf(path, sizeof path, "%s/sub", rig.folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/fifo", rig.folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/link", rig.folder);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/linked", rig.folder);
    ck_assert_int_eq(symlink("/etc", path), 0);
    fe_rig_write(&rig, "short.bin", "abcd", 4);
    REFUSED(WFC_ERR_INPUT, rows[_i].part);
}
END_TEST

/* --- graphs that are no graphs ---------------------------------------------------------------------------------------
 */

START_TEST(unbound_axes_are_listed) {
    open_xy(13, "batch,3,?", "?,?,?");
    mb_input(rig.model, "z", FLOAT, "-1");
    mb_node(rig.model, "Add", "add", "x z", "y");
    REFUSED(WFC_ERR_INPUT, "--dim 'batch=N'");
    ck_assert_ptr_nonnull(strstr(fe_rig_message(&rig), "--dim 'x[2]=N'"));
    ck_assert_ptr_nonnull(strstr(fe_rig_message(&rig), "--dim 'z[0]=N'"));
    const char *names[] = {"batch", "x[2]", "z[0]"};
    const int64_t values[] = {2, 5, 5};
    wfc_import_options opt = {.dim_names = names, .dim_values = values, .dim_count = 3};
    ck_assert_int_eq(fe_rig_import(&rig, &opt), WFC_OK);
    names[0] = "batsh";
    expect_refusal(fe_rig_import(&rig, &opt), WFC_ERR_INPUT, "no open axis");
}
END_TEST

START_TEST(all_unsupported_in_one_message) {
    open_xy(13, "1,1,4,4", "1,1,4,4");
    static const float w[1] = {1};
    mb_floats(rig.model, "w", "1,1,1,1", w);
    mb_node(rig.model, "Det", "first", "x", "a");
    mb_attr_int(rig.model, mb_node(rig.model, "Relu", "second", "x", "b"), "slope", 1);
    mb_opset(rig.model, "com.example", 3);
    mb_node(rig.model, "Relu", "third", "x", "c");
    mb_model(rig.model)->graph->node[2]->domain = (char *)"com.example";
    mb_node(rig.model, "NonZero", "fourth", "x", "d");
    mb_node(rig.model, "Bernoulli", "fifth\nfake: Line", "x", "e");
    static const char *const sums[] = {"a b s1", "s1 c s2", "s2 d s3", "s3 e y"};
    for (int i = 0; i < 4; i++) {
        char in[16], out[8];
        sscanf(sums[i], "%*s %*s %7s", out);
        snprintf(in, sizeof in, "%.*s", (int)(strrchr(sums[i], ' ') - sums[i]), sums[i]);
        mb_node(rig.model, "Add", out, in, out);
    }
    REFUSED(WFC_ERR_UNSUPPORTED, "for 5 reasons");
    static const char *const parts[] = {"first: Det (domain ai.onnx, opset 13): no such operator",
                                        "second: Relu (domain ai.onnx, opset 13): attribute 'slope'",
                                        "third: Relu (domain com.example, opset 3)",
                                        "fourth: NonZero (domain ai.onnx, opset 13)", "fifth\\nfake: Line: Bernoulli"};
    for (int i = 0; i < 5; i++)
        ck_assert_msg(strstr(fe_rig_message(&rig), parts[i]) != NULL, "no '%s' in: %s", parts[i], fe_rig_message(&rig));
    size_t errors = 0;
    for (size_t i = 0; i < rig.diag.count; i++) errors += rig.diag.items[i].severity == WFC_ERROR;
    ck_assert_uint_eq(errors, 1);
}
END_TEST

/* What comes behind a refused node is looked at too, as far as the file says its shape. */
START_TEST(behind_a_refused_node) {
    open_xy(13, "1,4", "1,4");
    mb_node(rig.model, "Det", "first", "x", "a");
    mb_node(rig.model, "Pad", "second", "a pads", "y");
    mb_input(rig.model, "pads", 7, "4");
    Onnx__GraphProto *g = mb_model(rig.model)->graph;
    mb_output(rig.model, "a", FLOAT, "1,4"); /* declares a's shape */
    (void)g;
    REFUSED(WFC_ERR_UNSUPPORTED, "for 2 reasons");
    ck_assert_ptr_nonnull(strstr(fe_rig_message(&rig), "second: Pad"));
}
END_TEST

START_TEST(runtime_types_refused) {
    fe_rig_open(&rig, 13);
    mb_input(rig.model, "x", 8, "2");
    mb_output(rig.model, "y", 8, "2");
    mb_node(rig.model, "Identity", "same", "x", "y");
    REFUSED(WFC_ERR_UNSUPPORTED, "input 'x': string; only numbers and bools");
}
END_TEST

START_TEST(duplicate_values) {
    open_xy(13, "2", "2");
    mb_node(rig.model, "Relu", "a", "x", "y");
    mb_node(rig.model, "Relu", "b", "x", "y");
    REFUSED(WFC_ERR_INPUT, "'y' is defined twice");
}
END_TEST

START_TEST(undefined_value) {
    open_xy(13, "2", "2");
    mb_node(rig.model, "Relu", "a", "nowhere", "y");
    REFUSED(WFC_ERR_INPUT, "'nowhere', is made by no node");
}
END_TEST

START_TEST(cycle) {
    open_xy(13, "2", "2");
    mb_node(rig.model, "Add", "a", "x b", "a");
    mb_node(rig.model, "Relu", "b", "a", "b");
    mb_node(rig.model, "Relu", "c", "b", "y");
    REFUSED(WFC_ERR_INPUT, "form a cycle");
}
END_TEST

START_TEST(output_from_nowhere) {
    open_xy(13, "2", "2");
    REFUSED(WFC_ERR_INPUT, "nothing in the model makes this output");
}
END_TEST

START_TEST(opset_too_new_or_missing) {
    open_xy(99, "2", "2");
    mb_node(rig.model, "Relu", "relu", "x", "y");
    REFUSED(WFC_ERR_UNSUPPORTED, "supported from opset 1 to");
    mb_model(rig.model)->n_opset_import = 0;
    REFUSED(WFC_ERR_INPUT, "opset_import");
}
END_TEST

START_TEST(shapes_disagree) {
    static const float w[6] = {0};
    open_xy(13, "1,4", "1,2");
    mb_floats(rig.model, "w", "3,2", w);
    mb_node(rig.model, "MatMul", "mm", "x w", "y");
    REFUSED(WFC_ERR_INPUT, "do not multiply");
    ck_assert_str_eq(rig.diag.items[0].where, "mm");
}
END_TEST

/* --- tensor files, memory --------------------------------------------------------------------------------------------
 */

START_TEST(tensor_files) {
    static const uint8_t good[] = {0x08, 2, 0x10, 1, 0x4a, 8, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}; /* [2] {1, 2} */
    char *name = NULL;
    wfc_tensor t = {0};
    fe_rig_open(&rig, 13);
    fe_rig_write(&rig, "model.onnx", good, sizeof good);
    ck_assert_int_eq(wfc_import_tensor_file(rig.path, &rig.diag, &name, &t), WFC_OK);
    ck_assert_uint_eq(t.dims[0], 2);
    ck_assert_float_eq(((float *)t.data)[1], 2);
    wfc_free(name);
    wfc_tensor_deinit(&t);
    for (size_t n = 0; n < sizeof good; n++) {
        fe_rig_write(&rig, "model.onnx", good, n);
        ck_assert_int_ne(wfc_import_tensor_file(rig.path, &rig.diag, &name, &t), WFC_OK);
    }
}
END_TEST

/* Every allocation of an import fails once: always out of memory, never a crash or a leak. */
START_TEST(every_allocation_fails) {
    open_rich();
    mb_write(rig.model, rig.path);
    size_t n = 1;
    for (;; n++) {
        wfc_diag diag;
        wfc_graph g;
        wfc_import *im = NULL;
        wfc_diag_init(&diag);
        wfc_graph_init(&g);
        wfc_mem_fail_nth(n);
        wfc_status s = wfc_import_onnx(rig.path, NULL, &diag, &g, &im);
        wfc_mem_fail_nth(0);
        wfc_graph_deinit(&g);
        wfc_import_destroy(im);
        wfc_diag_deinit(&diag);
        if (s == WFC_OK) break;
        ck_assert_msg(s == WFC_ERR_NO_MEMORY, "allocation %zu: %s", n, wfc_status_name(s));
        ck_assert_uint_lt(n, 2000);
    }
    ck_assert_uint_gt(n, 20);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("frontend faults");
    TCase *c = tcase_create("faults");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, NULL, close_rig);
    tcase_add_test(c, truncated_everywhere);
    tcase_add_test(c, random_bytes);
    tcase_add_test(c, mutated_bytes);
    tcase_add_test(c, not_a_file);
    tcase_add_test(c, nested_graphs);
    tcase_add_test(c, nested_types);
    tcase_add_test(c, many_messages);
    tcase_add_test(c, expand_bomb);
    tcase_add_test(c, overflowing_products);
    tcase_add_test(c, range_bomb);
    tcase_add_test(c, doubling_bomb);
    tcase_add_test(c, pad_bomb);
    tcase_add_test(c, broadcast_bomb);
    tcase_add_test(c, tensor_size_disagrees);
    tcase_add_test(c, tensor_shape_overflows);
    tcase_add_test(c, tensor_negative_extent);
    tcase_add_test(c, tensor_without_data);
    tcase_add_loop_test(c, external_data_refused, 0, 15);
    tcase_add_test(c, unbound_axes_are_listed);
    tcase_add_test(c, all_unsupported_in_one_message);
    tcase_add_test(c, behind_a_refused_node);
    tcase_add_test(c, runtime_types_refused);
    tcase_add_test(c, duplicate_values);
    tcase_add_test(c, undefined_value);
    tcase_add_test(c, cycle);
    tcase_add_test(c, output_from_nowhere);
    tcase_add_test(c, opset_too_new_or_missing);
    tcase_add_test(c, shapes_disagree);
    tcase_add_test(c, tensor_files);
    tcase_add_test(c, every_allocation_fails);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner), ran = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
