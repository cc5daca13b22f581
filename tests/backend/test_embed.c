/* Meshes with defects: random dead PEs and links, clusters, segments, dead ports; plans hold what embed.h says, and an
 * embedded program verifies, passes the checker and gives the same words as on a mesh without defects.
 *
 * The program: every row multicasts host words to its PEs, each adds its own constant and the partial sum from the
 * north, sends the sum on south, and the row's PEs merge their sums on a lane to the east edge. So it uses lanes,
 * ordered merges and chains on all rows and columns, in parity colours. */
#include "backend/check/check.h"
#include "backend/embed/embed.h"
#include "runtime/sim/sim.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 4, SAMPLES = 4, SEEDS = 400 };

/* ---- the program, for a mesh without defects ---- */

static void put_code(wfc_buf *b, unsigned x, unsigned y, unsigned w, unsigned h) {
    unsigned c = 4 + 2 * (x & 1); /* chain colours of this column */
    wfc_buf_printf(b, "class c%u_%u {\n array buf f32[%d] input\n array own f32[%d] weight\n array acc f32[%d] acc\n",
                   x, y, 2 * WORDS, WORDS, WORDS);
    wfc_buf_printf(b, " desc lane = in f32 q0 [%d]\n desc into = mem f32 buf [%d] off r1\n", WORDS, WORDS);
    wfc_buf_printf(b, " desc full = mem f32 buf [%d] off r2\n desc sum = mem f32 acc [%d]\n", WORDS, WORDS);
    wfc_buf_printf(b, " desc mine = mem f32 own [%d]\n", WORDS);
    wfc_buf_printf(b, " desc result = out f32 q0 [%d] ctl(%s)\n", WORDS, x ? "advance, nop" : "nop, reset");
    wfc_buf_printf(b, " in q0 = c%u\n out q0 = c%u\n", y & 1, 2 + (y & 1));
    if (y) wfc_buf_printf(b, " desc north = in f32 q1 [%d]\n in q1 = c%u\n", WORDS, c + (~y & 1));
    if (y + 1 < h) wfc_buf_printf(b, " desc south = out f32 q1 [%d]\n out q1 = c%u\n", WORDS, c + (y & 1));
    wfc_buf_printf(b, " task t0 local main active\n code { main: movi r1, 0\n vmov.f32 into, lane async ut1\n");
    wfc_buf_printf(b, " head: wait ut1\n mov r2, r1\n xor.i32 r1, r1, %d\n vmov.f32 into, lane async ut1\n", 4 * WORDS);
    wfc_buf_printf(b, " vadd.f32 sum, full, mine\n");
    if (y) wfc_buf_printf(b, " vadd.f32 sum, sum, north\n");
    if (y + 1 < h) wfc_buf_printf(b, " vmov.f32 south, sum\n");
    wfc_buf_printf(b, " vmov.f32 result, sum\n bra head }\n}\n");
    (void)w;
}

static void put_routes(wfc_buf *b, unsigned x, unsigned y, unsigned w, unsigned h) {
    unsigned c = 4 + 2 * (x & 1);
    wfc_buf_printf(b, "router r%u_%u {\n c%u [W>%sR]\n", x, y, y & 1, x + 1 < w ? "E" : "");
    wfc_buf_printf(b, " c%u [R>E%s]\n", 2 + (y & 1), x ? " | W>E" : "");
    for (unsigned k = 0; k < 2; k++) { /* colours ascend */
        if (y && k == (~y & 1)) wfc_buf_printf(b, " c%u [N>R]\n", c + k);
        if (y + 1 < h && k == (y & 1)) wfc_buf_printf(b, " c%u [R>S]\n", c + k);
    }
    wfc_buf_printf(b, "}\n");
}

