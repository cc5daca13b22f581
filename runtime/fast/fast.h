/* The fast engine: executes the same programs as the reference engine (runtime/sim) with equal cycles, outputs,
 * statistics, event hash and messages, on compact channels, with bitmaps of what is due, tile by tile for many cycles,
 * on threads. README.md says why it is exact. */
#ifndef WFC_FAST_FAST_H
#define WFC_FAST_FAST_H

#include "runtime/sim/sim.h"

enum { WFC_FAST_MAX_THREADS = 64 };

/* As wfc_sim_run; opt->threads threads share the tiles (0: one). What this engine does not do itself (jitter,
 * no_skip, queues deeper than 255 words) it gives to the reference engine, with a warning in `diag`
 * that says so. WFC_ERR_STOPPED also after 2^31 cycles. */
WFC_MUST_USE wfc_status wfc_fast_run(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                                     wfc_diag *diag, wfc_sim_result *out);
/* As wfc_sim_run_probed. */
WFC_MUST_USE wfc_status wfc_fast_run_probed(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                                            wfc_sim_probe *probes, uint32_t probe_count, wfc_diag *diag,
                                            wfc_sim_result *out);

#endif
