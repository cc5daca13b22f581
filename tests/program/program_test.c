#include "program_test.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

const char RELAY_TEXT[] = "wafer 1\n"
                          "target lab\n"
                          "model \"relay\"\n"
                          "layer conv kind map rect 0,0,2,1 nodes [conv] pes 2\n"
                          "class first {\n"
                          "  array x f32[8] input\n"
                          "  array tab 64 table\n"
                          "  desc get = in f32 q0 [8]\n"
                          "  desc all = mem f32 x [8]\n"
                          "  desc put = out f32 q0 [8]\n"
                          "  desc rec = mem u16 tab [4] off r1\n"
                          "  in q0 = c1\n"
                          "  out q0 = c2\n"
                          "  task t0 local main active\n"
                          "  task t1 local done blocked\n"
                          "  code {\n"
                          "  main:\n"
                          "    loop 2 {\n"
                          "      vmov.f32 all, get async ut1 ublk t1\n"
                          "      wait ut1\n"
                          "      vadd.f32 put, all, all\n"
                          "    }\n"
                          "    ld r2, all, 7\n"
                          "    ldt r3, r4, r5, rec\n"
                          "    brz r2, main\n"
                          "    halt\n"
                          "  done:\n"
                          "    end\n"
                          "  }\n"
                          "}\n"
                          "class second {\n"
                          "  array y f32[8] output\n"
                          "  desc get = in f32 q2 [8]\n"
                          "  desc put = out f32 q1 [8]\n"
                          "  in q2 = c2\n"
                          "  out q1 = c3\n"
                          "  task t0 local go active\n"
                          "  code { go: vmov.f32 put, get\n"
                          "    bra go }\n"
                          "}\n"
                          "router west { c1 [W>R] c2 [R>E] c3 [E>W] }\n"
                          "router east { c2 [W>R] filter 0..8 mod 8 c3 [R>W] }\n"
                          "pe 0,0 class first router west layer 0 regs [5, 6] { data x = f32 1 2 3 4 5 6 7 8 }\n"
                          "pe 1,0 class second router east layer 0\n"
                          "input x f32 dims [8] { stream west row 0 c1 [0:8] }\n"
                          "output y f32 dims [8] { stream west row 0 c3 [4:4, 0:4] }\n";

char *messages(const wfc_diag *d) {
    wfc_buf out = {0};
    wfc_buf_append(&out, "", 0);
    for (size_t i = 0; i < d->count; i++)
        wfc_buf_printf(&out, "%s %s: %s\n", d->items[i].code, d->items[i].where, d->items[i].text);
    return out.data;
}

void parse_or_fail(const char *text, wfc_program *out) {
    wfc_diag d;
    wfc_diag_init(&d);
    wfc_status s = wfc_program_parse(text, strlen(text), "test", &d, out);
    char *said = messages(&d);
    ck_assert_msg(s == WFC_OK, "%s", said);
    wfc_free(said);
    wfc_diag_deinit(&d);
}

void encode_or_fail(const wfc_program *p, uint8_t **out_bytes, size_t *out_size) {
    ck_assert_int_eq(wfc_program_encode(p, NULL, out_bytes, out_size), WFC_OK);
}

char *replaced(const char *text, const char *find, const char *with) {
    const char *at = strstr(text, find);
    ck_assert_msg(at != NULL, "the text does not contain '%s'", find);
    wfc_buf out = {0};
    wfc_buf_append(&out, text, (size_t)(at - text));
    wfc_buf_append(&out, with, strlen(with));
    wfc_buf_append(&out, at + strlen(find), strlen(at + strlen(find)));
    return out.data;
}

int run_cases(struct Suite *s, int argc, char **argv) {
    SRunner *runner = srunner_create(s);
    srunner_set_fork_status(runner, CK_NOFORK); /* sanitizers report in this process */
    srunner_run_tagged(runner, NULL, argc > 1 ? argv[1] : NULL, NULL, NULL, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    if (srunner_ntests_run(runner) == 0) failed = 1; /* a misspelt case must not pass */
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
