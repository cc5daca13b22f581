/* A wafer program in memory: everything the simulator knows. Written and read by file.c (docs/program-format.md),
 * printed and read as text by asm.c / dis.c, checked by verify.c.
 *
 * PEs of one class share code, descriptors, tasks, queue bindings and the memory map (arrays); PEs with equal router
 * configuration share a route set; initial data are references into one bulk area, so equal weights are stored once. */
#ifndef WFC_PROGRAM_PROGRAM_H
#define WFC_PROGRAM_PROGRAM_H

#include "runtime/program/isa.h"
#include "runtime/program/target.h"
#include "support/diag.h"
#include "support/mem.h"
#include <stdbool.h>
#include <stdint.h>

#define WFC_PROGRAM_VERSION 1u
#define WFC_PROGRAM_MAX_MEMORY ((uint64_t)16 << 30) /* bytes; of what is read, unless told otherwise */

/* SRAM categories of the byte account. Code, descriptors, tasks and bindings sit at the bottom of SRAM. */
typedef enum wfc_mem_category {
    WFC_MEM_CODE = 0,
    WFC_MEM_DESC,
    WFC_MEM_TASK /* tasks and queue bindings */,
    WFC_MEM_WEIGHT,
    WFC_MEM_INDEX,
    WFC_MEM_INPUT,
    WFC_MEM_ACC,
    WFC_MEM_OUTPUT,
    WFC_MEM_SCRATCH,
    WFC_MEM_TABLE,
    WFC_MEM_CATEGORIES
} wfc_mem_category;
const char *wfc_mem_category_name(unsigned c);

typedef struct wfc_prog_array {
    const char *name;
    uint16_t addr;
    uint16_t bytes;
    uint8_t category;
} wfc_prog_array;

typedef enum wfc_task_kind { WFC_TASK_LOCAL = 0, WFC_TASK_DATA = 1, WFC_TASK_CONTROL = 2 } wfc_task_kind;
enum { WFC_TASK_ACTIVE = 1, WFC_TASK_BLOCKED = 2, WFC_TASK_SPLIT = 4 /* data task takes (index, value) */ };
typedef struct wfc_prog_task {
    uint8_t id, kind, flags, queue;
    uint16_t entry;
} wfc_prog_task; /* queue: data tasks; entry: instruction index */
typedef struct wfc_prog_binding {
    uint8_t queue, colour;
} wfc_prog_binding;

typedef struct wfc_prog_class {
    const char *name;
    wfc_insn *insns;
    uint32_t insn_count;
    wfc_desc *descs;
    uint32_t desc_count; /* d0.. ; kind NONE where unused */
    wfc_prog_task *tasks;
    uint32_t task_count;
    wfc_prog_binding *in_queues;
    uint32_t in_count;
    wfc_prog_binding *out_queues;
    uint32_t out_count;
    wfc_prog_array *arrays;
    uint32_t array_count; /* ascending addr, disjoint, above the code area */
} wfc_prog_class;

/* Bytes at the bottom of SRAM: 8 * insns + 20 * descs + 4 * tasks + 2 * bindings, rounded up to 4. */
uint32_t wfc_prog_class_code_bytes(const wfc_prog_class *c);
/* Adds the class's bytes per category to account[WFC_MEM_CATEGORIES]; returns the sum (the PE's SRAM use). */
uint32_t wfc_prog_class_account(const wfc_prog_class *c, uint32_t *account);

/* Ports of a router. */
enum { WFC_PORT_N = 0, WFC_PORT_E = 1, WFC_PORT_S = 2, WFC_PORT_W = 3, WFC_PORT_R = 4, WFC_PORTS = 5 };
#define WFC_PORT_BIT(p) (1u << (p))

/* One colour at one router. out[pos][in] = set of out-port bits, 0 = not accepted from that port in this position. */
typedef struct wfc_prog_route {
    uint8_t colour, positions, initial;
    uint8_t out[4][WFC_PORTS];
    bool filtered;
    uint32_t filter_period, filter_lo,
        filter_hi; /* data wavelets toward RAMP: count mod period in [lo, hi) is accepted */
} wfc_prog_route;
typedef struct wfc_prog_router {
    wfc_prog_route *routes;
    uint32_t route_count;
} wfc_prog_router; /* ascending colour */

typedef struct wfc_prog_data {
    uint16_t addr;
    uint32_t bytes;
    uint64_t bulk_offset;
} wfc_prog_data;

typedef struct wfc_prog_pe {
    uint16_t x, y;
    uint32_t class_index;            /* UINT32_MAX: router only */
    uint32_t router_index;           /* UINT32_MAX: no routes */
    uint32_t layer;                  /* index into layers, UINT32_MAX none */
    uint32_t data_first, data_count; /* into program data[]; the rest of SRAM starts as zero */
    uint32_t regs_first,
        reg_count; /* into program regs[]: initial registers r1.. of tasks, the parameter block; reg_count <= 15 */
} wfc_prog_pe;

