/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Enforcement strict (behaviour 3.4): does a segment lie in the window that the other host has told? The right edge is the highest
 * acknowledgement of the other side plus its last window; an old segment may be as old as that window can ever be wide. While the
 * scale is not known 64 KiB are added; a session that was built in the middle of a connection never knows it, and the widest scale
 * counts. pkg/svr/tcpwindow.ts is the readable twin. Called by svr_tcp.h. */
#ifndef SVR_WINDOW_H
#define SVR_WINDOW_H

#include "svr_packet.h"

#define SVR_WINDOW_SLACK 0x10000u
#define SVR_WINDOW_MOST 0xffffu
#define SVR_WINDOW_SCALE_MOST 14
#define SVR_WINDOW_SAID 0x10u /* of svr_mss_scale: the SYN has the option */

/* What sealed bodies that only pass, with their trains (docs/decisions/026), may be ahead of the hosts' numbers: 32 times what a body grows by. */
#define SVR_WINDOW_MOVED 1024u

static __always_inline bool svr_window_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* svr_window_moved: how far sequence numbers may lie ahead. */
static __always_inline __u32 svr_window_moved(const struct svr_session *s)
{
	__u32 label = s->label;
	__u32 passes = label / SVR_PROTECT_ENCRYPTED | label / SVR_PROTECT_ENCRYPTED_REV, here = label / SVR_PROTECT_BODY_FWD | label / SVR_PROTECT_BODY_REV;

	return (passes & ~here & 1) * SVR_WINDOW_MOVED; /* no comparison: the verifier would walk two ways from here */
}

/* Scale of a side. */
static __always_inline __u32 svr_window_scale(const struct svr_session *s, __u32 side)
{
	__u32 scale = s->flags >> (side & 1 ? 28 : 24) & 0xf;

	return s->flags >> 28 && scale ? scale - 1 : SVR_WINDOW_SCALE_MOST;
}

/* svr_window_outside: must a segment of `side` that ends before `end` be dropped? */
static __always_inline bool svr_window_outside(const struct svr_session *s, const struct svr_packet *p, __u32 side, __u32 end)
{
	__u32 other = ~side & 1, scale = svr_window_scale(s, other), next = s->next_seq[side & 1], edge = s->last_ack[other];
	__u32 width = ((__u32)s->window[other] << scale) + (s->flags >> 28 ? 1 : SVR_WINDOW_SLACK) + svr_window_moved(s); /* one byte probes a window of zero */

	if (edge && svr_window_after(end, edge + width))
		return true;
	if (next && svr_window_after(next - (SVR_WINDOW_MOST << scale), p->seq))
		return true;
	return (p->tcp_flags & SVR_TCP_ACK) && s->next_seq[other] && svr_window_after(p->ack, s->next_seq[other] + SVR_WINDOW_SLACK);
}

/* svr_window_remember: acknowledgement and window of a side; an older acknowledgement tells nothing, an equal one may open the window. */
static __always_inline void svr_window_remember(struct svr_session *s, const struct svr_packet *p, __u32 side)
{
	__u32 last = s->last_ack[side & 1];

	if (last && svr_window_after(last, p->ack))
		return;
	if (!last || p->ack != last || p->window > s->window[side & 1])
		s->window[side & 1] = p->window;
	s->last_ack[side & 1] = p->ack;
}

/* svr_window_negotiate: the scale of a SYN of side 0, or of the answer, which decides for both. `said` is of svr_mss_scale. */
static __always_inline void svr_window_negotiate(struct svr_session *s, __u32 side, bool answer, __u32 said)
{
	__u32 both = s->flags >> 24 & 0xf, scales = 0x11000000u;

	if (!side && !answer) {
		__sync_fetch_and_and(&s->flags, ~(__u32)SVR_F_SCALES);
		if (said & SVR_WINDOW_SAID)
			__sync_fetch_and_or(&s->flags, (said & 0xf) << 24);
		return;
	}
	if (!side || !answer)
		return;
	if (both && (said & SVR_WINDOW_SAID))
		scales = both << 24 | (said & 0xf) << 28;
	__sync_fetch_and_and(&s->flags, ~(__u32)SVR_F_SCALES);
	__sync_fetch_and_or(&s->flags, scales);
}
#endif
