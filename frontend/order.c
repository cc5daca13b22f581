/* Liveness, uses, and an execution order of the nodes; the check of a node against its operator's record. */
#include "frontend/names.h"
#include <string.h>

static wfc_status mark_live(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    uint32_t *stack = wfc_calloc((size_t)c->node_count + 1, sizeof *stack), top = 0;
    if (!stack) return wfc_fail_memory(c->diag);
    for (uint32_t i = 0; i < c->node_count; i++) c->nodes[i].dead = true;
    size_t outputs = g->n_output;
    for (size_t i = 0; i < outputs || top;) {
        uint32_t node;
        if (i < outputs) {
            uint32_t v = g->output[i]->name ? wfc_fe_find_value(c, g->output[i]->name) : UINT32_MAX;
            i++;
            if (v == UINT32_MAX) continue; /* reported when the outputs are made */
            c->values[v].uses++;
            c->values[v].other_uses++;
            node = c->values[v].producer;
            if (node == UINT32_MAX || !c->nodes[node].dead) continue;
            c->nodes[node].dead = false;
            stack[top++] = node;
            continue;
        }
        const wfc_fe_node *n = &c->nodes[stack[--top]];
        for (uint32_t k = 0; k < n->in_count; k++) {
            if (n->in[k] == UINT32_MAX) continue;
            wfc_fe_value *v = &c->values[n->in[k]];
            bool is_static = n->op && k < 32 && (n->op->static_inputs >> k & 1);
            v->uses++;
            v->other_uses += !is_static;
            if (v->producer == UINT32_MAX || !c->nodes[v->producer].dead) continue;
            c->nodes[v->producer].dead = false;
            stack[top++] = v->producer;
        }
    }
    wfc_free(stack);
    return WFC_OK;
}

typedef struct frame {
    uint32_t node, next_input;
} frame;

/* Depth-first from the nodes in file order, inputs first: a sorted file keeps its order. */
static wfc_status sort_nodes(wfc_fe_ctx *c, uint8_t *state, frame *stack) {
    uint32_t done = 0;
    for (uint32_t root = 0; root < c->node_count; root++) {
        if (state[root] || c->nodes[root].dead) continue;
        uint32_t top = 0;
        stack[top++] = (frame){root, 0};
        state[root] = 1;
        while (top) {
            frame *f = &stack[top - 1];
            const wfc_fe_node *n = &c->nodes[f->node];
            if (f->next_input == n->in_count) {
                state[f->node] = 2;
                c->order[done++] = f->node;
                top--;
                continue;
            }
            uint32_t v = n->in[f->next_input++];
            uint32_t p = v == UINT32_MAX ? UINT32_MAX : c->values[v].producer;
            if (p == UINT32_MAX || state[p] == 2) continue;
            if (state[p] == 1)
                return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0112", n->loc,
                                "the nodes form a cycle: this one needs '%s', which depends on this node's own output",
                                c->values[v].name);
            state[p] = 1;
            stack[top++] = (frame){p, 0};
        }
    }
    for (; done < c->node_count; done++) c->order[done] = UINT32_MAX; /* dead ones */
    return WFC_OK;
}

wfc_status wfc_fe_order_build(wfc_fe_ctx *c) {
    WFC_TRY(mark_live(c));
    c->order = wfc_calloc(c->node_count, sizeof *c->order);
    uint8_t *state = wfc_calloc(c->node_count, 1); /* 0 new, 1 on the stack, 2 done */
    frame *stack = wfc_calloc(c->node_count, sizeof *stack);
    wfc_status status = c->order && state && stack ? sort_nodes(c, state, stack) : wfc_fail_memory(c->diag);
    wfc_free(state);
    wfc_free(stack);
    return status;
}

/* --- a node against its record ----------------------------------------------------------------------------------- */

/* Kind letter of an attribute as in wfc_fe_op.attributes, '?' for graphs, types and what else we do not read. Files of
 * IR version 1 do not say the type: the field that is there decides. */
