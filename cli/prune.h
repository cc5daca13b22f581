/* What compile, plan, opt and prune share: how weights are pruned, and what is written of it. */
#ifndef WFC_CLI_PRUNE_H
#define WFC_CLI_PRUNE_H

#include "cli/cli.h"
#include "frontend/import.h"
#include "passes/prune/prune.h"
#include "runtime/host/tensors.h"

enum { CLI_ID_PRUNE = 500, CLI_ID_RECIPE, CLI_ID_CALIBRATE, CLI_ID_GRADIENTS, CLI_ID_MASKS };
#define CLI_PRUNE_OPTIONS                                                                                              \
    {CLI_ID_PRUNE, "prune", "HOW", "zero weights: magnitude:0.9, lamp:0.9, random:0.8:erk, magnitude:2:4, ..."},       \
        {CLI_ID_RECIPE, "recipe", "FILE.yaml", "the same from a file, with what holds for single layers"},             \
        {CLI_ID_CALIBRATE, "calibrate", "FILE.npz", "samples by input, for the criteria that look at activations"}, {  \
        CLI_ID_GRADIENTS, "gradients", "FILE.npz", "the loss's gradients by weight, for snip"                          \
    }
#define CLI_MASKS_OPTION                                                                                               \
    { CLI_ID_MASKS, "masks", "FILE.npz", "write which weights are there (1) and which are zero (0), by initializer" }

typedef struct cli_prune {
    wfc_prune_spec spec;
    bool prunes;
    const char *masks_path, *calibrate_path, *gradients_path;
    bool keep_shapes;                /* set before cli_prune_run: channels without a use stay as zeros */
    bool wants_tensors;              /* set before cli_prune_run: fill `tensors` */
    wfc_tensor_list masks;           /* u8, by name: filled by cli_prune_run when masks_path is set */
    WFC_VEC(wfc_new_tensor) tensors; /* the pruned weights; they borrow from graph and import */
} cli_prune;
/* *taken: the id was one of the above. */
WFC_MUST_USE wfc_status cli_prune_option(cli_context *c, cli_prune *p, int id, const char *value, bool *taken);
/* Prunes the graph as it was imported, before any pass. `im` names the masks by the model's initializers; NULL: by the
 * constants of the graph. */
WFC_MUST_USE wfc_status cli_prune_run(cli_context *c, cli_prune *p, wfc_graph *g, const wfc_import *im);
/* Does nothing without --masks. */
WFC_MUST_USE wfc_status cli_prune_write(cli_context *c, const cli_prune *p);
void cli_prune_deinit(cli_prune *p);

/* Samples and gradients for a run of wfc_prune, from files. prune_data.c */
typedef struct cli_prune_data {
    wfc_prune_data data; /* borrows from the rest */
    wfc_tensor_list samples, gradients;
    wfc_tensor *inputs; /* [data.input_count], views of samples */
} cli_prune_data;
WFC_MUST_USE wfc_status cli_prune_data_load(cli_context *c, const cli_prune *p, const wfc_graph *g,
                                            cli_prune_data *out);
void cli_prune_data_deinit(cli_prune_data *d);

#endif
