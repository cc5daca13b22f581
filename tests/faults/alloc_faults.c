/* Fails the Nth allocation, N = 1, 2, ... until a command gets through, for whole commands of waferc in a process each:
 * compile, run with both engines, plan, opt, inspect, dis, asm, report of a small model.
 *
 *   alloc_faults [--step PERCENT] [--only TEXT] [--at N]
 *
 * N grows by 1 and the percentage each time; default 0: every N. --at tries that one alone.
 *
 * A failed allocation ends the command with exit status 74 and the message "out of memory", without a file left behind;
 * or the command does without it and makes the same files as ever. Anything else is a failure, which prints N: a crash,
 * an endless run, a leak (in a build with sanitizers), another status, other bytes. */
#include "model_builder.h"
#include "support/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int waferc_main(int argc, char **argv); /* cli/main.c */

enum { MAX_ARGS = 16, MAX_FILES = 4, CPU_SECONDS = 60, MAX_SHOWN = 200, EXIT_NO_MEMORY = 74 };

typedef struct command {
    const char *name, *line; /* blanks between arguments */
    bool keeps;              /* the files it makes are read by later commands */
    bool prints;             /* what it prints is its result, and always the same */
} command;
static const command commands[] = {
    {"compile", "compile model.onnx -o out/prog.wafer --report out/report.json", true, false},
    {"compile without adapters", "compile tiny.onnx -o out/tiny.wafer -v", true, false},
    {"run, fast engine", "run in/tiny.wafer --input x=x4.npy -o out/y.npz --stats out/stats.json -v", false, false},
    {"run, two threads", "run in/tiny.wafer --input x=x4.npy -o out/y.npz --threads 2 --samples 2", false, false},
    {"run, reference engine", "run in/tiny.wafer --input x=x4.npy -o out/y.npz --engine reference", false, false},
    {"run of a convolution", "run in/prog.wafer --input x=x.npy -o out/y.npz", false, false},
    {"report", "report in/tiny.wafer -o out/page.html", false, false},
    {"inspect of a model", "inspect model.onnx", false, true},
    {"inspect of a program", "inspect in/prog.wafer", false, true},
    {"opt", "opt net.wir", false, true},
    {"dis", "dis in/tiny.wafer", false, true},
    {"plan", "plan tiny.onnx", false, true},
    {"prune", "prune model.onnx -o out/pruned.onnx --masks out/masks.npz --recipe recipe.yaml -q", false, false},
};
enum { NUM_COMMANDS = sizeof commands / sizeof *commands };

/* What one run of a command did. */
typedef struct outcome {
    int status;  /* of waitpid */
    size_t made; /* allocations; 0 when the process ended before it could say */
} outcome;

typedef struct file {
    char name[64];
    char *bytes;
    size_t size;
} file;
typedef struct files {
    file list[MAX_FILES + 1];
    unsigned count;
} files;

static void die(const char *what) {
    fprintf(stderr, "alloc_faults: %s: %s\n", what, strerror(errno));
    exit(2);
}

static char *slurp(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *bytes = malloc((size_t)n + 1);
    if (n < 0 || !bytes || fread(bytes, 1, (size_t)n, f) != (size_t)n) die(path);
    bytes[n] = 0;
    fclose(f);
    *size = (size_t)n;
    return bytes;
}

static void release(files *f) {
    for (unsigned i = 0; i < f->count; i++) free(f->list[i].bytes);
    *f = (files){0};
}

/* What lies in out/, which is empty afterwards. keep: it moves to in/. */
static files take_files(bool keep) {
    files f = {0};
    char from[300], to[300];
    DIR *dir = opendir("out");
    if (!dir) die("out");
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.' && (!e->d_name[1] || e->d_name[1] == '.')) continue;
        if (f.count == MAX_FILES) die("too many files");
        file *one = &f.list[f.count++];
        snprintf(one->name, sizeof one->name, "%.60s", e->d_name);
        snprintf(from, sizeof from, "out/%s", e->d_name);
        snprintf(to, sizeof to, "in/%s", e->d_name);
        one->bytes = slurp(from, &one->size);
        if (keep ? rename(from, to) : remove(from)) die(from);
    }
    closedir(dir);
    return f;
}

static bool same_files(const files *a, const files *b) {
    if (a->count != b->count) return false;
    for (unsigned i = 0; i < a->count; i++) {
        bool found = false;
        for (unsigned k = 0; k < b->count; k++)
            found |= !strcmp(a->list[i].name, b->list[k].name) && a->list[i].size == b->list[k].size &&
                     !memcmp(a->list[i].bytes, b->list[k].bytes, a->list[i].size);
        if (!found) return false;
    }
    return true;
}

