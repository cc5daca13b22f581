/* Sets of tensors cut into the samples of the pipeline, and what is done sample by sample with the outputs. */
#include "runtime/host/run.h"

#include "runtime/host/elements.h"
#include "runtime/host/stream_words.h"
#include "support/mem.h"
#include <string.h>

/* True when the leading axis is nothing but samples, so that any number of them may be given. */
static bool streams_leading_axis(const wfc_prog_tensor *t) {
    return t->rank > 0 && t->dims[0] != 0 && t->dims[0] == t->samples;
}

static wfc_status wrong_shape(const wfc_prog_tensor *t, const char *what, const wfc_tensor *x, wfc_diag *diag) {
    char found[WFC_SHAPE_TEXT_BYTES], expected[WFC_SHAPE_TEXT_BYTES];
    wfc_shape_text(x->dims, x->rank, found, sizeof found);
    wfc_shape_text(t->dims, t->rank, expected, sizeof expected);
    return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0821", t->name,
                    "the tensor given for this %s has shape %s, expected %s%s", what, found, expected,
                    streams_leading_axis(t) ? " (the first axis may be any multiple)" : "");
}

/* bf16 has no type in .npy files: f32 is taken for it and rounded. */
static bool dtype_fits(wfc_dtype found, wfc_dtype expected) {
    return found == expected || (expected == WFC_BF16 && found == WFC_F32);
}

static wfc_status add_set(const wfc_prog_tensor *t, const char *what, const wfc_tensor *x, wfc_diag *diag,
                          wfc_host_samples *out) {
    wfc_dtype expected, found = (wfc_dtype)x->dtype;
    if (!wfc_dtype_of_onnx(t->host_dtype, &expected))
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0820", t->name,
                        "the program gives this %s the unknown element type %u; compile it again", what, t->host_dtype);
    if (!dtype_fits(found, expected) || (out->count && found != (wfc_dtype)out->dtype))
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0822", t->name,
                        "the tensor given for this %s has elements of type %s, expected %s; convert it before", what,
                        wfc_dtype_name(found), wfc_dtype_name(out->count ? (wfc_dtype)out->dtype : expected));
    bool fits = x->rank == t->rank;
    for (unsigned i = 0; fits && i < t->rank; i++)
        fits = i == 0 && streams_leading_axis(t) ? x->dims[0] != 0 && x->dims[0] % t->dims[0] == 0
                                                 : x->dims[i] == t->dims[i];
    if (!fits) return wrong_shape(t, what, x, diag);
    uint64_t count = streams_leading_axis(t) ? x->dims[0] : t->samples;
    size_t bytes = wfc_host_sample_elems(t) * wfc_dtype_bytes(found);
    out->dtype = x->dtype;
    for (uint64_t i = 0; i < count; i++)
        if (wfc_vec_push(out, (const uint8_t *)x->data + i * bytes) != WFC_OK) return wfc_fail_memory(diag);
    return WFC_OK;
}

/* Names that the program does not know, and tensors nobody gave, each with the list of what there is. */
static wfc_status check_names(const wfc_prog_tensor *tensors, uint32_t count, const char *what,
                              const wfc_tensor_list *set, wfc_diag *diag) {
    wfc_buf known = {0};
    for (uint32_t i = 0; i < count; i++) wfc_buf_printf(&known, "%s'%s'", i ? ", " : "", tensors[i].name);
    const char *list = known.failed || !known.data ? "?" : known.data;
    wfc_status s = WFC_OK;
    for (size_t k = 0; k < set->count; k++) {
        bool found = false;
        for (uint32_t i = 0; i < count; i++) found |= strcmp(set->data[k].name, tensors[i].name) == 0;
        if (!found)
            s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0823", set->data[k].name,
                         "the program has no %s of this name; it has %s", what, list);
    }
    for (uint32_t i = 0; i < count; i++)
        if (wfc_tensor_list_find(set, tensors[i].name) < 0)
            s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0824", tensors[i].name, "no tensor is given for this %s", what);
    wfc_buf_deinit(&known);
    return s;
}

