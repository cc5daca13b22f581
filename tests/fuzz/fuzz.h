/* What every fuzz target provides; libFuzzer or replay.c calls it. Returns 0; a finding is a crash or a sanitizer's
 * report. */
#ifndef WFC_TESTS_FUZZ_H
#define WFC_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
