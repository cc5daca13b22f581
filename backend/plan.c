/* The least T for which layers and adapters fit, by bisection; splits.c chooses at each T. What to say where none does.
 */
#include <math.h>

#include "backend/splits.h"

enum { DEEP = 24 };
static const double LEAST_SHARE = 0.4; /* of the least time, for what could be faster */
static const double MANY_LEFT = 0.9;   /* of the room, or less: columns are left for that */

/* --- messages --- */

static wfc_status no_split(wfc_be_planner *p, uint32_t layer) {
    wfc_be *be = p->be;
    const wfc_be_layer *l = &be->layers[layer];
    uint64_t least = p->keys[layer].least_bytes, sram = be->t->sram_bytes;
    if (least <= sram || least == UINT64_MAX) {
        return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7010", l->name,
                        "no split over %u x %u PEs suits this layer; use a larger target", be->region.w, be->region.h);
    }
    return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7010", l->name,
                    "dealt as finely as the %u x %u PEs of target %s allow, this layer needs about %llu bytes of SRAM "
                    "per PE; a PE has %llu, so %llu are missing. Use a larger target, or make the layer smaller",
                    be->region.w, be->region.h, be->t->name, (unsigned long long)least, (unsigned long long)sram,
                    (unsigned long long)(least - sram));
}

static const char *where(const wfc_be *be) {
    return be->region.w < be->width ? "the region of target" : "target";
}

/* Not even without regard to time: a layer that no split brings into the columns, or an input of one whose adapter
 * would be too wide for any. */
static wfc_status no_choice(wfc_be_planner *p) {
    wfc_be *be = p->be;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->cand_count[i]) continue;
        return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7011", be->layers[i].name,
                        "in the rows that the floorplan gives it, this layer needs more than the %u columns of %u PEs "
                        "of target %s that may be used. Use a larger target",
                        be->region.w, be->region.h, be->t->name);
    }
    for (uint32_t k = 0; k < p->link_count; k++) {
        const wfc_be_link *l = &p->links[k];
        double columns;
        WFC_TRY(wfc_be_link_columns(p, k, l->from == UINT32_MAX ? 0 : p->choice[l->from], p->choice[l->to], &columns));
        if (columns < INFINITY) continue;
        return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7011", be->layers[l->to].name,
                        "the adapter that brings %s to this layer needs more than %d columns; an adapter can have at "
                        "most so many. Use a larger target",
                        l->from == UINT32_MAX ? "an input of the model" : be->layers[l->from].name, WFC_BE_WIDEST);
    }
    return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7011", be->g->name,
                    "no choice of splits for its %u layers fits the %u columns of %u PEs of target %s that may be "
                    "used. Use a larger target",
                    p->n, be->region.w, be->region.h, be->t->name);
}

static wfc_status too_large(wfc_be_planner *p, uint32_t reserve) {
    wfc_be *be = p->be;
    double layers = 0, adapters = 0, columns;
    uint32_t width_needed = 0;
    WFC_TRY(wfc_be_plan_choose(p, 1e29, be->region.w, &columns));
    if (columns >= INFINITY) return no_choice(p);
    WFC_TRY(wfc_be_plan_total(p, &layers, &adapters, &width_needed));
    double needed = layers + (adapters > reserve ? adapters : reserve), missing = needed - be->region.w;
    if (missing < 1) missing = fmax(1, (double)width_needed + reserve - be->region.w); /* as the floorplan has them */
    return wfc_fail(
        be->diag, WFC_ERR_NO_FIT, "WFC-E7011", be->g->name,
        "the model needs at least %.0f columns of %u PEs for its %u layers and %.0f for adapters, %s %s has "
        "%u: %.0f are missing. Use a larger target",
        layers, be->region.h, p->n, needed - layers, where(be), be->t->name, be->region.w, missing);
}

/* --- the least T --- */

static wfc_status bounds(wfc_be_planner *p, double *lo, double *hi) {
    *lo = 1;
    *hi = 1;
    for (uint32_t i = 0; i < p->n; i++) {
        double least = WFC_BE_NO_CYCLES, most = 0;
        for (uint32_t k = 0; k < p->keys[i].count; k++) {
            const float *t = p->keys[i].keys[k].cycles;
            for (uint32_t c = 0; c < p->keys[i].col_count; c++) {
                double v = (double)t[c];
                if (v < least) least = v;
                if (v < WFC_BE_NO_CYCLES && v > most) most = v;
            }
        }
        if (least > *lo) *lo = least;
        if (most > *hi) *hi = most;
    }
    return WFC_OK;
}

