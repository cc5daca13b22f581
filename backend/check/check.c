/* The checker's driver: traces of all PEs (equal ones once), the flow of a sample, the event graph. */
#include "backend/check/check_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Scalar steps that all traces together may spend on pure loops, before loops are summed up instead: about 0.2 s. */
static const uint64_t STEP_BUDGET = 20000000;
enum { MIN_STEPS = 512, MAX_STEPS = 200000 };

void wfc_be_chk_error(wfc_chk *c, const char *code, uint32_t pe, const char *fmt, ...) {
    if (c->errors++ >= WFC_CHK_MAX_ERRORS) return;
    char text[4096], where[192] = "program";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (pe != WFC_CHK_NONE) {
        const wfc_prog_pe *at = &c->p->pes[pe];
        const char *layer = at->layer < c->p->layer_count ? c->p->layers[at->layer].name : NULL;
        snprintf(where, sizeof where, "PE (%u,%u)%s%.120s", (unsigned)at->x, (unsigned)at->y, layer ? ", layer " : "",
                 layer ? layer : "");
    }
    wfc_diag_add(c->diag, WFC_ERROR, code, where, "%s", text);
}

uint32_t wfc_be_chk_pe_at(const wfc_chk *c, int x, int y) {
    const wfc_target *t = &c->p->target;
    if (x < 0 || y < 0 || x >= t->width || y >= t->height) return WFC_CHK_NONE;
    return c->grid[(size_t)y * t->width + (size_t)x];
}

uint32_t wfc_be_chk_node_pe(const wfc_chk *c, uint32_t node, uint32_t *local) {
    *local = 0;
    if (node >= c->host_base) return WFC_CHK_NONE;
    uint32_t lo = 0, hi = c->p->pe_count; /* the last PE whose first node is not beyond */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->node_base[mid] <= node)
            lo = mid;
        else
            hi = mid;
    }
    *local = node - c->node_base[lo];
    return lo;
}

static wfc_status fill_grid(wfc_chk *c) {
    const wfc_target *t = &c->p->target;
    size_t n = (size_t)t->width * t->height;
    c->grid = wfc_calloc(n + 1, sizeof *c->grid);
    if (!c->grid) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) c->grid[i] = WFC_CHK_NONE;
    for (uint32_t i = 0; i < c->p->pe_count; i++) {
        const wfc_prog_pe *pe = &c->p->pes[i];
        bool bad = pe->x >= t->width || pe->y >= t->height ||
                   (pe->class_index != UINT32_MAX && pe->class_index >= c->p->class_count) ||
                   (pe->router_index != UINT32_MAX && pe->router_index >= c->p->router_count) ||
                   pe->reg_count >= WFC_NUM_REGS ||
                   (uint64_t)pe->data_first + pe->data_count > (pe->data_count ? c->p->data_count : UINT64_MAX) ||
                   (uint64_t)pe->regs_first + pe->reg_count > (pe->reg_count ? c->p->regs_count : UINT64_MAX);
        if (bad || c->grid[(size_t)pe->y * t->width + pe->x] != WFC_CHK_NONE) {
            wfc_be_chk_error(c, WFC_CHK_NOT_CHECKABLE, i, "not checkable: it breaks the rules of wfc_program_verify");
            return WFC_OK;
        }
        c->grid[(size_t)pe->y * t->width + pe->x] = i;
    }
    return WFC_OK;
}

/* --- traces: one per (class, parameter block) --- */
static uint64_t hash_key(const wfc_program *p, const wfc_prog_pe *pe) {
    uint64_t h = pe->class_index + UINT64_C(0x9e3779b97f4a7c15) * (pe->reg_count + 1u);
    for (uint32_t i = 0; i < pe->reg_count; i++) {
        h ^= p->regs[pe->regs_first + i];
        h = wfc_rng_next(&h);
    }
    if (wfc_be_chk_loads_descs(&p->classes[pe->class_index])) h ^= pe->data_first;
    return wfc_rng_next(&h);
}

static bool same_key(const wfc_program *p, const wfc_chk_trace *t, const wfc_prog_pe *pe) {
    if (t->class_index != pe->class_index || t->reg_count != pe->reg_count) return false;
    bool same_data = t->data_first == pe->data_first && t->data_count == pe->data_count;
    if (!same_data && wfc_be_chk_loads_descs(&p->classes[pe->class_index])) return false;
    return pe->reg_count == 0 ||
           memcmp(&p->regs[t->regs_first], &p->regs[pe->regs_first], pe->reg_count * sizeof *p->regs) == 0;
}

