/* Instructions and descriptors as text. What the assembler could not write back exactly is printed as raw bytes, so
 * printing works for any program, verified or not. */
#include "runtime/program/dis_print.h"
#include "runtime/program/isa_check.h"

#include <string.h>

enum { MAX_OPEN_LOOPS = 32 };

void wfc_dis_hex(wfc_buf *out, const uint8_t *bytes, size_t n) {
    static const char digits[] = "0123456789abcdef";
    char pair[64];
    for (size_t i = 0; i < n;) {
        size_t k = 0;
        for (; k < sizeof pair && i < n; k += 2, i++) {
            pair[k] = digits[bytes[i] >> 4];
            pair[k + 1] = digits[bytes[i] & 15];
        }
        wfc_buf_append(out, pair, k);
    }
}

void wfc_dis_ctl(wfc_buf *out, uint16_t word) {
    static const char *const names[] = {"nop", "advance", "reset"};
    if (wfc_ctl_problem(word)) {
        wfc_buf_printf(out, "ctl 0x%04x", word);
        return;
    }
    wfc_buf_printf(out, "ctl(%s, %s", names[word & 3], names[word >> 2 & 3]);
    if (word & WFC_CTL_DELIVER) wfc_buf_printf(out, ", t%u", word >> 4 & 63);
    wfc_buf_printf(out, ")");
}

/* ---- descriptors ---- */

static int32_t dense_stride(const wfc_desc *d, unsigned i) {
    return i == 3 ? 1 : (int32_t)d->len[i + 1] * d->stride[i + 1];
}

/* Leading dimensions of len 1, stride 0 are left out, and strides that are the contiguous ones. */
static void dimensions(wfc_buf *out, const wfc_desc *d, bool strided) {
    unsigned first = 0;
    while (first < 3 && d->len[first] == 1 && (!strided || d->stride[first] == 0)) first++;
    for (unsigned i = first; i < 4; i++) {
        wfc_buf_printf(out, "%s%u", i == first ? " [" : ", ", d->len[i]);
        if (strided && d->stride[i] != dense_stride(d, i)) wfc_buf_printf(out, ":%d", d->stride[i]);
    }
    wfc_buf_printf(out, "]");
}

static bool printable_fabric(const wfc_desc *d) {
    bool in = d->kind == WFC_DESC_IN;
    return d->off == 0 && d->base < WFC_TARGET_MAX_QUEUES && (!in || d->stride[0] == 0) && d->stride[1] == 0 &&
           d->stride[2] == 0 && d->stride[3] == 0;
}

static bool is_zero(const wfc_desc *d) {
    uint8_t bytes[WFC_DESC_BYTES], or = 0;
    wfc_desc_encode(d, bytes);
    for (unsigned i = 0; i < WFC_DESC_BYTES; i++) or |= bytes[i];
    return or == 0;
}

void wfc_dis_desc(wfc_buf *out, const wfc_prog_class *c, const wfc_desc *d) {
    bool mem = d->kind == WFC_DESC_MEM || d->kind == WFC_DESC_RING;
    bool fabric = d->kind == WFC_DESC_IN || d->kind == WFC_DESC_OUT;
    bool typed = d->type < WFC_NUM_PE_DTYPES;
    if (is_zero(d)) {
        wfc_buf_printf(out, "none");
    } else if (mem && typed && d->off < WFC_NUM_REGS) {
        wfc_buf_printf(out, "%s %s ", d->kind == WFC_DESC_RING ? "ring" : "mem", wfc_dtype_name((wfc_dtype)d->type));
        wfc_dis_address(out, c, d->base);
        dimensions(out, d, true);
        if (d->off) wfc_buf_printf(out, " off r%u", d->off);
    } else if (fabric && typed && printable_fabric(d)) {
        wfc_buf_printf(out, "%s %s q%u", d->kind == WFC_DESC_IN ? "in" : "out", wfc_dtype_name((wfc_dtype)d->type),
                       d->base);
        dimensions(out, d, false);
        if (d->stride[0]) {
            wfc_buf_printf(out, " ");
            wfc_dis_ctl(out, (uint16_t)d->stride[0]);
        }
    } else {
        uint8_t bytes[WFC_DESC_BYTES];
        wfc_desc_encode(d, bytes);
        wfc_buf_printf(out, "raw \"");
        wfc_dis_hex(out, bytes, sizeof bytes);
        wfc_buf_printf(out, "\"");
    }
}

