/* Encodings of instructions and descriptors, and what an execution costs. */
#include "runtime/program/isa.h"

#include <assert.h>

static_assert(WFC_INSN_BYTES == 8 && WFC_DESC_BYTES == 20, "the layouts below");
static_assert(WFC_OPND_DESC0 + WFC_NUM_DESCS <= WFC_OPND_NONE, "operand byte");

static void put16(uint8_t *out, unsigned v) {
    out[0] = (uint8_t)v;
    out[1] = (uint8_t)(v >> 8);
}

static uint16_t get16(const uint8_t *in) {
    return (uint16_t)(in[0] | in[1] << 8);
}

void wfc_insn_encode(const wfc_insn *in, uint8_t out[WFC_INSN_BYTES]) {
    out[0] = in->op;
    out[1] = (uint8_t)((in->type & 15) | (in->flags & 15) << 4);
    out[2] = in->d;
    out[3] = in->a;
    out[4] = in->b;
    out[5] = in->c;
    put16(out + 6, in->imm);
}

void wfc_insn_decode(const uint8_t in[WFC_INSN_BYTES], wfc_insn *out) {
    out->op = in[0];
    out->type = in[1] & 15;
    out->flags = in[1] >> 4;
    out->d = in[2];
    out->a = in[3];
    out->b = in[4];
    out->c = in[5];
    out->imm = get16(in + 6);
}

void wfc_desc_encode(const wfc_desc *in, uint8_t out[WFC_DESC_BYTES]) {
    out[0] = (uint8_t)((in->kind & 15) | (in->type & 15) << 4);
    out[1] = in->off;
    put16(out + 2, in->base);
    for (unsigned i = 0; i < 4; i++) {
        put16(out + 4 + 2 * i, in->len[i]);
        put16(out + 12 + 2 * i, (uint16_t)in->stride[i]);
    }
}

/* Two's complement without relying on the conversion of large values, which is implementation-defined. */
static int16_t signed16(uint16_t v) {
    return v < 0x8000 ? (int16_t)v : (int16_t)((int)v - 0x10000);
}

void wfc_desc_decode(const uint8_t in[WFC_DESC_BYTES], wfc_desc *out) {
    out->kind = in[0] & 15;
    out->type = in[0] >> 4;
    out->off = in[1];
    out->base = get16(in + 2);
    for (unsigned i = 0; i < 4; i++) {
        out->len[i] = get16(in + 4 + 2 * i);
        out->stride[i] = signed16(get16(in + 12 + 2 * i));
    }
}

/* Saturates: four 16-bit lengths can pass 2^32, and such a descriptor never fits an array. */
uint32_t wfc_desc_elems(const wfc_desc *d) {
    uint64_t n = 1;
    for (unsigned i = 0; i < 4; i++) {
        n *= d->len[i];
        if (n == 0) return 0;
        if (n > UINT32_MAX) n = UINT32_MAX;
    }
    return (uint32_t)n;
}

unsigned wfc_elems_per_wavelet(wfc_dtype t) {
    unsigned bytes = wfc_dtype_bytes(t);
    return bytes == 0 || bytes >= 4 ? 1 : 4 / bytes;
}

static bool is_fabric(const wfc_desc *d) {
    return d && (d->kind == WFC_DESC_IN || d->kind == WFC_DESC_OUT);
}

static bool is_memory(const wfc_desc *d) {
    return d && (d->kind == WFC_DESC_MEM || d->kind == WFC_DESC_RING);
}

static uint32_t ceil_div(uint32_t n, uint32_t by) {
    return by == 0 ? n : n / by + (n % by != 0);
}

/* A source whose innermost moving dimension stands still is read once and held in the datapath. */
static bool is_held(const wfc_desc *d) {
    for (int i = 3; i >= 0; i--)
        if (d->len[i] > 1) return d->stride[i] == 0;
    return false;
}

static uint32_t bits_of(const wfc_desc *d, uint32_t width) {
    return is_memory(d) ? width * 8 * wfc_dtype_bytes((wfc_dtype)d->type) : 0;
}

