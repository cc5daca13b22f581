/* A value is a handle with what is known of its elements:
 *
 *   x = conv(in)         |x| <= taps * channels * bound(in)      weights are -1, 0, 1: no new digits
 *   y = affine(x)        times +-1, 2 or 1/2, plus halves        at most one new digit
 *   z = add(y, skip)     sum of both bounds, the more digits
 *   w = min(max(z,0),6)  at most 6, whatever came before: nets of many layers stay exact
 *
 * bound * 2^digits < 2^23 for all sums: every order of additions gives the same f32. */
#include "tests/backend/residual_gen.h"

#include <string.h>

enum { MAX_KEPT = 24 };

typedef struct val {
    wfc_value v;
    double bound; /* of |elements| */
    int digits;   /* elements are whole multiples of 2^-digits */
} val;

typedef struct net {
    gen *m;
    uint32_t left;      /* layers that may still be added */
    uint32_t clamped;   /* percent of activations that are bounded */
    val kept[MAX_KEPT]; /* ends of blocks, for skips and heads */
    uint32_t kept_count;
} net;

static const wfc_shape *shape(net *n, val x) {
    return gen_shape(n->m, x.v);
}

static bool spend(net *n, uint32_t layers) {
    if (n->left < layers) return false;
    n->left -= layers;
    return true;
}

/* A result with this bound on it and on all partial sums. */
static val known(net *n, wfc_value v, double bound, int digits) {
    double scaled = bound;
    for (int k = 0; k < digits; k++) scaled *= 2;
    gen_match_at_least(n->m, scaled < 1 << 23 ? GEN_EXACT : GEN_CLOSE);
    return (val){v, bound, digits};
}

static void keep(net *n, val x) {
    if (n->kept_count < MAX_KEPT) n->kept[n->kept_count++] = x;
}

/* ---- Maps ---- */

static wfc_status map(net *n, const char *text, const wfc_value *operands, uint32_t count, const char *kind,
                      wfc_value *out) {
    WFC_TRY(wfc_ir_add_map_text(n->m->g, n->m->diag, NULL, WFC_F32, text, operands, count, out));
    return gen_name(n->m, *out, kind);
}

/* Factor and shift per channel, powers of two and halves. */
static wfc_status affine(net *n, val *x) {
    gen *m = n->m;
    uint32_t channels = shape(n, *x)->dims[1];
    wfc_shape s = {(uint8_t)(shape(n, *x)->rank - 1), {channels, 1, 1}};
    float factor[64], shift[64];
    static const float factors[] = {1.0f, -1.0f, 0.5f, 2.0f, 1.0f, 0.5f};
    wfc_value in[3] = {x->v}, y;
    if (channels > 64) return WFC_OK;
    for (uint32_t c = 0; c < channels; c++) {
        factor[c] = factors[gen_pick(m, 6)];
        shift[c] = ((float)gen_pick(m, 9) - 4.0f) / 2;
    }
    WFC_TRY(wfc_ir_add_const(m->g, m->diag, NULL, WFC_F32, &s, factor, true, &in[1]));
    WFC_TRY(wfc_ir_add_const(m->g, m->diag, NULL, WFC_F32, &s, shift, true, &in[2]));
    WFC_TRY(map(n, "add(mul(a,b),c)", in, 3, "bn", &y));
    *x = known(n, y, 2 * x->bound + 2, x->digits + 1);
    return WFC_OK;
}

static wfc_status bias(net *n, val *x) {
    wfc_shape s = {(uint8_t)(shape(n, *x)->rank - 1), {shape(n, *x)->dims[1], 1, 1}};
    wfc_value in[2] = {x->v}, y;
    WFC_TRY(gen_const(n->m, &s, &in[1]));
    WFC_TRY(map(n, "add(a,b)", in, 2, "bias", &y));
    *x = known(n, y, x->bound + 1, x->digits);
    return WFC_OK;
}

