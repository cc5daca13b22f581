/* Private to passes/: the records that pipelines.c lists. */
#ifndef WFC_PASSES_PIPELINES_H
#define WFC_PASSES_PIPELINES_H

#include "passes/pass.h"

extern const wfc_pass wfc_pass_fold, wfc_pass_identity, wfc_pass_viewmerge, wfc_pass_scalefold, wfc_pass_maxfirst,
    wfc_pass_zeros, wfc_pass_unbatch, wfc_pass_fuse, wfc_pass_concatpad, wfc_pass_splitreduce, wfc_pass_channelsfirst;

#endif
