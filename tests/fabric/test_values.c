/* Random vector and scalar instructions against the oracle: every op, every type mix, lengths from 1 to beyond a
 * buffer, strides of both signs, standing and overlapping operands, memory and queue forms. */
#include "oracle.h"
#include "runtime/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 250, QUEUE_PROGRAMS = 100, INSNS = 12, ARRAY_BYTES = 1600 };

typedef struct walk_spec {
    wfc_dtype type;
    int len[4], stride[4], base; /* base: element index of element 0 in its array */
    int reg;                     /* > 0: a register instead */
} walk_spec;

typedef struct image {
    uint8_t array[WFC_NUM_PE_DTYPES][ARRAY_BYTES];
    uint32_t r[WFC_NUM_REGS];
} image;

static uint64_t g_seed;
static int g_failures;

static int pick(int n) {
    return (int)(wfc_rng_next(&g_seed) % (uint64_t)n);
}

static const char *const TYPES[] = {"f32", "f16", "bf16", "i32", "u32", "i16", "u16", "i8", "u8"};
static const wfc_dtype FLOATS[] = {WFC_F32, WFC_F16, WFC_BF16};
static const wfc_dtype INTS[] = {WFC_I32, WFC_U32, WFC_I16, WFC_U16, WFC_I8, WFC_U8};

static wfc_dtype family_type(bool f) {
    return f ? FLOATS[pick(3)] : INTS[pick(6)];
}

