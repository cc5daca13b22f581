/* mutants PROGRAM.wafer DATA_DIR [--per-kind N] [--samples N] [--more N] [--seed N] [--quick] [--list]
 *
 * Rules of honesty, tested by breaking the program: mutants of each kind (tests/tools/mutate), only at places that a
 * recorded run uses, checksums right because each mutant is encoded and decoded again. A mutant goes through the
 * loader's verifier, the compiler's checker and a run on `--samples` different recorded images; it must be refused,
 * stop with an error, or fail the comparison with ONNX Runtime's outputs (1e-4 of the largest). What survives is
 * explained by one of three rules, each of which is shown for the mutant itself, or counts as unexplained: dead branch
 * a route bit was cleared, and in the recorded run no word that took this branch was accepted by a PE or collected: the
 * words only went on to be filtered out values       outputs are bit-equal on these images but not on noise: here the
 * place carries zeros, inputs of dead ReLUs, or elements that are not the maximum of their window small        outputs
 * do change, by less than the tolerance of the comparison; how much is printed Exit 0: no unexplained survivor; 1
 * otherwise; 2 bad usage or input. --quick: no run for what the checker refuses. */
#include "backend/check/check.h"
#include "support/file.h"
#include "tests/e2e/e2e_rig.h"
#include "tests/tools/mutate/mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 3, MAX_PROGRAM = 1 << 28 };
static const char *const k_kinds[KINDS] = {"route", "word", "box"};

typedef enum fate {
    BY_VERIFIER,
    BY_DEADLOCK,
    BY_TRAP,
    BY_LIMIT,
    BY_COMPARE,
    BY_CHECKER, /* and by nothing else */
    DEAD_BRANCH,
    VALUES,
    SMALL,
    UNEXPLAINED,
    FATES
} fate;
static const char *const k_fates[FATES] = {"verifier", "deadlock",    "trap",   "limit", "compare",
                                           "checker",  "dead branch", "values", "small", "unexplained"};

typedef struct arguments {
    const char *program, *data;
    uint64_t per_kind, samples, more, seed;
    bool quick, list;
} arguments;

typedef struct bench {
    const arguments *args;
    uint8_t *bytes;
    size_t size;
    wfc_program p;
    e2e_data images, more, noise;
    e2e_record record;
    e2e_outcome on_images, on_more, on_noise; /* of the program itself */
    uint64_t rng;
} bench;

typedef struct tally {
    uint32_t places, made, fates[FATES];
    uint32_t checker; /* refused by the checker among those the verifier lets pass */
} tally;

static bool number(const char *text, uint64_t *out) {
    char *end = NULL;
    *out = text ? strtoull(text, &end, 10) : 0;
    return text && *text && *end == 0;
}

static bool parse(int argc, char **argv, arguments *a) {
    *a = (arguments){.per_kind = 200, .samples = 4, .more = 16, .seed = 1};
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool took = true;
        if (strcmp(argv[i], "--per-kind") == 0) {
            if (!number(next, &a->per_kind)) return false;
        } else if (strcmp(argv[i], "--samples") == 0) {
            if (!number(next, &a->samples) || a->samples == 0 || a->samples > 1000) return false;
        } else if (strcmp(argv[i], "--more") == 0) {
            if (!number(next, &a->more) || a->more == 0 || a->more > 1000) return false;
        } else if (strcmp(argv[i], "--seed") == 0) {
            if (!number(next, &a->seed)) return false;
        } else {
            took = false;
            if (strcmp(argv[i], "--quick") == 0)
                a->quick = true;
            else if (strcmp(argv[i], "--list") == 0)
                a->list = true;
            else if (!a->program)
                a->program = argv[i];
            else if (!a->data)
                a->data = argv[i];
            else
                return false;
        }
        i += took;
    }
    return a->program && a->data;
}

static bool is_used(const bench *b, mutate_kind kind, const mutate_place *at) {
    const e2e_record *r = &b->record;
    if (kind != MUTATE_ROUTE) return r->issued[r->insn_first[at->pe] + at->item];
    return r->out[r->route_first[at->pe] + at->item][at->position][at->port] & E2E_GRANTED;
}

/* A route bit that is set, and taken in the recorded run. */
static bool clears(const bench *b, const mutate_place *at) {
    const wfc_prog_route *rt = &b->p.routers[b->p.pes[at->pe].router_index].routes[at->item];
    return rt->out[at->position][at->port] >> at->bit & 1;
}

