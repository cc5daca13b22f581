/* Graphs of the ISPD 2020 wafer-scale placement contest: kernels with free execution arguments on a mesh.
 *
 * A kernel is 1 to 4 convolutions that share h and w; per convolution, with stride T:
 *   rows   h w (c + 1)             time    ceil(H/h) ceil(W/w) ceil(C/c) ceil(K/k) R S / T^2
 *   cols   3 k                     memory  C/c K/k R S + (W+S-1)/w (H+R-1)/h K/k
 * A kernel has the most rows, the columns of all together, the longest time and the most memory. What is minimised is
 * wdeltat x longest time + wlength x sum over edges of the L1 distance of centres; the contest's third term
 * (wadapter x protocol mismatches) is left out, for its rules are not known. Source: the contest's description and the
 * headers of its inputs. */
#ifndef WFC_BACKEND_PLACE_KGRAPH_H
#define WFC_BACKEND_PLACE_KGRAPH_H

#include "support/diag.h"
#include "support/mem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WFC_BE_KERNEL_CONVS = 4, WFC_BE_KGRAPH_SIDE = 4096, WFC_BE_KGRAPH_KERNELS = 1024 };

typedef enum wfc_be_kernel_kind { WFC_BE_KERNEL_CONV, WFC_BE_KERNEL_DBLOCK, WFC_BE_KERNEL_CBLOCK } wfc_be_kernel_kind;

/* Letters as in the contest: image H x W, filter R x S, C channels in and K out, stride T. */
typedef struct wfc_be_conv {
    uint32_t H, W, R, S, C, K, T;
} wfc_be_conv;

typedef struct wfc_be_kernel {
    char *name;
    wfc_be_kernel_kind kind;
    uint32_t f; /* features of a block */
    wfc_be_conv conv[WFC_BE_KERNEL_CONVS];
    uint32_t conv_count;
    uint32_t type; /* kernels of equal convolutions have equal types, 0 .. type_count - 1 */
} wfc_be_kernel;

typedef struct wfc_be_kedge {
    uint32_t from, to; /* kernels; edges of inputs and outputs are left out */
} wfc_be_kedge;

/* Freed with wfc_be_kgraph_deinit. */
typedef struct wfc_be_kgraph {
    uint32_t width, height, memlimit;
    double wdeltat, wlength;
    WFC_VEC(wfc_be_kernel) kernels;
    WFC_VEC(wfc_be_kedge) edges;
    uint32_t type_count;
} wfc_be_kgraph;

/* Reads a .kgraph text of `size` bytes. `where` is the file's name. Errors: WFC_ERR_INPUT, WFC-E1601 with the line. */
WFC_MUST_USE wfc_status wfc_be_kgraph_read(const char *text, size_t size, const char *where, wfc_diag *diag,
                                           wfc_be_kgraph *out);
void wfc_be_kgraph_deinit(wfc_be_kgraph *g);

/* One way to run a kernel, not turned. */
typedef struct wfc_be_kshape {
    double time;
    uint16_t rows, cols;
    uint16_t h, w, c[WFC_BE_KERNEL_CONVS], k[WFC_BE_KERNEL_CONVS];
} wfc_be_kshape;
typedef WFC_VEC(wfc_be_kshape) wfc_be_kshapes;

/* Appends the shapes of a kernel with time <= `time`, memory within `memlimit` and both sides <= `side` that no other
 * such shape beats in both rows and columns, by rows. */
WFC_MUST_USE wfc_status wfc_be_kernel_shapes(const wfc_be_kernel *k, uint32_t memlimit, uint32_t side, double time,
                                             wfc_be_kshapes *out);

/* Lower bounds that hold for every placement. */
typedef struct wfc_be_kbounds {
    double time;      /* least whole number T at which the kernels' least areas fit the mesh together */
    double objective; /* time and wires: no edge is shorter than half the least sides of its ends */
} wfc_be_kbounds;
/* Errors: WFC_ERR_NO_FIT, WFC-E1603, naming a kernel that fits at no time, or all of them. */
WFC_MUST_USE wfc_status wfc_be_kgraph_bounds(const wfc_be_kgraph *g, const char *where, wfc_diag *diag,
                                             wfc_be_kbounds *out);

typedef struct wfc_be_kspot {
    uint32_t x, y; /* corner nearest to 0, 0 */
    bool r90;      /* turned: rows and columns exchanged */
    wfc_be_kshape shape;
} wfc_be_kspot;

typedef struct wfc_be_kplace_options {
    uint64_t seed;
    double seconds; /* > 0: cools by the clock, in this time beside that of the starts; 0: by counted moves */
    uint64_t moves; /* of the annealing when seconds is 0; 0: by the number of kernels */
} wfc_be_kplace_options;

/* Freed with wfc_be_kplacement_deinit. */
typedef struct wfc_be_kplacement {
    wfc_be_kspot *spots; /* [kernel] */
    double time, wire, objective;
    wfc_be_kbounds bounds;
    uint64_t moves;
} wfc_be_kplacement;
/* Equal graphs and seeds give equal placements when options->seconds is 0. Errors: as wfc_be_kgraph_bounds;
 * WFC_ERR_NO_FIT, WFC-E1604, when no placement was found. */
WFC_MUST_USE wfc_status wfc_be_kgraph_place(const wfc_be_kgraph *g, const char *where,
                                            const wfc_be_kplace_options *options, wfc_diag *diag,
                                            wfc_be_kplacement *out);
void wfc_be_kplacement_deinit(wfc_be_kplacement *p);
/* Appends the placement in the contest's .paint form. */
void wfc_be_paint_write(const wfc_be_kgraph *g, const wfc_be_kplacement *p, wfc_buf *out);

#endif
