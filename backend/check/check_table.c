/* What a program loads from constant memory.
 *
 * Descriptors (ldd): a kernel with many small moves keeps them in a table of its own.
 *
 * Their bytes are the PE's initial data, so they are known as long as nothing stores into that array; stores stay
 * within the array of their descriptor (the engine traps otherwise), so it is enough to look which arrays are stored
 * to. Loaded descriptors must be memory descriptors: then they cannot change what moves over the fabric.
 *
 * Records (ldt): a weight-sparse kernel reads {offset, offset, weight}, one per weight. How many they are and what they
 * say differs from PE to PE and counts for nothing but the addresses, so all PEs of a class are looked at together: an
 * offset is at most the greatest in any of their tables. */
#include "backend/check/check_internal.h"

#include <string.h>

bool wfc_be_chk_loads_descs(const wfc_prog_class *c) {
    for (uint32_t i = 0; i < c->insn_count; i++)
        if (c->insns[i].op == WFC_OP_LDD) return true;
    return false;
}

/* Index of the array that holds an address, array_count when none does. */
static uint32_t array_at(const wfc_prog_class *c, uint32_t addr) {
    for (uint32_t i = 0; i < c->array_count; i++)
        if (addr >= c->arrays[i].addr && addr < (uint32_t)c->arrays[i].addr + c->arrays[i].bytes) return i;
    return c->array_count;
}

void wfc_be_chk_stores(wfc_chk_machine *m, uint8_t operand) {
    if (operand < WFC_OPND_DESC0 || operand >= WFC_OPND_DESC0 + WFC_NUM_DESCS) return;
    const wfc_desc *d = &m->s.descs[operand - WFC_OPND_DESC0];
    if (d->kind != WFC_DESC_MEM && d->kind != WFC_DESC_RING) return;
    bool anywhere = m->s.unknown[operand - WFC_OPND_DESC0] & 1;
    for (uint32_t i = 0; anywhere && i < m->cls->array_count; i++) m->array_use[i] |= WFC_CHK_STORED;
    m->array_use[array_at(m->cls, d->base)] |= WFC_CHK_STORED;
}

bool wfc_be_chk_tables_constant(wfc_chk_machine *m) {
    for (uint32_t i = 0; i < m->cls->array_count; i++)
        if (m->array_use[i] == (WFC_CHK_STORED | WFC_CHK_TABLE))
            return wfc_be_chk_refuse(m, 0, "it changes the table from which it loads descriptors");
    return true;
}

/* Initial bytes of the PE's memory; what no data cover is zero. */
static void initial_bytes(const wfc_chk_machine *m, uint32_t addr, uint8_t *out, uint32_t n) {
    memset(out, 0, n);
    for (uint32_t i = 0; i < m->trace->data_count; i++) {
        const wfc_prog_data *data = &m->p->data[m->trace->data_first + i];
        if (data->bulk_offset > m->p->bulk_bytes || data->bytes > m->p->bulk_bytes - data->bulk_offset) continue;
        for (uint32_t k = 0; k < n; k++)
            if (addr + k >= data->addr && addr + k - data->addr < data->bytes)
                out[k] = m->p->bulk[data->bulk_offset + (addr + k - data->addr)];
    }
}