/* ---- instructions ---- */

static void operand(wfc_buf *out, unsigned kinds, uint8_t v, const char **separator) {
    wfc_buf_printf(out, "%s", *separator);
    *separator = ", ";
    if (v >= WFC_OPND_DESC0)
        wfc_buf_printf(out, "d%u", v - WFC_OPND_DESC0);
    else
        wfc_buf_printf(out, kinds & WFC_OPND_IS_UT ? "ut%u" : "r%u", v);
}

static int signed_imm(uint16_t imm) {
    return imm < 0x8000 ? imm : (int)imm - 0x10000;
}

static bool is_branch(unsigned op) {
    return op == WFC_OP_BRA || op == WFC_OP_BRZ || op == WFC_OP_BRNZ;
}

/* Target index of a branch, or -1 when it leaves the code. */
static int64_t branch_target(const wfc_prog_class *c, uint32_t pc) {
    int64_t target = (int64_t)pc + signed_imm(c->insns[pc].imm);
    return target < 0 || target > c->insn_count ? -1 : target;
}

static void trailing(wfc_buf *out, const wfc_prog_class *c, uint32_t pc, const char *separator) {
    const wfc_insn *in = &c->insns[pc];
    switch (in->op) {
    case WFC_OP_MOVI: wfc_buf_printf(out, "%s%d", separator, signed_imm(in->imm)); break;
    case WFC_OP_MOVIH: wfc_buf_printf(out, "%s0x%x", separator, in->imm); break;
    case WFC_OP_LD:
    case WFC_OP_ST:
        if (in->imm) wfc_buf_printf(out, "%s%u", separator, in->imm);
        break;
    case WFC_OP_BRA:
    case WFC_OP_BRZ:
    case WFC_OP_BRNZ: wfc_buf_printf(out, "%sL%lld", separator, (long long)branch_target(c, pc)); break;
    case WFC_OP_ACT:
    case WFC_OP_BLK:
    case WFC_OP_UBLK: wfc_buf_printf(out, "%st%u", separator, in->imm); break;
    case WFC_OP_SENDC:
        wfc_buf_printf(out, "%s", separator);
        wfc_dis_ctl(out, in->imm);
        break;
    default: break;
    }
}

static void mnemonic(wfc_buf *out, const wfc_isa_record *isa, const wfc_insn *in) {
    wfc_buf_printf(out, "%s", isa->mnemonic);
    if (isa->types) wfc_buf_printf(out, ".%s", wfc_dtype_name((wfc_dtype)in->type));
    if (in->op == WFC_OP_CVT) wfc_buf_printf(out, ".%s", wfc_dtype_name((wfc_dtype)in->b));
    if (in->flags & WFC_FLAG_SAT) wfc_buf_printf(out, in->op == WFC_OP_CVT || in->op == WFC_OP_VCVT ? ".sat" : ".drop");
}

static void instruction(wfc_buf *out, const wfc_prog_class *c, uint32_t pc) {
    static const char *const fields[] = {"base",    "len0",    "len1",    "len2",   "len3",
                                         "stride0", "stride1", "stride2", "stride3"};
    const wfc_insn *in = &c->insns[pc];
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    const uint8_t kinds[4] = {isa->d, isa->a, isa->b, isa->c}, values[4] = {in->d, in->a, in->b, in->c};
    const char *separator = " ";
    mnemonic(out, isa, in);
    for (unsigned i = 0; i < 4; i++) {
        if (kinds[i] & WFC_OPND_IS_RAW || (i == 3 && wfc_isa_is_vector(isa))) continue;
        if (i == 1 && in->op == WFC_OP_SETD) wfc_buf_printf(out, "%s%s", separator, fields[in->imm]);
        if (i == 2 && values[i] == WFC_OPND_NONE && wfc_isa_has_immediate_form(in->op))
            wfc_buf_printf(out, ", %d", signed_imm(in->imm));
        if (values[i] != WFC_OPND_NONE) operand(out, kinds[i], values[i], &separator);
    }
    trailing(out, c, pc, separator);
    if (!(in->flags & WFC_FLAG_ASYNC)) return;
    wfc_buf_printf(out, " async ut%u", in->c);
    if (in->flags & WFC_FLAG_ACT) wfc_buf_printf(out, " act");
    if (in->flags & WFC_FLAG_UBLK) wfc_buf_printf(out, " ublk");
    if (in->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK)) wfc_buf_printf(out, " t%u", in->imm);
}

