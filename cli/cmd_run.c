/* waferc run: program file + input tensors -> simulator -> outputs, comparison, statistics. */
#include "cli/cli.h"
#include "cli/data.h"
#include "cli/run_report.h"
#include "runtime/fast/fast.h"
#include "runtime/host/run.h"
#include "runtime/host/run_stats.h"
#include "runtime/host/tensors.h"
#include "support/file.h"
#include "support/mem.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_INPUTS = 256,
    ID_INPUT = CLI_FIRST_LONG_ID,
    ID_DATA,
    ID_LABELS,
    ID_COMPARE,
    ID_RTOL,
    ID_ATOL,
    ID_REL_MAX,
    ID_SAMPLES,
    ID_INTERVAL,
    ID_STATS,
    ID_JITTER,
    ID_ENGINE,
    ID_THREADS,
    ID_NO_SKIP,
    ID_MAX_CYCLES,
    ID_MAX_MEMORY
};
/* Predicted delta-T, and a little: stages that may never rest let samples queue up. */
static const double AUTO_INTERVAL = 1.05;
static const size_t k_max_tensor_bytes = (size_t)16 << 30;
static const cli_option k_options[] = {
    {ID_INPUT, "input", "FILE.npz|NAME=FILE.npy", "input tensors: an archive, or one by one; repeatable"},
    {ID_DATA, "data", "DIR", "a test_data_set folder, or the parent of several"},
    {'o', "output", "OUT.npz", "write the outputs of all samples there"},
    {ID_LABELS, "labels", "FILE.npy", "print the top-1 accuracy of the first output"},
    {ID_COMPARE, "compare", NULL, "compare with the output_K.pb of --data"},
    {ID_RTOL, "rtol", "R", "with --compare: relative tolerance per element (default 1e-3)"},
    {ID_ATOL, "atol", "A", "with --compare: absolute tolerance per element (default 1e-7)"},
    {ID_REL_MAX, "rel-max", "R", "with --compare: instead, max |y - ref| <= R max |ref| per sample"},
    {ID_SAMPLES, "samples", "N", "repeat the given samples up to N (or take the first N)"},
    {ID_INTERVAL, "interval", "N|auto",
     "give a sample every N cycles; auto: 1.05 x the predicted delta-T (default 0: as ports take them)"},
    {ID_STATS, "stats", "FILE.json", "write statistics; docs/statistics.md defines them"},
    {ID_JITTER, "jitter", "SEED", "perturb all latencies at random (reference engine); outputs must not change"},
    {ID_ENGINE, "engine", "fast|reference", "the simulator's engine (default fast); both give equal results"},
    {ID_THREADS, "threads", "N", "threads of the fast engine, up to 64 (default 1); results are the same"},
    {ID_NO_SKIP, "no-skip", NULL, "visit idle PEs and routers too (reference engine); results are the same"},
    {ID_MAX_CYCLES, "max-cycles", "N", "stop after N cycles (exit status 5)"},
    {ID_MAX_MEMORY, "max-memory", "MIB", "memory that the program may take when it is read (default 16384)"},
    {0},
};

typedef struct state {
    const char *inputs[MAX_INPUTS];
    uint32_t input_count;
    const char *data, *output, *labels, *stats;
    bool compare, tolerance_given, engine_given, interval_auto;
    wfc_tolerance tolerance;
    uint64_t max_program_bytes;
    wfc_host_options host;
} state;

