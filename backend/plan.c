/* Sizes and splits: how many columns each layer gets and how its work is dealt over rows and columns.
 *
 * A layer's time for (split, columns) comes from the formulas of docs/mapping.md section 2, evaluated on the boxes of
 * its middle PE. Layers whose borders can agree without an adapter form a run and get one key (row parts, contraction
 * parts). The least T for which the minimal columns of all layers fit is found by bisection over the candidates' times.
 */
#include <stdlib.h>

#include "backend/be.h"
#include "backend/plan.h"

enum { CODE_BYTES_GUESS = 3072 };

/* A candidate key of a run with each member's time per column count. */
typedef struct key {
    wfc_be_split split; /* without cols */
    double **cycles;    /* [member][cols index]; non-increasing */
} key;

typedef struct run {
    uint32_t *members, count; /* layers */
    key *keys;
    uint32_t key_count, key_capacity;
    uint32_t **cols, *col_count; /* [member]: useful column counts, ascending */
    uint64_t *least_bytes;       /* [member]: SRAM of a PE in the split that needs least; UINT64_MAX: none was tried */
} run;

static double fn_cost(unsigned fn) {
    switch (fn) {
    case WFC_FN_ARG:
    case WFC_FN_CONST:
    case WFC_FN_INDEX:
    case WFC_FN_CAST: return 0;
    case WFC_FN_DIV:
    case WFC_FN_SQRT:
    case WFC_FN_RECIP: return 30;
    case WFC_FN_EXP:
    case WFC_FN_LOG:
    case WFC_FN_TANH:
    case WFC_FN_SIGMOID:
    case WFC_FN_ERF: return 16;
    case WFC_FN_POW: return 40;
    default: return 1;
    }
}

static double local_node_cycles(const wfc_be *be, const wfc_node *n, const wfc_be_box *box) {
    double elems = (double)wfc_be_box_elems(box), overhead = be->t->vector_overhead;
    if (n->op == WFC_CORE_REDUCE) {
        const wfc_space *s = &n->u.reduce.space;
        for (unsigned v = s->out_rank; v < s->index_count; v++) elems *= s->extent[v];
        return 2 * overhead + elems;
    }
    double c = 0;
    for (uint32_t i = 0; i < n->u.map.count; i++) {
        double f = fn_cost(n->u.map.nodes[i].fn);
        c += f > 0 ? (f >= 30 ? overhead : f * overhead) + f * elems : 0;
    }
    return c > 0 ? c : overhead + elems;
}

/* Middle PE of a split: its row index. */
static uint32_t middle_row(const wfc_be_layer *l) {
    uint32_t group = 0;
    for (unsigned d = 0; d < l->shape.rank; d++) {
        if (d != 1) group = group * l->split.row_parts[d] + l->split.row_parts[d] / 2;
    }
    uint32_t parts = l->shape.rank > 1 ? l->split.row_parts[1] : 1;
    return wfc_be_group_row(&l->split, group) + parts / 2 * l->split.pc;
}