static void put_streams(wfc_buf *b, unsigned w, unsigned h, bool input) {
    unsigned per_row = input ? WORDS : WORDS * w;
    wfc_buf_printf(b, "%s %s f32 dims [%d, %u] samples %d {\n", input ? "input" : "output", input ? "x" : "y", SAMPLES,
                   per_row * h, SAMPLES);
    for (unsigned y = 0; y < h; y++)
        wfc_buf_printf(b, " stream %s row %u c%u [%u:%u]\n", input ? "west" : "east", y, (y & 1) + (input ? 0 : 2),
                       y * per_row, per_row);
    wfc_buf_printf(b, "}\n");
}

static void make_program(const wfc_target *t, wfc_diag *diag, wfc_program *out) {
    unsigned w = t->width, h = t->height;
    wfc_buf b = {0};
    char *json = wfc_target_to_json(t);
    ck_assert_ptr_nonnull(json);
    wfc_buf_printf(&b, "wafer 1\ntarget %s\nmodel \"m\"\nlayer 0 \"all\" kind \"map\" rect 0,0,%u,%u\n", json, w, h);
    wfc_free(json);
    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++) {
            put_code(&b, x, y, w, h);
            put_routes(&b, x, y, w, h);
            wfc_buf_printf(&b, "pe %u,%u class c%u_%u router r%u_%u layer 0 { data own = f32 %u %u 3 4 }\n", x, y, x, y,
                           x, y, 10 * x + 1, 7 * y + 2);
        }
    put_streams(&b, w, h, true);
    put_streams(&b, w, h, false);
    ck_assert(!b.failed);
    wfc_status s = wfc_program_parse(b.data, b.count, "generated", diag, out);
    if (s != WFC_OK && diag->count) fprintf(stderr, "%s: %s\n", diag->items[0].where, diag->items[0].text);
    ck_assert_int_eq(s, WFC_OK);
    wfc_buf_deinit(&b);
}

/* ---- running ---- */

/* All output words, stream after stream; malloc'ed. */
static uint32_t *run(const wfc_program *p, uint64_t jitter, wfc_diag *diag, size_t *count) {
    const wfc_prog_tensor *in = &p->inputs[0], *out = &p->outputs[0];
    size_t in_words = (size_t)SAMPLES * in->streams[0].words, out_words = (size_t)SAMPLES * out->streams[0].words;
    *count = out_words * out->stream_count;
    uint32_t *words = wfc_calloc(in_words * in->stream_count, sizeof *words), *got = wfc_calloc(*count, sizeof *got);
    const uint32_t **inputs = wfc_calloc(in->stream_count, sizeof *inputs);
    uint32_t **outputs = wfc_calloc(out->stream_count, sizeof *outputs);
    ck_assert(words && got && inputs && outputs);
    for (size_t i = 0; i < in_words * in->stream_count; i++) {
        float value = (float)(i % 97);
        memcpy(&words[i], &value, sizeof value);
    }
    for (uint32_t i = 0; i < in->stream_count; i++) inputs[i] = words + i * in_words;
    for (uint32_t i = 0; i < out->stream_count; i++) outputs[i] = got + i * out_words;
    wfc_sim_options opt = {.jitter = jitter != 0, .jitter_seed = jitter};
    wfc_sim_io io = {.samples = SAMPLES, .inputs = inputs, .outputs = outputs};
    wfc_sim_result result;
    wfc_status s = wfc_sim_run(p, &opt, &io, diag, &result);
    for (size_t i = 0; s != WFC_OK && i < diag->count; i++) fprintf(stderr, "%s\n", diag->items[i].text);
    ck_assert_int_eq(s, WFC_OK);
    wfc_sim_result_deinit(&result);
    wfc_free(words);
    wfc_free((void *)inputs);
    wfc_free(outputs);
    return got;
}

/* ---- meshes ---- */

typedef struct rig {
    uint64_t rng;
    wfc_target lab, t;
    wfc_diag diag;
    wfc_be_mesh m;
    wfc_program p;
} rig;

static uint32_t pick(rig *r, uint32_t n) {
    return (uint32_t)((wfc_rng_next(&r->rng) >> 8) % n);
}

