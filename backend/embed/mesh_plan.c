/* Planning: rows, then a way for every hop; where there is none, the place is given up and all is planned again.
 *
 * An east hop without a way: its PEs take no more part. A south hop without one is a barrier: three or more dead PEs
 * beside each other, so that the inner columns get past neither side (their neighbours' routers hold one way round
 * each). Such a column is dropped: the lanes pass it, no program runs there. */
#include "backend/embed/mesh_hops.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ROUNDS = 200 };

typedef struct planner {
    wfc_be_grid g;
    wfc_be_hops hops;
    uint16_t *row_y;
    uint32_t rows, cols;
    wfc_diag *diag;
    const wfc_target *t;
} planner;

static void number_columns(planner *p) {
    p->cols = 0;
    for (uint32_t x = 0; x < p->g.w; x++) {
        p->g.parity[x] = p->cols & 1;
        p->cols += !p->g.dropped[x];
    }
}

static void set_homes(planner *p) {
    memset(p->g.home, 0xff, (size_t)p->g.w * p->g.h * sizeof *p->g.home);
    for (uint32_t x = 0; x < p->g.w; x++)
        for (uint32_t r = 0; r < p->rows; r++)
            p->g.home[wfc_be_cell(&p->g, x, p->row_y[(size_t)x * p->g.h + r])] = (uint16_t)r;
}

/* The end of an east hop that has fewer ways out. */
static wfc_xy poorer_end(const planner *p, const wfc_be_hop_failure *f) {
    uint32_t row = p->g.home[wfc_be_cell(&p->g, f->at.x, f->at.y)];
    wfc_xy ends[2] = {f->at, {(uint16_t)(f->at.x + 1), p->row_y[(size_t)(f->at.x + 1) * p->g.h + row]}};
    unsigned ways[2] = {0, 0};
    for (unsigned e = 0; e < 2; e++)
        for (unsigned port = 0; port < 4; port++) ways[e] += wfc_be_grid_leads(&p->g, ends[e].x, ends[e].y, port);
    return ends[ways[1] < ways[0]];
}

static void give_up(planner *p) {
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < p->hops.failures.count; i++) {
        const wfc_be_hop_failure *f = &p->hops.failures.data[i];
        if (f->east) {
            wfc_xy at = poorer_end(p, f);
            p->g.dead[wfc_be_cell(&p->g, at.x, at.y)] = WFC_BE_GIVEN_UP;
        } else if (last == UINT32_MAX || f->at.x > last + 1) { /* its neighbour may now have a way through it */
            p->g.dropped[f->at.x] = 1;
            last = f->at.x;
        }
    }
}

static wfc_status no_rows(const planner *p) {
    char where[64];
    snprintf(where, sizeof where, "target %s", p->t->name);
    for (uint32_t x = 0; x < p->g.w; x++) {
        uint32_t live = 0;
        for (uint32_t y = 0; y < p->g.h; y++) live += !p->g.dead[wfc_be_cell(&p->g, x, y)];
        if (!live)
            return wfc_fail(p->diag, WFC_ERR_NO_FIT, "WFC-E0772", where,
                            "column %u has no live PE that connects with the largest live part of the fabric: nothing "
                            "can cross it from west to east. Use a target without these defects",
                            x);
    }
    return wfc_fail(p->diag, WFC_ERR_NO_FIT, "WFC-E0772", where,
                    "the %u defective PEs and %u defective links leave no row of live PEs from west to east. Use a "
                    "target with fewer defects",
                    p->t->bad_pe_count, p->t->bad_link_count);
}

static wfc_status attempts(planner *p, uint32_t *rounds) {
    for (*rounds = 1; *rounds <= MAX_ROUNDS; ++*rounds) {
        WFC_TRY(wfc_be_mesh_rows(&p->g, p->diag, p->row_y, &p->rows));
        number_columns(p);
        if (p->rows == 0 || p->cols == 0) return no_rows(p);
        set_homes(p);
        p->hops.rows = p->rows;
        WFC_TRY(wfc_be_hops_find(&p->hops));
        if (p->hops.failures.count == 0) return WFC_OK;
        give_up(p);
    }
    const wfc_be_hop_failure *f = &p->hops.failures.data[0];
    char where[64];
    snprintf(where, sizeof where, "PE (%u,%u)", f->at.x, f->at.y);
    return wfc_fail(
        p->diag, WFC_ERR_NO_FIT, "WFC-E0773", where,
        "after %d attempts there is still no way %s from here around the defects near it. Use a target with "
        "fewer defects",
        MAX_ROUNDS, f->east ? "east" : "south");
}

/* ---- the result ---- */

static bool port_works(const planner *p, unsigned side, uint32_t x, uint32_t y) {
    return !(p->g.bad_links[wfc_be_cell(&p->g, x, y)] >> (side == WFC_SIDE_WEST ? WFC_PORT_W : WFC_PORT_E) & 1);
}

static wfc_status logical_ports(planner *p, wfc_target *t) {
    for (unsigned side = 0; side < 2; side++) {
        uint32_t x = side == WFC_SIDE_WEST ? 0 : p->g.w - 1u, n = 0;
        uint16_t *rows = wfc_calloc(p->rows, sizeof *rows);
        if (!rows) return wfc_fail_memory(p->diag);
        for (uint32_t i = 0; i < p->t->io_count[side]; i++) {
            uint32_t y = p->t->io_rows[side][i];
            uint16_t home = p->g.home[wfc_be_cell(&p->g, x, y)];
            if (home != WFC_BE_NO_ROW && port_works(p, side, x, y)) rows[n++] = home;
        }
        wfc_free(t->io_rows[side]);
        t->io_rows[side] = rows;
        t->io_count[side] = (uint16_t)n;
        if (n == 0 && p->t->io_count[side])
            return wfc_fail(p->diag, WFC_ERR_NO_FIT, "WFC-E0774", p->t->name,
                            "defects leave none of the %u host ports at the %s edge. Use a target with live PEs at "
                            "ports",
                            p->t->io_count[side], side == WFC_SIDE_WEST ? "west" : "east");
    }
    return WFC_OK;
}

