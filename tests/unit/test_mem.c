/* support/mem.h, status.h and tensor.h: overflow, growth, arena, buffer, the failing allocation hook. */
#include "support/mem.h"
#include "support/tensor.h"
#include "tests/unit/unit_main.h"
#include <stdint.h>
#include <string.h>

START_TEST(sizes_are_checked) {
    size_t out = 7;
    ck_assert(!wfc_mul_size(SIZE_MAX, 2, &out));
    ck_assert(!wfc_mul_size(SIZE_MAX / 2 + 1, 2, &out));
    ck_assert(!wfc_add_size(SIZE_MAX, 1, &out));
    ck_assert_uint_eq(out, 7); /* untouched on failure */
    ck_assert(wfc_mul_size(SIZE_MAX, 0, &out) && out == 0);
    ck_assert(wfc_mul_size(0, SIZE_MAX, &out) && out == 0);
    ck_assert(wfc_add_size(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    ck_assert_ptr_null(wfc_calloc(SIZE_MAX / 2, 4));
    ck_assert_ptr_null(wfc_realloc(NULL, SIZE_MAX / 2, 4));
    void *empty = wfc_calloc(0, 8);
    ck_assert_ptr_nonnull(empty);
    wfc_free(empty);
}
END_TEST

START_TEST(vector_grows_and_keeps) {
    WFC_VEC(uint32_t) v = {0};
    for (uint32_t i = 0; i < 1000; i++) ck_assert_int_eq(wfc_vec_push(&v, i * 3), WFC_OK);
    ck_assert_uint_eq(v.count, 1000);
    for (uint32_t i = 0; i < 1000; i++) ck_assert_uint_eq(v.data[i], i * 3);
    size_t capacity = v.capacity;
    ck_assert_int_eq(wfc_vec_reserve(&v, SIZE_MAX), WFC_ERR_NO_MEMORY);
    ck_assert_int_eq(wfc_vec_reserve(&v, SIZE_MAX / 8), WFC_ERR_NO_MEMORY);
    ck_assert_uint_eq(v.capacity, capacity);
    wfc_vec_free(&v);
    ck_assert_ptr_null(v.data);
}
END_TEST

START_TEST(arena_is_zeroed_aligned_and_disjoint) {
    wfc_arena a;
    wfc_arena_init(&a);
    uint8_t *last = NULL;
    for (size_t i = 0; i < 3000; i++) {
        size_t n = i % 97;
        uint8_t *p = wfc_arena_alloc(&a, n, 1);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 8, 0);
        ck_assert_ptr_ne(p, last);
        for (size_t k = 0; k < n; k++) ck_assert_uint_eq(p[k], 0);
        memset(p, 0xab, n);
        last = p;
    }
    uint8_t *large = wfc_arena_alloc(&a, 1 << 20, 3);
    ck_assert_ptr_nonnull(large);
    large[(3 << 20) - 1] = 1;
    ck_assert_ptr_null(wfc_arena_alloc(&a, SIZE_MAX, 1));
    ck_assert_ptr_null(wfc_arena_alloc(&a, SIZE_MAX / 2, 3));
    ck_assert_str_eq(wfc_arena_strdup(&a, "conv1"), "conv1");
    ck_assert_str_eq(wfc_arena_strndup(&a, "conv1", 4), "conv");
    ck_assert_uint_ge(a.total_bytes, 3u << 20);
    wfc_arena_deinit(&a);
}
END_TEST

START_TEST(strings_and_buffer) {
    char *s = wfc_asprintf("%s=%d", "x", 42);
    ck_assert_str_eq(s, "x=42");
    wfc_free(s);
    wfc_buf b = {0};
    for (int i = 0; i < 200; i++) wfc_buf_printf(&b, "%d,", i);
    wfc_buf_append(&b, "end", 3);
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.count, strlen(b.data));
    ck_assert_int_eq(strncmp(b.data, "0,1,2,", 6), 0);
    ck_assert_str_eq(b.data + b.count - 7, "199,end");
    wfc_buf_deinit(&b);
}
END_TEST

