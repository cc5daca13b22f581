/* waferc inspect: what a model asks for, or what a program holds. */
#include "cli/cli.h"
#include "cli/dims.h"
#include "frontend/import.h"
#include "runtime/host/run_stats.h"
#include "runtime/host/tensors.h"
#include "runtime/program/program.h"
#include "support/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ID_DIM = CLI_FIRST_LONG_ID, ID_INPUT_SHAPE, ID_CONST, ID_FOLDED };
static const cli_option k_options[] = {
    {ID_DIM, "dim", "NAME=VALUE", "bind a symbolic dimension of the model; repeatable"},
    {ID_INPUT_SHAPE, "input-shape", "NAME=AxBxC", "the shape of an input whose axes the model leaves open; repeatable"},
    {ID_CONST, "const", "NAME=FILE", "the value of an input that only says shapes or axes (.npy, .pb); repeatable"},
    {ID_FOLDED, "folded", NULL, "list the nodes of the model that fold to constants"},
    {0},
};

typedef struct state {
    cli_dims dims;
    bool folded;
} state;

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    switch (id) {
    case ID_DIM: return cli_dims_option(c, &st->dims, value);
    case ID_INPUT_SHAPE: return cli_dims_shape_option(c, &st->dims, value);
    case ID_CONST: return cli_dims_const_option(c, &st->dims, value);
    case ID_FOLDED: st->folded = true; return WFC_OK;
    }
    return WFC_ERR_INTERNAL;
}

/* Programs start with WAFERC (docs/program-format.md); an ONNX file, a protobuf message, cannot. */
static bool looks_like_program(const char *path) {
    char head[6] = {0};
    struct stat st; /* opening a pipe that nobody writes to would wait for ever */
    FILE *fp = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    bool yes = fp && fread(head, 1, sizeof head, fp) == sizeof head && memcmp(head, "WAFERC", sizeof head) == 0;
    if (fp) fclose(fp);
    return yes;
}

/* Escaped and cut for a column; caller frees. Never NULL in what is printed: see TEXT. */
static char *column(const char *s, size_t width) {
    return wfc_escape(s ? s : "", s ? strlen(s) : 0, width);
}
#define TEXT(s) ((s) ? (s) : "?")

static void print_tensors(const char *what, const wfc_prog_tensor *tensors, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const wfc_prog_tensor *t = &tensors[i];
        char shape[WFC_SHAPE_TEXT_BYTES], *name = column(t->name, 200);
        uint64_t words = 0;
        for (uint32_t k = 0; k < t->stream_count; k++) words += t->streams[k].words;
        cli_print("%s '%s': %s%s, %" PRIu32 " samples each, %" PRIu32 " ports, %" PRIu64 " words per sample\n", what,
                  TEXT(name), wfc_dtype_name((wfc_dtype)t->dtype),
                  wfc_shape_text(t->dims, t->rank, shape, sizeof shape), t->samples, t->stream_count, words);
        wfc_free(name);
    }
}

/* Bytes of the fullest PE of a layer. */
static uint32_t layer_sram(const wfc_program *p, uint32_t layer) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < p->pe_count; i++) {
        uint32_t account[WFC_MEM_CATEGORIES] = {0};
        if (p->pes[i].layer != layer || p->pes[i].class_index >= p->class_count) continue;
        uint32_t bytes = wfc_prog_class_account(&p->classes[p->pes[i].class_index], account);
        if (bytes > most) most = bytes;
    }
    return most;
}

