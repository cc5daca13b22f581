#include "runtime/host/stream_words.h"

#include "runtime/host/elements.h"
#include "support/mem.h"
#include <string.h>

size_t wfc_host_sample_elems(const wfc_prog_tensor *t) {
    size_t n = 1;
    for (unsigned i = 0; i < t->rank; i++)
        if (!wfc_mul_size(n, t->dims[i], &n)) return 0;
    return t->samples && n % t->samples == 0 ? n / t->samples : 0;
}

uint64_t wfc_host_sample_words(const wfc_prog_tensor *tensors, uint32_t count) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < tensors[i].stream_count; k++) n += tensors[i].streams[k].words;
    return n;
}

wfc_status wfc_host_words_init(const wfc_prog_tensor *tensors, uint32_t count, uint32_t samples, wfc_diag *diag,
                               wfc_host_words *out) {
    *out = (wfc_host_words){0};
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) total += tensors[i].stream_count;
    out->streams = wfc_calloc(total, sizeof *out->streams);
    if (!out->streams || total > UINT32_MAX) return wfc_fail_memory(diag);
    out->count = (uint32_t)total;
    for (uint32_t i = 0, at = 0; i < count; i++)
        for (uint32_t k = 0; k < tensors[i].stream_count; k++) {
            size_t words;
            bool fits = wfc_mul_size(samples, tensors[i].streams[k].words, &words);
            out->streams[at] = fits ? wfc_calloc(words, sizeof(uint32_t)) : NULL;
            if (!out->streams[at++]) {
                wfc_host_words_deinit(out);
                return wfc_fail_memory(diag);
            }
        }
    return WFC_OK;
}

void wfc_host_words_deinit(wfc_host_words *w) {
    for (uint32_t i = 0; i < w->count; i++) wfc_free(w->streams[i]);
    wfc_free(w->streams);
    *w = (wfc_host_words){0};
}

/* Walks the elements of a stream in wire order. The verifier has checked the runs; they are checked again here because
 * a wrong one would read or write outside the tensor. */
typedef struct walk {
    const wfc_prog_run *run, *end;
    uint32_t k;   /* within the run */
    size_t elems; /* of the sample */
} walk;

static bool walk_next(walk *w, size_t *out) {
    while (w->run < w->end && w->k == w->run->count) w->run++, w->k = 0;
    if (w->run == w->end) return false;
    int64_t at = (int64_t)w->run->start + (int64_t)w->k * w->run->stride;
    w->k++;
    if (at < 0 || (uint64_t)at >= w->elems) return false;
    *out = (size_t)at;
    return true;
}

static wfc_status walk_start(const wfc_program *p, const wfc_prog_tensor *t, const wfc_prog_stream *s, wfc_diag *diag,
                             walk *out) {
    if (s->run_first > p->run_count || s->run_count > p->run_count - s->run_first)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0810", t->name, "a stream's runs lie outside the program");
    *out = (walk){.run = p->runs + s->run_first, .elems = wfc_host_sample_elems(t)};
    out->end = out->run + s->run_count;
    return WFC_OK;
}

static wfc_status wrong_runs(const wfc_prog_tensor *t, wfc_diag *diag) {
    return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0810", t->name,
                    "the element runs of a stream do not fill its words; the program is damaged, compile it again");
}

/* One sample of one stream, from elements of the wire's type. */
static wfc_status pack_stream(const wfc_prog_tensor *t, walk w, const uint8_t *elements, uint32_t word_count,
                              uint32_t *words, wfc_diag *diag) {
    unsigned per_word = wfc_elems_per_wavelet((wfc_dtype)t->dtype), size = 4 / per_word;
    size_t n = 0, at;
    while (walk_next(&w, &at)) {
        if (n / per_word >= word_count) return wrong_runs(t, diag);
        uint32_t value = 0;
        for (unsigned b = 0; b < size; b++) value |= (uint32_t)elements[at * size + b] << 8 * b;
        words[n / per_word] |= value << 8 * size * (n % per_word);
        n++;
    }
    if (w.run != w.end || (n + per_word - 1) / per_word != word_count) return wrong_runs(t, diag);
    return WFC_OK;
}

static wfc_status unpack_stream(const wfc_prog_tensor *t, walk w, const uint32_t *words, uint32_t word_count,
                                uint8_t *elements, wfc_diag *diag) {
    unsigned per_word = wfc_elems_per_wavelet((wfc_dtype)t->dtype), size = 4 / per_word;
    size_t n = 0, at;
    while (walk_next(&w, &at)) {
        if (n / per_word >= word_count) return wrong_runs(t, diag);
        uint32_t value = words[n / per_word] >> 8 * size * (n % per_word);
        for (unsigned b = 0; b < size; b++) elements[at * size + b] = (uint8_t)(value >> 8 * b);
        n++;
    }
    if (w.run != w.end || (n + per_word - 1) / per_word != word_count) return wrong_runs(t, diag);
    return WFC_OK;
}