/* Boxes of instructions that work in memory alone; one in four of those that a queue must follow, which are as mutants
 * of the other kind. */
static bool follows_queue(const bench *b, const mutate_place *at) {
    const wfc_prog_class *c = &b->p.classes[b->p.pes[at->pe].class_index];
    mutate_shrink shrink;
    if (at->entry) return false;
    mutate_shorten(c, at->operand, &shrink);
    for (uint32_t k = 0; k < c->desc_count; k++)
        if (shrink.changed >> k & 1 && c->descs[k].kind != WFC_DESC_MEM) return true;
    return false;
}

/* Cleared bits first: of the bits that could be set most lead where nobody listens, which the verifier refuses. */
static bool wanted(bench *b, mutate_kind kind, const mutate_place *at) {
    if (!is_used(b, kind, at)) return false;
    if (kind == MUTATE_ROUTE ? clears(b, at) : kind == MUTATE_WORD || !follows_queue(b, at)) return true;
    return wfc_rng_next(&b->rng) % 4 == 0;
}

/* Cycles that no mutant needs to do its work. */
static uint64_t limit(const e2e_outcome *expected) {
    return 4 * expected->run.sim.cycles + 10000;
}

static bool differs(const wfc_program *m, const e2e_data *noise, const e2e_outcome *expected) {
    e2e_outcome o;
    e2e_run(m, noise, limit(expected), &o);
    bool differs = o.end != E2E_OUTPUT || !e2e_same_bits(&o.run, &expected->run);
    e2e_outcome_deinit(&o);
    return differs;
}

/* The same mutation of the same program with other weights, and with other initial memory, on noise of its own. `m` is
 * changed. */
static bool differs_reweighed(wfc_program *m, const bench *b, uint64_t seed, bool ones) {
    wfc_program base;
    e2e_data noise = {0};
    e2e_outcome expected = {0};
    wfc_program_init(&base);
    bool found = false;
    if (wfc_program_decode(b->bytes, b->size, "base", NULL, &base) == WFC_OK &&
        e2e_data_noise(&b->more, b->args->seed + seed, &noise) == WFC_OK) {
        e2e_other_weights(&base, seed);
        e2e_other_weights(m, seed);
        bool prepared = !ones || (e2e_ones(&base) == WFC_OK && e2e_ones(m) == WFC_OK);
        e2e_run(&base, &noise, 0, &expected);
        found = prepared && expected.end == E2E_OUTPUT && differs(m, &noise, &expected);
        e2e_outcome_deinit(&expected);
    }
    e2e_data_deinit(&noise);
    wfc_program_deinit(&base);
    return found;
}

static fate explain_equal(const bench *b, mutate_kind kind, const mutate_place *at, wfc_program *m, char *detail,
                          size_t detail_bytes) {
    if (kind == MUTATE_ROUTE && clears(b, at) && !e2e_record_delivers(&b->record, at->pe, at->item, at->bit))
        return DEAD_BRANCH;
    if (differs(m, &b->noise, &b->on_noise)) {
        snprintf(detail, detail_bytes, "noise tells them apart");
        return VALUES;
    }
    for (uint64_t seed = 1; seed <= 4; seed++) {
        if (!differs_reweighed(m, b, seed, seed == 4)) continue;
        snprintf(detail, detail_bytes, "noise and other weights%s tell them apart",
                 seed == 4 ? " and a border of ones" : "");
        return VALUES;
    }
    return UNEXPLAINED;
}

static bool compare_fails(const wfc_program *p, const e2e_outcome *o, const e2e_data *d) {
    const wfc_tolerance largest = {.rel_max = 1e-4, .use_rel_max = true}, each = WFC_TOLERANCE_DEFAULT;
    return e2e_compare_fails(p, &o->run, d, &largest) || e2e_compare_fails(p, &o->run, d, &each);
}

