/* make_models FOLDER: the small ONNX models of tests/e2e, as files.
 *
 *   gemm_KxN.onnx     y = x w + b, x [1,K], for some K and N: one layer of K N multiply-accumulates
 *   constant.onnx     an output that depends on no input
 *   half.onnx         two outputs, one of which depends on no input
 *   short.onnx, bushy.onnx   matrix products in branches that a Concat joins; test_place_choice.py has the same tables
 */
#include "model_builder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOAT = 1 };

static void write_to(mb *m, const char *folder, const char *name) {
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mb_write(m, path);
    mb_free(m);
}

static void ramp(mb *m, const char *name, const char *shape, size_t n) {
    float *v = calloc(n, sizeof *v);
    if (!v) exit(70);
    for (size_t i = 0; i < n; i++) v[i] = 0.25f + (float)(i * 37 % 101) / 128.0f;
    mb_floats(m, name, shape, v);
    free(v);
}

static void gemm(const char *folder, unsigned k, unsigned n) {
    char in[32], weights[32], bias[32], out[32], name[64];
    snprintf(in, sizeof in, "1,%u", k);
    snprintf(weights, sizeof weights, "%u,%u", k, n);
    snprintf(bias, sizeof bias, "%u", n);
    snprintf(out, sizeof out, "1,%u", n);
    snprintf(name, sizeof name, "gemm_%ux%u.onnx", k, n);
    mb *m = mb_new(13);
    mb_input(m, "x", FLOAT, in);
    mb_output(m, "y", FLOAT, out);
    ramp(m, "w", weights, (size_t)k * n);
    ramp(m, "b", bias, n);
    mb_node(m, "Gemm", "gemm", "x w b", "y");
    write_to(m, folder, name);
}

static void constant(const char *folder, const char *name, int half) {
    mb *m = mb_new(13);
    mb_input(m, "x", FLOAT, "1,8");
    mb_output(m, "y", FLOAT, "1,8");
    if (half) mb_output(m, "z", FLOAT, "1,8");
    ramp(m, "a", "1,8", 8);
    ramp(m, "b", "1,8", 8);
    mb_node(m, "Add", "sum", "a b", "y");
    if (half) mb_node(m, "Relu", "relu", "x", "z");
    write_to(m, folder, name);
}

typedef struct product {
    int from; /* the product that is read, -1: the input */
    unsigned k, n;
} product;

/* y = Concat of the products that no other reads. */
static void branched(const char *folder, const char *file, const product *p, int count) {
    char in[32], shape[64], inputs[64], name[32], joined[256] = "";
    unsigned width = 0;
    mb *m = mb_new(13);
    snprintf(in, sizeof in, "1,%u", p[0].k);
    mb_input(m, "x", FLOAT, in);
    for (int i = 0; i < count; i++) {
        float *w = calloc((size_t)p[i].k * p[i].n, sizeof *w);
        int read = 0;
        if (!w) exit(70);
        for (unsigned e = 0; e < p[i].k * p[i].n; e++) w[e] = (float)((int)(e * 37 % 1009) - 400) / 8192.0f;
        snprintf(shape, sizeof shape, "%u,%u", p[i].k, p[i].n);
        snprintf(name, sizeof name, "w%d", i);
        mb_floats(m, name, shape, w);
        free(w);
        if (p[i].from < 0)
            snprintf(inputs, sizeof inputs, "x w%d", i);
        else
            snprintf(inputs, sizeof inputs, "t%d w%d", p[i].from, i);
        snprintf(name, sizeof name, "t%d", i);
        mb_node(m, "MatMul", name, inputs, name);
        for (int j = i + 1; j < count; j++) read |= p[j].from == i;
        if (read) continue;
        size_t at = strlen(joined);
        snprintf(joined + at, sizeof joined - at, "%s%s", at ? " " : "", name);
        width += p[i].n;
    }
    snprintf(shape, sizeof shape, "1,%u", width);
    mb_output(m, "y", FLOAT, shape);
    mb_attr_int(m, mb_node(m, "Concat", "join", joined, "y"), "axis", 1);
    write_to(m, folder, file);
}

int main(int argc, char **argv) {
    static const product small[] = {{-1, 16, 32}, {0, 32, 8}, {0, 32, 8}, {1, 8, 32}, {1, 8, 32}};
    static const product bushy[] = {{-1, 128, 32}, {-1, 128, 256}, {0, 32, 128},  {1, 256, 256}, {3, 256, 256},
                                    {4, 256, 64},  {5, 64, 256},   {4, 256, 256}, {6, 256, 128}};
    static const unsigned sizes[][2] = {{32, 1}, {32, 64}, {256, 8}};
    if (argc != 2) {
        fprintf(stderr, "usage: make_models FOLDER\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) gemm(argv[1], sizes[i][0], sizes[i][1]);
    constant(argv[1], "constant.onnx", 0);
    constant(argv[1], "half.onnx", 1);
    branched(argv[1], "short.onnx", small, sizeof small / sizeof small[0]);
    branched(argv[1], "bushy.onnx", bushy, sizeof bushy / sizeof bushy[0]);
    return 0;
}
