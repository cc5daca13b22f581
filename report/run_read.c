/* The statistics of a run, as `waferc run --stats` writes them (docs/statistics.md). The file may come from anywhere:
 * it is checked to be of this program before its figures are shown beside it. */
#include "report/report_facts.h"
#include "support/file.h"
#include "support/mem.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

const char *const wfc_report_cause_names[WFC_REPORT_CAUSES] = {"busy",          "overhead", "bank",
                                                               "back_pressure", "no_input", "idle"};
static const size_t k_max_bytes = (size_t)256 << 20;

typedef struct reader {
    const wfc_program *p;
    const char *path;
    wfc_diag *diag;
    wfc_report_run *run;
} reader;

void wfc_report_run_deinit(wfc_report_run *r) {
    wfc_free(r->pe_cycles);
    wfc_free(r->macs_executed);
    *r = (wfc_report_run){0};
}

static wfc_status bad(const reader *r, const char *field, const char *what) {
    return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E1402", r->path,
                    "\"%s\" %s; give the file that 'waferc run --stats' wrote", field, what);
}

/* A number of at least 0. `optional`: null gives NAN. */
static wfc_status number(const reader *r, const json_t *in, const char *field, bool optional, double *out) {
    const json_t *v = json_object_get(in, field);
    *out = NAN;
    if (optional && json_is_null(v)) return WFC_OK;
    if (!json_is_number(v)) return bad(r, field, "is missing or no number");
    *out = json_number_value(v);
    return isfinite(*out) && *out >= 0 ? WFC_OK : bad(r, field, "is negative or too large");
}

static wfc_status other_program(const reader *r, const char *field, const char *found, const char *expected) {
    return wfc_fail(
        r->diag, WFC_ERR_INPUT, "WFC-E1403", r->path,
        "the statistics are of another program: %s is '%s', in the program it is '%s'; run this program with "
        "--stats",
        field, found ? found : "?", expected);
}

/* Texts of the program stand escaped in the statistics. */
static wfc_status same_text(const reader *r, const json_t *in, const char *field, const char *expected) {
    const char *found = json_string_value(json_object_get(in, field));
    char *escaped = wfc_escape(expected ? expected : "", expected ? strlen(expected) : 0, 4096);
    if (!escaped) return wfc_fail_memory(r->diag);
    wfc_status s = WFC_OK;
    if (!found || strcmp(found, escaped) != 0) s = other_program(r, field, found, escaped);
    wfc_free(escaped);
    return s;
}

static wfc_status same_number(const reader *r, const json_t *in, const char *field, uint64_t expected) {
    double found;
    WFC_TRY(number(r, in, field, false, &found));
    if (found == (double)expected) return WFC_OK;
    char a[32], b[32];
    snprintf(a, sizeof a, "%.0f", found);
    snprintf(b, sizeof b, "%llu", (unsigned long long)expected);
    return other_program(r, field, a, b);
}

static wfc_status read_layer(const reader *r, const json_t *in, uint32_t index) {
    const wfc_prog_layer *l = &r->p->layers[index];
    WFC_TRY(same_text(r, in, "name", l->name));
    WFC_TRY(same_text(r, in, "kind", l->kind));
    WFC_TRY(same_number(r, in, "pe_count", l->pe_count));
    const json_t *rect = json_object_get(in, "rectangle"), *cycles = json_object_get(in, "pe_cycles");
    WFC_TRY(same_number(r, rect, "x", l->rect.x));
    WFC_TRY(same_number(r, rect, "y", l->rect.y));
    WFC_TRY(same_number(r, rect, "w", l->rect.w));
    WFC_TRY(same_number(r, rect, "h", l->rect.h));
    for (unsigned c = 0; c < WFC_REPORT_CAUSES; c++)
        WFC_TRY(number(r, cycles, wfc_report_cause_names[c], false, &r->run->pe_cycles[index][c]));
    return number(r, in, "macs_executed", false, &r->run->macs_executed[index]);
}

static wfc_status read_all(const reader *r, const json_t *root) {
    wfc_report_run *run = r->run;
    const json_t *layers = json_object_get(root, "layers");
    char count[24], expected[24];
    if (!json_is_array(layers)) return bad(r, "layers", "is missing or no list");
    WFC_TRY(same_text(r, root, "model", r->p->model_name));
    WFC_TRY(same_text(r, root, "target", r->p->target.name));
    snprintf(count, sizeof count, "%zu", json_array_size(layers));
    snprintf(expected, sizeof expected, "%u", r->p->layer_count);
    if (strcmp(count, expected) != 0) return other_program(r, "the number of layers", count, expected);
    WFC_TRY(number(r, root, "samples", false, &run->samples));
    WFC_TRY(number(r, root, "cycles", false, &run->cycles));
    WFC_TRY(number(r, root, "latency_cycles", true, &run->latency_cycles));
    WFC_TRY(number(r, root, "delta_t_cycles", true, &run->delta_t_cycles));
    WFC_TRY(number(r, root, "wavelet_hops", true, &run->wavelet_hops));
    WFC_TRY(number(r, root, "pe_active", false, &run->pe_active));
    if (run->samples < 1) return bad(r, "samples", "is below 1");
    for (uint32_t i = 0; i < r->p->layer_count; i++) WFC_TRY(read_layer(r, json_array_get(layers, i), i));
    run->given = true;
    return WFC_OK;
}

wfc_status wfc_report_run_read(const wfc_program *p, const char *path, wfc_diag *diag, wfc_report_run *out) {
    *out = (wfc_report_run){0};
    if (!path) return WFC_OK;
    uint8_t *bytes;
    size_t size;
    json_error_t error;
    WFC_TRY(wfc_file_read(path, k_max_bytes, diag, &bytes, &size));
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    wfc_free(bytes);
    if (!root)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E1402", path,
                        "line %d: not JSON: %s; give the file that 'waferc run --stats' wrote", error.line, error.text);
    reader r = {.p = p, .path = path, .diag = diag, .run = out};
    out->pe_cycles = wfc_calloc(p->layer_count, sizeof *out->pe_cycles);
    out->macs_executed = wfc_calloc(p->layer_count, sizeof *out->macs_executed);
    wfc_status s = out->pe_cycles && out->macs_executed ? read_all(&r, root) : wfc_fail_memory(diag);
    json_decref(root);
    if (s != WFC_OK) wfc_report_run_deinit(out);
    return s;
}
