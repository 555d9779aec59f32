/* SPDX-License-Identifier: Apache-2.0 */
/* One batch of wire packets on its way through the protect engine; what its files share. */
#ifndef SVR_PROTECT_BATCH_H
#define SVR_PROTECT_BATCH_H

#include "protect.h"

#include <net/ethernet.h>
#include <linux/virtio_net.h>
#include <sys/uio.h>

enum {
	SVR_WIRE_COUNTER = 8,      /* F: key index and counter, in front of an encrypted body */
	SVR_POSITIONS = 32,        /* of a train, in the upper 5 bits of the counter */
	SVR_WIRE_ROOM = 64,        /* what sealing adds at most: F, padding or GCM tag, tag; and what the library's E needs */
	SVR_ARENA = 1 << 20,
	SVR_SKEW_EPOCHS = 30,      /* to either side, where a wrong tag is looked into (protocol 7.1) */
	SVR_TRAIN = 64,            /* segments of one super-packet at most */
};

/* One wire packet: its frame stands in the arena at `packet` - ETH_HLEN, with room behind it. */
struct svr_wire {
	struct svr_protect_entry *entry;
	const struct svr_protect_pair *pair;
	struct svr_protect_cipher *cipher; /* of the body, NULL: it stays as it is */
	__u8 *packet;
	__u32 length;          /* of the IP packet as it stands */
	__u32 l3_length, l4_length;
	__u32 body;            /* offset of the L4 payload */
	__u32 drop;            /* enum svr_reason, 0: it leaves */
	__u32 flow;            /* flow index entry of the record */
	__u32 index;           /* slot */
	__u16 nexthop;
	__u8 direction;        /* 0 forward, 1 reverse */
	__u8 opens;            /* else it is sealed */
	__u8 marked;           /* it leaves as one of its session's, because that is captured */
	__u8 plain;            /* bodies of its direction were not encrypted when it passed */
	__u8 split;            /* it came in a super-packet */
	__u8 position;         /* in a train of sealed TCP segments, 0: it stands alone */
	__u8 skews;            /* no accepted epoch fits: those around them are tried, to tell why */
	__s32 skew;            /* epochs that its sender was ahead, if one of those fits */
	__u8 summed;           /* its checksum is computed anew; 0: UDP over IPv4 without one */
	__u8 iv[SVR_BLOCK];
	__u8 tag[SVR_TAG];     /* as received */
	__u8 ports[4];
};

/* How often a second a worker looks for a clock that differs, by the peer's name number: some may share a place. */
struct svr_skew_gate {
	__u32 unix_s;
	__u8 tried[256];
};

struct svr_batch {
	struct svr_engine *engine;
	struct svr_skew_gate gate;
	__u32 unix_s, count, used;
	__u8 looks;            /* svr_wire.skews of those whose tags are looked at now */
	struct svr_wire wires[SVR_ENGINE_BURST];
	__u8 *arena;
};

static inline __u8 *svr_wire_body(const struct svr_wire *wire)
{
	return wire->packet + wire->body;
}

/* protectsplit.c: adds the wire packets of one record; `flush` is called when the batch is full; it may change
 * what the store knows. 0, or the reason for which it is dropped. */
__u32 svr_batch_add(struct svr_batch *batch, const struct svr_punt *punt, struct svr_vault *protect, void (*flush)(void *context), void *context);
/* protectcrypt.c: seals and opens all of them; those that fail get their reason. 0, or -EIO. */
int svr_batch_run(struct svr_batch *batch);
/* protecttag.c: tags of all that is sealed; 0, or -EIO. */
int svr_batch_sign(struct svr_batch *batch);
/* ... of all that is opened: taken off, and judged. The time does not depend on where two tags differ. */
int svr_batch_verify(struct svr_batch *batch);
int svr_tag_equal(const __u8 *a, const __u8 *b);
/* protecttrain.c: moves a segment of a train by its position times `by`; reads the position of a body that is encrypted, here or by the ends. */
void svr_train_move(const struct svr_wire *wire, __s32 by);
void svr_train_read(struct svr_wire *wire);
/* protectskew.c: how far the epoch of a try is from the local one; whether a wrong tag is looked into. */
__s32 svr_skew_distance(__u32 number);
int svr_skew_permits(struct svr_skew_gate *gate, const struct svr_wire *wire, __u32 unix_s);
/* Name number of the peer that a packet came from or goes to. */
__u32 svr_wire_peer(const struct svr_wire *wire);
/* protectsplit.c: lengths and checksums of a packet that leaves. */
void svr_batch_finish(struct svr_wire *wire);
/* protectmerge.c: how many wires from `at` on leave as one super-packet, at least 1. */
__u32 svr_merge_count(const struct svr_batch *batch, __u32 at);
/* The frame of these wires, whose Ethernet header is written: header, then packets; returns the number of `parts`, count + 1. */
__u32 svr_merge_frame(struct svr_batch *batch, __u32 at, __u32 count, struct virtio_net_hdr *header, struct iovec *parts);
/* protectbody.c: svr_protect_body on a locked store. */
int svr_protect_bodies(struct svr_vault *protect, struct svr_batch *batch, const struct svr_body_call *call, __u8 *arena, struct svr_body_job *jobs);
/* The sum of a packet's L4 part and pseudo header, folded: 0xffff when its checksum is right. */
__u32 svr_batch_sum(const struct svr_wire *wire);
#endif
