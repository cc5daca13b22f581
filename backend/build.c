/* From layers, adapters and routes to the wfc_program: emit every PE, share equal classes, router sets and
 * data. */
#include <string.h>

#include "backend/plan.h"

typedef struct blob {
    uint64_t hash;
    uint64_t offset;
    uint32_t bytes;
} blob;

/* A program that PEs with equal facts share: its class and the data of the first of them. */
typedef struct shared {
    uint64_t hash;
    uint32_t *facts, fact_count; /* NULL: a free slot */
    uint32_t class_index, data_first, data_count;
    wfc_be_init *like; /* [data_count] kinds of the data, in the order of their addresses */
} shared;

/* Weights of (layer, contraction part and its order, column): the same in every tile. A table of the sparse form holds
 * addresses, so it is the same only for PEs with the same program. */
typedef struct weights {
    uint64_t hash, offset;
    const uint32_t *order; /* NULL: ascending */
    uint32_t layer, part, col, bytes;
    uint32_t program; /* sparse: 1 + the place of the program's first data; else 0 */
} weights;

typedef struct build {
    wfc_be *be;
    wfc_program *p;
    shared *shares;
    uint32_t share_slots, share_count;
    weights *weights;
    uint32_t weight_slots, weight_count;
    wfc_be_facts facts;
    wfc_be_class_table classes;
    WFC_VEC(wfc_prog_pe) pes;
    WFC_VEC(wfc_prog_data) data;
    WFC_VEC(wfc_prog_router) routers;
    uint32_t *router_slots, router_slot_count;
    wfc_buf bulk;
    blob *blobs;
    uint32_t blob_slots, blob_count;
} build;

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n) {
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 0x100000001b3ull;
    return h;
}
static const uint64_t FNV_START = 0xcbf29ce484222325ull;

static wfc_status grow_blobs(build *b) {
    uint32_t slots = b->blob_slots ? 2 * b->blob_slots : 1024;
    blob *more = wfc_calloc(slots, sizeof *more);
    if (!more) return wfc_fail_memory(b->be->diag);
    for (uint32_t i = 0; i < b->blob_slots; i++) {
        if (!b->blobs[i].bytes) continue;
        uint32_t at = (uint32_t)b->blobs[i].hash & (slots - 1);
        while (more[at].bytes) at = (at + 1) & (slots - 1);
        more[at] = b->blobs[i];
    }
    wfc_free(b->blobs);
    b->blobs = more;
    b->blob_slots = slots;
    return WFC_OK;
}

/* Offset of `bytes` in the bulk area; equal contents are stored once. */
static wfc_status intern(build *b, const uint8_t *data, uint32_t bytes, uint64_t *offset) {
    if (2 * (b->blob_count + 1) > b->blob_slots) WFC_TRY(grow_blobs(b));
    uint64_t h = hash_bytes(FNV_START, data, bytes);
    uint32_t at = (uint32_t)h & (b->blob_slots - 1);
    while (b->blobs[at].bytes) {
        const blob *k = &b->blobs[at];
        if (k->hash == h && k->bytes == bytes && memcmp(b->bulk.data + k->offset, data, bytes) == 0) {
            *offset = k->offset;
            return WFC_OK;
        }
        at = (at + 1) & (b->blob_slots - 1);
    }
    *offset = b->bulk.count;
    wfc_buf_append(&b->bulk, data, bytes);
    if (b->bulk.failed) return wfc_fail_memory(b->be->diag);
    b->blobs[at] = (blob){.hash = h, .offset = *offset, .bytes = bytes};
    b->blob_count++;
    return WFC_OK;
}

static wfc_status push_data(build *b, uint32_t addr, uint32_t bytes, uint64_t offset) {
    wfc_prog_data d = {.addr = (uint16_t)addr, .bytes = bytes, .bulk_offset = offset};
    return wfc_vec_push(&b->data, d) == WFC_OK ? WFC_OK : wfc_fail_memory(b->be->diag);
}

