/* The PE program builder: collects instructions, arrays, descriptors, tasks and queue bindings of one class of PEs, and
 * turns them into a wfc_prog_class with a memory map. Kernels and the cost model use the same builder, so a layer is
 * priced by exactly the instructions it will run.
 *
 * Errors are sticky: the first one goes to the diag, later calls do nothing (and return harmless numbers), and
 * wfc_be_asm_finish returns it. So emitters are written without a check per instruction.
 *
 * Memory is laid out by finish: code area first, then the arrays in the order of their allocation. Until then a
 * descriptor is {array, byte offset, ...}; arrays may still grow. */
#ifndef WFC_BACKEND_ASMB_H
#define WFC_BACKEND_ASMB_H

#include "runtime/program/program.h"

typedef struct wfc_be_asm wfc_be_asm;

/* What a cycle is spent on; the caller selects the bucket of the instructions that follow. */
typedef enum wfc_be_bucket {
    WFC_BE_COMPUTE = 0,
    WFC_BE_RECEIVE,
    WFC_BE_REDUCE,
    WFC_BE_EPILOGUE,
    WFC_BE_SEND,
    WFC_BE_SETUP, /* once per run, not per sample */
    WFC_BE_BUCKETS
} wfc_be_bucket;

/* Predicted cycles of one bucket without waiting for the fabric. The main context needs overhead + busy; background is
 * the datapath time that microthreads take from it. A bound for the PE's time is the sum of the three. */
typedef struct wfc_be_cost {
    double overhead_cycles, busy_cycles, background_cycles;
    double macs; /* elements issued to vmac and vdot */
} wfc_be_cost;

/* A walk over an array; `array` is what wfc_be_asm_array returned. Strides in elements, dimension 3 innermost. Unused
 * outer dimensions have len 1 (a len of 0 is an internal error). */
typedef struct wfc_be_mem {
    uint32_t array, offset_bytes;
    uint8_t type, off; /* wfc_dtype; register added to the base, 0 none */
    uint32_t len[4];
    int32_t stride[4];
} wfc_be_mem;

/* `layer` and `pe_rect` (such as "PEs (3,0)..(17,63)") appear in errors; strings are copied. NULL: out of memory. The
 * target and the diag (may be NULL) are borrowed for the builder's life. */
wfc_be_asm *wfc_be_asm_create(const wfc_target *target, wfc_diag *diag, const char *class_name, const char *layer,
                              const char *pe_rect);
void wfc_be_asm_destroy(wfc_be_asm *a);
/* The first error so far. */
wfc_status wfc_be_asm_status(const wfc_be_asm *a);
const wfc_target *wfc_be_asm_target(const wfc_be_asm *a);
/* Records an error of an emitter (its details are in the diag already); returns `s`. */
wfc_status wfc_be_asm_fail(wfc_be_asm *a, wfc_status s);
const char *wfc_be_asm_layer(const wfc_be_asm *a);
wfc_diag *wfc_be_asm_diag(const wfc_be_asm *a);

/* --- memory --- */
/* A new array of `bytes` (> 0) starting as zero; aligned to 4 bytes, category WFC_MEM_INDEX and WFC_MEM_TABLE to 8.
 * Names need not be unique; the builder makes them so. Returns its id. */
uint32_t wfc_be_asm_array(wfc_be_asm *a, const char *name, uint32_t bytes, wfc_mem_category category);
/* Grows an array to at least `bytes`. */
void wfc_be_asm_array_grow(wfc_be_asm *a, uint32_t array, uint32_t bytes);
/* Borrows a scratch array of at least `bytes`: a released one where possible (it may grow), else a new one. */
uint32_t wfc_be_asm_scratch(wfc_be_asm *a, uint32_t bytes);
void wfc_be_asm_scratch_release(wfc_be_asm *a, uint32_t array);

/* --- descriptors: all return the operand byte 16..63; equal content shares one --- */
uint8_t wfc_be_asm_mem(wfc_be_asm *a, const wfc_be_mem *m);
/* The whole of an array or a part of it as one row: `n` elements from `offset_bytes`, stride 1. */
uint8_t wfc_be_asm_row(wfc_be_asm *a, uint32_t array, uint32_t offset_bytes, wfc_dtype type, uint32_t n);
/* One element repeated n times (stride 0). */
uint8_t wfc_be_asm_splat(wfc_be_asm *a, uint32_t array, uint32_t offset_bytes, wfc_dtype type, uint32_t n);
/* Queue descriptors; n elements per execution (up to 65535 * 65535 where it factors), control word or 0 (out only). */
uint8_t wfc_be_asm_in(wfc_be_asm *a, uint8_t queue, wfc_dtype type, uint32_t n);
uint8_t wfc_be_asm_out(wfc_be_asm *a, uint8_t queue, wfc_dtype type, uint32_t n, uint16_t control_word);
/* Like wfc_be_asm_mem but never shared: for descriptors that setd or ldd change at run time. */
uint8_t wfc_be_asm_mem_private(wfc_be_asm *a, const wfc_be_mem *m);
/* What an operand byte stands for; false for registers, none and unknown ones. base = offset within the array (mem). */
bool wfc_be_asm_desc_get(const wfc_be_asm *a, uint8_t operand, wfc_desc *out_desc, uint32_t *out_array);
/* Elements one execution walks, 0 for registers. */
uint32_t wfc_be_asm_elems(const wfc_be_asm *a, uint8_t operand);
uint32_t wfc_be_asm_desc_count(const wfc_be_asm *a);

/* --- instructions --- */
/* Checks operand kinds and types against the ISA table, lengths of vector operands against each other, appends, and
 * adds the predicted cost. Returns the instruction index. */
