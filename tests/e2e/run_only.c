/* run_only PROGRAM.wafer IN.npz OUT.npz: runs a program with the runtime's libraries and nothing else. That it links
 * shows that the runtime needs no compiler; that its outputs are `waferc run`'s shows that it is all there is to a run.
 * Exit 0; 2 otherwise. */
#include "runtime/host/run.h"

#include <stdio.h>

static wfc_status run(char **argv, wfc_diag *diag) {
    wfc_program p;
    wfc_tensor_list set = {0};
    wfc_host_run r = {0};
    const wfc_host_options opt = {0};
    wfc_program_init(&p);
    wfc_status s = wfc_program_read(argv[1], diag, &p);
    if (s == WFC_OK) s = wfc_npz_read(argv[2], (size_t)1 << 28, diag, &set);
    if (s == WFC_OK) s = wfc_host_execute(&p, &set, 1, &opt, diag, &r);
    if (s == WFC_OK) s = wfc_npz_write(argv[3], &r.outputs, diag);
    wfc_host_run_deinit(&r);
    wfc_tensor_list_deinit(&set);
    wfc_program_deinit(&p);
    return s;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: run_only PROGRAM.wafer IN.npz OUT.npz\n");
        return 2;
    }
    wfc_diag diag;
    wfc_diag_init(&diag);
    wfc_status s = run(argv, &diag);
    for (size_t i = 0; i < diag.count; i++)
        fprintf(stderr, "run_only: %s: %s: %s\n", diag.items[i].code, diag.items[i].where, diag.items[i].text);
    wfc_diag_deinit(&diag);
    return s == WFC_OK ? 0 : 2;
}
