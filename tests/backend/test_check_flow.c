/* The checker's flow of words: conditions 1 and 3 of docs/deadlock.md, each broken in each way that applies. */
#include "tests/backend/test_check_build.h"

/* host 8 words -> three stages in a row -> host 8 words; colours 0..3. */
static tc *chain(void) {
    tc *t = tc_new(3, 1);
    for (unsigned x = 0; x < 3; x++) {
        uint32_t pe = tc_pe(t, x, 0, tc_stage(t, "stage", x, 8, x + 1, 8, 0));
        tc_pass(t, pe, x, W, BR);
        tc_pass(t, pe, x + 1, R, BE);
    }
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 8);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 3, 8);
    return t;
}

START_TEST(chain_is_good) {
    tc *t = chain();
    tc_good(t);
    ck_assert_uint_eq(t->stats.pes, 3);
    ck_assert_uint_eq(t->stats.lanes, 4);
    ck_assert_uint_eq(t->stats.buffered_receives, 3);
    ck_assert_uint_eq(t->stats.chain_receives, 0);
    ck_assert_uint_eq(t->stats.words_injected, 8);
    ck_assert_uint_eq(t->stats.words_collected, 8);
    ck_assert_uint_eq(t->stats.ramp_words, 24);
    ck_assert_uint_eq(t->stats.unchecked_accesses, 0);
    tc_free(t);
}
END_TEST

/* One multicast lane of 12 words to three PEs that take 4 each by filter; each sends 4, merged own-first, to the host.
 */
static tc *merge(void) {
    tc *t = tc_new(3, 1);
    for (unsigned x = 0; x < 3; x++) {
        unsigned control = x == 0 ? WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET) : WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP);
        uint32_t pe = tc_pe(t, x, 0, tc_stage(t, "column", 5, 4, 6, 4, control));
        tc_filter(tc_pass(t, pe, 5, W, x < 2 ? BR | BE : BR), 12, 4 * x, 4 * x + 4);
        if (x == 0)
            tc_pass(t, pe, 6, R, BE);
        else
            tc_merge(t, pe, 6, W, BE);
    }
    tc_stream(t, true, WFC_SIDE_WEST, 0, 5, 12);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 6, 12);
    return t;
}
static wfc_prog_route *route(tc *t, unsigned pe, unsigned i) {
    return &t->p.routers[pe].routes[i];
}

START_TEST(merge_is_good) {
    tc *t = merge();
    tc_good(t);
    ck_assert_uint_eq(t->stats.merges, 2);
    ck_assert_uint_eq(t->stats.lanes, 2);
    ck_assert_uint_eq(t->stats.ramp_words, 12);
    tc_free(t);
}
END_TEST

START_TEST(filter_over_several_periods) {
    tc *t = merge(); /* period 6, [0,2): 4 of 12 in two pieces each */
    for (unsigned x = 0; x < 3; x++) tc_filter(route(t, x, 0), 6, 2 * x, 2 * x + 2);
    tc_good(t);
    ck_assert_uint_eq(t->stats.ramp_words, 12);
    tc_free(t);
}
END_TEST

static void set_control(tc *t, unsigned cls, unsigned control) {
    wfc_prog_class *c = &t->p.classes[cls];
    for (uint32_t i = 0; i < c->desc_count; i++)
        if (c->descs[i].kind == WFC_DESC_OUT) c->descs[i].stride[0] = (int16_t)((int)control - 0x10000);
}

START_TEST(h_switch_not_reset) {
    tc *t = merge(); /* the farthest forgets the reset */
    set_control(t, 0, WFC_CTL(WFC_CTL_NOP, WFC_CTL_NOP));
    tc_bad(t, "WFC-E0754", "PE (1,0), layer dense1", "position 1, not back in 0");
    tc_free(t);
}
END_TEST

START_TEST(switch_not_advanced) {
    tc *t = merge(); /* the middle one does not give way */
    set_control(t, 1, WFC_CTL(WFC_CTL_NOP, WFC_CTL_NOP));
    tc_bad(t, "WFC-E0753", "PE (1,0)",
           "4 words and 1 control words stay in front of in-port W, the first from PE (0,0)");
    tc_free(t);
}
END_TEST

START_TEST(switch_reset_too_early) {
    tc *t = merge(); /* the middle one resets the lane already, so the far one's words never pass the last router */
    set_control(t, 1, WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_RESET));
    tc_bad(t, "WFC-E0753", "PE (2,0)", "in front of in-port W");
    tc_free(t);
}
END_TEST

