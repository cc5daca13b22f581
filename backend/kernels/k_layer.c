/* The program of a layer PE, in three steps per sample:
 *
 *   front   wait the contract's lanes, re-arm; acc = 0; multiply-accumulate; turn the halves
 *   start   put the partial sums on the chains (pc > 1)
 *   finish  wait for the chains; wait and re-arm the other lanes; elementwise and pooling tail; send the segment
 *
 * A sample's sums travel while nothing else is done: front of the next sample may not come first, because after the
 * last sample there is no next one to wait for. Overlap needs one task per step, each woken by what it needs.
 *
 * Reduce-scatter: rows (tile, 0 .. pc-1) hold partial sums of all the column's channels; part i belongs to row i. acc
 * holds the parts in descending order, so what row i passes down (parts > i, farthest first) is a prefix and what it
 * passes up (parts < i) is the suffix read backwards. Each step is one vadd queue + memory -> queue; both directions
 * run on microthreads at once. Budget: input queues edges + 2, output queues 1 + 2, microthreads edges + 3, colours
 * lanes + 4. */
#include <string.h>

#include "backend/kernels/k_local.h"
#include "backend/kernels/k_sparse.h"
#include "backend/kernels/k_weights.h"

enum { R_TEMP = 1, R_HALF = 2, R_NEST = 8, R_CONST = 12, SPARE_DESCS = 14 /* of those that picked words may take */ };

typedef struct rig {
    wfc_be *be;
    const wfc_be_layer *l;
    uint32_t row, col;
    wfc_be_pe_build *b;
    wfc_be_asm *a;
    wfc_be_need need;
    wfc_be_box final;
    bool has_output; /* this PE sends a segment */
    wfc_be_receive lane[WFC_BE_MAX_EDGES];
    wfc_be_site edge[WFC_BE_MAX_EDGES];
    wfc_be_pairs picks[WFC_BE_MAX_EDGES]; /* what an edge's words must be copied for; none: they lie as they are used */
    uint32_t out_array, out_words, acc;
    uint8_t ut_send, ut_down, ut_up, queue_north, queue_south, out_lane, out_south, out_north;
} rig;

/* Element strides per variable of an operand that lies at `at`, and its first element. */
static void operand_walk(const rig *r, const wfc_affine *map, const wfc_be_site *at, int listed_var, wfc_be_walk *w) {
    const wfc_space *s = &wfc_ir_node_c(r->be->g, r->l->nodes[0])->u.contract;
    uint32_t strides[WFC_IR_MAX_RANK];
    wfc_be_box_strides(&at->box, strides);
    *w = (wfc_be_walk){.array = at->array, .half_reg = at->half_reg};
    int64_t base = 0;
    for (unsigned q = 0; q < at->box.rank; q++) {
        bool listed = (int)q == at->box.list_axis && listed_var >= 0;
        int64_t first = listed ? 0 : (int64_t)map[q].offset - at->box.lo[q];
        for (unsigned v = 0; v < s->index_count; v++) {
            w->stride[v] += map[q].coef[v] * (int32_t)strides[q];
            if (!listed && v < s->out_rank && (int)v != r->need.chan_all.list_axis) {
                first += (int64_t)map[q].coef[v] * r->need.chan_all.lo[v];
            }
        }
        base += first * strides[q];
    }
    w->offset_bytes = at->offset_bytes + (uint32_t)(4 * base);
}

static wfc_status place_weights(rig *r, wfc_be_walk *w) {
    uint64_t total = wfc_be_weights_layout(r->be, r->l, &r->need, w->stride);
    if (4 * total > r->be->t->sram_bytes) {
        return wfc_fail(
            r->be->diag, WFC_ERR_NO_FIT, "WFC-E7032", r->l->name,
            "the weights of one PE take %llu bytes, its SRAM has %u; use a larger target, or make the layer smaller",
            (unsigned long long)(4 * total), r->be->t->sram_bytes);
    }
    float *data = wfc_calloc((size_t)total, sizeof *data);
    if (!data) return wfc_fail_memory(r->be->diag);
    wfc_be_weights_fill(r->be, r->l, &r->need, data);
    w->array = wfc_be_asm_array(r->a, "weights", (uint32_t)(4 * total), WFC_MEM_WEIGHT);
    return wfc_be_add_init(r->be, r->b, w->array, (uint32_t)(4 * total), data, WFC_BE_DATA_WEIGHTS);
}

