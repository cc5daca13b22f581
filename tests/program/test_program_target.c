/* Targets: the built-in ones hold what the reference says, JSON round-trips, and bad files are refused with line and
 * key. */
#include "program_test.h"
#include "support/file.h"

#include <check.h>
#include <string.h>

START_TEST(built_in_targets) {
    wfc_target t;
    ck_assert_int_eq(wfc_target_load("wse2", NULL, &t), WFC_OK);
    ck_assert(t.width == 750 && t.height == 994 && t.sram_bytes == 49152 && t.colours == 24);
    ck_assert(t.in_queues == 8 && t.out_queues == 6 && t.in_depth[0] == 6 && t.in_depth[3] == 4 && t.in_depth[7] == 2);
    ck_assert(t.out_depth[0] == 2 && t.out_depth[2] == 6 && t.out_depth[5] == 2);
    ck_assert(t.io_count[0] == 60 && t.io_count[1] == 60);
    ck_assert(t.simd[WFC_SIMD_ADD][WFC_F32] == 2 && t.simd[WFC_SIMD_FMAC][WFC_F16] == 2 &&
              t.simd[WFC_SIMD_FMAC][WFC_F32] == 1);
    ck_assert_uint_eq(t.simd[WFC_SIMD_ONE][WFC_F32], 1);
    wfc_target_deinit(&t);
    ck_assert_int_eq(wfc_target_load("wse3", NULL, &t), WFC_OK);
    ck_assert(t.io_count[0] == 62 && t.hop_latency == 2 && t.ramp_latency == 4 && t.out_queues == 8);
    wfc_target_deinit(&t);
    ck_assert_int_eq(wfc_target_load("lab", NULL, &t), WFC_OK);
    ck_assert(t.width == 64 && t.height == 64 && t.io_count[0] == 64 && t.io_count[1] == 64 && t.hop_latency == 1);
    wfc_target_deinit(&t);
    ck_assert_int_eq(wfc_target_load("wse2-wide", NULL, &t), WFC_OK);
    ck_assert(t.width == 750 && t.io_count[0] == 994);
    wfc_target_deinit(&t);
}
END_TEST

START_TEST(json_round_trips) {
    for (const char *const *n = wfc_target_names(); *n; n++) {
        wfc_target t, copy, again;
        ck_assert_int_eq(wfc_target_load(*n, NULL, &t), WFC_OK);
        ck_assert_str_eq(t.name, *n);
        ck_assert_int_eq(wfc_target_copy(&t, &copy), WFC_OK);
        char *a = wfc_target_to_json(&copy);
        ck_assert_int_eq(wfc_target_parse(a, strlen(a), "a", NULL, &again), WFC_OK);
        char *b = wfc_target_to_json(&again);
        ck_assert_str_eq(a, b);
        wfc_free(a);
        wfc_free(b);
        wfc_target_deinit(&t);
        wfc_target_deinit(&copy);
        wfc_target_deinit(&again);
    }
}
END_TEST

START_TEST(defects_are_sorted) {
    wfc_target t, again;
    wfc_target_load("lab", NULL, &t) == WFC_OK ? (void)0 : ck_abort();
    char *json = wfc_target_to_json(&t);
    char *with = replaced(json, "\"bad_pes\": []", "\"bad_pes\": [[5, 2], [1, 1], [0, 2]]");
    char *both = replaced(with, "\"bad_links\": []", "\"bad_links\": [[63, 0, \"E\"], [3, 0, \"S\"]]");
    ck_assert_int_eq(wfc_target_parse(both, strlen(both), "x", NULL, &again), WFC_OK);
    ck_assert(again.bad_pes[0].x == 1 && again.bad_pes[1].x == 0 && again.bad_pes[2].x == 5);
    ck_assert(again.bad_links[0].x == 3 && again.bad_links[0].port == 2);
    wfc_free(json);
    wfc_free(with);
    wfc_free(both);
    wfc_target_deinit(&t);
    wfc_target_deinit(&again);
}
END_TEST

