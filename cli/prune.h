/* --prune and --masks of compile and opt. */
#ifndef WFC_CLI_PRUNE_H
#define WFC_CLI_PRUNE_H

#include "cli/cli.h"
#include "frontend/import.h"
#include "passes/prune.h"
#include "runtime/host/tensors.h"

#define CLI_PRUNE_HELP "zero the weights of smallest magnitude: magnitude:S, S in [0,1), or magnitude:S:global"
#define CLI_MASKS_HELP "write which weights are there (1) and which are zero (0), by initializer"

typedef struct cli_prune {
    wfc_prune_spec spec;
    bool prunes;
    const char *masks_path;
    wfc_tensor_list masks; /* u8, by name: filled by cli_prune_run when masks_path is set */
} cli_prune;
WFC_MUST_USE wfc_status cli_prune_option(cli_context *c, cli_prune *p, const char *value);
/* Prunes the graph as it was imported, before any pass. `im` names the masks by the model's initializers; NULL: by the
 * constants of the graph. */
WFC_MUST_USE wfc_status cli_prune_run(cli_context *c, cli_prune *p, wfc_graph *g, const wfc_import *im);
/* Does nothing without --masks. */
WFC_MUST_USE wfc_status cli_prune_write(cli_context *c, const cli_prune *p);
void cli_prune_deinit(cli_prune *p);

#endif
