/* Diagnostics: the list of messages a call leaves behind for its caller to print.
 *
 * Libraries never print. A message has a severity, a stable code such as "WFC-E0231", a place (model, ONNX node,
 * or file:line:column) and one text that says what was found, what was expected and what to do.
 * Text from files (node names, paths) is escaped when it is stored: control bytes and invalid UTF-8 become \xNN. In
 * `text` line breaks are kept and the lines after the first are indented, so that no name can forge a message. */
#ifndef WFC_SUPPORT_DIAG_H
#define WFC_SUPPORT_DIAG_H

#include "support/mem.h"
#include "support/status.h"
#include <stdbool.h>
#include <stddef.h>

typedef enum wfc_severity { WFC_NOTE, WFC_WARNING, WFC_ERROR } wfc_severity;

typedef struct wfc_diag_item {
    wfc_severity severity;
    char code[12]; /* "WFC-E0231" */
    char *where;   /* escaped; may be "" */
    char *text;    /* escaped; never NULL */
} wfc_diag_item;

typedef struct wfc_diag {
    wfc_diag_item *items;
    size_t count, capacity;
    size_t error_count;
    int out_of_memory; /* set when an error could not be stored */
    size_t lost;       /* notes and warnings that could not be stored */
} wfc_diag;

void wfc_diag_init(wfc_diag *d);
void wfc_diag_deinit(wfc_diag *d);
/* Appends a message. `where` may be NULL. Never fails visibly: out of memory sets the flag or
 * counts in `lost`. `d` may be NULL (dropped).
 */
void wfc_diag_add(wfc_diag *d, wfc_severity sev, const char *code, const char *where, const char *fmt, ...)
    WFC_PRINTF(5, 6);
/* Appends an error and returns `s`, so that a failing function can `return wfc_fail(d, WFC_ERR_INPUT, ...)`. */
wfc_status wfc_fail(wfc_diag *d, wfc_status s, const char *code, const char *where, const char *fmt, ...)
    WFC_PRINTF(5, 6);
/* Reports out of memory and returns WFC_ERR_NO_MEMORY. */
wfc_status wfc_fail_memory(wfc_diag *d);
/* Escapes `n` bytes of text into a malloc'ed string (caller frees), cut at `max_out` bytes with "..."; NULL when out of
 * memory. */
char *wfc_escape(const char *text, size_t n, size_t max_out);
/* Whether a NUL-terminated text is strict UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
bool wfc_is_utf8(const char *text);
/* A copy of the text in the arena, escaped where it is not UTF-8: names of a model on their way into a program. NULL
 * when out of memory. */
char *wfc_arena_utf8(wfc_arena *a, const char *text);

#endif
