/* From the groups of the fuse pass to layers with edges. Views (group 0) stay on the edges. */
#include <string.h>

#include "backend/be.h"

static bool is_work(const wfc_node *n) {
    return n->op != WFC_CORE_INPUT && n->op != WFC_CORE_CONST && n->op != WFC_CORE_VIEW;
}

static const char *place_of(const wfc_node *n) {
    return n->loc_count ? n->locs[0] : n->name;
}

static int plain_axis(const wfc_affine *at, unsigned rank, unsigned count, unsigned var, bool *elsewhere) {
    int axis = -1;
    *elsewhere = false;
    for (unsigned d = 0; d < rank; d++) {
        if (at[d].coef[var] == 0) continue;
        bool alone = at[d].coef[var] == 1 && at[d].offset == 0;
        for (unsigned v = 0; v < count; v++) {
            if (v != var && at[d].coef[v] != 0) alone = false;
        }
        if (!alone || axis >= 0) *elsewhere = true;
        axis = (int)d;
    }
    return axis;
}

/* Chooses the dealt output axis (plain in b, absent in a; the largest) and the contraction axis that rows may share. */
static void contract_roles(const wfc_graph *g, wfc_be_layer *l) {
    const wfc_node *n = wfc_ir_node_c(g, l->nodes[0]);
    const wfc_space *s = &n->u.contract;
    unsigned ra = wfc_ir_node_c(g, wfc_ir_operand(g, l->nodes[0], 0))->shape.rank;
    const wfc_node *nb = wfc_ir_node_c(g, wfc_ir_operand(g, l->nodes[0], 1));
    uint32_t best = 1, best_red = 1;
    for (unsigned v = 0; v < s->index_count; v++) {
        bool in_a, in_b;
        int axis_a = plain_axis(s->a, ra, s->index_count, v, &in_a);
        int axis_b = plain_axis(s->b, nb->shape.rank, s->index_count, v, &in_b);
        if (v < s->out_rank) {
            if (axis_a < 0 && axis_b >= 0 && !in_b && s->extent[v] > best) {
                best = s->extent[v];
                l->chan_axis = l->chan_var = (int32_t)v;
            }
        } else if (axis_a >= 0 && !in_a && axis_b >= 0 && !in_b && nb->op == WFC_CORE_CONST &&
                   s->extent[v] > best_red) {
            best_red = s->extent[v];
            l->red_var = (int32_t)v;
            l->red_axis = axis_a;
        }
    }
    if (l->chan_axis < 0) l->red_var = l->red_axis = -1; /* nothing to scatter the sums over */
}

/* Whether every tail node keeps the dealt axis plain, so that the channels stay where they are. */
static bool tail_keeps_channels(const wfc_graph *g, const wfc_be_layer *l) {
    const wfc_node *head = wfc_ir_node_c(g, l->nodes[0]);
    for (uint32_t i = 1; i < l->node_count; i++) {
        const wfc_node *n = wfc_ir_node_c(g, l->nodes[i]);
        if (n->shape.rank != head->shape.rank) return false;
        if (l->chan_axis >= 0 && n->shape.dims[l->chan_axis] != head->shape.dims[l->chan_axis]) return false;
        if (n->op == WFC_CORE_REDUCE && l->chan_axis >= 0) {
            bool elsewhere;
            int axis = plain_axis(n->u.reduce.space.a, n->shape.rank, n->u.reduce.space.index_count,
                                  (unsigned)l->chan_axis, &elsewhere);
            if (axis != l->chan_axis || elsewhere) return false;
        }
    }
    return true;
}

enum { COUNTED_WEIGHTS = 1 << 28 };

