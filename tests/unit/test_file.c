/* support/file.h: whole or not at all, and clear errors for what is no plain file. */
#include "support/file.h"
#include "support/mem.h"
#include "tests/unit/unit_main.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char g_dir[64];

static void make_dir(void) {
    strcpy(g_dir, "/tmp/wfc_test_file_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(g_dir));
}

static const char *in_dir(const char *name) {
    static char path[64 + 256 + 2]; /* the folder, the longest name, a slash */
    snprintf(path, sizeof path, "%s/%s", g_dir, name);
    return path;
}

/* Counts the files and removes the folder. */
static int leave_dir(void) {
    DIR *dir = opendir(g_dir);
    int files = 0;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.') {
            files++;
            remove(in_dir(e->d_name));
        }
    closedir(dir);
    rmdir(g_dir);
    return files;
}

static void content_is(const char *path, const char *expected) {
    uint8_t *bytes;
    size_t n;
    ck_assert_int_eq(wfc_file_read(path, 1000, NULL, &bytes, &n), WFC_OK);
    ck_assert_uint_eq(n, strlen(expected));
    ck_assert_str_eq((char *)bytes, expected); /* the NUL beyond the end */
    wfc_free(bytes);
}

START_TEST(write_then_read) {
    make_dir();
    ck_assert_int_eq(wfc_file_write(in_dir("a"), "first", 5, NULL), WFC_OK);
    content_is(in_dir("a"), "first");
    ck_assert_int_eq(wfc_file_write(in_dir("a"), "", 0, NULL), WFC_OK);
    content_is(in_dir("a"), "");
    ck_assert_int_eq(leave_dir(), 1);
}
END_TEST

START_TEST(abandon_leaves_the_old_file) {
    make_dir();
    ck_assert_int_eq(wfc_file_write(in_dir("a"), "old", 3, NULL), WFC_OK);
    wfc_atomic_file f;
    ck_assert_int_eq(wfc_atomic_open(&f, in_dir("a"), NULL), WFC_OK);
    fputs("half of the n", f.fp);
    fflush(f.fp);
    content_is(in_dir("a"), "old"); /* nothing shows before commit */
    wfc_atomic_abandon(&f);
    content_is(in_dir("a"), "old");
    ck_assert_int_eq(leave_dir(), 1);
}
END_TEST

START_TEST(kill_during_write_leaves_the_old_file) {
    make_dir();
    ck_assert_int_eq(wfc_file_write(in_dir("a"), "old", 3, NULL), WFC_OK);
    pid_t child = fork();
    if (child == 0) {
        wfc_atomic_file f;
        if (wfc_atomic_open(&f, in_dir("a"), NULL) != WFC_OK) _exit(1);
        fputs("half", f.fp);
        fflush(f.fp);
        raise(SIGKILL);
    }
    int how;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    content_is(in_dir("a"), "old");
    ck_assert_int_eq(leave_dir(), 2); /* the temporary stays, under its own name */
}
END_TEST

START_TEST(full_disk_is_an_error_and_leaves_nothing) {
    make_dir();
    /* A file size limit stands for the full disk: writes fail the same way. */
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
        static char big[100000];
        wfc_diag d;
        wfc_diag_init(&d);
        wfc_status s = wfc_file_write(in_dir("a"), big, sizeof big, &d);
        int good = s == WFC_ERR_IO && d.error_count == 1 && strcmp(d.items[0].where, in_dir("a")) == 0;
        wfc_diag_deinit(&d);
        _exit(good ? 0 : 1);
    }
    int how;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    ck_assert_int_eq(leave_dir(), 0);
}
END_TEST

static void read_fails(const char *path, size_t limit, wfc_status expected, const char *code) {
    uint8_t *bytes;
    size_t n;
    wfc_diag d;
    wfc_diag_init(&d);
    ck_assert_int_eq(wfc_file_read(path, limit, &d, &bytes, &n), expected);
    ck_assert_ptr_null(bytes);
    ck_assert_uint_eq(d.count, 1);
    ck_assert_str_eq(d.items[0].code, code);
    ck_assert_str_eq(d.items[0].where, path);
    wfc_diag_deinit(&d);
}

START_TEST(what_cannot_be_read) {
    make_dir();
    read_fails(in_dir("none"), 10, WFC_ERR_IO, "WFC-E0001");
    read_fails(g_dir, 10, WFC_ERR_INPUT, "WFC-E0002");
    ck_assert_int_eq(mkfifo(in_dir("pipe"), 0600), 0);
    read_fails(in_dir("pipe"), 10, WFC_ERR_INPUT, "WFC-E0002"); /* and does not hang */
    read_fails("/dev/zero", 10, WFC_ERR_INPUT, "WFC-E0002");
    ck_assert_int_eq(wfc_file_write(in_dir("a"), "12345678901", 11, NULL), WFC_OK);
    read_fails(in_dir("a"), 10, WFC_ERR_INPUT, "WFC-E0003");
    ck_assert_int_eq(leave_dir(), 2);
}
END_TEST

START_TEST(what_cannot_be_written) {
    make_dir();
    wfc_diag d;
    wfc_diag_init(&d);
    ck_assert_int_eq(wfc_file_write(in_dir("no/such/folder"), "x", 1, &d), WFC_ERR_IO);
    ck_assert_int_eq(wfc_file_write(g_dir, "x", 1, &d), WFC_ERR_IO);
    ck_assert_int_eq(wfc_file_write("/dev/full", "x", 1, &d), WFC_ERR_IO);
    ck_assert_uint_eq(d.count, 3);
    wfc_diag_deinit(&d);
    ck_assert_int_eq(leave_dir(), 0);
}
END_TEST

START_TEST(every_failing_allocation_is_clean) {
    make_dir();
    size_t n = 1, made = 0;
    for (; n == 1 || n <= made + 1; n++) {
        wfc_mem_fail_nth(n);
        wfc_status s = wfc_file_write(in_dir("a"), "x", 1, NULL);
        made = wfc_mem_fail_nth(0);
        ck_assert(s == WFC_OK || s == WFC_ERR_NO_MEMORY || s == WFC_ERR_IO);
        if (n > made) ck_assert_int_eq(s, WFC_OK);
        uint8_t *bytes;
        size_t size;
        wfc_mem_fail_nth(n);
        s = wfc_file_read(in_dir("a"), 10, NULL, &bytes, &size);
        wfc_mem_fail_nth(0);
        wfc_free(bytes);
    }
    ck_assert_uint_gt(n, 2);
    ck_assert_int_eq(leave_dir(), 1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("file");
    TCase *c = tcase_create("all");
    tcase_add_test(c, write_then_read);
    tcase_add_test(c, abandon_leaves_the_old_file);
    tcase_add_test(c, kill_during_write_leaves_the_old_file);
    tcase_add_test(c, full_disk_is_an_error_and_leaves_nothing);
    tcase_add_test(c, what_cannot_be_read);
    tcase_add_test(c, what_cannot_be_written);
    tcase_add_test(c, every_failing_allocation_is_clean);
    suite_add_tcase(s, c);
    return unit_run(s);
}
