/* The checker's driver: traces of all PEs (equal ones once), the flow of a sample, the event graph. */
#include "backend/check/check_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

uint32_t wfc_be_chk_node_code(const wfc_chk *c, uint32_t node) {
    if (node >= c->host_base) return WFC_CHK_NONE;
    uint32_t k = c->code_block[node / 16]; /* each of them has a node at least, so few are passed */
    while (c->code_base[k + 1] <= node) k++;
    return k;
}

uint32_t wfc_be_chk_node_pe(const wfc_chk *c, uint32_t node, uint32_t *local) {
    uint32_t k = wfc_be_chk_node_code(c, node);
    *local = k == WFC_CHK_NONE ? 0 : node - c->code_base[k];
    return k == WFC_CHK_NONE ? WFC_CHK_NONE : c->code_pe[k];
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

static wfc_status number_host_streams(wfc_chk *c, uint64_t n) {
    c->host_base = (uint32_t)n;
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

static wfc_status number_nodes(wfc_chk *c) {
    c->node_base = wfc_calloc(c->p->pe_count + 1u, sizeof *c->node_base);
    c->code_pe = wfc_calloc(c->stats.pes + 1u, sizeof *c->code_pe);
    c->code_base = wfc_calloc(c->stats.pes + 1u, sizeof *c->code_base);
    if (!c->node_base || !c->code_pe || !c->code_base) return WFC_ERR_NO_MEMORY;
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->p->pe_count; i++) {
        c->node_base[i] = (uint32_t)n;
        if (c->trace_of[i] == WFC_CHK_NONE) continue;
        const wfc_chk_trace *t = &c->traces[c->trace_of[i]];
        c->stats.arcs += t->arcs.count;
        c->stats.buffered_receives += t->buffered_receives;
        c->stats.chain_receives += t->chain_receives;
        if (t->nodes.count == 0) continue;
        c->code_pe[c->code_count] = i;
        c->code_base[c->code_count++] = (uint32_t)n;
        n += t->nodes.count;
        if (n >= UINT32_MAX / 2) return WFC_ERR_NO_MEMORY;
    }
    c->code_base[c->code_count] = (uint32_t)n;
    c->code_block = wfc_calloc(n / 16 + 1, sizeof *c->code_block);
    if (!c->code_block) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0, k = 0; (uint64_t)i * 16 < n; i++) {
        while (c->code_base[k + 1] <= i * 16) k++;
        c->code_block[i] = k;
    }
    for (uint32_t t = 0; t < c->trace_count; t++)
        for (size_t i = 0; i < c->traces[t].nodes.count; i++)
            if (c->traces[t].nodes.data[i].offset) c->offsets = true;
    return number_host_streams(c, n);
}

static wfc_status check_all(wfc_chk *c) {
    WFC_TRY(fill_grid(c));
    if (c->errors) return WFC_OK;
    WFC_TRY(wfc_be_chk_build_traces(c));
    if (c->errors) return WFC_OK;
    WFC_TRY(number_nodes(c));
    WFC_TRY(wfc_be_chk_flow(c));
    if (c->errors) return WFC_OK;
    WFC_TRY(wfc_be_chk_pieces(c));
    if (c->errors) return WFC_OK;
    c->stats.events = c->node_count;
    c->stats.arcs += c->cross_start[c->node_count];
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
    wfc_free(c.code_pe);
    wfc_free(c.code_base);
    wfc_free(c.code_block);
    wfc_free(c.host_words);
    wfc_vec_free(&c.transfers);
    wfc_vec_free(&c.orders);
    wfc_vec_free(&c.cuts);
    wfc_free(c.cross_start);
    wfc_free(c.cross);
    wfc_vec_free(&c.to_host);
    wfc_vec_free(&c.first_to_host);
    if (s == WFC_ERR_NO_MEMORY) return wfc_fail_memory(diag);
    if (s != WFC_OK) return s;
    return c.errors ? WFC_ERR_INTERNAL : WFC_OK;
}
