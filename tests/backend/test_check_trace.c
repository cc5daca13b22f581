/* The checker's machine: which PE programs it follows, how it knows registers, buffers and microthreads (condition 2),
 * and what it refuses. One PE between two host streams: 8 words in on colour 0, 8 out on colour 1. */
#include "tests/backend/test_check_build.h"

static tc *one_pe(wfc_prog_class **out_class) {
    tc *t = tc_new(1, 1);
    *out_class = tc_class(t, "one");
    uint32_t pe = tc_pe(t, 0, 0, *out_class);
    tc_pass(t, pe, 0, W, BR);
    tc_pass(t, pe, 1, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 8);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 1, 8);
    return t;
}

/* Receive as usual; the body is between begin and finish. */
static uint32_t begin(wfc_prog_class *c) {
    tc_lane l = tc_lane_arm(c, 0, 0, 1, 1, 0x1000, 8);
    tc_bind_out(c, 0, 1);
    uint32_t head = c->insn_count;
    tc_lane_next(c, &l);
    return head;
}
static void finish(wfc_prog_class *c, uint32_t head) {
    tc_vmov(c, tc_out(c, 0, 8, 0), tc_mem(c, 0x3000, 0, 8));
    tc_back(c, head);
}
static void loop(wfc_prog_class *c, unsigned count, unsigned body) {
    tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, NONE, count & 255, count >> 8, (int)body);
}

START_TEST(stage_is_good) {
    tc *t = tc_new(1, 1);
    uint32_t pe = tc_pe(t, 0, 0, tc_stage(t, "s", 0, 8, 1, 8, 0));
    tc_pass(t, pe, 0, W, BR);
    tc_pass(t, pe, 1, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 8);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 1, 8);
    tc_good(t);
    ck_assert_uint_eq(t->stats.max_microthreads, 1);
    tc_free(t);
}
END_TEST

START_TEST(fabric_in_counted_loop) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    loop(c, 4, 2); /* 4 times 2 words out, from a walking offset */
    tc_vmov(c, tc_out(c, 0, 2, 0), tc_mem(c, 0x3000, 5, 2));
    tc_alu(c, WFC_OP_ADD, 5, 5, 8);
    tc_movi(c, 5, 0);
    tc_back(c, head);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(loop_count_from_the_parameter_block) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, 9, NONE, NONE, 1);
    tc_vmov(c, tc_out(c, 0, 2, 0), tc_mem(c, 0x3000, 0, 2));
    tc_back(c, head);
    t->p.pes[0].reg_count = 9;
    t->p.regs_count = 9;
    t->regs[8] = 4;
    tc_good(t);
    t->regs[8] = 3;
    tc_bad(t, "WFC-E0757", "6 words arrive per sample, 8 are declared", NULL);
    tc_free(t);
}
END_TEST

START_TEST(same_class_other_parameters) {
    tc *t = tc_new(1, 2); /* two rows of one class, 2 and 4 sends of 2 words */
    wfc_prog_class *c = tc_class(t, "rows");
    uint32_t head = begin(c);
    tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, 9, NONE, NONE, 1);
    tc_vmov(c, tc_out(c, 0, 2, 0), tc_mem(c, 0x3000, 0, 2));
    tc_back(c, head);
    for (unsigned y = 0; y < 2; y++) {
        uint32_t pe = tc_pe(t, 0, y, c);
        tc_pass(t, pe, 0, W, BR);
        tc_pass(t, pe, 1, R, BE);
        tc_stream(t, true, WFC_SIDE_WEST, y, 0, 8);
        tc_stream(t, false, WFC_SIDE_EAST, y, 1, y ? 8 : 4);
        t->p.pes[pe].reg_count = 9;
        t->p.pes[pe].regs_first = 9 * y;
        t->regs[9 * y + 8] = y ? 4 : 2;
    }
    t->p.regs_count = 18;
    tc_good(t);
    ck_assert_uint_eq(t->stats.traces, 2);
    tc_free(t);
}
END_TEST

