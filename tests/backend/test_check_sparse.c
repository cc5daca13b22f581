/* Weight-sparse kernels: a table of records says where to add, how many there are stands in its first. What moves over
 * the fabric does not depend on it; where it adds is bounded by the greatest offset in any PE's table. */
#include "tests/backend/test_check_build.h"

enum { INPUT = 0x1000, HALF = 64, TABLE = 0x3000, RECORDS = 6, ACC = 0x2000, TILE = 4 };

typedef struct sparse {
    tc *t;
    wfc_prog_class *c;
    wfc_prog_array arrays[3];
    wfc_prog_data data[2];
    uint8_t bulk[2][8 * RECORDS];
    uint32_t count_of; /* instruction: the loop over the records */
} sparse;

static void put_record(sparse *x, unsigned pe, unsigned i, unsigned a, unsigned acc, uint32_t bits) {
    uint8_t *at = x->bulk[pe] + 8 * (size_t)i;
    for (unsigned b = 0; b < 2; b++) {
        at[b] = (uint8_t)(a >> 8 * b);
        at[2 + b] = (uint8_t)(acc >> 8 * b);
    }
    for (unsigned b = 0; b < 4; b++) at[4 + b] = (uint8_t)(bits >> 8 * b);
}

/* One loop over the records for one half: r8 in the input, r9 in acc, r10 weight, r11 place in the table. */
static void walk(sparse *x, unsigned half) {
    wfc_prog_class *c = x->c;
    unsigned records = tc_desc(c, (wfc_desc){WFC_DESC_MEM, WFC_U32, 11, TABLE, {1, 1, 1, 1}, {0, 0, 0, 1}});
    tc_movi(c, 11, 0);
    tc_insn(c, WFC_OP_LDT, 0, 0, 8, 9, 10, records, 0);
    x->count_of = tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, 10, 0, 0, 2);
    tc_insn(c, WFC_OP_LDT, 0, 0, 8, 9, 10, records, 0);
    tc_insn(c, WFC_OP_VMAC, WFC_F32, 0, tc_mem(c, ACC, 9, TILE), 10, tc_mem(c, INPUT + half, 8, TILE), NONE, 0);
}

/* Two PEs of a class in a column, each with a lane of its own and a table of its own. */
static void make(sparse *x) {
    *x = (sparse){.t = tc_new(1, 2)};
    tc *t = x->t;
    wfc_prog_class *c = x->c = tc_class(t, "sparse");
    x->arrays[0] = (wfc_prog_array){"in", INPUT, 2 * HALF, WFC_MEM_INPUT};
    x->arrays[1] = (wfc_prog_array){"acc", ACC, HALF, WFC_MEM_ACC};
    x->arrays[2] = (wfc_prog_array){"table", TABLE, 8 * RECORDS, WFC_MEM_TABLE};
    c->arrays = x->arrays;
    c->array_count = 3;
    unsigned in = tc_in(c, 0, HALF / 4), fill = tc_mem(c, INPUT, 1, HALF / 4);
    tc_bind_in(c, 0, 0);
    tc_bind_out(c, 0, 1);
    tc_movi(c, 1, 0);
    tc_async(c, 1, fill, in);
    uint32_t head = c->insn_count;
    tc_wait(c, 1);
    tc_mov(c, 2, 1);
    tc_alu(c, WFC_OP_XOR, 1, 1, HALF);
    tc_async(c, 1, fill, in);
    uint32_t choose = tc_insn(c, WFC_OP_BRNZ, 0, 0, NONE, 2, NONE, NONE, 0);
    walk(x, 0);
    uint32_t over = tc_insn(c, WFC_OP_BRA, 0, 0, NONE, NONE, NONE, NONE, 0);
    c->insns[choose].imm = (uint16_t)(c->insn_count - choose);
    walk(x, HALF);
    c->insns[over].imm = (uint16_t)(c->insn_count - over);
    tc_vmov(c, tc_out(c, 0, HALF / 4, 0), tc_mem(c, ACC, 0, HALF / 4));
    tc_back(c, head);
    t->p.data = x->data;
    t->p.data_count = 2;
    t->p.bulk = x->bulk[0];
    t->p.bulk_bytes = sizeof x->bulk;
    for (unsigned y = 0; y < 2; y++) {
        uint32_t pe = tc_pe(t, 0, y, c);
        tc_pass(t, pe, 0, W, BR);
        tc_pass(t, pe, 1, R, BE);
        tc_stream(t, true, WFC_SIDE_WEST, y, 0, HALF / 4);
        tc_stream(t, false, WFC_SIDE_EAST, y, 1, HALF / 4);
        x->data[y] = (wfc_prog_data){TABLE, 8 * RECORDS, y * 8 * RECORDS};
        t->p.pes[pe].data_first = y;
        t->p.pes[pe].data_count = 1;
        put_record(x, y, 0, 0, 0, 3 + y);
        for (unsigned i = 1; i < 4 + y; i++) put_record(x, y, i, HALF - 4 * TILE - 4 * i, 4 * i, 0x7fffffff);
    }
}

static void again(sparse *x) { /* the diagnostics of the last check go */
    wfc_diag_deinit(&x->t->diag);
    wfc_diag_init(&x->t->diag);
}

