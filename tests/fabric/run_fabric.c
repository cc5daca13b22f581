/* Runs one fabric test: a file in assembler text whose comments say what to expect.
 *
 *   ;expect cycles N                      ;expect fact NAME N     hops injected collected macs instructions words
 *   ;expect mem X,Y ARRAY[+BYTES] TYPE V...   values of memory afterwards (nan and inf too; floats compare exactly)
 *   ;expect out STREAM TYPE V...          words that the host collected, all samples
 *   ;expect cause LAYER CAUSE N           PE cycles by cause
 *   ;expect error TEXT                    the run fails, and some message contains TEXT (several lines: all of them)
 *   ;expect verify TEXT                   the verifier refuses it, with TEXT
 *   ;samples N       ;input STREAM TYPE V...     host words
 *   ;unverified                           for what the engine must stop by itself
 *   ;timing                               the program asks who comes first: no jitter runs
 *
 *   ;allocations                          the run is repeated with the 1st, 2nd, ... allocation failing until it
 * succeeds
 *
 * `run_fabric --random FIRST COUNT` does the same with generated programs (random_program.c), which expect nothing but
 * that. Every file runs plainly, with no_skip, and both again with shuffled visits: cycles, causes, event hashes,
 * memory and outputs must be equal and no wake-up missed; all of that and every statistic on the fast engine with 1, 2
 * and 3 threads. Three jitter seeds follow: memory and outputs must be equal. `--fast FIRST COUNT` compares generated
 * programs plainly on both engines, nothing else.
 */
#include "random_program.h"
#include "runtime/fast/fast.h"
#include "runtime/sim/sim_test.h"
#include "support/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STREAMS = 64, MAX_LINE = 8192, MAX_VALUES = 4096 };

typedef struct outcome {
    wfc_status status;
    wfc_sim_result r;
    wfc_sim_hooks hooks;
    uint8_t *memory; /* sram_bytes per PE with code */
    uint32_t *outs;
    char *messages;
} outcome;

typedef struct test {
    const char *path;
    char *text;
    wfc_program p;
    uint32_t samples, in_count, out_count, code_pes;
    uint32_t *inputs[MAX_STREAMS], in_words[MAX_STREAMS], out_words[MAX_STREAMS], out_at[MAX_STREAMS], all_outs;
    int failures;
    bool ended_well;
} test;

static void fail(test *t, const char *fmt, ...) {
    va_list ap;
    printf("%s: ", t->path);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    t->failures++;
}

static char *all_messages(const wfc_diag *d) {
    wfc_buf b = {0};
    for (size_t i = 0; i < d->count; i++)
        wfc_buf_printf(&b, "%s %s: %s\n", d->items[i].code, d->items[i].where, d->items[i].text);
    wfc_buf_append(&b, "", 1);
    return b.data;
}

/* Values "f32 1 2 nan" to raw elements; returns their number of bytes, 0 with a message when the line is wrong. */
static size_t parse_values(test *t, char *text, uint8_t *out, wfc_dtype *out_type) {
    char *save = NULL, *word = strtok_r(text, " \t\r", &save);
    size_t n = 0;
    if (!word || !wfc_dtype_parse(word, out_type)) {
        fail(t, "values need a type: %s", word ? word : "nothing");
        return 0;
    }
    while ((word = strtok_r(NULL, " \t\r", &save)) && n < MAX_VALUES) {
        char *end;
        double v = strtod(word, &end);
        if (*end) fail(t, "bad value %s", word);
        wfc_dtype_set(*out_type, out, n++, v);
    }
    return n * wfc_dtype_bytes(*out_type);
}

/* Calls f for each line of the file that starts with `key`, with the rest of the line. */
static int each_line(test *t, const char *key, void (*f)(test *, char *, const void *), const void *ctx) {
    int count = 0;
    char line[MAX_LINE];
    for (const char *at = t->text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        size_t n = strcspn(at, "\n"), k = strlen(key);
        if (n >= sizeof line || n < k || strncmp(at, key, k) != 0) continue;
        memcpy(line, at + k, n - k);
        line[n - k] = '\0';
        if (f) f(t, line, ctx);
        count++;
    }
    return count;
}

