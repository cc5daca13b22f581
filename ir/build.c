/* Builders: every one fills a node on the stack and hands it to wfc_ir_add_node, which lets the op's record infer type
 * and shape, copies the arrays into the arena and appends. */
#include "ir/graph.h"
#include "ir/op.h"
#include <stdio.h>
#include <string.h>

enum { MAX_LOCS = 65536 };

wfc_status wfc_shape_check(const wfc_shape *s, const char *where, wfc_diag *diag) {
    if (s->rank > WFC_IR_MAX_RANK)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0201", where, "rank %u, at most %d are supported", s->rank,
                        WFC_IR_MAX_RANK);
    const uint64_t most = 1ull << 40;
    uint64_t n = 1;
    for (unsigned d = 0; d < s->rank; d++) {
        if (s->dims[d] > INT32_MAX || (s->dims[d] && n > most / s->dims[d]))
            return wfc_fail(
                diag, WFC_ERR_INPUT, "WFC-E0202", where,
                "a tensor of more than 2^40 elements or an axis of more than 2^31; check the model's shapes");
        if (s->dims[d]) n *= s->dims[d]; /* an extent of 0 must not hide the others: strides stay in range */
    }
    return WFC_OK;
}

/* `wanted` if it is free, else wanted.1, wanted.2, ..., in the arena; NULL when out of memory. */
static const char *unique_name(wfc_graph *g, const char *wanted, const char *fallback) {
    const char *base = wanted && wanted[0] ? wanted : fallback;
    if (wanted && wanted[0] && !wfc_value_valid(wfc_ir_find(g, base))) return wfc_arena_strdup(&g->arena, base);
    /* generated names count on from the node number, so that the search stays short */
    for (size_t k = g->nodes.count;; k++) {
        char *name = wfc_asprintf("%s.%zu", base, k);
        if (!name) return NULL;
        if (!wfc_value_valid(wfc_ir_find(g, name))) {
            const char *kept = wfc_arena_strdup(&g->arena, name);
            wfc_free(name);
            return kept;
        }
        wfc_free(name);
    }
}

static wfc_status copy_locs(wfc_graph *g, wfc_node *n) {
    if (n->loc_count == 0) {
        n->locs = NULL;
        return WFC_OK;
    }
    const char **locs = wfc_arena_alloc(&g->arena, n->loc_count, sizeof *locs);
    if (!locs) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < n->loc_count; i++) {
        locs[i] = wfc_arena_strdup(&g->arena, n->locs[i]);
        if (!locs[i]) return WFC_ERR_NO_MEMORY;
    }
    n->locs = locs;
    return WFC_OK;
}

/* Room first, then the copy, then the append: a failure leaves the graph as it was. */
static wfc_status append(wfc_graph *g, const wfc_core_record *rec, wfc_node *n, const wfc_value *operands,
                         uint32_t count, wfc_value *out) {
    WFC_TRY(wfc_vec_reserve(&g->nodes, 1));
    /* the caller's operands may be a node's own in g->operands, which the reserve moves */
    uintptr_t base = (uintptr_t)g->operands.data, from = (uintptr_t)operands;
    bool inside = count && from >= base && from < base + g->operands.count * sizeof *operands;
    WFC_TRY(wfc_vec_reserve(&g->operands, count));
    if (inside) operands = g->operands.data + (from - base) / sizeof *operands;
    if (rec->copy) WFC_TRY(rec->copy(g, n, operands));
    WFC_TRY(copy_locs(g, n));
    n->name = unique_name(g, n->name, rec->name);
    if (!n->name) return WFC_ERR_NO_MEMORY;
    n->operand_first = (uint32_t)g->operands.count;
    n->operand_count = count;
    for (uint32_t k = 0; k < count; k++) g->operands.data[g->operands.count++] = operands[k];
    out->i = (uint32_t)g->nodes.count;
    g->nodes.data[g->nodes.count++] = *n;
    return WFC_OK;
}

