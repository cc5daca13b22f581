/* The run loop: a timing wheel of wake-ups. A cycle in which nobody is due costs nothing; a cycle in which some are
 * visits just them. Missing a wake-up would be a wrong result, so every visit recomputes what its entity needs next,
 * and `no_skip` visits everybody every cycle as a check. */
#include "runtime/sim/engine.h"

#include <time.h>

static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint32_t sim_jitter(const wfc_engine *e, uint32_t place, uint32_t count, uint32_t range) {
    if (!e->opt.jitter) return 0;
    uint64_t h = mix(e->opt.jitter_seed + 0x9e3779b97f4a7c15u * ((uint64_t)place << 32 | count));
    return (uint32_t)(mix(h) >> 33) % range;
}

static void slot_add(wfc_engine *e, uint32_t ent, uint64_t at) {
    uint32_t i = (uint32_t)(at % WHEEL);
    wheel_slot *s = &e->wheel[i];
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity ? 2 * s->capacity : 16;
        uint32_t *ents = wfc_realloc(s->ents, capacity, sizeof *ents);
        if (!ents) {
            e->out_of_memory = true;
            return;
        }
        s->ents = ents;
        s->capacity = capacity;
    }
    s->ents[s->count++] = ent;
    e->wheel_used[i / 64] |= 1ull << (i % 64);
}

/* A wake-up beyond the wheel waits in its last slot and is put back from there. An entry whose entity was woken earlier
 * is stale; it is dropped when its turn comes. */
void sim_schedule(wfc_engine *e, uint32_t ent, uint64_t at) {
    e->wake[ent] = at;
    uint64_t last = e->now + WHEEL - 1;
    slot_add(e, ent, at < last ? at : last);
}

/* First cycle from `from` on, less than WHEEL later, that has a slot in use; NEVER when none has. */
static uint64_t next_used(const wfc_engine *e, uint64_t from) {
    for (uint64_t k = 0; k < WHEEL;) {
        uint64_t i = (from + k) % WHEEL;
        uint64_t bits = e->wheel_used[i / 64] >> (i % 64);
        if (bits) return from + k + low_bit(bits);
        k += 64 - i % 64;
    }
    return NEVER;
}

static void visit(wfc_engine *e, uint32_t ent) {
    if (ent >= 2 * e->nodes)
        port_visit(e, ent - 2 * e->nodes);
    else if (ent & 1)
        pe_visit(e, ent / 2);
    else
        router_visit(e, ent / 2);
}

/* PEs that are due together lie far apart in memory: their first lines are fetched a few visits ahead. */
static void prefetch(const wfc_engine *e, uint32_t ent) {
#if defined(__GNUC__)
    if (ent >= 2 * e->nodes) return;
    if (ent & 1) {
        const char *p = (const char *)&e->pes[ent / 2];
        for (unsigned line = 0; line < 4; line++) __builtin_prefetch(p + 64 * (size_t)line);
    } else {
        __builtin_prefetch(&e->routers[ent / 2]);
    }
#else
    (void)e, (void)ent;
#endif
}

/* And what their first lines point to. */
static void prefetch_behind(const wfc_engine *e, uint32_t ent) {
#if defined(__GNUC__)
    if (ent >= 2 * e->nodes) return;
    const pe *p = &e->pes[ent / 2];
    const router *r = &e->routers[ent / 2];
    if (!(ent & 1)) {
        for (uint64_t m = r->nonempty[0]; m; m &= m - 1) __builtin_prefetch(&e->chans[r->chan0 + low_bit(m)]);
        return;
    }
    for (unsigned m = p->live; m; m &= m - 1) __builtin_prefetch(&p->ctx[low_bit(m)]);
    if (p->in_nonempty) __builtin_prefetch(&e->chans[p->in_chan0]);
#else
    (void)e, (void)ent;
#endif
}

static void shuffle(wfc_engine *e, uint32_t *ents, uint32_t n) {
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = (uint32_t)(wfc_rng_next(&e->rng) % i), swap = ents[i - 1];
        ents[i - 1] = ents[j];
        ents[j] = swap;
    }
}

/* Empties the current slot: what is due stays at its front and is marked as not scheduled, so that an event of this
 * very cycle can already schedule it for the next one. Returns how many are due. Nothing else lands in this slot during
 * the cycle: all wake-ups are at now+1 .. now+WHEEL-1. */
static uint32_t take_due(wfc_engine *e) {
    wheel_slot *s = &e->wheel[e->now % WHEEL];
    e->wheel_used[e->now % WHEEL / 64] &= ~(1ull << (e->now % WHEEL % 64));
    uint32_t due = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t ent = s->ents[i];
        if (e->wake[ent] == e->now) {
            e->wake[ent] = NEVER;
            s->ents[due++] = ent;
        } else if (e->wake[ent] != NEVER && e->wake[ent] > e->now) {
            sim_schedule(e, ent, e->wake[ent]);
        }
    }
    s->count = 0;
    return due;
}

static void visit_due(wfc_engine *e) {
    uint32_t *ents = e->wheel[e->now % WHEEL].ents, due = take_due(e);
    if (e->hooks && e->hooks->shuffle_seed) shuffle(e, ents, due);
    for (uint32_t i = 0; i < due; i++) {
        if (i + 8 < due) prefetch(e, ents[i + 8]);
        if (i + 4 < due) prefetch_behind(e, ents[i + 4]);
        visit(e, ents[i]);
    }
}

