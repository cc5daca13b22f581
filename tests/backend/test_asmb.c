/* The PE program builder: memory map, descriptors, constants, loops, limits, prediction, sharing of classes. The limit
 * tests must fail when the builder is compiled with the check switched off (WFC_OFF_*), see CMakeLists.txt. */
#include "backend/asmb.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static wfc_target target;
static wfc_diag diag;
static wfc_arena arena;
static wfc_be_asm *a;

static void set_up(void) {
    wfc_diag_init(&diag);
    wfc_arena_init(&arena);
    ck_assert_int_eq(wfc_target_load("wse2", &diag, &target), WFC_OK);
    a = wfc_be_asm_create(&target, &diag, "conv1", "conv1", "PEs (3,0)..(4,63)");
    ck_assert_ptr_nonnull(a);
}

static void tear_down(void) {
    wfc_be_asm_destroy(a);
    wfc_target_deinit(&target);
    wfc_arena_deinit(&arena);
    wfc_diag_deinit(&diag);
}

static void halt(wfc_be_asm *b) {
    wfc_be_asm_op(b, WFC_OP_HALT, WFC_F32, WFC_OPND_NONE, WFC_OPND_NONE, WFC_OPND_NONE, 0);
}

static wfc_prog_class finish_ok(wfc_be_asm *b) {
    wfc_prog_class c;
    wfc_status s = wfc_be_asm_finish(b, &arena, &c);
    ck_assert_msg(s == WFC_OK, "%s", diag.count ? diag.items[0].text : "no message");
    return c;
}

/* The builder must stop with this status, and the message must name layer, PEs and each given word. */
static void expect_error(wfc_status want, const char *word) {
    wfc_prog_class c;
    ck_assert_int_eq(wfc_be_asm_finish(a, &arena, &c), want);
    ck_assert_uint_eq(diag.error_count, 1);
    ck_assert_msg(strstr(diag.items[0].where, "conv1") != NULL && strstr(diag.items[0].where, "(3,0)..(4,63)") != NULL,
                  "where: %s", diag.items[0].where);
    ck_assert_msg(strstr(diag.items[0].text, word) != NULL, "\"%s\" not in: %s", word, diag.items[0].text);
}

START_TEST(test_memory_map) {
    uint32_t x = wfc_be_asm_array(a, "x", 10, WFC_MEM_INPUT);
    uint32_t t = wfc_be_asm_array(a, "t", 16, WFC_MEM_TABLE);
    uint32_t x2 = wfc_be_asm_array(a, "x", 4, WFC_MEM_ACC);
    uint8_t dx = wfc_be_asm_row(a, x, 4, WFC_F16, 3);
    wfc_be_asm_task(a, 5, WFC_TASK_LOCAL, WFC_TASK_ACTIVE, 0);
    wfc_be_asm_bind_in(a, 1, 7);
    wfc_be_asm_bind_out(a, 2, 8);
    wfc_be_asm_op(a, WFC_OP_VMOV, WFC_F16, dx, 0, WFC_OPND_NONE, 0);
    halt(a);
    uint32_t bytes = wfc_be_asm_bytes(a);
    wfc_prog_class c = finish_ok(a);
    ck_assert_uint_eq(wfc_prog_class_code_bytes(&c), 2 * 8 + 20 + 4 + 2 * 2);
    ck_assert_uint_eq(wfc_be_asm_addr(a, x), 44);
    ck_assert_uint_eq(wfc_be_asm_addr(a, t), 56); /* 54 rounded to 8 */
    ck_assert_uint_eq(wfc_be_asm_addr(a, x2), 72);
    ck_assert_uint_eq(bytes, 76);
    ck_assert_uint_eq(c.array_count, 3);
    ck_assert_str_ne(c.arrays[0].name, c.arrays[2].name);
    ck_assert_uint_eq(c.descs[0].base, 48);
    ck_assert_uint_eq(c.tasks[0].entry, 0);
    ck_assert_uint_eq(c.tasks[0].id, 5);
    ck_assert_uint_eq(c.in_queues[0].colour, 7);
    ck_assert_uint_eq(c.out_queues[0].queue, 2);
}
END_TEST

