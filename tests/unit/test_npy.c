/* runtime/host/tensors.h: good and hostile .npy and .npz files. */
#include "runtime/host/tensors.h"
#include "support/file.h"
#include "support/mem.h"
#include "tests/unit/unit_main.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A version 1 file from a header text and data bytes. */
static size_t make(uint8_t *to, const char *header, const void *data, size_t n) {
    size_t len = strlen(header);
    const uint8_t head[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)len, (uint8_t)(len >> 8)};
    memcpy(to, head, 10);
    memcpy(to + 10, header, len);
    if (n) memcpy(to + 10 + len, data, n);
    return 10 + len + n;
}

static wfc_status parse(const char *header, const void *data, size_t n, wfc_tensor *out, char code[12]) {
    static uint8_t file[4096];
    wfc_diag d;
    wfc_diag_init(&d);
    size_t size = make(file, header, data, n);
    /* an exact copy, so that the address sanitizer sees every read beyond the end */
    uint8_t *exact = wfc_calloc(size, 1);
    memcpy(exact, file, size);
    wfc_status s = wfc_npy_parse(exact, size, "x.npy", &d, out);
    wfc_free(exact);
    strcpy(code, d.count ? d.items[0].code : "");
    ck_assert_int_eq(s == WFC_OK, d.count == 0);
    wfc_diag_deinit(&d);
    return s;
}

START_TEST(good_headers) {
    const float data[6] = {1, 2, 3, 4, 5, 6};
    static const char *const k_headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'shape': (2,3), 'fortran_order': False, 'descr': '<f4'}",
        "{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(2,3,)}   \n",
    };
    for (size_t i = 0; i < sizeof k_headers / sizeof *k_headers; i++) {
        wfc_tensor t;
        char code[12];
        ck_assert_int_eq(parse(k_headers[i], data, sizeof data, &t, code), WFC_OK);
        ck_assert(t.dtype == WFC_F32 && t.rank == 2 && t.dims[0] == 2 && t.dims[1] == 3);
        ck_assert_int_eq(memcmp(t.data, data, sizeof data), 0);
        wfc_tensor_deinit(&t);
    }
}
END_TEST

START_TEST(scalars_empty_and_big_endian) {
    wfc_tensor t;
    char code[12];
    ck_assert_int_eq(
        parse("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", "\x01\x02\xff\xfe", 4, &t, code), WFC_OK);
    ck_assert(wfc_dtype_get(WFC_I16, t.data, 0) == 258 && wfc_dtype_get(WFC_I16, t.data, 1) == -2);
    wfc_tensor_deinit(&t);
    ck_assert_int_eq(parse("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", "\x07", 1, &t, code), WFC_OK);
    ck_assert(t.rank == 0 && *(uint8_t *)t.data == 1);
    wfc_tensor_deinit(&t);
    ck_assert_int_eq(parse("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4294967295), }", "", 0, &t, code),
                     WFC_OK);
    ck_assert_uint_eq(wfc_tensor_elems(&t), 0);
    wfc_tensor_deinit(&t);
}
END_TEST

START_TEST(hostile_headers) {
    static const struct {
        const char *header, *code;
        size_t data;
    } k_cases[] = {
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "WFC-E0804", 16},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "WFC-E0803", 16},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "WFC-E0803", 16},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "WFC-E0803", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "WFC-E0805", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "WFC-E0805", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "WFC-E0802", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,), }", "WFC-E0802", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }", "WFC-E0802", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967295, 4294967295, 4294967295), }", "WFC-E0802", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "WFC-E0802", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }", "WFC-E0802", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,), }", "WFC-E0802", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1", "WFC-E0802", 0},
        {"{'descr': '<f4', 'fortran_order': False, }", "WFC-E0802", 4},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "WFC-E0802", 4},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", "WFC-E0802", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", "WFC-E0802", 4},
        {"{'descr': '<f4", "WFC-E0802", 0},
        {"{'other': 1}", "WFC-E0802", 0},
        {"{", "WFC-E0802", 0},
        {"", "WFC-E0802", 0},
    };
    static const uint8_t zeros[64];
    for (size_t i = 0; i < sizeof k_cases / sizeof *k_cases; i++) {
        wfc_tensor t;
        char code[12];
        ck_assert_int_eq(parse(k_cases[i].header, zeros, k_cases[i].data, &t, code), WFC_ERR_INPUT);
        ck_assert_msg(strcmp(code, k_cases[i].code) == 0, "case %zu: %s", i, code);
        ck_assert_ptr_null(t.data);
    }
}
END_TEST

