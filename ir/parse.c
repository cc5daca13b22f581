/* The text form, read. One statement per node; each op's record reads its own attributes. The builders check all that
 * a text can get wrong; here only syntax, names and the stated types. */
#include "ir/op.h"
#include <string.h>

enum { MAX_TEXT_OPERANDS = 65536 };

typedef struct ir_parser {
    wfc_lex lx;
    wfc_graph *g;
    WFC_VEC(wfc_value) operands; /* of the current statement */
} ir_parser;

/* A builder's message names the node; this adds where in the file it is. */
static wfc_status located(ir_parser *p, wfc_status s) {
    if (s == WFC_ERR_INPUT) (void)!wfc_lex_fail(&p->lx, "in the statement before this place");
    return s;
}

static wfc_status parse_type(ir_parser *p, wfc_node *n) {
    char word[16];
    wfc_dtype t;
    WFC_TRY(wfc_lex_word(&p->lx, word, sizeof word));
    if (!wfc_dtype_parse(word, &t)) return wfc_lex_fail(&p->lx, "unknown element type");
    n->dtype = (uint8_t)t;
    WFC_TRY(wfc_lex_shape(&p->lx, &n->shape.rank, n->shape.dims));
    return located(p, wfc_shape_check(&n->shape, n->name, p->lx.diag));
}

static wfc_status parse_new_name(ir_parser *p, const char **out) {
    WFC_TRY(wfc_lex_expect(&p->lx, "%"));
    WFC_TRY(wfc_lex_name(&p->lx, &p->g->arena, out));
    if (!(*out)[0]) return wfc_lex_fail(&p->lx, "a name cannot be empty");
    if (wfc_value_valid(wfc_ir_find(p->g, *out))) return wfc_lex_fail(&p->lx, "this name is taken by an earlier node");
    return WFC_OK;
}

static wfc_status parse_value(ir_parser *p, wfc_value *out) {
    const char *name;
    WFC_TRY(wfc_lex_expect(&p->lx, "%"));
    WFC_TRY(wfc_lex_name(&p->lx, &p->g->arena, &name));
    *out = wfc_ir_find(p->g, name);
    return wfc_value_valid(*out) ? WFC_OK : wfc_lex_fail(&p->lx, "no earlier node has this name");
}

static wfc_status parse_host(ir_parser *p, const char **name, uint8_t *type) {
    uint64_t v;
    *name = NULL;
    *type = 0;
    if (!wfc_lex_take(&p->lx, "host")) return WFC_OK;
    WFC_TRY(wfc_lex_expect(&p->lx, "="));
    WFC_TRY(wfc_lex_string(&p->lx, &p->g->arena, name));
    WFC_TRY(wfc_lex_expect(&p->lx, "hosttype"));
    WFC_TRY(wfc_lex_expect(&p->lx, "="));
    WFC_TRY(wfc_lex_uint(&p->lx, 255, &v));
    *type = (uint8_t)v;
    return WFC_OK;
}

static wfc_status parse_locs(ir_parser *p, wfc_node *n) {
    WFC_VEC(const char *) locs = {0};
    wfc_status s = WFC_OK;
    if (!wfc_lex_take(&p->lx, "loc")) return WFC_OK;
    WFC_TRY(wfc_lex_expect(&p->lx, "("));
    do {
        const char *text;
        s = wfc_lex_string(&p->lx, &p->g->arena, &text);
        if (s == WFC_OK && wfc_vec_push(&locs, text) != WFC_OK) s = wfc_fail_memory(p->lx.diag);
    } while (s == WFC_OK && wfc_lex_take(&p->lx, ","));
    if (s == WFC_OK) s = wfc_lex_expect(&p->lx, ")");
    if (s == WFC_OK) {
        n->locs = wfc_arena_alloc(&p->g->arena, locs.count, sizeof *n->locs);
        if (n->locs) {
            memcpy(n->locs, locs.data, locs.count * sizeof *n->locs);
            n->loc_count = (uint32_t)locs.count;
        } else {
            s = wfc_fail_memory(p->lx.diag);
        }
    }
    wfc_vec_free(&locs);
    return s;
}

