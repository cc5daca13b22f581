/* Adapters: a strip of columns that turns one lane layout into any other: halo, transpose, flatten, any box to box.
 *
 * Column a of A is responsible for an interval of every destination lane. Words that change their row travel on
 * vertical buses, ordered merges like the row lanes: row s puts its own words first, then lets pass what comes from
 * farther away, so a listener at row r hears rows r-1, r-2, ... in that order. A bus belongs to a section of q rows and
 * reaches over the next section as well, with q at least the farthest move: every word is on one bus, no word is
 * relayed.
 *
 * Example: 8 rows, every row needs one word of the row above: q = 1. Row 3 inserts 1 word on the down bus of section 3
 * and listens to the bus of section 2 (arrive 1, listen [0, 1)). Cost per PE: take + listen + insert + 2 give cycles.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/like.h"

enum { SOME_COLUMNS = 4, MANY_WORDS = 30000, TOO_LARGE = 1 << 30, CODE_AND_TABLES = 8192 };

wfc_status wfc_be_locate(wfc_be *be, int32_t stream, const wfc_be_where **out) {
    wfc_be_stream *s = &be->streams.data[stream];
    *out = s->where;
    if (s->where) return WFC_OK;
    wfc_be_where *w = wfc_arena_alloc(&be->arena, 1, sizeof *w);
    if (!w) return wfc_fail_memory(be->diag);
    w->elems = (uint32_t)wfc_shape_elems(&wfc_ir_node_c(be->g, s->tensor)->shape);
    w->row = wfc_arena_alloc(&be->arena, w->elems, sizeof *w->row);
    w->pos = wfc_arena_alloc(&be->arena, w->elems, sizeof *w->pos);
    if (!w->row || !w->pos) return wfc_fail_memory(be->diag);
    memset(w->row, 0xff, w->elems * sizeof *w->row);
    for (uint32_t r = 0; r < be->height; r++) {
        for (uint32_t i = 0; i < s->rows[r].count; i++) {
            if (s->rows[r].ids[i] < 0) continue;
            w->row[s->rows[r].ids[i]] = (uint16_t)r;
            w->pos[s->rows[r].ids[i]] = i;
        }
    }
    *out = s->where = w;
    return WFC_OK;
}

static void widen(wfc_be_interval *i, uint32_t at) {
    if (i->hi == i->lo) *i = (wfc_be_interval){at, at + 1};
    if (at < i->lo) i->lo = at;
    if (at >= i->hi) i->hi = at + 1;
}

/* Rows of a section, end exclusive. */
static void section_rows(const wfc_be_adapter *ad, uint32_t section, uint32_t *lo, uint32_t *hi) {
    uint32_t end = ad->y + ad->h;
    *lo = ad->y + section * ad->section;
    *hi = *lo + ad->section < end ? *lo + ad->section : end;
}

/* Words of a section that a listener at `row` hears: those of the rows above it (direction 0) or below it. */
static uint32_t heard(const wfc_be_adapter *ad, const wfc_be_column_plan *p, unsigned dir, uint32_t section,
                      uint32_t row) {
    uint32_t lo, hi;
    section_rows(ad, section, &lo, &hi);
    if (dir == 0 && hi > row) hi = row;
    if (dir == 1 && lo <= row) lo = row + 1;
    return hi > lo ? p->before[dir][hi] - p->before[dir][lo] : 0;
}

/* Nearer rows come first: a router passes what is behind it after its own. */
uint32_t wfc_be_bus_position(const wfc_be_adapter *ad, const wfc_be_column_plan *p, unsigned dir, uint32_t row,
                             uint32_t source_row, uint32_t index) {
    uint32_t lo, hi;
    section_rows(ad, wfc_be_section(ad, source_row), &lo, &hi);
    if (dir == 0) return index + p->before[0][hi < row ? hi : row] - p->before[0][source_row + 1];
    return index + p->before[1][source_row] - p->before[1][lo > row + 1 ? lo : row + 1];
}

