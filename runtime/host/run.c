#include "runtime/host/run.h"

#include "runtime/host/convert.h"
#include "runtime/host/streams.h"
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

/* True when the leading axis is nothing but samples, so that any number of them may be given. */
static bool streams_leading_axis(const wfc_prog_tensor *t) {
    return t->rank > 0 && t->dims[0] != 0 && t->dims[0] == t->samples;
}

/* The data of every sample of one input, in order over all sets. */
typedef struct given {
    WFC_VEC(const void *) samples;
    wfc_dtype dtype;
} given;

static wfc_status wrong_shape(const wfc_prog_tensor *t, const wfc_tensor *x, wfc_diag *diag) {
    char found[WFC_SHAPE_TEXT_BYTES], expected[WFC_SHAPE_TEXT_BYTES];
    wfc_shape_text(x->dims, x->rank, found, sizeof found);
    wfc_shape_text(t->dims, t->rank, expected, sizeof expected);
    return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0621", t->name,
                    "the tensor given for this input has shape %s, expected %s%s", found, expected,
                    streams_leading_axis(t) ? " (the first axis may be any multiple)" : "");
}

/* bf16 has no type in .npy files: f32 is taken for it and rounded. */
static bool dtype_fits(wfc_dtype found, wfc_dtype expected) {
    return found == expected || (expected == WFC_BF16 && found == WFC_F32);
}

static wfc_status add_set(const wfc_prog_tensor *t, const wfc_tensor *x, wfc_diag *diag, given *out) {
    wfc_dtype expected;
    if (!wfc_dtype_of_onnx(t->host_dtype, &expected))
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0620", t->name, "the program gives it element type %u",
                        t->host_dtype);
    wfc_dtype found = (wfc_dtype)x->dtype;
    if (!dtype_fits(found, expected) || (out->samples.count && found != out->dtype))
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0622", t->name,
                        "the tensor given for this input has elements of type %s, expected %s; convert it before",
                        wfc_dtype_name(found), wfc_dtype_name(out->samples.count ? out->dtype : expected));
    bool fits = x->rank == t->rank;
    for (unsigned i = 0; fits && i < t->rank; i++)
        fits = i == 0 && streams_leading_axis(t) ? x->dims[0] != 0 && x->dims[0] % t->dims[0] == 0
                                                 : x->dims[i] == t->dims[i];
    if (!fits) return wrong_shape(t, x, diag);
    uint64_t count = streams_leading_axis(t) ? x->dims[0] : t->samples;
    size_t bytes = wfc_host_sample_elems(t) * wfc_dtype_bytes(found);
    out->dtype = found;
    for (uint64_t i = 0; i < count; i++)
        if (wfc_vec_push(&out->samples, (const uint8_t *)x->data + i * bytes) != WFC_OK) return wfc_fail_memory(diag);
    return WFC_OK;
}

/* Names that belong to no input, and inputs without a tensor, each with the list of what there is. */
static wfc_status check_names(const wfc_program *p, const wfc_tensor_list *set, wfc_diag *diag) {
    wfc_buf known = {0};
    for (uint32_t i = 0; i < p->input_count; i++) wfc_buf_printf(&known, "%s'%s'", i ? ", " : "", p->inputs[i].name);
    const char *list = known.failed || !known.data ? "?" : known.data;
    wfc_status s = WFC_OK;
    for (size_t k = 0; k < set->count; k++) {
        bool found = false;
        for (uint32_t i = 0; i < p->input_count; i++) found |= strcmp(set->data[k].name, p->inputs[i].name) == 0;
        if (!found)
            s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0623", set->data[k].name,
                         "the program has no input of this name; its inputs: %s", list);
    }
    for (uint32_t i = 0; i < p->input_count; i++)
        if (wfc_tensor_list_find(set, p->inputs[i].name) < 0)
            s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0624", p->inputs[i].name, "no tensor is given for this input");
    wfc_buf_deinit(&known);
    return s;
}

static wfc_status gather_given(const wfc_program *p, const wfc_tensor_list *sets, uint32_t set_count, wfc_diag *diag,
                               given *inputs) {
    for (uint32_t k = 0; k < set_count; k++) {
        WFC_TRY(check_names(p, &sets[k], diag));
        for (uint32_t i = 0; i < p->input_count; i++) {
            ptrdiff_t at = wfc_tensor_list_find(&sets[k], p->inputs[i].name);
            WFC_TRY(add_set(&p->inputs[i], &sets[k].data[at].tensor, diag, &inputs[i]));
            if (inputs[i].samples.count != inputs[0].samples.count)
                return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0625", p->inputs[i].name,
                                "%zu samples are given for this input, %zu for '%s'; give the same number for all",
                                inputs[i].samples.count, inputs[0].samples.count, p->inputs[0].name);
        }
    }
    return WFC_OK;
}

