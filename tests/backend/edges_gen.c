#include "tests/backend/edges_gen.h"

#include <stdio.h>
#include <string.h>

uint32_t gen_pick(gen *m, uint32_t n) {
    return (uint32_t)(wfc_rng_next(&m->rng) % n);
}
bool gen_chance(gen *m, uint32_t percent) {
    return gen_pick(m, 100) < percent;
}
wfc_value gen_any(gen *m) {
    uint32_t a = gen_pick(m, m->count), b = gen_pick(m, m->count);
    return m->values[a > b ? a : b];
}
const wfc_shape *gen_shape(gen *m, wfc_value v) {
    return &wfc_ir_node_c(m->g, v)->shape;
}

static void at_least(gen *m, gen_match k) {
    if (m->match < k) m->match = k;
}

/* A node name of the "user", so that messages can be checked to have one. */
static wfc_status named(gen *m, wfc_value v, const char *kind) {
    char name[32];
    snprintf(name, sizeof name, "%s_%u", kind, m->names++);
    return wfc_ir_add_loc(m->g, v, name);
}

static wfc_status constant(gen *m, const wfc_shape *s, wfc_value *out) {
    uint64_t n = wfc_shape_elems(s);
    float *data = wfc_calloc((size_t)n, sizeof *data);
    if (!data) return WFC_ERR_NO_MEMORY;
    for (uint64_t i = 0; i < n; i++) data[i] = ((float)gen_pick(m, 9) - 4.0f) / 4.0f;
    wfc_status st = wfc_ir_add_const(m->g, m->diag, NULL, WFC_F32, s, data, true, out);
    wfc_free(data);
    return st;
}

wfc_status gen_input(gen *m, wfc_value *out) {
    static const uint8_t ranks[] = {1, 2, 2, 3, 3, 4, 4, 4, 4, 5};
    char host[16];
    wfc_shape s = {ranks[gen_pick(m, sizeof ranks)], {0}};
    uint32_t elems = 1;
    for (unsigned d = 0; d < s.rank; d++) {
        uint32_t most = m->max_elems / elems, dim = 1 + gen_pick(m, s.rank <= 2 ? 24 : 9);
        if (d == 0 && s.rank > 2 && gen_chance(m, 60)) dim = 1;
        s.dims[d] = dim < most ? dim : most;
        elems *= s.dims[d];
    }
    snprintf(host, sizeof host, "in%u", m->inputs++);
    return wfc_ir_add_input(m->g, m->diag, host, WFC_F32, &s, host, 1, out);
}

/* ---- Views ---- */

static void plain_step(const wfc_shape *s, wfc_view_step *st) {
    memset(st, 0, sizeof *st);
    st->shape = *s;
    st->is_index = true;
    for (unsigned d = 0; d < s->rank; d++) st->in[d].coef[d] = 1;
}

static bool step_reshape(gen *m, const wfc_shape *s, wfc_view_step *st) {
    unsigned d = gen_pick(m, s->rank);
    st->is_index = false;
    if (gen_chance(m, 20)) {
        st->shape = (wfc_shape){1, {(uint32_t)wfc_shape_elems(s)}};
    } else if (d + 1u < s->rank && gen_chance(m, 50)) {
        st->shape.dims[d] *= s->dims[d + 1];
        memmove(&st->shape.dims[d + 1], &s->dims[d + 2], (s->rank - d - 2u) * sizeof s->dims[0]);
        st->shape.rank--;
    } else if (s->rank < 6) {
        uint32_t by = s->dims[d] % 3 == 0 ? 3 : s->dims[d] % 2 == 0 ? 2 : 1;
        memmove(&st->shape.dims[d + 1], &s->dims[d], (s->rank - d) * sizeof s->dims[0]);
        st->shape.dims[d] = s->dims[d] / by;
        st->shape.dims[d + 1] = by;
        st->shape.rank++;
    }
    return true;
}

static void step_permute(gen *m, const wfc_shape *s, wfc_view_step *st) {
    uint8_t perm[WFC_IR_MAX_RANK];
    for (uint8_t d = 0; d < s->rank; d++) perm[d] = d;
    for (unsigned d = s->rank; d-- > 1;) {
        unsigned e = gen_pick(m, d + 1);
        uint8_t t = perm[d];
        perm[d] = perm[e];
        perm[e] = t;
    }
    memset(st->in, 0, sizeof st->in);
    for (unsigned d = 0; d < s->rank; d++) {
        st->shape.dims[d] = s->dims[perm[d]];
        st->in[perm[d]].coef[d] = 1;
    }
}

