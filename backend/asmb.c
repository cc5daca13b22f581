/* Arrays, descriptors, instructions and their predicted cost. Control flow and constants: asmb_flow.c; the memory map:
 * asmb_finish.c.
 *
 *   uint32_t x = wfc_be_asm_array(a, "x", 400, WFC_MEM_INPUT);
 *   uint8_t dx = wfc_be_asm_row(a, x, 0, WFC_F32, 100);
 *   wfc_be_asm_op(a, WFC_OP_VMAX, WFC_F32, dx, dx, 0, 0);     relu in place: vmax x, x, r0
 */
#include "backend/asmb_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 400 };

/* ---- errors ---- */

static void record(wfc_be_asm *a, wfc_status s, const char *code, const char *text) {
    if (a->status != WFC_OK) return;
    char where[256];
    snprintf(where, sizeof where, "%s, %s", a->layer, a->pe_rect);
    a->status = wfc_fail(a->diag, s, code, where, "%s", text);
}

void wfc_be_asm_bug(wfc_be_asm *a, const char *fmt, ...) {
    char text[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    record(a, WFC_ERR_INTERNAL, "WFC-E0700", text);
}

void wfc_be_asm_no_fit(wfc_be_asm *a, const char *code, const char *fmt, ...) {
    char text[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    record(a, WFC_ERR_NO_FIT, code, text);
}

void wfc_be_asm_no_memory(wfc_be_asm *a) {
    if (a->status == WFC_OK) a->status = wfc_fail_memory(a->diag);
}

wfc_status wfc_be_asm_fail(wfc_be_asm *a, wfc_status s) {
    if (a->status == WFC_OK) a->status = s;
    return s;
}

/* ---- life ---- */

wfc_be_asm *wfc_be_asm_create(const wfc_target *target, wfc_diag *diag, const char *class_name, const char *layer,
                              const char *pe_rect) {
    wfc_be_asm *a = wfc_calloc(1, sizeof *a);
    if (!a) return NULL;
    a->target = target;
    a->diag = diag;
    a->weight = a->factor = 1;
    a->class_name = wfc_strdup(class_name);
    a->layer = wfc_strdup(layer);
    a->pe_rect = wfc_strdup(pe_rect);
    if (!a->class_name || !a->layer || !a->pe_rect) {
        wfc_be_asm_destroy(a);
        return NULL;
    }
    return a;
}

void wfc_be_asm_destroy(wfc_be_asm *a) {
    if (!a) return;
    for (size_t i = 0; i < a->arrays.count; i++) wfc_free(a->arrays.data[i].name);
    wfc_vec_free(&a->arrays);
    wfc_vec_free(&a->insns);
    wfc_vec_free(&a->tasks);
    wfc_vec_free(&a->ins);
    wfc_vec_free(&a->outs);
    wfc_vec_free(&a->labels);
    wfc_vec_free(&a->fixups);
    wfc_free(a->class_name);
    wfc_free(a->layer);
    wfc_free(a->pe_rect);
    wfc_free(a);
}

wfc_status wfc_be_asm_status(const wfc_be_asm *a) {
    return a->status;
}
const wfc_target *wfc_be_asm_target(const wfc_be_asm *a) {
    return a->target;
}
const char *wfc_be_asm_layer(const wfc_be_asm *a) {
    return a->layer;
}
wfc_diag *wfc_be_asm_diag(const wfc_be_asm *a) {
    return a->diag;
}

/* ---- arrays ---- */

static bool name_taken(const wfc_be_asm *a, const char *name) {
    for (size_t i = 0; i < a->arrays.count; i++) {
        if (strcmp(a->arrays.data[i].name, name) == 0) return true;
    }
    return false;
}

static char *unique_array_name(const wfc_be_asm *a, const char *name) {
    if (!name_taken(a, name)) return wfc_strdup(name);
    for (unsigned k = 2;; k++) {
        char *s = wfc_asprintf("%s.%u", name, k);
        if (!s || !name_taken(a, s)) return s;
        wfc_free(s);
    }
}

uint32_t wfc_be_asm_array(wfc_be_asm *a, const char *name, uint32_t bytes, wfc_mem_category category) {
    if (a->status != WFC_OK) return 0;
    if (bytes == 0) {
        wfc_be_asm_bug(a, "array \"%s\" has no bytes", name);
        return 0;
    }
    wfc_be_array array = {.bytes = bytes, .align = 4, .category = (uint8_t)category};
    if (category == WFC_MEM_INDEX || category == WFC_MEM_TABLE) array.align = 8;
    array.name = unique_array_name(a, name);
    if (!array.name || wfc_vec_push(&a->arrays, array) != WFC_OK) {
        wfc_free(array.name);
        wfc_be_asm_no_memory(a);
        return 0;
    }
    return (uint32_t)(a->arrays.count - 1);
}

void wfc_be_asm_array_grow(wfc_be_asm *a, uint32_t array, uint32_t bytes) {
    if (a->status != WFC_OK) return;
    if (array >= a->arrays.count) {
        wfc_be_asm_bug(a, "array %u does not exist", array);
        return;
    }
    if (bytes > a->arrays.data[array].bytes) a->arrays.data[array].bytes = bytes;
}

/* The smallest free one that is large enough, else the largest free one, which grows: total bytes stay lowest. */
uint32_t wfc_be_asm_scratch(wfc_be_asm *a, uint32_t bytes) {
    if (a->status != WFC_OK) return 0;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < a->arrays.count; i++) {
        const wfc_be_array *x = &a->arrays.data[i];
        if (!x->scratch || !x->scratch_free) continue;
        if (best == SIZE_MAX) {
            best = i;
            continue;
        }
        uint32_t have = a->arrays.data[best].bytes;
        bool fits = x->bytes >= bytes;
        if (have >= bytes ? fits && x->bytes < have : x->bytes > have) best = i;
    }
    if (best == SIZE_MAX) {
        uint32_t id = wfc_be_asm_array(a, "scratch", bytes, WFC_MEM_SCRATCH);
        if (a->status == WFC_OK) a->arrays.data[id].scratch = true;
        return id;
    }
    a->arrays.data[best].scratch_free = false;
    wfc_be_asm_array_grow(a, (uint32_t)best, bytes);
    return (uint32_t)best;
}

void wfc_be_asm_scratch_release(wfc_be_asm *a, uint32_t array) {
    if (a->status != WFC_OK) return;
    if (array >= a->arrays.count || !a->arrays.data[array].scratch || a->arrays.data[array].scratch_free) {
        wfc_be_asm_bug(a, "array %u is no scratch array in use", array);
        return;
    }
    a->arrays.data[array].scratch_free = true;
}

/* ---- descriptors ---- */

static bool desc_equal(const wfc_desc *x, const wfc_desc *y) {
    if (x->kind != y->kind || x->type != y->type || x->off != y->off || x->base != y->base) return false;
    for (int k = 0; k < 4; k++) {
        if (x->len[k] != y->len[k] || x->stride[k] != y->stride[k]) return false;
    }
    return true;
}

static uint8_t add_desc(wfc_be_asm *a, const wfc_desc *d, uint32_t array, bool shared) {
    if (a->status != WFC_OK) return WFC_OPND_DESC0;
    for (uint32_t i = 0; shared && i < a->desc_count; i++) {
        const wfc_be_desc_slot *s = &a->descs[i];
        if (s->shared && s->array == array && desc_equal(&s->desc, d)) return (uint8_t)(WFC_OPND_DESC0 + i);
    }
    uint32_t limit = a->target->descriptors < WFC_NUM_DESCS ? a->target->descriptors : WFC_NUM_DESCS;
    if (a->desc_count >= limit) {
        wfc_be_asm_no_fit(a, "WFC-E0701",
                          "the layer's PE program needs more than the %u descriptors that a PE has; choose a split "
                          "with fewer loops or operands, or a target with more",
                          limit);
        return WFC_OPND_DESC0;
    }
    a->descs[a->desc_count] = (wfc_be_desc_slot){.desc = *d, .array = array, .shared = shared};
    return (uint8_t)(WFC_OPND_DESC0 + a->desc_count++);
}

static uint8_t add_mem(wfc_be_asm *a, const wfc_be_mem *m, bool shared) {
    if (a->status != WFC_OK) return WFC_OPND_DESC0;
    if (m->array >= a->arrays.count || m->type >= WFC_NUM_PE_DTYPES || m->off >= WFC_NUM_REGS) {
        wfc_be_asm_bug(a, "descriptor of array %u, type %u, register %u is malformed", m->array, m->type, m->off);
        return WFC_OPND_DESC0;
    }
    wfc_desc d = {.kind = WFC_DESC_MEM, .type = m->type, .off = m->off, .base = (uint16_t)m->offset_bytes};
    bool ok = m->offset_bytes <= UINT16_MAX;
    for (int k = 0; k < 4; k++) {
        ok = ok && m->len[k] >= 1 && m->len[k] <= UINT16_MAX && m->stride[k] >= INT16_MIN && m->stride[k] <= INT16_MAX;
        d.len[k] = (uint16_t)m->len[k];
        /* A dimension of one element has no stride; one spelling lets equal walks share. */
        d.stride[k] = m->len[k] == 1 ? 0 : (int16_t)m->stride[k];
    }
    if (!ok) {
        wfc_be_asm_no_fit(a, "WFC-E0702",
                          "array \"%s\": offset %u, lengths %u %u %u %u or strides %d %d %d %d exceed a descriptor's "
                          "16-bit fields; choose a split with smaller tiles",
                          a->arrays.data[m->array].name, m->offset_bytes, m->len[0], m->len[1], m->len[2], m->len[3],
                          m->stride[0], m->stride[1], m->stride[2], m->stride[3]);
        return WFC_OPND_DESC0;
    }
    return add_desc(a, &d, m->array, shared);
}

uint8_t wfc_be_asm_mem(wfc_be_asm *a, const wfc_be_mem *m) {
    return add_mem(a, m, true);
}
uint8_t wfc_be_asm_mem_private(wfc_be_asm *a, const wfc_be_mem *m) {
    return add_mem(a, m, false);
}

uint8_t wfc_be_asm_row(wfc_be_asm *a, uint32_t array, uint32_t offset_bytes, wfc_dtype type, uint32_t n) {
    wfc_be_mem m = {.array = array,
                    .offset_bytes = offset_bytes,
                    .type = (uint8_t)type,
                    .len = {1, 1, 1, n},
                    .stride = {0, 0, 0, 1}};
    return wfc_be_asm_mem(a, &m);
}

uint8_t wfc_be_asm_splat(wfc_be_asm *a, uint32_t array, uint32_t offset_bytes, wfc_dtype type, uint32_t n) {
    wfc_be_mem m = {
        .array = array, .offset_bytes = offset_bytes, .type = (uint8_t)type, .len = {1, 1, 1, n}, .stride = {0}};
    return wfc_be_asm_mem(a, &m);
}

/* n as two factors of at most 16 bits each; queues need the product only. */
static bool split_count(uint32_t n, uint16_t len[4]) {
    len[0] = len[1] = 1;
    uint32_t outer = 1;
    while (n / outer > UINT16_MAX || n % outer != 0) {
        if (++outer > UINT16_MAX) return false;
    }
    len[2] = (uint16_t)outer;
    len[3] = (uint16_t)(n / outer);
    return true;
}

static uint8_t add_queue(wfc_be_asm *a, wfc_desc_kind kind, uint8_t queue, wfc_dtype type, uint32_t n, uint16_t ctl) {
    if (a->status != WFC_OK) return WFC_OPND_DESC0;
    wfc_desc d = {.kind = (uint8_t)kind, .type = (uint8_t)type, .base = queue};
    if (n == 0 || (unsigned)type >= WFC_NUM_PE_DTYPES || !split_count(n, d.len)) {
        wfc_be_asm_bug(a, "queue descriptor of %u elements, type %u", n, (unsigned)type);
        return WFC_OPND_DESC0;
    }
    memcpy(&d.stride[0], &ctl, sizeof ctl);
    return add_desc(a, &d, UINT32_MAX, true);
}

uint8_t wfc_be_asm_in(wfc_be_asm *a, uint8_t queue, wfc_dtype type, uint32_t n) {
    return add_queue(a, WFC_DESC_IN, queue, type, n, 0);
}
uint8_t wfc_be_asm_out(wfc_be_asm *a, uint8_t queue, wfc_dtype type, uint32_t n, uint16_t control_word) {
    return add_queue(a, WFC_DESC_OUT, queue, type, n, control_word);
}

static const wfc_be_desc_slot *slot_of(const wfc_be_asm *a, uint8_t operand) {
    if (operand < WFC_OPND_DESC0 || operand - WFC_OPND_DESC0 >= (int)a->desc_count) return NULL;
    return &a->descs[operand - WFC_OPND_DESC0];
}

bool wfc_be_asm_desc_get(const wfc_be_asm *a, uint8_t operand, wfc_desc *out_desc, uint32_t *out_array) {
    const wfc_be_desc_slot *s = slot_of(a, operand);
    if (!s) return false;
    *out_desc = s->desc;
    if (out_array) *out_array = s->array;
    return true;
}

uint32_t wfc_be_asm_elems(const wfc_be_asm *a, uint8_t operand) {
    const wfc_be_desc_slot *s = slot_of(a, operand);
    return s ? wfc_desc_elems(&s->desc) : 0;
}

uint32_t wfc_be_asm_desc_count(const wfc_be_asm *a) {
    return a->desc_count;
}

/* ---- instructions ---- */

static bool is_mac(unsigned op) {
    return op == WFC_OP_VMAC || op == WFC_OP_VDOT;
}

static void add_cost(wfc_be_asm *a, const wfc_insn *in) {
    const wfc_be_desc_slot *d = slot_of(a, in->d), *s0 = slot_of(a, in->a), *s1 = slot_of(a, in->b);
    bool raw = in->op == WFC_OP_LOOP; /* its operand bytes hold a count */
    wfc_insn_cost c = wfc_isa_cost(a->target, in, d && !raw ? &d->desc : NULL, s0 && !raw ? &s0->desc : NULL,
                                   s1 && !raw ? &s1->desc : NULL);
    double times = a->weight * a->factor;
    double busy = (double)c.groups * c.cycles_per_group;
    /* Counted as taken: compiled programs branch back almost always. */
    if (in->op == WFC_OP_BRA || in->op == WFC_OP_BRZ || in->op == WFC_OP_BRNZ) busy = a->target->branch_cycles;
    wfc_be_cost *cost = &a->cost[a->bucket];
    if (in->flags & WFC_FLAG_ASYNC) {
        cost->busy_cycles += times; /* the issue */
        cost->background_cycles += times * busy;
    } else {
        cost->overhead_cycles += times * c.overhead_cycles;
        cost->busy_cycles += times * busy;
    }
    if (is_mac(in->op)) {
        uint32_t n = s0 ? wfc_desc_elems(&s0->desc) : d ? wfc_desc_elems(&d->desc) : 0;
        cost->macs += times * n;
    }
}

uint32_t wfc_be_asm_append(wfc_be_asm *a, const wfc_insn *in) {
    if (a->status != WFC_OK) return 0;
    if (a->insns.count >= UINT16_MAX) {
        wfc_be_asm_no_fit(a, "WFC-E0703", "the PE program has more than %u instructions", UINT16_MAX);
        return 0;
    }
    if (wfc_vec_push(&a->insns, *in) != WFC_OK) {
        wfc_be_asm_no_memory(a);
        return 0;
    }
    add_cost(a, in);
    return (uint32_t)(a->insns.count - 1);
}

static unsigned operand_kind(const wfc_be_asm *a, uint8_t operand) {
    if (operand == WFC_OPND_NONE) return WFC_OPND_IS_NONE | WFC_OPND_IS_RAW;
    if (operand < WFC_NUM_REGS) return WFC_OPND_IS_REG | WFC_OPND_IS_RAW;
    const wfc_be_desc_slot *s = slot_of(a, operand);
    if (!s) return WFC_OPND_IS_RAW;
    unsigned any = WFC_OPND_IS_ANY_DESC | WFC_OPND_IS_RAW;
    if (s->desc.kind == WFC_DESC_IN) return any | WFC_OPND_IS_IN;
    return any | (s->desc.kind == WFC_DESC_OUT ? WFC_OPND_IS_OUT : WFC_OPND_IS_MEM);
}

/* All descriptors of an elementwise instruction walk the same number of elements; gathers and scatters do not. */
static bool lengths_agree(const wfc_be_asm *a, const wfc_insn *in) {
    uint8_t operands[3] = {in->d, in->a, in->b};
    if (in->op == WFC_OP_VGAT) operands[1] = WFC_OPND_NONE;
    if (in->op >= WFC_OP_VSCATSET && in->op <= WFC_OP_VSCATMIN) operands[0] = WFC_OPND_NONE;
    if (in->op == WFC_OP_VSENDNZ) return true;
    uint32_t n = 0;
    for (int k = 0; k < 3; k++) {
        uint32_t e = wfc_be_asm_elems(a, operands[k]);
        if (e && n && e != n) return false;
        if (e) n = e;
    }
    return true;
}

static bool check_insn(wfc_be_asm *a, const wfc_insn *in) {
    const wfc_isa_record *r = wfc_isa_lookup(in->op);
    if (!r) {
        wfc_be_asm_bug(a, "instruction %u does not exist", in->op);
        return false;
    }
    bool async = (in->flags & WFC_FLAG_ASYNC) != 0;
    bool kinds = (operand_kind(a, in->d) & r->d) && (operand_kind(a, in->a) & r->a) &&
                 (operand_kind(a, in->b) & r->b) && (async || (operand_kind(a, in->c) & r->c));
    if (!kinds) {
        wfc_be_asm_bug(a, "%s at %u: operands %u %u %u %u are not of the kinds it takes", r->mnemonic,
                       wfc_be_asm_here(a), in->d, in->a, in->b, in->c);
        return false;
    }
    if (in->type >= WFC_NUM_DTYPES || (r->types ? !(r->types >> in->type & 1) : in->type != 0)) {
        wfc_be_asm_bug(a, "%s at %u: type %u is not allowed", r->mnemonic, wfc_be_asm_here(a), in->type);
        return false;
    }
    bool vector = r->timing == WFC_TIME_VECTOR || r->timing == WFC_TIME_SLOW;
    if (vector && !lengths_agree(a, in)) {
        wfc_be_asm_bug(a, "%s at %u: operands walk %u, %u and %u elements", r->mnemonic, wfc_be_asm_here(a),
                       wfc_be_asm_elems(a, in->d), wfc_be_asm_elems(a, in->a), wfc_be_asm_elems(a, in->b));
        return false;
    }
    return true;
}

uint32_t wfc_be_asm_insn(wfc_be_asm *a, const wfc_insn *in) {
    if (a->status != WFC_OK || !check_insn(a, in)) return 0;
    return wfc_be_asm_append(a, in);
}

uint32_t wfc_be_asm_op(wfc_be_asm *a, wfc_op op, wfc_dtype type, uint8_t d, uint8_t s0, uint8_t s1, uint16_t imm) {
    wfc_insn in = {.op = (uint8_t)op, .type = (uint8_t)type, .d = d, .a = s0, .b = s1, .c = WFC_OPND_NONE, .imm = imm};
    return wfc_be_asm_insn(a, &in);
}

static bool microthread_exists(wfc_be_asm *a, uint8_t ut) {
#ifndef WFC_OFF_CMICROTHREADS
    if (ut < 1 || ut > a->target->microthreads) {
        wfc_be_asm_no_fit(a, "WFC-E0704",
                          "microthread %u is needed, the target has ut1 to ut%u; merge the layer's edges", ut,
                          a->target->microthreads);
        return false;
    }
#else
    (void)ut;
#endif
    return a->status == WFC_OK;
}

uint32_t wfc_be_asm_async(wfc_be_asm *a, wfc_op op, wfc_dtype type, uint8_t d, uint8_t s0, uint8_t s1, uint8_t ut,
                          uint8_t flags, uint8_t task) {
    if (a->status != WFC_OK || !microthread_exists(a, ut)) return 0;
    wfc_insn in = {.op = (uint8_t)op,
                   .type = (uint8_t)type,
                   .flags = (uint8_t)(flags | WFC_FLAG_ASYNC),
                   .d = d,
                   .a = s0,
                   .b = s1,
                   .c = ut,
                   .imm = task};
    return wfc_be_asm_insn(a, &in);
}

void wfc_be_asm_wait(wfc_be_asm *a, uint8_t ut) {
    if (a->status != WFC_OK || !microthread_exists(a, ut)) return;
    wfc_insn in = {.op = WFC_OP_WAIT, .d = WFC_OPND_NONE, .a = WFC_OPND_NONE, .b = WFC_OPND_NONE, .c = ut};
    wfc_be_asm_append(a, &in);
}

uint32_t wfc_be_asm_here(const wfc_be_asm *a) {
    return (uint32_t)a->insns.count;
}

/* ---- prediction ---- */

void wfc_be_asm_bucket(wfc_be_asm *a, wfc_be_bucket b) {
    a->bucket = b;
}
void wfc_be_asm_weight(wfc_be_asm *a, double executions) {
    a->weight = executions;
}
const wfc_be_cost *wfc_be_asm_cost(const wfc_be_asm *a) {
    return a->cost;
}

double wfc_be_asm_cycles_per_sample(const wfc_be_asm *a) {
    double sum = 0;
    for (int b = 0; b < WFC_BE_BUCKETS; b++) {
        if (b == WFC_BE_SETUP) continue;
        sum += a->cost[b].overhead_cycles + a->cost[b].busy_cycles + a->cost[b].background_cycles;
    }
    return sum;
}
