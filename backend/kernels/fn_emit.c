/* Expressions: node by node in order, temporaries freed after their last reader.
 *
 *   max(add(a, b), 0), dst    vadd s0, a, b;  vmax dst, s0, r0
 *
 * A node whose argument dies in it works in the argument's memory; the last node writes the destination. */
#include "backend/kernels/fn_emit_internal.h"

#include <string.h>

/* ---- one-line emission ---- */

wfc_be_tmp wfc_be_fx_new(wfc_be_fx *x) {
    wfc_be_tmp t;
    t.array = wfc_be_asm_scratch(x->a, x->n * 4);
    t.f = wfc_be_asm_row(x->a, t.array, 0, WFC_F32, x->n);
    return t;
}

uint8_t wfc_be_fx_bits(wfc_be_fx *x, wfc_be_tmp t) {
    return wfc_be_asm_row(x->a, t.array, 0, WFC_I32, x->n);
}

void wfc_be_fx_free(wfc_be_fx *x, wfc_be_tmp t) {
    wfc_be_asm_scratch_release(x->a, t.array);
}

wfc_be_tmp wfc_be_fx_take(wfc_be_fx *x, wfc_be_val *v) {
    if (v->kind != WFC_BE_VAL_TMP || !v->dying || v->taken) return wfc_be_fx_new(x);
    v->taken = true;
    return v->tmp;
}

uint8_t wfc_be_fx_k(wfc_be_fx *x, float v) {
    return wfc_be_asm_const_f32(x->a, v);
}

uint8_t wfc_be_fx_src(wfc_be_fx *x, const wfc_be_val *v) {
    if (v->kind == WFC_BE_VAL_CONST) return wfc_be_fx_k(x, v->value);
    return v->kind == WFC_BE_VAL_TMP ? v->tmp.f : v->operand;
}

void wfc_be_fx_f(wfc_be_fx *x, wfc_op op, uint8_t d, uint8_t s0, uint8_t s1) {
    wfc_be_asm_op(x->a, op, WFC_F32, d, s0, s1, 0);
}

void wfc_be_fx_b(wfc_be_fx *x, wfc_op op, wfc_be_tmp d, wfc_be_tmp s0, wfc_be_tmp s1) {
    uint8_t i0 = wfc_be_fx_bits(x, d), i1 = wfc_be_fx_bits(x, s0), i2 = wfc_be_fx_bits(x, s1);
    wfc_be_asm_op(x->a, op, WFC_I32, i0, i1, i2, 0);
}

void wfc_be_fx_bk(wfc_be_fx *x, wfc_op op, wfc_be_tmp d, wfc_be_tmp s, int32_t k) {
    uint8_t i0 = wfc_be_fx_bits(x, d), i1 = wfc_be_fx_bits(x, s), r = wfc_be_asm_const(x->a, (uint32_t)k);
    wfc_be_asm_op(x->a, op, WFC_I32, i0, i1, r, 0);
}

/* Separate statements: the order of constant loads must not depend on the C compiler. */
void wfc_be_fx_v1(wfc_be_fx *x, wfc_op op, uint8_t d, const wfc_be_val *v) {
    wfc_be_fx_f(x, op, d, wfc_be_fx_src(x, v), WFC_OPND_NONE);
}

void wfc_be_fx_v2(wfc_be_fx *x, wfc_op op, uint8_t d, const wfc_be_val *v, const wfc_be_val *w) {
    uint8_t s0 = wfc_be_fx_src(x, v), s1 = wfc_be_fx_src(x, w);
    wfc_be_fx_f(x, op, d, s0, s1);
}

void wfc_be_fx_vk(wfc_be_fx *x, wfc_op op, uint8_t d, const wfc_be_val *v, float k) {
    uint8_t s0 = wfc_be_fx_src(x, v), s1 = wfc_be_fx_k(x, k);
    wfc_be_fx_f(x, op, d, s0, s1);
}

void wfc_be_fx_fk(wfc_be_fx *x, wfc_op op, uint8_t d, uint8_t s, float k) {
    wfc_be_fx_f(x, op, d, s, wfc_be_fx_k(x, k));
}

uint8_t wfc_be_fx_out(const wfc_be_fx *x, wfc_be_tmp t) {
    return x->dst != WFC_OPND_NONE ? x->dst : t.f;
}