uint32_t wfc_be_asm_insn(wfc_be_asm *a, const wfc_insn *in);
/* Shorthand without flags: op, element type, operands (WFC_OPND_NONE where unused), imm. */
uint32_t wfc_be_asm_op(wfc_be_asm *a, wfc_op op, wfc_dtype type, uint8_t d, uint8_t s0, uint8_t s1, uint16_t imm);
/* The same on microthread `ut` (1..target.microthreads): `flags` may hold WFC_FLAG_ACT, _UBLK with `task`, _SAT. */
uint32_t wfc_be_asm_async(wfc_be_asm *a, wfc_op op, wfc_dtype type, uint8_t d, uint8_t s0, uint8_t s1, uint8_t ut,
                          uint8_t flags, uint8_t task);
void wfc_be_asm_wait(wfc_be_asm *a, uint8_t ut);
/* D = 32-bit constant into a register of the caller's (movi, movih). */
void wfc_be_asm_set_reg(wfc_be_asm *a, uint8_t reg, uint32_t bits);
uint32_t wfc_be_asm_here(const wfc_be_asm *a); /* index of the next instruction */

/* --- control flow --- */
/* Loop with zero-cost back edge; count 1 emits no instruction, an empty body none either. At most 4 levels. */
void wfc_be_asm_loop(wfc_be_asm *a, uint32_t count);
/* Count in a register; `expected` is for the prediction. */
void wfc_be_asm_loop_reg(wfc_be_asm *a, uint8_t reg, double expected);
void wfc_be_asm_loop_end(wfc_be_asm *a);
/* Labels: create, use in branches, place once. Placing one forgets the constant cache but for pinned constants. */
uint32_t wfc_be_asm_label(wfc_be_asm *a);
void wfc_be_asm_place(wfc_be_asm *a, uint32_t label);
/* bra, brz, brnz (reg 0 for bra). */
void wfc_be_asm_branch(wfc_be_asm *a, wfc_op op, uint8_t reg, uint32_t label);
/* A task whose entry is the next instruction. `queue`: data tasks. */
void wfc_be_asm_task(wfc_be_asm *a, uint8_t id, wfc_task_kind kind, uint8_t flags, uint8_t queue);
void wfc_be_asm_bind_in(wfc_be_asm *a, uint8_t queue, uint8_t colour);
void wfc_be_asm_bind_out(wfc_be_asm *a, uint8_t queue, uint8_t colour);

/* --- constants in registers --- */
/* Gives registers first..first+count-1 to the constant cache (at least 2 for expressions). */
void wfc_be_asm_const_regs(wfc_be_asm *a, uint8_t first, uint8_t count);
/* A register that holds `bits` for the next instruction (r0 for 0). Good until the next two calls at least. */
uint8_t wfc_be_asm_const(wfc_be_asm *a, uint32_t bits);
uint8_t wfc_be_asm_const_f32(wfc_be_asm *a, float v);
/* Loads now and keeps: survives labels and loops until unpinned. Pin before the loop that uses it. At least two
 * registers of the cache always stay unpinned; false when there is no room (nothing is emitted then). */
bool wfc_be_asm_const_pin(wfc_be_asm *a, uint32_t bits);
void wfc_be_asm_const_unpin_all(wfc_be_asm *a);
/* Forgets unpinned constants: after code that changed the registers behind the cache's back. */
void wfc_be_asm_const_forget(wfc_be_asm *a);

/* --- prediction --- */
void wfc_be_asm_bucket(wfc_be_asm *a, wfc_be_bucket b);
/* Factor on the cost of what follows, beyond the enclosing loops (1 at first). */
void wfc_be_asm_weight(wfc_be_asm *a, double executions);
const wfc_be_cost *wfc_be_asm_cost(const wfc_be_asm *a); /* [WFC_BE_BUCKETS] */
/* overhead + busy + background of all buckets but setup. */
double wfc_be_asm_cycles_per_sample(const wfc_be_asm *a);
/* SRAM bytes as laid out now (code, arrays, alignment). */
uint32_t wfc_be_asm_bytes(const wfc_be_asm *a);

/* --- the end --- */
/* Lays out memory, resolves labels, checks sram_bytes, and fills `out` with arrays and strings in `arena`.
 * Errors: WFC_ERR_NO_FIT (SRAM, descriptors, queues, colours, microthreads; names layer, PEs, needed and available),
 * WFC_ERR_INTERNAL (misuse), WFC_ERR_NO_MEMORY. Can be called once. */
WFC_MUST_USE wfc_status wfc_be_asm_finish(wfc_be_asm *a, wfc_arena *arena, wfc_prog_class *out);
/* After finish: byte address of an array. */
uint16_t wfc_be_asm_addr(const wfc_be_asm *a, uint32_t array);

/* --- sharing of classes --- */
/* Finished classes by content (the class name does not count). First come, first numbered: deterministic. */
typedef struct wfc_be_class_table {
    WFC_VEC(wfc_prog_class) classes;
    uint32_t *slots, *names; /* hash tables of index + 1, by content and by name */
    uint32_t slot_count;
} wfc_be_class_table;
void wfc_be_class_table_init(wfc_be_class_table *t);
void wfc_be_class_table_deinit(wfc_be_class_table *t); /* classes' memory belongs to their arena */
/* Index of an equal class, or of `c` appended (its name made unique within the table, from `arena`). */
WFC_MUST_USE wfc_status wfc_be_class_table_add(wfc_be_class_table *t, wfc_arena *arena, const wfc_prog_class *c,
                                               uint32_t *out_index);
bool wfc_be_class_equal(const wfc_prog_class *x, const wfc_prog_class *y);

#endif
