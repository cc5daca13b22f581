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

void gen_match_at_least(gen *m, gen_match k) {
    if (m->match < k) m->match = k;
}

/* A node name of the "user", so that messages can be checked to have one. */
wfc_status gen_name(gen *m, wfc_value v, const char *kind) {
    char name[32];
    snprintf(name, sizeof name, "%s_%u", kind, m->names++);
    return wfc_ir_add_loc(m->g, v, name);
}

wfc_status gen_const(gen *m, const wfc_shape *s, wfc_value *out) {
    uint64_t n = wfc_shape_elems(s);
    float *data = wfc_calloc((size_t)n, sizeof *data);
    if (!data) return WFC_ERR_NO_MEMORY;
    for (uint64_t i = 0; i < n; i++)
        data[i] = m->whole ? (float)gen_pick(m, 3) - 1.0f : ((float)gen_pick(m, 9) - 4.0f) / 4.0f;
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
        gen_match_at_least(m, unary[k].match);
        WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, unary[k].text, &x, 1, out));
        return gen_name(m, *out, "map");
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
    WFC_TRY(gen_const(m, &s, &pair[1]));
    gen_match_at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, binary[gen_pick(m, 5)], pair, 2, out));
    return gen_name(m, *out, "map");
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
    gen_match_at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, text[gen_pick(m, 5)], pair, 2, out));
    return gen_name(m, *out, "join");
}

/* ---- Reduces ---- */

uint32_t gen_taps_out(const gen_taps *t, uint32_t n) {
    int32_t span = (int32_t)n + 2 * t->pad - t->dilation * (t->count - 1) - 1;
    return span < 0 ? 0 : (uint32_t)(span / t->stride + 1);
}

wfc_status gen_window_as(gen *m, wfc_value x, wfc_reduce_kind kind, unsigned from, const gen_taps *taps,
                         wfc_value *out) {
    wfc_shape s = *gen_shape(m, x);
    wfc_space sp = {.index_count = s.rank, .out_rank = s.rank};
    *out = x;
    for (unsigned d = 0; d < s.rank; d++) {
        sp.extent[d] = s.dims[d];
        sp.a[d].coef[d] = 1;
        if (d < from) continue;
        const gen_taps *t = &taps[d - from];
        if (gen_taps_out(t, s.dims[d]) == 0) return WFC_OK;
        sp.extent[d] = gen_taps_out(t, s.dims[d]);
        sp.extent[sp.index_count] = (uint32_t)t->count;
        sp.a[d].coef[d] = t->stride;
        sp.a[d].coef[sp.index_count++] = t->dilation;
        sp.a[d].offset = -t->pad;
    }
    if (kind == WFC_RED_SUM) gen_match_at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_reduce(m->g, m->diag, NULL, x, kind, &sp, out));
    return gen_name(m, *out, "pool");
}

/* Windows over the last axes: stride, dilation and pads at random, or none that overlap. */
wfc_status gen_window(gen *m, wfc_value x, wfc_value *out) {
    static const wfc_reduce_kind kinds[] = {WFC_RED_MAX, WFC_RED_MAX, WFC_RED_SUM, WFC_RED_MIN};
    const wfc_shape s = *gen_shape(m, x);
    gen_taps taps[2];
    *out = x;
    if (s.rank < 2) return WFC_OK;
    unsigned from = s.rank - 1u - (s.rank > 2 && gen_chance(m, 70) ? 1u : 0u);
    bool simple = gen_chance(m, 50);
    for (unsigned d = from; d < s.rank; d++) {
        gen_taps *t = &taps[d - from];
        t->count = 1 + (int32_t)gen_pick(m, 3);
        t->stride = simple ? t->count : 1 + (int32_t)gen_pick(m, 3);
        t->pad = !simple && t->count > 1 && gen_chance(m, 50) ? 1 : 0;
        t->dilation = !simple && gen_chance(m, 25) ? 2 : 1;
        if (gen_taps_out(t, s.dims[d]) == 0) return WFC_OK;
    }
    return gen_window_as(m, x, kinds[gen_pick(m, 4)], from, taps, out);
}

wfc_status gen_reduce_axes(gen *m, wfc_value x, uint32_t axes, bool keepdims, wfc_reduce_kind kind, wfc_value *out) {
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
    if (kind == WFC_RED_SUM) gen_match_at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_reduce(m->g, m->diag, NULL, x, kind, &sp, out));
    return gen_name(m, *out, "reduce");
}

wfc_status gen_reduce(gen *m, wfc_value x, wfc_value *out) {
    uint32_t rank = gen_shape(m, x)->rank, axes = 0;
    *out = x;
    if (rank == 0) return WFC_OK;
    axes |= 1u << gen_pick(m, rank);
    if (gen_chance(m, 30)) axes |= 1u << gen_pick(m, rank);
    static const wfc_reduce_kind kinds[] = {WFC_RED_SUM, WFC_RED_MAX, WFC_RED_MIN};
    wfc_reduce_kind kind = kinds[gen_pick(m, 3)];
    return gen_reduce_axes(m, x, axes, gen_chance(m, 60), kind, out);
}

wfc_status gen_softmax(gen *m, wfc_value x, wfc_value *out) {
    wfc_value top, e, sum, pair[2] = {x};
    uint32_t rank = gen_shape(m, x)->rank;
    *out = x;
    if (rank == 0) return WFC_OK;
    uint32_t axes = 1u << gen_pick(m, rank);
    gen_match_at_least(m, GEN_CLOSE);
    WFC_TRY(gen_reduce_axes(m, x, axes, true, WFC_RED_MAX, &top));
    pair[1] = top;
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "exp(sub(a,b))", pair, 2, &e));
    WFC_TRY(gen_reduce_axes(m, e, axes, true, WFC_RED_SUM, &sum));
    pair[0] = e;
    pair[1] = sum;
    WFC_TRY(wfc_ir_add_map_text(m->g, m->diag, NULL, WFC_F32, "div(a,b)", pair, 2, out));
    return gen_name(m, *out, "softmax");
}