/* ---- code ---- */

/* Marks where a label is needed: branch targets and task entries. */
static void mark_labels(const wfc_prog_class *c, uint8_t *is_label) {
    for (uint32_t i = 0; i < c->insn_count; i++)
        if (is_branch(c->insns[i].op) && branch_target(c, i) >= 0) is_label[branch_target(c, i)] = 1;
    for (uint32_t i = 0; i < c->task_count; i++)
        if (c->tasks[i].entry <= c->insn_count) is_label[c->tasks[i].entry] = 1;
}

typedef struct open_loops {
    uint32_t end[MAX_OPEN_LOOPS]; /* first instruction behind the body */
    unsigned count;
} open_loops;

static void indent(wfc_buf *out, const open_loops *loops) {
    wfc_buf_printf(out, "%*s", (int)(4 + 2 * loops->count), "");
}

/* `loop N {` where the body nests properly and is short enough to see, else `loop N, COUNT`. */
static void print_loop(wfc_buf *out, const wfc_prog_class *c, uint32_t pc, open_loops *loops) {
    const wfc_insn *in = &c->insns[pc];
    if (in->a != WFC_OPND_NONE)
        wfc_buf_printf(out, "loop r%u", in->a);
    else
        wfc_buf_printf(out, "loop %u", in->b | in->c << 8);
    uint32_t end = pc + 1 + in->imm, limit = loops->count ? loops->end[loops->count - 1] : c->insn_count;
    if (end > limit || loops->count == MAX_OPEN_LOOPS) {
        wfc_buf_printf(out, ", %u\n", in->imm);
        return;
    }
    wfc_buf_printf(out, " {\n");
    loops->end[loops->count++] = end;
}

static void print_insn(wfc_buf *out, const wfc_prog_class *c, uint32_t pc, open_loops *loops) {
    const wfc_insn *in = &c->insns[pc];
    bool whole = !wfc_isa_problem(in) && !(is_branch(in->op) && branch_target(c, pc) < 0);
    if (whole && in->op == WFC_OP_LOOP) {
        print_loop(out, c, pc, loops);
        return;
    }
    if (whole) {
        instruction(out, c, pc);
    } else {
        uint8_t bytes[WFC_INSN_BYTES];
        wfc_insn_encode(in, bytes);
        wfc_buf_printf(out, "raw \"");
        wfc_dis_hex(out, bytes, sizeof bytes);
        wfc_buf_printf(out, "\"");
    }
    wfc_buf_printf(out, "\n");
}

static void close_loops(wfc_buf *out, uint32_t pc, open_loops *loops) {
    while (loops->count && loops->end[loops->count - 1] == pc) {
        loops->count--;
        indent(out, loops);
        wfc_buf_printf(out, "}\n");
    }
}

wfc_status wfc_dis_code(wfc_buf *out, const wfc_prog_class *c) {
    uint8_t *is_label = wfc_calloc((size_t)c->insn_count + 1, 1);
    if (!is_label) return WFC_ERR_NO_MEMORY;
    mark_labels(c, is_label);
    open_loops loops = {.count = 0};
    wfc_buf_printf(out, "  code {\n");
    for (uint32_t i = 0; i <= c->insn_count; i++) {
        close_loops(out, i, &loops);
        if (is_label[i]) wfc_buf_printf(out, "  L%u:\n", i);
        if (i == c->insn_count) break;
        indent(out, &loops);
        print_insn(out, c, i, &loops);
    }
    wfc_buf_printf(out, "  }\n");
    wfc_free(is_label);
    return out->failed ? WFC_ERR_NO_MEMORY : WFC_OK;
}
