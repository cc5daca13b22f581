/* Routes: lanes along rows, buses and chains along columns.
 *
 * An ordered merge is one colour at a row (or column) of routers: each contributor's router has position 0 = own RAMP
 * onward and position 1 = the port behind it onward. A contributor's segment ends with {advance, nop}: now those behind
 * it pass. The one farthest behind ends with {nop, reset}: every router it passes is at position 0 again, ready for the
 * next sample. */
#include "backend/be.h"

static wfc_prog_route *route_at(wfc_be *be, wfc_be_routes *r, uint32_t x, uint32_t y, uint8_t colour) {
    wfc_prog_router *cell = &r->at[(size_t)y * be->width + x];
    for (uint32_t i = 0; i < cell->route_count; i++) {
        if (cell->routes[i].colour == colour) return &cell->routes[i];
    }
    if ((cell->route_count & (cell->route_count - 1)) == 0) { /* grows at powers of two */
        wfc_prog_route *more = wfc_arena_alloc(&be->arena, cell->route_count ? 2 * cell->route_count : 1, sizeof *more);
        if (!more) return NULL;
        for (uint32_t i = 0; i < cell->route_count; i++) more[i] = cell->routes[i];
        cell->routes = more;
    }
    uint32_t at = cell->route_count++;
    while (at > 0 && cell->routes[at - 1].colour > colour) {
        cell->routes[at] = cell->routes[at - 1];
        at--;
    }
    cell->routes[at] = (wfc_prog_route){.colour = colour, .positions = 1};
    return &cell->routes[at];
}

static void set_filter(wfc_prog_route *r, wfc_be_interval accept, uint32_t period) {
    if (accept.lo == 0 && accept.hi == period) return;
    r->filtered = true;
    r->filter_period = period;
    r->filter_lo = accept.lo;
    r->filter_hi = accept.hi;
}

/* One router of a merge: `in` the port behind, `out` the port ahead (WFC_PORTS: none, the lane ends here). */
typedef struct stop {
    bool inserts, behind, ahead;
    wfc_be_interval accept;
    uint32_t period;
} stop;

static wfc_status put(wfc_be *be, wfc_be_routes *r, uint32_t x, uint32_t y, uint8_t colour, unsigned in, unsigned out,
                      const stop *s) {
    wfc_prog_route *route = route_at(be, r, x, y, colour);
    if (!route) return wfc_fail_memory(be->diag);
    bool hears = s->accept.hi > s->accept.lo;
    uint8_t ahead = (uint8_t)(s->ahead ? WFC_PORT_BIT(out) : 0u);
    uint8_t pass = (uint8_t)(ahead | (hears ? WFC_PORT_BIT(WFC_PORT_R) : 0u));
    if (s->inserts) {
        route->out[0][WFC_PORT_R] = ahead;
        if (s->behind) {
            route->positions = 2;
            route->out[1][in] = pass;
        }
    } else {
        route->out[0][in] = pass;
    }
    if (hears) set_filter(route, s->accept, s->period);
    return WFC_OK;
}

static wfc_be_interval accepted(const wfc_be *be, const wfc_be_stream *s, uint32_t x, uint32_t row) {
    for (uint32_t k = 0; k < s->tap_count; k++) {
        if (s->taps[k].slab < 0) continue;
        const wfc_be_slab *slab = &be->slabs.data[s->taps[k].slab];
        if (x >= slab->x && x < (uint32_t)slab->x + slab->w && row >= slab->y && row < (uint32_t)slab->y + slab->h)
            return s->taps[k].accept[row][x - slab->x];
    }
    return (wfc_be_interval){0, 0};
}

static bool contributes(const wfc_be *be, const wfc_be_stream *s, uint32_t x, uint32_t row) {
    if (s->slab < 0 || !s->segment[row]) return false;
    const wfc_be_slab *slab = &be->slabs.data[s->slab];
    return x >= slab->x && x < (uint32_t)slab->x + slab->w && s->segment[row][x - slab->x] > 0;
}

/* A lane from its first contributor, or the west edge, to its last listener, or the east edge. */
static wfc_status lane(wfc_be *be, wfc_be_routes *r, const wfc_be_stream *s, uint32_t row) {
    if (s->rows[row].count == 0) return WFC_OK;
    bool to_host = false, any = s->slab < 0, heard = false;
    int32_t step = s->west ? -1 : 1, begin = s->west ? s->x_last : s->x_first, end = s->west ? s->x_first : s->x_last;
    int32_t first = 0, last = 0;
    for (uint32_t k = 0; k < s->tap_count; k++) to_host |= s->taps[k].slab == -1;
    for (int32_t x = begin; x != end + step; x += step) {
        wfc_be_interval a = accepted(be, s, (uint32_t)x, row);
        if (!any && contributes(be, s, (uint32_t)x, row)) {
            first = x;
            any = true;
        }
        if (a.hi > a.lo) {
            last = x;
            heard = true;
        }
    }
    if (to_host) last = (int32_t)be->width - 1;
    if (!any || (!heard && !to_host) || (last - first) * step < 0)
        return wfc_fail(be->diag, WFC_ERR_INTERNAL, "WFC-E7042", s->name, "row %u has words but no way", row);
    for (int32_t x = first; x != last + step; x += step) {
        stop st = {.ahead = x != last || to_host, .behind = x != first || s->slab < 0, .period = s->rows[row].count};
        st.accept = accepted(be, s, (uint32_t)x, row);
        st.inserts = contributes(be, s, (uint32_t)x, row);
        WFC_TRY(put(be, r, (uint32_t)x, row, wfc_be_colour(s, row), s->west ? WFC_PORT_E : WFC_PORT_W,
                    s->west ? WFC_PORT_W : WFC_PORT_E, &st));
    }
    return WFC_OK;
}

