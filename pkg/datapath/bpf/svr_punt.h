/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Copies a packet to the ring of the shard or the protect worker that owns it. Records come in four sizes, because the verifier wants constants;
 * the length in the header is exactly that of the IP packet. Called by the exit of svr_ingress and svr_inject. */
#ifndef SVR_PUNT_H
#define SVR_PUNT_H

#include "svr_packet.h"
#include "svr_hash.h"

#define SVR_PUNT_SMALL 256
#define SVR_PUNT_MIDDLE 2048
#define SVR_PUNT_LARGE 10240
#define SVR_PUNT_HUGE (65536 + 128) /* 64 KiB of payload and IPv6 header */

/* svr_punt_local: flags of an address in `locals`, 0 when it is not there. */
static __always_inline __u32 svr_punt_local(const __u8 *address, __u8 family)
{
	struct svr_address key = { .family = family };
	struct svr_local *local;

	__builtin_memcpy(key.address, address, 16);
	local = bpf_map_lookup_elem(&locals, &key);
	return local ? local->flags : 0;
}

/* Where the checksum that is left to offload starts and stands, from the IP header on; that of a packet inside a tunnel is not the one
 * behind the IP header. Told always, because a branch here is one more for the verifier in each of the four sizes. */
static __always_inline void svr_punt_sum(struct __sk_buff *skb, const struct svr_packet *p, struct svr_punt *punt)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	__u64 start = (__u64)kernel->head + kernel->csum_start - (__u64)kernel->data;

	SVR_SIDE_OPAQUE(start); /* a difference of pointers may not be narrowed before */
	start -= p->l3;
	punt->sum_start = start;
	punt->sum_field = start + kernel->csum_offset;
}

static __always_inline void svr_punt_describe(struct __sk_buff *skb, const struct svr_packet *p, struct svr_punt *punt)
{
	punt->time_ns = bpf_ktime_get_ns();
	punt->length = p->length;
	punt->entry = p->entry;
	punt->ifnum = p->key.ifnum;
	punt->vlan = p->key.vlan;
	punt->gso_size = p->gso_size;
	punt->gso_segments = p->segments > 1 ? p->segments : 0;
	punt->flags = p->summed == SVR_SUMMED_PARTIAL ? SVR_PUNT_PARTIAL : 0;
	svr_punt_sum(skb, p, punt);
	bpf_skb_load_bytes(skb, 6, punt->source_mac, sizeof(punt->source_mac));
}

/* `how`: the cause, flags above it, above them local_flags. */
#define SVR_PUNT_COPY(name, size)                                                                                              \
	static __always_inline bool svr_punt_##name(struct __sk_buff *skb, const struct svr_packet *p, void *ring, __u64 how)   \
	{                                                                                                                      \
		struct svr_punt *punt = bpf_ringbuf_reserve(ring, sizeof(*punt) + size, 0);                                    \
		__u32 length = p->length;                                                                                      \
		if (!punt)                                                                                                     \
			return false;                                                                                          \
		punt->cause = how;                                                                                             \
		svr_punt_describe(skb, p, punt);                                                                               \
		punt->flags |= how >> 16;                                                                                      \
		punt->local_flags = how >> 32;                                                                                 \
		if (!length || length > size || bpf_skb_load_bytes(skb, p->l3, punt + 1, length)) {                            \
			bpf_ringbuf_discard(punt, 0);                                                                          \
			return false;                                                                                          \
		}                                                                                                              \
		bpf_ringbuf_submit(punt, 0);                                                                                   \
		return true;                                                                                                   \
	}

SVR_PUNT_COPY(small, SVR_PUNT_SMALL)
SVR_PUNT_COPY(middle, SVR_PUNT_MIDDLE)
SVR_PUNT_COPY(large, SVR_PUNT_LARGE)
SVR_PUNT_COPY(huge, SVR_PUNT_HUGE)

/* SVR_PUNT_COPIED where the session has SVR_F_CAPTURE, without a branch, which the verifier would follow both ways. */
#define SVR_PUNT_COPIED_SHIFT 20
_Static_assert(SVR_F_CAPTURE >> SVR_PUNT_COPIED_SHIFT == SVR_PUNT_COPIED, "one bit moved to the other");

/* Protect workers' rings stand behind those of shards, so that the verifier knows one kind of them. */
static __always_inline void *svr_punt_ring(const struct svr_settings *s, const struct svr_packet *p, __u16 cause)
{
	__u32 at;

	if (cause >= SVR_PUNT_OPEN)
		at = SVR_SHARDS + (s->protectors ? ((p->entry >> 1) - 1) % s->protectors : SVR_PROTECTORS);
	else
		at = p->session ? p->session->shard : svr_hash_shard(s, &p->key);
	return bpf_map_lookup_elem(&rings, &at);
}

/* Next hop of a packet to be sealed; else what its destination is to us, which nobody asks of one to be opened. */
static __always_inline __u16 svr_punt_local_flags(const struct svr_packet *p, __u16 cause)
{
	if (cause < SVR_PUNT_OPEN)
		return svr_punt_local(p->key.destination, p->key.family);
	return cause == SVR_PUNT_SEAL && p->session ? p->session->side[~p->entry & 1].nexthop : 0;
}

/* svr_punt_packet: PASS is never returned; SVR_PUNT when the shard or worker has it, else the drop. */
static __noinline __u32 svr_punt_packet(struct __sk_buff *skb, const struct svr_packet *p, __u16 cause)
{
	struct svr_settings *s = svr_maps_settings();
	__u32 full = SVR_DROP | (cause < SVR_PUNT_OPEN ? SVR_DROP_RING_FULL : SVR_DROP_PROTECT_FULL);
	__u64 how = cause;
	void *ring;
	bool sent;

	if (p->length > SVR_PUNT_HUGE)
		return SVR_DROP | SVR_DROP_TOO_BIG;
	if (!s)
		return full;
	if (p->session)
		how |= (p->session->flags >> SVR_PUNT_COPIED_SHIFT & SVR_PUNT_COPIED) << 16;
	how |= (p->opened * SVR_PUNT_OPENED | (cause >= SVR_PUNT_OPEN) * p->plain * SVR_PUNT_PLAIN) << 16 | (__u64)svr_punt_local_flags(p, cause) << 32;
	ring = svr_punt_ring(s, p, cause);
	if (!ring)
		return full;
	if (p->length <= SVR_PUNT_SMALL)
		sent = svr_punt_small(skb, p, ring, how);
	else if (p->length <= SVR_PUNT_MIDDLE)
		sent = svr_punt_middle(skb, p, ring, how);
	else if (p->length <= SVR_PUNT_LARGE)
		sent = svr_punt_large(skb, p, ring, how);
	else
		sent = svr_punt_huge(skb, p, ring, how);
	return sent ? SVR_PUNT | cause : full;
}
#endif
