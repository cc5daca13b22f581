#include "tests/ir/random_graph.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_VALUES = 64, MAX_ELEMS = 1500 };

typedef struct maker {
    wfc_graph *g;
    wfc_diag *diag;
    uint64_t rng;
    const random_graph_options *opt;
    wfc_value values[MAX_VALUES]; /* that depend on inputs */
    uint32_t count;
} maker;

static uint32_t pick(maker *m, uint32_t n) {
    return (uint32_t)(wfc_rng_next(&m->rng) % n);
}
static bool chance(maker *m, uint32_t percent) {
    return pick(m, 100) < percent;
}

static float random_value(uint64_t *rng) {
    uint64_t r = wfc_rng_next(rng);
    if (r % 8 == 0) return r & 256 ? 0.0f : -0.0f;
    if (r % 8 == 1) return 1.0f;
    return (float)((double)(int64_t)(r >> 16 & 0xffff) / 16384.0 - 2.0);
}

static const wfc_shape *shape_of(maker *m, wfc_value v) {
    return &wfc_ir_node_c(m->g, v)->shape;
}

static wfc_value any(maker *m) {
    uint32_t a = pick(m, m->count), b = pick(m, m->count); /* later ones more often: deeper graphs */
    return m->values[a > b ? a : b];
}

static wfc_status keep(maker *m, wfc_status s, wfc_value v) {
    if (s != WFC_OK) return s;
    if (m->count < MAX_VALUES && wfc_shape_elems(shape_of(m, v)) <= MAX_ELEMS) m->values[m->count++] = v;
    return WFC_OK;
}

static wfc_status add_const(maker *m, const wfc_shape *s, bool splat, wfc_value *out) {
    uint64_t elems = wfc_shape_elems(s);
    float *data = wfc_calloc((size_t)elems, sizeof *data);
    if (!data) return WFC_ERR_NO_MEMORY;
    float first = random_value(&m->rng);
    for (uint64_t i = 0; i < elems; i++) data[i] = splat ? first : random_value(&m->rng);
    wfc_status st = wfc_ir_add_const(m->g, m->diag, NULL, WFC_F32, s, data, true, out);
    wfc_free(data);
    if (st != WFC_OK || !chance(m, 25)) return st;
    if (s->rank == 0 || chance(m, 50)) /* something to fold */
        return wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "sub(mul(a,0.75),0.5)", out, 1, out);
    wfc_view_step back = {.is_index = true, .shape = *s}; /* the first axis backwards */
    for (unsigned d = 0; d < s->rank; d++) back.in[d].coef[d] = 1;
    back.in[0].coef[0] = -1;
    back.in[0].offset = (int32_t)s->dims[0] - 1;
    return wfc_ir_add_view(m->g, m->diag, NULL, *out, &back, 1, out);
}

static const char *const unary[] = {"max(a,0)",
                                    "mul(a,0x1p+0)",
                                    "add(a,-0x0p+0)",
                                    "sub(a,0)",
                                    "mul(a,0.375)",
                                    "div(a,3)",
                                    "tanh(a)",
                                    "sigmoid(a)",
                                    "neg(neg(a))",
                                    "t0=sigmoid(a); mul(a,t0)",
                                    "cast(a)",
                                    "exp(min(a,2))",
                                    "add(a,0x1p-1)",
                                    "erf(a)",
                                    "mul(mul(a,0.5),2)",
                                    "abs(a)",
                                    "floor(a)",
                                    "select(lt(a,0),mul(a,0.1),a)",
                                    "add(a,index(0))",
                                    "sqrt(a)",
                                    "log(a)",
                                    "recip(a)"};
enum { SMOOTH_UNARY = 16, UNARY = 22 };
static const char *const binary[] = {"add(a,b)", "mul(a,b)", "sub(a,b)", "max(a,b)", "mul(a,tanh(b))", "min(a,b)"};

