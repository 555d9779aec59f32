/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The IP header of the other family, where inner and outer family differ (protocol 14). DSCP, ECN and TTL stay; addresses, flow
 * label and the TTL's step are the rewrite's, which follows. Super-packets of TCP stay whole: the kernel turns their kind.
 * Called by svr_forward.h on an untagged packet without IPv4 options. */
#ifndef SVR_FAMILY_H
#define SVR_FAMILY_H

#include "svr_checksum.h"

#define SVR_ETH_TYPE_AT 12

static __always_inline bool svr_family_type(struct __sk_buff *skb, __be16 type)
{
	return bpf_skb_store_bytes(skb, SVR_ETH_TYPE_AT, &type, sizeof(type), 0) == 0;
}

/* What a length field says: 0 for a super-packet that does not fit, as the kernel has it. */
static __always_inline __be16 svr_family_length(__u32 bytes)
{
	return bytes > SVR_IP_LONGEST ? 0 : bpf_htons(bytes);
}

static __noinline bool svr_family_to6(struct __sk_buff *skb, struct svr_packet *p, __u8 proto)
{
	__be32 head[SVR_IP6_HEADER / 4] = {};
	__u8 tos;

	if (bpf_skb_load_bytes(skb, p->l3 + 1, &tos, sizeof(tos)) || bpf_skb_change_proto(skb, bpf_htons(SVR_ETH_IP6), 0))
		return false;
	p->length += SVR_IP6_HEADER - SVR_IP4_HEADER;
	p->l4 += SVR_IP6_HEADER - SVR_IP4_HEADER;
	head[0] = bpf_htonl(6u << 28 | (__u32)tos << 20);
	head[1] = bpf_htonl((__u32)bpf_ntohs(svr_family_length(p->length - SVR_IP6_HEADER)) << 16 | (__u32)proto << 8 | p->ttl);
	p->whole_delta += (__u64)head[0] + head[1];
	return bpf_skb_store_bytes(skb, p->l3, head, sizeof(head), 0) == 0 && svr_family_type(skb, bpf_htons(SVR_ETH_IP6));
}

/* Of the old header the kernel takes the first 20 bytes out of the packet's sum, the rest is taken out here; the new one sums to nothing. */
static __noinline bool svr_family_to4(struct __sk_buff *skb, struct svr_packet *p, __u8 proto)
{
	const __u32 *from = (const __u32 *)p->key.source, *to = (const __u32 *)p->key.destination;
	__be32 head[SVR_IP4_HEADER / 4] = {};
	__u32 tos;

	if (bpf_skb_load_bytes(skb, p->l3, &tos, sizeof(tos)) || bpf_skb_change_proto(skb, bpf_htons(SVR_ETH_IP4), 0))
		return false;
	tos = bpf_ntohl(tos) >> 20 & 0xff;
	p->whole_delta += svr_checksum_minus((__u64)from[3] + to[0] + to[1] + to[2] + to[3]);
	p->length -= SVR_IP6_HEADER - SVR_IP4_HEADER;
	p->l4 -= SVR_IP6_HEADER - SVR_IP4_HEADER;
	head[0] = bpf_htonl((__u32)SVR_IP4_PLAIN << 24 | tos << 16 | bpf_ntohs(svr_family_length(p->length)));
	head[1] = bpf_htonl(SVR_IP4_DF);
	head[2] = bpf_htonl((__u32)p->ttl << 24 | (__u32)proto << 16);
	head[2] |= bpf_htonl((__u32)bpf_ntohs(~svr_checksum_fold((__u64)head[0] + head[1] + head[2])));
	return bpf_skb_store_bytes(skb, p->l3, head, sizeof(head), 0) == 0 && svr_family_type(skb, bpf_htons(SVR_ETH_IP4));
}

/* svr_family_convert: gives the packet a header of the family of the side it leaves on. */
static __always_inline bool svr_family_convert(struct __sk_buff *skb, struct svr_packet *p, const struct svr_side *out)
{
	if (p->key.family == out->family)
		return true;
	return out->family == 6 ? svr_family_to6(skb, p, out->proto) : svr_family_to4(skb, p, out->proto);
}
#endif