static void print_layers(const cli_context *c, const wfc_program *p) {
    cli_print("\n%-26s %-15s %-17s %6s %12s %7s %10s  %s\n", "layer", "kind", "rectangle", "PEs", "MACs", "SRAM",
              "predicted", "split");
    for (uint32_t i = 0; i < p->layer_count; i++) {
        const wfc_prog_layer *l = &p->layers[i];
        char rect[40], *name = column(l->name, 26), *kind = column(l->kind, 15), *split = column(l->split, 100);
        snprintf(rect, sizeof rect, "%ux%u at %u,%u", l->rect.w, l->rect.h, l->rect.x, l->rect.y);
        cli_print("%-26s %-15s %-17s %6" PRIu32 " %12" PRIu64 " %7" PRIu32 " %10.0f  %s\n", TEXT(name), TEXT(kind),
                  rect, l->pe_count, l->macs, layer_sram(p, i), l->predicted_cycles, TEXT(split));
        wfc_free(name);
        wfc_free(kind);
        wfc_free(split);
        for (uint32_t k = 0; c->verbose && k < l->node_count; k++) {
            char *node = column(l->nodes[k], 200);
            cli_print("    %s\n", TEXT(node));
            wfc_free(node);
        }
    }
}

static wfc_status inspect_program(cli_context *c, const char *path) {
    wfc_program p;
    wfc_program_init(&p);
    wfc_status s = wfc_program_read(path, &c->diag, &p);
    if (s == WFC_OK) {
        wfc_stats_pes pes = wfc_stats_count_pes(&p);
        char *model = column(p.model_name, 200), *producer = column(p.producer, 100);
        cli_print("program of '%s' for %s (version %" PRIu32 "), by %s\n", TEXT(model), p.target.name, p.target.version,
                  TEXT(producer));
        cli_print("%" PRIu32 " of %" PRIu32 " PEs in %" PRIu32 " classes, %" PRIu32 " routing only; %" PRIu32
                  " router configurations; %" PRIu64 " bytes of data\n",
                  pes.used, pes.total, p.class_count, p.pe_count - pes.used, p.router_count, p.bulk_bytes);
        cli_print("predicted delta-T %.0f cycles; fullest PE %" PRIu32 " of %" PRIu32 " bytes:",
                  p.predicted_delta_t_cycles, pes.sram_peak_bytes, p.target.sram_bytes);
        for (unsigned k = 0; k < WFC_MEM_CATEGORIES; k++)
            if (pes.sram_by_category[k]) cli_print(" %s %" PRIu32, wfc_mem_category_name(k), pes.sram_by_category[k]);
        cli_print("\n");
        print_tensors("input", p.inputs, p.input_count);
        print_tensors("output", p.outputs, p.output_count);
        print_layers(c, &p);
        wfc_free(model);
        wfc_free(producer);
    }
    wfc_program_deinit(&p);
    return s;
}

static wfc_status inspect_model(cli_context *c, const state *st, const char *path) {
    wfc_import_options opt = {.list_folded = st->folded};
    cli_dims_apply(&st->dims, &opt);
    wfc_buf text = {0};
    wfc_status s = wfc_import_inspect(path, &opt, &c->diag, &text);
    if (text.failed) s = wfc_fail_memory(&c->diag);
    if (s == WFC_OK) cli_print("%s", text.data ? text.data : "");
    wfc_buf_deinit(&text);
    return s;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    int first;
    state st = {0};
    wfc_status s = cli_parse(c, &cli_cmd_inspect, argc, argv, set_option, &st, 1, 1, &first);
    if (s == WFC_OK && !c->finished)
        s = looks_like_program(argv[first]) ? inspect_program(c, argv[first]) : inspect_model(c, &st, argv[first]);
    cli_dims_deinit(&st.dims);
    return s == WFC_OK ? cli_check_memory(c) : s;
}

const cli_command cli_cmd_inspect = {
    .name = "inspect",
    .summary = "Show what a model needs, or what a program holds",
    .usage = "MODEL.onnx|PROG.wafer [OPTIONS]",
    .notes = "Model: its operators and which are supported. Program: layers, rectangles, PEs, SRAM, predicted cycles;\n"
             "with -v also the ONNX nodes of each layer.\n",
    .options = k_options,
    .run = run,
};