/* How many weights that are not zero multiply the first i entries of the contraction axis, for every i. */
static wfc_status count_by_part(wfc_be *be, wfc_be_layer *l, const wfc_node *b) {
    const wfc_space *s = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract;
    uint32_t extent = s->extent[l->red_var];
    bool own;
    int axis = plain_axis(s->b, b->shape.rank, s->index_count, (unsigned)l->red_var, &own);
    uint64_t inner = 1, n = wfc_shape_elems(&b->shape);
    for (unsigned d = (unsigned)axis + 1; d < b->shape.rank; d++) inner *= b->shape.dims[d];
    l->red_nonzero = wfc_arena_alloc(&be->arena, (size_t)extent + 1, sizeof *l->red_nonzero);
    if (!l->red_nonzero) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i <= extent; i++) l->red_nonzero[i] = 0;
    for (uint64_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, b->u.konst.data.bytes + i * sizeof w, sizeof w);
        l->red_nonzero[i / inner % extent + 1] += w != 0.0f;
    }
    for (uint32_t i = 0; i < extent; i++) l->red_nonzero[i + 1] += l->red_nonzero[i];
    return WFC_OK;
}

static wfc_status count_macs(wfc_be *be, wfc_be_layer *l) {
    const wfc_graph *g = be->g;
    const wfc_space *s = &wfc_ir_node_c(g, l->nodes[0])->u.contract;
    const wfc_node *b = wfc_ir_node_c(g, wfc_ir_operand(g, l->nodes[0], 1));
    l->macs = 1;
    uint64_t per_weight = 1;
    for (unsigned v = 0; v < s->index_count; v++) {
        l->macs *= s->extent[v];
        bool in_b = false;
        for (unsigned d = 0; d < b->shape.rank; d++) in_b |= s->b[d].coef[v] != 0;
        if (!in_b) per_weight *= s->extent[v];
    }
    l->macs_nonzero = l->macs;
    l->density = 1;
    if (b->op != WFC_CORE_CONST || b->dtype != WFC_F32) return WFC_OK;
    uint64_t n = wfc_shape_elems(&b->shape), nonzero = 0;
    if (n > COUNTED_WEIGHTS) return WFC_OK; /* more than any wafer holds: such models are planned, not run */
    for (uint64_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, b->u.konst.data.bytes + i * sizeof w, sizeof w);
        nonzero += w != 0.0f;
    }
    l->macs_nonzero = nonzero * per_weight;
    l->density = (double)nonzero / (double)n;
    return nonzero < n && l->red_var >= 0 ? count_by_part(be, l, b) : WFC_OK;
}

static float identity_of(const wfc_node *n) {
    if (n->op != WFC_CORE_REDUCE) return 0.0f;
    union {
        uint32_t u;
        float f;
    } inf = {.u = 0x7f800000u};
    switch (n->u.reduce.kind) {
    case WFC_RED_MAX: return -inf.f;
    case WFC_RED_MIN: return inf.f;
    case WFC_RED_PROD: return 1.0f;
    default: return 0.0f;
    }
}

static bool in_layer(const wfc_be_layer *l, wfc_value v) {
    for (uint32_t i = 0; i < l->node_count; i++) {
        if (wfc_value_eq(l->nodes[i], v)) return true;
    }
    return false;
}

static wfc_status add_edge(wfc_be *be, wfc_be_layer *l, wfc_value user, uint32_t operand, wfc_value consumed,
                           float fill) {
    if (l->edge_count == WFC_BE_MAX_EDGES) {
        return wfc_fail(be->diag, WFC_ERR_UNSUPPORTED, "WFC-E7002", l->name,
                        "this layer reads more than %d tensors at once, which no kernel can; split the expression",
                        WFC_BE_MAX_EDGES);
    }
    l->edges[l->edge_count++] =
        (wfc_be_edge){.user = user, .operand = operand, .consumed = consumed, .stream = -1, .source = -1, .fill = fill};
    return WFC_OK;
}

