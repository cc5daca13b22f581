/* Keys of a layer: row parts and contraction parts, and the time of each for every useful number of columns.
 *
 * The boxes of the fullest PE are computed once per key, for one column; more columns only thin out the dealt channels.
 * Example: conv 64 -> 64 of 56 x 56 over 994 rows: 28 x 1 tiles x 35 channel parts, 21 columns: tile 112, 2 channels
 * in, 4 out: compute = 4 * 2 * 9 * (3 + 112 cycles). */
#include "backend/plan.h"

enum { CODE_BYTES_GUESS = 3072 };

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

static double local_node_cycles(const wfc_be *be, const wfc_node *n, double elems) {
    double overhead = be->t->vector_overhead;
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

/* Dealt channels of the fullest PE; 0 where none are dealt: boxes then count as they are. */
typedef struct share {
    double mine, all;
} share;

static double elems(const wfc_be_box *b, double channels) {
    if (b->list_axis < 0 || channels <= 0) return (double)wfc_be_box_elems(b);
    double n = channels;
    for (unsigned d = 0; d < b->rank; d++) {
        if ((int)d != b->list_axis) n *= b->n[d];
    }
    return n;
}

/* Share of non-zero weights of the PE that has most of them: trained masks leave some inputs many, others none. */
static double densest_part(const wfc_be *be, const wfc_be_layer *l) {
    if (!l->red_nonzero || l->density <= 0) return l->density;
    uint32_t n = wfc_ir_node_c(be->g, l->nodes[0])->u.contract.extent[l->red_var], parts = l->split.pc;
    uint64_t most = 0;
    for (uint32_t i = 0; i < parts; i++) {
        wfc_be_interval p = wfc_be_part(n, parts, i);
        uint64_t here = l->red_nonzero[p.hi] - l->red_nonzero[p.lo];
        if (here > most) most = here;
    }
    uint32_t longest = (n + parts - 1) / parts;
    double weights = (double)l->red_nonzero[n] / l->density;
    return (double)most * n / (weights * longest);
}

/* Time and bytes of the PE whose boxes are `need` when it holds `s` dealt channels. */
static double pe_cycles(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, const wfc_be_box *final,
                        share s, double *bytes) {
    double moved = 0, way = 0, lane = 0, o = be->t->vector_overhead, cols = l->split.cols;
    double out = elems(final, s.mine), work = 8;
    *bytes = CODE_BYTES_GUESS + 4 * out;
    for (uint32_t e = 0; e < l->edge_count; e++) {
        bool own = l->has_contract && wfc_value_eq(l->edges[e].user, l->nodes[0]);
        double n = wfc_be_is_uniform(l, e) ? (double)wfc_be_box_elems(&need->edge[e])
                                           : elems(&need->edge[e], own ? s.all : s.mine);
        moved += n;
        lane += wfc_be_is_uniform(l, e) ? n : n * cols;
        *bytes += 8 * n;
        if (!wfc_be_is_uniform(l, e) && need->edge[e].list_axis >= 0)
            *bytes += 4 * n; /* it may pick them out of its row's lane */
    }
    for (uint32_t i = l->has_contract ? 1 : 0; i < l->node_count; i++) {
        work += local_node_cycles(be, wfc_ir_node_c(be->g, l->nodes[i]), elems(&need->node[i], s.mine));
        *bytes += 8 * elems(&need->hull[i], s.mine);
    }
    if (l->has_contract) {
        const wfc_space *sp = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract;
        double acc = elems(&need->chan_all, s.all), red = 1;
        for (unsigned v = sp->out_rank; v < sp->index_count; v++) {
            uint32_t n = sp->extent[v];
            if ((int)v == l->red_var) n = (n + l->split.pc - 1) / l->split.pc;
            red *= n;
        }
        double channels = l->chan_axis >= 0 ? s.all : 1;
        double vectors = red > 1 && acc > channels ? channels : 1; /* one instruction per channel, or one in all */
        double dense = acc * red + vectors * (o + 4), weights = channels * red, sparse;
        uint64_t pes = (uint64_t)l->split.groups * l->split.group_rows * l->split.cols;
        sparse = wfc_be_sparse_cycles(be->t, (uint64_t)weights, densest_part(be, l), pes, (uint64_t)(acc / channels));
        bool by_zeros = be->opt->allot == WFC_ALLOT_SPARSE && be->opt->sparse != WFC_SPARSE_NEVER && l->density < 1;
        work += o + acc / 2 + (by_zeros && sparse < dense ? sparse : dense);
        *bytes += 4 * (acc + weights);
        if (l->split.pc > 1) {
            work += 6 * o;
            moved += acc; /* a chain's words pass on microthreads */
            way = (l->split.pc - 1) * (2.0 * be->t->ramp_latency + 1 + be->t->hop_latency);
        }
    }
    moved += out;
    work += (moved > way ? moved : way) + 2 * o; /* words move while the main context waits for the chain */
    lane += out * cols + cols;
    return work > lane ? work : lane;
}

/* A part of the largest size, as near to the middle as one comes: at the borders windows reach less. */
static uint32_t full_part(uint32_t n, uint32_t parts) {
    for (uint32_t k = 0; k < parts; k++) {
        uint32_t i = (parts / 2 + k) % parts;
        wfc_be_interval p = wfc_be_part(n, parts, i);
        if (p.hi - p.lo == (n + parts - 1) / parts) return i;
    }
    return 0;
}

/* Row of a PE that holds most. */
static uint32_t full_row(const wfc_be *be, const wfc_be_layer *l) {
    uint32_t group = 0, inner = 0, part = 0;
    for (unsigned d = 0; d < l->shape.rank; d++) {
        uint32_t digit = full_part(l->shape.dims[d], l->split.row_parts[d]);
        if (d == 1)
            inner = digit;
        else
            group = group * l->split.row_parts[d] + digit;
    }
    if (l->red_var >= 0)
        part = full_part(wfc_ir_node_c(be->g, l->nodes[0])->u.contract.extent[l->red_var], l->split.pc);
    return wfc_be_group_row(&l->split, group) + inner * l->split.pc + part;
}

static share channel_share(const wfc_be_layer *l) {
    share s = {0};
    if (l->chan_axis < 0) return s;
    uint32_t k = l->shape.dims[l->chan_axis], part = (k + l->split.pc - 1) / l->split.pc;
    uint32_t mine = (part + l->split.cols - 1) / l->split.cols, all = (k + l->split.cols - 1) / l->split.cols;
    s.mine = mine;
    s.all = all;
    return s;
}

/* Boxes of the present split's fullest PE in the scratch arena; false: it has none. */
static bool full_boxes(wfc_be *be, const wfc_be_layer *l, wfc_be_need *need, wfc_be_box *final) {
    uint32_t row = full_row(be, l), col = 0, axis = l->split.col_axis;
    if (l->chan_axis < 0 && axis < l->shape.rank) { /* dealt channels are counted apart */
        uint32_t parts = l->split.row_parts[axis];
        col = full_part((l->shape.dims[axis] + parts - 1) / parts, l->split.cols);
    }
    if (wfc_be_needs(be, l, row, col, need) != WFC_OK) return false;
    bool any = wfc_be_out_box(be, l, row, col, final);
    return any || l->chan_axis >= 0;
}

double wfc_be_split_cycles(wfc_be *be, wfc_be_layer *l, uint64_t *sram_bytes) {
    wfc_arena keep = be->arena; /* the boxes are scratch */
    wfc_arena_init(&be->arena);
    wfc_be_need need;
    wfc_be_box final;
    double cycles = WFC_BE_NO_CYCLES, bytes = 0;
    if (full_boxes(be, l, &need, &final)) {
        cycles = pe_cycles(be, l, &need, &final, channel_share(l), &bytes);
        if (bytes > be->t->sram_bytes) cycles = WFC_BE_NO_CYCLES;
        if (sram_bytes) *sram_bytes = (uint64_t)bytes;
    }
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

/* The axis whose parts go to the columns of a layer that deals no channels: axis 1 (channels) where it is long enough,
 * since its parts never overlap as those of a window's axis do; else the longest. */
static uint8_t column_axis(const wfc_be_layer *l) {
    if (l->chan_axis >= 0) return (uint8_t)l->chan_axis;
    const wfc_shape *s = &l->shape;
    uint8_t best = 0;
    for (uint8_t d = 1; d < s->rank; d++) {
        if (s->dims[d] > s->dims[best]) best = d;
    }
    return s->rank > 2 && s->dims[1] >= 8 ? 1 : best;
}

/* Times for all column counts; not counted when none fits SRAM. */
static wfc_status price(wfc_be *be, wfc_be_layer *l, wfc_be_keys *k, wfc_be_key *key) {
    wfc_arena keep = be->arena;
    wfc_arena_init(&be->arena);
    float best = WFC_BE_NO_CYCLES;
    wfc_be_need need;
    wfc_be_box final;
    l->split = key->split;
    l->split.cols = 1;
    bool once = l->chan_axis >= 0, any = once && full_boxes(be, l, &need, &final);
    for (uint32_t c = 0; c < k->col_count; c++) {
        l->split.cols = k->cols[c];
        if (!once) any = full_boxes(be, l, &need, &final);
        double bytes = 0;
        double v = any ? pe_cycles(be, l, &need, &final, channel_share(l), &bytes) : WFC_BE_NO_CYCLES;
        if (any && bytes < (double)k->least_bytes) k->least_bytes = (uint64_t)bytes;
        if (bytes <= be->t->sram_bytes && v < (double)best) best = (float)v;
        key->cycles[c] = best;
    }
    wfc_arena_deinit(&be->arena);
    be->arena = keep;
    if (best < WFC_BE_NO_CYCLES) k->count++;
    return WFC_OK;
}

static wfc_status add_key(wfc_be *be, wfc_be_layer *l, wfc_be_keys *k, const wfc_be_split *s) {
    if (k->count == k->capacity) {
        uint32_t capacity = k->capacity ? 2 * k->capacity : 64;
        wfc_be_key *keys = wfc_arena_alloc(&be->arena, capacity, sizeof *keys);
        if (!keys) return wfc_fail_memory(be->diag);
        for (uint32_t i = 0; i < k->count; i++) keys[i] = k->keys[i];
        k->keys = keys;
        k->capacity = capacity;
    }
    wfc_be_key *key = &k->keys[k->count];
    if (!key->cycles) key->cycles = wfc_arena_alloc(&be->arena, k->col_count ? k->col_count : 1, sizeof *key->cycles);
    if (!key->cycles) return wfc_fail_memory(be->diag);
    key->split = *s;
    wfc_be_split_count(l, &key->split);
    if ((uint64_t)key->split.groups * key->split.group_rows > s->h || key->split.group_rows > s->h / key->split.groups)
        return WFC_OK;
    return price(be, l, k, key);
}

/* All row splits: axis by axis, then the contraction parts. */
static wfc_status enumerate(wfc_be *be, wfc_be_layer *l, wfc_be_keys *k, wfc_be_split *s, uint32_t rows,
                            unsigned axis) {
    bool channels = axis == l->shape.rank;
    if (channels && l->red_var < 0) return add_key(be, l, k, s);
    uint32_t dim = channels                    ? wfc_ir_node_c(be->g, l->nodes[0])->u.contract.extent[l->red_var]
                   : (int)axis == l->chan_axis ? 1
                                               : l->shape.dims[axis];
    uint32_t *parts = wfc_calloc(dim < s->h ? dim : s->h, sizeof *parts);
    if (!parts) return wfc_fail_memory(be->diag);
    uint32_t n = useful_parts(dim, s->h / rows, parts);
    wfc_status st = WFC_OK;
    for (uint32_t i = 0; i < n && st == WFC_OK; i++) {
        wfc_be_split next = *s;
        if (channels) {
            next.pc = parts[i];
            st = add_key(be, l, k, &next);
        } else {
            next.row_parts[axis] = parts[i];
            st = enumerate(be, l, k, &next, rows * parts[i], axis + 1);
        }
    }
    wfc_free(parts);
    return st;
}

wfc_status wfc_be_keys_make(wfc_be *be, wfc_be_layer *l, uint32_t y, uint32_t h, uint32_t width, wfc_be_keys *out) {
    *out = (wfc_be_keys){.least_bytes = UINT64_MAX};
    uint8_t axis = column_axis(l);
    wfc_be_split keep = l->split, s = {.pc = 1, .y = y, .h = h, .col_axis = axis};
    for (unsigned d = 0; d < WFC_IR_MAX_RANK; d++) s.row_parts[d] = 1;
    out->cols = wfc_arena_alloc(&be->arena, width ? width : 1, sizeof *out->cols);
    if (!out->cols) return wfc_fail_memory(be->diag);
    out->col_count = useful_parts(l->shape.dims[axis], width, out->cols);
    wfc_status st = enumerate(be, l, out, &s, 1, 0);
    l->split = keep;
    return st;
}
