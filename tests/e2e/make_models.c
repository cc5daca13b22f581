/* make_models FOLDER: the small ONNX models of tests/e2e, as files.
 *
 *   gemm_KxN.onnx     y = x w + b, x [1,K], for some K and N: one layer of K N multiply-accumulates
 *   constant.onnx     an output that depends on no input
 *   half.onnx         two outputs, one of which depends on no input */
#include "model_builder.h"
#include <stdio.h>
#include <stdlib.h>

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

int main(int argc, char **argv) {
    static const unsigned sizes[][2] = {{32, 1}, {32, 64}, {256, 8}};
    if (argc != 2) {
        fprintf(stderr, "usage: make_models FOLDER\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) gemm(argv[1], sizes[i][0], sizes[i][1]);
    constant(argv[1], "constant.onnx", 0);
    constant(argv[1], "half.onnx", 1);
    return 0;
}
