/* Files: whole-file reads that survive truncation, and writes that appear whole or not at all. */
#ifndef WFC_SUPPORT_FILE_H
#define WFC_SUPPORT_FILE_H

#include "support/diag.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads a regular file of at most `max_bytes` into malloc'ed memory (one NUL byte is added beyond the end).
 * Errors: WFC_ERR_IO with path and reason; WFC_ERR_INPUT when it is larger than max_bytes or not a regular file. */
WFC_MUST_USE wfc_status wfc_file_read(const char *path, size_t max_bytes, wfc_diag *diag, uint8_t **out_bytes,
                                      size_t *out_size);

/* Atomic writer: bytes go to a temporary file in the same folder; commit syncs and renames; abandon removes it. */
typedef struct wfc_atomic_file {
    FILE *fp;
    char *path, *tmp_path;
} wfc_atomic_file;
WFC_MUST_USE wfc_status wfc_atomic_open(wfc_atomic_file *f, const char *path, wfc_diag *diag);
/* Appends; on failure the file is abandoned. */
WFC_MUST_USE wfc_status wfc_atomic_write(wfc_atomic_file *f, const void *bytes, size_t size, wfc_diag *diag);
WFC_MUST_USE wfc_status wfc_atomic_commit(wfc_atomic_file *f, wfc_diag *diag); /* on failure the temporary is removed */
void wfc_atomic_abandon(wfc_atomic_file *f);
/* Writes `size` bytes to `path` atomically. */
WFC_MUST_USE wfc_status wfc_file_write(const char *path, const void *bytes, size_t size, wfc_diag *diag);

#endif
