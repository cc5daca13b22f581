/* The program of an adapter PE (backend/adapter.c has the plan):
 *
 *   arm: lane -> in, buses -> listen buffers
 *   loop: wait lane, re-arm into the other half; copy what leaves the row into staging buffers, send them on the buses;
 *         assemble what is here already; wait for and re-arm each bus, assemble what it brought; send; turn the halves,
 *         that of the output too: a lane takes its time to be merged. With time to spare
 *         (ad->late) the lane is re-armed only when the own words are out
 *
 * Own words wait only for words of rows nearer to the listeners, upward first in the upper half of a section, downward
 * first in the lower: so the two merges cannot close a cycle where one microthread sends on both.
 * Budget: input queues 5 (lane, 2 buses x 2 directions), output queues 3, microthreads 7, colours 2 + up to 4. */
#include "backend/be.h"
#include "backend/kernels/kernel.h"

enum {
    R_TEMP = 1,
    R_HALF = 2 /* lane, then four buses: r2..r6 */,
    R_POINTER = 7,
    R_OUT = 8, /* half of the output that this sample fills */
    R_CONST = 12,
    UT_SEND = 6,
    UT_BUS = 7
};

typedef struct rig {
    wfc_be *be;
    const wfc_be_adapter *ad;
    const wfc_be_column_plan *p;
    uint32_t row, col;
    const uint32_t *pos; /* [element] in its source lane */
    wfc_be_pe_build *b;
    wfc_be_asm *a;
    wfc_be_receive lane, bus[2][2];
    uint32_t staging[2], out_array;
    uint8_t bus_queue[2], out_queue, bus_ut[2];
    uint32_t moves_left, sends_left; /* yet to be emitted */
} rig;

static void find_source(const rig *r, int32_t id, uint32_t from_row, wfc_be_pair *pair) {
    const wfc_be_column_plan *p = r->p;
    if (from_row == r->row) {
        *pair = (wfc_be_pair){.array = r->lane.array, .off = r->lane.half_reg, .src = r->pos[id] - p->take[r->row].lo};
        return;
    }
    unsigned d = from_row < r->row ? 0 : 1,
             k = wfc_be_section(r->ad, from_row) == wfc_be_section(r->ad, r->row) ? 0 : 1;
    uint32_t at =
        wfc_be_bus_position(r->ad, p, d, r->row, from_row, p->bus_pos[d][from_row][r->pos[id] - p->take[from_row].lo]);
    *pair = (wfc_be_pair){
        .array = r->bus[d][k].array, .off = r->bus[d][k].half_reg, .src = at - p->listen[d][k][r->row].lo};
}

/* Row whose source lane holds the element. */
static uint32_t source_row(const rig *r, int32_t id) {
    return r->ad->plan_row[id];
}

static wfc_status move(rig *r, const wfc_be_pairs *pairs, uint32_t array, uint8_t off, wfc_be_move_table *table) {
    r->moves_left--;
    wfc_be_move_space to = {.array = array,
                            .off = off,
                            .pointer = R_POINTER,
                            .spare = WFC_BE_TABLE_DESCS * r->moves_left + 2 * r->sends_left};
    return wfc_be_emit_moves(r->a, pairs, &to, table);
}

/* Copies of the words that the rows of one direction want. */
static wfc_status stage_words(rig *r, unsigned d) {
    const wfc_be_list *l = &r->p->insert[d][r->row];
    wfc_be_pairs pairs = {0};
    for (uint32_t i = 0; i < l->count; i++) {
        wfc_be_pair one;
        find_source(r, l->ids[i], r->row, &one);
        one.dst = i;
        if (wfc_vec_push(&pairs.v, one) != WFC_OK) {
            wfc_vec_free(&pairs.v);
            return wfc_be_asm_fail(r->a, wfc_fail_memory(r->be->diag));
        }
    }
    wfc_status st = move(r, &pairs, r->staging[d], 0, &r->b->tables[d]);
    wfc_vec_free(&pairs.v);
    return st;
}

