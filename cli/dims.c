#include "cli/dims.h"

#include "runtime/host/tensors.h"
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

/* "1x3x224x224"; "" is a scalar. */
static wfc_status parse_shape(cli_context *c, const char *text, wfc_input_shape *s) {
    for (const char *p = text; *p;) {
        char part[24];
        uint64_t n;
        size_t length = strcspn(p, "x");
        if (s->rank == WFC_IR_MAX_RANK)
            return cli_usage_error(c, "--input-shape", "'%s' has more than %d axes", text, WFC_IR_MAX_RANK);
        if (length == 0 || length >= sizeof part || (p[length] == 'x' && !p[length + 1]))
            return cli_usage_error(c, "--input-shape", "'%s' is no shape such as 1x3x224x224", text);
        memcpy(part, p, length);
        part[length] = 0;
        WFC_TRY(cli_number(c, "--input-shape", part, 1, INT32_MAX, &n));
        s->dims[s->rank++] = (int64_t)n;
        p += length + (p[length] == 'x');
    }
    return WFC_OK;
}

wfc_status cli_dims_shape_option(cli_context *c, cli_dims *d, const char *value) {
    const char *equals = strrchr(value, '=');
    if (!equals || equals == value)
        return cli_usage_error(c, "--input-shape", "'%s' is not of the form NAME=1x3x224x224", value);
    if (d->shape_count == CLI_MAX_DIMS)
        return cli_usage_error(c, "--input-shape", "given more than %d times", CLI_MAX_DIMS);
    wfc_input_shape s = {0};
    WFC_TRY(parse_shape(c, equals + 1, &s));
    char *name = wfc_strndup(value, (size_t)(equals - value));
    if (!name) return wfc_fail_memory(&c->diag);
    for (uint32_t i = 0; i < d->shape_count; i++) {
        if (strcmp(d->shapes[i].name, name) != 0) continue;
        wfc_free(name);
        return cli_usage_error(c, "--input-shape", "'%s' is given twice", d->shapes[i].name);
    }
    s.name = name;
    d->shapes[d->shape_count++] = s;
    return WFC_OK;
}

wfc_status cli_dims_const_option(cli_context *c, cli_dims *d, const char *value) {
    enum { MAX_BYTES = 1 << 30 };
    const char *equals = strchr(value, '=');
    if (!equals || equals == value || !equals[1])
        return cli_usage_error(c, "--const", "'%s' is not of the form NAME=FILE", value);
    if (d->const_count == CLI_MAX_DIMS) return cli_usage_error(c, "--const", "given more than %d times", CLI_MAX_DIMS);
    char *name = wfc_strndup(value, (size_t)(equals - value)), *inner = NULL;
    wfc_tensor t = {0};
    size_t length = strlen(equals + 1);
    bool npy = length > 4 && strcmp(equals + 1 + length - 4, ".npy") == 0;
    wfc_status s = !name ? wfc_fail_memory(&c->diag)
                   : npy ? wfc_npy_read(equals + 1, MAX_BYTES, &c->diag, &t)
                         : wfc_import_tensor_file(equals + 1, &c->diag, &inner, &t);
    wfc_free(inner);
    if (s != WFC_OK) {
        wfc_free(name);
        return s;
    }
    d->const_names[d->const_count] = name;
    d->const_values[d->const_count++] = t;
    return WFC_OK;
}

void cli_dims_apply(const cli_dims *d, wfc_import_options *opt) {
    opt->dim_names = (const char *const *)d->names;
    opt->dim_values = d->values;
    opt->dim_count = d->count;
    opt->shapes = d->shapes;
    opt->shape_count = d->shape_count;
    opt->bound_names = (const char *const *)d->const_names;
    opt->bound_values = d->const_values;
    opt->bound_count = d->const_count;
    opt->bound_strict = true;
}

void cli_dims_deinit(cli_dims *d) {
    for (uint32_t i = 0; i < d->shape_count; i++) wfc_free((void *)d->shapes[i].name);
    d->shape_count = 0;
    for (uint32_t i = 0; i < d->const_count; i++) {
        wfc_free(d->const_names[i]);
        wfc_tensor_deinit(&d->const_values[i]);
    }
    d->const_count = 0;
    for (uint32_t i = 0; i < d->count; i++) wfc_free(d->names[i]);
    d->count = 0;
}
