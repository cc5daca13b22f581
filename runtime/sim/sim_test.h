/* Hooks for tests of the engine itself; nothing else includes this. */
#ifndef WFC_SIM_SIM_TEST_H
#define WFC_SIM_SIM_TEST_H

#include "runtime/sim/sim.h"

typedef struct wfc_sim_hooks {
    uint64_t shuffle_seed; /* not 0: entities that are due in a cycle are visited in random order; equal results */
    uint64_t missed_wakes; /* out, with no_skip: actions by entities that were not due; must be 0 */
    /* Told of what a run uses, when not NULL. pe: index into program->pes.
     * on_grant: each word a router granted; `position` of the switch; `out`: the ports it left by, RAMP only where the
     * filter accepted it. on_issue: each vector or fabric instruction that captured its operands. */
    void (*on_grant)(void *ctx, uint32_t pe, const wfc_prog_route *route, unsigned position, unsigned in_port,
                     unsigned out);
    void (*on_issue)(void *ctx, uint32_t pe, uint32_t pc);
    void *ctx;
} wfc_sim_hooks;

/* As wfc_sim_run_probed. `hooks` may be NULL. */
WFC_MUST_USE wfc_status wfc_sim_run_hooked(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                                           wfc_sim_probe *probes, uint32_t probe_count, wfc_sim_hooks *hooks,
                                           wfc_diag *diag, wfc_sim_result *out);

#endif
