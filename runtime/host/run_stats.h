/* Statistics of a run as JSON. Every field is defined in docs/statistics.md. */
#ifndef WFC_HOST_RUN_STATS_H
#define WFC_HOST_RUN_STATS_H

#include "runtime/host/run.h"

/* Steady-state cycles per sample: (done[n-1] - done[n/2-1]) / (n/2) for n >= 8; false (no value) for fewer. */
bool wfc_stats_delta_t(const uint64_t *completion_cycles, uint32_t n, double *out);

/* Least and most cycles between two samples of those that delta-T counts; false for n < 8. */
bool wfc_stats_spacing(const uint64_t *completion_cycles, uint32_t n, uint64_t *least, uint64_t *most);

typedef struct wfc_stats_pes {
    uint32_t total; /* PEs of the fabric that are not defective */
    uint32_t used;  /* PEs with code */
    uint32_t sram_peak_bytes;
    uint32_t sram_peak_pe;                         /* index into program->pes of the fullest PE, UINT32_MAX when none */
    uint32_t sram_by_category[WFC_MEM_CATEGORIES]; /* of that PE */
} wfc_stats_pes;
wfc_stats_pes wfc_stats_count_pes(const wfc_program *p);

/* Multiply-accumulates one PE can do in a cycle in f32, from the target. */
unsigned wfc_stats_mac_rate(const wfc_target *t);

/* The JSON text (malloc'ed, ends with a line feed). NULL when out of memory. */
char *wfc_stats_json(const wfc_program *p, const wfc_host_run *r);

#endif