void wfc_host_samples_free(wfc_host_samples *samples, uint32_t count) {
    for (uint32_t i = 0; samples && i < count; i++) wfc_vec_free(&samples[i]);
    wfc_free(samples);
}

wfc_status wfc_host_cut(const wfc_prog_tensor *tensors, uint32_t count, const char *what, const wfc_tensor_list *sets,
                        uint32_t set_count, wfc_diag *diag, wfc_host_samples **out) {
    *out = wfc_calloc(count, sizeof **out);
    if (!*out) return wfc_fail_memory(diag);
    for (uint32_t k = 0; k < set_count; k++) {
        WFC_TRY(check_names(tensors, count, what, &sets[k], diag));
        for (uint32_t i = 0; i < count; i++) {
            ptrdiff_t at = wfc_tensor_list_find(&sets[k], tensors[i].name);
            WFC_TRY(add_set(&tensors[i], what, &sets[k].data[at].tensor, diag, &(*out)[i]));
            if ((*out)[i].count != (*out)[0].count)
                return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0825", tensors[i].name,
                                "%zu samples are given for this %s, %zu for '%s'; give the same number for all",
                                (*out)[i].count, what, (*out)[0].count, tensors[0].name);
        }
    }
    return WFC_OK;
}

wfc_status wfc_host_compare(const wfc_program *p, const wfc_host_run *r, const wfc_tensor_list *refs,
                            uint32_t set_count, const wfc_tolerance *tol, wfc_diag *diag, wfc_comparison *out) {
    wfc_host_samples *expected;
    wfc_status s = wfc_host_cut(p->outputs, p->output_count, "output", refs, set_count, diag, &expected);
    if (s == WFC_OK && expected[0].count != r->given_samples)
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0828", p->outputs[0].name,
                     "%zu reference samples are given for %u input samples; give one for each", expected[0].count,
                     r->given_samples);
    for (uint32_t i = 0; i < p->output_count && s == WFC_OK; i++) {
        const wfc_tensor *y = &r->outputs.data[i].tensor;
        wfc_dtype dtype = (wfc_dtype)y->dtype;
        size_t n = wfc_host_sample_elems(&p->outputs[i]), bytes = n * wfc_dtype_bytes(dtype);
        out[i] = (wfc_comparison){0};
        if (expected[i].dtype != y->dtype)
            s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0822", p->outputs[i].name,
                         "the reference has elements of type %s, the output of type %s",
                         wfc_dtype_name((wfc_dtype)expected[i].dtype), wfc_dtype_name(dtype));
        for (uint32_t k = 0; k < r->samples && s == WFC_OK; k++)
            wfc_compare(dtype, (const uint8_t *)y->data + k * bytes, expected[i].data[k % r->given_samples], n, tol,
                        &out[i]);
    }
    wfc_host_samples_free(expected, p->output_count);
    return s;
}

wfc_status wfc_host_top1(const wfc_program *p, const wfc_host_run *r, const wfc_tensor *labels, const char *where,
                         wfc_diag *diag, uint32_t *out_correct) {
    uint32_t needed = r->samples < r->given_samples ? r->samples : r->given_samples;
    wfc_dtype label_dtype = (wfc_dtype)labels->dtype, dtype;
    if (wfc_dtype_is_float(label_dtype) || label_dtype == WFC_BOOL || labels->rank != 1)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0829", where,
                        "labels have %u axes of type %s, expected one axis of integers", labels->rank,
                        wfc_dtype_name(label_dtype));
    if (labels->dims[0] < needed)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0829", where, "%u labels are given for %u samples", labels->dims[0],
                        needed);
    size_t n = wfc_host_output_sample(&p->outputs[0], &dtype), bytes = n * wfc_dtype_bytes(dtype);
    const uint8_t *y = r->outputs.data[0].tensor.data;
    *out_correct = 0;
    for (uint32_t k = 0; k < r->samples; k++) {
        ptrdiff_t found = wfc_argmax(dtype, y + k * bytes, n);
        double label = wfc_dtype_get(label_dtype, labels->data, k % r->given_samples);
        if (found >= 0 && (double)found == label) ++*out_correct;
    }
    return WFC_OK;
}
