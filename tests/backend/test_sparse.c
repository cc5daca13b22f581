/* The weight-sparse form of a contract: simulated outputs equal the evaluator's for weights of any density, from all
 * there to all zero, in convolutions (stride, pads, dilation, groups, depthwise, transposed), matrix products and
 * windows read backwards, with splits chosen and drawn, with and without jitter. The form is forced, then chosen by
 * cost.
 *
 * Arguments: [FIRST [COUNT]] seeds, default 1 6; -v SEED prints one. Each seed runs all cases. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/be.h"
#include "passes/pass.h"
#include "runtime/host/run.h"
#include "tests/backend/edges_rig.h"

/* A graph around weights %w of a shape: text before and after, "x" of `input`. */
typedef struct sparse_case {
    const char *what, *input, *weights, *rest;
    uint32_t elems;
} sparse_case;

#define RELU(shape) "  %z = map(%y) {\"max(a,0)\"} : f32[" shape "] loc(\"relu\")\n"

static const sparse_case cases[] = {
    {"convolution with pads", "1,3,6,7", "8,3,3,3",
     "  %y = contract(%x, %w) {out=\"n k y x\", a=\"n c y+r-1 x+s-1\", b=\"k c r s\", red=\"c=3 r=3 s=3\"} : "
     "f32[1,8,6,7] loc(\"conv\")\n" RELU("1,8,6,7"),
     216},
    {"convolution with stride and dilation", "1,4,9,9", "5,4,2,3",
     "  %y = contract(%x, %w) {out=\"n k y x\", a=\"n c 2y+2r-1 3x+s-2\", b=\"k c r s\", red=\"c=4 r=2 s=3\"} : "
     "f32[1,5,4,4] loc(\"conv\")\n" RELU("1,5,4,4"),
     120},
    {"convolution in groups", "1,2,4,5,5", "2,3,4,3,3",
     "  %y = contract(%x, %w) {out=\"n g k y x\", a=\"n g c y+r x+s\", b=\"g k c r s\", red=\"c=4 r=3 s=3\"} : "
     "f32[1,2,3,3,3] loc(\"conv\")\n" RELU("1,2,3,3,3"),
     216},
    {"depthwise convolution", "1,6,6,6", "6,1,3,3",
     "  %y = contract(%x, %w) {out=\"n k y x\", a=\"n k y+r-1 x+s-1\", b=\"k c r s\", red=\"c=1 r=3 s=3\"} : "
     "f32[1,6,6,6] loc(\"conv\")\n" RELU("1,6,6,6"),
     54},
    {"window read backwards", "1,3,5,5", "3,4,3,3",
     "  %y = contract(%x, %w) {out=\"n k y x\", a=\"n c y-r+1 x-s+1\", b=\"c k r s\", red=\"c=3 r=3 s=3\"} : "
     "f32[1,4,5,5] loc(\"conv\")\n" RELU("1,4,5,5"),
     108},
    {"product of a vector", "1,24", "24,10",
     "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=24\"} : f32[1,10] loc(\"fc\")\n" RELU("1,10"),
     240},
    {"product of rows, weights transposed", "1,7,16", "9,16",
     "  %y = contract(%x, %w) {out=\"n t k\", a=\"n t c\", b=\"k c\", red=\"c=16\"} : f32[1,7,9] loc(\"fc\")\n" RELU(
         "1,7,9"),
     144},
    {"batched product", "3,4,5", "3,5,6",
     "  %y = contract(%x, %w) {out=\"b t k\", a=\"b t c\", b=\"b c k\", red=\"c=5\"} : f32[3,4,6] loc(\"mm\")\n" RELU(
         "3,4,6"),
     90},
    {"result is what is sent", "1,6,4", "5,6",
     "  %z = contract(%x, %w) {out=\"n k t\", a=\"n c t\", b=\"k c\", red=\"c=6\"} : f32[1,5,4] loc(\"fc\")\n", 30},
};

static const double densities[] = {1, 0.5, 0.1, 0.01, 0};

/* Multiples of 1/4, so that sums are exact; some zeros are -0. */
static void write_weights(FILE *f, uint32_t elems, double density, uint64_t *rng) {
    for (uint32_t i = 0; i < elems; i++) {
        uint64_t k = wfc_rng_next(rng) >> 8;
        double w = ((double)(k % 16) + 1) / 4 * (k & 64 ? -1 : 1);
        bool there = (double)(k >> 8 & 0xfffff) < density * 0x100000;
        fprintf(f, "%s%s", i ? "," : "", there ? "" : k & 32 ? "-0" : "0");
        if (there) fprintf(f, "%g", w);
    }
}

