/* Functions that the model defines, inlined: every call becomes the function's nodes, with its inputs and outputs named
 * as at the call, its inner values named "CALL.K/VALUE" (K counts calls) and its nodes "CALL/NODE".
 *
 *   call:  y = F(x, w)                 body of F(a, b) -> r:  t = MatMul(a, b); r = Relu(t)
 *   gives: CALL.0/t = MatMul(x, w); y = Relu(CALL.0/t)
 *
 * An attribute of the body that refers to one of the function's takes the call's value, or is left out where the call
 * gives none. Calls within calls go the same way, to a depth; a function that calls itself is refused. */
#include "frontend/inline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALL_DEPTH = 64, MAX_INLINED_NODES = 1 << 20, MAX_INLINED_BYTES = 256 << 20 };

typedef struct frame {
    const struct frame *outer;
    const Onnx__FunctionProto *function;
    const Onnx__NodeProto *call;
    const char *name; /* of the call, as reports say it */
    unsigned number, depth;
} frame;

typedef struct inliner {
    wfc_fe_ctx *c;
    const Onnx__FunctionProto **functions; /* sorted by domain and name */
    size_t function_count;
    WFC_VEC(wfc_fe_flat) out;
    unsigned calls;
} inliner;

static const char *text(const char *s) {
    return s ? s : "";
}
static const char *domain_text(const char *s) {
    return !s || !strcmp(s, "ai.onnx") ? "" : s;
}

static int compare_names(const char *da, const char *na, const char *db, const char *nb) {
    int d = strcmp(domain_text(da), domain_text(db));
    return d ? d : strcmp(text(na), text(nb));
}

static int compare_functions(const void *pa, const void *pb) {
    const Onnx__FunctionProto *a = *(Onnx__FunctionProto *const *)pa, *b = *(Onnx__FunctionProto *const *)pb;
    return compare_names(a->domain, a->name, b->domain, b->name);
}

