/* The verifier refuses what it must, with the message, and names PE, layer and amount. Cases are edits of a program
 * that verifies. Tags (argv[1]) select the cases of one check, for the builds that switch a check off. */
#include "program_test.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Edits in the text; `more` a second edit. */
typedef struct edit_case {
    const char *find, *with, *more_find, *more_with;
    const char *code, *says;
    wfc_status status;
} edit_case;

static void expect_refused(const wfc_program *p, const char *code, const char *says, wfc_status status,
                           const char *what) {
    wfc_diag d;
    wfc_diag_init(&d);
    wfc_status s = wfc_program_verify(p, &d);
    ck_assert_msg(s != WFC_OK, "the verifier accepted what it must refuse: %s", what);
    char *said = messages(&d);
    ck_assert_msg(strstr(said, code) && strstr(said, says), "expected %s with '%s', found:\n%s", code, says, said);
    ck_assert_msg(s == status, "status %s, expected %s: %s", wfc_status_name(s), wfc_status_name(status), said);
    wfc_free(said);
    wfc_diag_deinit(&d);
}

static void run_edit(const edit_case *c) {
    wfc_program p;
    char *text = replaced(RELAY_TEXT, c->find, c->with);
    if (c->more_find) {
        char *again = replaced(text, c->more_find, c->more_with);
        wfc_free(text);
        text = again;
    }
    parse_or_fail(text, &p);
    wfc_free(text);
    expect_refused(&p, c->code, c->says, c->status, c->with);
    wfc_program_deinit(&p);
}

#define RUN(cases)                                                                                                     \
    for (size_t i_ = 0; i_ < sizeof(cases) / sizeof(cases)[0]; i_++) run_edit(&(cases)[i_])

START_TEST(the_base_verifies) {
    wfc_program p;
    wfc_diag d;
    wfc_diag_init(&d);
    parse_or_fail(RELAY_TEXT, &p);
    wfc_status s = wfc_program_verify(&p, &d);
    char *said = messages(&d);
    ck_assert_msg(s == WFC_OK, "%s", said);
    wfc_free(said);
    wfc_program_deinit(&p);
    wfc_diag_deinit(&d);
}
END_TEST

