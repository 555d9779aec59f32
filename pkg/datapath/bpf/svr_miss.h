/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* What becomes of a packet without a session: it is the router's own and passes, or may open a session and goes to a shard, or
 * is dropped. Before a packet is recognised as ours the answer is pass, after it the default is drop.
 * Called by svr_ingress. */
#ifndef SVR_MISS_H
#define SVR_MISS_H

#include "svr_cookie.h"
#include "svr_punt.h"
#include "svr_quote.h"
#include "svr_rate.h"
#include "svr_tcp.h"

#define SVR_PORT_PEERING 1280  /* protocol 2.8: BFD, key exchange, detector */
#define SVR_PORT_DETECTOR 1283

static __always_inline bool svr_miss_is_loopback6(const __u8 *address)
{
	const __u32 *w = (const __u32 *)address;

	return (w[0] | w[1] | w[2]) == 0 && w[3] == bpf_htonl(1);
}

/* Addresses that nobody may use on a wire (behaviour 10.2). */
static __always_inline bool svr_miss_bad_address(const struct svr_packet *p)
{
	const __u8 *from = p->key.source, *to = p->key.destination;

	if (svr_packet_same(from, to))
		return true;
	if (p->key.family == 4)
		return from[0] == 127 || to[0] == 127 || from[0] >= 224 || from[0] == 0;
	if (from[0] == 0xff || svr_packet_is_zero(from))
		return true;
	return svr_miss_is_loopback6(from) || svr_miss_is_loopback6(to);
}

/* svr_miss_filter: checks in front of any session (behaviour 10.2). */
static __always_inline __u32 svr_miss_filter(const struct svr_packet *p, enum svr_shape shape)
{
	if (svr_miss_bad_address(p))
		return SVR_DROP | SVR_DROP_FILTER;
	if (shape != SVR_SHAPE_OK)
		return SVR_GO_ON;
	if (p->key.proto == IPPROTO_TCP && !svr_tcp_legal(p->tcp_flags))
		return SVR_DROP | SVR_DROP_STATE;
	if (p->key.proto == IPPROTO_UDP && !p->gso_size && p->udp_length != p->payload + SVR_UDP_HEADER)
		return SVR_DROP | SVR_DROP_FILTER;
	return SVR_GO_ON;
}

/* Does the host of this router have a socket open for it? */
static __always_inline bool svr_miss_socket(struct __sk_buff *skb, const struct svr_packet *p)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 size = sizeof(tuple.ipv4);

	if (p->key.family == 4) {
		__builtin_memcpy(&tuple.ipv4.saddr, p->key.source, 4);
		__builtin_memcpy(&tuple.ipv4.daddr, p->key.destination, 4);
		tuple.ipv4.sport = p->key.source_port_be;
		tuple.ipv4.dport = p->key.destination_port_be;
	} else {
		__builtin_memcpy(&tuple.ipv6.saddr, p->key.source, 16);
		__builtin_memcpy(&tuple.ipv6.daddr, p->key.destination, 16);
		tuple.ipv6.sport = p->key.source_port_be;
		tuple.ipv6.dport = p->key.destination_port_be;
		size = sizeof(tuple.ipv6);
	}
	if (p->key.proto == IPPROTO_TCP)
		socket = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		socket = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return false;
	bpf_sk_release(socket);
	return true;
}

/* On an interface shared with the host only known peers are answered. */
static __always_inline bool svr_miss_known(const struct svr_packet *p, const struct svr_interface *interface)
{
	return !(interface->flags & SVR_IF_SHARED) || (svr_punt_local(p->key.source, p->key.family) & SVR_LOCAL_PEER);
}

/* Is it a packet on a waypoint port that nobody else claims (protocol 6.1)? */
static __always_inline bool svr_miss_unknown(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_interface *interface)
{
	struct svr_settings *s = svr_maps_settings();
	__u16 port = bpf_ntohs(p->key.destination_port_be);

	return s && port >= s->waypoint_first && port <= s->waypoint_last && svr_miss_known(p, interface) && !svr_miss_socket(skb, p);
}

/* Is it a packet that can belong to a segment? The fixed ports are the router's own, though metadata stands there too. */
static __always_inline bool svr_miss_is_carrier(const struct svr_packet *p)
{
	__u16 port = bpf_ntohs(p->key.destination_port_be);

	if (p->key.proto == IPPROTO_UDP)
		return port != SVR_PORT_PEERING;
	return p->key.proto == IPPROTO_TCP && port != SVR_PORT_PEERING && port != SVR_PORT_DETECTOR;
}

/* Cause for which a packet to an address of ours goes to a shard, 0: it is the kernel's. */
static __always_inline __u32 svr_miss_local(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_interface *interface,
					    enum svr_shape shape)
{
	__u32 flags = svr_punt_local(p->key.destination, p->key.family);

	if (shape == SVR_SHAPE_FRAGMENT)
		return svr_miss_known(p, interface) ? SVR_PUNT_FRAGMENT : 0;
	if (shape != SVR_SHAPE_OK || !(flags & SVR_LOCAL_WAYPOINT) || !svr_miss_is_carrier(p))
		return 0;
	if (svr_cookie_present(skb, p, true))
		return SVR_PUNT_METADATA;
	return svr_miss_unknown(skb, p, interface) ? SVR_PUNT_UNKNOWN : 0;
}

/* Is the destination an address of ours? Presence counts: a plain local address has no flags. */
static __always_inline bool svr_miss_is_ours(const struct svr_packet *p)
{
	struct svr_address key = { .family = p->key.family };
	struct svr_local *local;

	__builtin_memcpy(key.address, p->key.destination, 16);
	local = bpf_map_lookup_elem(&locals, &key);
	return local && !(local->flags & SVR_LOCAL_PEER);
}

/* svr_miss_packet: verdict for a packet that hit no session; p->session is the one that an ICMP error quotes. */
static __noinline __u32 svr_miss_packet(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_interface *interface,
					     enum svr_shape shape)
{
	bool ours = svr_miss_is_ours(p);
	__u32 cause = shape == SVR_SHAPE_FRAGMENT ? SVR_PUNT_FRAGMENT : SVR_PUNT_MISS, verdict, *tenant;

	if (shape == SVR_SHAPE_BAD)
		return interface->flags & SVR_IF_SHARED ? SVR_PASS : SVR_DROP | SVR_DROP_FILTER;
	if (p->session) {
		cause = SVR_PUNT_ERROR;
	} else if (ours) {
		cause = svr_miss_local(skb, p, interface, shape);
		if (!cause)
			return SVR_PASS;
	} else if (!(interface->flags & SVR_IF_HOSTS)) {
		return interface->flags & SVR_IF_SHARED ? SVR_PASS : SVR_DROP | SVR_DROP_NO_SERVICE;
	} else if (shape == SVR_SHAPE_OK && svr_quote_is_error(p)) {
		return SVR_DROP | SVR_DROP_ICMP_ERROR;
	}
	if (shape == SVR_SHAPE_EXTENDED)
		return SVR_DROP | SVR_DROP_FILTER;
	verdict = svr_miss_filter(p, shape);
	if (verdict != SVR_GO_ON)
		return verdict;
	if (ours)
		return svr_rate_remote(p) ? SVR_PUNT | cause : SVR_DROP | SVR_DROP_RATE;
	tenant = svr_rate_member(&p->key);
	if (!tenant && !p->session && (interface->flags & SVR_IF_SOURCES))
		return SVR_DROP | SVR_DROP_FILTER;
	return svr_rate_host(tenant) ? SVR_PUNT | cause : SVR_DROP | SVR_DROP_RATE;
}
#endif
