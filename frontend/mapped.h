/* Large external data files as read-only memory that the system fills when it is looked at. A model of many GiB then
 * costs address space only, and a plan of it never reads the weights.
 *
 * A mapped file that becomes shorter kills a process that touches the missing pages (SIGBUS). While a mapping is there,
 * a handler of ours puts zeros in their place and notes it; wfc_fe_mapped_intact tells. A SIGBUS elsewhere goes to the
 * handler that was there before. Thread-safe but for map and unmap themselves. */
#ifndef WFC_FRONTEND_MAPPED_H
#define WFC_FRONTEND_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maps `size` bytes (> 0) of an open regular file; the descriptor may be closed then. NULL with errno set on failure.
 */
uint8_t *wfc_fe_map_file(int fd, size_t size);
void wfc_fe_unmap_file(uint8_t *bytes);
/* False once bytes of this mapping were missing when they were read. */
bool wfc_fe_mapped_intact(const uint8_t *bytes);

#endif
