/* The raw sections of a program file: fixed-size little-endian records. Every byte means something or must be 0, so a
 * program has one encoding. */
#include "runtime/program/file_parts.h"

#include <string.h>

void wfc_put_u16(uint8_t *at, uint16_t v) {
    at[0] = (uint8_t)v;
    at[1] = (uint8_t)(v >> 8);
}

void wfc_put_u32(uint8_t *at, uint32_t v) {
    wfc_put_u16(at, (uint16_t)v);
    wfc_put_u16(at + 2, (uint16_t)(v >> 16));
}

void wfc_put_u64(uint8_t *at, uint64_t v) {
    wfc_put_u32(at, (uint32_t)v);
    wfc_put_u32(at + 4, (uint32_t)(v >> 32));
}

uint16_t wfc_get_u16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t wfc_get_u32(const uint8_t *at) {
    return wfc_get_u16(at) | (uint32_t)wfc_get_u16(at + 2) << 16;
}

uint64_t wfc_get_u64(const uint8_t *at) {
    return wfc_get_u32(at) | (uint64_t)wfc_get_u32(at + 4) << 32;
}

/* ---- writing ---- */

static void put_classes(const wfc_program *p, wfc_buf *code, wfc_buf *desc) {
    uint8_t bytes[WFC_DESC_BYTES];
    for (uint32_t i = 0; i < p->class_count; i++) {
        const wfc_prog_class *c = &p->classes[i];
        for (uint32_t k = 0; k < c->insn_count; k++) {
            wfc_insn_encode(&c->insns[k], bytes);
            wfc_buf_append(code, bytes, WFC_INSN_BYTES);
        }
        for (uint32_t k = 0; k < c->desc_count; k++) {
            wfc_desc_encode(&c->descs[k], bytes);
            wfc_buf_append(desc, bytes, WFC_DESC_BYTES);
        }
    }
}

static void put_routers(const wfc_program *p, wfc_buf *out) {
    for (uint32_t i = 0; i < p->router_count; i++) {
        for (uint32_t k = 0; k < p->routers[i].route_count; k++) {
            const wfc_prog_route *r = &p->routers[i].routes[k];
            uint8_t b[WFC_FILE_ROUTE_BYTES] = {r->colour, r->positions, r->initial, r->filtered};
            memcpy(b + 4, r->out, sizeof r->out);
            wfc_put_u32(b + 24, r->filter_period);
            wfc_put_u32(b + 28, r->filter_lo);
            wfc_put_u32(b + 32, r->filter_hi);
            wfc_buf_append(out, b, sizeof b);
        }
    }
}

static void put_pes(const wfc_program *p, wfc_buf *out) {
    for (uint32_t i = 0; i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        uint8_t b[WFC_FILE_PE_BYTES];
        wfc_put_u16(b, pe->x);
        wfc_put_u16(b + 2, pe->y);
        const uint32_t words[7] = {pe->class_index, pe->router_index, pe->layer,    pe->data_first,
                                   pe->data_count,  pe->regs_first,   pe->reg_count};
        for (unsigned k = 0; k < 7; k++) wfc_put_u32(b + 4 + 4 * k, words[k]);
        wfc_buf_append(out, b, sizeof b);
    }
}

void wfc_file_put_tables(const wfc_program *p, wfc_buf sections[WFC_SECTIONS]) {
    uint8_t b[WFC_FILE_DATA_BYTES];
    put_classes(p, &sections[WFC_SECTION_CODE], &sections[WFC_SECTION_DESC]);
    put_routers(p, &sections[WFC_SECTION_ROUT]);
    put_pes(p, &sections[WFC_SECTION_PES]);
    for (uint32_t i = 0; i < p->data_count; i++) {
        wfc_put_u16(b, p->data[i].addr);
        wfc_put_u16(b + 2, 0);
        wfc_put_u32(b + 4, p->data[i].bytes);
        wfc_put_u64(b + 8, p->data[i].bulk_offset);
        wfc_buf_append(&sections[WFC_SECTION_DATA], b, WFC_FILE_DATA_BYTES);
    }
    for (uint32_t i = 0; i < p->regs_count; i++) {
        wfc_put_u32(b, p->regs[i]);
        wfc_buf_append(&sections[WFC_SECTION_REGS], b, 4);
    }
    for (uint32_t i = 0; i < p->run_count; i++) {
        wfc_put_u32(b, p->runs[i].start);
        wfc_put_u32(b + 4, p->runs[i].count);
        wfc_put_u32(b + 8, (uint32_t)p->runs[i].stride);
        wfc_buf_append(&sections[WFC_SECTION_RUNS], b, WFC_FILE_RUN_BYTES);
    }
}

