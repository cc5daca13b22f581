/* The program file: round trips, determinism, hostile bytes. Run under AddressSanitizer to mean anything. */
#include "program_test.h"
#include "support/file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { HEAD = 32, ENTRY = 24, SECTIONS = 10, FIRST = HEAD + ENTRY * SECTIONS, MUTANTS = 6000 };

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v) {
    for (unsigned i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}

/* Makes every checksum right again, so that what is behind them gets tested. Written from the specification. */
static void fix_checksums(uint8_t *bytes, size_t size) {
    for (unsigned i = 0; i < SECTIONS; i++) {
        uint8_t *e = bytes + HEAD + ENTRY * i;
        uint64_t at = get32(e + 8) | (uint64_t)get32(e + 12) << 32, n = get32(e + 16) | (uint64_t)get32(e + 20) << 32;
        if (at <= size && n <= size - at) put32(e + 4, (uint32_t)crc32(0, bytes + at, (uInt)n));
    }
    uint32_t crc = (uint32_t)crc32(0, bytes, 20);
    put32(bytes + 20, (uint32_t)crc32(crc, bytes + 24, FIRST - 24));
}

static char *everything(void) {
    uint8_t *text;
    size_t n;
    ck_assert_int_eq(wfc_file_read(TEXT_DIR "/everything.wasm", 1 << 20, NULL, &text, &n), WFC_OK);
    return (char *)text;
}

static void expect_same(const uint8_t *bytes, size_t size) {
    wfc_program q;
    uint8_t *again;
    size_t again_size;
    ck_assert_int_eq(wfc_program_decode(bytes, size, "file", NULL, &q), WFC_OK);
    encode_or_fail(&q, &again, &again_size);
    ck_assert_uint_eq(size, again_size);
    ck_assert_mem_eq(bytes, again, size);
    wfc_free(again);
    /* and through text */
    wfc_buf text = {0};
    wfc_program r;
    ck_assert_int_eq(wfc_program_print(&q, NULL, &text), WFC_OK);
    parse_or_fail(text.data, &r);
    encode_or_fail(&r, &again, &again_size);
    ck_assert_uint_eq(size, again_size);
    ck_assert_mem_eq(bytes, again, size);
    wfc_free(again);
    wfc_buf_deinit(&text);
    wfc_program_deinit(&r);
    wfc_program_deinit(&q);
}

START_TEST(round_trips) {
    char *text = everything();
    const char *texts[] = {RELAY_TEXT, text, "wafer 1 target wse2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        wfc_program p;
        uint8_t *bytes, *twice;
        size_t size, twice_size;
        parse_or_fail(texts[i], &p);
        encode_or_fail(&p, &bytes, &size);
        encode_or_fail(&p, &twice, &twice_size);
        ck_assert_uint_eq(size, twice_size);
        ck_assert_mem_eq(bytes, twice, size);
        expect_same(bytes, size);
        wfc_free(bytes);
        wfc_free(twice);
        wfc_program_deinit(&p);
    }
    wfc_free(text);
}
END_TEST

/* A target of one's own is written out as JSON. */
START_TEST(own_target_round_trips) {
    wfc_program p;
    uint8_t *bytes;
    size_t size;
    parse_or_fail(RELAY_TEXT, &p);
    p.target.hop_latency = 7;
    encode_or_fail(&p, &bytes, &size);
    expect_same(bytes, size);
    wfc_free(bytes);
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(write_and_read) {
    wfc_program p, q;
    wfc_diag d;
    char path[] = "/tmp/wfc_program_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    wfc_diag_init(&d);
    parse_or_fail(RELAY_TEXT, &p);
    ck_assert_int_eq(wfc_program_write(&p, path, &d), WFC_OK);
    ck_assert_int_eq(wfc_program_read(path, &d, &q), WFC_OK);
    wfc_program_deinit(&q);
    p.pes[0].class_index = 1; /* decodes, does not verify */
    ck_assert_int_eq(wfc_program_write(&p, path, &d), WFC_OK);
    ck_assert_int_ne(wfc_program_read(path, &d, &q), WFC_OK);
    ck_assert_int_eq(wfc_program_write(&p, "/no/such/folder/x", &d), WFC_ERR_IO);
    unlink(path);
    ck_assert_int_eq(wfc_program_read(path, &d, &q), WFC_ERR_IO);
    wfc_program_deinit(&p);
    wfc_diag_deinit(&d);
}
END_TEST

/* The limit holds for the file and for what it becomes. */
START_TEST(memory_is_limited) {
    wfc_program p, q;
    wfc_diag d;
    uint8_t *bytes;
    size_t size;
    char path[] = "/tmp/wfc_program_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    wfc_diag_init(&d);
    parse_or_fail(RELAY_TEXT, &p);
    encode_or_fail(&p, &bytes, &size);
    ck_assert_int_eq(wfc_program_write(&p, path, &d), WFC_OK);
    ck_assert_int_eq(wfc_program_read_limited(path, size - 1, &d, &q), WFC_ERR_INPUT);
    ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E0003");
    uint64_t enough = size;
    while (wfc_program_read_limited(path, enough, &d, &q) != WFC_OK) {
        ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E1205");
        ck_assert_uint_lt(enough, 1 << 20);
        enough += 256;
    }
    ck_assert_uint_eq(q.bulk_bytes, p.bulk_bytes);
    ck_assert_int_eq(memcmp(q.bulk, p.bulk, (size_t)p.bulk_bytes), 0);
    uint8_t *again;
    size_t again_size;
    ck_assert_int_eq(wfc_program_encode(&q, &d, &again, &again_size), WFC_OK);
    ck_assert_uint_eq(again_size, size);
    ck_assert_int_eq(memcmp(again, bytes, size), 0);
    wfc_free(again);
    wfc_program_deinit(&q);
    unlink(path);
    wfc_free(bytes);
    wfc_program_deinit(&p);
    wfc_diag_deinit(&d);
}
END_TEST

static void expect_refused(const uint8_t *bytes, size_t size, const char *code, const char *says) {
    wfc_program q;
    wfc_diag d;
    wfc_diag_init(&d);
    ck_assert_int_eq(wfc_program_decode(bytes, size, "prog.wafer", &d, &q), WFC_ERR_INPUT);
    char *said = messages(&d);
    ck_assert_msg(strstr(said, code) && strstr(said, says), "expected %s '%s', found %s", code, says, said);
    wfc_free(said);
    wfc_diag_deinit(&d);
}

START_TEST(other_versions_are_refused) {
    wfc_program p;
    uint8_t *bytes;
    size_t size;
    parse_or_fail(RELAY_TEXT, &p);
    encode_or_fail(&p, &bytes, &size);
    expect_refused((const uint8_t *)"hello, world, here", 18, "WFC-E1201", "not a wafer program");
    expect_refused(bytes, 0, "WFC-E1201", "not a wafer program");
    expect_refused(bytes, 20, "WFC-E1204", "ends within its head");
    bytes[8] = 2;
    expect_refused(bytes, size, "WFC-E1202", "the program file has version 2, this build reads version 1");
    bytes[8] = 1;
    bytes[12] = 9;
    expect_refused(bytes, size, "WFC-E1203", "for target version 9, this build simulates version 1");
    bytes[12] = 1;
    bytes[16]++;
    expect_refused(bytes, size, "WFC-E1204", "11 sections");
    bytes[16]--;
    bytes[HEAD]++;
    expect_refused(bytes, size, "WFC-E1204", "checksum of its head");
    fix_checksums(bytes, size);
    expect_refused(bytes, size, "WFC-E1204", "section 0 is not TARG");
    bytes[HEAD]--;
    fix_checksums(bytes, size);
    expect_refused(bytes, size - 8, "WFC-E1204", "cut off");
    wfc_free(bytes);
    wfc_program_deinit(&p);
}
END_TEST

START_TEST(every_truncation_is_refused) {
    wfc_program p, q;
    uint8_t *bytes;
    size_t size;
    char *text = everything();
    parse_or_fail(text, &p);
    encode_or_fail(&p, &bytes, &size);
    for (size_t n = 0; n < size; n++) {
        uint8_t *cut = malloc(n ? n : 1); /* exactly n bytes, so that a read behind them is seen */
        memcpy(cut, bytes, n);
        ck_assert_int_eq(wfc_program_decode(cut, n, "cut", NULL, &q), WFC_ERR_INPUT);
        if (n >= FIRST) { /* the same with a head that agrees */
            put32(cut + 24, (uint32_t)n);
            fix_checksums(cut, n);
            ck_assert_int_eq(wfc_program_decode(cut, n, "cut", NULL, &q), WFC_ERR_INPUT);
        }
        free(cut);
    }
    wfc_free(bytes);
    wfc_free(text);
    wfc_program_deinit(&p);
}
END_TEST

/* One to four random bytes changed, checksums right: decoding fails or gives a program that can be verified, printed
 * and encoded again. */
static void mutate(const char *text, uint64_t seed, unsigned *accepted) {
    wfc_program p, q;
    uint8_t *bytes;
    size_t size;
    parse_or_fail(text, &p);
    encode_or_fail(&p, &bytes, &size);
    uint8_t *mutant = malloc(size);
    for (unsigned i = 0; i < MUTANTS; i++) {
        memcpy(mutant, bytes, size);
        unsigned flips = 1 + (unsigned)(wfc_rng_next(&seed) % 4);
        for (unsigned k = 0; k < flips; k++) {
            size_t at = (size_t)(wfc_rng_next(&seed) % size);
            unsigned bit = 1u << (wfc_rng_next(&seed) % 8);
            mutant[at] = (uint8_t)(k % 2 ? wfc_rng_next(&seed) : mutant[at] ^ bit);
        }
        fix_checksums(mutant, size);
        if (wfc_program_decode(mutant, size, "mutant", NULL, &q) != WFC_OK) continue;
        ++*accepted;
        wfc_diag d;
        wfc_buf out = {0};
        wfc_diag_init(&d);
        wfc_status s = wfc_program_verify(&q, &d);
        ck_assert(s == WFC_OK || d.error_count > 0);
        ck_assert_int_eq(wfc_program_print(&q, NULL, &out), WFC_OK);
        if (s == WFC_OK) { /* what verifies also round-trips through text */
            uint8_t *a, *b;
            size_t an, bn;
            wfc_program r;
            parse_or_fail(out.data, &r);
            encode_or_fail(&q, &a, &an);
            encode_or_fail(&r, &b, &bn);
            ck_assert_uint_eq(an, bn);
            ck_assert_mem_eq(a, b, an);
            wfc_free(a);
            wfc_free(b);
            wfc_program_deinit(&r);
        }
        wfc_buf_deinit(&out);
        wfc_diag_deinit(&d);
        wfc_program_deinit(&q);
    }
    free(mutant);
    wfc_free(bytes);
    wfc_program_deinit(&p);
}

START_TEST(mutants_never_crash) {
    unsigned accepted = 0;
    char *text = everything();
    mutate(RELAY_TEXT, 1, &accepted);
    mutate(text, 2, &accepted);
    ck_assert_uint_gt(accepted, MUTANTS / 10); /* the mutants get past the decoder often enough to mean something */
    wfc_free(text);
}
END_TEST

/* A metadata section of many empty classes asks for far more memory than it has bytes; counts that disagree. */
START_TEST(counts_are_checked) {
    wfc_program p;
    uint8_t *bytes;
    size_t size;
    parse_or_fail(RELAY_TEXT, &p);
    uint32_t real = p.classes[0].insn_count;
    wfc_insn *insns = p.classes[0].insns;
    p.classes[0].insn_count = real - 1;
    encode_or_fail(&p, &bytes, &size);
    uint8_t *meta = bytes + get32(bytes + HEAD + ENTRY + 8);
    uint32_t n = get32(bytes + HEAD + ENTRY + 16);
    bool changed = false;
    for (uint32_t i = 0; i + 1 < n && !changed; i++)
        if (meta[i] == 0x10 && meta[i + 1] == real - 1) { /* field 2, insn_count */
            meta[i + 1] = 100;
            changed = true;
        }
    ck_assert(changed);
    fix_checksums(bytes, size);
    expect_refused(bytes, size, "WFC-E1204", "the classes need");
    wfc_free(bytes);
    p.classes[0].insns = insns;
    p.classes[0].insn_count = real;
    wfc_program_deinit(&p);
}
END_TEST

/* The Nth allocation fails, N = 1, 2, ... until one goes through: a status each time, nothing leaks. */
START_TEST(out_of_memory) {
    wfc_program p, q;
    uint8_t *bytes, *again;
    size_t size, again_size;
    parse_or_fail(RELAY_TEXT, &p);
    encode_or_fail(&p, &bytes, &size);
    for (size_t n = 1;; n++) {
        wfc_mem_fail_nth(n);
        wfc_status s = wfc_program_decode(bytes, size, "file", NULL, &q);
        again = NULL;
        if (s == WFC_OK) {
            s = wfc_program_encode(&q, NULL, &again, &again_size);
            wfc_program_deinit(&q);
        }
        size_t made = wfc_mem_fail_nth(0);
        wfc_free(again);
        if (s == WFC_OK && made < n) break;
        ck_assert_uint_lt(n, 100000);
    }
    wfc_free(bytes);
    wfc_program_deinit(&p);
}
END_TEST

int main(int argc, char **argv) {
    Suite *s = suite_create("file");
    TCase *c = tcase_create("file");
    tcase_set_timeout(c, 600);
    suite_add_tcase(s, c);
    tcase_add_test(c, round_trips);
    tcase_add_test(c, own_target_round_trips);
    tcase_add_test(c, write_and_read);
    tcase_add_test(c, other_versions_are_refused);
    tcase_add_test(c, every_truncation_is_refused);
    tcase_add_test(c, memory_is_limited);
    tcase_add_test(c, mutants_never_crash);
    tcase_add_test(c, counts_are_checked);
    tcase_add_test(c, out_of_memory);
    return run_cases(s, argc, argv);
}
