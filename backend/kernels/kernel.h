/* What all PE programs share: starting one, double-buffered receives, the control word of a lane segment. */
#ifndef WFC_BACKEND_KERNELS_KERNEL_H
#define WFC_BACKEND_KERNELS_KERNEL_H

#include "backend/be.h"

/* Creates out->a with its task; (row, col) relative to the slab at column x. */
WFC_MUST_USE wfc_status wfc_be_pe_begin(wfc_be *be, wfc_be_pe_build *out, const char *name, uint32_t row, uint32_t col,
                                        uint32_t x);
/* Initial bytes of an array; takes ownership of `data` (wfc_calloc'ed) also on failure. */
WFC_MUST_USE wfc_status wfc_be_add_init(wfc_be *be, wfc_be_pe_build *b, uint32_t array, uint32_t bytes, void *data,
                                        wfc_be_data_kind kind);

/* An always-armed receive of `words` f32 per sample into two halves of one array. `half_reg` holds the byte offset of
 * the half that may be read between next and turn. ut 0: not in use, all calls do nothing. */
typedef struct wfc_be_receive {
    uint32_t array, words;
    uint8_t queue, ut, half_reg;
    uint8_t armed_desc, in_desc;
} wfc_be_receive;
void wfc_be_receive_setup(wfc_be_asm *a, wfc_be_receive *r, const char *name, uint8_t queue, uint8_t colour, uint8_t ut,
                          uint8_t half_reg, uint8_t temp_reg, uint32_t words);
/* Wait for this sample; arm the other half; both. */
void wfc_be_receive_wait(wfc_be_asm *a, const wfc_be_receive *r);
void wfc_be_receive_arm(wfc_be_asm *a, const wfc_be_receive *r, uint8_t temp_reg);
void wfc_be_receive_next(wfc_be_asm *a, const wfc_be_receive *r, uint8_t temp_reg);
void wfc_be_receive_turn(wfc_be_asm *a, const wfc_be_receive *r); /* done reading: the other half is next */

/* Control word after the segment of column `col`: 0 for a lone contributor; the one farthest behind ends the sample. */
uint16_t wfc_be_lane_control(const wfc_be *be, const wfc_be_stream *s, uint32_t row, uint32_t col);

#endif