/* Everybody, due or not. An action of one that was not due is a missed wake-up of the skipping run. */
static void visit_all(wfc_engine *e) {
    const uint32_t *ents = e->wheel[e->now % WHEEL].ents, due = take_due(e);
    for (uint32_t i = 0; i < due; i++) e->is_due[ents[i]] = true;
    if (e->hooks && e->hooks->shuffle_seed) shuffle(e, e->all, e->entities);
    for (uint32_t i = 0; i < e->entities; i++) {
        uint32_t ent = e->all[i];
        e->acted = false;
        visit(e, ent);
        if (e->acted && !e->is_due[ent]) e->missed_wakes++;
        e->is_due[ent] = false;
    }
}

/* How many samples have left completely, for the progress line. */
static uint32_t samples_done(const wfc_engine *e) {
    uint32_t least = e->io ? e->io->samples : 0;
    for (uint32_t s = 0; s < e->out_count; s++) {
        uint64_t done = e->outs[s].per_sample ? e->outs[s].next / e->outs[s].per_sample : least;
        if (done < least) least = (uint32_t)done;
    }
    return least;
}

static void report_progress(wfc_engine *e, uint32_t *visits, uint64_t *last_ns) {
    if (!e->opt.progress || ++*visits % 1024) return;
    struct timespec ts;
    if (clock_gettime(CLOCK_MONOTONIC, &ts)) return;
    uint64_t ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    if (ns - *last_ns < 200000000u) return;
    if (*last_ns) e->opt.progress(e->opt.progress_ctx, e->now, samples_done(e));
    *last_ns = ns;
}

static bool with_outputs(const wfc_engine *e) {
    return e->out_count > 0;
}

/* Waits for words or space while nothing can happen any more. */
static bool someone_blocked(const wfc_engine *e) {
    for (uint32_t i = 0; i < e->nodes; i++)
        if (e->pes[i].live) return true;
    return false;
}

static wfc_status run_loop(wfc_engine *e) {
    uint32_t visits = 0;
    uint64_t last_ns = 0;
    for (uint64_t from = 0;; from = e->now + 1) {
        uint64_t next = next_used(e, from);
        if (next == NEVER) break;
        e->now = e->opt.no_skip ? from : next;
        if (e->now > e->end) break;
        if (e->opt.max_cycles && e->now >= e->opt.max_cycles) return explain_limit(e, e->opt.max_cycles);
        if (e->opt.no_skip)
            visit_all(e);
        else
            visit_due(e);
        if (e->out_of_memory) return wfc_fail_memory(e->diag);
        if (e->trap.set) return explain_trap(e);
        if (e->extra_stream != NONE32) return explain_extra_word(e);
        if (e->now - e->last_moved > SILENT_CYCLES) return explain_silence(e);
        report_progress(e, &visits, &last_ns);
    }
    if (with_outputs(e) ? e->end == NEVER : someone_blocked(e)) return explain_deadlock(e);
    e->result->cycles = with_outputs(e) ? e->end + 1 : e->last_action;
    return WFC_OK;
}

wfc_status sim_read_probes(const wfc_engine *e, wfc_sim_probe *probes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const wfc_sim_probe *q = &probes[i];
        bool inside = q->x < e->target->width && q->y < e->target->height;
        uint32_t node = inside ? e->grid[(size_t)q->y * e->target->width + q->x] : 0;
        const pe *p = node ? &e->pes[node - 1] : NULL;
        if (!p || !p->info)
            return wfc_fail(e->diag, WFC_ERR_INPUT, "WFC-E0621", "", "probe at PE (%u, %u): no code there", q->x, q->y);
        for (uint32_t b = 0; b < q->n; b++) {
            uint32_t a = (uint32_t)q->addr + b;
            q->bytes[b] = a >= p->info->mem_lo && a < p->info->mem_hi ? p->mem[a - p->info->mem_lo] : 0;
        }
    }
    return WFC_OK;
}

static wfc_status run(wfc_engine *e, wfc_sim_probe *probes, uint32_t probe_count) {
    WFC_TRY(sim_load(e));
    WFC_TRY(host_load(e));
    WFC_TRY(stats_init(e));
    for (uint32_t i = 0; i < e->nodes; i++)
        if (e->pes[i].info) sim_wake(e, ent_pe(i), 0);
    for (uint32_t i = 0; i < e->port_count; i++) sim_wake(e, ent_port(e, i), 0);
    wfc_status s = run_loop(e);
    if (e->hooks) e->hooks->missed_wakes = e->missed_wakes;
    WFC_TRY(s);
    stats_finish(e);
    return sim_read_probes(e, probes, probe_count);
}

wfc_status wfc_sim_run_hooked(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                              wfc_sim_probe *probes, uint32_t probe_count, wfc_sim_hooks *hooks, wfc_diag *diag,
                              wfc_sim_result *out) {
    *out = (wfc_sim_result){0};
    wfc_engine *e = wfc_calloc(1, sizeof *e);
    if (!e) return wfc_fail_memory(diag);
    e->p = p;
    e->target = &p->target;
    if (opt) e->opt = *opt;
    e->io = io;
    e->hooks = hooks;
    e->diag = diag;
    e->result = out;
    e->end = NEVER;
    e->extra_stream = NONE32;
    e->rng = hooks ? hooks->shuffle_seed : 0;
    wfc_status s = run(e, probes, probe_count);
    host_unload(e);
    sim_unload(e);
    wfc_free(e);
    if (s != WFC_OK) wfc_sim_result_deinit(out);
    return s;
}

wfc_status wfc_sim_run_probed(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                              wfc_sim_probe *probes, uint32_t probe_count, wfc_diag *diag, wfc_sim_result *out) {
    return wfc_sim_run_hooked(p, opt, io, probes, probe_count, NULL, diag, out);
}

wfc_status wfc_sim_run(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io, wfc_diag *diag,
                       wfc_sim_result *out) {
    return wfc_sim_run_hooked(p, opt, io, NULL, 0, NULL, diag, out);
}
