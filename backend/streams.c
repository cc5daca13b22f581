/* Streams: what travels on each row's lane in which order, who contributes and who accepts which interval; where a
 * consumer can take its producer's lanes as they are, and where an adapter must rearrange them.
 *
 * A connection is direct exactly when, row by row, the producer's list equals the list the consumer asks for; a
 * contract may ask for its contraction channels in any order, so it takes the producer's. Everything else gets an
 * adapter: any layout x any view x any layout. */
#include <math.h>
#include <string.h>

#include "backend/floor.h"
#include "backend/like.h"

static wfc_status new_stream(wfc_be *be, const char *name, wfc_value tensor, int32_t *out) {
    wfc_be_stream s = {.name = name, .tensor = tensor, .slab = -1};
    s.rows = wfc_arena_alloc(&be->arena, be->height, sizeof *s.rows);
    s.segment = wfc_arena_alloc(&be->arena, be->height, sizeof *s.segment);
    if (!s.rows || !s.segment) return wfc_fail_memory(be->diag);
    if (wfc_vec_push(&be->streams, s) != WFC_OK) return wfc_fail_memory(be->diag);
    *out = (int32_t)be->streams.count - 1;
    return WFC_OK;
}

static wfc_status new_slab(wfc_be *be, bool is_adapter, uint32_t index, uint32_t cols, int32_t *out) {
    wfc_be_slab s = {.is_adapter = is_adapter,
                     .index = index,
                     .w = (uint16_t)cols,
                     .h = (uint16_t)be->height,
                     .colours = {{0, 1, 2, 3}, {0, 1, 2, 3}}};
    if (wfc_vec_push(&be->slabs, s) != WFC_OK) return wfc_fail_memory(be->diag);
    *out = (int32_t)be->slabs.count - 1;
    return WFC_OK;
}

/* A tap with accept[row][col] all empty. */
wfc_status wfc_be_add_tap(wfc_be *be, int32_t stream, int32_t slab, uint32_t cols, wfc_be_tap **out) {
    wfc_be_stream *s = &be->streams.data[stream];
    if (s->tap_count == s->tap_capacity) {
        uint32_t capacity = s->tap_capacity ? 2 * s->tap_capacity : 4;
        wfc_be_tap *taps = wfc_arena_alloc(&be->arena, capacity, sizeof *taps);
        if (!taps) return wfc_fail_memory(be->diag);
        if (s->tap_count) memcpy(taps, s->taps, s->tap_count * sizeof *taps);
        s->taps = taps;
        s->tap_capacity = capacity;
    }
    wfc_be_tap *t = &s->taps[s->tap_count];
    *t = (wfc_be_tap){.slab = slab};
    t->accept = wfc_arena_alloc(&be->arena, be->height, sizeof *t->accept);
    if (!t->accept) return wfc_fail_memory(be->diag);
    for (uint32_t r = 0; r < be->height; r++) {
        t->accept[r] = wfc_arena_alloc(&be->arena, cols ? cols : 1, sizeof **t->accept);
        if (!t->accept[r]) return wfc_fail_memory(be->diag);
    }
    s->tap_count++;
    *out = t;
    return WFC_OK;
}

/* What a layer asks for on one edge: per row the list, per column the interval of it. */
typedef struct demand {
    wfc_be_list *rows;        /* [height] */
    wfc_be_interval **accept; /* [height][cols] */
} demand;

bool wfc_be_is_uniform(const wfc_be_layer *l, uint32_t edge) {
    const wfc_be_edge *e = &l->edges[edge];
    return l->has_contract && l->chan_axis >= 0 && e->operand == 0 && wfc_value_eq(e->user, l->nodes[0]);
}

bool wfc_be_lane_channels(const wfc_be *be, const wfc_be_layer *l, uint32_t edge, uint32_t *extent, bool *by_part) {
    bool uniform = wfc_be_is_uniform(l, edge);
    *by_part = uniform || l->chan_axis == 1;
    if (uniform && l->red_var < 0) return false;
    if (!uniform && l->shape.rank <= 2) return false;
    *extent = uniform ? wfc_ir_node_c(be->g, l->nodes[0])->u.contract.extent[l->red_var] : l->shape.dims[1];
    return true;
}

