/* Einsum. Letters are index variables: two operands are one contract, one operand a sum over what the result lacks. A
 * letter twice in one operand reads its diagonal. The ellipsis stands for axes that broadcast. */
#include "frontend/convert.h"
#include <ctype.h>
#include <string.h>

#define MAX_OPERANDS 2

typedef struct term {
    int letter[WFC_IR_MAX_RANK]; /* 0..51 a letter; 52.. an axis of the ellipsis, 52 the last */
    unsigned rank;
} term;

typedef struct equation {
    term in[MAX_OPERANDS], out;
    unsigned count;
    int64_t extent[52 + WFC_IR_MAX_RANK];
    unsigned uses[52];
    unsigned ellipsis; /* axes of the longest */
} equation;

static int letter_of(char ch) {
    return islower((unsigned char)ch) ? ch - 'a' : isupper((unsigned char)ch) ? 26 + ch - 'A' : -1;
}

/* Axes of a term from `text` (up to , - or the end); `dots`: axes that the ellipsis stands for. */
static wfc_status read_term(wfc_fe_ctx *c, wfc_fe_node *n, const char **text, unsigned dots, term *t) {
    bool seen = false;
    const char *p = *text;
    for (; *p && *p != ',' && *p != '-'; p++) {
        if (*p == ' ') continue;
        if (!strncmp(p, "...", 3) && !seen) {
            seen = true;
            p += 2;
            if (t->rank + dots > WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "more than 8 axes");
            for (unsigned i = 0; i < dots; i++) t->letter[t->rank++] = 52 + (int)(dots - 1 - i);
            continue;
        }
        int letter = letter_of(*p);
        if (letter < 0) return wfc_fe_invalid(c, n, "the equation has a '%c' that means nothing", *p);
        if (t->rank == WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "more than 8 axes");
        t->letter[t->rank++] = letter;
    }
    *text = p;
    return WFC_OK;
}

static unsigned letters_in(const char *p) {
    unsigned count = 0;
    for (; *p && *p != ',' && *p != '-'; p++) count += letter_of(*p) >= 0;
    return count;
}

static wfc_status read_operands(wfc_fe_ctx *c, wfc_fe_node *n, const char **p, equation *e) {
    for (e->count = 0; e->count < n->in_count; e->count++) {
        uint8_t rank;
        int64_t dims[WFC_IR_MAX_RANK];
        term *t = &e->in[e->count];
        wfc_fe_shape(c, wfc_fe_input(c, n, e->count), &rank, dims);
        unsigned letters = letters_in(*p), dots = rank > letters ? rank - letters : 0;
        WFC_TRY(read_term(c, n, p, dots, t));
        if (t->rank != rank)
            return wfc_fe_invalid(c, n, "operand %u has %u axes, the equation %u", e->count, rank, t->rank);
        if (dots > e->ellipsis) e->ellipsis = dots;
        for (unsigned i = 0; i < rank; i++) {
            int64_t *extent = &e->extent[t->letter[i]];
            if (t->letter[i] < 52) e->uses[t->letter[i]]++;
            if (*extent == 0 || *extent == 1) *extent = dims[i];
            if (dims[i] != *extent && dims[i] != 1) return wfc_fe_invalid(c, n, "extents of one letter differ");
        }
        bool last = e->count + 1 == n->in_count;
        if (!last && **p != ',') return wfc_fe_invalid(c, n, "the equation has fewer operands than the node");
        if (!last) (*p)++;
    }
    return WFC_OK;
}

