/* The models of models/ through import and reference evaluator: every recorded set must agree, max |y - ref| <= 1e-4
 * max |ref|. Shows that the import is right before any PE computes; with --passes, that the passes keep it so.
 *
 *   fe_models [--passes] MODEL_FOLDER|MODEL_FOLDER/FILE.onnx... */
#include "frontend/import.h"
#include "ir/eval/eval.h"
#include "passes/pass.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool read_tensor(const char *folder, unsigned set, const char *what, wfc_tensor *out) {
    char *path = wfc_asprintf("%s/test_data_set_%u/%s_0.pb", folder, set, what), *name = NULL;
    struct stat st;
    bool there = path && stat(path, &st) == 0 && wfc_import_tensor_file(path, NULL, &name, out) == WFC_OK;
    wfc_free(path);
    wfc_free(name);
    return there;
}

/* max |y - ref| / max |ref|; infinite where they cannot be compared. */
static double relative_error(const wfc_tensor *found, const wfc_tensor *ref) {
    double worst = 0, largest = 0;
    uint64_t n = wfc_tensor_elems(ref);
    if (found->dtype != WFC_F32 || ref->dtype != WFC_F32 || wfc_tensor_elems(found) != n) return HUGE_VAL;
    for (uint64_t i = 0; i < n; i++) {
        double y = (double)((float *)found->data)[i], r = (double)((float *)ref->data)[i];
        if (!isfinite(y) || !isfinite(r)) return HUGE_VAL;
        worst = fmax(worst, fabs(y - r));
        largest = fmax(largest, fabs(r));
    }
    return largest > 0 ? worst / largest : HUGE_VAL; /* a reference of zeros proves nothing */
}

/* Sets that agree; *total sets found. */
static unsigned run_sets(const wfc_graph *g, const char *folder, wfc_diag *diag, unsigned *total) {
    unsigned good = 0;
    for (*total = 0;; ++*total) {
        wfc_tensor in = {0}, ref = {0}, out = {0};
        bool have = read_tensor(folder, *total, "input", &in) && read_tensor(folder, *total, "output", &ref);
        if (have && g->outputs.count == 1 && wfc_ir_eval(g, &in, 1, diag, &out) == WFC_OK) {
            double error = relative_error(&out, &ref);
            good += error <= 1e-4;
            if (!(error <= 1e-4)) printf("%s: set %u differs by %g of the largest output\n", folder, *total, error);
        }
        wfc_tensor_deinit(&in);
        wfc_tensor_deinit(&ref);
        wfc_tensor_deinit(&out);
        if (!have) return good;
    }
}

static bool run_model(const char *argument, bool passes) {
    char path[512], folder[512];
    wfc_diag diag;
    wfc_graph g;
    wfc_import *im = NULL;
    unsigned good = 0, total = 0;
    size_t n = strlen(argument);
    bool is_file = n > 5 && strcmp(argument + n - 5, ".onnx") == 0;
    snprintf(path, sizeof path, is_file ? "%s" : "%s/model.onnx", argument);
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    wfc_diag_init(&diag);
    wfc_graph_init(&g);
    wfc_status s = wfc_import_onnx(path, NULL, &diag, &g, &im);
    if (s == WFC_OK && passes) s = wfc_pass_run(&g, wfc_pass_default_pipeline(), &diag, NULL, NULL);
    if (s == WFC_OK) good = run_sets(&g, folder, &diag, &total);
    for (size_t i = 0; i < diag.count; i++) printf("%s: %s\n", diag.items[i].where, diag.items[i].text);
    printf("%s: %u of %u sets agree\n", path, good, total);
    wfc_graph_deinit(&g);
    wfc_import_destroy(im);
    wfc_diag_deinit(&diag);
    return total > 0 && good == total;
}

int main(int argc, char **argv) {
    bool passes = argc > 1 && strcmp(argv[1], "--passes") == 0, ok = argc > 1 + passes;
    for (int i = 1 + passes; i < argc; i++) ok &= run_model(argv[i], passes);
    return ok ? 0 : 1;
}