static const Onnx__FunctionProto *find_function(const inliner *in, const Onnx__NodeProto *p) {
    size_t lo = 0, hi = in->function_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int d = compare_names(in->functions[mid]->domain, in->functions[mid]->name, p->domain, p->op_type);
        if (d == 0) return in->functions[mid];
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static wfc_status sort_functions(inliner *in) {
    const Onnx__ModelProto *m = in->c->model->proto;
    in->functions = wfc_arena_alloc(&in->c->arena, m->n_functions + 1, sizeof *in->functions);
    if (!in->functions) return wfc_fail_memory(in->c->diag);
    for (size_t i = 0; i < m->n_functions; i++) in->functions[i] = m->functions[i];
    in->function_count = m->n_functions;
    if (in->function_count > 1) qsort(in->functions, in->function_count, sizeof *in->functions, compare_functions);
    for (size_t i = 1; i < in->function_count; i++)
        if (!compare_functions(&in->functions[i - 1], &in->functions[i]))
            return wfc_fail(in->c->diag, WFC_ERR_UNSUPPORTED, "WFC-E0121", text(in->functions[i]->name),
                            "the model defines this function twice (overloads are not supported)");
    return WFC_OK;
}

/* --- names and attributes ------------------------------------------------------------------------------------------
 */

static const char *copy_text(wfc_fe_ctx *c, char *owned) {
    const char *kept = owned ? wfc_arena_strdup(&c->arena, owned) : NULL;
    wfc_free(owned);
    return kept;
}

/* What the body's value `name` is called outside; NULL when out of memory. */
static const char *outer_name(wfc_fe_ctx *c, const frame *f, const char *name) {
    if (!f || !*name) return name;
    for (size_t i = 0; i < f->function->n_input; i++)
        if (!strcmp(f->function->input[i], name)) return i < f->call->n_input ? f->call->input[i] : "";
    for (size_t i = 0; i < f->function->n_output; i++)
        if (!strcmp(f->function->output[i], name) && i < f->call->n_output && *f->call->output[i])
            return f->call->output[i];
    return copy_text(c, wfc_asprintf("%s.%u/%s", f->name, f->number, name));
}

static wfc_status rename_all(wfc_fe_ctx *c, const frame *f, char *const *from, size_t count, char ***out) {
    char **list = wfc_arena_alloc(&c->arena, count + 1, sizeof *list);
    if (!list) return wfc_fail_memory(c->diag);
    for (size_t i = 0; i < count; i++) {
        const char *name = outer_name(c, f, from[i]);
        if (!name) return wfc_fail_memory(c->diag);
        list[i] = (char *)name; /* protobuf-c has no const; nobody writes to it */
    }
    *out = list;
    return WFC_OK;
}

static bool declares(const Onnx__FunctionProto *f, const char *attribute) {
    for (size_t i = 0; i < f->n_attribute; i++)
        if (!strcmp(f->attribute[i], attribute)) return true;
    return false;
}

/* The attributes of a body's node. A reference to an attribute that the function does not list (it has a default, which
 * readers of this ONNX do not see) stays: the check of the node refuses it. */
static wfc_status resolve_attributes(wfc_fe_ctx *c, const frame *f, const Onnx__NodeProto *from, Onnx__NodeProto *to) {
    Onnx__AttributeProto **list = wfc_arena_alloc(&c->arena, from->n_attribute + 1, sizeof *list);
    if (!list) return wfc_fail_memory(c->diag);
    to->attribute = list;
    to->n_attribute = 0;
    for (size_t i = 0; i < from->n_attribute; i++) {
        Onnx__AttributeProto *a = from->attribute[i];
        const char *ref = text(a->ref_attr_name);
        const Onnx__AttributeProto *given = NULL;
        for (size_t k = 0; *ref && k < f->call->n_attribute; k++)
            if (!strcmp(text(f->call->attribute[k]->name), ref)) given = f->call->attribute[k];
        if (*ref && !given && declares(f->function, ref)) continue;
        if (given) {
            Onnx__AttributeProto *copy = wfc_arena_alloc(&c->arena, 1, sizeof *copy);
            if (!copy) return wfc_fail_memory(c->diag);
            *copy = *given;
            copy->name = a->name;
            a = copy;
        }
        list[to->n_attribute++] = a;
    }
    return WFC_OK;
}

/* --- expansion -----------------------------------------------------------------------------------------------------
 */

static wfc_status push(inliner *in, Onnx__NodeProto *p, const frame *f) {
    if (in->out.count == MAX_INLINED_NODES + in->c->model->proto->graph->n_node)
        return wfc_fail(in->c->diag, WFC_ERR_INPUT, "WFC-E0121", f ? f->name : "",
                        "inlining the model's functions makes more than %d nodes", MAX_INLINED_NODES);
    wfc_fe_flat flat = {.proto = p, .function = f ? f->function : NULL};
    return wfc_vec_push(&in->out, flat) == WFC_OK ? WFC_OK : wfc_fail_memory(in->c->diag);
}

/* A copy of a body's node as it is at the call. */
static wfc_status copy_node(inliner *in, const frame *f, const Onnx__NodeProto *from, size_t index,
                            Onnx__NodeProto **out) {
    wfc_fe_ctx *c = in->c;
    Onnx__NodeProto *p = wfc_arena_alloc(&c->arena, 1, sizeof *p);
    if (!p) return wfc_fail_memory(c->diag);
    *p = *from;
    if (c->arena.total_bytes > MAX_INLINED_BYTES)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0121", f->name,
                        "inlining the model's functions takes more than %d MiB", MAX_INLINED_BYTES >> 20);
    WFC_TRY(rename_all(c, f, from->input, from->n_input, &p->input));
    WFC_TRY(rename_all(c, f, from->output, from->n_output, &p->output));
    WFC_TRY(resolve_attributes(c, f, from, p));
    char number[32];
    snprintf(number, sizeof number, "_%zu", index);
    bool named = *text(from->name) != 0;
    p->name = (char *)copy_text(
        c, wfc_asprintf("%s/%s%s", f->name, named ? from->name : text(from->op_type), named ? "" : number));
    if (!p->name) return wfc_fail_memory(c->diag);
    *out = p;
    return WFC_OK;
}

