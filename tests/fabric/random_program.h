#ifndef TEST_RANDOM_PROGRAM_H
#define TEST_RANDOM_PROGRAM_H

#include "support/mem.h"

/* Text of a random program on a small fabric: streams over random paths with taps, filters and shared links, PEs that
 * send and receive on microthreads or main amid other work. Some of them end in a deadlock. */
void random_program(uint64_t seed, wfc_buf *out);

#endif