wfc_status wfc_ir_add_node(wfc_graph *g, wfc_diag *diag, const wfc_node *proto, const wfc_value *operands, uint32_t n,
                           wfc_value *out) {
    const char *where = proto->name ? proto->name : "";
    const wfc_core_record *rec = wfc_core_lookup(proto->op);
    if (!rec) return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0200", where, "core op %u does not exist", proto->op);
    if (n < rec->min_operands || n > rec->max_operands)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0203", where, "%s with %u operands, it takes %u to %u", rec->name, n,
                        rec->min_operands, rec->max_operands);
    for (uint32_t k = 0; k < n; k++)
        if (operands[k].i >= g->nodes.count)
            return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0204", where, "operand %u of %s is no value of the graph", k,
                            rec->name);
    if (g->nodes.count >= UINT32_MAX / 4 || g->operands.count >= UINT32_MAX / 4)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0205", where, "too many nodes");
    wfc_node node = *proto;
    wfc_ir_site site = {g, &node, operands, n, where, diag};
    WFC_TRY(rec->infer(&site, &node.dtype, &node.shape));
    WFC_TRY(wfc_shape_check(&node.shape, where, diag));
    for (unsigned d = node.shape.rank; d < WFC_IR_MAX_RANK; d++) node.shape.dims[d] = 0;
    wfc_status s = append(g, rec, &node, operands, n, out);
    return s == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : s;
}

wfc_status wfc_ir_add_input(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t, const wfc_shape *shape,
                            const char *host_name, uint8_t host_dtype, wfc_value *out) {
    wfc_node n = {.op = WFC_CORE_INPUT, .dtype = (uint8_t)t, .shape = *shape, .name = name};
    n.u.input.host_name = host_name;
    n.u.input.host_dtype = host_dtype;
    return wfc_ir_add_node(g, diag, &n, NULL, 0, out);
}

wfc_status wfc_ir_add_const(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t, const wfc_shape *shape,
                            const void *bytes, bool copy, wfc_value *out) {
    wfc_node n = {.op = WFC_CORE_CONST, .dtype = (uint8_t)t, .shape = *shape, .name = name};
    WFC_TRY(wfc_shape_check(shape, name, diag));
    if ((unsigned)t >= WFC_NUM_DTYPES)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0206", name, "unknown element type %u", (unsigned)t);
    uint64_t size = wfc_shape_elems(shape) * wfc_dtype_bytes(t);
    if (copy && size) {
        void *own = wfc_arena_alloc(&g->arena, (size_t)size, 1);
        if (!own) return wfc_fail_memory(diag);
        memcpy(own, bytes, (size_t)size);
        bytes = own;
    }
    n.u.konst.data = (wfc_const_data){bytes, size};
    return wfc_ir_add_node(g, diag, &n, NULL, 0, out);
}

wfc_status wfc_ir_add_map(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t, const wfc_expr *e,
                          const wfc_value *operands, uint32_t n, wfc_value *out) {
    wfc_node node = {.op = WFC_CORE_MAP, .dtype = (uint8_t)t, .name = name};
    node.u.map = *e;
    return wfc_ir_add_node(g, diag, &node, operands, n, out);
}

wfc_status wfc_ir_add_map_text(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t, const char *expr,
                               const wfc_value *operands, uint32_t n, wfc_value *out) {
    wfc_expr_node nodes[WFC_IR_MAX_EXPR];
    uint32_t count = 0;
    WFC_TRY(wfc_expr_parse(expr, diag, name, nodes, &count));
    wfc_expr e = {(uint16_t)count, nodes};
    return wfc_ir_add_map(g, diag, name, t, &e, operands, n, out);
}

wfc_status wfc_ir_add_view(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value x, const wfc_view_step *steps,
                           uint32_t n, wfc_value *out) {
    wfc_node node = {.op = WFC_CORE_VIEW, .name = name};
    node.u.view.steps = (wfc_view_step *)(uintptr_t)steps; /* copied, not changed */
    node.u.view.count = n;
    return wfc_ir_add_node(g, diag, &node, &x, 1, out);
}

