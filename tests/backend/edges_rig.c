#include "tests/backend/edges_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/compile.h"
#include "ir/eval/eval.h"
#include "passes/pass.h"
#include "runtime/fast/fast.h"
#include "runtime/host/run.h"

enum { SETS = 3, MAX_TENSORS = 20 };

typedef struct rig {
    const rig_options *o;
    rig_tally *t;
    wfc_diag diag;
    wfc_graph before, after;
    gen_match match;
    wfc_target target;
    uint16_t ports[2][64];
    wfc_xy bad_pes[RIG_BAD_PES];
    wfc_compile_options opt;
    wfc_program program;
    wfc_tensor_list sets[SETS];
    wfc_tensor in[SETS][MAX_TENSORS], want[SETS][MAX_TENSORS]; /* in: views of the sets' tensors */
    uint32_t inputs;
    const char *stage; /* what was being done */
} rig;

static wfc_status make(rig *r, wfc_graph *g) {
    if (r->o->text) {
        r->match = r->o->match;
        wfc_graph_deinit(g);
        wfc_status s = wfc_ir_parse(r->o->text, strlen(r->o->text), "text", &r->diag, g);
        return s;
    }
    gen m = {.g = g, .diag = &r->diag, .rng = r->o->seed * 7919 + 17, .max_elems = r->o->max_elems};
    wfc_status s = r->o->make(&m);
    r->match = m.match;
    return s;
}

/* One more defective PE, in the order of the list (by rows); a place that is taken stays as it is. */
static void add_bad_pe(wfc_target *t, wfc_xy *list, uint64_t *rng) {
    uint16_t x = (uint16_t)((wfc_rng_next(rng) >> 8) % t->width), y = (uint16_t)((wfc_rng_next(rng) >> 8) % t->height);
    uint32_t at = 0;
    while (at < t->bad_pe_count && (list[at].y < y || (list[at].y == y && list[at].x < x))) at++;
    if (t->bad_pe_count >= RIG_BAD_PES || (at < t->bad_pe_count && list[at].y == y && list[at].x == x)) return;
    memmove(&list[at + 1], &list[at], (t->bad_pe_count++ - at) * sizeof *list);
    list[at] = (wfc_xy){x, y};
}

/* `lab` cut down to a random size with ports at all or some rows. */
static wfc_status make_target(rig *r, wfc_target *base) {
    uint64_t rng = r->o->seed ^ 0x7a11;
    r->target = *base;
    wfc_target *t = &r->target;
    t->height = (uint16_t)(r->o->least_height + wfc_rng_next(&rng) % (r->o->most_height - r->o->least_height + 1u));
    t->width = (uint16_t)(r->o->least_width + wfc_rng_next(&rng) % (r->o->most_width - r->o->least_width + 1u));
    t->bad_pes = r->bad_pes;
    t->bad_pe_count = 0;
    if (r->o->has_bad_pe) r->bad_pes[t->bad_pe_count++] = r->o->bad_pe;
    for (unsigned side = 0; side < 2; side++) {
        bool all = r->o->all_ports || wfc_rng_next(&rng) % 10 < 7;
        uint16_t always = (uint16_t)(wfc_rng_next(&rng) % t->height);
        t->io_rows[side] = r->ports[side];
        t->io_count[side] = 0;
        for (uint16_t y = 0; y < t->height; y++)
            if (all || y == always || wfc_rng_next(&rng) % 3 == 0) r->ports[side][t->io_count[side]++] = y;
    }
    for (uint32_t k = 0; k < r->o->bad_pes; k++) add_bad_pe(t, r->bad_pes, &rng);
    return WFC_OK;
}

static wfc_status run_passes(rig *r) {
    static const char *const few[] = {"fold", "identity", "viewmerge", "fuse", NULL}, *const fuse[] = {"fuse", NULL};
    uint64_t rng = r->o->seed ^ 0xfa55;
    uint64_t k = r->o->default_passes ? 0 : wfc_rng_next(&rng) % 5;
    return wfc_pass_run(&r->after, k < 3 ? wfc_pass_default_pipeline() : k == 3 ? few : fuse, &r->diag, NULL, NULL);
}

/* Multiples of 1/4 from -4 to 4; with odd_values one in forty is none of them. */
static double value(const rig *r, uint64_t *rng) {
    static const double odd[] = {INFINITY, -INFINITY, NAN, -0.0};
    uint64_t k = wfc_rng_next(rng) >> 8;
    if (r->o->odd_values && k % 40 == 0) return odd[k / 40 % 4];
    return ((double)(k % 33) - 16.0) / 4;
}

