/* Small programs for the tests of the checker, built as C structs: PEs with one class and one router each.
 *
 * A usual PE ("stage") is written with tc_stage; stranger ones with tc_insn and the operand makers. */
#ifndef WFC_TESTS_BACKEND_CHECK_BUILD_H
#define WFC_TESTS_BACKEND_CHECK_BUILD_H

#include "backend/check/check.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TC_CLASSES = 64, TC_INSNS = 128, TC_DESCS = 48, TC_ROUTES = 24, TC_STREAMS = 128, TC_BINDINGS = 16 };
enum { N = WFC_PORT_N, E = WFC_PORT_E, S = WFC_PORT_S, W = WFC_PORT_W, R = WFC_PORT_R, NONE = WFC_OPND_NONE };
enum { BN = 1, BE = 2, BS = 4, BW = 8, BR = 16 };

typedef struct tc {
    wfc_program p;
    wfc_diag diag;
    wfc_check_stats stats;
    wfc_prog_tensor in, out;
    wfc_prog_stream in_streams[TC_STREAMS], out_streams[TC_STREAMS];
    uint16_t io_rows[2][TC_STREAMS];
    uint32_t regs[4096];
} tc;

static inline tc *tc_new(uint16_t width, uint16_t height) {
    tc *t = calloc(1, sizeof *t);
    if (!t) abort();
    wfc_program_init(&t->p);
    wfc_diag_init(&t->diag);
    wfc_target *g = &t->p.target;
    g->width = width;
    g->height = height;
    g->sram_bytes = 49152;
    g->colours = 24;
    g->in_queues = g->out_queues = 8;
    g->microthreads = 7;
    for (unsigned i = 0; i < TC_STREAMS; i++) t->io_rows[0][i] = t->io_rows[1][i] = (uint16_t)i;
    t->p.classes = calloc(TC_CLASSES, sizeof *t->p.classes);
    t->p.pes = calloc((size_t)width * height, sizeof *t->p.pes);
    t->p.routers = calloc((size_t)width * height, sizeof *t->p.routers);
    t->p.layers = calloc(1, sizeof *t->p.layers);
    if (!t->p.classes || !t->p.pes || !t->p.routers || !t->p.layers) abort();
    t->p.layers[0].name = "dense1";
    t->p.layer_count = 1;
    t->p.inputs = &t->in;
    t->p.outputs = &t->out;
    t->in.name = "x";
    t->out.name = "y";
    t->in.streams = t->in_streams;
    t->out.streams = t->out_streams;
    t->p.input_count = t->p.output_count = 1;
    t->p.regs = t->regs;
    return t;
}

static inline void tc_free(tc *t) {
    for (uint32_t i = 0; i < t->p.class_count; i++) {
        free(t->p.classes[i].insns);
        free(t->p.classes[i].descs);
        free(t->p.classes[i].tasks);
        free(t->p.classes[i].in_queues);
        free(t->p.classes[i].out_queues);
    }
    for (uint32_t i = 0; i < t->p.router_count; i++) free(t->p.routers[i].routes);
    free(t->p.classes);
    free(t->p.pes);
    free(t->p.routers);
    free(t->p.layers);
    wfc_diag_deinit(&t->diag);
    free(t);
}

static inline wfc_prog_class *tc_class(tc *t, const char *name) {
    ck_assert_uint_lt(t->p.class_count, TC_CLASSES);
    wfc_prog_class *c = &t->p.classes[t->p.class_count++];
    c->name = name;
    c->insns = calloc(TC_INSNS, sizeof *c->insns);
    c->descs = calloc(TC_DESCS, sizeof *c->descs);
    c->tasks = calloc(2, sizeof *c->tasks);
    c->in_queues = calloc(TC_BINDINGS, sizeof *c->in_queues);
    c->out_queues = calloc(TC_BINDINGS, sizeof *c->out_queues);
    if (!c->insns || !c->descs || !c->tasks || !c->in_queues || !c->out_queues) abort();
    c->task_count = 1;
    c->tasks[0].flags = WFC_TASK_ACTIVE;
    return c;
}

static inline uint32_t tc_insn(wfc_prog_class *c, wfc_op op, unsigned type, unsigned flags, unsigned d, unsigned a,
                               unsigned b, unsigned cc, int imm) {
    ck_assert_uint_lt(c->insn_count, TC_INSNS);
    c->insns[c->insn_count] = (wfc_insn){(uint8_t)op, (uint8_t)type, (uint8_t)flags, (uint8_t)d,
                                         (uint8_t)a,  (uint8_t)b,    (uint8_t)cc,    (uint16_t)imm};
    return c->insn_count++;
}