/* Simulates `samples` samples; *out_words receives the outputs. */
static wfc_status simulate(const wfc_program *p, const given *inputs, uint32_t given_count, uint32_t samples,
                           const wfc_sim_options *opt, wfc_diag *diag, wfc_host_words *out_words, wfc_sim_result *out) {
    wfc_host_words in;
    WFC_TRY(wfc_host_words_init(p->inputs, p->input_count, samples, diag, &in));
    wfc_status s = wfc_host_words_init(p->outputs, p->output_count, samples, diag, out_words);
    for (uint32_t i = 0, at = 0; i < p->input_count && s == WFC_OK; at += p->inputs[i++].stream_count)
        s = wfc_host_pack(p, &p->inputs[i], inputs[i].dtype, inputs[i].samples.data, given_count, samples,
                          in.streams + at, diag);
    if (s == WFC_OK) {
        wfc_sim_io io = {.samples = samples,
                         .inputs = (const uint32_t *const *)in.streams,
                         .outputs = (uint32_t *const *)out_words->streams};
        s = wfc_sim_run(p, opt, &io, diag, out);
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
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0626", p->model_name,
                        "the program has %u inputs and %u outputs; nothing can be run through it", p->input_count,
                        p->output_count);
    uint32_t samples = p->inputs[0].samples;
    for (uint32_t i = 0; i < p->input_count + p->output_count; i++) {
        const wfc_prog_tensor *t = i < p->input_count ? &p->inputs[i] : &p->outputs[i - p->input_count];
        if (t->samples != samples || wfc_host_sample_elems(t) == 0)
            return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0626", t->name,
                            "the program streams %u samples of this tensor and %u of '%s'; compile it again",
                            t->samples, samples, p->inputs[0].name);
    }
    return WFC_OK;
}

/* First word injected to last word collected, with nothing before or behind it. */
static wfc_status measure_latency(const wfc_program *p, const given *inputs, const wfc_sim_options *opt, wfc_diag *diag,
                                  wfc_host_run *out) {
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

static wfc_status execute(const wfc_program *p, const given *inputs, const wfc_host_options *opt, wfc_diag *diag,
                          wfc_host_run *out) {
    wfc_host_words words = {0};
    out->expected_words = wfc_host_sample_words(p->inputs, p->input_count) * out->samples;
    wfc_status s = simulate(p, inputs, out->given_samples, out->samples, &opt->sim, diag, &words, &out->sim);
    if (s == WFC_OK && out->sim.words_injected != out->expected_words)
        s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0627", p->model_name,
                     "%" PRIu64 " words were injected where the inputs have %" PRIu64, out->sim.words_injected,
                     out->expected_words);
    if (s == WFC_OK) s = collect(p, out->samples, &words, diag, &out->outputs);
    wfc_host_words_deinit(&words);
    if (s != WFC_OK || !opt->latency) return s;
    if (out->samples > 1) return measure_latency(p, inputs, &opt->sim, diag, out);
    out->latency_cycles = out->sim.completion_cycles[0] - out->sim.first_inject_cycle;
    out->has_latency = true;
    return WFC_OK;
}

wfc_status wfc_host_execute(const wfc_program *p, const wfc_tensor_list *sets, uint32_t set_count,
                            const wfc_host_options *opt, wfc_diag *diag, wfc_host_run *out) {
    *out = (wfc_host_run){0};
    WFC_TRY(check_program(p, diag));
    given *inputs = wfc_calloc(p->input_count, sizeof *inputs);
    if (!inputs) return wfc_fail_memory(diag);
    wfc_status s = gather_given(p, sets, set_count, diag, inputs);
    size_t count = inputs[0].samples.count;
    if (s == WFC_OK && (count == 0 || count > UINT32_MAX))
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0625", p->model_name, "%zu samples are given; give at least one",
                     count);
    if (s == WFC_OK) {
        out->given_samples = (uint32_t)count;
        out->samples = opt->samples ? opt->samples : out->given_samples;
        s = execute(p, inputs, opt, diag, out);
    }
    for (uint32_t i = 0; i < p->input_count; i++) wfc_vec_free(&inputs[i].samples);
    wfc_free(inputs);
    if (s != WFC_OK) wfc_host_run_deinit(out);
    return s;
}
