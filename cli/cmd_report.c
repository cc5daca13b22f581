/* waferc report: program file, and the statistics of a run, -> page, picture or data. */
#include "cli/cli.h"
#include "report/report.h"

static const cli_option k_options[] = {
    {'o', "output", "FILE", "where the report goes: .html, .svg, .png or .json"},
    {'s', "stats", "RUN.json", "show what 'waferc run --stats' wrote of this program beside the predictions"},
    {0},
};

typedef struct state {
    const char *output, *stats;
} state;

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    (void)c;
    *(id == 'o' ? &st->output : &st->stats) = value;
    return WFC_OK;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {0};
    int first;
    wfc_report_format format;
    WFC_TRY(cli_parse(c, &cli_cmd_report, argc, argv, set_option, &st, 1, 1, &first));
    if (c->finished) return WFC_OK;
    if (!st.output) return cli_usage_error(c, "-o", "say where the report goes: -o FILE.html, .svg, .png or .json");
    WFC_TRY(wfc_report_format_of(st.output, &c->diag, &format));
    wfc_program p;
    wfc_program_init(&p);
    cli_stage(c, "loading and verifying the program");
    wfc_status s = wfc_program_read(argv[first], &c->diag, &p);
    cli_stage(c, "writing the report");
    if (s == WFC_OK) s = wfc_report_write(&p, st.stats, st.output, &c->diag);
    wfc_program_deinit(&p);
    return s;
}

const cli_command cli_cmd_report = {
    .name = "report",
    .summary = "Show where each layer of a program landed and what holds it back",
    .usage = "PROG.wafer [--stats RUN.json] -o FILE",
    .notes = "A page (.html) is one file that needs no network; .json holds the same facts as data; docs/report.md\n"
             "explains every figure.\n",
    .options = k_options,
    .run = run,
};
