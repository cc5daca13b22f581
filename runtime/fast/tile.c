/* A band: cycles now .. now + cycles - 1 of all nodes, one tile after the other.
 *
 * Step s of the band is cycle now + s. A tile is TILE x TILE places, and in every step it lies one row further north
 * and one column further west: tile (i, j) has the columns i * TILE - s ... and rows j * TILE - s ... of step s. So
 * when it visits a node in cycle t, the node's neighbours have been through t - 1 and perhaps through t, never through
 * t + 1: those in the north and west are visited by this tile or by tiles before it, those in the south and east in
 * steps that came before in this tile, or in tiles that come later. That is all a visit asks for (docs/fabric.md rule
 * 1: the order within a cycle does not matter), and a node stays in the host's cache for TILE cycles.
 *
 * Rows of tiles are dealt to the workers. One may go on while the row before it is AHEAD tiles further on: then the two
 * are so far apart that they share neither a node nor a word of bits. */
#include "runtime/fast/inside.h"

#include <sched.h>

enum { AHEAD = 64 / TILE + 3 };

uint32_t band_tile_rows(const fast *f) {
    return (f->height + BAND - 1 + TILE - 1) / TILE;
}

static uint32_t tile_columns(const fast *f) {
    return (f->width + BAND - 1 + TILE - 1) / TILE;
}

/* The part [lo, hi) of 0 .. size-1 that row or column `index` of tiles has in step `step`. */
static void window(uint32_t index, uint32_t step, uint32_t size, uint32_t *lo, uint32_t *hi) {
    int64_t from = (int64_t)index * TILE - step, to = from + TILE;
    *lo = from < 0 ? 0 : (uint32_t)from;
    *hi = to > size ? size : (uint32_t)to;
}

/* The steps [lo, hi) in which that part is not empty. */
static void steps(uint32_t index, uint32_t size, uint32_t *lo, uint32_t *hi) {
    uint32_t at = index * TILE;
    if (at >= size && at - size + 1 > *lo) *lo = at - size + 1;
    if (at + TILE < *hi) *hi = at + TILE;
}

static void visit_port(worker *s, unsigned side, uint32_t row) {
    const fast *f = s->f;
    uint32_t port = f->port_of[side][row];
    if (port != NONE32 && f->port_at[port] == time_now(s)) fport_visit(s, port);
}

#if defined(__GNUC__)
static void prefetch(const worker *s, uint32_t ent) {
    const char *record = (const char *)router_at(s->f, ent / 2);
    __builtin_prefetch(record);
    __builtin_prefetch(record + 64);
    if (!(ent & 1)) {
        __builtin_prefetch(record + 128);
        return;
    }
    const char *p = (const char *)&s->e.pes[ent / 2];
    for (unsigned line = 0; line < 3; line++) __builtin_prefetch(p + 64 * (size_t)line);
}

static void prefetch_behind(const worker *s, uint32_t ent) {
    frouter *r = router_at(s->f, ent / 2);
    if (!(ent & 1)) {
        for (uint64_t m = r->nonempty[0]; m; m &= m - 1) __builtin_prefetch(local_chan(r, low_bit(m)));
        return;
    }
    const pe *p = &s->e.pes[ent / 2];
    for (unsigned m = p->live; m; m &= m - 1) {
        const char *c = (const char *)&p->ctx[low_bit(m)];
        for (unsigned line = 0; line < 3; line++) __builtin_prefetch(c + 64 * (size_t)line);
    }
    for (uint32_t m = r->queues; m; m &= m - 1) __builtin_prefetch(queue_chan(s->f, r, low_bit(m)));
}
/* What the visit will touch at the far end: channels pushed to, memory of vectors with queues. */
static void prefetch_beyond(const worker *s, uint32_t ent) {
    frouter *r = router_at(s->f, ent / 2);
    if (!(ent & 1)) {
        uint64_t m = r->nonempty[0];
        if (!m) return;
        const flocal *lo = &r->set->local[low_bit(m)];
        const fslot *st = &r->slot[lo->slot];
        unsigned out = lo->out[st->position];
        if (out && st->dst[low_bit(out)] < DST_COLLECT) __builtin_prefetch(chan_at(s->f, st->dst[low_bit(out)]));
        return;
    }
    const pe *p = &s->e.pes[ent / 2];
    for (unsigned m = p->live; m; m &= m - 1) {
        const context *c = &p->ctx[low_bit(m)];
        if (p->mode[low_bit(m)] != CTX_VEC || !c->fabric) continue;
        const operand *os[2] = {&c->d, &c->a};
        for (unsigned i = 0; i < 2; i++) {
            if (os[i]->kind == OPND_MEM)
                __builtin_prefetch(p->mem + (os[i]->addr - p->info->mem_lo));
            else if (os[i]->kind >= OPND_IN)
                __builtin_prefetch(chan_at(s->f, os[i]->chan));
        }
    }
}
#else
static void prefetch_beyond(const worker *s, uint32_t ent) {
    (void)s, (void)ent;
}
static void prefetch(const worker *s, uint32_t ent) {
    (void)s, (void)ent;
}
static void prefetch_behind(const worker *s, uint32_t ent) {
    (void)s, (void)ent;
}
#endif

