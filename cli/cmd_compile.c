/* waferc compile: ONNX file -> IR -> passes -> program file. */
#include "backend/compile.h"
#include "cli/cli.h"
#include "cli/dims.h"
#include "cli/placing.h"
#include "cli/print_after.h"
#include "cli/prune.h"
#include "frontend/import.h"
#include "passes/pass.h"
#include "report/report.h"
#include "runtime/host/run_stats.h"
#include "runtime/program/target.h"
#include "support/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_TARGET = CLI_FIRST_LONG_ID, ID_DIM, ID_INPUT_SHAPE, ID_CONST, ID_PRINT_AFTER, ID_REPORT };
static const cli_option k_options[] = {
    {'o', "output", "PROG.wafer", "where the program goes"},
    {ID_TARGET, "target", "NAME|FILE.json", "the machine (default lab); see 'waferc targets'"},
    {ID_DIM, "dim", "NAME=VALUE", "bind a symbolic dimension of the model; repeatable"},
    {ID_INPUT_SHAPE, "input-shape", "NAME=AxBxC", "the shape of an input whose axes the model leaves open; repeatable"},
    {ID_CONST, "const", "NAME=FILE", "the value of an input that only says shapes or axes (.npy, .pb); repeatable"},
    {ID_PRINT_AFTER, "print-after", "PASS", "print the IR after a pass, or after 'all'; repeatable"},
    CLI_PRUNE_OPTIONS,
    CLI_MASKS_OPTION,
    CLI_PLACING_OPTIONS,
    {ID_REPORT, "report", "FILE", "also write a report: .html, .svg, .png or .json; see 'waferc report'"},
    {0},
};

typedef struct state {
    const char *output, *target, *report;
    cli_dims dims;
    cli_print_after print_after;
    cli_placing placing;
    cli_prune prune;
} state;

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    bool taken;
    wfc_status s = cli_placing_option(c, &st->placing, id, value, &taken);
    if (!taken) s = cli_prune_option(c, &st->prune, id, value, &taken);
    if (taken) return s;
    switch (id) {
    case 'o': st->output = value; return WFC_OK;
    case ID_TARGET: st->target = value; return WFC_OK;
    case ID_DIM: return cli_dims_option(c, &st->dims, value);
    case ID_INPUT_SHAPE: return cli_dims_shape_option(c, &st->dims, value);
    case ID_CONST: return cli_dims_const_option(c, &st->dims, value);
    case ID_PRINT_AFTER: return cli_print_after_add(c, &st->print_after, value);
    case ID_REPORT: st->report = value; return WFC_OK;
    }
    return WFC_ERR_INTERNAL;
}

static void summary(const cli_context *c, const char *path, const wfc_program *p) {
    wfc_stats_pes pes = wfc_stats_count_pes(p);
    cli_say(c,
            "%s: %" PRIu32 " layers on %s, %" PRIu32 " of %" PRIu32 " PEs, largest SRAM use %" PRIu32 " of %" PRIu32
            " bytes, predicted delta-T %.0f cycles\n",
            path, p->layer_count, p->target.name, pes.used, pes.total, pes.sram_peak_bytes, p->target.sram_bytes,
            p->predicted_delta_t_cycles);
}

/* Masks and report come first, so that the program is the last thing that can fail; without a program they would be of
 * nothing. */
static wfc_status write_files(cli_context *c, const state *st, const wfc_program *p) {
    WFC_TRY(cli_prune_write(c, &st->prune));
    wfc_status s = WFC_OK;
    if (st->report) {
        cli_stage(c, "writing the report");
        s = wfc_report_write(p, NULL, st->report, &c->diag);
    }
    bool reported = s == WFC_OK && st->report;
    cli_stage(c, "writing the program");
    if (s == WFC_OK) s = wfc_program_write(p, st->output, &c->diag);
    if (s != WFC_OK && reported) remove(st->report);
    if (s != WFC_OK && st->prune.masks_path) remove(st->prune.masks_path);
    return s;
}

static wfc_status compile_graph(cli_context *c, state *st, const char *model, const wfc_target *target, wfc_graph *g,
                                const wfc_import *import) {
    const char *base = strrchr(model, '/');
    wfc_compile_options opt = st->placing.options;
    opt.model_name = base ? base + 1 : model;
    wfc_program program;
    cli_stage(c, "optimising the graph");
    WFC_TRY(wfc_pass_run(g, wfc_pass_default_pipeline(), &c->diag, cli_print_after_hook, &st->print_after));
    cli_stage(c, "sizing, placing and emitting");
    wfc_status s = wfc_be_compile(g, target, &opt, &c->diag, &program);
    if (s == WFC_OK) s = wfc_import_intact(import, &c->diag); /* no weights are read from here on */
    if (s == WFC_OK) s = write_files(c, st, &program);
    if (s == WFC_OK) summary(c, st->output, &program);
    wfc_program_deinit(&program);
    return s;
}

/* The graph borrows from the import, so it goes first. */
static wfc_status compile(cli_context *c, state *st, const char *model) {
    wfc_target target;
    wfc_graph g;
    wfc_import *import = NULL;
    wfc_import_options opt = {0};
    cli_dims_apply(&st->dims, &opt);
    WFC_TRY(wfc_target_load(st->target, &c->diag, &target));
    wfc_graph_init(&g);
    wfc_status s = cli_placing_load(c, &st->placing, &target);
    cli_stage(c, "reading the model");
    if (s == WFC_OK) s = wfc_import_onnx(model, &opt, &c->diag, &g, &import);
    if (s == WFC_OK) s = cli_prune_run(c, &st->prune, &g, import);
    if (s == WFC_OK) s = compile_graph(c, st, model, &target, &g, import);
    wfc_graph_deinit(&g);
    wfc_import_destroy(import);
    wfc_target_deinit(&target);
    return s;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {.target = "lab", .placing.options.seed = 1};
    int first;
    wfc_status s = cli_parse(c, &cli_cmd_compile, argc, argv, set_option, &st, 1, 1, &first);
    if (s == WFC_OK && !c->finished) {
        wfc_report_format format;
        if (!st.output)
            s = cli_usage_error(c, "-o", "say where the program goes: -o PROG.wafer");
        else if (st.report && strcmp(st.report, st.output) == 0)
            s = cli_usage_error(c, "--report", "the report cannot go where the program goes");
        else if (st.report)
            s = wfc_report_format_of(st.report, &c->diag, &format);
        if (s == WFC_OK) s = compile(c, &st, argv[first]);
    }
    cli_dims_deinit(&st.dims);
    cli_prune_deinit(&st.prune);
    cli_placing_deinit(&st.placing);
    return s;
}

const cli_command cli_cmd_compile = {
    .name = "compile",
    .summary = "Compile an ONNX model into a program for a target",
    .usage = "MODEL.onnx -o PROG.wafer [OPTIONS]",
    .notes =
        "The program appears whole or not at all. A model with operators that are not supported is refused with the\n"
        "whole list (exit status 3), one that does not fit with the amount that is missing (exit status 4).\n",
    .options = k_options,
    .run = run,
};