static inline unsigned tc_desc(wfc_prog_class *c, wfc_desc d) { /* equal ones are shared */
    for (uint32_t i = 0; i < c->desc_count; i++) {
        uint8_t x[WFC_DESC_BYTES], y[WFC_DESC_BYTES];
        wfc_desc_encode(&c->descs[i], x);
        wfc_desc_encode(&d, y);
        if (memcmp(x, y, sizeof x) == 0) return WFC_OPND_DESC0 + i;
    }
    ck_assert_uint_lt(c->desc_count, TC_DESCS);
    c->descs[c->desc_count] = d;
    return WFC_OPND_DESC0 + c->desc_count++;
}
static inline unsigned tc_mem(wfc_prog_class *c, unsigned base, unsigned off, unsigned n) {
    return tc_desc(
        c, (wfc_desc){WFC_DESC_MEM, WFC_F32, (uint8_t)off, (uint16_t)base, {1, 1, 1, (uint16_t)n}, {0, 0, 0, 1}});
}
static inline unsigned tc_in(wfc_prog_class *c, unsigned queue, unsigned n) {
    return tc_desc(c, (wfc_desc){WFC_DESC_IN, WFC_F32, 0, (uint16_t)queue, {1, 1, 1, (uint16_t)n}, {0}});
}
static inline unsigned tc_out(wfc_prog_class *c, unsigned queue, unsigned n, unsigned control) {
    return tc_desc(c, (wfc_desc){WFC_DESC_OUT,
                                 WFC_F32,
                                 0,
                                 (uint16_t)queue,
                                 {1, 1, 1, (uint16_t)n},
                                 {(int16_t)(control < 0x8000 ? (int)control : (int)control - 0x10000), 0, 0, 0}});
}
static inline void tc_bind_in(wfc_prog_class *c, unsigned queue, unsigned colour) {
    c->in_queues[c->in_count++] = (wfc_prog_binding){(uint8_t)queue, (uint8_t)colour};
}
static inline void tc_bind_out(wfc_prog_class *c, unsigned queue, unsigned colour) {
    c->out_queues[c->out_count++] = (wfc_prog_binding){(uint8_t)queue, (uint8_t)colour};
}

/* --- instructions in short --- */
static inline void tc_movi(wfc_prog_class *c, unsigned r, int v) {
    tc_insn(c, WFC_OP_MOVI, 0, 0, r, NONE, NONE, NONE, v);
}
static inline void tc_mov(wfc_prog_class *c, unsigned d, unsigned a) {
    tc_insn(c, WFC_OP_MOV, 0, 0, d, a, NONE, NONE, 0);
}
static inline void tc_alu(wfc_prog_class *c, wfc_op op, unsigned d, unsigned a, int imm) {
    tc_insn(c, op, WFC_I32, 0, d, a, NONE, NONE, imm);
}
static inline void tc_vmov(wfc_prog_class *c, unsigned d, unsigned a) {
    tc_insn(c, WFC_OP_VMOV, WFC_F32, 0, d, a, NONE, NONE, 0);
}
static inline void tc_async(wfc_prog_class *c, unsigned ut, unsigned d, unsigned a) {
    tc_insn(c, WFC_OP_VMOV, WFC_F32, WFC_FLAG_ASYNC, d, a, NONE, ut, 0);
}
static inline void tc_vadd(wfc_prog_class *c, unsigned d, unsigned a, unsigned b) {
    tc_insn(c, WFC_OP_VADD, WFC_F32, 0, d, a, b, NONE, 0);
}
static inline void tc_wait(wfc_prog_class *c, unsigned ut) {
    tc_insn(c, WFC_OP_WAIT, 0, 0, NONE, NONE, NONE, ut, 0);
}
static inline void tc_back(wfc_prog_class *c, uint32_t head) { /* the endless loop */
    tc_insn(c, WFC_OP_BRA, 0, 0, NONE, NONE, NONE, NONE, (int)head - (int)c->insn_count);
}

/* A double-buffered input lane: queue q on microthread ut, n words, buffers at base and base + 512, offset register
 * `reg`; `reg + 1` is the offset of the buffer that is full. */
typedef struct tc_lane {
    unsigned queue, ut, reg, memory, fabric;
} tc_lane;
static inline tc_lane tc_lane_arm(wfc_prog_class *c, unsigned queue, unsigned colour, unsigned ut, unsigned reg,
                                  unsigned base, unsigned n) {
    tc_lane l = {queue, ut, reg, tc_mem(c, base, reg, n), tc_in(c, queue, n)};
    tc_bind_in(c, queue, colour);
    tc_movi(c, reg, 0);
    tc_async(c, ut, l.memory, l.fabric);
    return l;
}
static inline void tc_lane_next(wfc_prog_class *c, const tc_lane *l) {
    tc_wait(c, l->ut);
    tc_mov(c, l->reg + 1, l->reg);
    tc_alu(c, WFC_OP_XOR, l->reg, l->reg, 512);
    tc_async(c, l->ut, l->memory, l->fabric);
}