static wfc_status parse_tail(ir_parser *p, wfc_node *n) {
    uint64_t v;
    if (wfc_lex_take(&p->lx, "group")) {
        WFC_TRY(wfc_lex_expect(&p->lx, "="));
        WFC_TRY(wfc_lex_uint(&p->lx, UINT32_MAX, &v));
        n->group = (uint32_t)v;
    }
    return parse_locs(p, n);
}

static wfc_status parse_leaf(ir_parser *p, uint8_t op) {
    wfc_node n = {.op = op};
    wfc_value v;
    WFC_TRY(parse_new_name(p, &n.name));
    WFC_TRY(wfc_lex_expect(&p->lx, ":"));
    WFC_TRY(parse_type(p, &n));
    if (op == WFC_CORE_INPUT) {
        WFC_TRY(parse_host(p, &n.u.input.host_name, &n.u.input.host_dtype));
    } else {
        uint64_t elems = wfc_shape_elems(&n.shape);
        WFC_TRY(wfc_lex_expect(&p->lx, "="));
        WFC_TRY(wfc_lex_data(&p->lx, &p->g->arena, (wfc_dtype)n.dtype, elems, &n.u.konst.data.bytes));
        n.u.konst.data.size_bytes = elems * wfc_dtype_bytes((wfc_dtype)n.dtype);
        if (wfc_lex_take(&p->lx, "mask")) {
            WFC_TRY(wfc_lex_expect(&p->lx, "="));
            WFC_TRY(wfc_lex_data(&p->lx, &p->g->arena, WFC_U8, elems, &n.u.konst.mask));
        }
    }
    WFC_TRY(parse_tail(p, &n));
    return located(p, wfc_ir_add_node(p->g, p->lx.diag, &n, NULL, 0, &v));
}

static wfc_status parse_operands(ir_parser *p) {
    p->operands.count = 0;
    WFC_TRY(wfc_lex_expect(&p->lx, "("));
    if (wfc_lex_take(&p->lx, ")")) return WFC_OK;
    do {
        wfc_value v;
        WFC_TRY(parse_value(p, &v));
        if (p->operands.count == MAX_TEXT_OPERANDS) return wfc_lex_fail(&p->lx, "too many operands");
        if (wfc_vec_push(&p->operands, v) != WFC_OK) return wfc_fail_memory(p->lx.diag);
    } while (wfc_lex_take(&p->lx, ","));
    return wfc_lex_expect(&p->lx, ")");
}

/* Moves behind the closing brace, over strings that may hold braces. */
static wfc_status skip_braces(wfc_lex *lx) {
    bool quoted = false;
    for (; *lx->at; lx->at++) {
        if (*lx->at == '\\' && quoted && lx->at[1])
            lx->at++;
        else if (*lx->at == '"')
            quoted = !quoted;
        else if (*lx->at == '}' && !quoted) {
            lx->at++;
            return WFC_OK;
        }
    }
    return wfc_lex_fail(lx, "attributes without a closing brace");
}

static const wfc_core_record *find_op(const char *name) {
    for (unsigned op = 0; op < WFC_CORE_COUNT; op++)
        if (wfc_core_lookup(op)->eval && strcmp(wfc_core_lookup(op)->name, name) == 0) return wfc_core_lookup(op);
    return NULL;
}

