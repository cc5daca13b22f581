/* The shell around the libraries: one const record per subcommand (cmd_NAME.c), gathered in main.c. Options are tables
 * too, so that --help and the parser cannot drift apart. Only cli/ prints and only main.c exits. */
#ifndef WFC_CLI_CLI_H
#define WFC_CLI_CLI_H

#include "support/diag.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct cli_context {
    wfc_diag diag; /* printed by main.c after the command */
    bool quiet;    /* -q: errors and warnings only */
    int verbose;   /* -v, may be repeated: notes, more about the results */
    bool finished; /* --help or --version was printed: the command has nothing more to do */
} cli_context;

typedef struct cli_option {
    int id;            /* the letter of a short option, or 256 and up */
    const char *name;  /* long name */
    const char *value; /* placeholder of its value, NULL when it takes none */
    const char *help;  /* one line */
} cli_option;
enum { CLI_FIRST_LONG_ID = 256 };

typedef struct cli_command {
    const char *name, *summary;
    const char *usage;         /* what follows "waferc NAME" */
    const char *notes;         /* printed after the options by --help; may be NULL */
    const cli_option *options; /* ends with id 0; NULL for none. -q -v -h --version are common to all */
    wfc_status (*run)(cli_context *c, int argc, char **argv);
} cli_command;

/* Stores one option; returns WFC_OK or a status after reporting. */
typedef wfc_status (*cli_set_option)(cli_context *c, void *state, int id, const char *value);
/* Parses argv of a subcommand (argv[0] is its name). The operands are moved to the end; *out_first is the first of
 * them. At least min_operands and at most max_operands must be there. When c->finished is set, the caller returns
 * WFC_OK. */
WFC_MUST_USE wfc_status cli_parse(cli_context *c, const cli_command *cmd, int argc, char **argv, cli_set_option set,
                                  void *state, int min_operands, int max_operands, int *out_first);
/* A usage error: code WFC-E0010, `where` is the option or operand. */
wfc_status cli_usage_error(cli_context *c, const char *where, const char *fmt, ...) WFC_PRINTF(3, 4);

/* Whole numbers in decimal within [lo, hi]; a finite real number >= 0. `where` names the option in the message. */
WFC_MUST_USE wfc_status cli_number(cli_context *c, const char *where, const char *text, uint64_t lo, uint64_t hi,
                                   uint64_t *out);
WFC_MUST_USE wfc_status cli_real(cli_context *c, const char *where, const char *text, double *out);

/* Writes to stdout; what cannot be written becomes an error once, at the end (cli_flush). cli_say is silent with -q. */
void cli_print(const char *fmt, ...) WFC_PRINTF(1, 2);
void cli_say(const cli_context *c, const char *fmt, ...) WFC_PRINTF(2, 3);
WFC_MUST_USE wfc_status cli_flush(cli_context *c);
/* WFC_ERR_NO_MEMORY once any allocation failed: for commands whose result is what they printed, names as "?" in it. */
WFC_MUST_USE wfc_status cli_check_memory(cli_context *c);
/* Errors and warnings always; notes that follow an error too, the other notes with -v. */
void cli_print_diag(const cli_context *c, const wfc_diag *d);

/* A line on the terminal for what takes more than a second; nothing when stderr is no terminal or with -q. */
void cli_progress(const cli_context *c, const char *fmt, ...) WFC_PRINTF(2, 3);
/* The same for a step that reports nothing itself: after a second the line says `text` (a literal) until the next call.
 */
void cli_stage(const cli_context *c, const char *text);
void cli_progress_end(void);

extern const cli_command cli_cmd_compile, cli_cmd_run, cli_cmd_inspect, cli_cmd_dis, cli_cmd_asm, cli_cmd_targets,
    cli_cmd_ops, cli_cmd_passes, cli_cmd_opt, cli_cmd_report, cli_cmd_plan, cli_cmd_prune, cli_cmd_place;

#endif
