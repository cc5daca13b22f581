/* Checker of placements. Both files are cut into lines of tokens; what a kernel costs is computed from the numbers of
 * the paint file, after they were found equal to the graph's.
 *
 *   k1 = conv( 14 14 1024 512 1 1 1 1 7 2 44 12 )     tokens  k1 = conv ( 14 ... 12 )
 *   k1 : place(0 63 R90)                              tokens  k1 : place ( 0 63 R90 ) */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/place/paint_check.h"
#include "support/mem.h"

enum { MOST_TOKENS = 64, TOKEN_ROOM = 64, MOST_MESSAGES = 20, MOST_VALUE = 1 << 24 };

typedef struct item {
    char name[TOKEN_ROOM], kind[8];
    uint32_t number;             /* in [] */
    uint32_t letter[8], letters; /* conv: H W C K R S T U; block: H W F */
    uint32_t arg[10], convs;     /* h w c.. k.. */
    uint32_t x, y, cols, rows;   /* as placed: turned */
    bool has_args, has_place, turned;
    bool measured; /* cols and rows are set and lie on the mesh */
} item;

typedef struct link {
    uint32_t from, to; /* numbers in [] */
} link;

typedef struct checker {
    wfc_diag *diag;
    const char *file;
    uint32_t line, messages;
    char token[MOST_TOKENS][TOKEN_ROOM];
    uint32_t count;
    WFC_VEC(item) items;
    WFC_VEC(link) links;
    uint32_t width, height, memlimit, wdeltat, wlength, headers;
    bool comment;
    double time;
} checker;

/* ---- messages ---- */

static wfc_status bad_line(const checker *c, const char *what) {
    char *where = wfc_asprintf("%s:%u", c->file, c->line);
    wfc_status s = wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E1605", where ? where : c->file, "%s", what);
    wfc_free(where);
    return s;
}

/* The kernel as it was found: where it lies and how large it is. */
static void illegal(checker *c, const item *k, const char *what) {
    if (c->messages++ >= MOST_MESSAGES) return;
    char *place = !k->has_place ? wfc_strdup("")
                  : k->measured ? wfc_asprintf(" at x %u, y %u, %u x %u PEs", k->x, k->y, k->cols, k->rows)
                                : wfc_asprintf(" at x %u, y %u", k->x, k->y);
    wfc_diag_add(c->diag, WFC_ERROR, "WFC-E1606", c->file, "kernel '%s'%s: %s", k->name, place ? place : "", what);
    wfc_free(place);
}

/* ---- tokens ---- */

static bool is_mark(char ch) {
    return ch == '[' || ch == ']' || ch == '(' || ch == ')' || ch == '=' || ch == ':' || ch == ',' || ch == '\'';
}

static wfc_status tokenise(checker *c, const char *p, const char *end) {
    c->count = 0;
    while (p < end) {
        if (*p == ' ' || *p == '\t' || *p == '\r') {
            p++;
            continue;
        }
        size_t n = 1;
        while (!is_mark(*p) && p + n < end && !is_mark(p[n]) && p[n] != ' ' && p[n] != '\t' && p[n] != '\r') n++;
        if (n >= TOKEN_ROOM || c->count == MOST_TOKENS) return bad_line(c, "the line has too long or too many words");
        if (memchr(p, 0, n)) return bad_line(c, "the line holds a NUL");
        memcpy(c->token[c->count], p, n);
        c->token[c->count++][n] = 0;
        p += n;
    }
    return WFC_OK;
}

static bool is(const checker *c, uint32_t k, const char *text) {
    return k < c->count && strcmp(c->token[k], text) == 0;
}

static bool value(const checker *c, uint32_t k, uint32_t *out) {
    if (k >= c->count || strspn(c->token[k], "0123456789") != strlen(c->token[k]) || strlen(c->token[k]) > 9)
        return false;
    *out = (uint32_t)strtoul(c->token[k], NULL, 10);
    return *out <= MOST_VALUE;
}

/* Calls `use` for every line. */
static wfc_status each_line(checker *c, const wfc_be_paint_text *t, wfc_status (*use)(checker *)) {
    c->file = t->name;
    c->line = 0;
    for (size_t at = 0; at < t->size;) {
        const char *start = t->text + at, *eol = memchr(start, '\n', t->size - at);
        size_t n = eol ? (size_t)(eol - start) : t->size - at;
        c->line++;
        WFC_TRY(tokenise(c, start, start + n));
        if (c->count) WFC_TRY(use(c));
        at += n + 1;
    }
    return WFC_OK;
}

/* ---- the graph ---- */