START_TEST(bad_targets_are_refused) {
    static const struct {
        const char *find, *with, *says;
    } cases[] = {
        {"\"hop_latency\": 1", "\"hop_latency\": 0",
         "bad:16: target key \"hop_latency\": found 0, expected an integer from 1 to 64"},
        {"\"hop_latency\": 1", "\"hop_latency\": 1.5", "\"hop_latency\": found a number with a fraction"},
        {"\"hop_latency\": 1", "\"hop_latency\": -1", "found -1"},
        {"\"hop_latency\": 1", "\"hop_latency\": \"x\"", "found a text"},
        {"\"hop_latency\": 1,", "", "\"hop_latency\": the key is missing"},
        {"\"hop_latency\": 1", "\"hop_latency\": 1, \"hops\": 1", "bad:16: target key \"hops\": unknown key"},
        {"\"hop_latency\": 1", "\"hop_latency\": 1, \"hop_latency\": 1", "not valid JSON: duplicate object key"},
        {"\"version\": 1", "\"version\": 2", "\"version\": found 2, expected an integer from 1 to 1"},
        {"\"microthreads\": 7", "\"microthreads\": 8", "from 1 to 7"},
        {"\"sram_bytes\": 49152", "\"sram_bytes\": 1000000", "from 256 to 65536"},
        {"\"colours\": 24", "\"colours\": 25", "from 1 to 24"},
        {"[6, 6, 4,", "[6, 4,", "\"in_depth\": expected a list of 8 depths"},
        {"[6, 6, 4,", "[0, 6, 4,", "\"in_depth\": found 0"},
        {"\"add\": {\"f32\": 2,", "\"add\": {", "\"simd.add.f32\": the key is missing"},
        {"\"add\": {\"f32\": 2,", "\"add\": {\"f32\": 2, \"f64\": 1,", "\"simd.add.f64\": unknown element type"},
        {"\"add\": {", "\"plus\": {}, \"add\": {", "\"simd.plus\": unknown instruction class"},
        {"\"west\": \"all\"", "\"west\": [1, 1]", "\"io_ports.west\": rows must ascend"},
        {"\"west\": \"all\"", "\"west\": [64]", "\"io_ports.west\": found 64, expected an integer from 0 to 63"},
        {"\"west\": \"all\"", "\"north\": [1], \"west\": \"all\"", "\"io_ports.north\": unknown key"},
        {"\"bad_pes\": []", "\"bad_pes\": [[64, 0]]", "\"bad_pes\": expected a list of [x, y] inside the fabric"},
        {"\"bad_pes\": []", "\"bad_pes\": [[1, 0], [1, 0]]", "each once"},
        {"\"bad_links\": []", "\"bad_links\": [[0, 0, \"N\"]]", "links of the fabric"},
        {"\"bad_links\": []", "\"bad_links\": [[0, 0, \"R\"]]", "links of the fabric"},
        {"\"name\": \"lab\"", "\"name\": \"a b\"", "\"name\": expected a text of 1 to 31 letters"},
        {"\"clock_hz\": 850000000", "\"clock_hz\": 0", "\"clock_hz\": found 0"},
        {"{", "[", "not valid JSON"},
        {"{\n", "{\n\"sources\": {\"nix\": \"\"},", "\"sources.nix\": no such key"},
    };
    wfc_target t, bad;
    ck_assert_int_eq(wfc_target_load("lab", NULL, &t), WFC_OK);
    char *json = wfc_target_to_json(&t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wfc_diag d;
        wfc_diag_init(&d);
        char *text = replaced(json, cases[i].find, cases[i].with);
        ck_assert_int_eq(wfc_target_parse(text, strlen(text), "bad", &d, &bad), WFC_ERR_INPUT);
        char *said = messages(&d);
        ck_assert_msg(strstr(said, cases[i].says) != NULL, "case %zu: expected '%s', found %s", i, cases[i].says, said);
        wfc_free(said);
        wfc_free(text);
        wfc_diag_deinit(&d);
    }
    /* every prefix: an error, no crash */
    for (size_t n = 0; n < strlen(json) - 2; n += 7)
        ck_assert_int_eq(wfc_target_parse(json, n, "cut", NULL, &bad), WFC_ERR_INPUT);
    wfc_free(json);
    wfc_target_deinit(&t);
}
END_TEST

START_TEST(files_and_names) {
    wfc_target t;
    wfc_diag d;
    wfc_diag_init(&d);
    ck_assert_int_eq(wfc_target_load(TARGETS_DIR "/wse3.json", &d, &t), WFC_OK);
    wfc_target_deinit(&t);
    ck_assert_int_eq(wfc_target_load("nope", &d, &t), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_target_load("/no/such/file.json", &d, &t), WFC_ERR_IO);
    char *said = messages(&d);
    ck_assert_ptr_nonnull(strstr(said, "no such target; known: lab wse2 wse3 wse2-wide"));
    wfc_free(said);
    wfc_diag_deinit(&d);
}
END_TEST

int main(int argc, char **argv) {
    Suite *s = suite_create("target");
    TCase *c = tcase_create("target");
    suite_add_tcase(s, c);
    tcase_add_test(c, built_in_targets);
    tcase_add_test(c, json_round_trips);
    tcase_add_test(c, defects_are_sorted);
    tcase_add_test(c, bad_targets_are_refused);
    tcase_add_test(c, files_and_names);
    return run_cases(s, argc, argv);
}
