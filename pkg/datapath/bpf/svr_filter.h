/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The filter of an interface (behaviour 10.1): ordered rules, the first that matches permits or denies, and which IPv4 options may
 * pass. A flow that is permitted whatever its packets look like remembers that by the filter's generation, so that its packets
 * pay one comparison. pkg/svr/filter.ts is the readable twin. Called by svr_ingress. */
#ifndef SVR_FILTER_H
#define SVR_FILTER_H

#include "svr_cursor.h"

#define SVR_FILTER_STEADY 0x80000u /* with GO_ON: true for every packet of the flow */
#define SVR_OPTION_BYTES 40

/* What rules look at, in host order but for addresses. */
struct svr_filter_view {
	__u32 source[4];
	__u32 destination[4];
	__u32 l3;
	__u32 options;      /* bytes of IPv4 options */
	__u16 ifnum;
	__u16 vlan;
	__u16 source_port;
	__u16 destination_port;
	__u16 length;       /* of one wire packet, IP header included */
	__u8 family;
	__u8 proto;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 is_cut;        /* fragment or extension headers: L4 is not known, of IPv6 not even the protocol */
	__u8 dscp;
};

struct svr_filter_scan {
	const struct svr_filter *filter;
	const struct svr_filter_view *view;
	__u32 verdict;
	__u32 rule;         /* that decided */
	bool decided;
	bool varies;        /* a rule of these addresses looks at single packets */
};

static __always_inline bool svr_filter_masked(const __u32 *address, const __u32 *of, const __u32 *mask)
{
	return !(((address[0] ^ of[0]) & mask[0]) | ((address[1] ^ of[1]) & mask[1]) | ((address[2] ^ of[2]) & mask[2]) | ((address[3] ^ of[3]) & mask[3]));
}

static __always_inline bool svr_filter_within(__u16 value, __u16 first, __u16 last)
{
	return value >= first && value <= last;
}

/* What is the same for all packets of a flow, of cut packets too. */
static __always_inline bool svr_filter_flow(const struct svr_rule *r, const struct svr_filter_view *v)
{
	bool unknown = v->is_cut && v->family == 6;

	if ((r->family && r->family != v->family) || ((r->tests & SVR_RULE_VLAN) && r->vlan != v->vlan))
		return false;
	if ((r->tests & SVR_RULE_PROTO) && !unknown && r->proto != v->proto)
		return false;
	return svr_filter_masked(v->source, r->source, r->source_mask) && svr_filter_masked(v->destination, r->destination, r->destination_mask);
}

static __always_inline bool svr_filter_ports(const struct svr_rule *r, const struct svr_filter_view *v)
{
	if (!(r->tests & SVR_RULE_PORTS))
		return true;
	return (v->proto == IPPROTO_TCP || v->proto == IPPROTO_UDP) && svr_filter_within(v->source_port, r->source_first, r->source_last) &&
	       svr_filter_within(v->destination_port, r->destination_first, r->destination_last);
}

static __always_inline bool svr_filter_l4(const struct svr_rule *r, const struct svr_filter_view *v)
{
	if ((r->tests & SVR_RULE_TCP) && (v->proto != IPPROTO_TCP || (v->tcp_flags & r->tcp_mask) != r->tcp_value))
		return false;
	return !(r->tests & SVR_RULE_ICMP) || (v->proto == (v->family == 4 ? IPPROTO_ICMP : SVR_PROTO_ICMP6) && v->icmp_type == r->icmp_type);
}

static __always_inline bool svr_filter_header(const struct svr_rule *r, const struct svr_filter_view *v)
{
	return (!(r->tests & SVR_RULE_DSCP) || v->dscp == r->dscp) &&
	       (!(r->tests & SVR_RULE_LENGTH) || svr_filter_within(v->length, r->length_first, r->length_last));
}

static long svr_filter_visit(__u64 index, struct svr_filter_scan *scan)
{
	const struct svr_filter_view *v = scan->view;
	const struct svr_rule *r = &scan->filter->rule[index & (SVR_RULES - 1)];

	if (!svr_filter_flow(r, v))
		return 0;
	if (v->is_cut && ((r->tests & SVR_RULE_L4) || ((r->tests & SVR_RULE_PROTO) && v->family == 6)))
		return 1; /* what the whole packet is decides, and that a shard sees */
	if (!svr_filter_ports(r, v))
		return 0;
	if (r->tests & SVR_RULE_PACKET)
		scan->varies = true;
	if (!svr_filter_l4(r, v) || !svr_filter_header(r, v))
		return 0;
	scan->decided = true;
	scan->rule = index;
	return 1;
}

/* Counts a packet that a rule denied; the entry is made with the first one. */
static __always_inline void svr_filter_count(__u16 ifnum, __u32 rule)
{
	__u32 key = (__u32)ifnum << 16 | rule;
	__u64 one = 1, *count = bpf_map_lookup_elem(&denied, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&denied, &key, &one, BPF_NOEXIST);
}