static char attribute_kind(const Onnx__AttributeProto *a) {
    static const char by_type[] = {[1] = 'f', [2] = 'i', [3] = 's', [4] = 't', [6] = 'F', [7] = 'I', [8] = 'S'};
    int type = a->has_type ? (int)a->type : 0;
    if (type > 0) return type < (int)sizeof by_type && by_type[type] ? by_type[type] : '?';
    if (a->has_f) return 'f';
    if (a->has_i) return 'i';
    if (a->has_s) return 's';
    if (a->t) return 't';
    if (a->n_floats) return 'F';
    if (a->n_ints) return 'I';
    if (a->n_strings) return 'S';
    return '?';
}

/* Kind letter that the record gives an attribute, 0 when it does not list it. */
static char listed_kind(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *p = list; p && *p;) {
        const char *colon = strchr(p, ':');
        if ((size_t)(colon - p) == n && !memcmp(p, name, n)) return colon[1];
        p = strchr(colon, ' ');
        if (p) p++;
    }
    return 0;
}

static wfc_status check_attributes(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_status status = WFC_OK;
    if (n->proto->n_attribute > 64) return wfc_fe_invalid(c, n, "more than 64 attributes");
    for (size_t i = 0; i < n->proto->n_attribute; i++) {
        const Onnx__AttributeProto *a = n->proto->attribute[i];
        const char *name = a->name ? a->name : "";
        for (size_t k = 0; k < i; k++)
            if (n->proto->attribute[k]->name && !strcmp(n->proto->attribute[k]->name, name))
                return wfc_fe_invalid(c, n, "the attribute '%s' is given twice", name);
        char expected = listed_kind(n->op->attributes, name), found = attribute_kind(a);
        /* An empty list without a type is a list of whatever kind is expected. */
        if (expected && found == '?' && !a->has_type && !a->g && !a->n_graphs) found = expected;
        if (a->ref_attr_name && *a->ref_attr_name)
            status = wfc_fe_unsupported(c, n,
                                        "attribute '%s' refers to the attribute '%s' of a function, which is not given",
                                        name, a->ref_attr_name);
        else if (!expected)
            status = wfc_fe_unsupported(c, n, "attribute '%s' is not supported", name);
        else if (expected != found)
            return wfc_fe_invalid(c, n, "attribute '%s' has the wrong type", name);
        else if (found == 't' && !a->t)
            return wfc_fe_invalid(c, n, "attribute '%s' holds no tensor", name);
    }
    return status;
}

wfc_status wfc_fe_check_node(wfc_fe_ctx *c, wfc_fe_node *n) {
    if (n->opset == 0)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0109", n->loc,
                        "the model does not say which version of the operator domain '%s' it uses (opset_import)",
                        n->proto->domain && *n->proto->domain ? n->proto->domain : "ai.onnx");
    if (!n->op) return wfc_fe_unsupported(c, n, "no such operator here");
    if (n->opset < n->op->info.since || n->opset > n->op->info.until)
        return wfc_fe_unsupported(c, n, "supported from opset %d to %d", n->op->info.since, n->op->info.until);
    if (n->in_count < n->op->min_in || n->in_count > n->op->max_in)
        return wfc_fe_invalid(c, n, "%u inputs; this operator takes %u to %u", n->in_count, n->op->min_in,
                              n->op->max_in);
    for (uint32_t k = 0; k < n->op->min_in; k++)
        if (n->in[k] == UINT32_MAX) return wfc_fe_invalid(c, n, "input %u may not be left out", k);
    wfc_status status = WFC_OK;
    for (uint32_t k = n->op->max_out; k < n->out_count; k++)
        if (n->out[k] != UINT32_MAX && c->values[n->out[k]].uses)
            status = wfc_fe_unsupported(c, n, "output %u ('%s') is used, only the first %u %s supported", k,
                                        c->values[n->out[k]].name, n->op->max_out, n->op->max_out == 1 ? "is" : "are");
    wfc_status attributes = check_attributes(c, n);
    return attributes != WFC_OK ? attributes : status;
}