/* An output that is one of the function's inputs: no node makes it. */
static wfc_status pass_through(inliner *in, const frame *f, size_t output) {
    const Onnx__FunctionProto *fn = f->function;
    size_t k = 0;
    while (k < fn->n_input && strcmp(fn->input[k], fn->output[output]) != 0) k++;
    if (k == fn->n_input || output >= f->call->n_output || !*f->call->output[output]) return WFC_OK;
    wfc_fe_ctx *c = in->c;
    Onnx__NodeProto *p = wfc_arena_alloc(&c->arena, 1, sizeof *p);
    char **names = wfc_arena_alloc(&c->arena, 2, sizeof *names);
    if (!p || !names) return wfc_fail_memory(c->diag);
    onnx__node_proto__init(p);
    names[0] = k < f->call->n_input ? f->call->input[k] : (char *)"";
    names[1] = f->call->output[output];
    p->input = names, p->n_input = 1;
    p->output = names + 1, p->n_output = 1;
    p->op_type = (char *)"Identity";
    p->name = (char *)f->name;
    return push(in, p, f->outer); /* in the caller's operator set, which has Identity */
}

static wfc_status expand(inliner *in, Onnx__NodeProto *p, const frame *f);

static wfc_status expand_call(inliner *in, const Onnx__FunctionProto *fn, Onnx__NodeProto *call, const frame *outer) {
    wfc_diag *diag = in->c->diag;
    char unnamed[96];
    snprintf(unnamed, sizeof unnamed, "%.64s_%u", text(call->op_type), in->calls);
    frame f = {
        .outer = outer, .function = fn, .call = call, .number = in->calls++, .depth = outer ? outer->depth + 1 : 1};
    f.name = *text(call->name) ? call->name : wfc_arena_strdup(&in->c->arena, unnamed);
    if (!f.name) return wfc_fail_memory(diag);
    for (const frame *o = outer; o; o = o->outer)
        if (o->function == fn)
            return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0121", f.name,
                            "the function '%s' calls itself; ONNX has no recursion", text(fn->name));
    if (in->calls > MAX_INLINED_NODES)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0121", f.name, "more than %d calls of functions", MAX_INLINED_NODES);
    if (f.depth > MAX_CALL_DEPTH)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0121", f.name, "calls of functions nested deeper than %d",
                        MAX_CALL_DEPTH);
    if (call->n_input > fn->n_input || call->n_output > fn->n_output)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0121", f.name,
                        "this call of '%s' has %zu inputs and %zu outputs; the function has %zu and %zu",
                        text(fn->name), call->n_input, call->n_output, fn->n_input, fn->n_output);
    for (size_t i = 0; i < fn->n_node; i++) {
        Onnx__NodeProto *p = NULL;
        WFC_TRY(copy_node(in, &f, fn->node[i], i, &p));
        WFC_TRY(expand(in, p, &f));
    }
    for (size_t i = 0; i < fn->n_output; i++) WFC_TRY(pass_through(in, &f, i));
    return WFC_OK;
}

/* p: already as it is in the outermost graph; f: the call it belongs to. Depth is bounded by the calls'. */
static wfc_status expand(inliner *in, Onnx__NodeProto *p, const frame *f) {
    const Onnx__FunctionProto *fn = find_function(in, p);
    return fn ? expand_call(in, fn, p, f) : push(in, p, f);
}

wfc_status wfc_fe_inline(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    inliner in = {.c = c};
    wfc_status s = sort_functions(&in);
    for (size_t i = 0; i < g->n_node && s == WFC_OK; i++) s = expand(&in, g->node[i], NULL);
    if (s == WFC_OK) {
        c->flat = in.out.data;
        c->flat_count = (uint32_t)in.out.count;
    } else {
        wfc_vec_free(&in.out);
    }
    return s;
}
