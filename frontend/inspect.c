/* The report of `waferc inspect MODEL`. */
#include "frontend/names.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SHOWN = 80 };

static void put_name(wfc_buf *out, const char *name) {
    char *safe = wfc_escape(name ? name : "", name ? strlen(name) : 0, NAME_SHOWN);
    if (safe)
        wfc_buf_append(out, safe, strlen(safe));
    else
        out->failed = true;
    wfc_free(safe);
}

static void put_type(wfc_buf *out, const Onnx__TypeProto *t) {
    if (!t || t->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        wfc_buf_printf(out, "not a tensor");
        return;
    }
    wfc_buf_printf(out, "%s", wfc_fe_dtype_code_name(t->tensor_type->elem_type));
    const Onnx__TensorShapeProto *s = t->tensor_type->shape;
    if (!s) {
        wfc_buf_printf(out, " of unknown shape");
        return;
    }
    wfc_buf_printf(out, "[");
    for (size_t i = 0; i < s->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = s->dim[i];
        if (i) wfc_buf_printf(out, ", ");
        if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0)
            wfc_buf_printf(out, "%" PRId64, d->dim_value);
        else if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && d->dim_param && *d->dim_param)
            put_name(out, d->dim_param);
        else
            wfc_buf_printf(out, "?");
    }
    wfc_buf_printf(out, "]");
}

static void put_values(wfc_buf *out, const char *title, Onnx__ValueInfoProto *const *infos, size_t count) {
    wfc_buf_printf(out, "%s:\n", title);
    for (size_t i = 0; i < count; i++) {
        wfc_buf_printf(out, "  ");
        put_name(out, infos[i]->name);
        wfc_buf_printf(out, " : ");
        put_type(out, infos[i]->type);
        wfc_buf_printf(out, "\n");
    }
}

/* --- operators with counts --------------------------------------------------------------------------------------- */

static const char *domain_of(const Onnx__NodeProto *p) {
    return !p->domain || !strcmp(p->domain, "ai.onnx") ? "" : p->domain;
}

static int compare_nodes(const void *pa, const void *pb) {
    const Onnx__NodeProto *a = *(Onnx__NodeProto *const *)pa, *b = *(Onnx__NodeProto *const *)pb;
    int d = strcmp(domain_of(a), domain_of(b));
    return d ? d : strcmp(a->op_type ? a->op_type : "", b->op_type ? b->op_type : "");
}

static bool is_function(const Onnx__ModelProto *m, const char *domain, const char *name) {
    for (size_t i = 0; i < m->n_functions; i++) {
        const char *d =
            m->functions[i]->domain && strcmp(m->functions[i]->domain, "ai.onnx") != 0 ? m->functions[i]->domain : "";
        if (!strcmp(d, domain) && m->functions[i]->name && !strcmp(m->functions[i]->name, name)) return true;
    }
    return false;
}

static wfc_status put_operators(wfc_buf *out, const Onnx__ModelProto *m, wfc_diag *diag) {
    const Onnx__GraphProto *g = m->graph;
    Onnx__NodeProto **sorted = wfc_calloc(g->n_node, sizeof *sorted);
    if (!sorted) return wfc_fail_memory(diag);
    if (g->n_node) {
        memcpy(sorted, g->node, sizeof *sorted * g->n_node);
        qsort(sorted, g->n_node, sizeof *sorted, compare_nodes);
    }
    wfc_buf_printf(out, "operators (%zu nodes):\n", g->n_node);
    for (size_t i = 0; i < g->n_node;) {
        size_t end = i;
        while (end < g->n_node && !compare_nodes(&sorted[i], &sorted[end])) end++;
        const char *domain = domain_of(sorted[i]), *name = sorted[i]->op_type ? sorted[i]->op_type : "";
        const wfc_fe_op *op = wfc_fe_find_op(domain, name);
        int version = wfc_fe_opset(m, domain);
        bool known = op && version >= op->info.since && version <= op->info.until;
        wfc_buf_printf(out, "  %6zu  ", end - i);
        if (*domain) put_name(out, domain), wfc_buf_printf(out, ".");
        put_name(out, name);
        if (is_function(m, domain, name)) {
            wfc_buf_printf(out, "  a function of the model, inlined\n");
            i = end;
            continue;
        }
        wfc_buf_printf(out, "  %s%s%s%s\n", known ? "supported: " : "NOT SUPPORTED",
                       known ? wfc_fe_types_text(op->types) : "", known && *op->info.restrictions ? "; " : "",
                       known ? op->info.restrictions : "");
        i = end;
    }
    wfc_free(sorted);
    return WFC_OK;
}