static wfc_status alloc_plan(wfc_be *be, wfc_be_column_plan *p) {
    uint32_t h = be->height;
    bool ok = true;
    *p = (wfc_be_column_plan){0};
    ok &= (p->take = wfc_arena_alloc(&be->arena, h, sizeof *p->take)) != NULL;
    ok &= (p->give = wfc_arena_alloc(&be->arena, h, sizeof *p->give)) != NULL;
    for (unsigned d = 0; d < 2; d++) {
        ok &= (p->insert[d] = wfc_arena_alloc(&be->arena, h, sizeof *p->insert[d])) != NULL;
        ok &= (p->bus_pos[d] = wfc_arena_alloc(&be->arena, h, sizeof *p->bus_pos[d])) != NULL;
        ok &= (p->before[d] = wfc_arena_alloc(&be->arena, h + 1, sizeof *p->before[d])) != NULL;
        for (unsigned k = 0; k < 2; k++) {
            ok &= (p->listen[d][k] = wfc_arena_alloc(&be->arena, h, sizeof *p->listen[d][k])) != NULL;
            ok &= (p->arrive[d][k] = wfc_arena_alloc(&be->arena, h, sizeof *p->arrive[d][k])) != NULL;
        }
    }
    return ok ? WFC_OK : wfc_fail_memory(be->diag);
}

/* First word of the source row nearest to `row`. */
static int32_t nearest_word(const wfc_be *be, const wfc_be_adapter *ad, uint32_t row) {
    const wfc_be_list *rows = be->streams.data[ad->source].rows;
    for (uint32_t d = 0; d < be->height; d++) {
        if (row >= d && rows[row - d].count) return rows[row - d].ids[0];
        if (row + d < be->height && rows[row + d].count) return rows[row + d].ids[0];
    }
    return -1;
}

/* The element that word i of destination row r needs here, -1 none. A PE that gives nothing but fills waits for one
 * word all the same: else nothing would tell it how many samples there are. */
static int32_t needed(const wfc_be *be, const wfc_be_adapter *ad, wfc_be_interval give, uint32_t r, uint32_t i) {
    const wfc_be_list *to = &be->streams.data[ad->stream].rows[r];
    if (to->ids[i] >= 0 || i != give.lo) return to->ids[i];
    for (uint32_t k = give.lo; k < give.hi; k++) {
        if (to->ids[k] >= 0) return -1;
    }
    return nearest_word(be, ad, r);
}

/* Which of the two buses (own section, the one before) carries a word from `from` to `to`. */
static unsigned bus_of(const wfc_be_adapter *ad, uint32_t from, uint32_t to) {
    return wfc_be_section(ad, from) == wfc_be_section(ad, to) ? 0 : 1;
}

/* Channels of the lane that the adapter gives on a row, the outermost order there; 1: none are known. */
static uint32_t channels_at(const wfc_be *be, const wfc_be_adapter *ad, uint32_t row) {
    uint32_t group, inner, words = be->streams.data[ad->stream].rows[row].count, extent;
    bool by_part;
    if (ad->layer == UINT32_MAX || ad->relay || ad->spread) return 1;
    const wfc_be_layer *l = &be->layers[ad->layer];
    const wfc_be_split *s = &l->split;
    if (!wfc_be_row_place(s, row, &group, &inner) || !wfc_be_lane_channels(be, l, ad->edge, &extent, &by_part))
        return 1;
    uint32_t parts = by_part ? s->pc : s->row_parts[1], part = by_part ? inner % s->pc : inner / s->pc;
    wfc_be_interval i = wfc_be_part(extent, parts, part);
    uint32_t n = i.hi - i.lo;
    return n && words % n == 0 ? n : 1;
}

/* Column `i` of `cols`: whole channels where there are enough, or an equal number of columns for each: overlapping
 * tiles hold an element at different places of a channel, but in the same channel. */