static void rig_init(rig *r, uint64_t seed, uint16_t w, uint16_t h) {
    memset(r, 0, sizeof *r);
    r->rng = seed;
    wfc_diag_init(&r->diag);
    ck_assert_int_eq(wfc_target_load("lab", &r->diag, &r->lab), WFC_OK);
    ck_assert_int_eq(wfc_target_copy(&r->lab, &r->t), WFC_OK);
    r->t.width = w;
    r->t.height = h;
    for (unsigned s = 0; s < 2; s++) r->t.io_count[s] = h;
    wfc_free(r->t.bad_pes);
    wfc_free(r->t.bad_links);
    r->t.bad_pes = wfc_calloc((size_t)w * h, sizeof *r->t.bad_pes);
    r->t.bad_links = wfc_calloc((size_t)w * h * 4, sizeof *r->t.bad_links);
    ck_assert(r->t.bad_pes && r->t.bad_links);
}

static void rig_deinit(rig *r) {
    wfc_program_deinit(&r->p);
    wfc_be_mesh_deinit(&r->m);
    wfc_target_deinit(&r->lab);
    wfc_target_deinit(&r->t);
    wfc_diag_deinit(&r->diag);
}

static bool is_dead(const wfc_target *t, unsigned x, unsigned y) {
    for (uint32_t i = 0; i < t->bad_pe_count; i++)
        if (t->bad_pes[i].x == x && t->bad_pes[i].y == y) return true;
    return false;
}

static void kill(rig *r, int x, int y) { /* keeps the list ascending */
    wfc_target *t = &r->t;
    if (x < 0 || y < 0 || x >= t->width || y >= t->height || is_dead(t, (unsigned)x, (unsigned)y)) return;
    uint32_t at = t->bad_pe_count++;
    for (; at && (t->bad_pes[at - 1].y > y || (t->bad_pes[at - 1].y == y && t->bad_pes[at - 1].x > x)); at--)
        t->bad_pes[at] = t->bad_pes[at - 1];
    t->bad_pes[at] = (wfc_xy){(uint16_t)x, (uint16_t)y};
}

static void random_defects(rig *r) {
    unsigned w = r->t.width, h = r->t.height, kind = pick(r, 6), per_mille = 5 + pick(r, 46);
    for (unsigned i = 0; i < w * h; i++)
        if (kind < 4 && pick(r, 1000) < per_mille) kill(r, (int)(i % w), (int)(i / w));
    if (kind == 1 || kind == 4) { /* a cluster */
        unsigned x = pick(r, w), y = pick(r, h), cw = 1 + pick(r, 3), ch = 1 + pick(r, 3);
        for (unsigned i = 0; i < cw * ch; i++) kill(r, (int)(x + i % cw), (int)(y + i / cw));
    }
    if (kind == 2 || kind == 5) { /* segments, now and then a whole row or column */
        unsigned x = pick(r, w), y = pick(r, h), n = pick(r, 10) ? 2 + pick(r, w / 2) : 64;
        bool row = pick(r, 2);
        for (unsigned i = 0; i < n; i++) kill(r, (int)(row ? (x + i) % w : x), (int)(row ? y : (y + i) % h));
    }
    for (unsigned y = 0; kind == 3 && y < h; y++)
        for (unsigned x = 0; x < w; x++)
            for (unsigned port = 0; port < 4; port++)
                if (pick(r, 1000) < 15 && !(port == 0 && y == 0) && !(port == 2 && y + 1 == h))
                    r->t.bad_links[r->t.bad_link_count++] = (wfc_link_id){(uint16_t)x, (uint16_t)y, (uint8_t)port};
}

static int distance(int a, int b) {
    return a > b ? a - b : b - a;
}

