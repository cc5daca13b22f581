/* Runs ONNX's backend test cases through import and reference evaluator, against a manifest.
 *
 *   fe_onnx_cases DATA_FOLDER MANIFEST [--list] [CASE]
 *
 * DATA_FOLDER holds node/, simple/, ... of libonnx-testdata. The manifest has lines "KIND/CASE VERDICT [reason]":
 *   pass     the outputs match and depend on injected data
 *   folded   the outputs match, all constants (nothing for a PE to do)
 *   refused  refused with WFC_ERR_UNSUPPORTED; the reason must be part of the message
 * Every case that the manifest does not name must be refused as unsupported. An unexpected pass fails as much as an
 * unexpected refusal; so does a manifest line without its case. --list prints verdicts instead of judging them. */
#include "fe_compare.h"
#include "frontend/import.h"
#include "ir/eval/eval.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_TENSORS = 16, MAX_CASES = 2048 };

typedef struct test_case {
    char name[160];
    char expected[16], reason[256]; /* from the manifest; "" when not named there */
    bool on_disk;
} test_case;

static test_case cases[MAX_CASES];
static size_t case_count;

static test_case *find_case(const char *name) {
    for (size_t i = 0; i < case_count; i++)
        if (!strcmp(cases[i].name, name)) return &cases[i];
    if (case_count == MAX_CASES) exit(2);
    snprintf(cases[case_count].name, sizeof cases[0].name, "%.159s", name);
    return &cases[case_count++];
}

static void read_manifest(const char *path) {
    FILE *f = fopen(path, "r");
    char line[512], name[160], verdict[16];
    if (!f) {
        perror(path);
        exit(2);
    }
    while (fgets(line, sizeof line, f)) {
        int at = 0;
        line[strcspn(line, "\n")] = 0;
        if (!*line || *line == '#') continue;
        if (sscanf(line, "%159s %15s %n", name, verdict, &at) < 2) {
            fprintf(stderr, "%s: cannot read '%s'\n", path, line);
            exit(2);
        }
        test_case *c = find_case(name);
        snprintf(c->expected, sizeof c->expected, "%s", verdict);
        snprintf(c->reason, sizeof c->reason, "%s", line + at);
    }
    fclose(f);
}

static void find_on_disk(const char *root) {
    static const char *const kinds[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        char path[512], name[1024];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", root, kinds[k]);
        DIR *dir = opendir(path);
        for (struct dirent *e; dir && (e = readdir(dir));) {
            snprintf(name, sizeof name, "%s/%s/model.onnx", path, e->d_name);
            if (strncmp(e->d_name, "test_", 5) != 0 || stat(name, &st) != 0) continue;
            snprintf(name, sizeof name, "%s/%s", kinds[k], e->d_name);
            find_case(name)->on_disk = true;
        }
        if (dir) closedir(dir);
    }
}

/* --- one case ---------------------------------------------------------------------------------------------------- */

typedef struct tensor_set {
    wfc_tensor data[MAX_TENSORS];
    char *names[MAX_TENSORS];
    uint32_t count;
    bool unreadable; /* a sequence, string, ... */
} tensor_set;

static void read_set(const char *folder, const char *what, tensor_set *set) {
    *set = (tensor_set){.count = 0};
    for (uint32_t i = 0; i < MAX_TENSORS; i++) {
        char path[600];
        struct stat st;
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%u.pb", folder, what, i);
        if (stat(path, &st) != 0) return;
        if (wfc_import_tensor_file(path, NULL, &set->names[i], &set->data[i]) != WFC_OK)
            set->unreadable = true;
        else
            set->count = i + 1;
    }
}

static void free_set(tensor_set *set) {
    for (uint32_t i = 0; i < MAX_TENSORS; i++) {
        wfc_tensor_deinit(&set->data[i]);
        wfc_free(set->names[i]);
    }
}

/* Whether any output depends on an input node. */
static bool depends_on_input(const wfc_graph *g) {
    bool *live = calloc(g->nodes.count + 1, sizeof *live), found = false;
    for (size_t i = 0; live && i < g->outputs.count; i++) live[g->outputs.data[i].value.i] = true;
    for (size_t i = g->nodes.count; live && i-- > 0;) {
        if (!live[i]) continue;
        found |= g->nodes.data[i].op == WFC_CORE_INPUT;
        for (uint32_t k = 0; k < g->nodes.data[i].operand_count; k++)
            live[wfc_ir_operand(g, (wfc_value){(uint32_t)i}, k).i] = true;
    }
    free(live);
    return found;
}

