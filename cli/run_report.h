/* What `waferc run` prints about a finished run. */
#ifndef WFC_CLI_RUN_REPORT_H
#define WFC_CLI_RUN_REPORT_H

#include "cli/cli.h"
#include "cli/data.h"
#include "runtime/host/run.h"

/* Cycles, PEs, memory in a few lines; with -v a line per layer. */
void cli_report_run(const cli_context *c, const wfc_program *p, const wfc_host_run *r);
/* `path` names the labels in messages. "top-1 accuracy: 180 of 200 (90.00 %)". */
WFC_MUST_USE wfc_status cli_report_labels(cli_context *c, const wfc_program *p, const wfc_host_run *r,
                                          const wfc_tensor *labels, const char *path);
/* A line per output; WFC_ERR_COMPARE and an error message when one of them fails. */
WFC_MUST_USE wfc_status cli_report_compare(cli_context *c, const wfc_program *p, const wfc_host_run *r,
                                           const cli_data *data, const wfc_tolerance *tol);

#endif
