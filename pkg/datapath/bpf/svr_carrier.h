/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* What is neither TCP nor UDP between hosts rides in UDP between routers (protocol 3.3): the whole ICMP message, checksum 0, or
 * the whole L4 packet of any other protocol. ICMP checksums cover what UDP's does, so each is derived from the other without
 * reading the body; for the rest UDP's is summed. Toward a peer identifiers, ports and checksums are those of the session's
 * context; toward a host those of that side. Called by svr_forward.h before the rewrite. */
#ifndef SVR_CARRIER_H
#define SVR_CARRIER_H

#include "svr_cookie.h"
#include "svr_rewrite.h"

static __always_inline bool svr_carrier_is_icmp(__u8 proto)
{
	return proto == IPPROTO_ICMP || proto == SVR_PROTO_ICMP6;
}

/* Protocols whose checksum covers addresses and ports as UDP's does, at the same place. */
static __always_inline bool svr_carrier_is_summed(__u8 proto)
{
	return proto == SVR_PROTO_DCCP || proto == SVR_PROTO_UDPLITE;
}

/* svr_carrier_is_carried: a packet that arrives on this side is that of another protocol, in UDP. */
static __always_inline bool svr_carrier_is_carried(const struct svr_session *s, __u32 side)
{
	const struct svr_side *in = &s->side[side & 1], *out = &s->side[~side & 1];

	if (in->proto != IPPROTO_UDP || !in->path)
		return false;
	return (out->path ? s->context_proto : out->proto) != IPPROTO_UDP;
}

/* Bytes of another IP header. */
static __always_inline __s32 svr_carrier_header_growth(__u8 from, __u8 to)
{
	return from == to ? 0 : to == 6 ? SVR_IP6_HEADER - SVR_IP4_HEADER : SVR_IP4_HEADER - SVR_IP6_HEADER;
}

/* svr_carrier_growth: bytes that the packet grows by when it leaves. */
static __always_inline __s32 svr_carrier_growth(const struct svr_side *in, const struct svr_side *out)
{
	__s32 growth = svr_carrier_header_growth(in->family, out->family);

	if (in->proto == out->proto)
		return growth;
	return growth + (in->proto == IPPROTO_UDP ? -SVR_UDP_HEADER : SVR_UDP_HEADER);
}

/* svr_carrier_inner_growth: by how much the inner packet's IP header is longer than that of a packet on this side. */
static __always_inline __s32 svr_carrier_inner_growth(const struct svr_session *s, __u32 side)
{
	const struct svr_side *in = &s->side[side & 1];

	return in->path ? svr_carrier_header_growth(in->family, s->context_family) : 0;
}

/* Another IP header: a checksum 0 of UDP must be made good over IPv6, UDP super-packets and what gets too long are user space's. */
static __always_inline __u32 svr_carrier_check_family(struct __sk_buff *skb, const struct svr_packet *p)
{
	__u16 sum = 0;

	if (p->length > SVR_IP4_LONGEST && !p->gso_size)
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (p->key.proto != IPPROTO_UDP)
		return SVR_GO_ON;
	if (p->gso_size || bpf_skb_load_bytes(skb, p->l4 + __builtin_offsetof(struct udphdr, check), &sum, sizeof(sum)))
		return SVR_PUNT | SVR_PUNT_SLOW;
	return sum || p->key.family == 6 ? SVR_GO_ON : SVR_PUNT | SVR_PUNT_SLOW;
}

struct svr_carrier_icmp {
	struct udphdr udp;
	struct icmphdr icmp;
};

/* The session began with an ICMP answer: then the identifier is its destination port (behaviour 3.7). */
static __always_inline bool svr_carrier_answers_first(const struct svr_session *s)
{
	return !s->context_source_port_be && s->context_destination_port_be;
}

/* The identifier of an ICMP session as hosts of the context know it. */
static __always_inline __be16 svr_carrier_identifier(const struct svr_session *s)
{
	return s->context_source_port_be ? s->context_source_port_be : s->context_destination_port_be;
}