static wfc_status activation(net *n, val *x) {
    static const struct {
        const char *text;
        double most;
        int digits; /* new ones; 24: not exact */
    } open[] = {{"max(a,0)", 0, 0},
                {"max(a,0)", 0, 0},
                {"max(a,mul(a,0.25))", 0, 2},
                {"t0=sigmoid(a); mul(a,t0)", 0, 24}},
      shut[] = {{"min(max(a,0),6)", 6, 0}, {"min(max(a,0),2)", 2, 0}, {"max(min(a,4),-4)", 4, 0}};
    wfc_value y;
    bool clamp = gen_chance(n->m, n->clamped);
    unsigned k = clamp ? gen_pick(n->m, 3) : gen_pick(n->m, gen_chance(n->m, 15) ? 4 : 3);
    WFC_TRY(map(n, clamp ? shut[k].text : open[k].text, &x->v, 1, "act", &y));
    double bound = clamp && shut[k].most < x->bound ? shut[k].most : x->bound;
    *x = known(n, y, bound, x->digits + (clamp ? 0 : open[k].digits));
    return WFC_OK;
}

/* What stands behind a convolution: affine or bias, or nothing; then an activation or nothing. */
static wfc_status behind(net *n, val *x, bool act) {
    uint32_t k = gen_pick(n->m, 4);
    if (k < 2) WFC_TRY(affine(n, x));
    if (k == 2) WFC_TRY(bias(n, x));
    if (act) WFC_TRY(activation(n, x));
    return WFC_OK;
}

/* ---- Convolutions, pooling ---- */

/* Taps of a convolution that gives ceil(extent / stride) places, or fewer where it has no padding. */
static gen_taps taps(net *n, int32_t kernel, int32_t stride) {
    int32_t dilation = kernel > 1 && stride == 1 && gen_chance(n->m, 15) ? 2 : 1;
    return (gen_taps){kernel, stride, dilation, dilation * (kernel - 1) / 2};
}

static wfc_status conv(net *n, val *x, uint32_t channels, uint32_t groups, int32_t kernel, int32_t stride, bool act) {
    const wfc_shape s = *shape(n, *x);
    gen_conv_how how = {.channels = channels, .groups = groups};
    wfc_value y;
    uint32_t sums = s.dims[1] / groups;
    /* groups of several channels end in a reshape, behind which affine map and activation are layers of their own */
    if (!spend(n, groups > 1 && (groups != channels || groups != s.dims[1]) ? 3 : 1)) return WFC_OK;
    how.taps[0] = taps(n, kernel, stride);
    how.taps[1] = how.taps[0];
    if (kernel == 3 && gen_chance(n->m, 6)) how.taps[gen_pick(n->m, 2)] = (gen_taps){1, stride, 1, 0};
    for (unsigned d = 0; d < 2; d++) sums *= (uint32_t)how.taps[d].count;
    WFC_TRY(gen_conv_as(n->m, x->v, &how, &y));
    if (wfc_value_eq(y, x->v)) return WFC_OK; /* too large */
    *x = known(n, y, sums * x->bound, x->digits);
    return behind(n, x, act);
}

static uint32_t some_groups(net *n, uint32_t in, uint32_t out) {
    uint32_t g = 1 + gen_pick(n->m, 4);
    while (in % g || out % g) g--;
    return g;
}

/* Behind the sum over a window or an axis, the factor that makes it a mean of `count`. */
static wfc_status mean(net *n, val *x, wfc_value sum, uint32_t count) {
    int digits = 0;
    wfc_value y, in[2] = {sum};
    wfc_shape one = {1, {1}};
    float factor = 1.0f / (float)count;
    while (1u << digits < count) digits++;
    bool power = 1u << digits == count;
    (void)known(n, sum, x->bound * count, power ? x->digits : 24);
    WFC_TRY(wfc_ir_add_const(n->m->g, n->m->diag, NULL, WFC_F32, &one, &factor, true, &in[1]));
    WFC_TRY(map(n, "mul(a,b)", in, 2, "mean", &y));
    *x = known(n, y, x->bound, x->digits + (power ? digits : 24));
    return WFC_OK;
}

static wfc_status pool(net *n, val *x) {
    const wfc_shape s = *shape(n, *x);
    bool wide = gen_chance(n->m, 40), average = gen_chance(n->m, 40);
    gen_taps t[2];
    wfc_value y;
    if (s.dims[2] < 2 || s.dims[3] < 2 || !spend(n, 1)) return WFC_OK;
    for (unsigned d = 0; d < 2; d++)
        t[d] = wide && !average ? (gen_taps){3, 1 + (int32_t)gen_pick(n->m, 2), 1, 1} : (gen_taps){2, 2, 1, 0};
    WFC_TRY(gen_window_as(n->m, x->v, average ? WFC_RED_SUM : WFC_RED_MAX, 2, t, &y));
    if (average) return mean(n, x, y, 4);
    x->v = y;
    return WFC_OK;
}

