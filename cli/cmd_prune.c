/* waferc prune: ONNX file -> the same file with zeros, and a table of what is left. */
#include "cli/cli.h"
#include "cli/dims.h"
#include "cli/prune.h"
#include "support/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ID_DIM = CLI_FIRST_LONG_ID, ID_INPUT_SHAPE, ID_CONST };
static const cli_option k_options[] = {
    {'o', "output", "PRUNED.onnx", "where the pruned model goes"},
    {ID_DIM, "dim", "NAME=VALUE", "bind a symbolic dimension of the model; repeatable"},
    {ID_INPUT_SHAPE, "input-shape", "NAME=AxBxC", "the shape of an input whose axes the model leaves open; repeatable"},
    {ID_CONST, "const", "NAME=FILE", "the value of an input that only says shapes or axes (.npy, .pb); repeatable"},
    CLI_PRUNE_OPTIONS,
    CLI_MASKS_OPTION,
    {0},
};

typedef struct state {
    const char *output;
    cli_dims dims;
    cli_prune prune;
} state;

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    bool taken;
    wfc_status s = cli_prune_option(c, &st->prune, id, value, &taken);
    if (taken) return s;
    switch (id) {
    case 'o': st->output = value; return WFC_OK;
    case ID_DIM: return cli_dims_option(c, &st->dims, value);
    case ID_INPUT_SHAPE: return cli_dims_shape_option(c, &st->dims, value);
    case ID_CONST: return cli_dims_const_option(c, &st->dims, value);
    }
    return WFC_ERR_INTERNAL;
}

typedef struct totals {
    uint64_t weights, kept;
    double macs, macs_kept;
} totals;

static void print_row(const cli_context *c, const char *name, const totals *t) {
    char *text = wfc_escape(name, strlen(name), 60);
    cli_say(c, "%12" PRIu64 " %12" PRIu64 "  %.5f %16.0f %16.0f  %s\n", t->weights, t->kept,
            (double)t->kept / (double)t->weights, t->macs, t->macs_kept, text ? text : "?");
    wfc_free(text);
}

/* Multiply-accumulates: each point of each contract's index space, padding included, per weight that is there. */
static totals count_weight(const wfc_graph *g, wfc_value w) {
    const wfc_node *n = wfc_ir_node_c(g, w);
    totals t = {.weights = wfc_shape_elems(&n->shape)};
    for (uint64_t i = 0; i < t.weights; i++) t.kept += !n->u.konst.mask || n->u.konst.mask[i];
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        if (!wfc_weight_read_by(g, w, (wfc_value){i})) continue;
        const wfc_space *s = &g->nodes.data[i].u.contract;
        double points = 1;
        for (unsigned v = 0; v < s->index_count; v++) points *= s->extent[v];
        t.macs += points;
    }
    t.macs_kept = t.macs * (double)t.kept / (double)t.weights;
    return t;
}

static void print_table(const cli_context *c, const wfc_graph *g, const wfc_weight_list *w) {
    totals all = {0};
    cli_say(c, "%12s %12s  %-7s %16s %16s  %s\n", "weights", "kept", "density", "MACs", "MACs kept", "weight");
    for (size_t k = 0; k < w->count; k++) {
        totals t = count_weight(g, w->data[k]);
        print_row(c, wfc_ir_node_c(g, w->data[k])->name, &t);
        all.weights += t.weights;
        all.kept += t.kept;
        all.macs += t.macs;
        all.macs_kept += t.macs_kept;
    }
    if (w->count) print_row(c, "all", &all);
    if (all.macs > 0) cli_say(c, "MAC ratio %.5f\n", all.macs_kept / all.macs);
}

static wfc_status write_files(cli_context *c, state *st, const char *model, const wfc_import *im) {
    WFC_TRY(cli_prune_write(c, &st->prune));
    wfc_status s = wfc_import_intact(im, &c->diag);
    if (s == WFC_OK && st->output)
        s = wfc_import_rewrite(im, model, st->output, st->prune.tensors.data, st->prune.tensors.count, &c->diag);
    if (s != WFC_OK && st->prune.masks_path) remove(st->prune.masks_path);
    return s;
}

/* The graph borrows from the import, so it goes first. */
static wfc_status prune(cli_context *c, state *st, const char *model) {
    wfc_graph g;
    wfc_import *import = NULL;
    wfc_import_options opt = {0};
    wfc_weight_list weights = {0};
    cli_dims_apply(&st->dims, &opt);
    wfc_graph_init(&g);
    cli_stage(c, "reading the model");
    wfc_status s = wfc_import_onnx(model, &opt, &c->diag, &g, &import);
    st->prune.wants_tensors = st->output != NULL;
    st->prune.keep_shapes = true; /* those of the file */
    if (s == WFC_OK) s = cli_prune_run(c, &st->prune, &g, import);
    if (s == WFC_OK && wfc_weights_find(&g, &weights) != WFC_OK) s = wfc_fail_memory(&c->diag);
    if (s == WFC_OK) s = write_files(c, st, model, import);
    cli_progress_end();
    if (s == WFC_OK) print_table(c, &g, &weights);
    wfc_vec_free(&weights);
    wfc_graph_deinit(&g);
    wfc_import_destroy(import);
    return s;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {0};
    int first;
    wfc_status s = cli_parse(c, &cli_cmd_prune, argc, argv, set_option, &st, 1, 1, &first);
    if (s == WFC_OK && !c->finished) {
        if (!st.output && !st.prune.masks_path)
            s = cli_usage_error(c, "-o", "say what to write: -o PRUNED.onnx, --masks FILE.npz, or both");
        else if (!st.prune.prunes)
            s = cli_usage_error(c, "--prune", "say how to prune, with --prune or --recipe");
        else
            s = prune(c, &st, argv[first]);
    }
    cli_dims_deinit(&st.dims);
    cli_prune_deinit(&st.prune);
    return s;
}

const cli_command cli_cmd_prune = {
    .name = "prune",
    .summary = "Prune an ONNX model and write it with explicit zeros",
    .usage = "MODEL.onnx -o PRUNED.onnx --prune HOW [OPTIONS]",
    .notes = "HOW is CRITERION:S[:WORD]..., see docs/sparsity.md. All but the pruned weights stays as it is, byte for "
             "byte;\n"
             "training can go on with the result elsewhere. The table says what is left, by weight.\n",
    .options = k_options,
    .run = run,
};
