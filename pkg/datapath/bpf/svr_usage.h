/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* What a session that ends, or is not half open any more, gives back to its tenant, its route and its source (behaviour 3.8).
 * Called by svr_tcp_swap, where gauges.live is kept; user space adds (pkg/native/src/usage.c). */
#ifndef SVR_USAGE_H
#define SVR_USAGE_H

#include "svr_packet.h"
#include "svr_hash.h"
#include "svr_side.h"

struct svr_usage_back {
	bool live;
	bool half_open;
};

static __always_inline void svr_usage_of_name(__u32 name, const struct svr_usage_back *back)
{
	struct svr_usage *cell = name ? bpf_map_lookup_elem(&usage, &name) : NULL;

	if (cell && back->half_open)
		__sync_fetch_and_add(&cell->half_open, -1);
	if (cell && back->live)
		__sync_fetch_and_add(&cell->live, -1);
}

/* half_open first: a cell whose live is 0 is somebody else's at once. */
static __always_inline bool svr_usage_of_cell(__u32 at, __u32 tag, const struct svr_usage_back *back)
{
	struct svr_source *cell = bpf_map_lookup_elem(&sources, &at);

	if (!cell || cell->tag != tag || !cell->live)
		return false;
	if (back->half_open)
		__sync_fetch_and_add(&cell->half_open, -1);
	if (back->live)
		__sync_fetch_and_add(&cell->live, -1);
	return true;
}

static __always_inline void svr_usage_of_source(const struct svr_settings *settings, const struct svr_session *s, const struct svr_usage_back *back)
{
	struct svr_key key;
	__u32 tag, mask = settings->bucket_mask >> 1;

	svr_side_source_key(s, &key);
	tag = svr_hash_key(settings->hash_key[0], &key);
	for (__u32 i = 0; i < SVR_SOURCE_TRIES; i++)
		if (svr_usage_of_cell((tag + i) & mask, tag, back))
			return;
}

/* svr_usage_change: the word of a session became another one. */
static __noinline int svr_usage_change(struct svr_session *s, __u32 from, __u32 to)
{
	struct svr_usage_back back = {
		.live = SVR_WORD_IS_LIVE(from) && !SVR_WORD_IS_LIVE(to), .half_open = SVR_WORD_IS_HALF_OPEN(from) && !SVR_WORD_IS_HALF_OPEN(to),
	};
	struct svr_settings *settings = svr_maps_settings();

	if (!settings || !(s->flags & SVR_F_COUNTED) || !(back.live || back.half_open))
		return 0;
	svr_usage_of_name(s->tenant, &back);
	svr_usage_of_name(s->route, &back);
	if (s->flags & SVR_F_SOURCE)
		svr_usage_of_source(settings, s, &back);
	return 0;
}
#endif