START_TEST(sram) {
    static const edit_case cases[] = {
        {"array tab 64 table", "array tab 49152 table", 0, 0, "WFC-E1302", "PE 0,0, layer conv, first: the PE needs 49",
         WFC_ERR_NO_FIT},
        {"array tab 64 table", "array tab @49100 64 table", 0, 0, "WFC-E1302",
         "needs 49164 bytes of SRAM and has 49152, 12 too many", WFC_ERR_NO_FIT},
        {"array x f32[8] input", "array x @0 f32[8] input", 0, 0, "WFC-E1308", "inside the code area", WFC_ERR_INPUT},
        {"array x f32[8] input", "array x @2000 f32[8] input", "array tab 64", "array tab @2028 64", "WFC-E1308",
         "array tab starts at byte 2028, inside the array before it", WFC_ERR_INPUT},
        {"f32[8] input", "f32[8] code", 0, 0, "WFC-E1308", "no data category", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(colours) {
    wfc_program p;
    parse_or_fail(RELAY_TEXT, &p);
    p.target.colours = 3; /* consistent but for the limit, so that no other check can step in */
    expect_refused(&p, "WFC-E1303", "PE 1,0, layer conv, second: out queue q1 uses colour 3, the target has 3",
                   WFC_ERR_NO_FIT, "colour 3 of 3");
    wfc_program_deinit(&p);
    static const edit_case cases[] = {
        {"c3 [E>W]", "c3 [E>W] c24 [E>W]", 0, 0, "WFC-E1303", "colour 24 is routed, the target has 24", WFC_ERR_NO_FIT},
        {"out q0 = c2", "out q0 = c30", 0, 0, "WFC-E1303", "out queue q0 uses colour 30, the target has 24",
         WFC_ERR_NO_FIT},
        {"in q0 = c1", "in q0 = c24", 0, 0, "WFC-E1303", "PE 0,0, layer conv, first: in queue q0 uses colour 24",
         WFC_ERR_NO_FIT},
        {"c1 [W>R] c2", "c2 [W>R] c2", 0, 0, "WFC-E1303", "ascend by colour", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(queues) {
    wfc_program p;
    parse_or_fail(RELAY_TEXT, &p);
    p.target.out_queues = 1;
    expect_refused(&p, "WFC-E1304", "PE 1,0, layer conv, second: out queue q1 is used, the PE has 1", WFC_ERR_NO_FIT,
                   "queue 1 of 1");
    wfc_program_deinit(&p);
    static const edit_case cases[] = {
        {"out q0 = c2", "out q0 = c2 out q6 = c3", 0, 0, "WFC-E1304",
         "PE 0,0, layer conv, first: out queue q6 is used, the PE has 6", WFC_ERR_NO_FIT},
        {"in q0 = c1", "in q0 = c1 in q8 = c3", 0, 0, "WFC-E1304", "in queue q8 is used, the PE has 8", WFC_ERR_NO_FIT},
        {"in q0 = c1", "in q0 = c1 in q0 = c3", 0, 0, "WFC-E1304", "one colour per queue", WFC_ERR_INPUT},
        {"in q0 = c1", "in q0 = c1 in q1 = c1", 0, 0, "WFC-E1304", "colour 1 is bound to two in queues", WFC_ERR_INPUT},
        {"get = in f32 q2", "get = in f32 q3", 0, 0, "WFC-E1307", "its queue is bound to no colour", WFC_ERR_INPUT},
        {"put = out f32 q1", "put = out f32 q0", 0, 0, "WFC-E1307", "its queue is bound to no colour", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(microthreads) {
    wfc_program p;
    parse_or_fail(RELAY_TEXT, &p);
    p.target.microthreads = 3;
    p.classes[0].insns[1].c = 4;
    expect_refused(&p, "WFC-E1305", "PE 0,0, layer conv, class first, instruction 1 (vmov): microthread ut4",
                   WFC_ERR_NO_FIT, "ut4 of 3");
    p.classes[0].insns[1].c = 1;
    p.classes[0].insns[2].c = 7;
    expect_refused(&p, "WFC-E1305", "microthread ut7 is used, the PE has 3", WFC_ERR_NO_FIT, "wait ut7 of 3");
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(routes) {
    static const edit_case cases[] = {
        {"c2 [R>E]", "c2 [R>EN]", 0, 0, "WFC-E1310",
         "PE 0,0, layer conv, colour 2: it leaves the fabric through port N", WFC_ERR_INPUT},
        {"c2 [R>E]", "c2 [R>EW]", 0, 0, "WFC-E1310", "port W where no output stream collects it", WFC_ERR_INPUT},
        {"c2 [R>E]", "c2 [R>S]", 0, 0, "WFC-E1310", "port S and PE 0,1 accepts it in no switch position",
         WFC_ERR_INPUT},
        {"c2 [W>R] filter", "c2 [N>R] filter", 0, 0, "WFC-E1310", "port E and PE 1,0 accepts it in no", WFC_ERR_INPUT},
        {"c2 [W>R] filter", "c2 [W>R] filter", "in q2 = c2", "in q2 = c5", "WFC-E1310",
         "binds no in queue to the colour", WFC_ERR_INPUT},
        {"c2 [R>E]", "c2 [W>E]", 0, 0, "WFC-E1310", "binds an out queue to the colour and its router accepts it",
         WFC_ERR_INPUT},
        {"router west { c1 [W>R] c2 [R>E]", "router west { c1 [W>R]", 0, 0, "WFC-E1310",
         "colour 2: the PE binds an out", WFC_ERR_INPUT},
        {"c3 [R>W]", "c3 [R>WR]", 0, 0, "WFC-E1310", "PE 1,0, layer conv, colour 3: it leaves to the PE",
         WFC_ERR_INPUT},
        {"output y f32 dims [8] { stream west row 0 c3", "output y f32 dims [8] { stream west row 5 c3", 0, 0,
         "WFC-E1310", "no output stream", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(route_forms) {
    static const edit_case cases[] = {
        {"filter 0..8 mod 8", "filter 0..9 mod 8", 0, 0, "WFC-E1310", "lo <= hi <= period", WFC_ERR_INPUT},
        {"filter 0..8 mod 8", "filter 7..6 mod 8", 0, 0, "WFC-E1310", "lo <= hi <= period", WFC_ERR_INPUT},
        {"filter 0..8 mod 8", "filter 0..0 mod 0", 0, 0, "WFC-E1310", "a period above 0", WFC_ERR_INPUT},
        {"c2 [R>E]", "c2 [R>E] initial 1", 0, 0, "WFC-E1310", "initial switch position", WFC_ERR_INPUT},
        {"c2 [R>E]", "c2 [|]", 0, 0, "WFC-E1310", "it has no rule", WFC_ERR_INPUT},
    };
    RUN(cases);
    wfc_program p;
    parse_or_fail(RELAY_TEXT, &p);
    p.target.switch_positions = 1;
    p.routers[0].routes[1].positions = 2;
    expect_refused(&p, "WFC-E1310", "2 switch positions, the target has 1", WFC_ERR_NO_FIT, "positions");
    p.routers[0].routes[1].positions = 1;
    p.routers[0].routes[1].out[3][0] = 1;
    expect_refused(&p, "WFC-E1310", "behind its last switch position", WFC_ERR_INPUT, "positions");
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(bounds) {
    static const edit_case cases[] = {
        {"all = mem f32 x [8]", "all = mem f32 x [8:2]", 0, 0, "WFC-E1307",
         "class first, descriptor d1: it walks bytes 0 to 59 of array x, which has 32", WFC_ERR_INPUT},
        {"all = mem f32 x [8]", "all = mem f32 x+4 [8]", 0, 0, "WFC-E1307", "it walks bytes 4 to 35", WFC_ERR_INPUT},
        {"all = mem f32 x [8]", "all = mem f32 x [8:-1]", 0, 0, "WFC-E1307", "it walks bytes -28 to 3", WFC_ERR_INPUT},
        {"all = mem f32 x [8]", "all = mem f32 x+28 [2:-4, 4:-1]", "[2:-4", "[2:-5", "WFC-E1307", "bytes -4 to 31",
         WFC_ERR_INPUT},
        {"all = mem f32 x [8]", "all = mem f32 0x20 [8]", 0, 0, "WFC-E1307", "its base lies in no array",
         WFC_ERR_INPUT},
        {"rec = mem u16 tab [4] off r1", "rec = mem u16 40000 [4] off r1", 0, 0, "WFC-E1307", "in no array",
         WFC_ERR_INPUT},
        {"rec = mem u16 tab [4] off r1", "rec = mem u16 tab [4]", 0, 0, "WFC-E1306", "needs an offset register",
         WFC_ERR_INPUT},
        {"ld r2, all, 7", "ld r2, all, 8", 0, 0, "WFC-E1306", "instruction 4 (ld): it reaches beyond the array",
         WFC_ERR_INPUT},
        {"data x = f32 1", "data x+4 = f32 1", 0, 0, "WFC-E1313", "does not lie in one array", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(streams) {
    static const edit_case cases[] = {
        {"c1 [0:8]", "c1 [0:7]", 0, 0, "WFC-E1311", "carry 7 elements of a sample, which has 8", WFC_ERR_INPUT},
        {"c1 [0:8]", "c1 [0:7, 6:1]", 0, 0, "WFC-E1311", "element 6 of a sample is carried twice", WFC_ERR_INPUT},
        {"c1 [0:8]", "c1 [0:8, 0:1]", 0, 0, "WFC-E1311", "more elements than the tensor", WFC_ERR_INPUT},
        {"c1 [0:8]", "c1 [1:8]", 0, 0, "WFC-E1311", "leaves the tensor", WFC_ERR_INPUT},
        {"c1 [0:8]", "c1 [0:8:-1]", 0, 0, "WFC-E1311", "leaves the tensor", WFC_ERR_INPUT},
        {"c1 [0:8]", "c1 words 9 [0:8]", 0, 0, "WFC-E1311", "number of words", WFC_ERR_INPUT},
        {"stream west row 0 c1", "stream west row 64 c1", 0, 0, "WFC-E1311", "no port", WFC_ERR_INPUT},
        {"stream west row 0 c1", "stream east row 0 c1", 0, 0, "WFC-E1311", "accepts its colour from the port in no",
         WFC_ERR_INPUT},
        {"stream west row 0 c1", "stream west row 0 c9", 0, 0, "WFC-E1311", "accepts its colour from the port in no",
         WFC_ERR_INPUT},
        {"c1 [0:8] }", "c1 [0:4] stream west row 0 c1 [4:4] }", 0, 0, "WFC-E1311", "share edge, row and colour",
         WFC_ERR_INPUT},
        {"c1 [0:8] }", "c1 runs 5:1 }", 0, 0, "WFC-E1311", "runs lie outside the table", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(tensor_forms) {
    static const edit_case cases[] = {
        {"input x f32 dims [8]", "input x f32 dims [8] samples 3", 0, 0, "WFC-E1311", "divide into its samples",
         WFC_ERR_INPUT},
        {"input x f32 dims [8]", "input x f32 dims [65536, 65536, 65536, 65536]", 0, 0, "WFC-E1311", "2^30",
         WFC_ERR_INPUT},
        {"input x f32 dims", "input x f32 host 8 dims", 0, 0, "WFC-E1311", "no number type of ONNX", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(code) {
    static const edit_case cases[] = {
        {"vadd.f32 put, all, all", "raw \"20000000000000ff\"", 0, 0, "WFC-E1306", "instruction 3", WFC_ERR_INPUT},
        {"vadd.f32 put, all, all", "raw \"feffffffffff0000\"", 0, 0, "WFC-E1306", "unknown operation code",
         WFC_ERR_INPUT},
        {"vadd.f32 put, all, all", "vadd.f32 put, d9, all", 0, 0, "WFC-E1306", "the class has no descriptor d9",
         WFC_ERR_INPUT},
        {"vadd.f32 put, all, all", "vadd.f32 get, all, all", 0, 0, "WFC-E1306", "is not a memory or out descriptor",
         WFC_ERR_INPUT},
        {"vadd.f32 put, all, all", "vadd.i32 put, all, all", 0, 0, "WFC-E1306", "expected integers", WFC_ERR_INPUT},
        {"all = mem f32 x [8]", "all = mem f32 x [4]", 0, 0, "WFC-E1306", "walk 4 and 8 elements", WFC_ERR_INPUT},
        {"vadd.f32 put, all, all", "vmul.f32 all, get, get", 0, 0, "WFC-E1306", "two operands read the same queue",
         WFC_ERR_INPUT},
        {"put = out f32 q0 [8]", "put = out f16 q0 [8]", "vadd.f32 put, all, all", "vmov.f32 put, get", "WFC-E1306",
         "different numbers of elements per wavelet", WFC_ERR_INPUT},
        {"    halt\n", "    bra inside\n", "      wait ut1", "inside:  wait ut1", "WFC-E1306",
         "into or out of a loop body", WFC_ERR_INPUT},
        {"    halt\n", "    raw \"1700ffffffff6400\"\n", 0, 0, "WFC-E1306", "branches out of the code", WFC_ERR_INPUT},
        {"ld r2, all, 7", "loop 2, 60000", 0, 0, "WFC-E1306", "reaches beyond the code", WFC_ERR_INPUT},
        {"ld r2, all, 7", "loop 2 { loop 2 { loop 2 { loop 2 { loop 2 { nop } } } } }", 0, 0, "WFC-E1306",
         "deeper than 4", WFC_ERR_INPUT},
        {"wait ut1", "end", 0, 0, "WFC-E1306", "cannot end inside a loop body", WFC_ERR_INPUT},
        {"bra go", "nop", 0, 0, "WFC-E1306", "runs off its end", WFC_ERR_INPUT},
        {"ublk t1", "ublk t2", 0, 0, "WFC-E1306", "the class has no task t2", WFC_ERR_INPUT},
        {"    halt\n", "    act t9\n halt\n", 0, 0, "WFC-E1306", "the class has no task t9", WFC_ERR_INPUT},
    };
    RUN(cases);
    wfc_program p;
    parse_or_fail(RELAY_TEXT, &p);
    p.target.registers = 4;
    expect_refused(&p, "WFC-E1306", "register r4 is used, the PE has 4", WFC_ERR_NO_FIT, "registers");
    p.target.registers = 16;
    p.target.descriptors = 3;
    expect_refused(&p, "WFC-E1307", "4 descriptors, the PE has 3", WFC_ERR_NO_FIT, "descriptors");
    p.target.descriptors = 48;
    p.target.tasks = 1;
    expect_refused(&p, "WFC-E1309", "task t1 is used, the PE has 1 tasks", WFC_ERR_NO_FIT, "tasks");
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(descriptors_and_tasks) {
    static const edit_case cases[] = {
        {"desc rec", "desc d9 = raw \"0000000100000000000000000000000000000000\" desc rec", 0, 0, "WFC-E1307",
         "of no kind must be zero", WFC_ERR_INPUT},
        {"desc rec", "desc d9 = raw \"f100000001000100010001000000000000000000\" desc rec", 0, 0, "WFC-E1307",
         "unknown kind or element type", WFC_ERR_INPUT},
        {"desc rec", "desc d9 = mem f32 x [0] desc rec", 0, 0, "WFC-E1307", "a length of 0", WFC_ERR_INPUT},
        {"desc rec", "desc d9 = ring f32 x+2 [4] desc rec", 0, 0, "WFC-E1307", "whole elements", WFC_ERR_INPUT},
        {"desc rec", "desc d9 = out f32 q0 [4] ctl 0x8003 desc rec", 0, 0, "WFC-E1307", "switch command 3",
         WFC_ERR_INPUT},
        {"task t1 local", "task t1 data q3", 0, 0, "WFC-E1309", "its queue is bound to no colour", WFC_ERR_INPUT},
        {"task t1 local", "task t0 local", 0, 0, "WFC-E1309", "ascend by id", WFC_ERR_INPUT},
        {"done blocked", "done blocked split", 0, 0, "WFC-E1309", "only data tasks", WFC_ERR_INPUT},
    };
    RUN(cases);
}
END_TEST

START_TEST(places) {
    wfc_program p;
    wfc_xy bad = {1, 0};
    wfc_link_id link = {0, 0, WFC_PORT_E};
    parse_or_fail(RELAY_TEXT, &p);
    wfc_free(p.target.bad_pes);
    p.target.bad_pes = &bad;
    p.target.bad_pe_count = 1;
    expect_refused(&p, "WFC-E1312", "PE 1,0, layer conv: the target lists this PE as defective", WFC_ERR_NO_FIT,
                   "defect");
    p.target.bad_pes = wfc_calloc(1, sizeof bad);
    p.target.bad_pe_count = 0;
    p.pes[1].x = 64;
    expect_refused(&p, "WFC-E1312", "outside the fabric of 64 x 64", WFC_ERR_NO_FIT, "outside");
    p.pes[1].x = 0;
    expect_refused(&p, "WFC-E1312", "ascend by (y, x)", WFC_ERR_INPUT, "twice");
    p.pes[1].x = 1;
    p.pes[1].class_index = 7;
    expect_refused(&p, "WFC-E1312", "its class does not exist", WFC_ERR_INPUT, "class");
    p.pes[1].class_index = 1;
    p.pes[1].data_first = UINT32_MAX;
    p.pes[1].data_count = 2;
    expect_refused(&p, "WFC-E1312", "outside the data table", WFC_ERR_INPUT, "data");
    p.pes[1].data_first = p.pes[1].data_count = 0;
    p.pes[0].reg_count = 16;
    expect_refused(&p, "WFC-E1312", "initial registers", WFC_ERR_INPUT, "regs");
    p.pes[0].reg_count = 2;
    p.data[0].bulk_offset = UINT64_MAX;
    expect_refused(&p, "WFC-E1313", "beyond the bulk data", WFC_ERR_INPUT, "bulk");
    p.data[0].bulk_offset = 0;
    p.layers[0].rect.w = 65;
    expect_refused(&p, "WFC-E1314", "leaves the fabric", WFC_ERR_INPUT, "rectangle");
    p.layers[0].rect.w = 2;
    wfc_free(p.target.bad_links);
    p.target.bad_links = &link;
    p.target.bad_link_count = 1;
#ifndef WFC_OFF_ROUTES
    expect_refused(&p, "WFC-E1310", "port E, a link that the target lists as defective", WFC_ERR_INPUT, "bad link");
#endif
    p.target.bad_links = NULL;
    p.target.bad_link_count = 0;
    ck_assert_int_eq(wfc_program_verify(&p, NULL), WFC_OK);
    wfc_program_deinit(&p);
}
END_TEST

/* Programs are also built in memory: missing tables and strings, a target that no file could hold. */
START_TEST(built_in_memory) {
    wfc_program p;
    parse_or_fail(RELAY_TEXT, &p);
    wfc_insn *insns = p.classes[0].insns;
    p.classes[0].insns = NULL;
    expect_refused(&p, "WFC-E1301", "the table is missing", WFC_ERR_INPUT, "insns");
    p.classes[0].insns = insns;
    p.layers[0].name = NULL;
    expect_refused(&p, "WFC-E1301", "a name is missing", WFC_ERR_INPUT, "name");
    p.layers[0].name = "\xc0\x80";
    expect_refused(&p, "WFC-E1301", "a name is not UTF-8", WFC_ERR_INPUT, "utf-8");
    p.layers[0].name = "ok";
    p.layers[0].predicted_cycles = -1;
    expect_refused(&p, "WFC-E1301", "not a finite amount", WFC_ERR_INPUT, "prediction");
    p.layers[0].predicted_cycles = 0;
    p.target.sram_bytes = 1 << 20;
    expect_refused(&p, "WFC-E0402", "sram_bytes", WFC_ERR_INPUT, "target");
    p.target.sram_bytes = 49152;
    p.version = 2;
    expect_refused(&p, "WFC-E1301", "program version 2, expected 1", WFC_ERR_INPUT, "version");
    p.version = 1;
    ck_assert_int_eq(wfc_program_verify(&p, NULL), WFC_OK);
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(errors_are_limited) {
    wfc_program p;
    wfc_diag d;
    wfc_diag_init(&d);
    parse_or_fail("wafer 1 target lab pe 0..63,0 ", &p);
    for (uint32_t i = 0; i < p.pe_count; i++) p.pes[i].class_index = 5;
    ck_assert_int_eq(wfc_program_verify(&p, &d), WFC_ERR_INPUT);
    ck_assert_uint_eq(d.count, 21);
    wfc_program_deinit(&p);
    wfc_diag_deinit(&d);
}
END_TEST

START_TEST(checksum) {
    wfc_program p, q;
    uint8_t *bytes;
    size_t size;
    parse_or_fail(RELAY_TEXT, &p);
    encode_or_fail(&p, &bytes, &size);
    wfc_program_deinit(&p);
    bytes[size - 5] ^= 1; /* in the bulk data, which nothing but its checksum protects */
    wfc_diag d;
    wfc_diag_init(&d);
    wfc_status s = wfc_program_decode(bytes, size, "file", &d, &q);
    ck_assert_msg(s != WFC_OK, "the decoder accepted what it must refuse: a flipped bit in section BULK");
    char *said = messages(&d);
    ck_assert_msg(strstr(said, "WFC-E1204 file: ") && strstr(said, "checksum of section BULK"), "%s", said);
    wfc_free(said);
    wfc_diag_deinit(&d);
    wfc_free(bytes);
}
END_TEST

static void add(Suite *s, const char *name, const char *tag, const TTest *test) {
    TCase *c = tcase_create(name);
    tcase_set_tags(c, tag);
    tcase_add_test(c, test);
    suite_add_tcase(s, c);
}

int main(int argc, char **argv) {
    Suite *s = suite_create("verify");
    add(s, "base", "all", the_base_verifies);
    add(s, "sram", "sram", sram);
    add(s, "colours", "colours", colours);
    add(s, "queues", "queues", queues);
    add(s, "microthreads", "microthreads", microthreads);
    add(s, "routes", "routes", routes);
    add(s, "route forms", "all", route_forms);
    add(s, "bounds", "bounds", bounds);
    add(s, "streams", "streams", streams);
    add(s, "tensor forms", "all", tensor_forms);
    add(s, "code", "all", code);
    add(s, "descriptors and tasks", "all", descriptors_and_tasks);
    add(s, "places", "all", places);
    add(s, "built in memory", "all", built_in_memory);
    add(s, "limited", "all", errors_are_limited);
    add(s, "checksum", "checksum", checksum);
    return run_cases(s, argc, argv);
}