static wfc_status step_unary(maker *m) {
    wfc_value x = any(m), out;
    uint32_t n = m->opt->smooth || m->opt->no_exact_ops ? SMOOTH_UNARY : UNARY;
    const char *text = unary[pick(m, n)];
    if (strstr(text, "index(0)") && (shape_of(m, x)->rank == 0 || m->opt->batch)) text = "neg(a)";
    return keep(m, wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, text, &x, 1, &out), out);
}

/* With a constant of a broadcast shape, or another value of the same shape. */
static wfc_status step_binary(maker *m) {
    wfc_value x[2] = {any(m), WFC_VALUE_NONE}, out;
    const char *text = binary[pick(m, 6)];
    for (uint32_t k = 0; k < m->count && chance(m, 70); k++)
        if (m->values[k].i != x[0].i && wfc_shape_eq(shape_of(m, m->values[k]), shape_of(m, x[0]))) x[1] = m->values[k];
    if (!wfc_value_valid(x[1])) {
        wfc_shape s = *shape_of(m, x[0]);
        if (s.rank && chance(m, 30)) { /* fewer axes */
            memmove(s.dims, s.dims + 1, (s.rank - 1u) * sizeof s.dims[0]);
            s.rank--;
        }
        for (unsigned d = 0; d < s.rank; d++)
            if (chance(m, 60)) s.dims[d] = 1;
        if (m->opt->batch && s.rank == shape_of(m, x[0])->rank && chance(m, 90)) s.dims[0] = 1;
        WFC_TRY(add_const(m, &s, chance(m, 50), &x[1]));
        if (chance(m, 30)) {
            wfc_value t = x[0];
            x[0] = x[1];
            x[1] = t;
        }
    }
    return keep(m, wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, text, x, 2, &out), out);
}

/* One random step over shape `s`; false when none was found. */
static bool random_view_step(maker *m, const wfc_shape *s, wfc_view_step *st) {
    unsigned low = m->opt->batch && chance(m, 92) ? 1 : 0; /* axes from here may be touched */
    memset(st, 0, sizeof *st);
    st->shape = *s;
    uint32_t kind = pick(m, 6);
    if (s->rank <= low) return false;
    if (kind == 0) { /* merge or split axes, or add one of extent 1 */
        unsigned d = low + pick(m, s->rank - low);
        if (d + 1u < s->rank && chance(m, 50)) {
            st->shape.dims[d] *= s->dims[d + 1];
            memmove(&st->shape.dims[d + 1], &s->dims[d + 2], (s->rank - d - 2u) * sizeof s->dims[0]);
            st->shape.rank--;
        } else if (s->rank < 6) {
            uint32_t by = s->dims[d] % 2 == 0 && chance(m, 70) ? 2 : 1;
            memmove(&st->shape.dims[d + 1], &s->dims[d], (s->rank - d) * sizeof s->dims[0]);
            st->shape.dims[d] = s->dims[d] / by;
            st->shape.dims[d + 1] = by;
            st->shape.rank++;
        }
        return true;
    }
    st->is_index = true;
    for (unsigned d = 0; d < s->rank; d++) st->in[d].coef[d] = 1;
    unsigned d = low + pick(m, s->rank - low), e = low + pick(m, s->rank - low);
    if (kind == 1) { /* swap two axes */
        st->in[d].coef[d] = st->in[e].coef[e] = 0;
        st->in[d].coef[e] = st->in[e].coef[d] = 1;
        st->shape.dims[d] = s->dims[e];
        st->shape.dims[e] = s->dims[d];
    } else if (kind == 2) { /* slice, with a step, perhaps backwards */
        uint32_t step = 1 + pick(m, 2), n = (s->dims[d] - 1) / step + 1, start;
        if (n > 1 && chance(m, 50)) n--;
        start = chance(m, 50) ? 0 : s->dims[d] - 1 - step * (n - 1);
        bool back = chance(m, 30);
        st->shape.dims[d] = n;
        st->in[d].coef[d] = back ? -(int32_t)step : (int32_t)step;
        st->in[d].offset = (int32_t)(back ? start + step * (n - 1) : start);
    } else if (kind == 3 || kind == 4) { /* pad by any rule, also by less than nothing */
        int32_t before = (int32_t)pick(m, 4) - 1, after = (int32_t)pick(m, 4) - 1;
        if ((int32_t)s->dims[d] + before + after < 1) before = after = 0;
        st->shape.dims[d] = (uint32_t)((int32_t)s->dims[d] + before + after);
        st->in[d].offset = -before;
        st->edge = (uint8_t)(WFC_EDGE_FILL + pick(m, 4));
        if (st->edge == WFC_EDGE_FILL && chance(m, 40)) st->fill = -1.5;
    } else { /* repeat along a new axis */
        if (s->rank >= 6) return false;
        memset(st->in, 0, sizeof st->in);
        for (unsigned k = 0; k < s->rank; k++) st->in[k].coef[k < d ? k : k + 1] = 1;
        memmove(&st->shape.dims[d + 1], &s->dims[d], (s->rank - d) * sizeof s->dims[0]);
        st->shape.dims[d] = 1 + pick(m, 3);
        st->shape.rank++;
    }
    return true;
}

