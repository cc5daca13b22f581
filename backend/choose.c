/* The choice between plans: rounds until layers and adapters fit, and the methods and heights against each other. */
#include <math.h>

#include "backend/floor.h"

enum { LEAST_ROWS = 16, ROUNDS = 6, BETTER_ROUNDS = 1 };

/* A new attempt: what the one before it allocated goes. Layers stay, in the base arena. */
static void forget_plan(wfc_be *be) {
    wfc_be_floor_deinit(be->floor);
    be->floor = NULL;
    be->streams.count = be->adapters.count = be->slabs.count = 0;
    for (uint32_t i = 0; i < be->layer_count; i++) be->layers[i].order = NULL;
    wfc_arena_deinit(&be->arena);
    wfc_arena_init(&be->arena);
}

static double slowest(const wfc_be *be) {
    double most = be->target_cycles;
    for (size_t i = 0; i < be->adapters.count; i++) {
        if (be->adapters.data[i].predicted_cycles > most) most = be->adapters.data[i].predicted_cycles;
    }
    return most;
}

/* One way to lie: a method in the region's rows y..y+h. */
typedef struct attempt {
    unsigned method;
    uint32_t y, h;
    double beat;    /* cycles of the best attempt before; INFINITY: none */
    double promise; /* of the last plan, whether or not it fitted */
    bool fits;
    double cycles;                          /* of the slowest layer or adapter */
    double target, wish, longer;            /* be->target_cycles, wish_cycles, adapter_cycles with it */
    wfc_be_split *splits;                   /* [layers], in the base arena */
    uint32_t (*expected)[WFC_BE_MAX_EDGES]; /* [layers] of their edges, likewise: sizing starts from it */
} attempt;

/* Of the plans that were too wide. */
typedef struct narrowest {
    uint32_t columns;
    size_t adapters;
} narrowest;

static wfc_status keep_plan(wfc_be *be, attempt *a) {
    if (!a->splits) a->splits = wfc_arena_alloc(&be->base, be->layer_count, sizeof *a->splits);
    if (!a->expected) a->expected = wfc_arena_alloc(&be->base, be->layer_count, sizeof *a->expected);
    if (!a->splits || !a->expected) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < be->layer_count; i++) {
        a->splits[i] = be->layers[i].split;
        for (uint32_t e = 0; e < be->layers[i].edge_count; e++) a->expected[i][e] = be->layers[i].edges[e].expected;
    }
    a->fits = true;
    a->cycles = slowest(be);
    a->target = be->target_cycles;
    a->wish = be->wish_cycles;
    a->longer = be->adapter_cycles;
    return WFC_OK;
}

/* What the edge's adapters took: columns of both where an input's words are dealt out first; relays are apart. */
static void look(const wfc_be *be, uint32_t layer, uint32_t edge, wfc_be_lesson *out) {
    for (size_t i = 0; i < be->adapters.count; i++) {
        const wfc_be_adapter *a = &be->adapters.data[i];
        if (a->layer != layer || a->edge != edge || a->relay) continue;
        out->cols += a->cols;
        if (a->predicted_cycles > out->cycles) out->cycles = a->predicted_cycles;
    }
    out->missed = out->cycles > 1.01 * be->target_cycles;
}

static wfc_status learn(wfc_be *be) {
    for (uint32_t i = 0; i < be->layer_count; i++) {
        for (uint32_t e = 0; e < be->layers[i].edge_count; e++) {
            wfc_be_lesson one = {.price = be->layers[i].edges[e].price};
            size_t at = 0;
            if (!one.price) continue;
            look(be, i, e, &one);
            while (at < be->lessons.count && be->lessons.data[at].price != one.price) at++;
            if (at < be->lessons.count)
                be->lessons.data[at] = one;
            else if (wfc_vec_push(&be->lessons, one) != WFC_OK)
                return wfc_fail_memory(be->diag);
        }
    }
    return WFC_OK;
}

static uint32_t relay_columns(const wfc_be *be) {
    uint32_t n = 0;
    for (size_t i = 0; i < be->adapters.count; i++) n += be->adapters.data[i].relay ? be->adapters.data[i].cols : 0;
    return n;
}

