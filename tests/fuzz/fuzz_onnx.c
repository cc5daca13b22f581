/* ONNX models and tensor files, through a temporary file as users hand them over. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "frontend/import.h"
#include "fuzz.h"

static void import(const char *path) {
    wfc_import_options opt = {.fold_budget_bytes = 1u << 24};
    wfc_import *im = NULL;
    wfc_graph g;
    wfc_graph_init(&g);
    (void)!wfc_import_onnx(path, &opt, NULL, &g, &im);
    wfc_graph_deinit(&g);
    wfc_import_destroy(im);
    char *name = NULL;
    wfc_tensor t = {0};
    if (wfc_import_tensor_file(path, NULL, &name, &t) == WFC_OK) {
        wfc_free(name);
        wfc_tensor_deinit(&t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[] = "/tmp/waferc-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0) return 0;
    if (write(fd, data, size) == (ssize_t)size) import(path);
    close(fd);
    unlink(path);
    return 0;
}