START_TEST(long_loop_is_summed_up) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_movi(c, 5, 0);
    tc_movi(c, 7, 0);
    tc_movi(c, 12, 1);
    loop(c, 50000, 8); /* r5 += 3 * 50000, r6 = 9, r7 = 20 * 50000 from an inner loop, r12 stays 1, r13 = r12 * r12 */
    tc_mov(c, 11, 12);
    tc_mov(c, 12, 11);
    tc_insn(c, WFC_OP_MUL, WFC_I32, 0, 13, 12, 12, NONE, 0);
    tc_alu(c, WFC_OP_ADD, 5, 5, 3);
    tc_movi(c, 6, 9);
    tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, NONE, 10, 0, 2);
    tc_alu(c, WFC_OP_ADD, 7, 7, 2);
    tc_vadd(c, tc_mem(c, 0x3000, 0, 8), tc_mem(c, 0x3000, 0, 8), tc_mem(c, 0x3100, 0, 8));
    tc_movi(c, 8, 1); /* 8 = 150000 == 5: r8 keeps count of what is right */
    tc_movi(c, 9, (int)(150000u & 0xffffu));
    tc_insn(c, WFC_OP_MOVIH, 0, 0, 9, NONE, NONE, NONE, 150000 >> 16);
    tc_insn(c, WFC_OP_CMPEQ, WFC_I32, 0, 8, 5, 9, NONE, 0);
    tc_movi(c, 9, (int)(1000000u & 0xffffu));
    tc_insn(c, WFC_OP_MOVIH, 0, 0, 9, NONE, NONE, NONE, 1000000 >> 16);
    tc_insn(c, WFC_OP_CMPEQ, WFC_I32, 0, 10, 7, 9, NONE, 0);
    tc_insn(c, WFC_OP_ADD, WFC_I32, 0, 8, 8, 10, NONE, 0);
    tc_insn(c, WFC_OP_ADD, WFC_I32, 0, 8, 8, 6, NONE, 0); /* 11 */
    tc_alu(c, WFC_OP_SUB, 8, 8, 10);                      /* 1: send once */
    tc_insn(c, WFC_OP_MUL, WFC_I32, 0, 8, 8, 13, NONE, 0);
    tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, 8, NONE, NONE, 1);
    finish(c, head);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(endless_counter_is_refused) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_alu(c, WFC_OP_ADD, 5, 5, 1);
    finish(c, head);
    tc_bad(t, "WFC-E0750", "do not come back", NULL);
    tc_free(t);
}
END_TEST

START_TEST(data_in_memory_loops_is_fine) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    /* a sparse row: loop 100 { ldt r5, r6, r7; vmac acc[r5], r7, x[r6] }, counts and offsets from memory */
    unsigned table = tc_mem(c, 0x4000, 9, 8);
    tc_movi(c, 9, 0);
    tc_insn(c, WFC_OP_LD, 0, 0, 10, tc_mem(c, 0x4100, 0, 1), NONE, NONE, 0);
    tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, 10, NONE, NONE, 2);
    tc_insn(c, WFC_OP_LDT, 0, 0, 5, 6, 7, table, 0);
    tc_insn(c, WFC_OP_VMAC, WFC_F32, 0, tc_mem(c, 0x3000, 5, 4), 7, tc_mem(c, 0x1000, 6, 4), NONE, 0);
    tc_movi(c, 9, 0);
    finish(c, head);
    tc_good(t);
    ck_assert_uint_ge(t->stats.unchecked_accesses, 1);
    tc_free(t);
}
END_TEST

START_TEST(f_single_buffer) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    tc_bind_in(c, 0, 0);
    tc_bind_out(c, 0, 1);
    unsigned in = tc_in(c, 0, 8), mem = tc_mem(c, 0x1000, 0, 8);
    tc_async(c, 1, mem, in);
    uint32_t head = c->insn_count;
    tc_wait(c, 1);
    tc_vmov(c, tc_mem(c, 0x3000, 0, 8), mem);
    tc_async(c, 1, mem, in);
    finish(c, head);
    tc_bad(t, "WFC-E0758", "queue 0 use the same bytes", "two disjoint buffers");
    tc_free(t);
}
END_TEST

START_TEST(buffers_overlap_by_one_element) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    finish(c, head);
    for (uint32_t i = 0; i < c->insn_count; i++)
        if (c->insns[i].op == WFC_OP_XOR) c->insns[i].imm = 28; /* 8 words are 32 bytes */
    tc_bad(t, "WFC-E0758", "the same bytes", NULL);
    tc_free(t);
}
END_TEST

