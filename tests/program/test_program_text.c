/* The text form: the fixpoint, errors with their place, hostile text. */
#include "program_test.h"
#include "support/file.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* print(parse(text)) is a fixpoint, and the printed text encodes to the same bytes. */
static void round_trip(const char *path) {
    wfc_program p, q;
    uint8_t *text, *first, *second;
    size_t n, first_n, second_n;
    wfc_buf a = {0}, b = {0};
    ck_assert_int_eq(wfc_file_read(path, 1 << 20, NULL, &text, &n), WFC_OK);
    parse_or_fail((const char *)text, &p);
    ck_assert_int_eq(wfc_program_print(&p, NULL, &a), WFC_OK);
    parse_or_fail(a.data, &q);
    ck_assert_int_eq(wfc_program_print(&q, NULL, &b), WFC_OK);
    ck_assert_str_eq(a.data, b.data);
    encode_or_fail(&p, &first, &first_n);
    encode_or_fail(&q, &second, &second_n);
    ck_assert_msg(first_n == second_n && memcmp(first, second, first_n) == 0, "%s", path);
    wfc_free(first);
    wfc_free(second);
    wfc_free(text);
    wfc_buf_deinit(&a);
    wfc_buf_deinit(&b);
    wfc_program_deinit(&p);
    wfc_program_deinit(&q);
}

/* Our own file and every fabric test. */
START_TEST(print_parse_print) {
    static const char *const folders[] = {TEXT_DIR, FABRIC_DIR};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        DIR *folder = opendir(folders[i]);
        ck_assert_ptr_nonnull(folder);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            size_t n = strlen(entry->d_name);
            if (n < 5 || strcmp(entry->d_name + n - 5, ".wasm") != 0) continue;
            char *path = wfc_asprintf("%s/%s", folders[i], entry->d_name);
            round_trip(path);
            wfc_free(path);
        }
        closedir(folder);
    }
}
END_TEST

