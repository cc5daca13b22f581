/* The verifier's parts. Each reports what it finds and goes on; wfc_program_verify stops between parts once something
 * is wrong, so that a part may rely on what the ones before it checked (order in verify.c).
 *
 * A check that a rule of honesty rests on can be switched off at build time with -DWFC_OFF_<NAME>, NAME one of SRAM
 * COLOURS QUEUES MICROTHREADS ROUTES BOUNDS STREAMS (CHECKSUM in file.c): a test builds such a library and expects its
 * test of the check to fail. */
#ifndef WFC_PROGRAM_VERIFY_PARTS_H
#define WFC_PROGRAM_VERIFY_PARTS_H

#include "runtime/program/program.h"

enum { WFC_VERIFY_MAX_ERRORS = 20 };

typedef struct wfc_verifier {
    const wfc_program *p;
    wfc_diag *diag;
    wfc_status status; /* of the first error */
    uint32_t errors;
    uint32_t *pe_at;    /* [height][width] index into pes, UINT32_MAX none */
    uint32_t *class_pe; /* [class_count] first PE of the class, UINT32_MAX none */
} wfc_verifier;

/* Adds an error. pe: index of the PE it concerns or UINT32_MAX; part: "class a, instruction 3", may be NULL.
 * WFC_ERR_NO_FIT for limits of the target, WFC_ERR_INPUT for the rest. False once enough errors are listed. */
bool wfc_verify_error(wfc_verifier *v, wfc_status s, const char *code, uint32_t pe, const char *part, const char *fmt,
                      ...) WFC_PRINTF(6, 7);
bool wfc_verify_enough(const wfc_verifier *v);

/* verify_shape.c: pointers, strings, counts, indices, order of PEs, defects: what makes it safe to look further. */
void wfc_verify_shape(wfc_verifier *v);
/* verify_class.c: memory map, descriptors, bindings, tasks; verify_code.c: instructions. */
void wfc_verify_class(wfc_verifier *v, uint32_t class_index);
void wfc_verify_code(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe);
/* verify_route.c: routers alone, then every PE's routes against its neighbours, class and streams. */
void wfc_verify_routers(wfc_verifier *v);
void wfc_verify_links(wfc_verifier *v);
/* verify_stream.c */
void wfc_verify_tensors(wfc_verifier *v);

/* The array of the class that holds the byte, NULL when none does. */
const wfc_prog_array *wfc_verify_array_at(const wfc_prog_class *c, uint32_t addr);
/* Descriptors that code changes: bit per descriptor, by ldd (anything may change) and setd. */
typedef struct wfc_desc_writes {
    uint64_t loaded, set;
} wfc_desc_writes;
wfc_desc_writes wfc_verify_desc_writes(const wfc_prog_class *c);
/* The route of a colour, NULL when the PE has none. */
const wfc_prog_route *wfc_verify_route_of(const wfc_program *p, const wfc_prog_pe *pe, unsigned colour);
/* True when some switch position accepts the colour from this in-port. */
bool wfc_verify_accepts(const wfc_prog_route *r, unsigned in_port);

#endif
