/* The operators, one record each, defined in the family files of this folder and gathered by ops_table.c. */
#ifndef WFC_FRONTEND_OPS_OPS_H
#define WFC_FRONTEND_OPS_OPS_H

#include "frontend/convert.h"

/* X(record suffix), sorted by the operator's name. */
#define WFC_FE_OPS(X)                                                                                                  \
    X(add)                                                                                                             \
    X(averagepool)                                                                                                     \
    X(batchnorm)                                                                                                       \
    X(cast)                                                                                                            \
    X(clip)                                                                                                            \
    X(concat)                                                                                                          \
    X(constant)                                                                                                        \
    X(constant_of_shape)                                                                                               \
    X(conv)                                                                                                            \
    X(div)                                                                                                             \
    X(dropout)                                                                                                         \
    X(expand)                                                                                                          \
    X(flatten)                                                                                                         \
    X(gather)                                                                                                          \
    X(gemm)                                                                                                            \
    X(globalaveragepool)                                                                                               \
    X(globalmaxpool)                                                                                                   \
    X(hardsigmoid)                                                                                                     \
    X(hardswish)                                                                                                       \
    X(identity)                                                                                                        \
    X(matmul)                                                                                                          \
    X(maxpool)                                                                                                         \
    X(mul)                                                                                                             \
    X(neg)                                                                                                             \
    X(pad)                                                                                                             \
    X(range)                                                                                                           \
    X(reduce_max)                                                                                                      \
    X(reduce_mean)                                                                                                     \
    X(reduce_min)                                                                                                      \
    X(reduce_prod)                                                                                                     \
    X(reduce_sum)                                                                                                      \
    X(relu)                                                                                                            \
    X(reshape)                                                                                                         \
    X(shape)                                                                                                           \
    X(sigmoid)                                                                                                         \
    X(slice)                                                                                                           \
    X(softmax)                                                                                                         \
    X(squeeze)                                                                                                         \
    X(sub)                                                                                                             \
    X(tanh)                                                                                                            \
    X(transpose)                                                                                                       \
    X(unsqueeze)

#define WFC_FE_DECLARE(suffix) extern const wfc_fe_op wfc_fe_op_##suffix;
WFC_FE_OPS(WFC_FE_DECLARE)
#undef WFC_FE_DECLARE

#endif
