/* Logical rows: paths of usable PEs from the west edge to the east edge, one PE per column, moving up or down by at
 * most one PE between neighbouring columns, none crossing another.
 *
 *     a b c d e         The lower envelope of two such paths is such a path (it moves by at most one, and stands on PEs
 *     0 0 0 0 0         of one of them), so there is one topmost path, and taking the topmost one again and again gives
 *     1 # 1 1 1         as many rows as there can be. Left: one dead PE (#) in column b. Row 1 steps down there and is
 *     2 1 2 2 2         back in column c at once; so do all rows below it, in column b only, and the last PE of the
 *     . 2 . . .         other columns is spare.
 *
 * Packed like that, rows step at every second column, and each step makes a lane share links with others. So a few rows
 * more than necessary are given up, and each row gets the straightest path between the topmost one that the rows before
 * it leave and the lowest one that leaves room for the rows after it (a dynamic programme over columns). */
#include "backend/embed/mesh_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP_COST = 8,     /* a hop that steps; a PE that is n rows off its even place costs n */
    CORNER_COST = 4096 /* a step whose ways round both corners are blocked */
};

/* Usable for a row; `up`: rows are counted from the south edge. */
static bool usable(const wfc_be_grid *g, uint32_t x, uint32_t y, bool up) {
    return !g->dead[wfc_be_cell(g, x, up ? g->h - 1u - y : y)];
}

static bool raise_to(const wfc_be_grid *g, uint32_t x, uint32_t least, bool up, uint16_t *y) {
    if (*y >= least) return false;
    while (least < g->h && !usable(g, x, least, up)) least++;
    *y = (uint16_t)least;
    return true;
}

/* The topmost path at or below y[]; false when it leaves the fabric. */
static bool topmost(const wfc_be_grid *g, bool up, uint16_t *y) {
    for (uint32_t x = 0; x < g->w; x++) {
        while (y[x] < g->h && !usable(g, x, y[x], up)) y[x]++;
        if (y[x] >= g->h) return false;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t x = 1; x < g->w; x++) changed |= raise_to(g, x, y[x - 1] ? y[x - 1] - 1u : 0, up, &y[x]);
        for (uint32_t x = g->w - 1u; x-- > 0;) changed |= raise_to(g, x, y[x + 1] ? y[x + 1] - 1u : 0, up, &y[x]);
        for (uint32_t x = 0; x < g->w; x++)
            if (y[x] >= g->h) return false;
    }
    return true;
}

/* Packs rows, the first at the edge; rows: [row * w + x] of the first `most`, or NULL. Returns how many. */
static uint32_t pack(const wfc_be_grid *g, bool up, uint32_t most, uint16_t *y, uint16_t *rows) {
    memset(y, 0, g->w * sizeof *y);
    uint32_t n = 0;
    for (; n < most && topmost(g, up, y); n++) {
        if (rows) memcpy(rows + (size_t)n * g->w, y, g->w * sizeof *y);
        for (uint32_t x = 0; x < g->w; x++) y[x]++;
    }
    return n;
}

/* Rows to give up beyond `lost`, for straightness. With too few spare PEs nearby, every row below a dead PE steps, down
 * to a spare one far away. Measured with 1 % dead PEs on wse2: 3 % of the rows lost, 25 % of the hops step; 8 %, 7 %;
 * 10 %, 5 %. */
static uint32_t margin(const wfc_be_grid *g, uint32_t lost) {
    uint32_t rows_with_dead = 0, twice = 2 * lost, few = g->h / 20u, most = g->h / 12u;
    for (uint32_t y = 0; y < g->h; y++) {
        const uint8_t *row = g->dead + (size_t)y * g->w;
        rows_with_dead += memchr(row, WFC_BE_DEAD, g->w) || memchr(row, WFC_BE_GIVEN_UP, g->w);
    }
    uint32_t skip = rows_with_dead > lost ? rows_with_dead - lost : 0; /* all rows with a dead PE: no steps at all */
    if (few > skip) few = skip;
    if (twice < few) twice = few;
    return twice < most ? twice : most;
}

typedef struct straight {
    const wfc_be_grid *g;
    uint32_t rows;
    uint16_t *lo, *hi;  /* [x] the corridor of the row at hand */
    uint16_t *lowest;   /* [row from the south * w + x], counted from the south */
    uint32_t *cost[2];  /* [y] */
    uint8_t *came_from; /* [x * h + y] 0..2: y - 1, y, y + 1 in the column before */
} straight;