/* Later rounds promise more or less than the one before, by a few per cent. */
static bool hopeless(const attempt *a) {
    return a->promise > 1.25 * a->beat;
}

/* Plans, makes the adapters, and plans again with what they took; keeps the best that fits. Columns are left free for
 * relays, and for what is missing even so. *least: the fewest columns that were needed. A plan that fails for its
 * reserve says nothing about the model. */
static wfc_status plan_rounds(wfc_be *be, attempt *a, narrowest *least) {
    wfc_diag *diag = be->diag;
    uint32_t reserve = 0, columns, fitting = 0, good = 0,
             bad = be->region.w; /* bad: a reserve that leaves too little */
    for (unsigned round = 0; round < ROUNDS; round++) {
        be->diag = reserve ? NULL : diag;
        forget_plan(be);
        wfc_status s = wfc_be_plan(be, a->method, reserve);
        be->diag = diag;
        if (s == WFC_ERR_NO_FIT && a->fits) return WFC_OK;
        if (s == WFC_ERR_NO_FIT && reserve) {
            bad = reserve;
            reserve = (good + bad) / 2;
            if (reserve <= good) return WFC_OK;
            continue;
        }
        WFC_TRY(s);
        a->promise = be->target_cycles;
        if (a->fits && be->target_cycles >= 0.995 * a->cycles) return WFC_OK; /* no better can come of it */
        if (round && hopeless(a)) return WFC_OK;
        WFC_TRY(wfc_be_make_streams(be));
        WFC_TRY(wfc_be_floor_place(be, be->floor, &columns));
        WFC_TRY(learn(be));
        if (columns < least->columns) *least = (narrowest){.columns = columns, .adapters = be->adapters.count};
        if (columns <= be->region.w) {
            if (!a->fits || slowest(be) < a->cycles) WFC_TRY(keep_plan(be, a));
            if (a->cycles <= 1.01 * be->target_cycles || be->opt->random_splits || ++fitting > BETTER_ROUNDS)
                return WFC_OK;
            continue;
        }
        if (round < 2) {
            reserve = relay_columns(be);
            continue;
        }
        good = reserve;
        reserve += columns - be->region.w;
        if (reserve >= bad) reserve = (good + bad) / 2;
        if (reserve <= good) return WFC_OK;
    }
    return WFC_OK;
}

static wfc_status make_again(wfc_be *be, const attempt *a) {
    uint32_t columns;
    be->region.y = a->y;
    be->region.h = a->h;
    be->adapter_cycles = a->longer;
    forget_plan(be);
    WFC_TRY(wfc_be_plan_again(be, a->method, a->splits, a->target, a->wish));
    for (uint32_t i = 0; i < be->layer_count; i++) {
        for (uint32_t e = 0; e < be->layers[i].edge_count; e++) be->layers[i].edges[e].expected = a->expected[i][e];
    }
    WFC_TRY(wfc_be_make_streams(be));
    WFC_TRY(wfc_be_floor_place(be, be->floor, &columns));
    return wfc_be_colour_all(be);
}

/* Where layers and adapters do not fit together, adapters may take longer, in steps of two, and so be narrower. */
static wfc_status try_place(wfc_be *be, attempt *a) {
    narrowest least = {.columns = UINT32_MAX};
    be->region.y = a->y;
    be->region.h = a->h;
    be->adapter_cycles = 0;
    be->lessons.count = 0;
    for (unsigned step = 0; step < 16; step++) {
        WFC_TRY(plan_rounds(be, a, &least));
        if (a->fits) return make_again(be, a);
        if (hopeless(a)) break;
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
        be->layer_count, least.adapters, least.columns, be->t->name, be->region.w, least.columns - be->region.w);
}

/* What no plan over so many rows can beat: all products, and the inputs through the ports. */
static double bound(const wfc_be *be, uint32_t rows) {
    double products = 0, words = 0;
    for (uint32_t i = 0; i < be->layer_count; i++) {
        const wfc_be_layer *l = &be->layers[i];
        products += (double)(be->opt->sparse != WFC_SPARSE_NEVER ? l->macs_nonzero : l->macs);
    }
    for (size_t i = 0; i < be->g->nodes.count; i++) {
        const wfc_node *n = &be->g->nodes.data[i];
        if (n->op == WFC_CORE_INPUT) words += (double)wfc_shape_elems(&n->shape);
    }
    uint32_t ports = wfc_be_port_count(be, WFC_SIDE_WEST);
    return fmax(products / rows / be->region.w, ports ? words / ports : INFINITY);
}

