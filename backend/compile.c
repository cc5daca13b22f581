#include "backend/be.h"
#include "backend/check/check.h"
#include "backend/plan.h"

/* Plans with a reserve of columns until layers and adapters fit; *fits stays false when they never do; *least: the
 * fewest columns that were needed. A plan that fails for its reserve says nothing about the model. */
static wfc_status plan_rounds(wfc_be *be, bool *fits, uint32_t *least) {
    wfc_diag *diag = be->diag;
    uint32_t reserve = 0;
    for (unsigned round = 0; round < 6; round++) {
        be->diag = reserve ? NULL : diag;
        wfc_status s = wfc_be_plan(be, reserve);
        be->diag = diag;
        if (s == WFC_ERR_NO_FIT && reserve) return WFC_OK;
        WFC_TRY(s);
        WFC_TRY(wfc_be_make_streams(be));
        uint32_t columns = 0, adapters = 0;
        for (size_t i = 0; i < be->slabs.count; i++) {
            columns += be->slabs.data[i].w;
            if (be->slabs.data[i].is_adapter) adapters += be->slabs.data[i].w;
        }
        if (columns < *least) *least = columns;
        *fits = columns <= be->width;
        if (*fits) return WFC_OK;
        reserve = reserve < adapters ? adapters : reserve + columns - be->width;
    }
    return WFC_OK;
}

/* Widths depend on the adapters, adapters on the splits. Where both do not fit, adapters may take longer, in steps of
 * two, and so be narrower. */
static wfc_status plan_and_connect(wfc_be *be) {
    bool fits = false;
    uint32_t least = UINT32_MAX;
    for (unsigned step = 0; step < 16; step++) {
        WFC_TRY(plan_rounds(be, &fits, &least));
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
        be->layer_count, be->adapters.count, least, be->t->name, be->width, least - be->width);
}

static wfc_status compile(wfc_be *be, wfc_program *out) {
    WFC_TRY(wfc_be_make_layers(be));
    WFC_TRY(plan_and_connect(be));
    WFC_TRY(wfc_be_place(be));
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
    wfc_status st = compile(&be, out);
    wfc_vec_free(&be.streams);
    wfc_vec_free(&be.adapters);
    wfc_vec_free(&be.slabs);
    wfc_vec_free(&be.fills);
    wfc_arena_deinit(&be.arena);
    return st;
}