/* Cost of the hop from (x - 1, from) to (x, y). */
static uint32_t hop_cost(const wfc_be_grid *g, uint32_t x, uint32_t from, uint32_t y) {
    if (from == y) return 0;
    unsigned blocked = g->dead[wfc_be_cell(g, x, from)] == WFC_BE_DEAD;
    blocked += g->dead[wfc_be_cell(g, x - 1, y)] == WFC_BE_DEAD;
    return blocked == 2 ? CORNER_COST : STEP_COST;
}

static void one_row(straight *s, uint32_t row) {
    const wfc_be_grid *g = s->g;
    /* spread rows evenly, so that spare PEs are near wherever one is needed */
    uint32_t ideal = s->rows > 1 ? row * (g->h - 1u) / (s->rows - 1) : row;
    uint32_t *before = s->cost[0], *now = s->cost[1], *swap;
    for (uint32_t x = 0; x < g->w; x++) {
        for (uint32_t y = s->lo[x]; y <= s->hi[x]; y++) {
            now[y] = UINT32_MAX;
            if (!usable(g, x, y, false)) continue;
            uint32_t off = y > ideal ? y - ideal : ideal - y, best = x ? UINT32_MAX : 0;
            for (uint32_t d = 0; x && d < 3; d++) {
                uint32_t from = y + d;
                if (from-- == 0 || from < s->lo[x - 1] || from > s->hi[x - 1] || before[from] == UINT32_MAX) continue;
                uint32_t c = before[from] + hop_cost(g, x, from, y);
                /* ties: go straight on */
                if (c > best || (c == best && d != 1)) continue;
                best = c;
                s->came_from[(size_t)x * g->h + y] = (uint8_t)d;
            }
            if (best != UINT32_MAX) now[y] = best + off;
        }
        swap = before;
        before = now;
        now = swap;
    }
    uint32_t last = g->w - 1u, y = s->lo[last];
    for (uint32_t k = s->lo[last]; k <= s->hi[last]; k++)
        if (before[k] < before[y]) y = k;
    for (uint32_t x = last;; x--) {
        s->lo[x] = (uint16_t)y;
        if (x == 0) break;
        y = y + s->came_from[(size_t)x * g->h + y] - 1u;
    }
}

static bool straighten(straight *s, uint16_t *row_y) {
    const wfc_be_grid *g = s->g;
    memset(s->lo, 0, g->w * sizeof *s->lo);
    for (uint32_t row = 0; row < s->rows; row++) {
        if (!topmost(g, false, s->lo)) return false;
        for (uint32_t x = 0; x < g->w; x++)
            s->hi[x] = (uint16_t)(g->h - 1u - s->lowest[(size_t)(s->rows - 1 - row) * g->w + x]);
        one_row(s, row);
        for (uint32_t x = 0; x < g->w; x++) row_y[(size_t)x * g->h + row] = s->lo[x]++;
    }
    return true;
}

wfc_status wfc_be_mesh_rows(const wfc_be_grid *g, wfc_diag *diag, uint16_t *row_y, uint32_t *out_rows) {
    straight s = {.g = g};
    *out_rows = 0;
    s.lo = wfc_calloc(g->w, sizeof *s.lo);
    s.hi = wfc_calloc(g->w, sizeof *s.hi);
    s.lowest = wfc_calloc((size_t)g->w * g->h, sizeof *s.lowest);
    s.cost[0] = wfc_calloc(g->h, sizeof *s.cost[0]);
    s.cost[1] = wfc_calloc(g->h, sizeof *s.cost[1]);
    s.came_from = wfc_calloc((size_t)g->w * g->h, sizeof *s.came_from);
    bool ok = s.lo && s.hi && s.lowest && s.cost[0] && s.cost[1] && s.came_from, found = true;
    if (ok) {
        uint32_t most = pack(g, false, g->h, s.lo, NULL), lost = g->h - most;
        uint32_t more = lost ? margin(g, lost) : 0;
        s.rows = more < most ? most - more : most;
        found = s.rows == 0 || (pack(g, true, s.rows, s.lo, s.lowest) == s.rows && straighten(&s, row_y));
        *out_rows = s.rows;
    }
    wfc_free(s.lo);
    wfc_free(s.hi);
    wfc_free(s.lowest);
    wfc_free(s.cost[0]);
    wfc_free(s.cost[1]);
    wfc_free(s.came_from);
    if (!ok) return wfc_fail_memory(diag);
    if (!found)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0770", "mesh",
                        "rows that fit from the north do not fit from the south");
    return WFC_OK;
}