void wfc_be_fx_horner(wfc_be_fx *x, uint8_t p, uint8_t r, const float *c, unsigned count) {
    wfc_be_fx_f(x, WFC_OP_VMUL, p, r, wfc_be_fx_k(x, c[count - 1]));
    for (unsigned i = count - 2; i > 0; i--) {
        wfc_be_fx_f(x, WFC_OP_VADD, p, p, wfc_be_fx_k(x, c[i]));
        wfc_be_fx_f(x, WFC_OP_VMUL, p, p, r);
    }
    wfc_be_fx_f(x, WFC_OP_VADD, p, p, wfc_be_fx_k(x, c[0]));
}

void wfc_be_fx_select(wfc_be_fx *x, wfc_be_tmp m, uint8_t yes, uint8_t no) {
    wfc_be_fx_f(x, WFC_OP_VSEL, m.f, yes, no);
    if (x->dst != WFC_OPND_NONE) wfc_be_fx_f(x, WFC_OP_VMOV, x->dst, m.f, WFC_OPND_NONE);
}

/* ---- expressions ---- */

static const wfc_be_fn_emitter LONG_FORMS[WFC_FN_COUNT] = {
    [WFC_FN_EXP] = wfc_be_fn_exp,         [WFC_FN_LOG] = wfc_be_fn_log, [WFC_FN_TANH] = wfc_be_fn_tanh,
    [WFC_FN_SIGMOID] = wfc_be_fn_sigmoid, [WFC_FN_ERF] = wfc_be_fn_erf, [WFC_FN_POW] = wfc_be_fn_pow,
};

static wfc_be_fn_emitter emitter_of(unsigned fn) {
    if (fn >= WFC_FN_COUNT) return NULL;
    return LONG_FORMS[fn] ? LONG_FORMS[fn] : wfc_be_fn_basic((wfc_fn)fn);
}

typedef struct expr_state {
    wfc_be_fx fx;
    const wfc_expr *e;
    const wfc_be_expr_io *io;
    wfc_be_val vals[WFC_IR_MAX_EXPR];
    uint16_t readers[WFC_IR_MAX_EXPR]; /* nodes still to come that read it */
    uint8_t same_as[WFC_IR_MAX_EXPR];  /* casts are their argument */
    bool live[WFC_IR_MAX_EXPR];
} expr_state;

static unsigned arity_of(unsigned fn) {
    const wfc_fn_record *r = wfc_fn_lookup(fn);
    return r ? r->arity : 0;
}

static wfc_status refuse(wfc_be_asm *a, const char *what, unsigned number) {
    wfc_status s =
        wfc_fail(wfc_be_asm_diag(a), WFC_ERR_UNSUPPORTED, "WFC-E0710", wfc_be_asm_layer(a),
                 "the elementwise expression uses %s %u, which has no PE instruction sequence", what, number);
    return wfc_be_asm_fail(a, s);
}

static wfc_status check_expr(wfc_be_asm *a, const wfc_expr *e, const wfc_be_expr_io *io) {
    if (e->count == 0 || e->count > WFC_IR_MAX_EXPR) return refuse(a, "a node count of", e->count);
    for (unsigned k = 0; k < e->count; k++) {
        const wfc_expr_node *n = &e->nodes[k];
        bool leaf = n->fn == WFC_FN_ARG || n->fn == WFC_FN_CONST || n->fn == WFC_FN_INDEX;
        if (n->fn == WFC_FN_ARG && n->index >= io->operand_count) return refuse(a, "operand", n->index);
        if (n->fn == WFC_FN_INDEX && n->index >= io->index_count) return refuse(a, "the index of axis", n->index);
        if (!leaf && n->fn != WFC_FN_CAST && !emitter_of(n->fn)) return refuse(a, "function", n->fn);
        for (unsigned i = 0; i < arity_of(n->fn); i++) {
            if (n->args[i] >= k) return refuse(a, "a forward reference to node", n->args[i]);
        }
    }
    wfc_desc d;
    if (!wfc_be_asm_desc_get(a, io->dst, &d, NULL)) return refuse(a, "a destination operand", io->dst);
    if (!wfc_dtype_is_float((wfc_dtype)d.type)) return refuse(a, "a destination of element type", d.type);
    return WFC_OK;
}

/* Marks what the result needs and counts readers, backwards. */
static void count_readers(expr_state *s) {
    const wfc_expr *e = s->e;
    for (unsigned k = 0; k < e->count; k++) {
        s->same_as[k] = e->nodes[k].fn == WFC_FN_CAST ? s->same_as[e->nodes[k].args[0]] : (uint8_t)k;
    }
    s->live[s->same_as[e->count - 1]] = true;
    for (unsigned k = e->count; k-- > 0;) {
        if (!s->live[k]) continue;
        for (unsigned i = 0; i < arity_of(e->nodes[k].fn); i++) {
            unsigned arg = s->same_as[e->nodes[k].args[i]];
            s->live[arg] = true;
            s->readers[arg]++;
        }
    }
}

