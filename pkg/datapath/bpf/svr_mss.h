/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Lowers the MSS option of SYN and SYN-ACK to what the next hop can carry (protocol 10.4): never raised, never below 536.
 * Called by svr_forward.h before the rewrite, which settles the checksum. */
#ifndef SVR_MSS_H
#define SVR_MSS_H

#include "svr_checksum.h"

#define SVR_MSS_FLOOR 536
#define SVR_TCP_OPTIONS 40
#define SVR_OPTION_END 0
#define SVR_OPTION_NOP 1
#define SVR_OPTION_MSS 2
#define SVR_OPTION_MSS_LENGTH 4
#define SVR_OPTION_SCALE 3
#define SVR_OPTION_SCALE_LENGTH 3
#define SVR_SCALE_MOST 14 /* RFC 7323 */
#define SVR_SCALE_SAID 0x10u /* the option was there */

struct svr_mss_scan {
	__u8 bytes[64];
	__u32 length;
	__u32 at;
	__u32 kind;     /* what is looked for, and its bytes */
	__u32 size;
	bool found;
};

static long svr_mss_visit(__u64 index, struct svr_mss_scan *scan)
{
	__u32 at = scan->at & 31, length;

	if (scan->at + scan->size > scan->length)
		return 1;
	at |= scan->at & 32;
	if (scan->bytes[at] == SVR_OPTION_END)
		return 1;
	if (scan->bytes[at] == SVR_OPTION_NOP) {
		scan->at += 1;
		return 0;
	}
	length = scan->bytes[(at + 1) & 63];
	if (scan->bytes[at] == scan->kind && length == scan->size) {
		scan->found = true;
		return 1;
	}
	scan->at += length;
	return length < 2;
}

/* The value of a 16-bit field in a sum, when it starts at an odd byte. */
static __always_inline __u16 svr_mss_aligned(__u16 value, __u32 at)
{
	return at & 1 ? __builtin_bswap16(value) : value;
}

/* svr_mss_clamp: false only when the packet cannot be written. limit 0: none. */
static __noinline bool svr_mss_clamp(struct __sk_buff *skb, struct svr_packet *p, __u32 limit)
{
	struct svr_mss_scan scan = { .kind = SVR_OPTION_MSS, .size = SVR_OPTION_MSS_LENGTH };
	__u32 bytes = p->tcp_header - SVR_TCP_HEADER, at;
	__u16 before, after;

	if (!limit || bytes < SVR_OPTION_MSS_LENGTH || bytes > SVR_TCP_OPTIONS)
		return true;
	if (bpf_skb_load_bytes(skb, p->l4 + SVR_TCP_HEADER, scan.bytes, bytes))
		return true;
	scan.length = bytes;
	bpf_loop(SVR_TCP_OPTIONS, svr_mss_visit, &scan, 0);
	if (!scan.found)
		return true;
	at = scan.at & 63;
	before = (__u16)scan.bytes[(at + 2) & 63] << 8 | scan.bytes[(at + 3) & 63];
	after = limit < SVR_MSS_FLOOR ? SVR_MSS_FLOOR : limit;
	if (before <= after)
		return true;
	before = bpf_htons(before);
	after = bpf_htons(after);
	p->inner_delta += svr_checksum_change16(svr_mss_aligned(before, at), svr_mss_aligned(after, at));
	return bpf_skb_store_bytes(skb, p->l4 + SVR_TCP_HEADER + at + 2, &after, sizeof(after), 0) == 0;
}

/* svr_mss_scale: window scale of a SYN + 1, with SCALE_SAID when its option says so. */
static __noinline __u32 svr_mss_scale(struct __sk_buff *skb, const struct svr_packet *p)
{
	struct svr_mss_scan scan = { .kind = SVR_OPTION_SCALE, .size = SVR_OPTION_SCALE_LENGTH };
	__u32 bytes = p->tcp_header - SVR_TCP_HEADER, scale;

	if (bytes < SVR_OPTION_SCALE_LENGTH || bytes > SVR_TCP_OPTIONS ||
	    bpf_skb_load_bytes(skb, p->l4 + SVR_TCP_HEADER, scan.bytes, bytes))
		return 1;
	scan.length = bytes;
	bpf_loop(SVR_TCP_OPTIONS, svr_mss_visit, &scan, 0);
	if (!scan.found)
		return 1;
	scale = scan.bytes[(scan.at + 2) & 63];
	return ((scale < SVR_SCALE_MOST ? scale : SVR_SCALE_MOST) + 1) | SVR_SCALE_SAID;
}
#endif
