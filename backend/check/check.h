/* The checker: proves of a finished program that it cannot deadlock and that no word is lost, from the program alone.
 *
 * It runs on every emitted program before the file is written and can be called on any loaded one. It knows nothing of
 * what the compiler meant. Conditions, model and argument: docs/deadlock.md. Per sample it
 *   1. sends every word of every source through the routers (switches, filters) and compares what each PE and each
 *      host stream gets with what it takes; every switch must be back, nothing may be left over;
 *   2. demands that an asynchronous receive has a microthread of its own and two disjoint buffers, armed ahead;
 *   3. demands that the routes of a colour form trees and that a merge is ordered by switch positions;
 *   4. builds the event graph of all PEs and demands that each of its cycles holds a token, and that outputs wait for
 *      the input of their sample and for no later one;
 *   5. looks for memory that the main context touches while a microthread still fills or drains it.
 *
 * Only one shape of PE program can be checked: one local task, active from the start, a prologue that only arms
 * asynchronous instructions, then an endless loop whose every turn is one sample and moves the same words. Any other
 * shape is refused (WFC-E0750) with the reason, never passed. */
#ifndef WFC_BACKEND_CHECK_H
#define WFC_BACKEND_CHECK_H

#include "runtime/program/program.h"

typedef struct wfc_check_stats {
    uint32_t pes;                /* PEs with code */
    uint32_t traces;             /* different (class, parameter block) among them */
    uint32_t lanes;              /* connected routes of one colour that carry words */
    uint32_t merges;             /* routers that join several in-ports of a lane, in counted order */
    uint32_t buffered_receives;  /* PE ends of lanes: asynchronous, armed ahead, two buffers */
    uint32_t chain_receives;     /* PE ends of lanes: steps of chains, ordered by the event graph alone */
    uint32_t max_microthreads;   /* used by one PE */
    uint32_t unchecked_accesses; /* instructions, counted once per trace, whose addresses depend on data or on a loop
                                    too long to follow, in an array a microthread is at work on: condition 5 says
                                    nothing there */
    uint64_t words_injected, words_collected; /* host streams, per sample */
    uint64_t ramp_words;                      /* accepted by PEs, per sample */
    uint64_t events, arcs;                    /* of the event graph */
} wfc_check_stats;

/* WFC_OK, or WFC_ERR_INTERNAL with up to 20 errors WFC-E0750..E0765 in `diag` (a program that breaks a condition is a
 * bug of the compiler), or WFC_ERR_NO_MEMORY. `p` must have passed wfc_program_verify. `out` may be NULL; it is filled
 * as far as the check got. Linear in (PEs x instructions per sample + words' segments x hops). */
WFC_MUST_USE wfc_status wfc_be_check(const wfc_program *p, wfc_diag *diag, wfc_check_stats *out);

#endif
