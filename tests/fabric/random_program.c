#include "random_program.h"

#include <stdbool.h>

enum { W = 5, H = 4, STREAMS = 9, MAX_ENDS = 5 };

typedef struct stream {
    int colour, words, period, x0, x1, y0, y1; /* east along y0 from x0 to x1, then down x1 to y1 */
} stream;
typedef struct end {
    int stream, words;
    bool out;
} end;
typedef struct cell {
    end ends[2 * STREAMS];
    int end_count, ins, outs;
    wfc_buf routes;
} cell;

static uint64_t g_state;

static int pick(int n) {
    return (int)(wfc_rng_next(&g_state) % (uint64_t)n);
}

static void add_end(cell *c, int k, int words, bool out) {
    if (!out && pick(25) == 0) words += 2; /* more than will come */
    c->ends[c->end_count++] = (end){k, words, out};
    *(out ? &c->outs : &c->ins) += 1;
}

/* Whether this PE takes the words that pass, all or those that its filter accepts. */
static bool tap(cell *c, int k, const stream *s, bool must, wfc_buf *filter) {
    if (c->ins >= MAX_ENDS || (!must && pick(3))) return false;
    if (s->period && pick(2)) {
        int lo = pick(s->period), hi = lo + 1 + pick(s->period - lo);
        wfc_buf_printf(filter, " filter %d..%d mod %d", lo, hi, s->period);
        add_end(c, k, s->words / s->period * (hi - lo), false);
    } else {
        add_end(c, k, s->words, false);
    }
    return true;
}

static void route(cell cells[H][W], int k, const stream *s) {
    int x = s->x0, y = s->y0;
    const char *from = "R";
    for (;;) {
        cell *c = &cells[y][x];
        bool last = x == s->x1 && y == s->y1;
        wfc_buf filter = {0};
        bool taken = from[0] != 'R' && tap(c, k, s, last, &filter);
        wfc_buf_printf(&c->routes, " c%d [%s>%s%s]", s->colour, from,
                       last        ? ""
                       : x < s->x1 ? "E"
                                   : "S",
                       taken ? "R" : "");
        if (filter.count) wfc_buf_append(&c->routes, filter.data, filter.count);
        wfc_buf_deinit(&filter);
        if (last) return;
        from = x < s->x1 ? "W" : "N";
        if (x < s->x1)
            x++;
        else
            y++;
    }
}

static stream random_stream(cell cells[H][W], int k) {
    for (;;) {
        stream s = {.colour = k, .words = 12 * (1 + pick(4)), .period = pick(2) ? 6 : 0};
        s.x0 = pick(W);
        s.y0 = pick(H);
        s.x1 = s.x0 + pick(W - s.x0);
        s.y1 = s.y0 + pick(H - s.y0);
        cell *from = &cells[s.y0][s.x0], *to = &cells[s.y1][s.x1];
        if ((s.x0 != s.x1 || s.y0 != s.y1) && from->outs < 3 && to->ins < MAX_ENDS && from->end_count < 7 &&
            to->end_count < 7)
            return s;
    }
}

static void filler(wfc_buf *code) {
    switch (pick(6)) {
    case 0: wfc_buf_printf(code, "    vmac.f32 acc, w, r9\n"); break;
    case 1: wfc_buf_printf(code, "    loop %d { add.i32 r8, r8, 1 }\n", 1 + pick(20)); break;
    case 2: wfc_buf_printf(code, "    fdiv.f32 r7, r9, r6\n"); break;
    case 3: wfc_buf_printf(code, "    vadd.f16 wide, half, half\n"); break;
    case 4: wfc_buf_printf(code, "    vred.sum.f32 r5, acc\n"); break;
    default: break;
    }
}

/* Starts every end, on its microthread or (at times) on main, in random order; then waits (always after
 * the first round: two contexts on one queue would race); two rounds of half the words
 * each. */