static void read_samples(test *t, char *rest, const void *ctx) {
    (void)ctx;
    t->samples = (uint32_t)strtoul(rest, NULL, 10);
}

static void read_input(test *t, char *rest, const void *ctx) {
    (void)ctx;
    static uint8_t raw[MAX_VALUES * 8];
    wfc_dtype type;
    unsigned long s = strtoul(rest, &rest, 10);
    if (s >= t->in_count) {
        fail(t, "input stream %lu does not exist", s);
        return;
    }
    size_t bytes = parse_values(t, rest, raw, &type), want = (size_t)t->in_words[s] * t->samples * 4;
    if (bytes != want) fail(t, "input stream %lu has %zu bytes, not %zu", s, bytes, want);
    memcpy(t->inputs[s], raw, bytes < want ? bytes : want);
}

static void prepare(test *t) {
    const wfc_program *p = &t->p;
    t->samples = 1;
    each_line(t, ";samples ", read_samples, NULL);
    for (uint32_t i = 0; i < p->input_count; i++)
        for (uint32_t k = 0; k < p->inputs[i].stream_count; k++, t->in_count++) {
            t->in_words[t->in_count] = p->inputs[i].streams[k].words;
            t->inputs[t->in_count] = calloc((size_t)p->inputs[i].streams[k].words * t->samples + 1, 4);
        }
    for (uint32_t i = 0; i < p->output_count; i++)
        for (uint32_t k = 0; k < p->outputs[i].stream_count; k++, t->out_count++) {
            t->out_at[t->out_count] = t->all_outs;
            t->out_words[t->out_count] = p->outputs[i].streams[k].words * t->samples;
            t->all_outs += t->out_words[t->out_count];
        }
    each_line(t, ";input ", read_input, NULL);
    for (uint32_t i = 0; i < p->pe_count; i++) t->code_pes += p->pes[i].class_index != UINT32_MAX;
}

/* With opt.threads on the fast engine. */
static outcome run(test *t, wfc_sim_options opt, uint64_t shuffle) {
    outcome o = {.hooks = {.shuffle_seed = shuffle}};
    size_t sram = t->p.target.sram_bytes;
    wfc_sim_probe *probes = calloc(t->code_pes + 1, sizeof *probes);
    o.memory = calloc(t->code_pes + 1, sram);
    o.outs = calloc(t->all_outs + 1, sizeof *o.outs);
    uint32_t n = 0, *outs[MAX_STREAMS];
    for (uint32_t i = 0; i < t->p.pe_count; i++) {
        const wfc_prog_pe *pe = &t->p.pes[i];
        if (pe->class_index == UINT32_MAX) continue;
        probes[n] = (wfc_sim_probe){pe->x, pe->y, 0, (uint16_t)sram, o.memory + n * sram};
        n++;
    }
    for (uint32_t i = 0; i < t->out_count; i++) outs[i] = o.outs + t->out_at[i];
    wfc_sim_io io = {t->samples, (const uint32_t *const *)t->inputs, outs};
    wfc_diag diag;
    wfc_diag_init(&diag);
    opt.event_hash = true;
    const wfc_sim_io *given = t->in_count + t->out_count ? &io : NULL;
    o.status = opt.threads ? wfc_fast_run_probed(&t->p, &opt, given, probes, n, &diag, &o.r)
                           : wfc_sim_run_hooked(&t->p, &opt, given, probes, n, &o.hooks, &diag, &o.r);
    o.messages = all_messages(&diag);
    wfc_diag_deinit(&diag);
    free(probes);
    return o;
}

static void drop(outcome *o) {
    wfc_sim_result_deinit(&o->r);
    free(o->memory);
    free(o->outs);
    free(o->messages);
}