double wfc_be_split_cycles(wfc_be *be, wfc_be_layer *l, uint64_t *sram_bytes) {
    wfc_arena keep = be->arena; /* the boxes are scratch */
    wfc_arena_init(&be->arena);
    wfc_be_need need;
    double cycles = -1;
    if (wfc_be_needs(be, l, middle_row(l), 0, &need) != WFC_OK) goto end;
    const wfc_target *t = be->t;
    double moved = 0, way = 0, lane = 0, o = t->vector_overhead;
    wfc_be_box final;
    bool any = wfc_be_out_box(be, l, middle_row(l), 0, &final);
    if (!any && l->chan_axis < 0) goto end;
    if (l->chan_axis >= 0) { /* the fullest PE's share of the dealt channels */
        uint32_t part = (l->shape.dims[l->chan_axis] + l->split.pc - 1) / l->split.pc;
        final.n[l->chan_axis] = (part + l->split.cols - 1) / l->split.cols;
    }
    double out = (double)wfc_be_box_elems(&final), work = 8;
    uint64_t bytes = CODE_BYTES_GUESS + 4 * (uint64_t)out;
    for (uint32_t e = 0; e < l->edge_count; e++) {
        double n = (double)wfc_be_box_elems(&need.edge[e]);
        bool uniform = l->has_contract && l->chan_axis >= 0 && e == 0; /* all columns read the same words */
        moved += n;
        lane += uniform ? n : n * l->split.cols;
        bytes += 8 * (uint64_t)n;
    }
    for (uint32_t i = l->has_contract ? 1 : 0; i < l->node_count; i++) {
        work += local_node_cycles(be, wfc_ir_node_c(be->g, l->nodes[i]), &need.node[i]);
        bytes += 8 * wfc_be_box_elems(&need.hull[i]);
    }
    if (l->has_contract) {
        const wfc_space *s = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract;
        double acc = (double)wfc_be_box_elems(&need.chan_all), red = 1;
        for (unsigned v = s->out_rank; v < s->index_count; v++) {
            uint32_t n = s->extent[v];
            if ((int)v == l->red_var) n = (n + l->split.pc - 1) / l->split.pc;
            red *= n;
        }
        double channels = l->chan_axis >= 0 ? need.chan_all.n[l->chan_axis] : 1;
        double vectors = red > 1 && acc > channels ? channels : 1; /* one instruction per channel, or one in all */
        work += o + acc / 2 + acc * red + vectors * (o + 4);
        bytes += 4 * ((uint64_t)acc + (uint64_t)(channels * red));
        if (l->split.pc > 1) {
            work += 6 * o;
            moved += acc; /* a chain's words pass on microthreads */
            way = (l->split.pc - 1) * (2.0 * t->ramp_latency + 1 + t->hop_latency);
        }
    }
    moved += out;
    work += (moved > way ? moved : way) + 2 * o; /* words move while the main context waits for the chain */
    lane += out * l->split.cols + l->split.cols;
    cycles = work > lane ? work : lane;
    if (sram_bytes) *sram_bytes = bytes;
    if (bytes > t->sram_bytes) cycles = -2;
end:
    wfc_arena_deinit(&be->arena);
    be->arena = keep;
    return cycles;
}

/* Least part counts that give each distinct largest part: 1, ..., n. */
static uint32_t useful_parts(uint32_t n, uint32_t most, uint32_t *out) {
    uint32_t count = 0, last = 0;
    for (uint32_t p = 1; p <= n && p <= most; p++) {
        uint32_t size = (n + p - 1) / p;
        if (size != last) out[count++] = p;
        last = size;
    }
    return count;
}

static wfc_status add_key(wfc_be *be, run *r, const wfc_be_split *s) {
    if (r->key_count == r->key_capacity) {
        uint32_t capacity = r->key_capacity ? 2 * r->key_capacity : 64;
        key *keys = wfc_arena_alloc(&be->arena, capacity, sizeof *keys);
        if (!keys) return wfc_fail_memory(be->diag);
        for (uint32_t i = 0; i < r->key_count; i++) keys[i] = r->keys[i];
        r->keys = keys;
        r->key_capacity = capacity;
    }
    key *k = &r->keys[r->key_count];
    k->split = *s;
    k->cycles = wfc_arena_alloc(&be->arena, r->count, sizeof *k->cycles);
    if (!k->cycles) return wfc_fail_memory(be->diag);
    bool all_fit = true;
    for (uint32_t m = 0; m < r->count; m++) {
        wfc_be_layer *l = &be->layers[r->members[m]];
        wfc_be_split keep = l->split;
        k->cycles[m] = wfc_arena_alloc(&be->arena, r->col_count[m] ? r->col_count[m] : 1, sizeof **k->cycles);
        if (!k->cycles[m]) return wfc_fail_memory(be->diag);
        double best = 1e30;
        for (uint32_t c = 0; c < r->col_count[m]; c++) {
            uint8_t axis = l->chan_axis >= 0 ? (uint8_t)l->chan_axis : s->col_axis;
            l->split = *s;
            l->split.col_axis = axis;
            l->split.cols = r->cols[m][c];
            wfc_be_split_count(l, &l->split);
            uint64_t bytes = UINT64_MAX;
            double v = wfc_be_split_cycles(be, l, &bytes);
            if (bytes < r->least_bytes[m]) r->least_bytes[m] = bytes;
            if (v >= 0 && v < best) best = v;
            k->cycles[m][c] = v < 0 ? 1e30 : best;
        }
        l->split = keep;
        all_fit &= best < 1e30;
    }
    if (all_fit) r->key_count++; /* else a member does not fit in SRAM with any width: no key */
    return WFC_OK;
}

