/* A way for every logical hop. Kinds of hops, east and south, have different colours, and so have hops of different
 * parity (rows for east, columns for south), so only hops of one kind and parity can stand in each other's way: at a
 * router each kind and parity passes at most once, and never where the PE's own lanes use these colours. */
#include "backend/embed/mesh_hops.h"

#include <string.h>

enum { REACH = 5 };

typedef struct hop {
    const wfc_be_grid *g;
    uint16_t row;   /* east: the hop's row */
    uint8_t parity; /* south: of the hop's column */
    uint8_t bit;
} hop;

static bool may_pass_east(const void *ctx, uint32_t x, uint32_t y) {
    const hop *h = ctx;
    uint32_t at = wfc_be_cell(h->g, x, y);
    if (h->g->passes[at] & h->bit) return false;
    return h->g->home[at] == WFC_BE_NO_ROW || ((h->g->home[at] ^ h->row) & 1);
}

static bool may_pass_south(const void *ctx, uint32_t x, uint32_t y) {
    const hop *h = ctx;
    uint32_t at = wfc_be_cell(h->g, x, y);
    if (h->g->passes[at] & h->bit) return false;
    return h->g->home[at] == WFC_BE_NO_ROW || h->g->dropped[x] || h->g->parity[x] != h->parity;
}

static void book(wfc_be_grid *g, wfc_xy a, const wfc_be_way *way, uint8_t bit) {
    uint32_t x = a.x, y = a.y;
    for (unsigned i = 0; i + 1 < way->length; i++) {
        x = (uint32_t)((int32_t)x + wfc_be_step_x[way->ports[i]]);
        y = (uint32_t)((int32_t)y + wfc_be_step_y[way->ports[i]]);
        g->passes[wfc_be_cell(g, x, y)] |= bit;
    }
}

static wfc_status intern(wfc_be_hops *h, const wfc_be_way *way, uint16_t *index) {
    for (size_t i = 1; i < h->ways.count; i++) {
        if (memcmp(&h->ways.data[i], way, sizeof *way) != 0) continue;
        *index = (uint16_t)i;
        return WFC_OK;
    }
    if (h->ways.count >= UINT16_MAX)
        return wfc_fail(h->diag, WFC_ERR_NO_FIT, "WFC-E0771", "mesh", "more than 65534 different ways around defects");
    if (wfc_vec_push(&h->ways, *way) != WFC_OK) return wfc_fail_memory(h->diag);
    *index = (uint16_t)(h->ways.count - 1);
    return WFC_OK;
}

static wfc_status one_hop(wfc_be_hops *h, wfc_xy a, wfc_xy b, const hop *hp, bool east, uint16_t *out, bool *found) {
    wfc_be_way way;
    unsigned port = east ? WFC_PORT_E : WFC_PORT_S;
    *found = true;
    if (east ? a.y == b.y : b.y == a.y + 1) {
        if (wfc_be_grid_leads(h->g, a.x, a.y, port)) {
            *out = (uint16_t)(east ? WFC_BE_WAY_EAST : WFC_BE_WAY_SOUTH);
            return WFC_OK;
        }
    }
    *found = wfc_be_find_way(h->g, a, b, REACH, east ? may_pass_east : may_pass_south, hp, &way);
    if (!*found) return WFC_OK;
    book(h->g, a, &way, hp->bit);
    if (way.length > h->longest) h->longest = way.length;
    if (east)
        h->east_detours++;
    else
        h->south_detours++;
    return intern(h, &way, out);
}

static wfc_xy place(const wfc_be_hops *h, uint32_t x, uint32_t row) {
    return (wfc_xy){(uint16_t)x, h->row_y[(size_t)x * h->g->h + row]};
}

static wfc_status add_failure(wfc_be_hops *h, wfc_xy at, bool east) {
    if (wfc_vec_push(&h->failures, (wfc_be_hop_failure){at, east}) != WFC_OK) return wfc_fail_memory(h->diag);
    return WFC_OK;
}

/* A step with one corner dead has one short way only: these come first, then the others. */
static bool has_choice(const wfc_be_grid *g, wfc_xy a, wfc_xy b) {
    return g->dead[wfc_be_cell(g, b.x, a.y)] != WFC_BE_DEAD && g->dead[wfc_be_cell(g, a.x, b.y)] != WFC_BE_DEAD;
}

static wfc_status east_hops(wfc_be_hops *h, bool choice) {
    for (uint32_t x = 0; x + 1 < h->g->w; x++) {
        for (uint32_t row = 0; row < h->rows; row++) {
            bool found;
            hop hp = {.g = h->g, .row = (uint16_t)row, .bit = (uint8_t)(WFC_BE_PASS_EAST << (row & 1))};
            wfc_xy a = place(h, x, row), b = place(h, x + 1, row);
            if (has_choice(h->g, a, b) != choice) continue;
            WFC_TRY(one_hop(h, a, b, &hp, true, &h->east[(size_t)x * h->g->h + row], &found));
            if (!found) WFC_TRY(add_failure(h, a, true));
        }
    }
    return WFC_OK;
}

/* Both neighbouring columns are free of dead PEs from a to b. */
static bool has_two_sides(const wfc_be_grid *g, wfc_xy a, wfc_xy b) {
    if (a.x == 0 || a.x + 1 == g->w) return false;
    for (uint32_t y = a.y; y <= b.y; y++)
        for (int side = -1; side <= 1; side += 2)
            if (g->dead[wfc_be_cell(g, (uint32_t)(a.x + side), y)] == WFC_BE_DEAD) return false;
    return true;
}

static bool failed_before(const wfc_be_hops *h, uint32_t x) {
    for (size_t i = h->failures.count; i-- > 0;)
        if (!h->failures.data[i].east && h->failures.data[i].at.x == x) return true;
    return false;
}

static wfc_status south_hops(wfc_be_hops *h, bool choice) {
    for (uint32_t x = 0; x < h->g->w; x++) {
        if (h->g->dropped[x] || (choice && failed_before(h, x))) continue;
        hop hp = {.g = h->g, .parity = h->g->parity[x], .bit = (uint8_t)(WFC_BE_PASS_SOUTH << h->g->parity[x])};
        for (uint32_t row = 0; row + 1 < h->rows; row++) {
            bool found;
            wfc_xy a = place(h, x, row), b = place(h, x, row + 1);
            if (has_two_sides(h->g, a, b) != choice) continue;
            WFC_TRY(one_hop(h, a, b, &hp, false, &h->south[(size_t)x * h->g->h + row], &found));
            if (found) continue;
            WFC_TRY(add_failure(h, a, false));
            break; /* the column will be dropped */
        }
    }
    return WFC_OK;
}

wfc_status wfc_be_hops_find(wfc_be_hops *h) {
    size_t n = (size_t)h->g->w * h->g->h;
    memset(h->g->passes, 0, n);
    memset(h->east, 0, n * sizeof *h->east);
    memset(h->south, 0, n * sizeof *h->south);
    h->ways.count = h->failures.count = 0;
    h->east_detours = h->south_detours = 0;
    h->longest = 1;
    wfc_be_way plain[3] = {{0}, {.length = 1, .ports = {WFC_PORT_E}}, {.length = 1, .ports = {WFC_PORT_S}}};
    for (unsigned i = 0; i < 3; i++)
        if (wfc_vec_push(&h->ways, plain[i]) != WFC_OK) return wfc_fail_memory(h->diag);
    WFC_TRY(east_hops(h, false));
    WFC_TRY(east_hops(h, true));
    WFC_TRY(south_hops(h, false));
    return south_hops(h, true);
}