static void step_slice(gen *m, const wfc_shape *s, wfc_view_step *st, unsigned d) {
    uint32_t step = 1 + gen_pick(m, 3), n = (s->dims[d] - 1) / step + 1;
    if (n > 1 && gen_chance(m, 60)) n -= gen_pick(m, n);
    uint32_t start = gen_pick(m, s->dims[d] - step * (n - 1));
    bool back = gen_chance(m, 40);
    st->shape.dims[d] = n;
    st->in[d].coef[d] = back ? -(int32_t)step : (int32_t)step;
    st->in[d].offset = (int32_t)(back ? start + step * (n - 1) : start);
}

static void step_pad(gen *m, const wfc_shape *s, wfc_view_step *st, unsigned d) {
    int32_t before = (int32_t)gen_pick(m, 4) - 1, after = (int32_t)gen_pick(m, 4) - 1;
    if ((int32_t)s->dims[d] + before + after < 1) before = after = 0;
    st->shape.dims[d] = (uint32_t)((int32_t)s->dims[d] + before + after);
    st->in[d].offset = -before;
    st->edge = (uint8_t)(WFC_EDGE_FILL + gen_pick(m, 4));
    if (st->edge == WFC_EDGE_FILL && gen_chance(m, 50)) st->fill = ((double)gen_pick(m, 9) - 4) / 4;
}

/* A new axis at d: repeats (window false) or walks along the old axis with it (overlapping windows). */
static bool step_new_axis(gen *m, const wfc_shape *s, wfc_view_step *st, unsigned d, bool window) {
    uint32_t n = 1 + gen_pick(m, 3);
    if (s->rank >= 6 || (window && s->dims[d] < n)) return false;
    memset(st->in, 0, sizeof st->in);
    for (unsigned k = 0; k < s->rank; k++) st->in[k].coef[k < d ? k : k + 1] = 1;
    memmove(&st->shape.dims[d + 1], &s->dims[d], (s->rank - d) * sizeof s->dims[0]);
    st->shape.dims[d] = n;
    st->shape.rank++;
    if (!window) return true;
    st->in[d].coef[d] = 1;
    st->shape.dims[d + 1] = s->dims[d] - n + 1;
    return true;
}

static bool random_step(gen *m, const wfc_shape *s, wfc_view_step *st) {
    plain_step(s, st);
    if (s->rank == 0) return false;
    unsigned d = gen_pick(m, s->rank);
    switch (gen_pick(m, 9)) {
    case 0:
    case 1: return step_reshape(m, s, st);
    case 2:
    case 3: step_permute(m, s, st); return true;
    case 4: step_slice(m, s, st, d); return true;
    case 5:
        step_pad(m, s, st, d);
        if (s->rank > 1) step_pad(m, s, st, (d + 1) % s->rank);
        return true;
    case 6: /* flip */
        st->in[d].coef[d] = -1;
        st->in[d].offset = (int32_t)s->dims[d] - 1;
        return true;
    case 7: return step_new_axis(m, s, st, d, true);
    default:
        if (s->dims[d] == 1) { /* expand */
            st->in[d].coef[d] = 0;
            st->shape.dims[d] = 1 + gen_pick(m, 4);
            return true;
        }
        return step_new_axis(m, s, st, d, false);
    }
}

wfc_status gen_view(gen *m, wfc_value x, uint32_t steps, wfc_value *out) {
    wfc_view_step list[4];
    uint32_t n = 0;
    wfc_shape s = *gen_shape(m, x);
    *out = x;
    for (uint32_t k = 0; k < steps && n < 4; k++) {
        if (!random_step(m, &s, &list[n]) || wfc_shape_elems(&list[n].shape) > m->max_elems) continue;
        s = list[n++].shape;
    }
    if (n == 0) return WFC_OK;
    if (gen_chance(m, 50)) return wfc_ir_add_view(m->g, m->diag, NULL, x, list, n, out);
    for (uint32_t k = 0; k < n; k++) WFC_TRY(wfc_ir_add_view(m->g, m->diag, NULL, *out, &list[k], 1, out));
    return WFC_OK;
}

/* ---- Elementwise ---- */

