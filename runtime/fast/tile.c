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
 * are so far apart that they share neither a node nor a block of bits. */
#include "runtime/fast/inside.h"

#include <sched.h>

enum { AHEAD = (BAND + BLOCK) / TILE + 1 };

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

/* Takes out of the block's bits who is due in these rows and columns. */
static void take_due(worker *s, due_block *b, const uint32_t *record_of, uint64_t rows, uint64_t columns,
                     uint32_t counts[2]) {
    const fast *f = s->f;
    for (rows &= b->rows; rows; rows &= rows - 1) {
        const unsigned row = low_bit(rows);
        due *d = &b->row[row];
        const uint64_t routers = d->routers & columns, pes = d->pes & columns;
        d->routers ^= routers;
        d->pes ^= pes;
        if (!(d->routers | d->pes)) b->rows ^= 1ull << row;
        const uint32_t *at = record_of + row * BLOCK;
        for (uint64_t m = routers; m; m &= m - 1) s->routers[counts[0]++] = record_at(f, at[low_bit(m)]);
        for (uint64_t m = pes; m; m &= m - 1) s->pes[counts[1]++] = record_at(f, at[low_bit(m)]);
    }
}

/* Bits [lo, hi) of the numbers from 64 * index on. */
static uint64_t part(uint32_t index, uint32_t lo, uint32_t hi) {
    uint64_t mask = UINT64_MAX;
    if (lo > index * 64) mask &= UINT64_MAX << (lo - index * 64);
    if (hi < index * 64 + 64) mask &= UINT64_MAX >> (index * 64 + 64 - hi);
    return mask;
}

/* What a visit reads lies scattered in the host's memory, each address in what was read before; so it is fetched in
 * stages, some visits ahead. */
static void fetch_routes(const frouter *r) {
    for (uint64_t m = r->nonempty[0]; m; m &= m - 1) fetch(&r->set->local[low_bit(m)]);
}

static void fetch_channels(frouter *r) {
    for (uint64_t m = r->nonempty[0]; m; m &= m - 1) {
        fetch(local_chan(r, low_bit(m)));
        fetch(&r->slot[r->set->local[low_bit(m)].slot]);
    }
}

/* Where the words will go. */
static void fetch_targets(const fast *f, const frouter *r) {
    for (uint64_t m = r->nonempty[0]; m; m &= m - 1) {
        const flocal *lo = &r->set->local[low_bit(m)];
        const fslot *st = &r->slot[lo->slot];
        for (unsigned out = lo->out[st->position]; out; out &= out - 1) {
            const unsigned p = low_bit(out);
            if (st->dst[p] < DST_COLLECT) fetch(chan_at(f, st->dst[p]));
            if (p < WFC_PORT_R) fetch(record_at(f, r->record[p]));
        }
    }
}

static void visit_routers(worker *s, uint32_t count) {
    enum { HEADER = 12, ROUTES = 9, CHANNELS = 6, TARGETS = 3 }; /* visits ahead */
    frouter **r = s->routers;
    for (uint32_t i = 0; i < count && i < HEADER; i++) fetch(r[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (i + HEADER < count) fetch(r[i + HEADER]);
        if (i + ROUTES < count) fetch_routes(r[i + ROUTES]);
        if (i + CHANNELS < count) fetch_channels(r[i + CHANNELS]);
        if (i + TARGETS < count) fetch_targets(s->f, r[i + TARGETS]);
        frouter_visit(s, r[i]);
    }
}

static void visit_pes(worker *s, uint32_t count) {
    frouter **r = s->pes;
    for (uint32_t i = 0; i < count; i++) {
        if (i + 6 < count) fetch(r[i + 6]);
        if (i + 3 < count) {
            const unsigned char *p = (const unsigned char *)&s->e.pes[r[i + 3]->node];
            for (unsigned line = 0; line < 4; line++) fetch(p + (size_t)line * HOST_LINE);
        }
        if (i + 1 < count) {
            const pe *p = &s->e.pes[r[i + 1]->node];
            for (unsigned m = p->live; m; m &= m - 1) fetch(&p->ctx[low_bit(m)]);
        }
        fpe_visit(s, r[i]);
    }
}

/* All nodes of the box's columns [x0, x1) and rows [y0, y1) that are due: routers, then PEs. */
static void visit_window(worker *s, uint32_t x0, uint32_t x1, uint32_t y0, uint32_t y1) {
    const fast *f = s->f;
    uint32_t counts[2] = {0, 0};
    for (uint32_t y = y0; x0 == 0 && y < y1; y++) visit_port(s, 0, y);
    for (uint32_t y = y0; x1 == f->width && y < y1; y++) visit_port(s, 1, y);
    for (uint32_t j = y0 / BLOCK; j <= (y1 - 1) / BLOCK; j++)
        for (uint32_t i = x0 / BLOCK; i <= (x1 - 1) / BLOCK; i++) {
            const size_t block = (size_t)j * f->across + i;
            due_block *b = &f->bits[block * SLOTS + time_now(s) % SLOTS];
            if (b->rows)
                take_due(s, b, f->record_of + block * (BLOCK * BLOCK), part(j, y0, y1), part(i, x0, x1), counts);
        }
    if (counts[0] | counts[1]) s->visited = true;
    visit_routers(s, counts[0]);
    visit_pes(s, counts[1]);
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
    for (uint32_t b = 0; b < f->blocks; b++)
        for (uint32_t k = 0; k < SLOTS && from + k < next; k++)
            if (f->bits[(size_t)b * SLOTS + (from + k) % SLOTS].rows) next = from + k;
    return next;
}