static item *by_number(checker *c, uint32_t number) {
    for (size_t i = 0; i < c->items.count; i++)
        if (c->items.data[i].number == number) return &c->items.data[i];
    return NULL;
}

static item *by_name(checker *c, const char *name) {
    for (size_t i = 0; i < c->items.count; i++)
        if (c->items.data[i].letters && strcmp(c->items.data[i].name, name) == 0) return &c->items.data[i];
    return NULL;
}

static wfc_status comment_line(checker *c) {
    static const char *const k_names[] = {"width", "height", "memlimit", "wdeltat", "wlength"};
    uint32_t *const to[] = {&c->width, &c->height, &c->memlimit, &c->wdeltat, &c->wlength};
    for (uint32_t k = 0; k < 5; k++) {
        if (!is(c, 0, k_names[k]) || !is(c, 1, "=")) continue;
        char *end;
        unsigned long v = c->count == 3 ? strtoul(c->token[2], &end, 10) : 0;
        if (c->count != 3 || *end || strlen(c->token[2]) > 10 || v > 1000000000 || (k < 2 && (v < 1 || v > 4096)) ||
            (k == 2 && (v < 1 || v > MOST_VALUE)))
            return bad_line(c, "the parameter is no number that can be used");
        *to[k] = (uint32_t)v;
        c->headers |= 1u << k;
    }
    for (uint32_t k = 0; k + 1 < c->count; k++)
        if (is(c, k, "*") && is(c, k + 1, ")")) c->comment = false;
    return WFC_OK;
}

static wfc_status node_line(checker *c, uint32_t number) {
    static const struct {
        const char *kind, *letters;
        uint32_t convs;
    } k_kinds[] = {
        {"conv", "HWCKRSTU", 1}, {"dblock", "hwf", 3}, {"cblock", "hwf", 4}, {"input", "", 0}, {"output", "", 0}};
    item n = {.number = number};
    uint32_t kind = 0;
    while (kind < 5 && !is(c, 0, k_kinds[kind].kind)) kind++;
    if (kind == 5) return bad_line(c, "this is no kind of node");
    strcpy(n.kind, k_kinds[kind].kind);
    n.convs = k_kinds[kind].convs;
    n.letters = (uint32_t)strlen(k_kinds[kind].letters);
    for (uint32_t k = 4; k + 2 < c->count; k++) {
        const char *l = c->token[k][1] == 0 && is(c, k + 1, "=") ? strchr(k_kinds[kind].letters, c->token[k][0]) : NULL;
        if (l && *l && !value(c, k + 2, &n.letter[l - k_kinds[kind].letters]))
            return bad_line(c, "a letter has no number");
        if (is(c, k, "name") && is(c, k + 1, "=") && is(c, k + 2, "'") && is(c, k + 4, "'"))
            strcpy(n.name, c->token[k + 3]);
    }
    for (uint32_t k = 0; k < n.letters; k++)
        if (n.letter[k] < 1 || n.letter[k] > 16384) return bad_line(c, "a letter is missing or out of 1 .. 16384");
    if (n.letters == 8 && (n.letter[4] > 32 || n.letter[5] > 32 || n.letter[6] != n.letter[7] || n.letter[6] > 32))
        return bad_line(c, "R, S or the stride is above 32, or T and U differ");
    if (n.letters == 3 && (n.letter[2] % 4 || (n.convs == 4 && (n.letter[0] % 2 || n.letter[1] % 2))))
        return bad_line(c, "f is no multiple of 4, or h or w of a cblock is odd");
    if (!n.name[0]) return bad_line(c, "the node has no name");
    if (by_number(c, number) || (n.letters && by_name(c, n.name)))
        return bad_line(c, "name or number is another node's");
    return wfc_vec_push(&c->items, n);
}

static wfc_status graph_line(checker *c) {
    link e;
    if (is(c, 0, "(") && c->count > 1 && c->token[1][0] == '*') c->comment = true;
    if (c->comment) return comment_line(c);
    if (c->headers != 31)
        return bad_line(c, "width, height, memlimit, wdeltat and wlength must come first, in a comment");
    if (!is(c, 1, "[") || !value(c, 2, &e.from) || !is(c, 3, "]")) return bad_line(c, "neither a node nor an edge");
    if (!is(c, 4, ":")) return node_line(c, e.from);
    bool edge = is(c, 6, "->") && is(c, 8, "[") && value(c, 9, &e.to) && is(c, 10, "]") && is(c, 11, ":");
    const item *u = by_number(c, e.from), *v = edge ? by_number(c, e.to) : NULL;
    if (!u || !v || !is(c, 0, u->kind) || !is(c, 7, v->kind))
        return bad_line(c, "an edge without two nodes defined above");
    return u->letters && v->letters ? wfc_vec_push(&c->links, e) : WFC_OK;
}

