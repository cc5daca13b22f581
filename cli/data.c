#include "cli/data.h"

#include "frontend/import.h"
#include "support/mem.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void cli_data_deinit(cli_data *d) {
    for (uint32_t i = 0; i < d->count; i++) {
        wfc_tensor_list_deinit(&d->inputs[i]);
        wfc_tensor_list_deinit(&d->outputs[i]);
    }
    wfc_free(d->inputs);
    wfc_free(d->outputs);
    *d = (cli_data){0};
}

wfc_status cli_data_add(cli_context *c, cli_data *d) {
    if (d->count == d->capacity) {
        uint32_t capacity = d->capacity ? 2 * d->capacity : 16;
        wfc_tensor_list *in = wfc_realloc(d->inputs, capacity, sizeof *in);
        if (in) d->inputs = in;
        wfc_tensor_list *out = in ? wfc_realloc(d->outputs, capacity, sizeof *out) : NULL;
        if (!out) return wfc_fail_memory(&c->diag);
        d->outputs = out;
        d->capacity = capacity;
    }
    d->inputs[d->count] = d->outputs[d->count] = (wfc_tensor_list){0};
    d->count++;
    return WFC_OK;
}

/* The number K of a name PREFIX K SUFFIX, or -1. Leading zeros are no number of ours. */
static long number_in(const char *name, const char *prefix, const char *suffix) {
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || name[n] < '0' || name[n] > '9' ||
        (name[n] == '0' && name[n + 1] >= '0' && name[n + 1] <= '9'))
        return -1;
    char *end;
    errno = 0;
    long k = strtol(name + n, &end, 10);
    return errno || strcmp(end, suffix) != 0 ? -1 : k;
}

typedef struct numbers {
    long *data;
    size_t count, capacity;
} numbers;

