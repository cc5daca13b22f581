/* What the tests of the import say of the model in `rig`, an fe_rig that each file has as its own. */
#ifndef WFC_TESTS_OPS_FE_EXPECT_H
#define WFC_TESTS_OPS_FE_EXPECT_H

#include "fe_rig.h"
#include <check.h>
#include <string.h>

#define IMPORT_OK() IMPORT_OK_WITH(NULL)
#define IMPORT_OK_WITH(options) ck_assert_msg(fe_rig_import(&rig, (options)) == WFC_OK, "%s", fe_rig_message(&rig))
/* Refused with that status, and a message that holds `part`. */
#define IMPORT_FAILS(status, part)                                                                                     \
    do {                                                                                                               \
        ck_assert_int_eq(fe_rig_import(&rig, NULL), (status));                                                         \
        ck_assert_msg(strstr(fe_rig_message(&rig), (part)) != NULL, "%s", fe_rig_message(&rig));                       \
    } while (0)
/* Evaluated on an array of floats, output 0 is the floats that follow. */
#define EXPECT(input, ...)                                                                                             \
    do {                                                                                                               \
        const float expected_[] = {__VA_ARGS__};                                                                       \
        fe_rig_expect(&rig, (input), sizeof(input) / sizeof(float), expected_, sizeof expected_);                      \
    } while (0)

#endif