/* One row's demand: the boxes of its columns one after the other, or of one column for all. */
static wfc_status row_demand(wfc_be *be, const wfc_be_layer *l, uint32_t edge, uint32_t row, wfc_arena *scratch,
                             demand *out) {
    const wfc_be_edge *e = &l->edges[edge];
    bool uniform = wfc_be_is_uniform(l, edge);
    for (uint32_t col = 0; col < l->split.cols; col++) {
        wfc_be_interval *a = &out->accept[row][col];
        if (uniform && col > 0) {
            *a = out->accept[row][0];
            continue;
        }
        wfc_be_need need;
        WFC_TRY(wfc_be_needs_in(be, scratch, l, row, col, &need));
        /* A PE without a part of the result may hold partial sums for others. */
        if (!uniform && !(l->has_contract && l->split.pc > 1)) {
            const wfc_be_box *final = l->node_count ? &need.hull[l->node_count - 1] : &need.edge[0];
            if (wfc_be_box_elems(final) == 0) continue;
        }
        if (l->has_contract && wfc_be_box_elems(&need.chan_all) == 0) continue;
        a->lo = out->rows[row].count;
        WFC_TRY(wfc_be_list_box(be, e->consumed, true, &need.edge[edge], e->fill, &out->rows[row]));
        a->hi = out->rows[row].count;
    }
    return WFC_OK;
}

static wfc_status edge_demand(wfc_be *be, const wfc_be_layer *l, uint32_t edge, demand *out) {
    out->rows = wfc_arena_alloc(&be->arena, be->height, sizeof *out->rows);
    out->accept = wfc_arena_alloc(&be->arena, be->height, sizeof *out->accept);
    if (!out->rows || !out->accept) return wfc_fail_memory(be->diag);
    for (uint32_t row = 0; row < be->height; row++) {
        out->accept[row] = wfc_arena_alloc(&be->arena, l->split.cols, sizeof **out->accept);
        if (!out->accept[row]) return wfc_fail_memory(be->diag);
        uint32_t group, inner;
        if (!wfc_be_row_place(&l->split, row, &group, &inner)) continue;
        wfc_arena scratch;
        wfc_arena_init(&scratch);
        wfc_status st = row_demand(be, l, edge, row, &scratch, out);
        wfc_arena_deinit(&scratch);
        WFC_TRY(st);
    }
    return WFC_OK;
}

static bool lists_equal(const wfc_be_list *a, const wfc_be_list *b) {
    return a->count == b->count && (a->count == 0 || memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0);
}

/* Order of the contraction channels in lane `have` such that the row's demand equals it; NULL when there is none. */
static const uint32_t *adopt_order(wfc_be *be, const wfc_be_layer *l, uint32_t row, const wfc_be_list *want,
                                   const wfc_be_list *have) {
    const wfc_space *s = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract;
    wfc_be_interval part = wfc_be_part(s->extent[l->red_var], l->split.pc, wfc_be_row_part(&l->split, row));
    uint32_t channels = part.hi - part.lo;
    if (channels == 0 || want->count != have->count || want->count % channels) return NULL;
    uint32_t block = want->count / channels;
    uint32_t *order = wfc_arena_alloc(&be->arena, channels, sizeof *order);
    if (!order) return NULL;
    for (uint32_t j = 0; j < channels; j++) {
        uint32_t c = 0;
        while (c < channels && want->ids[c * block] != have->ids[j * block]) c++;
        if (c == channels) return NULL;
        if (memcmp(&want->ids[c * block], &have->ids[j * block], block * sizeof *want->ids) != 0) return NULL;
        order[j] = part.lo + c;
    }
    return order;
}

/* Orders of the contraction channels with which the layer can take the stream's lanes as they are; NULL: none. */
static const uint32_t **adopt_orders(wfc_be *be, const wfc_be_layer *l, uint32_t edge, const demand *d,
                                     const wfc_be_stream *s) {
    if (!wfc_be_is_uniform(l, edge) || l->red_var < 0) return NULL;
    const uint32_t **order = wfc_arena_alloc(&be->arena, be->height, sizeof *order);
    for (uint32_t r = 0; order && r < be->height; r++) {
        if (lists_equal(&d->rows[r], &s->rows[r])) continue;
        if (d->rows[r].count == 0) return NULL;
        order[r] = adopt_order(be, l, r, &d->rows[r], &s->rows[r]);
        if (!order[r]) return NULL;
    }
    return order;
}

