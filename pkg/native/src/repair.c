/* SPDX-License-Identifier: Apache-2.0 */
/* Brings adopted maps back to order after a process died at work: half-made claims and entries go, missing keys come back,
 * gauges are counted anew. Runs once at start, before any shard; the eBPF programs forward and sweep meanwhile. */
#include "table.h"

#include <errno.h>
#include <string.h>

#define COUNT_TRIES 8 /* the sweeper rarely changes anything during one count */

static void free_claims(struct svr_table *table, struct svr_repair *out)
{
	for (__u32 i = 0; i < table->slots; i++) {
		__u32 word = __atomic_load_n(svr_table_word(&table->sessions[i]), __ATOMIC_ACQUIRE);

		if (SVR_WORD_LIFE(word) == SVR_LIFE_CLAIMED &&
		    __atomic_compare_exchange_n(svr_table_word(&table->sessions[i]), &word, SVR_LIFE_FREE, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			out->claims++;
	}
}

static void clear_entries(struct svr_table *table, struct svr_repair *out)
{
	for (__u32 at = 0; at <= table->settings.bucket_mask; at++) {
		struct svr_bucket *bucket = &table->buckets[at];

		for (int i = 0; i < SVR_BUCKET_ENTRIES; i++) {
			__u32 entry = __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE);

			if (!entry || (entry != SVR_ENTRY_CLAIMED && svr_index_is_valid(table, at, bucket->tag[i], entry)))
				continue;
			if (__atomic_compare_exchange_n(&bucket->entry[i], &entry, 0, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				out->entries++;
		}
	}
}

/* Leaves exactly one entry for a key: an interrupted move may have left two. */
static void index_key(struct svr_table *table, const struct svr_probe *probe, __u32 entry, struct svr_repair *out)
{
	struct svr_place place;
	int standing = 0;

	for (int b = 0; b < (probe->at[0] == probe->at[1] ? 1 : 2); b++) {
		struct svr_bucket *bucket = &table->buckets[probe->at[b]];

		for (int i = 0; i < SVR_BUCKET_ENTRIES; i++) {
			__u32 wanted = entry;

			if (bucket->tag[i] != probe->tag || __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE) != entry || !standing++)
				continue;
			if (__atomic_compare_exchange_n(&bucket->entry[i], &wanted, 0, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				out->entries++;
		}
	}
	if (standing)
		return;
	if (svr_index_reserve(table, probe, &place)) {
		out->unindexed++;
		return;
	}
	svr_index_commit(place, entry);
	out->indexed++;
}

static void index_slots(struct svr_table *table, struct svr_repair *out)
{
	for (__u32 i = 0; i < table->slots; i++) {
		struct svr_session *session = &table->sessions[i];
		__u32 life = svr_table_life(session);
		struct svr_probe probe;

		if (life != SVR_LIFE_LIVE && life != SVR_LIFE_GUARD && life != SVR_LIFE_QUARANTINE)
			continue;
		if (session->shard >= table->settings.shards)
			session->shard = (__u8)(session->shard % table->settings.shards); /* fewer shards than before */
		if (life == SVR_LIFE_GUARD && (session->flags & SVR_F_DELETE))
			continue; /* its keys were taken away on purpose; what is left the sweeper removes */
		svr_index_probe_side(table, session, 1, &probe);
		index_key(table, &probe, SVR_ENTRY_OF(i, 1), out);
		if (life == SVR_LIFE_QUARANTINE)
			continue;
		svr_index_probe_uuid(table, session->uuid, &probe);
		index_key(table, &probe, SVR_ENTRY_OF(i, 0), out);
		svr_index_probe_side(table, session, 0, &probe);
		index_key(table, &probe, SVR_ENTRY_OF(i, 0), out);
	}
}

static struct svr_gauges count_slots(struct svr_table *table)
{
	struct svr_gauges found = {};

	for (__u32 i = 0; i < table->slots; i++) {
		__u32 word = __atomic_load_n(svr_table_word(&table->sessions[i]), __ATOMIC_ACQUIRE), life = SVR_WORD_LIFE(word);

		if (life == SVR_LIFE_FREE)
			continue;
		found.slots_used++;
		found.live += SVR_WORD_IS_LIVE(word);
		found.half_open += SVR_WORD_IS_HALF_OPEN(word);
		found.quarantined += life == SVR_LIFE_QUARANTINE;
		found.high_water = i + 1;
	}
	return found;
}

/* Adds the difference, so that what the sweeper counts at the same moment is kept; counts again when it did. */
static void count_gauges(struct svr_table *table)
{
	struct svr_gauges *gauges = table->gauges;

	for (int i = 0; i < COUNT_TRIES; i++) {
		struct svr_gauges before = *gauges, found = count_slots(table), after = *gauges;

		if (i + 1 < COUNT_TRIES && (before.slots_used != after.slots_used || before.live != after.live || before.half_open != after.half_open || before.quarantined != after.quarantined))
			continue;
		__atomic_add_fetch(&gauges->slots_used, found.slots_used - after.slots_used, __ATOMIC_RELAXED);
		__atomic_add_fetch(&gauges->live, found.live - after.live, __ATOMIC_RELAXED);
		__atomic_add_fetch(&gauges->half_open, found.half_open - after.half_open, __ATOMIC_RELAXED);
		__atomic_add_fetch(&gauges->quarantined, found.quarantined - after.quarantined, __ATOMIC_RELAXED);
		__atomic_store_n(&gauges->high_water, found.high_water, __ATOMIC_RELEASE);
		return;
	}
}

int svr_table_repair(struct svr_table *table, struct svr_repair *out, __u32 out_size)
{
	if (out_size < sizeof(*out) || !table->settings.shards)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	svr_table_lock();
	free_claims(table, out);
	clear_entries(table, out);
	index_slots(table, out);
	count_gauges(table);
	svr_usage_repair(table);
	svr_table_unlock();
	return 0;
}
