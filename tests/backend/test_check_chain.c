/* Condition 4 of docs/deadlock.md along chains: partial sums that PEs pass on word by word, and sends that several
 * receives share. */
#include "tests/backend/test_check_build.h"

/* A column of n PEs: words of each row's host stream, partial sums go down: the first sends, the others add theirs and
 * send on, word by word; the last sends to the host. */
static tc *chain_reduce(unsigned n, bool last_waits_first) {
    tc *t = tc_new(1, (uint16_t)n);
    for (unsigned y = 0; y < n; y++) {
        wfc_prog_class *c = tc_class(t, "column");
        tc_lane l = tc_lane_arm(c, 0, 0, 1, 1, 0x1000, 8);
        unsigned out_colour = y == n - 1 ? 3 : 1 + y % 2, in_colour = 1 + (y + 1) % 2;
        tc_bind_out(c, 0, out_colour);
        if (y > 0) tc_bind_in(c, 1, in_colour);
        uint32_t head = c->insn_count;
        if (!(last_waits_first && y == n - 1)) tc_lane_next(c, &l);
        unsigned own = tc_mem(c, 0x1000, 2, 8), out = tc_out(c, 0, 8, 0);
        if (y > 0)
            tc_vadd(c, out, tc_in(c, 1, 8), own);
        else
            tc_vmov(c, out, own);
        if (last_waits_first && y == n - 1) tc_lane_next(c, &l);
        tc_back(c, head);
        uint32_t pe = tc_pe(t, 0, y, c);
        tc_pass(t, pe, 0, W, BR);
        if (y > 0) tc_pass(t, pe, in_colour, N, BR);
        tc_pass(t, pe, out_colour, R, y == n - 1 ? BE : BS);
        tc_stream(t, true, WFC_SIDE_WEST, y, 0, 8);
    }
    tc_stream(t, false, WFC_SIDE_EAST, n - 1, 3, 8);
    return t;
}

START_TEST(reduce_down_a_column) {
    tc *t = chain_reduce(6, false);
    tc_good(t);
    ck_assert_uint_eq(t->stats.chain_receives, 5);
    ck_assert_uint_eq(t->stats.buffered_receives, 6);
    tc_free(t);
}
END_TEST

/* Rows reduce-scatter 3 words each as the backend does it: parts for other rows go on by microthreads, word by word,
 * then the own part is taken on the same queues; both directions at once, colours by parity. */
static tc *reduce_scatter(unsigned rows, bool wait_before_start) {
    tc *t = tc_new(1, (uint16_t)rows);
    unsigned all = 3 * rows;
    for (unsigned y = 0; y < rows; y++) {
        wfc_prog_class *c = tc_class(t, "scatter");
        unsigned down_out = 1 + y % 2, down_in = 1 + (y + 1) % 2, up_out = 3 + y % 2, up_in = 3 + (y + 1) % 2;
        unsigned above = 3 * (rows - 1 - y), below = 3 * y, own = tc_mem(c, 0x2000 + 4 * above, 0, 3);
        tc_lane l = tc_lane_arm(c, 0, 0, 1, 1, 0x1000, all);
        tc_bind_out(c, 0, 5);
        if (y > 0) tc_bind_in(c, 1, down_in);
        if (y + 1 < rows) tc_bind_in(c, 2, up_in);
        if (above) tc_bind_out(c, 1, down_out);
        if (below) tc_bind_out(c, 2, up_out);
        uint32_t head = c->insn_count;
        tc_lane_next(c, &l);
        tc_vmov(c, tc_mem(c, 0x2000, 0, all), tc_mem(c, 0x1000, 2, all));
        if (wait_before_start && y > 0) tc_vadd(c, own, tc_in(c, 1, 3), own); /* the own part comes last on the queue */
        for (unsigned up = 0; up < 2; up++) {
            unsigned n = up ? below : above, q = 1 + up, last = up ? y == rows - 1 : y == 0;
            unsigned part = tc_mem(c, 0x2000 + (up ? 4 * (above + 3) : 0), 0, n);
            if (n && last) tc_async(c, 3 + up, tc_out(c, q, n, 0), part);
            if (n && !last)
                tc_insn(c, WFC_OP_VADD, WFC_F32, WFC_FLAG_ASYNC, tc_out(c, q, n, 0), tc_in(c, q, n), part, 3 + up, 0);
        }
        if (above) tc_wait(c, 3);
        if (!wait_before_start && y > 0) tc_vadd(c, own, tc_in(c, 1, 3), own);
        if (below) tc_wait(c, 4);
        if (y + 1 < rows) tc_vadd(c, own, tc_in(c, 2, 3), own);
        tc_wait(c, 2);
        tc_vmov(c, tc_mem(c, 0x2800, 0, 3), own);
        tc_async(c, 2, tc_out(c, 0, 3, 0), tc_mem(c, 0x2800, 0, 3));
        tc_back(c, head);
        uint32_t pe = tc_pe(t, 0, y, c);
        tc_pass(t, pe, 0, W, BR);
        if (y > 0) tc_pass(t, pe, down_in, N, BR);
        if (y + 1 < rows) tc_pass(t, pe, down_out, R, BS);
        if (y + 1 < rows) tc_pass(t, pe, up_in, S, BR);
        if (y > 0) tc_pass(t, pe, up_out, R, BN);
        tc_pass(t, pe, 5, R, BE);
        tc_stream(t, true, WFC_SIDE_WEST, y, 0, all);
        tc_stream(t, false, WFC_SIDE_EAST, y, 5, 3);
    }
    return t;
}

