/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The sweeper: a kernel timer that walks all slots in bounded steps, ages sessions by state (behaviour 3.3, 3.5), writes their
 * records and takes them out of the index: LIVE -> GUARD -> QUARANTINE -> FREE. It runs while no process does. It trusts
 * nothing it reads: a slot with foreign data costs one look, never a loop. Only keys whose entry names the slot are removed. */
#ifndef SVR_SWEEP_H
#define SVR_SWEEP_H

#include "svr_flow.h"
#include "svr_rate.h"
#include "svr_tcp.h"

#define SVR_SWEEP_TICK_MS 50           /* a walk takes 16 ticks, so less than a second */
#define SVR_SWEEP_TICK_NS (SVR_SWEEP_TICK_MS * 1000000ull)
#define SVR_SWEEP_TICKS 16
#define SVR_SWEEP_LEAST 64            /* slots a tick */
#define SVR_SWEEP_KEPT 64             /* one slot in so many is not held for records that wait */
#define SVR_SWEEP_PRUNE_MS 2000
#define SVR_SWEEP_AHEAD_MS 60000u     /* other writers' clocks are at most so far ahead of a walk's */
#define SVR_SWEEP_COLD 7              /* the cold line is looked at in every 8th walk (interim records) */
#define SVR_SWEEP_SUSPECT 0xffu       /* end_reason of a claim that was too old at the last walk */
#define SVR_CLOCK_MONOTONIC 1

struct svr_sweep_walk {
	struct svr_settings *settings;
	struct svr_gauges *gauges;
	__u64 now;       /* monotonic ms */
	__u32 first;     /* slot of index 0 */
	__u32 end;       /* first slot not to look at */
	__u32 turn;      /* number of this walk */
	bool full;       /* the ring had no room in this tick: records that may wait are not tried again */
};

struct svr_sweep_slot {
	struct svr_sweep_walk *walk;
	struct svr_session *s;
	__u32 slot;
	__u32 now;
};

/* A copy of the session in the ring; 0 when it has no room. */
static __noinline int svr_sweep_record(struct svr_session *s, __u32 slot, __u32 type)
{
	struct svr_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	__u64 *to, *from = (__u64 *)s;

	if (!s || !record) {
		if (record)
			bpf_ringbuf_discard(record, 0);
		return 0;
	}
	record->time_ms = bpf_ktime_get_ns() / 1000000;
	record->type = type;
	record->index = slot;
	to = (__u64 *)&record->session;
	for (int i = 0; i < (int)(sizeof(*s) / 8); i++)
		to[i] = from[i];
	bpf_ringbuf_submit(record, 0);
	return 1;
}

static __always_inline void svr_sweep_lose(const struct svr_sweep_slot *v)
{
	__sync_fetch_and_add(&v->walk->gauges->records_lost, 1);
}

/* Whether ended sessions may hold their slots until their records are out. */
static __always_inline bool svr_sweep_spares(const struct svr_sweep_walk *walk)
{
	__u32 limit = walk->settings->session_limit;

	return walk->gauges->slots_used < limit - limit / SVR_SWEEP_KEPT;
}

/* Writes a record that is due once, marked by a flag. False while it waits for room in the ring; in a table that is nearly full
 * it does not wait and is lost. */
static __always_inline bool svr_sweep_once(const struct svr_sweep_slot *v, __u32 flag, __u32 type)
{
	if (v->s->flags & flag)
		return true;
	if (v->walk->full && svr_sweep_spares(v->walk))
		return false;
	__sync_fetch_and_or(&v->s->flags, flag);
	if (svr_sweep_record(v->s, v->slot, type))
		return true;
	if (svr_sweep_spares(v->walk)) {
		__sync_fetch_and_and(&v->s->flags, ~flag);
		v->walk->full = true;
		return false;
	}
	svr_sweep_lose(v);
	return true;
}

/* Milliseconds since a time, 0 when it lies a little ahead; times wrap after 49 days. */
static __always_inline __u32 svr_sweep_age(const struct svr_sweep_slot *v, __u32 since)
{
	__u32 age = v->now - since;

	return age > 0u - SVR_SWEEP_AHEAD_MS ? 0 : age;
}

static __always_inline bool svr_sweep_older(const struct svr_sweep_slot *v, __u32 since, __u32 limit)
{
	return svr_sweep_age(v, since) >= limit;
}

/* Age of the last packet of either direction, up to a tick too old; a direction without one counts from the last change. The ages
 * are compared, not the times: one direction may be silent for longer than half the range of a time. */