static wfc_status set_tolerance(cli_context *c, state *st, int id, const char *value) {
    const char *where = id == ID_RTOL ? "--rtol" : id == ID_ATOL ? "--atol" : "--rel-max";
    double v;
    WFC_TRY(cli_real(c, where, value, &v));
    st->tolerance_given = true;
    if (id == ID_RTOL) st->tolerance.rtol = v;
    if (id == ID_ATOL) st->tolerance.atol = v;
    if (id == ID_REL_MAX) st->tolerance.rel_max = v, st->tolerance.use_rel_max = true;
    return WFC_OK;
}

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    uint64_t n;
    switch (id) {
    case ID_INPUT:
        if (st->input_count == MAX_INPUTS) return cli_usage_error(c, "--input", "given more than %d times", MAX_INPUTS);
        st->inputs[st->input_count++] = value;
        return WFC_OK;
    case ID_DATA: st->data = value; return WFC_OK;
    case 'o': st->output = value; return WFC_OK;
    case ID_LABELS: st->labels = value; return WFC_OK;
    case ID_STATS: st->stats = value; return WFC_OK;
    case ID_COMPARE: st->compare = true; return WFC_OK;
    case ID_RTOL:
    case ID_ATOL:
    case ID_REL_MAX: return set_tolerance(c, st, id, value);
    case ID_SAMPLES:
        WFC_TRY(cli_number(c, "--samples", value, 1, UINT32_MAX, &n));
        st->host.samples = (uint32_t)n;
        return WFC_OK;
    case ID_INTERVAL:
        st->interval_auto = strcmp(value, "auto") == 0;
        if (st->interval_auto) return WFC_OK;
        return cli_number(c, "--interval", value, 0, WFC_SIM_MAX_INTERVAL, &st->host.sim.interval);
    case ID_JITTER:
        st->host.sim.jitter = true;
        return cli_number(c, "--jitter", value, 0, UINT64_MAX, &st->host.sim.jitter_seed);
    case ID_ENGINE:
        st->engine_given = true;
        st->host.engine = strcmp(value, "fast") == 0 ? wfc_fast_run : NULL;
        if (st->host.engine || strcmp(value, "reference") == 0) return WFC_OK;
        return cli_usage_error(c, "--engine", "there is no engine '%s'; there are 'fast' and 'reference'", value);
    case ID_THREADS:
        WFC_TRY(cli_number(c, "--threads", value, 1, WFC_FAST_MAX_THREADS, &n));
        st->host.sim.threads = (uint32_t)n;
        return WFC_OK;
    case ID_NO_SKIP: st->host.sim.no_skip = true; return WFC_OK;
    case ID_MAX_CYCLES: return cli_number(c, "--max-cycles", value, 1, UINT64_MAX, &st->host.sim.max_cycles);
    case ID_MAX_MEMORY:
        WFC_TRY(cli_number(c, "--max-memory", value, 1, UINT32_MAX, &n));
        st->max_program_bytes = n << 20;
        return WFC_OK;
    }
    return WFC_ERR_INTERNAL;
}

static wfc_status check_usage(cli_context *c, const state *st) {
    if (!st->data && st->input_count == 0)
        return cli_usage_error(c, "command line", "no inputs; give --input or --data, see 'waferc run --help'");
    if (st->data && st->input_count) return cli_usage_error(c, "--input", "give either --input or --data");
    if (st->compare && !st->data) return cli_usage_error(c, "--compare", "needs --data, which holds the references");
    if (st->tolerance_given && !st->compare)
        return cli_usage_error(c, "command line", "--rtol, --atol and --rel-max need --compare");
    return WFC_OK;
}

/* One NAME=FILE.npy into the only set. */
static wfc_status load_npy(cli_context *c, const char *value, wfc_tensor_list *set) {
    const char *equals = strchr(value, '=');
    if (!equals || equals == value)
        return cli_usage_error(c, "--input", "'%s' is neither an archive FILE.npz nor NAME=FILE.npy", value);
    char *name = wfc_strndup(value, (size_t)(equals - value));
    wfc_tensor tensor = {0};
    wfc_status s = name ? WFC_OK : wfc_fail_memory(&c->diag);
    if (s == WFC_OK && wfc_tensor_list_find(set, name) >= 0)
        s = cli_usage_error(c, "--input", "the input '%s' is given twice", name);
    if (s == WFC_OK) s = wfc_npy_read(equals + 1, k_max_tensor_bytes, &c->diag, &tensor);
    if (s == WFC_OK) s = wfc_tensor_list_take(set, name, &tensor, &c->diag);
    wfc_free(name);
    return s;
}

static wfc_status load_inputs(cli_context *c, const state *st, const wfc_program *p, cli_data *data) {
    if (st->data) return cli_data_load(c, st->data, p, data);
    WFC_TRY(cli_data_add(c, data));
    const char *only = st->inputs[0];
    size_t n = strlen(only);
    bool archive = n > 4 && strcmp(only + n - 4, ".npz") == 0;
    if (archive && st->input_count > 1)
        return cli_usage_error(c, "--input", "an archive .npz holds all inputs; give nothing beside it");
    if (archive) return wfc_npz_read(only, k_max_tensor_bytes, &c->diag, &data->inputs[0]);
    for (uint32_t i = 0; i < st->input_count; i++) WFC_TRY(load_npy(c, st->inputs[i], &data->inputs[0]));
    return WFC_OK;
}

static wfc_status check_references(cli_context *c, const state *st, const cli_data *data) {
    for (uint32_t i = 0; st->compare && i < data->count; i++)
        if (data->outputs[i].count == 0)
            return wfc_fail(&c->diag, WFC_ERR_INPUT, "WFC-E0014", st->data,
                            "set %u has no output_0.pb, the reference that --compare needs", i);
    return WFC_OK;
}

