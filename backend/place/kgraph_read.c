/* Reader of .kgraph: a comment with the parameters, a line per node, a line per edge.
 *
 *   (*
 *   width=633
 *   *)
 *   conv[1] W=14 H=14 R=1 S=1 C=1024 K=512 T=1 U=1 name='k1'
 *   dblock[ 2] f=512 h=28 w=28 name='k2'
 *   conv[1]:y -> dblock[ 2]:x, shape:[28][28][512]
 *
 * Inputs and outputs are read and dropped, with their edges. */
#include <string.h>

#include "backend/place/kgraph.h"

/* Largest letters: products of the kernel functions stay below 2^63. */
enum { MOST_IMAGE = 4096, MOST_FILTER = 32, MOST_CHANNELS = 16384, MOST_MEMORY = 1 << 24, MOST_WEIGHT = 1000000000 };
enum { MOST_EDGES = 32768, MOST_NODE = 1 << 20, MOST_NAME = 60 };

typedef struct node {
    char kind[8];
    uint32_t index;
    uint32_t kernel; /* UINT32_MAX: an input or output */
} node;

typedef struct reader {
    const char *p, *end; /* of the line */
    uint32_t line;
    const char *where;
    wfc_diag *diag;
    wfc_be_kgraph *g;
    bool in_comment, width, height, wdeltat, wlength, memlimit;
    WFC_VEC(node) nodes;
} reader;

static wfc_status fail(const reader *r, const char *found, const char *expected) {
    char *place = wfc_asprintf("%s:%u", r->where, r->line);
    wfc_status s =
        wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E1601", place ? place : r->where, "%s, expected %s", found, expected);
    wfc_free(place);
    return s;
}

/* What stands here does not belong here. */
static wfc_status unexpected(const reader *r, const char *expected) {
    size_t n = (size_t)(r->end - r->p);
    if (n == 0) return fail(r, "the line ends", expected);
    char *found = wfc_asprintf("found '%.*s'", (int)(n < 24 ? n : 24), r->p);
    wfc_status s = found ? fail(r, found, expected) : WFC_ERR_NO_MEMORY;
    wfc_free(found);
    return s;
}

static void skip(reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r')) r->p++;
}

static bool take(reader *r, const char *token) {
    skip(r);
    size_t n = strlen(token);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, token, n) != 0) return false;
    r->p += n;
    return true;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool word(reader *r, char *out, size_t room) {
    skip(r);
    size_t n = 0;
    while (r->p + n < r->end && is_word(r->p[n])) n++;
    if (n == 0 || n >= room) return false;
    memcpy(out, r->p, n);
    out[n] = 0;
    r->p += n;
    return true;
}

static wfc_status number(reader *r, uint32_t lo, uint32_t hi, uint32_t *out) {
    uint64_t v = 0;
    skip(r);
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && v <= hi) v = v * 10 + (uint64_t)(*r->p++ - '0');
    bool digits = r->p > start, more = r->p < r->end && *r->p >= '0' && *r->p <= '9';
    if (digits && !more && v >= lo && v <= hi) {
        *out = (uint32_t)v;
        return WFC_OK;
    }
    char *expected = wfc_asprintf("a whole number from %u to %u", lo, hi);
    r->p = start;
    wfc_status s = expected ? unexpected(r, expected) : WFC_ERR_NO_MEMORY;
    wfc_free(expected);
    return s;
}

static wfc_status expect(reader *r, const char *token) {
    return take(r, token) ? WFC_OK : unexpected(r, token);
}

/* ---- parameters ---- */

static wfc_status parameter(reader *r) {
    char key[16];
    uint32_t v;
    if (!word(r, key, sizeof key) || !take(r, "=")) return WFC_OK; /* any other comment */
    struct {
        const char *key;
        uint32_t hi;
        bool *seen;
    } known[] = {{"width", WFC_BE_KGRAPH_SIDE, &r->width},
                 {"height", WFC_BE_KGRAPH_SIDE, &r->height},
                 {"memlimit", MOST_MEMORY, &r->memlimit},
                 {"wdeltat", MOST_WEIGHT, &r->wdeltat},
                 {"wlength", MOST_WEIGHT, &r->wlength}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(key, known[k].key) != 0) continue;
        if (*known[k].seen) return fail(r, "a parameter is given again", "each once");
        *known[k].seen = true;
        WFC_TRY(number(r, k < 3 ? 1 : 0, known[k].hi, &v));
        skip(r);
        if (r->p < r->end && *r->p != '*') return unexpected(r, "the end of the line");
        if (k == 0) r->g->width = v;
        if (k == 1) r->g->height = v;
        if (k == 2) r->g->memlimit = v;
        if (k == 3) r->g->wdeltat = v;
        if (k == 4) r->g->wlength = v;
    }
    return WFC_OK;
}

