/* SPDX-License-Identifier: Apache-2.0 */
/* Changes a live session: patch, replace a side, end. Each checks that the uuid of the reference still stands in the slot and
 * that the session is live or in guard; else the answer is -ENOENT ("gone"). eBPF changes the same session meanwhile, so
 * flags and counters move by atomic operations and life by compare-and-swap. Called by svr_table_apply. */
#include "table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define TCP_STATE_SHIFT 8
#define TCP_BEFORE_SHIFT 16
#define END_REASON_SHIFT 24
#define WORD_TRIES 64

static struct svr_session *session_of(struct svr_table *table, const struct svr_op *op)
{
	struct svr_session *session;
	__u32 life;

	if (op->index >= table->slots)
		return NULL;
	session = &table->sessions[op->index];
	life = svr_table_life(session);
	if ((life != SVR_LIFE_LIVE && life != SVR_LIFE_GUARD) || memcmp(session->uuid, op->uuid, 16))
		return NULL;
	return session;
}

static void set_u32(__u32 *field, __u32 value)
{
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* Replaces the bits of `mask` in the life word, keeping the rest; -ENOENT when its life changed meanwhile. */
static int change_word(struct svr_table *table, struct svr_session *session, __u32 mask, __u32 bits)
{
	__u32 word = __atomic_load_n(svr_table_word(session), __ATOMIC_ACQUIRE), life = SVR_WORD_LIFE(word);

	for (int i = 0; i < WORD_TRIES && SVR_WORD_LIFE(word) == life; i++) {
		__u32 from = word;

		if (!__atomic_compare_exchange_n(svr_table_word(session), &word, (word & ~mask) | bits, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			continue;
		svr_table_count(table, session, from, (from & ~mask) | bits);
		return 0;
	}
	return SVR_WORD_LIFE(word) == life ? -EAGAIN : -ENOENT;
}

/* setup_ms is written once, by whoever sets its flag. */
static void set_setup(struct svr_session *to, __u32 setup_ms)
{
	if (!(__atomic_fetch_or(&to->flags, SVR_F_SETUP, __ATOMIC_ACQ_REL) & SVR_F_SETUP))
		set_u32(&to->setup_ms, setup_ms);
}

static void patch_pairs(struct svr_session *to, const struct svr_session *from, __u32 fields)
{
	for (int i = 0; i < 2; i++) {
		if (fields & SVR_FIELD_SEEN)
			set_u32(&to->seen_ms[i], from->seen_ms[i]);
		if (fields & SVR_FIELD_NEXT_SEQ)
			set_u32(&to->next_seq[i], from->next_seq[i]);
		if (fields & SVR_FIELD_LAST_ACK)
			set_u32(&to->last_ack[i], from->last_ack[i]);
		if (fields & SVR_FIELD_WINDOW)
			to->window[i] = from->window[i];
		if (fields & SVR_FIELD_PACKETS)
			__atomic_add_fetch(&to->packets[i], from->packets[i], __ATOMIC_RELAXED);
		if (fields & SVR_FIELD_BYTES)
			__atomic_add_fetch(&to->bytes[i], from->bytes[i], __ATOMIC_RELAXED);
	}
}

static void patch_fields(struct svr_session *to, const struct svr_session *from, __u32 fields)
{
	if (fields & SVR_FIELD_SINCE)
		set_u32(&to->since_ms, from->since_ms);
	if (fields & SVR_FIELD_IDLE)
		set_u32(&to->idle_ms, from->idle_ms);
	if (fields & SVR_FIELD_SETUP)
		set_setup(to, from->setup_ms);
	if (fields & SVR_FIELD_ISN)
		set_u32(&to->isn, from->isn);
	if (fields & SVR_FIELD_RETRANSMISSIONS)
		set_u32(&to->retransmissions, from->retransmissions);
	if (fields & SVR_FIELD_OUT_OF_ORDER)
		set_u32(&to->out_of_order, from->out_of_order);
	if (fields & SVR_FIELD_SERVICE)
		to->service = from->service;
	if (fields & SVR_FIELD_TENANT)
		to->tenant = from->tenant;
	if (fields & SVR_FIELD_ANSWER)
		memcpy(to->answer, from->answer, sizeof(to->answer));
	if (fields & SVR_FIELD_HEALTH)
		to->health = from->health;
	if (fields & SVR_FIELD_SECURITY)
		to->security = from->security;
	if (fields & SVR_FIELD_HANDSHAKE)
		to->hs = from->hs;
}

/* Both TCP states are in the life word and change in one step. */
static int patch_word(struct svr_table *table, struct svr_session *to, const struct svr_session *from, __u32 fields)
{
	__u32 mask = (fields & SVR_FIELD_TCP_STATE ? 0xffu << TCP_STATE_SHIFT : 0) | (fields & SVR_FIELD_TCP_BEFORE ? 0xffu << TCP_BEFORE_SHIFT : 0);
	__u32 bits = (__u32)from->tcp_state << TCP_STATE_SHIFT | (__u32)from->tcp_before_reset << TCP_BEFORE_SHIFT;

	return mask ? change_word(table, to, mask, bits & mask) : 0;
}

static void patch_protect(struct svr_session *session, const struct svr_op *op)
{
	if (op->set_protect)
		__atomic_or_fetch(&session->label, (__u32)op->set_protect << SVR_PROTECT_SHIFT, __ATOMIC_ACQ_REL);
	if (op->clear_protect)
		__atomic_and_fetch(&session->label, ~((__u32)op->clear_protect << SVR_PROTECT_SHIFT), __ATOMIC_ACQ_REL);
}

void svr_change_patch(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result)
{
	struct svr_session *session = session_of(table, op);

	if (!session) {
		result->status = -ENOENT;
		return;
	}
	patch_pairs(session, &op->session, op->fields);
	patch_fields(session, &op->session, op->fields);
	result->status = patch_word(table, session, &op->session, op->fields);
	if (op->set_flags)
		__atomic_or_fetch(&session->flags, op->set_flags, __ATOMIC_ACQ_REL);
	if (op->clear_flags)
		__atomic_and_fetch(&session->flags, ~op->clear_flags, __ATOMIC_ACQ_REL);
	patch_protect(session, op);
}

/* Locked. The new key enters the index first and does not match until the side is written, the old one does until then. */
static int replace(struct svr_table *table, struct svr_session *session, const struct svr_op *op, struct svr_op_result *result)
{
	struct svr_probe old, new;
	struct svr_place place;
	__u32 entry = SVR_ENTRY_OF(op->index, op->side), other;
	int same;

	svr_index_probe_side(table, session, op->side, &old);
	svr_index_probe_side(table, &op->session, op->side, &new);
	same = !memcmp(&old.key, &new.key, sizeof(old.key));
	other = same ? 0 : svr_index_find(table, &new);
	if (other) {
		result->index = SVR_ENTRY_INDEX(other);
		result->side = op->side;
		memcpy(result->uuid, table->sessions[result->index].uuid, 16);
		return -EEXIST;
	}
	if (!same && svr_index_reserve(table, &new, &place))
		return -ENOSPC;
	if (!same)
		svr_index_commit(place, entry);
	session->tail[op->side] = op->session.tail[op->side];
	session->side[op->side] = op->session.side[op->side];
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (!same)
		svr_index_remove(table, &old, entry);
	return 0;
}

void svr_change_side(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result)
{
	struct svr_session *session;

	if (op->side > 1) {
		result->status = -EINVAL;
		return;
	}
	svr_table_lock();
	session = session_of(table, op);
	result->status = session ? replace(table, session, op, result) : -ENOENT;
	svr_table_unlock();
	if (!result->status)
		result->local_port = ntohs(session->side[1].local_port_be);
}

/* Locked. Everything a new session with the same keys would collide with goes; ports toward a peer and NAT ports still rest. */
static void remove_keys(struct svr_table *table, const struct svr_session *session, __u32 index)
{
	struct svr_probe probe;

	svr_index_probe_side(table, session, 0, &probe);
	svr_index_remove(table, &probe, SVR_ENTRY_OF(index, 0));
	svr_index_probe_uuid(table, session->uuid, &probe);
	svr_index_remove(table, &probe, SVR_ENTRY_OF(index, 0));
	if (session->side[1].path || (session->flags & SVR_F_SNAT))
		return;
	svr_index_probe_side(table, session, 1, &probe);
	svr_index_remove(table, &probe, SVR_ENTRY_OF(index, 1));
}

void svr_change_end(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result)
{
	struct svr_session *session;

	svr_table_lock();
	session = session_of(table, op);
	if (!session) {
		svr_table_unlock();
		result->status = -ENOENT;
		return;
	}
	if (svr_table_life(session) == SVR_LIFE_LIVE) {
		set_u32(&session->since_ms, svr_table_now_ms()); /* before life: guard counts from here */
		change_word(table, session, 0xffu | 0xffu << END_REASON_SHIFT, SVR_LIFE_GUARD | (__u32)op->reason << END_REASON_SHIFT);
	}
	if (op->now) {
		__atomic_or_fetch(&session->flags, SVR_F_DELETE, __ATOMIC_ACQ_REL);
		remove_keys(table, session, op->index);
	}
	svr_table_unlock();
}