struct svr_filter_options {
	__u8 bytes[64];
	__u32 length;
	__u32 at;
	__u32 allowed;
	bool bad;
};

static long svr_filter_option(__u64 index, struct svr_filter_options *o)
{
	__u32 at = o->at & 63, kind, length;

	if (o->at >= o->length)
		return 1;
	kind = o->bytes[at];
	if (kind == 0)
		return 1;
	length = kind == 1 ? 1 : o->bytes[(at + 1) & 63];
	o->at += length;
	if (kind == 1 || (length >= 2 && (o->allowed >> (kind & 31) & 1)))
		return 0;
	o->bad = true;
	return 1;
}

/* Is there an option that may not pass? */
static __always_inline bool svr_filter_refuses(struct __sk_buff *skb, const struct svr_filter_view *v, const struct svr_filter *filter)
{
	struct svr_filter_options o = { .length = v->options, .allowed = filter->options };

	if (!v->options || v->options > SVR_OPTION_BYTES || !(filter->flags & SVR_FILTER_OPTIONS))
		return false;
	if (bpf_skb_load_bytes(skb, v->l3 + SVR_IP4_HEADER, o.bytes, v->options))
		return true;
	bpf_loop(SVR_OPTION_BYTES, svr_filter_option, &o, 0);
	return o.bad;
}

/* svr_filter_judge: GO_ON, maybe with STEADY, or a drop. Verified by itself. */
__noinline __u32 svr_filter_judge(struct __sk_buff *skb, const struct svr_filter_view *view)
{
	struct svr_filter_scan scan = { .view = view };
	__u32 ifnum;

	if (!view)
		return SVR_DROP | SVR_DROP_FILTER;
	ifnum = view->ifnum;
	scan.filter = bpf_map_lookup_elem(&filters, &ifnum);
	if (!scan.filter)
		return SVR_GO_ON;
	if (svr_filter_refuses(skb, view, scan.filter))
		return SVR_DROP | SVR_DROP_FILTER;
	bpf_loop(scan.filter->count, svr_filter_visit, &scan, 0);
	if (scan.decided && !(scan.filter->rule[scan.rule & (SVR_RULES - 1)].tests & SVR_RULE_PERMIT)) {
		svr_filter_count(ifnum, scan.rule);
		return SVR_DROP | SVR_DROP_FILTER;
	}
	return scan.varies ? SVR_GO_ON : SVR_FILTER_STEADY;
}

static __always_inline __u8 svr_filter_dscp(struct __sk_buff *skb, const struct svr_packet *p)
{
	__u8 head[2] = {};

	bpf_skb_load_bytes(skb, p->l3, head, sizeof(head));
	return p->key.family == 4 ? head[1] >> 2 : (head[0] & 0x0f) << 2 | head[1] >> 6;
}

/* svr_filter_packet: what the filter of the interface says of a packet. */
static __always_inline __u32 svr_filter_packet(struct __sk_buff *skb, const struct svr_packet *p, enum svr_shape shape)
{
	struct svr_filter_view v = {
		.l3 = p->l3, .ifnum = p->key.ifnum, .vlan = p->key.vlan, .source_port = bpf_ntohs(p->key.source_port_be),
		.destination_port = bpf_ntohs(p->key.destination_port_be), .family = p->key.family, .proto = p->key.proto, .tcp_flags = p->tcp_flags,
		.icmp_type = p->icmp_type, .is_cut = shape != SVR_SHAPE_OK, .dscp = svr_filter_dscp(skb, p),
	};

	__builtin_memcpy(v.source, p->key.source, 16);
	__builtin_memcpy(v.destination, p->key.destination, 16);
	v.length = p->segments > 1 ? svr_packet_headers(p) + p->gso_size : p->length;
	v.options = p->key.family == 4 && p->l4 ? p->l4 - p->l3 - SVR_IP4_HEADER : 0;
	return svr_filter_judge(skb, &v);
}

/* svr_filter_due: must a packet of a known flow be judged again? */
static __always_inline bool svr_filter_due(const struct svr_interface *interface, const struct svr_packet *p)
{
	__u32 generation = interface->flags >> SVR_IF_FILTER_SHIFT;

	if (!generation)
		return false;
	return p->session->side[p->entry & 1].filtered != generation || (p->key.family == 4 && p->l4 - p->l3 != SVR_IP4_HEADER);
}

/* svr_filter_flow_packet: judges a packet of a known flow, and remembers a verdict that holds for all of its packets. */
static __always_inline __u32 svr_filter_flow_packet(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_interface *interface)
{
	__u32 verdict = svr_filter_packet(skb, p, SVR_SHAPE_OK);

	if (verdict == SVR_FILTER_STEADY)
		p->session->side[p->entry & 1].filtered = interface->flags >> SVR_IF_FILTER_SHIFT;
	return verdict & ~SVR_FILTER_STEADY;
}
#endif
