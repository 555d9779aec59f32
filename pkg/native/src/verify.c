/* SPDX-License-Identifier: Apache-2.0 */
/* Looks over the session table and the flow index and names what does not fit. Takes no lock and changes nothing: eBPF and shards
 * go on meanwhile, so what is found is a suspicion that the caller looks at again. Called by the router's main thread in bounded steps. */
#include "table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define STUCK_MS 5000u /* over its timer: a walk of the sweeper takes less than a second */
#define AHEAD_MS 60000u

struct look {
	struct svr_table *table;
	const struct svr_settings *timers; /* in force now; those of the table are as it was opened */
	struct svr_verify *call;
	struct svr_fault *faults;
	struct svr_use *uses;
	__u32 now;
};

static void report(struct look *look, const struct svr_fault *fault)
{
	look->faults[look->call->faults++] = *fault;
}

static void report_slot(struct look *look, __u32 at, __u32 kind, __u32 key)
{
	struct svr_session *session = &look->table->sessions[at];
	struct svr_fault fault = { .kind = kind, .at = at, .slot = at, .key = key, .life = svr_table_life(session) };

	memcpy(fault.uuid, session->uuid, 16);
	report(look, &fault);
}

static __u32 age(const struct look *look, __u32 since)
{
	__u32 passed = look->now - since;

	return passed > 0u - AHEAD_MS ? 0 : passed;
}

static int is_stuck(const struct look *look, const struct svr_session *session, __u32 word)
{
	const struct svr_settings *timers = look->timers;
	__u32 since = age(look, session->since_ms), forward, reverse, state = SVR_WORD_TCP(word), fixed;

	switch (SVR_WORD_LIFE(word)) {
	case SVR_LIFE_CLAIMED: return since > SVR_CLAIM_MS + STUCK_MS;
	case SVR_LIFE_GUARD: return (session->flags & SVR_F_ENDED) && since > timers->guard_ms + STUCK_MS; /* else its end record waits for room */
	case SVR_LIFE_QUARANTINE: return since > timers->quarantine_ms + STUCK_MS;
	}
	if (state >= SVR_TCP_STATES)
		return 1;
	fixed = timers->tcp_timer_ms[state];
	if (fixed)
		return since > fixed + STUCK_MS;
	forward = session->seen_ms[0] ? age(look, session->seen_ms[0]) : since;
	reverse = session->seen_ms[1] ? age(look, session->seen_ms[1]) : since;
	return (reverse < forward ? reverse : forward) > session->idle_ms + STUCK_MS;
}

/* How often the entry stands under its key. */
static int standing(struct svr_table *table, const struct svr_probe *probe, __u32 entry)
{
	int found = 0;

	for (int b = 0; b < (probe->at[0] == probe->at[1] ? 1 : 2); b++) {
		struct svr_bucket *bucket = &table->buckets[probe->at[b]];

		for (int i = 0; i < SVR_BUCKET_ENTRIES; i++)
			found += bucket->tag[i] == probe->tag && __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE) == entry;
	}
	return found;
}

static void check_key(struct look *look, __u32 at, __u32 key, const struct svr_probe *probe)
{
	struct svr_table *table = look->table;
	__u32 entry = SVR_ENTRY_OF(at, key & 1), first;
	int found = standing(table, probe, entry);

	if (found != 1)
		report_slot(look, at, found ? SVR_FAULT_DOUBLE_ENTRY : SVR_FAULT_MISSING_ENTRY, key);
	first = key == SVR_KEY_UUID ? svr_index_find_uuid(table, probe) : svr_index_find(table, probe);
	if (first && first != entry)
		report_slot(look, at, SVR_FAULT_SHADOWED, key);
}

/* Which keys of a session stand in the index: none of one whose removal was asked for but what rests, side 1 of one that rests. */
static void check_keys(struct look *look, __u32 at, __u32 life)
{
	struct svr_session *session = &look->table->sessions[at];
	int removed = life == SVR_LIFE_GUARD && (session->flags & SVR_F_DELETE);
	int rests = session->side[1].path || (session->flags & SVR_F_SNAT);
	struct svr_probe probe;

	if (!removed || rests) {
		svr_index_probe_side(look->table, session, 1, &probe);
		check_key(look, at, SVR_KEY_REVERSE, &probe);
	}
	if (removed || life == SVR_LIFE_QUARANTINE)
		return;
	svr_index_probe_side(look->table, session, 0, &probe);
	check_key(look, at, SVR_KEY_FORWARD, &probe);
	svr_index_probe_uuid(look->table, session->uuid, &probe);
	check_key(look, at, SVR_KEY_UUID, &probe);
}

