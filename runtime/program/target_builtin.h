/* The targets/NAME.json files as bytes, generated at build time (embed_targets.cmake). */
#ifndef WFC_PROGRAM_TARGET_BUILTIN_H
#define WFC_PROGRAM_TARGET_BUILTIN_H

#include <stddef.h>

typedef struct wfc_builtin_target {
    const char *name, *json;
    size_t bytes;
} wfc_builtin_target;
extern const wfc_builtin_target wfc_builtin_targets[]; /* ends with name NULL */

#endif
