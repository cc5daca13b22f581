/* Entry, the threads, what is decided between two bands, results. */
#include "runtime/fast/inside.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

/* All workers have come here when `arrived` is a multiple of their number. Waiting spins for a while, then gives the
 * core away, because there may be fewer cores than workers. */
enum { GATE_SHUT, GATE_OPEN, GATE_GIVE_UP };
struct barrier {
    atomic_uint_fast64_t arrived;
    atomic_int gate;
};

static void barrier_wait(const fast *f, uint64_t target) {
    enum { SPINS = 2000 };
    struct barrier *b = f->barrier;
    atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel);
    for (uint32_t i = 0; atomic_load_explicit(&b->arrived, memory_order_acquire) < target * f->worker_count; i++)
        if (i > SPINS) sched_yield();
}

typedef enum verdict { GO_ON, ENDED, SILENT, LIMIT, TRAPPED, EXTRA_WORD, NO_MEMORY, TOO_LATE, DEADLOCK } verdict;

typedef struct progress {
    uint32_t rounds;
    uint64_t last_ns, sample_words;
} progress;

/* Called by the first worker. Samples by words: whole ones come out in order. */
static void report_progress(const fast *f, progress *p) {
    const wfc_sim_options *opt = &f->e.opt;
    if (!opt->progress) return;
    struct timespec ts;
    if (clock_gettime(CLOCK_MONOTONIC, &ts)) return;
    uint64_t ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    if (ns - p->last_ns < 200000000u) return;
    uint64_t collected = 0;
    for (uint32_t i = 0; i < f->worker_count; i++) collected += f->workers[i].result.words_collected;
    if (p->last_ns && p->sample_words)
        opt->progress(opt->progress_ctx, f->e.now, (uint32_t)(collected / p->sample_words));
    p->last_ns = ns;
}

/* What all workers together say after a band. */
typedef struct outcome {
    uint64_t last_moved, last_collect, last_close, trap_at, extra_at;
    uint32_t open, extra_stream;
    bool out_of_memory, visited;
} outcome;

static outcome reduce(fast *f) {
    outcome all = {.trap_at = NEVER, .extra_at = NEVER, .extra_stream = NONE32};
    for (uint32_t i = 0; i < f->worker_count; i++) {
        const worker *s = &f->workers[i];
        if (s->e.last_moved > all.last_moved) all.last_moved = s->e.last_moved;
        if (s->last_collect > all.last_collect) all.last_collect = s->last_collect;
        if (s->last_close > all.last_close) all.last_close = s->last_close;
        if (s->trap_at < all.trap_at || (s->trap_at == all.trap_at && s->trap.node < f->e.trap.node)) {
            all.trap_at = s->trap_at;
            if (s->trap_at != NEVER) f->e.trap = s->trap;
        }
        if (s->extra_at < all.extra_at || (s->extra_at == all.extra_at && s->e.extra_stream < all.extra_stream)) {
            all.extra_at = s->extra_at;
            all.extra_stream = s->e.extra_stream;
        }
        all.open += s->e.ins_open + s->e.outs_open;
        all.out_of_memory |= s->e.out_of_memory;
        all.visited |= s->visited;
    }
    return all;
}

static void set_end(fast *f, uint64_t end) {
    f->e.end = end;
    for (uint32_t i = 0; i < f->worker_count; i++) f->workers[i].e.end = end;
}

/* A trap or a word too many, whichever the reference engine meets first. */
static verdict first_error(fast *f, const outcome *all) {
    bool extra = all->extra_at != NEVER &&
                 (f->e.end == NEVER || all->last_close >= all->extra_at || all->extra_at + f->port_latency <= f->e.end);
    if (all->trap_at == NEVER && !extra) return GO_ON;
    bool trap = all->trap_at != NEVER && (!extra || all->trap_at <= all->extra_at);
    f->e.now = trap ? all->trap_at : all->extra_at;
    f->e.extra_stream = all->extra_stream;
    return trap ? TRAPPED : EXTRA_WORD;
}

/* How many cycles from f->e.now on can run before something has to be decided. */
static uint32_t band_length(const fast *f, uint64_t last_moved) {
    const wfc_engine *e = &f->e;
    uint64_t length = BAND, limit = e->opt.max_cycles && e->opt.max_cycles < LATEST ? e->opt.max_cycles : LATEST;
    if (e->out_count) {
        uint64_t to_end = e->end == NEVER ? fhost_least_cycles(f) : e->end + 1 - e->now;
        if (to_end < length) length = to_end;
    }
    if (e->now + length > limit) length = limit - e->now;
    return e->now + length > last_moved + SILENT_CYCLES ? 1 : (uint32_t)length;
}

/* PEs that are behind run up to the cycle before `until`. */
static void run_dozing(fast *f, uint64_t until) {
    for (uint32_t n = 0; n < f->e.nodes; n++) {
        frouter *r = router_at(f, n);
        if (r->dozes) doze_run(&f->workers[0].e, f, &f->e.pes[n], r, until);
    }
}

