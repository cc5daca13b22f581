/* Map expressions: checks and text.
 *
 * Text is one expression, shared parts first: "t0=neg(a); mul(t0,t0)". Operands are a..z, constants decimal or hex
 * floats (inf, -inf, nan), index(1) is the coordinate along result axis 1. Printing names exactly the inner nodes that
 * are used more than once, so a DAG never grows into a tree. Worked example: nodes {a, neg 0, mul 1 1} print as above
 * and read back as the same three nodes. */
#include "ir/fn.h"
#include "ir/graph.h"
#include "ir/op.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

wfc_status wfc_expr_check(const wfc_ir_site *site, const wfc_expr *e, uint32_t operand_count, uint32_t rank) {
    if (e->count == 0 || e->count > WFC_IR_MAX_EXPR)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0220", site->where, "expression of %u nodes, 1 to %d allowed",
                        e->count, WFC_IR_MAX_EXPR);
    for (uint32_t i = 0; i < e->count; i++) {
        const wfc_expr_node *n = &e->nodes[i];
        const wfc_fn_record *fn = wfc_fn_lookup(n->fn);
        bool bad =
            !fn || (n->fn == WFC_FN_ARG && n->index >= operand_count) || (n->fn == WFC_FN_INDEX && n->index >= rank);
        for (unsigned k = 0; !bad && k < fn->arity; k++) bad = n->args[k] >= i;
        if (bad)
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0221", site->where,
                            "expression node %u (%s %u) names no operand, axis or earlier node; %u operands, rank %u",
                            i, fn ? fn->name : "?", n->index, operand_count, rank);
    }
    return WFC_OK;
}

/* ---- Print ---- */

typedef struct expr_printer {
    const wfc_expr *e;
    wfc_buf *out;
    int16_t let[WFC_IR_MAX_EXPR]; /* number of the shared node's name, -1 inline */
} expr_printer;

/* Depth is bounded by the 255 nodes. */
static void print_node(expr_printer *p, uint32_t i, bool definition) {
    const wfc_expr_node *n = &p->e->nodes[i];
    if (!definition && p->let[i] >= 0) {
        wfc_buf_printf(p->out, "t%d", p->let[i]);
        return;
    }
    switch (n->fn) {
    case WFC_FN_ARG: wfc_buf_printf(p->out, "%c", 'a' + n->index); return;
    case WFC_FN_CONST: wfc_text_real(n->value, p->out); return;
    case WFC_FN_INDEX: wfc_buf_printf(p->out, "index(%u)", n->index); return;
    default: break;
    }
    const wfc_fn_record *fn = wfc_fn_lookup(n->fn);
    wfc_buf_printf(p->out, "%s(", fn->name);
    for (unsigned k = 0; k < fn->arity; k++) {
        if (k) wfc_buf_printf(p->out, ",");
        print_node(p, n->args[k], false);
    }
    wfc_buf_printf(p->out, ")");
}

void wfc_expr_print(const wfc_expr *e, wfc_buf *out) {
    expr_printer p = {.e = e, .out = out};
    uint16_t uses[WFC_IR_MAX_EXPR] = {0};
    int16_t next = 0;
    for (uint32_t i = e->count; i-- > 0;) { /* uses by live nodes only */
        if (i + 1u != e->count && uses[i] == 0) continue;
        for (unsigned k = 0; k < wfc_fn_lookup(e->nodes[i].fn)->arity; k++) uses[e->nodes[i].args[k]]++;
    }
    for (uint32_t i = 0; i < e->count; i++) {
        bool shared = uses[i] > 1 && wfc_fn_lookup(e->nodes[i].fn)->arity > 0;
        p.let[i] = -1;
        if (!shared) continue;
        wfc_buf_printf(out, "t%d=", next);
        print_node(&p, i, true);
        wfc_buf_printf(out, "; ");
        p.let[i] = next++;
    }
    print_node(&p, e->count - 1u, true);
}

/* ---- Parse ---- */

typedef struct expr_parser {
    const char *p;
    wfc_expr_node *nodes;
    uint32_t count, let_count, depth;
    uint8_t let[WFC_IR_MAX_EXPR];
    const char *wrong; /* set on failure */
} expr_parser;

static bool fail(expr_parser *s, const char *what) {
    if (!s->wrong) s->wrong = what;
    return false;
}

static void blanks(expr_parser *s) {
    while (isspace((unsigned char)*s->p)) s->p++;
}

static bool take(expr_parser *s, char c) {
    blanks(s);
    if (*s->p != c) return false;
    s->p++;
    return true;
}

static bool add(expr_parser *s, wfc_expr_node n, uint8_t *out) {
    for (uint32_t i = 0; i < s->count; i++) { /* one node per leaf */
        const wfc_expr_node *o = &s->nodes[i];
        if (o->fn != n.fn || wfc_fn_lookup(n.fn)->arity) continue;
        if (o->index != n.index || memcmp(&o->value, &n.value, sizeof n.value) != 0) continue;
        *out = (uint8_t)i;
        return true;
    }
    if (s->count == WFC_IR_MAX_EXPR) return fail(s, "more than 255 nodes");
    *out = (uint8_t)s->count;
    s->nodes[s->count++] = n;
    return true;
}

static bool parse_expr(expr_parser *s, uint8_t *out);

static bool parse_number(expr_parser *s, uint8_t *out) {
    char *end;
    wfc_expr_node n = {.fn = WFC_FN_CONST};
    n.value = strtod(s->p, &end);
    if (end == s->p) return fail(s, "expected an operand, a function or a number");
    if (n.value != n.value) n.value = NAN;
    s->p = end;
    return add(s, n, out);
}