static wfc_status find_edges(wfc_be *be, wfc_be_layer *l) {
    for (uint32_t i = 0; i < l->node_count; i++) {
        const wfc_node *n = wfc_ir_node_c(be->g, l->nodes[i]);
        for (uint32_t k = 0; k < n->operand_count; k++) {
            wfc_value o = wfc_ir_operand(be->g, l->nodes[i], k);
            if (in_layer(l, o) || wfc_ir_node_c(be->g, o)->op == WFC_CORE_CONST) continue;
            WFC_TRY(add_edge(be, l, l->nodes[i], k, o, identity_of(n)));
        }
    }
    return WFC_OK;
}

/* Reports a node that no kernel computes. */
static void refuse(wfc_be *be, const wfc_node *n, const char *why) {
    wfc_diag_add(be->diag, WFC_ERROR, "WFC-E7003", place_of(n), "%s", why);
}

static void check_node(wfc_be *be, const wfc_node *n, wfc_value v) {
    if (n->dtype != WFC_F32) refuse(be, n, "only f32 tensors are computed on the PEs so far");
    if (n->op == WFC_CORE_CONCAT) refuse(be, n, "concatenation of run-time tensors has no kernel yet");
    if (wfc_shape_elems(&n->shape) == 0) refuse(be, n, "the tensor has no elements; nothing can be computed");
    if (wfc_shape_elems(&n->shape) > INT32_MAX) refuse(be, n, "the tensor has more than 2^31 - 1 elements");
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(be->g, v, k);
        const wfc_node *on = wfc_ir_node_c(be->g, o);
        if (on->op == WFC_CORE_CONST && on->dtype != WFC_F32)
            refuse(be, n, "only f32 constants are used on the PEs so far");
        const wfc_node *root = wfc_ir_node_c(be->g, wfc_be_view_root(be->g, o));
        if (root->op == WFC_CORE_CONST && on->op == WFC_CORE_VIEW) refuse(be, n, "a view of a constant was not folded");
        if (root->op == WFC_CORE_INPUT && root->dtype != WFC_F32) {
            refuse(be, n, "it reads a model input that is not float32; only float32 inputs run so far");
        }
    }
    if (n->op == WFC_CORE_CONTRACT && wfc_ir_node_c(be->g, wfc_ir_operand(be->g, v, 0))->op == WFC_CORE_CONST) {
        refuse(be, n, "its first operand is a constant, which no kernel has; only the second may be one");
    }
}

static wfc_status new_layer(wfc_be *be, const wfc_value *nodes, uint32_t count, wfc_value out) {
    wfc_be_layer *l = &be->layers[be->layer_count++];
    *l = (wfc_be_layer){
        .chan_axis = -1, .chan_var = -1, .red_var = -1, .red_axis = -1, .out_stream = -1, .slab = -1, .out = out};
    l->nodes = wfc_arena_alloc(&be->arena, count ? count : 1, sizeof *l->nodes);
    if (!l->nodes) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < count; i++) l->nodes[i] = nodes[i];
    l->node_count = count;
    const wfc_node *o = wfc_ir_node_c(be->g, out);
    l->shape = o->shape;
    if (l->shape.rank == 0) l->shape = (wfc_shape){.rank = 1, .dims = {1}};
    l->name = place_of(count ? wfc_ir_node_c(be->g, nodes[0]) : o);
    const wfc_node *head = count ? wfc_ir_node_c(be->g, nodes[0]) : NULL;
    l->has_contract = head && head->op == WFC_CORE_CONTRACT;
    l->kind = !head                           ? "copy"
              : head->op == WFC_CORE_CONTRACT ? "contract"
              : head->op == WFC_CORE_REDUCE   ? "reduce"
                                              : "map";
    if (l->has_contract) {
        contract_roles(be->g, l);
        WFC_TRY(count_macs(be, l));
    }
    if (count) {
        WFC_TRY(find_edges(be, l));
    } else {
        WFC_TRY(add_edge(be, l, WFC_VALUE_NONE, 0, out, 0.0f));
    }
    return WFC_OK;
}

