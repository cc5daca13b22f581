/* The builder's own state, shared by asmb*.c only. */
#ifndef WFC_BACKEND_ASMB_INTERNAL_H
#define WFC_BACKEND_ASMB_INTERNAL_H

#include "backend/asmb.h"

enum { WFC_BE_MAX_LOOPS = 4, WFC_BE_MAX_LOOP_FRAMES = 16 };

typedef struct wfc_be_array {
    char *name;
    uint32_t bytes, align, addr;
    uint8_t category;
    bool scratch, scratch_free;
} wfc_be_array;

/* desc.base counts from the array's start until finish; the offset may exceed 16 bits only by error. */
typedef struct wfc_be_desc_slot {
    wfc_desc desc;
    uint32_t array; /* UINT32_MAX for queues */
    bool shared;
} wfc_be_desc_slot;

typedef struct wfc_be_fixup {
    uint32_t insn, label;
} wfc_be_fixup;

typedef struct wfc_be_loop_frame {
    uint32_t insn; /* of LOOP, UINT32_MAX when none was emitted */
    double outer_factor;
    bool runs_at_least_once;
} wfc_be_loop_frame;

typedef struct wfc_be_const_slot {
    uint32_t bits;
    uint32_t last_use;
    bool valid, pinned;
} wfc_be_const_slot;

struct wfc_be_asm {
    const wfc_target *target;
    wfc_diag *diag;
    char *class_name, *layer, *pe_rect;
    wfc_status status;
    bool finished;

    WFC_VEC(wfc_insn) insns;
    WFC_VEC(wfc_be_array) arrays;
    wfc_be_desc_slot descs[WFC_NUM_DESCS];
    uint32_t desc_count;
    WFC_VEC(wfc_prog_task) tasks;
    WFC_VEC(wfc_prog_binding) ins;
    WFC_VEC(wfc_prog_binding) outs;
    WFC_VEC(uint32_t) labels; /* instruction index, UINT32_MAX not placed */
    WFC_VEC(wfc_be_fixup) fixups;

    wfc_be_loop_frame loops[WFC_BE_MAX_LOOP_FRAMES];
    uint32_t loop_depth, emitted_depth;

    uint8_t const_first, const_count;
    wfc_be_const_slot consts[WFC_NUM_REGS];
    uint32_t const_clock;

    wfc_be_bucket bucket;
    double weight, factor; /* factor: product of the enclosing loop counts */
    wfc_be_cost cost[WFC_BE_BUCKETS];
};

/* Record the first error with a message; the place is "layer, PEs". */
void wfc_be_asm_bug(wfc_be_asm *a, const char *fmt, ...) WFC_PRINTF(2, 3);                      /* WFC_ERR_INTERNAL */
void wfc_be_asm_no_fit(wfc_be_asm *a, const char *code, const char *fmt, ...) WFC_PRINTF(3, 4); /* WFC_ERR_NO_FIT */
void wfc_be_asm_no_memory(wfc_be_asm *a);
/* Appends without operand checks (loop, wait, branches) and adds the cost. */
uint32_t wfc_be_asm_append(wfc_be_asm *a, const wfc_insn *in);
/* Code area of what has been built so far. */
uint32_t wfc_be_asm_code_bytes(const wfc_be_asm *a);

#endif