/* Bytes of one element in host order to little-endian and back, in place; nothing to do on the usual host. */
static void swap_to_little(uint8_t *elements, size_t n, size_t size) {
    const uint16_t probe = 1;
    uint8_t low_first;
    memcpy(&low_first, &probe, 1);
    if (low_first) return;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < size / 2; k++) {
            uint8_t keep = elements[i * size + k];
            elements[i * size + k] = elements[i * size + size - 1 - k];
            elements[i * size + size - 1 - k] = keep;
        }
}

/* All streams of one given sample, for every step that repeats it. */
static wfc_status pack_sample(const wfc_program *p, const wfc_prog_tensor *t, const uint8_t *elements, uint32_t first,
                              uint32_t step, uint32_t samples, uint32_t *const *streams, wfc_diag *diag) {
    for (uint32_t k = 0; k < t->stream_count; k++) {
        const wfc_prog_stream *s = &t->streams[k];
        walk w;
        WFC_TRY(walk_start(p, t, s, diag, &w));
        uint32_t *words = streams[k] + (size_t)first * s->words;
        WFC_TRY(pack_stream(t, w, elements, s->words, words, diag));
        for (uint64_t i = (uint64_t)first + step; i < samples; i += step)
            if (s->words) memcpy(streams[k] + i * s->words, words, s->words * sizeof *words);
    }
    return WFC_OK;
}

wfc_status wfc_host_pack(const wfc_program *p, const wfc_prog_tensor *t, wfc_dtype dtype, const void *const *given,
                         uint32_t given_count, uint32_t samples, uint32_t *const *streams, wfc_diag *diag) {
    size_t elems = wfc_host_sample_elems(t), size = wfc_dtype_bytes((wfc_dtype)t->dtype);
    if ((unsigned)t->dtype >= WFC_NUM_PE_DTYPES || !wfc_convertible(dtype, (wfc_dtype)t->dtype))
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0810", t->name, "%s cannot be sent as %s", wfc_dtype_name(dtype),
                        wfc_dtype_name((wfc_dtype)t->dtype));
    uint8_t *elements = wfc_calloc(elems, size);
    if (!elements) return wfc_fail_memory(diag);
    wfc_status s = WFC_OK;
    for (uint32_t g = 0; g < given_count && g < samples && s == WFC_OK; g++) {
        size_t good = wfc_convert(dtype, given[g], (wfc_dtype)t->dtype, elements, elems);
        if (good < elems)
            s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0811", t->name,
                         "element %zu of sample %u does not fit the %s that the wavelets carry; give smaller values",
                         good, g, wfc_dtype_name((wfc_dtype)t->dtype));
        swap_to_little(elements, elems, size);
        if (s == WFC_OK) s = pack_sample(p, t, elements, g, given_count, samples, streams, diag);
    }
    wfc_free(elements);
    return s;
}

wfc_status wfc_host_unpack(const wfc_program *p, const wfc_prog_tensor *t, wfc_dtype dtype, uint32_t samples,
                           const uint32_t *const *streams, void *out, wfc_diag *diag) {
    size_t elems = wfc_host_sample_elems(t), size = wfc_dtype_bytes((wfc_dtype)t->dtype);
    if ((unsigned)t->dtype >= WFC_NUM_PE_DTYPES || !wfc_convertible((wfc_dtype)t->dtype, dtype))
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0810", t->name, "%s cannot be received as %s",
                        wfc_dtype_name((wfc_dtype)t->dtype), wfc_dtype_name(dtype));
    uint8_t *elements = wfc_calloc(elems, size);
    if (!elements) return wfc_fail_memory(diag);
    wfc_status s = WFC_OK;
    for (uint32_t i = 0; i < samples && s == WFC_OK; i++) {
        for (uint32_t k = 0; k < t->stream_count && s == WFC_OK; k++) {
            walk w;
            s = walk_start(p, t, &t->streams[k], diag, &w);
            const uint32_t *words = streams[k] + (size_t)i * t->streams[k].words;
            if (s == WFC_OK) s = unpack_stream(t, w, words, t->streams[k].words, elements, diag);
        }
        swap_to_little(elements, elems, size);
        uint8_t *to = (uint8_t *)out + i * elems * wfc_dtype_bytes(dtype);
        if (s == WFC_OK && wfc_convert((wfc_dtype)t->dtype, elements, dtype, to, elems) < elems)
            s = wfc_fail(diag, WFC_ERR_STOPPED, "WFC-E0811", t->name, "an output of sample %u does not fit %s", i,
                         wfc_dtype_name(dtype));
    }
    wfc_free(elements);
    return s;
}
