/* Assembler text: what parses prints, and what is printed parses to the same print. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "runtime/program/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wfc_program p, q;
    if (wfc_program_parse((const char *)data, size, "fuzz", NULL, &p) == WFC_OK) {
        wfc_buf first = {0}, second = {0};
        (void)!wfc_program_verify(&p, NULL);
        if (wfc_program_print(&p, NULL, &first) == WFC_OK) {
            if (wfc_program_parse(first.data, first.count, "print", NULL, &q) != WFC_OK) abort();
            if (wfc_program_print(&q, NULL, &second) != WFC_OK) abort();
            if (first.count != second.count || memcmp(first.data, second.data, first.count) != 0) abort();
            wfc_program_deinit(&q);
        }
        wfc_buf_deinit(&first);
        wfc_buf_deinit(&second);
    }
    wfc_program_deinit(&p);
    return 0;
}