/* The table of the sparse form instead of weights, and the loop over it. */
static wfc_status multiply_sparse(rig *r, const wfc_be_nest *nest) {
    int32_t stride[WFC_IR_MAX_INDEX] = {0};
    uint32_t bytes = wfc_be_sparse_table_bytes(r->l);
    (void)wfc_be_weights_layout(r->be, r->l, &r->need, stride);
    uint8_t *data = wfc_calloc(bytes, 1);
    if (!data) return wfc_fail_memory(r->be->diag);
    wfc_status st = wfc_be_sparse_fill(r->be, r->l, &r->need, data);
    if (st != WFC_OK) {
        wfc_free(data);
        return st;
    }
    uint32_t table = wfc_be_asm_array(r->a, "nonzeros", bytes, WFC_MEM_INDEX);
    WFC_TRY(wfc_be_add_init(r->be, r->b, table, bytes, data, WFC_BE_DATA_WEIGHTS));
    return wfc_be_emit_sparse(r->a, r->l, nest, stride, 4 * r->lane[0].words,
                              (uint32_t)wfc_be_box_elems(&r->need.chan_all), table);
}

/* n words of acc from word `first`, forwards or backwards. */
static uint8_t row_of(rig *r, uint32_t array, uint8_t half_reg, uint32_t first, uint32_t n, int32_t stride) {
    wfc_be_mem m = {.array = array,
                    .offset_bytes = 4 * first,
                    .type = WFC_F32,
                    .off = half_reg,
                    .len = {1, 1, 1, n},
                    .stride = {0, 0, 0, stride}};
    return wfc_be_asm_mem(r->a, &m);
}

static wfc_status multiply(rig *r, uint32_t acc) {
    const wfc_node *n = wfc_ir_node_c(r->be->g, r->l->nodes[0]);
    const wfc_space *s = &n->u.contract;
    const wfc_be_box *box = &r->need.chan_all;
    uint32_t words = (uint32_t)wfc_be_box_elems(box), strides[WFC_IR_MAX_RANK];
    wfc_be_asm_bucket(r->a, WFC_BE_COMPUTE);
    wfc_be_asm_op(r->a, WFC_OP_VMOV, WFC_F32, row_of(r, acc, 0, 0, words, 1), 0, WFC_OPND_NONE, 0);
    wfc_be_walk d = {.array = acc}, x, w;
    wfc_be_box_strides(box, strides);
    wfc_be_nest nest = {.op = WFC_OP_VMAC, .vars = s->index_count, .first_reg = R_NEST};
    for (unsigned v = 0; v < s->index_count; v++) {
        nest.extent[v] = v < s->out_rank           ? box->n[v]
                         : (int)v == r->l->red_var ? r->edge[0].box.n[r->l->red_axis]
                                                   : s->extent[v];
        d.stride[v] = v < s->out_rank ? (int32_t)strides[v] : 0;
    }
    operand_walk(r, s->a, &r->edge[0], r->l->red_var, &x);
    nest.operand[0] = &d;
    nest.operand[1] = &x;
    if (r->l->sparse.chosen) return multiply_sparse(r, &nest);
    if (wfc_ir_node_c(r->be->g, wfc_ir_operand(r->be->g, r->l->nodes[0], 1))->op == WFC_CORE_CONST) {
        w = (wfc_be_walk){0};
        WFC_TRY(place_weights(r, &w));
    } else {
        operand_walk(r, s->b, &r->edge[1], r->l->chan_var, &w);
    }
    nest.operand[2] = &w;
    return wfc_be_emit_nest(r->a, &nest);
}

