#include "runtime/program/asm_lex.h"

#include <string.h>

/* ctype.h depends on the locale; program text does not. */
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void wfc_lex_init(wfc_lexer *l, const char *text, size_t n) {
    *l = (wfc_lexer){.text = text, .end = text + n, .at = text, .line = 1, .line_start = text};
    wfc_lex_next(l);
}

static char peek(const wfc_lexer *l, size_t ahead) {
    return (size_t)(l->end - l->at) > ahead ? l->at[ahead] : '\0';
}

static void skip_blanks(wfc_lexer *l) {
    while (l->at < l->end) {
        char c = *l->at;
        if (c == '\n') {
            l->line++;
            l->line_start = l->at + 1;
        } else if (c == '#' || c == ';') {
            while (l->at + 1 < l->end && l->at[1] != '\n') l->at++;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
        l->at++;
    }
}

static void take_number(wfc_lexer *l) {
    bool hex = peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X');
    while (is_digit(peek(l, 0)) || is_letter(peek(l, 0)) || (peek(l, 0) == '.' && peek(l, 1) != '.')) {
        char c = *l->at++;
        bool exponent = hex ? c == 'p' || c == 'P' : c == 'e' || c == 'E';
        if (exponent && (peek(l, 0) == '+' || peek(l, 0) == '-')) l->at++;
    }
}

static wfc_tok_kind take_string(wfc_lexer *l) {
    l->at++;
    while (l->at < l->end && *l->at != '"' && *l->at != '\n') l->at += *l->at == '\\' && l->at + 1 < l->end ? 2 : 1;
    if (l->at >= l->end || *l->at != '"') return WFC_TOK_BAD;
    l->at++;
    return WFC_TOK_STRING;
}

void wfc_lex_next(wfc_lexer *l) {
    skip_blanks(l);
    const char *start = l->at;
    l->tok = (wfc_tok){.kind = WFC_TOK_END, .text = start, .line = l->line};
    l->tok.column = (uint32_t)(start - l->line_start) + 1;
    if (start >= l->end) return;
    char c = *start;
    if (is_digit(c)) {
        l->tok.kind = WFC_TOK_NUMBER;
        take_number(l);
    } else if (is_letter(c) || (c == '$' && is_letter(peek(l, 1)))) {
        l->tok.kind = c == '$' ? WFC_TOK_VAR : WFC_TOK_NAME;
        l->at++;
        while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)) || (peek(l, 0) == '.' && peek(l, 1) != '.')) l->at++;
    } else if (c == '"') {
        l->tok.kind = take_string(l);
    } else {
        l->tok.kind = strchr("{}[]()<>|,:=+-*/%@.", c) && c ? WFC_TOK_PUNCT : WFC_TOK_BAD;
        l->at += c == '.' && peek(l, 1) == '.' ? 2 : 1;
    }
    l->tok.n = (size_t)(l->at - start);
}

bool wfc_tok_is(const wfc_tok *t, const char *text) {
    return (t->kind == WFC_TOK_NAME || t->kind == WFC_TOK_PUNCT) && t->n == strlen(text) &&
           memcmp(t->text, text, t->n) == 0;
}

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *wfc_tok_copy(const wfc_tok *t, wfc_arena *arena) {
    if (t->kind != WFC_TOK_STRING) return wfc_arena_strndup(arena, t->text, t->n);
    char *out = wfc_arena_alloc(arena, t->n, 1);
    if (!out) return NULL;
    size_t n = 0;
    for (size_t i = 1; i + 1 < t->n; i++) {
        char c = t->text[i];
        if (c != '\\') {
            out[n++] = c;
            continue;
        }
        c = t->text[++i];
        if (c == 'x') {
            if (i + 3 >= t->n) return NULL;
            int high = hex_value(t->text[i + 1]), low = hex_value(t->text[i + 2]);
            if (high < 0 || low < 0 || high + low == 0) return NULL;
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else if (c == 'n' || c == 't') {
            out[n++] = c == 'n' ? '\n' : '\t';
        } else if (c == '"' || c == '\\') {
            out[n++] = c;
        } else {
            return NULL;
        }
    }
    return out;
}

/* ---- symbols ---- */

void wfc_symbols_deinit(wfc_symbols *s) {
    wfc_free(s->keys);
    wfc_free(s->values);
    *s = (wfc_symbols){0};
}

void wfc_symbols_remove_all(wfc_symbols *s) {
    if (s->keys) memset(s->keys, 0, s->capacity * sizeof *s->keys);
    s->count = 0;
}

static size_t slot_of(const wfc_symbols *s, const char *key) {
    uint64_t hash = 1469598103934665603u;
    for (const char *c = key; *c; c++) hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    size_t slot = (size_t)hash & (s->capacity - 1);
    while (s->keys[slot] && strcmp(s->keys[slot], key) != 0) slot = (slot + 1) & (s->capacity - 1);
    return slot;
}

bool wfc_symbols_get(const wfc_symbols *s, const char *key, int64_t *out) {
    if (s->count == 0) return false;
    size_t slot = slot_of(s, key);
    if (!s->keys[slot]) return false;
    *out = s->values[slot];
    return true;
}

static wfc_status grow(wfc_symbols *s) {
    wfc_symbols bigger = {.capacity = s->capacity ? s->capacity * 2 : 16};
    bigger.keys = wfc_calloc(bigger.capacity, sizeof *bigger.keys);
    bigger.values = wfc_calloc(bigger.capacity, sizeof *bigger.values);
    if (!bigger.keys || !bigger.values) {
        wfc_symbols_deinit(&bigger);
        return WFC_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < s->capacity; i++) {
        if (!s->keys[i]) continue;
        size_t slot = slot_of(&bigger, s->keys[i]);
        bigger.keys[slot] = s->keys[i];
        bigger.values[slot] = s->values[i];
        bigger.count++;
    }
    wfc_symbols_deinit(s);
    *s = bigger;
    return WFC_OK;
}

wfc_status wfc_symbols_put(wfc_symbols *s, const char *key, int64_t value) {
    if (s->count * 2 >= s->capacity) WFC_TRY(grow(s));
    size_t slot = slot_of(s, key);
    if (!s->keys[slot]) s->count++;
    s->keys[slot] = key;
    s->values[slot] = value;
    return WFC_OK;
}
