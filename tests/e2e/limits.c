/* limits MODEL.onnx colours|in_queues|out_queues|microthreads: the compiler itself refuses a model that needs more than
 * the target has, and says which PE, which layer and how much. limits MODEL.onnx sums: the compiler's byte account and
 * the loader's own count are the same number.
 *
 * Built again with each of the compiler's checks switched off (WFC_OFF_C*); then the test must fail: the loader's check
 * still refuses the program, with its own code, which is not what is expected here. */
#include "backend/compile.h"
#include "frontend/import.h"
#include "passes/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct limit_case {
    const char *name, *code, *says;
} limit_case;
static const limit_case k_cases[] = {
    {"colours", "WFC-E7022", "takes 6 colours in each PE"},
    {"in_queues", "WFC-E0706", "input queue 1"},
    {"out_queues", "WFC-E0706", "output queue 1"},
    {"microthreads", "WFC-E0704", "ut1 to ut2"},
};

static void lower(wfc_target *t, const char *name) {
    if (strcmp(name, "colours") == 0) t->colours = 5; /* an adapter takes 6 */
    if (strcmp(name, "in_queues") == 0) t->in_queues = 1;
    if (strcmp(name, "out_queues") == 0) t->out_queues = 1;
    if (strcmp(name, "microthreads") == 0) t->microthreads = 2;
}

static wfc_status compile(const char *model, const char *limit, wfc_diag *diag, wfc_program *out) {
    wfc_graph g;
    wfc_target target;
    wfc_import *import = NULL;
    const wfc_import_options none = {0};
    const wfc_compile_options opt = {.seed = 1, .model_name = "model.onnx"};
    WFC_TRY(wfc_target_load("lab", diag, &target));
    lower(&target, limit);
    wfc_graph_init(&g);
    wfc_status s = wfc_import_onnx(model, &none, diag, &g, &import);
    if (s == WFC_OK) s = wfc_pass_run(&g, wfc_pass_default_pipeline(), diag, NULL, NULL);
    if (s == WFC_OK) s = wfc_be_compile(&g, &target, &opt, diag, out);
    wfc_graph_deinit(&g);
    wfc_import_destroy(import);
    wfc_target_deinit(&target);
    return s;
}

static const wfc_diag_item *first_error(const wfc_diag *d) {
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].severity == WFC_ERROR) return &d->items[i];
    return NULL;
}

static int expect_refused(const limit_case *c, wfc_status s, const wfc_diag *diag) {
    const wfc_diag_item *e = first_error(diag);
    if (e) printf("%s: %s: %s\n", e->code, e->where, e->text);
    if (s == WFC_ERR_NO_FIT && e && strcmp(e->code, c->code) == 0 && strstr(e->text, c->says) &&
        strstr(e->where, "/Conv") && strstr(e->where, "PE ("))
        return 0;
    printf("%s: the compiler did not refuse it as it must\n", c->name);
    return 1;
}

/* The loader counts anew; with SRAM for exactly the account it accepts, with one byte less it names the same number. */
static int expect_equal_sums(wfc_program *p) {
    uint32_t most = 0;
    char needs[60];
    wfc_diag diag;
    for (uint32_t i = 0; i < p->pe_count; i++) {
        uint32_t account[WFC_MEM_CATEGORIES] = {0};
        if (p->pes[i].class_index == UINT32_MAX) continue;
        uint32_t bytes = wfc_prog_class_account(&p->classes[p->pes[i].class_index], account);
        if (bytes > most) most = bytes;
    }
    wfc_diag_init(&diag);
    p->target.sram_bytes = most;
    bool enough = wfc_program_verify(p, &diag) == WFC_OK;
    p->target.sram_bytes = most - 1;
    bool less = wfc_program_verify(p, &diag) == WFC_ERR_NO_FIT;
    const wfc_diag_item *e = first_error(&diag);
    snprintf(needs, sizeof needs, "needs %u bytes of SRAM and has %u, 1 too many", (unsigned)most, (unsigned)most - 1);
    int failed = !(enough && less && e && strcmp(e->code, "WFC-E1302") == 0 && strstr(e->text, needs));
    printf("account %u bytes; loader: %s\n", (unsigned)most, e ? e->text : "accepts one byte less");
    wfc_diag_deinit(&diag);
    return failed;
}

int main(int argc, char **argv) {
    const limit_case *c = NULL;
    bool sums = argc == 3 && strcmp(argv[2], "sums") == 0;
    for (size_t i = 0; argc == 3 && i < sizeof k_cases / sizeof k_cases[0]; i++)
        if (strcmp(argv[2], k_cases[i].name) == 0) c = &k_cases[i];
    if (!c && !sums) {
        fprintf(stderr, "usage: limits MODEL.onnx colours|in_queues|out_queues|microthreads|sums\n");
        return 2;
    }
    wfc_program p;
    wfc_diag diag;
    wfc_program_init(&p);
    wfc_diag_init(&diag);
    wfc_status s = compile(argv[1], argv[2], &diag, &p);
    int failed = c ? expect_refused(c, s, &diag) : s != WFC_OK || expect_equal_sums(&p);
    wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
    return failed;
}
