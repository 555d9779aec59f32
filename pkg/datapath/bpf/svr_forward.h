/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* A packet of a known session, in order: what only a shard can do goes up, what cannot leave is dropped, then TCP state,
 * rewrite, counters, and out by the next hop. Called by svr_ingress. */
#ifndef SVR_FORWARD_H
#define SVR_FORWARD_H

#include "svr_capture.h"
#include "svr_carrier.h"
#include "svr_cookie.h"
#include "svr_family.h"
#include "svr_leave.h"
#include "svr_mss.h"
#include "svr_tcp.h"

#define SVR_TCP_OFFSET_AT 12 /* data offset, upper half of the byte */

/* enum svr_protect for one direction, shifted down. */
#define SVR_FORWARD_OPEN 0x01u
#define SVR_FORWARD_SEAL 0x04u
#define SVR_FORWARD_BODY 0x10u
#define SVR_FORWARD_ENCRYPTED 0x80u

struct svr_forward {
	struct svr_session *s;
	struct svr_nexthop *nexthop;
	__u32 side;    /* of arrival */
	__u32 now_ms;
	__u32 label;   /* of the session, read before its flags: who switches a session writes flags first, so that nothing new leaves without metadata */
	__u32 bytes;   /* inner bytes of all wire packets */
	bool restart;
};

/* Must every segment be looked at? See svr_cookie.h. */
static __always_inline bool svr_forward_all_segments(const struct svr_forward *f, const struct svr_packet *p)
{
	__u32 side = f->side & 1;

	if (p->key.proto != IPPROTO_TCP)
		return true;
	return !f->s->side[side].path && ((f->s->flags & SVR_F_COOKIES) || f->s->bytes[side] < SVR_COOKIE_TRUST);
}

/* The cookie in a packet of a known session; a host's TCP session is not trusted any more. */
static __always_inline bool svr_forward_cookie(const struct svr_forward *f, struct __sk_buff *skb, const struct svr_packet *p)
{
	if (!svr_cookie_present(skb, p, svr_forward_all_segments(f, p)))
		return false;
	if (p->key.proto == IPPROTO_TCP && !f->s->side[f->side & 1].path)
		__sync_fetch_and_or(&f->s->flags, SVR_F_COOKIES);
	return true;
}

/* Packets go out toward a peer and nothing comes back: recovery by inactivity asks the peer (protocol 6.7), a changed address is
 * taken into use (behaviour 7.5). A request is under way for a second; see pkg/svr/health.ts. */
static __always_inline bool svr_forward_unheard(const struct svr_forward *f)
{
	const struct svr_session *s = f->s;
	__u32 side = f->side & 1, heard = s->seen_ms[~side & 1] ?: (__u32)s->created_ms;
	struct svr_settings *settings = svr_maps_settings();
	__s32 silent = f->now_ms - heard;

	if (!settings || !settings->inactivity_ms || silent < 0 || (__u32)silent < settings->inactivity_ms)
		return false;
	return !(s->health & SVR_HEALTH_COUNT) ||
	       ((f->now_ms >> SVR_HEALTH_STEP) - (s->health >> SVR_HEALTH_TIME)) % SVR_HEALTH_STEPS >= SVR_HEALTH_WAIT;
}

/* Which sessions that concerns: those that asked for it, on the way to a peer; forward packets after a move. */
static __always_inline bool svr_forward_watched(const struct svr_forward *f)
{
	if (!(f->s->flags & (SVR_F_HEALTH | SVR_F_MOVED)))
		return false;
	return f->s->flags & SVR_F_MOVED && !(f->side & 1) ? true : f->s->flags & SVR_F_HEALTH && f->s->side[~f->side & 1].path;
}

/* What protection packets of this direction need. */
static __always_inline __u32 svr_forward_protect(const struct svr_forward *f)
{
	return f->label >> (SVR_PROTECT_SHIFT + (f->side & 1));
}

/* 1 when bodies of this direction are not encrypted. Without a comparison: the verifier would walk all that follows twice. */
static __always_inline __u8 svr_forward_plain(const struct svr_forward *f)
{
	__u32 protect = svr_forward_protect(f);

	return ~(protect / SVR_FORWARD_BODY | protect / SVR_FORWARD_ENCRYPTED) & 1;
}

/* Adaptive encryption looks at the first payload of TCP (protocol 8.3). */
static __always_inline bool svr_forward_inspected(const struct svr_forward *f, const struct svr_packet *p)
{
	return (f->s->label & SVR_PROTECT_WATCH) && p->key.proto == IPPROTO_TCP && p->payload;
}

/* What comes sealed: with the cookie the shard opens it, without a protect worker does. An opened body may look like anything. */
static __always_inline __u32 svr_forward_sealed(const struct svr_forward *f, struct __sk_buff *skb, const struct svr_packet *p)
{
	if (p->opened)
		return SVR_GO_ON;
	if (svr_forward_cookie(f, skb, p))
		return SVR_PUNT | SVR_PUNT_COOKIE;
	return svr_forward_protect(f) & SVR_FORWARD_OPEN ? SVR_PUNT | SVR_PUNT_OPEN : SVR_GO_ON;
}

