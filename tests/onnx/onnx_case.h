/* One of ONNX's backend test cases through the whole compiler: import, reference evaluator, passes, backend, simulator,
 * comparison with the recorded outputs. */
#ifndef WFC_TESTS_ONNX_ONNX_CASE_H
#define WFC_TESTS_ONNX_ONNX_CASE_H

#include "runtime/program/target.h"
#include <stddef.h>

/* What became of a case.
 * executed: compiled, simulated, outputs right and every one of them made of data injected at an edge.
 * folded: outputs right, all constants; there is nothing for a PE to do.
 * refused: refused as not supported, by the import or by the backend.
 * wrong: a wrong answer. error: ended in another way (an invalid model, a trap, a deadlock, does not fit). */
typedef enum onnx_verdict {
    ONNX_EXECUTED = 0,
    ONNX_FOLDED,
    ONNX_REFUSED,
    ONNX_WRONG,
    ONNX_ERROR,
    ONNX_VERDICTS
} onnx_verdict;
extern const char *const onnx_verdict_names[ONNX_VERDICTS];

/* Runs the case in `folder` (model.onnx, test_data_set_0/). `why` gets the message that explains the verdict. */
onnx_verdict onnx_case_run(const char *folder, const wfc_target *target, char *why, size_t size);

#endif
