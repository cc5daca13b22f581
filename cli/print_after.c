#include "cli/print_after.h"

#include <string.h>

wfc_status cli_print_after_add(cli_context *c, cli_print_after *p, const char *name) {
    if (strcmp(name, "all") != 0 && !wfc_pass_find(name))
        return cli_usage_error(c, "--print-after", "there is no pass '%s'; see 'waferc passes'", name);
    if (p->count == CLI_MAX_PRINT_AFTER)
        return cli_usage_error(c, "--print-after", "given more than %d times; 'all' prints after each pass",
                               CLI_MAX_PRINT_AFTER);
    p->names[p->count++] = name;
    return WFC_OK;
}

void cli_print_after_hook(void *ctx, const char *pass, const wfc_graph *g) {
    const cli_print_after *p = ctx;
    bool wanted = false;
    for (unsigned i = 0; i < p->count; i++) wanted |= strcmp(p->names[i], "all") == 0 || strcmp(p->names[i], pass) == 0;
    if (!wanted) return;
    wfc_buf text = {0};
    if (wfc_ir_print(g, &text) == WFC_OK && !text.failed)
        cli_print("# after pass %s\n%s", pass, text.data);
    else
        cli_print("# after pass %s: not enough memory to print the graph\n", pass);
    wfc_buf_deinit(&text);
}
