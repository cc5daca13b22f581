/* A runtime that leans on the compiler: the layer test must find it. */
#include "ir/graph.h"

wfc_status wfc_rt_leak(const wfc_graph *g, wfc_diag *diag);
wfc_status wfc_rt_leak(const wfc_graph *g, wfc_diag *diag) {
    return wfc_ir_verify(g, diag);
}