static wfc_be_interval share_of(uint32_t words, uint32_t blocks, uint32_t cols, uint32_t i) {
    if (blocks <= 1) return wfc_be_part(words, cols, i);
    uint32_t block = words / blocks, each = cols / blocks; /* columns of a channel */
    if (each <= 1) {
        wfc_be_interval whole = wfc_be_part(blocks, cols < blocks ? cols : blocks, i);
        return i < blocks ? (wfc_be_interval){whole.lo * block, whole.hi * block} : (wfc_be_interval){0, 0};
    }
    wfc_be_interval part = wfc_be_part(block, each, i % each);
    if (i / each >= blocks) return (wfc_be_interval){0, 0};
    return (wfc_be_interval){i / each * block + part.lo, i / each * block + part.hi};
}

/* What the column gives, takes and puts on its buses. */
static wfc_status plan_moves(wfc_be *be, const wfc_be_adapter *ad, const wfc_be_where *w, uint32_t col,
                             wfc_be_column_plan *p) {
    const wfc_be_stream *from = &be->streams.data[ad->source], *to = &be->streams.data[ad->stream];
    for (uint32_t r = ad->y; r < ad->y + ad->h; r++) {
        /* Of an eastward lane the eastern column goes first. */
        uint32_t blocks = ad->by_channel ? channels_at(be, ad, r) : 1;
        p->give[r] = share_of(to->rows[r].count, blocks, ad->cols, to->west ? col : ad->cols - 1 - col);
        for (uint32_t i = p->give[r].lo; i < p->give[r].hi; i++) {
            int32_t id = needed(be, ad, p->give[r], r, i);
            if (id < 0) continue;
            uint32_t s = w->row[id];
            if (s == UINT16_MAX)
                return wfc_fail(be->diag, WFC_ERR_INTERNAL, "WFC-E7020", ad->name, "element %d has no source row", id);
            widen(&p->take[s], w->pos[id]);
        }
    }
    for (unsigned d = 0; d < 2; d++) {
        for (uint32_t r = 0; r < be->height; r++) {
            uint32_t n = p->take[r].hi - p->take[r].lo;
            if (n == 0) continue;
            p->bus_pos[d][r] = wfc_arena_alloc(&be->arena, n, sizeof **p->bus_pos[d]);
            if (!p->bus_pos[d][r]) return wfc_fail_memory(be->diag);
            memset(p->bus_pos[d][r], 0xff, n * sizeof **p->bus_pos[d]);
        }
    }
    for (uint32_t r = ad->y; r < ad->y + ad->h; r++) {
        for (uint32_t i = p->give[r].lo; i < p->give[r].hi; i++) {
            int32_t id = needed(be, ad, p->give[r], r, i);
            uint32_t s = id < 0 ? r : w->row[id];
            if (s != r) p->bus_pos[s < r ? 0 : 1][s][w->pos[id] - p->take[s].lo] = 0; /* wanted */
        }
    }
    for (unsigned d = 0; d < 2; d++) {
        for (uint32_t r = 0; r < be->height; r++) {
            for (uint32_t i = p->take[r].lo; i < p->take[r].hi; i++) {
                uint32_t *at = &p->bus_pos[d][r][i - p->take[r].lo];
                if (*at == UINT32_MAX) continue;
                *at = p->insert[d][r].count;
                WFC_TRY(wfc_be_list_push(be, &p->insert[d][r], from->rows[r].ids[i]));
            }
            p->before[d][r + 1] = p->before[d][r] + p->insert[d][r].count;
        }
    }
    return WFC_OK;
}