/* Data and what it is like, in the order of addresses. */
static void sort_data(wfc_prog_data *d, wfc_be_init *like, size_t n) {
    for (size_t i = 1; i < n; i++) {
        for (size_t j = i; j > 0 && d[j].addr < d[j - 1].addr; j--) {
            wfc_prog_data t = d[j];
            wfc_be_init k = like[j];
            d[j] = d[j - 1];
            d[j - 1] = t;
            like[j] = like[j - 1];
            like[j - 1] = k;
        }
    }
}

/* Data of an emitted PE; *like: what each piece is, in the arena. */
static wfc_status add_data(build *b, wfc_be_pe_build *pe, wfc_prog_pe *out, wfc_be_init **like) {
    uint32_t n = (uint32_t)pe->init.count + WFC_BE_TABLES;
    *like = wfc_arena_alloc(&b->be->arena, n, sizeof **like);
    if (!*like) return wfc_fail_memory(b->be->diag);
    out->data_first = (uint32_t)b->data.count;
    for (size_t i = 0; i < pe->init.count; i++) {
        const wfc_be_init *in = &pe->init.data[i];
        uint64_t offset;
        WFC_TRY(intern(b, in->data, in->bytes, &offset));
        (*like)[i] = *in;
        (*like)[i].data = NULL;
        WFC_TRY(push_data(b, wfc_be_asm_addr(pe->a, in->array) + in->offset_bytes, in->bytes, offset));
    }
    for (unsigned i = 0; i < WFC_BE_TABLES; i++) {
        const wfc_be_move_table *t = &pe->tables[i];
        if (!t->walks.count) continue;
        uint32_t bytes = (uint32_t)(t->walks.count * WFC_DESC_BYTES);
        uint8_t *data = wfc_calloc(bytes, 1);
        if (!data) return wfc_fail_memory(b->be->diag);
        wfc_be_move_table_encode(pe->a, t, data);
        uint64_t offset;
        wfc_status st = intern(b, data, bytes, &offset);
        wfc_free(data);
        WFC_TRY(st);
        (*like)[b->data.count - out->data_first] = (wfc_be_init){.kind = WFC_BE_DATA_SAME, .bytes = bytes};
        WFC_TRY(push_data(b, wfc_be_asm_addr(pe->a, t->array), bytes, offset));
    }
    out->data_count = (uint32_t)b->data.count - out->data_first;
    sort_data(b->data.data + out->data_first, *like, out->data_count);
    return WFC_OK;
}

/* --- programs shared by PEs with equal facts --- */

static uint64_t hash_words(uint64_t h, const uint32_t *v, size_t n) {
    for (size_t i = 0; i < n; i++) h = (h ^ v[i]) * 0x9e3779b97f4a7c15ull, h ^= h >> 29;
    return h;
}

static wfc_status grow_shares(build *b) {
    uint32_t slots = b->share_slots ? 2 * b->share_slots : 1024;
    shared *more = wfc_calloc(slots, sizeof *more);
    if (!more) return wfc_fail_memory(b->be->diag);
    for (uint32_t i = 0; i < b->share_slots; i++) {
        if (!b->shares[i].facts) continue;
        uint32_t at = (uint32_t)b->shares[i].hash & (slots - 1);
        while (more[at].facts) at = (at + 1) & (slots - 1);
        more[at] = b->shares[i];
    }
    wfc_free(b->shares);
    b->shares = more;
    b->share_slots = slots;
    return WFC_OK;
}

/* The slot of these facts: filled, or free for them. */
static wfc_status find_share(build *b, const wfc_be_facts *f, shared **out) {
    if (2 * (b->share_count + 1) > b->share_slots) WFC_TRY(grow_shares(b));
    uint64_t h = hash_words(FNV_START, f->v.data, f->v.count);
    uint32_t at = (uint32_t)h & (b->share_slots - 1);
    for (; b->shares[at].facts; at = (at + 1) & (b->share_slots - 1)) {
        const shared *s = &b->shares[at];
        if (s->hash == h && s->fact_count == f->v.count &&
            memcmp(s->facts, f->v.data, f->v.count * sizeof *s->facts) == 0)
            break;
    }
    b->shares[at].hash = h;
    *out = &b->shares[at];
    return WFC_OK;
}