/* All row splits: axis by axis, then the contraction parts. */
static wfc_status enumerate(wfc_be *be, run *r, wfc_be_split *s, uint32_t rows, unsigned axis) {
    const wfc_be_layer *l = &be->layers[r->members[0]];
    if (axis < l->shape.rank) {
        uint32_t dim = (int)axis == l->chan_axis ? 1 : l->shape.dims[axis];
        uint32_t *parts = wfc_arena_alloc(&be->arena, dim < be->height ? dim : be->height, sizeof *parts);
        if (!parts) return wfc_fail_memory(be->diag);
        uint32_t n = useful_parts(dim, be->height / rows, parts);
        for (uint32_t i = 0; i < n; i++) {
            wfc_be_split next = *s;
            next.row_parts[axis] = parts[i];
            WFC_TRY(enumerate(be, r, &next, rows * parts[i], axis + 1));
        }
        return WFC_OK;
    }
    if (l->red_var < 0) return add_key(be, r, s);
    uint32_t least = UINT32_MAX; /* parts of the contraction, never more than its channels nor than what it scatters */
    for (uint32_t m = 0; m < r->count; m++) {
        const wfc_be_layer *k = &be->layers[r->members[m]];
        uint32_t n = wfc_ir_node_c(be->g, k->nodes[0])->u.contract.extent[k->red_var];
        if (n < least) least = n;
    }
    uint32_t *parts = wfc_arena_alloc(&be->arena, be->height, sizeof *parts);
    if (!parts) return wfc_fail_memory(be->diag);
    uint32_t n = useful_parts(least, be->height / rows, parts);
    for (uint32_t i = 0; i < n; i++) {
        wfc_be_split next = *s;
        next.pc = parts[i];
        WFC_TRY(add_key(be, r, &next));
    }
    return WFC_OK;
}

/* Whether layer `b` reads layer `a`'s output so that equal keys make the borders agree: a contract over a's dealt axis,
 * one to one in the others, with no view between but reshapes that keep the order. */
static bool linked(wfc_be *be, const wfc_be_layer *a, const wfc_be_layer *b) {
    if (!b->has_contract || b->red_var < 0 || a->chan_axis < 0 || a->red_var < 0) return false;
    const wfc_be_edge *e = &b->edges[0];
    if (e->operand != 0 || !wfc_value_eq(e->user, b->nodes[0])) return false;
    if (!wfc_value_eq(wfc_be_view_root(be->g, e->consumed), a->out)) return false;
    uint64_t n = wfc_shape_elems(&a->shape);
    if (n != wfc_shape_elems(&wfc_ir_node_c(be->g, e->consumed)->shape)) return false;
    for (uint64_t i = 0; i < n; i++) {
        if (wfc_be_resolve(be, e->consumed, i) != (int32_t)i) return false;
    }
    if (a->shape.rank != b->shape.rank || a->chan_axis != b->chan_axis) return false;
    for (unsigned d = 0; d < a->shape.rank; d++) {
        if ((int)d != a->chan_axis && a->shape.dims[d] != b->shape.dims[d]) return false;
    }
    const wfc_space *s = &wfc_ir_node_c(be->g, b->nodes[0])->u.contract;
    return s->extent[b->red_var] == a->shape.dims[a->chan_axis];
}

static wfc_status make_runs(wfc_be *be, run *runs, uint32_t *run_count) {
    int32_t *run_of = wfc_arena_alloc(&be->arena, be->layer_count, sizeof *run_of);
    if (!run_of) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < be->layer_count; i++) {
        run_of[i] = -1;
        for (uint32_t j = 0; j < i && run_of[i] < 0; j++) {
            if (linked(be, &be->layers[j], &be->layers[i])) run_of[i] = run_of[j];
        }
        if (run_of[i] < 0) {
            run_of[i] = (int32_t)(*run_count)++;
            runs[run_of[i]].members = wfc_arena_alloc(&be->arena, be->layer_count, sizeof(uint32_t));
            if (!runs[run_of[i]].members) return wfc_fail_memory(be->diag);
        }
        run *r = &runs[run_of[i]];
        r->members[r->count++] = i;
    }
    return WFC_OK;
}

