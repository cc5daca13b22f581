/* %y = concat(%a, %b) {axis=1} : f32[2,7]
 * The operands one behind the other along an axis; equal types, ranks and other extents. */
#include "ir/op.h"
#include <string.h>

enum { MAX_OPERANDS = 65536 };

static wfc_status infer(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape) {
    const wfc_node *n = site->node, *first = wfc_site_operand(site, 0);
    unsigned axis = n->u.concat.axis;
    wfc_shape s = first->shape;
    if (axis >= s.rank)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0243", site->where, "concat along axis %u of rank %u", axis,
                        s.rank);
    for (uint32_t k = 1; k < site->operand_count; k++) {
        const wfc_node *o = wfc_site_operand(site, k);
        bool same = o->dtype == first->dtype && o->shape.rank == s.rank;
        for (unsigned d = 0; same && d < s.rank; d++) same = d == axis || o->shape.dims[d] == s.dims[d];
        if (!same)
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0244", site->where,
                            "operand %u (%s) of concat differs from the first in type, rank or an extent other than "
                            "axis %u",
                            k, o->name, axis);
        if (s.dims[axis] > INT32_MAX - (o->shape.dims[axis] & INT32_MAX))
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0202", site->where, "concat to more than 2^31 elements");
        s.dims[axis] += o->shape.dims[axis];
    }
    *out_dtype = first->dtype;
    *out_shape = s;
    return WFC_OK;
}

static void print(const wfc_graph *g, const wfc_node *n, wfc_buf *out) {
    (void)g;
    wfc_buf_printf(out, "axis=%u", n->u.concat.axis);
}

static wfc_status parse(wfc_lex *lx, wfc_graph *g, const wfc_value *operands, uint32_t operand_count,
                        const wfc_shape *shape, wfc_node *n) {
    (void)g;
    (void)operands;
    (void)operand_count;
    (void)shape;
    uint64_t axis;
    WFC_TRY(wfc_lex_expect(lx, "axis"));
    WFC_TRY(wfc_lex_expect(lx, "="));
    WFC_TRY(wfc_lex_uint(lx, WFC_IR_MAX_RANK, &axis));
    n->u.concat.axis = (uint8_t)axis;
    return WFC_OK;
}

static wfc_status eval(const wfc_graph *g, const wfc_node *n, const wfc_tensor *const *in, wfc_tensor *out) {
    (void)g;
    size_t outer = 1, inner = wfc_dtype_bytes((wfc_dtype)n->dtype);
    for (unsigned d = 0; d < n->u.concat.axis; d++) outer *= out->dims[d];
    for (unsigned d = n->u.concat.axis + 1u; d < out->rank; d++) inner *= out->dims[d];
    uint8_t *to = out->data;
    for (size_t i = 0; i < outer; i++)
        for (uint32_t k = 0; k < n->operand_count; k++) {
            size_t bytes = in[k]->dims[n->u.concat.axis] * inner;
            if (bytes) memcpy(to, (const uint8_t *)in[k]->data + i * bytes, bytes);
            to += bytes;
        }
    return WFC_OK;
}

const wfc_core_record wfc_core_concat = {.op = WFC_CORE_CONCAT,
                                         .name = "concat",
                                         .min_operands = 1,
                                         .max_operands = MAX_OPERANDS,
                                         .infer = infer,
                                         .print = print,
                                         .parse = parse,
                                         .eval = eval};