/* ---- the placement ---- */

/* "name = kind ( letters h w c.. k.. )" */
static wfc_status argument_line(checker *c, item *k) {
    uint32_t want = k->letters + 2 + 2 * k->convs, v;
    if (!is(c, 2, k->kind)) return bad_line(c, "the kernel is of another kind in the graph");
    if (!is(c, 3, "(") || c->count != want + 5 || !is(c, want + 4, ")"))
        return bad_line(c, "the kind of kernel has another number of arguments");
    if (k->has_args) return bad_line(c, "the kernel has its arguments twice");
    for (uint32_t i = 0; i < want; i++) {
        if (!value(c, 4 + i, &v)) return bad_line(c, "an argument is no number");
        if (i < k->letters && v != k->letter[i]) return bad_line(c, "H, W and so on differ from the graph's");
        if (i >= k->letters) k->arg[i - k->letters] = v;
    }
    k->has_args = true;
    return WFC_OK;
}

/* "name : place ( x y R0 )" */
static wfc_status place_line(checker *c, item *k) {
    bool turned = is(c, 6, "R90");
    if (c->count != 8 || !is(c, 2, "place") || !is(c, 3, "(") || !value(c, 4, &k->x) || !value(c, 5, &k->y) ||
        !(turned || is(c, 6, "R0")) || !is(c, 7, ")"))
        return bad_line(c, "expected: name : place(x y R0) or R90");
    if (k->has_place) return bad_line(c, "the kernel is placed twice");
    k->has_place = true;
    k->turned = turned;
    return WFC_OK;
}

static wfc_status paint_line(checker *c) {
    item *k = by_name(c, c->token[0]);
    if (!k) return bad_line(c, "the graph has no kernel of this name");
    if (is(c, 1, "=")) return argument_line(c, k);
    if (is(c, 1, ":")) return place_line(c, k);
    return bad_line(c, "expected '=' and arguments, or ':' and a place, behind the kernel's name");
}

/* ---- rules ---- */

static uint64_t up(uint64_t a, uint64_t b) {
    return a / b + (a % b != 0);
}

/* H W C K R S T of convolution `i`. */
static void conv_of(const item *k, uint32_t i, uint64_t *v) {
    const uint32_t *l = k->letter;
    if (k->convs == 1) {
        for (int n = 0; n < 7; n++) v[n] = l[n];
        return;
    }
    uint64_t f = l[2], q = f / 4;
    bool d = k->convs == 3;
    const uint64_t table[2][4][5] = {/* C K R=S T, image halved */
                                     {{f / 2, q, 1, 1, 0}, {q, q, 3, 2, 0}, {q, f, 1, 1, 1}, {f / 2, f, 1, 2, 0}},
                                     {{f, q, 1, 1, 0}, {q, q, 3, 1, 0}, {q, f, 1, 1, 0}, {0}}};
    const uint64_t *t = table[d][i];
    v[0] = t[4] ? l[0] / 2 : l[0];
    v[1] = t[4] ? l[1] / 2 : l[1];
    v[2] = t[0];
    v[3] = t[1];
    v[4] = v[5] = t[2];
    v[6] = t[3];
}

static bool arguments_in_range(checker *c, const item *k) {
    uint64_t v[7];
    bool ok = k->arg[0] >= 1 && k->arg[1] >= 1 && k->arg[0] <= k->letter[0] && k->arg[1] <= k->letter[1];
    for (uint32_t i = 0; i < k->convs; i++) {
        conv_of(k, i, v);
        uint32_t cc = k->arg[2 + i], kk = k->arg[2 + k->convs + i];
        ok = ok && cc >= 1 && cc <= v[2] && kk >= 1 && kk <= v[3];
    }
    if (!ok) illegal(c, k, "an execution argument is 0 or above its letter (h <= H, w <= W, c <= C, k <= K)");
    return ok;
}

