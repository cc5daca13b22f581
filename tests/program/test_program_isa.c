/* Encodings, the table's own consistency, and the cost function. */
#include "program_test.h"
#include "runtime/program/isa_check.h"

#include <check.h>
#include <string.h>

START_TEST(the_table_is_complete) {
    for (unsigned op = 0; op < WFC_OP_COUNT; op++) {
        const wfc_isa_record *r = wfc_isa_lookup(op);
        ck_assert_ptr_nonnull(r->mnemonic);
        ck_assert_uint_eq(r->op, op);
        ck_assert_ptr_eq(wfc_isa_find(r->mnemonic), r); /* so names are unique */
        ck_assert(r->d && r->a && r->b && r->c && r->doc);
        ck_assert_uint_lt(r->types, 1u << WFC_NUM_PE_DTYPES);
        ck_assert_uint_lt(r->simd, WFC_NUM_SIMD_CLASSES);
    }
    ck_assert_ptr_null(wfc_isa_lookup(WFC_OP_COUNT));
    ck_assert_ptr_null(wfc_isa_find("vfoo"));
}
END_TEST

/* Every 8 bytes decode and encode to themselves. */
START_TEST(instructions_round_trip) {
    uint64_t seed = 1;
    for (int i = 0; i < 1000; i++) {
        uint64_t r = wfc_rng_next(&seed);
        uint8_t bytes[WFC_INSN_BYTES], again[WFC_INSN_BYTES];
        memcpy(bytes, &r, sizeof bytes);
        wfc_insn in;
        wfc_insn_decode(bytes, &in);
        wfc_insn_encode(&in, again);
        ck_assert_mem_eq(bytes, again, sizeof bytes);
    }
}
END_TEST

START_TEST(descriptors_round_trip) {
    uint64_t seed = 2;
    for (int i = 0; i < 1000; i++) {
        uint8_t bytes[WFC_DESC_BYTES], again[WFC_DESC_BYTES];
        for (unsigned k = 0; k < sizeof bytes; k++) bytes[k] = (uint8_t)wfc_rng_next(&seed);
        wfc_desc d;
        wfc_desc_decode(bytes, &d);
        wfc_desc_encode(&d, again);
        ck_assert_mem_eq(bytes, again, sizeof bytes);
    }
    wfc_desc big = {.len = {65535, 65535, 65535, 65535}};
    ck_assert_uint_eq(wfc_desc_elems(&big), UINT32_MAX);
}
END_TEST

START_TEST(layout_is_as_documented) {
    wfc_insn in = {WFC_OP_VADD, WFC_F16, WFC_FLAG_ASYNC | WFC_FLAG_ACT, 16, 17, 3, 5, 0x1234};
    uint8_t b[WFC_INSN_BYTES];
    const uint8_t expected[] = {WFC_OP_VADD, 0x31, 16, 17, 3, 5, 0x34, 0x12};
    wfc_insn_encode(&in, b);
    ck_assert_mem_eq(b, expected, sizeof b);
    wfc_desc d = {
        .kind = WFC_DESC_MEM, .type = WFC_I8, .off = 4, .base = 0x0102, .len = {1, 2, 3, 4}, .stride = {-1, 2, 0, 1}};
    uint8_t db[WFC_DESC_BYTES];
    const uint8_t want[] = {0x71, 4, 2, 1, 1, 0, 2, 0, 3, 0, 4, 0, 255, 255, 2, 0, 0, 0, 1, 0};
    wfc_desc_encode(&d, db);
    ck_assert_mem_eq(db, want, sizeof db);
}
END_TEST

static wfc_desc row(unsigned kind, wfc_dtype type, uint16_t n, int16_t stride) {
    bool mem = kind == WFC_DESC_MEM;
    return (wfc_desc){
        .kind = (uint8_t)kind, .type = (uint8_t)type, .len = {1, 1, 1, n}, .stride = {0, 0, 0, mem ? stride : 0}};
}