START_TEST(reduce_scatter_both_ways) {
    for (unsigned rows = 2; rows < 7; rows++) { /* from 4 rows on, cuts travel along the chain */
        tc *t = reduce_scatter(rows, false);
        tc_good(t);
        ck_assert_uint_eq(t->stats.buffered_receives, rows);
        ck_assert_uint_eq(t->stats.chain_receives, 2 * (rows - 1));
        tc_free(t);
    }
}
END_TEST

START_TEST(reduce_scatter_that_waits_first) {
    tc *t = reduce_scatter(3, true);
    tc_good(t); /* up only starts after down has come: slower, but in order */
    tc_free(t);
}
END_TEST

START_TEST(d_waves_that_wait_for_each_other) {
    tc *t =
        reduce_scatter(3, true); /* row 0 takes the up wave before it starts the down wave; row 2 the other way round */
    wfc_prog_class *c = &t->p.classes[0];
    uint32_t start = 0, take = 0;
    for (uint32_t i = 4; i < c->insn_count; i++) {
        if (c->insns[i].op == WFC_OP_VMOV && (c->insns[i].flags & WFC_FLAG_ASYNC) && c->insns[i].c == 3) start = i;
        if (c->insns[i].op == WFC_OP_VADD) take = i;
    }
    ck_assert(start > 0 && take > start);
    wfc_insn first = c->insns[take];
    memmove(&c->insns[start + 1], &c->insns[start], (take - start) * sizeof first);
    c->insns[start] = first;
    tc_bad(t, "WFC-E0760", "deadlock", "receive 3 words of colour");
    tc_free(t);
}
END_TEST

/* A sends 60 words, B passes them on word by word, C takes them in two halves. Then A sends a word to C, which C takes
 * before its second half (`early`) or after it. */