static void compare_data(test *t, const char *what, const outcome *a, const outcome *b) {
    if (a->status != b->status)
        fail(t, "%s: ends with %s, plainly with %s\n%s", what, wfc_status_name(b->status), wfc_status_name(a->status),
             b->messages);
    if (a->status != WFC_OK || b->status != WFC_OK) return;
    if (memcmp(a->memory, b->memory, (size_t)t->code_pes * t->p.target.sram_bytes)) fail(t, "%s: memory differs", what);
    if (memcmp(a->outs, b->outs, (size_t)t->all_outs * 4)) fail(t, "%s: outputs differ", what);
}

static void compare_all(test *t, const char *what, const outcome *a, const outcome *b) {
    compare_data(t, what, a, b);
    if (strcmp(a->messages, b->messages)) fail(t, "%s: messages differ:\n%s---\n%s", what, a->messages, b->messages);
    if (b->hooks.missed_wakes) fail(t, "%s: %llu wake-ups missed", what, (unsigned long long)b->hooks.missed_wakes);
    if (a->status != WFC_OK || b->status != WFC_OK) return;
    if (a->r.cycles != b->r.cycles)
        fail(t, "%s: %llu cycles, plainly %llu", what, (unsigned long long)b->r.cycles,
             (unsigned long long)a->r.cycles);
    if (a->r.event_hash != b->r.event_hash) fail(t, "%s: event hash differs", what);
    if (memcmp(a->r.layer_cause, b->r.layer_cause, t->p.layer_count * sizeof *a->r.layer_cause))
        fail(t, "%s: causes differ", what);
}

static void compare_statistics(test *t, const char *what, const outcome *a, const outcome *b) {
    if (a->status != WFC_OK || b->status != WFC_OK) return;
    const wfc_sim_result *r = &a->r, *q = &b->r;
    if (r->wavelet_hops != q->wavelet_hops || r->macs_executed != q->macs_executed ||
        r->words_injected != q->words_injected || r->words_collected != q->words_collected ||
        r->instructions != q->instructions || r->pe_cycles != q->pe_cycles || r->pe_active != q->pe_active ||
        r->first_inject_cycle != q->first_inject_cycle)
        fail(t, "%s: statistics differ", what);
    if (memcmp(r->layer_macs_executed, q->layer_macs_executed, t->p.layer_count * sizeof *r->layer_macs_executed))
        fail(t, "%s: MACs of layers differ", what);
    if (t->in_count + t->out_count &&
        memcmp(r->completion_cycles, q->completion_cycles, t->samples * sizeof *r->completion_cycles))
        fail(t, "%s: completion cycles differ", what);
}

static void compare_threads(test *t, const outcome *plain, uint64_t interval) {
    static const char *const names[] = {"", "fast", "fast, 2 threads", "fast, 3 threads"};
    for (uint32_t threads = 1; threads <= 3; threads++) {
        outcome o = run(t, (wfc_sim_options){.max_cycles = 1000000, .threads = threads, .interval = interval}, 0);
        compare_all(t, names[threads], plain, &o);
        compare_statistics(t, names[threads], plain, &o);
        drop(&o);
    }
}

/* Also with samples that are given one by one: with a longer pause between them than any of these needs, and a short
 * one. */
static void compare_engines(test *t, const outcome *plain) {
    compare_threads(t, plain, 0);
    for (uint64_t interval = 23; interval < 1000 && t->in_count; interval *= 37) {
        outcome spaced = run(t, (wfc_sim_options){.max_cycles = 1000000, .interval = interval}, 0);
        compare_threads(t, &spaced, interval);
        drop(&spaced);
    }
}