/* Receives n words on colour_in (queue 0, ut1), sends m on colour_out (queue 0) with a control word. */
static inline wfc_prog_class *tc_stage(tc *t, const char *name, unsigned colour_in, unsigned n, unsigned colour_out,
                                       unsigned m, unsigned control) {
    wfc_prog_class *c = tc_class(t, name);
    tc_lane l = tc_lane_arm(c, 0, colour_in, 1, 1, 0x1000, n);
    tc_bind_out(c, 0, colour_out);
    uint32_t head = c->insn_count;
    tc_lane_next(c, &l);
    tc_vmov(c, tc_mem(c, 0x2000, 0, m), tc_mem(c, 0x1000, 2, m));
    tc_vmov(c, tc_out(c, 0, m, control), tc_mem(c, 0x2000, 0, m));
    tc_back(c, head);
    return c;
}

/* --- fabric --- */
/* PEs must be added in ascending (y, x). cls NULL: router only. Returns the PE's index. */
static inline uint32_t tc_pe(tc *t, unsigned x, unsigned y, const wfc_prog_class *cls) {
    uint32_t i = t->p.pe_count++;
    wfc_prog_pe *pe = &t->p.pes[i];
    *pe = (wfc_prog_pe){.x = (uint16_t)x, .y = (uint16_t)y, .class_index = UINT32_MAX, .router_index = i};
    if (cls) pe->class_index = (uint32_t)(cls - t->p.classes);
    t->p.routers[i].routes = calloc(TC_ROUTES, sizeof(wfc_prog_route));
    if (!t->p.routers[i].routes) abort();
    t->p.router_count = t->p.pe_count;
    return i;
}
static inline wfc_prog_route *tc_route(tc *t, uint32_t pe, unsigned colour, unsigned positions) {
    wfc_prog_router *r = &t->p.routers[pe];
    wfc_prog_route *route = &r->routes[r->route_count++];
    *route = (wfc_prog_route){.colour = (uint8_t)colour, .positions = (uint8_t)positions};
    return route;
}
/* A route of one position from one in-port. */
static inline wfc_prog_route *tc_pass(tc *t, uint32_t pe, unsigned colour, unsigned in, unsigned outs) {
    wfc_prog_route *r = tc_route(t, pe, colour, 1);
    r->out[0][in] = (uint8_t)outs;
    return r;
}
static inline void tc_filter(wfc_prog_route *r, uint32_t period, uint32_t lo, uint32_t hi) {
    r->filtered = true;
    r->filter_period = period;
    r->filter_lo = lo;
    r->filter_hi = hi;
}
/* Own words first, then those from port `in`. */
static inline wfc_prog_route *tc_merge(tc *t, uint32_t pe, unsigned colour, unsigned in, unsigned outs) {
    wfc_prog_route *r = tc_route(t, pe, colour, 2);
    r->out[0][R] = (uint8_t)outs;
    r->out[1][in] = (uint8_t)outs;
    return r;
}
static inline void tc_stream(tc *t, bool input, unsigned side, unsigned row, unsigned colour, unsigned words) {
    wfc_prog_tensor *tensor = input ? &t->in : &t->out;
    tensor->streams[tensor->stream_count++] =
        (wfc_prog_stream){.side = (uint8_t)side, .row = (uint16_t)row, .colour = (uint8_t)colour, .words = words};
}

/* --- verdicts --- */
static inline void tc_print(const tc *t) {
    for (size_t i = 0; i < t->diag.count; i++)
        fprintf(stderr, "%s: %s: %s\n", t->diag.items[i].code, t->diag.items[i].where, t->diag.items[i].text);
}
static inline void tc_good(tc *t) {
    wfc_status s = wfc_be_check(&t->p, &t->diag, &t->stats);
    if (s != WFC_OK) tc_print(t);
    ck_assert_int_eq(s, WFC_OK);
    ck_assert_uint_eq(t->diag.count, 0);
}
/* The first error has this code, and its place and text hold these pieces (NULL: any). */
static inline void tc_bad(tc *t, const char *code, const char *piece1, const char *piece2) {
    wfc_status s = wfc_be_check(&t->p, &t->diag, &t->stats);
    ck_assert_int_eq(s, WFC_ERR_INTERNAL);
    ck_assert_uint_ge(t->diag.count, 1);
    char all[8192];
    snprintf(all, sizeof all, "%s: %s", t->diag.items[0].where, t->diag.items[0].text);
    bool as_expected = strcmp(t->diag.items[0].code, code) == 0 && (!piece1 || strstr(all, piece1)) &&
                       (!piece2 || strstr(all, piece2));
    if (!as_expected) tc_print(t);
    ck_assert_msg(as_expected, "expected %s with '%s' and '%s'", code, piece1 ? piece1 : "", piece2 ? piece2 : "");
}

static inline int tc_main(const char *name, const TTest *const *tests, size_t n) {
    Suite *s = suite_create(name);
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 120);
    for (size_t i = 0; i < n; i++) tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r), ran = srunner_ntests_run(r);
    srunner_free(r);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
