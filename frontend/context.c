/* Values, attributes and failures as converters see them; see convert.h. */
#include "frontend/convert.h"
#include "frontend/names.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- failures ---------------------------------------------------------------------------------------------------- */

static const char *op_name(const wfc_fe_node *n) {
    return n->proto->op_type ? n->proto->op_type : "";
}

/* One line "name: Op (domain ai.onnx, opset 13): reason". Names are escaped here, so that a line break in one cannot
 * make a line of its own. */
wfc_status wfc_fe_unsupported(wfc_fe_ctx *c, wfc_fe_node *n, const char *fmt, ...) {
    char reason[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    n->refused = true;
    if (++c->refusal_count > WFC_FE_MAX_LISTED) return WFC_ERR_UNSUPPORTED;
    const char *domain = n->proto->domain && *n->proto->domain ? n->proto->domain : "ai.onnx";
    char *parts[4] = {wfc_escape(n->loc, strlen(n->loc), 300), wfc_escape(op_name(n), strlen(op_name(n)), 100),
                      wfc_escape(domain, strlen(domain), 100), wfc_escape(reason, strlen(reason), 500)};
    if (parts[0] && parts[1] && parts[2] && parts[3])
        wfc_buf_printf(&c->refusals, "\n%s: %s (domain %s, opset %d): %s", parts[0], parts[1], parts[2], n->opset,
                       parts[3]);
    else
        c->refusals.failed = true;
    for (unsigned i = 0; i < 4; i++) wfc_free(parts[i]);
    return c->refusals.failed ? wfc_fail_memory(c->diag) : WFC_ERR_UNSUPPORTED;
}

wfc_status wfc_fe_invalid(wfc_fe_ctx *c, const wfc_fe_node *n, const char *fmt, ...) {
    char reason[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    return wfc_fail(c->diag, WFC_ERR_INPUT, "WFC-E0113", n->loc, "this %s node is not valid ONNX: %s", op_name(n),
                    reason);
}

/* --- reading values ---------------------------------------------------------------------------------------------- */

wfc_fe_value *wfc_fe_input(const wfc_fe_ctx *c, const wfc_fe_node *n, unsigned k) {
    return k < n->in_count && n->in[k] != UINT32_MAX ? &c->values[n->in[k]] : NULL;
}

bool wfc_fe_all_const(const wfc_fe_ctx *c, const wfc_fe_node *n) {
    for (unsigned k = 0; k < n->in_count; k++) {
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        if (v && v->state != WFC_FE_CONST) return false;
    }
    return true;
}

void wfc_fe_shape(const wfc_fe_ctx *c, const wfc_fe_value *v, uint8_t *rank, int64_t *dims) {
    if (v->state == WFC_FE_CONST) {
        *rank = v->konst.rank;
        memcpy(dims, v->konst.dims, sizeof v->konst.dims[0] * v->konst.rank);
        return;
    }
    const wfc_shape *s = &wfc_ir_node_c(c->g, v->ir)->shape;
    *rank = s->rank;
    for (unsigned i = 0; i < s->rank; i++) dims[i] = s->dims[i];
}

wfc_dtype wfc_fe_value_dtype(const wfc_fe_ctx *c, const wfc_fe_value *v) {
    (void)c;
    return (wfc_dtype)(v->state == WFC_FE_CONST ? v->konst.dtype : v->dtype);
}

uint8_t wfc_fe_kind(wfc_dtype t) {
    return t == WFC_BOOL ? WFC_FE_BOOLS : wfc_dtype_is_float(t) ? WFC_FE_FLOATS : WFC_FE_INTS;
}

wfc_status wfc_fe_const_input(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_const **out) {
    const wfc_fe_value *v = wfc_fe_input(c, n, k);
    *out = NULL;
    if (!v) return WFC_OK;
    if (v->state != WFC_FE_CONST)
        return wfc_fe_unsupported(
            c, n,
            "input %u ('%s') depends on run-time data; it must be a constant (--const NAME=FILE gives "
            "the value of an input)",
            k, v->name);
    *out = &v->konst;
    return WFC_OK;
}

wfc_status wfc_fe_int_input(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, int64_t **out, size_t *count) {
    const wfc_fe_const *t;
    *out = NULL;
    *count = 0;
    WFC_TRY(wfc_fe_const_input(c, n, k, &t));
    if (!t) return WFC_OK;
    if (t->dtype != WFC_I64 && t->dtype != WFC_I32)
        return wfc_fe_invalid(c, n, "input %u is %s, expected int64", k, wfc_dtype_name((wfc_dtype)t->dtype));
    if (t->rank > 1) return wfc_fe_invalid(c, n, "input %u has %u axes, expected one", k, t->rank);
    int64_t *list = wfc_calloc((size_t)t->elems, sizeof *list);
    if (!list) return wfc_fail_memory(c->diag);
    for (uint64_t i = 0; i < t->elems; i++) list[i] = wfc_fe_get_int(t, i);
    *out = list;
    *count = (size_t)t->elems;
    return WFC_OK;
}

wfc_status wfc_fe_const_to_ir(wfc_fe_ctx *c, wfc_fe_value *v) {
    if (v->has_ir) return WFC_OK;
    wfc_shape shape = {.rank = v->konst.rank};
    for (unsigned i = 0; i < shape.rank; i++) shape.dims[i] = (uint32_t)v->konst.dims[i];
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, v->name, (wfc_dtype)v->konst.dtype, &shape, v->konst.bytes, false, &v->ir));
    v->has_ir = true;
    return v->producer == UINT32_MAX ? WFC_OK : wfc_ir_add_loc(c->g, v->ir, c->nodes[v->producer].loc);
}

