/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The TCP table of behaviour 3.3, except the rows whose event is a timer (svr_sweep.h). pkg/svr/tcpstate.ts is its
 * readable twin. Called by svr_forward.h for packets that nothing else holds back. Changes the session; sends nothing.
 *
 * The four bytes life, tcp_state, tcp_before_reset, end_reason change together by compare-and-swap. When both directions
 * meet in the same instant one change is lost; the sweeper heals the only one that matters (both FINs seen, not CLOSING). */
#ifndef SVR_TCP_H
#define SVR_TCP_H

#include "svr_packet.h"
#include "svr_usage.h"
#include "svr_window.h"

#define SVR_F_FINS (SVR_F_FIN_FWD | SVR_F_FIN_REV)
#define SVR_F_ACKS (SVR_F_ACKED_FWD | SVR_F_ACKED_REV)

/* svr_tcp_word: the word, read once. */
static __always_inline __u32 svr_tcp_word(struct svr_session *s)
{
	return *(volatile __u32 *)&s->life;
}

/* svr_tcp_swap: writes the word if nobody changed it; keeps gauges.live, gauges.half_open and since_ms. The time goes first, so that the sweeper
 * never sees a new life with an old time. */
static __always_inline bool svr_tcp_swap(struct svr_session *s, __u32 from, __u32 to, __u32 now_ms)
{
	struct svr_gauges *g = svr_maps_gauges();

	s->since_ms = now_ms;
	if (__sync_val_compare_and_swap((__u32 *)&s->life, from, to) != from)
		return false;
	if (!g)
		return true;
	if (SVR_WORD_IS_LIVE(from) && !SVR_WORD_IS_LIVE(to))
		__sync_fetch_and_add(&g->live, -1);
	if (SVR_WORD_IS_HALF_OPEN(from) && !SVR_WORD_IS_HALF_OPEN(to))
		__sync_fetch_and_add(&g->half_open, -1);
	svr_usage_change(s, from, to);
	return true;
}

static __always_inline __u32 svr_tcp_with_state(__u32 word, __u32 state)
{
	return (word & 0xffff00ff) | state << 8;
}

/* svr_tcp_ended: the word with life GUARD and an end reason. */
static __always_inline __u32 svr_tcp_ended(__u32 word, __u32 reason)
{
	return (word & 0x00ffff00) | SVR_LIFE_GUARD | reason << 24;
}

struct svr_tcp_step {
	struct svr_session *s;
	const struct svr_packet *p;
	__u32 side;    /* of arrival */
	__u32 now_ms;
	__u32 word;    /* as read */
	__u32 next;    /* as it should become */
	bool restart;  /* idle timers start again */
	__u32 scale;   /* enforcement strict, SYN: svr_mss_scale */
	bool moved;    /* an event of the table happened, though the word may read the same */
};

static __always_inline bool svr_tcp_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

static __always_inline bool svr_tcp_has(const struct svr_tcp_step *t, __u8 flag)
{
	return t->p->tcp_flags & flag;
}

/* svr_tcp_legal: refuses the flag sets of behaviour 10.2. */
static __always_inline bool svr_tcp_legal(__u8 flags)
{
	if (!flags || ((flags & SVR_TCP_SYN) && (flags & (SVR_TCP_FIN | SVR_TCP_RST))))
		return false;
	return (flags & (SVR_TCP_FIN | SVR_TCP_ACK)) != SVR_TCP_FIN;
}

/* RESET, GUARD | SYN with another ISN | new session. */
static __always_inline bool svr_tcp_opens_anew(const struct svr_tcp_step *t)
{
	return svr_tcp_has(t, SVR_TCP_SYN) && !svr_tcp_has(t, SVR_TCP_ACK) && t->p->seq != t->s->isn;
}

static __always_inline __u32 svr_tcp_consumed(const struct svr_tcp_step *t)
{
	return t->p->payload + (svr_tcp_has(t, SVR_TCP_FIN) ? 1 : 0);
}

static __always_inline void svr_tcp_remember_ack(const struct svr_tcp_step *t)
{
	if (!svr_tcp_has(t, SVR_TCP_ACK))
		return;
	if (t->s->flags & SVR_F_STRICT)
		svr_window_remember(t->s, t->p, t->side);
	else
		t->s->last_ack[t->side & 1] = t->p->ack;
}

/* The next expected byte only advances. */
static __always_inline void svr_tcp_remember(const struct svr_tcp_step *t)
{
	__u32 *next = &t->s->next_seq[t->side & 1], end = t->p->seq + svr_tcp_consumed(t);

	if (svr_tcp_after(end, *next))
		*next = end;
	svr_tcp_remember_ack(t);
}