/* The axis whose parts go to the columns of a layer without a contract: the longest. */
static uint8_t longest_axis(const wfc_shape *s) {
    uint8_t best = 0;
    for (uint8_t d = 1; d < s->rank; d++) {
        if (s->dims[d] > s->dims[best]) best = d;
    }
    return best;
}

static wfc_status fill_run(wfc_be *be, run *r) {
    r->cols = wfc_arena_alloc(&be->arena, r->count, sizeof *r->cols);
    r->col_count = wfc_arena_alloc(&be->arena, r->count, sizeof *r->col_count);
    r->least_bytes = wfc_arena_alloc(&be->arena, r->count, sizeof *r->least_bytes);
    if (!r->cols || !r->col_count || !r->least_bytes) return wfc_fail_memory(be->diag);
    for (uint32_t m = 0; m < r->count; m++) r->least_bytes[m] = UINT64_MAX;
    wfc_be_split s = {.pc = 1, .h = be->height};
    for (unsigned d = 0; d < WFC_IR_MAX_RANK; d++) s.row_parts[d] = 1;
    for (uint32_t m = 0; m < r->count; m++) {
        const wfc_be_layer *l = &be->layers[r->members[m]];
        uint8_t axis = l->chan_axis >= 0 ? (uint8_t)l->chan_axis : longest_axis(&l->shape);
        s.col_axis = axis;
        r->cols[m] = wfc_arena_alloc(&be->arena, be->width, sizeof **r->cols);
        if (!r->cols[m]) return wfc_fail_memory(be->diag);
        r->col_count[m] = useful_parts(l->shape.dims[axis], be->width, r->cols[m]);
    }
    return enumerate(be, r, &s, 1, 0);
}

/* Fewest columns of all members with every time <= T, and the key; UINT32_MAX: none. */
static uint32_t columns_for(const run *r, double T, uint32_t *out_key) {
    uint32_t best = UINT32_MAX;
    for (uint32_t k = 0; k < r->key_count; k++) {
        uint32_t sum = 0;
        for (uint32_t m = 0; m < r->count && sum != UINT32_MAX; m++) {
            uint32_t c = 0;
            while (c < r->col_count[m] && r->keys[k].cycles[m][c] > T) c++;
            sum = c == r->col_count[m] ? UINT32_MAX : sum + r->cols[m][c];
        }
        if (sum < best) {
            best = sum;
            *out_key = k;
        }
    }
    return best;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool fits(const run *runs, uint32_t n, double T, uint32_t room) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k, c = columns_for(&runs[i], T, &k);
        if (c == UINT32_MAX) return false;
        sum += c;
    }
    return sum <= room;
}

static wfc_status least_time(wfc_be *be, const run *runs, uint32_t n, uint32_t room, double *out_t) {
    WFC_VEC(double) times = {0};
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < runs[i].key_count; k++) {
            for (uint32_t m = 0; m < runs[i].count; m++) {
                for (uint32_t c = 0; c < runs[i].col_count[m]; c++) {
                    if (wfc_vec_push(&times, runs[i].keys[k].cycles[m][c]) != WFC_OK) {
                        wfc_vec_free(&times);
                        return wfc_fail_memory(be->diag);
                    }
                }
            }
        }
    }
    if (times.count) qsort(times.data, times.count, sizeof *times.data, by_value); /* none when no split fits */
    size_t lo = 0, hi = times.count;                                               /* least index that fits */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (fits(runs, n, times.data[mid], room))
            hi = mid;
        else
            lo = mid + 1;
    }
    *out_t = lo < times.count && times.data[lo] < 1e30 ? times.data[lo] : -1;
    wfc_vec_free(&times);
    return WFC_OK;
}

