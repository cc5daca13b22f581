/* --recipe FILE.yaml: a pruning with what holds for single layers. docs/sparsity.md lists the keys; they are those of
 * Cerebras' sparsity groups, SparseML's mask_structure and Neural Compressor's bounds per operator, where these mean
 * the same. */
#ifndef WFC_CLI_RECIPE_H
#define WFC_CLI_RECIPE_H

#include "cli/cli.h"
#include "passes/prune/prune.h"

/* Errors: WFC_ERR_INPUT (WFC-E0043) with "FILE:LINE" for what is no YAML, unknown or repeated keys, and values that do
 * not fit; WFC_ERR_IO. */
WFC_MUST_USE wfc_status cli_recipe_read(cli_context *c, const char *path, wfc_prune_spec *out);

#endif
