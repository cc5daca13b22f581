/* Graph inputs with their symbolic axes, initializers, outputs. */
#include "frontend/inputs.h"
#include "frontend/names.h"
#include <stdio.h>
#include <string.h>

/* A refusal that concerns no node. */
static void refuse_value(wfc_fe_ctx *c, const char *kind, const char *name, const char *reason) {
    if (++c->refusal_count > WFC_FE_MAX_LISTED) return;
    char *escaped = wfc_escape(name, strlen(name), 300);
    if (escaped)
        wfc_buf_printf(&c->refusals, "\n%s '%s': %s", kind, escaped, reason);
    else
        c->refusals.failed = true;
    wfc_free(escaped);
}

wfc_status wfc_fe_add_initializers(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    for (size_t i = 0; i < g->n_initializer; i++) {
        wfc_fe_value *v = &c->values[wfc_fe_find_value(c, g->initializer[i]->name)];
        v->initialized = true;
        if (!v->uses) continue; /* not read: its bytes do not matter */
        const char *reason = NULL;
        wfc_status s = wfc_fe_tensor_decode(c->model, v->name, g->initializer[i], &v->konst, &reason);
        if (s == WFC_ERR_UNSUPPORTED) {
            refuse_value(c, "initializer", v->name, reason);
            v->state = WFC_FE_POISON;
            continue;
        }
        WFC_TRY(s);
        v->state = WFC_FE_CONST;
    }
    for (size_t i = 0; i < g->n_sparse_initializer; i++) {
        const char *reason = NULL;
        wfc_fe_value *v = &c->values[wfc_fe_find_value(c, g->sparse_initializer[i]->values->name)];
        v->initialized = true;
        if (!v->uses) continue;
        wfc_status s = wfc_fe_sparse_decode(c->model, v->name, g->sparse_initializer[i], &v->konst, &reason);
        v->state = s == WFC_OK ? WFC_FE_CONST : WFC_FE_POISON;
        if (s == WFC_ERR_UNSUPPORTED)
            refuse_value(c, "sparse initializer", v->name, reason);
        else
            WFC_TRY(s);
    }
    return WFC_OK;
}

/* --- shapes with symbols ----------------------------------------------------------------------------------------- */

static bool bound_dim(const wfc_import_options *o, const char *name, int64_t *out) {
    for (uint32_t i = 0; o && i < o->dim_count; i++)
        if (!strcmp(o->dim_names[i], name)) {
            *out = o->dim_values[i];
            return true;
        }
    return false;
}

/* The tensor type of a value info; NULL when it is none. */
static const Onnx__TypeProto__Tensor *tensor_type(const Onnx__ValueInfoProto *info) {
    const Onnx__TypeProto *t = info ? info->type : NULL;
    return t && t->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? t->tensor_type : NULL;
}

/* Extent of axis k; false when nothing says it. `label` gets the name that --dim takes. */
static bool axis_extent(const wfc_fe_ctx *c, const char *input, const Onnx__TensorShapeProto__Dimension *d, unsigned k,
                        char **label, int64_t *out) {
    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0) {
        *out = d->dim_value;
        return true;
    }
    bool named = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && d->dim_param && *d->dim_param;
    *label = named ? wfc_strdup(d->dim_param) : wfc_asprintf("%s[%u]", input, k);
    if (*label && bound_dim(c->opt, *label, out)) return true;
    *out = 0; /* an extent of 0 that the file says is one: an empty tensor */
    return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value == 0;
}

/* Shape of a declared type. Unbound axes go to `unbound` as text (NULL: just fail); false when one was. */
static bool declared_shape(const wfc_fe_ctx *c, const char *name, const Onnx__TypeProto__Tensor *t, wfc_buf *unbound,
                           int64_t *dims) {
    bool complete = true;
    for (size_t k = 0; k < t->shape->n_dim; k++) {
        char *label = NULL;
        if (!axis_extent(c, name, t->shape->dim[k], (unsigned)k, &label, &dims[k])) {
            complete = false;
            char *safe = label ? wfc_escape(label, strlen(label), 200) : NULL;
            char *input = wfc_escape(name, strlen(name), 200);
            if (unbound && safe && input)
                wfc_buf_printf(unbound, "\ninput '%s', axis %zu: give --dim '%s=N'", input, k, safe);
            wfc_free(safe);
            wfc_free(input);
        }
        wfc_free(label);
    }
    return complete;
}

