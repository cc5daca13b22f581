/* Weight-sparse contract: what is spent is spent on weights that are not zero, in one of two forms.
 *
 * AXPY, where the weights do not index all of the result (and of operand a): one vmac per weight along the rest, a tile
 * of pixels or rows. A table in SRAM names the weights,
 *
 *   record 0   {0, 0, number of weights}       record 1 ..   {byte offset in a, byte offset in acc, weight f32}
 *
 * and per weight a PE spends the read of a record, the overhead of a vector instruction and the tile.
 *
 * Gather, for products of a vector, where the tile is one element: the table holds weights f32, then places in a u16,
 * then places in acc u16, and the PE runs three instructions, 3 cycles per weight on a machine without SIMD:
 *
 *   vgat scratch, a, places    vmul scratch, scratch, weights    vscat.add.drop acc, scratch, places
 *
 * Weights stand in the order of the dense nest's, reduced variables outermost, so sums run in the order of the indices.
 * All PEs of a layer have tables of one size, that of the PE with most weights, and share code: the number is data
 * (AXPY), or the rest is filled with places outside acc, which are dropped (gather).
 *
 * Leaving out a weight that is zero (0 or -0) is exact but for an infinite or NaN activation, where 0 x inf = NaN is
 * left out, too; a sum begins with +0 and never becomes -0 by what is left out.
 *
 * Budget: no queues, microthreads or colours; a table of 8 bytes per weight instead of the weights' 4, and for gather a
 * scratch of 4. */
#ifndef WFC_BACKEND_KERNELS_K_SPARSE_H
#define WFC_BACKEND_KERNELS_K_SPARSE_H

#include "backend/be.h"
#include "backend/kernels/nest.h"

/* `nest` is the dense one: operands 0 (acc, `acc_words` long) and 1 (operand a), variables of all three; operand 2 is
 * ignored. Takes nest->first_reg .. +3. `half_bytes`: size of one half of operand a's array, where it has two (its
 * half_reg). The table is an array of the caller's with the bytes of wfc_be_sparse_table_bytes. WFC_ERR_UNSUPPORTED:
 * the tile has more than four axes that do not merge, which one descriptor cannot walk; the layer stays dense. */
WFC_MUST_USE wfc_status wfc_be_emit_sparse(wfc_be_asm *a, const wfc_be_layer *l, const wfc_be_nest *nest,
                                           const int32_t *weight_stride, uint32_t half_bytes, uint32_t acc_words,
                                           uint32_t table);
uint32_t wfc_be_sparse_table_bytes(const wfc_be_layer *l);
/* Weights of a PE that are not zero, of *weights in all. *scratch, of *room floats, grows as needed; UINT32_MAX: out of
 * memory. */
uint32_t wfc_be_sparse_count(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, float **scratch,
                             uint64_t *room, uint64_t *weights);

#endif
