/* Index spaces of contract and reduce: checks and the text form out="n k y x" a="n c 2y+r-2 x+s-2" red="c=1 r=5". */
#include "ir/graph.h"
#include "ir/op.h"
#include <ctype.h>
#include <string.h>

enum { UNNAMED_AXIS = INT32_MIN }; /* offset of an operand axis that a parsed text does not mention */

void wfc_affine_range(const wfc_affine *f, const uint32_t *extent, uint32_t count, int64_t *lo, int64_t *hi) {
    *lo = *hi = f->offset;
    for (uint32_t v = 0; v < count; v++) {
        int64_t span = (int64_t)f->coef[v] * ((int64_t)extent[v] - 1);
        if (span < 0)
            *lo += span;
        else
            *hi += span;
    }
}

void wfc_space_normalise(wfc_space *s, uint32_t a_rank, uint32_t b_rank) {
    bool used[26] = {false};
    for (uint32_t v = 0; v < s->index_count; v++)
        if (s->name[v] >= 'a' && s->name[v] <= 'z') used[s->name[v] - 'a'] = true;
    for (uint32_t v = 0, next = 0; v < s->index_count; v++) {
        if (s->name[v]) continue;
        while (used[next]) next++; /* 16 indices, 26 letters */
        s->name[v] = (char)('a' + next++);
    }
    for (uint32_t v = s->index_count; v < WFC_IR_MAX_INDEX; v++) {
        s->name[v] = 0;
        s->extent[v] = 0;
    }
    for (uint32_t d = 0; d < WFC_IR_MAX_RANK; d++) {
        if (d >= a_rank) memset(&s->a[d], 0, sizeof s->a[d]);
        if (d >= b_rank || b_rank == UINT32_MAX) memset(&s->b[d], 0, sizeof s->b[d]);
    }
}

wfc_status wfc_space_check(const wfc_ir_site *site, const wfc_space *s) {
    if (s->index_count > WFC_IR_MAX_INDEX || s->out_rank > WFC_IR_MAX_RANK || s->out_rank > s->index_count)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0210", site->where,
                        "index space of %u variables and result rank %u, at most %d and %d are supported",
                        s->index_count, s->out_rank, WFC_IR_MAX_INDEX, WFC_IR_MAX_RANK);
    uint64_t points = 1;
    for (uint32_t v = 0; v < s->index_count; v++) {
        char c = s->name[v];
        if (c && (c < 'a' || c > 'z'))
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0211", site->where,
                            "index variable %u has no lower-case letter as its name", v);
        for (uint32_t w = 0; c && w < v; w++)
            if (s->name[w] == c)
                return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0211", site->where, "index variable %c named twice",
                                c);
        if (s->extent[v] > INT32_MAX || (s->extent[v] && points > (1ull << 60) / s->extent[v]))
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0212", site->where,
                            "index space of more than 2^60 points");
        if (s->extent[v]) points *= s->extent[v];
    }
    return WFC_OK;
}

wfc_status wfc_space_check_coords(const wfc_ir_site *site, const wfc_space *s, const wfc_affine *coords,
                                  const wfc_shape *shape, const char *which) {
    for (uint32_t d = 0; d < WFC_IR_MAX_RANK; d++) {
        const wfc_affine *f = &coords[d];
        bool unnamed = f->offset == UNNAMED_AXIS, zero = f->offset == 0;
        for (uint32_t v = 0; v < s->index_count; v++) zero = zero && f->coef[v] == 0;
        if (d < shape->rank ? unnamed : !(unnamed || zero))
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0213", site->where,
                            "coordinates of operand %s do not fit its rank %u", which, shape->rank);
        if (d >= shape->rank) continue;
        for (uint32_t v = s->index_count; v < WFC_IR_MAX_INDEX; v++)
            if (f->coef[v])
                return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0214", site->where,
                                "operand %s axis %u uses index variable %u, the space has %u", which, d, v,
                                s->index_count);
        int64_t lo, hi;
        wfc_affine_range(f, s->extent, s->index_count, &lo, &hi);
        if (lo < INT32_MIN / 2 || hi > INT32_MAX / 2)
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0215", site->where,
                            "operand %s axis %u reaches coordinates beyond 2^30", which, d);
    }
    return WFC_OK;
}

/* ---- Text ---- */

void wfc_affine_print(const wfc_affine *f, const char *names, uint32_t name_count, wfc_buf *out) {
    bool first = true;
    for (uint32_t v = 0; v < name_count; v++) {
        int32_t c = f->coef[v];
        if (c == 0) continue;
        if (c < 0) wfc_buf_printf(out, "-");
        if (c > 0 && !first) wfc_buf_printf(out, "+");
        if (c != 1 && c != -1) wfc_buf_printf(out, "%lld", c < 0 ? -(long long)c : (long long)c);
        wfc_buf_printf(out, "%c", names[v]);
        first = false;
    }
    if (first)
        wfc_buf_printf(out, "%d", (int)f->offset);
    else if (f->offset)
        wfc_buf_printf(out, "%+d", (int)f->offset);
}

void wfc_space_print_out(const wfc_space *s, wfc_buf *out) {
    for (uint32_t v = 0; v < s->out_rank; v++) wfc_buf_printf(out, "%s%c", v ? " " : "", s->name[v]);
}