static wfc_status check_dim_options(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    for (uint32_t o = 0; c->opt && o < c->opt->dim_count; o++) {
        bool used = false;
        if (c->opt->dim_values[o] < 1 || c->opt->dim_values[o] > INT32_MAX)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0108", c->opt->dim_names[o],
                            "the axis is set to %lld; expected 1 to 2147483647", (long long)c->opt->dim_values[o]);
        for (size_t i = 0; i < g->n_input && !used; i++) {
            const Onnx__TypeProto__Tensor *t = tensor_type(g->input[i]);
            for (size_t k = 0; t && t->shape && k < t->shape->n_dim && !used; k++) {
                char *label = NULL;
                int64_t v;
                used = axis_extent(c, g->input[i]->name, t->shape->dim[k], (unsigned)k, &label, &v) && label &&
                       !strcmp(label, c->opt->dim_names[o]);
                wfc_free(label);
            }
        }
        if (!used)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0108", c->opt->dim_names[o],
                            "no open axis of an input has this name; 'waferc inspect' lists the names");
    }
    return WFC_OK;
}

/* --- inputs ------------------------------------------------------------------------------------------------------ */

static wfc_status bind_input(wfc_fe_ctx *c, wfc_fe_value *v, const wfc_tensor *t, int elem_type) {
    wfc_dtype declared;
    if (!wfc_fe_dtype(elem_type, &declared) || declared != t->dtype)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0116", v->name, "the value given is %s, the model declares %s",
                        wfc_dtype_name((wfc_dtype)t->dtype), wfc_fe_dtype_code_name(elem_type));
    v->konst = (wfc_fe_const){.dtype = t->dtype, .rank = t->rank, .elems = wfc_tensor_elems(t)};
    for (unsigned i = 0; i < t->rank; i++) v->konst.dims[i] = t->dims[i];
    void *bytes;
    uint64_t size = v->konst.elems * wfc_dtype_bytes(declared);
    WFC_TRY(wfc_fe_model_alloc(c->model, v->name, size, &bytes));
    if (size) memcpy(bytes, t->data, (size_t)size);
    v->konst.bytes = bytes;
    v->state = WFC_FE_CONST;
    return WFC_OK;
}

static const wfc_tensor *offered(const wfc_fe_ctx *c, const wfc_fe_value *v) {
    if (!v->uses || v->other_uses) return NULL;
    for (uint32_t i = 0; c->opt && i < c->opt->bound_count; i++)
        if (!strcmp(c->opt->bound_names[i], v->name)) return &c->opt->bound_values[i];
    return NULL;
}

static const wfc_input_shape *given_shape(const wfc_fe_ctx *c, const char *name) {
    for (uint32_t i = 0; c->opt && i < c->opt->shape_count; i++)
        if (!strcmp(c->opt->shapes[i].name, name)) return &c->opt->shapes[i];
    return NULL;
}

/* Axes that the model states, or --dim binds, have to be what --input-shape says. */
static wfc_status take_given_shape(wfc_fe_ctx *c, const char *name, const Onnx__TypeProto__Tensor *t,
                                   const wfc_input_shape *given, int64_t *dims) {
    memcpy(dims, given->dims, sizeof *dims * given->rank);
    if (!t->shape) return WFC_OK;
    if (t->shape->n_dim != given->rank)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0108", name, "the shape given has %u axes, the model's %zu",
                        given->rank, t->shape->n_dim);
    for (unsigned k = 0; k < given->rank; k++) {
        char *label = NULL;
        int64_t stated;
        bool known = axis_extent(c, name, t->shape->dim[k], k, &label, &stated) && stated > 0;
        wfc_free(label);
        if (known && stated != dims[k])
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0108", name, "axis %u is given as %lld, but it is %lld", k,
                            (long long)dims[k], (long long)stated);
    }
    return WFC_OK;
}

static wfc_status check_bound_options(wfc_fe_ctx *c) {
    for (uint32_t o = 0; c->opt && c->opt->bound_strict && o < c->opt->bound_count; o++) {
        const Onnx__GraphProto *g = c->model->proto->graph;
        const char *name = c->opt->bound_names[o];
        uint32_t k = wfc_fe_find_value(c, name);
        bool is_input = false;
        for (size_t i = 0; i < g->n_input; i++) is_input |= !strcmp(g->input[i]->name, name);
        if (!is_input || c->values[k].initialized)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0116", name,
                            "no input has this name; 'waferc inspect' lists them");
        if (c->values[k].other_uses)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0116", name,
                            "this input is data: its elements do more than to say shapes, axes and the like, so it "
                            "cannot become a constant. Give it to the run");
    }
    return WFC_OK;
}