wfc_status wfc_ir_add_reshape(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value x, const wfc_shape *shape,
                              wfc_value *out) {
    wfc_view_step step = {.is_index = false, .shape = *shape};
    return wfc_ir_add_view(g, diag, name, x, &step, 1, out);
}

wfc_status wfc_ir_add_transpose(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value x, const uint8_t *perm,
                                wfc_value *out) {
    if (x.i >= g->nodes.count)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0204", name, "operand of transpose is no value of the graph");
    const wfc_shape *from = &g->nodes.data[x.i].shape;
    wfc_view_step step = {.is_index = true};
    unsigned seen = 0;
    step.shape.rank = from->rank;
    for (unsigned d = 0; d < from->rank; d++) {
        if (perm[d] >= from->rank || (seen & (1u << perm[d])))
            return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0207", name,
                            "transpose: entry %u of the permutation is %u, which is out of range or repeated", d,
                            perm[d]);
        seen |= 1u << perm[d];
        step.shape.dims[d] = from->dims[perm[d]];
        step.in[perm[d]].coef[d] = 1;
    }
    return wfc_ir_add_view(g, diag, name, x, &step, 1, out);
}

wfc_status wfc_ir_add_concat(wfc_graph *g, wfc_diag *diag, const char *name, const wfc_value *xs, uint32_t n,
                             uint8_t axis, wfc_value *out) {
    wfc_node node = {.op = WFC_CORE_CONCAT, .name = name};
    node.u.concat.axis = axis;
    return wfc_ir_add_node(g, diag, &node, xs, n, out);
}

wfc_status wfc_ir_add_contract(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value a, wfc_value b,
                               const wfc_space *s, wfc_value *out) {
    wfc_node node = {.op = WFC_CORE_CONTRACT, .name = name};
    node.u.contract = *s;
    return wfc_ir_add_node(g, diag, &node, (const wfc_value[]){a, b}, 2, out);
}

wfc_status wfc_ir_add_reduce(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value a, wfc_reduce_kind kind,
                             const wfc_space *s, wfc_value *out) {
    wfc_node node = {.op = WFC_CORE_REDUCE, .name = name};
    node.u.reduce.kind = (uint8_t)kind;
    node.u.reduce.space = *s;
    return wfc_ir_add_node(g, diag, &node, &a, 1, out);
}

wfc_status wfc_ir_add_output(wfc_graph *g, wfc_diag *diag, wfc_value v, const char *host_name, uint8_t host_dtype) {
    if (v.i >= g->nodes.count)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0204", host_name, "output is no value of the graph");
    const char *name = wfc_arena_strdup(&g->arena, host_name ? host_name : g->nodes.data[v.i].name);
    if (!name || wfc_vec_push(&g->outputs, (wfc_ir_output){v, name, host_dtype}) != WFC_OK)
        return wfc_fail_memory(diag);
    return WFC_OK;
}

wfc_status wfc_ir_add_loc(wfc_graph *g, wfc_value v, const char *onnx_node_name) {
    wfc_node *n = &g->nodes.data[v.i];
    for (uint32_t i = 0; i < n->loc_count; i++)
        if (strcmp(n->locs[i], onnx_node_name) == 0) return WFC_OK; /* merged nodes often share a name */
    if (n->loc_count >= MAX_LOCS) return WFC_OK;
    const char **locs = wfc_arena_alloc(&g->arena, n->loc_count + 1u, sizeof *locs);
    char *copy = wfc_arena_strdup(&g->arena, onnx_node_name);
    if (!locs || !copy) return WFC_ERR_NO_MEMORY;
    if (n->loc_count) memcpy(locs, n->locs, n->loc_count * sizeof *locs);
    locs[n->loc_count++] = copy;
    n->locs = locs;
    return WFC_OK;
}