/* ICMP in UDP must be a whole query on its way forward, or a whole answer on its way back. */
static __always_inline __u32 svr_carrier_check_icmp(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_session *s, __u8 proto)
{
	struct svr_carrier_icmp h;

	if (p->payload < SVR_ICMP_HEADER || bpf_skb_load_bytes(skb, p->l4, &h, sizeof(h)))
		return SVR_DROP | SVR_DROP_FILTER;
	if (!h.udp.check)
		return SVR_PUNT | SVR_PUNT_SLOW;
	if ((p->entry & 1) != svr_carrier_answers_first(s) ? svr_parse_is_reply(proto, h.icmp.type) : svr_parse_is_request(proto, h.icmp.type))
		return SVR_GO_ON;
	return SVR_DROP | SVR_DROP_STATE;
}

/* A session carries its own ports and no others. */
static __always_inline __u32 svr_carrier_check_ports(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_session *s, __u8 proto)
{
	bool back = p->entry & 1;
	__be16 ports[2];

	if (p->payload < svr_parse_least(proto) || bpf_skb_load_bytes(skb, p->l4 + SVR_UDP_HEADER, ports, sizeof(ports)))
		return SVR_DROP | SVR_DROP_FILTER;
	if (ports[0] == (back ? s->context_destination_port_be : s->context_source_port_be) &&
	    ports[1] == (back ? s->context_source_port_be : s->context_destination_port_be))
		return SVR_GO_ON;
	return SVR_DROP | SVR_DROP_FILTER;
}

/* Out of the carrier. */
static __always_inline __u32 svr_carrier_check_from(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_session *s, __u8 proto)
{
	if (p->udp_length != p->payload + SVR_UDP_HEADER)
		return SVR_DROP | SVR_DROP_FILTER;
	if (svr_packet_sum_left(skb, p))
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (svr_carrier_is_icmp(proto))
		return svr_carrier_check_icmp(skb, p, s, proto);
	return svr_parse_is_ported(proto) ? svr_carrier_check_ports(skb, p, s, proto) : SVR_GO_ON;
}

/* Into it: a checksum that is left to offload would be computed behind ours, and a body may not look like metadata (protocol 3.4). */
static __always_inline __u32 svr_carrier_check_to(struct __sk_buff *skb, const struct svr_packet *p)
{
	__u64 word = 0;

	if (p->summed == SVR_SUMMED_PARTIAL && (svr_packet_sum_left(skb, p) || svr_parse_is_ported(p->key.proto)))
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (p->l3 + p->length - p->l4 >= SVR_COOKIE_BYTES)
		bpf_skb_load_bytes(skb, p->l4, &word, sizeof(word));
	return word == SVR_COOKIE ? SVR_PUNT | SVR_PUNT_COOKIE : SVR_GO_ON;
}

/* svr_carrier_check: may the packet be turned into what the other side has? PUNT SLOW for what user space must do, drop for what does not fit. */
static __noinline __u32 svr_carrier_check(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_session *s)
{
	const struct svr_side *out = &s->side[~p->entry & 1];
	__u32 verdict = p->key.family == out->family ? SVR_GO_ON : svr_carrier_check_family(skb, p);

	if (verdict != SVR_GO_ON || p->key.proto == out->proto)
		return verdict;
	if (p->gso_size || p->key.proto == IPPROTO_TCP || out->proto == IPPROTO_TCP)
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (out->proto == IPPROTO_UDP)
		return svr_carrier_check_to(skb, p);
	return p->key.proto == IPPROTO_UDP ? svr_carrier_check_from(skb, p, s, out->proto) : SVR_PUNT | SVR_PUNT_SLOW;
}

/* Pseudo header with these addresses (their sum). */
static __always_inline __u64 svr_carrier_pseudo(__u64 addresses, const struct svr_packet *p, __u8 proto)
{
	__u32 bytes = p->l3 + p->length - p->l4;

	return addresses + bpf_htons(bytes) + bpf_htons(proto);
}

/* The same with the addresses that the packet came with. */
static __always_inline __u64 svr_carrier_arrived(const struct svr_packet *p, __u8 proto)
{
	return svr_carrier_pseudo(svr_checksum_addresses(p->key.source, p->key.destination, p->key.family), p, proto);
}