static bool parse_digits(expr_parser *s, uint32_t *out) {
    uint32_t v = 0;
    if (!isdigit((unsigned char)*s->p)) return fail(s, "expected a number");
    for (; isdigit((unsigned char)*s->p); s->p++) {
        v = v * 10 + (uint32_t)(*s->p - '0');
        if (v > 255) return fail(s, "a number above 255");
    }
    *out = v;
    return true;
}

static bool parse_call(expr_parser *s, const char *name, uint8_t *out) {
    if (!take(s, '(')) return fail(s, "expected ( behind a function");
    if (strcmp(name, "index") == 0) {
        uint32_t axis;
        blanks(s);
        if (!parse_digits(s, &axis)) return false;
        if (!take(s, ')')) return fail(s, "expected )");
        return add(s, (wfc_expr_node){.fn = WFC_FN_INDEX, .index = (uint8_t)axis}, out);
    }
    const wfc_fn_record *fn = wfc_fn_find(name);
    if (!fn || fn->arity == 0) return fail(s, "no such function");
    wfc_expr_node n = {.fn = fn->fn};
    for (unsigned k = 0; k < fn->arity; k++) {
        if (k && !take(s, ',')) return fail(s, "too few arguments");
        if (!parse_expr(s, &n.args[k])) return false;
    }
    if (!take(s, ')')) return fail(s, "expected ) behind the arguments");
    return add(s, n, out);
}

static bool parse_word(expr_parser *s, uint8_t *out) {
    char word[16];
    size_t n = 0;
    const char *start = s->p;
    if (start[0] == 't' && isdigit((unsigned char)start[1])) {
        uint32_t k;
        s->p++;
        if (!parse_digits(s, &k)) return false;
        if (k >= s->let_count) return fail(s, "a name t0, t1.. that is not defined before");
        *out = s->let[k];
        return true;
    }
    while (isalnum((unsigned char)s->p[n]) || s->p[n] == '_')
        if (++n >= sizeof word) return fail(s, "no such function");
    memcpy(word, s->p, n);
    word[n] = 0;
    if (strcmp(word, "inf") == 0 || strcmp(word, "nan") == 0) return parse_number(s, out);
    s->p += n;
    if (n == 1) {
        if (word[0] < 'a' || word[0] > 'z') return fail(s, "operands are a to z");
        return add(s, (wfc_expr_node){.fn = WFC_FN_ARG, .index = (uint8_t)(word[0] - 'a')}, out);
    }
    return parse_call(s, word, out);
}

static bool parse_expr(expr_parser *s, uint8_t *out) {
    if (++s->depth > WFC_IR_MAX_EXPR) return fail(s, "nested too deep");
    blanks(s);
    bool ok = isalpha((unsigned char)*s->p) ? parse_word(s, out) : parse_number(s, out);
    s->depth--;
    return ok;
}

static bool is_let(const char *p) {
    if (*p++ != 't' || !isdigit((unsigned char)*p)) return false;
    while (isdigit((unsigned char)*p)) p++;
    while (isspace((unsigned char)*p)) p++;
    return *p == '=';
}

static bool parse_all(expr_parser *s) {
    uint8_t last = 0;
    for (blanks(s); is_let(s->p); blanks(s)) {
        uint32_t k;
        s->p++;
        if (!parse_digits(s, &k)) return false;
        if (k != s->let_count || k >= WFC_IR_MAX_EXPR) return fail(s, "names must be defined in the order t0, t1..");
        (void)take(s, '=');
        if (!parse_expr(s, &s->let[k])) return false;
        if (!take(s, ';')) return fail(s, "expected ; behind a definition");
        s->let_count++;
    }
    if (!parse_expr(s, &last)) return false;
    blanks(s);
    if (*s->p) return fail(s, "text behind the expression");
    if (last + 1u == s->count) return true;
    /* The result must be the last node: a shared part as the whole result moves behind the others. */
    if (s->count == WFC_IR_MAX_EXPR) return fail(s, "more than 255 nodes");
    s->nodes[s->count] = s->nodes[last];
    s->count++;
    return true;
}

wfc_status wfc_expr_parse(const char *text, wfc_diag *diag, const char *where, wfc_expr_node *nodes,
                          uint32_t *out_count) {
    expr_parser s = {.p = text, .nodes = nodes};
    if (!parse_all(&s))
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0222", where, "expression \"%s\", column %u: %s", text,
                        (unsigned)(s.p - text) + 1, s.wrong);
    *out_count = s.count;
    return WFC_OK;
}

/* ---- Compute type ---- */

wfc_dtype wfc_ir_map_type_over(const wfc_graph *g, wfc_dtype result, const wfc_value *operands, uint32_t n) {
    bool any_float = false, any_u32 = false, any_signed = false, any_i64 = false;
    for (uint32_t k = 0; k <= n; k++) {
        unsigned t = k < n ? g->nodes.data[operands[k].i].dtype : (unsigned)result;
        if (t == WFC_F64) return WFC_F64;
        any_float = any_float || wfc_dtype_is_float((wfc_dtype)t);
        any_i64 = any_i64 || t == WFC_I64 || t == WFC_U64;
        any_u32 = any_u32 || t == WFC_U32;
        any_signed = any_signed || t == WFC_I32 || t == WFC_I16 || t == WFC_I8;
    }
    if (any_float) return WFC_F32;
    if (any_i64 || (any_u32 && any_signed)) return WFC_I64;
    return any_u32 ? WFC_U32 : WFC_I32;
}

wfc_dtype wfc_ir_map_type(const wfc_graph *g, wfc_value map) {
    const wfc_node *n = &g->nodes.data[map.i];
    return wfc_ir_map_type_over(g, (wfc_dtype)n->dtype, g->operands.data + n->operand_first, n->operand_count);
}
