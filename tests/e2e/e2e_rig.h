/* What the C programs of tests/e2e share: data sets, runs of a program in memory with all it can end in, and which
 * places of the program a run uses. */
#ifndef WFC_TESTS_E2E_E2E_RIG_H
#define WFC_TESTS_E2E_E2E_RIG_H

#include "runtime/host/run.h"
#include "runtime/sim/sim_test.h"

/* Successive samples: inputs and recorded outputs by the program's names. */
typedef struct e2e_data {
    wfc_tensor_list *inputs, *outputs;
    uint32_t count;
} e2e_data;
/* DIR/test_data_set_0 .. count-1. */
WFC_MUST_USE wfc_status e2e_data_load(const char *dir, const wfc_program *p, uint32_t count, wfc_diag *diag,
                                      e2e_data *out);
/* As many samples of noise of both signs, no element zero, as large as the largest element of `like`; no outputs. */
WFC_MUST_USE wfc_status e2e_data_noise(const e2e_data *like, uint64_t seed, e2e_data *out);
void e2e_data_deinit(e2e_data *d);

/* Overwrites every element of the arrays named "weights" with a positive number that depends on its place in the bulk
 * data and on the seed: no unit is dead then, whatever the model was. */
void e2e_other_weights(wfc_program *p, uint64_t seed);
/* Lets every array that the file gives no data start as ones instead of zeros: what the program never writes, such as
 * the border of a padded tensor, is not zero then. */
WFC_MUST_USE wfc_status e2e_ones(wfc_program *p);

typedef enum e2e_end { E2E_OUTPUT, E2E_DEADLOCK, E2E_TRAP, E2E_LIMIT, E2E_ERROR, E2E_NO_MEMORY } e2e_end;
/* How a run ended; `run` holds something after E2E_OUTPUT only. */
typedef struct e2e_outcome {
    e2e_end end;
    char message[300]; /* first error */
    wfc_host_run run;
} e2e_outcome;
/* As `waferc run` does; max_cycles 0: no limit. */
void e2e_run(const wfc_program *p, const e2e_data *d, uint64_t max_cycles, e2e_outcome *out);
void e2e_outcome_deinit(e2e_outcome *o);
bool e2e_same_bits(const wfc_host_run *a, const wfc_host_run *b);
/* Largest |a - b| over largest |b| of a sample, over samples and outputs (f32); 0: equal. */
double e2e_distance(const wfc_host_run *a, const wfc_host_run *b);
/* Compares with the data's outputs; true when an element fails. */
bool e2e_compare_fails(const wfc_program *p, const wfc_host_run *r, const e2e_data *d, const wfc_tolerance *tol);

/* What a run used: per PE, route, switch position and in-port the out-ports by which words left, RAMP only where the
 * filter accepted; per PE and instruction whether it was issued. */
typedef struct e2e_record {
    const wfc_program *p;
    uint32_t *route_first, *insn_first; /* [pe_count + 1] into the next two */
    uint8_t (*out)[4][WFC_PORTS];       /* port bits that were taken; 0x80: granted at all */
    bool *issued;
    uint32_t *pe_at; /* [height * width] */
} e2e_record;
enum { E2E_GRANTED = 0x80 };
WFC_MUST_USE wfc_status e2e_record_init(e2e_record *r, const wfc_program *p);
/* Adds what a run on this data uses; one error text in `diag` when it does not end well. */
WFC_MUST_USE wfc_status e2e_record_run(e2e_record *r, const e2e_data *d, wfc_diag *diag);
void e2e_record_deinit(e2e_record *r);
/* Whether a word that leaves the PE's router by port `bit` on that route ever got to a PE or to the host. */
bool e2e_record_delivers(const e2e_record *r, uint32_t pe, uint32_t route, unsigned bit);

#endif