static void progress(void *ctx, uint64_t cycle, uint32_t samples_done) {
    cli_progress(ctx, "simulating: cycle %" PRIu64 ", %" PRIu32 " samples done", cycle, samples_done);
}

static wfc_status write_stats(cli_context *c, const state *st, const wfc_program *p, const wfc_host_run *r) {
    char *json = wfc_stats_json(p, r);
    wfc_status s = json ? wfc_file_write(st->stats, json, strlen(json), &c->diag) : wfc_fail_memory(&c->diag);
    wfc_free(json);
    return s;
}

/* Everything after the simulation. A failed comparison leaves the files, wrong labels or references do not. */
static wfc_status report(cli_context *c, const state *st, const wfc_program *p, const cli_data *data,
                         const wfc_tensor *labels, const wfc_host_run *r) {
    cli_report_run(c, p, r);
    WFC_TRY(cli_check_memory(c));
    if (st->labels) WFC_TRY(cli_report_labels(c, p, r, labels, st->labels));
    wfc_status compared = st->compare ? cli_report_compare(c, p, r, data, &st->tolerance) : WFC_OK;
    if (compared != WFC_OK && compared != WFC_ERR_COMPARE) return compared;
    if (st->output) WFC_TRY(wfc_npz_write(st->output, &r->outputs, &c->diag));
    wfc_status s = st->stats ? write_stats(c, st, p, r) : WFC_OK;
    if (s != WFC_OK && st->output) remove(st->output);
    return s == WFC_OK ? compared : s;
}

static wfc_status execute(cli_context *c, state *st, const char *path) {
    wfc_program p;
    cli_data data = {0};
    wfc_tensor labels = {0};
    wfc_host_run r = {0};
    wfc_program_init(&p);
    /* What only the reference engine does is its choice; --engine fast beside it gets a warning from the engine. */
    if (!st->engine_given && !st->host.sim.jitter && !st->host.sim.no_skip) st->host.engine = wfc_fast_run;
    cli_stage(c, "loading and verifying the program");
    wfc_status s = wfc_program_read_limited(path, st->max_program_bytes, &c->diag, &p);
    if (s == WFC_OK) cli_stage(c, "reading the inputs");
    if (s == WFC_OK) s = load_inputs(c, st, &p, &data);
    if (s == WFC_OK) s = check_references(c, st, &data);
    if (s == WFC_OK && st->labels) s = wfc_npy_read(st->labels, k_max_tensor_bytes, &c->diag, &labels);
    cli_progress_end();
    if (s == WFC_OK && st->interval_auto) {
        double at = ceil(AUTO_INTERVAL * p.predicted_delta_t_cycles);
        st->host.sim.interval = at < WFC_SIM_MAX_INTERVAL ? (uint64_t)at : WFC_SIM_MAX_INTERVAL;
    }
    st->host.latency = st->stats || c->verbose > 0;
    st->host.sim.progress = progress;
    st->host.sim.progress_ctx = c;
    if (s == WFC_OK) s = wfc_host_execute(&p, data.inputs, data.count, &st->host, &c->diag, &r);
    cli_progress_end();
    if (s == WFC_OK) s = report(c, st, &p, &data, &labels, &r);
    wfc_tensor_deinit(&labels);
    wfc_host_run_deinit(&r);
    cli_data_deinit(&data);
    wfc_program_deinit(&p);
    return s;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {.tolerance = WFC_TOLERANCE_DEFAULT, .max_program_bytes = WFC_PROGRAM_MAX_MEMORY};
    int first;
    WFC_TRY(cli_parse(c, &cli_cmd_run, argc, argv, set_option, &st, 1, 1, &first));
    if (c->finished) return WFC_OK;
    WFC_TRY(check_usage(c, &st));
    return execute(c, &st, argv[first]);
}

const cli_command cli_cmd_run = {
    .name = "run",
    .summary = "Run a program on the simulated wafer",
    .usage = "PROG.wafer (--input FILE.npz | --input NAME=FILE.npy ... | --data DIR) [OPTIONS]",
    .notes = "Several sets of --data, and a leading batch axis that the compiler proved independent, are successive\n"
             "samples of the pipeline. --compare exits with status 1 where |y - ref| > atol + rtol |ref|; NaN and\n"
             "infinities must stand at equal positions, integers must be equal.\n",
    .options = k_options,
    .run = run,
};