/* Appends who is due of the word's nodes: routers, then PEs. An entity is 2 node + (1 for the PE). */
static inline uint32_t list_word(const fast *f, uint32_t base, due *d, uint64_t mask, uint32_t *list) {
    uint64_t routers = d->routers & mask, pes = d->pes & mask;
    uint32_t count = 0;
    if (!(routers | pes)) return 0;
    d->routers &= ~mask;
    d->pes &= ~mask;
    for (; routers; routers &= routers - 1) list[count++] = 2 * f->node_at[base + low_bit(routers)];
    for (; pes; pes &= pes - 1) list[count++] = 2 * f->node_at[base + low_bit(pes)] + 1;
    return count;
}

static uint32_t list_row(worker *s, uint32_t row, uint32_t lo, uint32_t hi, uint32_t *list) {
    const fast *f = s->f;
    uint32_t base = row * f->stride, count = 0;
    if (lo == 0) visit_port(s, 0, row);
    if (hi == f->width) visit_port(s, 1, row);
    for (uint32_t w = lo / 64; w <= (hi - 1) / 64; w++) {
        uint64_t mask = UINT64_MAX;
        if (w == lo / 64) mask &= UINT64_MAX << lo % 64;
        if (w == (hi - 1) / 64) mask &= UINT64_MAX >> (63 - (hi - 1) % 64);
        count += list_word(f, base + 64 * w, due_at(f, base + 64 * w, time_now(s), time_now(s)), mask, list + count);
    }
    return count;
}

static void visit_window(worker *s, uint32_t x0, uint32_t x1, uint32_t y0, uint32_t y1) {
    enum { EARLY = 12, BEHIND = 8, BEYOND = 4 };
    uint32_t list[2 * TILE * TILE], count = 0;
    for (uint32_t y = y0; y < y1; y++) count += list_row(s, y, x0, x1, list + count);
    if (count) s->visited = true;
    for (uint32_t i = 0; i < count; i++) {
        if (i + EARLY < count) prefetch(s, list[i + EARLY]);
        if (i + BEHIND < count) prefetch_behind(s, list[i + BEHIND]);
        if (i + BEYOND < count) prefetch_beyond(s, list[i + BEYOND]);
        if (list[i] & 1)
            fpe_visit(s, list[i] / 2);
        else
            frouter_visit(s, list[i] / 2);
    }
}

/* Keeps the first trap of the band. The tiles to come may hold an earlier one, but nothing after it is of interest. */
static void note_trap(worker *s) {
    wfc_engine *e = &s->e;
    if (e->now < s->trap_at || (e->now == s->trap_at && e->trap.node < s->trap.node)) {
        s->trap_at = e->now;
        s->trap = e->trap;
    }
    e->trap.set = false;
    uint_fast32_t stop = atomic_load_explicit(&s->f->stop, memory_order_relaxed);
    while (e->now < stop && !atomic_compare_exchange_weak_explicit(&s->f->stop, &stop, (uint_fast32_t)e->now,
                                                                   memory_order_relaxed, memory_order_relaxed)) {
    }
}

static void run_tile(worker *s, uint32_t column, uint32_t row) {
    const fast *f = s->f;
    wfc_engine *e = &s->e;
    uint32_t first = 0, end = f->cycles;
    steps(column, f->width, &first, &end);
    steps(row, f->height, &first, &end);
    for (uint32_t step = first; step < end; step++) {
        uint32_t x0, x1, y0, y1;
        window(column, step, f->width, &x0, &x1);
        window(row, step, f->height, &y0, &y1);
        e->now = f->e.now + step;
        if (e->now > atomic_load_explicit(&f->stop, memory_order_relaxed)) return;
        uint64_t last_moved = e->last_moved;
        s->moved = false;
        visit_window(s, x0, x1, y0, y1);
        if (s->moved) {
            e->last_moved = e->now;
            sim_acted(e, e->now + 1);
        }
        if (e->last_moved < last_moved) e->last_moved = last_moved;
        if (e->trap.set) note_trap(s);
    }
}

void band_run(worker *s) {
    fast *f = s->f;
    const uint32_t rows = band_tile_rows(f), columns = tile_columns(f);
    const uint64_t done = f->bands * columns;
    s->visited = false;
    for (uint32_t j = s->index; j < rows; j += f->worker_count)
        for (uint32_t i = 0; i < columns; i++) {
            uint64_t needed = done + (i + AHEAD < columns ? i + AHEAD : columns);
            while (j && f->worker_count > 1 && atomic_load_explicit(&f->progress[j - 1], memory_order_acquire) < needed)
                sched_yield();
            run_tile(s, i, j);
            atomic_store_explicit(&f->progress[j], done + i + 1, memory_order_release);
        }
}

uint64_t band_next(const fast *f) {
    const uint64_t from = f->e.now + f->cycles;
    uint64_t next = NEVER;
    for (uint32_t k = 0; k < f->e.port_count; k++)
        if (f->port_at[k] != NO_TIME && f->port_at[k] < next) next = f->port_at[k];
    for (size_t w = 0; w < (size_t)f->height * f->stride / 64; w++)
        for (uint32_t k = 0; k < SLOTS && from + k < next; k++) {
            const due *d = &f->bits[w * SLOTS + (from + k) % SLOTS];
            if (d->routers | d->pes) next = from + k;
        }
    return next;
}