/* What the conveniences of hand-written text become. */
START_TEST(meaning) {
    wfc_program p;
    parse_or_fail("wafer 1 target lab const P = 3\n"
                  "class c { array a f32[4] input  array b 6 scratch  array t i16[3] acc\n"
                  "  desc x = mem i16 b+2 [2, 3:2]  in q1 = c2  task t5 control go code { go: end } }\n"
                  "router { c2 [W>R] }\n"
                  "repeat i 1..$P { pe 2*$i, $P class c router 0 regs [$x, $y, -$i]\n"
                  "  { data a = f32 0.1 2*1e3 data t = i16 seq(3, 5, -10) } }\n",
                  &p);
    const wfc_prog_class *c = &p.classes[0];
    ck_assert_uint_eq(c->arrays[0].addr, 8 + 20 + 4 + 2 + 2); /* behind the code area, 4-byte aligned */
    ck_assert_uint_eq(c->arrays[1].addr, c->arrays[0].addr + 16);
    ck_assert_uint_eq(c->arrays[2].addr, c->arrays[1].addr + 8);
    ck_assert_uint_eq(c->descs[0].base, c->arrays[1].addr + 2);
    ck_assert(c->descs[0].len[0] == 1 && c->descs[0].len[2] == 2 && c->descs[0].len[3] == 3);
    ck_assert(c->descs[0].stride[0] == 0 && c->descs[0].stride[2] == 6 && c->descs[0].stride[3] == 2);
    ck_assert_uint_eq(p.pe_count, 3);
    ck_assert(p.pes[1].x == 4 && p.pes[1].y == 3 && p.pes[1].reg_count == 3 && p.pes[1].data_count == 2);
    ck_assert(p.regs[3] == 4 && p.regs[4] == 3 && p.regs[5] == (uint32_t)-2);
    float f[3];
    int16_t s[3];
    memcpy(f, p.bulk, sizeof f);
    memcpy(s, p.bulk + 12, sizeof s);
    ck_assert(f[0] == 0.1f && f[1] == 1000.0f && f[2] == 1000.0f);
    ck_assert(s[0] == 5 && s[1] == -5 && s[2] == -15);
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(one_pe_for_people) {
    wfc_program p;
    wfc_buf out = {0};
    parse_or_fail(RELAY_TEXT, &p);
    ck_assert_int_eq(wfc_program_print(&p, &(wfc_xy){0, 0}, &out), WFC_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "layer 0 \"conv\""));
    ck_assert_ptr_nonnull(strstr(out.data, "# SRAM 260 of 49152 bytes"));
    ck_assert_ptr_nonnull(strstr(out.data, "data x = hex \"0000803f"));
    ck_assert_ptr_nonnull(strstr(out.data, "c2 [R>E]"));
    ck_assert_int_eq(wfc_program_print(&p, &(wfc_xy){9, 9}, &out), WFC_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "PE 9,9 is not used"));
    wfc_buf_deinit(&out);
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(errors_have_a_place) {
    static const struct {
        const char *find, *with, *says;
    } cases[] = {
        {"wafer 1", "wafer 2", "t.wasm:1:7: the text's version is 2, expected 1 to 1"},
        {"wafer 1", "waffle", "t.wasm:1:1: expected 'wafer', found 'waffle'"},
        {"target lab", "target mars", "no such target"},
        {"target lab", "", "t.wasm:4:1: expected the target first, found 'layer'"},
        {"wait ut1", "wiat ut1", "t.wasm:20:7: expected an instruction, a label, repeat, raw or '}', found 'wiat'"},
        {"wait ut1", "wait ut8", "t.wasm:20:12: expected a microthread, found 'ut8'"},
        {"vadd.f32 put", "vadd put", "vadd needs an element type, as in vadd.f32"},
        {"vadd.f32 put", "vadd.f33 put", "'f33' is not a suffix of vadd"},
        {"vadd.f32 put", "vand.f32 put", "vand: an element type this instruction does not have"},
        {"vadd.f32 put, all, all", "vadd.f32 put, all", "expected ',', found '}'"},
        {"vadd.f32 put, all, all", "vadd.f32 r1, all, all", "expected a memory or out descriptor, found 'r1'"},
        {"vadd.f32 put, all, all", "vadd.f32 putt, all, all", "found 'putt'"},
        {"brz r2, main", "brz r2, nain", "the class has no label nain"},
        {"done:", "main:", "the label main is defined twice"},
        {"mem f32 x [8]", "mem f32 z [8]", "this class has no array z"},
        {"mem f32 x [8]", "mem f31 x [8]", "expected an element type"},
        {"mem f32 x [8]", "mem f32 x [1,1,1,1,8]", "at most 4 dimensions"},
        {"mem f32 x [8]", "mem f32 x [70000]", "the length is 70000, expected 0 to 65535"},
        {"array tab 64", "array x 64", "the array x is defined twice"},
        {"desc rec", "desc get", "the descriptor get is defined twice"},
        {"desc rec", "desc d0 rec", "descriptor d0 is defined twice"},
        {"64 table", "64 tables", "expected a memory category"},
        {"in q0 = c1", "in q0 = q1", "expected c0 to c255, found 'q1'"},
        {"c1 [W>R] c2", "c1 [W>X] c2", "expected out-ports"},
        {"c1 [W>R] c2", "c1 [W>R, W>E] c2", "two rules"},
        {"c1 [W>R] c2", "c1 [W>R|W>R|W>R|W>R|W>R] c2", "at most 4 positions"},
        {"pe 0,0 class first", "pe 0,0 class worst", "expected class, found 'worst'"},
        {"pe 0,0", "pe 64,0", "x is 64, expected 0 to 63"},
        {"pe 1,0", "pe 0,0", "PE 0,0 is written twice"},
        {"regs [5, 6]", "regs [5, $q]", "$q is not defined here"},
        {"regs [5, 6]", "regs [5, 1/0]", "division by zero"},
        {"regs [5, 6]", "regs [5, 0x1000000000000*2]", "the product is too large"},
        {"regs [5, 6]", "regs [5, 0x2000000000000]", "expected an integer below 2^48"},
        {"data x = f32 1", "data x = i8 300", "the value 300 is not one of type i8"},
        {"data x = f32 1", "data x = hex \"0g\"", "expected a string of pairs of digits"},
        {"dims [8]", "dims [1,1,1,1,1,1,1,1,8]", "at most 8 axes"},
        {"model \"relay\"", "model \"re\\qlay\"", "bad escape in a string"},
        {"model \"relay\"", "model \"relay", "expected the model's name, found '\"relay'"},
        {"loop 2 {", "loop 2 { }", "a loop body needs 1 to 65535 instructions"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wfc_diag d;
        wfc_program p;
        wfc_diag_init(&d);
        char *text = replaced(RELAY_TEXT, cases[i].find, cases[i].with);
        wfc_status s = wfc_program_parse(text, strlen(text), "t.wasm", &d, &p);
        char *said = messages(&d);
        ck_assert_msg(s == WFC_ERR_INPUT, "case %zu (%s) was accepted", i, cases[i].with);
        ck_assert_msg(strstr(said, cases[i].says) != NULL, "case %zu: expected '%s', found %s", i, cases[i].says, said);
        wfc_free(said);
        wfc_free(text);
        wfc_diag_deinit(&d);
    }
}
END_TEST

/* Deep nesting, runaway repetition, every prefix, random changes: an error or a program, nothing else. */
START_TEST(hostile_text) {
    wfc_program p;
    wfc_buf deep = {0};
    wfc_buf_printf(&deep, "wafer 1 target lab\n");
    for (int i = 0; i < 100000; i++) wfc_buf_printf(&deep, "repeat v%d 0..0 {", i);
    ck_assert_int_eq(wfc_program_parse(deep.data, deep.count, "deep", NULL, &p), WFC_ERR_INPUT);
    deep.count = 0;
    wfc_buf_printf(&deep, "wafer 1 target lab const a = ");
    for (int i = 0; i < 100000; i++) wfc_buf_printf(&deep, "(");
    ck_assert_int_eq(wfc_program_parse(deep.data, deep.count, "deep", NULL, &p), WFC_ERR_INPUT);
    wfc_buf_deinit(&deep);
    const char *runaway = "wafer 1 target lab repeat i 0..1000000000 { repeat j 0..1000000000 { } }";
    ck_assert_int_eq(wfc_program_parse(runaway, strlen(runaway), "runaway", NULL, &p), WFC_ERR_INPUT);
    size_t n = strlen(RELAY_TEXT);
    for (size_t i = 0; i < n; i++) {
        char *cut = malloc(i ? i : 1);
        memcpy(cut, RELAY_TEXT, i);
        if (wfc_program_parse(cut, i, "cut", NULL, &p) == WFC_OK) wfc_program_deinit(&p);
        free(cut);
    }
    uint64_t seed = 3;
    char *mutant = malloc(n);
    for (int i = 0; i < 3000; i++) {
        memcpy(mutant, RELAY_TEXT, n);
        for (int k = 0; k < 3; k++) mutant[wfc_rng_next(&seed) % n] = RELAY_TEXT[wfc_rng_next(&seed) % n];
        mutant[wfc_rng_next(&seed) % n] = (char)wfc_rng_next(&seed);
        if (wfc_program_parse(mutant, n, "mutant", NULL, &p) == WFC_OK) wfc_program_deinit(&p);
    }
    free(mutant);
}
END_TEST

START_TEST(out_of_memory) {
    wfc_program p;
    for (size_t n = 1;; n++) {
        wfc_mem_fail_nth(n);
        wfc_status s = wfc_program_parse(RELAY_TEXT, strlen(RELAY_TEXT), "text", NULL, &p);
        wfc_buf out = {0};
        if (s == WFC_OK) {
            s = wfc_program_print(&p, NULL, &out);
            wfc_program_deinit(&p);
        }
        size_t made = wfc_mem_fail_nth(0);
        wfc_buf_deinit(&out);
        if (s == WFC_OK && made < n) break;
        ck_assert_uint_lt(n, 100000);
    }
}
END_TEST

int main(int argc, char **argv) {
    Suite *s = suite_create("text");
    TCase *c = tcase_create("text");
    tcase_set_timeout(c, 600);
    suite_add_tcase(s, c);
    tcase_add_test(c, print_parse_print);
    tcase_add_test(c, meaning);
    tcase_add_test(c, one_pe_for_people);
    tcase_add_test(c, errors_have_a_place);
    tcase_add_test(c, hostile_text);
    tcase_add_test(c, out_of_memory);
    return run_cases(s, argc, argv);
}
