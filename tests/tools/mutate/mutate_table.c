/* Tables of descriptors: code that loads descriptors (ldd) from records in the PE's data and then uses them.
 *
 *   ldd d12, d10    d10: the record's first 20 bytes, at a base that a register moves on from record to record
 *   ldd d13, d11    d11: the 20 bytes behind them
 *   vmov d13, d12 */
#include "tests/tools/mutate/mutate.h"

#include <stdio.h>
#include <string.h>

/* The consecutive loads of one record. */
typedef struct group {
    uint32_t first, count; /* instructions */
    uint32_t base, records;
} group;

static const wfc_desc *source(const wfc_prog_class *c, uint32_t insn) {
    return &c->descs[c->insns[insn].a - WFC_OPND_DESC0];
}

static bool joins(const wfc_prog_class *c, uint32_t insn) {
    return insn + 1 < c->insn_count && c->insns[insn].op == WFC_OP_LDD && c->insns[insn + 1].op == WFC_OP_LDD &&
           source(c, insn)->base + WFC_DESC_BYTES == source(c, insn + 1)->base;
}

/* False: not loaded, or by several instructions. */
static bool find_group(const wfc_prog_class *c, uint8_t operand, group *g) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < c->insn_count; i++) {
        if (c->insns[i].op != WFC_OP_LDD || c->insns[i].d != operand) continue;
        g->first = i;
        found++;
    }
    if (found != 1) return false;
    while (g->first > 0 && joins(c, g->first - 1)) g->first--;
    g->count = 1;
    while (joins(c, g->first + g->count - 1)) g->count++;
    g->base = source(c, g->first)->base;
    g->records = 0;
    for (uint32_t i = 0; i < c->array_count; i++) {
        const wfc_prog_array *a = &c->arrays[i];
        if (g->base < a->addr || g->base >= (uint32_t)a->addr + a->bytes) continue;
        g->records = (a->addr + a->bytes - g->base) / (WFC_DESC_BYTES * g->count);
    }
    return true;
}

/* Initial bytes of the PE at an address; NULL when the file does not hold all 20 of them. */
static const wfc_prog_data *data_at(const wfc_program *p, const wfc_prog_pe *pe, uint32_t addr) {
    for (uint32_t k = pe->data_first; k < pe->data_first + pe->data_count; k++)
        if (addr >= p->data[k].addr && addr + WFC_DESC_BYTES <= p->data[k].addr + p->data[k].bytes) return &p->data[k];
    return NULL;
}

static bool record_desc(const wfc_program *p, uint32_t pe, const group *g, uint32_t record, uint32_t member,
                        wfc_desc *out) {
    uint32_t addr = g->base + WFC_DESC_BYTES * (record * g->count + member);
    const wfc_prog_data *d = data_at(p, &p->pes[pe], addr);
    if (!d) return false;
    wfc_desc_decode(p->bulk + d->bulk_offset + (addr - d->addr), out);
    return out->kind == WFC_DESC_MEM;
}

/* The record's descriptors, shortened; bit per member that changes, 0: nothing can be shortened. */
static uint32_t shorten(const wfc_program *p, const mutate_place *at, const group *g, wfc_desc *descs, bool *out_all) {
    const wfc_prog_class *c = &p->classes[p->pes[at->pe].class_index];
    uint32_t chosen = UINT32_MAX, changed = 0;
    for (uint32_t m = 0; m < g->count; m++) {
        if (m >= 8 || !record_desc(p, at->pe, g, at->entry - 1u, m, &descs[m])) return 0;
        if (c->insns[g->first + m].d == at->operand) chosen = m;
    }
    if (chosen == UINT32_MAX || mutate_innermost(&descs[chosen]) < 0) return 0;
    const wfc_desc from = descs[chosen];
    const int dim = mutate_innermost(&from);
    const uint64_t n = wfc_desc_elems(&from), shorter = n / from.len[dim] * (from.len[dim] - 1u);
    *out_all = true;
    for (uint32_t m = 0; m < g->count; m++) {
        uint16_t len[4];
        if (wfc_desc_elems(&descs[m]) != n) continue;
        if (!mutate_follow(&descs[m], &from, dim, shorter, len)) {
            *out_all = false;
            continue;
        }
        memcpy(descs[m].len, len, sizeof len);
        changed |= 1u << m;
    }
    return changed;
}