static wfc_status global_pool(net *n, val *x, bool keepdims) {
    const wfc_shape s = *shape(n, *x);
    wfc_value y;
    if (gen_chance(n->m, 25)) return gen_reduce_axes(n->m, x->v, 0xc, keepdims, WFC_RED_MAX, &x->v);
    WFC_TRY(gen_reduce_axes(n->m, x->v, 0xc, keepdims, WFC_RED_SUM, &y));
    uint32_t count = s.dims[2] * s.dims[3], power = 1;
    while (power < count) power *= 2;
    return mean(n, x, y, gen_chance(n->m, 75) ? power : count); /* the power: nearly the mean, and exact */
}

/* ---- Joins ---- */

static wfc_status add(net *n, val x, val y, val *out) {
    wfc_value in[2] = {x.v, y.v}, z;
    bool swap = gen_chance(n->m, 50);
    if (swap) in[0] = y.v, in[1] = x.v;
    WFC_TRY(map(n, "add(a,b)", in, 2, "add", &z));
    *out = known(n, z, x.bound + y.bound, x.digits > y.digits ? x.digits : y.digits);
    return WFC_OK;
}

static wfc_status concat(net *n, const val *x, uint32_t count, val *out) {
    wfc_value in[8], z;
    double bound = 0;
    int digits = 0;
    for (uint32_t k = 0; k < count; k++) {
        in[k] = x[k].v;
        if (x[k].bound > bound) bound = x[k].bound;
        if (x[k].digits > digits) digits = x[k].digits;
    }
    WFC_TRY(wfc_ir_add_concat(n->m->g, n->m->diag, NULL, in, count, 1, &z));
    WFC_TRY(gen_name(n->m, z, "concat"));
    *out = known(n, z, bound, digits);
    return WFC_OK;
}

/* The skip of a block made equal in shape to its end by a 1x1 convolution, where that is possible; else *ok false. */
static wfc_status fit_skip(net *n, val end, val *skip, bool *ok) {
    const wfc_shape e = *shape(n, end);
    for (int32_t stride = 1; stride <= 4; stride++) {
        const wfc_shape s = *shape(n, *skip);
        if (wfc_shape_eq(&s, &e)) break;
        if ((s.dims[2] - 1) / (uint32_t)stride + 1 != e.dims[2] || (s.dims[3] - 1) / (uint32_t)stride + 1 != e.dims[3])
            continue;
        WFC_TRY(conv(n, skip, e.dims[1], 1, 1, stride, false));
        break;
    }
    const wfc_shape s = *shape(n, *skip);
    *ok = wfc_shape_eq(&s, &e);
    return WFC_OK;
}

/* x = act(end + skip), if they fit. */
static wfc_status join(net *n, val end, val skip, bool act, val *x) {
    bool ok;
    *x = end;
    WFC_TRY(fit_skip(n, end, &skip, &ok));
    if (!ok || wfc_value_eq(end.v, skip.v) || !spend(n, 1)) return WFC_OK;
    WFC_TRY(add(n, end, skip, x));
    return act ? activation(n, x) : WFC_OK;
}

/* ---- Blocks ---- */

static int32_t some_stride(net *n, val x) {
    return shape(n, x)->dims[2] > 3 && shape(n, x)->dims[3] > 3 && gen_chance(n->m, 30) ? 2 : 1;
}
static uint32_t some_channels(net *n, val x) {
    return gen_chance(n->m, 55) ? shape(n, x)->dims[1] : 1 + gen_pick(n->m, 12);
}

static wfc_status block_basic(net *n, val *x) {
    val y = *x;
    uint32_t channels = some_channels(n, *x);
    WFC_TRY(conv(n, &y, channels, 1, 3, some_stride(n, *x), true));
    if (gen_chance(n->m, 80)) WFC_TRY(conv(n, &y, channels, 1, 3, 1, false));
    return join(n, y, *x, gen_chance(n->m, 80), x);
}

