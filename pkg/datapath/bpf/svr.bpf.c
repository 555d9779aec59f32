/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The data plane of one router. Programs:
 *   svr_ingress      tcx ingress of every router interface: established packets leave rewritten, first packets go to a shard
 *   svr_inject       tcx ingress of lo: frames that shards and protect workers write there leave by a next hop, are the kernel's, or
 *                    are opened packets of protected sessions that go on
 *   svr_sweep_start  run once by test_run after load: arms the timer that ages sessions
 * Built into build/bpf/svr.bpf.o, loaded and pinned by pkg/datapath. Policy is user space's; nothing here opens a session. */
#include "vmlinux.h"
#include "svr_forward.h"
#include "svr_filter.h"
#include "svr_miss.h"
#include "svr_refusal.h"
#include "svr_sweep.h"

char LICENSE[] SEC("license") = "GPL";

/* Never used: types that only live in rings get into the object's type information by this, where user space checks them. */
const struct svr_punt *svr_type_of_punts;
const struct svr_record *svr_type_of_records;
const struct svr_copy *svr_type_of_copies;
const struct svr_refusal *svr_type_of_refusals;

static __always_inline void count_drop(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&drops, &reason);

	if (count)
		*count += 1;
}

/* IP bytes of all wire packets that arrived; of one whose lengths contradict each other those that came. */
static __always_inline __u32 arrived(struct __sk_buff *skb, const struct svr_packet *p, enum svr_shape shape)
{
	return shape == SVR_SHAPE_BAD ? skb->len - p->l3 : p->length + (p->segments - 1) * svr_packet_headers(p);
}

/* The verdict of one packet. */
static __always_inline __u32 judge(struct __sk_buff *skb, struct svr_packet *p, int *code)
{
	struct svr_interface interface;
	struct svr_settings *s = svr_maps_settings();
	enum svr_shape shape;
	__u32 verdict;

	if (!s || !svr_maps_interface(skb->ifindex, &interface))
		return SVR_PASS;
	svr_parse_set_word(&p->key.ifnum, interface.ifnum);
	shape = svr_parse_packet(skb, p);
	if (shape == SVR_SHAPE_FOREIGN)
		return SVR_PASS;
	p->summed = svr_packet_summed(skb);
	svr_leave_count(interface.ifnum, false, p->segments, arrived(skb, p, shape));
	if (shape == SVR_SHAPE_OK && !p->unkeyed) {
		p->session = svr_flow_find(s, &p->key, &p->entry);
		if (p->session) {
			if (p->session->flags & SVR_F_CAPTURE)
				svr_capture_at(skb, p, false, p->key.ifnum << 16 | p->key.vlan);
			verdict = svr_filter_due(&interface, p) ? svr_filter_flow_packet(skb, p, &interface) : SVR_GO_ON;
			return verdict == SVR_GO_ON ? svr_forward_packet(skb, p, code) : verdict;
		}
	}
	if (interface.flags >> SVR_IF_FILTER_SHIFT && shape != SVR_SHAPE_BAD) {
		verdict = svr_filter_packet(skb, p, shape);
		if (verdict & SVR_VERDICT_MASK & ~SVR_FILTER_STEADY)
			return verdict;
	}
	if (shape == SVR_SHAPE_OK && svr_quote_is_error(p))
		svr_quote_find(skb, p);
	return svr_miss_packet(skb, p, &interface, shape);
}

/* The one exit of a judged packet; `opened`: the entry that a protect worker named, 0 for what just arrived. */
static __always_inline int finish(struct __sk_buff *skb, struct svr_packet *p, __u32 verdict, __u32 opened, int code)
{
	if ((verdict & SVR_VERDICT_MASK) == SVR_PUNT)
		verdict = svr_punt_packet(skb, p, verdict & ~SVR_VERDICT_MASK);
	switch (verdict & SVR_VERDICT_MASK) {
	case SVR_LEAVE:
		return code;
	case SVR_PASS:
		return SVR_TC_NEXT;
	case SVR_DROP:
		count_drop(verdict & ~SVR_VERDICT_MASK);
		if (opened)
			svr_refusal_tell_opened(verdict & ~SVR_VERDICT_MASK, opened);
		else
			svr_refusal_tell(skb, verdict & ~SVR_VERDICT_MASK);
		break;
	}
	return SVR_TC_SHOT;
}

SEC("tc")
int svr_ingress(struct __sk_buff *skb)
{
	struct svr_packet p = {};
	int code = SVR_TC_NEXT;
	__u32 verdict = judge(skb, &p, &code);

	return finish(skb, &p, verdict, 0, code);
}