/* Brings a time that fits near to the least, down to `ratio` above one that does not. */
static wfc_status narrow(wfc_be_planner *p, uint32_t room, double ratio, double wide, double *fits) {
    double columns;
    while (*fits / wide > ratio) {
        double mid = sqrt(wide * *fits);
        WFC_TRY(wfc_be_plan_choose(p, mid, p->be->region.w, &columns));
        *(columns <= room ? fits : &wide) = mid;
    }
    return WFC_OK;
}

/* Where one layer or adapter of a deep model sets the least time and columns are left, all others get more of them: a
 * sample is through sooner, and meets the one behind it in fewer places. In shallow ones further columns cost more
 * turns and hops than that is worth. */
static wfc_status hasten(wfc_be_planner *p, double T, uint32_t room) {
    double fits = T, wide = T, columns = 0;
    p->bound = T;
    while (columns <= room && wide > LEAST_SHARE * T) {
        fits = wide;
        wide /= 1.25;
        WFC_TRY(wfc_be_plan_choose(p, wide, p->be->region.w, &columns));
    }
    if (columns <= room) fits = wide;
    WFC_TRY(narrow(p, room, 1.02, wide, &fits));
    return wfc_be_plan_choose(p, fits, p->be->region.w, &columns);
}

/* Steps up from below to a time that fits, then halves the last step. Not from above: with time to spare every layer
 * has too many keys of one column for a list of candidates to hold those whose adapters are small. */
static wfc_status least_time(wfc_be_planner *p, uint32_t room, bool *found) {
    double lo, hi, columns = INFINITY, most;
    WFC_TRY(bounds(p, &lo, &most));
    most *= 4; /* adapters may be slower than any layer */
    hi = lo;
    WFC_TRY(wfc_be_plan_choose(p, hi, p->be->region.w, &columns));
    while (columns > room && hi < most) {
        lo = hi;
        hi *= 1.25;
        WFC_TRY(wfc_be_plan_choose(p, hi, p->be->region.w, &columns));
    }
    *found = columns <= room;
    if (!*found) return WFC_OK;
    WFC_TRY(narrow(p, room, 1.002, lo, &hi));
    WFC_TRY(wfc_be_plan_choose(p, hi, p->be->region.w, &columns));
    bool deep = p->n >= DEEP || p->be->opt->as_if_large;
    return deep && columns < MANY_LEFT * room ? hasten(p, hi, room) : WFC_OK;
}

/* Tests: any split that fits SRAM, so that neighbours' layouts disagree in every way. */
static wfc_status draw_splits(wfc_be_planner *p, uint32_t room) {
    uint64_t rng = p->be->opt->seed * 2 + 1;
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < p->n; i++) {
            const wfc_be_keys *k = &p->keys[i];
            uint32_t key = (uint32_t)(wfc_rng_next(&rng) % k->count), c = (uint32_t)(wfc_rng_next(&rng) % k->col_count);
            while (k->keys[key].cycles[c] >= WFC_BE_NO_CYCLES) c = (c + 1) % k->col_count;
            p->cand[i][0] = (wfc_be_candidate){.key = key, .cols = k->cols[c]};
            p->choice[i] = 0;
            sum += k->cols[c];
        }
        p->T = 0;
        if (sum > room) continue;
        wfc_be_plan_apply(p);
        return WFC_OK;
    }
    return too_large(p, 0);
}

/* Not even the narrowest layers fit side by side, or in the method's other ways. */
static wfc_status too_small(wfc_be_planner *p, unsigned method) {
    wfc_be *be = p->be;
    uint64_t columns = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const wfc_be_keys *k = &p->keys[i];
        uint32_t least = UINT32_MAX;
        for (uint32_t j = 0; j < k->count; j++) {
            uint32_t c = 0;
            while (c < k->col_count && k->keys[j].cycles[c] >= WFC_BE_NO_CYCLES) c++;
            if (c < k->col_count && k->cols[c] < least) least = k->cols[c];
        }
        columns += least;
    }
    uint64_t missing = columns > be->region.w ? columns - be->region.w : 1;
    return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7011", be->g->name,
                    "the model needs at least %llu columns of %u PEs for its %u layers, and further ones for adapters, "
                    "%s %s has %u: at least %llu are missing (%s floorplan). Use a larger target",
                    (unsigned long long)columns, be->region.h, p->n, where(be), be->t->name, be->region.w,
                    (unsigned long long)missing, wfc_be_tree_method_name((wfc_be_tree_method)method));
}

