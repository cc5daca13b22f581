/* The end of a builder: labels, the memory map, the SRAM check.
 *
 *   0                code_bytes            sram_bytes
 *   | code desc task | array | pad | array | ... |
 */
#include "backend/asmb_internal.h"

static wfc_prog_class shape_of(const wfc_be_asm *a) {
    return (wfc_prog_class){.insn_count = (uint32_t)a->insns.count,
                            .desc_count = a->desc_count,
                            .task_count = (uint32_t)a->tasks.count,
                            .in_count = (uint32_t)a->ins.count,
                            .out_count = (uint32_t)a->outs.count};
}

uint32_t wfc_be_asm_code_bytes(const wfc_be_asm *a) {
    wfc_prog_class c = shape_of(a);
    return wfc_prog_class_code_bytes(&c);
}

/* Address behind the last array, saturating; stores addresses when `store` is the builder itself. */
static uint64_t lay_out(const wfc_be_asm *a, wfc_be_array *store) {
    uint64_t at = wfc_be_asm_code_bytes(a);
    for (size_t i = 0; i < a->arrays.count; i++) {
        const wfc_be_array *x = &a->arrays.data[i];
        at = (at + x->align - 1) / x->align * x->align;
        if (store) store[i].addr = at > UINT32_MAX ? UINT32_MAX : (uint32_t)at;
        at += x->bytes;
    }
    return at;
}

uint32_t wfc_be_asm_bytes(const wfc_be_asm *a) {
    uint64_t n = lay_out(a, NULL);
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void check_sram(wfc_be_asm *a, uint64_t need) {
    uint32_t have = a->target->sram_bytes;
#ifdef WFC_OFF_CSRAM
    have = UINT32_MAX;
#endif
    if (need <= have) return;
    const wfc_be_array *largest = NULL;
    for (size_t i = 0; i < a->arrays.count; i++) {
        if (!largest || a->arrays.data[i].bytes > largest->bytes) largest = &a->arrays.data[i];
    }
    wfc_be_asm_no_fit(a, "WFC-E0708",
                      "a PE of the layer needs %llu bytes of SRAM, the target has %u (code area %u, largest array "
                      "\"%s\" with %u); give the layer more PEs or use a target with more SRAM",
                      (unsigned long long)need, have, wfc_be_asm_code_bytes(a), largest ? largest->name : "none",
                      largest ? largest->bytes : 0);
}

/* Addresses are 16 bits whatever the target says. */
static void check_addresses(wfc_be_asm *a) {
    for (size_t i = 0; i < a->arrays.count; i++) {
        const wfc_be_array *x = &a->arrays.data[i];
        if (x->addr > UINT16_MAX || x->bytes > UINT16_MAX) {
            wfc_be_asm_no_fit(a, "WFC-E0709", "array \"%s\" of %u bytes at %u is beyond 16-bit addresses", x->name,
                              x->bytes, x->addr);
            return;
        }
    }
}

static void resolve_labels(wfc_be_asm *a) {
    for (size_t i = 0; i < a->fixups.count && a->status == WFC_OK; i++) {
        wfc_be_fixup f = a->fixups.data[i];
        uint32_t to = a->labels.data[f.label];
        if (to == UINT32_MAX || to >= a->insns.count) {
            wfc_be_asm_bug(a, "label %u is not placed before an instruction", f.label);
            return;
        }
        int64_t delta = (int64_t)to - (int64_t)f.insn;
        if (delta < INT16_MIN || delta > INT16_MAX) {
            wfc_be_asm_bug(a, "branch over %lld instructions", (long long)delta);
            return;
        }
        a->insns.data[f.insn].imm = (uint16_t)(int16_t)delta;
    }
}

static void check_complete(wfc_be_asm *a) {
    if (a->finished) wfc_be_asm_bug(a, "finished twice");
    if (a->loop_depth) wfc_be_asm_bug(a, "%u loops are open at the end", a->loop_depth);
    for (size_t i = 0; i < a->tasks.count; i++) {
        if (a->tasks.data[i].entry >= a->insns.count) wfc_be_asm_bug(a, "task %u has no code", a->tasks.data[i].id);
    }
}

static wfc_status copy_code(const wfc_be_asm *a, wfc_arena *arena, wfc_prog_class *c) {
    c->insns = wfc_arena_alloc(arena, c->insn_count, sizeof *c->insns);
    c->descs = wfc_arena_alloc(arena, c->desc_count, sizeof *c->descs);
    c->tasks = wfc_arena_alloc(arena, c->task_count, sizeof *c->tasks);
    c->in_queues = wfc_arena_alloc(arena, c->in_count, sizeof *c->in_queues);
    c->out_queues = wfc_arena_alloc(arena, c->out_count, sizeof *c->out_queues);
    if (!c->insns || !c->descs || !c->tasks || !c->in_queues || !c->out_queues) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->insn_count; i++) c->insns[i] = a->insns.data[i];
    for (uint32_t i = 0; i < c->task_count; i++) c->tasks[i] = a->tasks.data[i];
    for (uint32_t i = 0; i < c->in_count; i++) c->in_queues[i] = a->ins.data[i];
    for (uint32_t i = 0; i < c->out_count; i++) c->out_queues[i] = a->outs.data[i];
    for (uint32_t i = 0; i < c->desc_count; i++) {
        c->descs[i] = a->descs[i].desc;
        uint32_t array = a->descs[i].array;
        /* Wraps for a base behind the last 16-bit address only; extents are checked by the program's verifier. */
        if (array != UINT32_MAX) c->descs[i].base = (uint16_t)(c->descs[i].base + a->arrays.data[array].addr);
    }
    return WFC_OK;
}

