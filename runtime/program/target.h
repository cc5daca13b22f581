/* A target: the machine as data. Read from JSON (targets/NAME.json or any file), embedded whole in every program file,
 * so that the simulator needs nothing else. Units: cycles of the PE clock, bytes, 32-bit words. Meanings:
 * docs/fabric.md. */
#ifndef WFC_PROGRAM_TARGET_H
#define WFC_PROGRAM_TARGET_H

#include "support/diag.h"
#include "support/dtype.h"
#include <stdbool.h>
#include <stdint.h>

#define WFC_TARGET_VERSION 1u

enum { WFC_TARGET_MAX_QUEUES = 16, WFC_TARGET_MAX_COLOURS = 24, WFC_NUM_SIMD_CLASSES = 10 };

/* Instruction classes that have their own SIMD width per dtype (elements per cycle). */
typedef enum wfc_simd_class {
    WFC_SIMD_MOV = 0,
    WFC_SIMD_ADD,
    WFC_SIMD_MUL,
    WFC_SIMD_FMAC,
    WFC_SIMD_MAX,
    WFC_SIMD_SHIFT,
    WFC_SIMD_LOGIC,
    WFC_SIMD_CVT,
    WFC_SIMD_CMP,
    WFC_SIMD_ONE /* always 1 element per cycle */
} wfc_simd_class;
const char *wfc_simd_class_name(wfc_simd_class c); /* "mov" ... */

typedef enum wfc_side { WFC_SIDE_WEST = 0, WFC_SIDE_EAST = 1 } wfc_side;

typedef struct wfc_xy {
    uint16_t x, y;
} wfc_xy;
typedef struct wfc_link_id {
    uint16_t x, y;
    uint8_t port;
} wfc_link_id; /* link leaving (x, y) through port N0 E1 S2 W3 */

typedef struct wfc_target {
    char name[32];
    uint32_t version;              /* of the target description; a program for another version is refused */
    uint16_t width, height;        /* fabric in PEs; x grows east, y grows south */
    uint32_t sram_bytes;           /* per PE, all of code, descriptors, data */
    uint16_t colours;              /* routable colours, <= 24 */
    uint8_t in_queues, out_queues; /* per PE */
    uint8_t in_depth[WFC_TARGET_MAX_QUEUES], out_depth[WFC_TARGET_MAX_QUEUES]; /* words */
    uint8_t microthreads;                                                      /* ut1..utN, 7 */
    uint16_t registers, descriptors, tasks;                                    /* 16, 48, 64 */
    uint16_t router_depth;               /* FIFO words per colour and in-port beyond the latency */
    uint16_t switch_positions;           /* per colour and router */
    uint16_t hop_latency;                /* router to neighbour's router */
    uint16_t ramp_latency;               /* T_R: router to PE; PE to router takes 1 + T_R */
    uint16_t port_latency;               /* host port to edge router and back */
    uint16_t vector_overhead;            /* cycles a vector instruction holds its context first */
    uint16_t task_overhead;              /* cycles from dispatch to the first instruction */
    uint16_t branch_cycles;              /* of a taken branch */
    uint16_t divide_cycles, sqrt_cycles; /* per scalar, per element of vdiv / vsqrt */
    uint16_t move_cycles;                /* datapath cycles of a wavelet moved by a microthread (1) */
    uint16_t read_bits, write_bits;      /* SRAM bits per cycle, for the bank surcharge */
    uint8_t simd[WFC_NUM_SIMD_CLASSES][WFC_NUM_PE_DTYPES];
    double clock_hz;
    uint16_t *io_rows[2]; /* per edge: rows that have a host port, ascending */
    uint16_t io_count[2];
    wfc_xy *bad_pes;
    uint32_t bad_pe_count;
    wfc_link_id *bad_links;
    uint32_t bad_link_count;
} wfc_target;

/* Reads a built-in target by name ("lab", "wse2", "wse3", "wse2-wide") or a JSON file by path (a name with '/' or
 * ending in .json). */
WFC_MUST_USE wfc_status wfc_target_load(const char *name_or_path, wfc_diag *diag, wfc_target *out);
WFC_MUST_USE wfc_status wfc_target_parse(const char *json, size_t n, const char *where, wfc_diag *diag,
                                         wfc_target *out);
void wfc_target_deinit(wfc_target *t);
WFC_MUST_USE wfc_status wfc_target_copy(const wfc_target *t, wfc_target *out);
/* Adds the defects of a JSON file {"bad_pes": [[x, y], ...], "bad_links": [[x, y, "N"|"E"|"S"|"W"], ...]}, as in a
 * target's file, either key may be missing; what the target lists already stays. Errors as for a target's file. */
WFC_MUST_USE wfc_status wfc_target_add_defects(wfc_target *t, const char *path, wfc_diag *diag);
/* Names of the built-in targets, NULL-terminated. */
const char *const *wfc_target_names(void);
/* JSON text of the target (malloc'ed, caller frees), stable: parse(to_json(t)) equals t. NULL when out of memory. */
char *wfc_target_to_json(const wfc_target *t);

#endif
