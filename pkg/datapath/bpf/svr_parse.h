/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* From a frame to struct svr_packet: Ethernet, one VLAN tag (in the packet or beside it), IPv4 with options, IPv6, L4.
 * Called first by svr_ingress. Reads only; sends nothing, counts nothing. */
#ifndef SVR_PARSE_H
#define SVR_PARSE_H

#include "svr_cursor.h"
#include "svr_hash.h"

#define SVR_IP6_HOP_BY_HOP 0
#define SVR_IP6_ROUTING 43
#define SVR_IP6_FRAGMENT 44
#define SVR_IP6_DESTINATION 60
#define SVR_IP6_MOBILITY 135
#define SVR_IP6_HIP 139
#define SVR_IP6_SHIM6 140
#define SVR_ICMP6_MLD_FIRST 130 /* 130-132 MLD, 133-137 neighbour discovery, 143 MLDv2 */
#define SVR_ICMP6_ND_LAST 137
#define SVR_ICMP6_MLD2 143

/* What is read as a word is written as a word: a load that spans several stores before it waits until all of them are done. */
static __always_inline void svr_parse_set_word(void *at, __u32 value)
{
	*(svr_hash_word *)at = value;
}

/* Echo, timestamp, information and address mask (RFC 792, 950), by type. */
#define SVR_PARSE_ICMP_REQUESTS (1u << 8 | 1u << 13 | 1u << 15 | 1u << 17)
#define SVR_PARSE_ICMP_REPLIES (1u << 0 | 1u << 14 | 1u << 16 | 1u << 18)

/* svr_parse_is_request: ICMP query whose identifier is a source port. */
static __always_inline bool svr_parse_is_request(__u8 proto, __u8 type)
{
	return proto == SVR_PROTO_ICMP6 ? type == 128 : type < 32 && (SVR_PARSE_ICMP_REQUESTS >> type & 1);
}

/* svr_parse_is_reply: ICMP answer whose identifier is a destination port. */
static __always_inline bool svr_parse_is_reply(__u8 proto, __u8 type)
{
	return proto == SVR_PROTO_ICMP6 ? type == 129 : type < 32 && (SVR_PARSE_ICMP_REPLIES >> type & 1);
}

/* svr_parse_kind: the request that a query or answer belongs to, where ICMP sessions are told apart by it (behaviour 3.7); else 0. */
static __always_inline __be16 svr_parse_kind(__u8 proto, __u8 type)
{
	struct svr_settings *s = svr_maps_settings();

	if (!s || !s->icmp_by_type)
		return 0;
	if (svr_parse_is_request(proto, type))
		return bpf_htons(type);
	return bpf_htons(type ? type - 1 : 8);
}

/* svr_parse_query: the identifier is the port of whoever asks. False for what is neither query nor answer. */
static __always_inline bool svr_parse_query(__u8 proto, const struct icmphdr *icmp, __be16 *source, __be16 *destination)
{
	__u8 type = icmp->type;
	bool asks = svr_parse_is_request(proto, type);
	__be16 kind;

	if (!asks && !svr_parse_is_reply(proto, type))
		return false;
	kind = svr_parse_kind(proto, type);
	*source = asks ? icmp->un.echo.id : kind;
	*destination = asks ? kind : icmp->un.echo.id;
	return true;
}

/* Ethernet and VLAN. Returns the ethertype, 0 for what is not ours. */
static __always_inline __u16 svr_parse_frame(struct __sk_buff *skb, struct svr_cursor *c, struct svr_packet *p)
{
	struct ethhdr *ethernet = svr_cursor_ethernet(c);
	struct vlan_hdr *tag;
	__u16 type;

	if (!ethernet || skb->pkt_type != 0 /* PACKET_HOST */)
		return 0;
	type = bpf_ntohs(ethernet->h_proto);
	p->l3 = SVR_ETH_HEADER;
	if (skb->vlan_present) {
		svr_parse_set_word(&p->key.ifnum, p->key.ifnum | (skb->vlan_tci & SVR_VLAN_ID) << 16);
		p->tagged = 1;
		return skb->vlan_proto == bpf_htons(SVR_ETH_VLAN) ? type : 0;
	}
	if (type != SVR_ETH_VLAN)
		return type;
	tag = svr_cursor_vlan(c);
	if (!tag)
		return 0;
	p->l3 += SVR_VLAN_HEADER;
	svr_parse_set_word(&p->key.ifnum, p->key.ifnum | (bpf_ntohs(tag->h_vlan_TCI) & SVR_VLAN_ID) << 16);
	p->tagged = 1;
	return bpf_ntohs(tag->h_vlan_encapsulated_proto);
}