static void print_code(wfc_buf *out, const cell *c) {
    for (int round = 0; round < 2; round++) {
        int order[2 * STREAMS];
        for (int i = 0; i < c->end_count; i++) {
            int j = pick(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        for (int i = 0; i < c->end_count; i++) {
            int k = order[i];
            filler(out);
            if (c->ends[k].out)
                wfc_buf_printf(out, "    vmov.f32 q_%d, m_%d", k, k);
            else if (pick(4))
                wfc_buf_printf(out, "    vmov.f32 m_%d, q_%d", k, k);
            else
                wfc_buf_printf(out, "    vadd.f32 m_%d, m_%d, q_%d", k, k, k);
            if (k < 7 && pick(8))
                wfc_buf_printf(out, " async ut%d\n", k + 1);
            else
                wfc_buf_printf(out, "\n");
        }
        filler(out);
        for (int i = 0; i < c->end_count && i < 7; i++)
            if (round == 0 || pick(4)) wfc_buf_printf(out, "    wait ut%d\n", i + 1);
    }
}

/* Definitions go before all PEs: a `pe` line takes the words class and router that follow as its own. */
static void print_cell(wfc_buf *out, wfc_buf *pes, const cell *c, const stream *streams, int x, int y) {
    if (!c->routes.count) return;
    if (c->end_count) {
        int ins = 0, outs = 0;
        wfc_buf bind_in = {0}, bind_out = {0};
        wfc_buf_printf(
            out, "class c%d_%d {\n  array acc_ f32[24] acc\n  array w_ f32[24] weight\n  array half_ f16[24] scratch\n",
            x, y);
        wfc_buf_printf(out,
                       "  array wide_ f32[24] scratch\n  desc acc = mem f32 acc_ [24]\n  desc w = mem f32 w_ [24]\n");
        wfc_buf_printf(out, "  desc half = mem f16 half_ [24]\n  desc wide = mem f32 wide_ [24]\n");
        for (int k = 0; k < c->end_count; k++) {
            const end *n = &c->ends[k];
            int q = n->out ? outs++ : ins++;
            wfc_buf_printf(out,
                           "  array b%d f32[%d] %s\n  desc m_%d = mem f32 b%d [%d]\n  desc q_%d = %s f32 q%d [%d]\n", k,
                           n->words / 2, n->out ? "output" : "input", k, k, n->words / 2, k, n->out ? "out" : "in", q,
                           n->words / 2);
            wfc_buf_printf(n->out ? &bind_out : &bind_in, "  %s q%d = c%d\n", n->out ? "out" : "in", q,
                           streams[n->stream].colour);
        }
        if (bind_in.count) wfc_buf_append(out, bind_in.data, bind_in.count);
        if (bind_out.count) wfc_buf_append(out, bind_out.data, bind_out.count);
        wfc_buf_deinit(&bind_in);
        wfc_buf_deinit(&bind_out);
        wfc_buf_printf(out, "  task t0 local main active\n  code { main:\n");
        print_code(out, c);
        wfc_buf_printf(out, "    end }\n}\n");
    }
    wfc_buf_printf(out, "router r%d_%d {", x, y);
    wfc_buf_append(out, c->routes.data, c->routes.count);
    wfc_buf_printf(out, " }\n");
    if (!c->end_count) {
        wfc_buf_printf(pes, "pe %d,%d router r%d_%d\n", x, y, x, y);
        return;
    }
    wfc_buf_printf(pes,
                   "pe %d,%d class c%d_%d router r%d_%d layer %d regs [0, 0, 0, 0, f32 1, f32 3, 0, 0, f32 0.5] {\n", x,
                   y, x, y, x, y, y % 2);
    for (int k = 0; k < c->end_count; k++)
        if (c->ends[k].out)
            wfc_buf_printf(pes, "  data b%d = f32 seq(%d, %d, 1)\n", k, c->ends[k].words / 2, pick(1000));
    wfc_buf_printf(pes, "  data w_ = f32 seq(24, %d, 1)\n  data half_ = f16 seq(24, 0, 2)\n}\n", pick(9));
}

void random_program(uint64_t seed, wfc_buf *out) {
    cell cells[H][W] = {0};
    stream streams[STREAMS];
    g_state = seed;
    wfc_buf pes = {0};
    int n = 2 + pick(STREAMS - 1);
    for (int k = 0; k < n; k++) {
        streams[k] = random_stream(cells, k);
        add_end(&cells[streams[k].y0][streams[k].x0], k, streams[k].words, true);
        route(cells, k, &streams[k]);
    }
    wfc_buf_printf(out, "wafer 1\ntarget %s\nlayer even\nlayer odd\n", pick(2) ? "lab" : "wse3");
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            print_cell(out, &pes, &cells[y][x], streams, x, y);
            wfc_buf_deinit(&cells[y][x].routes);
        }
    wfc_buf_append(out, pes.data, pes.count);
    wfc_buf_deinit(&pes);
}