static wfc_status check_shape_options(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    for (uint32_t o = 0; c->opt && o < c->opt->shape_count; o++) {
        const wfc_input_shape *s = &c->opt->shapes[o];
        bool found = false;
        for (size_t i = 0; i < g->n_input; i++) found |= !strcmp(g->input[i]->name, s->name);
        if (!found)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0108", s->name,
                            "no input has this name; 'waferc inspect' lists the inputs");
        for (unsigned k = 0; k < s->rank; k++)
            if (s->dims[k] < 1 || s->dims[k] > INT32_MAX)
                return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0108", s->name,
                                "axis %u is given as %lld; expected 1 to "
                                "2147483647",
                                k, (long long)s->dims[k]);
    }
    return WFC_OK;
}

static wfc_status add_input(wfc_fe_ctx *c, wfc_fe_value *v, const Onnx__ValueInfoProto *info, wfc_buf *unbound) {
    const Onnx__TypeProto__Tensor *t = tensor_type(info);
    v->state = WFC_FE_POISON;
    if (!t) {
        refuse_value(c, "input", v->name, "only tensors are supported (no sequences, maps or optionals)");
        return WFC_OK;
    }
    const wfc_tensor *bound = offered(c, v);
    if (bound) return bind_input(c, v, bound, t->elem_type);
    int64_t dims[WFC_IR_MAX_RANK];
    uint64_t elems;
    const wfc_input_shape *given = given_shape(c, v->name);
    if (!t->shape && !given)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0107", v->name,
                        "the model does not say the shape of this input, not even its number of axes. Give it by "
                        "--input-shape NAME=1x3x224x224");
    size_t rank = given ? given->rank : t->shape->n_dim;
    if (rank > WFC_IR_MAX_RANK) {
        refuse_value(c, "input", v->name, "more than 8 axes");
        return WFC_OK;
    }
    if (given)
        WFC_TRY(take_given_shape(c, v->name, t, given, dims));
    else if (!declared_shape(c, v->name, t, unbound, dims))
        return WFC_OK;
    if (!wfc_fe_elems(dims, rank, WFC_FE_MAX_ELEMS, &elems)) {
        refuse_value(c, "input", v->name, "more than 2147483647 elements");
        return WFC_OK;
    }
    if (elems == 0) {
        refuse_value(c, "input", v->name,
                     "an empty tensor; where an extent of 0 means an open axis, bind it by --dim "
                     "'INPUT[AXIS]=N'");
        return WFC_OK;
    }
    wfc_dtype type;
    if (!wfc_fe_dtype(t->elem_type, &type)) {
        char reason[96];
        snprintf(reason, sizeof reason, "%s; only numbers and bools are supported at run time",
                 wfc_fe_dtype_code_name(t->elem_type));
        refuse_value(c, "input", v->name, reason);
        return WFC_OK;
    }
    if (type == WFC_F64 && v->uses)
        wfc_diag_add(c->diag, WFC_NOTE, "WFC-N0120", v->name, "float64 is computed in float32 on the PEs");
    wfc_shape shape = {.rank = (uint8_t)rank};
    for (unsigned i = 0; i < shape.rank; i++) shape.dims[i] = (uint32_t)dims[i];
    WFC_TRY(wfc_ir_add_input(c->g, c->diag, v->name, WFC_F32, &shape, v->name, (uint8_t)t->elem_type, &v->ir));
    v->state = WFC_FE_RUNTIME;
    v->dtype = (uint8_t)type;
    v->has_ir = true;
    return WFC_OK;
}

wfc_status wfc_fe_add_inputs(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    wfc_buf unbound = {0};
    wfc_status status = check_dim_options(c);
    if (status == WFC_OK) status = check_shape_options(c);
    if (status == WFC_OK) status = check_bound_options(c);
    for (size_t i = 0; i < g->n_input && status == WFC_OK; i++) {
        wfc_fe_value *v = &c->values[wfc_fe_find_value(c, g->input[i]->name)];
        if (!v->initialized) status = add_input(c, v, g->input[i], &unbound);
    }
    if (status == WFC_OK && unbound.failed) status = wfc_fail_memory(c->diag);
    if (status == WFC_OK && unbound.count)
        status = wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0107", c->model->path,
                          "shapes are static here, and these axes have no extent:%s", unbound.data);
    wfc_buf_deinit(&unbound);
    return status;
}

