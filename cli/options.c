#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_VERSION = 1, MAX_OPTIONS = 40 };
static const cli_option k_common[] = {
    {'q', "quiet", NULL, "print errors and warnings only"},
    {'v', "verbose", NULL, "print notes and more about the results"},
    {'h', "help", NULL, "print this text"},
    {ID_VERSION, "version", NULL, "print the version"},
    {0},
};

wfc_status cli_usage_error(cli_context *c, const char *where, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return wfc_fail(&c->diag, WFC_ERR_INPUT, "WFC-E0010", where, "%s", text);
}

wfc_status cli_number(cli_context *c, const char *where, const char *text, uint64_t lo, uint64_t hi, uint64_t *out) {
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v < lo || v > hi)
        return cli_usage_error(c, where, "'%s' is not a whole number from %llu to %llu", text, (unsigned long long)lo,
                               (unsigned long long)hi);
    *out = v;
    return WFC_OK;
}

wfc_status cli_real(cli_context *c, const char *where, const char *text, double *out) {
    char *end = NULL;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || v < 0)
        return cli_usage_error(c, where, "'%s' is not a number of at least 0", text);
    *out = v;
    return WFC_OK;
}

static void help_options(const cli_option *options) {
    for (; options && options->id; options++) {
        char left[64];
        int at = options->id > ' ' && options->id < CLI_FIRST_LONG_ID
                     ? snprintf(left, sizeof left, "  -%c, ", options->id)
                     : snprintf(left, sizeof left, "      ");
        snprintf(left + at, sizeof left - (size_t)at, "--%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        cli_print("%-31s %s\n", left, options->help);
    }
}

static void help(const cli_command *cmd) {
    cli_print("Usage: waferc %s%s%s\n\n%s.\n\nOptions:\n", cmd->name, *cmd->usage ? " " : "", cmd->usage, cmd->summary);
    help_options(cmd->options);
    help_options(k_common);
    if (cmd->notes) cli_print("\n%s", cmd->notes);
}

/* getopt's tables from ours. */
typedef struct getopt_tables {
    struct option longs[MAX_OPTIONS];
    char shorts[2 * MAX_OPTIONS + 2];
    int count;
} getopt_tables;

static void add_options(getopt_tables *t, const cli_option *options) {
    for (; options && options->id && t->count < MAX_OPTIONS - 1; options++) {
        t->longs[t->count++] = (struct option){
            .name = options->name, .has_arg = options->value ? required_argument : no_argument, .val = options->id};
        if (options->id <= ' ' || options->id >= CLI_FIRST_LONG_ID) continue;
        size_t n = strlen(t->shorts);
        t->shorts[n] = (char)options->id;
        if (options->value) t->shorts[n + 1] = ':';
    }
}

/* How many long options an abbreviation may mean. */
static unsigned meanings(const getopt_tables *t, const char *arg) {
    unsigned count = 0;
    size_t n = strcspn(arg + 2, "=");
    for (int i = 0; i < t->count; i++) count += strncmp(t->longs[i].name, arg + 2, n) == 0;
    return count;
}

static wfc_status bad_option(cli_context *c, const cli_command *cmd, const getopt_tables *t, char **argv, int id) {
    char where[8] = "-?";
    const char *bad = where, *what = "unknown option";
    if (optopt > ' ' && optopt < CLI_FIRST_LONG_ID) where[1] = (char)optopt;
    if (optind > 1 && strncmp(argv[optind - 1], "--", 2) == 0) {
        bad = argv[optind - 1];
        if (optopt)
            what = "takes no value"; /* getopt found the option */
        else if (meanings(t, bad) > 1)
            what = "may mean more than one option; write it in full";
    }
    if (id == ':') what = "needs a value";
    return cli_usage_error(c, bad, "%s; see 'waferc %s --help'", what, cmd->name);
}

/* True when the option was one of the common ones. */
static bool common_option(cli_context *c, const cli_command *cmd, int id) {
    switch (id) {
    case 'q': c->quiet = true; return true;
    case 'v': c->verbose++; return true;
    case 'h':
        if (!c->finished) help(cmd);
        c->finished = true;
        return true;
    case ID_VERSION:
        if (!c->finished) cli_print("waferc %s\n", WFC_VERSION);
        c->finished = true;
        return true;
    }
    return false;
}

wfc_status cli_parse(cli_context *c, const cli_command *cmd, int argc, char **argv, cli_set_option set, void *state,
                     int min_operands, int max_operands, int *out_first) {
    getopt_tables t = {.shorts = ":"}; /* leading ':': getopt prints nothing and tells a missing value apart */
    add_options(&t, cmd->options);
    add_options(&t, k_common);
    optind = 1;
    opterr = 0;
    for (int id; !c->finished && (id = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1;) {
        if (id == '?' || id == ':') return bad_option(c, cmd, &t, argv, id);
        if (!common_option(c, cmd, id)) WFC_TRY(set(c, state, id, optarg));
    }
    *out_first = optind;
    if (c->finished) return WFC_OK;
    int operands = argc - optind;
    if (operands < min_operands)
        return cli_usage_error(c, "command line", "too few operands; usage: waferc %s %s", cmd->name, cmd->usage);
    if (operands > max_operands)
        return cli_usage_error(c, argv[optind + max_operands], "one operand too many; usage: waferc %s %s", cmd->name,
                               cmd->usage);
    return WFC_OK;
}