static wfc_status need_parameters(const reader *r) {
    const char *missing = !r->width      ? "no width= was given"
                          : !r->height   ? "no height= was given"
                          : !r->memlimit ? "no memlimit= was given"
                          : !r->wdeltat  ? "no wdeltat= was given"
                          : !r->wlength  ? "no wlength= was given"
                                         : NULL;
    return missing ? fail(r, missing, "all of width, height, wdeltat, wlength, memlimit in the comment on top")
                   : WFC_OK;
}

/* ---- nodes ---- */

/* Letters that a node of this kind needs, with their largest values. */
typedef struct letters {
    const char *keys; /* one char each */
    uint32_t hi[8];
} letters;
static const letters k_conv = {
    "HWRSCKTU",
    {MOST_IMAGE, MOST_IMAGE, MOST_FILTER, MOST_FILTER, MOST_CHANNELS, MOST_CHANNELS, MOST_FILTER, MOST_FILTER}};
static const letters k_block = {"fhw", {MOST_CHANNELS, MOST_IMAGE, MOST_IMAGE}};
static const letters k_host = {"", {0}};

static wfc_status read_name(reader *r, char **name) {
    WFC_TRY(expect(r, "'"));
    size_t n = 0;
    while (r->p + n < r->end && r->p[n] != '\'') n++;
    for (size_t i = 0; i < n; i++)
        if (!is_word(r->p[i]) && !strchr("0123456789.-/", r->p[i]))
            return unexpected(r, "a name of letters, digits, '_', '.', '-' and '/'");
    if (n > MOST_NAME) return unexpected(r, "a name of at most 60 letters");
    if (n == 0 || r->p + n == r->end) return unexpected(r, "a name and a closing '");
    wfc_free(*name); /* given twice, the last one counts: so do the contest's inputs */
    *name = wfc_strndup(r->p, n);
    r->p += n + 1;
    return *name ? WFC_OK : WFC_ERR_NO_MEMORY;
}

/* key=value ... to the end of the line. */
static wfc_status read_values(reader *r, const letters *l, uint32_t *value, char **name) {
    char key[8];
    for (skip(r); r->p < r->end; skip(r)) {
        const char *start = r->p;
        if (!word(r, key, sizeof key)) return unexpected(r, "a key such as name=");
        WFC_TRY(expect(r, "="));
        const char *letter = key[1] ? NULL : strchr(l->keys, key[0]);
        if (strcmp(key, "name") == 0) {
            WFC_TRY(read_name(r, name));
        } else if (letter) {
            size_t i = (size_t)(letter - l->keys);
            if (value[i]) return fail(r, "a letter is given again", "each once");
            WFC_TRY(number(r, 1, l->hi[i], &value[i]));
        } else if (l == &k_host && strcmp(key, "n") == 0) {
            while (r->p < r->end && *r->p != ']') r->p++;
            WFC_TRY(expect(r, "]"));
        } else {
            r->p = start;
            return unexpected(r, "a letter of this kind of node, or name=");
        }
    }
    for (size_t i = 0; l->keys[i]; i++) {
        if (value[i]) continue;
        char missing[] = "the node lacks ?=";
        missing[sizeof missing - 3] = l->keys[i];
        return fail(r, missing, "all letters of its kind");
    }
    return *name ? WFC_OK : fail(r, "the node has no name", "name='...'");
}

/* Convolutions of a block, with stride and image as the contest defines them. */
static void make_block(wfc_be_kernel *k, uint32_t h, uint32_t w) {
    uint32_t f = k->f, q = f / 4;
    if (k->kind == WFC_BE_KERNEL_DBLOCK) {
        k->conv_count = 3;
        k->conv[0] = (wfc_be_conv){h, w, 1, 1, f, q, 1};
        k->conv[1] = (wfc_be_conv){h, w, 3, 3, q, q, 1};
        k->conv[2] = (wfc_be_conv){h, w, 1, 1, q, f, 1};
        return;
    }
    k->conv_count = 4;
    k->conv[0] = (wfc_be_conv){h, w, 1, 1, f / 2, q, 1};
    k->conv[1] = (wfc_be_conv){h, w, 3, 3, q, q, 2};
    k->conv[2] = (wfc_be_conv){h / 2, w / 2, 1, 1, q, f, 1};
    k->conv[3] = (wfc_be_conv){h, w, 1, 1, f / 2, f, 2};
}

