/* Status codes: what every function that can fail returns.
 *
 * 0 is success. The detail (where, found, expected, what to do) goes to a diagnostic list, see diag.h.
 * The values are grouped by the exit code of the command line, so a shell maps them with one function. */
#ifndef WFC_SUPPORT_STATUS_H
#define WFC_SUPPORT_STATUS_H

#if defined(__GNUC__)
#define WFC_MUST_USE __attribute__((warn_unused_result))
#define WFC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WFC_MUST_USE
#define WFC_PRINTF(fmt, args)
#endif

typedef enum wfc_status_code {
    WFC_OK = 0,
    WFC_ERR_INPUT,       /* bad usage or bad input file            exit 2 */
    WFC_ERR_UNSUPPORTED, /* model asks for what we cannot compile  exit 3 */
    WFC_ERR_NO_FIT,      /* does not fit the target                exit 4 */
    WFC_ERR_STOPPED,     /* program stopped: deadlock, trap, limit exit 5 */
    WFC_ERR_INTERNAL,    /* our own bug                            exit 70 */
    WFC_ERR_IO,          /* reading or writing failed              exit 74 */
    WFC_ERR_NO_MEMORY,   /* the host is out of memory              exit 74 */
    WFC_ERR_COMPARE      /* outputs differ from the reference      exit 1 */
} wfc_status;

/* Exit code of the command line for a status (0, 1, 2, 3, 4, 5, 70, 74). */
int wfc_status_exit_code(wfc_status s);
/* Short lower-case English name, never NULL. */
const char *wfc_status_name(wfc_status s);

/* Returns the status of `expr` from the enclosing function unless it is WFC_OK. */
#define WFC_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        wfc_status wfc_try_status_ = (expr);                                                                           \
        if (wfc_try_status_ != WFC_OK) return wfc_try_status_;                                                         \
    } while (0)

#endif