/* Bytes of a tensor's elements, 0 for types without a fixed size. */
static uint64_t tensor_bytes(const Onnx__TensorProto *t) {
    wfc_dtype type;
    uint64_t elems;
    if (!wfc_fe_dtype(t->data_type, &type) || !wfc_fe_elems(t->dims, t->n_dims, UINT64_MAX / 16, &elems)) return 0;
    return elems * wfc_dtype_bytes(type);
}

/* The verdict: what an import with these options says. */
static wfc_status put_verdict(wfc_buf *out, const char *path, const wfc_import_options *opt) {
    wfc_diag diag;
    wfc_graph g;
    wfc_import *im = NULL;
    wfc_diag_init(&diag);
    wfc_graph_init(&g);
    wfc_status status = wfc_import_onnx(path, opt, &diag, &g, &im);
    if (status == WFC_OK)
        wfc_buf_printf(out, "import: ok, %zu core ops\n", g.nodes.count);
    else
        wfc_buf_printf(out, "import: refused\n");
    size_t folded = 0;
    const char *const *lines = im && opt && opt->list_folded ? wfc_import_folded(im, &folded) : NULL;
    if (lines || (im && opt && opt->list_folded)) wfc_buf_printf(out, "folded to constants: %zu nodes\n", folded);
    for (size_t i = 0; i < folded; i++) wfc_buf_printf(out, "  %s\n", lines[i]);
    for (size_t i = 0; i < diag.count; i++)
        wfc_buf_printf(out, "  %s%s%s: %s\n", diag.items[i].code, *diag.items[i].where ? " " : "", diag.items[i].where,
                       diag.items[i].text);
    wfc_graph_deinit(&g);
    wfc_import_destroy(im);
    wfc_diag_deinit(&diag);
    return status == WFC_ERR_NO_MEMORY ? status : WFC_OK;
}

wfc_status wfc_import_inspect(const char *path, const wfc_import_options *opt, wfc_diag *diag, wfc_buf *out) {
    wfc_fe_model m;
    WFC_TRY(wfc_fe_model_load(&m, path, opt, diag));
    const Onnx__ModelProto *p = m.proto;
    const Onnx__GraphProto *g = p->graph;
    wfc_buf_printf(out, "ONNX model, IR version %" PRId64 "\nopsets:", p->ir_version);
    for (size_t i = 0; i < p->n_opset_import; i++) {
        const char *domain = p->opset_import[i]->domain;
        wfc_buf_printf(out, "%s ", i ? "," : "");
        put_name(out, domain && *domain ? domain : "ai.onnx");
        wfc_buf_printf(out, " %" PRId64, p->opset_import[i]->version);
    }
    wfc_buf_printf(out, "\n");
    put_values(out, "inputs", g->input, g->n_input);
    put_values(out, "outputs", g->output, g->n_output);
    uint64_t bytes = 0;
    for (size_t i = 0; i < g->n_initializer; i++) bytes += tensor_bytes(g->initializer[i]);
    wfc_buf_printf(out, "initializers: %zu, %" PRIu64 " bytes\n", g->n_initializer, bytes);
    wfc_status status = put_operators(out, p, diag);
    wfc_fe_model_deinit(&m);
    if (status == WFC_OK) status = put_verdict(out, path, opt);
    if (status == WFC_OK && out->failed) status = wfc_fail_memory(diag);
    return status == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : status;
}