/* After a band: what it led to, or the next one. The order of the checks is the reference engine's. */
static verdict decide(fast *f) {
    wfc_engine *e = &f->e;
    const uint64_t last = e->now + f->cycles - 1;
    const outcome all = reduce(f);
    if (all.out_of_memory) return NO_MEMORY;
    if (e->out_count && e->end == NEVER && all.open == 0)
        set_end(f, all.last_collect > all.last_close ? all.last_collect : all.last_close);
    verdict error = first_error(f, &all);
    if (error != GO_ON) return error;
    if (all.visited && last > all.last_moved + SILENT_CYCLES) {
        run_dozing(f, last + 1);
        if (last > reduce(f).last_moved + SILENT_CYCLES) return SILENT;
    }
    if (last >= e->end) return ENDED;
    uint64_t limit = e->opt.max_cycles && e->opt.max_cycles < LATEST ? e->opt.max_cycles : LATEST;
    uint64_t next = last + 1;
    if (!all.visited || next >= limit) {
        next = band_next(f);
        if (next == NEVER) return e->out_count && e->end != NEVER ? ENDED : DEADLOCK;
        if (next > e->end) return ENDED;
        if (next >= limit) return limit == LATEST ? TOO_LATE : LIMIT;
    }
    e->now = next;
    f->cycles = band_length(f, all.last_moved);
    atomic_store_explicit(&f->stop, (uint_fast32_t)(next + f->cycles), memory_order_relaxed);
    f->bands++;
    return GO_ON;
}

/* From cycle 0 to the verdict. The first worker decides while the others wait. */
static void run_worker(worker *s) {
    fast *f = s->f;
    progress p = {0};
    for (uint32_t i = 0; i < f->e.out_count; i++) p.sample_words += f->e.outs[i].per_sample;
    for (uint64_t meeting = 0; f->verdict == GO_ON;) {
        band_run(s);
        if (f->worker_count > 1) barrier_wait(f, ++meeting);
        if (s->index == 0) {
            f->verdict = (int)decide(f);
            report_progress(f, &p);
        }
        if (f->worker_count > 1) barrier_wait(f, ++meeting);
    }
}

static void *thread_main(void *ctx) {
    worker *s = ctx;
    int gate;
    while ((gate = atomic_load_explicit(&s->f->barrier->gate, memory_order_acquire)) == GATE_SHUT) sched_yield();
    if (gate == GATE_OPEN) run_worker(s);
    return NULL;
}

/* Workers wait for each other, so none starts before all threads exist. */
static wfc_status run_workers(fast *f) {
    struct barrier barrier;
    pthread_t threads[MAX_WORKERS];
    atomic_init(&barrier.arrived, 0);
    atomic_init(&barrier.gate, GATE_SHUT);
    f->barrier = &barrier;
    f->verdict = GO_ON;
    f->cycles = band_length(f, 0);
    atomic_init(&f->stop, f->cycles);
    uint32_t started = 1;
    while (started < f->worker_count && !pthread_create(&threads[started], NULL, thread_main, &f->workers[started]))
        started++;
    bool all = started == f->worker_count;
    atomic_store_explicit(&barrier.gate, all ? GATE_OPEN : GATE_GIVE_UP, memory_order_release);
    if (all) run_worker(&f->workers[0]);
    for (uint32_t i = 1; i < started; i++) pthread_join(threads[i], NULL);
    f->barrier = NULL;
    if (all) return WFC_OK;
    return wfc_fail(f->e.diag, WFC_ERR_NO_MEMORY, "WFC-E0616", "",
                    "the host gave %u of %u threads; ask for fewer with --threads", started, f->worker_count);
}

/* Adds up what the workers counted. */
static void merge(fast *f) {
    wfc_sim_result *out = f->e.result;
    out->first_inject_cycle = UINT64_MAX;
    for (uint32_t i = 0; i < f->worker_count; i++) {
        const worker *s = &f->workers[i];
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
    for (uint32_t n = 0; n < f->e.nodes; n++) {
        pe *p = &f->e.pes[n];
        if (!p->info) continue;
        with_code++;
        out->pe_active += p->ran;
        stats_settle(&f->workers[0].e, p, out->cycles);
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
    WFC_TRY(stats_init(&f->e));
    WFC_TRY(run_workers(f));
    verdict v = (verdict)f->verdict;
    if (v == NO_MEMORY) return wfc_fail_memory(f->e.diag);
    bool error = v == TRAPPED || v == EXTRA_WORD;
    run_dozing(f, v == ENDED && f->e.out_count ? f->e.end + 1 : error ? f->e.now + 1 : f->e.now + f->cycles);
    if (v == DEADLOCK && !f->e.out_count && !someone_blocked(f)) v = ENDED;
    if (v != ENDED) return explain(f, v);
    uint64_t last = 0;
    for (uint32_t i = 0; i < f->worker_count; i++)
        if (f->workers[i].e.last_action > last) last = f->workers[i].e.last_action;
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