static wfc_status block_bottleneck(net *n, val *x) {
    val y = *x;
    uint32_t in = shape(n, *x)->dims[1], out = some_channels(n, *x), mid = in / 2 + 1 + gen_pick(n->m, 3);
    WFC_TRY(conv(n, &y, mid, 1, 1, 1, true));
    uint32_t now = shape(n, y)->dims[1];
    WFC_TRY(conv(n, &y, now, some_groups(n, now, now), 3, some_stride(n, *x), true));
    WFC_TRY(conv(n, &y, out, 1, 1, 1, false));
    return join(n, y, *x, true, x);
}

static wfc_status block_inverted(net *n, val *x) {
    val y = *x;
    uint32_t in = shape(n, *x)->dims[1], wide = in * (1 + gen_pick(n->m, 3));
    if (wide > 24) wide = in;
    if (wide > in) WFC_TRY(conv(n, &y, wide, 1, 1, 1, true));
    uint32_t now = shape(n, y)->dims[1];
    WFC_TRY(conv(n, &y, now, now, 3, some_stride(n, *x), true));
    WFC_TRY(conv(n, &y, some_channels(n, *x), 1, 1, 1, false));
    if (gen_chance(n->m, 80)) return join(n, y, *x, false, x);
    *x = y;
    return WFC_OK;
}

static wfc_status block_dense(net *n, val *x) {
    val in[2] = {*x, *x};
    WFC_TRY(conv(n, &in[1], 1 + gen_pick(n->m, 4), 1, 3, 1, true));
    if (wfc_value_eq(in[0].v, in[1].v) || shape(n, *x)->dims[1] > 20 || !spend(n, 1)) return WFC_OK;
    if (gen_chance(n->m, 50)) in[0] = in[1], in[1] = *x;
    return concat(n, in, 2, x);
}

/* Branches of 0 to 2 convolutions from one value, concatenated or added up. */
static wfc_status block_branches(net *n, val *x) {
    val ends[4];
    uint32_t count = 2 + gen_pick(n->m, 3), made = 0, channels = 0;
    bool sum = gen_chance(n->m, 50);
    for (uint32_t k = 0; k < count; k++) {
        val y = *x;
        uint32_t depth = k == 0 ? gen_pick(n->m, 2) : 1u + gen_pick(n->m, 2);
        for (uint32_t i = 0; i < depth; i++) {
            uint32_t c = sum ? shape(n, *x)->dims[1] : 1 + gen_pick(n->m, 5);
            WFC_TRY(conv(n, &y, c, some_groups(n, shape(n, y)->dims[1], c), gen_chance(n->m, 50) ? 1 : 3, 1, true));
        }
        bool again = false;
        for (uint32_t i = 0; i < made; i++) again |= wfc_value_eq(ends[i].v, y.v);
        const wfc_shape s = *shape(n, y), t = *shape(n, *x);
        if (again || s.dims[2] != t.dims[2] || s.dims[3] != t.dims[3] || (sum && s.dims[1] != t.dims[1])) continue;
        if (channels + s.dims[1] > 24) continue;
        channels += s.dims[1];
        ends[made++] = y;
    }
    if (made < 2 || !spend(n, sum ? made - 1 : 1)) return WFC_OK;
    if (!sum) return concat(n, ends, made, x);
    *x = ends[0];
    for (uint32_t k = 1; k < made; k++) WFC_TRY(add(n, *x, ends[k], x));
    return WFC_OK;
}

/* Channels scaled by what is everywhere in the image (squeeze and excite). */
static wfc_status block_gate(net *n, val *x) {
    val g = *x;
    wfc_value in[2], y;
    if (n->left < 3 || !spend(n, 2)) return WFC_OK;
    WFC_TRY(global_pool(n, &g, true));
    WFC_TRY(conv(n, &g, shape(n, *x)->dims[1], 1, 1, 1, false));
    bool smooth = gen_chance(n->m, 30);
    WFC_TRY(map(n, smooth ? "sigmoid(a)" : "min(max(a,0),1)", &g.v, 1, "gate", &in[1]));
    in[0] = x->v;
    WFC_TRY(map(n, "mul(a,b)", in, 2, "scale", &y));
    *x = known(n, y, x->bound, x->digits + (smooth ? 24 : g.digits));
    return WFC_OK;
}