static wfc_status check_type(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_value *v) {
    wfc_dtype t = wfc_fe_value_dtype(c, v);
    uint8_t types = n->op->types ? n->op->types : WFC_FE_FLOATS;
    if (types & wfc_fe_kind(t)) return WFC_OK;
    return wfc_fe_unsupported(c, n, "input %u ('%s') is %s, which this operator does not compute on", k, v->name,
                              wfc_fe_dtype_code_name(wfc_fe_dtype_code(t)));
}

/* The elements of a constant as float32, exactly where they are integers. */
static wfc_status widen(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_value *v, const void **out) {
    const wfc_fe_const *t = &v->konst;
    wfc_dtype type = (wfc_dtype)t->dtype;
    void *bytes;
    if (type == WFC_F32) {
        *out = t->bytes;
        return WFC_OK;
    }
    WFC_TRY(wfc_fe_model_alloc(c->model, n->loc, t->elems * sizeof(float), &bytes));
    for (uint64_t i = 0; i < t->elems; i++) {
        if (wfc_dtype_is_float(type)) {
            double e = wfc_dtype_get(type, t->bytes, i);
            wfc_dtype_set(WFC_F32, bytes, i, e);
            if (isfinite(e) && isinf(((float *)bytes)[i]))
                return wfc_fe_unsupported(c, n, "input %u ('%s') holds %g; the PEs compute in float32", k, v->name, e);
            continue;
        }
        int64_t e = wfc_fe_get_int(t, i);
        if (e < -WFC_FE_EXACT || e > WFC_FE_EXACT)
            return wfc_fe_unsupported(c, n, "input %u ('%s') holds %lld; integers up to 2^24 are exact on the PEs", k,
                                      v->name, (long long)e);
        ((float *)bytes)[i] = (float)e;
    }
    *out = bytes;
    return WFC_OK;
}

