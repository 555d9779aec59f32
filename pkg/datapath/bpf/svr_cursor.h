/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Bounds-checked reading of headers: one function per header, the check is inside, callers never see the end pointer. */
#ifndef SVR_CURSOR_H
#define SVR_CURSOR_H

#include "svr_packet.h"

struct svr_cursor {
	void *at;
	void *end;
};

/* The verifier wants these two fields read straight from the context; the compiler would rather compute an address first. */
#define SVR_CURSOR_FIELD(name)                                                                           \
	static __always_inline void *svr_cursor_##name(struct __sk_buff *skb)                            \
	{                                                                                                \
		void *field;                                                                             \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                                    \
			     : "=r"(field) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, name))); \
		return field;                                                                            \
	}

SVR_CURSOR_FIELD(data)
SVR_CURSOR_FIELD(data_end)

/* svr_cursor_open: a cursor at the frame's start. Makes sure that all headers are linear. */
static __always_inline struct svr_cursor svr_cursor_open(struct __sk_buff *skb)
{
	__u32 need = skb->len < SVR_MAX_HEADERS ? skb->len : SVR_MAX_HEADERS;

	if (svr_cursor_data(skb) + need > svr_cursor_data_end(skb))
		bpf_skb_pull_data(skb, need);
	return (struct svr_cursor){ .at = svr_cursor_data(skb), .end = svr_cursor_data_end(skb) };
}

/* svr_cursor_at: a cursor at an offset; reading fails when it lies behind the linear part. */
static __always_inline struct svr_cursor svr_cursor_at(struct __sk_buff *skb, __u32 offset)
{
	return (struct svr_cursor){ .at = svr_cursor_data(skb) + (offset & 0xff), .end = svr_cursor_data_end(skb) };
}

#define SVR_CURSOR_READER(name, type)                                        \
	static __always_inline type *svr_cursor_##name(struct svr_cursor *c) \
	{                                                                    \
		type *header = c->at;                                        \
		if ((void *)(header + 1) > c->end)                           \
			return NULL;                                         \
		c->at = header + 1;                                          \
		return header;                                               \
	}

SVR_CURSOR_READER(ethernet, struct ethhdr)
SVR_CURSOR_READER(vlan, struct vlan_hdr)
SVR_CURSOR_READER(ip4, struct iphdr)
SVR_CURSOR_READER(ip6, struct ipv6hdr)
SVR_CURSOR_READER(tcp, struct tcphdr)
SVR_CURSOR_READER(udp, struct udphdr)
SVR_CURSOR_READER(icmp, struct icmphdr)
SVR_CURSOR_READER(word, __u64)
#endif
