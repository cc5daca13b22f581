/* The import: file -> names -> order -> one converter per node -> IR. */
#include "frontend/convert.h"
#include "frontend/fold.h"
#include "frontend/inputs.h"
#include "frontend/names.h"
#include <string.h>

static bool reads_poison(const wfc_fe_ctx *c, const wfc_fe_node *n) {
    for (unsigned k = 0; k < n->in_count; k++) {
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        if (v && v->state == WFC_FE_POISON) return true;
    }
    return false;
}

/* The new core ops of a node, constants and inputs apart, carry its name. */
static wfc_status add_locs(wfc_fe_ctx *c, const wfc_fe_node *n, size_t first) {
    for (size_t i = first; i < c->g->nodes.count; i++) {
        wfc_value v = {(uint32_t)i};
        uint8_t op = wfc_ir_node_c(c->g, v)->op;
        if (op != WFC_CORE_CONST && op != WFC_CORE_INPUT) WFC_TRY(wfc_ir_add_loc(c->g, v, n->loc));
    }
    return WFC_OK;
}

static void put_shape(const wfc_fe_const *t, wfc_buf *out) {
    wfc_buf_printf(out, " %s[", wfc_dtype_name((wfc_dtype)t->dtype));
    for (unsigned i = 0; i < t->rank; i++) wfc_buf_printf(out, "%s%lld", i ? "," : "", (long long)t->dims[i]);
    wfc_buf_printf(out, "]");
}

/* A line for the list of what folded: for nodes that were computed, not for those that hold a constant. */
static wfc_status note_folded(wfc_fe_ctx *c, const wfc_fe_node *n) {
    wfc_buf line = {0};
    if (!c->opt || !c->opt->list_folded || n->in_count == 0) return WFC_OK;
    char *name = wfc_escape(n->loc, strlen(n->loc), 300),
         *op = wfc_escape(n->proto->op_type, strlen(n->proto->op_type), 100);
    wfc_buf_printf(&line, "%s: %s ->", name ? name : "?", op ? op : "?");
    wfc_free(name);
    wfc_free(op);
    bool all = true, any = false;
    for (unsigned k = 0; k < n->out_count; k++) {
        const wfc_fe_value *o = n->out[k] == UINT32_MAX ? NULL : &c->values[n->out[k]];
        if (!o || !o->uses) continue;
        any = true;
        all &= o->state == WFC_FE_CONST;
        if (o->state == WFC_FE_CONST) put_shape(&o->konst, &line);
    }
    wfc_buf_append(&line, "", 1);
    wfc_status s = line.failed ? WFC_ERR_NO_MEMORY : WFC_OK;
    if (s == WFC_OK && all && any) s = wfc_vec_push(&c->model->import->folded, line.data);
    if (s != WFC_OK || !all || !any) wfc_buf_deinit(&line); /* else the list has it */
    return s == WFC_OK ? WFC_OK : wfc_fail_memory(c->diag);
}

const char *const *wfc_import_folded(const wfc_import *im, size_t *out_count) {
    *out_count = im->folded.count;
    return (const char *const *)im->folded.data;
}

static wfc_status convert_node(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_status status = WFC_OK;
    bool blind = n->refused || reads_poison(c, n);
    if (!blind) {
        const wfc_fe_value *first_input = wfc_fe_input(c, n, 0);
        size_t first = c->g->nodes.count;
        bool done = false;
        c->guarded = false;
        c->result = (uint8_t)(first_input ? wfc_fe_value_dtype(c, first_input) : WFC_F32);
        if (wfc_fe_can_fold(c, n)) status = wfc_fe_fold_node(c, n, &done);
        if (status == WFC_OK && !done) status = n->op->convert(c, n);
        if (status == WFC_OK) status = note_folded(c, n);
        if (status == WFC_OK) return add_locs(c, n, first);
        if (status != WFC_ERR_UNSUPPORTED) return status;
    }
    for (unsigned k = 0; k < n->out_count; k++)
        if (n->out[k] != UINT32_MAX) WFC_TRY(wfc_fe_placeholder(c, &c->values[n->out[k]]));
    return WFC_OK;
}

static wfc_status check_nodes(wfc_fe_ctx *c) {
    uint32_t dead = 0;
    for (uint32_t i = 0; i < c->node_count; i++) {
        dead += c->nodes[i].dead;
        if (c->nodes[i].dead) continue;
        wfc_status s = wfc_fe_check_node(c, &c->nodes[i]);
        if (s != WFC_OK && s != WFC_ERR_UNSUPPORTED) return s;
    }
    if (dead)
        wfc_diag_add(c->diag, WFC_NOTE, "WFC-N0118", c->model->path,
                     "%u of %u nodes were left out: no output depends on them", dead, c->node_count);
    return WFC_OK;
}

