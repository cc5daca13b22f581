/* Where a program can be mutated. */
#include "tests/tools/mutate/mutate.h"

#include "support/file.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_PE = 0, KEY_ROUTE = 1, KEY_INSN = 2 };

static uint64_t key(unsigned kind, uint32_t x, uint32_t y, uint32_t n) {
    return (uint64_t)kind << 62 | (uint64_t)(x & 0x7fffu) << 47 | (uint64_t)(y & 0x7fffu) << 32 | n;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool has(const mutate_used *u, uint64_t k) {
    return bsearch(&k, u->keys.data, u->keys.count, sizeof k, by_value) != NULL;
}

static bool is_used(const mutate_used *u, unsigned kind, const wfc_prog_pe *pe, uint32_t n) {
    return u->keys.count == 0 || has(u, key(KEY_PE, pe->x, pe->y, 0)) || has(u, key(kind, pe->x, pe->y, n));
}

static wfc_status parse_line(const char *line, const char *path, unsigned number, wfc_diag *diag, mutate_used *out) {
    unsigned x = 0, y = 0, n = 0;
    int end = 0;
    while (isspace((unsigned char)*line)) line++;
    if (*line == 0 || *line == '#') return WFC_OK;
    if (sscanf(line, "pe %u %u %n", &x, &y, &end) == 2 && line[end] == 0)
        return wfc_vec_push(&out->keys, key(KEY_PE, x, y, 0));
    if (sscanf(line, "route %u %u %u %n", &x, &y, &n, &end) == 3 && line[end] == 0)
        return wfc_vec_push(&out->keys, key(KEY_ROUTE, x, y, n));
    if (sscanf(line, "insn %u %u %u %n", &x, &y, &n, &end) == 3 && line[end] == 0)
        return wfc_vec_push(&out->keys, key(KEY_INSN, x, y, n));
    return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E1901", path,
                    "line %u: expected 'pe X Y', 'route X Y COLOUR' or 'insn X Y INDEX'", number);
}

wfc_status mutate_used_read(const char *path, wfc_diag *diag, mutate_used *out) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    WFC_TRY(wfc_file_read(path, (size_t)1 << 28, diag, &bytes, &size));
    wfc_status s = WFC_OK;
    unsigned number = 1;
    for (char *line = (char *)bytes, *next; s == WFC_OK && line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        s = parse_line(line, path, number, diag, out);
    }
    wfc_free(bytes);
    if (s == WFC_OK && out->keys.count == 0)
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E1902", path, "the list of used places is empty");
    if (out->keys.count) qsort(out->keys.data, out->keys.count, sizeof *out->keys.data, by_value);
    return s;
}

static const wfc_desc *desc_of(const wfc_prog_class *c, uint8_t operand) {
    if (operand < WFC_OPND_DESC0 || operand >= WFC_OPND_DESC0 + c->desc_count) return NULL;
    return &c->descs[operand - WFC_OPND_DESC0];
}

static bool is_fabric(const wfc_desc *d) {
    return d && (d->kind == WFC_DESC_IN || d->kind == WFC_DESC_OUT);
}

static bool is_memory(const wfc_desc *d) {
    return d && (d->kind == WFC_DESC_MEM || d->kind == WFC_DESC_RING);
}

int mutate_innermost(const wfc_desc *d) {
    for (int i = 3; i >= 0; i--)
        if (d->len[i] > 1) return i;
    return -1;
}

static bool is_flat(const wfc_desc *d) {
    int dims = 0;
    for (int i = 0; i < 4; i++) dims += d->len[i] > 1;
    return dims == 1;
}

/* The instruction's operand descriptors that walk `n` elements, as bits. */
static uint64_t walkers(const wfc_prog_class *c, const wfc_insn *in, uint64_t n) {
    const uint8_t operands[3] = {in->d, in->a, in->b};
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    uint64_t bits = 0;
    if (!isa || isa->timing < WFC_TIME_VECTOR) return 0;
    for (unsigned k = 0; k < 3; k++) {
        const wfc_desc *d = desc_of(c, operands[k]);
        if ((is_fabric(d) || is_memory(d)) && wfc_desc_elems(d) == n)
            bits |= (uint64_t)1 << (operands[k] - WFC_OPND_DESC0);
    }
    return bits;
}

bool mutate_follow(const wfc_desc *d, const wfc_desc *chosen, int dim, uint64_t shorter, uint16_t len[4]) {
    memcpy(len, d->len, sizeof d->len);
    if (memcmp(d->len, chosen->len, sizeof d->len) == 0)
        len[dim]--;
    else if (is_flat(d))
        len[mutate_innermost(d)] = (uint16_t)shorter;
    else
        return false;
    return true;
}

