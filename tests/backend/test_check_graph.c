/* Condition 4 of docs/deadlock.md: programs whose words all add up and which still would, or would not, deadlock. */
#include "tests/backend/test_check_build.h"

/* Node A multicasts its 4 words (colour 1) to B and to the join C; B computes and sends to C (colour 2); C adds both
 * and sends to the host (colour 3). C is written by the caller. */
static tc *reconvergent(wfc_prog_class **out_join) {
    tc *t = tc_new(3, 1);
    uint32_t a = tc_pe(t, 0, 0, tc_stage(t, "a", 0, 4, 1, 4, 0));
    uint32_t b = tc_pe(t, 1, 0, tc_stage(t, "b", 1, 4, 2, 4, 0));
    *out_join = tc_class(t, "join");
    uint32_t c = tc_pe(t, 2, 0, *out_join);
    tc_pass(t, a, 0, W, BR);
    tc_pass(t, a, 1, R, BE);
    tc_pass(t, b, 1, W, BR | BE);
    tc_pass(t, b, 2, R, BE);
    tc_pass(t, c, 1, W, BR);
    tc_pass(t, c, 2, W, BR);
    tc_pass(t, c, 3, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 4);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 3, 4);
    return t;
}

START_TEST(join_with_two_buffered_lanes) {
    wfc_prog_class *c;
    tc *t = reconvergent(&c);
    tc_lane skip = tc_lane_arm(c, 0, 1, 1, 1, 0x1000, 4), deep = tc_lane_arm(c, 1, 2, 2, 3, 0x1800, 4);
    tc_bind_out(c, 0, 3);
    uint32_t head = c->insn_count;
    tc_lane_next(c, &deep);
    tc_lane_next(c, &skip);
    tc_vadd(c, tc_mem(c, 0x2000, 0, 4), tc_mem(c, 0x1000, 2, 4), tc_mem(c, 0x1800, 4, 4));
    tc_vmov(c, tc_out(c, 0, 4, 0), tc_mem(c, 0x2000, 0, 4));
    tc_back(c, head);
    tc_good(t);
    ck_assert_uint_eq(t->stats.buffered_receives, 4);
    ck_assert_uint_eq(t->stats.max_microthreads, 2);
    tc_free(t);
}
END_TEST

START_TEST(a_join_drains_one_lane_first) {
    wfc_prog_class *c;
    tc *t = reconvergent(&c); /* takes B's words before it accepts A's, but B waits for the same multicast */
    tc_bind_in(c, 0, 1);
    tc_bind_in(c, 1, 2);
    tc_bind_out(c, 0, 3);
    tc_vmov(c, tc_mem(c, 0x1000, 0, 4), tc_in(c, 1, 4));
    tc_vmov(c, tc_mem(c, 0x1800, 0, 4), tc_in(c, 0, 4));
    tc_vmov(c, tc_out(c, 0, 4, 0), tc_mem(c, 0x1000, 0, 4));
    tc_back(c, 0);
    tc_bad(t, "WFC-E0760", "receive 4 words of colour 1", "PE (2,0) [dense1] receive 4 words of colour 2");
    tc_free(t);
}
END_TEST

START_TEST(a_other_order_is_fine) {
    wfc_prog_class *c;
    tc *t = reconvergent(&c);
    tc_bind_in(c, 0, 1);
    tc_bind_in(c, 1, 2);
    tc_bind_out(c, 0, 3);
    tc_vmov(c, tc_mem(c, 0x1800, 0, 4), tc_in(c, 0, 4));
    tc_vmov(c, tc_mem(c, 0x1000, 0, 4), tc_in(c, 1, 4));
    tc_vmov(c, tc_out(c, 0, 4, 0), tc_mem(c, 0x1000, 0, 4));
    tc_back(c, 0);
    tc_good(t);
    ck_assert_uint_eq(t->stats.chain_receives, 2);
    tc_free(t);
}
END_TEST

START_TEST(b_residual_straight_from_the_fabric) {
    wfc_prog_class *c;
    tc *t = reconvergent(&c);
    tc_lane deep = tc_lane_arm(c, 1, 2, 2, 3, 0x1800, 4);
    tc_bind_in(c, 0, 1);
    tc_bind_out(c, 0, 3);
    uint32_t head = c->insn_count;
    tc_lane_next(c, &deep);
    tc_vadd(c, tc_out(c, 0, 4, 0), tc_in(c, 0, 4), tc_mem(c, 0x1800, 4, 4));
    tc_back(c, head);
    tc_bad(t, "WFC-E0760", "PE (2,0) [dense1] receive 4 words of colour 1 and send", "receive 4 words of colour 2");
    tc_free(t);
}
END_TEST

