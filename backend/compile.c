#include "backend/be.h"
#include "backend/check/check.h"
#include "backend/floor.h"

/* Plans with a reserve of columns until layers and adapters fit; *fits stays false when they never do; *least: the
 * fewest columns that were needed. A plan that fails for its reserve says nothing about the model. */
static wfc_status plan_rounds(wfc_be *be, unsigned method, bool *fits, uint32_t *least) {
    wfc_diag *diag = be->diag;
    uint32_t reserve = 0, columns;
    *fits = false;
    for (unsigned round = 0; round < 6; round++) {
        be->diag = reserve ? NULL : diag;
        wfc_status s = wfc_be_plan(be, method, reserve);
        be->diag = diag;
        if (s == WFC_ERR_NO_FIT && reserve) return WFC_OK;
        WFC_TRY(s);
        WFC_TRY(wfc_be_make_streams(be));
        WFC_TRY(wfc_be_floor_place(be, be->floor, &columns));
        if (columns < *least) *least = columns;
        *fits = columns <= be->region.w;
        if (*fits) return WFC_OK;
        reserve += columns - be->region.w;
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

static wfc_status compile(wfc_be *be, wfc_program *out) {
    WFC_TRY(wfc_be_make_layers(be));
    WFC_TRY(choose_place(be));
    wfc_be_routes routes;
    WFC_TRY(wfc_be_route(be, &routes));
    WFC_TRY(wfc_be_choose_sparse(be));
    WFC_TRY(wfc_be_build(be, &routes, out));
    WFC_TRY(wfc_program_verify(out, be->diag));
    return wfc_be_check(out, be->diag, NULL);
}

wfc_status wfc_be_compile(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt, wfc_diag *diag,
                          wfc_program *out) {
    wfc_program_init(out);
    wfc_be be = {
        .g = g, .t = t, .opt = opt, .diag = diag, .height = t->height, .width = t->width, .parity = opt->parity};
    wfc_arena_init(&be.arena);
    be.region.w = t->width;
    be.region.h = t->height;
    wfc_status st = compile(&be, out);
    wfc_be_floor_deinit(be.floor);
    wfc_vec_free(&be.streams);
    wfc_vec_free(&be.adapters);
    wfc_vec_free(&be.slabs);
    wfc_vec_free(&be.fills);
    wfc_arena_deinit(&be.arena);
    return st;
}
