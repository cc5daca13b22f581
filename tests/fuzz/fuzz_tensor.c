/* .npy bytes. */
#include "fuzz.h"
#include "runtime/host/tensors.h"
#include "support/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wfc_tensor t = {0};
    if (wfc_npy_parse(data, size, "fuzz", NULL, &t) == WFC_OK) {
        uint8_t *bytes;
        size_t n;
        if (wfc_npy_format(&t, NULL, &bytes, &n) == WFC_OK) wfc_free(bytes);
        wfc_tensor_deinit(&t);
    }
    return 0;
}
