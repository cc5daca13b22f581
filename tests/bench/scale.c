/* What it costs to check, verify, write and read a program for the whole wafer: seconds of CPU time and the peak of
 * memory, step by step. A benchmark, never a test.
 *
 *     scale [slabs rows cols strips group section words weights variants [file]]
 *     scale PROGRAM.wafer */
#include "backend/check/check.h"
#include "tests/bench/scale_gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double lap(double *since, const char *what) {
    double now = seconds(), took = now - *since;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%-10s %7.2f s   peak %6.0f MiB\n", what, took, (double)u.ru_maxrss / 1024);
    fflush(stdout);
    *since = seconds();
    return took;
}

static wfc_status check(const wfc_program *p, wfc_diag *diag, double *t, double *sum) {
    wfc_check_stats stats = {0};
    wfc_status status = wfc_be_check(p, diag, &stats);
    *sum += lap(t, "check");
    printf("  %u PEs with code, %u traces, %u lanes, %u merges, %llu events, %llu arcs\n", stats.pes, stats.traces,
           stats.lanes, stats.merges, (unsigned long long)stats.events, (unsigned long long)stats.arcs);
    return status;
}

static wfc_status measure(const scale_shape *s, const char *path, wfc_diag *diag) {
    wfc_program p;
    double t = seconds(), sum = 0;
    WFC_TRY(scale_program(s, "wse2-wide", diag, &p));
    printf("%u PEs, %u classes, %u routers, %llu MiB of data\n", p.pe_count, p.class_count, p.router_count,
           (unsigned long long)(p.bulk_bytes >> 20));
    lap(&t, "build");
    wfc_status status = check(&p, diag, &t, &sum);
    if (status == WFC_OK) status = wfc_program_verify(&p, diag);
    sum += lap(&t, "verify");
    if (status == WFC_OK) status = wfc_program_write(&p, path, diag);
    sum += lap(&t, "write");
    wfc_program_deinit(&p);
    t = seconds();
    if (status == WFC_OK) status = wfc_program_read(path, diag, &p);
    sum += lap(&t, "read");
    if (status == WFC_OK) wfc_program_deinit(&p);
    printf("%-10s %7.2f s\n", "together", sum);
    return status;
}

/* A program that is there already. */
static wfc_status measure_file(const char *path, wfc_diag *diag) {
    wfc_program p;
    double t = seconds(), sum = 0;
    WFC_TRY(wfc_program_read(path, diag, &p));
    printf("%u PEs, %u classes, %u routers, %llu MiB of data\n", p.pe_count, p.class_count, p.router_count,
           (unsigned long long)(p.bulk_bytes >> 20));
    lap(&t, "read");
    wfc_status status = check(&p, diag, &t, &sum);
    wfc_program_deinit(&p);
    return status;
}

int main(int argc, char **argv) {
    uint32_t v[9] = {46, 992, 14, 2, 8, 16, 4, 480, 8};
    const char *path = "scale.wafer";
    for (int i = 1; i < argc && i <= 9; i++) v[i - 1] = (uint32_t)strtoul(argv[i], NULL, 10);
    if (argc > 10) path = argv[10];
    scale_shape s = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], false, false};
    wfc_diag diag;
    wfc_diag_init(&diag);
    bool file = argc == 2 && strstr(argv[1], ".wafer");
    wfc_status status = file ? measure_file(argv[1], &diag) : measure(&s, path, &diag);
    for (size_t i = 0; i < diag.count; i++)
        printf("%s: %s: %s\n", diag.items[i].code, diag.items[i].where ? diag.items[i].where : "", diag.items[i].text);
    wfc_diag_deinit(&diag);
    return status == WFC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