static wfc_status plan_column(wfc_be *be, const wfc_be_adapter *ad, const wfc_be_where *w, uint32_t col,
                              wfc_be_column_plan *p) {
    WFC_TRY(alloc_plan(be, p));
    WFC_TRY(plan_moves(be, ad, w, col, p));
    if (ad->section == 0) return WFC_OK;
    uint32_t sections = (ad->h + ad->section - 1) / ad->section;
    for (uint32_t r = ad->y; r < ad->y + ad->h; r++) {
        uint32_t own = wfc_be_section(ad, r);
        for (unsigned d = 0; d < 2; d++) {
            for (unsigned k = 0; k < 2; k++) {
                uint32_t section = k == 0 ? own : d == 0 ? own - 1 : own + 1; /* wraps above the first */
                if (section < sections) p->arrive[d][k][r] = heard(ad, p, d, section, r);
            }
        }
        for (uint32_t i = p->give[r].lo; i < p->give[r].hi; i++) {
            int32_t id = needed(be, ad, p->give[r], r, i);
            if (id < 0 || w->row[id] == r) continue;
            uint32_t s = w->row[id];
            unsigned d = s < r ? 0 : 1, k = bus_of(ad, s, r);
            widen(&p->listen[d][k][r],
                  wfc_be_bus_position(ad, p, d, r, s, p->bus_pos[d][s][w->pos[id] - p->take[s].lo]));
        }
    }
    return WFC_OK;
}

static uint32_t farthest(const wfc_be *be, const wfc_be_adapter *ad, const wfc_be_where *w) {
    const wfc_be_stream *to = &be->streams.data[ad->stream];
    uint32_t reach = 0;
    for (uint32_t r = ad->y; r < ad->y + ad->h; r++) {
        for (uint32_t i = 0; i < to->rows[r].count; i++) {
            int32_t id = to->rows[r].ids[i];
            if (id < 0) id = nearest_word(be, ad, r); /* a column may have nothing but fills to give here */
            if (id < 0 || w->row[id] == UINT16_MAX) continue;
            uint32_t s = w->row[id], d = s > r ? s - r : r - s;
            if (d > reach) reach = d;
        }
    }
    return 2 * reach >= ad->h ? ad->h : reach;
}

/* Words that a PE of the adapter moves per sample, in the network and in its memory. */
static double traffic(const wfc_be_column_plan *p, uint32_t r) {
    double n = p->take[r].hi - p->take[r].lo + 2.0 * (p->give[r].hi - p->give[r].lo);
    for (unsigned d = 0; d < 2; d++) {
        n += 2.0 * p->insert[d][r].count;
        for (unsigned k = 0; k < 2; k++) n += p->listen[d][k][r].hi - p->listen[d][k][r].lo;
    }
    return n;
}

/* Words of its arrays, two of each buffer. */
static uint32_t room(const wfc_be_column_plan *p, uint32_t r) {
    uint32_t n = 2 * (p->take[r].hi - p->take[r].lo + p->give[r].hi - p->give[r].lo);
    for (unsigned d = 0; d < 2; d++) {
        n += p->insert[d][r].count;
        for (unsigned k = 0; k < 2; k++) n += 2 * (p->listen[d][k][r].hi - p->listen[d][k][r].lo);
    }
    return n;
}

static wfc_status price_pe(wfc_be *be, const wfc_be_adapter *ad, uint32_t row, uint32_t col, double *cycles,
                           uint32_t *bytes) {
    wfc_be_pe_build b;
    wfc_diag *diag = be->diag, mine;
    wfc_diag_init(&mine);
    be->diag = &mine;
    wfc_status st = wfc_be_emit_adapter(be, ad, row, col, &b);
    be->diag = diag;
    bool tell = st != WFC_ERR_NO_FIT || ad->last_try; /* more columns may do */
    for (size_t i = 0; i < mine.count && tell; i++)
        wfc_diag_add(diag, mine.items[i].severity, mine.items[i].code, mine.items[i].where, "%s", mine.items[i].text);
    wfc_diag_deinit(&mine);
    if (st == WFC_ERR_NO_FIT && !ad->last_try) {
        *bytes = TOO_LARGE;
        st = WFC_OK;
    } else if (st == WFC_OK && !b.empty) {
        double v = wfc_be_pe_cycles(&b);
        if (v > *cycles) *cycles = v;
        if (wfc_be_asm_bytes(b.a) > *bytes) *bytes = wfc_be_asm_bytes(b.a);
    }
    wfc_be_pe_build_deinit(&b);
    return st;
}