wfc_status wfc_fe_placeholder(wfc_fe_ctx *c, wfc_fe_value *v) {
    const Onnx__TypeProto__Tensor *t = tensor_type(v->info);
    int64_t dims[WFC_IR_MAX_RANK];
    uint64_t elems;
    v->state = WFC_FE_POISON;
    wfc_dtype type;
    if (!t || !t->shape || !wfc_fe_dtype(t->elem_type, &type)) return WFC_OK;
    if (t->shape->n_dim > WFC_IR_MAX_RANK || !declared_shape(c, v->name, t, NULL, dims)) return WFC_OK;
    if (!wfc_fe_elems(dims, t->shape->n_dim, WFC_FE_MAX_ELEMS, &elems) || !elems) return WFC_OK;
    wfc_shape shape = {.rank = (uint8_t)t->shape->n_dim};
    for (unsigned i = 0; i < shape.rank; i++) shape.dims[i] = (uint32_t)dims[i];
    WFC_TRY(wfc_ir_add_input(c->g, c->diag, NULL, WFC_F32, &shape, v->name, 1, &v->ir));
    v->state = WFC_FE_RUNTIME;
    v->dtype = (uint8_t)type;
    v->has_ir = true;
    return WFC_OK;
}

/* --- outputs ----------------------------------------------------------------------------------------------------- */

/* What the file declares against what was computed: another type is an error, another extent a warning (exporters get
 * extents wrong, and no answer depends on them). */
static wfc_status check_declared(wfc_fe_ctx *c, const wfc_fe_value *v, const Onnx__ValueInfoProto *info) {
    const Onnx__TypeProto__Tensor *t = tensor_type(info);
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    if (!t) return WFC_OK;
    int found = wfc_fe_dtype_code(wfc_fe_value_dtype(c, v));
    if (t->elem_type && t->elem_type != found)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0116", v->name, "this output is %s, the model declares %s",
                        wfc_fe_dtype_code_name(found), wfc_fe_dtype_code_name(t->elem_type));
    if (!t->shape) return WFC_OK;
    wfc_fe_shape(c, v, &rank, dims);
    bool same = t->shape->n_dim == rank;
    for (unsigned i = 0; same && i < rank; i++)
        same = t->shape->dim[i]->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ||
               t->shape->dim[i]->dim_value <= 0 || t->shape->dim[i]->dim_value == dims[i];
    if (!same)
        wfc_diag_add(c->diag, WFC_WARNING, "WFC-W0116", v->name,
                     "the shape that the model declares for this output is not the one it computes");
    return WFC_OK;
}

static bool named_twice(const Onnx__GraphProto *g, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (!strcmp(g->output[k]->name, g->output[i]->name)) return true;
    return false;
}

wfc_status wfc_fe_add_outputs(wfc_fe_ctx *c) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    if (g->n_output > 4096)
        return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0103", c->model->path, "more than 4096 outputs");
    for (size_t i = 0; i < g->n_output; i++) {
        const char *name = g->output[i]->name ? g->output[i]->name : "";
        uint32_t k = wfc_fe_find_value(c, name);
        if (k == UINT32_MAX)
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0111", name, "nothing in the model makes this output");
        if (named_twice(g, i))
            return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0110", name, "this output is listed twice");
        wfc_fe_value *v = &c->values[k];
        if (v->state == WFC_FE_POISON) continue;
        WFC_TRY(check_declared(c, v, g->output[i]));
        if (v->state == WFC_FE_CONST && v->konst.elems == 0) {
            refuse_value(c, "output", name, "an empty tensor");
            continue;
        }
        if (v->state == WFC_FE_CONST) WFC_TRY(wfc_fe_const_to_ir(c, v));
        int code = wfc_fe_dtype_code(wfc_fe_value_dtype(c, v));
        WFC_TRY(wfc_ir_add_output(c->g, c->diag, v->ir, name, (uint8_t)code));
    }
    return WFC_OK;
}
