/* Which constants are weights. */
#include "passes/prune/prune.h"
#include "support/mem.h"

static bool is_weight(const wfc_node *n) {
    return n->op == WFC_CORE_CONST && wfc_shape_elems(&n->shape) > 0 &&
           (n->dtype == WFC_F32 || n->dtype == WFC_F16 || n->dtype == WFC_BF16);
}

static wfc_value below_views(const wfc_graph *g, wfc_value v) {
    while (wfc_ir_node_c(g, v)->op == WFC_CORE_VIEW) v = wfc_ir_operand(g, v, 0);
    return v;
}

static const uint8_t *bytes_of(const wfc_graph *g, wfc_value v) {
    return wfc_ir_node_c(g, v)->u.konst.data.bytes;
}

wfc_status wfc_weights_find(const wfc_graph *g, wfc_weight_list *out) {
    *out = (wfc_weight_list){0};
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        if (g->nodes.data[i].op != WFC_CORE_CONTRACT) continue;
        wfc_value w = below_views(g, wfc_ir_operand(g, (wfc_value){i}, 1));
        bool known = !is_weight(wfc_ir_node_c(g, w));
        for (size_t k = 0; k < out->count && !known; k++) known = bytes_of(g, out->data[k]) == bytes_of(g, w);
        if (known || wfc_vec_push(out, w) == WFC_OK) continue;
        wfc_vec_free(out);
        return WFC_ERR_NO_MEMORY;
    }
    return WFC_OK;
}

bool wfc_weight_read_by(const wfc_graph *g, wfc_value w, wfc_value contract) {
    if (wfc_ir_node_c(g, contract)->op != WFC_CORE_CONTRACT) return false;
    wfc_value b = below_views(g, wfc_ir_operand(g, contract, 1));
    return is_weight(wfc_ir_node_c(g, b)) && bytes_of(g, b) == bytes_of(g, w);
}