static wfc_status keep_share(build *b, shared *s, const wfc_be_facts *f, const wfc_prog_pe *pe, wfc_be_init *like) {
    for (uint32_t i = 0; i < pe->data_count; i++) {
        if (like[i].kind == WFC_BE_DATA_OWN) return WFC_OK; /* such PEs are emitted one by one */
    }
    s->facts = wfc_arena_alloc(&b->be->arena, f->v.count, sizeof *s->facts);
    if (!s->facts) return wfc_fail_memory(b->be->diag);
    memcpy(s->facts, f->v.data, f->v.count * sizeof *s->facts);
    s->fact_count = (uint32_t)f->v.count;
    s->class_index = pe->class_index;
    s->data_first = pe->data_first;
    s->data_count = pe->data_count;
    s->like = like;
    b->share_count++;
    return WFC_OK;
}

static wfc_status grow_weights(build *b) {
    uint32_t slots = b->weight_slots ? 2 * b->weight_slots : 1024;
    weights *more = wfc_calloc(slots, sizeof *more);
    if (!more) return wfc_fail_memory(b->be->diag);
    for (uint32_t i = 0; i < b->weight_slots; i++) {
        if (!b->weights[i].bytes) continue;
        uint32_t at = (uint32_t)b->weights[i].hash & (slots - 1);
        while (more[at].bytes) at = (at + 1) & (slots - 1);
        more[at] = b->weights[i];
    }
    wfc_free(b->weights);
    b->weights = more;
    b->weight_slots = slots;
    return WFC_OK;
}

static wfc_status fill_weights(build *b, const wfc_be_layer *l, const wfc_be_need *need, uint32_t bytes,
                               uint64_t *offset) {
    void *data = wfc_calloc(bytes, 1);
    if (!data) return wfc_fail_memory(b->be->diag);
    wfc_status st = WFC_OK;
    if (l->sparse.chosen)
        st = wfc_be_sparse_fill(b->be, l, need, data);
    else
        wfc_be_weights_fill(b->be, l, need, data);
    if (st == WFC_OK) st = intern(b, data, bytes, offset);
    wfc_free(data);
    return st;
}

static wfc_status find_weights(build *b, const wfc_be_layer *l, uint32_t row, uint32_t col, const wfc_be_need *need,
                               uint32_t bytes, uint32_t program, uint64_t *offset) {
    if (2 * (b->weight_count + 1) > b->weight_slots) WFC_TRY(grow_weights(b));
    uint32_t part = wfc_be_row_part(&l->split, row), layer = (uint32_t)(l - b->be->layers), channels = 0;
    const uint32_t *order = l->order ? l->order[row] : NULL;
    if (l->red_var >= 0) {
        wfc_be_interval p =
            wfc_be_part(wfc_ir_node_c(b->be->g, l->nodes[0])->u.contract.extent[l->red_var], l->split.pc, part);
        channels = p.hi - p.lo;
    }
    uint32_t name[5] = {layer, part, col, bytes, program};
    uint64_t h = hash_words(FNV_START, name, 5);
    if (order) h = hash_words(h, order, channels);
    uint32_t at = (uint32_t)h & (b->weight_slots - 1);
    for (; b->weights[at].bytes; at = (at + 1) & (b->weight_slots - 1)) {
        const weights *w = &b->weights[at];
        bool same = w->hash == h && w->layer == layer && w->part == part && w->col == col && w->bytes == bytes &&
                    w->program == program && !w->order == !order &&
                    (!order || memcmp(w->order, order, channels * sizeof *order) == 0);
        if (!same) continue;
        *offset = w->offset;
        return WFC_OK;
    }
    WFC_TRY(fill_weights(b, l, need, bytes, offset));
    b->weights[at] = (weights){.hash = h,
                               .offset = *offset,
                               .order = order,
                               .layer = layer,
                               .part = part,
                               .col = col,
                               .bytes = bytes,
                               .program = program};
    b->weight_count++;
    return WFC_OK;
}