START_TEST(interleaved_buffers_are_disjoint) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    finish(c, head);
    for (uint32_t i = 0; i < c->insn_count; i++)
        if (c->insns[i].op == WFC_OP_XOR) c->insns[i].imm = 4;
    for (uint32_t i = 0; i < c->desc_count; i++)
        if (c->descs[i].kind == WFC_DESC_MEM && c->descs[i].off) c->descs[i].stride[3] = 2;
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(receive_not_armed_ahead) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    tc_bind_in(c, 0, 0);
    tc_bind_out(c, 0, 1);
    uint32_t head = c->insn_count;
    tc_alu(c, WFC_OP_XOR, 1, 1, 512);
    tc_async(c, 1, tc_mem(c, 0x1000, 1, 8), tc_in(c, 0, 8));
    tc_wait(c, 1);
    finish(c, head);
    tc_bad(t, "WFC-E0758", "colour 0", "room for one sample only");
    tc_free(t);
}
END_TEST

START_TEST(shared_microthread) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_wait(c, 1); /* the same microthread also sends */
    tc_async(c, 1, tc_out(c, 0, 8, 0), tc_mem(c, 0x3000, 0, 8));
    tc_back(c, head);
    tc_bad(t, "WFC-E0758", "colour 0", "needs a microthread of its own");
    tc_free(t);
}
END_TEST

START_TEST(asynchronous_send) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    unsigned result = tc_mem(c, 0x3000, 0, 8);
    tc_wait(c, 2); /* the send of the sample before must be over before its buffer is written again */
    tc_vmov(c, result, tc_mem(c, 0x1000, 2, 8));
    tc_async(c, 2, tc_out(c, 0, 8, 0), result);
    tc_back(c, head);
    tc_good(t);
    ck_assert_uint_eq(t->stats.max_microthreads, 2);
    c->insns[c->insn_count - 4] = (wfc_insn){.op = WFC_OP_NOP, .d = NONE, .a = NONE, .b = NONE, .c = NONE};
    tc_bad(t, "WFC-E0759", "writes bytes 12288..12319 while a microthread drains them", "send of queue 0");
    tc_free(t);
}
END_TEST

START_TEST(reads_the_buffer_being_filled) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_vmov(c, tc_mem(c, 0x3000, 0, 8), tc_mem(c, 0x1000, 1, 8)); /* r1: the next sample's buffer */
    finish(c, head);
    tc_bad(t, "WFC-E0759", "reads bytes", "while a microthread fills them (receive of queue 0");
    tc_free(t);
}
END_TEST

START_TEST(too_many_microthreads) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    finish(c, head);
    t->p.target.microthreads = 0;
    tc_bad(t, "WFC-E0763", "microthread 1; the target has 0", NULL);
    tc_free(t);
}
END_TEST

START_TEST(g_loop_with_fabric_depends_on_data) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_insn(c, WFC_OP_LD, 0, 0, 5, tc_mem(c, 0x1000, 2, 1), NONE, NONE, 0);
    tc_insn(c, WFC_OP_LOOP, 0, 0, NONE, 5, NONE, NONE, 1);
    finish(c, head);
    tc_bad(t, "WFC-E0761", "count of a loop with fabric operations depends on data", NULL);
    tc_free(t);
}
END_TEST

START_TEST(g_length_depends_on_data) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_insn(c, WFC_OP_LD, 0, 0, 5, tc_mem(c, 0x1000, 2, 1), NONE, NONE, 0);
    unsigned out = tc_out(c, 0, 8, 0);
    tc_insn(c, WFC_OP_SETD, 0, 0, out, 5, NONE, NONE, 4);
    tc_vmov(c, out, tc_mem(c, 0x3000, 0, 8));
    tc_back(c, head);
    tc_bad(t, "WFC-E0761", "length of a fabric operand depends on data", NULL);
    tc_free(t);
}
END_TEST

START_TEST(length_set_by_a_constant) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_movi(c, 5, 8);
    unsigned out = tc_out(c, 0, 1, 0), mem = tc_mem(c, 0x3000, 0, 1);
    tc_insn(c, WFC_OP_SETD, 0, 0, out, 5, NONE, NONE, 4);
    tc_insn(c, WFC_OP_SETD, 0, 0, mem, 5, NONE, NONE, 4);
    tc_vmov(c, out, mem);
    tc_back(c, head);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(g_stream_without_end) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_insn(c, WFC_OP_VSENDNZ, WFC_F32, 0, tc_out(c, 0, 8, 0), tc_mem(c, 0x3000, 0, 8), NONE, NONE, 0);
    tc_back(c, head);
    tc_bad(t, "WFC-E0761", "no control word at its end", NULL);
    tc_free(t);
}
END_TEST