/* Rows are ordered paths of live PEs that move by at most one; ports stand where the target has some. */
static void check_mesh(const rig *r) {
    const wfc_be_mesh *m = &r->m;
    for (unsigned x = 0; x < r->t.width; x++)
        for (unsigned k = 0; k < m->rows; k++) {
            unsigned y = m->row_y[x * m->rows + k];
            ck_assert_uint_lt(y, r->t.height);
            ck_assert(!is_dead(&r->t, x, y));
            if (k) ck_assert_uint_gt(y, m->row_y[x * m->rows + k - 1]);
            if (x) ck_assert_int_le(distance((int)y, m->row_y[(x - 1) * m->rows + k]), 1);
        }
    for (unsigned c = 1; c < m->cols; c++) ck_assert_uint_gt(m->col_x[c], m->col_x[c - 1]);
    ck_assert_uint_eq(m->logical.width, m->cols);
    ck_assert_uint_eq(m->logical.height, m->rows);
    ck_assert_uint_eq(m->logical.bad_pe_count + m->logical.bad_link_count, 0);
}

/* The program needs a port at both ends of every row: false when this mesh has not. */
static bool all_ports(const wfc_be_mesh *m) {
    return m->logical.io_count[0] == m->rows && m->logical.io_count[1] == m->rows;
}

static void print_errors(const rig *r) {
    for (size_t i = 0; i < r->diag.count; i++)
        if (r->diag.items[i].severity == WFC_ERROR)
            fprintf(stderr, "%s %s: %s\n", r->diag.items[i].code, r->diag.items[i].where, r->diag.items[i].text);
}

/* Embeds the program and compares it with itself on the logical mesh. */
static void embed_and_run(rig *r, uint64_t jitter) {
    size_t n, n2;
    make_program(&r->m.logical, &r->diag, &r->p);
    ck_assert_int_eq(wfc_be_check(&r->p, &r->diag, NULL), WFC_OK);
    uint32_t *want = run(&r->p, 0, &r->diag, &n);
    wfc_status s = wfc_be_mesh_embed(&r->m, &r->p, &r->diag);
    if (s == WFC_OK) s = wfc_program_verify(&r->p, &r->diag);
    if (s == WFC_OK) s = wfc_be_check(&r->p, &r->diag, NULL);
    if (s != WFC_OK) print_errors(r);
    ck_assert_int_eq(s, WFC_OK);
    ck_assert_uint_eq(r->p.target.bad_pe_count, r->t.bad_pe_count);
    uint32_t *got = run(&r->p, jitter, &r->diag, &n2);
    ck_assert_uint_eq(n, n2);
    ck_assert_mem_eq(want, got, n * sizeof *want);
    wfc_free(want);
    wfc_free(got);
}

/* ---- tests ---- */

START_TEST(test_no_defects) {
    rig r;
    rig_init(&r, 1, 7, 6);
    ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_OK);
    check_mesh(&r);
    ck_assert_uint_eq(r.m.rows, 6);
    ck_assert_uint_eq(r.m.cols, 7);
    ck_assert_uint_eq(r.m.east_detours + r.m.south_detours, 0);
    ck_assert_uint_eq(r.diag.count, 0);
    make_program(&r.m.logical, &r.diag, &r.p);
    uint8_t *a, *b;
    size_t na, nb;
    ck_assert_int_eq(wfc_program_encode(&r.p, &r.diag, &a, &na), WFC_OK);
    ck_assert_int_eq(wfc_be_mesh_embed(&r.m, &r.p, &r.diag), WFC_OK);
    ck_assert_int_eq(wfc_program_encode(&r.p, &r.diag, &b, &nb), WFC_OK);
    ck_assert_uint_eq(na, nb);
    ck_assert_mem_eq(a, b, na);
    wfc_free(a);
    wfc_free(b);
    rig_deinit(&r);
}
END_TEST

/* The worked example: one dead PE costs its column a row; here its neighbours carry the chain around it. */
START_TEST(test_one_dead_pe) {
    for (int x = 0; x < 5; x++)
        for (int y = 0; y < 5; y++) {
            rig r;
            rig_init(&r, 1, 5, 5);
            kill(&r, x, y);
            ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_OK);
            check_mesh(&r);
            ck_assert_uint_eq(r.m.rows, 4);
            ck_assert_uint_eq(r.m.cols, 5);
            embed_and_run(&r, 0);
            rig_deinit(&r);
        }
}
END_TEST