/* Keys for the rows that the tree gives each layer. */
static wfc_status make_floor(wfc_be_planner *p, unsigned method) {
    wfc_be *be = p->be;
    const uint32_t H = be->region.h;
    for (uint32_t i = 0; i < p->n; i++)
        WFC_TRY(wfc_be_keys_make(be, &be->layers[i], be->region.y, H, be->region.w, &p->keys[i]));
    for (uint32_t i = 0; i < p->n; i++) {
        if (!p->keys[i].count) return no_split(p, i);
    }
    wfc_diag *diag = be->diag;
    be->diag = NULL;
    wfc_status st = wfc_be_floor_make(be, p->keys, (wfc_be_tree_method)method, &p->floor);
    be->diag = diag;
    be->floor = p->floor;
    if (st == WFC_ERR_NO_FIT) return too_small(p, method);
    if (st == WFC_ERR_NO_MEMORY) return wfc_fail_memory(be->diag);
    if (st != WFC_OK) return wfc_fail(be->diag, st, "WFC-E7013", be->g->name, "the floorplan could not be made");
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t y = be->layers[i].split.y, h = be->layers[i].split.h;
        if (h != H) WFC_TRY(wfc_be_keys_make(be, &be->layers[i], y, h, be->region.w, &p->keys[i]));
        if (!p->keys[i].count) return no_split(p, i);
    }
    return WFC_OK;
}

static wfc_status plan(wfc_be_planner *p, unsigned method, uint32_t reserve) {
    wfc_be *be = p->be;
    p->keys = wfc_arena_alloc(&be->arena, p->n, sizeof *p->keys);
    p->out_count = wfc_arena_alloc(&be->arena, p->n, sizeof *p->out_count);
    p->main_link = wfc_arena_alloc(&be->arena, p->n, sizeof *p->main_link);
    p->cand = wfc_arena_alloc(&be->arena, p->n, sizeof *p->cand);
    p->cand_count = wfc_arena_alloc(&be->arena, p->n, sizeof *p->cand_count);
    p->choice = wfc_arena_alloc(&be->arena, p->n, sizeof *p->choice);
    p->cost = wfc_arena_alloc(&be->arena, p->n, sizeof *p->cost);
    if (!p->keys || !p->out_count || !p->main_link || !p->cand || !p->cand_count || !p->choice || !p->cost)
        return wfc_fail_memory(be->diag);
    WFC_TRY(wfc_be_plan_links(p));
    WFC_TRY(make_floor(p, method));
    uint32_t room = be->region.w > reserve ? be->region.w - reserve : 0;
    be->target_cycles = be->wish_cycles = 0;
    if (be->opt->random_splits) return draw_splits(p, room);
    bool found = true;
    p->wider = be->opt->as_if_large;
    WFC_TRY(least_time(p, room, &found));
    if (!found && !p->wider) {
        p->wider = true;
        WFC_TRY(least_time(p, room, &found));
    }
    if (!found) return too_large(p, reserve);
    wfc_be_plan_apply(p);
    return wfc_be_plan_expect(p);
}

wfc_status wfc_be_plan_again(wfc_be *be, unsigned method, const wfc_be_split *splits, double cycles, double wish) {
    wfc_be_planner p = {.be = be, .n = be->layer_count};
    wfc_be_floor_deinit(be->floor);
    be->floor = NULL;
    p.keys = wfc_arena_alloc(&be->arena, p.n, sizeof *p.keys);
    if (!p.keys) return wfc_fail_memory(be->diag);
    WFC_TRY(make_floor(&p, method));
    for (uint32_t i = 0; i < p.n; i++) {
        be->layers[i].split = splits[i];
        be->layers[i].order = NULL;
    }
    be->target_cycles = cycles;
    be->wish_cycles = wish;
    return WFC_OK;
}

wfc_status wfc_be_plan(wfc_be *be, unsigned method, uint32_t reserve) {
    wfc_be_planner p = {.be = be, .n = be->layer_count};
    wfc_be_floor_deinit(be->floor);
    be->floor = NULL;
    wfc_status st = plan(&p, method, reserve);
    wfc_free(p.pairs);
    return st;
}
