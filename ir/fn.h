/* The scalar functions of map expressions, as one table (fn.c): name, arity, evaluation. Text names as here in lower
 * case. */
#ifndef WFC_IR_FN_H
#define WFC_IR_FN_H

#include "ir/graph.h"

typedef enum wfc_fn {
    WFC_FN_ARG = 0,
    WFC_FN_CONST,
    WFC_FN_INDEX, /* operand, constant, coordinate along an axis */
    WFC_FN_ADD,
    WFC_FN_SUB,
    WFC_FN_MUL,
    WFC_FN_DIV,
    WFC_FN_MIN,
    WFC_FN_MAX,
    WFC_FN_POW,
    WFC_FN_NEG,
    WFC_FN_ABS,
    WFC_FN_SQRT,
    WFC_FN_RECIP,
    WFC_FN_EXP,
    WFC_FN_LOG,
    WFC_FN_TANH,
    WFC_FN_SIGMOID,
    WFC_FN_ERF,
    WFC_FN_FLOOR,
    WFC_FN_CEIL,
    WFC_FN_ROUND,
    WFC_FN_EQ,
    WFC_FN_LT,
    WFC_FN_LE,
    WFC_FN_NOT,
    WFC_FN_AND,
    WFC_FN_OR,
    WFC_FN_SELECT,
    WFC_FN_CAST, /* to the map's dtype */
    WFC_FN_COUNT
} wfc_fn;

typedef struct wfc_fn_record {
    uint8_t fn;
    const char *name;
    uint8_t arity;
    double (*eval)(double a, double b, double c);         /* NULL for the leaves */
    int64_t (*eval_int)(int64_t a, int64_t b, int64_t c); /* exact on integers, wraps; NULL: floats only */
} wfc_fn_record;
const wfc_fn_record *wfc_fn_lookup(unsigned fn);
const wfc_fn_record *wfc_fn_find(const char *name);

#endif
