#include "cli/cli.h"
#include "support/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Whether a write to stdout failed, and why: the first reason counts. */
static int g_print_errno;

static void print(const char *fmt, va_list args) {
    errno = 0;
    if (vprintf(fmt, args) < 0 && !g_print_errno) g_print_errno = errno ? errno : EIO;
}

void cli_print(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print(fmt, args);
    va_end(args);
}

void cli_say(const cli_context *c, const char *fmt, ...) {
    if (c->quiet) return;
    va_list args;
    va_start(args, fmt);
    print(fmt, args);
    va_end(args);
}

wfc_status cli_flush(cli_context *c) {
    errno = 0;
    if (fflush(stdout) != 0 && !g_print_errno) g_print_errno = errno ? errno : EIO;
    if (!g_print_errno && !ferror(stdout)) return WFC_OK;
    return wfc_fail(&c->diag, WFC_ERR_IO, "WFC-E0011", "standard output", "cannot write: %s",
                    strerror(g_print_errno ? g_print_errno : EIO));
}

wfc_status cli_check_memory(cli_context *c) {
    return wfc_mem_failures() ? wfc_fail_memory(&c->diag) : WFC_OK;
}

/* A note behind an error explains it (where each PE of a deadlock waits) and belongs to it; the others tell how the
 * work went and are for -v. Running out of memory is an error without an item. */
void cli_print_diag(const cli_context *c, const wfc_diag *d) {
    static const char *const k_severity[] = {[WFC_NOTE] = "note", [WFC_WARNING] = "warning", [WFC_ERROR] = "error"};
    bool after_error = d->out_of_memory;
    for (size_t i = 0; i < d->count; i++) {
        const wfc_diag_item *item = &d->items[i];
        after_error |= item->severity == WFC_ERROR;
        if (item->severity == WFC_NOTE && !after_error && (c->quiet || !c->verbose)) continue;
        fprintf(stderr, "waferc: %s", k_severity[item->severity]);
        if (item->code[0]) fprintf(stderr, "[%s]", item->code);
        if (item->where[0]) fprintf(stderr, ": %s", item->where);
        fprintf(stderr, ": %s\n", item->text);
    }
    if (d->lost) fprintf(stderr, "waferc: warning: out of memory for %zu of the notes and warnings\n", d->lost);
    if (d->out_of_memory) fprintf(stderr, "waferc: error[WFC-E0012]: this machine: out of memory\n");
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double g_progress_start, g_progress_last;
static volatile sig_atomic_t g_progress_shown;
static const char *volatile g_stage;

void cli_progress(const cli_context *c, const char *fmt, ...) {
    double t = now();
    if (c->quiet || !isatty(STDERR_FILENO)) return;
    if (g_progress_start == 0) g_progress_start = t;
    if (t - g_progress_start < 1 || t - g_progress_last < 0.1) return;
    g_progress_last = t;
    g_progress_shown = 1;
    va_list args;
    va_start(args, fmt);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, fmt, args);
    fflush(stderr);
    va_end(args);
}

/* Only what a signal handler may do. */
static void show_stage(int sig) {
    static const char k_clear[] = "\r\033[K";
    int keep = errno;
    const char *text = g_stage;
    (void)sig;
    if (text && write(STDERR_FILENO, k_clear, sizeof k_clear - 1) > 0 && write(STDERR_FILENO, text, strlen(text)) > 0)
        g_progress_shown = 1;
    errno = keep;
}

void cli_stage(const cli_context *c, const char *text) {
    bool renew = g_progress_shown;
    if (c->quiet || !isatty(STDERR_FILENO)) return;
    g_stage = text;
    struct sigaction action = {.sa_handler = show_stage, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    if (renew)
        show_stage(0); /* already beyond the first second */
    else
        alarm(1);
}

void cli_progress_end(void) {
    alarm(0);
    g_stage = NULL;
    if (g_progress_shown) fputs("\r\033[K", stderr);
    g_progress_shown = 0;
    g_progress_start = g_progress_last = 0;
}
