/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The last step of a packet that leaves: VLAN tag, link addresses, redirect, counters. Called by svr_forward.h and svr_inject. */
#ifndef SVR_LEAVE_H
#define SVR_LEAVE_H

#include "svr_cursor.h"

/* svr_leave_count: packets and bytes of one interface of ours. */
static __always_inline void svr_leave_count(__u32 ifnum, bool out, __u32 packets, __u32 bytes)
{
	struct svr_ifstats *stats = bpf_map_lookup_elem(&ifstats, &ifnum);

	if (!stats)
		return;
	if (out) {
		stats->tx_packets += packets;
		stats->tx_bytes += bytes;
	} else {
		stats->rx_packets += packets;
		stats->rx_bytes += bytes;
	}
}

/* svr_leave_nexthop: a next hop that can be used, or NULL. */
static __always_inline struct svr_nexthop *svr_leave_nexthop(__u32 index)
{
	struct svr_nexthop *nexthop = bpf_map_lookup_elem(&nexthops, &index);

	return nexthop && nexthop->ifindex ? nexthop : NULL;
}

/* svr_leave_untag: takes the VLAN tag of arrival off, so that the IP header stands behind 14 bytes. */
static __always_inline bool svr_leave_untag(struct __sk_buff *skb, struct svr_packet *p)
{
	if (!p->tagged)
		return true;
	if (bpf_skb_vlan_pop(skb))
		return false;
	p->l4 -= p->l3 - SVR_ETH_HEADER;
	p->l3 = SVR_ETH_HEADER;
	return true;
}

/* svr_leave_trim: cuts off what follows the IP packet. Padding to the least frame of Ethernet stays: it would come again. */
static __always_inline bool svr_leave_trim(struct __sk_buff *skb, const struct svr_packet *p)
{
	__u32 end = p->l3 + p->length;

	if (skb->len <= SVR_ETH_LEAST || skb->len == end || p->gso_size)
		return true;
	return bpf_skb_change_tail(skb, end, 0) == 0;
}

/* The kernel resolves the neighbour: the gateway, or on link the packet's own destination. */
static __always_inline int svr_leave_by_neighbour(const struct svr_nexthop *nexthop, const __u8 *destination, __u8 family)
{
	struct bpf_redir_neigh neighbour = {};
	bool direct = svr_packet_is_zero(nexthop->gateway);
	const __u8 *address = direct ? destination : nexthop->gateway;

	if ((direct ? family : nexthop->family) == 6) {
		neighbour.nh_family = 10; /* AF_INET6 */
		__builtin_memcpy(neighbour.ipv6_nh, address, 16);
	} else {
		neighbour.nh_family = 2; /* AF_INET */
		__builtin_memcpy(&neighbour.ipv4_nh, address, 4);
	}
	return bpf_redirect_neigh(nexthop->ifindex, &neighbour, sizeof(neighbour), 0);
}

/* svr_leave_packet: sends an untagged packet to `destination` by the next hop; the program's return code. */
static __always_inline int svr_leave_packet(struct __sk_buff *skb, const struct svr_nexthop *nexthop, const __u8 *destination, __u8 family)
{
	if (nexthop->vlan && bpf_skb_vlan_push(skb, bpf_htons(SVR_ETH_VLAN), nexthop->vlan))
		return SVR_TC_SHOT;
	return svr_leave_by_neighbour(nexthop, destination, family);
}
#endif
