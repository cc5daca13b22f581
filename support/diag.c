#include "support/diag.h"

#include "support/mem.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WHERE_BYTES = 512, MAX_TEXT_BYTES = 16 * 1024 };

void wfc_diag_init(wfc_diag *d) {
    *d = (wfc_diag){0};
}

void wfc_diag_deinit(wfc_diag *d) {
    for (size_t i = 0; i < d->count; i++) {
        wfc_free(d->items[i].where);
        wfc_free(d->items[i].text);
    }
    wfc_free(d->items);
    *d = (wfc_diag){0};
}

/* Length of the valid UTF-8 sequence of a printable character at s (at most n bytes), 0 when there is none.
 * Refuses overlong forms, surrogates, code points beyond U+10FFFF, C0 and C1 controls, and the characters that reorder
 * or hide text (U+200B..200F, U+2028..202E, U+2066..2069, U+FEFF): a node name must not repaint the terminal. */
static size_t printable_utf8(const uint8_t *s, size_t n) {
    if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || len > n) return 0;
    uint32_t c = s[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c < 0xa0) return 0;
    if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
        return 0;
    return len;
}

bool wfc_is_utf8(const char *text) {
    const uint8_t *s = (const uint8_t *)text;
    while (*s) {
        unsigned extra = s[0] < 0x80 ? 0 : s[0] >= 0xc2 && s[0] < 0xe0 ? 1 : (s[0] & 0xf0) == 0xe0 ? 2 : 3;
        if (extra == 3 && (s[0] < 0xf0 || s[0] > 0xf4)) return false;
        for (unsigned i = 1; i <= extra; i++)
            if ((s[i] & 0xc0) != 0x80) return false;
        if (extra == 2 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))) return false;
        if (extra == 3 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))) return false;
        s += extra + 1;
    }
    return true;
}

char *wfc_escape(const char *text, size_t n, size_t max_out) {
    static const char hex[] = "0123456789abcdef";
    size_t room; /* each byte becomes at most 4, and "..." and NUL behind them */
    if (!wfc_mul_size(n, 4, &room)) room = SIZE_MAX;
    if (room > max_out) room = max_out;
    if (!wfc_add_size(room, 4, &room)) return NULL;
    char *out = wfc_calloc(room, 1);
    if (!out) return NULL;
    const uint8_t *s = (const uint8_t *)text;
    size_t at = 0;
    for (size_t i = 0; i < n;) {
        char piece[4];
        size_t len = printable_utf8(s + i, n - i), take = len ? len : 1;
        if (len) {
            memcpy(piece, s + i, len);
        } else if (s[i] == '\n' || s[i] == '\t') {
            piece[0] = '\\', piece[1] = s[i] == '\n' ? 'n' : 't';
            len = 2;
        } else {
            piece[0] = '\\', piece[1] = 'x', piece[2] = hex[s[i] >> 4], piece[3] = hex[s[i] & 15];
            len = 4;
        }
        if (len > max_out - at) {
            memcpy(out + at, "...", 4);
            return out;
        }
        memcpy(out + at, piece, len);
        at += len;
        i += take;
    }
    return out;
}

char *wfc_arena_utf8(wfc_arena *a, const char *text) {
    if (wfc_is_utf8(text)) return wfc_arena_strdup(a, text);
    char *escaped = wfc_escape(text, strlen(text), SIZE_MAX / 8), *copy = escaped ? wfc_arena_strdup(a, escaped) : NULL;
    wfc_free(escaped);
    return copy;
}

/* Formats and escapes line by line. Line breaks stay, since long texts hold lists, but each further line is indented:
 * a node name with a line break in it cannot forge a line that looks like a message of its own. */
static char *format_text(const char *fmt, va_list args) {
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *raw = len < 0 ? NULL : wfc_calloc((size_t)len + 1, 1);
    if (!raw) return NULL;
    vsnprintf(raw, (size_t)len + 1, fmt, args);
    wfc_buf out = {0};
    wfc_buf_append(&out, "", 0);
    for (const char *line = raw; line;) {
        const char *end = strchr(line, '\n');
        char *escaped = wfc_escape(line, end ? (size_t)(end - line) : strlen(line), MAX_TEXT_BYTES);
        if (!escaped)
            out.failed = true;
        else
            wfc_buf_append(&out, escaped, strlen(escaped));
        wfc_free(escaped);
        if (end) wfc_buf_append(&out, "\n    ", 5);
        line = end ? end + 1 : NULL;
    }
    wfc_free(raw);
    if (out.failed) wfc_buf_deinit(&out);
    return out.data;
}

static void add(wfc_diag *d, wfc_severity sev, const char *code, const char *where, const char *fmt, va_list args) {
    if (!d) return;
    if (sev == WFC_ERROR) d->error_count++;
    wfc_diag_item item = {.severity = sev};
    snprintf(item.code, sizeof item.code, "%s", code ? code : "");
    item.where = wfc_escape(where ? where : "", where ? strlen(where) : 0, MAX_WHERE_BYTES);
    item.text = format_text(fmt, args);
    if (!item.where || !item.text ||
        wfc_vec_grow_((void **)&d->items, &d->capacity, d->count, 1, sizeof *d->items) != WFC_OK) {
        if (sev == WFC_ERROR)
            d->out_of_memory = 1;
        else
            d->lost++;
        wfc_free(item.where);
        wfc_free(item.text);
        return;
    }
    d->items[d->count++] = item;
}

void wfc_diag_add(wfc_diag *d, wfc_severity sev, const char *code, const char *where, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    add(d, sev, code, where, fmt, args);
    va_end(args);
}

wfc_status wfc_fail(wfc_diag *d, wfc_status s, const char *code, const char *where, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    add(d, WFC_ERROR, code, where, fmt, args);
    va_end(args);
    return s;
}

wfc_status wfc_fail_memory(wfc_diag *d) {
    if (d) {
        /* Storing an item needs memory, which is what there is none of: the flag alone is certain. */
        d->error_count++;
        d->out_of_memory = 1;
    }
    return WFC_ERR_NO_MEMORY;
}