void wfc_space_print_coords(const wfc_space *s, const wfc_affine *coords, uint32_t rank, wfc_buf *out) {
    for (uint32_t d = 0; d < rank; d++) {
        if (d) wfc_buf_printf(out, " ");
        wfc_affine_print(&coords[d], s->name, s->index_count, out);
    }
}

void wfc_space_print_red(const wfc_space *s, wfc_buf *out) {
    for (uint32_t v = s->out_rank; v < s->index_count; v++)
        wfc_buf_printf(out, "%s%c=%u", v > s->out_rank ? " " : "", s->name[v], s->extent[v]);
}

static const char *skip_blanks(const char *p) {
    while (*p == ' ' || *p == '\t' || *p == '\n') p++;
    return p;
}

/* Digits at *p, at most 2^31 - 1; -1 when there are none or too many. */
static int64_t parse_digits(const char **p) {
    int64_t v = 0;
    if (!isdigit((unsigned char)**p)) return -1;
    for (; isdigit((unsigned char)**p); (*p)++) {
        v = v * 10 + (**p - '0');
        if (v > INT32_MAX) return -1;
    }
    return v;
}

/* One expression up to a blank: [sign] (number [letter] | letter) ... */
static bool parse_affine(const char **p, const char *names, uint32_t count, wfc_affine *f) {
    bool any = false;
    memset(f, 0, sizeof *f);
    while (**p && **p != ' ' && **p != '\t' && **p != '\n') {
        int64_t sign = 1, v = 1;
        bool digits = false;
        if (**p == '+' || **p == '-')
            sign = *(*p)++ == '-' ? -1 : 1;
        else if (any)
            return false;
        if (isdigit((unsigned char)**p)) {
            v = parse_digits(p);
            if (v < 0) return false;
            digits = true;
        }
        int64_t to = 0;
        int32_t *slot = NULL;
        if (**p >= 'a' && **p <= 'z') {
            const char *at = memchr(names, *(*p)++, count);
            if (!at) return false;
            slot = &f->coef[at - names];
        } else if (digits) {
            slot = &f->offset;
        } else {
            return false;
        }
        to = *slot + sign * v;
        if (to > INT32_MAX || to <= INT32_MIN) return false;
        *slot = (int32_t)to;
        any = true;
    }
    return any;
}

wfc_status wfc_affine_parse_list(const char *text, const char *names, uint32_t name_count, wfc_affine *out,
                                 uint32_t *out_rank, const char *where, wfc_diag *diag) {
    uint32_t rank = 0;
    for (const char *p = skip_blanks(text); *p; p = skip_blanks(p)) {
        if (rank == WFC_IR_MAX_RANK || !parse_affine(&p, names, name_count, &out[rank]))
            return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0216", where,
                            "\"%s\" is no list of at most %d coordinates such as \"n 2y+r-1\" over the named variables",
                            text, WFC_IR_MAX_RANK);
        rank++;
    }
    *out_rank = rank;
    return WFC_OK;
}

static wfc_status parse_out(const char *text, const uint32_t *dims, wfc_space *s) {
    for (const char *p = skip_blanks(text); *p; p = skip_blanks(p + 1)) {
        if (s->index_count == WFC_IR_MAX_RANK || *p < 'a' || *p > 'z' || memchr(s->name, *p, s->index_count))
            return WFC_ERR_INPUT;
        s->extent[s->index_count] = dims[s->index_count];
        s->name[s->index_count++] = *p;
    }
    s->out_rank = s->index_count;
    return WFC_OK;
}

static wfc_status parse_red(const char *text, wfc_space *s) {
    for (const char *p = skip_blanks(text); *p; p = skip_blanks(p)) {
        if (s->index_count == WFC_IR_MAX_INDEX || *p < 'a' || *p > 'z' || memchr(s->name, *p, s->index_count) ||
            p[1] != '=')
            return WFC_ERR_INPUT;
        s->name[s->index_count] = *p;
        p += 2;
        int64_t v = parse_digits(&p);
        if (v < 0) return WFC_ERR_INPUT;
        s->extent[s->index_count++] = (uint32_t)v;
    }
    return WFC_OK;
}

wfc_status wfc_space_parse(const char *out, const char *a, const char *b, const char *red, const uint32_t *out_dims,
                           wfc_diag *diag, const char *where, wfc_space *s) {
    memset(s, 0, sizeof *s);
    if (parse_out(out, out_dims, s) != WFC_OK)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0217", where,
                        "out=\"%s\": expected up to %d different lower-case letters", out, WFC_IR_MAX_RANK);
    if (red && parse_red(red, s) != WFC_OK)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0218", where,
                        "red=\"%s\": expected new letters with extents such as \"c=3 r=5\", %d variables in all", red,
                        WFC_IR_MAX_INDEX);
    for (uint32_t d = 0; d < WFC_IR_MAX_RANK; d++) s->a[d].offset = s->b[d].offset = UNNAMED_AXIS;
    uint32_t rank;
    WFC_TRY(wfc_affine_parse_list(a, s->name, s->index_count, s->a, &rank, where, diag));
    if (b) WFC_TRY(wfc_affine_parse_list(b, s->name, s->index_count, s->b, &rank, where, diag));
    return WFC_OK;
}
