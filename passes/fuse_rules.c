#include "passes/fuse_rules.h"
#include "ir/fn.h"
#include "passes/rewrite.h"
#include <string.h>

bool wfc_fuse_is_whole(const wfc_graph *g, wfc_value reduce) {
    const wfc_node *n = wfc_ir_node_c(g, reduce), *x = wfc_ir_node_c(g, wfc_ir_operand(g, reduce, 0));
    const wfc_space *s = &n->u.reduce.space;
    unsigned seen = 0;
    for (unsigned d = 0; d < x->shape.rank; d++) {
        int v = wfc_affine_single(&s->a[d]);
        if (v < 0 || !wfc_affine_is(&s->a[d], (uint32_t)v) || (seen & 1u << v)) return false;
        if (s->extent[v] != x->shape.dims[d]) return false;
        seen |= 1u << v;
    }
    for (unsigned v = 0; v < s->index_count; v++)
        if (!(seen & 1u << v) && (v >= s->out_rank || s->extent[v] != 1)) return false;
    return true;
}

bool wfc_fuse_same_axes(const wfc_graph *g, wfc_value a, wfc_value b) {
    const wfc_space *sa = &wfc_ir_node_c(g, a)->u.reduce.space, *sb = &wfc_ir_node_c(g, b)->u.reduce.space;
    const wfc_shape *xa = &wfc_ir_node_c(g, wfc_ir_operand(g, a, 0))->shape,
                    *xb = &wfc_ir_node_c(g, wfc_ir_operand(g, b, 0))->shape;
    if (!wfc_shape_eq(xa, xb) || !wfc_shape_eq(&wfc_ir_node_c(g, a)->shape, &wfc_ir_node_c(g, b)->shape)) return false;
    for (unsigned d = 0; d < xa->rank; d++) {
        int va = wfc_affine_single(&sa->a[d]), vb = wfc_affine_single(&sb->a[d]);
        bool ra = va >= sa->out_rank, rb = vb >= sb->out_rank;
        if (ra != rb || (!ra && va != vb)) return false;
    }
    return true;
}

bool wfc_fuse_is_window(const wfc_graph *g, wfc_value reduce, uint32_t *out_axes) {
    const wfc_node *n = wfc_ir_node_c(g, reduce), *x = wfc_ir_node_c(g, wfc_ir_operand(g, reduce, 0));
    const wfc_space *s = &n->u.reduce.space;
    uint32_t used = 0;
    *out_axes = 0;
    if (n->u.reduce.kind != WFC_RED_MAX && n->u.reduce.kind != WFC_RED_SUM) return false;
    if (s->out_rank != x->shape.rank) return false;
    for (unsigned d = 0; d < s->out_rank; d++) {
        const wfc_affine *f = &s->a[d];
        int window = -1;
        if (wfc_affine_is(f, d)) {
            if (s->extent[d] != x->shape.dims[d]) return false;
            continue;
        }
        for (unsigned v = 0; v < s->index_count; v++) {
            if (f->coef[v] == 0 || v == d) continue;
            if (v < s->out_rank || window >= 0 || f->coef[v] != 1 || (used & 1u << v)) return false;
            window = (int)v;
        }
        if (d == 0 || window < 0 || f->offset != 0 || f->coef[d] < 1) return false;
        int64_t stride = f->coef[d], extent = s->extent[window];
        if (stride < extent || stride * ((int64_t)s->extent[d] - 1) + extent > (int64_t)x->shape.dims[d]) return false;
        used |= 1u << window;
        *out_axes |= 1u << d;
    }
    for (unsigned v = s->out_rank; v < s->index_count; v++)
        if (!(used & 1u << v)) return false;
    return true;
}

int wfc_fuse_unary_operand(const wfc_graph *g, wfc_value map) {
    const wfc_node *n = wfc_ir_node_c(g, map);
    int found = -1;
    if (n->op != WFC_CORE_MAP) return -1;
    for (uint32_t i = 0; i < n->u.map.count; i++)
        if (n->u.map.nodes[i].fn == WFC_FN_INDEX) return -1;
    for (uint32_t k = 0; k < n->operand_count; k++) {
        const wfc_node *o = wfc_ir_node_c(g, wfc_ir_operand(g, map, k));
        if (o->op == WFC_CORE_CONST && wfc_shape_elems(&o->shape) == 1) continue;
        if (found >= 0 || o->op == WFC_CORE_CONST || !wfc_shape_eq(&o->shape, &n->shape)) return -1;
        found = (int)k;
    }
    return found;
}

bool wfc_fuse_commutes(const wfc_graph *g, wfc_value map, wfc_value view) {
    const wfc_node *m = wfc_ir_node_c(g, map), *v = wfc_ir_node_c(g, view);
    int arg = wfc_fuse_unary_operand(g, map);
    double value[26] = {0}, result;
    if (arg < 0 || wfc_ir_node_c(g, wfc_ir_operand(g, map, (uint32_t)arg))->dtype != m->dtype) return false;
    if (wfc_shape_elems(&v->shape) > 2 * wfc_shape_elems(&m->shape)) return false;
    for (uint32_t k = 0; k < m->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, map, k);
        if ((int)k == arg) continue;
        if (!wfc_const_splat(g, o, &value[k]) || wfc_ir_node_c(g, o)->shape.rank > v->shape.rank) return false;
    }
    for (uint32_t k = 0; k < v->u.view.count; k++) {
        const wfc_view_step *s = &v->u.view.steps[k];
        if (!s->is_index || s->edge != WFC_EDGE_FILL) continue;
        double fill = s->fill;
        value[arg] = fill;
        if (!wfc_expr_constant(&m->u.map, wfc_ir_map_type(g, map), (wfc_dtype)m->dtype, value, m->operand_count,
                               &result))
            return false;
        if (memcmp(&result, &fill, sizeof fill) != 0) return false;
    }
    return true;
}
