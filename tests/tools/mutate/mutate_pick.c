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

static int innermost(const wfc_desc *d) {
    for (int i = 3; i >= 0; i--)
        if (d->len[i] > 1) return i;
    return -1;
}

static bool is_flat(const wfc_desc *d) {
    int dims = 0;
    for (int i = 0; i < 4; i++) dims += d->len[i] > 1;
    return dims == 1;
}

static bool is_shared(const wfc_prog_class *c, uint32_t insn, uint8_t operand) {
    for (uint32_t i = 0; i < c->insn_count; i++)
        if (i != insn && (c->insns[i].d == operand || c->insns[i].a == operand || c->insns[i].b == operand ||
                          c->insns[i].c == operand))
            return true;
    return false;
}

bool mutate_shorten(const wfc_prog_class *c, uint32_t insn, uint8_t operand, uint16_t lens[3][4], bool changed[3]) {
    const wfc_insn *in = &c->insns[insn];
    const uint8_t operands[3] = {in->d, in->a, in->b};
    const wfc_desc *chosen = desc_of(c, operand);
    int dim = innermost(chosen);
    uint64_t n = wfc_desc_elems(chosen), shorter = n / chosen->len[dim] * (chosen->len[dim] - 1u);
    bool all = true;
    for (unsigned k = 0; k < 3; k++) {
        const wfc_desc *d = desc_of(c, operands[k]);
        changed[k] = false;
        if (!d || wfc_desc_elems(d) != n) continue;
        memcpy(lens[k], d->len, sizeof d->len);
        if (operands[k] == operand || memcmp(d->len, chosen->len, sizeof d->len) == 0) {
            lens[k][dim]--;
        } else if (is_flat(d)) {
            lens[k][innermost(d)] = (uint16_t)shorter;
        } else {
            all = false;
            continue;
        }
        changed[k] = true;
        all = all && !is_shared(c, insn, operands[k]);
    }
    return all;
}

static wfc_status list_routes(const wfc_program *p, const mutate_used *used, uint32_t pe, mutate_places *out) {
    if (p->pes[pe].router_index == UINT32_MAX) return WFC_OK;
    const wfc_prog_router *r = &p->routers[p->pes[pe].router_index];
    for (uint32_t i = 0; i < r->route_count; i++) {
        if (!is_used(used, KEY_ROUTE, &p->pes[pe], r->routes[i].colour)) continue;
        for (uint8_t pos = 0; pos < r->routes[i].positions; pos++)
            for (uint8_t in = 0; in < WFC_PORTS; in++)
                if (r->routes[i].out[pos][in])
                    WFC_TRY(wfc_vec_push(out, (mutate_place){.pe = pe, .item = i, .position = pos, .port = in}));
    }
    return WFC_OK;
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
            uint16_t lens[3][4];
            bool changed[3];
            if (!(kind == MUTATE_WORD ? is_fabric(d) : is_memory(d)) || innermost(d) < 0) continue;
            if (consistent && !mutate_shorten(c, i, operands[k], lens, changed)) continue;
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