static wfc_status assign_traces(wfc_chk *c) {
    const wfc_program *p = c->p;
    size_t slots = 64;
    while (slots < 2 * (size_t)p->pe_count) slots *= 2;
    uint32_t *table = wfc_calloc(slots, sizeof *table);
    c->trace_of = wfc_calloc(p->pe_count + 1u, sizeof *c->trace_of);
    WFC_VEC(wfc_chk_trace) traces = {0};
    wfc_status s = table && c->trace_of ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; s == WFC_OK && i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        c->trace_of[i] = WFC_CHK_NONE;
        if (pe->class_index == UINT32_MAX) continue;
        c->stats.pes++;
        size_t slot = hash_key(p, pe) & (slots - 1);
        while (table[slot] && !same_key(p, &traces.data[table[slot] - 1], pe)) slot = (slot + 1) & (slots - 1);
        if (!table[slot]) {
            wfc_chk_trace t = {.class_index = pe->class_index,
                               .regs_first = pe->regs_first,
                               .reg_count = pe->reg_count,
                               .data_first = pe->data_first,
                               .data_count = pe->data_count};
            t.first_pe = i;
            s = wfc_vec_push(&traces, t);
            table[slot] = (uint32_t)traces.count;
        }
        c->trace_of[i] = table[slot] - 1;
    }
    wfc_free(table);
    c->traces = traces.data;
    c->trace_count = (uint32_t)traces.count;
    c->stats.traces = c->trace_count;
    return s;
}

static wfc_status build_traces(wfc_chk *c) {
    WFC_TRY(assign_traces(c));
    uint64_t budget = c->trace_count ? STEP_BUDGET / c->trace_count : 0;
    if (budget < MIN_STEPS) budget = MIN_STEPS;
    if (budget > MAX_STEPS) budget = MAX_STEPS;
    for (uint32_t i = 0; i < c->trace_count; i++) {
        wfc_chk_trace *t = &c->traces[i];
        WFC_TRY(wfc_be_chk_trace_build(c->p, budget, t));
        WFC_TRY(wfc_be_chk_trace_link(&c->p->target, t));
        if (t->fault_code) wfc_be_chk_error(c, t->fault_code, t->first_pe, "%s", t->fault);
        c->stats.unchecked_accesses += t->unchecked_accesses;
        if (t->microthreads > c->stats.max_microthreads) c->stats.max_microthreads = t->microthreads;
    }
    return WFC_OK;
}

static wfc_status number_nodes(wfc_chk *c) {
    c->node_base = wfc_calloc(c->p->pe_count + 1u, sizeof *c->node_base);
    if (!c->node_base) return WFC_ERR_NO_MEMORY;
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->p->pe_count; i++) {
        c->node_base[i] = (uint32_t)n;
        if (c->trace_of[i] == WFC_CHK_NONE) continue;
        const wfc_chk_trace *t = &c->traces[c->trace_of[i]];
        n += t->nodes.count;
        c->stats.arcs += t->arcs.count;
        c->stats.buffered_receives += t->buffered_receives;
        c->stats.chain_receives += t->chain_receives;
        if (n >= UINT32_MAX / 2) return WFC_ERR_NO_MEMORY;
    }
    c->node_base[c->p->pe_count] = c->host_base = (uint32_t)n;
    for (uint32_t t = 0; t < c->p->input_count; t++) n += c->p->inputs[t].stream_count;
    if (n >= UINT32_MAX / 2) return WFC_ERR_NO_MEMORY;
    c->node_count = c->extra_base = (uint32_t)n;
    c->host_words = wfc_calloc(c->node_count - c->host_base + 1u, sizeof *c->host_words);
    if (!c->host_words) return WFC_ERR_NO_MEMORY;
    uint32_t h = 0;
    for (uint32_t t = 0; t < c->p->input_count; t++)
        for (uint32_t i = 0; i < c->p->inputs[t].stream_count; i++)
            c->host_words[h++] = c->p->inputs[t].streams[i].words;
    return WFC_OK;
}

static wfc_status check_all(wfc_chk *c) {
    WFC_TRY(fill_grid(c));
    if (c->errors) return WFC_OK;
    WFC_TRY(build_traces(c));
    if (c->errors) return WFC_OK;
    WFC_TRY(number_nodes(c));
    WFC_TRY(wfc_be_chk_flow(c));
    if (c->errors) return WFC_OK;
    WFC_TRY(wfc_be_chk_pieces(c));
    c->stats.events = c->node_count;
    c->stats.arcs += c->cross.count;
    return wfc_be_chk_graph(c);
}

wfc_status wfc_be_check(const wfc_program *p, wfc_diag *diag, wfc_check_stats *out) {
    wfc_chk c = {.p = p, .diag = diag};
    wfc_status s = check_all(&c);
    if (c.errors > WFC_CHK_MAX_ERRORS)
        wfc_diag_add(diag, WFC_NOTE, "WFC-N0750", "program", "%u more errors of the checker are not shown",
                     (unsigned)(c.errors - WFC_CHK_MAX_ERRORS));
    if (out) *out = c.stats;
    wfc_free(c.grid);
    for (uint32_t i = 0; i < c.trace_count; i++) wfc_be_chk_trace_deinit(&c.traces[i]);
    wfc_free(c.traces);
    wfc_free(c.trace_of);
    wfc_free(c.node_base);
    wfc_free(c.host_words);
    wfc_vec_free(&c.transfers);
    wfc_vec_free(&c.orders);
    wfc_vec_free(&c.cuts);
    wfc_vec_free(&c.cross);
    wfc_vec_free(&c.to_host);
    wfc_vec_free(&c.first_to_host);
    if (s == WFC_ERR_NO_MEMORY) return wfc_fail_memory(diag);
    if (s != WFC_OK) return s;
    return c.errors ? WFC_ERR_INTERNAL : WFC_OK;
}