static __always_inline void svr_tcp_count_order(const struct svr_tcp_step *t)
{
	__u32 next = t->s->next_seq[t->side & 1], consumed = svr_tcp_consumed(t);

	if (!consumed)
		return;
	if (svr_tcp_after(t->p->seq, next))
		__sync_fetch_and_add(&t->s->out_of_order, 1);
	else if (!svr_tcp_after(t->p->seq + consumed, next - svr_window_moved(t->s)))
		__sync_fetch_and_add(&t->s->retransmissions, 1);
}

/* Setup time: the first acknowledgement that advances once the connection is open, unless it is one of a FIN. */
static __always_inline void svr_tcp_setup(const struct svr_tcp_step *t)
{
	__u32 last = t->s->last_ack[t->side & 1];

	if ((t->s->flags & (SVR_F_SETUP | SVR_F_FINS)) || !last || !svr_tcp_has(t, SVR_TCP_ACK) || !svr_tcp_after(t->p->ack, last))
		return;
	if (!t->s->setup_ms)
		t->s->setup_ms = bpf_ktime_get_ns() / 1000000 - t->s->created_ms + 1;
	__sync_fetch_and_or(&t->s->flags, SVR_F_SETUP);
}

/* ESTABLISHED | FIN | HALF-CLOSED; HALF-CLOSED | FIN other direction | CLOSING. */
static __always_inline void svr_tcp_fin(struct svr_tcp_step *t)
{
	__u32 bit = t->side ? SVR_F_FIN_REV : SVR_F_FIN_FWD, before;

	if (!svr_tcp_has(t, SVR_TCP_FIN))
		return;
	before = __sync_fetch_and_or(&t->s->flags, bit);
	if (before & bit)
		return;
	t->moved = true;
	t->next = svr_tcp_with_state(t->next, ((before | bit) & SVR_F_FINS) == SVR_F_FINS ? SVR_TCP_CLOSING : SVR_TCP_HALF_CLOSED);
}

/* CLOSING | both FINs acknowledged | GUARD. */
static __always_inline void svr_tcp_acked(struct svr_tcp_step *t)
{
	__u32 fin = t->side ? SVR_F_FIN_FWD : SVR_F_FIN_REV, acked = t->side ? SVR_F_ACKED_FWD : SVR_F_ACKED_REV;
	__u32 flags = t->s->flags;

	if ((flags & fin) && svr_tcp_has(t, SVR_TCP_ACK) && !svr_tcp_after(t->s->next_seq[!t->side] - svr_window_moved(t->s), t->p->ack) && !(flags & acked))
		flags = __sync_fetch_and_or(&t->s->flags, acked) | acked;
	if (SVR_WORD_TCP(t->next) == SVR_TCP_CLOSING && (flags & SVR_F_ACKS) == SVR_F_ACKS)
		t->next = svr_tcp_ended(t->next, SVR_END_FIN);
}

/* Enforcement strict passes a RST only with the exact next sequence. */
static __always_inline bool svr_tcp_reset_allowed(const struct svr_tcp_step *t)
{
	return !(t->s->flags & SVR_F_STRICT) || t->s->next_seq[t->side & 1] - t->p->seq <= svr_window_moved(t->s);
}

/* ESTABLISHED, HALF-CLOSED and CLOSING. */
static __always_inline __u32 svr_tcp_open(struct svr_tcp_step *t)
{
	if (svr_tcp_has(t, SVR_TCP_RST)) {
		if (!svr_tcp_reset_allowed(t))
			return SVR_DROP | SVR_DROP_STATE;
		t->next = (svr_tcp_with_state(t->next, SVR_TCP_RESET) & 0xff00ffff) | SVR_WORD_TCP(t->next) << 16;
		return SVR_GO_ON;
	}
	if (svr_tcp_has(t, SVR_TCP_SYN)) {
		t->restart = false;
		return SVR_GO_ON;
	}
	if ((t->s->flags & SVR_F_STRICT) && svr_window_outside(t->s, t->p, t->side, t->p->seq + svr_tcp_consumed(t)))
		return SVR_DROP | SVR_DROP_STATE;
	svr_tcp_setup(t);
	svr_tcp_count_order(t);
	svr_tcp_remember(t);
	svr_tcp_fin(t);
	svr_tcp_acked(t);
	return SVR_GO_ON;
}