/* Two PEs in a row exchange 4 words: colour 2 east, colour 3 west; west PE also takes the host's words, both send out.
 */
static tc *exchange(wfc_prog_class **left, wfc_prog_class **right) {
    tc *t = tc_new(2, 1);
    *left = tc_class(t, "left");
    *right = tc_class(t, "right");
    uint32_t a = tc_pe(t, 0, 0, *left), b = tc_pe(t, 1, 0, *right);
    tc_pass(t, a, 0, W, BR);
    tc_pass(t, a, 2, R, BE);
    tc_pass(t, a, 3, E, BR);
    tc_pass(t, b, 2, W, BR);
    tc_pass(t, b, 3, R, BW);
    tc_pass(t, b, 4, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 4);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 4, 4);
    return t;
}

static void exchange_code(wfc_prog_class *left, wfc_prog_class *right, bool right_sends_first) {
    tc_lane l = tc_lane_arm(left, 0, 0, 1, 1, 0x1000, 4);
    tc_bind_in(left, 1, 3);
    tc_bind_out(left, 1, 2);
    uint32_t head = left->insn_count;
    tc_lane_next(left, &l);
    tc_vmov(left, tc_out(left, 1, 4, 0), tc_mem(left, 0x2000, 0, 4));
    tc_vmov(left, tc_mem(left, 0x2100, 0, 4), tc_in(left, 1, 4));
    tc_back(left, head);
    tc_bind_in(right, 1, 2);
    tc_bind_out(right, 1, 3);
    tc_bind_out(right, 2, 4);
    unsigned receive[2] = {tc_mem(right, 0x2100, 0, 4), tc_in(right, 1, 4)};
    unsigned send[2] = {tc_out(right, 1, 4, 0), tc_mem(right, 0x2000, 0, 4)};
    if (right_sends_first) tc_vmov(right, send[0], send[1]);
    tc_vmov(right, receive[0], receive[1]);
    if (!right_sends_first) tc_vmov(right, send[0], send[1]);
    tc_vmov(right, tc_out(right, 2, 4, 0), tc_mem(right, 0x2100, 0, 4));
    tc_back(right, 0);
}

START_TEST(d_synchronous_sends_both_ways) {
    wfc_prog_class *left, *right;
    tc *t = exchange(&left, &right);
    exchange_code(left, right, true);
    tc_bad(t, "WFC-E0760", "send 4 words on colour 2", "send 4 words on colour 3");
    tc_free(t);
}
END_TEST

START_TEST(d_one_side_receives_first) {
    wfc_prog_class *left, *right;
    tc *t = exchange(&left, &right);
    exchange_code(left, right, false);
    tc_good(t);
    tc_free(t);
}
END_TEST

/* A ring of two PEs: each receives 4 words of state, sends 4. `initial`: the left one sends the start in its prologue.
 */
static tc *state_ring(bool initial, bool fed) {
    tc *t = tc_new(2, 1);
    wfc_prog_class *c[2] = {tc_class(t, "left"), tc_class(t, "right")};
    for (unsigned i = 0; i < 2; i++) {
        unsigned state = tc_mem(c[i], 0x2000, 0, 4), out = tc_out(c[i], 0, 4, 0);
        tc_lane l = tc_lane_arm(c[i], 0, 1 - i, 1, 1, 0x1000, 4);
        tc_bind_out(c[i], 0, i);
        if (i == 1 && fed) tc_bind_in(c[i], 1, 5);
        if (i == 0 && initial) tc_async(c[i], 2, out, state);
        uint32_t head = c[i]->insn_count;
        tc_lane_next(c[i], &l);
        if (i == 0 && initial) tc_wait(c[i], 2);
        tc_vmov(c[i], state, tc_mem(c[i], 0x1000, 2, 4));
        if (i == 0 && initial)
            tc_async(c[i], 2, out, state);
        else
            tc_vmov(c[i], out, state);
        if (i == 1) {
            if (fed) tc_vadd(c[i], state, state, tc_in(c[i], 1, 4));
            tc_bind_out(c[i], 1, 4);
            tc_vmov(c[i], tc_out(c[i], 1, 4, 0), state);
        }
        tc_back(c[i], head);
    }
    uint32_t a = tc_pe(t, 0, 0, c[0]), b = tc_pe(t, 1, 0, c[1]);
    tc_pass(t, a, 0, R, BE);
    tc_pass(t, a, 1, E, BR);
    tc_pass(t, b, 0, W, BR);
    tc_pass(t, b, 1, R, BW);
    tc_pass(t, b, 4, R, BE);
    if (fed) tc_pass(t, b, 5, E, BR);
    if (fed) tc_stream(t, true, WFC_SIDE_EAST, 0, 5, 4);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 4, 4);
    return t;
}

