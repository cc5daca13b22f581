/* Feeds seeds to a fuzz target without libFuzzer: each file named in the list (relative to the root), as it is, cut at
 * some lengths and with bytes changed by a fixed rule, then the further files. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "support/file.h"
#include "support/mem.h"

enum { MUTANTS = 60 };

static void feed(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1); /* exact size: an overrun by one is seen */
    if (!copy) return;
    if (size) memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    uint64_t rng = size;
    for (unsigned i = 0; i < MUTANTS && size; i++) {
        size_t at = wfc_rng_next(&rng) % size;
        uint8_t old = copy[at];
        copy[at] = (uint8_t)wfc_rng_next(&rng);
        (void)LLVMFuzzerTestOneInput(copy, size);
        copy[at] = old;
    }
    free(copy);
    for (unsigned i = 1; i <= 16; i++) {
        size_t part = size * i / 17;
        uint8_t *head = malloc(part ? part : 1);
        if (!head) return;
        memcpy(head, bytes, part);
        (void)LLVMFuzzerTestOneInput(head, part);
        free(head);
    }
}

static bool feed_file(const char *path) {
    uint8_t *bytes;
    size_t size;
    if (wfc_file_read(path, (size_t)1 << 24, NULL, &bytes, &size) != WFC_OK) {
        fprintf(stderr, "cannot read seed %s\n", path);
        return false;
    }
    feed(bytes, size);
    wfc_free(bytes);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s SEEDS ROOT [FILE]...\n", argv[0]);
        return 2;
    }
    FILE *list = fopen(argv[1], "r");
    if (!list) return 2;
    char line[512];
    unsigned files = 0;
    bool ok = true;
    while (ok && fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = 0;
        if (!line[0] || line[0] == '#') continue;
        char *path = wfc_asprintf("%s/%s", argv[2], line);
        ok = path && feed_file(path);
        wfc_free(path);
        files++;
    }
    fclose(list);
    for (int i = 3; i < argc && ok; i++, files++) ok = feed_file(argv[i]);
    printf("%u seeds replayed\n", files);
    return ok && files ? 0 : 1;
}
