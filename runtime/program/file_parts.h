/* The parts of a program file: container (file.c), raw tables (file_tables.c), metadata (file_meta.c). */
#ifndef WFC_PROGRAM_FILE_PARTS_H
#define WFC_PROGRAM_FILE_PARTS_H

#include "runtime/program/program.h"

/* In file order, which is fixed; each section appears once. docs/program-format.md describes them. */
typedef enum wfc_section {
    WFC_SECTION_TARG = 0, /* target as JSON */
    WFC_SECTION_META,     /* wafer.proto, message Meta */
    WFC_SECTION_CODE,     /* instructions of all classes, 8 bytes each */
    WFC_SECTION_DESC,     /* descriptors of all classes, 20 bytes each */
    WFC_SECTION_ROUT,     /* routes of all routers, 36 bytes each */
    WFC_SECTION_PES,      /* PEs, 32 bytes each */
    WFC_SECTION_DATA,     /* data table, 16 bytes each */
    WFC_SECTION_REGS,     /* initial registers, 4 bytes each */
    WFC_SECTION_RUNS,     /* runs of stream elements, 12 bytes each */
    WFC_SECTION_BULK,     /* initial SRAM contents */
    WFC_SECTIONS
} wfc_section;

enum { WFC_FILE_ROUTE_BYTES = 36, WFC_FILE_PE_BYTES = 32, WFC_FILE_DATA_BYTES = 16, WFC_FILE_RUN_BYTES = 12 };

typedef struct wfc_bytes {
    const uint8_t *data;
    size_t size;
} wfc_bytes;

/* A reading in progress. Memory is granted against a budget before it is allocated, so that a small hostile file cannot
 * ask for more than it explains. */
typedef struct wfc_file_reader {
    const char *where;
    wfc_diag *diag;
    wfc_program *p;
    wfc_bytes sections[WFC_SECTIONS];
    uint64_t limit_bytes, budget_bytes; /* the budget at first, and what is left of it */
    bool keeps;                         /* the bytes stay: sections may be referred to instead of copied */
} wfc_file_reader;

/* Takes count * size zeroed bytes of the program's arena out of the budget; NULL after telling the diagnostics. */
void *wfc_file_grant(wfc_file_reader *r, uint64_t count, size_t size);
wfc_status wfc_file_fail(wfc_file_reader *r, const char *fmt, ...) WFC_PRINTF(2, 3); /* WFC-E1204, malformed */

/* All but the target, the metadata and the bulk data. */
void wfc_file_put_tables(const wfc_program *p, wfc_buf sections[WFC_SECTIONS]);
/* Needs what the metadata says: class sizes and router sizes are set in r->p, their arrays are not. */
WFC_MUST_USE wfc_status wfc_file_get_tables(wfc_file_reader *r);

WFC_MUST_USE wfc_status wfc_file_put_meta(const wfc_program *p, wfc_diag *diag, wfc_buf *out);
WFC_MUST_USE wfc_status wfc_file_get_meta(wfc_file_reader *r);

/* Little-endian, whatever the host. */
void wfc_put_u16(uint8_t *at, uint16_t v);
void wfc_put_u32(uint8_t *at, uint32_t v);
void wfc_put_u64(uint8_t *at, uint64_t v);
uint16_t wfc_get_u16(const uint8_t *at);
uint32_t wfc_get_u32(const uint8_t *at);
uint64_t wfc_get_u64(const uint8_t *at);

#endif