static wfc_status fill_inputs(rig *r) {
    uint64_t rng = r->o->seed ^ 0xda7a;
    for (unsigned s = 0; s < SETS; s++) {
        r->inputs = 0;
        for (size_t i = 0; i < r->before.nodes.count; i++) {
            const wfc_node *n = &r->before.nodes.data[i];
            if (n->op != WFC_CORE_INPUT) continue;
            wfc_tensor x;
            wfc_dtype type = (wfc_dtype)n->dtype;
            WFC_TRY(wfc_tensor_init(&x, type, n->shape.rank, n->shape.dims));
            uint64_t elems = wfc_tensor_elems(&x);
            for (uint64_t k = 0; k < elems; k++) wfc_dtype_set(type, x.data, (size_t)k, value(r, &rng));
            r->in[s][r->inputs++] = x;
            WFC_TRY(wfc_tensor_list_take(&r->sets[s], n->u.input.host_name, &x, &r->diag));
        }
        WFC_TRY(wfc_ir_eval(&r->before, r->in[s], r->inputs, &r->diag, r->want[s]));
    }
    return WFC_OK;
}

static bool equal_bits(const float *x, const float *y) {
    return memcmp(x, y, sizeof *x) == 0;
}

static bool element_ok(gen_match match, float got, float want, double most) {
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want);
    if (match == GEN_BITS) return equal_bits(&got, &want);
    if (match == GEN_EXACT || isinf(want) || isinf(got)) return got == want;
    return fabs((double)got - want) <= 1e-4 * most;
}

/* The outputs of a run against the evaluator's. */
static bool compare(rig *r, const wfc_host_run *run) {
    for (size_t k = 0; k < r->before.outputs.count; k++) {
        const wfc_tensor *y = &run->outputs.data[k].tensor;
        uint64_t n = wfc_tensor_elems(&r->want[0][k]);
        if (wfc_tensor_elems(y) != n * SETS) {
            fprintf(stderr, "output %zu has %llu elements\n", k, (unsigned long long)wfc_tensor_elems(y));
            return false;
        }
        for (unsigned s = 0; s < SETS; s++) {
            const float *got = (const float *)y->data + s * n, *want = r->want[s][k].data;
            double most = 0;
            for (uint64_t i = 0; i < n; i++)
                if (isfinite(want[i]) && fabs((double)want[i]) > most) most = fabs((double)want[i]);
            for (uint64_t i = 0; i < n; i++) {
                if (element_ok(r->match, got[i], want[i], most)) continue;
                fprintf(stderr, "output %zu sample %u element %llu of %llu: %.9g, expected %.9g (match %d)\n", k, s,
                        (unsigned long long)i, (unsigned long long)n, (double)got[i], (double)want[i], (int)r->match);
                return false;
            }
        }
    }
    return true;
}

static bool same_outputs(const wfc_host_run *a, const wfc_host_run *b) {
    for (size_t k = 0; k < a->outputs.count; k++) {
        const wfc_tensor *x = &a->outputs.data[k].tensor, *y = &b->outputs.data[k].tensor;
        if (memcmp(x->data, y->data, (size_t)wfc_tensor_elems(x) * sizeof(float)) != 0) return false;
    }
    return true;
}

static bool repeat(rig *r, const wfc_host_run *first, const wfc_sim_options *sim, bool same_cycles,
                   wfc_host_engine engine) {
    wfc_host_options opt = {.sim = *sim, .engine = engine};
    wfc_host_run run;
    if (wfc_host_execute(&r->program, r->sets, SETS, &opt, &r->diag, &run) != WFC_OK) return false;
    bool ok = same_outputs(first, &run);
    if (!ok) fprintf(stderr, "outputs differ from the first run's\n");
    if (same_cycles && run.sim.cycles != first->sim.cycles) {
        fprintf(stderr, "%llu cycles, first %llu\n", (unsigned long long)run.sim.cycles,
                (unsigned long long)first->sim.cycles);
        ok = false;
    }
    wfc_host_run_deinit(&run);
    return ok;
}

static bool simulate(rig *r) {
    wfc_host_options opt = {.samples = 0};
    wfc_host_run run;
    r->stage = "first run";
    if (wfc_host_execute(&r->program, r->sets, SETS, &opt, &r->diag, &run) != WFC_OK) return false;
    r->stage = "comparison";
    bool ok = compare(r, &run);
    for (uint32_t j = 0; ok && j < r->o->jitters; j++) {
        r->stage = "run with jitter";
        wfc_sim_options sim = {.jitter = true, .jitter_seed = r->o->seed * 16 + j};
        ok = repeat(r, &run, &sim, false, NULL);
    }
    if (ok && r->o->no_skip) {
        r->stage = "run without skipping";
        wfc_sim_options sim = {.no_skip = true};
        ok = repeat(r, &run, &sim, true, NULL);
    }
    if (ok && r->o->fast) {
        r->stage = "run by the fast engine";
        wfc_sim_options sim = {.threads = (uint32_t)(1 + r->o->seed % 3)};
        ok = repeat(r, &run, &sim, true, wfc_fast_run);
    }
    wfc_host_run_deinit(&run);
    return ok;
}

