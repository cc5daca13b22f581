/* The table of operators behind the import and behind `waferc ops`. */
#include "frontend/convert.h"
#include "ops_list.h" /* generated: WFC_FE_OPS(X) */
#include <limits.h>
#include <string.h>
#include <threads.h>

#define DECLARE(suffix) extern const wfc_fe_op wfc_fe_op_##suffix;
WFC_FE_OPS(DECLARE)
#define POINTER(suffix) &wfc_fe_op_##suffix,
static const wfc_fe_op *const table[] = {WFC_FE_OPS(POINTER)};
enum { NUM_OPS = sizeof table / sizeof table[0] };

/* Sorted by name (a test checks it). Many hostile nodes may ask: binary search. */
const wfc_fe_op *wfc_fe_find_op(const char *domain, const char *name) {
    unsigned lo = 0, hi = NUM_OPS;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        int d = strcmp(table[mid]->info.name, name);
        if (d == 0) return strcmp(table[mid]->info.domain, domain) == 0 ? table[mid] : NULL;
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const char *wfc_fe_types_text(uint8_t types) {
    static const char *const texts[] = {"floats", "floats",          "integers",          "numbers",
                                        "bool",   "floats and bool", "integers and bool", "any type"};
    return texts[types & WFC_FE_ANY];
}

static wfc_op_info infos[NUM_OPS];
static void fill_infos(void) {
    for (unsigned i = 0; i < NUM_OPS; i++) {
        const wfc_fe_op *op = table[i];
        infos[i] = (wfc_op_info){
            .domain = op->info.domain,
            .name = op->info.name,
            .since = op->info.since,
            .until = op->info.until,
            .types = wfc_fe_types_text(op->types),
            .folds = !(op->types & WFC_FE_NOT_FOLDED),
            .constants = op->static_inputs,
            .min_in = op->min_in,
            .max_in = op->max_in == WFC_FE_VARIADIC ? UINT_MAX : op->max_in,
            .max_out = op->max_out == WFC_FE_VARIADIC ? UINT_MAX : op->max_out,
            .attributes = op->attributes,
            .restrictions = op->info.restrictions,
        };
    }
}

const wfc_op_info *wfc_import_ops(uint32_t *out_count) {
    static once_flag once = ONCE_FLAG_INIT;
    call_once(&once, fill_infos);
    *out_count = NUM_OPS;
    return infos;
}
