/* Hooks for tests of the engine itself; nothing else includes this. */
#ifndef WFC_SIM_SIM_TEST_H
#define WFC_SIM_SIM_TEST_H

#include "runtime/sim/sim.h"

typedef struct wfc_sim_hooks {
    uint64_t shuffle_seed; /* not 0: entities that are due in a cycle are visited in random order; equal results */
    uint64_t missed_wakes; /* out, with no_skip: actions by entities that were not due; must be 0 */
} wfc_sim_hooks;

/* As wfc_sim_run_probed. `hooks` may be NULL. */
WFC_MUST_USE wfc_status wfc_sim_run_hooked(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                                           wfc_sim_probe *probes, uint32_t probe_count, wfc_sim_hooks *hooks,
                                           wfc_diag *diag, wfc_sim_result *out);

#endif