/* Longest time and largest SRAM of the adapter's PEs: those that move most in each of its columns are emitted, and a
 * few in between, whose moves may be in smaller pieces. all: also every one whose arrays alone nearly fill its SRAM. */
static wfc_status price(wfc_be *be, const wfc_be_adapter *ad, bool all, double *cycles, uint32_t *bytes) {
    *cycles = 0;
    *bytes = 0;
    /* any two but those of the buses: the real ones come with the placement */
    memset(be->streams.data[ad->source].colours, ad->section ? 4 : 0, 2);
    memset(be->streams.data[ad->stream].colours, ad->section ? 5 : 1, 2);
    uint32_t stride = ad->h / 16 + 1;
    for (uint32_t c = 0; c < ad->cols; c++) {
        uint32_t busiest = ad->y, largest = ad->y;
        if (!ad->plan[c].take) continue;
        for (uint32_t r = ad->y; r < ad->y + ad->h; r++) {
            if (traffic(&ad->plan[c], r) > traffic(&ad->plan[c], busiest)) busiest = r;
            if (room(&ad->plan[c], r) > room(&ad->plan[c], largest)) largest = r;
        }
        WFC_TRY(price_pe(be, ad, busiest, c, cycles, bytes));
        if (largest != busiest) WFC_TRY(price_pe(be, ad, largest, c, cycles, bytes));
        for (uint32_t r = ad->y; r < ad->y + ad->h && all; r++) {
            if (4 * room(&ad->plan[c], r) + CODE_AND_TABLES > be->t->sram_bytes)
                WFC_TRY(price_pe(be, ad, r, c, cycles, bytes));
        }
        if (c > 0 && c + 1 < ad->cols) continue;
        for (uint32_t r = ad->y; r < ad->y + ad->h; r += stride) WFC_TRY(price_pe(be, ad, r, c, cycles, bytes));
    }
    return WFC_OK;
}

/* Words per sample over the busiest link of the adapter's buses: those of two neighbouring sections share links. */
static double busiest_bus(const wfc_be_adapter *ad) {
    double most = 0;
    for (uint32_t c = 0; c < ad->cols && ad->section; c++) {
        for (uint32_t r = ad->y; r < ad->y + ad->h && ad->plan[c].take; r++) {
            for (unsigned d = 0; d < 2; d++) {
                const wfc_be_column_plan *p = &ad->plan[c];
                double words = p->arrive[d][0][r] + p->insert[d][r].count;
                if (p->listen[d][1][r].hi > p->listen[d][1][r].lo) words += p->arrive[d][1][r];
                if (words > most) most = words;
            }
        }
    }
    return most;
}

static wfc_status add_adapter_tap(wfc_be *be, wfc_be_adapter *ad) {
    wfc_be_tap *tap;
    wfc_be_stream *to = &be->streams.data[ad->stream];
    WFC_TRY(wfc_be_add_tap(be, ad->source, ad->slab, ad->cols, &tap));
    for (uint32_t r = 0; r < be->height; r++) {
        to->segment[r] = wfc_arena_alloc(&be->arena, ad->cols, sizeof **to->segment);
        if (!to->segment[r]) return wfc_fail_memory(be->diag);
        for (uint32_t c = 0; c < ad->cols; c++) {
            tap->accept[r][c] = ad->plan[c].take[r];
            to->segment[r][c] = ad->plan[c].give[r].hi - ad->plan[c].give[r].lo;
        }
    }
    return WFC_OK;
}

/* Columns beyond which nothing wider is looked for: tests draw them, as they draw splits. */
static uint32_t widest(const wfc_be *be, uint32_t index) {
    uint64_t rng = be->opt->seed + index;
    uint32_t like = be->opt->like ? wfc_be_cols_like(be, be->adapters.data[index].name) : 0;
    if (like) return like;
    return be->opt->random_splits ? 1 + (uint32_t)(wfc_rng_next(&rng) % 5) : WFC_BE_WIDEST;
}