/* ---- reading ---- */

/* The section as a table: its number of records, or an error when it does not divide or passes 32 bits. */
static wfc_status table_rows(wfc_file_reader *r, wfc_section section, size_t record, const char *name, uint32_t *out) {
    size_t size = r->sections[section].size;
    if (size % record != 0 || size / record >= UINT32_MAX)
        return wfc_file_fail(r, "section %s has %zu bytes, expected a multiple of %zu", name, size, record);
    *out = (uint32_t)(size / record);
    return WFC_OK;
}

static wfc_status get_classes(wfc_file_reader *r) {
    uint64_t insns = 0, descs = 0;
    for (uint32_t i = 0; i < r->p->class_count; i++) {
        insns += r->p->classes[i].insn_count;
        descs += r->p->classes[i].desc_count;
    }
    const wfc_bytes *code = &r->sections[WFC_SECTION_CODE], *desc = &r->sections[WFC_SECTION_DESC];
    if (insns * WFC_INSN_BYTES != code->size || descs * WFC_DESC_BYTES != desc->size)
        return wfc_file_fail(r,
                             "the classes need %llu instructions and %llu descriptors, the sections have %zu and "
                             "%zu bytes",
                             (unsigned long long)insns, (unsigned long long)descs, code->size, desc->size);
    const uint8_t *at_code = code->data, *at_desc = desc->data;
    for (uint32_t i = 0; i < r->p->class_count; i++) {
        wfc_prog_class *c = &r->p->classes[i];
        c->insns = wfc_file_grant(r, c->insn_count, sizeof *c->insns);
        c->descs = wfc_file_grant(r, c->desc_count, sizeof *c->descs);
        if (!c->insns || !c->descs) return WFC_ERR_NO_MEMORY;
        for (uint32_t k = 0; k < c->insn_count; k++, at_code += WFC_INSN_BYTES) wfc_insn_decode(at_code, &c->insns[k]);
        for (uint32_t k = 0; k < c->desc_count; k++, at_desc += WFC_DESC_BYTES) wfc_desc_decode(at_desc, &c->descs[k]);
    }
    return WFC_OK;
}

static wfc_status get_routers(wfc_file_reader *r) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < r->p->router_count; i++) total += r->p->routers[i].route_count;
    const uint8_t *at = r->sections[WFC_SECTION_ROUT].data;
    if (total * WFC_FILE_ROUTE_BYTES != r->sections[WFC_SECTION_ROUT].size)
        return wfc_file_fail(r, "the routers need %llu routes, section ROUT has %zu bytes", (unsigned long long)total,
                             r->sections[WFC_SECTION_ROUT].size);
    for (uint32_t i = 0; i < r->p->router_count; i++) {
        wfc_prog_router *router = &r->p->routers[i];
        router->routes = wfc_file_grant(r, router->route_count, sizeof *router->routes);
        if (!router->routes) return WFC_ERR_NO_MEMORY;
        for (uint32_t k = 0; k < router->route_count; k++, at += WFC_FILE_ROUTE_BYTES) {
            wfc_prog_route *route = &router->routes[k];
            route->colour = at[0];
            route->positions = at[1];
            route->initial = at[2];
            if (at[3] > 1) return wfc_file_fail(r, "route %u of router %u: filter mark %u is not 0 or 1", k, i, at[3]);
            route->filtered = at[3];
            memcpy(route->out, at + 4, sizeof route->out);
            route->filter_period = wfc_get_u32(at + 24);
            route->filter_lo = wfc_get_u32(at + 28);
            route->filter_hi = wfc_get_u32(at + 32);
        }
    }
    return WFC_OK;
}

