/* SPDX-License-Identifier: Apache-2.0 */
/* Reads sessions without a lock: by flow key, by uuid, by ranges of slots. Copies may mix moments (eBPF writes meanwhile), so
 * life and identity are checked again on the copy. Called by shards and by the router's main thread. */
#include "table.h"

#include <errno.h>
#include <string.h>

int svr_table_find(struct svr_table *table, const struct svr_key *key, struct svr_slot *out, __u32 out_size)
{
	struct svr_probe probe;
	__u32 entry;

	if (out_size < sizeof(*out))
		return -EINVAL;
	svr_index_probe(table, key, &probe);
	entry = svr_index_find(table, &probe);
	if (!entry)
		return 0;
	out->index = SVR_ENTRY_INDEX(entry);
	out->side = entry & 1;
	out->session = table->sessions[out->index];
	return svr_side_matches(&out->session, out->side, key);
}

int svr_table_shard(struct svr_table *table, const struct svr_key *key)
{
	return table->settings.shards ? (int)svr_hash_shard(&table->settings, key) : -EINVAL;
}

int svr_table_find_uuid(struct svr_table *table, const __u8 *uuid, struct svr_slot *out, __u32 out_size)
{
	struct svr_probe probe;
	__u32 entry;

	if (out_size < sizeof(*out))
		return -EINVAL;
	svr_index_probe_uuid(table, uuid, &probe);
	entry = svr_index_find_uuid(table, &probe);
	if (!entry)
		return 0;
	out->index = SVR_ENTRY_INDEX(entry);
	out->side = 0;
	out->session = table->sessions[out->index];
	return !memcmp(out->session.uuid, uuid, 16);
}

int svr_table_scan(struct svr_table *table, struct svr_scan *scan, struct svr_slot *out, __u32 out_size)
{
	__u32 room = out_size / (__u32)sizeof(*out), high = __atomic_load_n(&table->gauges->high_water, __ATOMIC_ACQUIRE), at = scan->cursor;
	int count = 0;

	if (high > table->slots)
		high = table->slots;
	for (__u32 steps = 0; at < high && steps < SVR_SCAN_STEPS && (__u32)count < room; at++, steps++) {
		__u32 life = svr_table_life(&table->sessions[at]);

		if (life > SVR_LIFE_QUARANTINE || !(scan->lives & 1u << life))
			continue;
		out[count].index = at;
		out[count].side = 0;
		out[count].session = table->sessions[at];
		if (out[count].session.life <= SVR_LIFE_QUARANTINE && (scan->lives & 1u << out[count].session.life))
			count++;
	}
	scan->next = at < high ? at : SVR_SCAN_END;
	return count;
}
