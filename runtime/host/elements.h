/* Element types at the edge of the wafer: what the user gives and gets (ONNX types) against what wavelets carry.
 * Conversions that could change a value silently do not exist: integers are range-checked, floats are rounded once. */
#ifndef WFC_HOST_ELEMENTS_H
#define WFC_HOST_ELEMENTS_H

#include "support/dtype.h"
#include <stdbool.h>
#include <stddef.h>

/* The dtype of an ONNX TensorProto.DataType code (1 FLOAT, 7 INT64, ...); false for strings, complex and 8-bit floats.
 */
bool wfc_dtype_of_onnx(unsigned code, wfc_dtype *out);

/* True when values of `from` may be carried as `to`: equal types, float to float, integer or bool to integer or bool,
 * and these to float32 and back. */
bool wfc_convertible(wfc_dtype from, wfc_dtype to);

/* Converts n elements. Returns n, or the index of the first one that does not fit `to` (then the elements from there on
 * are not good): an integer out of the type's range, a float64 beyond the type's range, or between integers and float32
 * one above 2^24 in magnitude or not a whole number (NaN: it overflowed on a PE). bool becomes 0 or 1; a float32 that
 * becomes a bool must be one of these. Types must be convertible. */
size_t wfc_convert(wfc_dtype from, const void *src, wfc_dtype to, void *dst, size_t n);

#endif
