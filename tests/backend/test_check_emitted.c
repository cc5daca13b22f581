/* Two forms that the backend emits, as one-PE programs: a queue from which a microthread and the main context take
 * words in turn, and moves whose descriptors come from a table in SRAM. Each in order, and broken in each way. */
#include "tests/backend/test_check_build.h"

static tc *one_pe(wfc_prog_class **out_class, unsigned words) {
    tc *t = tc_new(1, 1);
    *out_class = tc_class(t, "one");
    uint32_t pe = tc_pe(t, 0, 0, *out_class);
    tc_pass(t, pe, 0, W, BR);
    tc_pass(t, pe, 1, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, words);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 1, words);
    return t;
}

/* --- one queue, two contexts --- */
enum { WAIT_BETWEEN = 1, WAIT_AT_END = 2, MAIN_FIRST = 4 };

/* A microthread passes 4 words on with something added; the main context takes the other 4. */
static tc *shared_queue(unsigned how) {
    wfc_prog_class *c;
    tc *t = one_pe(&c, 8);
    tc_bind_in(c, 0, 0);
    tc_bind_out(c, 0, 1);
    unsigned own = tc_mem(c, 0x2000, 0, 4), part = tc_mem(c, 0x2010, 0, 4), in = tc_in(c, 0, 4),
             out = tc_out(c, 0, 4, 0);
    if (how & MAIN_FIRST) tc_vadd(c, own, in, own);
    tc_insn(c, WFC_OP_VADD, WFC_F32, WFC_FLAG_ASYNC, out, in, part, 3, 0);
    if (how & WAIT_BETWEEN) tc_wait(c, 3);
    if (!(how & MAIN_FIRST)) tc_vadd(c, own, in, own);
    if (how & WAIT_AT_END) tc_wait(c, 3);
    tc_vmov(c, out, own);
    tc_back(c, 0);
    return t;
}