static const struct {
    const char *text;
    gen_match match;
} unary[] = {{"max(a,0)", GEN_BITS},
             {"min(a,0.5)", GEN_BITS},
             {"abs(a)", GEN_BITS},
             {"neg(a)", GEN_BITS},
             {"select(lt(a,0),0.25,a)", GEN_BITS},
             {"add(a,0.5)", GEN_EXACT},
             {"t0=max(a,0); sub(t0,mul(a,0.5))", GEN_EXACT},
             {"tanh(a)", GEN_CLOSE},
             {"t0=sigmoid(a); mul(a,t0)", GEN_CLOSE}};

/* A function of x alone, or with a constant that broadcasts. */
wfc_status gen_map(gen *m, wfc_value x, wfc_value *out) {
    if (gen_chance(m, 65)) {
        unsigned k = gen_pick(m, gen_chance(m, 80) ? 7 : 9);
        if (k == 4 && m->match == GEN_CLOSE) k = 0; /* no jumps where a value may be a little off */
        at_least(m, unary[k].match);
        WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, unary[k].text, &x, 1, out));
        return named(m, *out, "map");
    }
    static const char *const binary[] = {"add(a,b)", "mul(a,b)", "sub(b,a)", "max(add(a,b),0)", "max(a,b)"};
    wfc_shape s = *gen_shape(m, x);
    wfc_value pair[2] = {x};
    if (s.rank && gen_chance(m, 30)) {
        memmove(s.dims, s.dims + 1, (s.rank - 1u) * sizeof s.dims[0]);
        s.rank--;
    }
    for (unsigned d = 0; d < s.rank; d++)
        if (gen_chance(m, 50)) s.dims[d] = 1;
    WFC_TRY(constant(m, &s, &pair[1]));
    at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, binary[gen_pick(m, 5)], pair, 2, out));
    return named(m, *out, "map");
}

static bool broadcasts(const wfc_shape *x, const wfc_shape *y) {
    for (unsigned d = 1; d <= x->rank && d <= y->rank; d++) {
        uint32_t a = x->dims[x->rank - d], b = y->dims[y->rank - d];
        if (a != b && a != 1 && b != 1) return false;
    }
    return true;
}

wfc_status gen_join(gen *m, wfc_value x, wfc_value y, wfc_value *out) {
    static const char *const text[] = {"add(a,b)", "sub(a,b)", "max(a,b)", "min(b,a)", "max(sub(b,a),0)"};
    wfc_value pair[2] = {x, y};
    *out = x;
    if (!broadcasts(gen_shape(m, x), gen_shape(m, y))) return WFC_OK;
    at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, text[gen_pick(m, 5)], pair, 2, out));
    return named(m, *out, "join");
}

/* ---- Reduces ---- */

/* Windows over the last axes: stride, dilation and pads at random, or none that overlap. */
wfc_status gen_window(gen *m, wfc_value x, wfc_value *out) {
    wfc_shape s = *gen_shape(m, x);
    *out = x;
    if (s.rank < 2) return WFC_OK;
    unsigned from = s.rank - 1u - (s.rank > 2 && gen_chance(m, 70) ? 1u : 0u);
    bool simple = gen_chance(m, 50);
    wfc_space sp = {.index_count = s.rank, .out_rank = s.rank};
    for (unsigned d = 0; d < s.rank; d++) {
        sp.extent[d] = s.dims[d];
        sp.a[d].coef[d] = 1;
        if (d < from) continue;
        int32_t window = 1 + (int32_t)gen_pick(m, 3), stride = simple ? window : 1 + (int32_t)gen_pick(m, 3);
        int32_t pad = !simple && window > 1 && gen_chance(m, 50) ? 1 : 0, dil = !simple && gen_chance(m, 25) ? 2 : 1;
        int32_t span = (int32_t)s.dims[d] + 2 * pad - dil * (window - 1) - 1;
        if (span < 0) return WFC_OK;
        sp.extent[d] = (uint32_t)(span / stride + 1);
        sp.extent[sp.index_count] = (uint32_t)window;
        sp.a[d].coef[d] = stride;
        sp.a[d].coef[sp.index_count++] = dil;
        sp.a[d].offset = -pad;
    }
    static const wfc_reduce_kind kinds[] = {WFC_RED_MAX, WFC_RED_MAX, WFC_RED_SUM, WFC_RED_MIN};
    wfc_reduce_kind kind = kinds[gen_pick(m, 4)];
    if (kind == WFC_RED_SUM) at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_reduce(m->g, m->diag, NULL, x, kind, &sp, out));
    return named(m, *out, "pool");
}

