/* Named host tensors and the file formats that hold them: .npy (one array) and .npz (a zip of them).
 *
 * Written files are the same bytes each time (stored, no time stamps) and appear whole or not at all. What is read may
 * be hostile: every length is checked against the bytes that are there before memory is taken. */
#ifndef WFC_HOST_TENSORS_H
#define WFC_HOST_TENSORS_H

#include "support/diag.h"
#include "support/tensor.h"
#include <stddef.h>
#include <stdint.h>

typedef struct wfc_named_tensor {
    char *name; /* owned, never NULL, may be "" */
    wfc_tensor tensor;
} wfc_named_tensor;

/* Growable; zero-initialise, free with wfc_tensor_list_deinit. */
typedef struct wfc_tensor_list {
    wfc_named_tensor *data;
    size_t count, capacity;
} wfc_tensor_list;
void wfc_tensor_list_deinit(wfc_tensor_list *l);
/* Appends; takes over `tensor` (also when it fails: then it is freed). `name` is copied. */
WFC_MUST_USE wfc_status wfc_tensor_list_take(wfc_tensor_list *l, const char *name, wfc_tensor *tensor, wfc_diag *diag);
/* Index of the tensor of that name, or -1. */
ptrdiff_t wfc_tensor_list_find(const wfc_tensor_list *l, const char *name);

/* Parses the bytes of one .npy file, versions 1 to 3: f2 f4 f8, i1..i8, u1..u8, b1, either byte order, C order.
 * fortran_order, object and record arrays, more than 8 axes and missing or extra bytes are WFC_ERR_INPUT. `where`
 * names the file (and member) in messages. */
WFC_MUST_USE wfc_status wfc_npy_parse(const uint8_t *bytes, size_t size, const char *where, wfc_diag *diag,
                                      wfc_tensor *out);
/* The bytes of a version 1 .npy file, malloc'ed (wfc_free). bf16 has no type there and is written as f4, exactly. */
WFC_MUST_USE wfc_status wfc_npy_format(const wfc_tensor *t, wfc_diag *diag, uint8_t **out_bytes, size_t *out_size);
/* Whole files of at most `max_bytes`; npz: at most `max_bytes` of unpacked arrays in all. */
WFC_MUST_USE wfc_status wfc_npy_read(const char *path, size_t max_bytes, wfc_diag *diag, wfc_tensor *out);
WFC_MUST_USE wfc_status wfc_npz_read(const char *path, size_t max_bytes, wfc_diag *diag, wfc_tensor_list *out);
WFC_MUST_USE wfc_status wfc_npz_write(const char *path, const wfc_tensor_list *l, wfc_diag *diag);

/* "[16,1,28,28]" for messages: writes at most `n` bytes into `text` and returns it. */
const char *wfc_shape_text(const uint32_t *dims, unsigned rank, char *text, size_t n);
enum { WFC_SHAPE_TEXT_BYTES = 8 * 11 + 3 };

#endif