/* Size, time and memory by the contest's functions. */
static void measure(checker *c, item *k) {
    uint64_t v[7], rows = 0, cols = 0, h = k->arg[0], w = k->arg[1];
    for (uint32_t i = 0; i < k->convs; i++) {
        uint64_t high = h * w * (k->arg[2 + i] + (uint64_t)1);
        rows = high > rows ? high : rows;
        cols += 3 * (uint64_t)k->arg[2 + k->convs + i];
    }
    uint64_t wide = k->turned ? rows : cols, tall = k->turned ? cols : rows;
    if (k->x + wide > c->width || k->y + tall > c->height) {
        char *what = wfc_asprintf("%llu x %llu PEs reach beyond the mesh of %u x %u", (unsigned long long)wide,
                                  (unsigned long long)tall, c->width, c->height);
        illegal(c, k, what ? what : "it reaches beyond the mesh");
        wfc_free(what);
        return;
    }
    k->cols = (uint32_t)wide;
    k->rows = (uint32_t)tall;
    k->measured = true;
    for (uint32_t i = 0; i < k->convs; i++) {
        conv_of(k, i, v);
        uint64_t cc = k->arg[2 + i], kk = k->arg[2 + k->convs + i];
        double steps = (double)(up(v[0], h) * up(v[1], w)) * (double)(up(v[2], cc) * up(v[3], kk));
        double time = steps * (double)(v[4] * v[5]) / (double)(v[6] * v[6]);
        c->time = time > c->time ? time : c->time;
        /* memory <= memlimit, both sides times c k h w: whole numbers below 2^63 */
        uint64_t weights = v[2] * v[3] * v[4] * v[5] * h * w, image = (v[1] + v[5] - 1) * (v[0] + v[4] - 1) * v[3] * cc;
        if (weights + image <= c->memlimit * cc * kk * h * w) continue;
        char *what = wfc_asprintf("convolution %u needs %.2f words of memory per PE, there are %u", i + 1,
                                  (double)(weights + image) / (double)(cc * kk * h * w), c->memlimit);
        illegal(c, k, what ? what : "it needs too much memory");
        wfc_free(what);
    }
}

static void check_overlaps(checker *c) {
    for (size_t i = 0; i < c->items.count; i++) {
        const item *a = &c->items.data[i];
        for (size_t j = i + 1; j < c->items.count && a->measured; j++) {
            const item *b = &c->items.data[j];
            if (!b->measured || a->x + a->cols <= b->x || b->x + b->cols <= a->x || a->y + a->rows <= b->y ||
                b->y + b->rows <= a->y)
                continue;
            char *what = wfc_asprintf("it overlaps kernel '%s' at x %u, y %u, %u x %u PEs", b->name, b->x, b->y,
                                      b->cols, b->rows);
            illegal(c, a, what ? what : "it overlaps another kernel");
            wfc_free(what);
        }
    }
}

static wfc_status judge(checker *c, wfc_be_paint_score *out) {
    for (size_t i = 0; i < c->items.count; i++) {
        item *k = &c->items.data[i];
        if (!k->letters) continue;
        out->kernels++;
        if (!k->has_args) illegal(c, k, "it has no execution arguments");
        if (!k->has_place) illegal(c, k, "it is not placed");
        if (k->has_args && k->has_place && arguments_in_range(c, k)) measure(c, k);
        out->pes += (uint64_t)k->cols * k->rows;
    }
    check_overlaps(c);
    if (c->messages > MOST_MESSAGES)
        wfc_diag_add(c->diag, WFC_NOTE, "WFC-E1606", c->file, "%u more faults", c->messages - MOST_MESSAGES);
    if (c->messages) return WFC_ERR_INPUT;
    for (size_t e = 0; e < c->links.count; e++) {
        const item *u = by_number(c, c->links.data[e].from), *v = by_number(c, c->links.data[e].to);
        double ux = u->x + u->cols / 2.0, uy = u->y + u->rows / 2.0, vx = v->x + v->cols / 2.0,
               vy = v->y + v->rows / 2.0;
        out->wire += (ux > vx ? ux - vx : vx - ux) + (uy > vy ? uy - vy : vy - uy);
    }
    out->time = c->time;
    out->objective = c->wdeltat * c->time + c->wlength * out->wire;
    out->edges = (uint32_t)c->links.count;
    out->width = c->width;
    out->height = c->height;
    return WFC_OK;
}

wfc_status wfc_be_paint_check(const wfc_be_paint_text *graph, const wfc_be_paint_text *paint, wfc_diag *diag,
                              wfc_be_paint_score *out) {
    checker c = {.diag = diag};
    *out = (wfc_be_paint_score){0};
    wfc_status s = each_line(&c, graph, graph_line);
    if (s == WFC_OK && c.comment) s = bad_line(&c, "the file ends within a comment");
    if (s == WFC_OK && c.items.count == 0) s = bad_line(&c, "the graph has no nodes");
    if (s == WFC_OK) s = each_line(&c, paint, paint_line);
    if (s == WFC_OK) s = judge(&c, out);
    wfc_vec_free(&c.items);
    wfc_vec_free(&c.links);
    return s;
}
