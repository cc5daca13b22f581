/* The plainest possible meaning of vector and scalar arithmetic, element by element through double and int64, to
 * compare the engine with. Shares no code with it but the tested dtype conversions of support. */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#include "runtime/program/isa.h"

/* A value in transit: floats as double (exact for every PE type), integers as int64. */
typedef struct value {
    bool is_float;
    double f;
    int64_t i;
} value;

value oracle_load(const uint8_t *at, wfc_dtype t);
/* Converts within the family by rounding or wrapping. */
void oracle_store(uint8_t *at, wfc_dtype t, value v);
value oracle_register(uint32_t bits, wfc_dtype family);
uint32_t oracle_bits(value v);
/* One element of D = D op (A, B) as a vector op of type t; compares give integer 1 or 0. */
value oracle_apply(unsigned op, wfc_dtype t, value d, value a, value b);
value oracle_convert(value v, wfc_dtype to, bool saturate);

#endif