static bool all_equal(const wfc_be *be, const demand *d, const wfc_be_stream *s) {
    for (uint32_t r = 0; r < be->height; r++) {
        if (!lists_equal(&d->rows[r], &s->rows[r])) return false;
    }
    return true;
}

/* Turns the demand into intervals of the stream's own lanes that hold all each PE needs; false: an element lies in
 * another row. */
static bool pick(const wfc_be *be, const wfc_be_layer *l, const wfc_be_where *w, demand *d) {
    for (unsigned pass = 0; pass < 2; pass++) { /* the first only looks */
        for (uint32_t r = 0; r < be->height; r++) {
            for (uint32_t c = 0; c < l->split.cols && d->rows[r].count; c++) {
                wfc_be_interval *a = &d->accept[r][c], take = {UINT32_MAX, 0};
                for (uint32_t i = a->lo; i < a->hi; i++) {
                    int32_t id = d->rows[r].ids[i];
                    if (id < 0) continue;
                    if (w->row[id] != r) return false;
                    if (w->pos[id] < take.lo) take.lo = w->pos[id];
                    if (w->pos[id] >= take.hi) take.hi = w->pos[id] + 1;
                }
                if (a->hi > a->lo && take.hi == 0) return false; /* fills alone: nothing would pace the PE */
                if (pass) *a = a->hi > a->lo ? take : *a;
            }
        }
    }
    return true;
}

/* For an adapter's lanes: contraction channels in the order in which they come, so that each of its columns needs a
 * short piece of its source lanes. */
static wfc_status sort_channels(wfc_be *be, wfc_be_layer *l, uint32_t edge, const wfc_be_where *w, demand *d) {
    if (!wfc_be_is_uniform(l, edge) || l->red_var < 0) return WFC_OK;
    const wfc_space *s = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract;
    const uint32_t **orders = wfc_arena_alloc(&be->arena, be->height, sizeof *orders);
    if (!orders) return wfc_fail_memory(be->diag);
    for (uint32_t r = 0; r < be->height; r++) {
        wfc_be_list *list = &d->rows[r];
        wfc_be_interval part = wfc_be_part(s->extent[l->red_var], l->split.pc, wfc_be_row_part(&l->split, r));
        uint32_t channels = part.hi - part.lo, block = channels ? list->count / channels : 0;
        if (block == 0) continue;
        uint32_t *order = wfc_arena_alloc(&be->arena, channels, sizeof *order);
        uint64_t *rank = wfc_arena_alloc(&be->arena, channels, sizeof *rank);
        int32_t *ids = wfc_arena_alloc(&be->arena, list->count, sizeof *ids);
        if (!order || !rank || !ids) return wfc_fail_memory(be->diag);
        for (uint32_t c = 0; c < channels; c++) {
            uint32_t i = c * block;
            while (i + 1 < (c + 1) * block && list->ids[i] < 0) i++;
            int32_t id = list->ids[i];
            uint64_t key = id < 0 ? 0 : ((uint64_t)w->row[id] << 32 | w->pos[id]) + 1;
            uint32_t at = c;
            while (at > 0 && rank[at - 1] > key) {
                rank[at] = rank[at - 1];
                order[at] = order[at - 1];
                at--;
            }
            rank[at] = key;
            order[at] = c;
        }
        for (uint32_t c = 0; c < channels; c++) {
            memcpy(&ids[c * block], &list->ids[order[c] * block], block * sizeof *ids);
            order[c] += part.lo;
        }
        list->ids = ids;
        orders[r] = order;
    }
    l->order = orders;
    return WFC_OK;
}