START_TEST(f_state_without_a_token) {
    tc *t = state_ring(false, true);
    tc_bad(t, "WFC-E0760", "deadlock", "PE (1,0) [dense1] send 4 words on colour 1");
    tc_free(t);
}
END_TEST

START_TEST(f_state_with_a_token) {
    tc *t = state_ring(true, true);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(next_sample_waited_for_in_this_turn) {
    tc *t = tc_new(1, 1); /* `receive next; send this; wait`: fewer than no tokens on an arc, and still alive */
    wfc_prog_class *c = tc_class(t, "late");
    tc_lane l = tc_lane_arm(c, 0, 0, 1, 1, 0x1000, 8);
    tc_bind_out(c, 0, 1);
    uint32_t head = c->insn_count;
    tc_mov(c, 2, 1);
    tc_alu(c, WFC_OP_XOR, 1, 1, 512);
    tc_async(c, 1, l.memory, l.fabric); /* stalls until the receive armed before is over */
    tc_vmov(c, tc_out(c, 0, 8, 0), tc_mem(c, 0x1000, 2, 8));
    tc_wait(c, 1);
    tc_back(c, head);
    uint32_t pe = tc_pe(t, 0, 0, c);
    tc_pass(t, pe, 0, W, BR);
    tc_pass(t, pe, 1, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 8);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 1, 8);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(output_waits_for_the_next_sample) {
    tc *t =
        tc_new(1, 1); /* `receive next; wait for it; send this`: alive as long as samples come, but the last stays */
    wfc_prog_class *c = tc_class(t, "later");
    tc_lane l = tc_lane_arm(c, 0, 0, 1, 1, 0x1000, 8);
    tc_bind_out(c, 0, 1);
    uint32_t head = c->insn_count;
    tc_mov(c, 2, 1);
    tc_alu(c, WFC_OP_XOR, 1, 1, 512);
    tc_async(c, 1, l.memory, l.fabric);
    tc_wait(c, 1);
    tc_vmov(c, tc_out(c, 0, 8, 0), tc_mem(c, 0x1000, 2, 8));
    tc_back(c, head);
    uint32_t pe = tc_pe(t, 0, 0, c);
    tc_pass(t, pe, 0, W, BR);
    tc_pass(t, pe, 1, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 8);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 1, 8);
    tc_bad(t, "WFC-E0764", "PE (0,0), layer dense1", "needs input that comes 1 samples later");
    tc_free(t);
}
END_TEST

START_TEST(next_sample_needs_this_one) {
    tc *t = state_ring(true, true); /* the left one wants the next state before it hands out this one */
    wfc_prog_class *c = &t->p.classes[0];
    uint32_t n = c->insn_count;
    wfc_insn wait = {.op = WFC_OP_WAIT, .d = NONE, .a = NONE, .b = NONE, .c = 1}, send = c->insns[n - 2];
    ck_assert_uint_eq(send.flags, WFC_FLAG_ASYNC);
    c->insns[n - 1] = send;
    c->insns[n - 2] = wait;
    c->insn_count = n;
    tc_back(c, 3);
    tc_bad(t, "WFC-E0760", "deadlock", NULL);
    tc_free(t);
}
END_TEST

