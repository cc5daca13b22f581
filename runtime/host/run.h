/* One run of a program from host tensors to host tensors: check shapes, cut into samples, pack, simulate, unpack.
 *
 * A *set* is one tensor per program input, as a test_data_set folder holds it. A set whose tensors have the program's
 * shape gives `samples` samples (the leading batch extent that the compiler streams). Where the whole leading axis is
 * streamed (dims[0] == samples) a set may also hold any multiple of it: [200,1,28,28] for an input [1,1,28,28] is 200
 * samples. Samples of successive sets follow each other through the pipeline. */
#ifndef WFC_HOST_RUN_H
#define WFC_HOST_RUN_H

#include "runtime/host/compare.h"
#include "runtime/host/tensors.h"
#include "runtime/sim/sim.h"

typedef wfc_status (*wfc_host_engine)(const wfc_program *p, const wfc_sim_options *opt, const wfc_sim_io *io,
                                      wfc_diag *diag, wfc_sim_result *out);
typedef struct wfc_host_options {
    uint32_t samples; /* 0: as many as are given; else the given ones are repeated, or cut, to this many */
    bool latency;     /* also run the first sample alone; where one sample is all there is, it is measured anyway */
    wfc_sim_options sim;
    wfc_host_engine engine; /* NULL: wfc_sim_run, the reference engine */
} wfc_host_options;

/* The data of every sample of one tensor, in order over all sets; borrows the tensors. */
typedef struct wfc_host_samples {
    const void **data;
    size_t count, capacity;
    uint8_t dtype; /* wfc_dtype as given */
} wfc_host_samples;
/* Cuts the sets' tensors into samples, by name: out[i] for tensors[i] (`what` is "input" or "output", for messages).
 * *out is an array of `count`, freed by wfc_host_samples_free, also after an error. */
WFC_MUST_USE wfc_status wfc_host_cut(const wfc_prog_tensor *tensors, uint32_t count, const char *what,
                                     const wfc_tensor_list *sets, uint32_t set_count, wfc_diag *diag,
                                     wfc_host_samples **out);
void wfc_host_samples_free(wfc_host_samples *samples, uint32_t count);

/* Zero-initialise. */
typedef struct wfc_host_run {
    uint32_t given_samples, samples;
    wfc_tensor_list outputs; /* per program output; leading axis = all samples in order */
    wfc_sim_result sim;      /* of the run with all samples */
    bool has_latency;
    uint64_t latency_cycles; /* first word injected to last word collected, one sample alone */
    uint64_t interval;       /* as given: wfc_sim_options */
    uint64_t expected_words; /* that had to be injected: the sum over input streams, times samples */
} wfc_host_run;
void wfc_host_run_deinit(wfc_host_run *r);

/* Errors: WFC_ERR_INPUT for wrong names, shapes, dtypes (the message lists what the program expects); WFC_ERR_STOPPED
 * from the simulator; WFC_ERR_NO_MEMORY. `sets` must hold at least one set. */
WFC_MUST_USE wfc_status wfc_host_execute(const wfc_program *p, const wfc_tensor_list *sets, uint32_t set_count,
                                         const wfc_host_options *opt, wfc_diag *diag, wfc_host_run *out);

/* Elements of one sample of an output as the user sees it, its type in *out_dtype. */
size_t wfc_host_output_sample(const wfc_prog_tensor *t, wfc_dtype *out_dtype);

/* Compares every output with the references of the sets, sample by sample (with rel_max the largest |ref| is that of
 * the sample), repeated samples with the same reference. out[program->output_count] is overwritten. Errors are those
 * of wfc_host_cut; differences are no error, see out[i].failed. */
WFC_MUST_USE wfc_status wfc_host_compare(const wfc_program *p, const wfc_host_run *r, const wfc_tensor_list *refs,
                                         uint32_t set_count, const wfc_tolerance *tol, wfc_diag *diag,
                                         wfc_comparison *out);
/* Top-1 accuracy of the first output: samples whose largest element stands at the label's index. `labels` holds one
 * integer per given sample, at least as many as were run. WFC_ERR_INPUT otherwise. */
WFC_MUST_USE wfc_status wfc_host_top1(const wfc_program *p, const wfc_host_run *r, const wfc_tensor *labels,
                                      const char *where, wfc_diag *diag, uint32_t *out_correct);

#endif