static __always_inline __u32 svr_sweep_idle(const struct svr_sweep_slot *v)
{
	__u32 forward = svr_sweep_age(v, v->s->seen_ms[0] ?: v->s->since_ms), reverse = svr_sweep_age(v, v->s->seen_ms[1] ?: v->s->since_ms);

	return reverse < forward ? reverse : forward;
}

/* State for the timers: both FINs seen is CLOSING, also when the swap to it was lost. */
static __always_inline __u32 svr_sweep_state(const struct svr_session *s, __u32 word)
{
	__u32 state = SVR_WORD_TCP(word);

	if ((state == SVR_TCP_ESTABLISHED || state == SVR_TCP_HALF_CLOSED) && (s->flags & SVR_F_FINS) == SVR_F_FINS)
		return SVR_TCP_CLOSING;
	return state;
}

static __always_inline __u32 svr_sweep_reason(__u32 state)
{
	if (state == SVR_TCP_SYN_SENT || state == SVR_TCP_SYN_RCVD)
		return SVR_END_HALF_OPEN_TIMEOUT;
	return state == SVR_TCP_CLOSING ? SVR_END_FIN : state == SVR_TCP_RESET ? SVR_END_RST : SVR_END_TIMEOUT;
}

/* End reason of a live session whose time is over, 0 while it goes on. */
static __always_inline __u32 svr_sweep_expired(const struct svr_sweep_slot *v, __u32 word)
{
	const struct svr_settings *settings = v->walk->settings;
	__u32 state = svr_sweep_state(v->s, word), idle = v->s->idle_ms, fixed;

	if (v->s->flags & SVR_F_DELETE)
		return SVR_WORD_END(word) ?: SVR_END_ADMIN;
	if (state >= SVR_TCP_STATES)
		return SVR_END_ERROR;
	fixed = settings->tcp_timer_ms[state];
	if (fixed)
		return svr_sweep_older(v, v->s->since_ms, fixed) ? svr_sweep_reason(state) : 0;
	if (state == SVR_TCP_NONE && !v->s->packets[1] && v->s->isn)
		idle = v->s->isn;
	if (state == SVR_TCP_HALF_CLOSED && idle > settings->half_closed_idle_ms)
		idle = settings->half_closed_idle_ms;
	return svr_sweep_idle(v) >= (__u64)idle + SVR_SWEEP_TICK_MS ? svr_sweep_reason(state) : 0;
}

static __always_inline void svr_sweep_interim(const struct svr_sweep_slot *v)
{
	__u32 every = v->walk->settings->interim_ms;

	if (!every || ((v->walk->turn ^ v->slot) & SVR_SWEEP_COLD))
		return;
	if (!svr_sweep_older(v, v->s->interim_ms ?: (__u32)v->s->created_ms, every))
		return;
	v->s->interim_ms = v->now ?: 1;
	if (!svr_sweep_record(v->s, v->slot, SVR_RECORD_INTERIM))
		svr_sweep_lose(v);
}

static __always_inline void svr_sweep_live(const struct svr_sweep_slot *v, __u32 word)
{
	__u32 reason = svr_sweep_expired(v, word);

	svr_sweep_once(v, SVR_F_STARTED, SVR_RECORD_START);
	if (reason)
		svr_tcp_swap(v->s, word, svr_tcp_ended(word, reason), v->now);
	else
		svr_sweep_interim(v);
}

static __always_inline void svr_sweep_remove_side(const struct svr_sweep_slot *v, __u32 side)
{
	struct svr_key key;

	svr_side_key(v->s, side, &key);
	svr_flow_remove(v->walk->settings, &key, (v->slot + 1) << 1 | side);
}

/* The forward keys: packets of side 0, and the uuid. */
static __always_inline void svr_sweep_remove_forward(const struct svr_sweep_slot *v)
{
	struct svr_key key = {};

	svr_sweep_remove_side(v, 0);
	__builtin_memcpy(key.source, v->s->uuid, 16);
	svr_flow_remove(v->walk->settings, &key, (v->slot + 1) << 1);
}

static __always_inline bool svr_sweep_free(const struct svr_sweep_slot *v, __u32 word)
{
	if (!svr_tcp_swap(v->s, word, SVR_LIFE_FREE, v->now))
		return false;
	__sync_fetch_and_add(&v->walk->gauges->slots_used, -1);
	return true;
}

/* A waypoint pair or NAT port of ours rests before it is used again. */
static __always_inline bool svr_sweep_rests(const struct svr_session *s)
{
	return s->side[1].path || (s->flags & SVR_F_SNAT);
}

