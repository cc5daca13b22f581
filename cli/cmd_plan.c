/* waferc plan: how a model would lie on a target, without emitting it; advice where it does not fit. */
#include "cli/cli.h"
#include "cli/dims.h"
#include "cli/placing.h"
#include "cli/prune.h"
#include "frontend/import.h"
#include "passes/pass.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ID_TARGET = CLI_FIRST_LONG_ID, ID_DIM, ID_INPUT_SHAPE, ID_CONST };
static const cli_option k_options[] = {
    {ID_TARGET, "target", "NAME|FILE.json", "the machine (default lab); see 'waferc targets'"},
    {ID_DIM, "dim", "NAME=VALUE", "bind a symbolic dimension of the model; repeatable"},
    {ID_INPUT_SHAPE, "input-shape", "NAME=AxBxC", "the shape of an input whose axes the model leaves open; repeatable"},
    {ID_CONST, "const", "NAME=FILE", "the value of an input that only says shapes or axes (.npy, .pb); repeatable"},
    CLI_PRUNE_OPTIONS,
    CLI_PLACING_OPTIONS,
    {0},
};

typedef struct state {
    const char *target;
    cli_dims dims;
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
    case ID_TARGET: st->target = value; return WFC_OK;
    case ID_DIM: return cli_dims_option(c, &st->dims, value);
    case ID_INPUT_SHAPE: return cli_dims_shape_option(c, &st->dims, value);
    case ID_CONST: return cli_dims_const_option(c, &st->dims, value);
    }
    return WFC_ERR_INTERNAL;
}

static void print_plan(const wfc_program *p) {
    uint32_t pes = 0;
    double busy = 0;
    cli_print("%-44s %-9s %-18s %8s %14s %10s  %s\n", "layer", "kind", "rectangle", "PEs", "MACs", "cycles", "split");
    for (uint32_t i = 0; i < p->layer_count; i++) {
        const wfc_prog_layer *l = &p->layers[i];
        char rect[48];
        snprintf(rect, sizeof rect, "%ux%u at %u,%u", l->rect.w, l->rect.h, l->rect.x, l->rect.y);
        bool slowest = l->predicted_cycles >= p->predicted_delta_t_cycles;
        cli_print("%-44.44s %-9s %-18s %8" PRIu32 " %14" PRIu64 " %9.0f%s  %s\n", l->name, l->kind, rect, l->pe_count,
                  l->macs, l->predicted_cycles, slowest ? "*" : " ", l->split);
        pes += l->pe_count;
        busy += (double)l->pe_count * l->predicted_cycles;
    }
    double all = (double)p->target.width * p->target.height;
    cli_print("\npredicted delta-T %.0f cycles (*: the slowest), %" PRIu32 " of %.0f PEs, %.0f %% of their time busy\n",
              p->predicted_delta_t_cycles, pes, all,
              p->predicted_delta_t_cycles > 0 ? 100 * busy / p->predicted_delta_t_cycles / all : 0);
}

/* Smallest built-in target whose PEs would hold the weights. */
static const char *fitting_target(const wfc_graph *g, uint64_t *pes) {
    const char *best = NULL;
    for (const char *const *name = wfc_target_names(); *name; name++) {
        wfc_target t;
        wfc_be_needs_of n;
        if (wfc_target_load(*name, NULL, &t) != WFC_OK) continue;
        wfc_be_model_needs(g, &t, &n);
        if (n.weight_bytes <= n.sram_bytes && (!best || n.pes < *pes)) {
            best = *name;
            *pes = n.pes;
        }
        wfc_target_deinit(&t);
    }
    return best;
}