/* A PE whose program is there already: only its data differ. */
static wfc_status add_alike(build *b, const shared *s, const wfc_be_layer *l, uint32_t row, uint32_t col,
                            const wfc_be_need *need, wfc_prog_pe *pe) {
    pe->class_index = s->class_index;
    pe->data_first = (uint32_t)b->data.count;
    pe->data_count = s->data_count;
    for (uint32_t i = 0; i < s->data_count; i++) {
        const wfc_be_init *like = &s->like[i];
        wfc_prog_data d = b->data.data[s->data_first + i];
        if (like->kind == WFC_BE_DATA_WEIGHTS) {
            if (wfc_be_weights_by_tile(b->be, l))
                WFC_TRY(fill_weights(b, l, need, d.bytes, &d.bulk_offset));
            else
                WFC_TRY(find_weights(b, l, row, col, need, d.bytes, l->sparse.chosen ? 1 + s->data_first : 0,
                                     &d.bulk_offset));
        } else if (like->kind == WFC_BE_DATA_CONST) {
            float *data = wfc_calloc(d.bytes, 1);
            if (!data) return wfc_fail_memory(b->be->diag);
            wfc_be_const_fill(wfc_ir_node_c(b->be->g, like->value), &need->node[like->node], data);
            wfc_status st = intern(b, (const uint8_t *)data, d.bytes, &d.bulk_offset);
            wfc_free(data);
            WFC_TRY(st);
        }
        WFC_TRY(push_data(b, d.addr, d.bytes, d.bulk_offset));
    }
    return WFC_OK;
}

static bool same_routes(const wfc_prog_router *x, const wfc_prog_router *y) {
    if (x->route_count != y->route_count) return false;
    for (uint32_t i = 0; i < x->route_count; i++) {
        const wfc_prog_route *a = &x->routes[i], *c = &y->routes[i];
        if (a->colour != c->colour || a->positions != c->positions || a->initial != c->initial ||
            a->filtered != c->filtered || a->filter_period != c->filter_period || a->filter_lo != c->filter_lo ||
            a->filter_hi != c->filter_hi || memcmp(a->out, c->out, sizeof a->out) != 0) {
            return false;
        }
    }
    return true;
}

static uint64_t hash_routes(const wfc_prog_router *r) {
    uint64_t h = FNV_START;
    for (uint32_t i = 0; i < r->route_count; i++) {
        const wfc_prog_route *a = &r->routes[i];
        uint32_t fields[6] = {a->colour, a->positions, a->filtered, a->filter_period, a->filter_lo, a->filter_hi};
        h = hash_bytes(h, fields, sizeof fields);
        h = hash_bytes(h, a->out, sizeof a->out);
    }
    return h;
}

static wfc_status add_router(build *b, const wfc_prog_router *r, uint32_t *index) {
    if (!b->router_slots) {
        b->router_slot_count = 1u << 20;
        b->router_slots = wfc_calloc(b->router_slot_count, sizeof *b->router_slots);
        if (!b->router_slots) return wfc_fail_memory(b->be->diag);
    }
    uint32_t at = (uint32_t)hash_routes(r) & (b->router_slot_count - 1);
    while (b->router_slots[at]) {
        if (same_routes(&b->routers.data[b->router_slots[at] - 1], r)) {
            *index = b->router_slots[at] - 1;
            return WFC_OK;
        }
        at = (at + 1) & (b->router_slot_count - 1);
    }
    wfc_prog_router copy = {.route_count = r->route_count};
    copy.routes = wfc_arena_alloc(&b->p->arena, r->route_count, sizeof *copy.routes);
    if (!copy.routes) return wfc_fail_memory(b->be->diag);
    memcpy(copy.routes, r->routes, r->route_count * sizeof *copy.routes);
    if (wfc_vec_push(&b->routers, copy) != WFC_OK) return wfc_fail_memory(b->be->diag);
    b->router_slots[at] = *index = (uint32_t)b->routers.count;
    (*index)--;
    return WFC_OK;
}

