/* SPDX-License-Identifier: Apache-2.0 */
/* The socket on loopback as the protect engine uses it: frames that are complete. Not part of the exported surface. */
#ifndef SVR_SEND_H
#define SVR_SEND_H

#include "svr_native.h"

#include <sys/socket.h>

/* How many of them the kernel took, in order. */
int svr_send_raw(struct svr_send *send, struct mmsghdr *messages, __u32 count);
/* From now on each frame begins with a struct virtio_net_hdr: it may be a super-packet, and its checksum may be left to the device. */
int svr_send_offload(struct svr_send *send);
/* The source address of every frame. */
const __u8 *svr_send_mac(const struct svr_send *send);
#endif
