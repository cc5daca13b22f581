/* Passes: each is one const record in its own file pass_NAME.c, listed in pipelines.c. A pass leaves a graph that
 * verifies. */
#ifndef WFC_PASSES_PASS_H
#define WFC_PASSES_PASS_H

#include "ir/graph.h"

typedef struct wfc_pass {
    const char *name; /* "fold" */
    const char *doc;  /* one line */
    wfc_status (*run)(wfc_graph *g, wfc_diag *diag);
} wfc_pass;

const wfc_pass *const *wfc_pass_list(void); /* NULL-terminated */
const wfc_pass *wfc_pass_find(const char *name);
const char *const *wfc_pass_default_pipeline(void); /* NULL-terminated names */

/* Runs the named passes in order with the verifier after each (and in debug builds the print/parse law). `after` is
 * called after each pass (may be NULL): the hook of --print-after. */
WFC_MUST_USE wfc_status wfc_pass_run(wfc_graph *g, const char *const *names, wfc_diag *diag,
                                     void (*after)(void *ctx, const char *pass, const wfc_graph *g), void *ctx);

#endif
