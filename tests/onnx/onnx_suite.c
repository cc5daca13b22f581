/* Runs ONNX's backend test cases through the whole compiler and the simulator, against a manifest.
 *
 *   onnx_suite DATA_FOLDER MANIFEST [--list] [--shard K/N] [CASE]
 *
 * DATA_FOLDER holds node/, simple/, ... of libonnx-testdata. The manifest has a line "KIND/CASE VERDICT [reason]" for
 * every case, the verdicts those of onnx_case.h; the reason must be part of the message. An unexpected pass fails as
 * much as an unexpected refusal; so does a case without its line or a line without its case. --list prints lines for
 * the manifest instead of judging; --shard takes every Nth case only. Each case runs in a process of its own: a crash
 * or a hang is a verdict. */
#include "onnx_case.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CASES = 2048, CASE_SECONDS = 120, WHY_BYTES = 4096 };

typedef struct test_case {
    char name[160];
    char expected[16], reason[256]; /* from the manifest; "" when not named there */
    bool on_disk;
} test_case;

static test_case cases[MAX_CASES];
static size_t case_count;

static test_case *find_case(const char *name) {
    for (size_t i = 0; i < case_count; i++)
        if (!strcmp(cases[i].name, name)) return &cases[i];
    if (case_count == MAX_CASES) exit(2);
    snprintf(cases[case_count].name, sizeof cases[0].name, "%.159s", name);
    return &cases[case_count++];
}

static void read_manifest(const char *path) {
    FILE *f = fopen(path, "r");
    char line[512], name[160], verdict[16];
    if (!f) {
        perror(path);
        exit(2);
    }
    while (fgets(line, sizeof line, f)) {
        int at = 0;
        line[strcspn(line, "\n")] = 0;
        if (!*line || *line == '#') continue;
        if (sscanf(line, "%159s %15s %n", name, verdict, &at) < 2) {
            fprintf(stderr, "%s: cannot read '%s'\n", path, line);
            exit(2);
        }
        test_case *c = find_case(name);
        snprintf(c->expected, sizeof c->expected, "%s", verdict);
        snprintf(c->reason, sizeof c->reason, "%s", line + at);
    }
    fclose(f);
}

static void find_on_disk(const char *root) {
    static const char *const kinds[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        char path[512], name[1024];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", root, kinds[k]);
        DIR *dir = opendir(path);
        for (struct dirent *e; dir && (e = readdir(dir));) {
            snprintf(name, sizeof name, "%s/%s/model.onnx", path, e->d_name);
            if (strncmp(e->d_name, "test_", 5) != 0 || stat(name, &st) != 0) continue;
            snprintf(name, sizeof name, "%s/%s", kinds[k], e->d_name);
            find_case(name)->on_disk = true;
        }
        if (dir) closedir(dir);
    }
}

/* --- one case ---------------------------------------------------------------------------------------------------- */

/* The verdict comes back through a pipe: its name, a blank, why. */
static void run_child(const char *root, const char *name, const wfc_target *target, int fd) {
    static char why[WHY_BYTES], line[WHY_BYTES + 32];
    char folder[512];
    snprintf(folder, sizeof folder, "%.300s/%.200s", root, name);
    alarm(CASE_SECONDS);
    onnx_verdict v = onnx_case_run(folder, target, why, sizeof why);
    int n = snprintf(line, sizeof line, "%s %s", onnx_verdict_names[v], why);
    _exit(write(fd, line, (size_t)n) == n ? 0 : 1);
}