START_TEST(test_descriptors_are_shared) {
    uint32_t x = wfc_be_asm_array(a, "x", 400, WFC_MEM_INPUT);
    wfc_be_mem m = {.array = x, .type = WFC_F32, .len = {1, 1, 10, 10}, .stride = {0, 0, 10, 1}};
    uint8_t d0 = wfc_be_asm_mem(a, &m);
    m.stride[0] = 99; /* of a dimension with one element: means nothing */
    ck_assert_uint_eq(wfc_be_asm_mem(a, &m), d0);
    ck_assert_uint_ne(wfc_be_asm_mem_private(a, &m), d0);
    m.type = WFC_I32;
    ck_assert_uint_ne(wfc_be_asm_mem(a, &m), d0);
    ck_assert_uint_eq(wfc_be_asm_elems(a, d0), 100);
    ck_assert_uint_eq(wfc_be_asm_in(a, 3, WFC_F32, 100), wfc_be_asm_in(a, 3, WFC_F32, 100));
    ck_assert_uint_ne(wfc_be_asm_out(a, 3, WFC_F32, 100, 0),
                      wfc_be_asm_out(a, 3, WFC_F32, 100, WFC_CTL(WFC_CTL_ADVANCE, 0)));
    ck_assert_uint_eq(wfc_be_asm_elems(a, wfc_be_asm_in(a, 3, WFC_F32, 100000)), 100000);
}
END_TEST

START_TEST(test_descriptors_run_out) {
    uint32_t x = wfc_be_asm_array(a, "x", 400, WFC_MEM_INPUT);
    for (uint32_t n = 1; n <= 48; n++) wfc_be_asm_row(a, x, 0, WFC_F32, n);
    ck_assert_int_eq(wfc_be_asm_status(a), WFC_OK);
    wfc_be_asm_row(a, x, 0, WFC_F32, 49);
    halt(a);
    expect_error(WFC_ERR_NO_FIT, "48 descriptors");
}
END_TEST

START_TEST(test_descriptor_outside_its_array) {
    uint32_t x = wfc_be_asm_array(a, "x", 400, WFC_MEM_INPUT);
    wfc_be_asm_row(a, x, 4, WFC_F32, 100);
    halt(a);
    expect_error(WFC_ERR_INTERNAL, "404");
}
END_TEST

START_TEST(test_scratch_is_reused) {
    uint32_t s = wfc_be_asm_scratch(a, 100), t = wfc_be_asm_scratch(a, 40);
    ck_assert_uint_ne(s, t);
    wfc_be_asm_scratch_release(a, s);
    wfc_be_asm_scratch_release(a, t);
    ck_assert_uint_eq(wfc_be_asm_scratch(a, 30), t);  /* the smaller that is large enough */
    ck_assert_uint_eq(wfc_be_asm_scratch(a, 200), s); /* grows */
    halt(a);
    wfc_prog_class c = finish_ok(a);
    ck_assert_uint_eq(c.array_count, 2);
    ck_assert_uint_eq(c.arrays[s].bytes, 200);
}
END_TEST

START_TEST(test_constants) {
    wfc_be_asm_const_regs(a, 4, 4);
    ck_assert_uint_eq(wfc_be_asm_const(a, 0), 0);
    uint8_t r = wfc_be_asm_const(a, 0xffff8000u);
    ck_assert_uint_eq(wfc_be_asm_here(a), 1); /* sign-extended 16 bits: movi alone */
    ck_assert_uint_eq(wfc_be_asm_const(a, 0xffff8000u), r);
    ck_assert_uint_eq(wfc_be_asm_here(a), 1);
    uint8_t one = wfc_be_asm_const_f32(a, 1.0f);
    ck_assert_uint_eq(wfc_be_asm_here(a), 3); /* movi, movih */
    ck_assert(wfc_be_asm_const_pin(a, 0x3f800000u));
    wfc_be_asm_const(a, 1);
    wfc_be_asm_const(a, 2);
    for (uint32_t k = 10; k < 20; k++) ck_assert_uint_ne(wfc_be_asm_const(a, k), one);
    uint32_t here = wfc_be_asm_here(a);
    ck_assert_uint_eq(wfc_be_asm_const_f32(a, 1.0f), one); /* pinned: never evicted */
    wfc_be_asm_place(a, wfc_be_asm_label(a));
    ck_assert_uint_eq(wfc_be_asm_const_f32(a, 1.0f), one);
    ck_assert_uint_eq(wfc_be_asm_here(a), here);
    wfc_be_asm_const(a, 19); /* forgotten at the label */
    ck_assert_uint_eq(wfc_be_asm_here(a), here + 1);
    ck_assert(wfc_be_asm_const_pin(a, 77));
    ck_assert(!wfc_be_asm_const_pin(a, 78)); /* two stay free */
}
END_TEST