/* Reasons to hand it to the shard or a protect worker that lie in the session. */
static __always_inline __u32 svr_forward_held(const struct svr_forward *f, struct __sk_buff *skb, const struct svr_packet *p)
{
	__u32 flags = f->s->flags, verdict = svr_forward_sealed(f, skb, p);

	if (verdict != SVR_GO_ON)
		return verdict;
	if (flags & (f->side ? SVR_F_REV_META : SVR_F_FWD_META))
		return SVR_PUNT | SVR_PUNT_NEED_META;
	if (flags & (f->side ? SVR_F_REV_SLOW : SVR_F_FWD_SLOW))
		return SVR_PUNT | SVR_PUNT_SLOW;
	if (svr_forward_inspected(f, p))
		return SVR_PUNT | SVR_PUNT_SLOW;
	return svr_forward_watched(f) && svr_forward_unheard(f) ? SVR_PUNT | SVR_PUNT_SLOW : SVR_GO_ON;
}

/* Can eBPF turn one side's protocol and family into the other's? */
static __always_inline __u32 svr_forward_shape(struct __sk_buff *skb, const struct svr_packet *p, const struct svr_session *s)
{
	const struct svr_side *out = &s->side[~p->entry & 1];

	return p->key.proto == out->proto && p->key.family == out->family ? SVR_GO_ON : svr_carrier_check(skb, p, s);
}

/* svr_forward_headers: bytes that each wire packet of a super-packet repeats: `headers`, or inside a tunnel (VXLAN), where the checksum
 * that is left to offload starts behind `l4`, all from the outer IP header to the end of the inner L4 header. Verified by itself. */
__noinline __u32 svr_forward_headers(struct __sk_buff *skb, __u32 l3, __u32 l4, __u32 headers)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	__u64 start = (__u64)kernel->head + kernel->csum_start - (__u64)kernel->data;
	__u8 words = 0;

	SVR_SIDE_OPAQUE(start); /* a difference of pointers may not be narrowed before */
	if (svr_packet_summed(skb) != SVR_SUMMED_PARTIAL || start <= l4 || start > skb->len)
		return headers;
	if (kernel->csum_offset != __builtin_offsetof(struct tcphdr, check))
		return start - l3 + SVR_UDP_HEADER;
	bpf_skb_load_bytes(skb, start + SVR_TCP_OFFSET_AT, &words, sizeof(words));
	return start - l3 + (words >> 4) * 4;
}

/* Bytes that sealing adds to each wire packet, at most. Without a branch, which the verifier would follow both ways. */
static __always_inline __s32 svr_forward_growth(const struct svr_forward *f)
{
	__u32 bits = svr_forward_protect(f), seal = bits / SVR_FORWARD_SEAL & 1, body = bits / SVR_FORWARD_BODY & 1;

	return seal * (SVR_PROTECT_TAG + body * (SVR_PROTECT_MOST - SVR_PROTECT_TAG));
}

/* Reasons that lie in the next hop: missing, too small, too far. */
static __always_inline __u32 svr_forward_hop(struct __sk_buff *skb, const struct svr_forward *f, const struct svr_packet *p)
{
	const struct svr_side *in = &f->s->side[f->side & 1], *out = &f->s->side[~f->side & 1];
	__u32 size = p->length;

	if (p->segments > 1)
		size = svr_forward_headers(skb, p->l3, p->l4, svr_packet_headers(p)) + p->gso_size;

	if (!f->nexthop)
		return SVR_DROP | SVR_DROP_NO_NEXTHOP;
	size -= p->l4 - p->l3 - (p->key.family == 4 ? SVR_IP4_HEADER : SVR_IP6_HEADER);
	if (f->nexthop->mtu && (__s32)size + svr_carrier_growth(in, out) + svr_forward_growth(f) > f->nexthop->mtu)
		return SVR_PUNT | SVR_PUNT_MTU;
	return p->ttl <= 1 ? SVR_PUNT | SVR_PUNT_TTL : SVR_GO_ON;
}

static __always_inline __u32 svr_forward_tcp(struct svr_forward *f, struct __sk_buff *skb, const struct svr_packet *p)
{
	struct svr_tcp_step step = { .s = f->s, .p = p, .side = f->side, .now_ms = f->now_ms, .restart = true };
	__u32 verdict;

	if (p->key.proto != IPPROTO_TCP || f->s->tcp_state == SVR_TCP_NONE) {
		f->restart = f->s->life == SVR_LIFE_LIVE;
		return SVR_GO_ON;
	}
	if (!svr_tcp_legal(p->tcp_flags))
		return SVR_DROP | SVR_DROP_STATE;
	if ((p->tcp_flags & SVR_TCP_SYN) && (f->s->flags & SVR_F_STRICT))
		step.scale = svr_mss_scale(skb, p);
	verdict = svr_tcp_segment(&step);
	f->restart = step.restart;
	return verdict;
}