/* ---- Contracts ---- */

/* Adds an index to the space, of extent n, and an axis to the weights that it walks along. */
static unsigned add_index(wfc_space *sp, wfc_shape *w, uint32_t n) {
    sp->extent[sp->index_count] = n;
    if (w) {
        sp->b[w->rank].coef[sp->index_count] = 1;
        w->dims[w->rank++] = n;
    }
    return sp->index_count++;
}

/* The space of a convolution as the importer makes it: out "n k y.." or, with groups of several channels, "n g k y..",
 * over channels c and taps. `w`: the shape of the weights. */
static void conv_space(const wfc_shape *s, const gen_conv_how *how, wfc_space *sp, wfc_shape *w) {
    uint32_t in = s->dims[1] / how->groups, out = how->channels / how->groups, axis = 0;
    bool depthwise = in == 1 && out == 1, split = how->groups > 1 && !depthwise;
    unsigned group = 0, places[WFC_IR_MAX_RANK];
    sp->a[axis++].coef[add_index(sp, NULL, s->dims[0])] = 1;
    if (split) sp->a[axis++].coef[group = add_index(sp, w, how->groups)] = 1;
    unsigned k = add_index(sp, w, split ? out : how->channels);
    for (unsigned d = 2; d < s->rank; d++) places[d] = add_index(sp, NULL, gen_taps_out(&how->taps[d - 2], s->dims[d]));
    sp->out_rank = sp->index_count;
    sp->a[axis++].coef[depthwise && how->groups > 1 ? k : add_index(sp, w, in)] = 1;
    for (unsigned d = 2; d < s->rank; d++) {
        const gen_taps *t = &how->taps[d - 2];
        sp->a[axis].coef[places[d]] = t->stride;
        sp->a[axis].coef[add_index(sp, w, (uint32_t)t->count)] = t->dilation;
        sp->a[axis++].offset = -t->pad;
    }
}

wfc_status gen_conv_as(gen *m, wfc_value x, const gen_conv_how *how, wfc_value *out) {
    const wfc_shape s = *gen_shape(m, x);
    wfc_shape ws = {0}, result = {s.rank, {s.dims[0], how->channels}};
    bool split = how->groups > 1 && (s.dims[1] != how->groups || how->channels != how->groups);
    wfc_space sp = {0};
    wfc_value w, y = x;
    *out = x;
    for (unsigned d = 2; d < s.rank; d++) {
        result.dims[d] = gen_taps_out(&how->taps[d - 2], s.dims[d]);
        if (result.dims[d] == 0) return WFC_OK;
    }
    conv_space(&s, how, &sp, &ws);
    if (wfc_shape_elems(&result) > 2 * (uint64_t)m->max_elems) return WFC_OK;
    WFC_TRY(gen_const(m, &ws, &w));
    gen_match_at_least(m, GEN_EXACT);
    if (split) {
        wfc_shape parts = {(uint8_t)(s.rank + 1), {s.dims[0], how->groups, s.dims[1] / how->groups}};
        memcpy(parts.dims + 3, s.dims + 2, (s.rank - 2u) * sizeof s.dims[0]);
        WFC_TRY(wfc_ir_add_reshape(m->g, m->diag, NULL, x, &parts, &y));
    }
    WFC_TRY(wfc_ir_add_contract(m->g, m->diag, NULL, y, w, &sp, out));
    WFC_TRY(gen_name(m, *out, split ? "grouped" : how->groups > 1 ? "depthwise" : "conv"));
    return split ? wfc_ir_add_reshape(m->g, m->diag, NULL, *out, &result, out) : WFC_OK;
}

/* Axis 1 holds channels, the axes behind it space. Dense, or one filter per channel (depthwise). */
wfc_status gen_conv(gen *m, wfc_value x, wfc_value *out) {
    const wfc_shape s = *gen_shape(m, x);
    *out = x;
    if (s.rank < 3 || s.rank > 5) return WFC_OK;
    bool depthwise = gen_chance(m, 20), one = gen_chance(m, 25);
    gen_conv_how how = {.groups = depthwise ? s.dims[1] : 1};
    how.channels = depthwise ? s.dims[1] : 1 + gen_pick(m, 9);
    for (unsigned d = 2; d < s.rank; d++) {
        gen_taps *t = &how.taps[d - 2];
        t->count = one ? 1 : 1 + (int32_t)gen_pick(m, 3);
        t->stride = 1 + (int32_t)gen_pick(m, gen_chance(m, 40) ? 3 : 1);
        t->dilation = gen_chance(m, 25) ? 2 : 1;
        t->pad = one ? 0 : (int32_t)gen_pick(m, 3);
        if (gen_taps_out(t, s.dims[d]) == 0) return WFC_OK;
    }
    return gen_conv_as(m, x, &how, out);
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
    WFC_TRY(gen_const(m, &ws, &w));
    gen_match_at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_contract(m->g, m->diag, NULL, x, w, &sp, out));
    return gen_name(m, *out, "gemm");
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
    gen_match_at_least(m, GEN_EXACT);
    WFC_TRY(wfc_ir_add_contract(m->g, m->diag, NULL, x, y, &sp, out));
    return gen_name(m, *out, "matmul");
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
