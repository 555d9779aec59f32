/* SPDX-License-Identifier: Apache-2.0 */
/* The flow index: two-choice buckets of eight tagged entries (svr_types.h, svr_hash.h). Used by install, change, search and
 * repair; eBPF looks up and clears in the same memory. Readers take no lock: a place goes 0 -> CLAIMED -> tag -> entry, and a
 * hit is always confirmed against the session, so a stale or half-made entry is only a miss.
 * The first bucket of a key is filled first: readers look there first, and hash and read the second only when they must.
 * When both buckets of a key are full, stale entries go first, then one entry moves to its other bucket: it is written there
 * before it is cleared here, so that a reader finds it all the time. */
#include "table.h"

#include <errno.h>
#include <string.h>

static void hash(const struct svr_table *table, struct svr_probe *probe)
{
	probe->tag = svr_hash_key(table->settings.hash_key[0], &probe->key);
	probe->at[0] = probe->tag & table->settings.bucket_mask;
	probe->at[1] = svr_hash_key(table->settings.hash_key[1], &probe->key) & table->settings.bucket_mask;
	__builtin_prefetch(&table->buckets[probe->at[0]], 1);
	__builtin_prefetch(&table->buckets[probe->at[1]], 1);
}

void svr_index_probe(const struct svr_table *table, const struct svr_key *key, struct svr_probe *out)
{
	out->key = *key;
	hash(table, out);
}

void svr_index_probe_side(const struct svr_table *table, const struct svr_session *session, __u32 side, struct svr_probe *out)
{
	svr_side_key(session, side, &out->key);
	hash(table, out);
}

void svr_index_probe_uuid(const struct svr_table *table, const __u8 *uuid, struct svr_probe *out)
{
	memset(&out->key, 0, sizeof(out->key));
	memcpy(out->key.source, uuid, 16);
	hash(table, out);
}

/* Does this entry's session hold this flow key now? In quarantine only side 1 does. */
static int holds_flow(struct svr_table *table, __u32 entry, const struct svr_key *key)
{
	__u32 index = SVR_ENTRY_INDEX(entry), side = entry & 1, life;

	if (entry < 2 || index >= table->slots)
		return 0;
	life = svr_table_life(&table->sessions[index]);
	if (life != SVR_LIFE_LIVE && life != SVR_LIFE_GUARD && !(life == SVR_LIFE_QUARANTINE && side == 1))
		return 0;
	return svr_side_matches(&table->sessions[index], side, key);
}

static int holds_uuid(struct svr_table *table, __u32 entry, const struct svr_key *key)
{
	__u32 index = SVR_ENTRY_INDEX(entry), life;

	if (entry < 2 || (entry & 1) || index >= table->slots)
		return 0;
	life = svr_table_life(&table->sessions[index]);
	return (life == SVR_LIFE_LIVE || life == SVR_LIFE_GUARD) && !memcmp(table->sessions[index].uuid, key->source, 16);
}

static __u32 find(struct svr_table *table, const struct svr_probe *probe, int (*holds)(struct svr_table *, __u32, const struct svr_key *))
{
	for (int b = 0; b < 2; b++) {
		struct svr_bucket *bucket = &table->buckets[probe->at[b]];

		for (int i = 0; i < SVR_BUCKET_ENTRIES; i++) {
			__u32 entry = __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE);

			if (bucket->tag[i] == probe->tag && holds(table, entry, &probe->key))
				return entry;
		}
	}
	return 0;
}

__u32 svr_index_find(struct svr_table *table, const struct svr_probe *probe)
{
	return find(table, probe, holds_flow);
}

__u32 svr_index_find_uuid(struct svr_table *table, const struct svr_probe *probe)
{
	return find(table, probe, holds_uuid);
}

static int stands_in(const struct svr_probe *probe, __u32 bucket, __u32 tag)
{
	return probe->tag == tag && (probe->at[0] == bucket || probe->at[1] == bucket);
}

int svr_index_is_valid(struct svr_table *table, __u32 bucket, __u32 tag, __u32 entry)
{
	__u32 index = SVR_ENTRY_INDEX(entry), life;
	struct svr_session *session;
	struct svr_probe probe;

	if (entry < 2 || index >= table->slots)
		return 0;
	session = &table->sessions[index];
	life = svr_table_life(session);
	if (life != SVR_LIFE_LIVE && life != SVR_LIFE_GUARD && !(life == SVR_LIFE_QUARANTINE && (entry & 1)))
		return 0;
	svr_index_probe_side(table, session, entry, &probe);
	if (stands_in(&probe, bucket, tag))
		return 1;
	if (entry & 1)
		return 0;
	svr_index_probe_uuid(table, session->uuid, &probe);
	return stands_in(&probe, bucket, tag);
}