/* Keeps the slowest PE's prediction as the layer's. */
static void predict(wfc_prog_layer *l, const wfc_be_pe_build *pe) {
    const wfc_be_cost *c = wfc_be_asm_cost(pe->a);
    double v[WFC_BE_BUCKETS], sum = wfc_be_pe_cycles(pe);
    for (unsigned i = 0; i < WFC_BE_BUCKETS; i++)
        v[i] = c[i].overhead_cycles + c[i].busy_cycles + c[i].background_cycles;
    if (sum <= l->predicted_cycles) return;
    l->predicted_cycles = sum;
    l->predicted_compute = v[WFC_BE_COMPUTE];
    l->predicted_receive = v[WFC_BE_RECEIVE];
    l->predicted_reduce = v[WFC_BE_REDUCE] + pe->latency_cycles;
    l->predicted_epilogue = v[WFC_BE_EPILOGUE];
    l->predicted_send = v[WFC_BE_SEND];
}

/* An emitted PE: class and data. */
static wfc_status take_build(build *b, wfc_be_pe_build *one, uint32_t slab, wfc_prog_pe *pe, wfc_be_init **like) {
    wfc_prog_class c;
    if (one->empty) return WFC_OK;
    WFC_TRY(wfc_be_asm_finish(one->a, &b->p->arena, &c));
    WFC_TRY(wfc_be_class_table_add(&b->classes, &b->p->arena, &c, &pe->class_index));
    WFC_TRY(add_data(b, one, pe, like));
    predict(&b->p->layers[slab], one);
    return WFC_OK;
}

/* Emission allocates in a scratch arena; what stays goes to the program's. */
static wfc_status emit_pe(build *b, uint32_t slab, uint32_t row, uint32_t col, wfc_prog_pe *pe, wfc_be_init **like) {
    const wfc_be_slab *s = &b->be->slabs.data[slab];
    wfc_arena keep = b->be->arena;
    wfc_be_pe_build one;
    wfc_arena_init(&b->be->arena);
    wfc_status st = s->is_adapter ? wfc_be_emit_adapter(b->be, &b->be->adapters.data[s->index], row, col, &one)
                                  : wfc_be_emit_layer(b->be, &b->be->layers[s->index], row, col, &one);
    wfc_arena scratch = b->be->arena;
    b->be->arena = keep;
    if (st == WFC_OK) st = take_build(b, &one, slab, pe, like);
    wfc_be_pe_build_deinit(&one);
    wfc_arena_deinit(&scratch);
    return st;
}

static wfc_status layer_pe(build *b, uint32_t slab, uint32_t row, uint32_t col, wfc_prog_pe *pe) {
    const wfc_be_layer *l = &b->be->layers[b->be->slabs.data[slab].index];
    wfc_arena keep = b->be->arena;
    wfc_be_need need;
    bool any = false;
    wfc_arena_init(&b->be->arena);
    wfc_status st = wfc_be_layer_facts(b->be, l, row, col, &need, &b->facts, &any);
    wfc_arena scratch = b->be->arena;
    b->be->arena = keep;
    shared *s = NULL;
    if (st == WFC_OK && any) st = find_share(b, &b->facts, &s);
    if (st == WFC_OK && any) {
        wfc_be_init *like = NULL;
        if (s->facts)
            st = add_alike(b, s, l, row, col, &need, pe);
        else if ((st = emit_pe(b, slab, row, col, pe, &like)) == WFC_OK && pe->class_index != UINT32_MAX)
            st = keep_share(b, s, &b->facts, pe, like);
    }
    wfc_arena_deinit(&scratch);
    return st;
}

