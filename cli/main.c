/* waferc: finds the subcommand, prints its messages, turns its status into the exit code. */
#include "cli/cli.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const cli_command *const k_commands[] = {
    &cli_cmd_compile, &cli_cmd_plan, &cli_cmd_run,    &cli_cmd_report, &cli_cmd_inspect, &cli_cmd_dis,   &cli_cmd_asm,
    &cli_cmd_targets, &cli_cmd_ops,  &cli_cmd_passes, &cli_cmd_opt,    &cli_cmd_prune,   &cli_cmd_place,
};
enum { NUM_COMMANDS = sizeof k_commands / sizeof *k_commands };

static void print_help(void) {
    cli_print("Usage: waferc COMMAND [OPTIONS] ...\n\n"
              "Compiles a neural network (ONNX) into one program per processing element of a wafer-scale mesh,\n"
              "and runs those programs in the bundled simulator.\n\nCommands:\n");
    for (int i = 0; i < NUM_COMMANDS; i++) cli_print("  %-9s %s\n", k_commands[i]->name, k_commands[i]->summary);
    cli_print("\n'waferc COMMAND --help' tells more about one of them; 'waferc --version' prints the version.\n\n"
              "Exit status: 0 success; 1 comparison failed; 2 bad usage or bad input; 3 model not supported;\n"
              "4 does not fit the target; 5 the program stopped (deadlock, trap, limit); 70 internal error;\n"
              "74 reading or writing failed.\n");
}

static const cli_command *find(const char *name) {
    for (int i = 0; i < NUM_COMMANDS; i++)
        if (strcmp(k_commands[i]->name, name) == 0) return k_commands[i];
    return NULL;
}

static wfc_status dispatch(cli_context *c, int argc, char **argv) {
    if (argc < 2) return cli_usage_error(c, "command line", "no command is given; see 'waferc --help'");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return WFC_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        cli_print("waferc %s\n", WFC_VERSION);
        return WFC_OK;
    }
    const cli_command *cmd = find(argv[1]);
    if (!cmd) return cli_usage_error(c, argv[1], "unknown command; see 'waferc --help'");
    return cmd->run(c, argc - 1, argv + 1);
}

/* Were standard output closed, the next file opened would take its number, and what is printed would go into that file.
 * The read-only place holders make such prints fail as they should. */
static bool fill_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) return false;
    return true;
}

int main(int argc, char **argv) {
    cli_context c = {0};
    if (!fill_standard_streams()) return wfc_status_exit_code(WFC_ERR_IO);
    wfc_diag_init(&c.diag);
    /* A reader that closes the pipe early, or a file size limit, shows as an error of write and gets its exit code. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    setlocale(LC_ALL, "C");
    wfc_status s = dispatch(&c, argc, argv);
    cli_progress_end();
    wfc_status flushed = cli_flush(&c);
    if (s == WFC_OK) s = flushed;
    if (s == WFC_ERR_NO_MEMORY && c.diag.error_count == 0) s = wfc_fail_memory(&c.diag); /* the status says it all */
    /* Every failure is explained: one that is not would be our bug. */
    if (s != WFC_OK && s != WFC_ERR_COMPARE && c.diag.error_count == 0)
        wfc_diag_add(&c.diag, WFC_ERROR, "WFC-E0099", "", "%s, and nothing said why; please report this",
                     wfc_status_name(s));
    cli_print_diag(&c, &c.diag);
    wfc_diag_deinit(&c.diag);
    return wfc_status_exit_code(s);
}