/* A block's end of long ago comes back. */
static wfc_status block_long_skip(net *n, val *x) {
    val old = n->kept[gen_pick(n->m, n->kept_count)];
    const wfc_shape s = *shape(n, old), t = *shape(n, *x);
    val in[2] = {old, *x};
    if (wfc_value_eq(old.v, x->v)) return WFC_OK;
    bool same = s.dims[2] == t.dims[2] && s.dims[3] == t.dims[3];
    if (same && s.dims[1] + t.dims[1] <= 24 && gen_chance(n->m, 40) && spend(n, 1)) return concat(n, in, 2, x);
    return join(n, *x, old, gen_chance(n->m, 50), x);
}

static wfc_status block(net *n, val *x) {
    static wfc_status (*const table[])(net *, val *) = {
        block_basic, block_basic,    block_bottleneck, block_inverted, block_inverted,  block_dense,
        pool,        block_branches, block_branches,   block_gate,     block_long_skip, block_long_skip};
    WFC_TRY(table[gen_pick(n->m, 12)](n, x));
    keep(n, *x);
    return WFC_OK;
}

/* ---- Heads ---- */

static wfc_status gemm(net *n, val *x) {
    const wfc_shape s = *shape(n, *x);
    wfc_value y;
    if (!spend(n, 1)) return WFC_OK;
    WFC_TRY(gen_gemm(n->m, x->v, &y));
    if (wfc_value_eq(y, x->v)) return WFC_OK;
    *x = known(n, y, x->bound * s.dims[s.rank - 1], x->digits);
    return gen_chance(n->m, 40) ? activation(n, x) : WFC_OK;
}

static wfc_status head(net *n, val x) {
    const wfc_shape s = *shape(n, x);
    uint32_t k = gen_pick(n->m, 4);
    if (k < 2) {
        WFC_TRY(global_pool(n, &x, gen_chance(n->m, 50)));
        const wfc_shape p = *shape(n, x);
        if (p.rank == 4) {
            wfc_shape flat = {2, {p.dims[0], p.dims[1]}};
            WFC_TRY(wfc_ir_add_reshape(n->m->g, n->m->diag, NULL, x.v, &flat, &x.v));
        }
        WFC_TRY(gemm(n, &x));
    } else if (k == 2) {
        wfc_shape flat = {2, {s.dims[0], s.dims[1] * s.dims[2] * s.dims[3]}};
        WFC_TRY(wfc_ir_add_reshape(n->m->g, n->m->diag, NULL, x.v, &flat, &x.v));
        WFC_TRY(gemm(n, &x));
        if (gen_chance(n->m, 30)) WFC_TRY(gemm(n, &x));
    } else {
        WFC_TRY(conv(n, &x, 1 + gen_pick(n->m, 5), 1, 1, 1, false));
    }
    return gen_output(n->m, x.v);
}

static wfc_status image(net *n, val *x) {
    gen *m = n->m;
    wfc_shape s = {4, {1, 1 + gen_pick(m, 4), 3 + gen_pick(m, 9), 3 + gen_pick(m, 9)}};
    if (gen_chance(m, 15)) s.dims[0] = 2; /* a batch, which becomes samples */
    while (wfc_shape_elems(&s) > m->max_elems / 2) s.dims[2 + gen_pick(m, 2)] = 3;
    WFC_TRY(wfc_ir_add_input(m->g, m->diag, "image", WFC_F32, &s, "image", 1, &x->v));
    x->bound = 4; /* the rig's inputs: quarters from -4 to 4 */
    x->digits = 2;
    return WFC_OK;
}

wfc_status residual_graph(gen *m) {
    net n = {.m = m, .left = 5 + gen_pick(m, RESIDUAL_LAYERS - 4), .clamped = gen_chance(m, 85) ? 92 : 30};
    val x;
    m->whole = true;
    WFC_TRY(image(&n, &x));
    keep(&n, x);
    n.left -= 2; /* the head's: pooling and a product */
    bool second = n.left > 4 && gen_chance(m, 20);
    n.left -= second ? 2 : 0;
    if (gen_chance(m, 80))
        WFC_TRY(conv(&n, &x, 2 + gen_pick(m, 11), 1, gen_chance(m, 80) ? 3 : 1, some_stride(&n, x), true));
    keep(&n, x);
    for (uint32_t k = 0; n.left > 0 && k < 20; k++) WFC_TRY(block(&n, &x));
    n.left = 2;
    WFC_TRY(head(&n, x));
    if (!second) return WFC_OK;
    n.left = 2;
    return head(&n, n.kept[n.kept_count / 2]);
}