static wfc_status get_pes(wfc_file_reader *r) {
    wfc_program *p = r->p;
    WFC_TRY(table_rows(r, WFC_SECTION_PES, WFC_FILE_PE_BYTES, "PES", &p->pe_count));
    p->pes = wfc_file_grant(r, p->pe_count, sizeof *p->pes);
    if (!p->pes) return WFC_ERR_NO_MEMORY;
    const uint8_t *at = r->sections[WFC_SECTION_PES].data;
    for (uint32_t i = 0; i < p->pe_count; i++, at += WFC_FILE_PE_BYTES) {
        wfc_prog_pe *pe = &p->pes[i];
        pe->x = wfc_get_u16(at);
        pe->y = wfc_get_u16(at + 2);
        uint32_t *const words[7] = {&pe->class_index, &pe->router_index, &pe->layer,    &pe->data_first,
                                    &pe->data_count,  &pe->regs_first,   &pe->reg_count};
        for (unsigned k = 0; k < 7; k++) *words[k] = wfc_get_u32(at + 4 + 4 * k);
    }
    return WFC_OK;
}

static wfc_status get_data(wfc_file_reader *r) {
    wfc_program *p = r->p;
    WFC_TRY(table_rows(r, WFC_SECTION_DATA, WFC_FILE_DATA_BYTES, "DATA", &p->data_count));
    p->data = wfc_file_grant(r, p->data_count, sizeof *p->data);
    if (!p->data) return WFC_ERR_NO_MEMORY;
    const uint8_t *at = r->sections[WFC_SECTION_DATA].data;
    for (uint32_t i = 0; i < p->data_count; i++, at += WFC_FILE_DATA_BYTES) {
        if (wfc_get_u16(at + 2) != 0)
            return wfc_file_fail(r, "row %u of section DATA has a non-zero reserved field", i);
        p->data[i] = (wfc_prog_data){wfc_get_u16(at), wfc_get_u32(at + 4), wfc_get_u64(at + 8)};
    }
    return WFC_OK;
}

/* Two's complement without an implementation-defined conversion. */
static int32_t to_signed(uint32_t v) {
    return v <= INT32_MAX ? (int32_t)v : (int32_t)((int64_t)v - ((int64_t)1 << 32));
}

static wfc_status get_numbers(wfc_file_reader *r) {
    wfc_program *p = r->p;
    WFC_TRY(table_rows(r, WFC_SECTION_REGS, 4, "REGS", &p->regs_count));
    WFC_TRY(table_rows(r, WFC_SECTION_RUNS, WFC_FILE_RUN_BYTES, "RUNS", &p->run_count));
    p->regs = wfc_file_grant(r, p->regs_count, sizeof *p->regs);
    p->runs = wfc_file_grant(r, p->run_count, sizeof *p->runs);
    if (!p->regs || !p->runs) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < p->regs_count; i++)
        p->regs[i] = wfc_get_u32(r->sections[WFC_SECTION_REGS].data + (size_t)4 * i);
    const uint8_t *at = r->sections[WFC_SECTION_RUNS].data;
    for (uint32_t i = 0; i < p->run_count; i++, at += WFC_FILE_RUN_BYTES)
        p->runs[i] = (wfc_prog_run){wfc_get_u32(at), wfc_get_u32(at + 4), to_signed(wfc_get_u32(at + 8))};
    return WFC_OK;
}

wfc_status wfc_file_get_tables(wfc_file_reader *r) {
    WFC_TRY(get_classes(r));
    WFC_TRY(get_routers(r));
    WFC_TRY(get_pes(r));
    WFC_TRY(get_data(r));
    WFC_TRY(get_numbers(r));
    const wfc_bytes *bulk = &r->sections[WFC_SECTION_BULK];
    r->p->bulk_bytes = bulk->size;
    if (r->keeps) {
        if (bulk->size > r->budget_bytes) return wfc_file_grant(r, bulk->size, 1) ? WFC_OK : WFC_ERR_NO_MEMORY;
        r->budget_bytes -= bulk->size;
        r->p->bulk = (uint8_t *)(uintptr_t)bulk->data; /* the buffer was made to be kept, so it may be written */
        return WFC_OK;
    }
    r->p->bulk = wfc_file_grant(r, bulk->size, 1);
    if (!r->p->bulk) return WFC_ERR_NO_MEMORY;
    if (bulk->size) memcpy(r->p->bulk, bulk->data, bulk->size);
    return WFC_OK;
}