wfc_be_scatter wfc_be_scatter_words(const wfc_be_layer *l, uint32_t row, uint32_t col, uint32_t tile) {
    wfc_be_scatter s = {0};
    const wfc_be_split *sp = &l->split;
    uint32_t channels = l->shape.dims[l->chan_axis], ic = wfc_be_row_part(sp, row);
    for (uint32_t j = 0; j < sp->pc; j++) {
        wfc_be_interval p = wfc_be_part(channels, sp->pc, j);
        uint32_t first = p.lo + (col + sp->cols - p.lo % sp->cols) % sp->cols;
        uint32_t n = first < p.hi ? (p.hi - first + sp->cols - 1) / sp->cols * tile : 0;
        if (j > ic)
            s.above += n;
        else if (j == ic)
            s.own += n;
        else
            s.below += n;
    }
    return s;
}

static void chain_queues(rig *r, const wfc_be_scatter *s, uint8_t *in_queue, uint8_t *out_queue) {
    const uint8_t *c = r->be->slabs.data[r->l->slab].colours[(r->be->slabs.data[r->l->slab].x + r->col) & 1u];
    uint32_t pc = r->l->split.pc, ic = wfc_be_row_part(&r->l->split, r->row);
    if (ic > 0 && s->above + s->own) wfc_be_asm_bind_in(r->a, r->queue_north = (*in_queue)++, c[(ic - 1) & 1]);
    if (ic + 1 < pc && s->below + s->own)
        wfc_be_asm_bind_in(r->a, r->queue_south = (*in_queue)++, c[2 + ((ic + 1) & 1)]);
    if (ic + 1 < pc && s->above) wfc_be_asm_bind_out(r->a, r->out_south = (*out_queue)++, c[ic & 1]);
    if (ic > 0 && s->below) wfc_be_asm_bind_out(r->a, r->out_north = (*out_queue)++, c[2 + (ic & 1)]);
}

/* Start: what is on its way to other rows, farthest part first. */
static void start_chains(rig *r, uint32_t acc, const wfc_be_scatter *s) {
    uint32_t pc = r->l->split.pc, ic = wfc_be_row_part(&r->l->split, r->row), all = s->above + s->own + s->below;
    wfc_be_asm_bucket(r->a, WFC_BE_REDUCE);
    if (ic + 1 < pc && s->above) {
        uint8_t out = wfc_be_asm_out(r->a, r->out_south, WFC_F32, s->above, 0), own = row_of(r, acc, 0, 0, s->above, 1);
        if (ic == 0)
            wfc_be_asm_async(r->a, WFC_OP_VMOV, WFC_F32, out, own, WFC_OPND_NONE, r->ut_down, 0, 0);
        else
            wfc_be_asm_async(r->a, WFC_OP_VADD, WFC_F32, out, wfc_be_asm_in(r->a, r->queue_north, WFC_F32, s->above),
                             own, r->ut_down, 0, 0);
    }
    if (ic > 0 && s->below) {
        uint8_t out = wfc_be_asm_out(r->a, r->out_north, WFC_F32, s->below, 0),
                own = row_of(r, acc, 0, all - 1, s->below, -1);
        if (ic + 1 == pc)
            wfc_be_asm_async(r->a, WFC_OP_VMOV, WFC_F32, out, own, WFC_OPND_NONE, r->ut_up, 0, 0);
        else
            wfc_be_asm_async(r->a, WFC_OP_VADD, WFC_F32, out, wfc_be_asm_in(r->a, r->queue_south, WFC_F32, s->below),
                             own, r->ut_up, 0, 0);
    }
}

/* Finish: the chains are through; add what came for the own part from both sides. */
static void finish_chains(rig *r, uint32_t acc, const wfc_be_scatter *s) {
    uint32_t pc = r->l->split.pc, ic = wfc_be_row_part(&r->l->split, r->row);
    wfc_be_asm_bucket(r->a, WFC_BE_REDUCE);
    if (ic + 1 < pc && s->above) wfc_be_asm_wait(r->a, r->ut_down);
    if (ic > 0 && s->own) {
        uint8_t own = row_of(r, acc, 0, s->above, s->own, 1);
        wfc_be_asm_op(r->a, WFC_OP_VADD, WFC_F32, own, wfc_be_asm_in(r->a, r->queue_north, WFC_F32, s->own), own, 0);
    }
    if (ic > 0 && s->below) wfc_be_asm_wait(r->a, r->ut_up);
    if (ic + 1 < pc && s->own) {
        uint8_t own = row_of(r, acc, 0, s->above + s->own - 1, s->own, -1);
        wfc_be_asm_op(r->a, WFC_OP_VADD, WFC_F32, own, wfc_be_asm_in(r->a, r->queue_south, WFC_F32, s->own), own, 0);
    }
    /* The wave from either end passes all rows, and each row adds its words to it. */
    r->b->latency_cycles = (pc - 1) * (2.0 * r->be->t->ramp_latency + 1 + r->be->t->hop_latency);
}

