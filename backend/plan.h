/* Planning: splits and sizes of layers. docs/mapping.md section 2.
 *
 *   key.c    all ways to deal a layer over the rows of its rectangle, and its time per number of columns
 *   reach.c  what an edge between two keys costs in adapter columns
 *   splits.c keys of neighbours chosen together for a time, adapters priced
 *   plan.c   least time for which layers and adapters fit */
#ifndef WFC_BACKEND_PLAN_H
#define WFC_BACKEND_PLAN_H

#include "backend/be.h"

enum { WFC_BE_SAMPLES = 160 };

/* Rows of an edge's sampled elements under one key: as its reader (first and last row that needs the element) or as its
 * producer (lo == hi). UINT16_MAX: an element that is a fill or nobody's. */
typedef struct wfc_be_rows {
    uint16_t *lo, *hi; /* [WFC_BE_SAMPLES] */
    double lane;       /* words of the edge on a row in the middle */
} wfc_be_rows;

/* One way to deal a layer: a split without its columns. */
typedef struct wfc_be_key {
    wfc_be_split split;
    float *cycles;      /* [column option] per sample, never increasing; WFC_BE_NO_CYCLES where SRAM is too small */
    wfc_be_rows *read;  /* [edge] NULL until asked for */
    wfc_be_rows *write; /* [out edge] likewise */
} wfc_be_key;
#define WFC_BE_NO_CYCLES 1e30f

typedef struct wfc_be_keys {
    wfc_be_key *keys;
    uint32_t count, capacity;
    uint32_t *cols, col_count; /* useful column counts, ascending */
    uint64_t least_bytes;      /* SRAM of a PE in the split that needs least; UINT64_MAX: none was tried */
} wfc_be_keys;

/* Every key of a layer for a rectangle of h rows at y, at most `width` columns. */
WFC_MUST_USE wfc_status wfc_be_keys_make(wfc_be *be, wfc_be_layer *l, uint32_t y, uint32_t h, uint32_t width,
                                         wfc_be_keys *out);
/* Predicted cycles per sample of a layer's present split; WFC_BE_NO_CYCLES: does not fit SRAM, or is none. */
double wfc_be_split_cycles(wfc_be *be, wfc_be_layer *l, uint64_t *sram_bytes);

/* Fixed random elements of an edge: index in `consumed` and in the source tensor (UINT32_MAX: a fill). */
typedef struct wfc_be_sample {
    uint32_t consumed[WFC_BE_SAMPLES], source[WFC_BE_SAMPLES];
    uint64_t elems;
} wfc_be_sample;
WFC_MUST_USE wfc_status wfc_be_sample_edge(wfc_be *be, const wfc_be_edge *e, uint64_t seed, wfc_be_sample *out);
WFC_MUST_USE wfc_status wfc_be_rows_read(wfc_be *be, wfc_be_layer *l, uint32_t edge, const wfc_be_split *split,
                                         const wfc_be_sample *s, wfc_be_rows *out);
WFC_MUST_USE wfc_status wfc_be_rows_written(wfc_be *be, wfc_be_layer *l, const wfc_be_split *split,
                                            const wfc_be_sample *s, wfc_be_rows *out);
/* What an adapter between a producer's rows and a reader's has to do: words per sample over the busiest cut (0: no word
 * changes its row), how many rows the farthest goes, about how many words a row takes from each side; channels of the
 * fullest lane that is given (0: not known); words on a row's link where the lane that is taken and the one that is
 * given meet. */
typedef struct wfc_be_moves {
    float words, reach, heard, lane;
    uint32_t channels;
} wfc_be_moves;
/* Rows at which the host feeds the elements that `to` reads: ports in the middle of their readers. */
WFC_MUST_USE wfc_status wfc_be_rows_fed(wfc_be *be, const wfc_be_rows *to, wfc_be_rows *out);
wfc_be_moves wfc_be_count_moves(const wfc_be *be, const wfc_be_sample *s, const wfc_be_rows *from,
                                const wfc_be_rows *to);
/* Adapter columns that do it in `cycles` per sample; INFINITY: no number does. */
double wfc_be_adapter_columns(const wfc_be *be, const wfc_be_moves *m, double cycles);

/* Chooses every layer's split, columns and rectangle by one placement method (wfc_be_tree_method); sets
 * be->target_cycles and be->floor. `reserve`: columns to be left free beyond the adapters that it expects.
 * WFC_ERR_NO_FIT names the layer or the columns that lack. */
WFC_MUST_USE wfc_status wfc_be_plan(wfc_be *be, unsigned method, uint32_t reserve);
/* The floorplan of an earlier choice: by the same method over the same rows, with its splits [layers] and times. */
WFC_MUST_USE wfc_status wfc_be_plan_again(wfc_be *be, unsigned method, const wfc_be_split *splits, double cycles,
                                          double wish);

#endif
