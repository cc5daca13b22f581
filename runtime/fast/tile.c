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

/* Who is due of 64 nodes in a row: routers, then PEs. */
static void visit_word(worker *s, uint32_t base, uint64_t mask) {
    const fast *f = s->f;
    due *d = due_at(f, base, time_now(s), time_now(s));
    uint64_t routers = d->routers & mask, pes = d->pes & mask;
    if (!(routers | pes)) return;
    d->routers &= ~mask;
    d->pes &= ~mask;
    s->visited = true;
    for (; routers; routers &= routers - 1) frouter_visit(s, f->node_at[base + low_bit(routers)]);
    for (; pes; pes &= pes - 1) fpe_visit(s, f->node_at[base + low_bit(pes)]);
}

static void visit_row(worker *s, uint32_t row, uint32_t lo, uint32_t hi) {
    const fast *f = s->f;
    const uint32_t base = row * f->stride, first = lo / 64, last = (hi - 1) / 64;
    if (lo == 0) visit_port(s, 0, row);
    if (hi == f->width) visit_port(s, 1, row);
    for (uint32_t w = first; w <= last; w++) {
        uint64_t mask = UINT64_MAX;
        if (w == first) mask &= UINT64_MAX << lo % 64;
        if (w == last) mask &= UINT64_MAX >> (63 - (hi - 1) % 64);
        visit_word(s, base + 64 * w, mask);
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
        for (uint32_t y = y0; y < y1; y++) visit_row(s, y, x0, x1);
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