/* Inner columns cannot pass a dead segment: they are dropped, and the lanes pass them. */
START_TEST(test_row_segment) {
    rig r;
    rig_init(&r, 1, 40, 12);
    for (int i = 0; i < 34; i++) kill(&r, 3 + i, 6); /* longer than one way may be */
    ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_OK);
    check_mesh(&r);
    ck_assert_uint_ge(r.m.rows, 10);
    ck_assert_uint_ge(r.m.cols, 40 - 34 + 2);
    embed_and_run(&r, 5);
    rig_deinit(&r);
}
END_TEST

/* Three dead PEs beside each other at an edge: columns there are dropped, host words pass them. */
START_TEST(test_edges) {
    for (int side = 0; side < 2; side++) {
        rig r;
        rig_init(&r, 1, 9, 9);
        for (int i = 0; i < 3; i++) kill(&r, side ? 8 - i : i, 4);
        ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_OK);
        check_mesh(&r);
        ck_assert_uint_lt(r.m.cols, 9);
        if (all_ports(&r.m)) embed_and_run(&r, 0);
        ck_assert(all_ports(&r.m));
        rig_deinit(&r);
    }
}
END_TEST

START_TEST(test_refusals) {
    rig r;
    rig_init(&r, 1, 8, 6); /* a dead column cuts the mesh */
    for (int y = 0; y < 6; y++) kill(&r, 3, y);
    ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_ERR_NO_FIT);
    ck_assert_str_eq(r.diag.items[0].code, "WFC-E0772");
    ck_assert_ptr_nonnull(strstr(r.diag.items[0].text, "column 0"));
    rig_deinit(&r);
    rig_init(&r, 1, 8, 6); /* the only port is dead */
    r.t.io_count[0] = 1;
    kill(&r, 0, 0);
    ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_ERR_NO_FIT);
    ck_assert_str_eq(r.diag.items[0].code, "WFC-E0774");
    rig_deinit(&r);
    rig_init(&r, 1, 8, 6); /* a program for another mesh stays as it was */
    kill(&r, 2, 2);
    ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_OK);
    make_program(&r.t, &r.diag, &r.p);
    ck_assert_int_eq(wfc_be_mesh_embed(&r.m, &r.p, &r.diag), WFC_ERR_INTERNAL);
    ck_assert_uint_eq(r.p.pe_count, 48);
    rig_deinit(&r);
}
END_TEST

START_TEST(test_random) {
    unsigned ran = 0, no_port = 0, refused = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        rig r;
        uint64_t rng = seed;
        uint16_t w = (uint16_t)(5 + (wfc_rng_next(&rng) >> 8) % 12), h = (uint16_t)(5 + (wfc_rng_next(&rng) >> 8) % 12);
        rig_init(&r, seed * 7919, w, h);
        random_defects(&r);
        wfc_status s = wfc_be_mesh_plan(&r.t, &r.diag, &r.m);
        if (s != WFC_OK) {
            ck_assert_int_eq(s, WFC_ERR_NO_FIT);
            ck_assert_uint_ge(r.diag.error_count, 1);
            refused++;
        } else {
            check_mesh(&r);
            if (all_ports(&r.m)) {
                embed_and_run(&r, seed % 3 ? 0 : seed);
                ran++;
            } else {
                no_port++;
            }
        }
        rig_deinit(&r);
    }
    printf("%u embedded and run, %u planned with fewer ports than rows, %u refused, of %d\n", ran, no_port, refused,
           SEEDS);
    ck_assert_uint_ge(ran, SEEDS * 3 / 4);
}
END_TEST