static wfc_status step_view(maker *m) {
    wfc_view_step steps[3];
    wfc_value x = any(m), out;
    uint32_t n = 0, want = 1 + pick(m, 3);
    wfc_shape s = *shape_of(m, x);
    for (uint32_t k = 0; k < want; k++) {
        if (!random_view_step(m, &s, &steps[n]) || wfc_shape_elems(&steps[n].shape) > MAX_ELEMS) continue;
        s = steps[n++].shape;
    }
    return keep(m, wfc_ir_add_view(m->g, m->diag, NULL, x, steps, n, &out), out);
}

static wfc_status step_concat(maker *m) {
    wfc_value x[3] = {any(m)}, out;
    const wfc_shape *s = shape_of(m, x[0]);
    uint32_t low = m->opt->batch ? 1 : 0, n = 1;
    if (s->rank <= low) return WFC_OK;
    for (uint32_t k = 0; k < m->count && n < 3; k++)
        if (wfc_shape_eq(shape_of(m, m->values[k]), s) && chance(m, 60)) x[n++] = m->values[k];
    uint8_t axis = (uint8_t)(low + pick(m, s->rank - low));
    return keep(m, wfc_ir_add_concat(m->g, m->diag, NULL, x, n, axis, &out), out);
}

/* out[.., k] = sum over c of x[.., c] w[c, k] */
static wfc_status matmul(maker *m, wfc_value x, wfc_value *out) {
    wfc_value w;
    wfc_shape s = *shape_of(m, x);
    wfc_space sp = {.index_count = (uint8_t)(s.rank + 1), .out_rank = s.rank};
    wfc_shape ws = {2, {s.dims[s.rank - 1], 1 + pick(m, 6)}};
    for (unsigned d = 0; d < s.rank; d++) {
        sp.extent[d] = s.dims[d];
        sp.a[d].coef[d] = 1;
    }
    sp.extent[s.rank - 1] = ws.dims[1];
    sp.extent[s.rank] = ws.dims[0];
    sp.a[s.rank - 1].coef[s.rank - 1] = 0;
    sp.a[s.rank - 1].coef[s.rank] = 1;
    sp.b[0].coef[s.rank] = 1;
    sp.b[1].coef[s.rank - 1] = 1;
    WFC_TRY(add_const(m, &ws, false, &w));
    return wfc_ir_add_contract(m->g, m->diag, NULL, x, w, &sp, out);
}

static wfc_status step_matmul(maker *m) {
    wfc_value x = any(m), out;
    uint32_t rank = shape_of(m, x)->rank;
    if (rank == 0 || (m->opt->batch && rank == 1)) return WFC_OK;
    return keep(m, matmul(m, x, &out), out);
}

