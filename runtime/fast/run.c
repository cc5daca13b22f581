/* Entry, the threads, what is decided between two cycles, results. Every strip runs the same decision on the same
 * reports, so no strip needs to be told. */
#include "runtime/fast/inside.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

/* All strips have finished a cycle when `arrived` is a multiple of their number. Waiting spins for a while, then gives
 * the core away, because there may be fewer cores than strips. */
enum { GATE_SHUT, GATE_OPEN, GATE_GIVE_UP };
struct barrier {
    atomic_uint_fast64_t arrived;
    atomic_int gate;
};

static void barrier_wait(struct barrier *b, uint64_t target) {
    enum { SPINS = 2000 };
    atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel);
    for (uint32_t i = 0; atomic_load_explicit(&b->arrived, memory_order_acquire) < target; i++)
        if (i > SPINS) sched_yield();
}

typedef enum verdict { GO_ON, ENDED, SILENT, LIMIT, TRAPPED, EXTRA_WORD, NO_MEMORY, TOO_LATE, DEADLOCK } verdict;

typedef struct progress {
    uint32_t rounds;
    uint64_t last_ns, sample_words;
} progress;

/* Called by the first strip. Samples by words: whole ones come out in order. */
static void report_progress(const strip *s, progress *p, uint64_t collected) {
    const wfc_sim_options *opt = &s->e.opt;
    if (!opt->progress || s->index || ++p->rounds % 64) return;
    struct timespec ts;
    if (clock_gettime(CLOCK_MONOTONIC, &ts)) return;
    uint64_t ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    if (ns - p->last_ns < 200000000u) return;
    if (p->last_ns && p->sample_words)
        opt->progress(opt->progress_ctx, s->e.now, (uint32_t)(collected / p->sample_words));
    p->last_ns = ns;
}

static void write_report(const strip *s, report *r) {
    const wfc_engine *e = &s->e;
    *r = (report){.next = strip_next(s),
                  .last_moved = e->last_moved,
                  .last_collect = s->last_collect,
                  .collected = s->result.words_collected,
                  .ins_open = e->ins_open,
                  .outs_open = e->outs_open,
                  .extra_stream = e->extra_stream,
                  .trapped = e->trap.set,
                  .out_of_memory = e->out_of_memory};
}

/* What all strips together say: in `all`, reduced. */
static report reduce(const fast *f, unsigned parity) {
    report all = {.next = NEVER, .extra_stream = NONE32};
    for (uint32_t i = 0; i < f->strip_count; i++) {
        const report *r = &f->strips[i].reports[parity];
        if (r->next < all.next) all.next = r->next;
        if (r->last_moved > all.last_moved) all.last_moved = r->last_moved;
        if (r->last_collect > all.last_collect) all.last_collect = r->last_collect;
        if (r->extra_stream < all.extra_stream) all.extra_stream = r->extra_stream;
        all.collected += r->collected;
        all.ins_open += r->ins_open;
        all.outs_open += r->outs_open;
        all.trapped |= r->trapped;
        all.out_of_memory |= r->out_of_memory;
    }
    return all;
}

/* After cycle now. The order of the checks is the reference engine's. */
static verdict decide(strip *s, report all) {
    wfc_engine *e = &s->e;
    if (all.out_of_memory) return NO_MEMORY;
    if (all.trapped) return TRAPPED;
    if (all.extra_stream != NONE32) return EXTRA_WORD;
    if (e->now - all.last_moved > SILENT_CYCLES) return SILENT;
    if (e->out_count && e->end == NEVER && all.ins_open + all.outs_open == 0)
        e->end = all.last_collect > e->now ? all.last_collect : e->now;
    if (all.next == NEVER) return e->out_count && e->end != NEVER ? ENDED : DEADLOCK;
    if (all.next > e->end) return ENDED;
    if (e->opt.max_cycles && all.next >= e->opt.max_cycles) return LIMIT;
    return all.next >= LATEST ? TOO_LATE : GO_ON;
}

