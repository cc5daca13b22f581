/* waferc place: kernels of an ISPD 2020 contest graph on their mesh, and the check of such a placement. */
#include "backend/place/kgraph.h"
#include "backend/place/paint_check.h"
#include "cli/cli.h"
#include "support/file.h"

#include <inttypes.h>
#include <math.h>

enum { ID_CHECK = CLI_FIRST_LONG_ID, ID_SEED, ID_TIME_LIMIT };
static const cli_option k_options[] = {
    {'o', "output", "FILE.paint", "write the placement found"},
    {ID_CHECK, "check", "FILE.paint", "check a placement and print its score"},
    {ID_SEED, "seed", "N", "start of the random numbers (default 1)"},
    {ID_TIME_LIMIT, "time-limit", "S", "cool by the clock, in S seconds; the result then depends on the machine"},
    {0},
};

typedef struct state {
    const char *output, *check;
    wfc_be_kplace_options options;
    uint8_t *graph;
    size_t graph_size;
} state;

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    switch (id) {
    case 'o': st->output = value; return WFC_OK;
    case ID_CHECK: st->check = value; return WFC_OK;
    case ID_SEED: return cli_number(c, "--seed", value, 0, UINT64_MAX, &st->options.seed);
    case ID_TIME_LIMIT:
        WFC_TRY(cli_real(c, "--time-limit", value, &st->options.seconds));
        if (st->options.seconds > 0) return WFC_OK;
        return cli_usage_error(c, "--time-limit", "must be above 0 seconds");
    }
    return WFC_ERR_INTERNAL;
}

/* The checker's word on a placement just made: it must agree with the placer. */
static wfc_status confirm(cli_context *c, const wfc_be_paint_text *graph, const wfc_be_paint_text *paint,
                          const wfc_be_kplacement *p) {
    wfc_be_paint_score score;
    if (wfc_be_paint_check(graph, paint, &c->diag, &score) == WFC_OK && score.time == p->time &&
        score.wire == p->wire && score.objective == p->objective)
        return WFC_OK;
    if (c->diag.out_of_memory || wfc_mem_failures()) return WFC_ERR_NO_MEMORY;
    return wfc_fail(&c->diag, WFC_ERR_INTERNAL, "WFC-E0043", graph->name,
                    "the checker contradicts the placer (%.10g and %.10g); please report this", score.objective,
                    p->objective);
}

static void print_placement(const wfc_be_kgraph *g, const wfc_be_kplacement *p) {
    cli_print("kernels     %zu, %zu edges, on %u x %u PEs\n", g->kernels.count, g->edges.count, g->width, g->height);
    cli_print("time        %.10g, %.4f of the bound %.10g\n", p->time, p->time / p->bounds.time, p->bounds.time);
    cli_print("wirelength  %.10g\n", p->wire);
    cli_print("objective   %.10g, %.4f of the bound %.10g (without adapters)\n", p->objective,
              p->bounds.objective > 0 ? p->objective / p->bounds.objective : 1.0, p->bounds.objective);
    cli_print("moves       %" PRIu64 "\n", p->moves);
}

static wfc_status place(cli_context *c, state *st, const char *path) {
    wfc_be_kgraph g;
    wfc_be_kplacement p = {0};
    wfc_buf text = {0};
    wfc_be_paint_text graph = {path, (const char *)st->graph, st->graph_size};
    WFC_TRY(wfc_be_kgraph_read(graph.text, graph.size, path, &c->diag, &g));
    cli_stage(c, "placing");
    wfc_status s = wfc_be_kgraph_place(&g, path, &st->options, &c->diag, &p);
    cli_progress_end();
    if (s == WFC_OK) {
        wfc_be_paint_write(&g, &p, &text);
        s = text.failed ? WFC_ERR_NO_MEMORY : WFC_OK;
    }
    if (s == WFC_OK) s = confirm(c, &graph, &(wfc_be_paint_text){st->output, text.data, text.count}, &p);
    if (s == WFC_OK) s = wfc_file_write(st->output, text.data, text.count, &c->diag);
    if (s == WFC_OK) print_placement(&g, &p);
    wfc_buf_deinit(&text);
    wfc_be_kplacement_deinit(&p);
    wfc_be_kgraph_deinit(&g);
    return s;
}

enum { MOST_BYTES = 1 << 24 };

static wfc_status check(cli_context *c, state *st, const char *path) {
    uint8_t *bytes = NULL;
    size_t size;
    wfc_be_paint_score score;
    WFC_TRY(wfc_file_read(st->check, MOST_BYTES, &c->diag, &bytes, &size));
    wfc_status s = wfc_be_paint_check(&(wfc_be_paint_text){path, (const char *)st->graph, st->graph_size},
                                      &(wfc_be_paint_text){st->check, (const char *)bytes, size}, &c->diag, &score);
    wfc_free(bytes);
    WFC_TRY(s);
    cli_print("%s: legal\n", st->check);
    cli_print("kernels     %u, %u edges, %" PRIu64 " of %u x %u PEs\n", score.kernels, score.edges, score.pes,
              score.width, score.height);
    cli_print("time        %.10g\nwirelength  %.10g\nobjective   %.10g (without adapters)\n", score.time, score.wire,
              score.objective);
    return WFC_OK;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {.options.seed = 1};
    int first;
    WFC_TRY(cli_parse(c, &cli_cmd_place, argc, argv, set_option, &st, 1, 1, &first));
    if (c->finished) return WFC_OK;
    if (!st.output && !st.check) return cli_usage_error(c, "command line", "nothing to do: give -o or --check");
    WFC_TRY(wfc_file_read(argv[first], MOST_BYTES, &c->diag, &st.graph, &st.graph_size));
    wfc_status s = st.output ? place(c, &st, argv[first]) : WFC_OK;
    if (s == WFC_OK && st.check) s = check(c, &st, argv[first]);
    wfc_free(st.graph);
    return s == WFC_OK ? cli_check_memory(c) : s;
}

const cli_command cli_cmd_place = {
    .name = "place",
    .summary = "Place the kernels of an ISPD 2020 contest graph, or check a placement",
    .usage = "FILE.kgraph [-o FILE.paint] [--check FILE.paint] [OPTIONS]",
    .notes = "Minimises wdeltat x time + wlength x wirelength; the contest's adapter term is left out. Without\n"
             "--time-limit the same graph and seed give the same placement. With both -o and --check the placement is\n"
             "written first. The checker reads both files itself and shares no code with the placer.\n",
    .options = k_options,
    .run = run,
};
