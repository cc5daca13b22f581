/* --dim NAME=VALUE: symbolic dimensions of a model. */
#ifndef WFC_CLI_DIMS_H
#define WFC_CLI_DIMS_H

#include "cli/cli.h"

enum { CLI_MAX_DIMS = 64 };
typedef struct cli_dims {
    char *names[CLI_MAX_DIMS]; /* owned */
    int64_t values[CLI_MAX_DIMS];
    uint32_t count;
} cli_dims;
WFC_MUST_USE wfc_status cli_dims_option(cli_context *c, cli_dims *d, const char *value);
void cli_dims_deinit(cli_dims *d);

#endif