START_TEST(merge_order_against_program_order) {
    /* Left sends to right (colour 2), and both merge on colour 6: right's own first. Right sends its segment before it
     * takes left's words: fine. But left sends its segment before the words that right waits for: a cycle. */
    for (unsigned bad = 0; bad < 2; bad++) {
        tc *t = tc_new(2, 1);
        wfc_prog_class *left = tc_class(t, "left"), *right = tc_class(t, "right");
        tc_bind_in(left, 0, 0);
        tc_bind_out(left, 0, 2);
        tc_bind_out(left, 1, 6);
        unsigned to_right = tc_out(left, 0, 4, 0), mem = tc_mem(left, 0x2000, 0, 4);
        unsigned segment = tc_out(left, 1, 4, WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET));
        tc_vmov(left, mem, tc_in(left, 0, 4));
        tc_vmov(left, bad ? segment : to_right, mem);
        tc_vmov(left, bad ? to_right : segment, mem);
        tc_back(left, 0);
        tc_bind_in(right, 0, 2);
        tc_bind_out(right, 1, 6);
        tc_vmov(right, tc_mem(right, 0x2000, 0, 4), tc_in(right, 0, 4));
        tc_vmov(right, tc_out(right, 1, 4, WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP)), tc_mem(right, 0x2000, 0, 4));
        tc_back(right, 0);
        uint32_t a = tc_pe(t, 0, 0, left), b = tc_pe(t, 1, 0, right);
        tc_pass(t, a, 0, W, BR);
        tc_pass(t, a, 2, R, BE);
        tc_pass(t, a, 6, R, BE);
        tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 4);
        tc_pass(t, b, 2, W, BR);
        tc_merge(t, b, 6, W, BE);
        tc_stream(t, false, WFC_SIDE_EAST, 0, 6, 8);
        if (bad)
            tc_bad(t, "WFC-E0760", "PE (0,0) [dense1] send 4 words on colour 6", "PE (1,0) [dense1] receive 4 words");
        else
            tc_good(t);
        tc_free(t);
    }
}
END_TEST

START_TEST(output_of_state_alone) {
    tc *t = state_ring(true, false); /* nothing tells it how many samples there are */
    tc_bad(t, "WFC-E0765", "PE (1,0), layer dense1", "one too many");
    tc_free(t);
}
END_TEST

/* Two PEs merge on colour 6, the right one's words first; the host's words go to one of them. */
static tc *merge_where_one_is_fed(unsigned fed) {
    tc *t = tc_new(2, 1);
    for (unsigned x = 0; x < 2; x++) {
        wfc_prog_class *c = tc_class(t, x ? "right" : "left");
        unsigned mem = tc_mem(c, 0x2000, 0, 4);
        tc_bind_out(c, 0, 6);
        if (x == fed) tc_bind_in(c, 0, 0);
        if (x == fed) tc_vmov(c, mem, tc_in(c, 0, 4));
        tc_vmov(c, tc_out(c, 0, 4, x ? WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP) : WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET)),
                mem);
        tc_back(c, 0);
        uint32_t pe = tc_pe(t, x, 0, c);
        if (x == 0) tc_pass(t, pe, 6, R, BE);
        if (x == 1) tc_merge(t, pe, 6, W, BE);
        if (x <= fed) tc_pass(t, pe, 0, W, x == fed ? BR : BE);
    }
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 4);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 6, 8);
    return t;
}

START_TEST(first_of_a_merge_sets_the_pace) {
    tc *t = merge_where_one_is_fed(1);
    tc_good(t); /* the left one's words wait for the right one's */
    tc_free(t);
    t = merge_where_one_is_fed(0);
    tc_bad(t, "WFC-E0765", "PE (1,0), layer dense1", "does not wait for any input of that sample");
    tc_free(t);
}
END_TEST

START_TEST(back_pressure_sets_no_pace) {
    tc *t = tc_new(2, 1); /* left also sends to right, which waits for the host: FIFOs let left run ahead */
    wfc_prog_class *left = tc_class(t, "left"), *right = tc_class(t, "right");
    tc_bind_out(left, 0, 2);
    tc_bind_out(left, 1, 6);
    tc_vmov(left, tc_out(left, 0, 4, 0), tc_mem(left, 0x2000, 0, 4));
    tc_vmov(left, tc_out(left, 1, 4, 0), tc_mem(left, 0x2000, 0, 4));
    tc_back(left, 0);
    tc_bind_in(right, 0, 2);
    tc_bind_in(right, 1, 0);
    tc_vmov(right, tc_mem(right, 0x2000, 0, 4), tc_in(right, 1, 4));
    tc_vmov(right, tc_mem(right, 0x2000, 0, 4), tc_in(right, 0, 4));
    tc_back(right, 0);
    uint32_t a = tc_pe(t, 0, 0, left), b = tc_pe(t, 1, 0, right);
    tc_pass(t, a, 2, R, BE);
    tc_pass(t, a, 6, R, BW);
    tc_pass(t, b, 2, W, BR);
    tc_pass(t, b, 0, E, BR);
    tc_stream(t, true, WFC_SIDE_EAST, 0, 0, 4);
    tc_stream(t, false, WFC_SIDE_WEST, 0, 6, 4);
    tc_bad(t, "WFC-E0765", "PE (0,0), layer dense1", NULL);
    tc_free(t);
}
END_TEST