/* The row of the section farthest from the listeners' side ends the sample on a bus. */
static uint16_t bus_control(const rig *r, unsigned d) {
    uint32_t q = r->ad->section, lo = r->ad->y + wfc_be_section(r->ad, r->row) * q, end = r->ad->y + r->ad->h;
    uint32_t hi = lo + q < end ? lo + q : end;
    const uint32_t *sum = r->p->before[d];
    bool last = (d == 0 ? sum[r->row] - sum[lo] : sum[hi] - sum[r->row + 1]) == 0;
    bool alone = sum[hi] - sum[lo] == r->p->insert[d][r->row].count;
    return alone ? 0 : last ? WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET) : WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP);
}

/* Upward first in the upper half of a section: where fewer rows go before this one. */
static bool upward_first(const rig *r) {
    uint32_t top = r->ad->y + wfc_be_section(r->ad, r->row) * r->ad->section;
    return 2 * (r->row - top) < r->ad->section;
}

static void send_bus(rig *r, unsigned d) {
    uint32_t n = r->p->insert[d][r->row].count;
    if (!n) return;
    wfc_be_asm_bucket(r->a, WFC_BE_SEND);
    r->sends_left--;
    uint8_t out = wfc_be_asm_out(r->a, r->bus_queue[d], WFC_F32, n, bus_control(r, d));
    wfc_be_asm_async(r->a, WFC_OP_VMOV, WFC_F32, out, wfc_be_asm_row(r->a, r->staging[d], 0, WFC_F32, n), WFC_OPND_NONE,
                     r->bus_ut[d], 0, 0);
}

static wfc_status stage_bus(rig *r, unsigned d) {
    if (!r->p->insert[d][r->row].count) return WFC_OK;
    wfc_be_asm_bucket(r->a, WFC_BE_SEND);
    return stage_words(r, d);
}

/* The elements of the destination interval that come over bus (d, k); d < 0: from the PE's own lane. Fills are in the
 * data image. */
static wfc_status assemble(rig *r, int d, int k) {
    const wfc_be_list *to = &r->be->streams.data[r->ad->stream].rows[r->row];
    wfc_be_interval give = r->p->give[r->row];
    wfc_be_asm_bucket(r->a, WFC_BE_COMPUTE);
    wfc_be_pairs pairs = {0};
    wfc_status st = WFC_OK;
    for (uint32_t i = give.lo; i < give.hi && st == WFC_OK; i++) {
        int32_t id = to->ids[i];
        if (id < 0) continue;
        uint32_t s = source_row(r, id);
        bool own = s == r->row;
        if (own != (d < 0)) continue;
        if (!own && (d != (s < r->row ? 0 : 1) || k != (wfc_be_section(r->ad, s) != wfc_be_section(r->ad, r->row))))
            continue;
        wfc_be_pair one;
        find_source(r, id, s, &one);
        one.dst = i - give.lo;
        st = wfc_vec_push(&pairs.v, one);
    }
    if (st == WFC_OK)
        st = move(r, &pairs, r->out_array, R_OUT, &r->b->tables[d < 0 ? 2 : 3 + 2 * d + k]);
    else
        st = wfc_be_asm_fail(r->a, wfc_fail_memory(r->be->diag));
    wfc_vec_free(&pairs.v);
    return st;
}

static wfc_status fill_constants(rig *r) {
    const wfc_be_list *to = &r->be->streams.data[r->ad->stream].rows[r->row];
    wfc_be_interval give = r->p->give[r->row];
    bool any = false;
    for (uint32_t i = give.lo; i < give.hi; i++) any |= to->ids[i] < 0 && r->be->fills.data[-1 - to->ids[i]] != 0.0f;
    if (!any) return WFC_OK; /* memory starts as zero */
    uint32_t n = give.hi - give.lo;
    float *image = wfc_calloc(2 * (size_t)n, sizeof *image);
    if (!image) return wfc_fail_memory(r->be->diag);
    for (uint32_t i = 0; i < 2 * n; i++) {
        int32_t id = to->ids[give.lo + i % n];
        if (id < 0) image[i] = r->be->fills.data[-1 - id];
    }
    return wfc_be_add_init(r->be, r->b, r->out_array, 8 * n, image, WFC_BE_DATA_OWN);
}

