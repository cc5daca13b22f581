#include "runtime/host/run.h"

#include "runtime/host/elements.h"
#include "runtime/host/stream_words.h"
#include "support/mem.h"
#include <inttypes.h>
#include <string.h>

void wfc_host_run_deinit(wfc_host_run *r) {
    wfc_tensor_list_deinit(&r->outputs);
    wfc_sim_result_deinit(&r->sim);
    *r = (wfc_host_run){0};
}

size_t wfc_host_output_sample(const wfc_prog_tensor *t, wfc_dtype *out_dtype) {
    if (!wfc_dtype_of_onnx(t->host_dtype, out_dtype)) *out_dtype = (wfc_dtype)t->dtype;
    return wfc_host_sample_elems(t);
}

/* Simulates `samples` samples; *out_words receives the outputs. */
static wfc_status simulate(const wfc_program *p, const wfc_host_samples *inputs, uint32_t given_count, uint32_t samples,
                           const wfc_host_options *opt, wfc_diag *diag, wfc_host_words *out_words,
                           wfc_sim_result *out) {
    wfc_host_words in;
    WFC_TRY(wfc_host_words_init(p->inputs, p->input_count, samples, diag, &in));
    wfc_status s = wfc_host_words_init(p->outputs, p->output_count, samples, diag, out_words);
    for (uint32_t i = 0, at = 0; i < p->input_count && s == WFC_OK; at += p->inputs[i++].stream_count)
        s = wfc_host_pack(p, &p->inputs[i], (wfc_dtype)inputs[i].dtype, inputs[i].data, given_count, samples,
                          in.streams + at, diag);
    if (s == WFC_OK) {
        wfc_sim_io io = {.samples = samples,
                         .inputs = (const uint32_t *const *)in.streams,
                         .outputs = (uint32_t *const *)out_words->streams};
        s = (opt->engine ? opt->engine : wfc_sim_run)(p, &opt->sim, &io, diag, out);
    }
    wfc_host_words_deinit(&in);
    return s;
}

/* An output tensor for all samples: the leading axis grows; a scalar gets one when there is more than one sample. */
static wfc_status output_tensor(const wfc_prog_tensor *t, uint32_t samples, wfc_diag *diag, wfc_tensor *out) {
    wfc_dtype dtype;
    uint32_t dims[WFC_TENSOR_MAX_RANK] = {0};
    uint8_t rank = t->rank;
    (void)wfc_host_output_sample(t, &dtype);
    memcpy(dims, t->dims, sizeof dims);
    uint64_t leading = rank ? (uint64_t)dims[0] / t->samples * samples : samples;
    if (leading > UINT32_MAX) return wfc_fail_memory(diag);
    if (rank == 0 && samples > 1) rank = 1;
    dims[0] = (uint32_t)leading;
    if (wfc_tensor_init(out, dtype, rank, dims) != WFC_OK) return wfc_fail_memory(diag);
    return WFC_OK;
}

static wfc_status collect(const wfc_program *p, uint32_t samples, const wfc_host_words *words, wfc_diag *diag,
                          wfc_tensor_list *out) {
    for (uint32_t i = 0, at = 0; i < p->output_count; at += p->outputs[i++].stream_count) {
        wfc_tensor tensor = {0};
        WFC_TRY(output_tensor(&p->outputs[i], samples, diag, &tensor));
        wfc_status s = wfc_host_unpack(p, &p->outputs[i], (wfc_dtype)tensor.dtype, samples,
                                       (const uint32_t *const *)words->streams + at, tensor.data, diag);
        if (s != WFC_OK)
            wfc_tensor_deinit(&tensor);
        else
            s = wfc_tensor_list_take(out, p->outputs[i].name, &tensor, diag);
        WFC_TRY(s);
    }
    return WFC_OK;
}

/* Every tensor must stream the same number of samples, or samples of inputs and outputs would not correspond. */
static wfc_status check_program(const wfc_program *p, wfc_diag *diag) {
    if (p->input_count == 0 || p->output_count == 0)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0826", p->model_name,
                        "the program has %u inputs and %u outputs; nothing can be run through it", p->input_count,
                        p->output_count);
    uint32_t samples = p->inputs[0].samples;
    for (uint32_t i = 0; i < p->input_count + p->output_count; i++) {
        const wfc_prog_tensor *t = i < p->input_count ? &p->inputs[i] : &p->outputs[i - p->input_count];
        if (t->samples != samples || wfc_host_sample_elems(t) == 0)
            return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0826", t->name,
                            "the program streams %u samples of this tensor and %u of '%s'; compile it again",
                            t->samples, samples, p->inputs[0].name);
    }
    return WFC_OK;
}

/* First word injected to last word collected, with nothing before or behind it. */
static wfc_status measure_latency(const wfc_program *p, const wfc_host_samples *inputs, const wfc_host_options *opt,
                                  wfc_diag *diag, wfc_host_run *out) {
    wfc_host_words words = {0};
    wfc_sim_result alone = {0};
    wfc_status s = simulate(p, inputs, 1, 1, opt, diag, &words, &alone);
    if (s == WFC_OK) {
        out->latency_cycles = alone.completion_cycles[0] - alone.first_inject_cycle;
        out->has_latency = true;
    }
    wfc_host_words_deinit(&words);
    wfc_sim_result_deinit(&alone);
    return s;
}

static wfc_status execute(const wfc_program *p, const wfc_host_samples *inputs, const wfc_host_options *opt,
                          wfc_diag *diag, wfc_host_run *out) {
    wfc_host_words words = {0};
    out->expected_words = wfc_host_sample_words(p->inputs, p->input_count) * out->samples;
    wfc_status s = simulate(p, inputs, out->given_samples, out->samples, opt, diag, &words, &out->sim);
    if (s == WFC_OK && out->sim.words_injected != out->expected_words)
        s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0827", p->model_name,
                     "%" PRIu64 " words were injected where the inputs have %" PRIu64, out->sim.words_injected,
                     out->expected_words);
    if (s == WFC_OK) s = collect(p, out->samples, &words, diag, &out->outputs);
    wfc_host_words_deinit(&words);
    if (s != WFC_OK) return s;
    if (out->samples > 1) return opt->latency ? measure_latency(p, inputs, opt, diag, out) : WFC_OK;
    out->latency_cycles = out->sim.completion_cycles[0] - out->sim.first_inject_cycle;
    out->has_latency = true;
    return WFC_OK;
}

wfc_status wfc_host_execute(const wfc_program *p, const wfc_tensor_list *sets, uint32_t set_count,
                            const wfc_host_options *opt, wfc_diag *diag, wfc_host_run *out) {
    *out = (wfc_host_run){0};
    WFC_TRY(check_program(p, diag));
    wfc_host_samples *inputs;
    wfc_status s = wfc_host_cut(p->inputs, p->input_count, "input", sets, set_count, diag, &inputs);
    size_t count = s == WFC_OK ? inputs[0].count : 0;
    if (s == WFC_OK && (count == 0 || count > UINT32_MAX))
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0825", p->model_name, "%zu samples are given; give at least one",
                     count);
    if (s == WFC_OK) {
        out->given_samples = (uint32_t)count;
        out->interval = opt->sim.interval;
        out->samples = opt->samples ? opt->samples : out->given_samples;
        s = execute(p, inputs, opt, diag, out);
    }
    wfc_host_samples_free(inputs, p->input_count);
    if (s != WFC_OK) wfc_host_run_deinit(out);
    return s;
}