static __always_inline void svr_sweep_guard(const struct svr_sweep_slot *v, __u32 word)
{
	if (!svr_sweep_once(v, SVR_F_STARTED, SVR_RECORD_START) || !svr_sweep_once(v, SVR_F_ENDED, SVR_RECORD_END))
		return;
	if (!(v->s->flags & SVR_F_DELETE) && !svr_sweep_older(v, v->s->since_ms, v->walk->settings->guard_ms))
		return;
	svr_sweep_remove_forward(v);
	if (!svr_sweep_rests(v->s)) {
		svr_sweep_remove_side(v, 1);
		svr_sweep_free(v, word);
	} else if (svr_tcp_swap(v->s, word, (word & ~0xffu) | SVR_LIFE_QUARANTINE, v->now)) {
		__sync_fetch_and_add(&v->walk->gauges->quarantined, 1);
	}
}

static __always_inline void svr_sweep_quarantine(const struct svr_sweep_slot *v, __u32 word)
{
	if (!svr_sweep_older(v, v->s->since_ms, v->walk->settings->quarantine_ms))
		return;
	if (!svr_sweep_record(v->s, v->slot, SVR_RECORD_RELEASE)) /* never lost, because a pair would be with it */
		return;
	svr_sweep_remove_side(v, 1);
	if (svr_sweep_free(v, word))
		__sync_fetch_and_add(&v->walk->gauges->quarantined, -1);
}

/* A claim whose shard died: freed when it is too old in two walks, so that a claim just made is never taken for it. */
static __always_inline void svr_sweep_claimed(const struct svr_sweep_slot *v, __u32 word)
{
	if (!svr_sweep_older(v, v->s->since_ms, SVR_CLAIM_MS))
		return;
	if (SVR_WORD_END(word) != SVR_SWEEP_SUSPECT) {
		__sync_val_compare_and_swap((__u32 *)&v->s->life, word, word | SVR_SWEEP_SUSPECT << 24);
		return;
	}
	svr_sweep_remove_forward(v);
	svr_sweep_remove_side(v, 1);
	svr_sweep_free(v, word);
}

static long svr_sweep_visit(__u64 index, struct svr_sweep_walk *walk)
{
	struct svr_sweep_slot v = { .walk = walk, .slot = walk->first + index, .now = walk->now };
	__u32 word;

	if (v.slot >= walk->end)
		return 1;
	v.s = bpf_map_lookup_elem(&sessions, &v.slot);
	if (!v.s)
		return 1;
	word = svr_tcp_word(v.s);
	switch (SVR_WORD_LIFE(word)) {
	case SVR_LIFE_LIVE:
		svr_sweep_live(&v, word);
		break;
	case SVR_LIFE_GUARD:
		svr_sweep_guard(&v, word);
		break;
	case SVR_LIFE_QUARANTINE:
		svr_sweep_quarantine(&v, word);
		break;
	case SVR_LIFE_CLAIMED:
		svr_sweep_claimed(&v, word);
		break;
	}
	return 0;
}

/* One tick: some slots from the cursor on. */
static int svr_sweep_tick(void *map, __u32 *key, struct svr_sweep *clock)
{
	struct svr_sweep_walk walk = { .settings = svr_maps_settings(), .gauges = svr_maps_gauges() };
	__u32 step;

	if (!walk.settings || !walk.gauges)
		return 0;
	walk.now = bpf_ktime_get_ns() / 1000000;
	clock->now_ms = walk.now;
	walk.first = clock->cursor;
	walk.end = walk.gauges->high_water;
	if (walk.end > walk.settings->session_limit)
		walk.end = walk.settings->session_limit;
	walk.turn = walk.gauges->sweeps;
	step = walk.end / SVR_SWEEP_TICKS + SVR_SWEEP_LEAST;
	bpf_loop(step, svr_sweep_visit, &walk, 0);
	clock->cursor = walk.first + step;
	if (clock->cursor >= walk.end) {
		clock->cursor = 0;
		__sync_fetch_and_add(&walk.gauges->sweeps, 1);
	}
	if ((__u32)walk.now - clock->pruned_ms >= SVR_SWEEP_PRUNE_MS) {
		clock->pruned_ms = walk.now;
		svr_rate_prune();
	}
	bpf_timer_start(&clock->timer, SVR_SWEEP_TICK_NS, 0);
	return 0;
}

/* svr_sweep_arm: starts the timer, or makes a running one call this program's code. 0, or a negative error. */
static __always_inline int svr_sweep_arm(void)
{
	struct svr_sweep *clock = svr_maps_clock();
	int error;

	if (!clock)
		return -1;
	bpf_timer_init(&clock->timer, &sweep, SVR_CLOCK_MONOTONIC); /* refused when it is there already */
	error = bpf_timer_set_callback(&clock->timer, svr_sweep_tick);
	return error ?: bpf_timer_start(&clock->timer, 0, 0);
}
#endif