/* Two lanes and four buses meet in every PE of an adapter, whatever colours they get later. */
static wfc_status check_colours(wfc_be *be, const wfc_be_adapter *ad) {
#ifndef WFC_OFF_CCOLOURS
    uint32_t colours = ad->section ? 6 : 2;
    char place[300];
    if (be->t->colours >= colours) return WFC_OK;
    snprintf(place, sizeof place, "%.200s, PE (any of its columns)", ad->name);
    return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7022", place,
                    "rearranging this tensor takes %u colours in each PE, target %s has %u. Use a target with more "
                    "colours",
                    colours, be->t->name, be->t->colours);
#else
    (void)be, (void)ad;
    return WFC_OK;
#endif
}

/* some: a few of the columns only, from end to end, which are enough to tell widths of large tensors apart. */
static wfc_status plan_columns(wfc_be *be, wfc_be_adapter *ad, const wfc_be_where *w, uint32_t cols, bool some) {
    uint64_t words = wfc_shape_elems(&wfc_ir_node_c(be->g, be->streams.data[ad->source].tensor)->shape);
    uint32_t planned = some && cols > SOME_COLUMNS && words > MANY_WORDS ? SOME_COLUMNS : cols;
    ad->cols = cols;
    ad->plan = wfc_arena_alloc(&be->arena, cols, sizeof *ad->plan);
    if (!ad->plan) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < planned; i++) {
        uint32_t c = planned < cols ? i * (cols - 1) / (planned - 1) : i;
        WFC_TRY(plan_column(be, ad, w, c, &ad->plan[c]));
    }
    return WFC_OK;
}

/* Time and SRAM of the adapter with `cols` columns, planned in scratch memory. */
static wfc_status try_columns(wfc_be *be, wfc_be_adapter *ad, const wfc_be_where *w, uint32_t cols, bool some,
                              double *cycles, uint32_t *bytes) {
    wfc_arena keep = be->arena;
    wfc_arena_init(&be->arena);
    wfc_status st = plan_columns(be, ad, w, cols, some);
    if (st == WFC_OK) st = price(be, ad, !some, cycles, bytes);
    if (st == WFC_OK && busiest_bus(ad) > *cycles) *cycles = busiest_bus(ad);
    wfc_arena_deinit(&be->arena);
    be->arena = keep;
    return st;
}

static wfc_status no_adapter(wfc_be *be, wfc_be_adapter *ad, const wfc_be_where *w, uint32_t least_bytes) {
    if (least_bytes == UINT32_MAX) {
        return wfc_fail(
            be->diag, WFC_ERR_NO_FIT, "WFC-E7021", ad->name,
            "rearranging this tensor needs a column of PEs of its own, target %s has %u in all. Use a wider "
            "target",
            be->t->name, be->width);
    }
    if (least_bytes >= TOO_LARGE) { /* once more, so that the PE tells what it lacks */
        double cycles;
        ad->last_try = true;
        WFC_TRY(try_columns(be, ad, w, ad->cols, false, &cycles, &least_bytes));
    }
    return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7021", ad->name,
                    "rearranging this tensor takes at least %u bytes of SRAM per PE over up to %d columns; a PE of "
                    "target %s has %u, so %u are missing. Use a larger target",
                    least_bytes, WFC_BE_WIDEST, be->t->name, be->t->sram_bytes, least_bytes - be->t->sram_bytes);
}

/* Channels of the lane that has most. */
static uint32_t most_channels(const wfc_be *be, const wfc_be_adapter *ad) {
    uint32_t most = 1;
    for (uint32_t r = ad->y; r < ad->y + ad->h; r++) {
        uint32_t n = channels_at(be, ad, r);
        if (n > most) most = n;
    }
    return most;
}

/* The next width to try, about `cols`: one by which channels can be shared out evenly, if there is one near. */
static uint32_t useful_width(uint32_t channels, uint32_t cols) {
    uint32_t even = cols;
    if (channels <= 1) return cols;
    if (cols > channels) even = (cols + channels - 1) / channels * channels;
    uint32_t each = (channels + cols - 1) / cols, least = (channels + each - 1) / each;
    if (cols < channels && least < cols && each > 1) even = (channels + each - 2) / (each - 1);
    return 4 * even <= 5 * cols ? even : cols;
}