/* svr_forward_judge: everything that may refuse the packet; fills f. */
static __always_inline __u32 svr_forward_judge(struct __sk_buff *skb, struct svr_packet *p, struct svr_forward *f)
{
	const struct svr_side *out = &f->s->side[~f->side & 1];
	__u32 verdict = svr_forward_held(f, skb, p);

	if (verdict == SVR_GO_ON)
		verdict = svr_forward_shape(skb, p, f->s);
	if (verdict == SVR_GO_ON) {
		f->nexthop = svr_leave_nexthop(out->nexthop);
		verdict = svr_forward_hop(skb, f, p);
	}
	if (verdict == SVR_GO_ON)
		verdict = svr_forward_tcp(f, skb, p);
	f->bytes = p->length + (p->segments - 1) * svr_packet_headers(p);
	if (svr_carrier_is_carried(f->s, f->side))
		f->bytes -= SVR_UDP_HEADER;
	if (f->s->flags & SVR_F_MIXED)
		f->bytes += p->segments * svr_carrier_inner_growth(f->s, f->side);
	return verdict;
}

/* Setup time of everything but TCP: the first reverse packet. */
static __always_inline void svr_forward_setup(const struct svr_forward *f)
{
	if (!f->side || (f->s->flags & SVR_F_SETUP) || f->s->tcp_state != SVR_TCP_NONE)
		return;
	if (!f->s->setup_ms)
		f->s->setup_ms = bpf_ktime_get_ns() / 1000000 - f->s->created_ms + 1;
	__sync_fetch_and_or(&f->s->flags, SVR_F_SETUP);
}

/* svr_forward_account: counters, timers and handshake of a packet that goes on. */
static __always_inline void svr_forward_account(const struct svr_forward *f, const struct svr_packet *p)
{
	__u32 side = f->side & 1, now = f->now_ms ?: 1, flags = f->s->flags;

	if (f->restart && f->s->seen_ms[side] != now)
		f->s->seen_ms[side] = now;
	__sync_fetch_and_add(&f->s->packets[side], p->segments);
	__sync_fetch_and_add(&f->s->bytes[side], f->bytes);
	svr_forward_setup(f);
	if (!side && (flags & (SVR_F_REV_META | SVR_F_HOLD_META)) == SVR_F_REV_META)
		__sync_fetch_and_and(&f->s->flags, ~SVR_F_REV_META);
}

/* svr_forward_change: rewrites the packet; false when the kernel refuses. */
static __always_inline bool svr_forward_change(struct __sk_buff *skb, struct svr_packet *p, const struct svr_forward *f)
{
	struct svr_settings *s = svr_maps_settings();

	if (!svr_leave_trim(skb, p) || !svr_leave_untag(skb, p) || (svr_rewrite_has_options(p) && !svr_rewrite_strip(skb, p)))
		return false;
	if (p->key.proto == IPPROTO_TCP && (p->tcp_flags & SVR_TCP_SYN) && s && s->mss_clamp &&
	    !svr_mss_clamp(skb, p, p->key.family == 4 ? f->nexthop->mss4 : f->nexthop->mss6))
		return false;
	p->cuttable = f->nexthop->flags & SVR_NH_CUTTABLE;
	return svr_carrier_convert(skb, p, f->s) && svr_family_convert(skb, p, &f->s->side[~f->side & 1]) && svr_rewrite_packet(skb, p, f->s);
}

/* svr_forward_packet: verdict for a packet that hit p->session; *code is the program's return code when it leaves. */
static __always_inline __u32 svr_forward_packet(struct __sk_buff *skb, struct svr_packet *p, int *code)
{
	struct svr_forward f = { .s = p->session, .side = p->entry & 1, .now_ms = svr_packet_now_ms(), .label = *(volatile __u32 *)&p->session->label };
	__u8 destination[16] __attribute__((aligned(8)));
	__u32 verdict;

	asm volatile("" ::: "memory");
	p->plain = svr_forward_plain(&f);
	verdict = svr_forward_judge(skb, p, &f);
	if (verdict != SVR_GO_ON || !f.nexthop)
		return verdict;
	if (!svr_forward_change(skb, p, &f))
		return SVR_DROP | SVR_DROP_REWRITE;
	svr_forward_account(&f, p);
	if (svr_forward_protect(&f) & SVR_FORWARD_SEAL)
		return SVR_PUNT | SVR_PUNT_SEAL;
	svr_leave_count(f.nexthop->ifnum, true, p->segments, p->length + (p->segments - 1) * svr_packet_headers(p));
	if (f.s->flags & SVR_F_CAPTURE)
		svr_capture_at(skb, p, true, f.nexthop->ifnum << 16 | f.nexthop->vlan);
	svr_side_remote(f.s, ~f.side, destination);
	*code = svr_leave_packet(skb, f.nexthop, destination, f.s->side[~f.side & 1].family);
	return *code == SVR_TC_SHOT ? SVR_DROP | SVR_DROP_REWRITE : SVR_LEAVE;
}
#endif