static tc *relay_to_halves(bool early) {
    tc *t = tc_new(3, 1);
    wfc_prog_class *a = tc_class(t, "a"), *b = tc_class(t, "b"), *c = tc_class(t, "c");
    tc_lane l = tc_lane_arm(a, 0, 0, 1, 1, 0x1000, 60);
    tc_bind_out(a, 1, 1);
    tc_bind_out(a, 2, 3);
    uint32_t head = a->insn_count;
    tc_lane_next(a, &l);
    tc_vmov(a, tc_out(a, 1, 60, 0), tc_mem(a, 0x1000, 2, 60));
    tc_vmov(a, tc_out(a, 2, 1, 0), tc_mem(a, 0x2000, 0, 1));
    tc_back(a, head);
    tc_bind_in(b, 1, 1);
    tc_bind_out(b, 1, 2);
    tc_vmov(b, tc_out(b, 1, 60, 0), tc_in(b, 1, 60));
    tc_back(b, 0);
    tc_bind_in(c, 1, 2);
    tc_bind_in(c, 2, 3);
    tc_bind_out(c, 0, 4);
    for (unsigned half = 0; half < 2; half++) {
        if (half && early) tc_vmov(c, tc_mem(c, 0x2000, 0, 1), tc_in(c, 2, 1));
        tc_vmov(c, tc_mem(c, 0x1000, 0, 30), tc_in(c, 1, 30));
    }
    if (!early) tc_vmov(c, tc_mem(c, 0x2000, 0, 1), tc_in(c, 2, 1));
    tc_vmov(c, tc_out(c, 0, 1, 0), tc_mem(c, 0x2000, 0, 1));
    tc_back(c, 0);
    for (unsigned x = 0; x < 3; x++) tc_pe(t, x, 0, &t->p.classes[x]);
    tc_pass(t, 0, 0, W, BR);
    tc_pass(t, 0, 1, R, BE);
    tc_pass(t, 1, 1, W, BR);
    tc_pass(t, 1, 2, R, BE);
    tc_pass(t, 2, 2, W, BR);
    tc_pass(t, 0, 3, R, BE);
    tc_pass(t, 1, 3, W, BE);
    tc_pass(t, 2, 3, W, BR);
    tc_pass(t, 2, 4, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 60);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 4, 1);
    return t;
}

START_TEST(relay_to_halves_is_good) {
    tc *t = relay_to_halves(false);
    tc_good(t);
    tc_free(t);
}
END_TEST

START_TEST(relay_needs_the_second_half_taken) {
    tc *t = relay_to_halves(true);
    tc_bad(t, "WFC-E0760", "send 60 words on colour 1", "receive 1 words of colour 3");
    tc_free(t);
}
END_TEST

START_TEST(reduce_where_nobody_takes) {
    tc *t = chain_reduce(4, false); /* words pass from PE to PE: an end that never reaches its receive stops them all */
    wfc_prog_class *c = &t->p.classes[3];
    unsigned in = tc_in(c, 2, 4), out = tc_out(c, 2, 4, 0), mem = tc_mem(c, 0x2800, 0, 4);
    tc_bind_in(c, 2, 8);
    tc_bind_out(c, 2, 9);
    c->insn_count -= 2; /* before its vadd: receive from the top what the top sends after its own vmov */
    wfc_insn vadd = c->insns[c->insn_count];
    tc_vmov(c, mem, in);
    c->insns[c->insn_count++] = vadd;
    tc_vmov(c, out, mem);
    tc_back(c, 2);
    wfc_prog_class *top = &t->p.classes[0];
    tc_bind_out(top, 2, 8);
    top->insn_count--;
    tc_vmov(top, tc_out(top, 2, 4, 0), tc_mem(top, 0x2800, 0, 4));
    tc_back(top, 2);
    for (unsigned y = 0; y < 4; y++) tc_pass(t, y, 8, y == 0 ? R : N, y == 3 ? BR : BS);
    tc_pass(t, 3, 9, R, BE);
    tc_stream(t, false, WFC_SIDE_EAST, 3, 9, 4);
    tc_bad(t, "WFC-E0760", "deadlock", "colour 8");
    ck_assert_ptr_nonnull(strstr(t->diag.items[0].text, "receive 8 words of colour"));
    tc_free(t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {reduce_down_a_column,
                                  reduce_scatter_both_ways,
                                  reduce_scatter_that_waits_first,
                                  d_waves_that_wait_for_each_other,
                                  relay_to_halves_is_good,
                                  relay_needs_the_second_half_taken,
                                  reduce_where_nobody_takes};
    return tc_main("check_chain", tests, sizeof tests / sizeof *tests);
}