/* Evaluates an imported graph; "pass", "folded" or a failure text in `why`. */
static const char *evaluate(const wfc_graph *g, const tensor_set *in, const tensor_set *out, wfc_diag *diag, char *why,
                            size_t size) {
    wfc_tensor given[MAX_TENSORS], made[MAX_TENSORS];
    uint32_t count = 0;
    memset(made, 0, sizeof made);
    for (size_t i = 0; i < g->nodes.count; i++) {
        if (g->nodes.data[i].op != WFC_CORE_INPUT) continue;
        for (uint32_t k = 0; k < in->count; k++) /* by name; by position where the file has none */
            if (*in->names[k] ? !strcmp(in->names[k], g->nodes.data[i].u.input.host_name) : k == count) {
                given[count++] = in->data[k];
                break;
            }
    }
    const char *verdict = depends_on_input(g) ? "pass" : "folded";
    if (out->unreadable || out->count != g->outputs.count) {
        snprintf(why, size, "the recorded outputs cannot be read");
        verdict = "wrong";
    } else if (wfc_ir_eval(g, given, count, diag, made) != WFC_OK) {
        snprintf(why, size, "evaluation failed: %.200s", diag->count ? diag->items[diag->count - 1].text : "");
        verdict = "wrong";
    }
    for (uint32_t k = 0; k < out->count && strcmp(verdict, "wrong") != 0; k++)
        if (!fe_tensors_agree(&made[k], &out->data[k], why, size)) verdict = "wrong";
    for (uint32_t k = 0; k < MAX_TENSORS; k++) wfc_tensor_deinit(&made[k]);
    return verdict;
}

/* pass, folded, refused, wrong (bad answer) or error (refused, but not as unsupported). */
static const char *run_case(const char *root, const char *name, char *why, size_t size) {
    char folder[512], path[600];
    tensor_set in, out;
    wfc_diag diag;
    wfc_graph g;
    wfc_import *im = NULL;
    snprintf(folder, sizeof folder, "%s/%s", root, name);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    read_set(folder, "input", &in);
    read_set(folder, "output", &out);
    wfc_import_options opt = {
        .bound_names = (const char *const *)in.names, .bound_values = in.data, .bound_count = in.count};
    if (in.unreadable) opt.bound_count = 0;
    wfc_diag_init(&diag);
    wfc_graph_init(&g);
    wfc_status status = wfc_import_onnx(path, &opt, &diag, &g, &im);
    const char *verdict;
    why[0] = 0;
    if (status == WFC_OK) {
        verdict = evaluate(&g, &in, &out, &diag, why, size);
    } else {
        verdict = status == WFC_ERR_UNSUPPORTED ? "refused" : "error";
        snprintf(why, size, "%s", diag.count ? diag.items[diag.count - 1].text : "no message");
    }
    wfc_graph_deinit(&g);
    wfc_import_destroy(im);
    wfc_diag_deinit(&diag);
    free_set(&in);
    free_set(&out);
    return verdict;
}

static bool judge(const test_case *c, const char *verdict, const char *why) {
    const char *expected = *c->expected ? c->expected : "refused";
    if (!c->on_disk) {
        printf("FAIL %s: named in the manifest, but there is no such case\n", c->name);
        return false;
    }
    bool ok = !strcmp(verdict, expected) && (strcmp(verdict, "refused") != 0 || strstr(why, c->reason));
    if (!ok) printf("FAIL %s: %s, expected %s %s\n    %s\n", c->name, verdict, expected, c->reason, why);
    return ok;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s DATA_FOLDER MANIFEST [--list] [CASE]\n", argv[0]);
        return 2;
    }
    bool list = argc > 3 && !strcmp(argv[3], "--list");
    const char *only = argc > 3 + list ? argv[3 + list] : NULL;
    static char why[65536];
    size_t failed = 0, counts[3] = {0};
    read_manifest(argv[2]);
    find_on_disk(argv[1]);
    for (size_t i = 0; i < case_count; i++) {
        if (only && strcmp(only, cases[i].name) != 0) continue;
        const char *verdict = cases[i].on_disk ? run_case(argv[1], cases[i].name, why, sizeof why) : "missing";
        if (list)
            printf("%s %s %s\n", cases[i].name, verdict, why);
        else
            failed += !judge(&cases[i], verdict, why);
        counts[0] += !strcmp(verdict, "pass");
        counts[1] += !strcmp(verdict, "folded");
        counts[2] += !strcmp(verdict, "refused");
    }
    printf("%zu cases: %zu executed and right, %zu folded and right, %zu refused, %zu against the manifest\n",
           case_count, counts[0], counts[1], counts[2], failed);
    /* No case found means no test data: that is a failure, not a success. */
    return failed || case_count == 0 || (!list && !only && counts[0] == 0) ? 1 : 0;
}
