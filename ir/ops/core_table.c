/* The core ops, one record each. */
#include "ir/op.h"

static const wfc_core_record *const table[WFC_CORE_COUNT] = {
    [WFC_CORE_INPUT] = &wfc_core_input,   [WFC_CORE_CONST] = &wfc_core_const,
    [WFC_CORE_MAP] = &wfc_core_map,       [WFC_CORE_VIEW] = &wfc_core_view,
    [WFC_CORE_CONCAT] = &wfc_core_concat, [WFC_CORE_CONTRACT] = &wfc_core_contract,
    [WFC_CORE_REDUCE] = &wfc_core_reduce,
};

const wfc_core_record *wfc_core_lookup(unsigned op) {
    return op < WFC_CORE_COUNT ? table[op] : NULL;
}