/* "executed", "folded", ...; "crash" when the process did not end well. */
static void run_case(const char *root, const char *name, const wfc_target *target, char *verdict, char *why) {
    static char line[WHY_BYTES + 32];
    int ends[2], status = 0;
    size_t n = 0;
    fflush(stdout);
    strcpy(verdict, "crash");
    if (pipe(ends) != 0) exit(2);
    pid_t pid = fork();
    if (pid < 0) exit(2);
    if (pid == 0) {
        close(ends[0]);
        run_child(root, name, target, ends[1]);
    }
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], line + n, sizeof line - 1 - n)) > 0;) n += (size_t)got;
    close(ends[0]);
    waitpid(pid, &status, 0);
    line[n] = 0;
    snprintf(why, WHY_BYTES, "the process ended with status %d", status);
    if (status != 0) return;
    char *blank = strchr(line, ' ');
    if (!blank) return;
    *blank = 0;
    snprintf(verdict, 16, "%.15s", line);
    snprintf(why, WHY_BYTES, "%s", blank + 1);
}

/* The part of a message that the manifest keeps: of a list of refusals the first line, without the node's name (which
 * is the case's own affair), else the message's first line. */
static void short_reason(char *why) {
    char *start = strchr(why, '\n');
    if (start) {
        while (*start == '\n' || *start == ' ') start++;
        char *domain = strstr(start, " (domain "), *op = domain;
        while (op && op > start && op[-1] != ' ') op--;
        memmove(why, op ? op : start, strlen(op ? op : start) + 1);
    }
    why[strcspn(why, "\n")] = 0;
    if (strlen(why) > 200) why[200] = 0;
}

static bool judge(const test_case *c, const char *verdict, const char *why) {
    if (!c->on_disk || !*c->expected) {
        printf("FAIL %s: %s\n", c->name,
               c->on_disk ? "the manifest does not name it" : "named in the manifest, but there is no such case");
        return false;
    }
    bool ok = !strcmp(verdict, c->expected) && strstr(why, c->reason);
    if (!ok) printf("FAIL %s: %s, expected %s %s\n    %s\n", c->name, verdict, c->expected, c->reason, why);
    return ok;
}

typedef struct options {
    bool list;
    unsigned shard, shards;
    const char *only;
} options;

static bool read_options(int argc, char **argv, options *o) {
    *o = (options){.shards = 1};
    for (int i = 3; i < argc; i++) {
        if (!strcmp(argv[i], "--list"))
            o->list = true;
        else if (!strcmp(argv[i], "--shard") && i + 1 < argc) {
            if (sscanf(argv[++i], "%u/%u", &o->shard, &o->shards) != 2 || o->shard >= o->shards) return false;
        } else
            o->only = argv[i];
    }
    return argc >= 3;
}

int main(int argc, char **argv) {
    static char why[WHY_BYTES];
    options o;
    wfc_target target;
    size_t failed = 0, ran = 0, counts[ONNX_VERDICTS] = {0};
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: %s DATA_FOLDER MANIFEST [--list] [--shard K/N] [CASE]\n", argv[0]);
        return 2;
    }
    if (wfc_target_load("lab", NULL, &target) != WFC_OK) return 2;
    read_manifest(argv[2]);
    find_on_disk(argv[1]);
    for (size_t i = 0; i < case_count; i++) {
        char verdict[16] = "missing";
        if (o.only ? strcmp(o.only, cases[i].name) != 0 : i % o.shards != o.shard) continue;
        why[0] = 0;
        if (cases[i].on_disk) run_case(argv[1], cases[i].name, &target, verdict, why);
        if (o.list) {
            short_reason(why);
            printf("%s %s%s%s\n", cases[i].name, verdict, *why ? " " : "", why);
        }
        if (!o.list) failed += !judge(&cases[i], verdict, why);
        for (unsigned v = 0; v < ONNX_VERDICTS; v++) counts[v] += !strcmp(verdict, onnx_verdict_names[v]);
        ran++;
    }
    printf("%zu cases: %zu executed and right, %zu folded and right, %zu refused, %zu against the manifest\n", ran,
           counts[ONNX_EXECUTED], counts[ONNX_FOLDED], counts[ONNX_REFUSED], failed);
    wfc_target_deinit(&target);
    /* No case found means no test data: that is a failure, not a success. */
    return failed || ran == 0 || (!o.list && !o.only && counts[ONNX_EXECUTED] == 0) ? 1 : 0;
}
