#include <math.h>

#include "backend/be.h"
#include "backend/check/check.h"
#include "backend/embed/embed.h"
#include "backend/floor.h"
#include "backend/like.h"

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
    if (!be->opt->like) return wfc_be_choose_place(be);
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
    wfc_vec_free(&be->lessons);
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

/* Many parts take what an arena gives without a look: lists of channels, places of boxes. Any that was refused may have
 * led to another program, so there is none then. `before`: the failures of this thread until the compilation began. */
static wfc_status settle(size_t before, wfc_diag *diag, wfc_status st) {
    return wfc_mem_failures() == before || st == WFC_ERR_NO_MEMORY ? st : wfc_fail_memory(diag);
}

static wfc_status compile_any(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt, wfc_diag *diag,
                              wfc_program *out) {
    if (t->bad_pe_count || t->bad_link_count) return compile_around(g, t, opt, diag, out);
    wfc_be be;
    start(&be, g, t, opt, diag);
    wfc_status st = compile(&be, out);
    stop(&be);
    return st;
}

wfc_status wfc_be_compile(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt, wfc_diag *diag,
                          wfc_program *out) {
    size_t failures = wfc_mem_failures();
    wfc_program_init(out);
    return settle(failures, diag, compile_any(g, t, opt, diag, out));
}

wfc_status wfc_be_plan_only(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt, wfc_diag *diag,
                            wfc_program *out) {
    wfc_program_init(out);
    size_t failures = wfc_mem_failures();
    wfc_be_mesh mesh;
    wfc_be be;
    wfc_status st = wfc_be_mesh_plan(t, diag, &mesh); /* itself without defects */
    if (st == WFC_OK) {
        start(&be, g, &mesh.logical, opt, diag);
        st = plan_all(&be);
        if (st == WFC_OK) st = wfc_be_describe_plan(&be, out);
        stop(&be);
    }
    wfc_be_mesh_deinit(&mesh);
    return settle(failures, diag, st);
}