static uint32_t random_bits(bool f) {
    static const float special[] = {0, -0.0f, 1, -1, 0.5f, 2.5f, 3.5f, -1e30f, 1e-40f, 65504, 1e9f, 4294967040.0f};
    uint32_t bits = (uint32_t)wfc_rng_next(&g_seed);
    float v;
    if (!f) return pick(3) ? bits : (uint32_t)(pick(9) - 4);
    switch (pick(4)) {
    case 0: return bits; /* NaN, Inf, subnormals too */
    case 1: v = special[pick(12)]; break;
    default: v = (float)(pick(4001) - 2000) / 16; break;
    }
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void fill_image(image *m) {
    for (unsigned t = 0; t < WFC_NUM_PE_DTYPES; t++) {
        unsigned size = wfc_dtype_bytes((wfc_dtype)t);
        for (unsigned i = 0; i < ARRAY_BYTES / size; i++) {
            bool f = wfc_dtype_is_float((wfc_dtype)t);
            oracle_store(m->array[t] + i * size, (wfc_dtype)t, oracle_register(random_bits(f), f ? WFC_F32 : WFC_I32));
        }
    }
    for (unsigned i = 1; i < WFC_NUM_REGS; i++) m->r[i] = random_bits(i < 6);
    m->r[0] = 0;
}

/* Random dimensions with the given number of elements, within the array. */
static walk_spec random_walk(wfc_dtype type, int elems, bool register_ok) {
    walk_spec w = {.type = type, .len = {1, 1, 1, 1}};
    if (register_ok && pick(5) == 0) {
        w.reg = wfc_dtype_is_float(type) ? 1 + pick(5) : 6 + pick(8);
        return w;
    }
    int have = ARRAY_BYTES / (int)wfc_dtype_bytes(type), rest = elems, lo = 0, hi = 0;
    for (int i = 3; i > 0 && rest > 1; i--) { /* split off random factors */
        int f = pick(3) ? rest : 1;
        for (int tries = 0; f == 1 && tries < 6; tries++) {
            int q = 2 + pick(5);
            if (rest % q == 0) f = q;
        }
        w.len[i] = f;
        rest /= f;
    }
    w.len[0] *= rest;
    for (int i = 3; i >= 0; i--) {
        int n = w.len[i] - 1, room = have - 1 - (hi - lo), most = n > 0 ? room / n : 2;
        w.stride[i] = pick(2) && most >= 1 ? 1 : pick(most < 3 ? most + 1 : 4);
        if (pick(3) == 0) w.stride[i] = -w.stride[i];
        if (n > 0) *(w.stride[i] < 0 ? &lo : &hi) += n * w.stride[i];
    }
    w.base = -lo + pick(have - (hi - lo));
    return w;
}

static uint8_t *element(image *m, const walk_spec *w, int n) {
    int at = w->base;
    for (int i = 3; i >= 0; i--) {
        at += n % w->len[i] * w->stride[i];
        n /= w->len[i];
    }
    return m->array[w->type] + at * (int)wfc_dtype_bytes(w->type);
}

static value read_at(image *m, const image *issue, const walk_spec *w, wfc_dtype type, int n) {
    return w->reg > 0 ? oracle_register(issue->r[w->reg], type) : oracle_load(element(m, w, n), w->type);
}

typedef struct op_spec {
    const char *name;
    unsigned op, sources;
    int family; /* 0 both, 1 float only, 2 integer only */
    bool no_bf16, mac;
} op_spec;
static const op_spec OPS[] = {
    {"vmov", WFC_OP_VMOV, 1, 0, false, false},
    {"vcvt", WFC_OP_VCVT, 1, 0, false, false},
    {"vrint", WFC_OP_VRINT, 1, 1, true, false},
    {"vneg", WFC_OP_VNEG, 1, 3, true, false},
    {"vabs", WFC_OP_VABS, 1, 3, true, false},
    {"vadd", WFC_OP_VADD, 2, 0, true, false},
    {"vsub", WFC_OP_VSUB, 2, 0, true, false},
    {"vmul", WFC_OP_VMUL, 2, 0, true, false},
    {"vmax", WFC_OP_VMAX, 2, 0, true, false},
    {"vmin", WFC_OP_VMIN, 2, 0, true, false},
    {"vmac", WFC_OP_VMAC, 2, 0, true, true},
    {"vand", WFC_OP_VAND, 2, 2, true, false},
    {"vor", WFC_OP_VOR, 2, 2, true, false},
    {"vxor", WFC_OP_VXOR, 2, 2, true, false},
    {"vshl", WFC_OP_VSHL, 2, 2, true, false},
    {"vsar", WFC_OP_VSAR, 2, 2, true, false},
    {"vcmp.eq", WFC_OP_VCMPEQ, 2, 0, true, false},
    {"vcmp.lt", WFC_OP_VCMPLT, 2, 0, true, false},
    {"vcmp.le", WFC_OP_VCMPLE, 2, 0, true, false},
    {"vsel", WFC_OP_VSEL, 2, 0, false, false},
    {"vdiv", WFC_OP_VDIV, 2, 1, true, false},
    {"vsqrt", WFC_OP_VSQRT, 1, 1, true, false},
    {"vdot", WFC_OP_VDOT, 2, 0, true, true},
    {"vred.sum", WFC_OP_VREDSUM, 1, 0, true, false},
    {"vred.prod", WFC_OP_VREDPROD, 1, 0, true, false},
    {"vred.max", WFC_OP_VREDMAX, 1, 0, true, false},
    {"vred.min", WFC_OP_VREDMIN, 1, 0, true, false},
    {"vred.and", WFC_OP_VREDAND, 1, 2, true, false},
    {"vred.or", WFC_OP_VREDOR, 1, 2, true, false},
    {"vargmax", WFC_OP_VARGMAX, 1, 0, true, false},
    {"vargmin", WFC_OP_VARGMIN, 1, 0, true, false},
};

static wfc_dtype insn_type(const op_spec *op, bool f) {
    for (;;) {
        wfc_dtype t = family_type(f);
        if (t == WFC_BF16 && op->no_bf16) continue;
        if (op->family == 3 && (t == WFC_U32 || t == WFC_U16 || t == WFC_U8)) continue;
        if (op->mac && (t == WFC_U32 || t == WFC_U16)) continue;
        return t;
    }
}

static bool is_reduction(unsigned op) {
    return op >= WFC_OP_VDOT && op <= WFC_OP_VARGMIN;
}

/* The whole instruction, element by element. `queue`: A's elements, taken from there instead of from memory. */
static void oracle_run(image *m, const op_spec *op, wfc_dtype t, walk_spec d, walk_spec a, walk_spec b, int elems,
                       bool sat, const value *queue) {
    value best = {0};
    int where = 0;
    const image issue = *m; /* register sources are captured at issue */
    for (int n = 0; n < elems; n++) {
        value x = queue ? queue[n] : read_at(m, &issue, &a, t, n),
              y = op->sources == 2 ? read_at(m, &issue, &b, t, n) : x;
        if (op->op == WFC_OP_VARGMAX || op->op == WFC_OP_VARGMIN) {
            bool max = op->op == WFC_OP_VARGMAX;
            if (n == 0 || oracle_apply(WFC_OP_VCMPLT, t, x, max ? best : x, max ? x : best).i) {
                best = x;
                where = n;
            }
            m->r[14] = (uint32_t)where;
        } else if (is_reduction(op->op)) {
            value acc = oracle_register(m->r[d.reg], t);
            value r = op->op == WFC_OP_VDOT ? oracle_apply(op->op, t, acc, x, y) : oracle_apply(op->op, t, acc, acc, x);
            m->r[d.reg] = oracle_bits(r);
        } else if (op->op == WFC_OP_VCVT) {
            oracle_store(element(m, &d, n), d.type, oracle_convert(x, d.type, sat));
        } else {
            value r = oracle_apply(op->op, t, read_at(m, &issue, &d, t, n), x, y);
            oracle_store(element(m, &d, n), d.type, r);
        }
    }
}

static void print_walk(wfc_buf *out, const char *name, const walk_spec *w) {
    if (w->reg > 0) return;
    wfc_buf_printf(out, "  desc %s = mem %s a_%s+%d [", name, TYPES[w->type], TYPES[w->type],
                   w->base * (int)wfc_dtype_bytes(w->type));
    for (int i = 0; i < 4; i++) wfc_buf_printf(out, "%s%d:%d", i ? ", " : "", w->len[i], w->stride[i]);
    wfc_buf_printf(out, "]\n");
}

static void print_operand(wfc_buf *out, const char *name, const walk_spec *w) {
    if (w->reg > 0)
        wfc_buf_printf(out, ", r%d", w->reg);
    else
        wfc_buf_printf(out, ", %s", name);
}

typedef struct generated {
    wfc_buf descs, code, sender, sender_code;
    image m, sent;
    int words;
} generated;

static void add_insn(generated *g, int k, bool queue) {
    const op_spec *op;
    bool f;
    do {
        op = &OPS[(unsigned)pick((int)(sizeof OPS / sizeof OPS[0]))];
        f = op->family == 1 || ((op->family == 0 || op->family == 3) && pick(2));
    } while (op->op == WFC_OP_VCVT && queue);
    static const int lengths[] = {1, 1, 2, 3, 5, 8, 12, 24, 60, 130, 180};
    int elems = lengths[pick(queue ? 8 : 11)];
    bool sat = op->op == WFC_OP_VCVT && pick(2), same = pick(2);
    wfc_dtype t = insn_type(op, f), base = family_type(f);
    walk_spec d = random_walk(same ? base : family_type(f), elems, false);
    if (op->op == WFC_OP_VCVT || (op->op >= WFC_OP_VCMPEQ && op->op <= WFC_OP_VCMPLE))
        d = random_walk(family_type(pick(2)), elems, false);
    walk_spec a = random_walk(same ? base : family_type(f), elems, op->sources == 2 && !queue);
    walk_spec b =
        random_walk(same ? base : family_type(f), elems, op->sources == 2 && !(a.reg && is_reduction(op->op)));
    if (pick(3) == 0 && op->op != WFC_OP_VCVT && a.type == d.type && !a.reg) a = d; /* the very same walk */
    if (is_reduction(op->op)) {
        d = (walk_spec){.reg = f ? 1 + pick(5) : 6 + pick(8)};
        if (op->op >= WFC_OP_VARGMAX) d.reg = 14;
    }
    char dn[16], an[16], bn[16];
    snprintf(dn, sizeof dn, "x%d", k);
    snprintf(an, sizeof an, "y%d", k);
    snprintf(bn, sizeof bn, "z%d", k);
    value taken[200];
    for (int n = 0; queue && n < elems; n++) taken[n] = read_at(&g->sent, &g->sent, &a, t, n);
    oracle_run(&g->m, op, t, d, a, b, elems, sat, queue ? taken : NULL);
    print_walk(&g->descs, dn, &d);
    if (queue) {
        wfc_buf_printf(&g->descs, "  desc %s = in %s q2 [%d]\n", an, TYPES[a.type], elems);
        print_walk(&g->sender, an, &a);
        wfc_buf_printf(&g->sender, "  desc o%d = out %s q0 [%d]\n", k, TYPES[a.type], elems);
        wfc_buf_printf(&g->sender_code, "    vmov.%s o%d, %s\n", TYPES[a.type], k, an);
    } else {
        print_walk(&g->descs, an, &a);
    }
    if (op->sources == 2) print_walk(&g->descs, bn, &b);
    wfc_buf_printf(&g->code, "    %s.%s%s ", op->name, TYPES[t], sat ? ".sat" : "");
    if (d.reg > 0)
        wfc_buf_printf(&g->code, "r%d", d.reg);
    else
        wfc_buf_printf(&g->code, "%s", dn);
    print_operand(&g->code, an, &a);
    if (op->sources == 2) print_operand(&g->code, bn, &b);
    wfc_buf_printf(&g->code, "\n");
}

/* Scalars of one family: r1..r5 hold floats, r6..r13 integers. */
static void add_scalar(generated *g) {
    static const struct {
        const char *name;
        unsigned op;
        int family; /* as above */
    } scalars[] = {{"add", WFC_OP_VADD, 0},      {"sub", WFC_OP_VSUB, 0},      {"mul", WFC_OP_VMUL, 0},
                   {"min", WFC_OP_VMIN, 0},      {"max", WFC_OP_VMAX, 0},      {"and", WFC_OP_VAND, 2},
                   {"or", WFC_OP_VOR, 2},        {"xor", WFC_OP_VXOR, 2},      {"shl", WFC_OP_VSHL, 2},
                   {"sar", WFC_OP_VSAR, 2},      {"cmp.eq", WFC_OP_VCMPEQ, 0}, {"cmp.lt", WFC_OP_VCMPLT, 0},
                   {"cmp.le", WFC_OP_VCMPLE, 0}, {"fdiv", WFC_OP_VDIV, 1},     {"cvt", WFC_OP_VCVT, 0}};
    int s = pick(15);
    unsigned op = scalars[s].op;
    bool f = scalars[s].family == 1 || (scalars[s].family == 0 && pick(2));
    wfc_dtype t = f ? WFC_F32 : pick(2) ? WFC_I32 : WFC_U32;
    int a = f ? 1 + pick(5) : 6 + pick(8), b = f ? 1 + pick(5) : 6 + pick(8), d = f ? 1 + pick(5) : 6 + pick(8);
    if (op >= WFC_OP_VCMPEQ && op <= WFC_OP_VCMPLE) d = 6 + pick(8);
    value x = oracle_register(g->m.r[a], t), y = oracle_register(g->m.r[b], t);
    if (op == WFC_OP_VCVT) {
        wfc_dtype to = family_type(pick(2));
        uint8_t raw[4] = {0};
        bool sat = pick(2);
        d = wfc_dtype_is_float(to) ? 1 + pick(5) : 6 + pick(8);
        oracle_store(raw, to, oracle_convert(x, to, sat));
        g->m.r[d] = oracle_bits(oracle_load(raw, to));
        wfc_buf_printf(&g->code, "    cvt.%s.%s%s r%d, r%d\n", TYPES[to], TYPES[t], sat ? ".sat" : "", d, a);
        return;
    }
    bool imm = !f && pick(3) == 0 && op != WFC_OP_VDIV;
    int k = pick(2001) - 1000;
    if (imm) y = oracle_register((uint32_t)k, t);
    g->m.r[d] = oracle_bits(oracle_apply(op, t, x, x, y));
    wfc_buf_printf(&g->code, "    %s.%s r%d, r%d, ", scalars[s].name, TYPES[t], d, a);
    wfc_buf_printf(&g->code, imm ? "%d\n" : "r%d\n", imm ? k : b);
}

static void print_arrays(wfc_buf *out) {
    for (unsigned t = 0; t < WFC_NUM_PE_DTYPES; t++)
        wfc_buf_printf(out, "  array a_%s %d scratch\n", TYPES[t], ARRAY_BYTES);
}

static void print_pe(wfc_buf *out, const image *m, const char *place) {
    wfc_buf_printf(out, "pe %s regs [", place);
    for (unsigned i = 1; i < WFC_NUM_REGS; i++) wfc_buf_printf(out, "%s%u", i > 1 ? ", " : "", m->r[i]);
    wfc_buf_printf(out, "] {\n");
    for (unsigned t = 0; t < WFC_NUM_PE_DTYPES; t++) {
        wfc_buf_printf(out, "  data a_%s = hex \"", TYPES[t]);
        for (unsigned i = 0; i < ARRAY_BYTES; i++) wfc_buf_printf(out, "%02x", m->array[t][i]);
        wfc_buf_printf(out, "\"\n");
    }
    wfc_buf_printf(out, "}\n");
}

static bool same_value(const uint8_t *a, const uint8_t *b, wfc_dtype t) {
    double x = wfc_dtype_get(t, a, 0), y = wfc_dtype_get(t, b, 0);
    return (x != x && y != y) || memcmp(a, b, wfc_dtype_bytes(t)) == 0;
}

static void compare(const generated *g, const uint8_t *found, const wfc_prog_class *c, const char *text, int number) {
    for (uint32_t k = 0; k < c->array_count; k++) {
        bool regs = k == WFC_NUM_PE_DTYPES;
        wfc_dtype t = regs ? WFC_U32 : (wfc_dtype)k;
        const uint8_t *want = regs ? (const uint8_t *)&g->m.r[1] : g->m.array[k];
        for (unsigned i = 0; i < c->arrays[k].bytes / wfc_dtype_bytes(t); i++) {
            unsigned at = i * wfc_dtype_bytes(t);
            wfc_dtype as = regs && i < 5 ? WFC_F32 : t;
            if (same_value(want + at, found + c->arrays[k].addr + at, as)) continue;
            printf("program %d: %s[%u] is %.9g, expected %.9g\n", number, c->arrays[k].name, i,
                   wfc_dtype_get(as, found + c->arrays[k].addr + at, 0), wfc_dtype_get(as, want + at, 0));
            if (g_failures++ == 0) printf("%.*s\n", (int)(strstr(text, "pe ") - text), text);
            return;
        }
    }
}

static void run_text(const generated *g, wfc_buf *text, int number, bool queue) {
    static uint8_t memory[49152];
    wfc_program p;
    wfc_diag diag;
    wfc_sim_result r = {0};
    wfc_diag_init(&diag);
    wfc_status s = wfc_program_parse(text->data, text->count - 1, "generated", &diag, &p);
    bool parsed = s == WFC_OK;
    if (s == WFC_OK) s = wfc_program_verify(&p, &diag);
    wfc_sim_probe probe = {queue ? 1 : 0, 0, 0, (uint16_t)sizeof memory, memory};
    if (s == WFC_OK) s = wfc_sim_run_probed(&p, NULL, NULL, &probe, 1, &diag, &r);
    if (s == WFC_OK) {
        compare(g, memory, &p.classes[queue ? 1 : 0], text->data, number);
    } else {
        g_failures++;
        for (size_t i = 0; i < diag.count; i++) printf("%s: %s\n", diag.items[i].where, diag.items[i].text);
        printf("%.*s\n", (int)(strstr(text->data, "pe ") - text->data), text->data);
    }
    wfc_sim_result_deinit(&r);
    if (parsed) wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
}

static void print_class(wfc_buf *out, const char *name, const char *bind, const wfc_buf *descs, const wfc_buf *code) {
    wfc_buf_printf(out, "class %s {\n", name);
    print_arrays(out);
    wfc_buf_printf(out, "  array regs 60 output\n  desc dr = mem u32 regs [15]\n  %s\n", bind);
    if (descs->count) wfc_buf_append(out, descs->data, descs->count);
    wfc_buf_printf(out, "  task t0 local main active\n  code { main:\n");
    if (code->count) wfc_buf_append(out, code->data, code->count);
    for (int i = 1; i < WFC_NUM_REGS; i++) wfc_buf_printf(out, "    st dr, r%d, %d\n", i, i - 1);
    wfc_buf_printf(out, "    end }\n}\n");
}

static void one_program(int number, bool queue) {
    static generated g;
    memset(&g, 0, sizeof g);
    g_seed = (uint64_t)number * 2 + queue;
    fill_image(&g.m);
    fill_image(&g.sent);
    image before = g.m;
    for (int k = 0; k < INSNS; k++) {
        add_insn(&g, k, queue);
        add_scalar(&g);
    }
    wfc_buf text = {0};
    wfc_buf_printf(&text, "wafer 1\ntarget lab\n");
    if (queue) print_class(&text, "sender", "out q0 = c1", &g.sender, &g.sender_code);
    print_class(&text, "main", queue ? "in q2 = c1" : "", &g.descs, &g.code);
    if (queue) wfc_buf_printf(&text, "router head { c1 [R>E] }\nrouter last { c1 [W>R] }\n");
    if (queue) print_pe(&text, &g.sent, "0,0 class sender router head");
    print_pe(&text, &before, queue ? "1,0 class main router last" : "0,0 class main");
    wfc_buf_append(&text, "", 1);
    run_text(&g, &text, number, queue);
    wfc_buf_deinit(&text);
    wfc_buf_deinit(&g.descs);
    wfc_buf_deinit(&g.code);
    wfc_buf_deinit(&g.sender);
    wfc_buf_deinit(&g.sender_code);
}

int main(void) {
    for (int i = 1; i <= PROGRAMS && g_failures < 5; i++) one_program(i, false);
    for (int i = 1; i <= QUEUE_PROGRAMS && g_failures < 5; i++) one_program(i, true);
    printf("%d programs of %d vector and %d scalar instructions, %d failures\n", PROGRAMS + QUEUE_PROGRAMS, INSNS,
           INSNS, g_failures);
    return g_failures != 0;
}
