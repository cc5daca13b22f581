/* Program files: whatever decodes and verifies must encode to bytes that decode again. */
#include <stdlib.h>

#include "fuzz.h"
#include "runtime/program/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wfc_program p;
    if (wfc_program_decode(data, size, "fuzz", NULL, &p) == WFC_OK) {
        (void)!wfc_program_verify(&p, NULL);
        uint8_t *bytes;
        size_t n;
        if (wfc_program_encode(&p, NULL, &bytes, &n) == WFC_OK) {
            if (n != size) abort(); /* a program has exactly one encoding */
            wfc_free(bytes);
        }
    }
    wfc_program_deinit(&p);
    return 0;
}
