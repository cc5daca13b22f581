/* Element arithmetic on 32-bit forms (docs/fabric.md section 5), in buffers, so that each is one tight loop. */
#ifndef WFC_SIM_KERNELS_H
#define WFC_SIM_KERNELS_H

#include "runtime/program/isa.h"

/* d[i] = d[i] op (a[i], b[i]) for i < n. The buffers do not overlap, or d is the same as a or b and n is 1. */
typedef void (*kernel_fn)(uint32_t *d, const uint32_t *a, const uint32_t *b, uint32_t n);

/* Kernel of a vector op for the family of `type` (float, signed, unsigned); reductions use the kernel of their step,
 * with d the accumulator. NULL where the family has none. */
kernel_fn kernel_find(unsigned op, wfc_dtype type);

/* One element between memory and its 32-bit form. */
uint32_t elem_load(const uint8_t *at, wfc_dtype t);
void elem_store(uint8_t *at, wfc_dtype t, uint32_t value);
/* n elements, `step` bytes apart. */
void elems_load(uint32_t *buf, const uint8_t *at, int32_t step, wfc_dtype t, uint32_t n);
void elems_store(uint8_t *at, int32_t step, wfc_dtype t, const uint32_t *buf, uint32_t n);

#endif