/* Takes the length that the IP header says; a super-packet above 64 KiB says 0 (`unsaid`). False: it contradicts the frame. */
static __always_inline bool svr_parse_length(struct __sk_buff *skb, struct svr_packet *p, __u32 said, bool unsaid)
{
	p->gso_size = skb->gso_size;
	p->length = unsaid && p->gso_size ? skb->len - p->l3 : said;
	return p->l3 + p->length <= skb->len;
}

static __always_inline enum svr_shape svr_parse_ip4(struct __sk_buff *skb, struct svr_cursor *c, struct svr_packet *p)
{
	struct iphdr *ip = svr_cursor_ip4(c);
	__u32 header;

	if (!ip)
		return SVR_SHAPE_BAD;
	svr_parse_set_word(&p->key.proto, ip->protocol | 4 << 8);
	p->ttl = ip->ttl;
	__builtin_memcpy(p->key.source, &ip->saddr, 4);
	__builtin_memcpy(p->key.destination, &ip->daddr, 4);
	if (p->key.destination[0] >= 224)
		return SVR_SHAPE_FOREIGN; /* multicast, reserved, limited broadcast */
	header = ip->ihl * 4;
	if (!svr_parse_length(skb, p, bpf_ntohs(ip->tot_len), !ip->tot_len))
		return SVR_SHAPE_BAD;
	if (ip->version != 4 || header < SVR_IP4_HEADER || p->length < header)
		return SVR_SHAPE_BAD;
	p->l4 = p->l3 + header;
	if (ip->frag_off & bpf_htons(SVR_IP4_FRAGMENT))
		return SVR_SHAPE_FRAGMENT;
	c->at += header - SVR_IP4_HEADER;
	return SVR_SHAPE_OK;
}

static __always_inline bool svr_parse_is_extension(__u8 next)
{
	return next == SVR_IP6_HOP_BY_HOP || next == SVR_IP6_ROUTING || next == SVR_IP6_DESTINATION || next == SVR_IP6_MOBILITY ||
	       next == SVR_IP6_HIP || next == SVR_IP6_SHIM6;
}

static __always_inline enum svr_shape svr_parse_ip6(struct __sk_buff *skb, struct svr_cursor *c, struct svr_packet *p)
{
	struct ipv6hdr *ip = svr_cursor_ip6(c);
	const __u8 *to = p->key.destination, *from = p->key.source;

	if (!ip)
		return SVR_SHAPE_BAD;
	svr_parse_set_word(&p->key.proto, ip->nexthdr | 6 << 8);
	p->ttl = ip->hop_limit;
	__builtin_memcpy(p->key.source, &ip->saddr, 16);
	__builtin_memcpy(p->key.destination, &ip->daddr, 16);
	if (to[0] == 0xff || (to[0] == 0xfe && (to[1] & 0xc0) == 0x80) || (from[0] == 0xfe && (from[1] & 0xc0) == 0x80))
		return SVR_SHAPE_FOREIGN; /* multicast, link-local */
	if (ip->version != 6 || !svr_parse_length(skb, p, SVR_IP6_HEADER + bpf_ntohs(ip->payload_len), !ip->payload_len))
		return SVR_SHAPE_BAD;
	p->l4 = p->l3 + SVR_IP6_HEADER;
	if (ip->nexthdr == SVR_IP6_FRAGMENT)
		return SVR_SHAPE_FRAGMENT;
	return svr_parse_is_extension(ip->nexthdr) ? SVR_SHAPE_EXTENDED : SVR_SHAPE_OK;
}

static __always_inline enum svr_shape svr_parse_tcp(struct svr_cursor *c, struct svr_packet *p, __u32 room)
{
	struct tcphdr *tcp = svr_cursor_tcp(c);
	__u32 header;

	if (!tcp || room < SVR_TCP_HEADER)
		return SVR_SHAPE_BAD;
	header = tcp->doff * 4;
	if (header < SVR_TCP_HEADER || header > room)
		return SVR_SHAPE_BAD;
	svr_parse_set_word(&p->key.source_port_be, *(svr_hash_word *)tcp);
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->tcp_flags = ((__u8 *)tcp)[13] & 0x3f;
	p->tcp_header = header;
	p->window = bpf_ntohs(tcp->window);
	p->payload = room - header;
	return SVR_SHAPE_OK;
}

