/* waferc targets: the built-in machines, or one of them (or a file) as JSON. */
#include "cli/cli.h"
#include "runtime/program/target.h"
#include "support/mem.h"
#include <inttypes.h>

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    (void)c, (void)ctx, (void)id, (void)value;
    return WFC_ERR_INTERNAL; /* it has none of its own */
}

static wfc_status print_one(cli_context *c, const char *name) {
    wfc_target t;
    WFC_TRY(wfc_target_load(name, &c->diag, &t));
    char *json = wfc_target_to_json(&t);
    if (json) cli_print("%s\n", json);
    wfc_free(json);
    wfc_target_deinit(&t);
    return json ? WFC_OK : wfc_fail_memory(&c->diag);
}

static wfc_status print_list(cli_context *c) {
    cli_print("%-12s %11s %6s %8s %7s %6s %9s\n", "name", "PEs", "KiB", "colours", "queues", "ports", "clock MHz");
    for (const char *const *name = wfc_target_names(); *name; name++) {
        wfc_target t;
        WFC_TRY(wfc_target_load(*name, &c->diag, &t));
        cli_print("%-12s %5u x %3u %6.1f %8u %4u/%-2u %6u %9.0f\n", t.name, t.width, t.height, t.sram_bytes / 1024.0,
                  t.colours, t.in_queues, t.out_queues, t.io_count[0] + t.io_count[1], t.clock_hz / 1e6);
        wfc_target_deinit(&t);
    }
    cli_say(c, "\n'waferc targets NAME' prints one as JSON; --target takes a changed copy as FILE.json.\n");
    return WFC_OK;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    int first;
    WFC_TRY(cli_parse(c, &cli_cmd_targets, argc, argv, set_option, NULL, 0, 1, &first));
    if (c->finished) return WFC_OK;
    return first < argc ? print_one(c, argv[first]) : print_list(c);
}

const cli_command cli_cmd_targets = {
    .name = "targets",
    .summary = "List the built-in targets, or print one as JSON",
    .usage = "[NAME|FILE.json]",
    .run = run,
};
