/* Grammar helpers of the assembler. */
#include "runtime/program/asm_parse.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPEATS = 1 << 24, MAX_DEPTH = 64 };
static const int64_t MAX_INT = (int64_t)1 << 48; /* sums and products of two are checked against it */

wfc_status wfc_asm_fail(wfc_asm *a, const char *fmt, ...) {
    char place[512], text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    snprintf(place, sizeof place, "%.400s:%u:%u", a->where, a->lex.tok.line, a->lex.tok.column);
    return wfc_fail(a->diag, WFC_ERR_INPUT, "WFC-E1101", place, "%s", text);
}

wfc_status wfc_asm_expected(wfc_asm *a, const char *what) {
    const wfc_tok *t = &a->lex.tok;
    if (t->kind == WFC_TOK_END) return wfc_asm_fail(a, "expected %s, found the end of the text", what);
    int n = t->n > 60 ? 60 : (int)t->n;
    return wfc_asm_fail(a, "expected %s, found '%.*s'", what, n, t->text);
}

wfc_status wfc_asm_no_memory(wfc_asm *a) {
    return wfc_fail_memory(a->diag);
}

bool wfc_asm_at(const wfc_asm *a, const char *text) {
    return wfc_tok_is(&a->lex.tok, text);
}

bool wfc_asm_take(wfc_asm *a, const char *text) {
    if (!wfc_asm_at(a, text)) return false;
    wfc_lex_next(&a->lex);
    return true;
}

wfc_status wfc_asm_need(wfc_asm *a, const char *text) {
    char what[40];
    if (wfc_asm_take(a, text)) return WFC_OK;
    snprintf(what, sizeof what, "'%s'", text);
    return wfc_asm_expected(a, what);
}

/* ---- integers ---- */

static wfc_status sum(wfc_asm *a, unsigned depth, int64_t *out);

