#include "ir/eval/eval.h"
#include "ir/op.h"
#include <string.h>

static const uint64_t max_tensor_bytes = UINT64_C(1) << 32;

static wfc_status check_tensor(const wfc_node *n, const wfc_tensor *t, const char *where, wfc_diag *diag) {
    bool same = t->dtype == n->dtype && t->rank == n->shape.rank;
    for (unsigned d = 0; same && d < t->rank; d++) same = t->dims[d] == n->shape.dims[d];
    if (!same)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0270", where, "tensor for %s has another type or shape", n->name);
    return WFC_OK;
}

wfc_status wfc_ir_eval_node(const wfc_graph *g, wfc_value v, const wfc_tensor *const *in, wfc_diag *diag,
                            wfc_tensor *out) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    const wfc_core_record *rec = wfc_core_lookup(n->op);
    for (uint32_t k = 0; k < n->operand_count; k++)
        WFC_TRY(check_tensor(wfc_ir_node_c(g, wfc_ir_operand(g, v, k)), in[k], n->name, diag));
    uint64_t bytes = wfc_shape_elems(&n->shape) * wfc_dtype_bytes((wfc_dtype)n->dtype);
    if (bytes > max_tensor_bytes)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0271", n->name,
                        "the evaluator makes no tensor of %llu bytes, at most 4 GiB", (unsigned long long)bytes);
    if (n->op != WFC_CORE_CONST && !rec->eval)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0272", n->name, "an input has no value of its own");
    if (wfc_tensor_init(out, (wfc_dtype)n->dtype, n->shape.rank, n->shape.dims) != WFC_OK) return wfc_fail_memory(diag);
    if (n->op == WFC_CORE_CONST) {
        if (bytes) memcpy(out->data, n->u.konst.data.bytes, (size_t)bytes);
        return WFC_OK;
    }
    wfc_status s = rec->eval(g, n, in, out);
    if (s != WFC_OK) wfc_tensor_deinit(out);
    return s;
}

typedef struct run {
    const wfc_graph *g;
    wfc_tensor *values;
    uint32_t *uses; /* left; a tensor is freed behind its last */
    const wfc_tensor **in;
    wfc_ir_watch watch; /* or NULL */
    void *ctx;
} run;

static wfc_status copy_tensor(const wfc_tensor *from, wfc_tensor *to, wfc_diag *diag) {
    if (wfc_tensor_init(to, (wfc_dtype)from->dtype, from->rank, from->dims) != WFC_OK) return wfc_fail_memory(diag);
    size_t bytes = (size_t)wfc_tensor_elems(from) * wfc_dtype_bytes((wfc_dtype)from->dtype);
    if (bytes) memcpy(to->data, from->data, bytes);
    return WFC_OK;
}

static wfc_status run_node(run *r, uint32_t i, const wfc_tensor *inputs, uint32_t *next_input, wfc_diag *diag) {
    const wfc_node *n = &r->g->nodes.data[i];
    if (n->op == WFC_CORE_INPUT) {
        const wfc_tensor *t = &inputs[(*next_input)++];
        WFC_TRY(check_tensor(n, t, n->u.input.host_name, diag));
        return copy_tensor(t, &r->values[i], diag);
    }
    if (r->uses[i] == 0) return WFC_OK;
    for (uint32_t k = 0; k < n->operand_count; k++) r->in[k] = &r->values[wfc_ir_operand(r->g, (wfc_value){i}, k).i];
    if (r->watch) WFC_TRY(r->watch(r->ctx, (wfc_value){i}, r->in));
    WFC_TRY(wfc_ir_eval_node(r->g, (wfc_value){i}, r->in, diag, &r->values[i]));
    for (uint32_t k = 0; k < n->operand_count; k++) {
        uint32_t o = wfc_ir_operand(r->g, (wfc_value){i}, k).i;
        if (--r->uses[o] == 0) wfc_tensor_deinit(&r->values[o]);
    }
    return WFC_OK;
}

static wfc_status run_all(run *r, const wfc_tensor *inputs, uint32_t input_count, wfc_diag *diag, wfc_tensor *outputs) {
    uint32_t next = 0, have = 0;
    for (size_t i = 0; i < r->g->nodes.count; i++) have += r->g->nodes.data[i].op == WFC_CORE_INPUT;
    if (have != input_count)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0273", r->g->name, "%u input tensors, the graph has %u inputs",
                        input_count, have);
    for (size_t i = 0; i < r->g->nodes.count; i++) WFC_TRY(run_node(r, (uint32_t)i, inputs, &next, diag));
    for (size_t i = 0; i < r->g->outputs.count; i++)
        WFC_TRY(copy_tensor(&r->values[r->g->outputs.data[i].value.i], &outputs[i], diag));
    return WFC_OK;
}

/* A node nothing uses is not evaluated, and neither is what only such nodes use. */
static void drop_dead_uses(run *r) {
    for (size_t i = r->g->nodes.count; i-- > 0;)
        for (uint32_t k = 0; r->uses[i] == 0 && k < r->g->nodes.data[i].operand_count; k++)
            r->uses[wfc_ir_operand(r->g, (wfc_value){(uint32_t)i}, k).i]--;
}

wfc_status wfc_ir_eval(const wfc_graph *g, const wfc_tensor *inputs, uint32_t input_count, wfc_diag *diag,
                       wfc_tensor *outputs) {
    return wfc_ir_eval_watched(g, inputs, input_count, NULL, NULL, diag, outputs);
}

wfc_status wfc_ir_eval_watched(const wfc_graph *g, const wfc_tensor *inputs, uint32_t input_count, wfc_ir_watch watch,
                               void *ctx, wfc_diag *diag, wfc_tensor *outputs) {
    run r = {.g = g, .watch = watch, .ctx = ctx};
    uint32_t most = 1;
    for (size_t i = 0; i < g->nodes.count; i++)
        if (g->nodes.data[i].operand_count > most) most = g->nodes.data[i].operand_count;
    if (g->outputs.count) memset(outputs, 0, g->outputs.count * sizeof *outputs);
    r.values = wfc_calloc(g->nodes.count, sizeof *r.values);
    r.in = wfc_calloc(most, sizeof *r.in);
    wfc_status s = wfc_ir_count_uses(g, &r.uses);
    if (s != WFC_OK || !r.values || !r.in) {
        s = wfc_fail_memory(diag);
    } else {
        drop_dead_uses(&r);
        s = run_all(&r, inputs, input_count, diag, outputs);
    }
    for (size_t i = 0; s != WFC_OK && i < g->outputs.count; i++) wfc_tensor_deinit(&outputs[i]);
    for (size_t i = 0; r.values && i < g->nodes.count; i++) wfc_tensor_deinit(&r.values[i]);
    wfc_free(r.values);
    wfc_free((void *)r.in);
    wfc_free(r.uses);
    return s;
}
