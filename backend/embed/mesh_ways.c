/* Ways around defects: breadth first within a window, so the first one found is a shortest one. */
#include "backend/embed/mesh_internal.h"

#include <string.h>

enum { WINDOW = 64 }; /* PEs in each direction */

typedef struct window {
    uint32_t x0, y0, x1, y1;      /* last ones included */
    uint8_t from[WINDOW][WINDOW]; /* port by which it was entered + 1; 0: not yet */
} window;

static void span(uint32_t a, uint32_t b, uint32_t reach, uint32_t limit, uint32_t *lo, uint32_t *hi) {
    if (a > b) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    *lo = a > reach ? a - reach : 0;
    *hi = b + reach < limit ? b + reach : limit - 1;
    if (*hi - *lo >= WINDOW) *hi = *lo + WINDOW - 1;
}

static bool read_back(const window *v, wfc_xy a, wfc_xy b, wfc_be_way *out) {
    uint8_t back[WFC_BE_WAY_MAX];
    uint32_t n = 0, x = b.x, y = b.y;
    while (x != a.x || y != a.y) {
        if (n == WFC_BE_WAY_MAX) return false;
        unsigned port = v->from[y - v->y0][x - v->x0] - 1u;
        back[n++] = (uint8_t)port;
        x = (uint32_t)((int32_t)x - wfc_be_step_x[port]);
        y = (uint32_t)((int32_t)y - wfc_be_step_y[port]);
    }
    memset(out, 0, sizeof *out); /* ways are compared as bytes */
    out->length = (uint8_t)n;
    for (uint32_t i = 0; i < n; i++) out->ports[i] = back[n - 1 - i];
    return true;
}

bool wfc_be_find_way(const wfc_be_grid *g, wfc_xy a, wfc_xy b, unsigned reach, wfc_be_may_pass *may, const void *ctx,
                     wfc_be_way *out) {
    static const uint8_t ORDER[4] = {WFC_PORT_E, WFC_PORT_S, WFC_PORT_W, WFC_PORT_N};
    window v;
    wfc_xy queue[WINDOW * WINDOW];
    uint32_t head = 0, tail = 0;
    span(a.x, b.x, reach, g->w, &v.x0, &v.x1);
    span(a.y, b.y, reach, g->h, &v.y0, &v.y1);
    if (b.x > v.x1 || b.y > v.y1 || a.x > v.x1 || a.y > v.y1) return false;
    for (uint32_t y = 0; y <= v.y1 - v.y0; y++) memset(v.from[y], 0, v.x1 - v.x0 + 1);
    v.from[a.y - v.y0][a.x - v.x0] = 5;
    queue[tail++] = a;
    while (head < tail) {
        wfc_xy at = queue[head++];
        for (unsigned k = 0; k < 4; k++) {
            unsigned port = ORDER[k];
            if (!wfc_be_grid_leads(g, at.x, at.y, port)) continue;
            uint32_t x = (uint32_t)(at.x + wfc_be_step_x[port]), y = (uint32_t)(at.y + wfc_be_step_y[port]);
            if (x < v.x0 || x > v.x1 || y < v.y0 || y > v.y1 || v.from[y - v.y0][x - v.x0]) continue;
            bool there = x == b.x && y == b.y;
            if (!there && !may(ctx, x, y)) continue;
            v.from[y - v.y0][x - v.x0] = (uint8_t)(port + 1);
            if (there) return read_back(&v, a, b, out);
            queue[tail++] = (wfc_xy){(uint16_t)x, (uint16_t)y};
        }
    }
    return false;
}