/* The last two axes are space, the one before channels; stride, dilation and pads at random. */
static wfc_status step_conv(maker *m) {
    wfc_value x = any(m), w, out;
    wfc_shape s = *shape_of(m, x);
    if (s.rank != 4) return WFC_OK;
    int32_t stride = 1 + (int32_t)pick(m, 2), dil = 1 + (int32_t)pick(m, 2), pad = (int32_t)pick(m, 3);
    wfc_shape ws = {4, {1 + pick(m, 4), s.dims[1], 1 + pick(m, 3), 1 + pick(m, 3)}};
    wfc_space sp = {.index_count = 7, .out_rank = 4, .name = "nkyxcrs"};
    sp.extent[0] = s.dims[0];
    sp.extent[1] = ws.dims[0];
    for (unsigned d = 0; d < 3; d++) sp.extent[4 + d] = ws.dims[1 + d];
    for (unsigned d = 0; d < 2; d++) {
        int32_t span = (int32_t)s.dims[2 + d] + 2 * pad - dil * ((int32_t)ws.dims[2 + d] - 1);
        if (span < 1) return WFC_OK;
        sp.extent[2 + d] = (uint32_t)((span - 1) / stride + 1);
        sp.a[2 + d].coef[2 + d] = stride;
        sp.a[2 + d].coef[5 + d] = dil;
        sp.a[2 + d].offset = -pad;
    }
    sp.a[0].coef[0] = sp.a[1].coef[4] = 1;
    sp.b[0].coef[1] = sp.b[1].coef[4] = sp.b[2].coef[5] = sp.b[3].coef[6] = 1;
    WFC_TRY(add_const(m, &ws, false, &w));
    return keep(m, wfc_ir_add_contract(m->g, m->diag, NULL, x, w, &sp, &out), out);
}

/* Two values of equal rank 2+: out[.., i, j] = sum over c of x[.., i, c] y[.., j, c] with x itself as y. */
static wfc_status step_self_product(maker *m) {
    wfc_value x = any(m), out;
    wfc_shape s = *shape_of(m, x);
    uint8_t r = s.rank;
    if (r < 2 || r > 5 || (m->opt->batch && r < 3)) return WFC_OK;
    wfc_space sp = {.index_count = (uint8_t)(r + 1), .out_rank = r};
    for (unsigned d = 0; d < r; d++) {
        sp.extent[d] = s.dims[d];
        sp.a[d].coef[d] = sp.b[d].coef[d] = 1;
    }
    sp.extent[r - 1] = s.dims[r - 2];
    sp.extent[r] = s.dims[r - 1];
    sp.b[r - 2].coef[r - 2] = 0;
    sp.b[r - 2].coef[r - 1] = 1;
    sp.a[r - 1].coef[r - 1] = sp.b[r - 1].coef[r - 1] = 0;
    sp.a[r - 1].coef[r] = sp.b[r - 1].coef[r] = 1;
    return keep(m, wfc_ir_add_contract(m->g, m->diag, NULL, x, x, &sp, &out), out);
}

/* Windows over the last axis or two. */
static wfc_status step_pool(maker *m) {
    wfc_value x = any(m), out;
    wfc_shape s = *shape_of(m, x);
    if (s.rank < 2) return WFC_OK;
    wfc_reduce_kind kind = (wfc_reduce_kind)pick(m, 4);
    unsigned from = s.rank - 1u - (s.rank > 2 && chance(m, 70) ? 1u : 0u);
    wfc_space sp = {.index_count = s.rank, .out_rank = s.rank};
    int32_t window = 1 + (int32_t)pick(m, 3), stride = chance(m, 60) ? window : 1 + (int32_t)pick(m, 2);
    int32_t pad = chance(m, 25) ? 1 : 0;
    for (unsigned d = 0; d < s.rank; d++) {
        sp.extent[d] = s.dims[d];
        sp.a[d].coef[d] = 1;
        if (d < from) continue;
        int32_t span = (int32_t)s.dims[d] + 2 * pad - window;
        if (span < 0 || pad >= window) return WFC_OK;
        sp.extent[d] = (uint32_t)(span / stride + 1);
        sp.extent[sp.index_count] = (uint32_t)window;
        sp.a[d].coef[d] = stride;
        sp.a[d].coef[sp.index_count++] = 1;
        sp.a[d].offset = -pad;
    }
    return keep(m, wfc_ir_add_reduce(m->g, m->diag, NULL, x, kind, &sp, &out), out);
}

