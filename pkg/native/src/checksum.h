/* SPDX-License-Identifier: Apache-2.0 */
/* Completes checksums that a sender left to the device. Used by ring.c. */
#ifndef SVR_CHECKSUM_H
#define SVR_CHECKSUM_H

#include <linux/types.h>

/* `packet` starts at its IP header; TCP and UDP directly behind it are completed, anything else is left alone. */
void svr_checksum_complete(__u8 *packet, __u32 length);

/* The same where the kernel says what the checksum covers, from `start` on, and where it stands, both from the IP header on: it may
 * be that of a packet inside a tunnel, or the CRC of SCTP. Places outside the packet are left alone. */
void svr_checksum_finish(__u8 *packet, __u32 length, __u32 start, __u32 field);
#endif