/* Operands of the nodes that come over the fabric. */
static uint32_t count_edges(const wfc_graph *g, const wfc_value *nodes, uint32_t count) {
    uint32_t edges = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < wfc_ir_node_c(g, nodes[i])->operand_count; k++) {
            wfc_value o = wfc_ir_operand(g, nodes[i], k);
            bool inside = wfc_ir_node_c(g, o)->op == WFC_CORE_CONST;
            for (uint32_t q = 0; q < i; q++) inside |= wfc_value_eq(nodes[q], o);
            edges += !inside;
        }
    }
    return edges;
}

/* Whether nodes[m - 1] is all that the nodes from m on read of those before. */
static bool one_result(const wfc_graph *g, const wfc_value *nodes, uint32_t count, uint32_t m) {
    for (uint32_t i = m; i < count; i++) {
        for (uint32_t k = 0; k < wfc_ir_node_c(g, nodes[i])->operand_count; k++) {
            wfc_value o = wfc_ir_operand(g, nodes[i], k);
            for (uint32_t q = 0; q + 1 < m; q++) {
                if (wfc_value_eq(nodes[q], o)) return false;
            }
        }
    }
    return true;
}

/* Layers for nodes that end in one result: one, or several where a PE has too few microthreads for all that one would
 * read. Each input has one, so have the output and the two chains of a contract. */
static wfc_status add_layers(wfc_be *be, const wfc_value *nodes, uint32_t count) {
    while (count > 0) {
        bool contract = wfc_ir_node_c(be->g, nodes[0])->op == WFC_CORE_CONTRACT;
        uint32_t others = contract ? 3 : 1, limit = WFC_BE_MAX_EDGES, n = 0;
        if (be->t->microthreads < limit + others)
            limit = be->t->microthreads > others ? be->t->microthreads - others : 1;
        for (uint32_t m = 1; m <= count; m++) {
            if (!one_result(be->g, nodes, count, m)) continue;
            if (n == 0 || count_edges(be->g, nodes, m) <= limit) n = m;
        }
        WFC_TRY(new_layer(be, nodes, n, nodes[n - 1]));
        be->layer_of[nodes[n - 1].i] = (int32_t)be->layer_count - 1;
        nodes += n;
        count -= n;
    }
    return WFC_OK;
}

/* Cuts a group where the kernels need it: before a contract (a prologue), and where the tail would move channels. */
static wfc_status add_group(wfc_be *be, const wfc_value *nodes, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        if (wfc_ir_node_c(be->g, nodes[i])->op != WFC_CORE_CONTRACT) continue;
        WFC_TRY(add_layers(be, nodes, i));
        nodes += i;
        count -= i;
        i = 0;
    }
    uint32_t head = 0;
    if (count > 1 && wfc_ir_node_c(be->g, nodes[0])->op == WFC_CORE_CONTRACT) {
        wfc_be_layer whole = {.chan_axis = -1, .chan_var = -1, .red_var = -1, .red_axis = -1, .node_count = count};
        whole.nodes = wfc_arena_alloc(&be->arena, count, sizeof *whole.nodes);
        if (!whole.nodes) return wfc_fail_memory(be->diag);
        memcpy(whole.nodes, nodes, count * sizeof *nodes);
        contract_roles(be->g, &whole);
        head = tail_keeps_channels(be->g, &whole) ? 0 : 1;
    }
    WFC_TRY(add_layers(be, nodes, head));
    return add_layers(be, nodes + head, count - head);
}

/* Whether a view reads each element of its root exactly once: then the host can undo it by its collecting order. */
static bool one_to_one(wfc_be *be, wfc_value v, wfc_value root) {
    uint64_t n = wfc_shape_elems(&wfc_ir_node_c(be->g, v)->shape);
    if (n != wfc_shape_elems(&wfc_ir_node_c(be->g, root)->shape)) return false;
    uint8_t *seen = wfc_calloc((size_t)n, 1);
    bool ok = seen != NULL;
    for (uint64_t i = 0; ok && i < n; i++) {
        int32_t id = wfc_be_resolve(be, v, i);
        ok = id >= 0 && !seen[id];
        if (ok) seen[id] = 1;
    }
    wfc_free(seen);
    return ok;
}