/* Rows that the last word wanted of a section's bus has come to `at`, `hi` words after the first. */
static uint32_t way_of(const rig *r, uint32_t at, unsigned d, uint32_t section, uint32_t hi) {
    const uint32_t *sum = r->p->before[d];
    uint32_t top = r->ad->y + section * r->ad->section, end = r->ad->y + r->ad->h;
    uint32_t bottom = top + r->ad->section < end ? top + r->ad->section : end;
    uint32_t row = d == 0 ? (bottom < at ? bottom : at) : (top > at + 1 ? top : at + 1), from = row;
    if (d == 0) {
        while (from > top && sum[row] - sum[from] < hi) from--;
        return at - from;
    }
    while (from < bottom && sum[from] - sum[row] < hi) from++;
    return from - at;
}

/* Rows to the farthest source of what row `at` hears in a direction; 0: it hears nothing. */
static uint32_t reach_of(const rig *r, uint32_t at, unsigned d) {
    uint32_t section = wfc_be_section(r->ad, at), most = 0;
    for (unsigned k = 0; k < 2; k++) {
        wfc_be_interval l = r->p->listen[d][k][at];
        if (l.hi == l.lo) continue;
        uint32_t rows = way_of(r, at, d, section + (k == 0 ? 0u : d == 0 ? UINT32_MAX : 1u), l.hi);
        if (rows > most) most = rows;
    }
    return most;
}

/* The bus of the section before passes `row`: a row from there on, in its direction, listens to it. */
static bool passes(const rig *r, unsigned d) {
    uint32_t section = wfc_be_section(r->ad, r->row);
    for (uint32_t at = r->row; at >= r->ad->y && at < r->ad->y + r->ad->h && wfc_be_section(r->ad, at) == section;
         at += d == 0 ? 1u : UINT32_MAX) {
        if (r->p->listen[d][1][at].hi > r->p->listen[d][1][at].lo) return true;
    }
    return false;
}

/* From the PE's own words on a bus to the last that it takes from one: until all words of the busier direction have
 * passed. Its own may be the first of them, but they stand in line with those of the other section, and rows that are
 * through sooner wait for their neighbours in the next sample. The way counts between rows that wait for each other:
 * one that only gives is a sample ahead. */
static double bus_wait(const rig *r) {
    double most = 0;
    for (unsigned d = 0; d < 2; d++) {
        uint32_t rows = reach_of(r, r->row, d);
        if (!rows) continue;
        double words = r->p->arrive[d][0][r->row] + (passes(r, d) ? r->p->arrive[d][1][r->row] : 0);
        uint32_t back = reach_of(r, d == 0 ? r->row - rows : r->row + rows - 1, 1 - d);
        double cycles = words + (back < rows ? back : rows) * (double)r->be->t->hop_latency;
        if (cycles > most) most = cycles;
    }
    return most;
}