START_TEST(offsets_within_one_half) {
    sparse x;
    make(&x);
    tc_good(x.t);
    ck_assert_uint_eq(x.t->stats.unchecked_accesses, 0);
    ck_assert_uint_eq(x.t->stats.traces, 1);
    tc_free(x.t);
}
END_TEST

START_TEST(an_offset_into_the_half_that_fills) {
    sparse x;
    for (unsigned pe = 0; pe < 2; pe++) { /* in any table of the class */
        make(&x);
        put_record(&x, pe, 2, HALF - 4 * TILE, 0, 0); /* the last place that is still inside */
        tc_good(x.t);
        put_record(&x, pe, 2, HALF - 4 * TILE + 4, 0, 0);
        tc_bad(x.t, "WFC-E0759", "reads bytes", "while a microthread fills them");
        tc_free(x.t);
    }
}
END_TEST

START_TEST(count_from_a_parameter) {
    sparse x;
    make(&x);
    for (uint32_t i = 0; i < x.c->insn_count; i++) /* the count in r12; the first record is read as any other */
        if (x.c->insns[i].op == WFC_OP_LOOP) x.c->insns[i].a = 12;
    for (uint32_t i = 0; i < 15; i++) x.t->regs[i] = x.t->regs[15 + i] = 0;
    x.t->p.regs_count = 30;
    for (uint32_t pe = 0; pe < 2; pe++) {
        x.t->p.pes[pe].regs_first = 15 * pe;
        x.t->p.pes[pe].reg_count = 12;
        x.t->regs[15 * pe + 11] = pe ? 40000 : 3; /* turn by turn, and summed up */
    }
    tc_good(x.t);
    ck_assert_uint_eq(x.t->stats.unchecked_accesses, 0);
    ck_assert_uint_eq(x.t->stats.traces, 2);
    put_record(&x, 1, 1, HALF, 0, 0);
    tc_bad(x.t, "WFC-E0759", "reads bytes", NULL);
    tc_free(x.t);
}
END_TEST

START_TEST(table_that_may_change) {
    sparse x;
    make(&x);
    unsigned into = tc_desc(x.c, (wfc_desc){WFC_DESC_MEM, WFC_F32, 0, TABLE + 16, {1, 1, 1, 1}, {0, 0, 0, 1}});
    x.c->insn_count--;
    tc_vmov(x.c, into, tc_mem(x.c, ACC, 0, 1));
    tc_back(x.c, 2);
    tc_good(x.t); /* nothing is said of where it adds */
    ck_assert_uint_gt(x.t->stats.unchecked_accesses, 0);
    tc_free(x.t);
}
END_TEST

START_TEST(other_places_in_the_records) {
    sparse x;
    make(&x);
    for (uint32_t i = 0; i < x.c->insn_count; i++) /* from byte 4 on, weights are offsets */
        if (x.c->insns[i].op == WFC_OP_MOVI && x.c->insns[i].d == 11) x.c->insns[i].imm = 4;
    tc_bad(x.t, "WFC-E0759", "reads bytes", NULL);
    again(&x);
    for (uint32_t i = 0; i < x.c->insn_count; i++) /* the place depends on data */
        if (x.c->insns[i].op == WFC_OP_MOVI && x.c->insns[i].d == 11) {
            x.c->insns[i] = (wfc_insn){WFC_OP_LD, WFC_F32, 0, 11, (uint8_t)tc_mem(x.c, ACC, 0, 1), NONE, NONE, 0};
        }
    tc_good(x.t);
    ck_assert_uint_gt(x.t->stats.unchecked_accesses, 0);
    tc_free(x.t);
}
END_TEST

START_TEST(a_fabric_operation_in_the_loop) {
    sparse x;
    make(&x);
    wfc_insn *body = &x.c->insns[x.count_of + 2];
    *body = (wfc_insn){WFC_OP_VMOV, WFC_F32, 0, (uint8_t)tc_out(x.c, 0, 1, 0), (uint8_t)tc_mem(x.c, ACC, 0, 1),
                       NONE,        NONE,    0};
    tc_bad(x.t, "WFC-E0761", "depends on data", NULL);
    tc_free(x.t);
}
END_TEST

/* An access at an unknown place stays in its array: only the arrays that are at work matter. */
START_TEST(unknown_place_in_another_array) {
    sparse x;
    make(&x);
    x.c->insn_count--;
    tc_insn(x.c, WFC_OP_LD, WFC_F32, 0, 13, tc_mem(x.c, ACC, 0, 1), NONE, NONE, 0);
    tc_vmov(x.c, tc_mem(x.c, ACC, 13, 1), 0);
    tc_back(x.c, 2);
    tc_good(x.t);
    ck_assert_uint_eq(x.t->stats.unchecked_accesses, 0);
    x.c->insn_count--;
    tc_vmov(x.c, tc_mem(x.c, INPUT, 13, 1), 0);
    tc_back(x.c, 2);
    tc_good(x.t);
    ck_assert_uint_eq(x.t->stats.unchecked_accesses, 1);
    tc_free(x.t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {offsets_within_one_half,       an_offset_into_the_half_that_fills,
                                  count_from_a_parameter,        table_that_may_change,
                                  other_places_in_the_records,   a_fabric_operation_in_the_loop,
                                  unknown_place_in_another_array};
    return tc_main("check_sparse", tests, sizeof tests / sizeof tests[0]);
}
