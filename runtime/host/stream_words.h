/* Tensors to the words of the edge streams and back. The host changes layout and element type here and does nothing
 * else: each element of a sample travels exactly once.
 *
 * A program tensor of shape [d0, d1, ...] with `samples` = S is one sample of [d0/S, d1, ...] per step of the pipeline.
 * Stream words of sample i lie at [i * words, (i+1) * words); the last word of a sample is padded with zero bits. */
#ifndef WFC_HOST_STREAM_WORDS_H
#define WFC_HOST_STREAM_WORDS_H

#include "runtime/program/program.h"
#include "support/diag.h"

/* Elements of one sample; 0 when the shape cannot be (overflow, samples does not divide). */
size_t wfc_host_sample_elems(const wfc_prog_tensor *t);
/* Words of one sample over all streams of the tensors. */
uint64_t wfc_host_sample_words(const wfc_prog_tensor *tensors, uint32_t count);

/* One buffer of `samples` * words zeroed words per stream, streams numbered over all tensors in order. */
typedef struct wfc_host_words {
    uint32_t **streams; /* [count], malloc'ed each */
    uint32_t count;
} wfc_host_words;
WFC_MUST_USE wfc_status wfc_host_words_init(const wfc_prog_tensor *tensors, uint32_t count, uint32_t samples,
                                            wfc_diag *diag, wfc_host_words *out);
void wfc_host_words_deinit(wfc_host_words *w);

/* Fills the words of tensor t for all `samples`: sample i takes the elements at given[i % given_count], of type
 * `dtype`. `streams` points to the tensor's first stream. WFC_ERR_INPUT: an integer does not fit the wire's type. */
WFC_MUST_USE wfc_status wfc_host_pack(const wfc_program *p, const wfc_prog_tensor *t, wfc_dtype dtype,
                                      const void *const *given, uint32_t given_count, uint32_t samples,
                                      uint32_t *const *streams, wfc_diag *diag);
/* The other way: writes `samples` * sample elements of type `dtype` to `out`. */
WFC_MUST_USE wfc_status wfc_host_unpack(const wfc_program *p, const wfc_prog_tensor *t, wfc_dtype dtype,
                                        uint32_t samples, const uint32_t *const *streams, void *out, wfc_diag *diag);

#endif
