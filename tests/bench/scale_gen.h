/* Programs of the shape that the backend emits, of any size and without a model: what it costs to check, verify, write
 * and read them is measured on these (scale.c), and small ones are tests.
 *
 * From west to east slabs of `cols` contract columns and `strips` adapter columns alternate, `rows` high. A contract
 * takes its row's lane, exchanges partial sums with the other rows of its group of `group` over two chains, and sends
 * `words` words, merged eastern column first. An adapter column takes an interval of those, exchanges one word with its
 * neighbours over a bus per section of `section` rows, assembles by a table of descriptors, and sends its interval of
 * the next lane. The last lane runs on to the host's port at the east edge; or, folded, it turns south, nested like
 * the rows of a fan, and as many slabs again lead back west in the rows below. */
#ifndef WFC_TESTS_BENCH_SCALE_GEN_H
#define WFC_TESTS_BENCH_SCALE_GEN_H

#include "runtime/program/program.h"

typedef struct scale_shape {
    uint32_t slabs;        /* pairs of a contract and an adapter */
    uint32_t rows;         /* multiple of group and section, at most the target's height */
    uint32_t cols, strips; /* columns of a contract, of an adapter; strips divides cols * words */
    uint32_t group, section;
    uint32_t words;         /* a contract PE's outputs */
    uint32_t weights_bytes; /* of each contract PE, data of its own */
    uint32_t variants;      /* rows in turn get one of so many classes, which differ in a constant: more classes */
    bool mirror;            /* lanes run from east to west */
    bool fold;              /* east, then west below: not with mirror */
} scale_shape;

/* WFC_OK and a program that passes wfc_program_verify and wfc_be_check; the caller deinits it. */
WFC_MUST_USE wfc_status scale_program(const scale_shape *s, const char *target, wfc_diag *diag, wfc_program *out);

#endif