/* The lanes of a layer's output: columns from east to west (an ordered merge lets the eastern ones go first). */
static wfc_status layer_rows(wfc_be *be, const wfc_be_layer *l, wfc_be_stream *s) {
    for (uint32_t r = l->split.y; r < l->split.y + l->split.h; r++) {
        uint32_t group, inner;
        if (!wfc_be_row_place(&l->split, r, &group, &inner)) continue;
        s->segment[r] = wfc_arena_alloc(&be->arena, l->split.cols, sizeof **s->segment);
        if (!s->segment[r]) return wfc_fail_memory(be->diag);
        for (uint32_t c = l->split.cols; c-- > 0;) {
            wfc_be_box b;
            if (!wfc_be_out_box(be, l, r, c, &b)) continue;
            WFC_TRY(wfc_be_list_box(be, l->out, false, &b, 0.0f, &s->rows[r]));
            s->segment[r][c] = (uint32_t)wfc_be_box_elems(&b);
        }
    }
    return WFC_OK;
}

static bool already_tapped(const wfc_be_layer *l, uint32_t edge, int32_t source) {
    for (uint32_t e = 0; e < edge; e++) {
        if (l->edges[e].source == source) return true;
    }
    return false;
}

enum { SPREAD = -2 }; /* instead of a relay's number */

const char *wfc_be_adapter_name(wfc_be *be, const char *whose, uint32_t layer, uint32_t edge, int relay) {
    char *s = layer == UINT32_MAX ? wfc_asprintf("%s/out", whose)
              : relay == SPREAD   ? wfc_asprintf("%s/spread%u", whose, edge)
              : relay >= 0        ? wfc_asprintf("%s/buffer%u.%d", whose, edge, relay)
                                  : wfc_asprintf("%s/in%u", whose, edge);
    char *kept = s ? wfc_arena_strdup(&be->arena, s) : NULL;
    wfc_free(s);
    return kept ? kept : "adapter";
}

static uint32_t floor_edge(const wfc_be *be, uint32_t layer, uint32_t edge) {
    return layer == UINT32_MAX ? be->floor->output_first + edge : be->floor->edge_first[layer] + edge;
}

/* An adapter from stream `source` to the lanes `rows`; its slab comes before whoever reads it. */
/* relay: which of the edge's relays it is; -1: none, an adapter; SPREAD. */
static wfc_status new_adapter(wfc_be *be, int32_t source, const char *for_whom, int relay, const wfc_be_list *rows,
                              uint32_t layer, uint32_t edge, int32_t *out_stream) {
    int32_t stream = -1, slab = -1;
    const char *name = wfc_be_adapter_name(be, for_whom, layer, edge, relay);
    WFC_TRY(new_stream(be, name, be->streams.data[source].tensor, &stream));
    for (uint32_t r = 0; r < be->height; r++) be->streams.data[stream].rows[r] = rows[r];
    wfc_be_adapter a = {.name = name,
                        .relay = relay >= 0,
                        .spread = relay == SPREAD,
                        .source = source,
                        .stream = stream,
                        .layer = layer,
                        .edge = edge};
    uint32_t f = floor_edge(be, layer, edge);
    a.y = be->floor->strip[f].y;
    a.h = be->floor->strip[f].h;
    be->streams.data[stream].west =
        relay < 0 && (be->floor->relation[f] == WFC_BE_WEST || be->floor->relation[f] == WFC_BE_STACK);
    WFC_TRY(new_slab(be, true, (uint32_t)be->adapters.count, 1, &slab));
    a.slab = slab;
    be->streams.data[stream].slab = slab;
    if (wfc_vec_push(&be->adapters, a) != WFC_OK) return wfc_fail_memory(be->diag);
    *out_stream = stream;
    return wfc_be_size_adapter(be, (uint32_t)be->adapters.count - 1);
}

/* How an edge gets its words, before anything is built. */
typedef enum connection_kind { DIRECT, PICK, ADAPT } connection_kind;
typedef struct connection {
    connection_kind kind;
    demand d;
} connection;

static uint32_t longest_row(const wfc_be *be, int32_t stream) {
    uint32_t most = 0;
    for (uint32_t r = 0; r < be->height; r++) {
        if (be->streams.data[stream].rows[r].count > most) most = be->streams.data[stream].rows[r].count;
    }
    return most;
}

/* Lanes of an input as they enter are long where ports are few: too long to be kept twice by every PE that needs a
 * part. An adapter deals each port's words over the rows around it, one by one. */