/* A large fabric: how many rows and columns 1 % costs. */
START_TEST(test_losses) {
    rig r;
    rig_init(&r, 3, 200, 60);
    for (unsigned i = 0; i < 200 * 60; i++)
        if (pick(&r, 100) == 0) kill(&r, (int)(i % 200), (int)(i / 200));
    ck_assert_int_eq(wfc_be_mesh_plan(&r.t, &r.diag, &r.m), WFC_OK);
    check_mesh(&r);
    ck_assert_uint_ge(r.m.rows, 50);
    ck_assert_uint_ge(r.m.cols, 190);
    ck_assert_ptr_nonnull(strstr(r.diag.items[0].text, "rows"));
    rig_deinit(&r);
}
END_TEST

static wfc_status add_defects(rig *r, const char *text) {
    char path[] = "/tmp/wfc_defects_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *f = fdopen(fd, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    wfc_status s = wfc_target_add_defects(&r->t, path, &r->diag);
    remove(path);
    return s;
}

START_TEST(test_defects_file) {
    static const char *const wrong[] = {"[]",
                                        "{",
                                        "{\"bad_pe\": []}",
                                        "{\"bad_pes\": [[8, 0]]}",
                                        "{\"bad_pes\": [[1, 1], [1, 1]]}",
                                        "{\"bad_links\": [[0, 0, \"N\"]]}",
                                        "{\"bad_links\": [[0, 0, \"X\"]]}"};
    rig r;
    rig_init(&r, 1, 8, 6);
    ck_assert_int_eq(add_defects(&r, "{\"bad_pes\": [[3, 2], [1, 1]]}"), WFC_OK);
    ck_assert_int_eq(add_defects(&r, "{\"bad_links\": [[0, 5, \"E\"]], \"bad_pes\": [[2, 1], [3, 2]]}"), WFC_OK);
    ck_assert_uint_eq(r.t.bad_pe_count, 3); /* [3, 2] once */
    ck_assert(is_dead(&r.t, 1, 1) && is_dead(&r.t, 2, 1) && is_dead(&r.t, 3, 2));
    ck_assert_uint_eq(r.t.bad_pes[2].x, 3); /* ascending by row */
    ck_assert_uint_eq(r.t.bad_link_count, 1);
    ck_assert_int_eq(r.t.bad_links[0].port, WFC_PORT_E);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(add_defects(&r, wrong[i]), WFC_ERR_INPUT);
        ck_assert_uint_eq(r.diag.error_count, i + 1);
        ck_assert_uint_eq(r.t.bad_pe_count, 3);
    }
    rig_deinit(&r);
}
END_TEST

/* Every allocation fails once: a status, no leak, and the program as it was. */
START_TEST(test_out_of_memory) {
    for (size_t nth = 1; nth < 10000; nth++) {
        rig r;
        rig_init(&r, 1, 6, 6);
        kill(&r, 2, 2);
        wfc_mem_fail_nth(nth);
        wfc_status s = wfc_be_mesh_plan(&r.t, &r.diag, &r.m);
        bool planned = s == WFC_OK;
        wfc_mem_fail_nth(0);
        if (planned) {
            make_program(&r.m.logical, &r.diag, &r.p);
            wfc_mem_fail_nth(nth);
            s = wfc_be_mesh_embed(&r.m, &r.p, &r.diag);
            wfc_mem_fail_nth(0);
            ck_assert_int_eq(wfc_program_verify(&r.p, &r.diag), WFC_OK);
        }
        rig_deinit(&r);
        if (s == WFC_OK) return;
        ck_assert_int_eq(s, WFC_ERR_NO_MEMORY);
    }
    ck_abort_msg("it never succeeded");
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_no_defects, test_one_dead_pe,  test_row_segment,
                                  test_edges,      test_refusals,     test_random,
                                  test_losses,     test_defects_file, test_out_of_memory};
    Suite *s = suite_create("embed");
    TCase *c = tcase_create("embed");
    tcase_set_timeout(c, 300);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    SRunner *run_all = srunner_create(s);
    srunner_run_all(run_all, CK_NORMAL);
    int failed = srunner_ntests_failed(run_all), ran = srunner_ntests_run(run_all);
    srunner_free(run_all);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