static bool is_truth(unsigned fn) {
    return fn == WFC_FN_EQ || fn == WFC_FN_LT || fn == WFC_FN_LE || fn == WFC_FN_NOT || fn == WFC_FN_AND ||
           fn == WFC_FN_OR;
}

static void emit_node(expr_state *s, unsigned k, bool is_root) {
    const wfc_expr_node *n = &s->e->nodes[k];
    wfc_be_val *args[3] = {0};
    unsigned arity = arity_of(n->fn);
    for (unsigned i = 0; i < arity; i++) {
        args[i] = &s->vals[s->same_as[n->args[i]]];
        s->readers[s->same_as[n->args[i]]]--;
    }
    for (unsigned i = 0; i < arity; i++) args[i]->dying = s->readers[s->same_as[n->args[i]]] == 0;
    s->fx.dst = is_root ? s->io->dst : WFC_OPND_NONE;
    wfc_be_tmp t = emitter_of(n->fn)(&s->fx, args);
    for (unsigned i = 0; i < arity; i++) {
        wfc_be_val *v = args[i];
        if (v->kind != WFC_BE_VAL_TMP || !v->dying || v->taken) continue;
        wfc_be_fx_free(&s->fx, v->tmp);
        v->taken = true;
    }
    if (is_root && t.array != UINT32_MAX) wfc_be_fx_free(&s->fx, t);
    s->vals[k] = (wfc_be_val){.kind = WFC_BE_VAL_TMP, .tmp = t, .boolean = is_truth(n->fn)};
}

static void emit_leaf(expr_state *s, unsigned k, bool is_root) {
    const wfc_expr_node *n = &s->e->nodes[k];
    wfc_be_val v = {.kind = WFC_BE_VAL_CONST, .value = (float)n->value};
    if (n->fn != WFC_FN_CONST) {
        v.kind = WFC_BE_VAL_OPERAND;
        v.operand = n->fn == WFC_FN_ARG ? s->io->operands[n->index] : s->io->index[n->index];
    }
    s->vals[k] = v;
    if (is_root) wfc_be_fx_f(&s->fx, WFC_OP_VMOV, s->io->dst, wfc_be_fx_src(&s->fx, &v), WFC_OPND_NONE);
}

wfc_status wfc_be_emit_expr(wfc_be_asm *a, const wfc_expr *e, const wfc_be_expr_io *io) {
    WFC_TRY(wfc_be_asm_status(a));
    WFC_TRY(check_expr(a, e, io));
    expr_state *s = wfc_calloc(1, sizeof *s);
    if (!s) return wfc_be_asm_fail(a, wfc_fail_memory(wfc_be_asm_diag(a)));
    s->fx = (wfc_be_fx){.a = a, .n = wfc_be_asm_elems(a, io->dst)};
    s->e = e;
    s->io = io;
    count_readers(s);
    unsigned root = s->same_as[e->count - 1];
    for (unsigned k = 0; k <= root && wfc_be_asm_status(a) == WFC_OK; k++) {
        if (!s->live[k]) continue;
        unsigned fn = e->nodes[k].fn;
        if (fn == WFC_FN_ARG || fn == WFC_FN_CONST || fn == WFC_FN_INDEX)
            emit_leaf(s, k, k == root);
        else
            emit_node(s, k, k == root);
    }
    wfc_free(s);
    return wfc_be_asm_status(a);
}

wfc_status wfc_be_emit_fn(wfc_be_asm *a, wfc_fn fn, const uint8_t *operands, uint8_t dst) {
    unsigned arity = arity_of(fn);
    wfc_expr_node nodes[4] = {
        {.fn = WFC_FN_ARG, .index = 0}, {.fn = WFC_FN_ARG, .index = 1}, {.fn = WFC_FN_ARG, .index = 2}};
    nodes[arity] = (wfc_expr_node){.fn = (uint8_t)fn, .args = {0, 1, 2}};
    wfc_expr e = {.count = (uint16_t)(arity + 1), .nodes = nodes};
    wfc_be_expr_io io = {.operands = operands, .operand_count = arity, .dst = dst};
    return wfc_be_emit_expr(a, &e, &io);
}