static wfc_status spread_input(wfc_be *be, uint32_t layer, uint32_t edge, int32_t *stream) {
    if (8 * (uint64_t)longest_row(be, *stream) <= be->t->sram_bytes / 2) return WFC_OK;
    const wfc_be_stream *s = &be->streams.data[*stream];
    uint32_t end = be->region.y + be->region.h;
    wfc_be_list *rows = wfc_arena_alloc(&be->arena, be->height, sizeof *rows);
    if (!rows) return wfc_fail_memory(be->diag);
    for (uint32_t lo = be->region.y, hi; lo < end; lo = hi) { /* rows whose nearest port is the same */
        uint32_t port = wfc_be_nearest_port(be, WFC_SIDE_WEST, lo);
        for (hi = lo + 1; hi < end && wfc_be_nearest_port(be, WFC_SIDE_WEST, hi) == port;) hi++;
        for (uint32_t i = 0; i < s->rows[port].count; i++)
            WFC_TRY(wfc_be_list_push(be, &rows[lo + i % (hi - lo)], s->rows[port].ids[i]));
    }
    return new_adapter(be, *stream, be->layers[layer].name, SPREAD, rows, layer, edge, stream);
}

static wfc_status find_source(wfc_be *be, uint32_t layer, uint32_t edge, const demand *d) {
    wfc_be_edge *e = &be->layers[layer].edges[edge];
    wfc_value root = wfc_be_view_root(be->g, e->consumed);
    if (be->stream_of[root.i] < 0) { /* a model input, first use */
        WFC_TRY(new_stream(be, wfc_ir_node_c(be->g, root)->u.input.host_name, root, &be->stream_of[root.i]));
        WFC_TRY(wfc_be_input_rows(be, &be->streams.data[be->stream_of[root.i]], d->rows));
        be->host_stream[root.i] = be->stream_of[root.i];
        WFC_TRY(spread_input(be, layer, edge, &be->stream_of[root.i]));
    }
    e->source = be->stream_of[root.i];
    return WFC_OK;
}

/* Lanes reach a reader without an adapter only where it lies east of their producer. */
static bool may_be_direct(const wfc_be *be, const wfc_be_layer *l, uint32_t edge) {
    wfc_be_relation r = be->floor->relation[floor_edge(be, (uint32_t)(l - be->layers), edge)];
    return r == WFC_BE_EAST || r == WFC_BE_IN;
}

static wfc_status choose_connection(wfc_be *be, wfc_be_layer *l, uint32_t edge, connection *c) {
    wfc_be_edge *e = &l->edges[edge];
    l->order = edge == 0 ? NULL : l->order;
    WFC_TRY(edge_demand(be, l, edge, &c->d));
    WFC_TRY(find_source(be, (uint32_t)(l - be->layers), edge, &c->d));
    const wfc_be_stream *s = &be->streams.data[e->source];
    const wfc_be_where *w;
    WFC_TRY(wfc_be_locate(be, e->source, &w));
    c->kind = ADAPT;
    if (may_be_direct(be, l, edge) && !already_tapped(l, edge, e->source)) {
        const uint32_t **orders = adopt_orders(be, l, edge, &c->d, s);
        if (orders) l->order = orders;
        if (orders || all_equal(be, &c->d, s))
            c->kind = DIRECT;
        else if (s->slab >= 0 && pick(be, l, w, &c->d))
            c->kind = PICK;
    }
    return c->kind == ADAPT ? sort_channels(be, l, edge, w, &c->d) : WFC_OK;
}

/* Lanes of the source that the edge needs: those that a relay passes on. */
static wfc_status needed_lanes(wfc_be *be, const wfc_be_edge *e, const connection *c, wfc_be_list **out) {
    const wfc_be_stream *s = &be->streams.data[e->source];
    const wfc_be_where *w;
    WFC_TRY(wfc_be_locate(be, e->source, &w));
    wfc_be_list *rows = *out = wfc_arena_alloc(&be->arena, be->height, sizeof *rows);
    if (!rows) return wfc_fail_memory(be->diag);
    for (uint32_t r = 0; r < be->height; r++) {
        for (uint32_t i = 0; i < c->d.rows[r].count; i++) {
            int32_t id = c->d.rows[r].ids[i];
            if (id >= 0) rows[w->row[id]] = s->rows[w->row[id]];
        }
    }
    return WFC_OK;
}

