/* The passes, and the order in which compile runs them. */
#include "passes/pipelines.h"
#include <stddef.h>

static const wfc_pass *const passes[] = {&wfc_pass_fold,          &wfc_pass_identity,    &wfc_pass_viewmerge,
                                         &wfc_pass_channelsfirst, &wfc_pass_scalefold,   &wfc_pass_concatpad,
                                         &wfc_pass_maxfirst,      &wfc_pass_splitreduce, &wfc_pass_zeros,
                                         &wfc_pass_unbatch,       &wfc_pass_fuse,        NULL};

/* viewmerge first, so that contracts read large transposed weights in place and fold need not copy them.
 * identity opens ways for viewmerge and the other way round (a map that was the only thing between two views); fold
 * and identity before scalefold turn scalar operands into literals; scalefold leaves weights to fold and views to
 * merge, and so does concatpad. channelsfirst when views are merged: it knows transpositions that are one step each,
 * and leaves constants to fold. maxfirst after scalefold, so that a scaled bias moves too; splitreduce behind it, when
 * it is known what a global maximum reads. zeros when no pass makes weights any more. Unbatch and fuse see the final
 * graph. */
static const char *const default_pipeline[] = {"viewmerge",     "fold",     "identity",  "viewmerge", "identity",
                                               "channelsfirst", "fold",     "viewmerge", "scalefold", "concatpad",
                                               "fold",          "identity", "viewmerge", "identity",  "maxfirst",
                                               "splitreduce",   "zeros",    "unbatch",   "fuse",      NULL};

const wfc_pass *const *wfc_pass_list(void) {
    return passes;
}
const char *const *wfc_pass_default_pipeline(void) {
    return default_pipeline;
}
