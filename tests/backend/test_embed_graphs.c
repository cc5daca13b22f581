/* Random graphs compiled with parity colours and embedded in meshes with random defects: the program verifies, passes
 * the checker and gives the same words as before on the logical mesh, with and without jitter. What finds no way is
 * refused with a place; how often is printed and bounded.
 *
 * Arguments: [FIRST [COUNT]] seeds, default 1 150. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/check/check.h"
#include "backend/compile.h"
#include "backend/embed/embed.h"
#include "passes/pass.h"
#include "runtime/sim/sim.h"
#include "tests/backend/edges_rig.h"

enum { SAMPLES = 3 };

typedef struct rig {
    uint64_t seed;
    wfc_diag diag;
    wfc_graph g;
    wfc_target t;
    wfc_be_mesh m;
    wfc_program p;
    const char *stage;
} rig;

static wfc_status make_graph(rig *r) {
    gen m = {.g = &r->g, .diag = &r->diag, .rng = r->seed * 7919 + 5, .max_elems = 300};
    wfc_value x, y;
    WFC_TRY(gen_input(&m, &x));
    y = x;
    for (unsigned i = 0, n = 1 + gen_pick(&m, 5); i < n; i++) {
        wfc_value before = y;
        WFC_TRY(gen_operator(&m, y, &y));
        if (gen_chance(&m, 30)) WFC_TRY(gen_view(&m, y, 1, &y));
        if (gen_chance(&m, 40) && !wfc_value_eq(before, y)) WFC_TRY(gen_join(&m, y, before, &y));
        if (wfc_shape_elems(gen_shape(&m, y)) > m.max_elems) break;
    }
    if (wfc_value_eq(x, y)) WFC_TRY(gen_map(&m, x, &y));
    WFC_TRY(gen_output(&m, y));
    return wfc_pass_run(&r->g, wfc_pass_default_pipeline(), &r->diag, NULL, NULL);
}

static int by_place(const void *a, const void *b) {
    const wfc_xy *x = a, *y = b;
    return x->y != y->y ? (x->y < y->y ? -1 : 1) : (x->x > y->x) - (x->x < y->x);
}

/* `lab` or a part of it, 0.5 to 5 % dead PEs, now and then a cluster. */
static wfc_status make_target(rig *r) {
    uint64_t rng = r->seed ^ 0xdefec7;
    WFC_TRY(wfc_target_load("lab", &r->diag, &r->t));
    r->t.height = (uint16_t)(24 + (wfc_rng_next(&rng) >> 8) % 41);
    for (unsigned s = 0; s < 2; s++) r->t.io_count[s] = r->t.height;
    wfc_free(r->t.bad_pes);
    r->t.bad_pes = wfc_calloc((size_t)r->t.width * r->t.height, sizeof *r->t.bad_pes);
    if (!r->t.bad_pes) return WFC_ERR_NO_MEMORY;
    uint64_t per_mille = 5 + (wfc_rng_next(&rng) >> 8) % 46, cluster = wfc_rng_next(&rng) >> 8;
    for (uint16_t y = 0; y < r->t.height; y++)
        for (uint16_t x = 0; x < r->t.width; x++) {
            bool dead = (wfc_rng_next(&rng) >> 8) % 1000 < per_mille;
            dead |= cluster % 4 == 0 && (uint16_t)(x - cluster % 53) < 3 && (uint16_t)(y - cluster % 23) < 2;
            if (dead) r->t.bad_pes[r->t.bad_pe_count++] = (wfc_xy){x, y};
        }
    qsort(r->t.bad_pes, r->t.bad_pe_count, sizeof *r->t.bad_pes, by_place);
    return WFC_OK;
}

static size_t words_of(const wfc_prog_tensor *t, uint32_t count, uint32_t *streams) {
    size_t n = 0;
    *streams = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < t[i].stream_count; k++, ++*streams) n += (size_t)SAMPLES * t[i].streams[k].words;
    return n;
}

static void point_at(const wfc_prog_tensor *t, uint32_t count, uint32_t *words, uint32_t **out) {
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < t[i].stream_count; k++) {
            *out++ = words;
            words += (size_t)SAMPLES * t[i].streams[k].words;
        }
}