/* Worked by hand from the wse2 profile: overhead 3, reads 128 and writes 64 bits per cycle. */
START_TEST(costs) {
    wfc_target t;
    ck_assert_int_eq(wfc_target_load("wse2", NULL, &t), WFC_OK);
    wfc_desc m32 = row(WFC_DESC_MEM, WFC_F32, 9, 1), m16 = row(WFC_DESC_MEM, WFC_F16, 9, 1);
    wfc_desc held = row(WFC_DESC_MEM, WFC_F32, 9, 0), in32 = row(WFC_DESC_IN, WFC_F32, 9, 0);
    wfc_desc in16 = row(WFC_DESC_IN, WFC_F16, 9, 0), out32 = row(WFC_DESC_OUT, WFC_F32, 9, 0);
    wfc_insn add = {.op = WFC_OP_VADD, .type = WFC_F32}, mac = {.op = WFC_OP_VMAC, .type = WFC_F32};
    wfc_insn cost_insn = {.op = WFC_OP_VMOV, .type = WFC_F32};
    wfc_insn_cost c = wfc_isa_cost(&t, &add, &m32, &m32, &m32); /* 2 wide: 128 bits read, 64 written */
    ck_assert(c.overhead_cycles == 3 && c.groups == 5 && c.cycles_per_group == 1);
    add.type = WFC_F16; /* 4 wide on f32 memory: 256 bits read, 128 written */
    c = wfc_isa_cost(&t, &add, &m32, &m32, &m32);
    ck_assert(c.groups == 3 && c.cycles_per_group == 2);
    c = wfc_isa_cost(&t, &add, &m32, &m32, &held); /* a held source is not read again; the write still takes 2 */
    ck_assert(c.groups == 3 && c.cycles_per_group == 2);
    c = wfc_isa_cost(&t, &mac, &m32, &m32, NULL);
    ck_assert(c.groups == 9 && c.cycles_per_group == 1);
    mac.type = WFC_F16; /* f16 x f16 + f32, 2 wide: 64 + 32 + 32 bits read */
    c = wfc_isa_cost(&t, &mac, &m32, &m16, &m16);
    ck_assert(c.groups == 5 && c.cycles_per_group == 1);
    c = wfc_isa_cost(&t, &cost_insn, &m32, &in32, NULL); /* queues: one wavelet per group */
    ck_assert(c.groups == 9 && c.cycles_per_group == 1);
    cost_insn.type = WFC_F16;
    c = wfc_isa_cost(&t, &cost_insn, &m16, &in16, NULL);
    ck_assert(c.groups == 5 && c.cycles_per_group == 1);
    t.move_cycles = 2;
    cost_insn.flags = WFC_FLAG_ASYNC;
    c = wfc_isa_cost(&t, &cost_insn, &m16, &in16, NULL);
    ck_assert(c.groups == 5 && c.cycles_per_group == 2);
    out32.stride[0] = (int16_t)(WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP) - 0x10000);
    c = wfc_isa_cost(&t, &(wfc_insn){.op = WFC_OP_VMOV}, &out32, &m32, NULL);
    ck_assert_uint_eq(c.groups, 10); /* and the control wavelet */
    c = wfc_isa_cost(&t, &(wfc_insn){.op = WFC_OP_VDIV}, &m32, &m32, &m32);
    ck_assert(c.groups == 9 && c.cycles_per_group == t.divide_cycles);
    c = wfc_isa_cost(&t, &(wfc_insn){.op = WFC_OP_ADD}, NULL, NULL, NULL);
    ck_assert(c.overhead_cycles == 0 && c.groups == 1 && c.cycles_per_group == 1);
    c = wfc_isa_cost(&t, &(wfc_insn){.op = WFC_OP_FDIV}, NULL, NULL, NULL);
    ck_assert(c.overhead_cycles == 0 && c.cycles_per_group == 30);
    c = wfc_isa_cost(&t, &(wfc_insn){.op = WFC_OP_SENDC}, &out32, NULL, NULL);
    ck_assert(c.overhead_cycles == 3 && c.groups == 1);
    wfc_target_deinit(&t);
}
END_TEST

START_TEST(one_meaning_has_one_encoding) {
    wfc_insn nop = {WFC_OP_NOP, 0, 0, 255, 255, 255, 255, 0}, x = nop;
    ck_assert_ptr_null(wfc_isa_problem(&nop));
    x.d = 0;
    ck_assert_ptr_nonnull(wfc_isa_problem(&x));
    x = nop;
    x.type = WFC_I8;
    ck_assert_ptr_nonnull(wfc_isa_problem(&x));
    x = nop;
    x.imm = 1;
    ck_assert_ptr_nonnull(wfc_isa_problem(&x));
    x = nop;
    x.flags = WFC_FLAG_ASYNC;
    ck_assert_ptr_nonnull(wfc_isa_problem(&x));
    wfc_insn move = {WFC_OP_VMOV, WFC_F32, 0, 16, 17, 255, 255, 0};
    ck_assert_ptr_null(wfc_isa_problem(&move));
    move.c = 1; /* a microthread without the flag */
    ck_assert_ptr_nonnull(wfc_isa_problem(&move));
    move.flags = WFC_FLAG_ASYNC;
    ck_assert_ptr_null(wfc_isa_problem(&move));
    move.c = 8;
    ck_assert_ptr_nonnull(wfc_isa_problem(&move));
}
END_TEST

START_TEST(byte_account) {
    wfc_program p;
    uint32_t account[WFC_MEM_CATEGORIES] = {0};
    parse_or_fail(RELAY_TEXT, &p);
    uint32_t code = wfc_prog_class_code_bytes(&p.classes[0]), sum = wfc_prog_class_account(&p.classes[0], account);
    ck_assert_uint_eq(code, 9 * 8 + 4 * 20 + 2 * 4 + 2 * 2);
    ck_assert_uint_eq(sum, code + 32 + 64);
    ck_assert_uint_eq(account[WFC_MEM_INPUT], 32);
    ck_assert_uint_eq(account[WFC_MEM_TABLE], 64);
    wfc_program_deinit(&p);
}
END_TEST

int main(int argc, char **argv) {
    Suite *s = suite_create("isa");
    TCase *c = tcase_create("isa");
    suite_add_tcase(s, c);
    tcase_add_test(c, the_table_is_complete);
    tcase_add_test(c, instructions_round_trip);
    tcase_add_test(c, descriptors_round_trip);
    tcase_add_test(c, layout_is_as_documented);
    tcase_add_test(c, costs);
    tcase_add_test(c, one_meaning_has_one_encoding);
    tcase_add_test(c, byte_account);
    return run_cases(s, argc, argv);
}
