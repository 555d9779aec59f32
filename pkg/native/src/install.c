/* SPDX-License-Identifier: Apache-2.0 */
/* Installs one session: claim a slot, reserve places for its three keys, fill it, make it live, then show the keys in the order
 * side 1, uuid, side 0. Nothing is visible before all places are reserved, so a refused install leaves no trace.
 * Called by svr_table_apply. */
#include "table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define NO_SLOT 0xffffffffu

enum { FEW_PORTS = 16, EXHAUSTED_MS = 1000 };
enum { SIDE1, UUID, SIDE0, KEYS }; /* order of visibility */

struct install {
	struct svr_session session;
	struct svr_probe probe[KEYS];
	struct svr_place place[KEYS];
	int reserved;
	__u32 index;
	__u32 limit; /* enum svr_limit that refused it, 0 none */
};

/* The word of the session once it is live. */
static __u32 word_of(const struct svr_session *session)
{
	return SVR_LIFE_LIVE | (__u32)session->tcp_state << 8;
}

/* `side`: whose key of the new session is taken. */
static int refuse_existing(struct svr_table *table, __u32 entry, __u16 side, struct svr_op_result *result)
{
	result->status = -EEXIST;
	result->index = SVR_ENTRY_INDEX(entry);
	result->side = side;
	memcpy(result->uuid, table->sessions[result->index].uuid, 16);
	return -EEXIST;
}

/* Where a target is noted when it is exhausted. Leaves local port 0 in the session and its key in the probe. */
static struct svr_exhausted *place_of_target(struct svr_table *table, struct install *in)
{
	in->session.side[1].local_port_be = 0;
	svr_index_probe_side(table, &in->session, 1, &in->probe[SIDE1]);
	return &table->exhausted[in->probe[SIDE1].tag % SVR_EXHAUSTED_PLACES];
}

/* The first free port of `count` tried, cyclic in the range; 0, or the entry that holds the last one tried. */
static __u32 try_ports(struct svr_table *table, const struct svr_op *op, struct install *in, __u32 count)
{
	__u32 entry = 0;

	for (__u32 i = 0; i < count; i++) {
		__u32 port = op->nat_first + (__u32)(op->nat_start - op->nat_first + i) % op->nat_count;

		in->session.side[1].local_port_be = htons((__u16)port);
		svr_index_probe_side(table, &in->session, 1, &in->probe[SIDE1]);
		entry = svr_index_find(table, &in->probe[SIDE1]);
		if (!entry)
			return 0;
	}
	return entry;
}

/* Source NAT: a free local port of the range. With no range the key stands as given. A search of a whole range takes tens of
 * milliseconds, and every shard waits for it: after one that found nothing, only a few ports are tried for a while, so that a flood
 * of first packets toward an exhausted target stops nobody. */
static __u32 search_port(struct svr_table *table, const struct svr_op *op, struct install *in, __u32 now)
{
	struct svr_exhausted *target;
	struct svr_key key;
	__u32 entry;

	if (!op->nat_count) {
		svr_index_probe_side(table, &in->session, 1, &in->probe[SIDE1]);
		return svr_index_find(table, &in->probe[SIDE1]);
	}
	target = place_of_target(table, in);
	key = in->probe[SIDE1].key;
	if ((__s32)(target->until_ms - now) > 0 && !memcmp(&target->key, &key, sizeof(key)))
		return try_ports(table, op, in, op->nat_count < FEW_PORTS ? op->nat_count : FEW_PORTS);
	entry = try_ports(table, op, in, op->nat_count);
	if (entry)
		*target = (struct svr_exhausted){ .key = key, .until_ms = now + EXHAUSTED_MS };
	return entry;
}

/* The keys must be new; sides that equal each other can never be told apart. */
static int check_keys(struct svr_table *table, const struct svr_op *op, struct install *in, struct svr_op_result *result)
{
	__u32 entry, now = svr_table_now_ms();
	__u16 side = 1;

	svr_index_probe_side(table, &in->session, 0, &in->probe[SIDE0]);
	svr_index_probe_uuid(table, in->session.uuid, &in->probe[UUID]);
	entry = search_port(table, op, in, now);
	if (!entry) {
		side = 0;
		entry = svr_index_find(table, &in->probe[SIDE0]);
	}
	if (!entry)
		entry = svr_index_find_uuid(table, &in->probe[UUID]);
	if (entry)
		return refuse_existing(table, entry, side, result);
	if (memcmp(&in->probe[SIDE0].key, &in->probe[SIDE1].key, sizeof(struct svr_key)))
		return 0;
	result->index = NO_SLOT; /* the session stands in its own way */
	memcpy(result->uuid, in->session.uuid, 16);
	return -EEXIST;
}