/* Every cycle of every PE with code has exactly one cause. */
static void check_causes(test *t, const outcome *o) {
    for (uint32_t l = 0; l < t->p.layer_count; l++) {
        uint64_t sum = 0, pes = 0;
        for (uint32_t i = 0; i < t->p.pe_count; i++)
            pes += t->p.pes[i].layer == l && t->p.pes[i].class_index != UINT32_MAX;
        for (unsigned c = 0; c < WFC_CAUSES; c++) sum += o->r.layer_cause[l][c];
        if (sum != pes * o->r.cycles)
            fail(t, "causes of layer %u sum to %llu, not %llu", l, (unsigned long long)sum,
                 (unsigned long long)(pes * o->r.cycles));
    }
}

static void expect_number(test *t, const char *what, uint64_t found, uint64_t expected) {
    if (found != expected)
        fail(t, "%s: expected %llu, found %llu", what, (unsigned long long)expected, (unsigned long long)found);
}

static void expect_cycles(test *t, char *rest, const void *ctx) {
    expect_number(t, "cycles", ((const outcome *)ctx)->r.cycles, strtoull(rest, NULL, 10));
}

static void expect_fact(test *t, char *rest, const void *ctx) {
    const wfc_sim_result *r = &((const outcome *)ctx)->r;
    char name[32];
    unsigned long long v;
    if (sscanf(rest, "%31s %llu", name, &v) != 2) {
        fail(t, "bad fact %s", rest);
        return;
    }
    struct {
        const char *name;
        uint64_t value;
    } facts[] = {{"hops", r->wavelet_hops},
                 {"injected", r->words_injected},
                 {"collected", r->words_collected},
                 {"macs", r->macs_executed},
                 {"instructions", r->instructions},
                 {"active", r->pe_active},
                 {"done0", t->out_count ? r->completion_cycles[0] : 0}};
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (strcmp(facts[i].name, name) == 0) {
            expect_number(t, name, facts[i].value, v);
            return;
        }
    fail(t, "unknown fact %s", name);
}

static void expect_cause(test *t, char *rest, const void *ctx) {
    char cause[32];
    unsigned layer;
    unsigned long long v;
    if (sscanf(rest, "%u %31s %llu", &layer, cause, &v) != 3 || layer >= t->p.layer_count) {
        fail(t, "bad cause %s", rest);
        return;
    }
    for (unsigned c = 0; c < WFC_CAUSES; c++)
        if (strcmp(wfc_cause_name(c), cause) == 0)
            expect_number(t, cause, ((const outcome *)ctx)->r.layer_cause[layer][c], v);
}

static void print_values(const char *what, wfc_dtype type, const uint8_t *raw, size_t n) {
    printf("  %s", what);
    for (size_t i = 0; i < n; i++) printf(" %.9g", wfc_dtype_get(type, raw, i));
    printf("\n");
}

static void expect_bytes(test *t, const char *what, char *values, const uint8_t *found, size_t have) {
    static uint8_t raw[MAX_VALUES * 8];
    wfc_dtype type;
    size_t bytes = parse_values(t, values, raw, &type), size = wfc_dtype_bytes(type), n = bytes / size;
    if (bytes == 0 || bytes > have) {
        fail(t, "%s: %zu bytes expected of %zu", what, bytes, have);
        return;
    }
    bool equal = true;
    for (size_t i = 0; i < n; i++) {
        double a = wfc_dtype_get(type, raw, i), b = wfc_dtype_get(type, found, i);
        equal = equal && ((a != a && b != b) || !memcmp(raw + i * size, found + i * size, size));
    }
    if (equal) return;
    fail(t, "%s:", what);
    print_values("expected", type, raw, n);
    print_values("found   ", type, found, n);
}