void mutate_shorten(const wfc_prog_class *c, uint8_t operand, mutate_shrink *out) {
    const unsigned first = (unsigned)operand - WFC_OPND_DESC0;
    const wfc_desc *chosen = &c->descs[first];
    const int dim = mutate_innermost(chosen);
    const uint64_t n = wfc_desc_elems(chosen), shorter = n / chosen->len[dim] * (chosen->len[dim] - 1u);
    uint64_t all = (uint64_t)1 << first, before = 0;
    while (all != before) {
        before = all;
        for (uint32_t i = 0; i < c->insn_count; i++) {
            uint64_t together = walkers(c, &c->insns[i], n);
            if (together & all) all |= together;
        }
    }
    out->consistent = true;
    for (uint32_t k = 0; k < c->desc_count; k++)
        if (all >> k & 1 && !mutate_follow(&c->descs[k], chosen, dim, shorter, out->len[k])) out->consistent = false;
    out->changed = out->consistent ? all : (uint64_t)1 << first;
}

static wfc_status list_routes(const wfc_program *p, const mutate_used *used, uint32_t pe, mutate_places *out) {
    if (p->pes[pe].router_index == UINT32_MAX) return WFC_OK;
    const wfc_prog_router *r = &p->routers[p->pes[pe].router_index];
    for (uint32_t i = 0; i < r->route_count; i++) {
        if (!is_used(used, KEY_ROUTE, &p->pes[pe], r->routes[i].colour)) continue;
        for (unsigned n = 0; n < r->routes[i].positions * (unsigned)(WFC_PORTS * WFC_PORTS); n++) {
            mutate_place at = {.pe = pe,
                               .item = i,
                               .position = (uint8_t)(n / (WFC_PORTS * WFC_PORTS)),
                               .port = (uint8_t)(n / WFC_PORTS % WFC_PORTS),
                               .bit = (uint8_t)(n % WFC_PORTS)};
            if (r->routes[i].out[at.position][at.port]) WFC_TRY(wfc_vec_push(out, at));
        }
    }
    return WFC_OK;
}

/* The code loads this descriptor from a table or sets its fields: what the file holds for it may never be used. */
static bool is_written(const wfc_prog_class *c, uint8_t operand) {
    for (uint32_t i = 0; i < c->insn_count; i++)
        if ((c->insns[i].op == WFC_OP_LDD || c->insns[i].op == WFC_OP_SETD) && c->insns[i].d == operand) return true;
    return false;
}

/* word: the fabric operand of an instruction; box: a memory operand, in any vector instruction. */
static wfc_status list_operands(const wfc_program *p, mutate_kind kind, const mutate_used *used, bool consistent,
                                uint32_t pe, mutate_places *out) {
    if (p->pes[pe].class_index == UINT32_MAX) return WFC_OK;
    const wfc_prog_class *c = &p->classes[p->pes[pe].class_index];
    for (uint32_t i = 0; i < c->insn_count; i++) {
        const wfc_insn *in = &c->insns[i];
        const wfc_isa_record *isa = wfc_isa_lookup(in->op);
        const uint8_t operands[3] = {in->d, in->a, in->b};
        if (!isa || isa->timing < WFC_TIME_VECTOR || !is_used(used, KEY_INSN, &p->pes[pe], i)) continue;
        for (unsigned k = 0; k < 3; k++) {
            const wfc_desc *d = desc_of(c, operands[k]);
            mutate_shrink shrink;
            if (kind == MUTATE_BOX && is_memory(d)) WFC_TRY(mutate_list_table(p, pe, i, operands[k], consistent, out));
            if (!(kind == MUTATE_WORD ? is_fabric(d) : is_memory(d)) || mutate_innermost(d) < 0) continue;
            if (is_written(c, operands[k])) continue;
            if (consistent) mutate_shorten(c, operands[k], &shrink);
            if (consistent && !shrink.consistent) continue;
            WFC_TRY(wfc_vec_push(out, (mutate_place){.pe = pe, .item = i, .operand = operands[k]}));
        }
    }
    return WFC_OK;
}

wfc_status mutate_list(const wfc_program *p, mutate_kind kind, const mutate_used *used, bool consistent,
                       mutate_places *out) {
    for (uint32_t pe = 0; pe < p->pe_count; pe++) {
        if (kind == MUTATE_ROUTE)
            WFC_TRY(list_routes(p, used, pe, out));
        else
            WFC_TRY(list_operands(p, kind, used, consistent, pe, out));
    }
    return WFC_OK;
}