/* Builds the way of an edge: relays, then the adapter, then the reader's tap. */
static wfc_status build_connection(wfc_be *be, wfc_be_layer *l, uint32_t layer, uint32_t edge, uint32_t relays,
                                   const connection *c) {
    wfc_be_edge *e = &l->edges[edge];
    int32_t stream = e->source;
    wfc_be_list *lanes = NULL;
    if (relays) WFC_TRY(needed_lanes(be, e, c, &lanes));
    for (uint32_t i = 0; i < relays; i++) {
        WFC_TRY(new_adapter(be, stream, l->name, (int)i, lanes, layer, edge, &stream));
    }
    if (c->kind == ADAPT) WFC_TRY(new_adapter(be, stream, l->name, -1, c->d.rows, layer, edge, &stream));
    e->stream = stream;
    e->pick = c->kind == PICK;
    const wfc_be_where *w; /* made here: emission runs in scratch memory */
    if (e->pick) WFC_TRY(wfc_be_locate(be, stream, &w));
    wfc_be_tap *tap;
    WFC_TRY(wfc_be_add_tap(be, stream, -2, l->split.cols, &tap));
    for (uint32_t r = 0; r < be->height; r++) {
        for (uint32_t col = 0; col < l->split.cols; col++) tap->accept[r][col] = c->d.accept[r][col];
    }
    return WFC_OK;
}

/* Of an adapter, in times of a sample: it takes the lane, its words take the bus, it gives the lane. */
static const double ADAPTER_LATENCY = 2;

/* A sample that comes over a short way waits for its longer one: that many samples must find room, or the producer
 * that feeds both ways stops. The reader itself holds 2, an adapter or a relay 3. Times are of whole samples:
 * receive, work, send, each after the other. */
static wfc_status connect_edges(wfc_be *be, uint32_t layer) {
    wfc_be_layer *l = &be->layers[layer];
    connection c[WFC_BE_MAX_EDGES];
    double at[WFC_BE_MAX_EDGES], latest = 0, T = be->target_cycles, own = wfc_be_split_cycles(be, l, NULL);
    for (uint32_t e = 0; e < l->edge_count; e++) l->edges[e].stream = l->edges[e].source = -1;
    for (uint32_t e = 0; e < l->edge_count; e++) {
        WFC_TRY(choose_connection(be, l, e, &c[e]));
        int32_t from = be->layer_of[be->streams.data[l->edges[e].source].tensor.i];
        at[e] = from < 0 ? 0 : be->layers[from].ready;
        if (c[e].kind == ADAPT) at[e] += ADAPTER_LATENCY * T;
        if (at[e] > latest) latest = at[e];
    }
    for (uint32_t e = 0; e < l->edge_count; e++) {
        /* An operand of the tail waits for the layer's own products, too. */
        bool tail = l->has_contract && !wfc_value_eq(l->edges[e].user, l->nodes[0]);
        double waits = T > 0 ? 2 + ceil(1.2 * (latest + (tail ? own : 0) - at[e]) / T) : 1;
        double room = c[e].kind == ADAPT ? 5 : 2;
        bool joins = l->edge_count > 1 && (tail || latest > at[e]);
        uint32_t relays = joins && waits > room ? (uint32_t)ceil((waits - room) / 3) : 0;
        if (be->opt->like) relays = wfc_be_relays_like(be, l->name, layer, e);
        WFC_TRY(build_connection(be, l, layer, e, relays, &c[e]));
    }
    l->ready = latest + own;
    if (l->edge_count) l->ready += longest_row(be, l->edges[0].stream);
    return WFC_OK;
}

/* The reader's slab exists only after its adapters': fill in the placeholder of its taps. */
static void own_taps(wfc_be *be, int32_t slab) {
    for (size_t i = 0; i < be->streams.count; i++) {
        wfc_be_stream *s = &be->streams.data[i];
        for (uint32_t k = 0; k < s->tap_count; k++) {
            if (s->taps[k].slab == -2) s->taps[k].slab = slab;
        }
    }
}

