/* %y = map(%a, %b) {"max(add(a,b),0x0p+0)"} : f32[2,3]
 * Elementwise expression over operands that broadcast like numpy's. It computes in one type (wfc_ir_map_type), every
 * expression node rounded to it, and the result is converted to the node's type. */
#include "ir/fn.h"
#include "ir/op.h"
#include <string.h>

enum { MAX_OPERANDS = 26 };

static wfc_status infer(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape) {
    const wfc_node *n = site->node;
    if (n->dtype >= WFC_NUM_DTYPES)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0206", site->where, "unknown element type %u", n->dtype);
    wfc_shape s = {0};
    for (uint32_t k = 0; k < site->operand_count; k++) {
        const wfc_node *o = wfc_site_operand(site, k);
        if (o->shape.rank > s.rank) { /* shift right: broadcasting aligns the last axes */
            unsigned by = (unsigned)(o->shape.rank - s.rank);
            memmove(s.dims + by, s.dims, s.rank * sizeof s.dims[0]);
            for (unsigned d = 0; d < by; d++) s.dims[d] = 1;
            s.rank = o->shape.rank;
        }
        for (unsigned d = 0; d < o->shape.rank; d++) {
            uint32_t *have = &s.dims[s.rank - o->shape.rank + d], dim = o->shape.dims[d];
            if (*have == 1) *have = dim;
            if (dim != *have && dim != 1)
                return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0241", site->where,
                                "operand %u (%s) has extent %u on its axis %u where another has %u; they must agree or "
                                "be 1",
                                k, o->name, dim, d, *have);
        }
    }
    WFC_TRY(wfc_expr_check(site, &n->u.map, site->operand_count, s.rank));
    wfc_dtype type = wfc_ir_map_type_over(site->g, (wfc_dtype)n->dtype, site->operands, site->operand_count);
    for (uint32_t i = 0; !wfc_dtype_is_float(type) && i < n->u.map.count; i++) {
        const wfc_fn_record *fn = wfc_fn_lookup(n->u.map.nodes[i].fn);
        if (fn->arity && !fn->eval_int)
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0242", site->where,
                            "function %s on integers; cast to a float type first", fn->name);
    }
    *out_dtype = n->dtype;
    *out_shape = s;
    return WFC_OK;
}

static wfc_status copy(wfc_graph *g, wfc_node *n, const wfc_value *operands) {
    (void)operands;
    wfc_expr_node *nodes = wfc_arena_alloc(&g->arena, n->u.map.count, sizeof *nodes);
    if (!nodes) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < n->u.map.count; i++) {
        const wfc_expr_node *o = &n->u.map.nodes[i];
        nodes[i].fn = o->fn; /* field by field: padding and unused fields become zero */
        if (o->fn == WFC_FN_ARG || o->fn == WFC_FN_INDEX) nodes[i].index = o->index;
        if (o->fn == WFC_FN_CONST) nodes[i].value = o->value;
        for (unsigned k = 0; k < wfc_fn_lookup(o->fn)->arity; k++) nodes[i].args[k] = o->args[k];
    }
    n->u.map.nodes = nodes;
    return WFC_OK;
}

static void print(const wfc_graph *g, const wfc_node *n, wfc_buf *out) {
    (void)g;
    wfc_buf_printf(out, "\"");
    wfc_expr_print(&n->u.map, out);
    wfc_buf_printf(out, "\"");
}

static wfc_status parse(wfc_lex *lx, wfc_graph *g, const wfc_value *operands, uint32_t operand_count,
                        const wfc_shape *shape, wfc_node *n) {
    (void)operands;
    (void)operand_count;
    (void)shape;
    const char *text;
    wfc_expr_node nodes[WFC_IR_MAX_EXPR];
    uint32_t count;
    WFC_TRY(wfc_lex_string(lx, &g->arena, &text));
    WFC_TRY(wfc_expr_parse(text, lx->diag, n->name, nodes, &count));
    n->u.map.nodes = wfc_arena_alloc(&g->arena, count, sizeof *nodes);
    if (!n->u.map.nodes) return wfc_fail_memory(lx->diag);
    memcpy(n->u.map.nodes, nodes, count * sizeof *nodes);
    n->u.map.count = (uint16_t)count;
    return WFC_OK;
}