/* Time and SRAM at a width, with the better of both ways to share out lanes: by channels, or by words alone. */
static wfc_status try_width(wfc_be *be, wfc_be_adapter *ad, const wfc_be_where *w, uint32_t channels, uint32_t cols,
                            double goal, double *cycles, uint32_t *bytes) {
    double other;
    uint32_t other_bytes;
    ad->by_channel = channels > 1;
    WFC_TRY(try_columns(be, ad, w, cols, true, cycles, bytes));
    if (channels <= 1 || cols == 1 || channels % cols == 0) return WFC_OK;
    bool large = wfc_shape_elems(&wfc_ir_node_c(be->g, be->streams.data[ad->source].tensor)->shape) > MANY_WORDS;
    if (large && *bytes <= be->t->sram_bytes && (*cycles <= goal || *cycles > 2 * goal)) return WFC_OK;
    ad->by_channel = false;
    WFC_TRY(try_columns(be, ad, w, cols, true, &other, &other_bytes));
    bool fits = *bytes <= be->t->sram_bytes, other_fits = other_bytes <= be->t->sram_bytes;
    ad->by_channel = fits == other_fits ? *cycles <= other : fits;
    if (ad->by_channel) return WFC_OK;
    *cycles = other;
    *bytes = other_bytes;
    return WFC_OK;
}

/* Half of what the plan expects, to grow from. */
static uint32_t first_width(const wfc_be *be, const wfc_be_adapter *ad, uint32_t wide) {
    if (ad->layer == UINT32_MAX || ad->relay || ad->spread || be->opt->random_splits) return 1;
    uint32_t cols = be->layers[ad->layer].edges[ad->edge].expected / 2;
    if (cols > wide) cols = wide;
    if (cols >= be->width) cols = be->width - 1;
    return cols ? cols : 1;
}

/* Cycles that the lane taken and the lane given have words for, in the row with most. */
static uint32_t both_lanes(const wfc_be *be, const wfc_be_adapter *ad) {
    uint32_t most = 0;
    for (uint32_t r = 0; r < be->height; r++) {
        uint32_t words = be->streams.data[ad->source].rows[r].count + be->streams.data[ad->stream].rows[r].count;
        if (words > most) most = words;
    }
    return most;
}

/* The lane that is taken and the one that is given share links, and listeners of a bus that take words of the next
 * sample's lane hold the bus up: a close follower slows the sample before it. Where there is time for one after the
 * other, the next lane waits until this sample is out. Tests draw it. */
static void take_late(wfc_be *be, wfc_be_adapter *ad, uint32_t lanes) {
    if (ad->relay || ad->spread || ad->section == 0) return;
    if (be->opt->random_splits) {
        ad->late = (be->opt->seed + ad->layer + ad->edge) % 2;
        return;
    }
    ad->late = ad->predicted_cycles + lanes <= wfc_be_adapter_goal(be->target_cycles);
    if (ad->late) ad->predicted_cycles += lanes;
}

/* What an adapter may take, best first: what lets it take the next sample late, where columns are to spare; what is
 * wished for; what the plan's T needs. */
enum { LATE, WISH, ENOUGH, LEVELS };
static const double MUCH_WIDER = 0.4; /* of the wish: no attempt at less */
typedef struct {
    double cycles;
    uint32_t cols; /* the first width found that takes no longer; 0: none yet */
    bool by_channel;
} level;

static void set_levels(const wfc_be *be, const wfc_be_adapter *ad, level *levels) {
    double enough = wfc_be_adapter_goal(be->target_cycles), late = 0.98 * (enough - both_lanes(be, ad));
    double wish = fmax(wfc_be_adapter_goal(be->wish_cycles), be->adapter_cycles);
    bool spare = be->wish_cycles < be->target_cycles && ad->section > 0;
    levels[LATE].cycles = spare && late > MUCH_WIDER * wish ? fmin(late, wish) : wish;
    levels[WISH].cycles = wish;
    levels[ENOUGH].cycles = fmax(enough, be->adapter_cycles);
}

