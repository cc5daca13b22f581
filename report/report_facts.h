/* The facts of a report, gathered once and shown by every format. Inside report/ only. */
#ifndef WFC_REPORT_REPORT_FACTS_H
#define WFC_REPORT_REPORT_FACTS_H

#include "report/report.h"

/* ---- links ---- */

/* Words (data and control) that cross each link per sample, steady state. Links are those that leave a PE: N E S W. */
typedef struct wfc_report_links {
    uint32_t *words[4];        /* [pe index]; saturated at UINT32_MAX; 0 where no route leaves */
    uint64_t total;            /* sum over all links between PEs: hops per sample */
    uint64_t edge_total;       /* words that leave through the west and east edge */
    uint32_t max_words;        /* most loaded link */
    uint32_t max_pe;           /* its PE, UINT32_MAX none */
    uint8_t max_port;          /* its WFC_PORT_ */
    uint32_t pes_not_followed; /* PEs whose code does not tell how much they send: their words are missing */
    uint32_t routes_by_order;  /* routes whose way depends on the order of words: all words counted on every way */
    uint32_t routes_in_cycles; /* (router, colour, in-port) on a cycle of routes: words missing */
} wfc_report_links;
static inline bool wfc_report_links_exact(const wfc_report_links *l) {
    return !l->pes_not_followed && !l->routes_by_order && !l->routes_in_cycles;
}
void wfc_report_links_deinit(wfc_report_links *l);
WFC_MUST_USE wfc_status wfc_report_links_make(const wfc_program *p, wfc_diag *diag, wfc_report_links *out);

/* Words that one PE sends per sample. Followed through its code: docs/report.md, link load. */
typedef struct wfc_report_sent {
    bool followed;                         /* false: the code does not tell; words are then 0 */
    uint64_t words[WFC_TARGET_MAX_QUEUES]; /* per out queue, data and control */
} wfc_report_sent;
/* `budget`: instructions that may still be followed, over all PEs; reduced by those that were. */
void wfc_report_follow(const wfc_program *p, const wfc_prog_pe *pe, uint64_t *budget, wfc_report_sent *out);

/* ---- a run ---- */

enum { WFC_REPORT_CAUSES = 6 };
extern const char *const wfc_report_cause_names[WFC_REPORT_CAUSES]; /* keys of pe_cycles in the statistics */

typedef struct wfc_report_run {
    bool given;
    double samples, cycles;
    double latency_cycles, delta_t_cycles, wavelet_hops; /* NAN where the statistics hold null */
    double pe_active;
    double (*pe_cycles)[WFC_REPORT_CAUSES]; /* [layer_count], of the whole run, summed over PEs */
    double *macs_executed;                  /* [layer_count], per sample */
} wfc_report_run;
void wfc_report_run_deinit(wfc_report_run *r);
/* Reads what wfc_stats_json wrote for a run of `p`; WFC_OK and given == false for path NULL. */
WFC_MUST_USE wfc_status wfc_report_run_read(const wfc_program *p, const char *path, wfc_diag *diag,
                                            wfc_report_run *out);

/* ---- all ---- */

typedef struct wfc_report_layer {
    uint32_t pes;                          /* with code */
    uint32_t sram_max[WFC_MEM_CATEGORIES]; /* largest over the layer's PEs, each category for itself */
    uint64_t sram_sum[WFC_MEM_CATEGORIES]; /* over the layer's PEs */
    uint32_t sram_max_bytes, sram_max_pe;  /* fullest PE; UINT32_MAX without PEs */
    uint64_t sram_sum_bytes;
    uint32_t link_max_words, link_max_pe; /* most loaded link that leaves a PE of the layer; UINT32_MAX none */
    uint8_t link_max_port;
    double utilisation;       /* macs_nonzero / (pes * mac rate * delta-T), NAN without delta-T */
    double sim_active_cycles; /* busy + bank + overhead per PE and sample; NAN without a run */
    uint32_t colour;          /* 0xRRGGBB of the region */
    bool is_adapter, is_buffer;
} wfc_report_layer;

typedef struct wfc_report_facts {
    const wfc_program *p;
    wfc_report_run run;
    wfc_report_links links;
    wfc_report_layer *layers; /* [layer_count] */
    uint32_t *class_bytes;    /* [class_count] SRAM of a PE of the class */
    uint32_t (*class_account)[WFC_MEM_CATEGORIES];
    uint8_t *router_colours; /* [router_count] */
    wfc_prog_rect used;      /* smallest rectangle around the program's PEs and layers; 0 x 0 when there are none */
    uint32_t pe_total, pe_used, pe_router_only, adapters, buffers, adapter_columns;
    uint32_t buffer_columns,
        buffer_tensors;    /* a tensor that waits in several buffers one after the other counts once */
    uint64_t buffer_bytes; /* input bytes of all buffer layers */
    double edge_bound;   /* cycles per sample that the words of the fuller edge and direction take over all its ports */
    uint64_t port_bound; /* the same of the port with most words */
    uint32_t sram_max_bytes, sram_max_pe;
    uint32_t colours_max, colours_max_pe; /* most colours routed at one router; UINT32_MAX none */
    uint32_t slowest;                     /* layer with the largest predicted cycles, UINT32_MAX none */
    uint32_t busiest;                     /* layer with the largest sim_active_cycles, UINT32_MAX none */
    uint64_t macs, macs_nonzero;
    double mac_rate, delta_t; /* delta-T: of the run where it has one, else predicted; NAN when neither */
} wfc_report_facts;
void wfc_report_facts_deinit(wfc_report_facts *f);
WFC_MUST_USE wfc_status wfc_report_facts_make(const wfc_program *p, const char *stats_path, wfc_diag *diag,
                                              wfc_report_facts *out);
/* Index of the program's PE at every place of the fabric, row by row, UINT32_MAX where there is none; NULL when out of
 * memory; freed by the caller. */
uint32_t *wfc_report_grid(const wfc_program *p);

/* ---- formats: text or bytes to be freed by wfc_buf_deinit ---- */

/* JSON of all facts. `inline_script`: one line, ASCII, with < > & as \u escapes, fit to stand in a script element. */
WFC_MUST_USE wfc_status wfc_report_json(const wfc_report_facts *f, bool inline_script, wfc_diag *diag, wfc_buf *out);
WFC_MUST_USE wfc_status wfc_report_html(const wfc_report_facts *f, wfc_diag *diag, wfc_buf *out);
/* `format`: WFC_REPORT_SVG or WFC_REPORT_PNG. */
WFC_MUST_USE wfc_status wfc_report_draw(const wfc_report_facts *f, wfc_report_format format, wfc_diag *diag,
                                        wfc_buf *out);

/* Stops of the colour ramp of the heat maps, from none to most, for a light background; 0xRRGGBB. */
enum { WFC_REPORT_HEAT_STOPS = 5 };
extern const uint32_t wfc_report_heat[WFC_REPORT_HEAT_STOPS];

#endif
