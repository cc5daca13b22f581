#include "ir/lex.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 8 };

wfc_status wfc_lex_fail(wfc_lex *lx, const char *what) {
    unsigned line = 1, column = 1;
    for (const char *p = lx->text; p < lx->at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    char *where = wfc_asprintf("%s:%u:%u", lx->where, line, column);
    if (!where) return wfc_fail_memory(lx->diag);
    wfc_status s = wfc_fail(lx->diag, WFC_ERR_INPUT, "WFC-E0250", where, "%s", what);
    wfc_free(where);
    return s;
}

static void skip(wfc_lex *lx) {
    for (;;) {
        while (isspace((unsigned char)*lx->at)) lx->at++;
        if (*lx->at != '#') return;
        while (*lx->at && *lx->at != '\n') lx->at++;
    }
}

static bool word_char(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

bool wfc_lex_end(wfc_lex *lx) {
    skip(lx);
    return lx->at >= lx->end;
}

bool wfc_lex_peek(wfc_lex *lx, char c) {
    skip(lx);
    return *lx->at == c;
}

bool wfc_lex_take(wfc_lex *lx, const char *literal) {
    size_t n = strlen(literal);
    skip(lx);
    if (strncmp(lx->at, literal, n) != 0) return false;
    if (word_char(literal[n - 1]) && word_char(lx->at[n])) return false;
    lx->at += n;
    return true;
}

wfc_status wfc_lex_expect(wfc_lex *lx, const char *literal) {
    char text[64] = "expected ";
    if (wfc_lex_take(lx, literal)) return WFC_OK;
    strncat(text, literal, sizeof text - strlen(text) - 1);
    return wfc_lex_fail(lx, text);
}

wfc_status wfc_lex_word(wfc_lex *lx, char *buf, size_t size) {
    size_t n = 0;
    skip(lx);
    while (word_char(lx->at[n])) n++;
    if (n == 0 || n >= size) return wfc_lex_fail(lx, n ? "word too long" : "expected a word");
    memcpy(buf, lx->at, n);
    buf[n] = 0;
    lx->at += n;
    return WFC_OK;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

wfc_status wfc_lex_string(wfc_lex *lx, wfc_arena *arena, const char **out) {
    skip(lx);
    if (*lx->at != '"') return wfc_lex_fail(lx, "expected a quoted string");
    const char *p = lx->at + 1, *stop = p;
    while (*stop && *stop != '"') stop += *stop == '\\' && stop[1] ? 2 : 1;
    if (!*stop) return wfc_lex_fail(lx, "string without its closing quote");
    char *text = wfc_arena_alloc(arena, (size_t)(stop - p) + 1, 1);
    if (!text) return wfc_fail_memory(lx->diag);
    size_t n = 0;
    while (p < stop) {
        if (*p != '\\') {
            text[n++] = *p++;
            continue;
        }
        lx->at = p;
        if (p[1] == '"' || p[1] == '\\') {
            text[n++] = p[1];
            p += 2;
            continue;
        }
        if (p[1] != 'x' || hex_digit(p[2]) < 0 || hex_digit(p[3]) < 0)
            return wfc_lex_fail(lx, "unknown escape; there are \\\", \\\\ and \\xNN");
        int c = hex_digit(p[2]) * 16 + hex_digit(p[3]);
        if (c == 0) return wfc_lex_fail(lx, "a string cannot hold a zero byte");
        text[n++] = (char)(unsigned char)c;
        p += 4;
    }
    text[n] = 0;
    lx->at = stop + 1;
    *out = text;
    return WFC_OK;
}

wfc_status wfc_lex_attr(wfc_lex *lx, wfc_arena *arena, const char *key, const char **out) {
    WFC_TRY(wfc_lex_expect(lx, key));
    WFC_TRY(wfc_lex_expect(lx, "="));
    return wfc_lex_string(lx, arena, out);
}

wfc_status wfc_lex_name(wfc_lex *lx, wfc_arena *arena, const char **out) {
    if (*lx->at == '"') return wfc_lex_string(lx, arena, out);
    size_t n = 0;
    while (word_char(lx->at[n]) || lx->at[n] == '.') n++;
    if (n == 0) return wfc_lex_fail(lx, "expected a name");
    *out = wfc_arena_strndup(arena, lx->at, n);
    lx->at += n;
    return *out ? WFC_OK : wfc_fail_memory(lx->diag);
}

wfc_status wfc_lex_uint(wfc_lex *lx, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    skip(lx);
    if (!isdigit((unsigned char)*lx->at)) return wfc_lex_fail(lx, "expected a number");
    for (; isdigit((unsigned char)*lx->at); lx->at++) {
        unsigned d = (unsigned)(*lx->at - '0');
        if (v > (max - d) / 10 || d > max) return wfc_lex_fail(lx, "number too large");
        v = v * 10 + d;
    }
    *out = v;
    return WFC_OK;
}

wfc_status wfc_lex_real(wfc_lex *lx, double *out) {
    char *end;
    skip(lx);
    const char *digits = lx->at + (*lx->at == '-' || *lx->at == '+');
    bool word = strncmp(digits, "inf", 3) == 0 || strncmp(digits, "nan", 3) == 0;
    if (word ? word_char(digits[3]) : !isdigit((unsigned char)*digits) && *digits != '.')
        return wfc_lex_fail(lx, "expected a number");
    *out = strtod(lx->at, &end);
    if (end == lx->at) return wfc_lex_fail(lx, "expected a number");
    lx->at = end;
    return WFC_OK;
}

wfc_status wfc_lex_shape(wfc_lex *lx, uint8_t *rank, uint32_t *dims) {
    *rank = 0;
    WFC_TRY(wfc_lex_expect(lx, "["));
    if (wfc_lex_take(lx, "]")) return WFC_OK;
    do {
        uint64_t v;
        if (*rank == MAX_RANK) return wfc_lex_fail(lx, "more than 8 axes");
        WFC_TRY(wfc_lex_uint(lx, INT32_MAX, &v));
        dims[(*rank)++] = (uint32_t)v;
    } while (wfc_lex_take(lx, ","));
    return wfc_lex_expect(lx, "]");
}

static void put_bits(uint8_t *at, unsigned size, uint64_t bits) {
    for (unsigned k = 0; k < size; k++) at[k] = (uint8_t)(bits >> 8 * k);
}

static wfc_status parse_element(wfc_lex *lx, wfc_dtype t, uint8_t *bytes, uint64_t i) {
    unsigned size = wfc_dtype_bytes(t);
    uint8_t *at = bytes + i * size;
    char *end;
    if (wfc_lex_take(lx, "bits")) {
        skip(lx);
        if (!isdigit((unsigned char)*lx->at)) return wfc_lex_fail(lx, "expected bits 0x...");
        put_bits(at, size, strtoull(lx->at, &end, 0));
        lx->at = end;
        return WFC_OK;
    }
    if (wfc_dtype_is_float(t)) {
        double v;
        WFC_TRY(wfc_lex_real(lx, &v));
        wfc_dtype_set(t, bytes, (size_t)i, v);
        return WFC_OK;
    }
    skip(lx);
    bool negative = *lx->at == '-';
    if (!isdigit((unsigned char)lx->at[negative])) return wfc_lex_fail(lx, "expected an integer");
    errno = 0;
    uint64_t bits = negative ? (uint64_t)strtoll(lx->at, &end, 10) : strtoull(lx->at, &end, 10);
    bool is_unsigned = t == WFC_U8 || t == WFC_U16 || t == WFC_U32 || t == WFC_U64 || t == WFC_BOOL;
    unsigned shift = 64 - 8 * size;
    uint64_t back = is_unsigned ? bits << shift >> shift : (uint64_t)((int64_t)(bits << shift) >> shift);
    if (errno == ERANGE || back != bits || (negative && is_unsigned))
        return wfc_lex_fail(lx, "integer out of the type's range");
    put_bits(at, size, bits);
    lx->at = end;
    return WFC_OK;
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static wfc_status parse_blob(wfc_lex *lx, uint8_t *bytes, uint64_t size) {
    uint64_t at = 0;
    unsigned bits = 0, have = 0;
    for (skip(lx); *lx->at && *lx->at != '}'; skip(lx)) {
        char c = *lx->at++;
        if (c == '=') continue;
        int d = base64_digit(c);
        if (d < 0) return wfc_lex_fail(lx, "no base64 digit");
        bits = (bits << 6 | (unsigned)d) & 0xffffffu;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        if (at == size) return wfc_lex_fail(lx, "blob longer than its size");
        bytes[at++] = (uint8_t)(bits >> have);
    }
    if (at != size) return wfc_lex_fail(lx, "blob shorter than its size");
    return wfc_lex_expect(lx, "}");
}

wfc_status wfc_lex_data(wfc_lex *lx, wfc_arena *arena, wfc_dtype t, uint64_t elems, const uint8_t **out) {
    uint64_t size = elems * wfc_dtype_bytes(t), stated;
    /* every element takes at least a byte of text: a short text cannot ask for much memory */
    if (elems > (uint64_t)(lx->end - lx->at)) return wfc_lex_fail(lx, "fewer elements than the type has");
    uint8_t *bytes = wfc_arena_alloc(arena, (size_t)size + 1, 1);
    if (!bytes) return wfc_fail_memory(lx->diag);
    *out = bytes;
    if (wfc_lex_take(lx, "blob")) {
        WFC_TRY(wfc_lex_uint(lx, UINT64_MAX / 2, &stated));
        if (stated != size) return wfc_lex_fail(lx, "the blob's size is not that of the type");
        WFC_TRY(wfc_lex_expect(lx, "{"));
        return parse_blob(lx, bytes, size);
    }
    WFC_TRY(wfc_lex_expect(lx, "{"));
    for (uint64_t i = 0; i < elems; i++) {
        if (i) WFC_TRY(wfc_lex_expect(lx, ","));
        WFC_TRY(parse_element(lx, t, bytes, i));
    }
    return wfc_lex_expect(lx, "}");
}