static bool same_bytes(rig *r) {
    wfc_program again;
    uint8_t *a = NULL, *b = NULL;
    size_t na = 0, nb = 0;
    bool ok = wfc_be_compile(&r->after, &r->target, &r->opt, &r->diag, &again) == WFC_OK &&
              wfc_program_encode(&r->program, &r->diag, &a, &na) == WFC_OK &&
              wfc_program_encode(&again, &r->diag, &b, &nb) == WFC_OK && na == nb && memcmp(a, b, na) == 0;
    wfc_free(a);
    wfc_free(b);
    wfc_program_deinit(&again);
    return ok;
}

static void count(rig *r) {
    const wfc_program *p = &r->program;
    uint32_t adapters = 0, buffers = 0;
    bool one = true;
    int row = -1;
    for (uint32_t i = 0; i < p->layer_count; i++) {
        const wfc_prog_layer *l = &p->layers[i];
        bool sparse = strcmp(l->kind, "contract-sparse") == 0;
        adapters += strcmp(l->kind, "adapter") == 0;
        buffers += strcmp(l->kind, "buffer") == 0;
        r->t->contracts += strncmp(l->kind, "contract", 8) == 0;
        r->t->sparse += sparse;
        r->t->sparse_chained += sparse && !strstr(l->split, "contraction=1 ");
    }
    for (uint32_t i = 0; i < p->pe_count; i++) {
        if (p->pes[i].class_index == UINT32_MAX) continue;
        if (row >= 0 && p->pes[i].y != row) one = false;
        row = p->pes[i].y;
    }
    r->t->runs++;
    uint32_t layers = p->layer_count - adapters - buffers;
    r->t->layers += layers;
    if (layers > r->t->most_layers) r->t->most_layers = layers;
    r->t->buffers += buffers;
    r->t->adapters += adapters;
    r->t->adapted += adapters > 0;
    r->t->one_row += one;
    r->t->bits += r->match == GEN_BITS;
    r->t->exact += r->match == GEN_EXACT;
}

/* A refusal names a node of the user's (or an output) and says something. */
static bool names_a_node(const rig *r) {
    for (size_t i = 0; i < r->diag.count; i++) {
        const wfc_diag_item *d = &r->diag.items[i];
        if (d->severity != WFC_ERROR || !d->text[0]) continue;
        for (size_t k = 0; k < r->before.nodes.count; k++) {
            const wfc_node *n = &r->before.nodes.data[k];
            for (uint32_t q = 0; q < n->loc_count; q++)
                if (strstr(d->where, n->locs[q])) return true;
            if (n->op == WFC_CORE_INPUT && strcmp(n->u.input.host_name, d->where) == 0) return true;
        }
        for (size_t k = 0; k < r->before.outputs.count; k++)
            if (strcmp(r->before.outputs.data[k].host_name, d->where) == 0) return true;
    }
    return false;
}

static void print_graph(const wfc_graph *g) {
    wfc_buf b = {0};
    if (wfc_ir_print(g, &b) == WFC_OK) fprintf(stderr, "%.*s\n", (int)b.count, b.data);
    wfc_buf_deinit(&b);
}

static void print_all(const rig *r, const char *what) {
    fprintf(stderr, "---- seed %llu: %s: %s; fabric %u x %u, ports %u west %u east, splits %s\n",
            (unsigned long long)r->o->seed, r->stage, what, r->target.width, r->target.height, r->target.io_count[0],
            r->target.io_count[1], r->o->random_splits ? "drawn" : "chosen");
    const wfc_compile_options *c = &r->opt;
    fprintf(stderr, "place %u, seed %llu, max-pes %u, region %u,%u,%u,%u, sparse %u, defective", c->place,
            (unsigned long long)c->seed, c->max_pes, c->region.x, c->region.y, c->region.w, c->region.h, c->sparse);
    for (uint32_t i = 0; i < r->target.bad_pe_count; i++) fprintf(stderr, " %u,%u", r->bad_pes[i].x, r->bad_pes[i].y);
    fprintf(stderr, "\n");
    for (size_t i = 0; i < r->diag.count; i++)
        fprintf(stderr, "%s %s: %s\n", r->diag.items[i].code, r->diag.items[i].where, r->diag.items[i].text);
    print_graph(&r->after);
    for (uint32_t i = 0; i < r->program.layer_count; i++) {
        const wfc_prog_layer *l = &r->program.layers[i];
        fprintf(stderr, "layer %u %s (%s) x %u w %u, %u PEs: %s\n", i, l->name, l->kind, l->rect.x, l->rect.w,
                l->pe_count, l->split);
    }
}

