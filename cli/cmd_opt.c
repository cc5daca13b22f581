/* waferc opt: IR text -> passes -> IR text. */
#include "cli/cli.h"
#include "cli/print_after.h"
#include "cli/prune.h"
#include "support/file.h"
#include "support/mem.h"
#include <stdio.h>
#include <string.h>

enum { MAX_PASSES = 64, ID_PASSES = CLI_FIRST_LONG_ID, ID_PRINT_AFTER };
static const size_t k_max_bytes = (size_t)4 << 30;
static const cli_option k_options[] = {
    {ID_PASSES, "passes", "A,B,...", "the passes to run, in order (default: the default pipeline; '' for none)"},
    {ID_PRINT_AFTER, "print-after", "PASS", "print the IR after a pass, or after 'all'; repeatable"},
    CLI_PRUNE_OPTIONS,
    CLI_MASKS_OPTION,
    {'o', "output", "OUT.wir", "write the result there and not to standard output"},
    {0},
};

typedef struct state {
    const char *output;
    char *list;                        /* the copy of --passes that `names` points into */
    const char *names[MAX_PASSES + 1]; /* NULL-terminated */
    cli_print_after print_after;
    cli_prune prune;
} state;

static wfc_status set_passes(cli_context *c, state *st, const char *value) {
    unsigned count = 0;
    wfc_free(st->list);
    st->list = wfc_strdup(value);
    if (!st->list) return wfc_fail_memory(&c->diag);
    for (char *at = st->list; at && *at;) {
        char *comma = strchr(at, ',');
        if (comma) *comma = '\0';
        if (!wfc_pass_find(at)) return cli_usage_error(c, "--passes", "there is no pass '%s'; see 'waferc passes'", at);
        if (count == MAX_PASSES) return cli_usage_error(c, "--passes", "more than %d passes", MAX_PASSES);
        st->names[count++] = at;
        at = comma ? comma + 1 : NULL;
    }
    st->names[count] = NULL;
    return WFC_OK;
}

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    bool taken;
    wfc_status s = cli_prune_option(c, &st->prune, id, value, &taken);
    if (taken) return s;
    switch (id) {
    case ID_PASSES: return set_passes(c, st, value);
    case ID_PRINT_AFTER: return cli_print_after_add(c, &st->print_after, value);
    case 'o': st->output = value; return WFC_OK;
    }
    return WFC_ERR_INTERNAL;
}

static wfc_status emit(cli_context *c, const state *st, const wfc_graph *g) {
    wfc_buf text = {0};
    wfc_status s = wfc_ir_print(g, &text);
    if (s == WFC_OK && text.failed) s = WFC_ERR_NO_MEMORY;
    if (s == WFC_ERR_NO_MEMORY)
        s = wfc_fail_memory(&c->diag);
    else if (s == WFC_OK && st->output)
        s = wfc_file_write(st->output, text.data, text.count, &c->diag);
    else if (s == WFC_OK)
        cli_print("%s", text.data);
    wfc_buf_deinit(&text);
    return s;
}

static wfc_status optimise(cli_context *c, state *st, const char *path) {
    uint8_t *bytes;
    size_t size;
    wfc_graph g;
    WFC_TRY(wfc_file_read(path, k_max_bytes, &c->diag, &bytes, &size));
    wfc_graph_init(&g);
    wfc_status s = wfc_ir_parse((const char *)bytes, size, path, &c->diag, &g);
    wfc_free(bytes);
    const char *const *names = st->list ? st->names : wfc_pass_default_pipeline();
    if (s == WFC_OK) s = wfc_ir_verify(&g, &c->diag);
    if (s == WFC_OK) s = cli_prune_run(c, &st->prune, &g, NULL);
    if (s == WFC_OK) s = wfc_pass_run(&g, names, &c->diag, cli_print_after_hook, &st->print_after);
    if (s == WFC_OK) s = cli_prune_write(c, &st->prune);
    bool masked = s == WFC_OK && st->prune.masks_path;
    if (s == WFC_OK) s = emit(c, st, &g);
    if (s != WFC_OK && masked) remove(st->prune.masks_path);
    wfc_graph_deinit(&g);
    return s;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {0};
    int first;
    wfc_status s = cli_parse(c, &cli_cmd_opt, argc, argv, set_option, &st, 1, 1, &first);
    if (s == WFC_OK && !c->finished) s = optimise(c, &st, argv[first]);
    wfc_free(st.list);
    cli_prune_deinit(&st.prune);
    return s;
}

const cli_command cli_cmd_opt = {
    .name = "opt",
    .summary = "Run passes over a graph in text form",
    .usage = "GRAPH.wir [--passes=A,B,...]",
    .options = k_options,
    .run = run,
};