static bool make_text(const sparse_case *c, double density, uint64_t seed, char *text, size_t size) {
    uint64_t rng = seed;
    FILE *f = fmemopen(text, size, "w");
    if (!f) return false;
    fprintf(f, "wfc.ir 1\ngraph @sparse {\n  input %%x : f32[%s] host=\"x\" hosttype=1\n  const %%w : f32[%s] = {",
            c->input, c->weights);
    write_weights(f, c->elems, density, &rng);
    fprintf(f, "}\n%s  output %%z host=\"z\" hosttype=1\n}\n", c->rest);
    bool ok = ftell(f) < (long)size - 1;
    return fclose(f) == 0 && ok;
}

static bool run_case(const sparse_case *c, double density, uint64_t seed, uint8_t form, bool print, rig_tally *t) {
    static char text[1 << 16];
    rig_options o = {.seed = seed, .text = text, .match = GEN_EXACT, .max_elems = 4096};
    o.least_height = (uint16_t)(seed % 4 == 3 ? 2 : 12);
    o.most_height = 24;
    o.least_width = 8;
    o.most_width = 20;
    o.random_splits = seed % 2;
    o.sparse = form;
    o.jitters = 1;
    o.twice = seed % 3 == 0;
    o.print = print;
    if (!make_text(c, density, seed * 31 + c->elems, text, sizeof text)) return false;
    if (rig_check(&o, t) != RIG_FAILED) return true;
    fprintf(stderr, "%s, density %g, seed %llu, form %u\n", c->what, density, (unsigned long long)seed, form);
    return false;
}

/* The estimate for planning against its own words. */
static bool check_estimate(void) {
    wfc_target t = {.vector_overhead = 3};
    t.simd[WFC_SIMD_FMAC][WFC_F32] = 2;
    struct {
        double density;
        uint64_t pes, tile;
        double want;
    } e[] = {{1, 100, 9, 1000 * 9.0},
             {0, 100, 9, 0},
             {.1, 1, 1, 3 * (3 + 100.0)},
             {.5, 256, 4, (500 + sqrt(2 * log(256.0) * 250)) * 6},
             {.999, 1u << 20, 2, 1000 * 5.0}};
    for (size_t i = 0; i < sizeof e / sizeof *e; i++) {
        double got = wfc_be_sparse_cycles(&t, 1000, e[i].density, e[i].pes, e[i].tile);
        if (fabs(got - e[i].want) <= 1e-9 * e[i].want) continue;
        fprintf(stderr, "estimate %zu: %g, expected %g\n", i, got, e[i].want);
        return false;
    }
    return true;
}

/* The estimate's fullest PE against drawn masks: between the mean and a tenth above the mean of the drawn maxima. */
static bool check_fullest(uint64_t weights, double density, uint64_t pes) {
    wfc_target t = {0};
    t.simd[WFC_SIMD_FMAC][WFC_F32] = 1;
    uint64_t rng = weights + pes;
    double sum = 0;
    enum { DRAWS = 20 };
    for (unsigned k = 0; k < DRAWS; k++) {
        uint64_t most = 0;
        for (uint64_t p = 0; p < pes; p++) {
            uint64_t n = 0;
            for (uint64_t i = 0; i < weights; i++) n += (double)(wfc_rng_next(&rng) >> 11) < density * 0x1p53;
            most = n > most ? n : most;
        }
        sum += (double)most;
    }
    double drawn = sum / DRAWS, estimate = wfc_be_sparse_cycles(&t, weights, density, pes, 2) / 3;
    if (estimate >= 0.97 * drawn && estimate <= 1.15 * drawn) return true;
    fprintf(stderr, "fullest of %llu PEs, %llu weights, density %g: drawn %g, estimate %g\n", (unsigned long long)pes,
            (unsigned long long)weights, density, drawn, estimate);
    return false;
}

/* Every seventh allocation of a compilation may fail: it ends, with an error or without a note's text, and nothing
 * leaks. Which error is not asked: wfc_be_out_box takes an allocation that fails for an empty box, and the verifier
 * then finds the program wrong. */
static bool check_memory(void) {
    static char text[1 << 14];
    if (!make_text(&cases[1], 0.2, 5, text, sizeof text)) return false;
    for (size_t n = 1; n < 200000; n += 7) {
        wfc_compile_options opt = {.seed = 1, .model_name = "m", .sparse = WFC_SPARSE_ALWAYS};
        wfc_diag d;
        wfc_graph g;
        wfc_target t = {0};
        wfc_program p;
        wfc_diag_init(&d);
        wfc_graph_init(&g);
        wfc_program_init(&p);
        bool ok = wfc_target_load("lab", &d, &t) == WFC_OK && wfc_ir_parse(text, strlen(text), "t", &d, &g) == WFC_OK &&
                  wfc_pass_run(&g, wfc_pass_default_pipeline(), &d, NULL, NULL) == WFC_OK;
        t.height = t.width = 8;
        t.io_count[0] = t.io_count[1] = 8;
        (void)wfc_mem_fail_nth(n);
        wfc_status s = ok ? wfc_be_compile(&g, &t, &opt, &d, &p) : WFC_ERR_INTERNAL;
        bool done = wfc_mem_fail_nth(0) < n;
        wfc_program_deinit(&p);
        wfc_graph_deinit(&g);
        wfc_target_deinit(&t);
        wfc_diag_deinit(&d);
        if (done) return s == WFC_OK;
    }
    return false;
}

