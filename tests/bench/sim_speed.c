/* Simulated PE-cycles per second of host CPU time of the reference engine, one thread, on `lab` (4096 PEs), for four
 * kinds of work.
 */
#include "runtime/sim/sim.h"

#include <stdio.h>
#include <time.h>

typedef struct work {
    const char *name;
    const char *text;
} work;

/* Every row: the west PE multicasts, all others receive on a microthread and multiply-accumulate. */
static const work WORKS[] = {
    {"vmac, 64 elements each, operands resident",
     "class c { array x f32[64] input array y f32[64] acc desc dx = mem f32 x [64] desc dy = mem f32 y [64]\n"
     "task t0 local main active code { main: loop 200 { vmac.f32 dy, dx, r1 } end } }\n"
     "pe 0..63,0..63 class c layer 0\n"},
    {"vmac, 8 elements each, weights from a table (weight-sparse)",
     "class c { array tab 2048 table array x f32[64] input array y f32[64] acc\n"
     "desc dt = mem u16 tab [4] off r4 desc dx = mem f32 x [8] off r1 desc dy = mem f32 y [8] off r2\n"
     "task t0 local main active code { main: loop 5 { movi r4, 0 loop 200 { ldt r1, r2, r3, dt vmac.f32 dy, r3, dx } } "
     "end } }\n"
     "pe 0..63,0..63 class c layer 0\n"},
    {"scalar loop", "class c { task t0 local main active code { main: loop 2000 { add.f32 r2, r1, r3 mul.f32 r3, r2, "
                    "r1 add.i32 r4, r4, 1 } end } }\n"
                    "pe 0..63,0..63 class c layer 0\n"},
    {"row multicast received by microthreads beside vmac",
     "class s { array x f32[64] input desc dx = mem f32 x [64] desc o = out f32 q2 [64] out q2 = c0\n"
     "task t0 local main active code { main: loop 50 { vmov.f32 o, dx } end } }\n"
     "class c { array x f32[128] input array y f32[64] acc desc q = in f32 q2 [64] desc dx = mem f32 x [64] off r5 "
     "desc dy = mem f32 y [64]\n"
     "desc dz = mem f32 x [64] off r6 in q2 = c0 task t0 local main active code { main: movi r6, 256 vmov.f32 dx, q "
     "async ut1\n"
     "loop 49 { wait ut1 xor.i32 r5, r5, 256 xor.i32 r6, r6, 256 vmov.f32 dx, q async ut1 vmac.f32 dy, r1, dz } wait "
     "ut1 end } }\n"
     "router a { c0 [R>E] } router b { c0 [W>ER] } router z { c0 [W>R] }\n"
     "pe 0,0..63 class s router a layer 0 pe 1..62,0..63 class c router b layer 0 pe 63,0..63 class c router z layer "
     "0\n"},
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int run(const work *w) {
    wfc_buf text = {0};
    wfc_program p;
    wfc_diag diag;
    wfc_sim_result r = {0};
    wfc_diag_init(&diag);
    wfc_buf_printf(&text, "wafer 1 target lab layer all\n%s", w->text);
    wfc_status s = wfc_program_parse(text.data, text.count, "bench", &diag, &p);
    bool parsed = s == WFC_OK;
    if (s == WFC_OK) s = wfc_program_verify(&p, &diag);
    double start = now();
    if (s == WFC_OK) s = wfc_sim_run(&p, NULL, NULL, &diag, &r);
    double seconds = now() - start;
    for (size_t i = 0; i < diag.count; i++) printf("%s: %s\n", diag.items[i].where, diag.items[i].text);
    if (s == WFC_OK) {
        double idle = (double)r.layer_cause[0][WFC_CAUSE_IDLE] + (double)r.layer_cause[0][WFC_CAUSE_NO_INPUT];
        printf("%-60s %8llu cycles %7.3f s  %.2e PE-cycles/s  %.2e not idle/s  %.2e hops/s  %.2e MAC/s\n", w->name,
               (unsigned long long)r.cycles, seconds, (double)r.pe_cycles / seconds,
               ((double)r.pe_cycles - idle) / seconds, (double)r.wavelet_hops / seconds,
               (double)r.macs_executed / seconds);
    }
    wfc_sim_result_deinit(&r);
    if (parsed) wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
    wfc_buf_deinit(&text);
    return s != WFC_OK;
}

int main(void) {
    int bad = 0;
    for (size_t i = 0; i < sizeof WORKS / sizeof WORKS[0]; i++) bad += run(&WORKS[i]);
    return bad;
}