bool wfc_be_chk_load_desc(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in) {
    unsigned from = in->a - (unsigned)WFC_OPND_DESC0, to = in->d - (unsigned)WFC_OPND_DESC0;
    const wfc_desc *d = &m->s.descs[from];
    wfc_chk_value off = m->s.regs[d->off & 15];
    if ((m->s.unknown[from] & 1) || (d->off && off.kind != WFC_CHK_KNOWN))
        return wfc_be_chk_refuse(m, pc, "it loads a descriptor from a place that depends on data");
    uint32_t addr = d->base + (d->off ? off.bits : 0), array = array_at(m->cls, d->base);
    if (array == m->cls->array_count || array_at(m->cls, addr) != array ||
        array_at(m->cls, addr + WFC_DESC_BYTES - 1) != array)
        return wfc_be_chk_refuse(m, pc, "it loads a descriptor from outside its table");
    m->array_use[array] |= WFC_CHK_TABLE;
    uint8_t bytes[WFC_DESC_BYTES];
    wfc_desc loaded;
    initial_bytes(m, addr, bytes, sizeof bytes);
    wfc_desc_decode(bytes, &loaded);
    uint8_t before = m->s.descs[to].kind;
    bool memory = loaded.kind == WFC_DESC_MEM && (before == WFC_DESC_MEM || before == WFC_DESC_NONE);
    if (!memory || loaded.off >= WFC_NUM_REGS || loaded.type >= WFC_NUM_PE_DTYPES)
        return wfc_be_chk_refuse(m, pc, "it loads a descriptor that is not one of memory");
    m->s.descs[to] = loaded;
    m->s.unknown[to] = 0;
    return true;
}

/* --- records --- */
static bool reads_tables(const wfc_prog_class *c) {
    for (uint32_t i = 0; i < c->insn_count; i++)
        if (c->insns[i].op == WFC_OP_LDT) return true;
    return false;
}

wfc_status wfc_be_chk_tables_init(wfc_chk_tables *t, const wfc_program *p) {
    *t = (wfc_chk_tables){.p = p};
    uint8_t *reads = wfc_calloc(p->class_count + 1u, 1);
    t->first = wfc_calloc(p->class_count + 2u, sizeof *t->first);
    t->pe = wfc_calloc(p->pe_count + 1u, sizeof *t->pe);
    t->last = wfc_calloc(p->class_count + 1u, sizeof *t->last);
    if (!reads || !t->first || !t->pe || !t->last) {
        wfc_free(reads);
        return WFC_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < p->class_count; i++) {
        reads[i] = reads_tables(&p->classes[i]);
        t->last[i].array = WFC_CHK_NONE;
    }
    for (unsigned fill = 0; fill < 2; fill++) {
        for (uint32_t i = 0; i < p->pe_count; i++) {
            uint32_t cls = p->pes[i].class_index;
            if (cls == UINT32_MAX || !reads[cls]) continue;
            if (fill)
                t->pe[t->first[cls + 1]++] = i;
            else if (cls + 2 <= p->class_count)
                t->first[cls + 2]++;
        }
        for (uint32_t i = 2; !fill && i <= p->class_count; i++) t->first[i] += t->first[i - 1];
    }
    wfc_free(reads);
    return WFC_OK;
}

void wfc_be_chk_tables_deinit(wfc_chk_tables *t) {
    wfc_free(t->first);
    wfc_free(t->pe);
    wfc_free(t->last);
}

bool wfc_be_chk_array_hull(const wfc_prog_class *c, uint32_t addr, uint32_t *lo, uint32_t *hi) {
    uint32_t i = array_at(c, addr);
    if (i == c->array_count) return false;
    *lo = c->arrays[i].addr;
    *hi = *lo + c->arrays[i].bytes;
    return true;
}

static bool is_desc(const wfc_prog_class *c, uint8_t operand) {
    return operand >= WFC_OPND_DESC0 && operand < WFC_OPND_DESC0 + c->desc_count;
}