/* The elements of a host stream, in wire order: runs over the flat row-major index of the tensor. */
typedef struct wfc_prog_run {
    uint32_t start, count;
    int32_t stride;
} wfc_prog_run;
typedef struct wfc_prog_stream {
    uint8_t side; /* wfc_side: the edge of the fabric */
    uint16_t row; /* an io row of the target */
    uint8_t colour;
    uint32_t words; /* per sample, data wavelets */
    uint32_t run_first,
        run_count; /* into program runs[]; sum of counts = elements; words = ceil(elements / elements per wavelet) */
} wfc_prog_stream;

enum { WFC_PROG_MAX_RANK = 8 };
typedef struct wfc_prog_tensor {
    const char *name;   /* the user's name */
    uint8_t dtype;      /* wfc_dtype on the wire */
    uint8_t host_dtype; /* ONNX TensorProto.DataType code of the user's tensor: 1 FLOAT ... */
    uint8_t rank;       /* of the user's tensor, batch axis included */
    uint32_t dims[WFC_PROG_MAX_RANK];
    uint32_t
        samples; /* leading batch extent that is streamed as this many samples; 1 when the whole tensor is one sample */
    wfc_prog_stream *streams;
    uint32_t stream_count;
} wfc_prog_tensor; /* one sample = product(dims) / samples elements; stream indices are within the sample */

typedef struct wfc_prog_rect {
    uint16_t x, y, w, h;
} wfc_prog_rect;

/* What reports say of a layer; predictions are the cost model's, in cycles per sample. */
typedef struct wfc_prog_layer {
    const char *name; /* first ONNX node, unique */
    const char *kind; /* "contract", "reduce", "map", "adapter", ... */
    const char **nodes;
    uint32_t node_count; /* ONNX node names, escaped when printed */
    wfc_prog_rect rect;
    const char *split;           /* "rows=y4.x2.c5 cols=k8", free text for people */
    uint64_t macs, macs_nonzero; /* per sample */
    uint32_t pe_count;
    double predicted_cycles, predicted_compute, predicted_receive, predicted_reduce, predicted_epilogue, predicted_send,
        predicted_lane;
} wfc_prog_layer;

typedef struct wfc_program {
    uint32_t version;
    wfc_target target;
    const char *model_name; /* base name of the ONNX file */
    const char *producer;   /* "waferc 0.1.0" */
    wfc_prog_class *classes;
    uint32_t class_count;
    wfc_prog_router *routers;
    uint32_t router_count;
    wfc_prog_pe *pes;
    uint32_t pe_count; /* ascending (y, x) */
    wfc_prog_data *data;
    uint32_t data_count;
    uint32_t *regs;
    uint32_t regs_count;
    uint8_t *bulk;
    uint64_t bulk_bytes;
    wfc_prog_run *runs;
    uint32_t run_count;
    wfc_prog_tensor *inputs;
    uint32_t input_count;
    wfc_prog_tensor *outputs;
    uint32_t output_count;
    wfc_prog_layer *layers;
    uint32_t layer_count;
    double predicted_delta_t_cycles;
    wfc_arena arena; /* owns every array and string above, except target */
} wfc_program;

void wfc_program_init(wfc_program *p);
void wfc_program_deinit(wfc_program *p);

/* File: serialise to bytes (malloc'ed), deterministic; write atomically; read and verify completely. */
WFC_MUST_USE wfc_status wfc_program_encode(const wfc_program *p, wfc_diag *diag, uint8_t **out_bytes, size_t *out_size);
WFC_MUST_USE wfc_status wfc_program_decode(const uint8_t *bytes, size_t size, const char *where, wfc_diag *diag,
                                           wfc_program *out);
WFC_MUST_USE wfc_status wfc_program_write(const wfc_program *p, const char *path, wfc_diag *diag);
WFC_MUST_USE wfc_status wfc_program_read(const char *path, wfc_diag *diag, wfc_program *out); /* decode + verify */
/* The same with another limit than WFC_PROGRAM_MAX_MEMORY on the bytes of the file and of the decoded program, each.
 * WFC_ERR_INPUT (WFC-E0003) for a larger file, WFC_ERR_NO_MEMORY with note WFC-E1205 for a larger program. */
WFC_MUST_USE wfc_status wfc_program_read_limited(const char *path, uint64_t max_bytes, wfc_diag *diag,
                                                 wfc_program *out);

/* Checks everything that can be checked without running: ranges, operands, static descriptors within their array, SRAM
 * sums recounted, colours, queues, microthreads, switch positions, routes within the fabric and matched by the
 * neighbour over all positions, bindings, streams at io rows, element runs covering each tensor exactly once, defects.
 */
WFC_MUST_USE wfc_status wfc_program_verify(const wfc_program *p, wfc_diag *diag);

/* Text: assembler and disassembler. print(parse(text)) is a fixpoint and encode(parse(print(p))) == encode(p).
 * only_pe: NULL for the whole program; else just that PE, for people. */
WFC_MUST_USE wfc_status wfc_program_print(const wfc_program *p, const wfc_xy *only_pe, wfc_buf *out);
WFC_MUST_USE wfc_status wfc_program_parse(const char *text, size_t n, const char *where, wfc_diag *diag,
                                          wfc_program *out);

#endif