static void expect_mem(test *t, char *rest, const void *ctx) {
    const outcome *o = ctx;
    unsigned x, y, offset = 0;
    char name[64];
    int used = 0;
    if (sscanf(rest, "%u,%u %63[^+ ]%n", &x, &y, name, &used) != 3) {
        fail(t, "bad place %s", rest);
        return;
    }
    rest += used;
    if (*rest == '+') offset = (unsigned)strtoul(rest + 1, &rest, 10);
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->p.pe_count; i++) {
        const wfc_prog_pe *pe = &t->p.pes[i];
        if (pe->class_index == UINT32_MAX) continue;
        const wfc_prog_class *c = &t->p.classes[pe->class_index];
        for (uint32_t k = 0; pe->x == x && pe->y == y && k < c->array_count; k++) {
            if (strcmp(c->arrays[k].name, name)) continue;
            char what[128];
            snprintf(what, sizeof what, "memory of %u,%u %s+%u", x, y, name, offset);
            expect_bytes(t, what, rest, o->memory + (size_t)n * t->p.target.sram_bytes + c->arrays[k].addr + offset,
                         c->arrays[k].bytes - offset);
            return;
        }
        n++;
    }
    fail(t, "no array %s at %u,%u", name, x, y);
}

static void expect_out(test *t, char *rest, const void *ctx) {
    unsigned long s = strtoul(rest, &rest, 10);
    char what[32];
    snprintf(what, sizeof what, "output stream %lu", s);
    if (s < t->out_count)
        expect_bytes(t, what, rest, (const uint8_t *)(((const outcome *)ctx)->outs + t->out_at[s]),
                     (size_t)t->out_words[s] * 4);
    else
        fail(t, "no %s", what);
}

static void expect_text(test *t, char *rest, const void *ctx) {
    if (!strstr(ctx, rest)) fail(t, "no message contains \"%s\":\n%s", rest, (const char *)ctx);
}

static void check_outcome(test *t, const outcome *o) {
    bool error = each_line(t, ";expect error ", NULL, NULL) > 0;
    if (error) {
        if (o->status == WFC_OK) fail(t, "ended well, an error was expected");
        each_line(t, ";expect error ", expect_text, o->messages);
        return;
    }
    if (o->status != WFC_OK) {
        fail(t, "failed:\n%s", o->messages);
        return;
    }
    int checks = each_line(t, ";expect cycles ", expect_cycles, o) + each_line(t, ";expect fact ", expect_fact, o) +
                 each_line(t, ";expect mem ", expect_mem, o) + each_line(t, ";expect out ", expect_out, o) +
                 each_line(t, ";expect cause ", expect_cause, o);
    if (checks == 0) fail(t, "the file expects nothing");
    check_causes(t, o);
}

/* Out of memory is a status, wherever it happens. */
static void fail_allocations(test *t, uint32_t threads) {
    for (size_t n = 1; n < 10000; n++) {
        wfc_mem_fail_nth(n);
        outcome o = run(t, (wfc_sim_options){.threads = threads}, 0);
        wfc_mem_fail_nth(0);
        wfc_status s = o.status;
        drop(&o);
        if (s == WFC_OK) return;
        if (s != WFC_ERR_NO_MEMORY) {
            fail(t, "allocation %zu fails: %s", n, wfc_status_name(s));
            return;
        }
    }
    fail(t, "allocations fail for ever");
}

static void run_all(test *t, bool generated) {
    outcome plain = run(t, (wfc_sim_options){.max_cycles = 1000000}, 0);
    if (!generated) check_outcome(t, &plain);
    if (generated && plain.status == WFC_OK) check_causes(t, &plain);
    t->ended_well = plain.status == WFC_OK;
    const struct {
        const char *name;
        bool no_skip;
        uint64_t shuffle;
    } modes[] = {{"no_skip", true, 0}, {"shuffled", false, 12345}, {"no_skip shuffled", true, 99}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        outcome o = run(t, (wfc_sim_options){.max_cycles = 1000000, .no_skip = modes[i].no_skip}, modes[i].shuffle);
        compare_all(t, modes[i].name, &plain, &o);
        drop(&o);
    }
    compare_engines(t, &plain);
    bool timing = each_line(t, ";timing", NULL, NULL) > 0;
    for (uint64_t seed = 1; seed <= 3 && !timing; seed++) {
        char name[32];
        snprintf(name, sizeof name, "jitter %llu", (unsigned long long)seed);
        outcome o = run(t, (wfc_sim_options){.max_cycles = 1000000, .jitter = true, .jitter_seed = seed}, 0);
        compare_data(t, name, &plain, &o);
        drop(&o);
    }
    drop(&plain);
    if (each_line(t, ";allocations", NULL, NULL)) {
        fail_allocations(t, 0);
        fail_allocations(t, 1);
    }
}

