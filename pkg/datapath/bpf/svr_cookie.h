/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Does any wire packet in this packet start with the metadata cookie (protocol 3.2, 3.4)? Receive coalescing can join a
 * metadata packet to the tail of plain segments, so the start of every segment is looked at. */
#ifndef SVR_COOKIE_H
#define SVR_COOKIE_H

#include "svr_cursor.h"

#define SVR_COOKIE 0x0c67f6ddc6db484cull /* 4c 48 db c6 dd f6 67 0c read as little-endian */
#define SVR_COOKIE_BYTES 8
#define SVR_COOKIE_MAX_SEGMENTS 65536 /* more do not fit a 16-bit IP length */

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

/* svr_cookie_present: true when a segment starts with the cookie; TCP and UDP only. */
static __always_inline bool svr_cookie_present(struct __sk_buff *skb, const struct svr_packet *p)
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
	return word == SVR_COOKIE || (p->segments > 1 && svr_cookie_later(skb, p));
}
#endif