/* Interval of its row's lane that the PE takes on an edge. */
static wfc_be_interval taken(const rig *r, uint32_t e) {
    const wfc_be_stream *s = &r->be->streams.data[r->l->edges[e].stream];
    for (uint32_t k = 0; k < s->tap_count; k++) {
        if (s->taps[k].slab == r->l->slab) return s->taps[k].accept[r->row][r->col];
    }
    return (wfc_be_interval){0, 0};
}

/* Elements of a picking edge: where each lies in the lane's interval, and the fills of the array they go to. */
static wfc_status find_picks(rig *r, uint32_t e, wfc_be_interval take) {
    const wfc_be_edge *edge = &r->l->edges[e];
    const wfc_be_where *w;
    wfc_be_list list = {0};
    WFC_TRY(wfc_be_locate(r->be, edge->stream, &w));
    WFC_TRY(wfc_be_list_box(r->be, edge->consumed, true, &r->need.edge[e], edge->fill, &list));
    bool plain = list.count == take.hi - take.lo, fills = false;
    for (uint32_t i = 0; i < list.count; i++) {
        plain &= list.ids[i] >= 0 && w->pos[list.ids[i]] == take.lo + i;
        fills |= list.ids[i] < 0 && r->be->fills.data[-1 - list.ids[i]] != 0.0f;
    }
    if (plain) return WFC_OK;
    r->edge[e] =
        (wfc_be_site){.array = wfc_be_asm_array(r->a, "picked", 4 * list.count, WFC_MEM_INPUT), .box = r->need.edge[e]};
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.ids[i] < 0) continue;
        wfc_be_pair one = {.array = r->lane[e].array, .off = r->lane[e].half_reg, .dst = i};
        one.src = w->pos[list.ids[i]] - take.lo;
        if (wfc_vec_push(&r->picks[e].v, one) != WFC_OK) return wfc_fail_memory(r->be->diag);
    }
    if (!fills) return WFC_OK;
    float *image = wfc_calloc(list.count, sizeof *image);
    if (!image) return wfc_fail_memory(r->be->diag);
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.ids[i] < 0) image[i] = r->be->fills.data[-1 - list.ids[i]];
    }
    return wfc_be_add_init(r->be, r->b, r->edge[e].array, 4 * list.count, image, WFC_BE_DATA_SAME);
}

/* Waits for this sample's words of an edge and brings them into place. */
static wfc_status next_words(rig *r, uint32_t e) {
    wfc_be_receive_next(r->a, &r->lane[e], R_TEMP);
    if (!r->picks[e].v.count) return WFC_OK;
    wfc_be_move_space to = {.array = r->edge[e].array, .pointer = R_NEST, .spare = SPARE_DESCS};
    return wfc_be_emit_moves(r->a, &r->picks[e], &to, &r->b->tables[e]);
}

static wfc_status arm_lanes(rig *r, uint8_t *queue, uint8_t *ut) {
    static const char *const NAMES[WFC_BE_MAX_EDGES] = {"in0", "in1", "in2", "in3", "in4", "in5"};
    wfc_be_asm_bucket(r->a, WFC_BE_SETUP);
    for (uint32_t e = 0; e < r->l->edge_count; e++) {
        wfc_be_interval take = taken(r, e);
        uint32_t words = take.hi - take.lo;
        if (words == 0) continue;
        if (*ut > r->be->t->microthreads || R_HALF + e >= R_NEST) {
            return wfc_fail(r->be->diag, WFC_ERR_UNSUPPORTED, "WFC-E7033", r->l->name,
                            "this layer reads %u tensors at once; a PE has microthreads for %u", r->l->edge_count,
                            r->be->t->microthreads);
        }
        wfc_be_receive_setup(r->a, &r->lane[e], NAMES[e], (*queue)++,
                             wfc_be_colour(&r->be->streams.data[r->l->edges[e].stream], r->row), (*ut)++,
                             (uint8_t)(R_HALF + e), R_TEMP, words);
        r->edge[e] = (wfc_be_site){.array = r->lane[e].array, .half_reg = r->lane[e].half_reg, .box = r->need.edge[e]};
        if (r->l->edges[e].pick) WFC_TRY(find_picks(r, e, take));
    }
    return wfc_be_asm_status(r->a);
}