START_TEST(the_nth_allocation_fails_once) {
    wfc_mem_fail_nth(2);
    void *first = wfc_calloc(1, 1), *second = wfc_calloc(1, 1), *third = wfc_calloc(1, 1);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(third);
    ck_assert_uint_eq(wfc_mem_fail_nth(0), 3);
    wfc_free(first);
    wfc_free(third);

    wfc_buf b = {0};
    wfc_mem_fail_nth(1);
    wfc_buf_printf(&b, "lost");
    wfc_mem_fail_nth(0);
    wfc_buf_printf(&b, "also lost");
    ck_assert(b.failed);
    wfc_buf_deinit(&b);
}
END_TEST

START_TEST(rng_is_splitmix64) {
    /* The published first outputs for seed 1234567 of the generator's reference implementation. */
    uint64_t state = 1234567;
    ck_assert_uint_eq(wfc_rng_next(&state), UINT64_C(6457827717110365317));
    ck_assert_uint_eq(wfc_rng_next(&state), UINT64_C(3203168211198807973));
}
END_TEST

START_TEST(tensor_sizes_are_checked) {
    wfc_tensor t;
    uint32_t dims[] = {2, 3, 4};
    ck_assert_int_eq(wfc_tensor_init(&t, WFC_F16, 3, dims), WFC_OK);
    ck_assert_uint_eq(wfc_tensor_elems(&t), 24);
    for (size_t i = 0; i < 24; i++) ck_assert(wfc_dtype_get(WFC_F16, t.data, i) == 0);
    wfc_tensor_deinit(&t);
    ck_assert_int_eq(wfc_tensor_init(&t, WFC_F32, 0, dims), WFC_OK);
    ck_assert_uint_eq(wfc_tensor_elems(&t), 1);
    wfc_tensor_deinit(&t);
    uint32_t empty[] = {4, 0};
    ck_assert_int_eq(wfc_tensor_init(&t, WFC_F32, 2, empty), WFC_OK);
    ck_assert_uint_eq(wfc_tensor_elems(&t), 0);
    wfc_tensor_deinit(&t);
    uint32_t huge[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX}, wraps[] = {0, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    ck_assert_int_eq(wfc_tensor_init(&t, WFC_F32, 3, huge), WFC_ERR_NO_MEMORY);
    ck_assert_int_eq(wfc_tensor_init(&t, WFC_F32, 4, wraps), WFC_ERR_NO_MEMORY);
    ck_assert_int_eq(wfc_tensor_init(&t, WFC_F32, 9, huge), WFC_ERR_INPUT);
    ck_assert_ptr_null(t.data);
}
END_TEST

START_TEST(exit_codes_are_those_of_the_manual) {
    static const struct {
        wfc_status s;
        int exit_code;
    } k_table[] = {
        {WFC_OK, 0},          {WFC_ERR_COMPARE, 1},   {WFC_ERR_INPUT, 2}, {WFC_ERR_UNSUPPORTED, 3}, {WFC_ERR_NO_FIT, 4},
        {WFC_ERR_STOPPED, 5}, {WFC_ERR_INTERNAL, 70}, {WFC_ERR_IO, 74},   {WFC_ERR_NO_MEMORY, 74}};
    for (size_t i = 0; i < sizeof k_table / sizeof *k_table; i++) {
        ck_assert_int_eq(wfc_status_exit_code(k_table[i].s), k_table[i].exit_code);
        ck_assert_ptr_nonnull(wfc_status_name(k_table[i].s));
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("mem");
    TCase *c = tcase_create("all");
    tcase_add_test(c, sizes_are_checked);
    tcase_add_test(c, vector_grows_and_keeps);
    tcase_add_test(c, arena_is_zeroed_aligned_and_disjoint);
    tcase_add_test(c, strings_and_buffer);
    tcase_add_test(c, the_nth_allocation_fails_once);
    tcase_add_test(c, rng_is_splitmix64);
    tcase_add_test(c, tensor_sizes_are_checked);
    tcase_add_test(c, exit_codes_are_those_of_the_manual);
    suite_add_tcase(s, c);
    return unit_run(s);
}