/* While folding: the constant under a shape, in its own type; 16-bit floats as float32, which holds them. */
static wfc_status folding_input(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_value *v,
                                const wfc_shape *shape, wfc_value *out) {
    wfc_dtype t = (wfc_dtype)v->konst.dtype;
    const void *bytes = v->konst.bytes;
    if (t == WFC_F16 || t == WFC_BF16) {
        WFC_TRY(widen(c, n, k, v, &bytes));
        t = WFC_F32;
    }
    return wfc_ir_add_const(c->g, c->diag, NULL, t, shape, bytes, false, out);
}

wfc_status wfc_fe_ir_input(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, wfc_value *out) {
    wfc_fe_value *v = wfc_fe_input(c, n, k);
    wfc_shape shape;
    const void *bytes;
    if (!v) return wfc_fe_invalid(c, n, "input %u may not be left out", k);
    WFC_TRY(check_type(c, n, k, v));
    *out = v->state == WFC_FE_CONST ? v->f32 : v->ir;
    if (v->state != WFC_FE_CONST || (v->has_f32 && !c->folding)) return WFC_OK;
    WFC_TRY(wfc_fe_ir_shape(c, n, v->konst.rank, v->konst.dims, &shape));
    if (c->folding) return folding_input(c, n, k, v, &shape, out);
    WFC_TRY(widen(c, n, k, v, &bytes));
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, v->name, WFC_F32, &shape, bytes, false, out));
    v->f32 = *out;
    v->has_f32 = true;
    return v->producer == UINT32_MAX ? WFC_OK : wfc_ir_add_loc(c->g, *out, c->nodes[v->producer].loc);
}

wfc_status wfc_fe_ir_input_as(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, uint8_t rank, const int64_t *dims,
                              wfc_value *out) {
    wfc_fe_value *v = wfc_fe_input(c, n, k);
    wfc_shape shape;
    const void *bytes;
    if (!v) return wfc_fe_invalid(c, n, "input %u may not be left out", k);
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    if (v->state == WFC_FE_CONST) {
        bool same = v->konst.rank == rank && !memcmp(v->konst.dims, dims, sizeof *dims * rank);
        if (same) return wfc_fe_ir_input(c, n, k, out);
        WFC_TRY(check_type(c, n, k, v));
        if (c->folding) return folding_input(c, n, k, v, &shape, out);
        WFC_TRY(widen(c, n, k, v, &bytes));
        return wfc_ir_add_const(c->g, c->diag, v->name, WFC_F32, &shape, bytes, false, out);
    }
    WFC_TRY(check_type(c, n, k, v));
    *out = v->ir;
    if (wfc_shape_eq(&shape, &wfc_ir_node_c(c->g, *out)->shape)) return WFC_OK;
    return wfc_ir_add_reshape(c->g, c->diag, NULL, *out, &shape, out);
}

wfc_status wfc_fe_ir_shape(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t rank, const int64_t *dims, wfc_shape *out) {
    uint64_t elems;
    if (rank > WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "a tensor of %u axes; at most 8 are supported", rank);
    if (!wfc_fe_elems(dims, rank, WFC_FE_MAX_ELEMS, &elems))
        return wfc_fe_unsupported(c, n, "a tensor of more than %d elements", (int)WFC_FE_MAX_ELEMS);
    if (elems == 0) return wfc_fe_unsupported(c, n, "an empty tensor (an axis of extent 0) at run time");
    *out = (wfc_shape){.rank = rank};
    for (unsigned i = 0; i < rank; i++) out->dims[i] = (uint32_t)dims[i];
    return WFC_OK;
}

wfc_status wfc_fe_axis(wfc_fe_ctx *c, const wfc_fe_node *n, int64_t axis, unsigned rank, bool past_end, unsigned *out) {
    int64_t last = (int64_t)rank - (past_end ? 0 : 1);
    if (axis < -(int64_t)rank || axis > last)
        return wfc_fe_invalid(c, n, "axis %lld is out of range for %u axes", (long long)axis, rank);
    *out = (unsigned)(axis < 0 ? axis + (int64_t)rank : axis);
    return WFC_OK;
}

/* --- making values ----------------------------------------------------------------------------------------------- */