START_TEST(queue_taken_in_turn) {
    tc *t = shared_queue(WAIT_BETWEEN);
    tc_good(t);
    ck_assert_uint_eq(t->stats.chain_receives, 1);
    tc_free(t);
    t = shared_queue(MAIN_FIRST | WAIT_AT_END);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(queue_taken_by_two_at_once) {
    tc *t = shared_queue(WAIT_AT_END); /* the main context takes words while the microthread does */
    tc_bad(t, "WFC-E0750", "two contexts work on one queue at the same time", NULL);
    tc_free(t);
}
END_TEST

START_TEST(queue_taken_by_two_over_the_turn) {
    tc *t = shared_queue(MAIN_FIRST); /* sends of one turn meet too */
    tc_bad(t, "WFC-E0750", "two contexts work on one queue", NULL);
    tc_free(t);
    wfc_prog_class *c;
    t = one_pe(&c, 8); /* in order within a turn; the next turn starts before the microthread is done */
    tc_bind_in(c, 0, 0);
    tc_bind_out(c, 0, 1);
    tc_bind_out(c, 1, 2);
    unsigned own = tc_mem(c, 0x2000, 0, 4), in = tc_in(c, 0, 4);
    tc_vadd(c, own, in, own);
    tc_vmov(c, tc_out(c, 1, 4, 0), own);
    tc_insn(c, WFC_OP_VADD, WFC_F32, WFC_FLAG_ASYNC, tc_out(c, 0, 4, 0), in, tc_mem(c, 0x2010, 0, 4), 3, 0);
    tc_back(c, 0);
    tc_pass(t, 0, 2, R, BW);
    t->out_streams[0].words = 4;
    tc_stream(t, false, WFC_SIDE_WEST, 0, 2, 4);
    tc_bad(t, "WFC-E0750", "two contexts work on one queue at the same time", NULL);
    wfc_diag_deinit(&t->diag);
    c->insn_count--;
    tc_wait(c, 3);
    tc_back(c, 0);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(bytes_shared_with_the_relay) {
    tc *t = shared_queue(WAIT_BETWEEN);
    wfc_prog_class *c = &t->p.classes[0];
    for (uint32_t i = 0; i < c->insn_count; i++) /* what the microthread adds is overwritten before it is waited for */
        if (c->insns[i].op == WFC_OP_WAIT) {
            c->insns[i] = (wfc_insn){WFC_OP_VMOV, WFC_F32, 0, (uint8_t)tc_mem(c, 0x2010, 0, 4), 0, NONE, NONE, 0};
            break;
        }
    tc_bad(t, "WFC-E0759", "while a microthread drains them", NULL);
    tc_free(t);
}
END_TEST

/* --- a table of moves --- */
typedef struct table {
    tc *t;
    wfc_prog_class *c;
    wfc_desc moves[4]; /* source, destination, source, destination */
    uint8_t bulk[80];
    wfc_prog_data data[2];
    wfc_prog_array arrays[4];
    uint32_t head, loop; /* instructions */
} table;

static void encode(table *x) {
    for (unsigned i = 0; i < 4; i++) wfc_desc_encode(&x->moves[i], x->bulk + WFC_DESC_BYTES * i);
}

static void make_table(table *x) {
    *x = (table){0};
    x->t = one_pe(&x->c, 8);
    wfc_prog_class *c = x->c;
    tc_lane l = tc_lane_arm(c, 0, 0, 1, 1, 0x1000, 8);
    tc_bind_out(c, 0, 1);
    x->head = c->insn_count;
    tc_lane_next(c, &l);
    tc_movi(c, 9, 0);
    unsigned from = tc_mem(c, 0x1000, 0, 4), to = tc_mem(c, 0x3000, 0, 4);
    x->loop = tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, NONE, 2, 0, 4);
    tc_insn(c, WFC_OP_LDD, 0, 0, from, tc_mem(c, 0x5000, 9, 5), NONE, NONE, 0);
    tc_insn(c, WFC_OP_LDD, 0, 0, to, tc_mem(c, 0x5014, 9, 5), NONE, NONE, 0);
    tc_alu(c, WFC_OP_ADD, 9, 9, 40);
    tc_vmov(c, to, from);
    tc_vmov(c, tc_out(c, 0, 8, 0), tc_mem(c, 0x3000, 0, 8));
    tc_back(c, x->head);
    for (unsigned i = 0; i < 4; i++) {
        x->moves[i] = (wfc_desc){WFC_DESC_MEM, WFC_F32, 0, 0x3000, {1, 1, 1, 4}, {0, 0, 0, 1}};
        if (i % 2 == 0) x->moves[i].off = 2; /* of the full buffer */
        x->moves[i].base = (uint16_t)((i % 2 ? 0x3000 : 0x1000) + 16 * (i / 2));
    }
    encode(x);
    x->arrays[0] = (wfc_prog_array){"in", 0x1000, 1024, WFC_MEM_INPUT};
    x->arrays[1] = (wfc_prog_array){"out", 0x3000, 1024, WFC_MEM_OUTPUT};
    x->arrays[2] = (wfc_prog_array){"moves", 0x5000, 80, WFC_MEM_TABLE};
    x->arrays[3] = (wfc_prog_array){"next", 0x5050, 80, WFC_MEM_SCRATCH};
    c->arrays = x->arrays;
    c->array_count = 4;
    x->data[0] = (wfc_prog_data){0x5000, 80, 0};
    x->t->p.data = x->data;
    x->t->p.data_count = x->t->p.pes[0].data_count = 1;
    x->t->p.bulk = x->bulk;
    x->t->p.bulk_bytes = sizeof x->bulk;
}

START_TEST(table_is_followed) {
    table x;
    make_table(&x);
    tc_good(x.t);
    ck_assert_uint_eq(x.t->stats.unchecked_accesses, 0);
    tc_free(x.t);
}
END_TEST

START_TEST(table_move_into_the_buffer_that_fills) {
    table x;
    make_table(&x);
    x.moves[3].base = 0x1000;
    x.moves[3].off = 1;
    encode(&x);
    tc_bad(x.t, "WFC-E0759", "writes bytes", "while a microthread fills them");
    tc_free(x.t);
}
END_TEST

START_TEST(table_of_another_kind) {
    const uint8_t kinds[] = {WFC_DESC_NONE, WFC_DESC_IN, WFC_DESC_OUT, WFC_DESC_RING, 9};
    for (size_t i = 0; i < sizeof kinds; i++) {
        table x;
        make_table(&x);
        x.bulk[40] = (uint8_t)((x.bulk[40] & 0xf0) | kinds[i]);
        tc_bad(x.t, "WFC-E0750", "not one of memory", NULL);
        tc_free(x.t);
    }
}
END_TEST

START_TEST(walk_out_of_the_table) {
    table x;
    make_table(&x);
    x.c->insns[x.loop].b = 3; /* one turn too many */
    tc_bad(x.t, "WFC-E0750", "from outside its table", NULL);
    tc_free(x.t);
    make_table(&x);
    x.arrays[2].bytes = 70; /* the last descriptor only starts in it */
    x.arrays[3] = (wfc_prog_array){"next", 0x5046, 80, WFC_MEM_SCRATCH};
    tc_bad(x.t, "WFC-E0750", "from outside its table", NULL);
    tc_free(x.t);
}
END_TEST

START_TEST(pointer_into_the_table_from_memory) {
    table x;
    make_table(&x);
    x.c->insns[x.loop - 1] = (wfc_insn){WFC_OP_LD, WFC_F32, 0, 9, (uint8_t)tc_mem(x.c, 0x3000, 0, 4), NONE, NONE, 0};
    tc_bad(x.t, "WFC-E0750", "from a place that depends on data", NULL);
    tc_free(x.t);
}
END_TEST

/* Instructions put in front of the loop's end; what they store to. */
static void before_end(table *x, wfc_insn in) {
    wfc_insn back = x->c->insns[--x->c->insn_count];
    x->c->insns[x->c->insn_count++] = in;
    back.imm--;
    x->c->insns[x->c->insn_count++] = back;
}

START_TEST(table_that_changes) {
    for (unsigned how = 0; how < 5; how++) {
        table x;
        make_table(&x);
        uint8_t word = (uint8_t)tc_mem(x.c, 0x5000, 0, 1), walked = (uint8_t)tc_mem(x.c, 0x5010, 9, 1);
        uint8_t in = (uint8_t)tc_mem(x.c, 0x3000, 0, 1), any = (uint8_t)tc_mem(x.c, 0x3004, 0, 1);
        switch (how) {
        case 0: before_end(&x, (wfc_insn){WFC_OP_VMOV, WFC_F32, 0, word, in, NONE, NONE, 0}); break;
        case 1: before_end(&x, (wfc_insn){WFC_OP_ST, WFC_F32, 0, walked, 9, NONE, NONE, 0}); break;
        case 2: before_end(&x, (wfc_insn){WFC_OP_STD, 0, 0, word, in, NONE, NONE, 0}); break;
        case 3: before_end(&x, (wfc_insn){WFC_OP_VMOV, WFC_F32, WFC_FLAG_ASYNC, word, in, NONE, 5, 0}); break;
        default: /* a loop of unknown length that stores first and then moves where it stores */
            before_end(&x, (wfc_insn){WFC_OP_LD, WFC_F32, 0, 10, in, NONE, NONE, 0});
            before_end(&x, (wfc_insn){WFC_OP_LOOP, 0, 0, NONE, 10, NONE, NONE, 2});
            before_end(&x, (wfc_insn){WFC_OP_VMOV, WFC_F32, 0, any, in, NONE, NONE, 0});
            before_end(&x, (wfc_insn){WFC_OP_SETD, 0, 0, any, 10, NONE, NONE, 0});
        }
        if (how == 3) /* the next turn loads while the microthread may still be at it */
            tc_bad(x.t, "WFC-E0759", "while a microthread fills them (copy", NULL);
        else
            tc_bad(x.t, "WFC-E0750", "changes the table", NULL);
        tc_free(x.t);
    }
}
END_TEST

START_TEST(stores_beside_the_table) {
    table x;
    make_table(&x);
    uint8_t next = (uint8_t)tc_mem(x.c, 0x5050, 0, 1), in = (uint8_t)tc_mem(x.c, 0x3000, 0, 1);
    before_end(&x, (wfc_insn){WFC_OP_VMOV, WFC_F32, 0, next, in, NONE, NONE, 0});
    tc_good(x.t);
    tc_free(x.t);
}
END_TEST

START_TEST(tables_of_two_pes) {
    /* One class, two PEs, two tables: each is followed on its own. */
    table x;
    make_table(&x);
    uint8_t both[160];
    memcpy(both, x.bulk, 80);
    x.moves[2].off = 1; /* the second PE's second move reads the buffer that fills */
    encode(&x);
    memcpy(both + 80, x.bulk, 80);
    x.data[1] = (wfc_prog_data){0x5000, 80, 80};
    x.t->p.bulk = both;
    x.t->p.bulk_bytes = sizeof both;
    x.t->p.data_count = 2;
    tc *t = x.t;
    t->p.target.height = 2;
    wfc_prog_pe *pes = calloc(2, sizeof *pes);
    wfc_prog_router *routers = calloc(2, sizeof *routers);
    if (!pes || !routers) abort();
    pes[0] = t->p.pes[0];
    routers[0] = t->p.routers[0];
    free(t->p.pes);
    free(t->p.routers);
    t->p.pes = pes;
    t->p.routers = routers;
    uint32_t pe = tc_pe(t, 0, 1, x.c);
    tc_pass(t, pe, 0, W, BR);
    tc_pass(t, pe, 1, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 1, 0, 8);
    tc_stream(t, false, WFC_SIDE_EAST, 1, 1, 8);
    pes[1].data_count = 1;
    tc_good(t); /* equal tables: data_first 0 */
    ck_assert_uint_eq(t->stats.traces, 1);
    pes[1].data_first = 1;
    tc_bad(t, "WFC-E0759", "PE (0,1)", "while a microthread fills them");
    tc_free(t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {
        queue_taken_in_turn,         queue_taken_by_two_at_once, queue_taken_by_two_over_the_turn,
        bytes_shared_with_the_relay, table_is_followed,          table_move_into_the_buffer_that_fills,
        table_of_another_kind,       walk_out_of_the_table,      pointer_into_the_table_from_memory,
        table_that_changes,          stores_beside_the_table,    tables_of_two_pes};
    return tc_main("check_emitted", tests, sizeof tests / sizeof *tests);
}