static wfc_status reduce_axis(maker *m, wfc_value x, unsigned axis, bool keepdims, wfc_reduce_kind kind,
                              wfc_value *out) {
    wfc_shape s = *shape_of(m, x);
    wfc_space sp = {0};
    sp.out_rank = (uint8_t)(keepdims ? s.rank : s.rank - 1);
    sp.index_count = (uint8_t)(sp.out_rank + 1);
    for (unsigned d = 0, o = 0; d < s.rank; d++) {
        if (d == axis) {
            sp.a[d].coef[sp.out_rank] = 1;
            sp.extent[sp.out_rank] = s.dims[d];
            if (keepdims) sp.extent[o++] = 1;
            continue;
        }
        sp.a[d].coef[o] = 1;
        sp.extent[o++] = s.dims[d];
    }
    return wfc_ir_add_reduce(m->g, m->diag, NULL, x, kind, &sp, out);
}

static wfc_status step_reduce(maker *m) {
    wfc_value x = any(m), out;
    uint32_t rank = shape_of(m, x)->rank, low = m->opt->batch && chance(m, 92) ? 1 : 0;
    if (rank <= low) return WFC_OK;
    return keep(m, reduce_axis(m, x, low + pick(m, rank - low), chance(m, 50), (wfc_reduce_kind)pick(m, 4), &out), out);
}

static wfc_status step_softmax(maker *m) {
    wfc_value x = any(m), top, e, sum, out;
    uint32_t rank = shape_of(m, x)->rank, low = m->opt->batch ? 1 : 0;
    if (rank <= low) return WFC_OK;
    unsigned axis = low + pick(m, rank - low);
    WFC_TRY(reduce_axis(m, x, axis, true, WFC_RED_MAX, &top));
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "exp(sub(a,b))", (wfc_value[]){x, top}, 2, &e));
    WFC_TRY(reduce_axis(m, e, axis, true, WFC_RED_SUM, &sum));
    return keep(m, wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "div(a,b)", (wfc_value[]){e, sum}, 2, &out), out);
}

/* Constant factors around a matmul: x*s -> (view) -> matmul -> *s[k]. */
static wfc_status step_scaled(maker *m) {
    wfc_value x = any(m), v, out, pair[2];
    wfc_shape s = *shape_of(m, x);
    wfc_view_step st;
    if (s.rank < 2) return WFC_OK;
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, chance(m, 50) ? "mul(a,0.375)" : "div(tanh(a),3)", &x, 1,
                                &v));
    if (chance(m, 50) && random_view_step(m, &s, &st) && st.shape.rank >= 2 && wfc_shape_elems(&st.shape) <= MAX_ELEMS)
        WFC_TRY(wfc_ir_add_view(m->g, m->diag, NULL, v, &st, 1, &v));
    WFC_TRY(matmul(m, v, &pair[0]));
    s = *shape_of(m, pair[0]);
    s = (wfc_shape){1, {s.dims[s.rank - 1]}};
    WFC_TRY(add_const(m, &s, false, &pair[1]));
    return keep(m, wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "max(mul(a,b),0)", pair, 2, &out), out);
}