/* Takes an empty place of one bucket: claimed first, so that no reader pairs the new tag with an old entry. */
static int take(struct svr_bucket *bucket, __u32 tag, struct svr_place *out)
{
	for (int i = 0; i < SVR_BUCKET_ENTRIES; i++) {
		__u32 empty = 0;

		if (!__atomic_compare_exchange_n(&bucket->entry[i], &empty, SVR_ENTRY_CLAIMED, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		__atomic_store_n(&bucket->tag[i], tag, __ATOMIC_RELAXED);
		out->entry = &bucket->entry[i];
		return 1;
	}
	return 0;
}

static int clear(__u32 *place, __u32 entry)
{
	return __atomic_compare_exchange_n(place, &entry, 0, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Entries whose session no longer wants them; they come from a race between a move and the sweeper. */
static int purge(struct svr_table *table, __u32 at)
{
	struct svr_bucket *bucket = &table->buckets[at];
	int purged = 0;

	for (int i = 0; i < SVR_BUCKET_ENTRIES; i++) {
		__u32 entry = __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE);

		if (entry && entry != SVR_ENTRY_CLAIMED && !svr_index_is_valid(table, at, bucket->tag[i], entry))
			purged += clear(&bucket->entry[i], entry);
	}
	return purged;
}

/* The other bucket of an entry that stands in `at`. */
static __u32 other_bucket(struct svr_table *table, __u32 at, __u32 tag, __u32 entry)
{
	struct svr_session *session = &table->sessions[SVR_ENTRY_INDEX(entry)];
	struct svr_probe probe;

	svr_index_probe_side(table, session, entry, &probe);
	if (!stands_in(&probe, at, tag))
		svr_index_probe_uuid(table, session->uuid, &probe);
	return probe.at[0] == at ? probe.at[1] : probe.at[0];
}

/* Moves the entry in place i of bucket `at` to its other bucket, if there is room. */
static int move_entry(struct svr_table *table, __u32 at, int i, __u32 *to)
{
	struct svr_bucket *bucket = &table->buckets[at];
	__u32 entry = __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE);
	struct svr_place place;

	*to = at;
	if (entry < 2 || entry == SVR_ENTRY_CLAIMED || SVR_ENTRY_INDEX(entry) >= table->slots)
		return 0;
	*to = other_bucket(table, at, bucket->tag[i], entry);
	if (*to == at || !take(&table->buckets[*to], bucket->tag[i], &place))
		return 0;
	svr_index_commit(place, entry);
	if (!clear(&bucket->entry[i], entry))
		clear(place.entry, entry); /* the sweeper removed it meanwhile: the place here is empty */
	return 1;
}

/* Empties a place of a full bucket: what is stale goes first, then one entry moves, at last one whose other bucket is emptied so. */
static int make_room(struct svr_table *table, __u32 at, int depth)
{
	__u32 to[SVR_BUCKET_ENTRIES];

	if (purge(table, at))
		return 1;
	for (int i = 0; i < SVR_BUCKET_ENTRIES; i++)
		if (move_entry(table, at, i, &to[i]))
			return 1;
	for (int i = 0; depth && i < SVR_BUCKET_ENTRIES; i++)
		if (to[i] != at && make_room(table, to[i], depth - 1) && move_entry(table, at, i, &to[i]))
			return 1;
	return 0;
}

int svr_index_reserve(struct svr_table *table, const struct svr_probe *probe, struct svr_place *out)
{
	for (int b = 0; b < 2; b++)
		if (take(&table->buckets[probe->at[b]], probe->tag, out))
			return 0;
	for (int b = 0; b < 2; b++)
		if (make_room(table, probe->at[b], 1) && take(&table->buckets[probe->at[b]], probe->tag, out))
			return 0;
	return -ENOSPC;
}

void svr_index_commit(struct svr_place place, __u32 entry)
{
	__atomic_store_n(place.entry, entry, __ATOMIC_RELEASE);
}

void svr_index_release(struct svr_place place)
{
	__atomic_store_n(place.entry, 0, __ATOMIC_RELEASE);
}

int svr_index_remove(struct svr_table *table, const struct svr_probe *probe, __u32 entry)
{
	int removed = 0;

	for (int b = 0; b < 2; b++) {
		struct svr_bucket *bucket = &table->buckets[probe->at[b]];

		for (int i = 0; i < SVR_BUCKET_ENTRIES; i++)
			if (bucket->tag[i] == probe->tag && __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE) == entry)
				removed += clear(&bucket->entry[i], entry);
	}
	return removed;
}
