/* The operators, one record each, defined in the family files of this folder and gathered by ops_table.c. */
#ifndef WFC_FRONTEND_OPS_OPS_H
#define WFC_FRONTEND_OPS_OPS_H

#include "frontend/convert.h"

/* X(record suffix), sorted by the operator's name. */
#define WFC_FE_OPS(X)                                                                                                  \
    X(abs)                                                                                                             \
    X(acos)                                                                                                            \
    X(acosh)                                                                                                           \
    X(add)                                                                                                             \
    X(and)                                                                                                             \
    X(argmax)                                                                                                          \
    X(argmin)                                                                                                          \
    X(asin)                                                                                                            \
    X(asinh)                                                                                                           \
    X(atan)                                                                                                            \
    X(atanh)                                                                                                           \
    X(averagepool)                                                                                                     \
    X(batchnorm)                                                                                                       \
    X(bit_shift)                                                                                                       \
    X(cast)                                                                                                            \
    X(ceil)                                                                                                            \
    X(celu)                                                                                                            \
    X(clip)                                                                                                            \
    X(concat)                                                                                                          \
    X(constant)                                                                                                        \
    X(constant_of_shape)                                                                                               \
    X(conv)                                                                                                            \
    X(cos)                                                                                                             \
    X(cosh)                                                                                                            \
    X(depth_to_space)                                                                                                  \
    X(div)                                                                                                             \
    X(dropout)                                                                                                         \
    X(elu)                                                                                                             \
    X(equal)                                                                                                           \
    X(erf)                                                                                                             \
    X(exp)                                                                                                             \
    X(expand)                                                                                                          \
    X(flatten)                                                                                                         \
    X(floor)                                                                                                           \
    X(gather)                                                                                                          \
    X(gather_elements)                                                                                                 \
    X(gather_nd)                                                                                                       \
    X(gelu)                                                                                                            \
    X(gemm)                                                                                                            \
    X(globalaveragepool)                                                                                               \
    X(globalmaxpool)                                                                                                   \
    X(greater)                                                                                                         \
    X(greater_or_equal)                                                                                                \
    X(hardsigmoid)                                                                                                     \
    X(hardswish)                                                                                                       \
    X(hardmax)                                                                                                         \
    X(identity)                                                                                                        \
    X(isinf)                                                                                                           \
    X(isnan)                                                                                                           \
    X(leaky_relu)                                                                                                      \
    X(less)                                                                                                            \
    X(less_or_equal)                                                                                                   \
    X(log)                                                                                                             \
    X(log_softmax)                                                                                                     \
    X(matmul)                                                                                                          \
    X(max)                                                                                                             \
    X(maxpool)                                                                                                         \
    X(mean)                                                                                                            \
    X(min)                                                                                                             \
    X(mish)                                                                                                            \
    X(mod)                                                                                                             \
    X(mul)                                                                                                             \
    X(neg)                                                                                                             \
    X(not )                                                                                                            \
    X(one_hot)                                                                                                         \
    X(or)                                                                                                              \
    X(prelu)                                                                                                           \
    X(pad)                                                                                                             \
    X(pow)                                                                                                             \
    X(range)                                                                                                           \
    X(reciprocal)                                                                                                      \
    X(reduce_l1)                                                                                                       \
    X(reduce_l2)                                                                                                       \
    X(reduce_log_sum)                                                                                                  \
    X(reduce_log_sum_exp)                                                                                              \
    X(reduce_max)                                                                                                      \
    X(reduce_mean)                                                                                                     \
    X(reduce_min)                                                                                                      \
    X(reduce_prod)                                                                                                     \
    X(reduce_sum)                                                                                                      \
    X(reduce_sum_square)                                                                                               \
    X(relu)                                                                                                            \
    X(reshape)                                                                                                         \
    X(round)                                                                                                           \
    X(scatter)                                                                                                         \
    X(scatter_elements)                                                                                                \
    X(scatter_nd)                                                                                                      \
    X(selu)                                                                                                            \
    X(shape)                                                                                                           \
    X(shrink)                                                                                                          \
    X(sigmoid)                                                                                                         \
    X(sign)                                                                                                            \
    X(sin)                                                                                                             \
    X(sinh)                                                                                                            \
    X(slice)                                                                                                           \
    X(softmax)                                                                                                         \
    X(softplus)                                                                                                        \
    X(softsign)                                                                                                        \
    X(space_to_depth)                                                                                                  \
    X(split)                                                                                                           \
    X(sqrt)                                                                                                            \
    X(squeeze)                                                                                                         \
    X(sub)                                                                                                             \
    X(sum)                                                                                                             \
    X(tan)                                                                                                             \
    X(tanh)                                                                                                            \
    X(thresholded_relu)                                                                                                \
    X(tile)                                                                                                            \
    X(transpose)                                                                                                       \
    X(unsqueeze)                                                                                                       \
    X(where)                                                                                                           \
    X(xor)

#define WFC_FE_DECLARE(suffix) extern const wfc_fe_op wfc_fe_op_##suffix;
WFC_FE_OPS(WFC_FE_DECLARE)
#undef WFC_FE_DECLARE

#endif