static int try_claim(struct svr_table *table, __u32 index, __u32 now)
{
	struct svr_session *session = &table->sessions[index];
	__u32 word = __atomic_load_n(svr_table_word(session), __ATOMIC_ACQUIRE);

	if (SVR_WORD_LIFE(word) != SVR_LIFE_FREE)
		return 0;
	__atomic_store_n(&session->since_ms, now, __ATOMIC_RELEASE); /* before the claim: the sweeper frees old claims */
	return __atomic_compare_exchange_n(svr_table_word(session), &word, SVR_LIFE_CLAIMED, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Next-fit below the high-water mark while an eighth of it is free, else the mark rises: walks stay short and the used range dense. */
static int claim(struct svr_table *table, __u32 now, __u32 *out)
{
	struct svr_gauges *gauges = table->gauges;
	__u32 limit = table->settings.session_limit;
	__u32 used = __atomic_load_n(&gauges->slots_used, __ATOMIC_RELAXED), high = __atomic_load_n(&gauges->high_water, __ATOMIC_RELAXED);

	if (high > limit)
		high = limit;
	if (high < limit && used >= high - high / 8 && try_claim(table, high, now)) {
		__atomic_store_n(&gauges->high_water, high + 1, __ATOMIC_RELEASE);
		*out = high;
		return 0;
	}
	for (__u32 i = 0; i < high; i++) {
		__u32 at = table->cursor < high ? table->cursor : 0;

		table->cursor = at + 1;
		if (try_claim(table, at, now)) {
			*out = at;
			return 0;
		}
	}
	for (__u32 at = high; at < limit; at++)
		if (try_claim(table, at, now)) {
			__atomic_store_n(&gauges->high_water, at + 1, __ATOMIC_RELEASE);
			*out = at;
			return 0;
		}
	return -ENOSPC;
}

static int reserve(struct svr_table *table, struct install *in)
{
	for (in->reserved = 0; in->reserved < KEYS; in->reserved++)
		if (svr_index_reserve(table, &in->probe[in->reserved], &in->place[in->reserved]))
			return -ENOSPC;
	return 0;
}

static void release(struct install *in)
{
	while (in->reserved > 0)
		svr_index_release(in->place[--in->reserved]);
}

/* Fills the claimed slot and makes it live. While it is claimed `since_ms` keeps the time of the claim. */
static int fill(struct svr_table *table, struct install *in, __u32 now)
{
	struct svr_session *slot = &table->sessions[in->index];
	__u32 since = in->session.since_ms, claimed = SVR_LIFE_CLAIMED, live, word = __atomic_load_n(svr_table_word(slot), __ATOMIC_ACQUIRE);

	if (SVR_WORD_LIFE(word) != SVR_LIFE_CLAIMED)
		return -EAGAIN;
	in->session.since_ms = now;
	in->session.life = SVR_LIFE_CLAIMED;
	memcpy(&live, &in->session.life, sizeof(live));
	live = (live & ~0xffu) | SVR_LIFE_LIVE;
	memcpy(slot, &in->session, offsetof(struct svr_session, life));
	memcpy(&slot->seen_ms, &in->session.seen_ms, sizeof(*slot) - offsetof(struct svr_session, seen_ms));
	if (!__atomic_compare_exchange_n(svr_table_word(slot), &claimed, live, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return -EAGAIN; /* held up so long that the sweeper took the claim back */
	__atomic_store_n(&slot->since_ms, since, __ATOMIC_RELEASE);
	return 0;
}

/* What an install meets behind its keys, without doing it. */
static int check_room(struct svr_table *table, const struct svr_op *op, struct install *in, struct svr_op_result *result)
{
	if (__atomic_load_n(&table->gauges->live, __ATOMIC_RELAXED) >= table->settings.live_limit ||
	    __atomic_load_n(&table->gauges->slots_used, __ATOMIC_RELAXED) >= table->settings.session_limit)
		return -ENOSPC;
	in->limit = svr_usage_refuse(table, &in->session, &op->limits);
	result->side = (__u16)in->limit;
	in->index = NO_SLOT;
	return in->limit ? -EDQUOT : 0;
}

static int install(struct svr_table *table, const struct svr_op *op, struct install *in, struct svr_op_result *result)
{
	static const __u32 side_of[KEYS] = { 1, 0, 0 };
	__u32 now = svr_table_now_ms();
	int error = check_keys(table, op, in, result);

	if (error)
		return error;
	if (op->dry)
		return check_room(table, op, in, result);
	if (__atomic_load_n(&table->gauges->live, __ATOMIC_RELAXED) >= table->settings.live_limit || claim(table, now, &in->index))
		return -ENOSPC;
	__atomic_add_fetch(&table->gauges->slots_used, 1, __ATOMIC_RELAXED);
	in->limit = svr_usage_enter(table, &in->session, &op->limits);
	error = in->limit ? -EDQUOT : reserve(table, in);
	if (!error)
		error = fill(table, in, now);
	if (error) {
		__u32 claimed = SVR_LIFE_CLAIMED;

		if (!in->limit)
			svr_usage_change(table, &in->session, word_of(&in->session), SVR_LIFE_FREE);

		release(in);
		if (__atomic_compare_exchange_n(svr_table_word(&table->sessions[in->index]), &claimed, SVR_LIFE_FREE, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			__atomic_sub_fetch(&table->gauges->slots_used, 1, __ATOMIC_RELAXED);
		result->side = (__u16)in->limit;
		return in->limit ? -EDQUOT : -ENOSPC;
	}
	svr_table_count(table, &in->session, SVR_LIFE_FREE, word_of(&in->session));
	for (int i = 0; i < KEYS; i++)
		svr_index_commit(in->place[i], SVR_ENTRY_OF(in->index, side_of[i]));
	return 0;
}

void svr_install_run(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result)
{
	struct install in;

	if (op->nat_count > 65536 || (op->nat_count && op->nat_first + op->nat_count > 65536) ||
	    (op->nat_count && (op->nat_start < op->nat_first || op->nat_start >= op->nat_first + op->nat_count))) {
		result->status = -EINVAL;
		return;
	}
	in.session = op->session;
	in.reserved = 0;
	in.limit = 0;
	svr_table_lock();
	result->status = install(table, op, &in, result);
	svr_table_unlock();
	if (result->status)
		return;
	result->index = in.index;
	result->local_port = ntohs(in.session.side[1].local_port_be);
}