static wfc_status add_pe(build *b, const wfc_be_routes *routes, uint32_t x, uint32_t y, int32_t slab) {
    wfc_prog_pe pe = {
        .x = (uint16_t)x, .y = (uint16_t)y, .class_index = UINT32_MAX, .router_index = UINT32_MAX, .layer = UINT32_MAX};
    const wfc_prog_router *r = &routes->at[(size_t)y * b->be->width + x];
    if (r->route_count) WFC_TRY(add_router(b, r, &pe.router_index));
    if (slab >= 0) {
        const wfc_be_slab *s = &b->be->slabs.data[slab];
        wfc_be_init *like;
        if (s->is_adapter)
            WFC_TRY(emit_pe(b, (uint32_t)slab, y, x - s->x, &pe, &like));
        else
            WFC_TRY(layer_pe(b, (uint32_t)slab, y, x - s->x, &pe));
        if (pe.class_index != UINT32_MAX) {
            pe.layer = (uint32_t)slab;
            b->p->layers[slab].pe_count++;
        }
    }
    if (pe.class_index == UINT32_MAX && pe.router_index == UINT32_MAX) return WFC_OK;
    return wfc_vec_push(&b->pes, pe) == WFC_OK ? WFC_OK : wfc_fail_memory(b->be->diag);
}

static void *take(build *b, const void *data, size_t count, size_t size) {
    void *out = wfc_arena_alloc(&b->p->arena, count ? count : 1, size);
    if (out && count) memcpy(out, data, count * size);
    return out;
}

static wfc_status finish(build *b) {
    wfc_program *p = b->p;
    p->classes = take(b, b->classes.classes.data, b->classes.classes.count, sizeof *p->classes);
    p->class_count = (uint32_t)b->classes.classes.count;
    p->routers = take(b, b->routers.data, b->routers.count, sizeof *p->routers);
    p->router_count = (uint32_t)b->routers.count;
    p->pes = take(b, b->pes.data, b->pes.count, sizeof *p->pes);
    p->pe_count = (uint32_t)b->pes.count;
    p->data = take(b, b->data.data, b->data.count, sizeof *p->data);
    p->data_count = (uint32_t)b->data.count;
    p->bulk = take(b, b->bulk.data, b->bulk.count, 1);
    p->bulk_bytes = b->bulk.count;
    if (!p->classes || !p->routers || !p->pes || !p->data || !p->bulk) return wfc_fail_memory(b->be->diag);
    wfc_be_describe_time(p);
    return WFC_OK;
}

static wfc_status fill(build *b, const wfc_be_routes *routes) {
    wfc_be *be = b->be;
    wfc_program *p = b->p;
    WFC_TRY(wfc_be_describe_layers(be, p));
    int32_t *slab_of = wfc_arena_alloc(&be->arena, (size_t)be->width * be->height, sizeof *slab_of);
    if (!slab_of) return wfc_fail_memory(be->diag);
    for (size_t i = 0; i < (size_t)be->width * be->height; i++) slab_of[i] = -1;
    for (uint32_t s = 0; s < be->slabs.count; s++) {
        const wfc_be_slab *slab = &be->slabs.data[s];
        for (uint32_t i = 0; i < (uint32_t)slab->w * slab->h; i++)
            slab_of[(size_t)(slab->y + i / slab->w) * be->width + slab->x + i % slab->w] = (int32_t)s;
    }
    for (uint32_t y = 0; y < be->height; y++) {
        for (uint32_t x = 0; x < be->width; x++) WFC_TRY(add_pe(b, routes, x, y, slab_of[(size_t)y * be->width + x]));
    }
    WFC_TRY(wfc_be_describe_io(be, p));
    return finish(b);
}

wfc_status wfc_be_build(wfc_be *be, const wfc_be_routes *routes, wfc_program *out) {
    build b = {.be = be, .p = out};
    wfc_be_class_table_init(&b.classes);
    wfc_status st = fill(&b, routes);
    wfc_be_class_table_deinit(&b.classes);
    wfc_vec_free(&b.pes);
    wfc_vec_free(&b.data);
    wfc_vec_free(&b.routers);
    wfc_free(b.router_slots);
    wfc_free(b.shares);
    wfc_free(b.weights);
    wfc_vec_free(&b.facts.v);
    wfc_free(b.blobs);
    wfc_buf_deinit(&b.bulk);
    return st;
}
