/* Comparing an evaluated output with a recorded one, as ONNX's own runner does: rtol 1e-3 (16-bit floats 2e-2), atol
 * 1e-7, NaN and Inf at the same places, integers exact. */
#ifndef WFC_TESTS_OPS_FE_COMPARE_H
#define WFC_TESTS_OPS_FE_COMPARE_H

#include "support/tensor.h"
#include <stdbool.h>

/* True when they agree; else `why` (of `size` bytes) says what differs. */
bool fe_tensors_agree(const wfc_tensor *found, const wfc_tensor *expected, char *why, size_t size);

#endif