static void arm_all(rig *r) {
    const wfc_be_column_plan *p = r->p;
    const wfc_be_slab *slab = &r->be->slabs.data[r->ad->slab];
    const uint8_t *colours = slab->colours[(slab->x + r->col) & 1u];
    const wfc_be_interval take = p->take[r->row];
    uint8_t queue = 0, ut = 1, reg = R_HALF;
    if (take.hi > take.lo) {
        wfc_be_receive_setup(r->a, &r->lane, "lane", queue++,
                             wfc_be_colour(&r->be->streams.data[r->ad->source], r->row), ut++, reg++, R_TEMP,
                             take.hi - take.lo);
    }
    for (unsigned d = 0; d < 2; d++) {
        for (unsigned k = 0; k < 2; k++) {
            wfc_be_interval l = p->listen[d][k][r->row];
            if (l.hi == l.lo) continue;
            uint32_t section = wfc_be_section(r->ad, r->row) + (k == 0 ? 0u : d == 0 ? UINT32_MAX : 1u);
            r->moves_left++;
            wfc_be_receive_setup(r->a, &r->bus[d][k], "bus", queue++, colours[d * 2 + (section & 1)], ut++, reg++,
                                 R_TEMP, l.hi - l.lo);
        }
    }
    /* A PE that listens to four buses has one microthread for the two that it sends on: its words for the second go
     * behind those of many rows anyway. */
    r->bus_ut[0] = r->bus_ut[1] = UT_BUS;
    if (ut < UT_SEND && r->p->insert[0][r->row].count && r->p->insert[1][r->row].count) r->bus_ut[1] = ut;
}