START_TEST(every_truncation_and_every_flipped_byte_is_survived) {
    uint8_t file[256];
    size_t n = make(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", "0123456789abcdef", 16);
    for (size_t len = 0; len < n; len++) {
        uint8_t *exact = wfc_calloc(len, 1);
        wfc_tensor t;
        memcpy(exact, file, len);
        ck_assert_int_eq(wfc_npy_parse(exact, len, "x", NULL, &t), WFC_ERR_INPUT);
        wfc_free(exact);
    }
    for (size_t at = 0; at < n; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *exact = wfc_calloc(n, 1);
            wfc_tensor t;
            memcpy(exact, file, n);
            exact[at] ^= (uint8_t)(1u << bit);
            if (wfc_npy_parse(exact, n, "x", NULL, &t) == WFC_OK) wfc_tensor_deinit(&t);
            wfc_free(exact);
        }
}
END_TEST

static void fill(wfc_tensor *t, wfc_dtype dtype) {
    const uint32_t dims[] = {3, 5};
    ck_assert_int_eq(wfc_tensor_init(t, dtype, 2, dims), WFC_OK);
    for (size_t i = 0; i < 15; i++)
        wfc_dtype_set(dtype, t->data, i, (double)i - (wfc_dtype_is_float(dtype) ? 7.25 : 0));
}

START_TEST(npz_round_trip_is_exact_and_reproducible) {
    char path[] = "/tmp/wfc_test_npz_XXXXXX";
    close(mkstemp(path));
    wfc_tensor_list out = {0}, in;
    for (unsigned t = 0; t < WFC_NUM_DTYPES; t++) {
        wfc_tensor x;
        fill(&x, (wfc_dtype)t);
        ck_assert_int_eq(wfc_tensor_list_take(&out, wfc_dtype_name((wfc_dtype)t), &x, NULL), WFC_OK);
    }
    uint8_t *first, *second;
    size_t first_n, second_n;
    ck_assert_int_eq(wfc_npz_write(path, &out, NULL), WFC_OK);
    ck_assert_int_eq(wfc_file_read(path, 1 << 20, NULL, &first, &first_n), WFC_OK);
    ck_assert_int_eq(wfc_npz_write(path, &out, NULL), WFC_OK);
    ck_assert_int_eq(wfc_file_read(path, 1 << 20, NULL, &second, &second_n), WFC_OK);
    ck_assert_uint_eq(first_n, second_n);
    ck_assert_int_eq(memcmp(first, second, first_n), 0);
    ck_assert_int_eq(wfc_npz_read(path, 1 << 20, NULL, &in), WFC_OK);
    ck_assert_uint_eq(in.count, out.count);
    for (size_t i = 0; i < in.count; i++) {
        wfc_tensor *a = &out.data[i].tensor, *b = &in.data[i].tensor;
        ck_assert_str_eq(out.data[i].name, in.data[i].name);
        if (a->dtype == WFC_BF16) {
            ck_assert_int_eq(b->dtype, WFC_F32);
            for (size_t k = 0; k < 15; k++)
                ck_assert(wfc_dtype_get(WFC_BF16, a->data, k) == wfc_dtype_get(WFC_F32, b->data, k));
            continue;
        }
        ck_assert(a->dtype == b->dtype && b->rank == 2 && b->dims[0] == 3 && b->dims[1] == 5);
        ck_assert_int_eq(memcmp(a->data, b->data, 15 * wfc_dtype_bytes((wfc_dtype)a->dtype)), 0);
    }
    wfc_tensor_list_deinit(&in);
    ck_assert_int_eq(wfc_npz_read(path, 200, NULL, &in), WFC_ERR_INPUT); /* the limit counts */

    /* Every tenth byte flipped, every 37th length: an error or a good archive, never a crash. */
    for (size_t at = 0; at < first_n; at += 10) {
        first[at] ^= 0x40;
        ck_assert_int_eq(wfc_file_write(path, first, first_n, NULL), WFC_OK);
        first[at] ^= 0x40;
        if (wfc_npz_read(path, 1 << 20, NULL, &in) == WFC_OK) wfc_tensor_list_deinit(&in);
    }
    for (size_t n = 0; n < first_n; n += 37) {
        ck_assert_int_eq(wfc_file_write(path, first, n, NULL), WFC_OK);
        ck_assert_int_eq(wfc_npz_read(path, 1 << 20, NULL, &in), WFC_ERR_INPUT);
    }
    unlink(path);
    wfc_free(first);
    wfc_free(second);
    wfc_tensor_list_deinit(&out);
}
END_TEST

START_TEST(failing_allocations_are_clean) {
    char path[] = "/tmp/wfc_test_npz_XXXXXX";
    close(mkstemp(path));
    wfc_tensor_list out = {0};
    wfc_tensor x;
    fill(&x, WFC_F32);
    ck_assert_int_eq(wfc_tensor_list_take(&out, "x", &x, NULL), WFC_OK);
    size_t failed = 0;
    for (size_t n = 1, made = 1;; n++) {
        wfc_mem_fail_nth(n);
        wfc_tensor_list in = {0};
        wfc_status s = wfc_npz_write(path, &out, NULL);
        if (s == WFC_OK) s = wfc_npz_read(path, 1 << 20, NULL, &in);
        made = wfc_mem_fail_nth(0);
        failed += s != WFC_OK;
        wfc_tensor_list_deinit(&in);
        if (n <= made) continue;
        ck_assert_int_eq(s, WFC_OK);
        break;
    }
    ck_assert_uint_gt(failed, 5);
    unlink(path);
    wfc_tensor_list_deinit(&out);
}
END_TEST

int main(void) {
    Suite *s = suite_create("npy");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, good_headers);
    tcase_add_test(c, scalars_empty_and_big_endian);
    tcase_add_test(c, hostile_headers);
    tcase_add_test(c, every_truncation_and_every_flipped_byte_is_survived);
    tcase_add_test(c, npz_round_trip_is_exact_and_reproducible);
    tcase_add_test(c, failing_allocations_are_clean);
    suite_add_tcase(s, c);
    return unit_run(s);
}