wfc_status mutate_list_table(const wfc_program *p, uint32_t pe, uint32_t insn, uint8_t operand, bool consistent,
                             mutate_places *out) {
    const wfc_prog_class *c = &p->classes[p->pes[pe].class_index];
    group g;
    if (!find_group(c, operand, &g)) return WFC_OK;
    for (uint32_t r = 0; r < g.records && r < UINT16_MAX; r++) {
        mutate_place at = {.pe = pe, .item = insn, .operand = operand, .entry = (uint16_t)(r + 1)};
        wfc_desc descs[8];
        bool all = false;
        if (!shorten(p, &at, &g, descs, &all) || (consistent && !all)) continue;
        WFC_TRY(wfc_vec_push(out, at));
    }
    return WFC_OK;
}

/* This PE's own copy of its data: entries and bytes at the end of the program's. */
static wfc_status own_data(wfc_program *p, wfc_prog_pe *pe) {
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < pe->data_count; k++) bytes += p->data[pe->data_first + k].bytes;
    uint8_t *bulk = wfc_arena_alloc(&p->arena, p->bulk_bytes + bytes, 1);
    wfc_prog_data *data = wfc_arena_alloc(&p->arena, (size_t)p->data_count + pe->data_count, sizeof *data);
    if (!bulk || !data) return WFC_ERR_NO_MEMORY;
    memcpy(bulk, p->bulk, p->bulk_bytes);
    memcpy(data, p->data, p->data_count * sizeof *data);
    for (uint32_t k = 0; k < pe->data_count; k++) {
        wfc_prog_data *d = &data[p->data_count + k];
        *d = p->data[pe->data_first + k];
        memcpy(bulk + p->bulk_bytes, p->bulk + d->bulk_offset, d->bytes);
        d->bulk_offset = p->bulk_bytes;
        p->bulk_bytes += d->bytes;
    }
    pe->data_first = p->data_count;
    p->data_count += pe->data_count;
    p->data = data;
    p->bulk = bulk;
    return WFC_OK;
}

wfc_status mutate_apply_table(wfc_program *p, const mutate_place *at, char *text, size_t text_bytes) {
    wfc_prog_pe *pe = &p->pes[at->pe];
    const wfc_prog_class *c = &p->classes[pe->class_index];
    group g;
    wfc_desc descs[8];
    bool all = false;
    uint32_t changed = find_group(c, at->operand, &g) ? shorten(p, at, &g, descs, &all) : 0;
    if (!changed) return WFC_ERR_INTERNAL;
    WFC_TRY(own_data(p, pe));
    int n = snprintf(text, text_bytes,
                     "box: PE (%u,%u) class %.60s instruction %u %s, %s, table record %u:", (unsigned)pe->x,
                     (unsigned)pe->y, c->name, (unsigned)at->item, wfc_isa_lookup(c->insns[at->item].op)->mnemonic,
                     all ? "consistent" : "alone", at->entry - 1u);
    for (uint32_t m = 0; m < g.count; m++) {
        bool chosen = c->insns[g.first + m].d == at->operand;
        if (!(changed >> m & 1) || (!all && !chosen)) continue;
        uint32_t addr = g.base + WFC_DESC_BYTES * ((at->entry - 1u) * g.count + m);
        const wfc_prog_data *d = data_at(p, pe, addr);
        wfc_desc_encode(&descs[m], p->bulk + d->bulk_offset + (addr - d->addr));
        if (n > 0 && (size_t)n < text_bytes)
            n += snprintf(text + n, text_bytes - (size_t)n, " d%u to %u elements",
                          c->insns[g.first + m].d - (unsigned)WFC_OPND_DESC0, (unsigned)wfc_desc_elems(&descs[m]));
    }
    return WFC_OK;
}
