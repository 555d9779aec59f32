/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Does any wire packet in this packet start with the metadata cookie (protocol 3.2, 3.4)? A look at the start of every segment reads
 * a cold cache line each and takes longer than all else together (decision 011), so it is made where it can find something:
 * - UDP: every segment.
 * - TCP from a peer: head and tail. Metadata takes no sequence numbers, so coalescing can put such a segment first or last only.
 * - TCP from a host: every segment of the first SVR_COOKIE_TRUST bytes, and for good once one started with the cookie; then head and
 *   tail. A segment that is missed is dropped by the far router and comes again at the head of a packet. */
#ifndef SVR_COOKIE_H
#define SVR_COOKIE_H

#include "svr_cursor.h"

#define SVR_COOKIE 0x0c67f6ddc6db484cull /* 4c 48 db c6 dd f6 67 0c read as little-endian */
#define SVR_COOKIE_BYTES 8
#define SVR_COOKIE_MAX_SEGMENTS 65536 /* more do not fit a 16-bit IP length */
#define SVR_COOKIE_TRUST (1 << 20)

struct svr_cookie_scan {
	struct __sk_buff *skb;
	__u32 at;   /* offset of the next segment's first byte */
	__u32 step;
	__u32 end;
	bool found;
};

static long svr_cookie_visit(__u64 index, struct svr_cookie_scan *scan)
{
	__u64 word = 0;

	if (scan->at + SVR_COOKIE_BYTES > scan->end)
		return 1;
	if (bpf_skb_load_bytes(scan->skb, scan->at, &word, sizeof(word)) == 0 && word == SVR_COOKIE) {
		scan->found = true;
		return 1;
	}
	scan->at += scan->step;
	return 0;
}

/* The rest of a super-packet. */
static __noinline bool svr_cookie_later(struct __sk_buff *skb, const struct svr_packet *p)
{
	struct svr_cookie_scan scan = {
		.skb = skb, .at = svr_packet_payload_at(p) + p->gso_size, .step = p->gso_size, .end = p->l3 + p->length,
	};

	bpf_loop(SVR_COOKIE_MAX_SEGMENTS, svr_cookie_visit, &scan, 0);
	return scan.found;
}

/* The last segment of a super-packet. */
static __always_inline bool svr_cookie_last(struct __sk_buff *skb, const struct svr_packet *p)
{
	__u32 at = svr_packet_payload_at(p) + (p->segments - 1) * p->gso_size;
	__u64 word = 0;

	return at + SVR_COOKIE_BYTES <= p->l3 + p->length && !bpf_skb_load_bytes(skb, at, &word, sizeof(word)) && word == SVR_COOKIE;
}

/* svr_cookie_present: true when a segment starts with the cookie, of all or of the first and the last; TCP and UDP only. */
static __always_inline bool svr_cookie_present(struct __sk_buff *skb, const struct svr_packet *p, bool all)
{
	struct svr_cursor c;
	__u64 *first, word = 0;

	if ((p->key.proto != IPPROTO_TCP && p->key.proto != IPPROTO_UDP) || p->payload < SVR_COOKIE_BYTES)
		return false;
	c = svr_cursor_at(skb, svr_packet_payload_at(p));
	first = svr_cursor_word(&c);
	if (first)
		word = *first;
	else
		bpf_skb_load_bytes(skb, svr_packet_payload_at(p), &word, sizeof(word));
	if (word == SVR_COOKIE || p->segments < 2)
		return word == SVR_COOKIE;
	return all ? svr_cookie_later(skb, p) : svr_cookie_last(skb, p);
}
#endif