/* Whether the code may store into an array, whatever path it takes. A descriptor whose base changes may go anywhere. */
static bool may_store(const wfc_prog_class *c, uint32_t array) {
    uint64_t moves = 0;
    for (uint32_t i = 0; i < c->insn_count; i++) {
        const wfc_insn *in = &c->insns[i];
        bool moved = in->op == WFC_OP_LDD || (in->op == WFC_OP_SETD && in->imm == 0);
        if (moved && is_desc(c, in->d)) moves |= UINT64_C(1) << (in->d - WFC_OPND_DESC0);
    }
    for (uint32_t i = 0; i < c->insn_count; i++) {
        const wfc_insn *in = &c->insns[i];
        bool stores = wfc_be_chk_is_vector(in) || in->op == WFC_OP_ST || in->op == WFC_OP_STD;
        if (!stores || !is_desc(c, in->d)) continue;
        const wfc_desc *d = &c->descs[in->d - WFC_OPND_DESC0];
        if (moves >> (in->d - WFC_OPND_DESC0) & 1) return true;
        if ((d->kind == WFC_DESC_MEM || d->kind == WFC_DESC_RING) && array_at(c, d->base) == array) return true;
    }
    return false;
}

/* The u16 at an address where the data cover all of it or nothing, which is 0; else it is not known. */
static uint32_t initial_u16(const wfc_prog_data *d, const uint8_t *bytes, uint32_t addr) {
    uint32_t first = addr - d->addr, second = addr + 1 - d->addr; /* wrapped where it is before the data */
    bool low = first < d->bytes, high = second < d->bytes;
    if (low && high) return bytes[first] | (uint32_t)bytes[second] << 8;
    return low || high ? UINT16_MAX : 0;
}

static void scan_data(const wfc_program *p, const wfc_prog_data *d, const wfc_prog_array *a, wfc_chk_table_range *r) {
    if (d->bulk_offset > p->bulk_bytes || d->bytes > p->bulk_bytes - d->bulk_offset) return;
    const uint8_t *bytes = p->bulk + d->bulk_offset;
    uint32_t end = (uint32_t)a->addr + a->bytes, at = a->addr + ((r->residue - a->addr) & 7u);
    if (d->addr >= end || d->addr + d->bytes <= a->addr) return;
    if (at + 8 < d->addr) at += (d->addr - at) / 8 * 8;
    for (; at + 8 <= end && at < d->addr + d->bytes; at += 8)
        for (unsigned k = 0; k < 2; k++) {
            uint32_t v = initial_u16(d, bytes, at + 2 * k);
            if (v > r->most[k]) r->most[k] = (uint16_t)v;
        }
}

static void find_range(wfc_chk_machine *m, wfc_chk_table_range *r) {
    const wfc_chk_tables *t = m->tables;
    const wfc_program *p = t->p;
    uint32_t cls = m->trace->class_index;
    r->most[0] = r->most[1] = 0;
    for (uint32_t i = t->first[cls]; i < t->first[cls + 1]; i++) {
        const wfc_prog_pe *pe = &p->pes[t->pe[i]];
        for (uint32_t k = 0; k < pe->data_count; k++)
            scan_data(p, &p->data[pe->data_first + k], &m->cls->arrays[r->array], r);
    }
}

void wfc_be_chk_table_values(wfc_chk_machine *m, uint8_t operand, wfc_chk_value out[2]) {
    unsigned n = operand - (unsigned)WFC_OPND_DESC0;
    const wfc_desc *d = &m->s.descs[n];
    wfc_chk_value off = m->s.regs[d->off & 15];
    out[0] = out[1] = (wfc_chk_value){WFC_CHK_UNKNOWN, 0, 0};
    uint32_t array = array_at(m->cls, d->base);
    bool placed = off.kind == WFC_CHK_KNOWN || off.kind == WFC_CHK_STEP;
    if ((m->s.unknown[n] & 1) || !placed || d->kind != WFC_DESC_MEM || array == m->cls->array_count) return;
    uint32_t residue = (d->base + off.bits) & 7u;
    wfc_chk_table_range *r = &m->tables->last[m->trace->class_index];
    if (r->array != array || r->residue != residue) {
        if (may_store(m->cls, array)) return;
        *r = (wfc_chk_table_range){.array = array, .residue = residue};
        find_range(m, r);
    }
    for (unsigned k = 0; k < 2; k++) out[k] = (wfc_chk_value){WFC_CHK_RANGE, 0, r->most[k]};
}