/* Standard output of the last run counts as one of its files where a command that succeeds always prints the same. */
static void add_printed(files *f) {
    file *one = &f->list[f->count++];
    snprintf(one->name, sizeof one->name, "standard output");
    one->bytes = slurp("printed", &one->size);
}

/* In the child: output to the file `printed`, messages to the file `messages`. */
static void run_child(const char *line, size_t n, int report) {
    static char text[512];
    char *args[MAX_ARGS + 1] = {"waferc"};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *p = strtok(text, " "); p && argc < MAX_ARGS; p = strtok(NULL, " ")) args[argc++] = p;
    int out = open("printed", O_WRONLY | O_CREAT | O_TRUNC, 0600),
        err = open("messages", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct rlimit cpu = {.rlim_cur = CPU_SECONDS, .rlim_max = CPU_SECONDS};
    if (out < 0 || err < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || setrlimit(RLIMIT_CPU, &cpu)) _exit(2);
    close(out);
    close(err);
    wfc_mem_fail_nth(n);
    int code = waferc_main(argc, args);
    size_t made = wfc_mem_fail_nth(0);
    if (write(report, &made, sizeof made) != (ssize_t)sizeof made) _exit(2);
    exit(code);
}

static outcome run(const char *line, size_t n) {
    int ends[2];
    outcome o = {0};
    fflush(NULL);
    if (pipe(ends)) die("pipe");
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        close(ends[0]);
        run_child(line, n, ends[1]);
    }
    close(ends[1]);
    if (read(ends[0], &o.made, sizeof o.made) != (ssize_t)sizeof o.made) o.made = 0;
    close(ends[0]);
    if (waitpid(child, &o.status, 0) < 0) die("waitpid");
    return o;
}

static bool complain(const command *c, size_t n, const char *what, const outcome *o) {
    size_t size;
    char *messages = slurp("messages", &size);
    fprintf(stderr, "FAILED: %s, allocation %zu: %s (%s %d)\n%.3000s\n", c->name, n, what,
            WIFSIGNALED(o->status) ? "signal" : "exit status",
            WIFSIGNALED(o->status) ? WTERMSIG(o->status) : WEXITSTATUS(o->status), messages);
    free(messages);
    return false;
}

/* The command in which allocation n failed. *survived: it made its files all the same. */
static bool check(const command *c, size_t n, const outcome *o, const files *usual, bool *survived) {
    size_t size;
    bool ok = true;
    files made = take_files(false);
    char *messages = slurp("messages", &size);
    bool exited = WIFEXITED(o->status), says = strstr(messages, "error[WFC-E0012]") != NULL;
    *survived = exited && WEXITSTATUS(o->status) == 0;
    if (*survived && c->prints) add_printed(&made);
    if (*survived && strstr(messages, "error["))
        ok = complain(c, n, "an error message, but success", o);
    else if (*survived && !same_files(&made, usual))
        ok = complain(c, n, "success with other files than usual", o);
    else if (!*survived && (!exited || WEXITSTATUS(o->status) != EXIT_NO_MEMORY))
        ok = complain(c, n, "neither success nor the status of 'out of memory'", o);
    else if (!*survived && !says)
        ok = complain(c, n, "the message does not say 'out of memory'", o);
    else if (!*survived && made.count)
        ok = complain(c, n, "a failed command left files behind", o);
    free(messages);
    release(&made);
    return ok;
}

/* Returns the number of failures. */
static unsigned run_command(const command *c, unsigned step, size_t at) {
    unsigned failures = 0, runs = 0, survivors = 0;
    outcome o = run(c->line, 0);
    if (!WIFEXITED(o.status) || WEXITSTATUS(o.status)) {
        complain(c, 0, "without any failure", &o);
        return 1;
    }
    files usual = take_files(c->keeps);
    if (c->prints) add_printed(&usual);
    size_t n = at ? at : 1, all = o.made;
    for (; failures < MAX_SHOWN; n += 1 + n * step / 100) {
        bool survived;
        o = run(c->line, n);
        runs++;
        bool through = WIFEXITED(o.status) && WEXITSTATUS(o.status) == 0 && o.made && o.made < n;
        failures += !check(c, n, &o, &usual, &survived);
        if (through || at) break;
        survivors += survived;
    }
    printf("%-26s %7zu allocations, %6u of them failed, %u survived, %u failures\n", c->name, all, runs - 1, survivors,
           failures);
    fflush(stdout);
    release(&usual);
    return failures;
}

/* --- the files ------------------------------------------------------------------------------------------------------
 */

static void write_npy(const char *path, const char *shape, unsigned count) {
    char header[128];
    FILE *f = fopen(path, "wb");
    if (!f) die(path);
    int n = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }\n", shape);
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc(n, f);
    fputc(0, f);
    fwrite(header, 1, (size_t)n, f);
    for (unsigned i = 0; i < count; i++) fwrite(&(float){(float)(i % 7) - 3}, sizeof(float), 1, f);
    if (fclose(f)) die(path);
}

