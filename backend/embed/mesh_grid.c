/* The physical grid: which routers and links can be used. */
#include "backend/embed/mesh_internal.h"

#include <string.h>

const int8_t wfc_be_step_x[4] = {0, 1, 0, -1}, wfc_be_step_y[4] = {-1, 0, 1, 0};

bool wfc_be_grid_leads(const wfc_be_grid *g, uint32_t x, uint32_t y, unsigned port) {
    int32_t to_x = (int32_t)x + wfc_be_step_x[port], to_y = (int32_t)y + wfc_be_step_y[port];
    if (to_x < 0 || to_y < 0 || to_x >= g->w || to_y >= g->h) return false;
    if (g->bad_links[wfc_be_cell(g, x, y)] >> port & 1) return false;
    return g->dead[wfc_be_cell(g, (uint32_t)to_x, (uint32_t)to_y)] != WFC_BE_DEAD;
}

/* Gives each live router that can be reached from `start` the label; returns how many. */
static uint32_t flood(const wfc_be_grid *g, uint32_t start, uint32_t label, uint32_t *labels, uint32_t *stack) {
    uint32_t count = 1, top = 0;
    labels[start] = label;
    stack[top++] = start;
    while (top) {
        uint32_t at = stack[--top], x = at % g->w, y = at / g->w;
        for (unsigned port = 0; port < 4; port++) {
            if (!wfc_be_grid_leads(g, x, y, port)) continue;
            uint32_t to = (uint32_t)((int32_t)at + wfc_be_step_y[port] * g->w + wfc_be_step_x[port]);
            if (labels[to]) continue;
            labels[to] = label;
            stack[top++] = to;
            count++;
        }
    }
    return count;
}

static wfc_status keep_largest_part(wfc_be_grid *g, wfc_diag *diag) {
    uint32_t n = (uint32_t)g->w * g->h, most = 0, best = 0, label = 0;
    uint32_t *labels = wfc_calloc(n, sizeof *labels), *stack = wfc_calloc(n, sizeof *stack);
    wfc_status s = labels && stack ? WFC_OK : wfc_fail_memory(diag);
    for (uint32_t i = 0; s == WFC_OK && i < n; i++) {
        if (g->dead[i] == WFC_BE_DEAD || labels[i]) continue;
        uint32_t size = flood(g, i, ++label, labels, stack);
        if (size <= most) continue;
        most = size;
        best = label;
    }
    for (uint32_t i = 0; s == WFC_OK && i < n; i++)
        if (labels[i] != best) g->dead[i] = WFC_BE_DEAD;
    wfc_free(labels);
    wfc_free(stack);
    return s;
}

wfc_status wfc_be_grid_init(wfc_be_grid *g, const wfc_target *t, wfc_diag *diag) {
    size_t n = (size_t)t->width * t->height;
    *g = (wfc_be_grid){.w = t->width, .h = t->height};
    g->dead = wfc_calloc(n, sizeof *g->dead);
    g->bad_links = wfc_calloc(n, sizeof *g->bad_links);
    g->home = wfc_calloc(n, sizeof *g->home);
    g->passes = wfc_calloc(n, sizeof *g->passes);
    g->dropped = wfc_calloc(t->width, sizeof *g->dropped);
    g->parity = wfc_calloc(t->width, sizeof *g->parity);
    if (!g->dead || !g->bad_links || !g->home || !g->passes || !g->dropped || !g->parity) return wfc_fail_memory(diag);
    for (uint32_t i = 0; i < t->bad_pe_count; i++)
        g->dead[wfc_be_cell(g, t->bad_pes[i].x, t->bad_pes[i].y)] = WFC_BE_DEAD;
    for (uint32_t i = 0; i < t->bad_link_count; i++) {
        const wfc_link_id *l = &t->bad_links[i];
        int32_t x = l->x + wfc_be_step_x[l->port], y = l->y + wfc_be_step_y[l->port];
        g->bad_links[wfc_be_cell(g, l->x, l->y)] |= (uint8_t)(1u << l->port);
        if (x < 0 || y < 0 || x >= g->w || y >= g->h) continue; /* to a host port */
        g->bad_links[wfc_be_cell(g, (uint32_t)x, (uint32_t)y)] |= (uint8_t)(1u << wfc_be_facing(l->port));
    }
    return keep_largest_part(g, diag);
}

void wfc_be_grid_deinit(wfc_be_grid *g) {
    wfc_free(g->dead);
    wfc_free(g->bad_links);
    wfc_free(g->home);
    wfc_free(g->passes);
    wfc_free(g->dropped);
    wfc_free(g->parity);
    memset(g, 0, sizeof *g);
}