static __always_inline enum svr_shape svr_parse_udp(struct svr_cursor *c, struct svr_packet *p, __u32 room)
{
	struct udphdr *udp = svr_cursor_udp(c);

	if (!udp || room < SVR_UDP_HEADER)
		return SVR_SHAPE_BAD;
	svr_parse_set_word(&p->key.source_port_be, *(svr_hash_word *)udp);
	p->udp_length = bpf_ntohs(udp->len);
	p->payload = room - SVR_UDP_HEADER;
	return SVR_SHAPE_OK;
}

static __always_inline enum svr_shape svr_parse_icmp(struct svr_cursor *c, struct svr_packet *p, __u32 room)
{
	struct icmphdr *icmp = svr_cursor_icmp(c);
	__u8 type;

	if (!icmp || room < SVR_ICMP_HEADER)
		return SVR_SHAPE_BAD;
	type = p->icmp_type = icmp->type;
	if (p->key.proto == SVR_PROTO_ICMP6 && ((type >= SVR_ICMP6_MLD_FIRST && type <= SVR_ICMP6_ND_LAST) || type == SVR_ICMP6_MLD2))
		return SVR_SHAPE_FOREIGN;
	p->unkeyed = !svr_parse_query(p->key.proto, icmp, &p->key.source_port_be, &p->key.destination_port_be);
	return SVR_SHAPE_OK;
}

/* svr_parse_is_ported: carried in UDP between routers, and has ports itself (protocol 3.3). */
static __always_inline bool svr_parse_is_ported(__u8 proto)
{
	return proto == SVR_PROTO_SCTP || proto == SVR_PROTO_DCCP || proto == SVR_PROTO_UDPLITE;
}

/* svr_parse_least: bytes of the shortest header of such a protocol. */
static __always_inline __u32 svr_parse_least(__u8 proto)
{
	return proto == SVR_PROTO_UDPLITE ? SVR_UDP_HEADER : SVR_SCTP_HEADER;
}

static __always_inline enum svr_shape svr_parse_ported(struct svr_cursor *c, struct svr_packet *p, __u32 room)
{
	struct udphdr *ports = svr_cursor_udp(c);

	if (!ports || room < svr_parse_least(p->key.proto))
		return SVR_SHAPE_BAD;
	svr_parse_set_word(&p->key.source_port_be, *(svr_hash_word *)ports);
	return SVR_SHAPE_OK;
}

static __always_inline bool svr_parse_icmp_of_family(const struct svr_packet *p)
{
	return p->key.proto == (p->key.family == 4 ? IPPROTO_ICMP : SVR_PROTO_ICMP6);
}

static __always_inline enum svr_shape svr_parse_l4(struct svr_cursor *c, struct svr_packet *p)
{
	__u32 room = p->l3 + p->length - p->l4;

	if (p->key.proto == IPPROTO_TCP)
		return svr_parse_tcp(c, p, room);
	if (p->key.proto == IPPROTO_UDP)
		return svr_parse_udp(c, p, room);
	if (svr_parse_is_ported(p->key.proto))
		return svr_parse_ported(c, p, room);
	return svr_parse_icmp_of_family(p) ? svr_parse_icmp(c, p, room) : SVR_SHAPE_OK;
}

/* svr_parse_packet: fills p as far as the shape says. ifnum is the caller's, set before. */
static __always_inline enum svr_shape svr_parse_packet(struct __sk_buff *skb, struct svr_packet *p)
{
	struct svr_cursor c = svr_cursor_open(skb);
	__u16 type = svr_parse_frame(skb, &c, p);
	enum svr_shape shape = SVR_SHAPE_FOREIGN;

	p->segments = 1;
	if (type == SVR_ETH_IP4)
		shape = svr_parse_ip4(skb, &c, p);
	else if (type == SVR_ETH_IP6)
		shape = svr_parse_ip6(skb, &c, p);
	if (shape == SVR_SHAPE_OK)
		shape = svr_parse_l4(&c, p);
	if (shape == SVR_SHAPE_OK && p->gso_size && p->payload > p->gso_size)
		p->segments = (p->payload + p->gso_size - 1) / p->gso_size;
	return shape;
}
#endif
