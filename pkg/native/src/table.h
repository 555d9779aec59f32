/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the session table share: the mapped maps and the flow index. Not part of the exported surface. */
#ifndef SVR_TABLE_H
#define SVR_TABLE_H

#include "svr_native.h"
#include "../../datapath/bpf/svr_side.h"

/* A source NAT target (the key of side 1 with local port 0) that had no port left, and until when nobody searches it whole again.
 * Each target takes 49,151 sessions, so there are never many; one displaces another at worst. */
enum { SVR_EXHAUSTED_PLACES = 64 };
struct svr_exhausted {
	struct svr_key key;
	__u32 until_ms;
};

struct svr_table {
	struct svr_settings settings; /* copy: sizes and hash keys never change while maps live */
	struct svr_gauges *gauges;
	struct svr_session *sessions;
	struct svr_bucket *buckets;
	struct svr_usage *usage;      /* SVR_NAMES cells, by name id */
	struct svr_source *sources;   /* half as many as buckets */
	size_t gauges_bytes, sessions_bytes, buckets_bytes, usage_bytes, sources_bytes;
	__u32 slots;                  /* of the map */
	__u32 cursor;                 /* next-fit position of this handle */
	struct svr_exhausted exhausted[SVR_EXHAUSTED_PLACES]; /* of this handle */
};

/* The life word (svr_types.h) is changed by compare-and-swap only. */
static inline __u32 *svr_table_word(struct svr_session *session)
{
	return (__u32 *)&session->life;
}
static inline __u32 svr_table_life(struct svr_session *session)
{
	return SVR_WORD_LIFE(__atomic_load_n(svr_table_word(session), __ATOMIC_ACQUIRE));
}

/* ---- usage.c ---- */

enum { SVR_NAMES = 65536 };
/* Locked: adds a session that is about to be installed to what its tenant, route and source have, and sets its flags for that; 0,
 * or the limit that it would break (enum svr_limit) and nothing is added. */
/* Locked: the limit that one more session would break, 0 none; nothing is counted. */
__u32 svr_usage_refuse(struct svr_table *table, const struct svr_session *session, const struct svr_op_limits *limits);
__u32 svr_usage_enter(struct svr_table *table, struct svr_session *session, const struct svr_op_limits *limits);
/* Takes away what a session had when its word becomes another one. */
void svr_usage_change(struct svr_table *table, const struct svr_session *session, __u32 from, __u32 to);
/* Locked, at start: counts everything anew. */
void svr_usage_repair(struct svr_table *table);

/* Keeps gauges.live, gauges.half_open and the usage when a word of a session became another one; an install adds to the usage itself. */
static inline void svr_table_count(struct svr_table *table, const struct svr_session *session, __u32 from, __u32 to)
{
	int live = SVR_WORD_IS_LIVE(to) - SVR_WORD_IS_LIVE(from), half_open = SVR_WORD_IS_HALF_OPEN(to) - SVR_WORD_IS_HALF_OPEN(from);

	if (live)
		__atomic_add_fetch(&table->gauges->live, (__u32)live, __ATOMIC_RELAXED);
	if (half_open)
		__atomic_add_fetch(&table->gauges->half_open, (__u32)half_open, __ATOMIC_RELAXED);
	if (live < 0 || half_open < 0)
		svr_usage_change(table, session, from, to);
}

/* The one lock of the library: held by whoever adds, moves or removes index entries or claims slots. */
void svr_table_lock(void);
void svr_table_unlock(void);
__u32 svr_table_now_ms(void);

/* ---- index.c ---- */

/* A hashed key: where it may stand. */
struct svr_probe {
	struct svr_key key;
	__u32 tag;
	__u32 at[2]; /* bucket numbers */
};
/* A reserved or found place of an entry. */
struct svr_place {
	__u32 *entry;
};
#define SVR_ENTRY_OF(index, side) ((((index) + 1u) << 1) | (side))
#define SVR_ENTRY_INDEX(entry) (((entry) >> 1) - 1u)

void svr_index_probe(const struct svr_table *table, const struct svr_key *key, struct svr_probe *out);
void svr_index_probe_side(const struct svr_table *table, const struct svr_session *session, __u32 side, struct svr_probe *out);
void svr_index_probe_uuid(const struct svr_table *table, const __u8 *uuid, struct svr_probe *out);
/* Entry of the session that holds the key, 0 none. Any thread. */
__u32 svr_index_find(struct svr_table *table, const struct svr_probe *probe);
__u32 svr_index_find_uuid(struct svr_table *table, const struct svr_probe *probe);
/* Locked: reserve an empty place (0, or -ENOSPC), then commit or release it. */
int svr_index_reserve(struct svr_table *table, const struct svr_probe *probe, struct svr_place *out);
void svr_index_commit(struct svr_place place, __u32 entry);
void svr_index_release(struct svr_place place);
/* Locked: takes `entry` out of both buckets of a key. Returns how many were there. */
int svr_index_remove(struct svr_table *table, const struct svr_probe *probe, __u32 entry);
/* Locked: does an entry with this tag in this bucket belong to the session it names? */
int svr_index_is_valid(struct svr_table *table, __u32 bucket, __u32 tag, __u32 entry);

/* ---- install.c, change.c ---- */
void svr_install_run(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result);
void svr_change_patch(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result);
void svr_change_side(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result);
void svr_change_end(struct svr_table *table, const struct svr_op *op, struct svr_op_result *result);
#endif