START_TEST(test_loops_and_labels) {
    wfc_be_asm_const_regs(a, 1, 3);
    wfc_be_asm_task(a, 0, WFC_TASK_LOCAL, WFC_TASK_ACTIVE, 0);
    uint32_t top = wfc_be_asm_label(a), out = wfc_be_asm_label(a);
    wfc_be_asm_place(a, top);
    wfc_be_asm_loop(a, 300); /* 0 */
    wfc_be_asm_loop(a, 1);   /* nothing */
    wfc_be_asm_const(a, 5);  /* 1 */
    wfc_be_asm_loop_end(a);
    wfc_be_asm_loop_end(a);
    wfc_be_asm_branch(a, WFC_OP_BRZ, 9, out); /* 2 */
    wfc_be_asm_branch(a, WFC_OP_BRA, 0, top); /* 3 */
    wfc_be_asm_place(a, out);
    halt(a); /* 4 */
    wfc_prog_class c = finish_ok(a);
    ck_assert_uint_eq(c.insn_count, 5);
    ck_assert_uint_eq(c.insns[0].op, WFC_OP_LOOP);
    ck_assert_uint_eq(c.insns[0].a, WFC_OPND_NONE);
    ck_assert_int_eq(c.insns[0].b | c.insns[0].c << 8, 300);
    ck_assert_uint_eq(c.insns[0].imm, 1);
    ck_assert_int_eq((int16_t)c.insns[2].imm, 2);
    ck_assert_int_eq((int16_t)c.insns[3].imm, -3);
}
END_TEST

START_TEST(test_five_loops) {
    for (int k = 0; k < 5; k++) wfc_be_asm_loop(a, 2);
    expect_error(WFC_ERR_INTERNAL, "nested loops");
}
END_TEST

START_TEST(test_label_never_placed) {
    wfc_be_asm_branch(a, WFC_OP_BRA, 0, wfc_be_asm_label(a));
    expect_error(WFC_ERR_INTERNAL, "label");
}
END_TEST

START_TEST(test_operands_are_checked) {
    uint32_t x = wfc_be_asm_array(a, "x", 400, WFC_MEM_INPUT);
    uint8_t d = wfc_be_asm_row(a, x, 0, WFC_F32, 100), e = wfc_be_asm_row(a, x, 0, WFC_F32, 50);
    wfc_be_asm_op(a, WFC_OP_VADD, WFC_F32, d, d, e, 0);
    expect_error(WFC_ERR_INTERNAL, "100, 100 and 50");
}
END_TEST

START_TEST(test_register_as_vector_destination) {
    uint32_t x = wfc_be_asm_array(a, "x", 400, WFC_MEM_INPUT);
    wfc_be_asm_op(a, WFC_OP_VADD, WFC_F32, 3, wfc_be_asm_row(a, x, 0, WFC_F32, 100), 0, 0);
    expect_error(WFC_ERR_INTERNAL, "vadd");
}
END_TEST

START_TEST(test_cost) {
    uint32_t x = wfc_be_asm_array(a, "x", 400, WFC_MEM_INPUT);
    uint8_t d = wfc_be_asm_row(a, x, 0, WFC_F32, 100);
    wfc_be_asm_loop(a, 10);
    wfc_be_asm_op(a, WFC_OP_VMAC, WFC_F32, d, d, 5, 0);
    wfc_be_asm_loop_end(a);
    wfc_be_asm_bucket(a, WFC_BE_SEND);
    wfc_be_asm_async(a, WFC_OP_VMOV, WFC_F32, wfc_be_asm_out(a, 0, WFC_F32, 100, 0), d, WFC_OPND_NONE, 2, 0, 0);
    wfc_be_asm_wait(a, 2);
    const wfc_be_cost *c = wfc_be_asm_cost(a);
    ck_assert_double_eq(c[WFC_BE_COMPUTE].macs, 1000);
    ck_assert_double_eq(c[WFC_BE_COMPUTE].overhead_cycles, 30);
    ck_assert_double_eq(c[WFC_BE_COMPUTE].busy_cycles, 1 + 1000); /* the loop instruction, 10 x 100 */
    ck_assert_double_eq(c[WFC_BE_SEND].busy_cycles, 2);           /* issue, wait */
    ck_assert_double_eq(c[WFC_BE_SEND].background_cycles, 100);
    ck_assert_double_eq(wfc_be_asm_cycles_per_sample(a), 30 + 1001 + 102);
}
END_TEST

/* ---- limits: these fail where the check is compiled away ---- */

START_TEST(test_sram_limit) {
    halt(a);
    wfc_be_asm_array(a, "weights", 49152 - 8, WFC_MEM_WEIGHT);
    ck_assert_uint_eq(wfc_be_asm_bytes(a), 49152);
    wfc_be_asm_array(a, "one too many", 4, WFC_MEM_ACC);
    expect_error(WFC_ERR_NO_FIT, "needs 49156 bytes of SRAM, the target has 49152");
}
END_TEST

START_TEST(test_queue_limit) {
    halt(a);
    wfc_be_asm_bind_out(a, 6, 1);
    expect_error(WFC_ERR_NO_FIT, "output queue 6");
}
END_TEST

START_TEST(test_colour_limit) {
    halt(a);
    wfc_be_asm_bind_in(a, 0, 24);
    expect_error(WFC_ERR_NO_FIT, "colour 24");
}
END_TEST