static wfc_status make_kernel(reader *r, const char *kind, const uint32_t *value, wfc_be_kernel *k) {
    if (strcmp(kind, "conv") == 0) {
        if (value[6] != value[7]) return fail(r, "strides T and U differ", "T = U: the contest defines no other");
        k->kind = WFC_BE_KERNEL_CONV;
        k->conv_count = 1;
        k->conv[0] = (wfc_be_conv){value[0], value[1], value[2], value[3], value[4], value[5], value[6]};
        return WFC_OK;
    }
    k->kind = kind[0] == 'd' ? WFC_BE_KERNEL_DBLOCK : WFC_BE_KERNEL_CBLOCK;
    k->f = value[0];
    if (k->f % 4) return fail(r, "f is no multiple of 4", "one: a block has convolutions of f/4 channels");
    if (k->kind == WFC_BE_KERNEL_CBLOCK && (value[1] % 2 || value[2] % 2))
        return fail(r, "h or w of a cblock is odd", "even ones: it halves the image");
    make_block(k, value[1], value[2]);
    return WFC_OK;
}

static void set_type(wfc_be_kgraph *g, wfc_be_kernel *k) {
    k->type = g->type_count;
    for (size_t i = 0; i < g->kernels.count && k->type == g->type_count; i++) {
        const wfc_be_kernel *o = &g->kernels.data[i];
        if (o->conv_count == k->conv_count && memcmp(o->conv, k->conv, sizeof k->conv) == 0) k->type = o->type;
    }
    if (k->type == g->type_count) g->type_count++;
}

static wfc_status add_node(reader *r, const char *kind, uint32_t index, const letters *l) {
    uint32_t value[8] = {0};
    wfc_be_kernel k = {0};
    node n = {.index = index, .kernel = UINT32_MAX};
    memcpy(n.kind, kind, strlen(kind) + 1); /* of content: it has this size */
    wfc_status s = read_values(r, l, value, &k.name);
    for (size_t i = 0; s == WFC_OK && i < r->nodes.count; i++)
        if (r->nodes.data[i].index == index) s = fail(r, "the number in [] is another node's", "one of its own");
    if (s == WFC_OK && l != &k_host) {
        n.kernel = (uint32_t)r->g->kernels.count;
        s = make_kernel(r, kind, value, &k);
        for (size_t i = 0; s == WFC_OK && i < r->g->kernels.count; i++)
            if (strcmp(r->g->kernels.data[i].name, k.name) == 0)
                s = fail(r, "the name is another node's", "one of its own");
        if (s == WFC_OK && n.kernel == WFC_BE_KGRAPH_KERNELS) s = fail(r, "more than 1024 kernels", "fewer");
        if (s == WFC_OK) set_type(r->g, &k);
        if (s == WFC_OK) s = wfc_vec_push(&r->g->kernels, k);
        if (s == WFC_OK) k.name = NULL; /* the graph's */
    }
    wfc_free(k.name);
    if (s == WFC_OK) s = wfc_vec_push(&r->nodes, n);
    return s;
}

/* ---- edges ---- */

static wfc_status find_node(reader *r, const char *kind, uint32_t index, uint32_t *kernel) {
    for (size_t i = 0; i < r->nodes.count; i++) {
        const node *n = &r->nodes.data[i];
        if (n->index != index) continue;
        if (strcmp(n->kind, kind) != 0) return fail(r, "the node of this number is of another kind", n->kind);
        *kernel = n->kernel;
        return WFC_OK;
    }
    return fail(r, "no node has this number", "a node defined above");
}

static wfc_status index_of(reader *r, uint32_t *out) {
    WFC_TRY(expect(r, "["));
    WFC_TRY(number(r, 0, MOST_NODE, out));
    return expect(r, "]");
}

