/* ONNX test data: a folder with input_0.pb .. and output_0.pb .., or the parent of several test_data_set_K. */
#ifndef WFC_CLI_DATA_H
#define WFC_CLI_DATA_H

#include "cli/cli.h"
#include "runtime/host/run.h"

/* Zero-initialise. One entry per set, in numeric order of the folders. */
typedef struct cli_data {
    wfc_tensor_list *inputs, *outputs; /* outputs[i] is empty when the folder has none */
    uint32_t count, capacity;
} cli_data;
void cli_data_deinit(cli_data *d);
/* Tensors take the program's names: their own when they are all known, else by position, as ONNX numbers them. */
WFC_MUST_USE wfc_status cli_data_load(cli_context *c, const char *folder, const wfc_program *p, cli_data *out);
/* Appends an empty set, filled by the caller. */
WFC_MUST_USE wfc_status cli_data_add(cli_context *c, cli_data *d);

#endif
