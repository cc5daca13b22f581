/* Descriptors that a program loads from memory (ldd): a kernel with many small moves keeps them in a table of its own.
 *
 * Their bytes are the PE's initial data, so they are known as long as nothing stores into that array; stores stay
 * within the array of their descriptor (the engine traps otherwise), so it is enough to look which arrays are stored
 * to. Loaded descriptors must be memory descriptors: then they cannot change what moves over the fabric. */
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
