/* waferc ops: the table of ONNX operators that the frontend converts. */
#include "cli/cli.h"
#include "frontend/import.h"

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    (void)c, (void)ctx, (void)id, (void)value;
    return WFC_ERR_INTERNAL; /* it has none of its own */
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    int first;
    WFC_TRY(cli_parse(c, &cli_cmd_ops, argc, argv, set_option, NULL, 0, 0, &first));
    if (c->finished) return WFC_OK;
    uint32_t count;
    const wfc_op_info *ops = wfc_import_ops(&count);
    cli_print("%-24s %-12s %s\n", "operator", "opset", "restrictions");
    for (uint32_t i = 0; i < count; i++) {
        const char *domain = ops[i].domain ? ops[i].domain : "";
        cli_print("%s%s%-*s %4d to %-4d %s\n", domain, *domain ? ":" : "", *domain ? 8 : 24, ops[i].name, ops[i].since,
                  ops[i].until, ops[i].restrictions ? ops[i].restrictions : "");
    }
    return WFC_OK;
}

const cli_command cli_cmd_ops = {
    .name = "ops",
    .summary = "List the ONNX operators that can be compiled",
    .usage = "",
    .run = run,
};
