/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Copies packets of sessions that are captured (behaviour 13.5) to the ring `copies`: as they arrived, and as they leave. Called by
 * svr_ingress and svr_forward.h for sessions with SVR_F_CAPTURE only; how many are still wanted stands in the map `captured`.
 * Never changes a packet or its verdict. */
#ifndef SVR_CAPTURE_H
#define SVR_CAPTURE_H

#include "svr_packet.h"

#define SVR_COPY_SMALL 256

/* One packet less is wanted at a point; false when none is, or another CPU was faster. */
static __always_inline bool svr_capture_take(struct svr_captured *wanted, __u32 point)
{
	__u32 left = wanted->packets[point & 3];

	return left && __sync_val_compare_and_swap(&wanted->packets[point & 3], left, left - 1) == left;
}

/* `head` says everything but the time and what follows. */
#define SVR_CAPTURE_COPY(name, most)                                                                                                   \
	static __always_inline bool svr_capture_##name(struct __sk_buff *skb, const struct svr_copy *head, __u32 l3)                   \
	{                                                                                                                              \
		struct svr_copy *copy = bpf_ringbuf_reserve(&copies, sizeof(*copy) + most, 0);                                         \
		__u32 length = head->length;                                                                                           \
		if (!copy)                                                                                                             \
			return false;                                                                                                  \
		if (length > most)                                                                                                     \
			length = most;                                                                                                 \
		*copy = *head;                                                                                                         \
		copy->captured = length;                                                                                               \
		copy->time_ns = bpf_ktime_get_ns();                                                                                    \
		if (!length || bpf_skb_load_bytes(skb, l3, copy + 1, length)) {                                                        \
			bpf_ringbuf_discard(copy, 0);                                                                                  \
			return false;                                                                                                  \
		}                                                                                                                      \
		bpf_ringbuf_submit(copy, 0);                                                                                           \
		return true;                                                                                                           \
	}

SVR_CAPTURE_COPY(small, SVR_COPY_SMALL)
SVR_CAPTURE_COPY(large, SVR_COPY_MOST)

/* svr_capture_packet: copies the packet if another one is wanted of the session and point. For the verifier a program of its own, which
 * takes numbers only: slot; point, gso_size and flags (16 bits each); interface and VLAN; offset and length of the IP packet. */
__noinline int svr_capture_packet(struct __sk_buff *skb, __u32 slot, __u64 how, __u32 network, __u64 place)
{
	struct svr_copy head = { .slot = slot, .point = how & 3, .gso_size = how >> 16, .flags = how >> 32, .ifnum = network >> 16, .vlan = network, .length = place };
	struct svr_captured *wanted = bpf_map_lookup_elem(&captured, &slot);
	struct svr_session *session = bpf_map_lookup_elem(&sessions, &slot);

	if (!session)
		return 0;
	if (!wanted || !(wanted->packets[SVR_POINT_FORWARD_IN] | wanted->packets[SVR_POINT_REVERSE_IN])) {
		if (!(how & 1))
			__sync_fetch_and_and(&session->flags, ~SVR_F_CAPTURE);
		if (!wanted || !(how & 1))
			return 0;
	}
	if (!svr_capture_take(wanted, how))
		return 0;
	__builtin_memcpy(head.uuid, session->uuid, sizeof(head.uuid));
	if (!(head.length <= SVR_COPY_SMALL ? svr_capture_small(skb, &head, place >> 32) : svr_capture_large(skb, &head, place >> 32)))
		__sync_fetch_and_add(&wanted->lost, 1);
	return 0;
}

/* svr_capture_at: a packet as it came, or as it leaves (`out`), before link addresses and tag. */
static __always_inline void svr_capture_at(struct __sk_buff *skb, const struct svr_packet *p, bool out, __u32 network)
{
	__u64 how = (p->entry & 1) << 1 | out;

	if (p->segments > 1)
		how |= (__u64)(p->gso_size & 0xffff) << 16;
	if (p->summed == SVR_SUMMED_PARTIAL)
		how |= (__u64)SVR_PUNT_PARTIAL << 32;
	svr_capture_packet(skb, (p->entry >> 1) - 1, how, network, (__u64)p->l3 << 32 | p->length);
}

/* svr_capture_sealed: a sealed packet as it leaves loopback; `entry` is that of its arrival. */
static __always_inline void svr_capture_sealed(struct __sk_buff *skb, __u32 entry, __u32 network)
{
	__u64 how = (entry & 1) << 1 | SVR_POINT_FORWARD_OUT | (__u64)(skb->gso_size & 0xffff) << 16;

	if (svr_packet_summed(skb) == SVR_SUMMED_PARTIAL)
		how |= (__u64)SVR_PUNT_PARTIAL << 32;
	svr_capture_packet(skb, (entry >> 1) - 1, how, network, (__u64)SVR_ETH_HEADER << 32 | (skb->len - SVR_ETH_HEADER));
}
#endif