START_TEST(branch_on_data) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_insn(c, WFC_OP_LD, 0, 0, 5, tc_mem(c, 0x1000, 2, 1), NONE, NONE, 0);
    uint32_t branch = tc_insn(c, WFC_OP_BRZ, 0, 0, NONE, 5, NONE, NONE, 2);
    tc_movi(c, 6, 1); /* pure code may be skipped */
    finish(c, head);
    tc_good(t);
    c->insns[branch].imm = 3; /* the send may not */
    tc_bad(t, "WFC-E0750", "a branch around fabric operations, or back, depends on data", NULL);
    tc_free(t);
}
END_TEST

START_TEST(turns_that_differ) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    tc_alu(c, WFC_OP_XOR, 5, 5, 1);
    tc_insn(c, WFC_OP_BRZ, 0, 0, NONE, 5, NONE, NONE, 2); /* sends every other sample */
    finish(c, head);
    tc_bad(t, "WFC-E0750", "two turns of its loop differ", NULL);
    tc_free(t);
}
END_TEST

START_TEST(other_shapes_are_refused) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    finish(c, head);
    c->tasks[0].flags = 0;
    tc_bad(t, "WFC-E0750", "not one local task", NULL);
    c->tasks[0].flags = WFC_TASK_ACTIVE;
    wfc_diag_deinit(&t->diag);
    c->insns[c->insn_count - 1].op = WFC_OP_HALT;
    tc_bad(t, "WFC-E0750", "no endless loop", NULL);
    wfc_diag_deinit(&t->diag);
    c->insns[c->insn_count - 1].op = WFC_OP_BRA;
    c->insns[c->insn_count - 2].op = 250;
    tc_bad(t, "WFC-E0750", "breaks the rules of wfc_program_verify", NULL);
    tc_free(t);
}
END_TEST

/* A loop of two moves whose descriptors come from a table in the initial data. */
static tc *table_moves(wfc_desc *moves, uint8_t *bulk, wfc_prog_data *data, wfc_prog_array *arrays,
                       wfc_prog_class **out) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    unsigned from = tc_mem(c, 0x1000, 0, 4), to = tc_mem(c, 0x3000, 0, 4), src = tc_mem(c, 0x5000, 9, 5);
    unsigned dst = tc_mem(c, 0x5014, 9, 5);
    tc_movi(c, 9, 0);
    loop(c, 2, 4);
    tc_insn(c, WFC_OP_LDD, 0, 0, from, src, NONE, NONE, 0);
    tc_insn(c, WFC_OP_LDD, 0, 0, to, dst, NONE, NONE, 0);
    tc_vmov(c, to, from);
    tc_alu(c, WFC_OP_ADD, 9, 9, 40);
    finish(c, head);
    for (unsigned i = 0; i < 4; i++) {
        moves[i] = (wfc_desc){WFC_DESC_MEM, WFC_F32, 0, 0x3000, {1, 1, 1, 4}, {0, 0, 0, 1}};
        if (i % 2 == 0) moves[i].off = 2; /* of the full buffer */
        moves[i].base = (uint16_t)((i % 2 ? 0x3000 : 0x1000) + 16 * (i / 2));
        wfc_desc_encode(&moves[i], bulk + 20 * i);
    }
    arrays[0] = (wfc_prog_array){"in", 0x1000, 1024, WFC_MEM_INPUT};
    arrays[1] = (wfc_prog_array){"out", 0x3000, 1024, WFC_MEM_OUTPUT};
    arrays[2] = (wfc_prog_array){"moves", 0x5000, 80, WFC_MEM_TABLE};
    c->arrays = arrays;
    c->array_count = 3;
    *data = (wfc_prog_data){0x5000, 80, 0};
    t->p.data = data;
    t->p.data_count = t->p.pes[0].data_count = 1;
    t->p.bulk = bulk;
    t->p.bulk_bytes = 80;
    *out = c;
    return t;
}

