/* Moves: copies of f32 words inside a PE's memory, found as few strided walks that cover a list of (source,
 * destination) pairs. Few walks become instructions with static descriptors; many become a table of descriptors in SRAM
 * that a loop loads, so that neighbouring PEs share code. */
#ifndef WFC_BACKEND_KERNELS_MOVES_H
#define WFC_BACKEND_KERNELS_MOVES_H

#include "backend/asmb.h"

/* One word from element `src` of `array` (whose base moves with register `off`, 0 none) to element `dst` of the target.
 */
typedef struct wfc_be_pair {
    uint32_t array, src, dst;
    uint8_t off;
} wfc_be_pair;
typedef struct wfc_be_pairs {
    WFC_VEC(wfc_be_pair) v;
} wfc_be_pairs;

/* The table of one set of moves: source and destination walks in turn. Its bytes exist only after wfc_be_asm_finish. */
typedef struct wfc_be_move_table {
    uint32_t array;
    WFC_VEC(wfc_be_mem) walks;
} wfc_be_move_table;

enum { WFC_BE_TABLE_DESCS = 4 }; /* descriptors that a table takes, however long it is */

/* Where moves go, and what of the PE they may use. */
typedef struct wfc_be_move_space {
    uint32_t array; /* its base moves with register `off`, 0 none */
    uint8_t off;
    uint8_t pointer; /* a register for the walk along a table */
    uint32_t spare;  /* descriptors to leave to the rest of the program: a table instead of one for each walk */
} wfc_be_move_space;

/* out->walks is empty when no table was needed; the caller frees it with wfc_vec_free. */
WFC_MUST_USE wfc_status wfc_be_emit_moves(wfc_be_asm *a, const wfc_be_pairs *pairs, const wfc_be_move_space *to,
                                          wfc_be_move_table *out);
/* Encodes the table after finish: 20 bytes per walk into `bytes`. */
void wfc_be_move_table_encode(const wfc_be_asm *a, const wfc_be_move_table *t, uint8_t *bytes);

#endif