static wfc_status literal(wfc_asm *a, int64_t *out) {
    const wfc_tok *t = &a->lex.tok;
    char digits[24];
    if (t->n >= sizeof digits) return wfc_asm_expected(a, "an integer below 2^48");
    memcpy(digits, t->text, t->n);
    digits[t->n] = '\0';
    char *end;
    bool hex = t->n > 2 && (digits[1] == 'x' || digits[1] == 'X');
    unsigned long long v = strtoull(digits, &end, hex ? 16 : 10);
    if (*end) return wfc_asm_expected(a, "an integer");
    if (v > (unsigned long long)MAX_INT) return wfc_asm_expected(a, "an integer below 2^48");
    *out = (int64_t)v;
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

/* Open addressing has no cheap removal, so an unbound variable is one bound to UNBOUND. */
static const int64_t UNBOUND = INT64_MIN;

bool wfc_asm_variable(const wfc_asm *a, const char *name, int64_t *out) {
    return wfc_symbols_get(&a->vars, name, out) && *out != UNBOUND;
}

wfc_status wfc_asm_bind(wfc_asm *a, const char *name, int64_t value) {
    return wfc_symbols_put(&a->vars, name, value) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

wfc_status wfc_asm_unbind(wfc_asm *a, const char *name) {
    return wfc_asm_bind(a, name, UNBOUND);
}

wfc_status wfc_asm_variable_value(wfc_asm *a, int64_t *out) {
    char name[64];
    const wfc_tok *t = &a->lex.tok;
    snprintf(name, sizeof name, "%.*s", t->n > 63 ? 62 : (int)t->n - 1, t->text + 1);
    if (!wfc_asm_variable(a, name, out)) return wfc_asm_fail(a, "$%s is not defined here", name);
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

static wfc_status factor(wfc_asm *a, unsigned depth, int64_t *out) {
    if (depth > 32) return wfc_asm_fail(a, "the expression is nested too deep");
    if (wfc_asm_take(a, "-")) {
        WFC_TRY(factor(a, depth + 1, out));
        *out = -*out;
        return WFC_OK;
    }
    if (wfc_asm_take(a, "(")) {
        WFC_TRY(sum(a, depth + 1, out));
        return wfc_asm_need(a, ")");
    }
    if (a->lex.tok.kind == WFC_TOK_NUMBER) return literal(a, out);
    if (a->lex.tok.kind == WFC_TOK_VAR) return wfc_asm_variable_value(a, out);
    return wfc_asm_expected(a, "an integer");
}

static bool too_large(int64_t v) {
    return v > MAX_INT || v < -MAX_INT;
}

static wfc_status product(wfc_asm *a, unsigned depth, int64_t *out) {
    WFC_TRY(factor(a, depth, out));
    for (;;) {
        char op = wfc_asm_at(a, "*") ? '*' : wfc_asm_at(a, "/") ? '/' : wfc_asm_at(a, "%") ? '%' : 0;
        if (!op) return WFC_OK;
        wfc_lex_next(&a->lex);
        int64_t v;
        WFC_TRY(factor(a, depth, &v));
        if (op == '*') {
            int64_t size = v < 0 ? -v : v, other = *out < 0 ? -*out : *out;
            if (size != 0 && other > MAX_INT / size) return wfc_asm_fail(a, "the product is too large");
            *out *= v;
        } else {
            if (v == 0) return wfc_asm_fail(a, "division by zero");
            *out = op == '/' ? *out / v : *out % v;
        }
    }
}

static wfc_status sum(wfc_asm *a, unsigned depth, int64_t *out) {
    WFC_TRY(product(a, depth, out));
    for (;;) {
        bool plus = wfc_asm_at(a, "+");
        if (!plus && !wfc_asm_at(a, "-")) return WFC_OK;
        wfc_lex_next(&a->lex);
        int64_t v;
        WFC_TRY(product(a, depth, &v));
        *out = plus ? *out + v : *out - v;
        if (too_large(*out)) return wfc_asm_fail(a, "the sum is too large");
    }
}

wfc_status wfc_asm_int(wfc_asm *a, int64_t min, int64_t max, const char *what, int64_t *out) {
    wfc_lexer start = a->lex;
    WFC_TRY(sum(a, 0, out));
    if (*out >= min && *out <= max) return WFC_OK;
    int64_t found = *out;
    a->lex = start; /* the message points at the expression */
    return wfc_asm_fail(a, "%s is %lld, expected %lld to %lld", what, (long long)found, (long long)min, (long long)max);
}

wfc_status wfc_asm_u32(wfc_asm *a, const char *what, uint32_t *out) {
    int64_t v;
    WFC_TRY(wfc_asm_int(a, 0, UINT32_MAX, what, &v));
    *out = (uint32_t)v;
    return WFC_OK;
}

wfc_status wfc_asm_u16(wfc_asm *a, const char *what, uint16_t *out) {
    int64_t v;
    WFC_TRY(wfc_asm_int(a, 0, UINT16_MAX, what, &v));
    *out = (uint16_t)v;
    return WFC_OK;
}

/* Plain digits only, since counts of multiply-accumulates may pass the range of expressions. */
wfc_status wfc_asm_u64(wfc_asm *a, const char *what, uint64_t *out) {
    uint64_t v = 0;
    const wfc_tok *t = &a->lex.tok;
    if (t->kind != WFC_TOK_NUMBER) return wfc_asm_expected(a, what);
    for (size_t i = 0; i < t->n; i++) {
        unsigned digit = (unsigned)(t->text[i] - '0');
        if (digit > 9 || v > (UINT64_MAX - digit) / 10) return wfc_asm_expected(a, what);
        v = v * 10 + digit;
    }
    *out = v;
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

/* ---- other words ---- */

bool wfc_asm_strtod(const char *text, size_t n, double *out) {
    char copy[64], *end;
    if (n == 0 || n >= sizeof copy) return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    char point = localeconv()->decimal_point[0];
    char *dot = strchr(copy, '.');
    if (dot) *dot = point; /* strtod reads the locale's */
    *out = strtod(copy, &end);
    return *end == '\0';
}

wfc_status wfc_asm_double(wfc_asm *a, double *out) {
    bool negative = wfc_asm_take(a, "-");
    const wfc_tok *t = &a->lex.tok;
    if ((t->kind != WFC_TOK_NUMBER && !wfc_asm_at(a, "inf") && !wfc_asm_at(a, "nan")) ||
        !wfc_asm_strtod(t->text, t->n, out))
        return wfc_asm_expected(a, "a number");
    if (negative) *out = -*out;
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

wfc_status wfc_asm_text(wfc_asm *a, const char *what, const char **out) {
    if (a->lex.tok.kind != WFC_TOK_NAME && a->lex.tok.kind != WFC_TOK_STRING) return wfc_asm_expected(a, what);
    char *copy = wfc_tok_copy(&a->lex.tok, &a->p->arena);
    if (!copy) return wfc_asm_fail(a, "bad escape in a string (\\\" \\\\ \\n \\t \\xNN), or out of memory");
    *out = copy;
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

bool wfc_asm_numbered(wfc_asm *a, const char *prefix, unsigned limit, unsigned *out) {
    const wfc_tok *t = &a->lex.tok;
    size_t skip = strlen(prefix);
    if (t->kind != WFC_TOK_NAME || t->n <= skip || t->n > skip + 4 || memcmp(t->text, prefix, skip) != 0) return false;
    unsigned v = 0;
    for (size_t i = skip; i < t->n; i++) {
        if (t->text[i] < '0' || t->text[i] > '9') return false;
        v = v * 10 + (unsigned)(t->text[i] - '0');
    }
    if (v >= limit) return false;
    *out = v;
    wfc_lex_next(&a->lex);
    return true;
}

wfc_status wfc_asm_need_numbered(wfc_asm *a, const char *prefix, unsigned limit, unsigned *out) {
    if (wfc_asm_numbered(a, prefix, limit, out)) return WFC_OK;
    char what[64];
    snprintf(what, sizeof what, "%s0 to %s%u", prefix, prefix, limit - 1);
    return wfc_asm_expected(a, what);
}

wfc_status wfc_asm_type(wfc_asm *a, unsigned limit, uint8_t *out) {
    char name[8];
    const wfc_tok *t = &a->lex.tok;
    wfc_dtype type;
    snprintf(name, sizeof name, "%.*s", t->n > 7 ? 7 : (int)t->n, t->text);
    if (t->kind != WFC_TOK_NAME || !wfc_dtype_parse(name, &type) || (unsigned)type >= limit)
        return wfc_asm_expected(a, "an element type (f32 f16 bf16 i32 u32 i16 u16 i8 u8)");
    *out = (uint8_t)type;
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

wfc_status wfc_asm_hex(wfc_asm *a, wfc_buf *out) {
    const wfc_tok *t = &a->lex.tok;
    const char *what = "a string of pairs of digits 0-9 a-f";
    if (t->kind != WFC_TOK_STRING || t->n % 2 != 0) return wfc_asm_expected(a, what);
    if (wfc_vec_reserve(out, t->n / 2) != WFC_OK) return wfc_asm_no_memory(a);
    for (size_t i = 1; i + 1 < t->n; i += 2) {
        int high = hex_digit(t->text[i]), low = hex_digit(t->text[i + 1]);
        if (high < 0 || low < 0) return wfc_asm_expected(a, what);
        out->data[out->count++] = (char)(uint8_t)(high << 4 | low);
    }
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

/* ---- blocks ---- */

wfc_status wfc_asm_block(wfc_asm *a, wfc_asm_statement statement) {
    WFC_TRY(wfc_asm_need(a, "{"));
    if (++a->depth > MAX_DEPTH) return wfc_asm_fail(a, "blocks are nested deeper than %d", MAX_DEPTH);
    while (!wfc_asm_take(a, "}")) {
        if (a->lex.tok.kind == WFC_TOK_END) return wfc_asm_expected(a, "'}'");
        WFC_TRY(statement(a));
    }
    a->depth--;
    return WFC_OK;
}

wfc_status wfc_asm_repeat(wfc_asm *a, wfc_asm_statement statement) {
    WFC_TRY(wfc_asm_need(a, "repeat"));
    if (a->lex.tok.kind != WFC_TOK_NAME) return wfc_asm_expected(a, "the repeat variable's name");
    char *name = wfc_tok_copy(&a->lex.tok, &a->scratch);
    if (!name) return wfc_asm_no_memory(a);
    int64_t from, to, outer = 0;
    if (wfc_asm_variable(a, name, &outer)) return wfc_asm_fail(a, "$%s is already defined", name);
    wfc_lex_next(&a->lex);
    WFC_TRY(wfc_asm_int(a, -MAX_INT, MAX_INT, "the first value", &from));
    WFC_TRY(wfc_asm_need(a, ".."));
    WFC_TRY(wfc_asm_int(a, from, MAX_INT, "the last value", &to));
    wfc_lexer body = a->lex;
    for (int64_t i = from; i <= to; i++) {
        if (++a->repeats > MAX_REPEATS) return wfc_asm_fail(a, "more than %d repetitions", MAX_REPEATS);
        a->lex = body;
        WFC_TRY(wfc_asm_bind(a, name, i));
        WFC_TRY(wfc_asm_block(a, statement));
    }
    return wfc_asm_unbind(a, name);
}

void *wfc_asm_keep(wfc_asm *a, const void *data, size_t count, size_t size) {
    void *out = wfc_arena_alloc(&a->p->arena, count, size);
    if (out && count) memcpy(out, data, count * size);
    return out;
}
