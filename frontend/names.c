/* Every value of the main graph is defined once: by a graph input, an initializer (which may repeat an input, as files
 * older than IR version 4 do) or a node. All definitions are sorted by name, so that lookup needs no hash table that a
 * hostile file could fill with collisions. */
#include "frontend/names.h"
#include "frontend/inline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum def_kind { DEF_INPUT, DEF_INITIALIZER, DEF_OUTPUT } def_kind;
typedef struct definition {
    const char *name;
    uint32_t kind, node, slot; /* def_kind; the node and the place among its outputs */
} definition;

static int compare_definitions(const void *pa, const void *pb) {
    const definition *a = pa, *b = pb;
    int d = strcmp(a->name, b->name);
    return d ? d : (a->kind > b->kind) - (a->kind < b->kind);
}

uint32_t wfc_fe_find_value(const wfc_fe_ctx *c, const char *name) {
    uint32_t lo = 0, hi = c->value_count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int d = strcmp(c->values[mid].name, name);
        if (d == 0) return mid;
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return UINT32_MAX;
}

/* Version of a domain in a list, 0 when it is not there. */
static int listed_opset(Onnx__OperatorSetIdProto *const *list, size_t count, const char *domain) {
    for (size_t i = 0; i < count; i++) {
        const char *d = list[i]->domain ? list[i]->domain : "";
        if (!strcmp(d, "ai.onnx")) d = "";
        if (strcmp(d, domain) != 0) continue;
        int64_t v = list[i]->version;
        return v > 0 && v < INT32_MAX ? (int)v : 0;
    }
    return 0;
}

int wfc_fe_opset(const Onnx__ModelProto *m, const char *domain) {
    int listed = listed_opset(m->opset_import, m->n_opset_import, domain);
    if (listed) return listed;
    /* Files of IR version 1 and 2 know no opsets: version 1 of the default domain is meant. */
    return m->n_opset_import == 0 && !*domain && m->ir_version < 3 ? 1 : 0;
}

static const char *domain_of(const Onnx__NodeProto *p) {
    return !p->domain || !strcmp(p->domain, "ai.onnx") ? "" : p->domain;
}

/* Of a node: its function's operator sets come before the model's. */
static int node_opset(const wfc_fe_ctx *c, const wfc_fe_flat *f) {
    const char *domain = domain_of(f->proto);
    int version = f->function ? listed_opset(f->function->opset_import, f->function->n_opset_import, domain) : 0;
    return version ? version : wfc_fe_opset(c->model->proto, domain);
}

static wfc_status push_definitions(wfc_fe_ctx *c, const Onnx__GraphProto *g, definition *defs, size_t *out_count) {
    size_t n = 0;
    for (size_t i = 0; i < g->n_input; i++) defs[n++] = (definition){g->input[i]->name, DEF_INPUT, UINT32_MAX, 0};
    for (size_t i = 0; i < g->n_initializer; i++)
        defs[n++] = (definition){g->initializer[i]->name, DEF_INITIALIZER, UINT32_MAX, 0};
    for (size_t i = 0; i < g->n_sparse_initializer; i++) {
        const Onnx__TensorProto *t = g->sparse_initializer[i]->values;
        defs[n++] = (definition){t ? t->name : NULL, DEF_INITIALIZER, UINT32_MAX, 0};
    }
    for (size_t i = 0; i < n; i++)
        if (!defs[i].name || !*defs[i].name)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0110", c->model->path, "a graph %s has no name",
                            defs[i].kind == DEF_INPUT ? "input" : "initializer");
    for (uint32_t i = 0; i < c->flat_count; i++)
        for (size_t k = 0; k < c->flat[i].proto->n_output; k++)
            if (*c->flat[i].proto->output[k])
                defs[n++] = (definition){c->flat[i].proto->output[k], DEF_OUTPUT, i, (uint32_t)k};
    *out_count = n;
    return WFC_OK;
}

static wfc_status make_values(wfc_fe_ctx *c, const definition *defs, size_t count) {
    c->values = wfc_calloc(count, sizeof *c->values);
    if (!c->values) return wfc_fail_memory(c->diag);
    for (size_t i = 0; i < count; i++) {
        bool repeats = i && !strcmp(defs[i - 1].name, defs[i].name);
        if (repeats && defs[i - 1].kind == DEF_INPUT && defs[i].kind == DEF_INITIALIZER) continue;
        if (repeats)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0110", c->model->path,
                            "the value '%s' is defined twice; ONNX wants each name to be given once", defs[i].name);
        wfc_fe_value *v = &c->values[c->value_count];
        *v = (wfc_fe_value){.name = defs[i].name, .producer = defs[i].node};
        if (defs[i].kind == DEF_OUTPUT) c->nodes[defs[i].node].out[defs[i].slot] = c->value_count;
        c->value_count++;
    }
    return WFC_OK;
}

static int compare_locs(const void *pa, const void *pb) {
    const wfc_fe_node *a = *(wfc_fe_node *const *)pa, *b = *(wfc_fe_node *const *)pb;
    int d = strcmp(a->loc, b->loc);
    return d ? d : (a > b) - (a < b);
}