static wfc_status output_layers(wfc_be *be) {
    for (size_t i = 0; i < be->g->outputs.count; i++) {
        wfc_value v = be->g->outputs.data[i].value, root = wfc_be_view_root(be->g, v);
        const wfc_node *n = wfc_ir_node_c(be->g, root);
        if (n->op == WFC_CORE_CONST) {
            wfc_diag_add(be->diag, WFC_ERROR, "WFC-E7004", be->g->outputs.data[i].host_name,
                         "this output does not depend on any input: it is a constant, and no PE would compute it; "
                         "remove it from the model's outputs");
            continue;
        }
        bool taken = false;
        for (size_t j = 0; j < i; j++)
            taken |= wfc_value_eq(wfc_be_view_root(be->g, be->g->outputs.data[j].value), root);
        if (!taken && be->layer_of[root.i] >= 0 && one_to_one(be, v, root)) continue;
        WFC_TRY(new_layer(be, NULL, 0, v));
    }
    return WFC_OK;
}

wfc_status wfc_be_make_layers(wfc_be *be) {
    const wfc_graph *g = be->g;
    size_t n = g->nodes.count, capacity = n + g->outputs.count + 1;
    be->layers = wfc_arena_alloc(&be->arena, capacity, sizeof *be->layers);
    be->layer_of = wfc_arena_alloc(&be->arena, n + 1, sizeof *be->layer_of);
    be->stream_of = wfc_arena_alloc(&be->arena, n + 1, sizeof *be->stream_of);
    wfc_value *nodes = wfc_arena_alloc(&be->arena, n + 1, sizeof *nodes);
    bool *done = wfc_arena_alloc(&be->arena, n + 1, sizeof *done);
    be->host_stream = wfc_arena_alloc(&be->arena, n + 1, sizeof *be->host_stream);
    if (!be->layers || !be->layer_of || !be->stream_of || !be->host_stream || !nodes || !done)
        return wfc_fail_memory(be->diag);
    for (size_t i = 0; i < n; i++) be->layer_of[i] = be->stream_of[i] = -1;
    size_t errors = be->diag ? be->diag->error_count : 0;
    for (uint32_t i = 0; i < n; i++) {
        const wfc_node *node = &g->nodes.data[i];
        if (is_work(node)) check_node(be, node, (wfc_value){i});
    }
    if (be->diag && be->diag->error_count > errors) return WFC_ERR_UNSUPPORTED;
    /* A group is emitted where its last node stands: all it reads stands before. */
    for (uint32_t i = 0; i < n; i++) {
        const wfc_node *node = &g->nodes.data[i];
        if (!is_work(node)) continue;
        uint32_t count = 0;
        if (node->group == 0) {
            nodes[count++] = (wfc_value){i};
        } else {
            bool later = false;
            for (uint32_t j = i + 1; j < n && !later; j++) later = g->nodes.data[j].group == node->group;
            if (later) continue;
            for (uint32_t j = 0; j <= i; j++) {
                if (g->nodes.data[j].group == node->group) nodes[count++] = (wfc_value){j};
            }
        }
        WFC_TRY(add_group(be, nodes, count));
    }
    WFC_TRY(output_layers(be));
    if (be->diag && be->diag->error_count > errors) return WFC_ERR_UNSUPPORTED;
    if (be->layer_count == 0) {
        return wfc_fail(be->diag, WFC_ERR_UNSUPPORTED, "WFC-E7005", g->name,
                        "the model computes nothing from its inputs");
    }
    return WFC_OK;
}