START_TEST(moves_from_a_table) {
    wfc_desc moves[4];
    uint8_t bulk[80];
    wfc_prog_data data;
    wfc_prog_array arrays[3];
    wfc_prog_class *c;
    tc *t = table_moves(moves, bulk, &data, arrays, &c);
    tc_good(t);
    moves[2].off = 1; /* the second move reads the buffer that is being filled */
    wfc_desc_encode(&moves[2], bulk + 40);
    tc_bad(t, "WFC-E0759", "while a microthread fills them", NULL);
    wfc_diag_deinit(&t->diag);
    moves[2].kind = WFC_DESC_IN;
    wfc_desc_encode(&moves[2], bulk + 40);
    tc_bad(t, "WFC-E0750", "not one of memory", NULL);
    wfc_diag_deinit(&t->diag);
    moves[2].kind = WFC_DESC_MEM;
    moves[2].off = 2;
    wfc_desc_encode(&moves[2], bulk + 40);
    moves[3].base = 0x5000;
    wfc_desc_encode(&moves[3], bulk + 60);
    tc_bad(t, "WFC-E0750", "changes the table", NULL);
    wfc_diag_deinit(&t->diag);
    data.bytes = 40; /* the rest of the table is zero */
    tc_bad(t, "WFC-E0750", "not one of memory", NULL);
    tc_free(t);
}
END_TEST

START_TEST(two_contexts_on_one_queue) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    unsigned mem = tc_mem(c, 0x3000, 0, 4), out = tc_out(c, 0, 4, 0);
    tc_async(c, 2, out, mem);
    tc_vmov(c, out, mem);
    tc_back(c, head);
    tc_bad(t, "WFC-E0750", "two contexts work on one queue", NULL);
    tc_free(t);
}
END_TEST

START_TEST(receive_over_two_samples) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    finish(c, head);
    c->insns[1].a = (uint8_t)tc_in(c, 0, 5); /* the prologue arms 5 of 8 words */
    c->insns[1].d = (uint8_t)tc_mem(c, 0x1000, 1, 5);
    tc_bad(t, "WFC-E0750", "not what the loop goes on with", NULL);
    tc_free(t);
}
END_TEST

START_TEST(many_errors_are_cut) {
    tc *t = tc_new(32, 1);
    for (unsigned x = 0; x < 32; x++) tc_pass(t, tc_pe(t, x, 0, NULL), 0, W, BN);
    tc_bad(t, "WFC-E0751", "PE (0,0)", NULL);
    ck_assert_uint_eq(t->diag.error_count, 20);
    ck_assert_uint_eq(t->diag.count, 21); /* and the note */
    tc_free(t);
}
END_TEST

START_TEST(out_of_memory_is_a_status) {
    wfc_prog_class *c;
    tc *t = one_pe(&c);
    uint32_t head = begin(c);
    finish(c, head);
    wfc_status s = WFC_ERR_NO_MEMORY;
    unsigned failures = 0;
    for (size_t n = 1; s == WFC_ERR_NO_MEMORY; n++) {
        ck_assert_uint_lt(n, 1000);
        wfc_mem_fail_nth(n);
        s = wfc_be_check(&t->p, NULL, NULL);
        failures += s == WFC_ERR_NO_MEMORY;
    }
    wfc_mem_fail_nth(0);
    ck_assert_int_eq(s, WFC_OK);
    ck_assert_uint_gt(failures, 10);
    tc_free(t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {stage_is_good,
                                  fabric_in_counted_loop,
                                  loop_count_from_the_parameter_block,
                                  same_class_other_parameters,
                                  long_loop_is_summed_up,
                                  endless_counter_is_refused,
                                  data_in_memory_loops_is_fine,
                                  f_single_buffer,
                                  buffers_overlap_by_one_element,
                                  interleaved_buffers_are_disjoint,
                                  receive_not_armed_ahead,
                                  shared_microthread,
                                  asynchronous_send,
                                  reads_the_buffer_being_filled,
                                  too_many_microthreads,
                                  g_loop_with_fabric_depends_on_data,
                                  g_length_depends_on_data,
                                  length_set_by_a_constant,
                                  g_stream_without_end,
                                  branch_on_data,
                                  turns_that_differ,
                                  other_shapes_are_refused,
                                  moves_from_a_table,
                                  two_contexts_on_one_queue,
                                  receive_over_two_samples,
                                  many_errors_are_cut,
                                  out_of_memory_is_a_status};
    return tc_main("check_trace", tests, sizeof tests / sizeof *tests);
}
