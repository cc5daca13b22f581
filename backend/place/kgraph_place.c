/* Placement of a contest graph: starts from bands and from the floorplanner, then annealing in rounds that each keep
 * the better half. See docs/placement.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/place/place_start.h"

/* Annealing in rounds: the best `states` of what there is, each cooled from `hot` to `cold` (shares of its cost), all
 * together with `share` of the work. */
typedef struct cooling {
    uint32_t states;
    double hot, cold, share;
} cooling;
static const cooling k_rounds[] = {
    {8, 0.004, 0.0003, 0.3}, {4, 0.002, 0.0002, 0.2}, {2, 0.001, 0.00005, 0.2}, {1, 0.001, 0.00002, 0.3}};

/* Moves of all rounds: so many for each kernel's share of the time of a move, fewer for tiny graphs. */
static const double k_moves_by_kernels = 1.5e8, k_moves_per_square = 4e4;
/* Steps of time from the bound on, and the ratio of the first half of them. */
static const double k_ratio = 1.0003;
enum { STEPS = 4096 };

typedef struct place {
    const wfc_be_kgraph *g;
    wfc_be_leaf_curves curves;
    wfc_be_anneal a;
    wfc_be_starts starts;
    double seconds, all_moves; /* seconds > 0: what there is for all rounds, instead of moves */
    uint64_t moves;            /* done */
} place;

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One annealing from a state, which becomes the best that was met. */
static wfc_status cool(place *p, wfc_be_anneal_state *s, const cooling *r, double share) {
    wfc_be_anneal *a = &p->a;
    double began = seconds_now(), progress = 0, heat = 0;
    a->best.cost = INFINITY;
    WFC_TRY(wfc_be_anneal_set(a, s->nodes, s->root, s->step));
    for (uint64_t k = 0; progress < 1; k++) {
        if (k % 256 == 0) {
            progress =
                p->seconds > 0 ? (seconds_now() - began) / (share * p->seconds) : (double)k / (share * p->all_moves);
            heat = s->cost * r->hot * pow(r->cold / r->hot, progress);
            a->penalty = 2 + 6 * progress;
            wfc_be_anneal_price(a);
        }
        WFC_TRY(wfc_be_anneal_move(a, heat));
        p->moves++;
    }
    if (a->best.cost < s->cost) {
        memcpy(s->nodes, a->best.nodes, a->node_count * sizeof *s->nodes);
        s->root = a->best.root;
        s->step = a->best.step;
        s->cost = a->best.cost;
    }
    return WFC_OK;
}

static int compare_states(const void *x, const void *y) {
    double a = ((const wfc_be_anneal_state *)x)->cost, b = ((const wfc_be_anneal_state *)y)->cost;
    return (a > b) - (a < b);
}

static wfc_status run_rounds(place *p) {
    wfc_be_starts *s = &p->starts;
    for (size_t r = 0; r < sizeof k_rounds / sizeof *k_rounds; r++) {
        qsort(s->states, s->count, sizeof *s->states, compare_states);
        uint32_t n = s->count < k_rounds[r].states ? s->count : k_rounds[r].states;
        for (uint32_t k = 0; k < n; k++) WFC_TRY(cool(p, &s->states[k], &k_rounds[r], k_rounds[r].share / n));
    }
    qsort(s->states, s->count, sizeof *s->states, compare_states);
    return WFC_OK;
}

static void take(const wfc_be_anneal *a, wfc_be_kplacement *out) {
    for (uint32_t k = 0; k < a->n; k++) {
        const wfc_be_anneal_rect *r = &a->rects[k];
        out->spots[k] = (wfc_be_kspot){(uint32_t)r->x, (uint32_t)r->y, r->r90, *r->shape};
    }
    out->time = a->time;
    out->wire = a->wire;
    out->objective = a->cost;
}

static wfc_status search(place *p, const char *where, const wfc_be_kplace_options *o, wfc_diag *diag,
                         wfc_be_kplacement *out) {
    double n = (double)p->g->kernels.count;
    p->seconds = o->seconds;
    p->all_moves = o->moves ? (double)o->moves : fmin(k_moves_by_kernels / n, k_moves_per_square * n * n);
    WFC_TRY(wfc_be_leaf_curves_init(&p->curves, p->g, out->bounds.time, k_ratio, STEPS));
    WFC_TRY(wfc_be_anneal_init(&p->a, p->g, &p->curves, o->seed));
    WFC_TRY(wfc_be_starts_make(&p->starts, &p->a, o->seed));
    if (p->starts.count == 0)
        return wfc_fail(diag, WFC_ERR_NO_FIT, "WFC-E1604", where, "no placement was found within %u x %u PEs",
                        p->g->width, p->g->height);
    WFC_TRY(run_rounds(p));
    const wfc_be_anneal_state *best = &p->starts.states[0];
    WFC_TRY(wfc_be_anneal_set(&p->a, best->nodes, best->root, best->step));
    take(&p->a, out);
    out->moves = p->moves;
    return WFC_OK;
}

wfc_status wfc_be_kgraph_place(const wfc_be_kgraph *g, const char *where, const wfc_be_kplace_options *options,
                               wfc_diag *diag, wfc_be_kplacement *out) {
    *out = (wfc_be_kplacement){0};
    WFC_TRY(wfc_be_kgraph_bounds(g, where, diag, &out->bounds));
    place p = {.g = g};
    out->spots = wfc_calloc(g->kernels.count, sizeof *out->spots);
    wfc_status s = out->spots ? search(&p, where, options, diag, out) : WFC_ERR_NO_MEMORY;
    wfc_be_starts_deinit(&p.starts);
    wfc_be_anneal_deinit(&p.a);
    wfc_be_leaf_curves_deinit(&p.curves);
    if (s != WFC_OK) wfc_be_kplacement_deinit(out);
    return s;
}

void wfc_be_kplacement_deinit(wfc_be_kplacement *p) {
    wfc_free(p->spots);
    *p = (wfc_be_kplacement){0};
}