static wfc_status port(reader *r) {
    char name[16];
    WFC_TRY(expect(r, ":"));
    return word(r, name, sizeof name) ? WFC_OK : unexpected(r, "the name of a port");
}

static wfc_status add_edge(reader *r, const char *kind, uint32_t index) {
    char to[8];
    uint32_t size;
    wfc_be_kedge e;
    WFC_TRY(find_node(r, kind, index, &e.from));
    WFC_TRY(port(r));
    WFC_TRY(expect(r, "->"));
    if (!word(r, to, sizeof to)) return unexpected(r, "a node such as conv[2]");
    WFC_TRY(index_of(r, &index));
    WFC_TRY(find_node(r, to, index, &e.to));
    WFC_TRY(port(r));
    WFC_TRY(expect(r, ","));
    WFC_TRY(expect(r, "shape"));
    WFC_TRY(expect(r, ":"));
    for (int i = 0; i < 3; i++) {
        WFC_TRY(expect(r, "["));
        WFC_TRY(number(r, 1, 1 << 20, &size));
        WFC_TRY(expect(r, "]"));
    }
    skip(r);
    if (r->p < r->end) return unexpected(r, "the end of the line");
    if (e.from == UINT32_MAX || e.to == UINT32_MAX) return WFC_OK;
    if (e.from == e.to) return fail(r, "the edge ends where it starts", "two kernels");
    if (r->g->edges.count == MOST_EDGES) return fail(r, "more than 32768 edges", "fewer");
    return wfc_vec_push(&r->g->edges, e);
}

/* ---- lines ---- */

static wfc_status content(reader *r) {
    char kind[8];
    uint32_t index;
    WFC_TRY(need_parameters(r));
    const char *start = r->p;
    if (!word(r, kind, sizeof kind)) return unexpected(r, "a node such as conv[1]");
    const letters *l = strcmp(kind, "conv") == 0                                    ? &k_conv
                       : strcmp(kind, "dblock") == 0 || strcmp(kind, "cblock") == 0 ? &k_block
                       : strcmp(kind, "input") == 0 || strcmp(kind, "output") == 0  ? &k_host
                                                                                    : NULL;
    if (!l) {
        r->p = start;
        return unexpected(r, "conv, dblock, cblock, input or output");
    }
    WFC_TRY(index_of(r, &index));
    skip(r);
    return r->p < r->end && *r->p == ':' ? add_edge(r, kind, index) : add_node(r, kind, index, l);
}

/* A comment starts and ends with a line: nothing but blanks stands before (* and after *). */
static wfc_status read_line(reader *r) {
    if (!r->in_comment) {
        if (!take(r, "(*")) {
            skip(r);
            return r->p < r->end ? content(r) : WFC_OK;
        }
        r->in_comment = true;
    }
    WFC_TRY(parameter(r));
    while (r->p < r->end && r->in_comment) {
        if (take(r, "*)"))
            r->in_comment = false;
        else if (r->p < r->end)
            r->p++;
    }
    skip(r);
    return r->p < r->end ? unexpected(r, "the end of the line behind a comment") : WFC_OK;
}

static wfc_status read_all(reader *r, const char *text, size_t size) {
    const char *end = text + size;
    while (text < end) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        r->p = text;
        r->end = eol ? eol : end;
        r->line++;
        WFC_TRY(read_line(r));
        text = r->end + 1;
    }
    r->p = r->end;
    if (r->in_comment) return fail(r, "the file ends within a comment", "*)");
    WFC_TRY(need_parameters(r));
    return r->g->kernels.count ? WFC_OK : fail(r, "the file ends without a kernel", "conv, dblock or cblock nodes");
}

wfc_status wfc_be_kgraph_read(const char *text, size_t size, const char *where, wfc_diag *diag, wfc_be_kgraph *out) {
    *out = (wfc_be_kgraph){0};
    reader r = {.where = where, .diag = diag, .g = out};
    wfc_status s = read_all(&r, text, size);
    wfc_vec_free(&r.nodes);
    if (s != WFC_OK) wfc_be_kgraph_deinit(out);
    return s;
}

void wfc_be_kgraph_deinit(wfc_be_kgraph *g) {
    for (size_t i = 0; i < g->kernels.count; i++) wfc_free(g->kernels.data[i].name);
    wfc_vec_free(&g->kernels);
    wfc_vec_free(&g->edges);
    *g = (wfc_be_kgraph){0};
}