static wfc_status step(maker *m) {
    static wfc_status (*const steps[])(maker *) = {
        step_unary,  step_unary, step_binary, step_binary, step_view,    step_view,   step_view,         step_concat,
        step_matmul, step_conv,  step_conv,   step_pool,   step_softmax, step_reduce, step_self_product, step_scaled};
    return steps[pick(m, sizeof steps / sizeof *steps)](m);
}

static wfc_status add_inputs(maker *m) {
    uint32_t n = 1 + pick(m, 2);
    for (uint32_t k = 0; k < n; k++) {
        wfc_shape s = {(uint8_t)(chance(m, 60) ? 4 : 2 + pick(m, 2)), {0}};
        wfc_value v;
        char host[16];
        for (unsigned d = 0; d < s.rank; d++) s.dims[d] = 1 + pick(m, 7);
        s.dims[0] = m->opt->batch ? m->opt->batch : 1 + pick(m, 2);
        snprintf(host, sizeof host, "in%u", k);
        WFC_TRY(keep(m, wfc_ir_add_input(m->g, m->diag, host, WFC_F32, &s, host, 1, &v), v));
    }
    return WFC_OK;
}

wfc_status random_graph(uint64_t seed, const random_graph_options *opt, wfc_diag *diag, wfc_graph *g) {
    maker m = {.g = g, .diag = diag, .rng = seed * 7919 + 17, .opt = opt};
    wfc_graph_init(g);
    WFC_TRY(add_inputs(&m));
    uint32_t steps = opt->nodes ? opt->nodes : 3 + pick(&m, 12);
    for (uint32_t k = 0; k < steps; k++) WFC_TRY(step(&m));
    WFC_TRY(wfc_ir_add_output(g, diag, m.values[m.count - 1], "out", 1));
    if (chance(&m, 30)) WFC_TRY(wfc_ir_add_output(g, diag, any(&m), "also", 1));
    return WFC_OK;
}

wfc_status random_inputs(uint64_t seed, const wfc_graph *g, wfc_tensor **out, uint32_t *out_count) {
    uint64_t rng = seed ^ 0x5eed;
    wfc_tensor *t = wfc_calloc(g->nodes.count, sizeof *t);
    if (!t) return WFC_ERR_NO_MEMORY;
    *out_count = 0;
    *out = t;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        if (n->op != WFC_CORE_INPUT) continue;
        wfc_tensor *x = &t[(*out_count)++];
        WFC_TRY(wfc_tensor_init(x, (wfc_dtype)n->dtype, n->shape.rank, n->shape.dims));
        uint64_t elems = wfc_tensor_elems(x);
        for (uint64_t k = 0; k < elems; k++) wfc_dtype_set((wfc_dtype)n->dtype, x->data, (size_t)k, random_value(&rng));
    }
    return WFC_OK;
}

void free_tensors(wfc_tensor *t, size_t count) {
    for (size_t i = 0; t && i < count; i++) wfc_tensor_deinit(&t[i]);
    wfc_free(t);
}

bool tensors_bit_equal(const wfc_tensor *a, const wfc_tensor *b) {
    if (a->dtype != b->dtype || a->rank != b->rank || memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) != 0)
        return false;
    uint64_t elems = wfc_tensor_elems(a);
    unsigned size = wfc_dtype_bytes((wfc_dtype)a->dtype);
    for (uint64_t i = 0; i < elems; i++) {
        double x = wfc_dtype_get((wfc_dtype)a->dtype, a->data, (size_t)i);
        double y = wfc_dtype_get((wfc_dtype)b->dtype, b->data, (size_t)i);
        if (isnan(x) && isnan(y)) continue;
        if (memcmp((const char *)a->data + i * size, (const char *)b->data + i * size, size) != 0) return false;
    }
    return true;
}

char *graph_text(const wfc_graph *g) {
    wfc_buf b = {0};
    if (wfc_ir_print(g, &b) != WFC_OK) {
        wfc_buf_deinit(&b);
        return NULL;
    }
    char *text = wfc_strndup(b.data, b.count);
    wfc_buf_deinit(&b);
    return text;
}