/* ---- Evaluation ---- */

typedef struct map_eval {
    const wfc_expr *e;
    const wfc_tensor *const *in;
    wfc_dtype type, result;
    size_t at[MAX_OPERANDS];         /* element of each operand */
    uint32_t coord[WFC_IR_MAX_RANK]; /* of the result */
} map_eval;

static double eval_float(const map_eval *m) {
    double v[WFC_IR_MAX_EXPR];
    for (uint32_t i = 0; i < m->e->count; i++) {
        const wfc_expr_node *n = &m->e->nodes[i];
        double x;
        if (n->fn == WFC_FN_ARG)
            x = wfc_dtype_get((wfc_dtype)m->in[n->index]->dtype, m->in[n->index]->data, m->at[n->index]);
        else if (n->fn == WFC_FN_CONST)
            x = n->value;
        else if (n->fn == WFC_FN_INDEX)
            x = m->coord[n->index];
        else
            x = wfc_fn_lookup(n->fn)->eval(v[n->args[0]], v[n->args[1]], v[n->args[2]]);
        v[i] = wfc_value_round(m->type, x);
        if (n->fn == WFC_FN_CAST) v[i] = wfc_value_round(m->type, wfc_value_round(m->result, v[i]));
    }
    return v[m->e->count - 1];
}

static int64_t eval_int(const map_eval *m) {
    int64_t v[WFC_IR_MAX_EXPR];
    for (uint32_t i = 0; i < m->e->count; i++) {
        const wfc_expr_node *n = &m->e->nodes[i];
        int64_t x;
        if (n->fn == WFC_FN_ARG)
            x = wfc_value_load_int((wfc_dtype)m->in[n->index]->dtype, m->in[n->index]->data, m->at[n->index]);
        else if (n->fn == WFC_FN_CONST)
            wfc_value_store(WFC_I64, &x, 0, n->value);
        else if (n->fn == WFC_FN_INDEX)
            x = m->coord[n->index];
        else
            x = wfc_fn_lookup(n->fn)->eval_int(v[n->args[0]], v[n->args[1]], v[n->args[2]]);
        v[i] = wfc_int_wrap(n->fn == WFC_FN_CAST ? m->result : m->type, x);
        v[i] = wfc_int_wrap(m->type, v[i]);
    }
    return v[m->e->count - 1];
}

static wfc_status eval(const wfc_graph *g, const wfc_node *n, const wfc_tensor *const *in, wfc_tensor *out) {
    map_eval m = {.e = &n->u.map, .in = in, .result = (wfc_dtype)n->dtype};
    m.type = wfc_ir_map_type_over(g, m.result, g->operands.data + n->operand_first, n->operand_count);
    uint64_t elems = wfc_tensor_elems(out);
    for (uint64_t i = 0; i < elems; i++) {
        uint64_t rest = i;
        for (unsigned d = out->rank; d-- > 0;) {
            m.coord[d] = (uint32_t)(rest % out->dims[d]);
            rest /= out->dims[d];
        }
        for (uint32_t k = 0; k < n->operand_count; k++) {
            m.at[k] = 0;
            for (unsigned d = 0; d < in[k]->rank; d++) {
                uint32_t dim = in[k]->dims[d];
                m.at[k] = m.at[k] * dim + (dim == 1 ? 0 : m.coord[out->rank - in[k]->rank + d]);
            }
        }
        if (wfc_dtype_is_float(m.type))
            wfc_value_store(m.result, out->data, (size_t)i, eval_float(&m));
        else
            wfc_value_store_int(m.result, out->data, (size_t)i, eval_int(&m));
    }
    return WFC_OK;
}

const wfc_core_record wfc_core_map = {.op = WFC_CORE_MAP,
                                      .name = "map",
                                      .min_operands = 0,
                                      .max_operands = MAX_OPERANDS,
                                      .infer = infer,
                                      .copy = copy,
                                      .print = print,
                                      .parse = parse,
                                      .eval = eval};
