/* --print-after PASS, shared by compile and opt. */
#ifndef WFC_CLI_PRINT_AFTER_H
#define WFC_CLI_PRINT_AFTER_H

#include "cli/cli.h"
#include "passes/pass.h"

enum { CLI_MAX_PRINT_AFTER = 32 };
typedef struct cli_print_after {
    const char *names[CLI_MAX_PRINT_AFTER]; /* "all" prints after each */
    unsigned count;
} cli_print_after;
/* Checks that the pass exists. */
WFC_MUST_USE wfc_status cli_print_after_add(cli_context *c, cli_print_after *p, const char *name);
/* The callback of wfc_pass_run; ctx is the cli_print_after. Prints the IR text to stdout under a comment line. */
void cli_print_after_hook(void *ctx, const char *pass, const wfc_graph *g);

#endif