START_TEST(test_microthread_limit) {
    halt(a);
    wfc_be_asm_wait(a, 8);
    expect_error(WFC_ERR_NO_FIT, "microthread 8");
}
END_TEST

START_TEST(test_two_colours_in_one_queue) {
    wfc_be_asm_bind_in(a, 0, 3);
    wfc_be_asm_bind_in(a, 0, 3); /* the same again is fine */
    ck_assert_int_eq(wfc_be_asm_status(a), WFC_OK);
    wfc_be_asm_bind_in(a, 0, 4);
    expect_error(WFC_ERR_INTERNAL, "clashes");
}
END_TEST

/* ---- classes ---- */

static wfc_prog_class small_class(const char *name, uint16_t colour) {
    wfc_be_asm *b = wfc_be_asm_create(&target, &diag, name, name, "PE");
    wfc_be_asm_array(b, "x", 8, WFC_MEM_ACC);
    wfc_be_asm_bind_in(b, 0, (uint8_t)colour);
    halt(b);
    wfc_prog_class c = finish_ok(b);
    wfc_be_asm_destroy(b);
    return c;
}

START_TEST(test_class_table) {
    wfc_be_class_table t;
    wfc_be_class_table_init(&t);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint16_t k = 0; k < 24; k++) {
            wfc_prog_class c = small_class("layer", k);
            uint32_t index = 999;
            ck_assert_int_eq(wfc_be_class_table_add(&t, &arena, &c, &index), WFC_OK);
            ck_assert_uint_eq(index, k);
        }
    }
    ck_assert_uint_eq(t.classes.count, 24);
    for (size_t i = 0; i < 24; i++) {
        for (size_t k = 0; k < i; k++) ck_assert_str_ne(t.classes.data[i].name, t.classes.data[k].name);
    }
    wfc_be_class_table_deinit(&t);
}
END_TEST

/* Every allocation fails once: an error, no leak, no crash. */
START_TEST(test_out_of_memory) {
    for (size_t nth = 1; nth < 200; nth++) {
        wfc_diag quiet;
        wfc_diag_init(&quiet);
        wfc_arena mine;
        wfc_arena_init(&mine);
        wfc_mem_fail_nth(nth);
        wfc_be_asm *b = wfc_be_asm_create(&target, &quiet, "c", "l", "PE");
        bool done = false;
        if (b) {
            uint32_t x = wfc_be_asm_array(b, "x", 8, WFC_MEM_ACC);
            wfc_be_asm_array(b, "x", 8, WFC_MEM_ACC);
            wfc_be_asm_bind_in(b, 0, 1);
            wfc_be_asm_bind_out(b, 0, 1);
            wfc_be_asm_task(b, 0, WFC_TASK_LOCAL, 0, 0);
            uint32_t label = wfc_be_asm_label(b);
            wfc_be_asm_place(b, label);
            wfc_be_asm_op(b, WFC_OP_VMOV, WFC_F32, wfc_be_asm_row(b, x, 0, WFC_F32, 2), 0, WFC_OPND_NONE, 0);
            wfc_be_asm_branch(b, WFC_OP_BRA, 0, label);
            wfc_prog_class c;
            wfc_status s = wfc_be_asm_finish(b, &mine, &c);
            ck_assert(s == WFC_OK || s == WFC_ERR_NO_MEMORY);
            done = s == WFC_OK;
            wfc_be_asm_destroy(b);
        }
        wfc_mem_fail_nth(0);
        wfc_arena_deinit(&mine);
        wfc_diag_deinit(&quiet);
        if (done) return;
    }
    ck_abort_msg("never succeeded");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("asmb");
    TCase *c = tcase_create("asmb");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, test_memory_map);
    tcase_add_test(c, test_descriptors_are_shared);
    tcase_add_test(c, test_descriptors_run_out);
    tcase_add_test(c, test_descriptor_outside_its_array);
    tcase_add_test(c, test_scratch_is_reused);
    tcase_add_test(c, test_constants);
    tcase_add_test(c, test_loops_and_labels);
    tcase_add_test(c, test_five_loops);
    tcase_add_test(c, test_label_never_placed);
    tcase_add_test(c, test_operands_are_checked);
    tcase_add_test(c, test_register_as_vector_destination);
    tcase_add_test(c, test_cost);
    tcase_add_test(c, test_sram_limit);
    tcase_add_test(c, test_queue_limit);
    tcase_add_test(c, test_colour_limit);
    tcase_add_test(c, test_microthread_limit);
    tcase_add_test(c, test_two_colours_in_one_queue);
    tcase_add_test(c, test_class_table);
    tcase_add_test(c, test_out_of_memory);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