/* %name = op(operands) {attributes} : type tail. The type is read first: spaces take their extents from it. */
static wfc_status parse_node(ir_parser *p) {
    wfc_lex *lx = &p->lx;
    wfc_node n = {0};
    char word[16];
    wfc_value v;
    WFC_TRY(parse_new_name(p, &n.name));
    WFC_TRY(wfc_lex_expect(lx, "="));
    WFC_TRY(wfc_lex_word(lx, word, sizeof word));
    const wfc_core_record *rec = find_op(word);
    if (!rec) return wfc_lex_fail(lx, "unknown op; there are map, view, concat, contract and reduce");
    n.op = rec->op;
    WFC_TRY(parse_operands(p));
    if (p->operands.count < rec->min_operands) return wfc_lex_fail(lx, "too few operands");
    WFC_TRY(wfc_lex_expect(lx, "{"));
    const char *attributes = lx->at;
    WFC_TRY(skip_braces(lx));
    WFC_TRY(wfc_lex_expect(lx, ":"));
    WFC_TRY(parse_type(p, &n));
    const char *tail = lx->at;
    lx->at = attributes;
    WFC_TRY(located(p, rec->parse(lx, p->g, p->operands.data, (uint32_t)p->operands.count, &n.shape, &n)));
    WFC_TRY(wfc_lex_expect(lx, "}"));
    lx->at = tail;
    WFC_TRY(parse_tail(p, &n));
    WFC_TRY(located(p, wfc_ir_add_node(p->g, lx->diag, &n, p->operands.data, (uint32_t)p->operands.count, &v)));
    const wfc_node *made = wfc_ir_node_c(p->g, v);
    if (made->dtype != n.dtype || !wfc_shape_eq(&made->shape, &n.shape))
        return wfc_lex_fail(lx, "the stated type is not the one that the operands give");
    return WFC_OK;
}

static wfc_status parse_output(ir_parser *p) {
    wfc_value v;
    const char *host;
    uint8_t type;
    WFC_TRY(parse_value(p, &v));
    WFC_TRY(parse_host(p, &host, &type));
    return wfc_ir_add_output(p->g, p->lx.diag, v, host, type);
}

static wfc_status parse_header(ir_parser *p) {
    uint64_t v;
    wfc_lex *lx = &p->lx;
    WFC_TRY(wfc_lex_expect(lx, "wfc.ir"));
    WFC_TRY(wfc_lex_uint(lx, UINT32_MAX, &v));
    if (v != 1) return wfc_lex_fail(lx, "unknown version of the text form; this program reads 1");
    WFC_TRY(wfc_lex_expect(lx, "graph"));
    WFC_TRY(wfc_lex_expect(lx, "@"));
    WFC_TRY(wfc_lex_name(lx, &p->g->arena, &p->g->name));
    if (wfc_lex_take(lx, "samples")) {
        WFC_TRY(wfc_lex_expect(lx, "="));
        WFC_TRY(wfc_lex_uint(lx, UINT32_MAX, &v));
        p->g->samples = (uint32_t)v;
    }
    p->g->unbatched = wfc_lex_take(lx, "unbatched");
    return wfc_lex_expect(lx, "{");
}

static wfc_status parse_graph(ir_parser *p) {
    wfc_lex *lx = &p->lx;
    WFC_TRY(parse_header(p));
    while (!wfc_lex_take(lx, "}")) {
        if (wfc_lex_take(lx, "input"))
            WFC_TRY(parse_leaf(p, WFC_CORE_INPUT));
        else if (wfc_lex_take(lx, "const"))
            WFC_TRY(parse_leaf(p, WFC_CORE_CONST));
        else if (wfc_lex_take(lx, "output"))
            WFC_TRY(parse_output(p));
        else if (wfc_lex_peek(lx, '%'))
            WFC_TRY(parse_node(p));
        else
            return wfc_lex_fail(lx, "expected input, const, output, %name or }");
    }
    return wfc_lex_end(lx) ? WFC_OK : wfc_lex_fail(lx, "text behind the graph");
}

wfc_status wfc_ir_parse(const char *text, size_t n, const char *where, wfc_diag *diag, wfc_graph *out) {
    wfc_graph_init(out);
    char *copy = wfc_strndup(text, n); /* ends in a zero byte, which no token contains */
    if (!copy) return wfc_fail_memory(diag);
    ir_parser p = {.g = out};
    size_t length = strlen(copy);
    p.lx = (wfc_lex){copy, copy, copy + length, where ? where : "text", diag};
    wfc_status s = length == n ? parse_graph(&p) : wfc_lex_fail(&p.lx, "a zero byte in the text");
    wfc_vec_free(&p.operands);
    wfc_free(copy);
    if (s != WFC_OK) {
        wfc_graph_deinit(out);
        wfc_graph_init(out);
    }
    return s;
}