/* Node names are optional in ONNX, and exporters repeat them; reports need them unique. */
static wfc_status make_locs(wfc_fe_ctx *c) {
    wfc_fe_node **sorted = wfc_calloc(c->node_count, sizeof *sorted);
    if (!sorted) return wfc_fail_memory(c->diag);
    bool ok = true;
    for (uint32_t i = 0; i < c->node_count; i++) {
        wfc_fe_node *n = &c->nodes[i];
        char buf[96];
        snprintf(buf, sizeof buf, "%.64s_%u", n->proto->op_type ? n->proto->op_type : "node", i);
        n->loc = n->proto->name && *n->proto->name ? n->proto->name : wfc_arena_strdup(&c->arena, buf);
        ok &= n->loc != NULL;
        sorted[i] = n;
    }
    if (ok && c->node_count) qsort(sorted, c->node_count, sizeof *sorted, compare_locs);
    for (uint32_t i = 0; ok && i < c->node_count;) {
        uint32_t end = i + 1;
        while (end < c->node_count && !strcmp(sorted[i]->loc, sorted[end]->loc)) end++;
        for (uint32_t k = i + 1; ok && k < end; k++) { /* the first of them keeps the name */
            char *unique = wfc_asprintf("%s#%td", sorted[k]->loc, sorted[k] - c->nodes);
            const char *kept = unique ? wfc_arena_strdup(&c->arena, unique) : NULL;
            wfc_free(unique);
            if (kept) sorted[k]->loc = kept;
            ok &= kept != NULL;
        }
        i = end;
    }
    wfc_free(sorted);
    return ok ? WFC_OK : wfc_fail_memory(c->diag);
}

static wfc_status make_nodes(wfc_fe_ctx *c) {
    size_t total = 0;
    for (uint32_t i = 0; i < c->flat_count; i++) total += c->flat[i].proto->n_input + c->flat[i].proto->n_output;
    c->nodes = wfc_calloc(c->flat_count, sizeof *c->nodes);
    c->indices = wfc_calloc(total, sizeof *c->indices);
    if (!c->nodes || !c->indices) return wfc_fail_memory(c->diag);
    c->node_count = c->flat_count;
    uint32_t *at = c->indices;
    for (uint32_t i = 0; i < c->node_count; i++) {
        wfc_fe_node *n = &c->nodes[i];
        const Onnx__NodeProto *p = c->flat[i].proto;
        *n = (wfc_fe_node){.proto = p, .in_count = (uint32_t)p->n_input, .out_count = (uint32_t)p->n_output};
        n->in = at;
        n->out = at + p->n_input;
        at += p->n_input + p->n_output;
        for (uint32_t *k = n->in; k < at; k++) *k = UINT32_MAX;
        n->op = wfc_fe_find_op(domain_of(p), p->op_type ? p->op_type : "");
        n->opset = node_opset(c, &c->flat[i]);
    }
    return make_locs(c);
}

static wfc_status resolve_inputs(wfc_fe_ctx *c) {
    for (uint32_t i = 0; i < c->node_count; i++) {
        wfc_fe_node *n = &c->nodes[i];
        for (uint32_t k = 0; k < n->in_count; k++) {
            const char *name = n->proto->input[k];
            if (!*name) continue;
            n->in[k] = wfc_fe_find_value(c, name);
            if (n->in[k] == UINT32_MAX)
                return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0111", n->loc,
                                "input %u, '%s', is made by no node, graph input or initializer of the model", k, name);
        }
    }
    return WFC_OK;
}

static void attach_info(wfc_fe_ctx *c, Onnx__ValueInfoProto *const *infos, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t v = infos[i]->name ? wfc_fe_find_value(c, infos[i]->name) : UINT32_MAX;
        if (v != UINT32_MAX) c->values[v].info = infos[i];
    }
}

wfc_status wfc_fe_names_build(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    if (c->model->proto->n_opset_import > 256 || c->model->proto->n_functions > 4096)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0103", c->model->path,
                        "more than 256 operator sets or 4096 functions in one model");
    WFC_TRY(wfc_fe_inline(c));
    WFC_TRY(make_nodes(c));
    size_t most = g->n_input + g->n_initializer + g->n_sparse_initializer, count = 0;
    for (uint32_t i = 0; i < c->flat_count; i++) most += c->flat[i].proto->n_output;
    definition *defs = wfc_calloc(most, sizeof *defs);
    if (!defs) return wfc_fail_memory(c->diag);
    wfc_status status = push_definitions(c, g, defs, &count);
    if (status == WFC_OK && count) qsort(defs, count, sizeof *defs, compare_definitions);
    if (status == WFC_OK) status = make_values(c, defs, count);
    wfc_free(defs);
    WFC_TRY(status);
    attach_info(c, g->value_info, g->n_value_info);
    attach_info(c, g->output, g->n_output);
    attach_info(c, g->input, g->n_input);
    return resolve_inputs(c);
}
