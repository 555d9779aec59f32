/* SPDX-License-Identifier: Apache-2.0 */
/* Completes L4 checksums that a sender left to the device. Used by ring.c. */
#ifndef SVR_CHECKSUM_H
#define SVR_CHECKSUM_H

#include <linux/types.h>

/* `packet` starts at its IP header; TCP and UDP directly behind it are completed, anything else is left alone. */
void svr_checksum_complete(__u8 *packet, __u32 length);
#endif