/* Output words of a run; malloc'ed, NULL when it failed. */
static uint32_t *run(rig *r, uint64_t jitter, size_t *count, uint64_t *cycles) {
    const wfc_program *p = &r->p;
    uint32_t ins, outs;
    size_t n = words_of(p->inputs, p->input_count, &ins);
    *count = words_of(p->outputs, p->output_count, &outs);
    uint32_t *words = wfc_calloc(n, sizeof *words), *got = wfc_calloc(*count, sizeof *got);
    uint32_t **in = wfc_calloc(ins, sizeof *in), **out = wfc_calloc(outs, sizeof *out);
    wfc_sim_options opt = {.jitter = jitter != 0, .jitter_seed = jitter};
    wfc_sim_io io = {.samples = SAMPLES, .inputs = (const uint32_t *const *)in, .outputs = out};
    wfc_sim_result result;
    if (!words || !got || !in || !out) abort();
    for (size_t i = 0; i < n; i++) {
        float value = (float)(i % 61) / 4 - 7;
        memcpy(&words[i], &value, sizeof value);
    }
    point_at(p->inputs, p->input_count, words, in);
    point_at(p->outputs, p->output_count, got, out);
    wfc_status s = wfc_sim_run(p, &opt, &io, &r->diag, &result);
    *cycles = result.cycles;
    wfc_sim_result_deinit(&result);
    wfc_free(words);
    wfc_free(in);
    wfc_free(out);
    if (s == WFC_OK) return got;
    wfc_free(got);
    return NULL;
}

typedef struct tally {
    uint32_t ran, no_fit, stuck, failed;
    uint64_t logical_cycles, cycles;
} tally;

static bool compare(rig *r, tally *t) {
    size_t n, n2;
    uint64_t cycles, after;
    r->stage = "run on the logical mesh";
    uint32_t *want = run(r, 0, &n, &cycles), *got = NULL;
    if (!want) return false;
    r->stage = "embedding";
    wfc_status s = wfc_be_mesh_embed(&r->m, &r->p, &r->diag);
    bool ok = s == WFC_OK;
    if (s == WFC_ERR_NO_FIT) {
        t->stuck++;
        ok = true;
    } else if (ok) {
        r->stage = "verifying";
        ok = wfc_program_verify(&r->p, &r->diag) == WFC_OK && wfc_be_check(&r->p, &r->diag, NULL) == WFC_OK;
        for (unsigned jitter = 0; ok && jitter < 2; jitter++) {
            r->stage = jitter ? "run with jitter" : "run";
            got = run(r, jitter ? r->seed : 0, &n2, &after);
            ok = got && n == n2 && memcmp(want, got, n * sizeof *want) == 0;
            wfc_free(got);
            if (!jitter) t->cycles += after;
        }
        t->logical_cycles += cycles;
        t->ran += ok;
    }
    wfc_free(want);
    return ok;
}

static void one(uint64_t seed, tally *t) {
    rig r = {.seed = seed, .stage = "graph"};
    wfc_compile_options opt = {.seed = seed, .model_name = "m", .parity = true, .random_splits = seed % 2};
    wfc_diag_init(&r.diag);
    wfc_graph_init(&r.g);
    wfc_program_init(&r.p);
    wfc_status s = make_graph(&r);
    if (s == WFC_OK) s = make_target(&r);
    r.stage = "plan";
    if (s == WFC_OK) s = wfc_be_mesh_plan(&r.t, &r.diag, &r.m);
    r.stage = "compile";
    if (s == WFC_OK) s = wfc_be_compile(&r.g, &r.m.logical, &opt, &r.diag, &r.p);
    bool ok = s == WFC_OK ? compare(&r, t) : s == WFC_ERR_NO_FIT || s == WFC_ERR_UNSUPPORTED;
    t->no_fit += s != WFC_OK && ok;
    t->failed += !ok;
    for (size_t i = 0; i < r.diag.count; i++)
        if (r.diag.items[i].severity == WFC_ERROR && (!ok || strcmp(r.diag.items[i].code, "WFC-E0777") == 0))
            fprintf(stderr, "seed %llu, %s: %s %s: %s\n", (unsigned long long)seed, r.stage, r.diag.items[i].code,
                    r.diag.items[i].where, r.diag.items[i].text);
    if (!ok) fprintf(stderr, "seed %llu failed: %s\n", (unsigned long long)seed, r.stage);
    wfc_program_deinit(&r.p);
    wfc_be_mesh_deinit(&r.m);
    wfc_target_deinit(&r.t);
    wfc_graph_deinit(&r.g);
    wfc_diag_deinit(&r.diag);
}

int main(int argc, char **argv) {
    uint64_t first = 1, count = 150;
    bool print;
    tally t = {0};
    if (!rig_arguments(argc, argv, &first, &count, &print)) return 2;
    for (uint64_t seed = first; seed < first + count; seed++) one(seed, &t);
    printf("%u ran, %u did not fit or were refused, %u found no way, %u failed; cycles %.3f of those on the logical "
           "mesh\n",
           t.ran, t.no_fit, t.stuck, t.failed, t.logical_cycles ? (double)t.cycles / (double)t.logical_cycles : 0.0);
    return t.failed == 0 && t.stuck * 20 <= t.ran + t.stuck && t.ran * 2 > count ? 0 : 1;
}
