/* %y = contract(%a, %b) {out="n k y x", a="n c y+r-2 x+s-2", b="k c r s", red="c=1 r=5 s=5"} : f32[1,6,28,28]
 * Sum over the reduced variables of a[..] * b[..]; a coordinate out of range reads 0. */
#include "ir/eval/walk.h"
#include "ir/op.h"

static wfc_status infer(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape) {
    const wfc_space *s = &site->node->u.contract;
    const wfc_node *a = wfc_site_operand(site, 0), *b = wfc_site_operand(site, 1);
    WFC_TRY(wfc_space_check(site, s));
    WFC_TRY(wfc_space_check_coords(site, s, s->a, &a->shape, "a"));
    WFC_TRY(wfc_space_check_coords(site, s, s->b, &b->shape, "b"));
    if (a->dtype != b->dtype || a->dtype == WFC_BOOL)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0245", site->where,
                        "contract of %s and %s; both operands need one numeric type",
                        wfc_dtype_name((wfc_dtype)a->dtype), wfc_dtype_name((wfc_dtype)b->dtype));
    *out_dtype = a->dtype;
    out_shape->rank = s->out_rank;
    for (unsigned d = 0; d < s->out_rank; d++) out_shape->dims[d] = s->extent[d];
    return WFC_OK;
}

static wfc_status copy(wfc_graph *g, wfc_node *n, const wfc_value *operands) {
    wfc_space_normalise(&n->u.contract, g->nodes.data[operands[0].i].shape.rank,
                        g->nodes.data[operands[1].i].shape.rank);
    return WFC_OK;
}

static void print(const wfc_graph *g, const wfc_node *n, wfc_buf *out) {
    const wfc_space *s = &n->u.contract;
    const wfc_value *o = &g->operands.data[n->operand_first];
    wfc_buf_printf(out, "out=\"");
    wfc_space_print_out(s, out);
    wfc_buf_printf(out, "\", a=\"");
    wfc_space_print_coords(s, s->a, g->nodes.data[o[0].i].shape.rank, out);
    wfc_buf_printf(out, "\", b=\"");
    wfc_space_print_coords(s, s->b, g->nodes.data[o[1].i].shape.rank, out);
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
    const char *out, *a, *b, *red = NULL;
    WFC_TRY(wfc_lex_attr(lx, &g->arena, "out", &out));
    WFC_TRY(wfc_lex_expect(lx, ","));
    WFC_TRY(wfc_lex_attr(lx, &g->arena, "a", &a));
    WFC_TRY(wfc_lex_expect(lx, ","));
    WFC_TRY(wfc_lex_attr(lx, &g->arena, "b", &b));
    if (wfc_lex_take(lx, ",")) WFC_TRY(wfc_lex_attr(lx, &g->arena, "red", &red));
    WFC_TRY(wfc_space_parse(out, a, b, red, shape->dims, lx->diag, n->name, &n->u.contract));
    return n->u.contract.out_rank == shape->rank ? WFC_OK : wfc_lex_fail(lx, "out= and the type differ in rank");
}

static wfc_status eval(const wfc_graph *g, const wfc_node *n, const wfc_tensor *const *in, wfc_tensor *out) {
    const wfc_value *o = &g->operands.data[n->operand_first];
    wfc_dtype t = (wfc_dtype)n->dtype;
    wfc_walk w;
    wfc_walk_run r;
    wfc_walk_init(&w, &n->u.contract, &g->nodes.data[o[0].i].shape, &g->nodes.data[o[1].i].shape);
    uint64_t elems = wfc_tensor_elems(out);
    for (uint64_t i = 0; i < elems; i++) {
        double sum = 0;
        uint64_t isum = 0;
        wfc_walk_start(&w, i);
        while (wfc_walk_next(&w, &r))
            for (uint64_t k = 0; k < r.count; k++, r.at[0] += r.step[0], r.at[1] += r.step[1]) {
                size_t a = (size_t)r.at[0], b = (size_t)r.at[1];
                if (t == WFC_F32)
                    sum += (double)((const float *)in[0]->data)[a] * (double)((const float *)in[1]->data)[b];
                else if (wfc_dtype_is_float(t))
                    sum += wfc_dtype_get(t, in[0]->data, a) * wfc_dtype_get(t, in[1]->data, b);
                else
                    isum += (uint64_t)wfc_value_load_int(t, in[0]->data, a) *
                            (uint64_t)wfc_value_load_int(t, in[1]->data, b);
            }
        if (wfc_dtype_is_float(t))
            wfc_value_store(t, out->data, (size_t)i, sum);
        else
            wfc_value_store_int(t, out->data, (size_t)i, (int64_t)isum);
    }
    return WFC_OK;
}

const wfc_core_record wfc_core_contract = {.op = WFC_CORE_CONTRACT,
                                           .name = "contract",
                                           .min_operands = 2,
                                           .max_operands = 2,
                                           .infer = infer,
                                           .copy = copy,
                                           .print = print,
                                           .parse = parse,
                                           .eval = eval};