static wfc_status chains(wfc_be *be, wfc_be_routes *r, const wfc_be_slab *slab) {
    const wfc_be_layer *l = &be->layers[slab->index];
    uint32_t pc = l->split.pc;
    if (pc == 1) return WFC_OK;
    for (uint32_t row = l->split.y; row < l->split.y + l->split.h; row++) {
        uint32_t group, inner;
        if (!wfc_be_row_place(&l->split, row, &group, &inner)) continue;
        uint32_t ic = inner % pc;
        for (uint32_t c = 0; c < l->split.cols; c++) {
            wfc_be_scatter s = wfc_be_scatter_words(l, row, c, 1);
            uint32_t x = slab->x + c;
            const uint8_t *colours = slab->colours[x & 1u];
            if (ic + 1 < pc && s.above) {
                stop from = {.inserts = true, .ahead = true}, to = {.accept = {0, 1}, .period = 1};
                WFC_TRY(put(be, r, x, row, colours[ic & 1], WFC_PORT_N, WFC_PORT_S, &from));
                WFC_TRY(put(be, r, x, row + 1, colours[ic & 1], WFC_PORT_N, WFC_PORT_S, &to));
            }
            if (ic > 0 && s.below) {
                stop from = {.inserts = true, .ahead = true}, to = {.accept = {0, 1}, .period = 1};
                WFC_TRY(put(be, r, x, row, colours[2 + (ic & 1)], WFC_PORT_S, WFC_PORT_N, &from));
                WFC_TRY(put(be, r, x, row - 1, colours[2 + (ic & 1)], WFC_PORT_S, WFC_PORT_N, &to));
            }
        }
    }
    return WFC_OK;
}

/* One section's bus in one direction; rows are visited from the farthest inserter onward. */
static wfc_status bus(wfc_be *be, wfc_be_routes *r, const wfc_be_adapter *ad, const wfc_be_slab *slab, uint32_t col,
                      unsigned dir, uint32_t section) {
    const wfc_be_column_plan *p = &ad->plan[col];
    int32_t top = (int32_t)ad->y, h = top + (int32_t)ad->h, q = (int32_t)ad->section, lo = top + (int32_t)section * q,
            hi = lo + q < h ? lo + q : h;
    int32_t step = dir == 0 ? 1 : -1, from = dir == 0 ? lo : hi - 1, to = dir == 0 ? hi + q - 1 : lo - q;
    if (to >= h) to = h - 1;
    if (to < top) to = top;
    int32_t first = -1, last = -1;
    for (int32_t y = from; y != to + step; y += step) {
        unsigned k = y >= lo && y < hi ? 0 : 1;
        if (k == 0 && first < 0 && p->insert[dir][y].count) first = y;
        if (p->listen[dir][k][y].hi > p->listen[dir][k][y].lo) last = y;
    }
    if (first < 0) return WFC_OK;
    unsigned in = dir == 0 ? WFC_PORT_N : WFC_PORT_S, out = dir == 0 ? WFC_PORT_S : WFC_PORT_N;
    for (int32_t y = first; y != last + step; y += step) {
        unsigned k = y >= lo && y < hi ? 0 : 1;
        stop s = {.inserts = k == 0 && p->insert[dir][y].count > 0,
                  .behind = y != first,
                  .ahead = y != last,
                  .accept = p->listen[dir][k][y],
                  .period = p->arrive[dir][k][y]};
        WFC_TRY(put(be, r, (uint32_t)slab->x + col, (uint32_t)y,
                    slab->colours[(slab->x + col) & 1u][dir * 2 + (section & 1)], in, out, &s));
    }
    return WFC_OK;
}

static wfc_status buses(wfc_be *be, wfc_be_routes *r, const wfc_be_slab *slab) {
    const wfc_be_adapter *ad = &be->adapters.data[slab->index];
    if (!ad->section) return WFC_OK;
    for (uint32_t col = 0; col < ad->cols; col++) {
        for (uint32_t s = 0; s * ad->section < ad->h; s++) {
            for (unsigned dir = 0; dir < 2; dir++) WFC_TRY(bus(be, r, ad, slab, col, dir, s));
        }
    }
    return WFC_OK;
}

wfc_status wfc_be_route(wfc_be *be, wfc_be_routes *out) {
    out->at = wfc_arena_alloc(&be->arena, (size_t)be->width * be->height, sizeof *out->at);
    if (!out->at) return wfc_fail_memory(be->diag);
    for (size_t i = 0; i < be->streams.count; i++) {
        for (uint32_t row = 0; row < be->height; row++) WFC_TRY(lane(be, out, &be->streams.data[i], row));
    }
    for (size_t i = 0; i < be->slabs.count; i++) {
        if (be->slabs.data[i].is_adapter)
            WFC_TRY(buses(be, out, &be->slabs.data[i]));
        else
            WFC_TRY(chains(be, out, &be->slabs.data[i]));
    }
    return WFC_OK;
}
