/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* ICMP queries between hosts and peers (protocol 3.3): on a peer side the whole message, checksum 0, rides in UDP. Both
 * checksums cover the message, so each is derived from the other without reading the body. Toward a peer the identifier is the
 * one of the session's context; toward a host the one of that side. Called by svr_forward.h before the rewrite. */
#ifndef SVR_ICMP_H
#define SVR_ICMP_H

#include "svr_rewrite.h"

struct svr_icmp_headers {
	struct udphdr udp;
	struct icmphdr icmp;
};

static __always_inline bool svr_icmp_is(__u8 proto)
{
	return proto == IPPROTO_ICMP || proto == SVR_PROTO_ICMP6;
}

/* svr_icmp_is_carried: a packet that arrives on this side is an ICMP message in UDP. */
static __always_inline bool svr_icmp_is_carried(const struct svr_session *s, __u32 side)
{
	const struct svr_side *in = &s->side[side & 1], *out = &s->side[~side & 1];

	if (in->proto != IPPROTO_UDP || !in->path)
		return false;
	return out->path ? svr_icmp_is(s->context_proto) : svr_icmp_is(out->proto);
}

/* svr_icmp_growth: bytes that the packet grows by when it leaves. */
static __always_inline __s32 svr_icmp_growth(const struct svr_side *in, const struct svr_side *out)
{
	if (in->proto == out->proto)
		return 0;
	return svr_icmp_is(in->proto) ? SVR_UDP_HEADER : -SVR_UDP_HEADER;
}

/* svr_icmp_check: may the packet be converted here? PUNT SLOW for what user space must do, drop for what does not fit. */
static __noinline __u32 svr_icmp_check(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_side *out)
{
	__u32 side = p->entry & 1;
	struct svr_icmp_headers h;

	if (p->key.family != out->family || p->summed == SVR_SUMMED_PARTIAL || p->gso_size)
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (svr_icmp_is(p->key.proto) && out->proto == IPPROTO_UDP)
		return SVR_GO_ON;
	if (p->key.proto != IPPROTO_UDP || !svr_icmp_is(out->proto))
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (p->payload < SVR_ICMP_HEADER || p->udp_length != p->payload + SVR_UDP_HEADER || bpf_skb_load_bytes(skb, p->l4, &h, sizeof(h)))
		return SVR_DROP | SVR_DROP_FILTER;
	if (!h.udp.check)
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (side ? svr_parse_is_reply(out->proto, h.icmp.type) : svr_parse_is_request(out->proto, h.icmp.type))
		return SVR_GO_ON;
	return SVR_DROP | SVR_DROP_STATE;
}

/* Sum of the addresses that the packet came with. */
static __always_inline __u64 svr_icmp_arrived(const struct svr_packet *p)
{
	return svr_checksum_addresses(p->key.source, p->key.destination, p->key.family);
}

/* Pseudo header with these addresses (their sum). */
static __always_inline __u64 svr_icmp_pseudo(__u64 addresses, const struct svr_packet *p, __u8 proto)
{
	__u32 bytes = p->l3 + p->length - p->l4;

	return addresses + bpf_htons(bytes) + bpf_htons(proto);
}

static __noinline bool svr_icmp_to_carrier(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s)
{
	const struct svr_side *out = &s->side[~p->entry & 1];
	struct svr_icmp_headers h = {};
	__u64 message;

	if (bpf_skb_load_bytes(skb, p->l4, &h.icmp, sizeof(h.icmp)))
		return false;
	message = (__u16)~h.icmp.checksum + svr_checksum_change16(h.icmp.un.echo.id, s->context_source_port_be);
	if (p->key.family == 6)
		message += svr_checksum_minus(svr_icmp_pseudo(svr_icmp_arrived(p), p, SVR_PROTO_ICMP6));
	if (bpf_skb_adjust_room(skb, SVR_UDP_HEADER, BPF_ADJ_ROOM_NET, 0))
		return false;
	p->length += SVR_UDP_HEADER;
	h.icmp.checksum = 0;
	h.icmp.un.echo.id = s->context_source_port_be;
	h.udp.source = out->local_port_be;
	h.udp.dest = out->remote_port_be;
	h.udp.len = bpf_htons(p->l3 + p->length - p->l4);
	message += (__u64)h.udp.source + h.udp.dest + h.udp.len + svr_icmp_pseudo(svr_checksum_side(s, ~p->entry), p, IPPROTO_UDP);
	h.udp.check = (__u16)~svr_checksum_fold(message) ?: 0xffff;
	return bpf_skb_store_bytes(skb, p->l4, &h, sizeof(h), BPF_F_RECOMPUTE_CSUM) == 0;
}

static __noinline bool svr_icmp_from_carrier(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s)
{
	const struct svr_side *out = &s->side[~p->entry & 1];
	struct svr_icmp_headers h;
	__u64 message;
	__u16 id;

	if (bpf_skb_load_bytes(skb, p->l4, &h, sizeof(h)))
		return false;
	id = svr_parse_is_request(out->proto, h.icmp.type) ? out->local_port_be : out->remote_port_be;
	message = (__u16)~h.udp.check + svr_checksum_change16(h.icmp.un.echo.id, id) + svr_checksum_change16(h.icmp.checksum, 0);
	message += svr_checksum_minus((__u64)h.udp.source + h.udp.dest + h.udp.len +
				      svr_icmp_pseudo(svr_icmp_arrived(p), p, IPPROTO_UDP));
	if (bpf_skb_adjust_room(skb, -SVR_UDP_HEADER, BPF_ADJ_ROOM_NET, 0))
		return false;
	p->length -= SVR_UDP_HEADER;
	if (p->key.family == 6)
		message += svr_icmp_pseudo(svr_checksum_side(s, ~p->entry), p, SVR_PROTO_ICMP6);
	h.icmp.un.echo.id = id;
	h.icmp.checksum = ~svr_checksum_fold(message);
	return bpf_skb_store_bytes(skb, p->l4, &h.icmp, sizeof(h.icmp), BPF_F_RECOMPUTE_CSUM) == 0;
}

/* svr_icmp_convert: puts the carrier on or off where the sides differ. */
static __always_inline bool svr_icmp_convert(struct __sk_buff *skb, struct svr_packet *p, const struct svr_session *s)
{
	if (p->key.proto == s->side[~p->entry & 1].proto)
		return true;
	p->converted = 1;
	return svr_icmp_is(p->key.proto) ? svr_icmp_to_carrier(skb, p, s) : svr_icmp_from_carrier(skb, p, s);
}
#endif
