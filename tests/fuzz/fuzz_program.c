/* Program files: whatever decodes must encode to bytes that decode again, and then encode to the same bytes. Bytes are
 * tried as they are, and once more sealed as a writer seals them (offsets, sizes, checksums as in
 * runtime/program/file.c): else hardly a mutation would get past the checksums. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fuzz.h"
#include "runtime/program/file_parts.h"
#include "runtime/program/program.h"
#include "support/mem.h"

enum { HEAD = 32, ENTRY = 24, SECTIONS = 10, TABLE_END = HEAD + SECTIONS * ENTRY };

/* The program's bytes in *out, malloc'ed; false: they are no program. */
static bool again(const uint8_t *data, size_t size, uint8_t **out, size_t *out_size) {
    wfc_program p;
    bool ok = wfc_program_decode(data, size, "fuzz", NULL, &p) == WFC_OK;
    if (ok) (void)!wfc_program_verify(&p, NULL);
    ok = ok && wfc_program_encode(&p, NULL, out, out_size) == WFC_OK;
    wfc_program_deinit(&p);
    return ok;
}

static void try_bytes(const uint8_t *data, size_t size) {
    uint8_t *once, *twice;
    size_t n, m;
    if (!again(data, size, &once, &n)) return;
    if (!again(once, n, &twice, &m) || m != n || memcmp(once, twice, n) != 0) abort();
    wfc_free(once);
    wfc_free(twice);
}

/* Sizes of sections count as far as the bytes go; the last section takes what is left. */
static void seal(uint8_t *file, size_t size) {
    size_t at = TABLE_END;
    for (unsigned i = 0; i < SECTIONS; i++) {
        uint8_t *entry = file + HEAD + i * ENTRY;
        uint64_t n = wfc_get_u64(entry + 16), left = size - at;
        if (n > left || i + 1 == SECTIONS) n = left;
        wfc_put_u32(entry + 4, (uint32_t)crc32(crc32(0, NULL, 0), file + at, (uInt)n));
        wfc_put_u64(entry + 8, at);
        wfc_put_u64(entry + 16, n);
        for (at += n; at % 8 && at < size;) file[at++] = 0;
    }
    wfc_put_u64(file + 24, size);
    uLong sum = crc32(crc32(0, NULL, 0), file, 20);
    wfc_put_u32(file + 20, (uint32_t)crc32(sum, file + 24, TABLE_END - 24));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_bytes(data, size);
    size_t whole = size / 8 * 8;
    uint8_t *copy = whole >= TABLE_END ? malloc(whole) : NULL;
    if (!copy) return 0;
    memcpy(copy, data, whole);
    seal(copy, whole);
    try_bytes(copy, whole);
    free(copy);
    return 0;
}