static wfc_status report_refusals(wfc_fe_ctx *c) {
    if (c->refusals.failed) return wfc_fail_memory(c->diag);
    if (!c->refusal_count) return WFC_OK;
    return wfc_fail(c->diag, WFC_ERR_UNSUPPORTED, "WFC-E0114", c->model->path,
                    "this model cannot be compiled, for %u reason%s ('waferc ops' lists what can):%s%s",
                    c->refusal_count, c->refusal_count == 1 ? "" : "s", c->refusals.data,
                    c->refusal_count > WFC_FE_MAX_LISTED ? "\n(and more)" : "");
}

/* What constants of the graph come from, for those who want to say it in the model's own names. */
static wfc_status list_tensors(wfc_fe_ctx *c) {
    wfc_import *im = c->model->import;
    for (uint32_t i = 0; i < c->value_count; i++) {
        const wfc_fe_value *v = &c->values[i];
        if (v->state != WFC_FE_CONST || v->konst.elems == 0) continue;
        wfc_import_tensor t = {.initializer = v->initialized, .dtype = v->konst.dtype, .rank = v->konst.rank};
        for (unsigned d = 0; d < t.rank; d++) t.dims[d] = (uint32_t)v->konst.dims[d];
        t.bytes = v->konst.bytes;
        t.name = wfc_strdup(v->name);
        if (!t.name || wfc_vec_push(&im->tensors, t) != WFC_OK) {
            wfc_free(t.name);
            return wfc_fail_memory(c->diag);
        }
    }
    return WFC_OK;
}

const wfc_import_tensor *wfc_import_tensors(const wfc_import *im, size_t *out_count) {
    *out_count = im->tensors.count;
    return im->tensors.data;
}

/* Inputs whose elements nothing reads (at most their shape or type) do not become inputs of the program. */
static wfc_status drop_unread_inputs(wfc_fe_ctx *c) {
    uint32_t *uses;
    bool any = false;
    WFC_TRY(wfc_ir_compact(c->g)); /* what is dead reads nothing */
    if (wfc_ir_count_uses(c->g, &uses) != WFC_OK) return wfc_fail_memory(c->diag);
    for (size_t i = 0; i < c->g->nodes.count; i++) {
        const wfc_node *n = &c->g->nodes.data[i];
        if (n->op != WFC_CORE_INPUT || uses[i]) continue;
        any = true;
        wfc_diag_add(c->diag, WFC_NOTE, "WFC-N0122", n->u.input.host_name,
                     "no output depends on the elements of this input: the program does not have it");
    }
    wfc_free(uses);
    if (any && wfc_ir_compact_inputs(c->g) != WFC_OK) return wfc_fail_memory(c->diag);
    return WFC_OK;
}

static wfc_status run(wfc_fe_ctx *c) {
    WFC_TRY(wfc_fe_names_build(c));
    WFC_TRY(wfc_fe_order_build(c));
    WFC_TRY(wfc_fe_add_initializers(c));
    WFC_TRY(check_nodes(c));
    wfc_status inputs = wfc_fe_add_inputs(c);
    if (inputs == WFC_ERR_INPUT) WFC_TRY(report_refusals(c)); /* binding an axis would not help then: say both */
    WFC_TRY(inputs);
    for (uint32_t i = 0; i < c->node_count; i++)
        if (c->order[i] != UINT32_MAX) WFC_TRY(convert_node(c, &c->nodes[c->order[i]]));
    WFC_TRY(wfc_fe_add_outputs(c));
    WFC_TRY(report_refusals(c));
    WFC_TRY(list_tensors(c));
    WFC_TRY(drop_unread_inputs(c));
    wfc_status verified = wfc_ir_verify(c->g, c->diag);
    if (verified == WFC_ERR_NO_MEMORY) return wfc_fail_memory(c->diag);
    if (verified != WFC_OK)
        return wfc_fail(c->diag, WFC_ERR_INTERNAL, "WFC-E0119", c->model->path,
                        "the import made a graph that does not verify; this is a fault of waferc, please report it");
    return WFC_OK;
}

wfc_status wfc_import_onnx(const char *path, const wfc_import_options *opt, wfc_diag *diag, wfc_graph *g,
                           wfc_import **out_import) {
    wfc_fe_model model;
    *out_import = NULL;
    WFC_TRY(wfc_fe_model_load(&model, path, opt, diag));
    wfc_fe_ctx c = {.model = &model, .opt = opt, .diag = diag, .g = g};
    wfc_arena_init(&c.arena);
    wfc_status status = run(&c);
    wfc_free(c.flat);
    wfc_free(c.values);
    wfc_free(c.nodes);
    wfc_free(c.indices);
    wfc_free(c.order);
    wfc_arena_deinit(&c.arena);
    wfc_buf_deinit(&c.refusals);
    if (status == WFC_OK) {
        *out_import = model.import;
        model.import = NULL;
    }
    wfc_fe_model_deinit(&model);
    return status;
}