/* Names the member that is furthest from fitting. */
static wfc_status no_split(wfc_be *be, const run *r) {
    uint32_t worst = 0;
    for (uint32_t m = 1; m < r->count; m++)
        if (r->least_bytes[m] > r->least_bytes[worst]) worst = m;
    const wfc_be_layer *l = &be->layers[r->members[worst]];
    uint64_t least = r->least_bytes[worst], sram = be->t->sram_bytes;
    if (least <= sram || least == UINT64_MAX) {
        return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7010", l->name,
                        "no split over %u x %u PEs suits this layer and the %u layers that share its rows at once; use "
                        "a larger target",
                        be->width, be->height, r->count - 1);
    }
    return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7010", l->name,
                    "dealt as finely as the %u x %u PEs of target %s allow, this layer needs about %llu bytes of SRAM "
                    "per PE; a PE has %llu, so %llu are missing. Use a larger target, or make the layer smaller",
                    be->width, be->height, be->t->name, (unsigned long long)least, (unsigned long long)sram,
                    (unsigned long long)(least - sram));
}

static wfc_status too_large(wfc_be *be, const run *runs, uint32_t n, uint32_t reserve) {
    uint64_t least = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k, c = columns_for(&runs[i], 1e29, &k);
        if (c == UINT32_MAX) return no_split(be, &runs[i]);
        least += c;
    }
    return wfc_fail(
        be->diag, WFC_ERR_NO_FIT, "WFC-E7011", be->g->name,
        "the model needs at least %llu columns of %u PEs for its %u layers and %u for adapters, target %s has %u: %llu "
        "are missing. Use a larger target",
        (unsigned long long)least, be->height, be->layer_count, reserve, be->t->name, be->width,
        (unsigned long long)(least + reserve > be->width ? least + reserve - be->width : 0));
}

static void apply(wfc_be *be, const run *r, uint32_t member, uint32_t k, uint32_t col_index) {
    wfc_be_layer *l = &be->layers[r->members[member]];
    uint8_t axis = l->chan_axis >= 0 ? (uint8_t)l->chan_axis : longest_axis(&l->shape);
    l->split = r->keys[k].split;
    l->split.col_axis = axis;
    l->split.cols = r->cols[member][col_index];
    wfc_be_split_count(l, &l->split);
    l->order = NULL;
}

/* Tests: any split that fits SRAM, so that neighbours' layouts disagree in every way. */
static wfc_status draw_splits(wfc_be *be, const run *runs, uint32_t n, uint32_t room) {
    uint64_t rng = be->opt->seed * 2 + 1;
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (!runs[i].key_count) return too_large(be, runs, n, 0);
            uint32_t k = (uint32_t)(wfc_rng_next(&rng) % runs[i].key_count);
            for (uint32_t m = 0; m < runs[i].count; m++) {
                uint32_t c = (uint32_t)(wfc_rng_next(&rng) % runs[i].col_count[m]);
                while (runs[i].keys[k].cycles[m][c] >= 1e30) c = (c + 1) % runs[i].col_count[m];
                apply(be, &runs[i], m, k, c);
                sum += runs[i].cols[m][c];
            }
        }
        if (sum <= room) return WFC_OK;
    }
    return too_large(be, runs, n, 0);
}

wfc_status wfc_be_plan(wfc_be *be, uint32_t reserve) {
    run *runs = wfc_arena_alloc(&be->arena, be->layer_count, sizeof *runs);
    if (!runs) return wfc_fail_memory(be->diag);
    uint32_t n = 0;
    WFC_TRY(make_runs(be, runs, &n));
    for (uint32_t i = 0; i < n; i++) WFC_TRY(fill_run(be, &runs[i]));
    uint32_t room = be->width > reserve ? be->width - reserve : 0;
    be->target_cycles = 0;
    if (be->opt->random_splits) return draw_splits(be, runs, n, room);
    double T = -1;
    WFC_TRY(least_time(be, runs, n, room, &T));
    if (T < 0) return too_large(be, runs, n, reserve);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        (void)columns_for(&runs[i], T, &k);
        for (uint32_t m = 0; m < runs[i].count; m++) {
            uint32_t c = 0;
            while (runs[i].keys[k].cycles[m][c] > T) c++;
            apply(be, &runs[i], m, k, c);
        }
    }
    be->target_cycles = T;
    return WFC_OK;
}
