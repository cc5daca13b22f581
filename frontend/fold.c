/* A node of constants is computed at import, by the reference evaluator: the converter writes its core ops into a
 * scratch graph, in which constants have their own element types (integers are exact there), and what comes out becomes
 * the node's outputs. Converters that copy constants themselves (Reshape, Gather, Slice, ...) set constants in the
 * first place. What would take too long is left to the graph, in which it is one more operator. */
#include "frontend/fold.h"
#include "ir/eval/eval.h"
#include <string.h>

enum { MAX_FOLD_ELEMS = 4 << 20, MAX_FOLD_WORK = 1 << 28 };

bool wfc_fe_can_fold(const wfc_fe_ctx *c, const wfc_fe_node *n) {
    uint64_t elems = 0;
    bool any = false;
    for (unsigned k = 0; k < n->in_count; k++) {
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        if (!v) continue;
        if (v->state != WFC_FE_CONST) return false;
        any = true;
        elems += v->konst.elems;
    }
    return any && elems <= MAX_FOLD_ELEMS;
}

/* Scalar steps that the scratch graph takes; saturates. */
static uint64_t work_of(const wfc_graph *g) {
    uint64_t work = 0;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        uint64_t points = wfc_shape_elems(&n->shape);
        const wfc_space *s = n->op == WFC_CORE_CONTRACT ? &n->u.contract
                             : n->op == WFC_CORE_REDUCE ? &n->u.reduce.space
                                                        : NULL;
        if (n->op == WFC_CORE_MAP) points *= n->u.map.count;
        for (unsigned v = s ? s->out_rank : 0; s && v < s->index_count; v++)
            if (points <= MAX_FOLD_WORK) points *= s->extent[v];
        work += points;
        if (work > MAX_FOLD_WORK) return work;
    }
    return work;
}

/* Output k, evaluated, as a constant of the element type that the converter gave it. */
static wfc_status take(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_tensor *t) {
    wfc_fe_value *o = &c->values[n->out[k]];
    wfc_dtype type = (wfc_dtype)o->dtype;
    wfc_fe_const out;
    void *bytes;
    int64_t dims[WFC_IR_MAX_RANK];
    for (unsigned i = 0; i < t->rank; i++) dims[i] = t->dims[i];
    WFC_TRY(wfc_fe_new_const(c, n, type, t->rank, dims, &out, &bytes));
    if (t->dtype == type) {
        if (out.elems) memcpy(bytes, t->data, (size_t)out.elems * wfc_dtype_bytes(type));
    } else {
        for (uint64_t i = 0; i < out.elems; i++)
            wfc_dtype_set(type, bytes, i, wfc_dtype_get((wfc_dtype)t->dtype, t->data, i));
    }
    return wfc_fe_set_const(c, n, k, &out);
}

/* Evaluates what the converter left at run time. */
static wfc_status evaluate(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_tensor *made = wfc_calloc((size_t)n->out_count + 1, sizeof *made);
    uint32_t *slots = wfc_calloc((size_t)n->out_count + 1, sizeof *slots), count = 0;
    wfc_status s = made && slots ? WFC_OK : wfc_fail_memory(c->diag);
    for (unsigned k = 0; k < n->out_count && s == WFC_OK; k++) {
        wfc_fe_value *o = n->out[k] == UINT32_MAX ? NULL : &c->values[n->out[k]];
        if (!o || o->state != WFC_FE_RUNTIME) continue;
        s = wfc_ir_add_output(c->g, c->diag, o->ir, "", 0);
        slots[count++] = k;
    }
    if (s == WFC_OK && count) s = wfc_ir_eval(c->g, NULL, 0, c->diag, made);
    for (uint32_t i = 0; i < count && s == WFC_OK; i++) s = take(c, n, slots[i], &made[i]);
    for (uint32_t i = 0; made && i < count; i++) wfc_tensor_deinit(&made[i]);
    wfc_free(made);
    wfc_free(slots);
    return s;
}

wfc_status wfc_fe_fold_node(wfc_fe_ctx *c, wfc_fe_node *n, bool *out_done) {
    wfc_graph scratch, *kept = c->g;
    *out_done = true;
    if (n->op->types & WFC_FE_NOT_FOLDED) return wfc_fe_unsupported(c, n, "not supported between constants");
    wfc_graph_init(&scratch);
    c->g = &scratch;
    c->folding = true;
    wfc_status s = n->op->convert(c, n);
    *out_done = s != WFC_OK || work_of(&scratch) <= MAX_FOLD_WORK;
    if (s == WFC_OK && *out_done) s = evaluate(c, n);
    c->folding = false;
    c->g = kept;
    wfc_graph_deinit(&scratch);
    for (unsigned k = 0; k < n->out_count; k++) { /* nothing may stay that lay in the scratch graph */
        wfc_fe_value *o = n->out[k] == UINT32_MAX ? NULL : &c->values[n->out[k]];
        if (o && o->state == WFC_FE_RUNTIME) o->state = WFC_FE_UNSET, o->has_ir = false;
        if (o && o->state == WFC_FE_CONST) o->has_ir = false;
    }
    return s;
}