static uint32_t contract_edges(const rig *r) {
    uint32_t n = 0;
    for (uint32_t e = 0; e < r->l->edge_count && r->l->has_contract; e++) {
        if (wfc_value_eq(r->l->edges[e].user, r->l->nodes[0])) n = e + 1;
    }
    return n;
}

static wfc_status front(rig *r) {
    uint32_t edges = contract_edges(r);
    wfc_be_asm_bucket(r->a, WFC_BE_RECEIVE);
    for (uint32_t e = 0; e < edges; e++) WFC_TRY(next_words(r, e));
    if (r->acc == r->out_array && r->has_output) wfc_be_asm_wait(r->a, r->ut_send);
    WFC_TRY(multiply(r, r->acc));
    wfc_be_asm_bucket(r->a, WFC_BE_RECEIVE);
    for (uint32_t e = 0; e < edges; e++) wfc_be_receive_turn(r->a, &r->lane[e]);
    return wfc_be_asm_status(r->a);
}

/* Moves a result that needs no tail into the output array, so that acc is free while it is sent. */
static void copy_out(rig *r, uint32_t array, uint32_t offset_bytes, uint8_t half_reg) {
    wfc_be_asm_bucket(r->a, WFC_BE_SEND);
    wfc_be_asm_op(r->a, WFC_OP_VMOV, WFC_F32, wfc_be_asm_row(r->a, r->out_array, 0, WFC_F32, r->out_words),
                  row_of(r, array, half_reg, offset_bytes / 4, r->out_words, 1), WFC_OPND_NONE, 0);
}

static wfc_status finish(rig *r, const wfc_be_scatter *sc) {
    wfc_be_local k = {.be = r->be,
                      .l = r->l,
                      .need = &r->need,
                      .b = r->b,
                      .edge = r->edge,
                      .out_array = r->out_array,
                      .first_reg = R_NEST};
    k.value = wfc_arena_alloc(&r->be->arena, r->l->node_count + 1, sizeof *k.value);
    if (!k.value) return wfc_fail_memory(r->be->diag);
    bool chained = r->l->has_contract && r->l->split.pc > 1;
    uint32_t edges = contract_edges(r), first = r->l->has_contract ? 1 : 0;
    if (chained) finish_chains(r, r->acc, sc);
    wfc_be_asm_bucket(r->a, WFC_BE_RECEIVE);
    for (uint32_t e = edges; e < r->l->edge_count; e++) WFC_TRY(next_words(r, e));
    if (r->out_words && r->acc != r->out_array) {
        wfc_be_asm_bucket(r->a, WFC_BE_SEND);
        if (r->has_output) wfc_be_asm_wait(r->a, r->ut_send);
        if (first) {
            k.value[0] =
                (wfc_be_site){.array = r->acc, .offset_bytes = chained ? 4 * sc->above : 0, .box = r->need.node[0]};
        }
        if (r->l->node_count == 0)
            copy_out(r, r->edge[0].array, 0, r->edge[0].half_reg);
        else if (r->l->node_count == first)
            copy_out(r, r->acc, k.value[0].offset_bytes, k.value[0].half_reg);
        else {
            if (first) WFC_TRY(wfc_be_border(&k, 0));
            WFC_TRY(wfc_be_emit_local(&k, first));
        }
    }
    wfc_be_asm_bucket(r->a, WFC_BE_SEND);
    if (r->has_output) {
        const wfc_be_stream *s = &r->be->streams.data[r->l->out_stream];
        uint8_t to =
            wfc_be_asm_out(r->a, r->out_lane, WFC_F32, r->out_words, wfc_be_lane_control(r->be, s, r->row, r->col));
        wfc_be_asm_async(r->a, WFC_OP_VMOV, WFC_F32, to, wfc_be_asm_row(r->a, r->out_array, 0, WFC_F32, r->out_words),
                         WFC_OPND_NONE, r->ut_send, 0, 0);
    }
    wfc_be_asm_bucket(r->a, WFC_BE_RECEIVE);
    for (uint32_t e = edges; e < r->l->edge_count; e++) wfc_be_receive_turn(r->a, &r->lane[e]);
    return wfc_be_asm_status(r->a);
}