static void set_options(rig *r) {
    const rig_options *o = r->o;
    const wfc_target *t = &r->target;
    uint64_t rng = o->seed ^ 0x9e10;
    r->opt = (wfc_compile_options){.seed = o->plan_seed ? o->plan_seed : o->seed,
                                   .model_name = "random",
                                   .place = o->place,
                                   .max_pes = (uint32_t)t->width * t->height * o->pes_percent / 100,
                                   .random_splits = o->random_splits,
                                   .as_if_large = o->as_if_large};
    /* skipping a zero is exact but for what infinities and NaN times zero would give */
    r->opt.sparse = o->odd_values ? WFC_SPARSE_NEVER : o->sparse;
    if (!o->region_percent) return;
    wfc_prog_rect *g = &r->opt.region;
    g->w = (uint16_t)(1 + t->width * o->region_percent / 101);
    g->h = (uint16_t)(1 + t->height * o->region_percent / 101);
    g->x = (uint16_t)((wfc_rng_next(&rng) >> 8) % (t->width - g->w + 1u));
    g->y = (uint16_t)((wfc_rng_next(&rng) >> 8) % (t->height - g->h + 1u));
}

static rig_outcome check(rig *r, wfc_target *base) {
    r->stage = "building the graph";
    if (make(r, &r->before) != WFC_OK || make(r, &r->after) != WFC_OK) return RIG_FAILED;
    r->stage = "evaluating";
    if (fill_inputs(r) != WFC_OK || make_target(r, base) != WFC_OK) return RIG_FAILED;
    r->stage = "passes";
    if (run_passes(r) != WFC_OK) return RIG_FAILED;
    r->stage = "compile";
    set_options(r);
    wfc_status s = wfc_be_compile(&r->after, &r->target, &r->opt, &r->diag, &r->program);
    if (s == WFC_ERR_NO_FIT) return RIG_NO_FIT;
    if (s == WFC_ERR_UNSUPPORTED && names_a_node(r)) return RIG_REFUSED;
    if (s != WFC_OK) return RIG_FAILED;
    count(r);
    if (!simulate(r)) return RIG_FAILED;
    r->stage = "compiling twice";
    return !r->o->twice || same_bytes(r) ? RIG_OK : RIG_FAILED;
}

rig_outcome rig_check(const rig_options *o, rig_tally *t) {
    rig *r = calloc(1, sizeof *r);
    wfc_target base = {0};
    if (!r) return RIG_FAILED;
    r->o = o;
    r->t = t;
    r->stage = "target";
    wfc_diag_init(&r->diag);
    wfc_graph_init(&r->before);
    wfc_graph_init(&r->after);
    wfc_program_init(&r->program);
    rig_outcome out = wfc_target_load("lab", &r->diag, &base) == WFC_OK ? check(r, &base) : RIG_FAILED;
    t->no_fit += out == RIG_NO_FIT;
    t->refused += out == RIG_REFUSED;
    t->failed += out == RIG_FAILED;
    static const char *const names[] = {"right", "does not fit", "refused", "FAILED"};
    if (o->print || out == RIG_FAILED) print_all(r, names[out]);
    for (size_t i = 0, n = 0; o->message && i < r->diag.count && n < 500; i++) {
        const wfc_diag_item *d = &r->diag.items[i];
        if (d->severity == WFC_ERROR)
            n += (size_t)snprintf(o->message + n, 512 - n, "%s %s: %s\n", d->code, d->where, d->text);
    }
    for (unsigned s = 0; s < SETS; s++) {
        wfc_tensor_list_deinit(&r->sets[s]);
        for (unsigned k = 0; k < MAX_TENSORS; k++) wfc_tensor_deinit(&r->want[s][k]);
    }
    wfc_program_deinit(&r->program);
    wfc_graph_deinit(&r->before);
    wfc_graph_deinit(&r->after);
    wfc_target_deinit(&base);
    wfc_diag_deinit(&r->diag);
    free(r);
    return out;
}

bool rig_arguments(int argc, char **argv, uint64_t *first, uint64_t *number, bool *print) {
    if (argc == 3 && strcmp(argv[1], "-v") == 0) {
        *first = strtoull(argv[2], NULL, 10);
        *number = 1;
        return *print = true;
    }
    if (argc > 1) *first = strtoull(argv[1], NULL, 10);
    if (argc > 2) *number = strtoull(argv[2], NULL, 10);
    if (argc <= 3 && *number > 0) return true;
    fprintf(stderr, "usage: %s [FIRST [COUNT]] | -v SEED\n", argv[0]);
    return false;
}