/* From cycle 0 to the verdict, which is the same for all strips. */
static verdict run_strip(strip *s) {
    progress p = {0};
    for (uint32_t i = 0; i < s->e.out_count; i++) p.sample_words += s->e.outs[i].per_sample;
    verdict v = GO_ON;
    s->e.now = 0;
    for (;;) {
        strip_cycle(s);
        unsigned parity = s->round & 1;
        write_report(s, &s->reports[parity]);
        s->round++;
        if (s->f->strip_count > 1) barrier_wait(s->f->barrier, s->round * s->f->strip_count);
        report all = reduce(s->f, parity);
        v = decide(s, all);
        if (v != GO_ON) return v;
        s->e.now = all.next;
        report_progress(s, &p, all.collected);
    }
}

static void *thread_main(void *ctx) {
    strip *s = ctx;
    int gate;
    while ((gate = atomic_load_explicit(&s->f->barrier->gate, memory_order_acquire)) == GATE_SHUT) sched_yield();
    if (gate == GATE_OPEN) (void)run_strip(s);
    return NULL;
}

/* Strips wait for each other, so none starts before all threads exist. */
static wfc_status run_strips(fast *f, verdict *out) {
    struct barrier barrier;
    pthread_t threads[MAX_STRIPS];
    atomic_init(&barrier.arrived, 0);
    atomic_init(&barrier.gate, GATE_SHUT);
    f->barrier = &barrier;
    uint32_t started = 1;
    while (started < f->strip_count && !pthread_create(&threads[started], NULL, thread_main, &f->strips[started]))
        started++;
    bool all = started == f->strip_count;
    atomic_store_explicit(&barrier.gate, all ? GATE_OPEN : GATE_GIVE_UP, memory_order_release);
    if (all) *out = run_strip(&f->strips[0]);
    for (uint32_t i = 1; i < started; i++) pthread_join(threads[i], NULL);
    f->barrier = NULL;
    if (all) return WFC_OK;
    return wfc_fail(f->e.diag, WFC_ERR_NO_MEMORY, "WFC-E0616", "",
                    "the host gave %u of %u threads; ask for fewer with --threads", started, f->strip_count);
}

/* Adds up what the strips counted. */
static void merge(fast *f) {
    wfc_sim_result *out = f->e.result;
    out->first_inject_cycle = UINT64_MAX;
    for (uint32_t i = 0; i < f->strip_count; i++) {
        const strip *s = &f->strips[i];
        const wfc_sim_result *r = &s->result;
        if (r->words_injected && r->first_inject_cycle < out->first_inject_cycle)
            out->first_inject_cycle = r->first_inject_cycle;
        for (uint32_t k = 0; f->e.io && k < f->e.io->samples; k++)
            if (r->completion_cycles[k] > out->completion_cycles[k])
                out->completion_cycles[k] = r->completion_cycles[k];
        for (uint32_t l = 0; l < f->e.p->layer_count; l++) {
            for (unsigned c = 0; c < WFC_CAUSES; c++) out->layer_cause[l][c] += r->layer_cause[l][c];
            out->layer_macs_executed[l] += r->layer_macs_executed[l];
        }
        out->macs_executed += r->macs_executed;
        out->wavelet_hops += s->hops;
        out->words_injected += r->words_injected;
        out->words_collected += r->words_collected;
        out->instructions += r->instructions;
        out->event_hash += r->event_hash;
        if (s->e.last_action > f->e.last_action) f->e.last_action = s->e.last_action;
    }
    if (out->words_injected == 0) out->first_inject_cycle = 0;
}

/* Accounts every PE up to the end of the run. */
static void settle(fast *f) {
    wfc_sim_result *out = f->e.result;
    uint64_t with_code = 0;
    for (uint32_t i = 0; i < f->strip_count; i++)
        for (uint32_t n = f->strips[i].first; n < f->strips[i].end; n++) {
            pe *p = &f->e.pes[n];
            if (!p->info) continue;
            with_code++;
            out->pe_active += p->ran;
            stats_settle(&f->strips[i].e, p, out->cycles);
        }
    out->pe_cycles = with_code * out->cycles;
}