static wfc_status program(rig *r, const wfc_be_scatter *sc) {
    uint32_t again = wfc_be_asm_label(r->a);
    wfc_be_asm_place(r->a, again);
    if (r->l->has_contract) WFC_TRY(front(r));
    if (r->l->has_contract && r->l->split.pc > 1) start_chains(r, r->acc, sc);
    WFC_TRY(finish(r, sc));
    wfc_be_asm_branch(r->a, WFC_OP_BRA, 0, again);
    return wfc_be_asm_status(r->a);
}

static wfc_status emit(rig *rp, bool any) {
    rig r = *rp;
    wfc_be *be = r.be;
    const wfc_be_layer *l = r.l;
    wfc_be_pe_build *out = r.b;
    uint32_t row = r.row, col = r.col;
    const wfc_be_stream *s = &be->streams.data[l->out_stream];
    r.out_words = any ? (uint32_t)wfc_be_box_elems(&r.final) : 0;
    r.has_output = s->segment[row] && s->segment[row][col];
    WFC_TRY(wfc_be_pe_begin(be, out, l->name, row, col, be->slabs.data[l->slab].x));
    r.a = out->a;
    wfc_be_asm_const_regs(r.a, R_CONST, 4);
    uint8_t queue = 0, out_queue = 0, ut = 1;
    wfc_status st = arm_lanes(&r, &queue, &ut);
    memcpy(rp->picks, r.picks, sizeof r.picks); /* the caller frees them */
    WFC_TRY(st);
    wfc_be_scatter sc = {0};
    if (r.has_output) wfc_be_asm_bind_out(r.a, r.out_lane = out_queue++, wfc_be_colour(s, row));
    if (r.out_words) r.out_array = wfc_be_asm_array(r.a, "out", 4 * r.out_words, WFC_MEM_OUTPUT);
    r.ut_send = ut++;
    if (l->split.pc > 1) {
        sc = wfc_be_scatter_words(l, row, col,
                                  (uint32_t)(wfc_be_box_elems(&r.need.chan_all) / r.need.chan_all.n[l->chan_var]));
        chain_queues(&r, &sc, &queue, &out_queue);
        r.ut_down = ut++;
        r.ut_up = ut++;
    }
    r.acc = UINT32_MAX;
    if (l->has_contract) {
        uint32_t words = (uint32_t)wfc_be_box_elems(&r.need.chan_all);
        bool own = l->node_count == 1 && l->split.pc == 1; /* the result is what is sent */
        r.acc = own ? r.out_array : wfc_be_asm_array(r.a, "acc", 4 * words, WFC_MEM_ACC);
    }
    return program(&r, &sc);
}

wfc_status wfc_be_emit_layer(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col, wfc_be_pe_build *out) {
    *out = (wfc_be_pe_build){0};
    rig r = {.be = be, .l = l, .row = row, .col = col, .b = out};
    bool any = wfc_be_out_box(be, l, row, col, &r.final);
    uint32_t group, inner;
    if (!wfc_be_row_place(&l->split, row, &group, &inner) || (!any && !(l->has_contract && l->split.pc > 1))) {
        out->empty = true;
        return WFC_OK;
    }
    WFC_TRY(wfc_be_needs(be, l, row, col, &r.need));
    if (l->has_contract && wfc_be_box_elems(&r.need.chan_all) == 0) {
        out->empty = true;
        return WFC_OK;
    }
    wfc_status st = emit(&r, any);
    for (uint32_t e = 0; e < WFC_BE_MAX_EDGES; e++) wfc_vec_free(&r.picks[e].v);
    return st;
}
