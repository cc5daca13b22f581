/* Tokens of the program's text form. Newlines are blanks; comments run from '#' or ';' to the end of the line. */
#ifndef WFC_PROGRAM_ASM_LEX_H
#define WFC_PROGRAM_ASM_LEX_H

#include "support/diag.h"
#include "support/mem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum wfc_tok_kind {
    WFC_TOK_END = 0,
    WFC_TOK_NAME,   /* letter or _, then letters, digits, _ and . */
    WFC_TOK_NUMBER, /* digit first: 12 0x1f 1.5 2e-3 0x1.8p3 */
    WFC_TOK_STRING, /* "..." with \" \\ \n \t \xNN */
    WFC_TOK_VAR,    /* $name */
    WFC_TOK_PUNCT,  /* one character, or ".." */
    WFC_TOK_BAD
} wfc_tok_kind;

typedef struct wfc_tok {
    wfc_tok_kind kind;
    const char *text; /* into the source; strings with their quotes */
    size_t n;
    uint32_t line, column;
} wfc_tok;

/* A copy of a lexer is a place to go back to. */
typedef struct wfc_lexer {
    const char *text, *end, *at;
    uint32_t line;
    const char *line_start;
    wfc_tok tok; /* the current token */
} wfc_lexer;

void wfc_lex_init(wfc_lexer *l, const char *text, size_t n);
void wfc_lex_next(wfc_lexer *l);
bool wfc_tok_is(const wfc_tok *t, const char *text); /* name or punctuation with this spelling */
/* The bytes of a string token, or the text of another, NUL-terminated in the arena; NULL: out of memory or bad escape.
 */
char *wfc_tok_copy(const wfc_tok *t, wfc_arena *arena);

/* Names to numbers: open addressing, keys borrowed. */
typedef struct wfc_symbols {
    const char **keys;
    int64_t *values;
    size_t count, capacity;
} wfc_symbols;
void wfc_symbols_deinit(wfc_symbols *s);
bool wfc_symbols_get(const wfc_symbols *s, const char *key, int64_t *out);
WFC_MUST_USE wfc_status wfc_symbols_put(wfc_symbols *s, const char *key, int64_t value); /* replaces */
void wfc_symbols_remove_all(wfc_symbols *s);

#endif