/* What docs/sparsity.md says of infinities: x = (inf, 1) times w = (1 0; 0 2) is (inf, NaN), and (inf, 2) where zeros
 * are left out. */
static bool run_infinite(uint8_t form, const float *want) {
    static const char text[] =
        "wfc.ir 1\ngraph @inf {\n  input %x : f32[1,2] host=\"x\" hosttype=1\n  const %w : f32[2,2] = {1,0,0,2}\n"
        "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,2] loc(\"fc\")\n"
        "  output %y host=\"y\" hosttype=1\n}\n";
    static const uint32_t dims[] = {1, 2};
    wfc_compile_options opt = {.seed = 1, .model_name = "inf", .sparse = form};
    wfc_host_options host = {.samples = 0};
    wfc_diag d;
    wfc_graph g;
    wfc_target t = {0};
    wfc_program p;
    wfc_host_run run;
    wfc_tensor_list in = {0};
    wfc_tensor x;
    wfc_diag_init(&d);
    wfc_program_init(&p);
    wfc_graph_init(&g);
    bool ok = wfc_target_load("lab", &d, &t) == WFC_OK && wfc_tensor_init(&x, WFC_F32, 2, dims) == WFC_OK;
    if (ok) ((float *)x.data)[0] = INFINITY, ((float *)x.data)[1] = 1;
    ok = ok && wfc_tensor_list_take(&in, "x", &x, &d) == WFC_OK &&
         wfc_ir_parse(text, sizeof text - 1, "text", &d, &g) == WFC_OK &&
         wfc_pass_run(&g, wfc_pass_default_pipeline(), &d, NULL, NULL) == WFC_OK &&
         wfc_be_compile(&g, &t, &opt, &d, &p) == WFC_OK && wfc_host_execute(&p, &in, 1, &host, &d, &run) == WFC_OK;
    if (ok) {
        const float *y = run.outputs.data[0].tensor.data;
        ok = y[0] == want[0] && (isnan(want[1]) ? isnan(y[1]) : y[1] == want[1]);
        if (!ok) fprintf(stderr, "form %u: %g %g\n", form, (double)y[0], (double)y[1]);
        wfc_host_run_deinit(&run);
    }
    wfc_tensor_list_deinit(&in);
    wfc_program_deinit(&p);
    wfc_graph_deinit(&g);
    wfc_target_deinit(&t);
    wfc_diag_deinit(&d);
    return ok;
}

static unsigned check_infinite(void) {
    static const float dense[] = {INFINITY, NAN}, sparse[] = {INFINITY, 2};
    return (run_infinite(WFC_SPARSE_NEVER, dense) ? 0u : 1u) + (run_infinite(WFC_SPARSE_ALWAYS, sparse) ? 0u : 1u);
}

int main(int argc, char **argv) {
    uint64_t first = 1, number = 6;
    bool print = false;
    unsigned failed = check_infinite();
    failed += !check_estimate();
    failed += !check_fullest(300, 0.1, 64);
    failed += !check_fullest(150, 0.5, 256);
    failed += !check_fullest(1000, 0.02, 16);
    failed += !check_memory();
    rig_tally forced = {0}, dense = {0}, few = {0};
    if (!rig_arguments(argc, argv, &first, &number, &print)) return 2;
    for (uint64_t seed = first; seed < first + number && failed < 3; seed++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            double d = densities[(seed + i) % 5];
            failed += !run_case(&cases[i], d, seed, WFC_SPARSE_ALWAYS, print, &forced);
            failed += !run_case(&cases[i], 1, seed, WFC_SPARSE_BY_COST, print, &dense);
            failed += !run_case(&cases[i], 0.02, seed, WFC_SPARSE_BY_COST, print, &few);
        }
    }
    printf("forced: %u runs, %u contracts, %u sparse, %u with row sums; by cost: %u of %u without zeros, %u of %u with "
           "few "
           "weights; %u do not fit\n",
           forced.runs, forced.contracts, forced.sparse, forced.sparse_chained, dense.sparse, dense.contracts,
           few.sparse, few.contracts, forced.no_fit + dense.no_fit + few.no_fit);
    if (forced.sparse != forced.contracts || dense.sparse || few.sparse * 2 < few.contracts) failed++;
    if (number >= 6 && forced.sparse_chained < 10) failed++;
    return failed != 0;
}
