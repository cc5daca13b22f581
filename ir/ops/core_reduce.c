/* %y = reduce(%x) {max, out="n c y x", a="n c 2y+r 2x+s", red="r=2 s=2"} : f32[1,6,14,14]
 * sum, prod, max or min over the reduced variables; a coordinate out of range is skipped. Nothing left to reduce gives
 * 0, 1, the lowest and the highest value of the type. */
#include "ir/eval/walk.h"
#include "ir/fn.h"
#include "ir/op.h"
#include <math.h>

static const char *const kind_names[] = {"sum", "prod", "max", "min"};

static wfc_status infer(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape) {
    const wfc_space *s = &site->node->u.reduce.space;
    const wfc_node *a = wfc_site_operand(site, 0);
    if (site->node->u.reduce.kind > WFC_RED_MIN)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0246", site->where, "unknown reduction %u",
                        site->node->u.reduce.kind);
    WFC_TRY(wfc_space_check(site, s));
    WFC_TRY(wfc_space_check_coords(site, s, s->a, &a->shape, "a"));
    *out_dtype = a->dtype;
    out_shape->rank = s->out_rank;
    for (unsigned d = 0; d < s->out_rank; d++) out_shape->dims[d] = s->extent[d];
    return WFC_OK;
}

static wfc_status copy(wfc_graph *g, wfc_node *n, const wfc_value *operands) {
    wfc_space_normalise(&n->u.reduce.space, g->nodes.data[operands[0].i].shape.rank, UINT32_MAX);
    return WFC_OK;
}

static void print(const wfc_graph *g, const wfc_node *n, wfc_buf *out) {
    const wfc_space *s = &n->u.reduce.space;
    wfc_buf_printf(out, "%s, out=\"", kind_names[n->u.reduce.kind]);
    wfc_space_print_out(s, out);
    wfc_buf_printf(out, "\", a=\"");
    wfc_space_print_coords(s, s->a, g->nodes.data[g->operands.data[n->operand_first].i].shape.rank, out);
    wfc_buf_printf(out, "\"");
    if (s->index_count > s->out_rank) {
        wfc_buf_printf(out, ", red=\"");
        wfc_space_print_red(s, out);
        wfc_buf_printf(out, "\"");
    }
}

static wfc_status parse(wfc_lex *lx, wfc_graph *g, const wfc_value *operands, uint32_t operand_count,
                        const wfc_shape *shape, wfc_node *n) {
    (void)operands;
    (void)operand_count;
    const char *out, *a, *red = NULL;
    unsigned kind = 0;
    while (kind <= WFC_RED_MIN && !wfc_lex_take(lx, kind_names[kind])) kind++;
    if (kind > WFC_RED_MIN) return wfc_lex_fail(lx, "expected sum, prod, max or min");
    n->u.reduce.kind = (uint8_t)kind;
    WFC_TRY(wfc_lex_expect(lx, ","));
    WFC_TRY(wfc_lex_attr(lx, &g->arena, "out", &out));
    WFC_TRY(wfc_lex_expect(lx, ","));
    WFC_TRY(wfc_lex_attr(lx, &g->arena, "a", &a));
    if (wfc_lex_take(lx, ",")) WFC_TRY(wfc_lex_attr(lx, &g->arena, "red", &red));
    WFC_TRY(wfc_space_parse(out, a, NULL, red, shape->dims, lx->diag, n->name, &n->u.reduce.space));
    return n->u.reduce.space.out_rank == shape->rank ? WFC_OK : wfc_lex_fail(lx, "out= and the type differ in rank");
}

static double start_float(unsigned kind) {
    switch (kind) {
    case WFC_RED_SUM: return 0;
    case WFC_RED_PROD: return 1;
    case WFC_RED_MAX: return -INFINITY;
    default: return INFINITY;
    }
}

/* Lowest and highest of the type; u64 is carried as its bits and compared as signed. */
static int64_t start_int(unsigned kind, wfc_dtype t) {
    bool is_unsigned = t == WFC_U32 || t == WFC_U16 || t == WFC_U8 || t == WFC_BOOL;
    unsigned bits = t == WFC_BOOL ? 1 : 8 * wfc_dtype_bytes(t);
    if (kind == WFC_RED_SUM) return 0;
    if (kind == WFC_RED_PROD) return 1;
    if (is_unsigned) return kind == WFC_RED_MAX ? 0 : (int64_t)((UINT64_C(1) << bits) - 1);
    int64_t high = (int64_t)((UINT64_C(1) << (bits - 1)) - 1);
    return kind == WFC_RED_MAX ? -high - 1 : high;
}

static const uint8_t step_fn[] = {WFC_FN_ADD, WFC_FN_MUL, WFC_FN_MAX, WFC_FN_MIN};

static wfc_status eval(const wfc_graph *g, const wfc_node *n, const wfc_tensor *const *in, wfc_tensor *out) {
    const wfc_fn_record *fn = wfc_fn_lookup(step_fn[n->u.reduce.kind]);
    wfc_dtype t = (wfc_dtype)n->dtype;
    wfc_walk w;
    wfc_walk_run r;
    wfc_walk_init(&w, &n->u.reduce.space, &g->nodes.data[g->operands.data[n->operand_first].i].shape, NULL);
    uint64_t elems = wfc_tensor_elems(out);
    for (uint64_t i = 0; i < elems; i++) {
        double acc = start_float(n->u.reduce.kind);
        int64_t iacc = start_int(n->u.reduce.kind, t);
        wfc_walk_start(&w, i);
        while (wfc_walk_next(&w, &r))
            for (uint64_t k = 0; k < r.count; k++, r.at[0] += r.step[0]) {
                size_t a = (size_t)r.at[0];
                if (wfc_dtype_is_float(t))
                    acc = fn->eval(acc, wfc_dtype_get(t, in[0]->data, a), 0);
                else
                    iacc = fn->eval_int(iacc, wfc_value_load_int(t, in[0]->data, a), 0);
            }
        if (wfc_dtype_is_float(t))
            wfc_value_store(t, out->data, (size_t)i, acc);
        else
            wfc_value_store_int(t, out->data, (size_t)i, iacc);
    }
    return WFC_OK;
}

const wfc_core_record wfc_core_reduce = {.op = WFC_CORE_REDUCE,
                                         .name = "reduce",
                                         .min_operands = 1,
                                         .max_operands = 1,
                                         .infer = infer,
                                         .copy = copy,
                                         .print = print,
                                         .parse = parse,
                                         .eval = eval};
