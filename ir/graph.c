/* The graph's storage: nodes, names, uses, compaction. Builders are in build.c. */
#include "ir/graph.h"
#include "ir/op.h"
#include <string.h>

uint64_t wfc_shape_elems(const wfc_shape *s) {
    uint64_t n = 1;
    for (unsigned d = 0; d < s->rank; d++) n *= s->dims[d];
    return n;
}

bool wfc_shape_eq(const wfc_shape *a, const wfc_shape *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) == 0;
}

void wfc_graph_init(wfc_graph *g) {
    memset(g, 0, sizeof *g);
    wfc_arena_init(&g->arena);
    g->name = "";
    g->samples = 1;
}

void wfc_graph_deinit(wfc_graph *g) {
    wfc_vec_free(&g->nodes);
    wfc_vec_free(&g->operands);
    wfc_vec_free(&g->outputs);
    wfc_vec_free(&g->name_slots);
    wfc_arena_deinit(&g->arena);
}

wfc_node *wfc_ir_node(wfc_graph *g, wfc_value v) {
    return &g->nodes.data[v.i];
}
const wfc_node *wfc_ir_node_c(const wfc_graph *g, wfc_value v) {
    return &g->nodes.data[v.i];
}

wfc_value wfc_ir_operand(const wfc_graph *g, wfc_value v, uint32_t k) {
    return g->operands.data[g->nodes.data[v.i].operand_first + k];
}

const char *wfc_core_op_name(unsigned op) {
    const wfc_core_record *r = wfc_core_lookup(op);
    return r ? r->name : NULL;
}

/* ---- Names: open addressing over name_slots, a slot holds node index + 1. An index that does not hold all nodes
 * (after compaction, or when a table was never built) is rebuilt by wfc_name_index_sync. ---- */

static uint64_t hash_name(const char *s) {
    uint64_t h = 1469598103934665603u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h ^ (h >> 29);
}

static void index_put(wfc_graph *g, uint32_t node) {
    size_t mask = g->name_slots.capacity - 1;
    size_t at = (size_t)hash_name(g->nodes.data[node].name) & mask;
    while (g->name_slots.data[at]) at = (at + 1) & mask;
    g->name_slots.data[at] = node + 1;
}

/* Invariant: name_slots.count nodes, the first ones, are in the table; capacity is a power of two, less than half
 * full. */
static bool index_sync(wfc_graph *g) {
    if (g->name_slots.count > g->nodes.count) g->name_slots.count = 0;
    if (g->name_slots.capacity < 2 * (g->nodes.count + 1) || g->name_slots.count == 0) {
        size_t capacity = 64;
        while (capacity < 4 * (g->nodes.count + 1)) capacity *= 2;
        uint32_t *slots = wfc_calloc(capacity, sizeof *slots);
        if (!slots) return false;
        wfc_vec_free(&g->name_slots);
        g->name_slots.data = slots;
        g->name_slots.capacity = capacity;
    }
    while (g->name_slots.count < g->nodes.count) index_put(g, (uint32_t)g->name_slots.count++);
    return true;
}

wfc_value wfc_ir_find(wfc_graph *g, const char *name) {
    if (!index_sync(g)) { /* no memory for the index: look one by one */
        for (uint32_t i = 0; i < g->nodes.count; i++)
            if (strcmp(g->nodes.data[i].name, name) == 0) return (wfc_value){i};
        return WFC_VALUE_NONE;
    }
    size_t mask = g->name_slots.capacity - 1;
    for (size_t at = (size_t)hash_name(name) & mask; g->name_slots.data[at]; at = (at + 1) & mask) {
        uint32_t node = g->name_slots.data[at] - 1;
        if (strcmp(g->nodes.data[node].name, name) == 0) return (wfc_value){node};
    }
    return WFC_VALUE_NONE;
}

/* ---- Uses ---- */

void wfc_ir_replace_uses(wfc_graph *g, wfc_value from, wfc_value to) {
    for (size_t i = 0; i < g->operands.count; i++)
        if (wfc_value_eq(g->operands.data[i], from)) g->operands.data[i] = to;
    for (size_t i = 0; i < g->outputs.count; i++)
        if (wfc_value_eq(g->outputs.data[i].value, from)) g->outputs.data[i].value = to;
}

wfc_status wfc_ir_count_uses(const wfc_graph *g, uint32_t **out_counts) {
    uint32_t *counts = wfc_calloc(g->nodes.count, sizeof *counts);
    if (!counts) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        for (uint32_t k = 0; k < n->operand_count; k++) counts[g->operands.data[n->operand_first + k].i]++;
    }
    for (size_t i = 0; i < g->outputs.count; i++) counts[g->outputs.data[i].value.i]++;
    *out_counts = counts;
    return WFC_OK;
}

/* ---- Compaction: live nodes in the old order, each pushed behind its operands (depth first, explicit stack) ---- */

static const uint32_t UNSEEN = UINT32_MAX, OPEN = UINT32_MAX - 1;

