/* .npy bytes, and the same bytes as an .npz archive, through a temporary file as users hand it over. */
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "runtime/host/tensors.h"
#include "support/mem.h"

static void read_npz(const char *path) {
    wfc_tensor_list l = {0};
    if (wfc_npz_read(path, 1u << 24, NULL, &l) == WFC_OK) (void)!wfc_npz_write(path, &l, NULL);
    wfc_tensor_list_deinit(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wfc_tensor t = {0};
    if (wfc_npy_parse(data, size, "fuzz", NULL, &t) == WFC_OK) {
        uint8_t *bytes;
        size_t n;
        if (wfc_npy_format(&t, NULL, &bytes, &n) == WFC_OK) wfc_free(bytes);
        wfc_tensor_deinit(&t);
    }
    char path[] = "/tmp/waferc-fuzz-XXXXXX";
    int fd = size > 4 && data[0] == 'P' ? mkstemp(path) : -1; /* "PK" */
    if (fd < 0) return 0;
    if (write(fd, data, size) == (ssize_t)size) read_npz(path);
    close(fd);
    unlink(path);
    return 0;
}