START_TEST(unordered_join) {
    tc *t = merge();
    route(t, 1, 1)->out[0][W] = BE;
    tc_bad(t, "WFC-E0752", "PE (1,0)", "in-ports W and RAMP are open at once for the same out-port");
    tc_free(t);
}
END_TEST

START_TEST(e_two_lanes_of_one_colour_at_a_router) {
    tc *t = chain(); /* the middle stage sends on the colour it receives */
    t->p.classes[1].out_queues[0].colour = 1;
    route(t, 1, 0)->out[0][R] = BE;
    route(t, 2, 0)->colour = 1;
    t->p.routers[1].route_count = 1;
    t->p.classes[2].in_queues[0].colour = 1;
    tc_bad(t, "WFC-E0752", "PE (1,0)", "two lanes of one colour");
    tc_free(t);
}
END_TEST

START_TEST(routes_in_a_cycle) {
    tc *t = tc_new(2, 2); /* colour 0 around a square */
    const unsigned x[4] = {0, 1, 0, 1}, y[4] = {0, 0, 1, 1}, in[4] = {S, W, E, N}, out[4] = {BE, BS, BN, BW};
    for (unsigned i = 0; i < 4; i++) tc_pass(t, tc_pe(t, x[i], y[i], NULL), 0, in[i], out[i]);
    tc_bad(t, "WFC-E0751", "colour 0", "form a cycle");
    tc_free(t);
}
END_TEST

START_TEST(routes_meet_again) {
    tc *t = tc_new(2, 2); /* (0,0) multicasts E and S, both reach (1,1) */
    tc_pass(t, tc_pe(t, 0, 0, NULL), 0, W, BE | BS);
    tc_pass(t, tc_pe(t, 1, 0, NULL), 0, W, BS);
    tc_pass(t, tc_pe(t, 0, 1, NULL), 0, N, BE);
    uint32_t pe = tc_pe(t, 1, 1, NULL);
    wfc_prog_route *r = tc_route(t, pe, 0, 1);
    r->out[0][N] = r->out[0][W] = BE;
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 4);
    tc_stream(t, false, WFC_SIDE_EAST, 1, 0, 8);
    tc_bad(t, "WFC-E0751", "colour 0", "must be a tree");
    tc_free(t);
}
END_TEST

START_TEST(route_leads_nowhere) {
    tc *t = chain();
    route(t, 0, 1)->out[0][R] = BE | BS;
    tc_bad(t, "WFC-E0751", "PE (0,0)", "colour 1 leaves through S where nobody takes it");
    tc_free(t);
}
END_TEST

START_TEST(route_flipped) {
    tc *t = chain();
    route(t, 1, 0)->out[0][W] = 0;
    tc_bad(t, "WFC-E0751", "PE (0,0)", "leaves through E where nobody takes it");
    tc_free(t);
}
END_TEST

START_TEST(sender_drops_a_word) {
    tc *t = chain();
    wfc_prog_class *c = &t->p.classes[0];
    for (uint32_t i = 0; i < c->desc_count; i++)
        if (c->descs[i].kind == WFC_DESC_OUT) c->descs[i].len[3] = 7;
    tc_bad(t, "WFC-E0756", "PE (1,0), layer dense1",
           "of 7 words that arrive per sample 7 are accepted, but the program takes 8");
    tc_free(t);
}
END_TEST

START_TEST(receiver_drops_a_word) {
    tc *t = merge();
    wfc_prog_class *c = &t->p.classes[2];
    for (uint32_t i = 0; i < c->desc_count; i++)
        if (c->descs[i].kind == WFC_DESC_IN) c->descs[i].len[3] = 3;
    tc_bad(t, "WFC-E0756", "PE (2,0)", "of 12 words that arrive per sample 4 are accepted, but the program takes 3");
    tc_free(t);
}
END_TEST

START_TEST(filter_drifts) {
    tc *t = merge();
    route(t, 1, 0)->filter_period = 11;
    tc_bad(t, "WFC-E0755", "PE (1,0)", "12 words arrive per sample, but the filter counts modulo 11");
    tc_free(t);
}
END_TEST

START_TEST(filter_bounds_off_by_one) {
    tc *t = merge();
    route(t, 1, 0)->filter_hi = 9;
    tc_bad(t, "WFC-E0756", "PE (1,0)", "5 are accepted, but the program takes 4");
    tc_free(t);
}
END_TEST

