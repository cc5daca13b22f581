/* One run of a program from host tensors to host tensors: check shapes, cut into samples, pack, simulate, unpack.
 *
 * A *set* is one tensor per program input, as a test_data_set folder holds it. A set whose tensors have the program's
 * shape gives `samples` samples (the leading batch extent that the compiler streams). Where the whole leading axis is
 * streamed (dims[0] == samples) a set may also hold any multiple of it: [200,1,28,28] for an input [1,1,28,28] is 200
 * samples. Samples of successive sets follow each other through the pipeline. */
#ifndef WFC_HOST_RUN_H
#define WFC_HOST_RUN_H

#include "runtime/host/tensors.h"
#include "runtime/sim/sim.h"

typedef struct wfc_host_options {
    uint32_t samples; /* 0: as many as are given; else the given ones are repeated, or cut, to this many */
    bool latency;     /* also run the first sample alone */
    wfc_sim_options sim;
} wfc_host_options;

/* Zero-initialise. */
typedef struct wfc_host_run {
    uint32_t given_samples, samples;
    wfc_tensor_list outputs; /* per program output; leading axis = all samples in order */
    wfc_sim_result sim;      /* of the run with all samples */
    bool has_latency;
    uint64_t latency_cycles; /* first word injected to last word collected, one sample alone */
    uint64_t expected_words; /* that had to be injected: the sum over input streams, times samples */
} wfc_host_run;
void wfc_host_run_deinit(wfc_host_run *r);

/* Errors: WFC_ERR_INPUT for wrong names, shapes, dtypes (the message lists what the program expects); WFC_ERR_STOPPED
 * from the simulator; WFC_ERR_NO_MEMORY. `sets` must hold at least one set. */
WFC_MUST_USE wfc_status wfc_host_execute(const wfc_program *p, const wfc_tensor_list *sets, uint32_t set_count,
                                         const wfc_host_options *opt, wfc_diag *diag, wfc_host_run *out);

/* Elements of one sample of an output as the user sees it, its type in *out_dtype. */
size_t wfc_host_output_sample(const wfc_prog_tensor *t, wfc_dtype *out_dtype);

#endif