/* A RST before ESTABLISHED must be one that the other host accepts. */
static __always_inline __u32 svr_tcp_reset_opening(struct svr_tcp_step *t)
{
	__u32 expected = t->s->next_seq[0];
	bool fits = t->side ? svr_tcp_has(t, SVR_TCP_ACK) && t->p->ack == expected : t->p->seq == expected;

	if (!fits)
		return SVR_DROP | SVR_DROP_STATE;
	t->next = svr_tcp_ended(t->next, SVR_END_RST);
	return SVR_GO_ON;
}

static __always_inline __u32 svr_tcp_syn_opening(struct svr_tcp_step *t)
{
	bool answer = svr_tcp_has(t, SVR_TCP_ACK);

	if (SVR_WORD_TCP(t->word) == SVR_TCP_SYN_RCVD)
		return SVR_GO_ON;
	t->s->next_seq[t->side & 1] = t->p->seq + t->p->payload + 1;
	if (!t->side && !answer)
		t->s->isn = t->p->seq;
	svr_tcp_remember_ack(t);
	if (t->s->flags & SVR_F_STRICT)
		svr_window_negotiate(t->s, t->side, answer, t->scale);
	if (t->side && answer)
		t->next = svr_tcp_with_state(t->next, SVR_TCP_SYN_RCVD);
	return SVR_GO_ON;
}

/* SYN-SENT and SYN-RCVD. */
static __always_inline __u32 svr_tcp_opening(struct svr_tcp_step *t)
{
	if (svr_tcp_has(t, SVR_TCP_RST))
		return svr_tcp_reset_opening(t);
	if (svr_tcp_has(t, SVR_TCP_SYN))
		return svr_tcp_syn_opening(t);
	if (SVR_WORD_TCP(t->word) == SVR_TCP_SYN_RCVD && svr_tcp_has(t, SVR_TCP_FIN) && (t->side || !svr_tcp_has(t, SVR_TCP_ACK)))
		__sync_fetch_and_or(&t->s->flags, t->side ? SVR_F_FIN_REV : SVR_F_FIN_FWD);
	svr_tcp_remember(t);
	return SVR_GO_ON;
}

/* Brings the state to one that svr_tcp_open judges, if the packet does so. */
static __always_inline bool svr_tcp_reaches_open(struct svr_tcp_step *t)
{
	__u32 state = SVR_WORD_TCP(t->word);
	bool plain = !(t->p->tcp_flags & (SVR_TCP_RST | SVR_TCP_SYN));

	if (state == SVR_TCP_RESET && plain) {
		t->moved = true;
		t->next = svr_tcp_with_state(t->next, SVR_WORD_BEFORE(t->word));
		return true;
	}
	if (state == SVR_TCP_SYN_RCVD && plain && !t->side && svr_tcp_has(t, SVR_TCP_ACK)) {
		t->next = svr_tcp_with_state(t->next, t->s->flags & SVR_F_FINS ? SVR_TCP_HALF_CLOSED : SVR_TCP_ESTABLISHED);
		return true;
	}
	return state != SVR_TCP_SYN_SENT && state != SVR_TCP_SYN_RCVD && state != SVR_TCP_RESET;
}

static __always_inline __u32 svr_tcp_judge(struct svr_tcp_step *t)
{
	__u32 state = SVR_WORD_TCP(t->word);
	bool late = SVR_WORD_LIFE(t->word) == SVR_LIFE_GUARD;

	if (late || state == SVR_TCP_RESET) {
		bool reset = !late && svr_tcp_has(t, SVR_TCP_RST);

		t->restart = false;
		if (!reset && svr_tcp_opens_anew(t))
			return SVR_PUNT | SVR_PUNT_NEW_SYN;
		if (reset && !svr_tcp_reset_allowed(t))
			return SVR_DROP | SVR_DROP_STATE;
	}
	if (late || state == SVR_TCP_NONE)
		return SVR_GO_ON;
	if (svr_tcp_reaches_open(t)) {
		t->restart = true;
		return svr_tcp_open(t);
	}
	return state == SVR_TCP_RESET ? SVR_GO_ON : svr_tcp_opening(t);
}

/* svr_tcp_segment: applies the segment of t; GO_ON, or drop, or punt NEW_SYN. */
static __noinline __u32 svr_tcp_segment(struct svr_tcp_step *t)
{
	__u32 verdict;

	t->word = t->next = svr_tcp_word(t->s);
	verdict = svr_tcp_judge(t);
	if (verdict == SVR_GO_ON && (t->moved || t->next != t->word))
		svr_tcp_swap(t->s, t->word, t->next, t->now_ms);
	return verdict;
}
#endif
