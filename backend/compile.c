#include <math.h>

#include "backend/be.h"
#include "backend/check/check.h"
#include "backend/embed/embed.h"
#include "backend/floor.h"
#include "backend/like.h"

/* A new attempt: what the one before it allocated goes. Layers stay, in the base arena. */
static void forget_plan(wfc_be *be) {
    wfc_be_floor_deinit(be->floor);
    be->floor = NULL;
    be->streams.count = be->adapters.count = be->slabs.count = 0;
    for (uint32_t i = 0; i < be->layer_count; i++) be->layers[i].order = NULL;
    wfc_arena_deinit(&be->arena);
    wfc_arena_init(&be->arena);
}

/* Plans with a reserve of columns until layers and adapters fit; *fits stays false when they never do; *least: the
 * fewest columns that were needed. A plan that fails for its reserve says nothing about the model. */
static wfc_status plan_rounds(wfc_be *be, unsigned method, bool *fits, uint32_t *least) {
    wfc_diag *diag = be->diag;
    uint32_t reserve = 0, columns, good = 0, bad = be->region.w; /* bad: a reserve that leaves too little */
    *fits = false;
    for (unsigned round = 0; round < 7; round++) {
        be->diag = reserve ? NULL : diag;
        forget_plan(be);
        wfc_status s = wfc_be_plan(be, method, reserve);
        be->diag = diag;
        if (s == WFC_ERR_NO_FIT && reserve) {
            bad = reserve;
            reserve = (good + bad) / 2;
            if (reserve <= good) return WFC_OK;
            continue;
        }
        WFC_TRY(s);
        WFC_TRY(wfc_be_make_streams(be));
        WFC_TRY(wfc_be_floor_place(be, be->floor, &columns));
        if (columns < *least) *least = columns;
        *fits = columns <= be->region.w;
        if (*fits) return WFC_OK;
        good = reserve;
        reserve += columns - be->region.w;
        if (reserve >= bad) reserve = (good + bad) / 2;
        if (reserve <= good) return WFC_OK;
    }
    return WFC_OK;
}

/* Widths depend on the adapters, adapters on the splits. Where both do not fit, adapters may take longer, in steps of
 * two, and so be narrower. */
static wfc_status plan_and_connect(wfc_be *be, unsigned method) {
    bool fits = false;
    uint32_t least = UINT32_MAX;
    be->adapter_cycles = 0;
    for (unsigned step = 0; step < 16; step++) {
        WFC_TRY(plan_rounds(be, method, &fits, &least));
        if (fits) return WFC_OK;
        for (size_t i = 0; i < be->adapters.count && step == 0; i++) {
            if (be->adapters.data[i].predicted_cycles > be->adapter_cycles)
                be->adapter_cycles = be->adapters.data[i].predicted_cycles;
        }
        be->adapter_cycles *= 2;
    }
    return wfc_fail(
        be->diag, WFC_ERR_NO_FIT, "WFC-E7012", be->g->name,
        "%u layers and the %zu adapters between them need %u columns of PEs in the narrowest plan found, target "
        "%s has %u: %u are missing. Use a larger target",
        be->layer_count, be->adapters.count, least, be->t->name, be->region.w, least - be->region.w);
}

static double slowest(const wfc_be *be) {
    double most = be->target_cycles;
    for (size_t i = 0; i < be->adapters.count; i++) {
        if (be->adapters.data[i].predicted_cycles > most) most = be->adapters.data[i].predicted_cycles;
    }
    return most;
}

/* Tries the methods that `place` allows: layers, adapters and colours of each for real; the least time wins, slabs on a
 * tie. Only the last one tried stays, so the winner is made again where another came after it. */