/* Makes the ICMP message what rides in UDP; its sum. */
static __always_inline bool svr_carrier_from_icmp(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_session *s, __u64 *sum)
{
	struct icmphdr icmp;

	if (bpf_skb_load_bytes(skb, p->l4, &icmp, sizeof(icmp)))
		return false;
	*sum = (__u16)~icmp.checksum + svr_checksum_change16(icmp.un.echo.id, svr_carrier_identifier(s));
	if (p->key.family == 6)
		*sum += svr_checksum_minus(svr_carrier_arrived(p, SVR_PROTO_ICMP6));
	icmp.checksum = 0;
	icmp.un.echo.id = svr_carrier_identifier(s);
	return bpf_skb_store_bytes(skb, p->l4, &icmp, sizeof(icmp), BPF_F_RECOMPUTE_CSUM) == 0;
}

/* Turns ports and checksum of DCCP or UDP-Lite, whose header stands at l4, to those of the context or of the side it leaves on. */
static __always_inline bool svr_carrier_turn(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_session *s, bool toward_peer)
{
	const struct svr_side *out = &s->side[~p->entry & 1];
	__u64 context = svr_checksum_addresses(s->context_source, s->context_destination, s->context_family), change;
	bool back = p->entry & 1;
	struct udphdr h;

	if (bpf_skb_load_bytes(skb, p->l4, &h, sizeof(h)))
		return false;
	change = svr_checksum_minus((__u64)h.source + h.dest);
	if (toward_peer) {
		change += context + svr_checksum_minus(svr_checksum_addresses(p->key.source, p->key.destination, p->key.family));
		h.source = back ? s->context_destination_port_be : s->context_source_port_be;
		h.dest = back ? s->context_source_port_be : s->context_destination_port_be;
	} else {
		change += svr_checksum_side(s, ~p->entry) + svr_checksum_minus(context);
		h.source = out->local_port_be;
		h.dest = out->remote_port_be;
	}
	h.check = svr_checksum_update(h.check, change + h.source + h.dest) ?: 0xffff;
	return bpf_skb_store_bytes(skb, p->l4, &h, sizeof(h), BPF_F_RECOMPUTE_CSUM) == 0;
}

#define SVR_CARRIER_STEP 128
#define SVR_CARRIER_STEPS 512 /* 64 KiB */

struct svr_carrier_scan {
	__be32 bytes[SVR_CARRIER_STEP / 4];
	struct __sk_buff *skb;
	__u32 at;
	__u32 end;
	__u32 sum;
	bool broken;
};

static long svr_carrier_add(__u64 index, struct svr_carrier_scan *scan)
{
	__u32 last = scan->end - scan->at - 1; /* of the bytes that are left: its place */

	if (scan->at >= scan->end)
		return 1;
	scan->broken = true;
	if (last < SVR_CARRIER_STEP - 1) {
		__builtin_memset(scan->bytes, 0, SVR_CARRIER_STEP);
		last &= SVR_CARRIER_STEP - 1;
		SVR_SIDE_OPAQUE(last);
		if (bpf_skb_load_bytes(scan->skb, scan->at, scan->bytes, (last & (SVR_CARRIER_STEP - 1)) + 1))
			return 1;
	} else if (bpf_skb_load_bytes(scan->skb, scan->at, scan->bytes, SVR_CARRIER_STEP)) {
		return 1;
	}
	scan->broken = false;
	scan->sum = bpf_csum_diff(NULL, 0, scan->bytes, SVR_CARRIER_STEP, scan->sum);
	scan->at += SVR_CARRIER_STEP;
	return 0;
}

/* Sum of the L4 packet. Of a part whose checksum is left to offload it is known beforehand: what its field, which holds the sum of
 * the pseudo header, takes away. */
static __noinline bool svr_carrier_sum(struct __sk_buff *skb, const struct svr_packet *p, __u64 *sum)
{
	struct svr_carrier_scan scan = { .skb = skb, .at = p->l4, .end = p->l3 + p->length };
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	__u64 start;
	__u16 field;

	*sum = 0;
	if (p->summed == SVR_SUMMED_PARTIAL) {
		start = (__u64)kernel->head + kernel->csum_start - (__u64)kernel->data;
		if (start < p->l4 || start >= scan.end || bpf_skb_load_bytes(skb, start + kernel->csum_offset, &field, sizeof(field)))
			return false;
		scan.end = start;
		*sum = (__u16)~field;
	}
	bpf_loop(SVR_CARRIER_STEPS, svr_carrier_add, &scan, 0);
	*sum += scan.sum;
	return !scan.broken;
}

