/* What a command says of a model's inputs. --dim NAME=VALUE: a symbolic dimension. --input-shape NAME=1x3x224x224: the
 * shape of an input. --const NAME=FILE: the value of an input that only says shapes, axes and the like. */
#ifndef WFC_CLI_DIMS_H
#define WFC_CLI_DIMS_H

#include "cli/cli.h"
#include "frontend/import.h"

enum { CLI_MAX_DIMS = 64 };
typedef struct cli_dims {
    char *names[CLI_MAX_DIMS]; /* owned */
    int64_t values[CLI_MAX_DIMS];
    uint32_t count;
    wfc_input_shape shapes[CLI_MAX_DIMS]; /* names owned */
    uint32_t shape_count;
    char *const_names[CLI_MAX_DIMS]; /* owned */
    wfc_tensor const_values[CLI_MAX_DIMS];
    uint32_t const_count;
} cli_dims;
WFC_MUST_USE wfc_status cli_dims_option(cli_context *c, cli_dims *d, const char *value);
WFC_MUST_USE wfc_status cli_dims_shape_option(cli_context *c, cli_dims *d, const char *value);
/* Reads FILE, .npy or a TensorProto (.pb). */
WFC_MUST_USE wfc_status cli_dims_const_option(cli_context *c, cli_dims *d, const char *value);
/* Puts what was given into the options; these borrow. */
void cli_dims_apply(const cli_dims *d, wfc_import_options *opt);
void cli_dims_deinit(cli_dims *d);

#endif