/* What is missing, the largest layers, and what would fit. */
static void advise(const wfc_graph *g, const wfc_target *t) {
    wfc_be_needs_of n;
    uint64_t pes = 0;
    wfc_be_model_needs(g, t, &n);
    cli_print("does not fit on %s as it is\n\n", t->name);
    cli_print("weights     %" PRIu64 " (%.3f GB as f32)\n", n.weights, (double)n.weight_bytes / 1e9);
    cli_print("room        %.3f GB in %" PRIu64 " PEs of %" PRIu32 " bytes, code and buffers taken off\n",
              (double)n.sram_bytes / 1e9, n.pes, t->sram_bytes);
    if (n.weight_bytes > n.sram_bytes) {
        cli_print("missing     %.3f GB: %" PRIu64 " PEs are needed for the weights alone, %.1f times this target\n",
                  (double)(n.weight_bytes - n.sram_bytes) / 1e9, n.pes_needed, (double)n.pes_needed / (double)n.pes);
    }
    cli_print("\nlargest layers\n");
    for (unsigned i = 0; i < 5 && n.largest[i].bytes; i++) {
        char *name = wfc_escape(n.largest[i].name, strlen(n.largest[i].name), 120);
        cli_print("  %12.6f GB  %s\n", (double)n.largest[i].bytes / 1e9, name ? name : "?");
        wfc_free(name);
    }
    const char *other = fitting_target(g, &pes);
    cli_print("\nwhat would fit\n");
    if (other && strcmp(other, t->name) != 0)
        cli_print("  target %s (%" PRIu64 " PEs), by its memory\n", other, pes);
    else if (!other)
        cli_print("  no built-in target; a mesh of at least %" PRIu64 " such PEs, by its memory\n", n.pes_needed);
    if (n.sparsity > 0 && n.sparsity < 1)
        cli_print("  at least %.2f %% of the weights zero (--prune magnitude:%.4f), in tables of 8 bytes per weight\n",
                  100 * n.sparsity, n.sparsity);
}

static wfc_status plan(cli_context *c, state *st, const char *model) {
    wfc_target target;
    wfc_graph g;
    wfc_import *import = NULL;
    wfc_program program;
    wfc_import_options opt = {0};
    cli_dims_apply(&st->dims, &opt);
    WFC_TRY(wfc_target_load(st->target, &c->diag, &target));
    wfc_graph_init(&g);
    wfc_program_init(&program);
    wfc_status s = cli_placing_load(c, &st->placing, &target);
    cli_stage(c, "reading the model");
    if (s == WFC_OK) s = wfc_import_onnx(model, &opt, &c->diag, &g, &import);
    if (s == WFC_OK) s = cli_prune_run(c, &st->prune, &g, import);
    cli_stage(c, "optimising the graph");
    if (s == WFC_OK) s = wfc_pass_run(&g, wfc_pass_default_pipeline(), &c->diag, NULL, NULL);
    if (s == WFC_OK) {
        const char *base = strrchr(model, '/');
        wfc_compile_options options = st->placing.options;
        options.model_name = base ? base + 1 : model;
        cli_stage(c, "planning");
        s = wfc_be_plan_only(&g, &target, &options, &c->diag, &program);
        cli_progress_end();
        if (s == WFC_ERR_NO_FIT) advise(&g, &target);
        if (s == WFC_OK) print_plan(&program);
    }
    wfc_program_deinit(&program);
    wfc_graph_deinit(&g);
    wfc_import_destroy(import);
    wfc_target_deinit(&target);
    return s;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {.target = "lab", .placing.options.seed = 1};
    int first;
    wfc_status s = cli_parse(c, &cli_cmd_plan, argc, argv, set_option, &st, 1, 1, &first);
    if (s == WFC_OK && !c->finished) s = plan(c, &st, argv[first]);
    cli_dims_deinit(&st.dims);
    cli_prune_deinit(&st.prune);
    cli_placing_deinit(&st.placing);
    return s == WFC_OK ? cli_check_memory(c) : s;
}

const cli_command cli_cmd_plan = {
    .name = "plan",
    .summary = "Show how a model would lie on a target, without emitting it",
    .usage = "MODEL.onnx [OPTIONS]",
    .notes = "Prints sizes, floorplan and predicted cycles per layer. Of a model that does not fit it tells what is "
             "missing\n"
             "and what would fit (exit status 4); weights in external data are not read for that.\n",
    .options = k_options,
    .run = run,
};
