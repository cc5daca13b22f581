/* %y = view(%x) {reshape [4,3]; index [3,6] from="j-1 i" fill=0x0p+0} : f32[3,6]
 * Steps from the operand to the result. index: per axis of the shape before, the coordinate over the result's axes,
 * which are called i j k l m n o p; then the rule for what is out of range (none, fill=, edge, reflect, wrap). */
#include "ir/op.h"
#include <string.h>

enum { MAX_STEPS = 64 };
static const char axis_names[] = "ijklmnop";

static wfc_status infer(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape) {
    const wfc_node *n = site->node, *x = wfc_site_operand(site, 0);
    wfc_shape from = x->shape;
    if (n->u.view.count > MAX_STEPS)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0236", site->where, "view of %u steps, at most %d",
                        n->u.view.count, MAX_STEPS);
    for (uint32_t k = 0; k < n->u.view.count; k++) {
        WFC_TRY(wfc_view_check_step(site, &from, &n->u.view.steps[k]));
        from = n->u.view.steps[k].shape;
    }
    *out_dtype = x->dtype;
    *out_shape = from;
    return WFC_OK;
}

static wfc_status copy(wfc_graph *g, wfc_node *n, const wfc_value *operands) {
    (void)operands;
    wfc_view_step *steps = wfc_arena_alloc(&g->arena, n->u.view.count, sizeof *steps);
    if (!steps) return WFC_ERR_NO_MEMORY;
    for (uint32_t k = 0; k < n->u.view.count; k++) {
        const wfc_view_step *o = &n->u.view.steps[k];
        wfc_view_step *s = &steps[k]; /* what a step does not use becomes zero */
        s->is_index = o->is_index;
        s->shape.rank = o->shape.rank;
        memcpy(s->shape.dims, o->shape.dims, o->shape.rank * sizeof o->shape.dims[0]);
        if (!o->is_index) continue;
        memcpy(s->in, o->in, sizeof s->in);
        s->edge = o->edge;
        if (o->edge == WFC_EDGE_FILL) s->fill = o->fill;
    }
    n->u.view.steps = steps;
    return WFC_OK;
}

static void print(const wfc_graph *g, const wfc_node *n, wfc_buf *out) {
    const wfc_shape *from = &g->nodes.data[g->operands.data[n->operand_first].i].shape;
    for (uint32_t k = 0; k < n->u.view.count; k++) {
        const wfc_view_step *s = &n->u.view.steps[k];
        wfc_buf_printf(out, "%s%s ", k ? "; " : "", s->is_index ? "index" : "reshape");
        wfc_shape_print(&s->shape, out);
        if (s->is_index) {
            wfc_buf_printf(out, " from=\"");
            for (unsigned d = 0; d < from->rank; d++) {
                if (d) wfc_buf_printf(out, " ");
                wfc_affine_print(&s->in[d], axis_names, s->shape.rank, out);
            }
            wfc_buf_printf(out, "\"");
            if (s->edge == WFC_EDGE_FILL) {
                wfc_buf_printf(out, " fill=");
                wfc_text_real(s->fill, out);
            }
            if (s->edge == WFC_EDGE_EDGE) wfc_buf_printf(out, " edge");
            if (s->edge == WFC_EDGE_REFLECT) wfc_buf_printf(out, " reflect");
            if (s->edge == WFC_EDGE_WRAP) wfc_buf_printf(out, " wrap");
        }
        from = &s->shape;
    }
}

static wfc_status parse_step(wfc_lex *lx, wfc_graph *g, const wfc_shape *from, wfc_view_step *s) {
    memset(s, 0, sizeof *s);
    s->is_index = wfc_lex_take(lx, "index");
    if (!s->is_index) WFC_TRY(wfc_lex_expect(lx, "reshape"));
    WFC_TRY(wfc_lex_shape(lx, &s->shape.rank, s->shape.dims));
    if (!s->is_index) return WFC_OK;
    const char *text;
    uint32_t rank;
    WFC_TRY(wfc_lex_expect(lx, "from"));
    WFC_TRY(wfc_lex_expect(lx, "="));
    WFC_TRY(wfc_lex_string(lx, &g->arena, &text));
    WFC_TRY(wfc_affine_parse_list(text, axis_names, s->shape.rank, s->in, &rank, lx->where, lx->diag));
    if (rank != from->rank) return wfc_lex_fail(lx, "from= needs one coordinate per axis of the shape before");
    if (wfc_lex_take(lx, "fill")) {
        s->edge = WFC_EDGE_FILL;
        WFC_TRY(wfc_lex_expect(lx, "="));
        WFC_TRY(wfc_lex_real(lx, &s->fill));
    } else if (wfc_lex_take(lx, "edge")) {
        s->edge = WFC_EDGE_EDGE;
    } else if (wfc_lex_take(lx, "reflect")) {
        s->edge = WFC_EDGE_REFLECT;
    } else if (wfc_lex_take(lx, "wrap")) {
        s->edge = WFC_EDGE_WRAP;
    }
    return WFC_OK;
}

static wfc_status parse(wfc_lex *lx, wfc_graph *g, const wfc_value *operands, uint32_t operand_count,
                        const wfc_shape *shape, wfc_node *n) {
    (void)shape;
    if (operand_count != 1) return wfc_lex_fail(lx, "view takes one operand");
    wfc_shape from = g->nodes.data[operands[0].i].shape;
    wfc_view_step *steps = wfc_arena_alloc(&g->arena, MAX_STEPS, sizeof *steps);
    if (!steps) return wfc_fail_memory(lx->diag);
    n->u.view.steps = steps;
    for (n->u.view.count = 0; n->u.view.count < MAX_STEPS;) {
        if (n->u.view.count == 0 && wfc_lex_peek(lx, '}')) return WFC_OK;
        WFC_TRY(parse_step(lx, g, &from, &steps[n->u.view.count]));
        from = steps[n->u.view.count++].shape;
        if (!wfc_lex_take(lx, ";")) return WFC_OK;
    }
    return wfc_lex_fail(lx, "more than 64 view steps");
}

static wfc_status eval(const wfc_graph *g, const wfc_node *n, const wfc_tensor *const *in, wfc_tensor *out) {
    wfc_value self = {(uint32_t)(n - g->nodes.data)};
    uint64_t elems = wfc_tensor_elems(out);
    unsigned size = wfc_dtype_bytes((wfc_dtype)n->dtype);
    for (uint64_t i = 0; i < elems; i++) {
        double fill;
        int64_t at = wfc_ir_view_source(g, self, i, &fill);
        if (at < 0)
            wfc_value_store((wfc_dtype)n->dtype, out->data, (size_t)i, fill);
        else
            memcpy((uint8_t *)out->data + i * size, (const uint8_t *)in[0]->data + (size_t)at * size, size);
    }
    return WFC_OK;
}

const wfc_core_record wfc_core_view = {.op = WFC_CORE_VIEW,
                                       .name = "view",
                                       .min_operands = 1,
                                       .max_operands = 1,
                                       .infer = infer,
                                       .copy = copy,
                                       .print = print,
                                       .parse = parse,
                                       .eval = eval};