static const char ir_text[] = "wfc.ir 1\n"
                              "graph @g {\n"
                              "  input %x : f32[1,2,3]\n"
                              "  const %c : f32[1,1,3] = {-0,1,nan}\n"
                              "  %a = concat(%x, %c) {axis=1} : f32[1,3,3] loc(\"a\")\n"
                              "  %b = concat(%c, %a, %x) {axis=1} : f32[1,6,3] loc(\"b\")\n"
                              "  output %b\n"
                              "}\n";

/* Convolution, pooling, a skip, a dense layer and softmax: adapters, multicast, kernels of most kinds. */
static void write_models(void) {
    enum { FLOAT = 1 };
    static float w[2 * 9], v[32 * 3];
    for (unsigned i = 0; i < sizeof w / sizeof *w; i++) w[i] = (float)(i % 5) / 8 - 0.25f;
    for (unsigned i = 0; i < sizeof v / sizeof *v; i++) v[i] = (float)(i % 9) / 16 - 0.25f;
    static const int64_t flat[] = {1, 32};
    mb *m = mb_new(13);
    mb_input(m, "x", FLOAT, "1,1,8,8");
    mb_output(m, "y", FLOAT, "1,3");
    mb_floats(m, "w", "2,1,3,3", w);
    mb_floats(m, "v", "32,3", v);
    mb_ints(m, "flat", "2", flat);
    mb_attr_ints(m, mb_node(m, "Conv", "conv", "x w", "c"), "pads", "1,1,1,1");
    mb_node(m, "Relu", "relu", "c", "r");
    mb_node(m, "Add", "skip", "r x", "s");
    Onnx__NodeProto *pool = mb_node(m, "MaxPool", "pool", "s", "p");
    mb_attr_ints(m, pool, "kernel_shape", "2,2");
    mb_attr_ints(m, pool, "strides", "2,2");
    mb_node(m, "Reshape", "reshape", "p flat", "f");
    mb_node(m, "MatMul", "dense", "f v", "d");
    mb_node(m, "Softmax", "softmax", "d", "y");
    mb_write(m, "model.onnx");
    mb_free(m);
    m = mb_new(13);
    mb_input(m, "x", FLOAT, "1,4");
    mb_output(m, "y", FLOAT, "1,3");
    mb_floats(m, "w", "4,3", w);
    mb_node(m, "MatMul", "dense", "x w", "h");
    mb_node(m, "Tanh", "tanh", "h", "y");
    mb_write(m, "tiny.onnx");
    mb_free(m);
    FILE *f = fopen("net.wir", "w");
    if (!f || fputs(ir_text, f) < 0 || fclose(f)) die("net.wir");
    f = fopen("recipe.yaml", "w");
    if (!f || fputs("sparsity: {init_method: lamp, sparsity: .5, ignore: conv}\n", f) < 0 || fclose(f))
        die("recipe.yaml");
    write_npy("x.npy", "1, 1, 8, 8", 64);
    write_npy("x4.npy", "1, 4", 4);
}

static void remove_all(const char *folder) {
    const char *const inside[] = {"in", "out", "."};
    for (unsigned i = 0; i < 3; i++) {
        DIR *dir = opendir(inside[i]);
        char path[300];
        for (struct dirent *e; dir && (e = readdir(dir));) {
            snprintf(path, sizeof path, "%s/%.200s", inside[i], e->d_name);
            if (e->d_name[0] != '.') remove(path); /* the folders are empty by now */
        }
        if (dir) closedir(dir);
    }
    if (chdir("/") || rmdir(folder)) fprintf(stderr, "alloc_faults: %s stays behind\n", folder);
}

int main(int argc, char **argv) {
    unsigned step = 0, failures = 0, ran = 0;
    size_t at = 0;
    const char *only = "";
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--step") && i + 1 < argc)
            step = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--at") && i + 1 < argc)
            at = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            only = argv[++i];
        else
            return fprintf(stderr, "usage: alloc_faults [--step PERCENT] [--only TEXT] [--at N]\n"), 2;
    }
    char folder[] = "/tmp/waferc-alloc-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) || mkdir("in", 0700) || mkdir("out", 0700)) die(folder);
    write_models();
    for (unsigned i = 0; i < NUM_COMMANDS; i++) {
        bool chosen = strstr(commands[i].name, only) != NULL;
        if (chosen) {
            failures += run_command(&commands[i], step, at);
            ran++;
        } else if (commands[i].keeps) { /* others read what it makes */
            run(commands[i].line, 0);
            files f = take_files(true);
            release(&f);
        }
    }
    remove_all(folder);
    return failures || !ran;
}