static void note_use(struct look *look, const struct svr_session *session, __u32 life)
{
	const struct svr_side *side = &session->side[1];

	if (!side->path && !(session->flags & SVR_F_SNAT))
		return;
	look->uses[look->call->uses++] = (struct svr_use){ .path = side->path, .local_port = ntohs(side->local_port_be),
							   .remote_port = ntohs(side->remote_port_be), .life = (__u16)life };
}

static void count(struct svr_gauges *found, __u32 word)
{
	found->slots_used++;
	found->live += SVR_WORD_IS_LIVE(word);
	found->half_open += SVR_WORD_IS_HALF_OPEN(word);
	found->quarantined += SVR_WORD_LIFE(word) == SVR_LIFE_QUARANTINE;
}

static void look_at_slot(struct look *look, __u32 at)
{
	struct svr_session *session = &look->table->sessions[at];
	__u32 word = __atomic_load_n(svr_table_word(session), __ATOMIC_ACQUIRE), life = SVR_WORD_LIFE(word);

	if (life == SVR_LIFE_FREE)
		return;
	count(&look->call->found, word);
	if (life > SVR_LIFE_QUARANTINE) {
		report_slot(look, at, SVR_FAULT_LIFE, SVR_KEY_NONE);
		return;
	}
	if (at >= __atomic_load_n(&look->table->gauges->high_water, __ATOMIC_ACQUIRE))
		report_slot(look, at, SVR_FAULT_UNSWEPT, SVR_KEY_NONE);
	if (is_stuck(look, session, word))
		report_slot(look, at, SVR_FAULT_STUCK, SVR_KEY_NONE);
	if (life == SVR_LIFE_CLAIMED)
		return;
	check_keys(look, at, life);
	note_use(look, session, life);
}

static void look_at_bucket(struct look *look, __u32 number)
{
	struct svr_table *table = look->table;
	struct svr_bucket *bucket = &table->buckets[number];

	for (int i = 0; i < SVR_BUCKET_ENTRIES; i++) {
		__u32 entry = __atomic_load_n(&bucket->entry[i], __ATOMIC_ACQUIRE);
		struct svr_fault fault = { .kind = SVR_FAULT_STALE_ENTRY, .at = table->slots + number, .slot = SVR_FAULT_NO_SLOT, .key = SVR_KEY_NONE };

		if (!entry)
			continue;
		look->call->entries++;
		if (entry == SVR_ENTRY_CLAIMED)
			fault.kind = SVR_FAULT_HALF_ENTRY;
		else if (svr_index_is_valid(table, number, bucket->tag[i], entry))
			continue;
		else if (entry >= 2 && SVR_ENTRY_INDEX(entry) < table->slots)
			fault.slot = SVR_ENTRY_INDEX(entry);
		fault.place = (__u32)i;
		fault.entry = entry;
		report(look, &fault);
	}
}

int svr_table_verify(struct svr_table *table, const struct svr_settings *timers, struct svr_verify *call, __u32 call_size,
		     struct svr_fault *faults, __u32 faults_size, struct svr_use *uses, __u32 uses_size)
{
	__u32 all = table->slots + table->settings.bucket_mask + 1, room = faults_size / (__u32)sizeof(*faults), use_room = uses_size / (__u32)sizeof(*uses);
	struct look look = { .table = table, .timers = timers, .call = call, .faults = faults, .uses = uses, .now = svr_table_now_ms() };
	__u32 at;

	if (call_size != sizeof(*call) || room < SVR_VERIFY_STEP || !use_room)
		return -EINVAL;
	call->faults = call->uses = call->entries = 0;
	memset(&call->found, 0, sizeof(call->found));
	for (at = call->cursor; at < all && at - call->cursor < call->steps; at++) {
		if (call->faults + SVR_VERIFY_STEP > room || call->uses == use_room)
			break;
		if (at < table->slots)
			look_at_slot(&look, at);
		else
			look_at_bucket(&look, at - table->slots);
	}
	call->next = at < all ? at : SVR_SCAN_END;
	return 0;
}
