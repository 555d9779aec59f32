/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Turns the headers of a packet from the side of arrival to the other side: addresses, ports, TTL, DF, flow label, and all
 * checksums incrementally. A checksum left to offload (CHECKSUM_PARTIAL) gets only its pseudo header changed, and the sum of a
 * whole packet that a driver supplied (CHECKSUM_COMPLETE) is kept true, so that super-packets and offloads stay as they are.
 * Where the sum left to offload is that of a segment inside a tunnel, the tunnel's own is computed, but for super-packets.
 * Called by svr_forward.h once nothing can refuse the packet any more. */
#ifndef SVR_REWRITE_H
#define SVR_REWRITE_H

#include "svr_checksum.h"
#include "svr_cursor.h"
#include "svr_parse.h"

struct svr_rewrite {
	struct __sk_buff *skb;
	struct svr_packet *p;
	const struct svr_session *s;
	const struct svr_side *out;
	__u32 flow_label;  /* 0: leave */
	__u64 address;     /* change of both addresses */
	__u64 written;     /* change of both addresses in the IP header: all of it where the header is new */
	__u64 header;      /* change of the other IP header words */
	__u64 inner;       /* change of L4 words, the checksum field apart */
	__u64 whole;       /* change of the whole packet, for CHECKSUM_COMPLETE */
};

/* Two bytes that lie side by side in the packet, as one word of a sum. */
static __always_inline __u16 svr_rewrite_pair(__u8 first, __u8 second)
{
	return bpf_htons(first << 8 | second);
}

/* DF toward a peer; on a path without a known MTU none, and an identification of its own, since pieces are joined by it (protocol
 * 2.7). A super-packet's segments count on from it. */
static __always_inline void svr_rewrite_df(struct svr_rewrite *r, struct iphdr *ip)
{
	__be16 flags = ip->frag_off | bpf_htons(SVR_IP4_DF), id;

	if (r->p->cuttable) {
		flags &= ~bpf_htons(SVR_IP4_DF);
		id = bpf_get_prandom_u32();
		r->header += svr_checksum_change16(ip->id, id);
		ip->id = id;
	}
	r->header += svr_checksum_change16(ip->frag_off, flags);
	ip->frag_off = flags;
}

static __always_inline bool svr_rewrite_ip4(struct svr_rewrite *r)
{
	struct svr_cursor c = svr_cursor_at(r->skb, r->p->l3);
	struct iphdr *ip = svr_cursor_ip4(&c);
	__u16 length = bpf_htons(r->p->length);

	if (!ip)
		return false;
	r->header += svr_checksum_change16(svr_rewrite_pair(ip->ttl, ip->protocol), svr_rewrite_pair(r->p->ttl - 1, r->out->proto));
	ip->ttl = r->p->ttl - 1;
	ip->protocol = r->out->proto;
	if (r->out->path)
		svr_rewrite_df(r, ip);
	if (ip->tot_len && ip->tot_len != length) {
		r->header += svr_checksum_change16(ip->tot_len, length);
		ip->tot_len = length;
	}
	ip->saddr = r->out->local_be;
	ip->daddr = r->out->remote_be;
	ip->check = svr_checksum_update(ip->check, r->header + r->written);
	return true;
}

/* The first eight bytes of an IPv6 header. */
struct svr_rewrite_ip6_head {
	__be32 label;
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
};

static __always_inline bool svr_rewrite_ip6(struct svr_rewrite *r)
{
	struct svr_cursor c = svr_cursor_at(r->skb, r->p->l3);
	struct ipv6hdr *ip = svr_cursor_ip6(&c);
	struct svr_rewrite_ip6_head head;
	__u32 before[2], after[2];

	if (!ip)
		return false;
	__builtin_memcpy(before, ip, sizeof(before));
	__builtin_memcpy(&head, before, sizeof(head));
	if (r->out->path && r->flow_label)
		head.label = (head.label & bpf_htonl(0xfff00000)) | bpf_htonl(r->flow_label);
	if (head.payload_length || !r->p->gso_size) /* an empty packet says 0 as well */
		head.payload_length = bpf_htons(r->p->length - SVR_IP6_HEADER);
	head.next_header = r->out->proto;
	head.hop_limit = r->p->ttl - 1;
	__builtin_memcpy(after, &head, sizeof(after));
	__builtin_memcpy(ip, after, sizeof(after));
	r->header += svr_checksum_change32(before[0], after[0]) + svr_checksum_change32(before[1], after[1]);
	svr_side_local(r->s, ~r->p->entry, &ip->saddr);
	svr_side_remote(r->s, ~r->p->entry, &ip->daddr);
	r->whole += r->header + r->written;
	return true;
}

/* Change of both ports. From the key, not from the packet: what is read back through another type may be stale. */
static __always_inline __u64 svr_rewrite_ports(const struct svr_rewrite *r)
{
	return svr_checksum_change16(r->p->key.source_port_be, r->out->local_port_be) +
	       svr_checksum_change16(r->p->key.destination_port_be, r->out->remote_port_be);
}

/* A checksum over pseudo header and L4 bytes. */
static __always_inline __u16 svr_rewrite_sum(struct svr_rewrite *r, __u16 field)
{
	r->whole += svr_checksum_minus(r->address);
	if (r->p->summed == SVR_SUMMED_PARTIAL && (r->p->gso_size || svr_packet_sum_left(r->skb, r->p)))
		return svr_checksum_fold(field + r->address);
	return svr_checksum_update(field, r->address + r->inner);
}

