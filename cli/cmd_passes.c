/* waferc passes: every pass, and where it stands in the default pipeline. */
#include "cli/cli.h"
#include "passes/pass.h"
#include <string.h>

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    (void)c, (void)ctx, (void)id, (void)value;
    return WFC_ERR_INTERNAL; /* it has none of its own */
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    int first;
    WFC_TRY(cli_parse(c, &cli_cmd_passes, argc, argv, set_option, NULL, 0, 0, &first));
    if (c->finished) return WFC_OK;
    for (const wfc_pass *const *p = wfc_pass_list(); *p; p++) cli_print("%-14s %s\n", (*p)->name, (*p)->doc);
    cli_print("\ndefault pipeline: ");
    for (const char *const *name = wfc_pass_default_pipeline(); *name; name++)
        cli_print("%s%s", name == wfc_pass_default_pipeline() ? "" : ",", *name);
    cli_print("\n");
    return WFC_OK;
}

const cli_command cli_cmd_passes = {
    .name = "passes",
    .summary = "List the passes and the default pipeline",
    .usage = "",
    .run = run,
};