static wfc_status logical_target(planner *p, wfc_be_mesh *m) {
    if (wfc_target_copy(p->t, &m->logical) != WFC_OK) return wfc_fail_memory(p->diag);
    m->logical.bad_pe_count = m->logical.bad_link_count = 0;
    m->logical.width = (uint16_t)p->cols;
    m->logical.height = (uint16_t)p->rows;
    return logical_ports(p, &m->logical);
}

static wfc_status take_over(planner *p, wfc_be_mesh *m) {
    size_t n = (size_t)p->g.w * p->rows;
    m->rows = (uint16_t)p->rows;
    m->cols = (uint16_t)p->cols;
    m->col_x = wfc_calloc(p->cols, sizeof *m->col_x);
    m->row_y = wfc_calloc(n, sizeof *m->row_y);
    m->east = wfc_calloc(n, sizeof *m->east);
    m->south = wfc_calloc(n, sizeof *m->south);
    if (!m->col_x || !m->row_y || !m->east || !m->south) return wfc_fail_memory(p->diag);
    for (uint32_t x = 0, col = 0; x < p->g.w; x++) {
        size_t to = (size_t)x * p->rows, from = (size_t)x * p->g.h;
        if (!p->g.dropped[x]) m->col_x[col++] = (uint16_t)x;
        memcpy(m->row_y + to, p->row_y + from, p->rows * sizeof *m->row_y);
        memcpy(m->east + to, p->hops.east + from, p->rows * sizeof *m->east);
        memcpy(m->south + to, p->hops.south + from, p->rows * sizeof *m->south);
    }
    m->ways = p->hops.ways.data;
    m->way_count = (uint32_t)p->hops.ways.count;
    p->hops.ways.data = NULL;
    m->east_detours = p->hops.east_detours;
    m->south_detours = p->hops.south_detours;
    m->longest_way = p->hops.longest;
    for (size_t i = 0; i < (size_t)p->g.w * p->g.h; i++) {
        m->dead_pes += p->g.dead[i] == WFC_BE_DEAD;
        m->given_up_pes += p->g.dead[i] == WFC_BE_GIVEN_UP;
    }
    return logical_target(p, m);
}

static wfc_status prepare(planner *p) {
    WFC_TRY(wfc_be_grid_init(&p->g, p->t, p->diag));
    size_t n = (size_t)p->g.w * p->g.h;
    p->row_y = wfc_calloc(n, sizeof *p->row_y);
    p->hops.east = wfc_calloc(n, sizeof *p->hops.east);
    p->hops.south = wfc_calloc(n, sizeof *p->hops.south);
    if (!p->row_y || !p->hops.east || !p->hops.south) return wfc_fail_memory(p->diag);
    p->hops.g = &p->g;
    p->hops.diag = p->diag;
    p->hops.row_y = p->row_y;
    return WFC_OK;
}

static void note(const wfc_be_mesh *m, wfc_diag *diag) {
    if (m->physical.bad_pe_count == 0 && m->physical.bad_link_count == 0) return;
    wfc_diag_add(diag, WFC_NOTE, "WFC-N0775", m->physical.name,
                 "%u PEs and %u links are defective: %u of %u rows and %u of %u columns are left; %u hops east and %u "
                 "hops south lead around defects, the longest over %u links",
                 m->physical.bad_pe_count, m->physical.bad_link_count, m->rows, m->physical.height, m->cols,
                 m->physical.width, m->east_detours, m->south_detours, m->longest_way);
}

wfc_status wfc_be_mesh_plan(const wfc_target *physical, wfc_diag *diag, wfc_be_mesh *out) {
    planner p = {.t = physical, .diag = diag};
    memset(out, 0, sizeof *out);
    wfc_status s = wfc_target_copy(physical, &out->physical) == WFC_OK ? WFC_OK : wfc_fail_memory(diag);
    if (s == WFC_OK) s = prepare(&p);
    if (s == WFC_OK) s = attempts(&p, &out->rounds);
    if (s == WFC_OK) s = take_over(&p, out);
    if (s == WFC_OK) note(out, diag);
    wfc_free(p.row_y);
    wfc_free(p.hops.east);
    wfc_free(p.hops.south);
    wfc_vec_free(&p.hops.ways);
    wfc_vec_free(&p.hops.failures);
    wfc_be_grid_deinit(&p.g);
    return s;
}

void wfc_be_mesh_deinit(wfc_be_mesh *m) {
    wfc_target_deinit(&m->physical);
    wfc_target_deinit(&m->logical);
    wfc_free(m->col_x);
    wfc_free(m->row_y);
    wfc_free(m->east);
    wfc_free(m->south);
    wfc_free(m->ways);
    memset(m, 0, sizeof *m);
}

wfc_xy wfc_be_mesh_place(const wfc_be_mesh *m, uint32_t col, uint32_t row) {
    uint16_t x = m->col_x[col];
    return (wfc_xy){x, m->row_y[(size_t)x * m->rows + row]};
}
