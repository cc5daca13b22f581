/* The simulator's reference engine: executes a verified program cycle by cycle as docs/fabric.md says. It knows the
 * program and the input words, nothing else. */
#ifndef WFC_SIM_SIM_H
#define WFC_SIM_SIM_H

#include "runtime/program/program.h"
#include <stdbool.h>
#include <stdint.h>

/* Causes of a PE cycle, rule 15 of docs/fabric.md. */
typedef enum wfc_cause {
    WFC_CAUSE_BUSY = 0,
    WFC_CAUSE_OVERHEAD,
    WFC_CAUSE_NO_INPUT,
    WFC_CAUSE_BACK_PRESSURE,
    WFC_CAUSE_BANK,
    WFC_CAUSE_IDLE,
    WFC_CAUSES
} wfc_cause;
const char *wfc_cause_name(unsigned c);

/* Well below the time after which a run without a moved word is taken to spin. */
#define WFC_SIM_MAX_INTERVAL (1u << 27)
typedef struct wfc_sim_options {
    bool no_skip; /* visit every PE and router each cycle; equal results */
    bool jitter;  /* perturb hop, ramp and overhead latencies at random */
    uint64_t jitter_seed;
    uint64_t max_cycles; /* 0: no limit beyond the watchdog */
    uint64_t interval;   /* cycles between the samples that are given, at most WFC_SIM_MAX_INTERVAL; 0: none */
    uint32_t threads;    /* of the fast engine; 0: one */
    bool event_hash;     /* per-run hash over (cycle, router, colour, payload) of every grant */
    void (*progress)(void *ctx, uint64_t cycle, uint32_t samples_done);
    void *progress_ctx; /* about every 0.2 s of host time; may be NULL */
} wfc_sim_options;

/* Host side words: inputs[i] points to samples * words of input stream i (streams numbered over all input tensors in
 * order); outputs[i] likewise is written. */
typedef struct wfc_sim_io {
    uint32_t samples;
    const uint32_t *const *inputs;
    uint32_t *const *outputs;
} wfc_sim_io;

typedef struct wfc_sim_result {
    uint64_t cycles;                     /* last word injected or collected, t + 1 */
    uint64_t first_inject_cycle;         /* of the first word */
    uint64_t *completion_cycles;         /* [samples] when the last word of the sample was collected, + 1; malloc'ed */
    uint64_t (*layer_cause)[WFC_CAUSES]; /* [layer_count] PE cycles by cause; malloc'ed */
    uint64_t *layer_macs_executed;       /* [layer_count] elements issued to multiply-accumulate; malloc'ed */
    uint64_t macs_executed, wavelet_hops, words_injected, words_collected, instructions, event_hash;
    uint64_t pe_cycles; /* cycles * PEs with code, what the engine stood for */
    uint32_t pe_active; /* PEs that executed at least one instruction */
} wfc_sim_result;
void wfc_sim_result_deinit(wfc_sim_result *r);

/* Runs until all input words of all samples are injected and all output words collected. WFC_ERR_STOPPED: deadlock
 * (explained per blocked PE: PE, layer, task or microthread, colour, n of m words), trap (PE, task, pc, cause), or
 * max_cycles. `io` NULL: program without streams runs until every PE is idle (fabric tests). */
WFC_MUST_USE wfc_status wfc_sim_run(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                                    wfc_diag *diag, wfc_sim_result *out);

/* Fabric tests: like wfc_sim_run, and afterwards copies `n` bytes at `addr` of PE (x, y) for each probe, and the cycle
 * of the last event. probe results are written into bytes. */
typedef struct wfc_sim_probe {
    uint16_t x, y, addr, n;
    uint8_t *bytes;
} wfc_sim_probe;
WFC_MUST_USE wfc_status wfc_sim_run_probed(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                                           wfc_sim_probe *probes, uint32_t probe_count, wfc_diag *diag,
                                           wfc_sim_result *out);

#endif