static void outputs(rig *r) {
    const wfc_be_slab *slab = &r->be->slabs.data[r->ad->slab];
    const uint8_t *colours = slab->colours[(slab->x + r->col) & 1u];
    uint32_t section = wfc_be_section(r->ad, r->row);
    uint8_t queue = 0;
    r->out_queue = queue;
    uint32_t n = r->p->give[r->row].hi - r->p->give[r->row].lo;
    if (n) {
        r->moves_left++;
        r->sends_left++;
        wfc_be_asm_bind_out(r->a, queue++, wfc_be_colour(&r->be->streams.data[r->ad->stream], r->row));
        r->out_array = wfc_be_asm_array(r->a, "out", 8 * n, WFC_MEM_OUTPUT);
        wfc_be_asm_op(r->a, WFC_OP_MOVI, WFC_F32, R_OUT, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    }
    for (unsigned d = 0; d < 2; d++) {
        uint32_t m = r->p->insert[d][r->row].count;
        if (!m) continue;
        r->moves_left++;
        r->sends_left++;
        r->bus_queue[d] = queue;
        wfc_be_asm_bind_out(r->a, queue++, colours[d * 2 + (section & 1)]);
        r->staging[d] = wfc_be_asm_array(r->a, d == 0 ? "down" : "up", 4 * m, WFC_MEM_SCRATCH);
    }
}

/* Cycles of the main context so far. */
static double main_cycles(const rig *r) {
    const wfc_be_cost *c = wfc_be_asm_cost(r->a);
    double sum = 0;
    for (unsigned i = 0; i < WFC_BE_BUCKETS; i++) sum += c[i].overhead_cycles + c[i].busy_cycles;
    return sum;
}

/* Words of the section that go before those of this row on a bus, and its own. */
static double turn_of(const rig *r, unsigned d) {
    uint32_t lo = r->ad->y + wfc_be_section(r->ad, r->row) * r->ad->section, end = r->ad->y + r->ad->h;
    uint32_t hi = lo + r->ad->section < end ? lo + r->ad->section : end;
    const uint32_t *sum = r->p->before[d];
    return d == 0 ? sum[hi] - sum[r->row] : sum[r->row + 1] - sum[lo];
}

/* Puts own words on the buses, and assembles those that stay. */
static wfc_status own_words(rig *r) {
    unsigned first = upward_first(r) ? 1 : 0, second = 1 - first;
    bool shared = r->bus_ut[0] == r->bus_ut[1] && r->p->insert[0][r->row].count && r->p->insert[1][r->row].count;
    bool gives = r->p->give[r->row].hi > r->p->give[r->row].lo;
    for (unsigned d = 0; d < (shared ? 1 : 2); d++) { /* those of the sample before are out */
        if (r->p->insert[d][r->row].count) wfc_be_asm_wait(r->a, r->bus_ut[d]);
    }
    WFC_TRY(stage_bus(r, first));
    send_bus(r, first);
    WFC_TRY(stage_bus(r, second));
    if (!shared) send_bus(r, second);
    double before = main_cycles(r);
    if (gives) WFC_TRY(assemble(r, -1, 0));
    double meanwhile = main_cycles(r) - before, wait = bus_wait(r);
    if (shared) wait += turn_of(r, first) / 2; /* fitted: others wait for the second words behind it */
    r->b->latency_cycles = wait > meanwhile ? wait - meanwhile : 0;
    if (shared) send_bus(r, second);
    return WFC_OK;
}

wfc_status wfc_be_emit_adapter(wfc_be *be, const wfc_be_adapter *ad, uint32_t row, uint32_t col, wfc_be_pe_build *out) {
    *out = (wfc_be_pe_build){0};
    const wfc_be_column_plan *p = &ad->plan[col];
    if (row < ad->y || row >= ad->y + ad->h) {
        out->empty = true;
        return WFC_OK;
    }
    rig r = {.be = be, .ad = ad, .p = p, .row = row, .col = col, .b = out};
    r.pos = be->streams.data[ad->source].where->pos; /* made when the adapter was sized */
    uint32_t n = p->give[row].hi - p->give[row].lo;
    if (n == 0 && p->take[row].hi == p->take[row].lo) {
        out->empty = true;
        return WFC_OK;
    }
    WFC_TRY(wfc_be_pe_begin(be, out, ad->name, row, col, be->slabs.data[ad->slab].x));
    r.a = out->a;
    wfc_be_asm_const_regs(r.a, R_CONST, 4);
    wfc_be_asm_bucket(r.a, WFC_BE_SETUP);
    arm_all(&r);
    outputs(&r);
    uint32_t again = wfc_be_asm_label(r.a);
    wfc_be_asm_place(r.a, again);
    wfc_be_asm_bucket(r.a, WFC_BE_RECEIVE);
    wfc_be_receive_wait(r.a, &r.lane);
    if (!ad->late) wfc_be_receive_arm(r.a, &r.lane, R_TEMP);
    WFC_TRY(own_words(&r));
    for (unsigned d = 0; d < 2; d++) {
        for (unsigned k = 0; k < 2; k++) {
            wfc_be_asm_bucket(r.a, WFC_BE_RECEIVE);
            wfc_be_receive_next(r.a, &r.bus[d][k], R_TEMP);
            if (n && r.bus[d][k].ut) WFC_TRY(assemble(&r, (int)d, (int)k));
        }
    }
    if (n) {
        WFC_TRY(fill_constants(&r));
        wfc_be_asm_bucket(r.a, WFC_BE_SEND);
        uint16_t ctl = wfc_be_lane_control(be, &be->streams.data[ad->stream], row, col);
        uint8_t to = wfc_be_asm_out(r.a, r.out_queue, WFC_F32, n, ctl);
        wfc_be_mem words = {
            .array = r.out_array, .type = WFC_F32, .off = R_OUT, .len = {1, 1, 1, n}, .stride = {0, 0, 0, 1}};
        wfc_be_asm_async(r.a, WFC_OP_VMOV, WFC_F32, to, wfc_be_asm_mem(r.a, &words), WFC_OPND_NONE, UT_SEND, 0, 0);
        wfc_be_asm_op(r.a, WFC_OP_XOR, WFC_I32, R_OUT, R_OUT, WFC_OPND_NONE, (uint16_t)(4 * n));
    }
    wfc_be_asm_bucket(r.a, WFC_BE_RECEIVE);
    if (ad->late) {
        if (n) wfc_be_asm_wait(r.a, UT_SEND);
        wfc_be_receive_arm(r.a, &r.lane, R_TEMP);
    }
    wfc_be_receive_turn(r.a, &r.lane);
    for (unsigned d = 0; d < 2; d++) {
        for (unsigned k = 0; k < 2; k++) wfc_be_receive_turn(r.a, &r.bus[d][k]);
    }
    wfc_be_asm_branch(r.a, WFC_OP_BRA, 0, again);
    return wfc_be_asm_status(r.a);
}
