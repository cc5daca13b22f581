/* A model much larger than the memory: 60 GiB of weights in an external file without blocks on disk. Import and default
 * passes must read little of them and hold none twice: at most 1 GiB resident. And what a large external file that
 * becomes shorter under the import does: an error when asked, no dead process.
 *
 *   fe_test_big                  the tests
 *   fe_test_big --write FOLDER   only makes FOLDER/model.onnx and FOLDER/weights.bin, for 'waferc plan' */
#define _XOPEN_SOURCE 700 /* ftruncate */
#include "fe_rig.h"
#include "frontend/import.h"
#include "passes/pass.h"
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLOAT = 1, LAYERS = 960, SIDE = 4096 }; /* 64 MiB each */
static const uint64_t LAYER_BYTES = (uint64_t)SIDE * SIDE * 4, MAX_RESIDENT_KIB = 1 << 20;

static fe_rig rig;
static void close_rig(void) {
    fe_rig_close(&rig);
}

static bool write_sparse(const char *folder, uint64_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/weights.bin", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    bool made = fd >= 0 && ftruncate(fd, (off_t)size) == 0;
    if (!made) perror(path); /* a file system without sparse files of that size */
    if (fd >= 0) close(fd);
    return made;
}

static void add_weight(mb *m, const char *name, const char *shape, uint64_t offset, uint64_t bytes) {
    char text[32];
    Onnx__TensorProto *t = mb_initializer(m, name, FLOAT, shape);
    mb_external(m, t, "location", "weights.bin");
    snprintf(text, sizeof text, "%llu", (unsigned long long)offset);
    mb_external(m, t, "offset", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    mb_external(m, t, "length", text);
}

/* x / 255, then layers x = relu(x * w) in the three ways that exporters write them. */
static void add_layers(mb *m, unsigned layers) {
    static const float scale = 1.0f / 255;
    mb_input(m, "x", FLOAT, "1,4096");
    mb_floats(m, "scale", "", &scale);
    mb_node(m, "Mul", "scale_input", "x scale", "v0");
    for (unsigned i = 0; i < layers; i++) {
        char w[32], in[96], out[32], v[32], name[32];
        snprintf(w, sizeof w, "w%u", i);
        snprintf(out, sizeof out, i + 1 == layers ? "y" : "v%u", i + 1);
        snprintf(v, sizeof v, "s%u", i);
        snprintf(name, sizeof name, "layer%u", i);
        add_weight(m, w, "4096,4096", i * LAYER_BYTES, LAYER_BYTES);
        snprintf(in, sizeof in, i % 3 == 1 ? "v%u t%u" : "v%u w%u", i, i);
        if (i % 3 == 1) {
            char turned[32];
            snprintf(turned, sizeof turned, "t%u", i);
            mb_node(m, "Transpose", name, w, turned);
        }
        Onnx__NodeProto *n = mb_node(m, i % 3 == 2 ? "Gemm" : "MatMul", name, in, v);
        if (i % 3 == 2) mb_attr_int(m, n, "transB", 1);
        mb_node(m, "Relu", name, v, out);
    }
    mb_output(m, "y", FLOAT, "1,4096");
}

START_TEST(sixty_gib) {
    fe_rig_open(&rig, 17);
    add_layers(rig.model, LAYERS);
    ck_assert(write_sparse(rig.folder, LAYERS * LAYER_BYTES));
    ck_assert_msg(fe_rig_import(&rig, NULL) == WFC_OK, "%s", fe_rig_message(&rig));
    wfc_status s = wfc_pass_run(&rig.graph, wfc_pass_default_pipeline(), &rig.diag, NULL, NULL);
    ck_assert_msg(s == WFC_OK, "%s", fe_rig_message(&rig));
    unsigned contracts = 0, views = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < rig.graph.nodes.count; i++) {
        const wfc_node *n = &rig.graph.nodes.data[i];
        contracts += n->op == WFC_CORE_CONTRACT;
        views += n->op == WFC_CORE_VIEW;
        if (n->op == WFC_CORE_CONST) bytes += n->u.konst.data.size_bytes;
    }
    ck_assert_uint_eq(contracts, LAYERS);
    ck_assert_uint_eq(views, 0); /* transposed weights are read in place */
    ck_assert_uint_eq(bytes, LAYERS * LAYER_BYTES);
    ck_assert_int_eq(wfc_import_intact(rig.import, &rig.diag), WFC_OK);
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    printf("60 GiB: %ld KiB resident at most\n", usage.ru_maxrss);
    ck_assert_uint_lt((uint64_t)usage.ru_maxrss, MAX_RESIDENT_KIB);
}
END_TEST

/* The weight of the last layer, when the file is cut in its middle. */
START_TEST(becomes_shorter) {
    enum { FEW = 5 };
    char path[512];
    fe_rig_open(&rig, 17);
    add_layers(rig.model, FEW);
    ck_assert(write_sparse(rig.folder, FEW * LAYER_BYTES));
    ck_assert_msg(fe_rig_import(&rig, NULL) == WFC_OK, "%s", fe_rig_message(&rig));
    snprintf(path, sizeof path, "%s/weights.bin", rig.folder);
    const uint8_t *last = NULL;
    for (size_t i = 0; i < rig.graph.nodes.count; i++) {
        const wfc_node *n = &rig.graph.nodes.data[i];
        if (n->op == WFC_CORE_CONST && n->u.konst.data.size_bytes == LAYER_BYTES) last = n->u.konst.data.bytes;
    }
    ck_assert_ptr_nonnull(last);
    unsigned sum = last[0];
    ck_assert_int_eq(truncate(path, (off_t)(FEW * LAYER_BYTES - LAYER_BYTES / 2)), 0);
    sum += last[LAYER_BYTES / 2 - 1];
    ck_assert_int_eq(wfc_import_intact(rig.import, &rig.diag), WFC_OK); /* nothing missing was read yet */
    sum += last[LAYER_BYTES / 2] + last[LAYER_BYTES - 1];
    ck_assert_uint_eq(sum, 0);
    ck_assert_int_eq(wfc_import_intact(rig.import, &rig.diag), WFC_ERR_IO);
    ck_assert_ptr_nonnull(strstr(fe_rig_message(&rig), "became shorter"));
    ck_assert_int_eq(wfc_import_intact(rig.import, &rig.diag), WFC_ERR_IO); /* and stays so */
}
END_TEST

/* Too short from the start is found at import, mapped or read. */
START_TEST(too_short) {
    fe_rig_open(&rig, 17);
    add_layers(rig.model, 6);
    ck_assert(write_sparse(rig.folder, 6 * LAYER_BYTES - 1));
    ck_assert_int_eq(fe_rig_import(&rig, NULL), WFC_ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(fe_rig_message(&rig), "truncated"));
}
END_TEST

static int write_only(const char *folder) {
    char path[512];
    mb *m = mb_new(17);
    add_layers(m, LAYERS);
    (void)mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    mb_write(m, path);
    mb_free(m);
    return write_sparse(folder, LAYERS * LAYER_BYTES) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--write") == 0) return write_only(argv[2]);
    Suite *suite = suite_create("big models");
    TCase *c = tcase_create("big");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, NULL, close_rig);
    tcase_add_test(c, sixty_gib);
    tcase_add_test(c, becomes_shorter);
    tcase_add_test(c, too_short);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