static wfc_status whole_axes(gen *m, wfc_value x, uint32_t axes, bool keepdims, wfc_reduce_kind kind, wfc_value *out) {
    wfc_shape s = *gen_shape(m, x);
    wfc_space sp = {0};
    for (unsigned d = 0; d < s.rank; d++) {
        bool reduced = axes >> d & 1u;
        if (reduced && !keepdims) continue;
        sp.extent[sp.out_rank] = reduced ? 1 : s.dims[d];
        if (!reduced) sp.a[d].coef[sp.out_rank] = 1;
        sp.out_rank++;
    }
    sp.index_count = sp.out_rank;
    for (unsigned d = 0; d < s.rank; d++) {
        if (!(axes >> d & 1u)) continue;
        sp.extent[sp.index_count] = s.dims[d];
        sp.a[d].coef[sp.index_count++] = 1;
    }
    WFC_TRY(wfc_ir_add_reduce(m->g, m->diag, NULL, x, kind, &sp, out));
    return named(m, *out, "reduce");
}

wfc_status gen_reduce(gen *m, wfc_value x, wfc_value *out) {
    uint32_t rank = gen_shape(m, x)->rank, axes = 0;
    *out = x;
    if (rank == 0) return WFC_OK;
    axes |= 1u << gen_pick(m, rank);
    if (gen_chance(m, 30)) axes |= 1u << gen_pick(m, rank);
    static const wfc_reduce_kind kinds[] = {WFC_RED_SUM, WFC_RED_MAX, WFC_RED_MIN};
    wfc_reduce_kind kind = kinds[gen_pick(m, 3)];
    if (kind == WFC_RED_SUM) at_least(m, GEN_EXACT);
    return whole_axes(m, x, axes, gen_chance(m, 60), kind, out);
}

wfc_status gen_softmax(gen *m, wfc_value x, wfc_value *out) {
    wfc_value top, e, sum, pair[2] = {x};
    uint32_t rank = gen_shape(m, x)->rank;
    *out = x;
    if (rank == 0) return WFC_OK;
    uint32_t axes = 1u << gen_pick(m, rank);
    at_least(m, GEN_CLOSE);
    WFC_TRY(whole_axes(m, x, axes, true, WFC_RED_MAX, &top));
    pair[1] = top;
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "exp(sub(a,b))", pair, 2, &e));
    WFC_TRY(whole_axes(m, e, axes, true, WFC_RED_SUM, &sum));
    pair[0] = e;
    pair[1] = sum;
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "div(a,b)", pair, 2, out));
    return named(m, *out, "softmax");
}

/* ---- Contracts ---- */

/* Axis 1 holds channels, the axes behind it space. Dense, or one filter per channel (depthwise). */
wfc_status gen_conv(gen *m, wfc_value x, wfc_value *out) {
    wfc_shape s = *gen_shape(m, x), ws = {0};
    *out = x;
    if (s.rank < 3 || s.rank > 5) return WFC_OK;
    bool depthwise = gen_chance(m, 20), one = gen_chance(m, 25);
    wfc_space sp = {.index_count = s.rank, .out_rank = s.rank};
    sp.extent[0] = s.dims[0];
    sp.a[0].coef[0] = 1;
    ws.dims[ws.rank] = sp.extent[1] = depthwise ? s.dims[1] : 1 + gen_pick(m, 9);
    sp.b[ws.rank++].coef[1] = 1;
    if (depthwise) {
        sp.a[1].coef[1] = 1;
    } else {
        ws.dims[ws.rank] = sp.extent[sp.index_count] = s.dims[1];
        sp.a[1].coef[sp.index_count] = 1;
        sp.b[ws.rank++].coef[sp.index_count++] = 1;
    }
    for (unsigned d = 2; d < s.rank; d++) {
        int32_t k = one ? 1 : 1 + (int32_t)gen_pick(m, 3), stride = 1 + (int32_t)gen_pick(m, gen_chance(m, 40) ? 3 : 1);
        int32_t dil = gen_chance(m, 25) ? 2 : 1, pad = one ? 0 : (int32_t)gen_pick(m, 3);
        int32_t span = (int32_t)s.dims[d] + 2 * pad - dil * (k - 1) - 1;
        if (span < 0) return WFC_OK;
        sp.extent[d] = (uint32_t)(span / stride + 1);
        sp.a[d].coef[d] = stride;
        sp.a[d].coef[sp.index_count] = dil;
        sp.a[d].offset = -pad;
        ws.dims[ws.rank] = sp.extent[sp.index_count] = (uint32_t)k;
        sp.b[ws.rank++].coef[sp.index_count++] = 1;
    }
    wfc_value w;
    wfc_shape result = {sp.out_rank, {0}};
    memcpy(result.dims, sp.extent, sizeof result.dims);
    if (wfc_shape_elems(&result) > 2 * (uint64_t)m->max_elems) return WFC_OK;
    WFC_TRY(constant(m, &ws, &w));
    at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_contract(m->g, m->diag, NULL, x, w, &sp, out));
    return named(m, *out, depthwise ? "depthwise" : "conv");
}