/* How the mutant ends on recorded data; UNEXPLAINED when its outputs pass, *out_apart then their distance. */
static fate run_recorded(const wfc_program *m, const e2e_data *d, const e2e_outcome *expected, double *out_apart,
                         char *detail, size_t detail_bytes) {
    e2e_outcome o;
    e2e_run(m, d, limit(expected), &o);
    fate f = UNEXPLAINED;
    if (o.end != E2E_OUTPUT) {
        f = o.end == E2E_DEADLOCK ? BY_DEADLOCK : o.end == E2E_LIMIT ? BY_LIMIT : BY_TRAP;
        snprintf(detail, detail_bytes, "%s", o.message);
    } else if (compare_fails(m, &o, d)) {
        f = BY_COMPARE;
    } else {
        *out_apart = e2e_same_bits(&o.run, &expected->run) ? 0 : e2e_distance(&o.run, &expected->run);
    }
    e2e_outcome_deinit(&o);
    return f;
}

static fate judge_run(const bench *b, mutate_kind kind, const mutate_place *at, wfc_program *m, char *detail,
                      size_t detail_bytes) {
    double apart = 0;
    fate f = run_recorded(m, &b->images, &b->on_images, &apart, detail, detail_bytes);
    if (f == UNEXPLAINED) f = run_recorded(m, &b->more, &b->on_more, &apart, detail, detail_bytes);
    if (f != UNEXPLAINED) return f;
    if (apart == 0) return explain_equal(b, kind, at, m, detail, detail_bytes);
    snprintf(detail, detail_bytes, "changes the outputs by %.1e of their largest", apart);
    return SMALL;
}

/* The mutant's bytes, decoded and verified as any program file. */
static wfc_status reload(const wfc_program *mutant, wfc_diag *diag, wfc_program *out) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    WFC_TRY(wfc_program_encode(mutant, diag, &bytes, &size));
    wfc_status s = wfc_program_decode(bytes, size, "mutant", diag, out);
    free(bytes);
    if (s == WFC_OK) s = wfc_program_verify(out, diag);
    return s;
}

static fate judge(bench *b, mutate_kind kind, const mutate_place *at, wfc_program *loaded, const wfc_program *mutant,
                  bool *out_checker, char *detail, size_t detail_bytes) {
    wfc_diag diag;
    wfc_diag_init(&diag);
    fate f = BY_VERIFIER;
    *out_checker = false;
    if (reload(mutant, &diag, loaded) == WFC_OK) {
        *out_checker = wfc_be_check(loaded, &diag, NULL) != WFC_OK;
        f = *out_checker && b->args->quick ? BY_CHECKER : judge_run(b, kind, at, loaded, detail, detail_bytes);
        if (*out_checker && f > BY_CHECKER) f = BY_CHECKER;
    }
    if (!*detail && diag.count) snprintf(detail, detail_bytes, "%s: %.200s", diag.items[0].code, diag.items[0].text);
    wfc_diag_deinit(&diag);
    return f;
}

static wfc_status try_place(bench *b, mutate_kind kind, const mutate_place *at, tally *t) {
    wfc_program base, loaded;
    char text[400], detail[300] = "";
    wfc_program_init(&base);
    wfc_program_init(&loaded);
    bool checker = false;
    wfc_status s = wfc_program_decode(b->bytes, b->size, b->args->program, NULL, &base);
    if (s == WFC_OK) s = mutate_apply(&base, kind, at, text, sizeof text);
    if (s == WFC_OK) {
        fate f = judge(b, kind, at, &loaded, &base, &checker, detail, sizeof detail);
        t->made++;
        t->checker += checker;
        t->fates[f]++;
        if (b->args->list || f >= BY_CHECKER) printf("%-11s %s%s%s\n", k_fates[f], text, *detail ? " -- " : "", detail);
    }
    wfc_program_deinit(&loaded);
    wfc_program_deinit(&base);
    return s;
}

/* Draws without repetition among the used places, consistent ones only (others the verifier refuses without looking
 * further) but for one in eight. */
static wfc_status run_kind(bench *b, mutate_kind kind, tally *t) {
    static const mutate_used everything = {0};
    mutate_places all = {0}, used = {0};
    wfc_status s = mutate_list(&b->p, kind, &everything, wfc_rng_next(&b->rng) % 8 != 0, &all);
    for (size_t i = 0; i < all.count && s == WFC_OK; i++)
        if (wanted(b, kind, &all.data[i])) s = wfc_vec_push(&used, all.data[i]);
    t->places = (uint32_t)used.count;
    for (size_t n = used.count; n > 0 && t->made < b->args->per_kind && s == WFC_OK; n--) {
        size_t i = wfc_rng_next(&b->rng) % n;
        mutate_place at = used.data[i];
        used.data[i] = used.data[n - 1];
        s = try_place(b, kind, &at, t);
        fflush(stdout);
    }
    wfc_vec_free(&all);
    wfc_vec_free(&used);
    return s;
}