const char *wfc_fe_name(const wfc_fe_ctx *c, const wfc_fe_node *n) {
    return n->out_count && n->out[0] != UINT32_MAX ? c->values[n->out[0]].name : NULL;
}

static wfc_fe_value *output(const wfc_fe_ctx *c, const wfc_fe_node *n, unsigned k) {
    return k < n->out_count && n->out[k] != UINT32_MAX ? &c->values[n->out[k]] : NULL;
}

wfc_status wfc_fe_set_typed(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, wfc_dtype t, wfc_value v) {
    wfc_fe_value *o = output(c, n, k);
    if (!o) return WFC_OK;
    const wfc_shape *s = &wfc_ir_node_c(c->g, v)->shape;
    if (wfc_shape_elems(s) > WFC_FE_MAX_ELEMS)
        return wfc_fe_unsupported(c, n, "a result of more than %d elements", (int)WFC_FE_MAX_ELEMS);
    bool overflows = c->guarded;
    for (unsigned i = 0; i < n->in_count; i++) {
        const wfc_fe_value *x = wfc_fe_input(c, n, i);
        overflows |= x && x->state == WFC_FE_RUNTIME && x->overflows;
    }
    o->state = WFC_FE_RUNTIME;
    o->dtype = (uint8_t)t;
    o->overflows = overflows && !wfc_dtype_is_float(t);
    o->has_ir = true;
    o->ir = v;
    return WFC_OK;
}

void wfc_fe_set_as_float(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value v) {
    wfc_fe_value *o = output(c, n, 0);
    if (!o || o->state != WFC_FE_RUNTIME || o->dtype != WFC_I64 || c->folding) return;
    o->has_as_float = true;
    o->as_float = v;
}

wfc_status wfc_fe_set_ir(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, wfc_value v) {
    return wfc_fe_set_typed(c, n, k, (wfc_dtype)c->result, v);
}

wfc_status wfc_fe_set_const(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_const *v) {
    wfc_fe_value *o = output(c, n, k);
    if (!o) return WFC_OK;
    o->state = WFC_FE_CONST;
    o->konst = *v;
    return WFC_OK;
}

wfc_status wfc_fe_set_same(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_value *v) {
    return v->state == WFC_FE_CONST ? wfc_fe_set_const(c, n, k, &v->konst)
                                    : wfc_fe_set_typed(c, n, k, (wfc_dtype)v->dtype, v->ir);
}

wfc_status wfc_fe_new_const(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, uint8_t rank, const int64_t *dims,
                            wfc_fe_const *out, void **out_bytes) {
    *out = (wfc_fe_const){.dtype = (uint8_t)t, .rank = rank};
    if (rank > WFC_IR_MAX_RANK) return wfc_fe_invalid(c, n, "a constant of more than 8 axes");
    if (!wfc_fe_elems(dims, rank, UINT64_MAX / 16, &out->elems))
        return wfc_fe_invalid(c, n, "the result's shape has a negative extent or too many elements");
    for (unsigned i = 0; i < rank; i++)
        if (dims[i] > UINT32_MAX) return wfc_fe_invalid(c, n, "an axis longer than 2^32 - 1");
    memcpy(out->dims, dims, sizeof *dims * rank);
    WFC_TRY(wfc_fe_model_alloc(c->model, n->loc, out->elems * wfc_dtype_bytes(t), out_bytes));
    out->bytes = *out_bytes;
    return WFC_OK;
}

/* Element type of a map in the IR. */
static wfc_dtype ir_type(const wfc_fe_ctx *c, wfc_dtype t) {
    return !c->folding || t == WFC_F16 || t == WFC_BF16 ? WFC_F32 : t;
}

wfc_status wfc_fe_map_typed(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, const char *expr,
                            const wfc_value *operands, uint32_t count, wfc_value *out) {
    return wfc_ir_add_map_text(c->g, c->diag, wfc_fe_name(c, n), ir_type(c, t), expr, operands, count, out);
}

