/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Tells user space which packets were refused (behaviour 2.6, 13.1). A tuple is told once in ten seconds and reason, and at most
 * SVR_REFUSAL_RATE packets a second, reason and processor are looked at: the rest is counted, so that a flood costs one counter
 * more. Called by the exit of svr_ingress for packets that it drops; what passes never comes here. */
#ifndef SVR_REFUSAL_H
#define SVR_REFUSAL_H

#include "svr_flow.h"
#include "svr_parse.h"
#include "svr_rate.h"

#define SVR_REFUSAL_SECOND 30     /* 2^30 ns are the second of this file */
#define SVR_REFUSAL_WINDOW 10     /* seconds in which a tuple is told once */
#define SVR_REFUSAL_RATE 256
#define SVR_REFUSAL_DENY_LAST 31  /* numbers of the group deny of pkg/svr/reasons.ts end here */

/* The packet under a second look: two of them are more than a stack holds. One a processor, as programs of tc are not interrupted
 * by each other. Here and not in svr_maps.h, on which svr_packet.h builds. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct svr_packet);
} reread SEC(".maps");

/* Refusals are what policy or a limit says of a packet; faults and lack of room are counted only. */
static __always_inline bool svr_refusal_is(__u32 reason)
{
	return reason <= SVR_REFUSAL_DENY_LAST || reason == SVR_DROP_RATE || reason == SVR_DROP_ICMP_ERROR;
}

/* Takes one of this second's looks of the processor. */
static __always_inline bool svr_refusal_pay(struct svr_refused *count)
{
	__u32 second = bpf_ktime_get_ns() >> SVR_REFUSAL_SECOND;

	if (count->second != second) {
		count->second = second;
		count->looks = 0;
	}
	return count->looks++ < SVR_REFUSAL_RATE;
}

/* Whose packet it is, and the tuple as the hosts of the session see it; `entry` says on which side it arrived. */
static __always_inline void svr_refusal_inner(struct svr_refusal *r, const struct svr_session *s, __u32 entry)
{
	bool back = entry & 1;

	r->tenant = s->tenant;
	r->service = s->service;
	r->path = s->side[entry & 1].path;
	__builtin_memcpy(r->key.source, back ? s->context_destination : s->context_source, 16);
	__builtin_memcpy(r->key.destination, back ? s->context_source : s->context_destination, 16);
	r->key.source_port_be = back ? s->context_destination_port_be : s->context_source_port_be;
	r->key.destination_port_be = back ? s->context_source_port_be : s->context_destination_port_be;
	r->key.proto = s->context_proto;
	r->key.family = s->context_family;
}

static __always_inline bool svr_refusal_send(const struct svr_packet *p, const struct svr_session *s, __u32 reason)
{
	struct svr_refusal *r = bpf_ringbuf_reserve(&refusals, sizeof(*r), 0);
	__u32 *tenant;

	if (!r)
		return false;
	r->time_ms = bpf_ktime_get_ns() / 1000000;
	r->reason = reason;
	r->tenant = r->service = r->path = 0;
	r->key = p->key;
	if (s) {
		svr_refusal_inner(r, s, p->entry);
	} else {
		tenant = svr_rate_member(&p->key);
		r->tenant = tenant && *tenant != SVR_RATE_NO_TENANT ? *tenant : 0;
	}
	bpf_ringbuf_submit(r, 0);
	return true;
}

/* Tells of the packet unless its tuple was told just now. */
static __always_inline bool svr_refusal_once(const struct svr_settings *settings, const struct svr_packet *p, const struct svr_session *s, __u32 reason)
{
	__u32 tag = svr_hash_key(settings->hash_key[0], &p->key) + reason * 0x9e3779b1u, at = tag % SVR_RECENT;
	__u32 second = bpf_ktime_get_ns() >> SVR_REFUSAL_SECOND;
	struct svr_recent *last = bpf_map_lookup_elem(&recent, &at);

	if (!last || (last->tag == tag && second - last->second < SVR_REFUSAL_WINDOW) || !svr_refusal_send(p, s, reason))
		return false;
	last->tag = tag;
	last->second = second;
	return true;
}

/* Looks at the packet once more; false when it is not told. */
static __always_inline bool svr_refusal_look(struct __sk_buff *skb, struct svr_packet *p, __u32 reason)
{
	struct svr_settings *settings = svr_maps_settings();
	struct svr_interface interface;
	struct svr_session *s = NULL;
	enum svr_shape shape;

	if (!settings || !svr_maps_interface(skb->ifindex, &interface))
		return false;
	__builtin_memset(p, 0, sizeof(*p));
	svr_parse_set_word(&p->key.ifnum, interface.ifnum);
	shape = svr_parse_packet(skb, p);
	if (shape == SVR_SHAPE_OK && !p->unkeyed)
		s = svr_flow_find(settings, &p->key, &p->entry);
	return p->key.family && svr_refusal_once(settings, p, s, reason);
}

/* svr_refusal_tell: one refused packet. Reads it once more, so that the judge need not keep anything for those that it drops: that
 * would cost the verifier a hundred thousand states. Verified by itself. */
__noinline int svr_refusal_tell(struct __sk_buff *skb, __u32 reason)
{
	struct svr_refused *count = bpf_map_lookup_elem(&refused, &reason);
	__u32 zero = 0;
	struct svr_packet *p = bpf_map_lookup_elem(&reread, &zero);

	if (!count || !p || !svr_refusal_is(reason))
		return 0;
	if (!svr_refusal_pay(count) || !svr_refusal_look(skb, p, reason))
		count->untold++;
	return 0;
}

/* The same of an opened packet, which does not read as it came: by the session that its entry names. */
static __always_inline bool svr_refusal_look_at(struct svr_packet *p, __u32 entry, __u32 reason)
{
	struct svr_settings *settings = svr_maps_settings();
	__u32 slot = (entry >> 1) - 1;
	struct svr_session *s = entry < 2 ? NULL : bpf_map_lookup_elem(&sessions, &slot);

	if (!settings || !s)
		return false;
	__builtin_memset(p, 0, sizeof(*p));
	svr_side_key(s, entry, &p->key);
	p->entry = entry;
	return svr_refusal_once(settings, p, s, reason);
}

/* svr_refusal_tell_opened: one refused packet that a protect worker had opened. Verified by itself. */
__noinline int svr_refusal_tell_opened(__u32 reason, __u32 entry)
{
	struct svr_refused *count = bpf_map_lookup_elem(&refused, &reason);
	__u32 zero = 0;
	struct svr_packet *p = bpf_map_lookup_elem(&reread, &zero);

	if (!count || !p || !svr_refusal_is(reason))
		return 0;
	if (!svr_refusal_pay(count) || !svr_refusal_look_at(p, entry, reason))
		count->untold++;
	return 0;
}
#endif