static wfc_status read_equation(wfc_fe_ctx *c, wfc_fe_node *n, const char *text, equation *e) {
    const char *p = text;
    WFC_TRY(read_operands(c, n, &p, e));
    if (p[0] == '-' && p[1] == '>') {
        p += 2;
        WFC_TRY(read_term(c, n, &p, e->ellipsis, &e->out));
    } else if (!*p) { /* the ellipsis, then the letters that occur once, in order */
        for (unsigned i = e->ellipsis; i-- > 0;) e->out.letter[e->out.rank++] = 52 + (int)i;
        static const char order[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for (const char *l = order; *l; l++)
            if (e->uses[letter_of(*l)] == 1 && e->out.rank < WFC_IR_MAX_RANK)
                e->out.letter[e->out.rank++] = letter_of(*l);
    }
    if (*p) return wfc_fe_invalid(c, n, "the equation does not end where it should");
    for (unsigned i = 0; i < e->out.rank; i++) {
        if (e->extent[e->out.letter[i]] == 0)
            return wfc_fe_invalid(c, n, "the result has a letter that no operand has");
        for (unsigned k = 0; k < i; k++)
            if (e->out.letter[k] == e->out.letter[i]) return wfc_fe_invalid(c, n, "the result has a letter twice");
    }
    return WFC_OK;
}

/* Variables of the index space by letter; -1 none yet. */
static wfc_status make_space(wfc_fe_ctx *c, wfc_fe_node *n, const equation *e, wfc_space *s) {
    static const char names[] = "abcdefghijklmnop";
    int var[52 + WFC_IR_MAX_RANK];
    for (unsigned i = 0; i < 52 + WFC_IR_MAX_RANK; i++) var[i] = -1;
    for (unsigned i = 0; i < e->out.rank; i++)
        var[e->out.letter[i]] = (int)wfc_fe_space_var(s, names[s->index_count], (uint32_t)e->extent[e->out.letter[i]]);
    s->out_rank = s->index_count;
    for (unsigned k = 0; k < e->count; k++)
        for (unsigned i = 0; i < e->in[k].rank; i++) {
            uint8_t rank;
            int64_t dims[WFC_IR_MAX_RANK];
            int letter = e->in[k].letter[i];
            wfc_fe_shape(c, wfc_fe_input(c, n, k), &rank, dims);
            if (var[letter] < 0) {
                if (s->index_count == sizeof names - 1) return wfc_fe_unsupported(c, n, "more than 16 letters");
                var[letter] = (int)wfc_fe_space_var(s, names[s->index_count], (uint32_t)e->extent[letter]);
            }
            wfc_affine *at = k ? &s->b[i] : &s->a[i];
            if (dims[i] == e->extent[letter]) at->coef[var[letter]] = 1; /* else extent 1: broadcast */
        }
    return WFC_OK;
}

static wfc_status convert_einsum(wfc_fe_ctx *c, wfc_fe_node *n) {
    equation e = {0};
    wfc_space s = {0};
    wfc_value x[MAX_OPERANDS], y;
    const Onnx__AttributeProto *a = wfc_fe_attr(n, "equation");
    char text[256];
    if (!a || a->s.len == 0 || a->s.len >= sizeof text)
        return wfc_fe_invalid(c, n, "no equation, or one of more than 255 characters");
    if (n->in_count > MAX_OPERANDS)
        return wfc_fe_unsupported(c, n, "%u operands; at most 2 are supported", n->in_count);
    memcpy(text, a->s.data, a->s.len);
    text[a->s.len] = 0;
    WFC_TRY(read_equation(c, n, text, &e));
    for (unsigned k = 0; k < e.count; k++) WFC_TRY(wfc_fe_ir_input(c, n, k, &x[k]));
    WFC_TRY(make_space(c, n, &e, &s));
    WFC_TRY(e.count == 2 ? wfc_fe_contract(c, n, x[0], x[1], &s, &y)
                         : wfc_ir_add_reduce(c->g, c->diag, NULL, x[0], WFC_RED_SUM, &s, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_einsum = {
    {"", "Einsum", 12, WFC_FE_NEWEST_OPSET, "at most " WFC_FE_STRING(MAX_OPERANDS) " operands"},
    1,
    WFC_FE_VARIADIC,
    1,
    0,
    "equation:s",
    convert_einsum,
    WFC_FE_FLOATS};
