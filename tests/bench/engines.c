/* The fast engine against the reference engine on compiled programs: every statistic, the event hash and all output
 * words must be equal for each number of threads, else the exit status is 1. Inputs are random words of the wire type.
 *
 *   engines [--samples N] [--threads N,N,...] PROG.wafer...     (default: 2 samples; 1 and 2 threads)
 *
 * Prints host CPU and wall time of each run and the ratios; those are for people, no test looks at them. */
#include "runtime/fast/fast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_RUNS = 8 };

typedef struct words {
    uint32_t **streams;
    uint32_t count;
    size_t *sizes;
} words;

typedef struct outcome {
    wfc_status status;
    wfc_sim_result r;
    words out;
    double wall, cpu;
} outcome;

static double clock_of(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *need(void *p) {
    if (p) return p;
    fprintf(stderr, "out of memory\n");
    exit(1);
}

static words make_words(const wfc_prog_tensor *tensors, uint32_t count, uint32_t samples) {
    words w = {0};
    for (uint32_t i = 0; i < count; i++) w.count += tensors[i].stream_count;
    w.streams = need(calloc((size_t)w.count + 1, sizeof *w.streams));
    w.sizes = need(calloc((size_t)w.count + 1, sizeof *w.sizes));
    for (uint32_t i = 0, at = 0; i < count; i++)
        for (uint32_t k = 0; k < tensors[i].stream_count; k++, at++) {
            w.sizes[at] = (size_t)tensors[i].streams[k].words * samples;
            w.streams[at] = need(calloc(w.sizes[at] + 1, sizeof(uint32_t)));
        }
    return w;
}

static void free_words(words *w) {
    for (uint32_t i = 0; i < w->count; i++) free(w->streams[i]);
    free(w->streams);
    free(w->sizes);
}

/* Floats in [-1, 1), small integers, so that nothing depends on NaN. */
static void fill(const wfc_prog_tensor *tensors, uint32_t count, words *w) {
    uint64_t rng = 7;
    for (uint32_t i = 0, at = 0; i < count; i++)
        for (uint32_t k = 0; k < tensors[i].stream_count; k++, at++)
            for (size_t n = 0; n < w->sizes[at]; n++) {
                wfc_dtype type = (wfc_dtype)tensors[i].dtype;
                for (unsigned j = 0; j < wfc_elems_per_wavelet(type); j++) {
                    double v = (double)(wfc_rng_next(&rng) % 2048) / 1024 - 1;
                    wfc_dtype_set(type, w->streams[at] + n, j, wfc_dtype_is_float(type) ? v : (double)(int)(v * 100));
                }
            }
}

static outcome run(const wfc_program *p, const words *in, uint32_t samples, uint32_t threads) {
    outcome o = {.out = make_words(p->outputs, p->output_count, samples)};
    wfc_sim_io io = {samples, (const uint32_t *const *)in->streams, o.out.streams};
    wfc_sim_options opt = {.event_hash = true, .threads = threads};
    wfc_diag diag;
    wfc_diag_init(&diag);
    double wall = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    o.status = threads ? wfc_fast_run(p, &opt, &io, &diag, &o.r) : wfc_sim_run(p, &opt, &io, &diag, &o.r);
    o.wall = clock_of(CLOCK_MONOTONIC) - wall;
    o.cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    for (size_t i = 0; i < diag.count; i++) printf("%s: %s\n", diag.items[i].code, diag.items[i].text);
    wfc_diag_deinit(&diag);
    return o;
}

static int differs(const char *what, bool different) {
    if (different) printf("  DIFFERENT: %s\n", what);
    return different;
}

static int compare(const wfc_program *p, uint32_t samples, const outcome *a, const outcome *b) {
    if (differs("status", a->status != b->status) || a->status != WFC_OK) return 1;
    const wfc_sim_result *r = &a->r, *q = &b->r;
    int bad =
        differs("cycles", r->cycles != q->cycles) + differs("event hash", r->event_hash != q->event_hash) +
        differs("first injection", r->first_inject_cycle != q->first_inject_cycle) +
        differs("hops", r->wavelet_hops != q->wavelet_hops) +
        differs("words", r->words_injected != q->words_injected || r->words_collected != q->words_collected) +
        differs("instructions", r->instructions != q->instructions || r->pe_active != q->pe_active) +
        differs("MACs", r->macs_executed != q->macs_executed || r->pe_cycles != q->pe_cycles) +
        differs("causes", memcmp(r->layer_cause, q->layer_cause, p->layer_count * sizeof *r->layer_cause) != 0) +
        differs("completion", memcmp(r->completion_cycles, q->completion_cycles, samples * sizeof(uint64_t)) != 0) +
        differs("MACs of layers",
                memcmp(r->layer_macs_executed, q->layer_macs_executed, p->layer_count * sizeof(uint64_t)) != 0);
    for (uint32_t i = 0; i < a->out.count; i++)
        bad += differs("outputs", memcmp(a->out.streams[i], b->out.streams[i], a->out.sizes[i] * 4) != 0);
    return bad;
}

static void drop(outcome *o) {
    wfc_sim_result_deinit(&o->r);
    free_words(&o->out);
}

static int run_program(const char *path, uint32_t samples, const uint32_t *threads, uint32_t runs) {
    wfc_program p;
    wfc_diag diag;
    wfc_diag_init(&diag);
    wfc_program_init(&p);
    if (wfc_program_read(path, &diag, &p) != WFC_OK) {
        for (size_t i = 0; i < diag.count; i++) printf("%s: %s\n", diag.items[i].code, diag.items[i].text);
        wfc_diag_deinit(&diag);
        return 1;
    }
    words in = make_words(p.inputs, p.input_count, samples);
    fill(p.inputs, p.input_count, &in);
    outcome plain = run(&p, &in, samples, 0);
    const wfc_sim_result *r = &plain.r;
    printf("%s: %u samples, %llu cycles, %llu hops\n  reference       %8.2f s wall %8.2f s CPU\n", path, samples,
           (unsigned long long)r->cycles, (unsigned long long)r->wavelet_hops, plain.wall, plain.cpu);
    int bad = plain.status != WFC_OK;
    for (uint32_t i = 0; i < runs && !bad; i++) {
        outcome o = run(&p, &in, samples, threads[i]);
        printf("  fast, %u threads %8.2f s wall %8.2f s CPU   x %.2f wall, x %.2f CPU\n", threads[i], o.wall, o.cpu,
               plain.wall / o.wall, plain.cpu / o.cpu);
        bad += compare(&p, samples, &plain, &o);
        drop(&o);
    }
    drop(&plain);
    free_words(&in);
    wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
    return bad;
}

int main(int argc, char **argv) {
    uint32_t samples = 2, threads[MAX_RUNS] = {1, 2}, runs = 2;
    int bad = 0, programs = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--samples") && i + 1 < argc) {
            samples = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--threads") && i + 1 < argc) {
            char *at = argv[++i];
            for (runs = 0; runs < MAX_RUNS && *at; at += *at == ',') threads[runs++] = (uint32_t)strtoul(at, &at, 10);
        } else {
            bad += run_program(argv[i], samples, threads, runs);
            programs++;
        }
    }
    if (!programs) printf("usage: engines [--samples N] [--threads N,...] PROG.wafer...\n");
    return bad || !programs;
}
