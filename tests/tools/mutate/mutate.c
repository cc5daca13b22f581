/* mutate IN.wafer OUT.wafer --kind route|word|box --seed N [--used-list FILE] [--consistent]
 *
 * Applies one mutation to one PE and says which; checksums are right again, because the file is encoded anew.
 *   route  flips one out-port bit of one in-port in one switch position
 *   word   an instruction with a queue operand moves one element less
 *   box    an instruction's memory operand walks a box that is one shorter in its innermost dimension
 * The other operands of the instruction are shortened along where that is possible ("consistent"), since a mutant whose
 * operands disagree is refused at load; --consistent takes only such places. Exit 0; 2 bad usage or input; 3 no place.
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

static bool is_alone(const wfc_program *p, uint32_t pe, bool router) {
    for (uint32_t i = 0; i < p->pe_count; i++)
        if (i != pe && (router ? p->pes[i].router_index == p->pes[pe].router_index
                               : p->pes[i].class_index == p->pes[pe].class_index))
            return false;
    return true;
}

/* A copy of an array with one more element, which repeats element `index`. */
static void *grow(wfc_program *p, const void *array, uint32_t count, size_t size, uint32_t index) {
    char *copy = wfc_arena_alloc(&p->arena, (size_t)count + 1, size);
    if (!copy) return NULL;
    memcpy(copy, array, count * size);
    memcpy(copy + count * size, (const char *)array + index * size, size);
    return copy;
}

static wfc_status own_router(wfc_program *p, uint32_t pe) {
    uint32_t index = p->pes[pe].router_index;
    if (is_alone(p, pe, true)) return WFC_OK;
    wfc_prog_router *routers = grow(p, p->routers, p->router_count, sizeof *routers, index);
    if (!routers) return WFC_ERR_NO_MEMORY;
    wfc_prog_router *mine = &routers[p->router_count];
    wfc_prog_route *routes = wfc_arena_alloc(&p->arena, mine->route_count, sizeof *routes);
    if (!routes) return WFC_ERR_NO_MEMORY;
    memcpy(routes, mine->routes, mine->route_count * sizeof *routes);
    mine->routes = routes;
    p->routers = routers;
    p->pes[pe].router_index = p->router_count++;
    return WFC_OK;
}

static wfc_status own_class(wfc_program *p, uint32_t pe) {
    uint32_t index = p->pes[pe].class_index;
    if (is_alone(p, pe, false)) return WFC_OK;
    wfc_prog_class *classes = grow(p, p->classes, p->class_count, sizeof *classes, index);
    if (!classes) return WFC_ERR_NO_MEMORY;
    wfc_prog_class *mine = &classes[p->class_count];
    wfc_desc *descs = wfc_arena_alloc(&p->arena, mine->desc_count, sizeof *descs);
    char name[200];
    snprintf(name, sizeof name, "%.180s.mutant", mine->name);
    mine->name = wfc_arena_strdup(&p->arena, name);
    if (!descs || !mine->name) return WFC_ERR_NO_MEMORY;
    memcpy(descs, mine->descs, mine->desc_count * sizeof *descs);
    mine->descs = descs;
    p->classes = classes;
    p->pes[pe].class_index = p->class_count++;
    return WFC_OK;
}

static wfc_status mutate_route(wfc_program *p, const mutate_place *at, uint64_t *rng) {
    WFC_TRY(own_router(p, at->pe));
    wfc_prog_route *r = &p->routers[p->pes[at->pe].router_index].routes[at->item];
    unsigned bit = (unsigned)(wfc_rng_next(rng) % WFC_PORTS);
    uint8_t *out = &r->out[at->position][at->port], before = *out;
    *out = (uint8_t)(before ^ WFC_PORT_BIT(bit));
    printf("route: PE (%u,%u) colour %u position %u in-port %c: out-port bit %c flipped, %02x -> %02x\n",
           (unsigned)p->pes[at->pe].x, (unsigned)p->pes[at->pe].y, (unsigned)r->colour, (unsigned)at->position,
           "NESWR"[at->port], "NESWR"[bit], (unsigned)before, (unsigned)*out);
    return WFC_OK;
}

static wfc_status mutate_operand(wfc_program *p, const mutate_place *at, const char *kind) {
    WFC_TRY(own_class(p, at->pe));
    wfc_prog_class *c = &p->classes[p->pes[at->pe].class_index];
    const wfc_insn *in = &c->insns[at->item];
    const uint8_t operands[3] = {in->d, in->a, in->b};
    uint16_t lens[3][4];
    bool changed[3], all = mutate_shorten(c, at->item, at->operand, lens, changed);
    printf("%s: PE (%u,%u) class %s instruction %u %s, %s:", kind, (unsigned)p->pes[at->pe].x,
           (unsigned)p->pes[at->pe].y, c->name, (unsigned)at->item, wfc_isa_lookup(in->op)->mnemonic,
           all ? "consistent" : "alone");
    for (unsigned k = 0; k < 3; k++) {
        if (!changed[k] || (!all && operands[k] != at->operand)) continue;
        wfc_desc *d = &c->descs[operands[k] - WFC_OPND_DESC0];
        uint32_t before = wfc_desc_elems(d);
        memcpy(d->len, lens[k], sizeof d->len);
        printf(" d%u %u -> %u elements", operands[k] - (unsigned)WFC_OPND_DESC0, (unsigned)before,
               (unsigned)wfc_desc_elems(d));
    }
    printf("\n");
    return WFC_OK;
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
    static const char *const kinds[] = {"route", "word", "box"};
    mutate_used used = {0};
    mutate_places places = {0};
    uint64_t rng = a->seed;
    wfc_status s = wfc_program_read(a->in, diag, p);
    if (s == WFC_OK && a->used_list) s = mutate_used_read(a->used_list, diag, &used);
    if (s == WFC_OK) s = mutate_list(p, (mutate_kind)a->kind, &used, a->consistent, &places);
    *none = s == WFC_OK && places.count == 0;
    if (s == WFC_OK && !*none) {
        const mutate_place *at = &places.data[wfc_rng_next(&rng) % places.count];
        s = a->kind == MUTATE_ROUTE ? mutate_route(p, at, &rng) : mutate_operand(p, at, kinds[a->kind]);
        if (s == WFC_OK) s = write_program(p, a->out, diag);
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
