/* The shapes of a kernel that are worth placing, at one time.
 *
 * With p = h w PEs per channel column, time asks for few steps ceil(H/h) ceil(W/w), and memory depends on p alone; so
 * for each p only the pairs (h, w) of fewest steps count. Within r rows every convolution can have c = r/p - 1, and
 * more is never worse; the least k follows from time and memory. So p and c give all shapes.
 *
 *   14 x 14, p = 28: h w = 14 x 2 has 7 steps, 7 x 4 has 8, 4 x 7 has 8: only the first is tried */
#include <stdlib.h>

#include "backend/place/kgraph.h"

enum { MOST_PAIRS = 64 }; /* no number up to WFC_BE_KGRAPH_SIDE / 2 has more divisors than 40 */

/* Pairs h w = p that no other beats in the steps of all convolutions. */
typedef struct pairs {
    uint32_t count;
    uint16_t h[MOST_PAIRS], w[MOST_PAIRS];
} pairs;

static uint64_t ceil_div(uint64_t a, uint64_t b) {
    return (a + b - 1) / b;
}

static uint64_t steps_of(const wfc_be_conv *c, uint32_t h, uint32_t w) {
    return ceil_div(c->H, h) * ceil_div(c->W, w);
}

/* Whether (h, w) needs no more steps than (h2, w2) in any convolution. */
static bool no_worse(const wfc_be_kernel *k, uint32_t h, uint32_t w, uint32_t h2, uint32_t w2) {
    for (uint32_t i = 0; i < k->conv_count; i++)
        if (steps_of(&k->conv[i], h, w) > steps_of(&k->conv[i], h2, w2)) return false;
    return true;
}

static void offer_pair(const wfc_be_kernel *k, uint32_t h, uint32_t w, pairs *ps) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ps->count; i++)
        if (no_worse(k, ps->h[i], ps->w[i], h, w)) return;
    for (uint32_t i = 0; i < ps->count; i++) {
        if (no_worse(k, h, w, ps->h[i], ps->w[i])) continue;
        ps->h[kept] = ps->h[i];
        ps->w[kept++] = ps->w[i];
    }
    ps->h[kept] = (uint16_t)h;
    ps->w[kept++] = (uint16_t)w;
    ps->count = kept;
}

static void find_pairs(const wfc_be_kernel *k, uint32_t p, pairs *ps) {
    const wfc_be_conv *v = &k->conv[0];
    ps->count = 0;
    for (uint32_t a = 1; a * a <= p; a++) {
        uint32_t b = p / a;
        if (a * b != p) continue;
        if (a <= v->H && b <= v->W) offer_pair(k, a, b, ps);
        if (a != b && b <= v->H && a <= v->W) offer_pair(k, b, a, ps);
    }
}

/* Least k of one convolution, 0 when none will do. All products stay below 2^64: kgraph_read.c limits the letters. */
static uint64_t least_k(const wfc_be_conv *v, uint32_t memlimit, double time, uint32_t h, uint32_t w, uint64_t c) {
    double unit = (double)(steps_of(v, h, w) * ceil_div(v->C, c) * v->R * v->S) / ((double)v->T * v->T);
    double rounds = time / unit; /* most that ceil(K / k) may be */
    if (rounds < 1) return 0;
    uint64_t by_time = rounds >= v->K ? 1 : ceil_div(v->K, (uint64_t)rounds);
    uint64_t p = (uint64_t)h * w, image = (uint64_t)(v->W + v->S - 1) * (v->H + v->R - 1);
    uint64_t need = (uint64_t)v->C * v->R * v->S * p + image * c, have = (uint64_t)memlimit * c * p;
    if (need > have) return 0;
    uint64_t by_memory = (uint64_t)((double)need / (double)have * v->K);
    while (by_memory > 1 && (by_memory - 1) * have >= need * v->K) by_memory--;
    while (by_memory < 1 || by_memory * have < need * v->K) by_memory++;
    uint64_t k = by_time > by_memory ? by_time : by_memory;
    return k <= v->K ? k : 0;
}

static double time_of(const wfc_be_conv *v, const wfc_be_kshape *s, uint32_t i) {
    uint64_t work = steps_of(v, s->h, s->w) * ceil_div(v->C, s->c[i]) * ceil_div(v->K, s->k[i]) * v->R * v->S;
    return (double)work / ((double)v->T * v->T);
}

/* Fills *s for c <= most_c; false when it is too wide or too slow. */
static bool make_shape(const wfc_be_kernel *kernel, uint32_t memlimit, uint32_t side, double time, uint32_t most_c,
                       wfc_be_kshape *s) {
    uint64_t cols = 0;
    uint32_t rows = 0;
    s->time = 0;
    for (uint32_t i = 0; i < kernel->conv_count; i++) {
        const wfc_be_conv *v = &kernel->conv[i];
        uint32_t c = most_c < v->C ? most_c : v->C;
        uint64_t k = least_k(v, memlimit, time, s->h, s->w, c);
        cols += 3 * k;
        if (k == 0 || cols > side) return false;
        s->c[i] = (uint16_t)c;
        s->k[i] = (uint16_t)k;
        uint32_t r = (uint32_t)s->h * s->w * (c + 1);
        rows = r > rows ? r : rows;
        double t = time_of(v, s, i);
        s->time = t > s->time ? t : s->time;
    }
    s->rows = (uint16_t)rows;
    s->cols = (uint16_t)cols;
    return s->time <= time; /* a rounding of least_k shows here */
}

/* By rows, then columns, then time: the first of equals is the one to keep. */
static int compare_shapes(const void *a, const void *b) {
    const wfc_be_kshape *x = a, *y = b;
    if (x->rows != y->rows) return x->rows < y->rows ? -1 : 1;
    if (x->cols != y->cols) return x->cols < y->cols ? -1 : 1;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    if (x->h != y->h) return x->h < y->h ? -1 : 1;
    return (x->w > y->w) - (x->w < y->w);
}

static void keep_best(wfc_be_kshapes *v, size_t first) {
    size_t kept = first;
    if (v->count == first) return;
    qsort(v->data + first, v->count - first, sizeof *v->data, compare_shapes);
    for (size_t i = first; i < v->count; i++)
        if (kept == first || v->data[i].cols < v->data[kept - 1].cols) v->data[kept++] = v->data[i];
    v->count = kept;
}

wfc_status wfc_be_kernel_shapes(const wfc_be_kernel *k, uint32_t memlimit, uint32_t side, double time,
                                wfc_be_kshapes *out) {
    size_t first = out->count;
    uint32_t most_c = 0;
    for (uint32_t i = 0; i < k->conv_count; i++) most_c = k->conv[i].C > most_c ? k->conv[i].C : most_c;
    for (uint32_t p = 1; p <= side / 2; p++) {
        pairs ps;
        find_pairs(k, p, &ps);
        for (uint32_t i = 0; i < ps.count; i++) {
            for (uint32_t c = 1; p * (c + 1) <= side && c <= most_c; c++) {
                wfc_be_kshape s = {.h = ps.h[i], .w = ps.w[i]};
                if (make_shape(k, memlimit, side, time, c, &s)) WFC_TRY(wfc_vec_push(out, s));
            }
        }
    }
    keep_best(out, first);
    return WFC_OK;
}
