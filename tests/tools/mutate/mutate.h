/* Mutating a program: what can be changed, and where. A place is one PE's: its class or its routes are copied first
 * when other PEs share them, so a mutant differs in one PE only, which is the hardest to notice. */
#ifndef WFC_TESTS_TOOLS_MUTATE_H
#define WFC_TESTS_TOOLS_MUTATE_H

#include "runtime/program/program.h"

typedef enum mutate_kind { MUTATE_ROUTE, MUTATE_WORD, MUTATE_BOX } mutate_kind;

/* route: item = route index, position, port = in-port, bit = out-port. word, box: item = instruction, operand = operand
 * byte; box, entry > 0: the descriptor that the code loads there from record entry - 1 of a table in the PE's data. */
typedef struct mutate_place {
    uint32_t pe, item;
    uint8_t position, port, bit, operand;
    uint16_t entry;
} mutate_place;
typedef WFC_VEC(mutate_place) mutate_places;

/* Which places a recorded run used; lines "pe X Y" (all of that PE), "route X Y COLOUR", "insn X Y INDEX"; '#' starts a
 * comment. Empty: everything counts as used. */
typedef struct mutate_used {
    WFC_VEC(uint64_t) keys; /* sorted */
} mutate_used;
WFC_MUST_USE wfc_status mutate_used_read(const char *path, wfc_diag *diag, mutate_used *out);

/* All places of a kind. `consistent`: only descriptors whose partners can be shortened along, so that the mutant
 * passes the check that all operands of an instruction walk equally many elements. */
WFC_MUST_USE wfc_status mutate_list(const wfc_program *p, mutate_kind kind, const mutate_used *used, bool consistent,
                                    mutate_places *out);

/* One element row (the innermost dimension) taken from a descriptor, and what must follow: the descriptors that share
 * an instruction with it, those that share one with them, and so on. */
typedef struct mutate_shrink {
    uint64_t changed; /* bit per descriptor; without `consistent` only the chosen one */
    uint16_t len[WFC_NUM_DESCS][4];
    bool consistent;
} mutate_shrink;
void mutate_shorten(const wfc_prog_class *c, uint8_t operand, mutate_shrink *out);

/* mutate_table.c: the same for tables of descriptors. Appends the places of operand `operand` of instruction `insn`,
 * which code loads; shortens one record's descriptor and the others of the record along. */
WFC_MUST_USE wfc_status mutate_list_table(const wfc_program *p, uint32_t pe, uint32_t insn, uint8_t operand,
                                          bool consistent, mutate_places *out);
WFC_MUST_USE wfc_status mutate_apply_table(wfc_program *p, const mutate_place *at, char *text, size_t text_bytes);

/* Innermost dimension with more than one element, -1: none. */
int mutate_innermost(const wfc_desc *d);
/* The lengths `len` of `d` shortened as `chosen` is in dimension `dim`, to `shorter` elements; false: it has no such
 * shape. */
bool mutate_follow(const wfc_desc *d, const wfc_desc *chosen, int dim, uint64_t shorter, uint16_t len[4]);

/* Applies the mutation to `p`, whose arena takes the copies; says in `text` what it did, one line without its end. */
WFC_MUST_USE wfc_status mutate_apply(wfc_program *p, mutate_kind kind, const mutate_place *at, char *text,
                                     size_t text_bytes);

#endif