static __always_inline bool svr_rewrite_tcp(struct svr_rewrite *r)
{
	struct svr_cursor c = svr_cursor_at(r->skb, r->p->l4);
	struct tcphdr *tcp = svr_cursor_tcp(&c);

	if (!tcp)
		return false;
	tcp->source = r->out->local_port_be;
	tcp->dest = r->out->remote_port_be;
	r->inner += svr_rewrite_ports(r);
	tcp->check = svr_rewrite_sum(r, tcp->check);
	return true;
}

/* UDP, and DCCP and UDP-Lite between two hosts of this router. A host that sent checksum 0 of UDP over IPv4 keeps it (protocol 2.7); a
 * computed 0 is written as all ones. */
static __always_inline bool svr_rewrite_udp(struct svr_rewrite *r)
{
	struct svr_cursor c = svr_cursor_at(r->skb, r->p->l4);
	struct udphdr *udp = svr_cursor_udp(&c);
	__u16 sum;

	if (!udp)
		return false;
	udp->source = r->out->local_port_be;
	udp->dest = r->out->remote_port_be;
	r->inner += svr_rewrite_ports(r);
	if (!udp->check && r->out->proto == IPPROTO_UDP && r->p->key.family == 4 && !svr_packet_sum_left(r->skb, r->p)) {
		r->whole += r->inner;
		return true;
	}
	sum = svr_rewrite_sum(r, udp->check);
	udp->check = sum ?: 0xffff;
	return true;
}

static __always_inline bool svr_rewrite_icmp(struct svr_rewrite *r)
{
	struct svr_cursor c = svr_cursor_at(r->skb, r->p->l4);
	struct icmphdr *icmp = svr_cursor_icmp(&c);
	__u16 id;

	if (!icmp)
		return false;
	id = svr_parse_is_request(r->p->key.proto, icmp->type) ? r->out->local_port_be : r->out->remote_port_be;
	r->inner += svr_checksum_change16(icmp->un.echo.id, id);
	icmp->un.echo.id = id;
	if (r->out->family == 6)
		icmp->checksum = svr_rewrite_sum(r, icmp->checksum);
	else
		icmp->checksum = svr_checksum_update(icmp->checksum, r->inner);
	return true;
}

static __always_inline bool svr_rewrite_l4(struct svr_rewrite *r)
{
	if (r->p->converted)
		return true;
	if (r->out->proto == IPPROTO_TCP)
		return svr_rewrite_tcp(r);
	if (r->out->proto == IPPROTO_UDP || r->out->proto == SVR_PROTO_DCCP || r->out->proto == SVR_PROTO_UDPLITE)
		return svr_rewrite_udp(r);
	return svr_parse_icmp_of_family(r->p) ? svr_rewrite_icmp(r) : true;
}

/* svr_rewrite_packet: false when the headers are not where the parser found them. */
static __noinline bool svr_rewrite_packet(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s)
{
	const struct svr_side *out = &s->side[~p->entry & 1];
	struct svr_rewrite r = { .skb = skb, .p = p, .s = s, .out = out, .header = p->key.family == out->family ? p->header_delta : 0, .inner = p->inner_delta, .whole = p->whole_delta };
	__u64 leaving = svr_checksum_side(s, ~p->entry);

	r.address = svr_checksum_minus(svr_checksum_addresses(p->key.source, p->key.destination, p->key.family)) + leaving;
	r.written = p->key.family == out->family ? r.address : leaving;
	if (out->family == 6)
		r.flow_label = s->label & SVR_LABEL_MASK;
	if (!(out->family == 4 ? svr_rewrite_ip4(&r) : svr_rewrite_ip6(&r)) || !svr_rewrite_l4(&r))
		return false;
	if (p->summed == SVR_SUMMED_COMPLETE)
		bpf_csum_update(skb, svr_checksum_fold32(r.whole));
	return true;
}

struct svr_options {
	__u32 words[10];
};

/* svr_rewrite_has_options: IPv4 options stand in the packet. */
static __always_inline bool svr_rewrite_has_options(const struct svr_packet *p)
{
	return p->key.family == 4 && p->l4 - p->l3 != SVR_IP4_HEADER;
}

/* svr_rewrite_strip: removes IPv4 options (protocol 2.7); the rewrite makes length and checksum follow. */
static __noinline bool svr_rewrite_strip(struct __sk_buff *skb, struct svr_packet *p)
{
	__u32 bytes = p->l4 - p->l3 - SVR_IP4_HEADER;
	struct svr_options options = {};
	struct svr_cursor c;
	__u8 *first;

	if (!bytes || bytes > sizeof(options) || bpf_skb_load_bytes(skb, p->l3 + SVR_IP4_HEADER, &options, bytes))
		return false;
	if (bpf_skb_adjust_room(skb, -(__s32)bytes, BPF_ADJ_ROOM_NET, BPF_F_ADJ_ROOM_FIXED_GSO))
		return false;
	for (int i = 0; i < 10; i++)
		p->header_delta += svr_checksum_change32(options.words[i], 0);
	if (p->summed == SVR_SUMMED_COMPLETE) /* the kernel took them out of it, but the header sums to nothing as before */
		bpf_csum_update(skb, svr_checksum_fold32(svr_checksum_minus(p->header_delta)));
	c = svr_cursor_at(skb, p->l3);
	first = (__u8 *)svr_cursor_ip4(&c);
	if (!first)
		return false;
	p->header_delta += svr_checksum_change16(svr_rewrite_pair(first[0], 0), svr_rewrite_pair(SVR_IP4_PLAIN, 0));
	first[0] = SVR_IP4_PLAIN;
	p->l4 -= bytes;
	p->length -= bytes;
	return true;
}
#endif
