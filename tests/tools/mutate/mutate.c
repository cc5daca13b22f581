/* mutate IN.wafer OUT.wafer --kind route|word|box --seed N [--used-list FILE] [--consistent]
 *
 * Applies one mutation to one PE and says which; checksums are right again, because the file is encoded anew.
 *   route  flips one out-port bit of one in-port in one switch position
 *   word   an instruction with a queue operand moves one element less
 *   box    an instruction's memory operand walks a box that is one shorter in its innermost dimension
 * What shares an instruction with the shortened descriptor is shortened along where that is possible ("consistent"),
 * since a mutant whose operands disagree is refused at load; --consistent takes only such places. Exit 0; 2 bad usage
 * or input; 3 no place.
 */
#include "tests/tools/mutate/mutate.h"

#include "support/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *in, *out, *used_list;
    int kind;
    uint64_t seed;
    bool consistent;
} arguments;

static bool parse_seed(const char *text, uint64_t *out) {
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    return *text != 0 && *end == 0;
}

static bool parse(int argc, char **argv, arguments *a) {
    static const char *const kinds[] = {"route", "word", "box"};
    bool seeded = false;
    a->kind = -1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--consistent") == 0) {
            a->consistent = true;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            const char *value = i + 1 < argc ? argv[i + 1] : NULL;
            if (!value) return false;
            if (strcmp(argv[i], "--kind") == 0) {
                for (int k = 0; k < 3; k++)
                    if (strcmp(value, kinds[k]) == 0) a->kind = k;
            } else if (strcmp(argv[i], "--seed") == 0) {
                seeded = parse_seed(value, &a->seed);
            } else if (strcmp(argv[i], "--used-list") == 0) {
                a->used_list = value;
            } else {
                return false;
            }
            i++;
        } else if (!a->in) {
            a->in = argv[i];
        } else if (!a->out) {
            a->out = argv[i];
        } else {
            return false;
        }
    }
    return a->in && a->out && a->kind >= 0 && seeded;
}

static wfc_status write_program(const wfc_program *p, const char *path, wfc_diag *diag) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    WFC_TRY(wfc_program_encode(p, diag, &bytes, &size));
    wfc_status s = wfc_file_write(path, bytes, size, diag);
    free(bytes);
    return s;
}

static wfc_status run(const arguments *a, wfc_program *p, wfc_diag *diag, bool *none) {
    mutate_used used = {0};
    mutate_places places = {0};
    uint64_t rng = a->seed;
    wfc_status s = wfc_program_read(a->in, diag, p);
    if (s == WFC_OK && a->used_list) s = mutate_used_read(a->used_list, diag, &used);
    if (s == WFC_OK) s = mutate_list(p, (mutate_kind)a->kind, &used, a->consistent, &places);
    *none = s == WFC_OK && places.count == 0;
    if (s == WFC_OK && !*none) {
        const mutate_place *at = &places.data[wfc_rng_next(&rng) % places.count];
        char text[400];
        s = mutate_apply(p, (mutate_kind)a->kind, at, text, sizeof text);
        if (s == WFC_OK) s = write_program(p, a->out, diag);
        if (s == WFC_OK) printf("%s\n", text);
    }
    wfc_vec_free(&used.keys);
    wfc_vec_free(&places);
    return s;
}

int main(int argc, char **argv) {
    arguments a = {0};
    if (!parse(argc, argv, &a)) {
        fprintf(stderr, "usage: mutate IN.wafer OUT.wafer --kind route|word|box --seed N [--used-list FILE] "
                        "[--consistent]\n");
        return 2;
    }
    wfc_program p;
    wfc_diag diag;
    wfc_program_init(&p);
    wfc_diag_init(&diag);
    bool none = false;
    wfc_status s = run(&a, &p, &diag, &none);
    for (size_t i = 0; i < diag.count; i++)
        fprintf(stderr, "mutate: %s: %s: %s\n", diag.items[i].code, diag.items[i].where, diag.items[i].text);
    if (none) fprintf(stderr, "mutate: %s has no place for this mutation\n", a.in);
    wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
    return s != WFC_OK ? wfc_status_exit_code(s) : none ? 3 : 0;
}