static bool reads_destination(unsigned op) {
    return op == WFC_OP_VMAC || op == WFC_OP_VSEL || op == WFC_OP_VSCATADD || op == WFC_OP_VSCATMAX ||
           op == WFC_OP_VSCATMIN;
}

/* Cycles that SRAM needs for one group of `width` elements; held sources are not counted. */
static uint32_t bank_cycles(const wfc_target *t, const wfc_insn *in, const wfc_desc *d, const wfc_desc *a,
                            const wfc_desc *b, uint32_t width) {
    uint32_t read = 0;
    if (a && !is_held(a)) read += bits_of(a, width);
    if (b && !is_held(b)) read += bits_of(b, width);
    if (d && reads_destination(in->op) && !is_held(d)) read += bits_of(d, width);
    uint32_t write = bits_of(d, width);
    uint32_t cycles = ceil_div(read, t->read_bits), writes = ceil_div(write, t->write_bits);
    return writes > cycles ? writes : cycles;
}

/* The elements of one execution: every operand walks the same number, except the array side of gather and scatter. */
static uint32_t element_count(const wfc_insn *in, const wfc_desc *d, const wfc_desc *a, const wfc_desc *b) {
    if (in->op >= WFC_OP_VGAT && in->op <= WFC_OP_VSCATMIN) return b ? wfc_desc_elems(b) : 1;
    const wfc_desc *first = d ? d : a ? a : b;
    return first ? wfc_desc_elems(first) : 1;
}

static uint32_t slow_cycles(const wfc_target *t, unsigned op) {
    return op == WFC_OP_VDIV || op == WFC_OP_FDIV     ? t->divide_cycles
           : op == WFC_OP_VSQRT || op == WFC_OP_FSQRT ? t->sqrt_cycles
                                                      : 1;
}

static wfc_insn_cost vector_cost(const wfc_target *t, const wfc_isa_record *isa, const wfc_insn *in, const wfc_desc *d,
                                 const wfc_desc *a, const wfc_desc *b) {
    wfc_insn_cost cost = {.overhead_cycles = t->vector_overhead};
    const wfc_desc *fabric = is_fabric(d) ? d : is_fabric(a) ? a : is_fabric(b) ? b : NULL;
    uint32_t n = element_count(in, d, a, b);
    unsigned type = in->type < WFC_NUM_PE_DTYPES ? in->type : WFC_F32;
    uint32_t simd = isa->simd == WFC_SIMD_ONE ? 1 : t->simd[isa->simd][type];
    if (simd == 0) simd = 1;
    uint32_t width = fabric ? wfc_elems_per_wavelet((wfc_dtype)fabric->type) : simd;
    if (in->op == WFC_OP_VSENDNZ) width = 1;
    if (in->op == WFC_OP_SENDC) n = 0;
    cost.groups = ceil_div(n, width);
    if (in->op == WFC_OP_VSENDNZ && in->type == WFC_F32) cost.groups *= 2; /* index, then value */
    if (in->op == WFC_OP_SENDC || (is_fabric(d) && ((uint16_t)d->stride[0] & WFC_CTL_PRESENT))) cost.groups++;
    if (n > 0 && width > n) width = n;
    uint32_t base = ceil_div(width, simd) * slow_cycles(t, in->op);
    if (fabric && (in->flags & WFC_FLAG_ASYNC)) base *= t->move_cycles;
    uint32_t bank = bank_cycles(t, in, d, a, b, width);
    cost.cycles_per_group = bank > base ? bank : base;
    return cost;
}

wfc_insn_cost wfc_isa_cost(const wfc_target *t, const wfc_insn *in, const wfc_desc *d, const wfc_desc *a,
                           const wfc_desc *b) {
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    if (!isa) return (wfc_insn_cost){0};
    switch ((wfc_timing)isa->timing) {
    case WFC_TIME_VECTOR:
    case WFC_TIME_SLOW:
    case WFC_TIME_FABRIC: return vector_cost(t, isa, in, d, a, b);
    case WFC_TIME_LONG: return (wfc_insn_cost){0, 1, slow_cycles(t, in->op)};
    case WFC_TIME_SCALAR:
    case WFC_TIME_CONTROL: break;
    }
    return (wfc_insn_cost){0, 1, 1};
}
