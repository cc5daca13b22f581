#include "cli/run_report.h"

#include "runtime/host/run_stats.h"
#include "runtime/host/stream_words.h"
#include "support/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A name from a file, made harmless for the terminal. */
static void print_name(const char *name) {
    char *escaped = wfc_escape(name, strlen(name), 200);
    cli_print("%s", escaped ? escaped : "?");
    wfc_free(escaped);
}

static void print_layers(const wfc_program *p, const wfc_host_run *r) {
    cli_print("%-28s %-10s %9s %6s %12s %10s %10s\n", "layer", "kind", "rectangle", "PEs", "MACs", "busy/PE",
              "predicted");
    for (uint32_t i = 0; i < p->layer_count; i++) {
        const wfc_prog_layer *l = &p->layers[i];
        char *name = wfc_escape(l->name, strlen(l->name), 28), *kind = wfc_escape(l->kind, strlen(l->kind), 10),
             rect[24];
        double busy = r->sim.layer_cause && l->pe_count
                          ? (double)r->sim.layer_cause[i][WFC_CAUSE_BUSY] / ((double)l->pe_count * r->samples)
                          : 0;
        snprintf(rect, sizeof rect, "%ux%u", l->rect.w, l->rect.h);
        cli_print("%-28s %-10s %9s %6" PRIu32 " %12" PRIu64 " %10.0f %10.0f\n", name ? name : "?", kind ? kind : "?",
                  rect, l->pe_count, l->macs, busy, l->predicted_cycles);
        wfc_free(name);
        wfc_free(kind);
    }
}

void cli_report_run(const cli_context *c, const wfc_program *p, const wfc_host_run *r) {
    double delta_t;
    uint64_t least, most;
    if (c->quiet) return;
    print_name(p->model_name);
    cli_print(" on %s: %" PRIu32 " samples in %" PRIu64 " cycles", p->target.name, r->samples, r->sim.cycles);
    if (wfc_stats_delta_t(r->sim.completion_cycles, r->samples, &delta_t))
        cli_print(", delta-T %.1f cycles per sample (predicted %.0f)", delta_t, p->predicted_delta_t_cycles);
    if (r->interval) cli_print(", one given every %" PRIu64, r->interval);
    if (r->has_latency) cli_print(", latency %" PRIu64 " cycles", r->latency_cycles);
    if (wfc_stats_spacing(r->sim.completion_cycles, r->samples, &least, &most) && 4 * most > 5 * least)
        cli_print("\nsamples come %" PRIu64 " to %" PRIu64 " cycles apart: more of them would tell the steady delta-T",
                  least, most);
    wfc_stats_pes pes = wfc_stats_count_pes(p);
    cli_print("\n%" PRIu32 " of %" PRIu32 " PEs used, largest SRAM use %" PRIu32 " of %" PRIu32 " bytes\n", pes.used,
              pes.total, pes.sram_peak_bytes, p->target.sram_bytes);
    if (c->verbose) print_layers(p, r);
}

wfc_status cli_report_labels(cli_context *c, const wfc_program *p, const wfc_host_run *r, const wfc_tensor *labels,
                             const char *path) {
    uint32_t correct = 0;
    WFC_TRY(wfc_host_top1(p, r, labels, path, &c->diag, &correct));
    cli_print("top-1 accuracy: %" PRIu32 " of %" PRIu32 " (%.2f %%)\n", correct, r->samples,
              100.0 * correct / r->samples);
    return WFC_OK;
}

static wfc_status report_output(cli_context *c, const wfc_prog_tensor *t, const wfc_comparison *cmp,
                                const wfc_tolerance *tol) {
    if (!c->quiet) {
        cli_print("compare '");
        print_name(t->name);
        cli_print("': %" PRIu64 " elements, max |y - ref| %.3g, max relative %.3g, max |ref| %.3g", cmp->elements,
                  cmp->max_abs, cmp->max_rel, cmp->max_ref);
        if (tol->use_rel_max)
            cli_print(", max |y - ref| / max |ref| %.3g (limit %g)", cmp->max_abs_over_ref, tol->rel_max);
        else
            cli_print(" (limit %g + %g |ref|)", tol->atol, tol->rtol);
        cli_print(": %s\n", cmp->failed ? "FAILED" : "pass");
    }
    if (cmp->failed == 0) return WFC_OK;
    size_t n = wfc_host_sample_elems(t);
    return wfc_fail(&c->diag, WFC_ERR_COMPARE, "WFC-E0020", t->name,
                    "%" PRIu64 " of %" PRIu64
                    " elements differ from the reference by more than the tolerance; the first: "
                    "sample %" PRIu64 ", element %" PRIu64 ", found %.9g, expected %.9g",
                    cmp->failed, cmp->elements, cmp->first_failed / n, cmp->first_failed % n, cmp->first_found,
                    cmp->first_expected);
}

wfc_status cli_report_compare(cli_context *c, const wfc_program *p, const wfc_host_run *r, const cli_data *data,
                              const wfc_tolerance *tol) {
    wfc_comparison *results = wfc_calloc(p->output_count, sizeof *results);
    if (!results) return wfc_fail_memory(&c->diag);
    wfc_status s = wfc_host_compare(p, r, data->outputs, data->count, tol, &c->diag, results), worst = s;
    for (uint32_t i = 0; i < p->output_count && s == WFC_OK; i++) {
        wfc_status one = report_output(c, &p->outputs[i], &results[i], tol);
        if (one != WFC_OK) worst = one;
    }
    wfc_free(results);
    return worst;
}
