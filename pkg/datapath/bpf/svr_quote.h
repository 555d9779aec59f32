/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* ICMP errors belong to the session whose packet they quote (protocol 12.2): it was sent on the side that the error comes from, so
 * the quote read backwards is the key of that side. A match goes to the shard of the session, which rewrites the quote.
 * Called by svr_ingress. */
#ifndef SVR_QUOTE_H
#define SVR_QUOTE_H

#include "svr_flow.h"
#include "svr_parse.h"

/* svr_quote_is_error: unreachable, too big, time exceeded, parameter problem. */
static __always_inline bool svr_quote_is_error(const struct svr_packet *p)
{
	__u8 type = p->icmp_type;

	return p->unkeyed && (p->key.proto == SVR_PROTO_ICMP6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12);
}

/* Reads the quoted IP header into a key turned round, and moves *at behind it. False: what is quoted says no ports. */
static __always_inline bool svr_quote_ip4(struct __sk_buff *skb, __u32 *at, struct svr_key *key)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, *at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 || (ip.frag_off & bpf_htons(SVR_IP4_OFFSET)))
		return false;
	__builtin_memcpy(key->source, &ip.daddr, 4);
	__builtin_memcpy(key->destination, &ip.saddr, 4);
	key->proto = ip.protocol;
	*at += ip.ihl * 4;
	return true;
}

static __always_inline bool svr_quote_ip6(struct __sk_buff *skb, __u32 *at, struct svr_key *key)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, *at, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	__builtin_memcpy(key->source, &ip.daddr, 16);
	__builtin_memcpy(key->destination, &ip.saddr, 16);
	key->proto = ip.nexthdr;
	*at += SVR_IP6_HEADER;
	return true;
}

/* Ports, or the identifier of a query. False: an error about an error. */
static __always_inline bool svr_quote_ports(const struct icmphdr *head, struct svr_key *key)
{
	const __be16 *ports = (const __be16 *)head;

	if (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP) {
		key->source_port_be = ports[1];
		key->destination_port_be = ports[0];
	} else if (key->proto == (key->family == 4 ? IPPROTO_ICMP : SVR_PROTO_ICMP6)) {
		return svr_parse_query(key->proto, head, &key->destination_port_be, &key->source_port_be);
	}
	return true;
}

/* svr_quote_find: sets p->session and p->entry to the side that the error came from; false when it quotes no session. */
static __noinline bool svr_quote_find(struct __sk_buff *skb, struct svr_packet *p)
{
	struct svr_key key __attribute__((aligned(8))) = { .ifnum = p->key.ifnum, .vlan = p->key.vlan, .family = p->key.family };
	struct svr_settings *s = svr_maps_settings();
	__u32 at = p->l4 + SVR_ICMP_HEADER;
	struct icmphdr head;

	if (!s || !(p->key.family == 4 ? svr_quote_ip4(skb, &at, &key) : svr_quote_ip6(skb, &at, &key)))
		return false;
	if (at + sizeof(head) > p->l3 + p->length || bpf_skb_load_bytes(skb, at, &head, sizeof(head)) || !svr_quote_ports(&head, &key))
		return false;
	p->session = svr_flow_find(s, &key, &p->entry);
	return p->session;
}
#endif