static wfc_status copy_arrays(const wfc_be_asm *a, wfc_arena *arena, wfc_prog_class *c) {
    c->array_count = (uint32_t)a->arrays.count;
    c->arrays = wfc_arena_alloc(arena, c->array_count, sizeof *c->arrays);
    c->name = wfc_arena_utf8(arena, a->class_name);
    if (!c->arrays || !c->name) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->array_count; i++) {
        const wfc_be_array *x = &a->arrays.data[i];
        c->arrays[i] = (wfc_prog_array){.name = wfc_arena_strdup(arena, x->name),
                                        .addr = (uint16_t)x->addr,
                                        .bytes = (uint16_t)x->bytes,
                                        .category = x->category};
        if (!c->arrays[i].name) return WFC_ERR_NO_MEMORY;
    }
    return WFC_OK;
}

/* The base of a static walk may lie anywhere in its array, but its whole extent must stay inside. */
static void check_extents(wfc_be_asm *a) {
    for (uint32_t i = 0; i < a->desc_count && a->status == WFC_OK; i++) {
        const wfc_be_desc_slot *s = &a->descs[i];
        if (s->array == UINT32_MAX) continue;
        const wfc_be_array *x = &a->arrays.data[s->array];
        int64_t lo = s->desc.base, hi = lo, size = wfc_dtype_bytes((wfc_dtype)s->desc.type);
        for (int k = 0; k < 4; k++) {
            int64_t reach = (int64_t)(s->desc.len[k] - 1) * s->desc.stride[k] * size;
            if (reach < 0)
                lo += reach;
            else
                hi += reach;
        }
        bool inside = lo >= 0 && hi + size <= x->bytes;
        /* A moving or patched base is checked at run time. */
        bool fixed = s->desc.off == 0 && s->shared;
        if (s->desc.base >= x->bytes || (fixed && !inside)) {
            wfc_be_asm_bug(a, "descriptor d%u walks bytes %lld to %lld of array \"%s\" of %u bytes", i, (long long)lo,
                           (long long)(hi + size), x->name, x->bytes);
        }
    }
}

wfc_status wfc_be_asm_finish(wfc_be_asm *a, wfc_arena *arena, wfc_prog_class *out) {
    if (a->status == WFC_OK) check_complete(a);
    if (a->status == WFC_OK) resolve_labels(a);
    if (a->status == WFC_OK) check_extents(a);
    if (a->status == WFC_OK) check_sram(a, lay_out(a, a->arrays.data));
    if (a->status == WFC_OK) check_addresses(a);
    if (a->status != WFC_OK) return a->status;
    *out = shape_of(a);
    if (copy_code(a, arena, out) != WFC_OK || copy_arrays(a, arena, out) != WFC_OK) wfc_be_asm_no_memory(a);
    a->finished = true;
    return a->status;
}

uint16_t wfc_be_asm_addr(const wfc_be_asm *a, uint32_t array) {
    return array < a->arrays.count ? (uint16_t)a->arrays.data[array].addr : 0;
}