typedef struct search {
    double cycles[WFC_BE_TREE_METHODS]; /* least of each method; 0: none */
    attempt best, last;                 /* h 0: none */
} search;

/* All allowed methods over the rows given; slabs on a tie. A failure to fit is returned only where nothing fits. */
static wfc_status try_methods(wfc_be *be, uint32_t y, uint32_t h, bool tell, search *s) {
    static const unsigned ORDER[] = {WFC_BE_TREE_ROWS, WFC_BE_TREE_METIS, WFC_BE_TREE_SLABS};
    unsigned place = be->opt->place ? be->opt->place : (1u << WFC_BE_TREE_METHODS) - 1;
    if (be->opt->random_splits && !be->opt->place) place = 1u << be->opt->seed % WFC_BE_TREE_METHODS;
    wfc_status failure = WFC_OK;
    wfc_diag *diag = be->diag;
    for (unsigned i = 0; i < sizeof ORDER / sizeof ORDER[0]; i++) {
        attempt a = {.method = ORDER[i], .y = y, .h = h, .beat = s->best.h ? s->best.cycles : INFINITY};
        if (!(place & 1u << a.method)) continue;
        /* Where none fits, one message is enough: that of slabs, which come last, or of the only method. */
        bool last = a.method == WFC_BE_TREE_SLABS || place == 1u << a.method;
        be->diag = tell && last && !s->best.h ? diag : NULL;
        wfc_status st = try_place(be, &a);
        be->diag = diag;
        s->last = a;
        if (st == WFC_ERR_NO_FIT) {
            failure = st;
            continue;
        }
        WFC_TRY(st);
        if (s->cycles[a.method] <= 0 || a.cycles < s->cycles[a.method]) s->cycles[a.method] = a.cycles;
        if (!s->best.h || a.cycles < s->best.cycles || (a.cycles <= s->best.cycles && a.h == s->best.h)) s->best = a;
    }
    return s->best.h ? WFC_OK : failure;
}

/* Words of a small model need not go far: half of the rows, a quarter, ..., as long as that may be faster, until two in
 * a row were not. */
static wfc_status try_fewer_rows(wfc_be *be, uint32_t y, uint32_t h, search *s) {
    unsigned missed = 0;
    for (uint32_t rows = h / 2; rows >= LEAST_ROWS && missed < 2; rows /= 2) {
        double before = s->best.cycles;
        be->region.y = y + (h - rows) / 2;
        be->region.h = rows;
        if (!wfc_be_port_count(be, WFC_SIDE_EAST) || bound(be, rows) >= before) return WFC_OK;
        WFC_TRY(try_methods(be, be->region.y, rows, false, s));
        missed = s->best.cycles < before ? 0 : missed + 1;
    }
    return WFC_OK;
}

/* Layers, adapters and colours for real, by each method and over fewer and fewer rows; the least time wins. Only the
 * last one tried stays, so the winner is made again where another came after it. */
wfc_status wfc_be_choose_place(wfc_be *be) {
    search s = {0};
    uint32_t y = be->region.y, h = be->region.h;
    WFC_TRY(try_methods(be, y, h, true, &s));
    if (!be->opt->random_splits) WFC_TRY(try_fewer_rows(be, y, h, &s));
    if (s.best.method != s.last.method || s.best.h != s.last.h) WFC_TRY(make_again(be, &s.best));
    wfc_diag_add(be->diag, WFC_NOTE, "WFC-N7043", be->g->name,
                 "floorplan: %s at %.0f cycles (slabs %.0f, metis %.0f, rows %.0f; 0: not tried, or nothing that fits "
                 "and is better), %u of %u rows. %s",
                 wfc_be_tree_method_name((wfc_be_tree_method)s.best.method), s.best.cycles, s.cycles[WFC_BE_TREE_SLABS],
                 s.cycles[WFC_BE_TREE_METIS], s.cycles[WFC_BE_TREE_ROWS], s.best.h, h, be->floor->tree.report);
    return WFC_OK;
}