typedef struct compaction {
    wfc_graph *g;
    uint32_t *new_index; /* by old index: UNSEEN, OPEN (on the stack), else its new index */
    bool *live;
    uint32_t *stack, *order;
    uint32_t order_count;
    bool drop_inputs;
} compaction;

/* A node is on the stack at most once (OPEN), so nodes.count entries suffice. */
static void mark_live(compaction *c, uint32_t root) {
    uint32_t top = 0;
    if (c->live[root]) return;
    c->live[root] = true;
    c->stack[top++] = root;
    while (top) {
        const wfc_node *n = &c->g->nodes.data[c->stack[--top]];
        for (uint32_t k = 0; k < n->operand_count; k++) {
            uint32_t o = c->g->operands.data[n->operand_first + k].i;
            if (c->live[o]) continue;
            c->live[o] = true;
            c->stack[top++] = o;
        }
    }
}

static wfc_status place(compaction *c, uint32_t root) {
    uint32_t top = 0;
    if (c->new_index[root] != UNSEEN) return WFC_OK;
    c->stack[top++] = root;
    c->new_index[root] = OPEN;
    while (top) {
        const wfc_node *n = &c->g->nodes.data[c->stack[top - 1]];
        uint32_t waits = UNSEEN;
        for (uint32_t k = 0; k < n->operand_count && waits == UNSEEN; k++) {
            uint32_t o = c->g->operands.data[n->operand_first + k].i;
            if (c->new_index[o] == OPEN) return WFC_ERR_INTERNAL; /* a cycle: a pass broke SSA */
            if (c->new_index[o] == UNSEEN) waits = o;
        }
        if (waits != UNSEEN) {
            c->new_index[waits] = OPEN;
            c->stack[top++] = waits;
            continue;
        }
        uint32_t done = c->stack[--top];
        c->new_index[done] = c->order_count;
        c->order[c->order_count++] = done;
    }
    return WFC_OK;
}

static wfc_status apply(compaction *c, wfc_node *nodes, wfc_value *operands) {
    wfc_graph *g = c->g;
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const wfc_node *old = &g->nodes.data[c->order[i]];
        nodes[i] = *old;
        nodes[i].operand_first = at;
        for (uint32_t k = 0; k < old->operand_count; k++)
            operands[at++].i = c->new_index[g->operands.data[old->operand_first + k].i];
    }
    memcpy(g->nodes.data, nodes, c->order_count * sizeof *nodes);
    if (at) memcpy(g->operands.data, operands, at * sizeof *operands);
    g->nodes.count = c->order_count;
    g->operands.count = at;
    for (size_t i = 0; i < g->outputs.count; i++) g->outputs.data[i].value.i = c->new_index[g->outputs.data[i].value.i];
    g->name_slots.count = 0; /* handles changed: the name index is rebuilt on demand */
    return WFC_OK;
}

static wfc_status compact_with(compaction *c) {
    wfc_graph *g = c->g;
    uint32_t count = (uint32_t)g->nodes.count;
    for (uint32_t i = 0; i < count; i++) {
        c->new_index[i] = UNSEEN;
        if (g->nodes.data[i].op == WFC_CORE_INPUT && !c->drop_inputs) mark_live(c, i);
    }
    for (size_t i = 0; i < g->outputs.count; i++) mark_live(c, g->outputs.data[i].value.i);
    for (uint32_t i = 0; i < count; i++)
        if (c->live[i]) WFC_TRY(place(c, i));
    uint64_t operand_total = 0;
    for (uint32_t i = 0; i < c->order_count; i++) operand_total += g->nodes.data[c->order[i]].operand_count;
    wfc_node *nodes = wfc_calloc(c->order_count, sizeof *nodes);
    wfc_value *operands = wfc_calloc((size_t)operand_total, sizeof *operands);
    wfc_status s = nodes && operands ? apply(c, nodes, operands) : WFC_ERR_NO_MEMORY;
    wfc_free(nodes);
    wfc_free(operands);
    return s;
}

static wfc_status compact(wfc_graph *g, bool drop_inputs) {
    size_t count = g->nodes.count;
    compaction c = {.g = g, .drop_inputs = drop_inputs};
    c.new_index = wfc_calloc(count, sizeof *c.new_index);
    c.live = wfc_calloc(count, sizeof *c.live);
    c.stack = wfc_calloc(count, sizeof *c.stack);
    c.order = wfc_calloc(count, sizeof *c.order);
    wfc_status s = c.new_index && c.live && c.stack && c.order ? compact_with(&c) : WFC_ERR_NO_MEMORY;
    wfc_free(c.new_index);
    wfc_free(c.live);
    wfc_free(c.stack);
    wfc_free(c.order);
    return s;
}

wfc_status wfc_ir_compact(wfc_graph *g) {
    return compact(g, false);
}

wfc_status wfc_ir_compact_inputs(wfc_graph *g) {
    return compact(g, true);
}