static wfc_status choose_place(wfc_be *be) {
    static const unsigned ORDER[] = {WFC_BE_TREE_ROWS, WFC_BE_TREE_METIS, WFC_BE_TREE_SLABS};
    unsigned place = be->opt->place ? be->opt->place : (1u << WFC_BE_TREE_METHODS) - 1;
    if (be->opt->random_splits && !be->opt->place) place = 1u << be->opt->seed % WFC_BE_TREE_METHODS;
    double cycles[WFC_BE_TREE_METHODS], best = 0;
    int winner = -1, last = -1;
    wfc_status failure = WFC_OK;
    wfc_diag *diag = be->diag;
    for (unsigned i = 0; i < sizeof ORDER / sizeof ORDER[0]; i++) {
        unsigned m = ORDER[i];
        cycles[m] = 0;
        if (!(place & 1u << m)) continue;
        /* Where none fits, one message is enough: that of slabs, or of the only method. */
        be->diag = m == WFC_BE_TREE_SLABS || place == 1u << m ? diag : NULL;
        wfc_status st = plan_and_connect(be, m);
        if (st == WFC_OK) st = wfc_be_colour_all(be);
        be->diag = diag;
        last = (int)m;
        if (st == WFC_ERR_NO_FIT) {
            failure = st;
            continue;
        }
        WFC_TRY(st);
        cycles[m] = slowest(be);
        if (winner >= 0 && cycles[m] > best) continue;
        best = cycles[m];
        winner = (int)m;
    }
    if (winner < 0) return failure;
    if (winner != last) {
        WFC_TRY(plan_and_connect(be, (unsigned)winner));
        WFC_TRY(wfc_be_colour_all(be));
    }
    wfc_diag_add(be->diag, WFC_NOTE, "WFC-N7043", be->g->name,
                 "floorplan: %s at %.0f cycles (slabs %.0f, metis %.0f, rows %.0f; 0: not tried or does not fit). %s",
                 wfc_be_tree_method_name((wfc_be_tree_method)winner), best, cycles[WFC_BE_TREE_SLABS],
                 cycles[WFC_BE_TREE_METIS], cycles[WFC_BE_TREE_ROWS], be->floor->tree.report);
    return WFC_OK;
}

/* The part of the target to use. A limit of PEs keeps the target's shape, so that ports and rows shrink alike. */
static wfc_status set_region(wfc_be *be) {
    const wfc_target *t = be->t;
    const wfc_prog_rect *r = &be->opt->region;
    be->region.w = t->width;
    be->region.h = t->height;
    if (r->w) {
        if (r->x + (uint32_t)r->w > t->width || r->y + (uint32_t)r->h > t->height || !r->h)
            return wfc_fail(be->diag, WFC_ERR_INPUT, "WFC-E7016", "region",
                            "columns %u..%u, rows %u..%u are not all inside target %s of %u x %u PEs", r->x,
                            r->x + (uint32_t)r->w - 1, r->y, r->y + (uint32_t)r->h - 1, t->name, t->width, t->height);
        be->region.x = r->x;
        be->region.y = r->y;
        be->region.w = r->w;
        be->region.h = r->h;
    }
    double share = (double)be->opt->max_pes / ((double)be->region.w * be->region.h);
    if (be->opt->max_pes && share < 1) {
        be->region.h = (uint32_t)(be->region.h * sqrt(share));
        if (be->region.h < 1) be->region.h = 1;
        be->region.w = be->opt->max_pes / be->region.h;
        if (be->region.w > t->width) be->region.w = t->width;
    }
    for (unsigned side = 0; side < 2; side++) {
        unsigned s = side ? WFC_SIDE_EAST : WFC_SIDE_WEST;
        if (wfc_be_port_count(be, s)) continue;
        return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7017", be->g->name,
                        "rows %u..%u of target %s have no port at the %s edge; choose a region that has one, or more "
                        "PEs",
                        be->region.y, be->region.y + be->region.h - 1, t->name, side ? "east" : "west");
    }
    return WFC_OK;
}

