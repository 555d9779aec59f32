/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The flow index as the data plane uses it: find the session of a packet, remove the keys of a session.
 * Inserts are the native library's (it fills empty entries only), so a reader never sees a half-written entry. */
#ifndef SVR_FLOW_H
#define SVR_FLOW_H

#include "svr_packet.h"
#include "svr_side.h"

/* What ended by itself lets late packets pass for a moment; what somebody ended does not. */
static __always_inline bool svr_flow_passes(const struct svr_session *s)
{
	return s->life == SVR_LIFE_LIVE || (s->life == SVR_LIFE_GUARD && !(s->flags & SVR_F_DELETE));
}

/* Session behind an entry, if it may still pass packets that read so. */
static __always_inline struct svr_session *svr_flow_confirm(__u32 entry, const struct svr_key *key)
{
	__u32 slot = (entry >> 1) - 1;
	struct svr_session *session;

	if (entry < 2 || entry == SVR_ENTRY_CLAIMED)
		return NULL;
	session = bpf_map_lookup_elem(&sessions, &slot);
	if (!session || !svr_flow_passes(session))
		return NULL;
	return svr_side_matches(session, entry, key) ? session : NULL;
}

/* One bucket: cheap tags first. */
static __always_inline struct svr_session *svr_flow_in_bucket(const struct svr_bucket *bucket, __u32 tag, const struct svr_key *key, __u32 *hit)
{
	for (int i = 0; bucket && i < SVR_BUCKET_ENTRIES; i++) {
		__u32 entry = bucket->entry[i];
		struct svr_session *session;

		if (bucket->tag[i] != tag)
			continue;
		session = svr_flow_confirm(entry, key);
		if (session) {
			*hit = entry;
			return session;
		}
	}
	return NULL;
}

/* svr_flow_find: session of a key or NULL; sets *hit to its entry. The second bucket is hashed and read only when the first has
 * nothing: entries prefer the first, and a line that is not needed costs a walk of the page tables and pushes out another. */
static __always_inline struct svr_session *svr_flow_find(const struct svr_settings *s, const struct svr_key *key, __u32 *hit)
{
	__u32 tag = svr_hash_key(s->hash_key[0], key), at = tag & s->bucket_mask;
	struct svr_session *session = svr_flow_in_bucket(bpf_map_lookup_elem(&buckets, &at), tag, key, hit);

	if (session)
		return session;
	at = svr_hash_key(s->hash_key[1], key) & s->bucket_mask;
	return svr_flow_in_bucket(bpf_map_lookup_elem(&buckets, &at), tag, key, hit);
}

static __always_inline void svr_flow_clear_bucket(__u32 at, __u32 entry)
{
	struct svr_bucket *bucket = bpf_map_lookup_elem(&buckets, &at);

	for (int i = 0; bucket && i < SVR_BUCKET_ENTRIES; i++)
		if (bucket->entry[i] == entry)
			__sync_val_compare_and_swap(&bucket->entry[i], entry, 0);
}

/* svr_flow_remove: takes `entry` out of both buckets of a key. */
static __noinline int svr_flow_remove(const struct svr_settings *s, const struct svr_key *key, __u32 entry)
{
	svr_flow_clear_bucket(svr_hash_key(s->hash_key[0], key) & s->bucket_mask, entry);
	svr_flow_clear_bucket(svr_hash_key(s->hash_key[1], key) & s->bucket_mask, entry);
	return 0;
}
#endif
