/* Tensors at the edge: streams at ports, and every element in exactly one place of exactly one stream. */
#include "runtime/program/verify_parts.h"

#include <stdio.h>

static const uint64_t MAX_SAMPLE_ELEMENTS = (uint64_t)1 << 30;

static void tensor_error(wfc_verifier *v, const wfc_prog_tensor *t, const char *problem) {
    char part[160];
    snprintf(part, sizeof part, "tensor %.140s", t->name);
    wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1311", UINT32_MAX, part, "%s", problem);
}

static bool is_port(const wfc_target *t, unsigned side, unsigned row) {
    for (uint32_t lo = 0, hi = t->io_count[side]; lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->io_rows[side][mid] == row) return true;
        if (t->io_rows[side][mid] < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

/* 0: no elements; false: not a shape. */
static bool sample_elements(const wfc_prog_tensor *t, uint64_t *out) {
    uint64_t n = 1;
    for (unsigned i = 0; i < t->rank; i++) {
        if (t->dims[i] && n > UINT64_MAX / t->dims[i]) return false;
        n *= t->dims[i];
    }
    if (t->samples == 0 || n % t->samples != 0) return false;
    *out = n / t->samples;
    return *out <= MAX_SAMPLE_ELEMENTS;
}

#ifndef WFC_OFF_STREAMS
static const char *stream_problem(const wfc_program *p, const wfc_prog_tensor *t, const wfc_prog_stream *s,
                                  uint64_t elements, uint64_t *total) {
    uint64_t n = 0;
    unsigned per_word = wfc_elems_per_wavelet((wfc_dtype)t->dtype);
    if (s->side > WFC_SIDE_EAST) return "a stream on neither the west nor the east edge";
#ifndef WFC_OFF_COLOURS
    if (s->colour >= p->target.colours) return "a stream of a colour that the target does not have";
#endif
    if (!is_port(&p->target, s->side, s->row)) return "a stream at a row where the target has no port";
    if (s->run_first > p->run_count || s->run_count > p->run_count - s->run_first)
        return "a stream's runs lie outside the table";
    for (uint32_t i = 0; i < s->run_count; i++) {
        const wfc_prog_run *r = &p->runs[s->run_first + i];
        int64_t last = (int64_t)r->start + ((int64_t)r->count - 1) * r->stride;
        if (r->count == 0 || r->start >= elements || last < 0 || (uint64_t)last >= elements)
            return "a run of a stream is empty or leaves the tensor";
        n += r->count;
        if (*total + n > elements) return "the streams have more elements than the tensor";
    }
    if (s->words != (n + per_word - 1) / per_word) return "a stream's number of words does not fit its elements";
    *total += n;
    return NULL;
}

/* Every element once: the counts add up, and no bit is set twice. */
static void check_cover(wfc_verifier *v, const wfc_prog_tensor *t, uint64_t elements, uint64_t total) {
    char problem[200];
    if (total != elements) {
        snprintf(problem, sizeof problem, "the streams carry %llu elements of a sample, which has %llu",
                 (unsigned long long)total, (unsigned long long)elements);
        tensor_error(v, t, problem);
        return;
    }
    uint8_t *seen = wfc_calloc((size_t)(elements / 8 + 1), 1);
    if (!seen) {
        v->status = wfc_fail_memory(v->diag);
        v->errors++;
        return;
    }
    for (uint32_t k = 0; k < t->stream_count; k++)
        for (uint32_t i = 0; i < t->streams[k].run_count; i++) {
            const wfc_prog_run *r = &v->p->runs[t->streams[k].run_first + i];
            int64_t at = r->start;
            for (uint32_t n = 0; n < r->count; n++, at += r->stride) {
                uint8_t bit = (uint8_t)(1u << (at & 7));
                if (seen[at >> 3] & bit) {
                    snprintf(problem, sizeof problem, "element %lld of a sample is carried twice", (long long)at);
                    tensor_error(v, t, problem);
                    wfc_free(seen);
                    return;
                }
                seen[at >> 3] |= bit;
            }
        }
    wfc_free(seen);
}

/* The router at the port takes what the host injects. */
static bool has_entry(const wfc_verifier *v, const wfc_prog_stream *s) {
    const wfc_target *t = &v->p->target;
    bool east = s->side == WFC_SIDE_EAST;
    uint32_t pe = v->pe_at[(size_t)s->row * t->width + (east ? t->width - 1u : 0)];
    const wfc_prog_route *r = pe == UINT32_MAX ? NULL : wfc_verify_route_of(v->p, &v->p->pes[pe], s->colour);
    return r && wfc_verify_accepts(r, east ? WFC_PORT_E : WFC_PORT_W);
}

/* (side, row, colour) of one direction are used once, or words of two streams could change places. */
static void check_unique(wfc_verifier *v, const wfc_prog_tensor *tensors, uint32_t count) {
    uint32_t *seen = wfc_calloc((size_t)v->p->target.height * 2, sizeof *seen); /* bit per colour */
    if (!seen) {
        v->status = wfc_fail_memory(v->diag);
        v->errors++;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < tensors[i].stream_count; k++) {
            const wfc_prog_stream *s = &tensors[i].streams[k];
            uint32_t *slot = &seen[(size_t)s->row * 2 + s->side], bit = (uint32_t)1 << (s->colour & 31);
            if (*slot & bit) tensor_error(v, &tensors[i], "two streams share edge, row and colour");
            *slot |= bit;
        }
    wfc_free(seen);
}
#endif

static const char *tensor_problem(const wfc_prog_tensor *t) {
    if (t->dtype >= WFC_NUM_PE_DTYPES) return "its element type does not exist on the PE";
    if (t->rank > WFC_PROG_MAX_RANK) return "it has more than 8 axes";
    bool known = t->host_dtype >= 1 && t->host_dtype <= 16 && t->host_dtype != 8 && t->host_dtype != 14 &&
                 t->host_dtype != 15; /* strings and complex numbers */
    return known ? NULL : "its type outside is no number type of ONNX";
}

static void check_tensor(wfc_verifier *v, const wfc_prog_tensor *t, bool is_input) {
    uint64_t elements = 0, total = 0;
    const char *problem = tensor_problem(t);
    if (!problem && !sample_elements(t, &elements))
        problem = "its extents do not divide into its samples, or a sample has more than 2^30 elements";
    if (problem) {
        tensor_error(v, t, problem);
        return;
    }
#ifndef WFC_OFF_STREAMS
    for (uint32_t k = 0; k < t->stream_count && !problem; k++) {
        problem = stream_problem(v->p, t, &t->streams[k], elements, &total);
        if (!problem && is_input && !has_entry(v, &t->streams[k]))
            problem = "the router at a stream's port accepts its colour from the port in no switch position";
    }
    if (problem)
        tensor_error(v, t, problem);
    else
        check_cover(v, t, elements, total);
#else
    (void)is_input, (void)total, (void)is_port;
#endif
}

void wfc_verify_tensors(wfc_verifier *v) {
    const wfc_program *p = v->p;
    for (uint32_t i = 0; i < p->input_count && !wfc_verify_enough(v); i++) check_tensor(v, &p->inputs[i], true);
    for (uint32_t i = 0; i < p->output_count && !wfc_verify_enough(v); i++) check_tensor(v, &p->outputs[i], false);
#ifndef WFC_OFF_STREAMS
    if (v->errors) return;
    check_unique(v, p->inputs, p->input_count);
    check_unique(v, p->outputs, p->output_count);
#endif
}