static wfc_status too_many_weights(wfc_be *be) {
    wfc_be_needs_of n;
    wfc_be_model_needs(be->g, be->t, &n);
    if (n.weight_bytes <= n.pes * be->t->sram_bytes) return WFC_OK; /* a plan tells more exactly */
    return wfc_fail(
        be->diag, WFC_ERR_NO_FIT, "WFC-E7015", be->g->name,
        "its weights take %llu bytes, the SRAM of target %s has room for %llu: %llu PEs would be needed, it "
        "has %llu. The largest layer is %s with %llu bytes. 'waferc plan' tells more",
        (unsigned long long)n.weight_bytes, be->t->name, (unsigned long long)n.sram_bytes,
        (unsigned long long)n.pes_needed, (unsigned long long)n.pes, n.largest[0].name,
        (unsigned long long)n.largest[0].bytes);
}

static wfc_status plan_all(wfc_be *be) {
    WFC_TRY(set_region(be));
    WFC_TRY(too_many_weights(be));
    WFC_TRY(wfc_be_make_layers(be));
    be->base = be->arena;
    wfc_arena_init(&be->arena);
    if (!be->opt->like) return choose_place(be);
    WFC_TRY(wfc_be_plan_like(be));
    WFC_TRY(wfc_be_make_streams(be));
    WFC_TRY(wfc_be_place_like(be));
    return wfc_be_colour_all(be);
}

static wfc_status compile(wfc_be *be, wfc_program *out) {
    WFC_TRY(plan_all(be));
    wfc_be_routes routes;
    WFC_TRY(wfc_be_route(be, &routes));
    WFC_TRY(wfc_be_choose_sparse(be));
    WFC_TRY(wfc_be_build(be, &routes, out));
    WFC_TRY(wfc_program_verify(out, be->diag));
    return wfc_be_check(out, be->diag, NULL);
}

static void start(wfc_be *be, const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt, wfc_diag *diag) {
    *be = (wfc_be){
        .g = g, .t = t, .opt = opt, .diag = diag, .height = t->height, .width = t->width, .parity = opt->parity};
    wfc_arena_init(&be->arena);
    wfc_arena_init(&be->base);
}

static void stop(wfc_be *be) {
    wfc_be_floor_deinit(be->floor);
    wfc_vec_free(&be->streams);
    wfc_vec_free(&be->adapters);
    wfc_vec_free(&be->slabs);
    wfc_vec_free(&be->fills);
    wfc_arena_deinit(&be->arena);
    wfc_arena_deinit(&be->base);
}

/* Around dead PEs: a program for the mesh of the live ones, embedded. */
static wfc_status compile_around(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt,
                                 wfc_diag *diag, wfc_program *out) {
    wfc_be_mesh mesh;
    wfc_compile_options with_parity = *opt;
    wfc_be be;
    with_parity.parity = true;
    wfc_status st = wfc_be_mesh_plan(t, diag, &mesh);
    if (st == WFC_OK) {
        start(&be, g, &mesh.logical, &with_parity, diag);
        st = compile(&be, out);
        stop(&be);
    }
    if (st == WFC_OK) st = wfc_be_mesh_embed(&mesh, out, diag);
    if (st == WFC_OK) st = wfc_program_verify(out, diag);
    if (st == WFC_OK) st = wfc_be_check(out, diag, NULL);
    wfc_be_mesh_deinit(&mesh);
    return st;
}

wfc_status wfc_be_compile(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt, wfc_diag *diag,
                          wfc_program *out) {
    wfc_program_init(out);
    if (t->bad_pe_count || t->bad_link_count) return compile_around(g, t, opt, diag, out);
    wfc_be be;
    start(&be, g, t, opt, diag);
    wfc_status st = compile(&be, out);
    stop(&be);
    return st;
}

wfc_status wfc_be_plan_only(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt, wfc_diag *diag,
                            wfc_program *out) {
    wfc_program_init(out);
    wfc_be_mesh mesh;
    wfc_be be;
    wfc_status st = wfc_be_mesh_plan(t, diag, &mesh); /* itself without defects */
    if (st == WFC_OK) {
        start(&be, g, &mesh.logical, opt, diag);
        st = plan_all(&be);
        if (st == WFC_OK) st = wfc_be_describe(&be, out);
        stop(&be);
    }
    wfc_be_mesh_deinit(&mesh);
    return st;
}
