/* Pieces of the disassembler. */
#ifndef WFC_PROGRAM_DIS_PRINT_H
#define WFC_PROGRAM_DIS_PRINT_H

#include "runtime/program/program.h"

/* "..." with escapes, so that the assembler reads the same bytes; NULL prints "". */
void wfc_dis_string(wfc_buf *out, const char *s);
/* A name: bare where the assembler takes it as one word, else as a string. */
void wfc_dis_name(wfc_buf *out, const char *s);
/* Shortest decimal that reads back as the same double, whatever the locale. */
void wfc_dis_double(wfc_buf *out, double v);
/* Pairs of hex digits. */
void wfc_dis_hex(wfc_buf *out, const uint8_t *bytes, size_t n);
/* ctl(...) or ctl 0x... */
void wfc_dis_ctl(wfc_buf *out, uint16_t word);
/* ARRAY+OFFSET where the address lies in an array of the class, else a number. */
void wfc_dis_address(wfc_buf *out, const wfc_prog_class *c, uint16_t addr);
/* dis_code.c: `code { ... }` of a class, with labels L<index>; only for people: descriptors as comments. */
WFC_MUST_USE wfc_status wfc_dis_code(wfc_buf *out, const wfc_prog_class *c);
void wfc_dis_desc(wfc_buf *out, const wfc_prog_class *c, const wfc_desc *d);
/* dis_class.c */
WFC_MUST_USE wfc_status wfc_dis_class(wfc_buf *out, const wfc_prog_class *c, uint32_t index);
void wfc_dis_router(wfc_buf *out, const wfc_prog_router *r, uint32_t index);

#endif
