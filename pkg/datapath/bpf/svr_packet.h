/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* What one packet is while it is judged, and the verdicts that stages hand to the one exit of a program. */
#ifndef SVR_PACKET_H
#define SVR_PACKET_H

#include "svr_maps.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>

#define SVR_ETH_HEADER 14
#define SVR_VLAN_HEADER 4
#define SVR_ETH_LEAST 64 /* bytes of the smallest frame, with a VLAN tag */
#define SVR_IP4_HEADER 20
#define SVR_IP4_PLAIN 0x45 /* version 4, no options */
#define SVR_IP6_HEADER 40
#define SVR_TCP_HEADER 20
#define SVR_UDP_HEADER 8
#define SVR_ICMP_HEADER 8
#define SVR_SCTP_HEADER 12 /* DCCP too */
#define SVR_MAX_HEADERS (SVR_ETH_HEADER + SVR_VLAN_HEADER + SVR_IP6_HEADER + 60)

#define SVR_ETH_IP4 0x0800
#define SVR_ETH_IP6 0x86dd
#define SVR_ETH_VLAN 0x8100
#define SVR_VLAN_ID 0x0fff
#define SVR_IP4_DF 0x4000
#define SVR_IP4_FRAGMENT 0x3fff /* MF and offset */
#define SVR_IP4_OFFSET 0x1fff

#define SVR_TCP_FIN 0x01
#define SVR_TCP_SYN 0x02
#define SVR_TCP_RST 0x04
#define SVR_TCP_ACK 0x10

#define SVR_PROTO_DCCP 33
#define SVR_PROTO_ICMP6 58
#define SVR_PROTO_SCTP 132
#define SVR_PROTO_UDPLITE 136
#define SVR_IP_LONGEST 65535 /* IPv4 total length, IPv6 payload length */
#define SVR_IP4_LONGEST (SVR_IP_LONGEST - SVR_UDP_HEADER) /* fits IPv4 in any carrier */

/* skb->ip_summed: the whole packet's sum is known, the checksum is left to offload. */
#define SVR_SUMMED_COMPLETE 2
#define SVR_SUMMED_PARTIAL 3

/* Verdict: what to do in the upper half, reason or cause in the lower. 0: go on. */
#define SVR_GO_ON 0u
#define SVR_PASS 0x10000u
#define SVR_DROP 0x20000u
#define SVR_PUNT 0x30000u
#define SVR_LEAVE 0x40000u
#define SVR_VERDICT_MASK 0xffff0000u
#define SVR_TC_NEXT (-1)
#define SVR_TC_SHOT 2

/* How far the parser came. */
enum svr_shape {
	SVR_SHAPE_OK = 0,       /* key and L4 fields are set */
	SVR_SHAPE_FOREIGN = 1,  /* not ours to judge: non-IP, multicast, neighbour discovery ... */
	SVR_SHAPE_BAD = 2,      /* lengths that contradict each other */
	SVR_SHAPE_FRAGMENT = 3, /* IP fragment: addresses only */
	SVR_SHAPE_EXTENDED = 4, /* IPv6 extension headers: addresses only */
};

struct svr_packet {
	struct svr_key key __attribute__((aligned(8)));
	__u32 entry;         /* flow index entry that was hit, 0 none */
	struct svr_session *session;
	__u32 l3;            /* offset of the IP header in the frame */
	__u32 l4;            /* ... of the L4 header */
	__u32 length;        /* IP packet, all headers included */
	__u32 payload;       /* bytes behind the L4 header (TCP, UDP) */
	__u32 gso_size;      /* 0: one wire packet */
	__u32 segments;      /* wire packets it stands for */
	__u32 seq;
	__u32 ack;
	__u16 udp_length;
	__u16 window;        /* TCP, not scaled */
	__u8 tcp_flags;
	__u8 tcp_header;     /* bytes */
	__u8 icmp_type;
	__u8 ttl;
	__u8 summed;         /* skb->ip_summed */
	__u8 tagged;         /* a VLAN tag must go before the packet leaves */
	__u8 unkeyed;        /* ICMP that is neither query nor answer: in no session but through its quote (protocol 12.2) */
	__u8 converted;      /* carrier put on or taken off: L4 is final */
	__u8 cuttable;       /* it leaves by a next hop of SVR_NH_CUTTABLE */
	__u8 opened;         /* 1: a protect worker verified and decrypted it */
	__u8 plain;          /* 1: bodies of its session's direction are not encrypted */
	__u64 inner_delta;   /* change of L4 bytes made before the rewrite, one's complement sum */
	__u64 header_delta;  /* change of IP header words made before the rewrite */
	__u64 whole_delta;   /* change of the whole packet's sum by another IP header (svr_family.h) */
};

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;

/* svr_packet_summed: how far the checksum is computed. */
static __always_inline __u8 svr_packet_summed(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);

	return BPF_CORE_READ_BITFIELD(kernel, ip_summed);
}

/* svr_packet_sum_left: the checksum at `l4` itself is left to offload. False for the outer header of a tunnel whose inner segment's is. */
static __always_inline bool svr_packet_sum_left(struct __sk_buff *skb, const struct svr_packet *p)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);

	return p->summed == SVR_SUMMED_PARTIAL && (__u64)kernel->head + kernel->csum_start - (__u64)kernel->data == p->l4;
}

/* svr_packet_payload_at: offset of the L4 payload in the frame. */
static __always_inline __u32 svr_packet_payload_at(const struct svr_packet *p)
{
	return p->l4 + (p->key.proto == IPPROTO_TCP ? p->tcp_header : SVR_UDP_HEADER);
}

/* svr_packet_headers: bytes of IP and L4 headers, repeated in each wire packet. */
static __always_inline __u32 svr_packet_headers(const struct svr_packet *p)
{
	return p->length - p->payload;
}

/* svr_packet_now_ms: monotonic milliseconds as of the sweeper's last tick (behaviour 3.6 asks for seconds): a load instead of a
 * call and a division. */
static __always_inline __u32 svr_packet_now_ms(void)
{
	struct svr_sweep *clock = svr_maps_clock();
	__u32 now = clock ? clock->now_ms : 0;

	return now ?: bpf_ktime_get_coarse_ns() / 1000000;
}

static __always_inline bool svr_packet_is_zero(const __u8 *address)
{
	const __u64 *words = (const __u64 *)address;

	return (words[0] | words[1]) == 0;
}

static __always_inline bool svr_packet_same(const __u8 *a, const __u8 *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}
#endif