static void reach_levels(level *levels, double cycles, uint32_t cols, bool by_channel) {
    for (uint32_t i = 0; i < LEVELS; i++) {
        if (cycles > levels[i].cycles || levels[i].cols) continue;
        levels[i].cols = cols;
        levels[i].by_channel = by_channel;
    }
}

/* Grows until the time is within the plan's; the first step comes from the time of one column. */
wfc_status wfc_be_size_adapter(wfc_be *be, uint32_t index) {
    wfc_be_adapter *ad = &be->adapters.data[index];
    const wfc_be_where *w;
    WFC_TRY(wfc_be_locate(be, ad->source, &w));
    ad->section = ad->relay ? 0 : farthest(be, ad, w);
    ad->plan_row = w->row;
    level levels[LEVELS] = {{0}};
    set_levels(be, ad, levels);
    double best = 1e30, goal = levels[LATE].cycles;
    bool by_channel = false;
    uint32_t best_cols = 0, least_bytes = UINT32_MAX, wide = widest(be, index);
    WFC_TRY(check_colours(be, ad));
    uint32_t least = be->opt->like ? wide : 1, channels = most_channels(be, ad), start = first_width(be, ad, wide);
    for (uint32_t cols = be->opt->like ? wide : start, missed = 0; cols <= wide && cols < be->width && missed < 3;) {
        double cycles;
        uint32_t bytes;
        WFC_TRY(try_width(be, ad, w, channels, cols, goal, &cycles, &bytes));
        missed += best_cols > 0; /* unless this one is better */
        if (bytes < least_bytes) least_bytes = bytes;
        if (bytes <= be->t->sram_bytes && cycles < 0.97 * best) {
            best = cycles;
            best_cols = cols;
            by_channel = ad->by_channel;
            missed = 0;
        }
        if (bytes <= be->t->sram_bytes) reach_levels(levels, cycles, cols, ad->by_channel);
        if (best <= goal && cols == start && start > least) { /* narrower, then */
            best = 1e30;
            best_cols = 0;
            for (uint32_t i = 0; i < LEVELS; i++) levels[i].cols = 0;
            cols = start = start / 2;
            continue;
        }
        if (best <= goal) break;
        double share = goal > 0 ? cycles / goal : 1; /* what is too much now may be so everywhere: not all at once */
        uint32_t next = (uint32_t)(cols * (share > 2 ? 2 : share) * 0.75);
        cols = useful_width(channels, next > cols + cols / 8 ? next : cols + cols / 8 + 1);
    }
    for (uint32_t i = WISH; i < LEVELS && best > goal; i++) { /* that is not to be had: no columns for it */
        if (!levels[i].cols) continue;
        best_cols = levels[i].cols;
        by_channel = levels[i].by_channel;
        break;
    }
    if (!best_cols) return no_adapter(be, ad, w, least_bytes);
    ad->by_channel = by_channel;
    for (uint32_t bytes = TOO_LARGE; bytes > be->t->sram_bytes;) { /* all columns now, not a few */
        WFC_TRY(try_columns(be, ad, w, best_cols, false, &best, &bytes));
        if (bytes <= be->t->sram_bytes) break;
        if (best_cols + 1 >= be->width || best_cols >= wide) return no_adapter(be, ad, w, bytes);
        best_cols += 1 + best_cols / 4;
    }
    WFC_TRY(plan_columns(be, ad, w, best_cols, false));
    ad->bus_words = busiest_bus(ad);
    ad->predicted_cycles = best;
    take_late(be, ad, both_lanes(be, ad));
    be->slabs.data[ad->slab].w = (uint16_t)best_cols;
    return add_adapter_tap(be, ad);
}