static int ascending(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

/* All K with an entry PREFIX K SUFFIX in the folder, ascending. */
static wfc_status list_numbers(cli_context *c, const char *folder, const char *prefix, const char *suffix,
                               numbers *out) {
    *out = (numbers){0};
    DIR *dir = opendir(folder);
    if (!dir)
        return wfc_fail(&c->diag, errno == ENOTDIR ? WFC_ERR_INPUT : WFC_ERR_IO, "WFC-E0013", folder,
                        "cannot open the folder: %s; give a test_data_set folder, or the parent of several",
                        strerror(errno));
    wfc_status s = WFC_OK;
    for (struct dirent *e; s == WFC_OK && (e = readdir(dir));) {
        long k = number_in(e->d_name, prefix, suffix);
        if (k >= 0 && wfc_vec_push(out, k) != WFC_OK) s = wfc_fail_memory(&c->diag);
    }
    closedir(dir);
    if (s != WFC_OK) wfc_vec_free(out);
    if (out->count) qsort(out->data, out->count, sizeof *out->data, ascending);
    return s;
}

/* A data set has a tensor for every input of the model; the program may have fewer (shapes that became constants). */
static void keep_known(const wfc_prog_tensor *tensors, uint32_t count, wfc_tensor_list *list) {
    for (uint32_t i = 0; i < count; i++)
        if (wfc_tensor_list_find(list, tensors[i].name) < 0) return;
    size_t kept = 0;
    for (size_t k = 0; k < list->count; k++) {
        bool known = false;
        for (uint32_t i = 0; i < count; i++) known |= strcmp(list->data[k].name, tensors[i].name) == 0;
        if (known) {
            list->data[kept++] = list->data[k];
            continue;
        }
        wfc_free(list->data[k].name);
        wfc_tensor_deinit(&list->data[k].tensor);
    }
    list->count = kept;
}

/* Gives the tensors the program's names where their own are not those. */
static wfc_status use_program_names(cli_context *c, const char *folder, const char *kind,
                                    const wfc_prog_tensor *tensors, uint32_t count, wfc_tensor_list *list) {
    if (list->count > count && strcmp(kind, "input") == 0) keep_known(tensors, count, list);
    bool known = list->count == count;
    for (uint32_t i = 0; known && i < count; i++) known = wfc_tensor_list_find(list, tensors[i].name) >= 0;
    if (known) return WFC_OK;
    if (list->count != count)
        return wfc_fail(&c->diag, WFC_ERR_INPUT, "WFC-E0014", folder,
                        "found %zu files %s_K.pb, expected %u: one for each %s of the program", list->count, kind,
                        count, kind);
    for (uint32_t i = 0; i < count; i++) {
        char *name = wfc_strdup(tensors[i].name);
        if (!name) return wfc_fail_memory(&c->diag);
        wfc_free(list->data[i].name);
        list->data[i].name = name;
    }
    return WFC_OK;
}

/* KIND_0.pb, KIND_1.pb, ... without gaps. */
static wfc_status load_files(cli_context *c, const char *folder, const char *kind, const wfc_prog_tensor *tensors,
                             uint32_t count, wfc_tensor_list *out) {
    numbers found;
    char prefix[16];
    strcpy(prefix, kind);
    strcat(prefix, "_");
    wfc_status s = list_numbers(c, folder, prefix, ".pb", &found);
    for (size_t i = 0; i < found.count && s == WFC_OK; i++) {
        if (found.data[i] != (long)i) {
            s = wfc_fail(&c->diag, WFC_ERR_INPUT, "WFC-E0014", folder, "%s_%zu.pb is missing", kind, i);
            break;
        }
        char *path = wfc_asprintf("%s/%s%ld.pb", folder, prefix, found.data[i]), *name = NULL;
        wfc_tensor tensor = {0};
        s = path ? wfc_import_tensor_file(path, &c->diag, &name, &tensor) : wfc_fail_memory(&c->diag);
        if (s == WFC_OK) s = wfc_tensor_list_take(out, name, &tensor, &c->diag);
        wfc_free(name);
        wfc_free(path);
    }
    bool none = found.count == 0;
    wfc_vec_free(&found);
    WFC_TRY(s);
    return none ? WFC_OK : use_program_names(c, folder, kind, tensors, count, out);
}

static wfc_status load_set(cli_context *c, const char *folder, const wfc_program *p, cli_data *d) {
    WFC_TRY(cli_data_add(c, d));
    wfc_tensor_list *in = &d->inputs[d->count - 1], *out = &d->outputs[d->count - 1];
    WFC_TRY(load_files(c, folder, "input", p->inputs, p->input_count, in));
    if (in->count == 0)
        return wfc_fail(&c->diag, WFC_ERR_INPUT, "WFC-E0014", folder,
                        "holds no input_0.pb; give a test_data_set folder");
    return load_files(c, folder, "output", p->outputs, p->output_count, out);
}

wfc_status cli_data_load(cli_context *c, const char *folder, const wfc_program *p, cli_data *out) {
    numbers inputs, sets;
    WFC_TRY(list_numbers(c, folder, "input_", ".pb", &inputs));
    bool is_set = inputs.count > 0;
    wfc_vec_free(&inputs);
    if (is_set) return load_set(c, folder, p, out);
    wfc_status s = list_numbers(c, folder, "test_data_set_", "", &sets);
    if (s == WFC_OK && sets.count == 0)
        s = wfc_fail(&c->diag, WFC_ERR_INPUT, "WFC-E0014", folder,
                     "holds neither input_0.pb nor folders test_data_set_0, test_data_set_1, ...");
    for (size_t i = 0; i < sets.count && s == WFC_OK; i++) {
        char *path = wfc_asprintf("%s/test_data_set_%ld", folder, sets.data[i]);
        s = path ? load_set(c, path, p, out) : wfc_fail_memory(&c->diag);
        wfc_free(path);
    }
    wfc_vec_free(&sets);
    return s;
}