START_TEST(merge_order_over_samples) {
    /* Right's segment comes first. Left sends its segment of a sample only when it has right's word for the next. So
     * right must send that word before its next segment, which can only pass when left's segment of this sample has. */
    for (unsigned bad = 0; bad < 2; bad++) {
        tc *t = tc_new(2, 1);
        wfc_prog_class *left = tc_class(t, "left"), *right = tc_class(t, "right");
        tc_lane l = tc_lane_arm(left, 0, 2, 1, 1, 0x1000, 4);
        tc_bind_out(left, 1, 6);
        uint32_t head = left->insn_count;
        tc_alu(left, WFC_OP_XOR, 1, 1, 512);
        tc_async(left, 1, l.memory, l.fabric);
        tc_wait(left, 1);
        tc_vmov(left, tc_out(left, 1, 4, WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET)), tc_mem(left, 0x2000, 0, 4));
        tc_back(left, head);
        tc_bind_out(right, 0, 2);
        tc_bind_out(right, 1, 6);
        tc_lane host = tc_lane_arm(right, 0, 0, 1, 1, 0x1000, 4);
        head = right->insn_count;
        unsigned word = tc_out(right, 0, 4, 0), mem = tc_mem(right, 0x2000, 0, 4);
        unsigned segment = tc_out(right, 1, 4, WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP));
        if (!bad) tc_vmov(right, word, mem);
        tc_lane_next(right, &host);
        tc_vmov(right, segment, mem);
        if (bad) tc_vmov(right, word, mem);
        tc_back(right, head);
        uint32_t a = tc_pe(t, 0, 0, left), b = tc_pe(t, 1, 0, right);
        tc_pass(t, a, 0, W, BE);
        tc_pass(t, b, 0, W, BR);
        tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 4);
        tc_pass(t, a, 2, E, BR);
        tc_pass(t, a, 6, R, BE);
        tc_pass(t, b, 2, R, BW);
        tc_merge(t, b, 6, W, BE);
        tc_stream(t, false, WFC_SIDE_EAST, 0, 6, 8);
        if (bad)
            tc_bad(t, "WFC-E0760", "PE (0,0) [dense1] send 4 words on colour 6",
                   "PE (1,0) [dense1] send 4 words on colour 6");
        else
            tc_good(t);
        tc_free(t);
    }
}
END_TEST

START_TEST(whole_lab) {
    tc *t = tc_new(64, 64); /* 64 rows of 64 stages in one column of classes: every PE has nodes of its own */
    wfc_prog_class *c[64];
    for (unsigned x = 0; x < 63; x++) c[x] = tc_stage(t, "stage", x % 3, 8, (x + 1) % 3, 8, 0);
    c[63] = tc_stage(t, "last", 0, 8, 3, 8, 0);
    for (unsigned y = 0; y < 64; y++) {
        for (unsigned x = 0; x < 64; x++) {
            uint32_t pe = tc_pe(t, x, y, c[x]);
            tc_pass(t, pe, x % 3, W, BR);
            tc_pass(t, pe, x == 63 ? 3 : (x + 1) % 3, R, BE);
        }
        tc_stream(t, true, WFC_SIDE_WEST, y, 0, 8);
        tc_stream(t, false, WFC_SIDE_EAST, y, 3, 8);
    }
    tc_good(t);
    ck_assert_uint_eq(t->stats.pes, 4096);
    ck_assert_uint_eq(t->stats.lanes, 64 * 65);
    ck_assert_uint_eq(t->stats.events, 4096 * 4 + 64);
    tc_free(t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {join_with_two_buffered_lanes,
                                  a_join_drains_one_lane_first,
                                  a_other_order_is_fine,
                                  b_residual_straight_from_the_fabric,
                                  d_synchronous_sends_both_ways,
                                  d_one_side_receives_first,
                                  f_state_without_a_token,
                                  f_state_with_a_token,
                                  next_sample_waited_for_in_this_turn,
                                  output_waits_for_the_next_sample,
                                  next_sample_needs_this_one,
                                  merge_order_against_program_order,
                                  output_of_state_alone,
                                  first_of_a_merge_sets_the_pace,
                                  back_pressure_sets_no_pace,
                                  merge_order_over_samples,
                                  whole_lab};
    return tc_main("check_graph", tests, sizeof tests / sizeof *tests);
}
