/* support/diag.h: escaping of hostile text, order, out of memory. */
#include "support/diag.h"
#include "support/mem.h"
#include "tests/unit/unit_main.h"
#include <string.h>

static void escapes_to(const char *text, size_t n, const char *expected) {
    char *out = wfc_escape(text, n, 1000);
    ck_assert_str_eq(out, expected);
    wfc_free(out);
}

START_TEST(escape_table) {
    escapes_to("conv1/Relu_0", 12, "conv1/Relu_0");
    escapes_to("a\x1b[2Jb", 6, "a\\x1b[2Jb");
    escapes_to("a\0b\x7f", 4, "a\\x00b\\x7f");
    escapes_to("line\nnext\t", 10, "line\\nnext\\t");
    escapes_to("\r", 1, "\\x0d");
    escapes_to("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
    escapes_to("\xe2\x82\xac\xf0\x9f\x98\x80", 7, "\xe2\x82\xac\xf0\x9f\x98\x80");
    escapes_to("\xc0\xaf", 2, "\\xc0\\xaf");                   /* overlong */
    escapes_to("\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf");          /* overlong */
    escapes_to("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");          /* surrogate */
    escapes_to("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
    escapes_to("\xc3", 1, "\\xc3");                            /* cut short */
    escapes_to("\xc2\x9b", 2, "\\xc2\\x9b");                   /* C1 control (CSI) */
    escapes_to("\xe2\x80\xae", 3, "\\xe2\\x80\\xae");          /* right-to-left override */
    escapes_to("", 0, "");
}
END_TEST

START_TEST(escape_cuts) {
    char *out = wfc_escape("abcdefghij", 10, 4);
    ck_assert_str_eq(out, "abcd...");
    wfc_free(out);
    out = wfc_escape("abcd", 4, 4);
    ck_assert_str_eq(out, "abcd");
    wfc_free(out);
    out = wfc_escape("abc\x01", 4, 5); /* an escape is never cut in two */
    ck_assert_str_eq(out, "abc...");
    wfc_free(out);
}
END_TEST

START_TEST(utf8_table) {
    static const struct {
        const char *text;
        bool good;
    } rows[] = {{"", true},
                {"\x01 control bytes are UTF-8\n", true},
                {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82 \xf4\x8f\xbf\xbf", true},
                {"\xff", false},
                {"\xc0\xaf", false},         /* overlong */
                {"\xe0\x9f\xbf", false},     /* overlong */
                {"\xf0\x8f\xbf\xbf", false}, /* overlong */
                {"\xed\xa0\x80", false},     /* surrogate */
                {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
                {"\xe2\x82", false},         /* cut off */
                {"\xbf", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(wfc_is_utf8(rows[i].text) == rows[i].good, "row %zu", i);
}
END_TEST

static wfc_status fails(wfc_diag *d) {
    return wfc_fail(d, WFC_ERR_INPUT, "WFC-E0042",
                    "no\x1b"
                    "de",
                    "found %d, expected %d", 3, 4);
}

START_TEST(items_keep_order_and_severity) {
    wfc_diag d;
    wfc_diag_init(&d);
    wfc_diag_add(&d, WFC_WARNING, "WFC-W0001", NULL, "first");
    ck_assert_int_eq(fails(&d), WFC_ERR_INPUT);
    wfc_diag_add(&d, WFC_NOTE, "WFC-N0001", "x", "one\nWFC-E0001 forged");
    ck_assert_uint_eq(d.count, 3);
    ck_assert_uint_eq(d.error_count, 1);
    ck_assert_str_eq(d.items[0].where, "");
    ck_assert_str_eq(d.items[1].where, "no\\x1bde");
    ck_assert_str_eq(d.items[1].code, "WFC-E0042");
    ck_assert_str_eq(d.items[1].text, "found 3, expected 4");
    ck_assert_str_eq(d.items[2].text, "one\n    WFC-E0001 forged");
    wfc_diag_deinit(&d);
    ck_assert_int_eq(wfc_fail(NULL, WFC_ERR_IO, "WFC-E0001", "x", "dropped"), WFC_ERR_IO);
}
END_TEST

START_TEST(out_of_memory_is_remembered_at_every_allocation) {
    for (size_t n = 1;; n++) {
        wfc_diag d;
        wfc_diag_init(&d);
        wfc_mem_fail_nth(n);
        wfc_status s = fails(&d);
        size_t made = wfc_mem_fail_nth(0);
        ck_assert_int_eq(s, WFC_ERR_INPUT);
        ck_assert_uint_eq(d.error_count, 1);
        ck_assert(d.out_of_memory ? d.count == 0 : d.count == 1);
        ck_assert_int_eq(d.out_of_memory != 0, n <= made);
        wfc_diag_deinit(&d);
        if (n > made) break;
        ck_assert_uint_lt(n, 100);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("diag");
    TCase *c = tcase_create("all");
    tcase_add_test(c, escape_table);
    tcase_add_test(c, escape_cuts);
    tcase_add_test(c, utf8_table);
    tcase_add_test(c, items_keep_order_and_severity);
    tcase_add_test(c, out_of_memory_is_remembered_at_every_allocation);
    suite_add_tcase(s, c);
    return unit_run(s);
}
