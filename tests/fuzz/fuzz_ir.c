/* IR text: print(parse(print(g))) == print(g) for all that parses and verifies. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ir/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wfc_graph g, h;
    if (wfc_ir_parse((const char *)data, size, "fuzz", NULL, &g) == WFC_OK) {
        wfc_buf first = {0}, second = {0};
        if (wfc_ir_verify(&g, NULL) == WFC_OK && wfc_ir_print(&g, &first) == WFC_OK) {
            if (wfc_ir_parse(first.data, first.count, "print", NULL, &h) != WFC_OK) abort();
            if (wfc_ir_print(&h, &second) != WFC_OK) abort();
            if (first.count != second.count || memcmp(first.data, second.data, first.count) != 0) abort();
            wfc_graph_deinit(&h);
        }
        wfc_buf_deinit(&first);
        wfc_buf_deinit(&second);
    }
    wfc_graph_deinit(&g);
    return 0;
}
