/* Lower bounds of a contest graph, from the shapes of single kernels. */
#include <math.h>

#include "backend/place/kgraph.h"

static const double k_any_time = 1e18; /* more than any kernel takes: kgraph_read.c limits the letters */

/* Of one type at one time, among its shapes that fit the mesh. */
typedef struct least {
    uint64_t area; /* 0: none fits */
    uint32_t side;
} least;

static bool fits(const wfc_be_kgraph *g, uint32_t rows, uint32_t cols) {
    return (rows <= g->height && cols <= g->width) || (cols <= g->height && rows <= g->width);
}

static wfc_status measure(const wfc_be_kgraph *g, double time, least *out) {
    uint32_t side = g->width > g->height ? g->width : g->height;
    wfc_be_kshapes shapes = {0};
    for (uint32_t t = 0; t < g->type_count; t++) out[t] = (least){0, UINT32_MAX};
    for (size_t i = 0; i < g->kernels.count; i++) {
        least *l = &out[g->kernels.data[i].type];
        if (l->area) continue;
        shapes.count = 0;
        wfc_status s = wfc_be_kernel_shapes(&g->kernels.data[i], g->memlimit, side, time, &shapes);
        if (s != WFC_OK) {
            wfc_vec_free(&shapes);
            return s;
        }
        for (size_t k = 0; k < shapes.count; k++) {
            uint32_t rows = shapes.data[k].rows, cols = shapes.data[k].cols;
            if (!fits(g, rows, cols)) continue;
            uint64_t area = (uint64_t)rows * cols;
            l->area = l->area == 0 || area < l->area ? area : l->area;
            l->side = rows < l->side ? rows : l->side;
            l->side = cols < l->side ? cols : l->side;
        }
    }
    wfc_vec_free(&shapes);
    return WFC_OK;
}

/* Least areas together; UINT64_MAX when a kernel has no shape. */
static uint64_t area_of(const wfc_be_kgraph *g, const least *l) {
    uint64_t sum = 0;
    for (size_t i = 0; i < g->kernels.count; i++) {
        if (l[g->kernels.data[i].type].area == 0) return UINT64_MAX;
        sum += l[g->kernels.data[i].type].area;
    }
    return sum;
}

static double wire_of(const wfc_be_kgraph *g, const least *l) {
    double twice = 0;
    for (size_t e = 0; e < g->edges.count; e++) {
        const wfc_be_kedge *d = &g->edges.data[e];
        twice += (double)l[g->kernels.data[d->from].type].side + l[g->kernels.data[d->to].type].side;
    }
    return twice / 2;
}

static wfc_status no_fit(const wfc_be_kgraph *g, const char *where, const least *l, wfc_diag *diag) {
    for (size_t i = 0; i < g->kernels.count; i++) {
        const wfc_be_kernel *k = &g->kernels.data[i];
        if (l[k->type].area == 0)
            return wfc_fail(diag, WFC_ERR_NO_FIT, "WFC-E1603", where,
                            "kernel '%s' has no execution arguments that fit %u x %u PEs of %u words, however slow",
                            k->name, g->width, g->height, g->memlimit);
    }
    return wfc_fail(diag, WFC_ERR_NO_FIT, "WFC-E1603", where,
                    "the kernels need %llu PEs in their smallest shapes, there are %u x %u",
                    (unsigned long long)area_of(g, l), g->width, g->height);
}

static wfc_status least_time(const wfc_be_kgraph *g, const char *where, wfc_diag *diag, least *l, double *out) {
    uint64_t mesh = (uint64_t)g->width * g->height, lo = 0, hi = (uint64_t)k_any_time;
    WFC_TRY(measure(g, k_any_time, l));
    if (area_of(g, l) > mesh) return no_fit(g, where, l, diag);
    while (hi - lo > 1) { /* not within lo, within hi */
        uint64_t mid = lo + (hi - lo) / 2;
        if (hi > 4 * (lo + 1)) mid = 2 * (lo + 1); /* the answer is usually far below */
        WFC_TRY(measure(g, (double)mid, l));
        if (area_of(g, l) <= mesh)
            hi = mid;
        else
            lo = mid;
    }
    *out = (double)hi;
    return WFC_OK;
}

/* Sides shrink as time grows: within each interval of time the sides of its end and the time of its start hold. */
static wfc_status least_objective(const wfc_be_kgraph *g, double time, least *l, double *out) {
    WFC_TRY(measure(g, k_any_time, l));
    double end = wire_of(g, l);
    *out = INFINITY;
    for (int i = 0; g->wdeltat * time + g->wlength * end < *out; i++) {
        double next = time * (i < 512 ? 1.002 : 1.25);
        bool last = g->wdeltat == 0 || next >= k_any_time;
        WFC_TRY(measure(g, last ? k_any_time : next, l));
        *out = fmin(*out, g->wdeltat * time + g->wlength * wire_of(g, l));
        if (last) break;
        time = next;
    }
    return WFC_OK;
}

wfc_status wfc_be_kgraph_bounds(const wfc_be_kgraph *g, const char *where, wfc_diag *diag, wfc_be_kbounds *out) {
    least *l = wfc_calloc(g->type_count, sizeof *l);
    wfc_status s = l ? least_time(g, where, diag, l, &out->time) : WFC_ERR_NO_MEMORY;
    if (s == WFC_OK) s = least_objective(g, out->time, l, &out->objective);
    wfc_free(l);
    return s;
}
