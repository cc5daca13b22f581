/* input %x : f32[1,1,28,28] host="x" hosttype=1
 * A value that the host injects. host: the user's name; hosttype: ONNX DataType code of the file. */
#include "ir/op.h"

static wfc_status infer(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape) {
    const wfc_node *n = site->node;
    if (n->dtype >= WFC_NUM_DTYPES)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0206", site->where, "unknown element type %u", n->dtype);
    *out_dtype = n->dtype;
    *out_shape = n->shape;
    return WFC_OK;
}

static wfc_status copy(wfc_graph *g, wfc_node *n, const wfc_value *operands) {
    (void)operands;
    const char *name = n->u.input.host_name ? n->u.input.host_name : n->name ? n->name : "";
    n->u.input.host_name = wfc_arena_strdup(&g->arena, name);
    return n->u.input.host_name ? WFC_OK : WFC_ERR_NO_MEMORY;
}

const wfc_core_record wfc_core_input = {
    .op = WFC_CORE_INPUT, .name = "input", .min_operands = 0, .max_operands = 0, .infer = infer, .copy = copy};