/* out[.., k] = sum over c of x[.., c] w[c, k] */
wfc_status gen_gemm(gen *m, wfc_value x, wfc_value *out) {
    wfc_shape s = *gen_shape(m, x);
    *out = x;
    if (s.rank == 0) return WFC_OK;
    wfc_shape ws = {2, {s.dims[s.rank - 1], 1 + gen_pick(m, 16)}};
    bool swapped = gen_chance(m, 50);
    wfc_space sp = {.index_count = (uint8_t)(s.rank + 1), .out_rank = s.rank};
    for (unsigned d = 0; d < s.rank; d++) {
        sp.extent[d] = s.dims[d];
        sp.a[d].coef[d] = 1;
    }
    sp.extent[s.rank - 1] = ws.dims[1];
    sp.extent[s.rank] = ws.dims[0];
    sp.a[s.rank - 1].coef[s.rank - 1] = 0;
    sp.a[s.rank - 1].coef[s.rank] = 1;
    sp.b[swapped].coef[s.rank] = 1;
    sp.b[!swapped].coef[s.rank - 1] = 1;
    if (swapped) ws = (wfc_shape){2, {ws.dims[1], ws.dims[0]}};
    wfc_value w;
    wfc_shape result = {sp.out_rank, {0}};
    memcpy(result.dims, sp.extent, sizeof result.dims);
    if (wfc_shape_elems(&result) > 2 * (uint64_t)m->max_elems) return WFC_OK;
    WFC_TRY(constant(m, &ws, &w));
    at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_contract(m->g, m->diag, NULL, x, w, &sp, out));
    return named(m, *out, "gemm");
}

/* out[.., i, j] = sum over c of x[.., i, c] y[.., j, c] (or y[.., c, j]); the leading axes agree. */
wfc_status gen_product(gen *m, wfc_value x, wfc_value y, wfc_value *out) {
    wfc_shape s = *gen_shape(m, x), t = *gen_shape(m, y);
    uint8_t r = s.rank;
    *out = x;
    if (r < 2 || r > 5 || t.rank != r || memcmp(s.dims, t.dims, (r - 2u) * sizeof s.dims[0]) != 0) return WFC_OK;
    bool last = t.dims[r - 1] == s.dims[r - 1] && (t.dims[r - 2] != s.dims[r - 1] || gen_chance(m, 50));
    if (!last && t.dims[r - 2] != s.dims[r - 1]) return WFC_OK;
    wfc_space sp = {.index_count = (uint8_t)(r + 1), .out_rank = r};
    for (unsigned d = 0; d + 2u < r; d++) {
        sp.extent[d] = s.dims[d];
        sp.a[d].coef[d] = sp.b[d].coef[d] = 1;
    }
    sp.extent[r - 2] = s.dims[r - 2];
    sp.extent[r - 1] = last ? t.dims[r - 2] : t.dims[r - 1];
    sp.extent[r] = s.dims[r - 1];
    sp.a[r - 2].coef[r - 2] = sp.a[r - 1].coef[r] = 1;
    sp.b[last ? r - 2 : r - 1].coef[r - 1] = 1;
    sp.b[last ? r - 1 : r - 2].coef[r] = 1;
    at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_contract(m->g, m->diag, NULL, x, y, &sp, out));
    return named(m, *out, "matmul");
}

wfc_status gen_operator(gen *m, wfc_value x, wfc_value *out) {
    static wfc_status (*const table[])(gen *, wfc_value, wfc_value *) = {gen_map,    gen_map,  gen_window, gen_reduce,
                                                                         gen_window, gen_conv, gen_conv,   gen_gemm};
    *out = x;
    while (wfc_value_eq(*out, x)) WFC_TRY(table[gen_pick(m, 8)](m, x, out));
    return WFC_OK;
}

wfc_status gen_output(gen *m, wfc_value x) {
    char host[16];
    snprintf(host, sizeof host, "out%u", m->outputs++);
    return wfc_ir_add_output(m->g, m->diag, x, host, 1);
}
