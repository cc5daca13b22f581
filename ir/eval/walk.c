#include "ir/eval/walk.h"
#include <string.h>

static void init_side(wfc_walk_side *side, const wfc_affine *coords, const wfc_shape *shape) {
    int64_t stride = 1;
    side->coords = coords;
    side->shape = *shape;
    for (unsigned d = shape->rank; d-- > 0;) {
        side->stride[d] = stride;
        stride *= shape->dims[d];
    }
}

void wfc_walk_init(wfc_walk *w, const wfc_space *s, const wfc_shape *a, const wfc_shape *b) {
    memset(w, 0, sizeof *w);
    w->s = s;
    w->sides = b ? 2 : 1;
    init_side(&w->side[0], s->a, a);
    if (b) init_side(&w->side[1], s->b, b);
}

void wfc_walk_start(wfc_walk *w, uint64_t out_index) {
    for (unsigned v = w->s->out_rank; v-- > 0;) {
        w->index[v] = (uint32_t)(out_index % w->s->extent[v]);
        out_index /= w->s->extent[v];
    }
    for (unsigned v = w->s->out_rank; v < w->s->index_count; v++) w->index[v] = 0;
    w->started = false;
}

/* The next values of the reduced variables but the last; false behind the end. */
static bool advance(wfc_walk *w) {
    if (!w->started) {
        w->started = true;
        for (unsigned v = w->s->out_rank; v < w->s->index_count; v++)
            if (w->s->extent[v] == 0) return false;
        return true;
    }
    for (unsigned v = w->s->index_count; v-- > w->s->out_rank;) {
        if (v + 1u == w->s->index_count) continue; /* the run's own variable */
        if (++w->index[v] < w->s->extent[v]) return true;
        w->index[v] = 0;
    }
    return false;
}

/* Narrows [*lo, *hi) to the points r with 0 <= c + k r < dim. */
static void narrow(int64_t c, int64_t k, int64_t dim, int64_t *lo, int64_t *hi) {
    if (k == 0) {
        if (c < 0 || c >= dim) *hi = *lo;
        return;
    }
    if (k < 0) { /* mirrored: with c' = dim - 1 - c the slope is positive */
        c = dim - 1 - c;
        k = -k;
    }
    int64_t first = c >= 0 ? 0 : (-c + k - 1) / k, last = c >= dim ? 0 : (dim - 1 - c) / k + 1;
    if (first > *lo) *lo = first;
    if (last < *hi) *hi = last;
}

bool wfc_walk_next(wfc_walk *w, wfc_walk_run *run) {
    const wfc_space *s = w->s;
    bool reduced = s->index_count > s->out_rank;
    unsigned last = reduced ? s->index_count - 1u : 0;
    while (advance(w)) {
        int64_t lo = 0, hi = reduced ? s->extent[last] : 1;
        for (unsigned i = 0; i < w->sides; i++) {
            const wfc_walk_side *side = &w->side[i];
            run->at[i] = run->step[i] = 0;
            for (unsigned d = 0; d < side->shape.rank; d++) {
                int64_t c = side->coords[d].offset, k = reduced ? side->coords[d].coef[last] : 0;
                for (unsigned v = 0; v < s->index_count; v++)
                    if (!reduced || v != last) c += (int64_t)side->coords[d].coef[v] * w->index[v];
                narrow(c, k, side->shape.dims[d], &lo, &hi);
                run->at[i] += c * side->stride[d];
                run->step[i] += k * side->stride[d];
            }
        }
        if (lo >= hi) continue;
        for (unsigned i = 0; i < w->sides; i++) run->at[i] += lo * run->step[i];
        run->count = (uint64_t)(hi - lo);
        return true;
    }
    return false;
}