static wfc_status prepare(bench *b, wfc_diag *diag) {
    const arguments *a = b->args;
    WFC_TRY(wfc_file_read(a->program, MAX_PROGRAM, diag, &b->bytes, &b->size));
    WFC_TRY(wfc_program_read(a->program, diag, &b->p));
    WFC_TRY(e2e_data_load(a->data, &b->p, (uint32_t)a->samples, diag, &b->images));
    WFC_TRY(e2e_data_load(a->data, &b->p, (uint32_t)a->more, diag, &b->more));
    WFC_TRY(e2e_data_noise(&b->more, a->seed, &b->noise));
    WFC_TRY(e2e_record_init(&b->record, &b->p));
    WFC_TRY(e2e_record_run(&b->record, &b->images, diag));
    e2e_run(&b->p, &b->images, 0, &b->on_images);
    e2e_run(&b->p, &b->more, 0, &b->on_more);
    e2e_run(&b->p, &b->noise, 0, &b->on_noise);
    if (b->on_images.end != E2E_OUTPUT || b->on_more.end != E2E_OUTPUT || b->on_noise.end != E2E_OUTPUT ||
        compare_fails(&b->p, &b->on_images, &b->images) || compare_fails(&b->p, &b->on_more, &b->more))
        return wfc_fail(diag, WFC_ERR_COMPARE, "WFC-E1910", a->program, "the program itself does not pass: %s",
                        b->on_images.message);
    return WFC_OK;
}

static void print_table(const tally *t) {
    printf("%-6s %9s %8s", "kind", "places", "mutants");
    for (unsigned f = 0; f < FATES; f++) printf(" %11s", k_fates[f]);
    printf("   (the checker refuses, of those loaded)\n");
    for (unsigned k = 0; k < KINDS; k++) {
        printf("%-6s %9u %8u", k_kinds[k], (unsigned)t[k].places, (unsigned)t[k].made);
        for (unsigned f = 0; f < FATES; f++) printf(" %11u", (unsigned)t[k].fates[f]);
        printf("   %u of %u\n", (unsigned)t[k].checker, (unsigned)(t[k].made - t[k].fates[BY_VERIFIER]));
    }
}

static wfc_status run(bench *b, wfc_diag *diag, bool *out_failed) {
    tally t[KINDS] = {{0}};
    WFC_TRY(prepare(b, diag));
    for (unsigned k = 0; k < KINDS; k++) WFC_TRY(run_kind(b, (mutate_kind)k, &t[k]));
    print_table(t);
    for (unsigned k = 0; k < KINDS; k++) {
        if (t[k].fates[UNEXPLAINED]) *out_failed = true;
        if (t[k].made < b->args->per_kind) {
            printf("%s: only %u mutants of %u\n", k_kinds[k], (unsigned)t[k].made, (unsigned)b->args->per_kind);
            *out_failed = true;
        }
    }
    return WFC_OK;
}

int main(int argc, char **argv) {
    arguments a;
    if (!parse(argc, argv, &a)) {
        fprintf(stderr, "usage: mutants PROGRAM.wafer DATA_DIR [--per-kind N] [--samples N] [--more N] [--seed N] "
                        "[--quick] [--list]\n");
        return 2;
    }
    bench b = {.args = &a, .rng = a.seed};
    wfc_diag diag;
    wfc_diag_init(&diag);
    wfc_program_init(&b.p);
    bool failed = false;
    wfc_status s = run(&b, &diag, &failed);
    for (size_t i = 0; i < diag.count && s != WFC_OK; i++)
        fprintf(stderr, "mutants: %s: %s: %s\n", diag.items[i].code, diag.items[i].where, diag.items[i].text);
    e2e_outcome_deinit(&b.on_images);
    e2e_outcome_deinit(&b.on_more);
    e2e_outcome_deinit(&b.on_noise);
    e2e_record_deinit(&b.record);
    e2e_data_deinit(&b.images);
    e2e_data_deinit(&b.more);
    e2e_data_deinit(&b.noise);
    wfc_free(b.bytes);
    wfc_program_deinit(&b.p);
    wfc_diag_deinit(&diag);
    return s != WFC_OK ? 2 : failed;
}