static bool someone_blocked(const fast *f) {
    for (uint32_t i = 0; i < f->e.nodes; i++)
        if (f->e.pes[i].live) return true;
    return false;
}

/* The messages are the reference engine's, from the state in its form. */
static wfc_status explain(fast *f, verdict v) {
    wfc_engine *e = &f->e;
    e->now = f->strips[0].e.now;
    merge(f);
    WFC_TRY(fast_explain_state(f));
    switch (v) {
    case TRAPPED: return explain_trap(e);
    case EXTRA_WORD: return explain_extra_word(e);
    case SILENT: return explain_silence(e);
    case LIMIT: return explain_limit(e, e->opt.max_cycles);
    case DEADLOCK: return explain_deadlock(e);
    default: break;
    }
    return wfc_fail(e->diag, WFC_ERR_STOPPED, "WFC-E0615", "",
                    "the fast engine stops after %llu cycles; --engine reference has no such limit",
                    (unsigned long long)LATEST);
}

static wfc_status run(fast *f, wfc_sim_probe *probes, uint32_t probe_count) {
    verdict v = GO_ON;
    WFC_TRY(stats_init(&f->e));
    WFC_TRY(run_strips(f, &v));
    f->e.end = f->strips[0].e.end;
    if (v == NO_MEMORY) return wfc_fail_memory(f->e.diag);
    if (v == DEADLOCK && !f->e.out_count && !someone_blocked(f)) v = ENDED;
    if (v != ENDED) return explain(f, v);
    uint64_t last = 0;
    for (uint32_t i = 0; i < f->strip_count; i++)
        if (f->strips[i].e.last_action > last) last = f->strips[i].e.last_action;
    f->e.result->cycles = f->e.out_count ? f->e.end + 1 : last;
    settle(f);
    merge(f);
    return sim_read_probes(&f->e, probes, probe_count);
}

static wfc_status try_fast(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                           wfc_sim_probe *probes, uint32_t probe_count, wfc_diag *diag, wfc_sim_result *out,
                           const char **why) {
    fast *f = wfc_calloc(1, sizeof *f);
    if (!f) return wfc_fail_memory(diag);
    f->e.p = p;
    f->e.target = &p->target;
    if (opt) f->e.opt = *opt;
    f->e.io = io;
    f->e.diag = diag;
    f->e.result = out;
    f->e.end = NEVER;
    f->e.extra_stream = NONE32;
    wfc_status s = fast_load(f, why);
    if (s == WFC_ERR_NO_MEMORY) (void)wfc_fail_memory(diag);
    if (s == WFC_OK) s = run(f, probes, probe_count);
    fast_unload(f);
    wfc_free(f);
    if (s != WFC_OK) wfc_sim_result_deinit(out);
    return s;
}

wfc_status wfc_fast_run_probed(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                               wfc_sim_probe *probes, uint32_t probe_count, wfc_diag *diag, wfc_sim_result *out) {
    const char *why = opt && opt->jitter ? "--jitter" : opt && opt->no_skip ? "--no-skip" : NULL;
    *out = (wfc_sim_result){0};
    if (!why) {
        wfc_status s = try_fast(p, opt, io, probes, probe_count, diag, out, &why);
        if (!why) return s;
    }
    wfc_diag_add(diag, WFC_WARNING, "WFC-W0617", "",
                 "the fast engine does not do %s; the reference engine runs instead", why);
    return wfc_sim_run_probed(p, opt, io, probes, probe_count, diag, out);
}

wfc_status wfc_fast_run(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io, wfc_diag *diag,
                        wfc_sim_result *out) {
    return wfc_fast_run_probed(p, opt, io, NULL, 0, diag, out);
}