static void run_file(test *t) {
    wfc_diag diag;
    wfc_diag_init(&diag);
    uint8_t *bytes = NULL;
    size_t size = 0;
    wfc_status s = wfc_file_read(t->path, 1 << 24, &diag, &bytes, &size);
    t->text = (char *)bytes;
    if (s == WFC_OK) s = wfc_program_parse(t->text, size, t->path, &diag, &t->p);
    bool parsed = s == WFC_OK;
    if (parsed && each_line(t, ";unverified", NULL, NULL) == 0) s = wfc_program_verify(&t->p, &diag);
    char *messages = all_messages(&diag);
    bool refused = parsed && each_line(t, ";expect verify ", expect_text, messages) > 0;
    if (refused && s == WFC_OK) fail(t, "verified well, an error was expected");
    if (!refused && s != WFC_OK) fail(t, "not a program:\n%s", messages);
    if (parsed && s == WFC_OK) {
        prepare(t);
        run_all(t, false);
        for (uint32_t i = 0; i < t->in_count; i++) free(t->inputs[i]);
    }
    if (parsed) wfc_program_deinit(&t->p);
    free(messages);
    wfc_diag_deinit(&diag);
    wfc_free(bytes);
}

static void run_engines(test *t) {
    outcome plain = run(t, (wfc_sim_options){.max_cycles = 1000000}, 0);
    t->ended_well = plain.status == WFC_OK;
    compare_engines(t, &plain);
    drop(&plain);
}

static int run_random(uint64_t first, uint64_t count, bool engines) {
    int failures = 0, well = 0;
    for (uint64_t seed = first; seed < first + count && failures < 5; seed++) {
        char name[32];
        wfc_buf text = {0};
        wfc_diag diag;
        snprintf(name, sizeof name, "random %llu", (unsigned long long)seed);
        test t = {.path = name};
        random_program(seed, &text);
        wfc_buf_append(&text, "", 1);
        t.text = text.data;
        wfc_diag_init(&diag);
        wfc_status s = wfc_program_parse(text.data, text.count - 1, name, &diag, &t.p);
        bool parsed = s == WFC_OK;
        if (parsed) s = wfc_program_verify(&t.p, &diag);
        if (s == WFC_OK) {
            prepare(&t);
            if (engines)
                run_engines(&t);
            else
                run_all(&t, true);
        } else {
            char *messages = all_messages(&diag);
            fail(&t, "not a program:\n%s", messages);
            free(messages);
        }
        if (t.failures) printf("%s\n", text.data);
        failures += t.failures;
        well += t.ended_well;
        if (parsed) wfc_program_deinit(&t.p);
        wfc_diag_deinit(&diag);
        wfc_buf_deinit(&text);
    }
    printf("%d of %llu random programs ended well, the others in a deadlock, all alike in every mode; %d failures\n",
           well, (unsigned long long)count, failures);
    return failures || well == 0;
}

int main(int argc, char **argv) {
    int failures = 0;
    if (argc == 4 && (!strcmp(argv[1], "--random") || !strcmp(argv[1], "--fast")))
        return run_random(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), !strcmp(argv[1], "--fast"));
    for (int i = 1; i < argc; i++) {
        test t = {.path = argv[i]};
        run_file(&t);
        failures += t.failures;
    }
    if (argc < 2) printf("usage: run_fabric TEST.wasm... | --random FIRST COUNT | --fast FIRST COUNT\n");
    return failures || argc < 2;
}
