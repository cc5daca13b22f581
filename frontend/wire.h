/* Pre-scan of protobuf bytes: bounds what the unpacker will do, before it does it.
 *
 * protobuf-c 1.4.1 recurses once per nested message without a limit and allocates what the wire says: 54 KB of nested
 * graphs crash it. The scan walks the bytes once by a table of the ONNX messages and refuses what is malformed, too
 * deep or too big. It also writes a *skeleton*, the same message with two changes:
 *   - fields we never read (doc strings, training info, unknown fields) are left out;
 *   - TensorProto.raw_data is replaced by a 16-byte reference {offset, length} into the scanned bytes, so that weights
 *     are held once, not twice.
 * The payloads of raw_data are moved back by up to 7 bytes over the header in front of them, so that they are aligned
 * wherever that space is free; every other byte of the buffer is spent after the scan. */
#ifndef WFC_FRONTEND_WIRE_H
#define WFC_FRONTEND_WIRE_H

#include "support/diag.h"
#include "support/mem.h"
#include <stddef.h>
#include <stdint.h>

typedef enum wfc_fe_wire_root { WFC_FE_WIRE_MODEL, WFC_FE_WIRE_TENSOR } wfc_fe_wire_root;

enum {
    WFC_FE_MAX_DEPTH = 64,            /* nested messages */
    WFC_FE_MAX_GRAPH_DEPTH = 16,      /* graphs within graphs */
    WFC_FE_MAX_MESSAGES = 4 << 20,    /* messages in a file */
    WFC_FE_MAX_NAME_BYTES = 64 << 10, /* one name, path or other string */
    WFC_FE_SPAN_BYTES = 16,           /* what stands for raw_data in the skeleton */
    WFC_FE_MAX_UNPACKED_MIB = 4 << 10 /* host memory the unpacked messages may take, in MiB (weights apart) */
};

typedef struct wfc_fe_span {
    uint64_t offset, size; /* bytes in the scanned buffer */
} wfc_fe_span;

/* Scans bytes[size] (modified as said above) and returns the skeleton (caller frees). `where` names the file.
 * Errors: WFC_ERR_INPUT with a diagnostic; WFC_ERR_NO_MEMORY. Linear in size. */
WFC_MUST_USE wfc_status wfc_fe_wire_scan(uint8_t *bytes, size_t size, wfc_fe_wire_root root, const char *where,
                                         wfc_diag *diag, uint8_t **out_skeleton, size_t *out_size);
/* Reads the reference that stands for raw_data in an unpacked TensorProto. */
wfc_fe_span wfc_fe_span_read(const uint8_t *data);

#endif