START_TEST(host_gets_too_few) {
    tc *t = chain();
    t->out_streams[0].words = 9;
    tc_bad(t, "WFC-E0757", "output 'y', east edge row 0, colour 3", "8 words arrive per sample, 9 are declared");
    tc_free(t);
}
END_TEST

START_TEST(host_stream_without_route) {
    tc *t = chain();
    t->in_streams[0].colour = 7;
    tc_bad(t, "WFC-E0751", "row 0, colour 7", "no route");
    tc_free(t);
}
END_TEST

START_TEST(two_streams_at_one_port) {
    tc *t = chain();
    t->in_streams[0].words = 4;
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 4);
    tc_bad(t, "WFC-E0752", "two input streams", NULL);
    tc_free(t);
}
END_TEST

START_TEST(sends_on_an_unknown_colour) {
    tc *t = chain();
    t->p.classes[1].out_queues[0].colour = 20;
    tc_bad(t, "WFC-E0751", "PE (1,0)", "sends on colour 20, which its router does not know");
    tc_free(t);
}
END_TEST

START_TEST(nobody_feeds_the_receiver) {
    tc *t = chain();
    t->p.classes[1].in_queues[0].colour = 20;
    tc_bad(t, "WFC-E0756", "PE (1,0)", "the program takes 0 (no input queue has this colour)");
    tc_free(t);
}
END_TEST

START_TEST(c_two_colours_in_one_queue) {
    tc *t = chain();
    tc_bind_in(&t->p.classes[1], 0, 9);
    tc_bad(t, "WFC-E0762", "input queue 0 and colour 9", "a queue of its own");
    tc_free(t);
}
END_TEST

START_TEST(c_one_colour_in_two_queues) {
    tc *t = chain();
    tc_bind_out(&t->p.classes[1], 3, 2);
    tc_bad(t, "WFC-E0762", "output queue 3 and colour 2", NULL);
    tc_free(t);
}
END_TEST

START_TEST(words_pass_a_router_without_code) {
    tc *t = tc_new(3, 1); /* stage, bare router, stage */
    uint32_t a = tc_pe(t, 0, 0, tc_stage(t, "a", 0, 6, 1, 6, 0));
    uint32_t b = tc_pe(t, 1, 0, NULL), c = tc_pe(t, 2, 0, tc_stage(t, "c", 1, 6, 2, 2, 0));
    tc_pass(t, a, 0, W, BR);
    tc_pass(t, a, 1, R, BE);
    tc_pass(t, b, 1, W, BE);
    tc_pass(t, c, 1, W, BR);
    tc_pass(t, c, 2, R, BE);
    tc_stream(t, true, WFC_SIDE_WEST, 0, 0, 6);
    tc_stream(t, false, WFC_SIDE_EAST, 0, 2, 2);
    tc_good(t);
    route(t, b, 0)->out[0][W] = BE | BR; /* its copy toward the bare router's RAMP is for nobody */
    tc_bad(t, "WFC-E0756", "PE (1,0)", "takes 0 (no input queue has this colour)");
    tc_free(t);
}
END_TEST

START_TEST(delivered_control_words_are_refused) {
    tc *t = merge();
    set_control(t, 0, WFC_CTL_TASK(WFC_CTL_NOP, WFC_CTL_RESET, 3));
    route(t, 2, 1)->out[1][W] = BE | BR;
    tc_bad(t, "WFC-E0750", "PE (2,0)", "a control word of colour 6 activates a task");
    tc_free(t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {chain_is_good,
                                  merge_is_good,
                                  filter_over_several_periods,
                                  h_switch_not_reset,
                                  switch_not_advanced,
                                  switch_reset_too_early,
                                  unordered_join,
                                  e_two_lanes_of_one_colour_at_a_router,
                                  routes_in_a_cycle,
                                  routes_meet_again,
                                  route_leads_nowhere,
                                  route_flipped,
                                  sender_drops_a_word,
                                  receiver_drops_a_word,
                                  filter_drifts,
                                  filter_bounds_off_by_one,
                                  host_gets_too_few,
                                  host_stream_without_route,
                                  two_streams_at_one_port,
                                  sends_on_an_unknown_colour,
                                  nobody_feeds_the_receiver,
                                  c_two_colours_in_one_queue,
                                  c_one_colour_in_two_queues,
                                  words_pass_a_router_without_code,
                                  delivered_control_words_are_refused};
    return tc_main("check_flow", tests, sizeof tests / sizeof *tests);
}
