/* Reports from programs in memory: names of any bytes, and every allocation failing once. */
#include "report/report.h"
#include "support/file.h"
#include "support/mem.h"
#include "tests/unit/unit_main.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char k_text[] =
    "wafer 1 target lab model \"m\" delta_t 50\n"
    "layer \"one\" kind \"contract\" rect 0,0,30,64 split \"rows\" nodes [\"one\", \"two\"] macs 8 nonzero 8 pes 1 "
    "predicted [50, 40, 10, 0, 0, 5, 5]\n"
    "layer \"in0\" kind \"adapter\" rect 30,0,6,30 pes 1\n"
    "class first { array a f32[8] weight desc x = mem f32 a [8] desc q = out f32 q0 [8] out q0 = c1\n"
    "  task t0 local main active code { main: vmov.f32 q, x\n bra main } }\n"
    "class second { array b f32[16] input desc g = in f32 q0 [8] desc p = mem f32 b [8] in q0 = c1\n"
    "  task t0 local main active code { main: vmov.f32 p, g\n bra main } }\n"
    "router out { c1 [R>E] } router way { c1 [W>E] } router in { c1 [W>R] }\n"
    "pe 0,0 class first router out layer 0 pe 1..29,0 router way pe 30,0 class second router in layer 1\n";

/* Bytes that are no UTF-8, controls, text that turns direction, and every way out of HTML, SVG and strings. */
static const char k_evil[] =
    "\xff\xfe\xc0\xaf\xed\xa0\x80</script><script>alert(1)</script>\x01\x1b[2J\xe2\x80\xae\"'&\\<svg "
    "onload=x>\xf4\x90\x80\x80]]>-->\xc2\x85";

static void make(wfc_program *p) {
    wfc_diag diag;
    wfc_diag_init(&diag);
    ck_assert_int_eq(wfc_program_parse(k_text, sizeof k_text - 1, "text", &diag, p), WFC_OK);
    ck_assert_int_eq(wfc_program_verify(p, &diag), WFC_OK);
    wfc_diag_deinit(&diag);
}

static void poison(wfc_program *p) {
    p->model_name = p->producer = k_evil;
    for (uint32_t i = 0; i < p->class_count; i++) p->classes[i].name = k_evil;
    for (uint32_t i = 0; i < p->layer_count; i++) {
        p->layers[i].name = p->layers[i].kind = p->layers[i].split = k_evil;
        for (uint32_t k = 0; k < p->layers[i].node_count; k++) p->layers[i].nodes[k] = k_evil;
    }
}

static char *report(const wfc_program *p, const char *ending, size_t *out_size) {
    char *path = wfc_asprintf("report-test-%ld%s", (long)getpid(), ending);
    uint8_t *bytes;
    wfc_diag diag;
    wfc_diag_init(&diag);
    ck_assert_int_eq(wfc_report_write(p, NULL, path, &diag), WFC_OK);
    ck_assert_int_eq(wfc_file_read(path, 1u << 26, &diag, &bytes, out_size), WFC_OK);
    wfc_diag_deinit(&diag);
    remove(path);
    wfc_free(path);
    return (char *)bytes;
}

static unsigned count(const char *text, const char *what) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) n++;
    return n;
}

START_TEST(any_bytes_in_names) {
    static const char *const endings[] = {".html", ".json", ".svg", ".png"};
    wfc_program p;
    make(&p);
    poison(&p);
    for (unsigned i = 0; i < 4; i++) {
        size_t size;
        char *text = report(&p, endings[i], &size);
        if (i < 3) {
            ck_assert_uint_eq(strlen(text), size);
            ck_assert(wfc_is_utf8(text));
            ck_assert_uint_eq(count(text, "\x1b") + count(text, "\x01") + count(text, "\xe2\x80\xae"), 0);
        }
        if (i == 0) ck_assert_uint_eq(count(text, "<script"), 2);
        if (i == 0) ck_assert_uint_eq(count(text, "</script"), 2);
        if (i == 2) ck_assert_uint_eq(count(text, "<script") + count(text, "onload"), 0);
        if (i == 1) {
            json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
            ck_assert_ptr_nonnull(root);
            const char *name =
                json_string_value(json_object_get(json_array_get(json_object_get(root, "layers"), 0), "name"));
            ck_assert_ptr_nonnull(name);
            ck_assert(strncmp(name, "\\xff\\xfe\\xc0\\xaf", 16) == 0);
            json_decref(root);
        }
        wfc_free(text);
    }
    wfc_program_deinit(&p);
}
END_TEST

/* The Nth allocation of ours fails: an error that says so, and no file; for N = 1, 2, ... until it comes to nothing. */
static void fail_each(const char *ending) {
    wfc_program p;
    char *path = wfc_asprintf("report-fail-%ld%s", (long)getpid(), ending);
    make(&p);
    for (size_t n = 1;; n++) {
        wfc_diag diag;
        ck_assert_uint_lt(n, 20000);
        wfc_diag_init(&diag);
        wfc_mem_fail_nth(n);
        wfc_status s = wfc_report_write(&p, NULL, path, &diag);
        size_t made = wfc_mem_fail_nth(0);
        bool exists = access(path, F_OK) == 0;
        wfc_diag_deinit(&diag);
        if (made < n) {
            ck_assert_int_eq(s, WFC_OK);
            ck_assert(exists);
            break;
        }
        /* What comes after the rename may fail without harm: the folder is then not synced. */
        ck_assert(s != WFC_OK || exists);
        ck_assert(s == WFC_OK || (s == WFC_ERR_NO_MEMORY && !exists) || (s == WFC_ERR_IO && !exists));
        remove(path);
    }
    remove(path);
    wfc_free(path);
    wfc_program_deinit(&p);
}

START_TEST(failing_allocations_json) {
    fail_each(".json");
}
END_TEST
START_TEST(failing_allocations_html) {
    fail_each(".html");
}
END_TEST
START_TEST(failing_allocations_svg) {
    fail_each(".svg");
}
END_TEST

START_TEST(empty_program) {
    static const char text[] = "wafer 1 target lab";
    static const char *const endings[] = {".html", ".json", ".svg", ".png"};
    wfc_program p;
    wfc_diag diag;
    wfc_diag_init(&diag);
    ck_assert_int_eq(wfc_program_parse(text, sizeof text - 1, "text", &diag, &p), WFC_OK);
    for (unsigned i = 0; i < 4; i++) {
        size_t size;
        char *bytes = report(&p, endings[i], &size);
        ck_assert_uint_gt(size, 100);
        wfc_free(bytes);
    }
    wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("report formats");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, any_bytes_in_names);
    tcase_add_test(tc, failing_allocations_json);
    tcase_add_test(tc, failing_allocations_html);
    tcase_add_test(tc, failing_allocations_svg);
    tcase_add_test(tc, empty_program);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}