wfc_status wfc_fe_map_params(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, const char *expr, const double *params,
                             const wfc_value *operands, uint32_t count, wfc_value *out) {
    wfc_buf text = {0};
    for (const char *p = expr; *p; p++) {
        if (*p >= 'P' && *p <= 'Z')
            wfc_buf_printf(&text, isnan(params[*p - 'P']) ? "nan" : "%a", params[*p - 'P']);
        else
            wfc_buf_printf(&text, "%c", *p);
    }
    wfc_status s = text.failed ? wfc_fail_memory(c->diag) : wfc_fe_map_typed(c, n, t, text.data, operands, count, out);
    wfc_buf_deinit(&text);
    return s;
}

wfc_status wfc_fe_map(wfc_fe_ctx *c, const wfc_fe_node *n, const char *expr, const wfc_value *operands, uint32_t count,
                      wfc_value *out) {
    return wfc_fe_map_typed(c, n, (wfc_dtype)c->result, expr, operands, count, out);
}

wfc_status wfc_fe_map_expr(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_expr_node *nodes, uint16_t node_count,
                           const wfc_value *operands, uint32_t count, wfc_value *out) {
    wfc_expr e = {.count = node_count, .nodes = nodes};
    return wfc_ir_add_map(c->g, c->diag, wfc_fe_name(c, n), ir_type(c, (wfc_dtype)c->result), &e, operands, count, out);
}

wfc_status wfc_fe_guard(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, wfc_value *v) {
    if (c->folding || wfc_fe_kind(t) != WFC_FE_INTS) return WFC_OK;
    unsigned bytes = wfc_dtype_bytes(t);
    if (bytes > 1) { /* two 8-bit numbers cannot make more than 2^24 */
        WFC_TRY(wfc_fe_map(c, n, "select(le(abs(a),16777216),a,nan)", v, 1, v));
        c->guarded = true;
    }
    if (bytes > 2) return WFC_OK;
    bool is_signed = t == WFC_I8 || t == WFC_I16;
    char text[96];
    double span = bytes == 1 ? 256 : 65536, low = is_signed ? span / 2 : 0;
    snprintf(text, sizeof text, "sub(a,mul(floor(mul(add(a,%.0f),%.17g)),%.0f))", low, 1 / span, span);
    return wfc_fe_map(c, n, text, v, 1, v);
}

/* --- attributes -------------------------------------------------------------------------------------------------- */

const Onnx__AttributeProto *wfc_fe_attr(const wfc_fe_node *n, const char *name) {
    for (size_t i = 0; i < n->proto->n_attribute; i++)
        if (n->proto->attribute[i]->name && !strcmp(n->proto->attribute[i]->name, name)) return n->proto->attribute[i];
    return NULL;
}

int64_t wfc_fe_attr_int(const wfc_fe_node *n, const char *name, int64_t fallback) {
    const Onnx__AttributeProto *a = wfc_fe_attr(n, name);
    return a ? a->i : fallback;
}

float wfc_fe_attr_float(const wfc_fe_node *n, const char *name, float fallback) {
    const Onnx__AttributeProto *a = wfc_fe_attr(n, name);
    return a ? a->f : fallback;
}

bool wfc_fe_attr_is(const wfc_fe_node *n, const char *name, const char *text) {
    const Onnx__AttributeProto *a = wfc_fe_attr(n, name);
    if (!a || !text) return !a && !text;
    return a->s.len == strlen(text) && !memcmp(a->s.data, text, a->s.len);
}

const int64_t *wfc_fe_attr_ints(const wfc_fe_node *n, const char *name, size_t *count) {
    static const int64_t none = 0;
    const Onnx__AttributeProto *a = wfc_fe_attr(n, name);
    *count = a ? a->n_ints : 0;
    if (!a) return NULL;
    return a->n_ints ? a->ints : &none; /* an empty list is not an absent one */
}