/* Puts a UDP header in front of the message whose sum this is. */
static __always_inline bool svr_carrier_put(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s, __u64 sum)
{
	const struct svr_side *out = &s->side[~p->entry & 1];
	struct udphdr udp = { .source = out->local_port_be, .dest = out->remote_port_be };

	if (bpf_skb_adjust_room(skb, SVR_UDP_HEADER, BPF_ADJ_ROOM_NET, 0))
		return false;
	p->length += SVR_UDP_HEADER;
	udp.len = bpf_htons(p->l3 + p->length - p->l4);
	sum += (__u64)udp.source + udp.dest + udp.len + svr_carrier_pseudo(svr_checksum_side(s, ~p->entry), p, IPPROTO_UDP);
	udp.check = (__u16)~svr_checksum_fold(sum) ?: 0xffff;
	return bpf_skb_store_bytes(skb, p->l4, &udp, sizeof(udp), BPF_F_RECOMPUTE_CSUM) == 0;
}

static __noinline bool svr_carrier_to(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s)
{
	__u64 sum = 0;

	if (svr_carrier_is_icmp(p->key.proto))
		return svr_carrier_from_icmp(skb, p, s, &sum) && svr_carrier_put(skb, p, s, sum);
	if (svr_carrier_is_summed(p->key.proto) && !svr_carrier_turn(skb, p, s, true))
		return false;
	return svr_carrier_sum(skb, p, &sum) && svr_carrier_put(skb, p, s, sum);
}

/* The ICMP message behind the UDP header that is read here. */
static __always_inline bool svr_carrier_to_icmp(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s, const struct svr_carrier_icmp *h)
{
	const struct svr_side *out = &s->side[~p->entry & 1];
	__u16 id = svr_parse_is_request(out->proto, h->icmp.type) ? out->local_port_be : out->remote_port_be;
	struct icmphdr icmp = h->icmp;
	__u64 message = (__u16)~h->udp.check + svr_checksum_change16(icmp.un.echo.id, id) + svr_checksum_change16(icmp.checksum, 0);

	p->length += SVR_UDP_HEADER; /* as it arrived */
	message += svr_checksum_minus((__u64)h->udp.source + h->udp.dest + h->udp.len + svr_carrier_arrived(p, IPPROTO_UDP));
	p->length -= SVR_UDP_HEADER;
	if (out->proto == SVR_PROTO_ICMP6)
		message += svr_carrier_pseudo(svr_checksum_side(s, ~p->entry), p, SVR_PROTO_ICMP6);
	icmp.un.echo.id = id;
	icmp.checksum = ~svr_checksum_fold(message);
	return bpf_skb_store_bytes(skb, p->l4, &icmp, sizeof(icmp), BPF_F_RECOMPUTE_CSUM) == 0;
}

static __noinline bool svr_carrier_from(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s)
{
	__u8 proto = s->side[~p->entry & 1].proto;
	struct svr_carrier_icmp h;

	if (svr_carrier_is_icmp(proto) && bpf_skb_load_bytes(skb, p->l4, &h, sizeof(h)))
		return false;
	if (bpf_skb_adjust_room(skb, -SVR_UDP_HEADER, BPF_ADJ_ROOM_NET, 0))
		return false;
	p->length -= SVR_UDP_HEADER;
	if (svr_carrier_is_icmp(proto))
		return svr_carrier_to_icmp(skb, p, s, &h);
	return !svr_carrier_is_summed(proto) || svr_carrier_turn(skb, p, s, false);
}

/* svr_carrier_convert: puts the carrier on or off where the sides differ. */
static __always_inline bool svr_carrier_convert(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s)
{
	if (p->key.proto == s->side[~p->entry & 1].proto)
		return true;
	p->converted = 1;
	return p->key.proto == IPPROTO_UDP ? svr_carrier_from(skb, p, s) : svr_carrier_to(skb, p, s);
}
#endif
