/* Private to ir/: a cursor over IR text. Every function skips blanks and comments (# to the end of the line) first.
 * On an error a diagnostic with file:line:column is left and the status returned. */
#ifndef WFC_IR_LEX_H
#define WFC_IR_LEX_H

#include "support/diag.h"
#include "support/dtype.h"
#include "support/mem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wfc_lex {
    const char *text, *at, *end;
    const char *where; /* file name for messages */
    wfc_diag *diag;
} wfc_lex;

WFC_MUST_USE wfc_status wfc_lex_fail(wfc_lex *lx, const char *what);
bool wfc_lex_end(wfc_lex *lx);
/* Takes the literal if it comes next (words only as whole words). */
bool wfc_lex_take(wfc_lex *lx, const char *literal);
bool wfc_lex_peek(wfc_lex *lx, char c); /* whether c comes next */
WFC_MUST_USE wfc_status wfc_lex_expect(wfc_lex *lx, const char *literal);
/* A word of letters, digits and _ into buf; too long is an error. */
WFC_MUST_USE wfc_status wfc_lex_word(wfc_lex *lx, char *buf, size_t size);
/* A quoted string with escapes; allocated in the arena. */
WFC_MUST_USE wfc_status wfc_lex_string(wfc_lex *lx, wfc_arena *arena, const char **out);
/* key="string" */
WFC_MUST_USE wfc_status wfc_lex_attr(wfc_lex *lx, wfc_arena *arena, const char *key, const char **out);
/* %name or %"quoted". */
WFC_MUST_USE wfc_status wfc_lex_name(wfc_lex *lx, wfc_arena *arena, const char **out);
WFC_MUST_USE wfc_status wfc_lex_uint(wfc_lex *lx, uint64_t max, uint64_t *out);
WFC_MUST_USE wfc_status wfc_lex_real(wfc_lex *lx, double *out);
/* [1,2,3] into dims[8]. */
WFC_MUST_USE wfc_status wfc_lex_shape(wfc_lex *lx, uint8_t *rank, uint32_t *dims);
/* {1,2,...} or blob N { base64 } as `elems` elements of type t, allocated in the arena. */
WFC_MUST_USE wfc_status wfc_lex_data(wfc_lex *lx, wfc_arena *arena, wfc_dtype t, uint64_t elems, const uint8_t **out);

#endif