static wfc_status connect_output(wfc_be *be, uint32_t output) {
    wfc_value root = wfc_be_view_root(be->g, be->g->outputs.data[output].value);
    int32_t layer = be->layer_of[root.i];
    /* A copy layer made for this very value wins. */
    for (uint32_t i = 0; i < be->layer_count; i++) {
        if (be->layers[i].node_count == 0 && wfc_value_eq(be->layers[i].out, be->g->outputs.data[output].value) &&
            be->layers[i].edges[0].operand != 1) {
            be->layers[i].edges[0].operand = 1; /* taken */
            layer = (int32_t)i;
            break;
        }
    }
    int32_t stream = be->layers[layer].out_stream;
    bool ports = true;
    const wfc_be_stream *s = &be->streams.data[stream];
    for (uint32_t r = 0; r < be->height; r++) ports &= s->rows[r].count == 0 || wfc_be_has_port(be, WFC_SIDE_EAST, r);
    if (!ports) {
        demand d = {.rows = wfc_arena_alloc(&be->arena, be->height, sizeof *d.rows)};
        if (!d.rows) return wfc_fail_memory(be->diag);
        for (uint32_t r = 0; r < be->height; r++) {
            uint32_t to = wfc_be_nearest_port(be, WFC_SIDE_EAST, r);
            for (uint32_t i = 0; i < s->rows[r].count; i++)
                WFC_TRY(wfc_be_list_push(be, &d.rows[to], s->rows[r].ids[i]));
        }
        WFC_TRY(
            new_adapter(be, stream, be->g->outputs.data[output].host_name, -1, d.rows, UINT32_MAX, output, &stream));
    }
    wfc_be_tap *tap;
    WFC_TRY(wfc_be_add_tap(be, stream, -1, 1, &tap));
    for (uint32_t r = 0; r < be->height; r++)
        tap->accept[r][0] = (wfc_be_interval){0, be->streams.data[stream].rows[r].count};
    be->output_stream[output] = stream;
    return WFC_OK;
}

/* Rows of a stream that nobody listens to are not sent at all. */
static void trim(wfc_be *be) {
    for (size_t i = 0; i < be->streams.count; i++) {
        wfc_be_stream *s = &be->streams.data[i];
        for (uint32_t r = 0; r < be->height; r++) {
            bool heard = false;
            for (uint32_t k = 0; k < s->tap_count && !heard; k++) {
                uint32_t cols = s->taps[k].slab < 0 ? 1 : be->slabs.data[s->taps[k].slab].w;
                for (uint32_t c = 0; c < cols; c++) heard |= s->taps[k].accept[r][c].hi > s->taps[k].accept[r][c].lo;
            }
            if (heard || s->slab < 0) continue;
            s->rows[r].count = 0;
            s->segment[r] = NULL;
        }
    }
}

wfc_status wfc_be_make_streams(wfc_be *be) {
    be->streams.count = be->adapters.count = be->slabs.count = 0;
    for (size_t i = 0; i < be->g->nodes.count; i++) be->stream_of[i] = be->host_stream[i] = -1;
    be->output_stream = wfc_arena_alloc(&be->arena, be->g->outputs.count + 1, sizeof *be->output_stream);
    if (!be->output_stream) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < be->layer_count; i++) {
        wfc_be_layer *l = &be->layers[i];
        if (l->node_count == 0) l->edges[0].operand = 0;
        WFC_TRY(connect_edges(be, i));
        WFC_TRY(new_slab(be, false, i, l->split.cols, &l->slab));
        own_taps(be, l->slab);
        WFC_TRY(new_stream(be, l->name, l->out, &l->out_stream));
        be->streams.data[l->out_stream].slab = l->slab;
        WFC_TRY(layer_rows(be, l, &be->streams.data[l->out_stream]));
        if (l->node_count > 0) be->stream_of[l->out.i] = l->out_stream;
    }
    for (uint32_t o = 0; o < be->g->outputs.count; o++) WFC_TRY(connect_output(be, o));
    trim(be);
    return WFC_OK;
}
