#include "support/status.h"

int wfc_status_exit_code(wfc_status s) {
    switch (s) {
    case WFC_OK: return 0;
    case WFC_ERR_INPUT: return 2;
    case WFC_ERR_UNSUPPORTED: return 3;
    case WFC_ERR_NO_FIT: return 4;
    case WFC_ERR_STOPPED: return 5;
    case WFC_ERR_INTERNAL: return 70;
    case WFC_ERR_IO: return 74;
    case WFC_ERR_NO_MEMORY: return 74;
    case WFC_ERR_COMPARE: return 1;
    }
    return 70; /* a value outside the enum can only come from a bug of ours */
}

const char *wfc_status_name(wfc_status s) {
    switch (s) {
    case WFC_OK: return "ok";
    case WFC_ERR_INPUT: return "bad input";
    case WFC_ERR_UNSUPPORTED: return "not supported";
    case WFC_ERR_NO_FIT: return "does not fit the target";
    case WFC_ERR_STOPPED: return "program stopped";
    case WFC_ERR_INTERNAL: return "internal error";
    case WFC_ERR_IO: return "input/output error";
    case WFC_ERR_NO_MEMORY: return "out of memory";
    case WFC_ERR_COMPARE: return "outputs differ";
    }
    return "unknown status";
}
