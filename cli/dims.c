#include "cli/dims.h"

#include "support/mem.h"
#include <string.h>

wfc_status cli_dims_option(cli_context *c, cli_dims *d, const char *value) {
    const char *equals = strrchr(value, '=');
    uint64_t n;
    if (!equals || equals == value) return cli_usage_error(c, "--dim", "'%s' is not of the form NAME=VALUE", value);
    if (d->count == CLI_MAX_DIMS) return cli_usage_error(c, "--dim", "given more than %d times", CLI_MAX_DIMS);
    WFC_TRY(cli_number(c, "--dim", equals + 1, 1, INT32_MAX, &n));
    size_t length = (size_t)(equals - value);
    for (uint32_t i = 0; i < d->count; i++)
        if (strlen(d->names[i]) == length && strncmp(d->names[i], value, length) == 0)
            return cli_usage_error(c, "--dim", "'%s' is given twice", d->names[i]);
    char *name = wfc_strndup(value, length);
    if (!name) return wfc_fail_memory(&c->diag);
    d->names[d->count] = name;
    d->values[d->count++] = (int64_t)n;
    return WFC_OK;
}

void cli_dims_deinit(cli_dims *d) {
    for (uint32_t i = 0; i < d->count; i++) wfc_free(d->names[i]);
    d->count = 0;
}