/* Destination address of a frame on loopback, as one number; 0 when it is not one of ours. */
static __always_inline __u64 injected(struct __sk_buff *skb)
{
	struct svr_cursor c = svr_cursor_open(skb);
	struct ethhdr *ethernet = svr_cursor_ethernet(&c);
	struct svr_settings *s = svr_maps_settings();
	__u64 destination = 0;

	if (!ethernet || !s || __builtin_memcmp(ethernet->h_source, s->inject_mac, 6))
		return 0;
	if (ethernet->h_proto != bpf_htons(SVR_ETH_IP4) && ethernet->h_proto != bpf_htons(SVR_ETH_IP6))
		return 0;
	for (int i = 0; i < 6; i++)
		destination = destination << 8 | ethernet->h_dest[i];
	return destination;
}

/* Destination and family of the injected packet; 0 when it is cut short. */
static __always_inline __u8 injected_to(struct __sk_buff *skb, __u8 *destination)
{
	struct svr_cursor c = svr_cursor_at(skb, SVR_ETH_HEADER);

	if (skb->protocol == bpf_htons(SVR_ETH_IP4)) {
		struct iphdr *ip = svr_cursor_ip4(&c);

		if (ip)
			__builtin_memcpy(destination, &ip->daddr, 4);
		return ip ? 4 : 0;
	}
	struct ipv6hdr *ip = svr_cursor_ip6(&c);

	if (ip)
		__builtin_memcpy(destination, &ip->daddr, 16);
	return ip ? 6 : 0;
}

/* Sends a frame of loopback; a super-packet counts as what it stands for, without the headers that its packets repeat. */
static __always_inline int leave_injected(struct __sk_buff *skb, __u32 index, struct svr_session *sealed, __u32 entry)
{
	__u8 destination[16] __attribute__((aligned(8))) = {}, family = injected_to(skb, destination);
	struct svr_nexthop *nexthop = svr_leave_nexthop(index);
	int code;

	if (!nexthop || !family) {
		count_drop(nexthop ? SVR_DROP_REWRITE : SVR_DROP_NO_NEXTHOP);
		return SVR_TC_SHOT;
	}
	svr_leave_count(nexthop->ifnum, true, skb->gso_segs ?: 1, skb->len - SVR_ETH_HEADER);
	if (sealed && (sealed->flags & SVR_F_CAPTURE))
		svr_capture_sealed(skb, entry, nexthop->ifnum << 16 | nexthop->vlan);
	code = svr_leave_packet(skb, nexthop, destination, family);
	if (code == SVR_TC_SHOT)
		count_drop(SVR_DROP_REWRITE);
	return code;
}

/* Session of the entry that a protect worker names, while its packets pass. */
static __always_inline struct svr_session *injected_session(__u32 entry)
{
	__u32 slot = (entry >> 1) - 1;
	struct svr_session *session = entry < 2 ? NULL : bpf_map_lookup_elem(&sessions, &slot);

	return session && svr_flow_passes(session) ? session : NULL;
}

/* An opened packet must still read as its session receives it: the slot may be another's by now. */
static __always_inline __u32 judge_opened(struct __sk_buff *skb, struct svr_packet *p, __u32 entry, int *code)
{
	struct svr_session *session = injected_session(entry);

	bpf_skb_change_type(skb, 0 /* PACKET_HOST */);
	if (!session || svr_parse_packet(skb, p) != SVR_SHAPE_OK || p->unkeyed)
		return SVR_DROP | SVR_DROP_NO_FLOW;
	svr_parse_set_word(&p->key.ifnum, session->side[entry & 1].ifnum | session->side[entry & 1].vlan << 16);
	if (!svr_side_matches(session, entry, &p->key))
		return SVR_DROP | SVR_DROP_NO_FLOW;
	p->session = session;
	p->entry = entry;
	p->opened = 1;
	p->summed = svr_packet_summed(skb);
	return svr_forward_packet(skb, p, code);
}

static __always_inline int leave_sealed(struct __sk_buff *skb, __u32 entry)
{
	struct svr_session *session = injected_session(entry);

	if (!session) {
		count_drop(SVR_DROP_NO_FLOW);
		return SVR_TC_SHOT;
	}
	return leave_injected(skb, session->side[~entry & 1].nexthop, session, entry);
}

SEC("tc")
int svr_inject(struct __sk_buff *skb)
{
	__u64 to = injected(skb);
	struct svr_packet p = {};
	int code = SVR_TC_NEXT;

	if (to == ((__u64)SVR_INJECT_MAGIC << 16 | SVR_INJECT_KERNEL)) {
		bpf_skb_change_type(skb, 0 /* PACKET_HOST */);
		return SVR_TC_NEXT;
	}
	if (to >> 16 == SVR_INJECT_MAGIC)
		return leave_injected(skb, to & 0xffff, NULL, 0);
	if (to >> 32 == SVR_INJECT_SEALED)
		return leave_sealed(skb, to);
	if (to >> 32 == SVR_INJECT_OPENED) {
		__u32 verdict = judge_opened(skb, &p, to, &code);

		return finish(skb, &p, verdict, to, code);
	}
	return SVR_TC_NEXT;
}

SEC("tc")
int svr_sweep_start(struct __sk_buff *skb)
{
	svr_rate_share();
	return svr_sweep_arm();
}
