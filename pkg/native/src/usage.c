/* SPDX-License-Identifier: Apache-2.0 */
/* What tenants, routes and source addresses have of the session table, and the limits on it (behaviour 3.8). Adding happens under the
 * table lock, so that shards never go past a limit together; eBPF takes away meanwhile, by atomic operations. Called by install.c,
 * change.c and repair.c. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

static struct svr_usage *name_cell(struct svr_table *table, __u32 name)
{
	return name && name < SVR_NAMES ? &table->usage[name] : NULL;
}

/* The cell of a source: its own, else a free one when it may be made; NULL when there is none. */
static struct svr_source *source_cell(struct svr_table *table, const struct svr_session *session, __u32 *tag, int make)
{
	struct svr_source *found = NULL;
	struct svr_probe probe;
	struct svr_key key;
	__u32 mask = table->settings.bucket_mask >> 1;

	svr_side_source_key(session, &key);
	svr_index_probe(table, &key, &probe);
	*tag = probe.tag;
	for (__u32 i = 0; i < SVR_SOURCE_TRIES; i++) {
		struct svr_source *cell = &table->sources[(probe.tag + i) & mask];

		if (!__atomic_load_n(&cell->live, __ATOMIC_ACQUIRE)) {
			if (make && !found)
				found = cell;
		} else if (cell->tag == probe.tag) {
			return cell;
		}
	}
	return found;
}

static int is_reached(__u32 count, __u32 limit)
{
	return limit && count >= limit;
}

/* Sessions that began on a route in this second. */
static __u32 started(const struct svr_usage *cell, __u32 second)
{
	return cell->second == second ? cell->started : 0;
}

static __u32 refusal(const struct svr_usage *tenant, const struct svr_usage *route, const struct svr_source *source,
		     const struct svr_op_limits *limits, int half_open)
{
	if (tenant && is_reached(tenant->live, limits->tenant))
		return SVR_LIMIT_TENANT;
	if (tenant && half_open && is_reached(tenant->half_open, limits->tenant_half_open))
		return SVR_LIMIT_TENANT_HALF_OPEN;
	if (source && is_reached(source->live, limits->source))
		return SVR_LIMIT_SOURCE;
	if (source && source->live && half_open && is_reached(source->half_open, limits->source_half_open))
		return SVR_LIMIT_SOURCE_HALF_OPEN;
	if (route && is_reached(route->live, limits->route))
		return SVR_LIMIT_ROUTE;
	if (route && is_reached(started(route, svr_table_now_ms() / 1000), limits->route_rate))
		return SVR_LIMIT_ROUTE_RATE;
	return 0;
}

static void enter_name(struct svr_usage *cell, int half_open)
{
	if (!cell)
		return;
	__atomic_add_fetch(&cell->live, 1, __ATOMIC_RELAXED);
	if (half_open)
		__atomic_add_fetch(&cell->half_open, 1, __ATOMIC_RELAXED);
}

static void begin_on(struct svr_usage *cell)
{
	__u32 second = svr_table_now_ms() / 1000;

	if (!cell)
		return;
	cell->started = started(cell, second) + 1;
	cell->second = second;
}

/* Everything of a free cell is set before it counts. */
static void enter_source(struct svr_source *cell, __u32 tag, int half_open)
{
	if (!__atomic_load_n(&cell->live, __ATOMIC_ACQUIRE)) {
		cell->half_open = 0;
		cell->tag = tag;
	}
	if (half_open)
		__atomic_add_fetch(&cell->half_open, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&cell->live, 1, __ATOMIC_RELEASE);
}

__u32 svr_usage_refuse(struct svr_table *table, const struct svr_session *session, const struct svr_op_limits *limits)
{
	int half_open = session->tcp_state == SVR_TCP_SYN_SENT || session->tcp_state == SVR_TCP_SYN_RCVD;
	__u32 tag;

	return refusal(name_cell(table, session->tenant), name_cell(table, session->route), source_cell(table, session, &tag, 0), limits, half_open);
}

__u32 svr_usage_enter(struct svr_table *table, struct svr_session *session, const struct svr_op_limits *limits)
{
	struct svr_usage *tenant = name_cell(table, session->tenant), *route = name_cell(table, session->route);
	int half_open = session->tcp_state == SVR_TCP_SYN_SENT || session->tcp_state == SVR_TCP_SYN_RCVD;
	__u32 tag, refused;
	struct svr_source *source = source_cell(table, session, &tag, 1);

	refused = refusal(tenant, route, source, limits, half_open);
	if (refused)
		return refused;
	enter_name(tenant, half_open);
	enter_name(route, half_open);
	begin_on(route);
	session->flags = (session->flags & ~SVR_F_SOURCE) | SVR_F_COUNTED | (source ? SVR_F_SOURCE : 0);
	if (source)
		enter_source(source, tag, half_open);
	return 0;
}

void svr_usage_change(struct svr_table *table, const struct svr_session *session, __u32 from, __u32 to)
{
	__u32 live = SVR_WORD_IS_LIVE(from) && !SVR_WORD_IS_LIVE(to), half_open = SVR_WORD_IS_HALF_OPEN(from) && !SVR_WORD_IS_HALF_OPEN(to);
	struct svr_usage *cells[2] = { name_cell(table, session->tenant), name_cell(table, session->route) };
	struct svr_source *source;
	__u32 tag;

	if (!(session->flags & SVR_F_COUNTED))
		return;
	for (int i = 0; i < 2; i++)
		if (cells[i]) {
			__atomic_sub_fetch(&cells[i]->half_open, half_open, __ATOMIC_RELAXED);
			__atomic_sub_fetch(&cells[i]->live, live, __ATOMIC_RELAXED);
		}
	source = session->flags & SVR_F_SOURCE ? source_cell(table, session, &tag, 0) : NULL;
	if (!source)
		return;
	__atomic_sub_fetch(&source->half_open, half_open, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&source->live, live, __ATOMIC_RELAXED);
}

/* ---- at start ---- */

struct recount {
	struct svr_usage *usage;
	struct svr_source *sources;
};

static void recount_session(struct svr_table *table, struct svr_session *session, struct recount *found)
{
	__u32 word = __atomic_load_n(svr_table_word(session), __ATOMIC_ACQUIRE), half_open = SVR_WORD_IS_HALF_OPEN(word), tag;
	struct svr_source *source;

	if (!SVR_WORD_IS_LIVE(word) || !(session->flags & SVR_F_COUNTED))
		return;
	found->usage[session->tenant].live++;
	found->usage[session->tenant].half_open += half_open;
	found->usage[session->route].live++;
	found->usage[session->route].half_open += half_open;
	source = session->flags & SVR_F_SOURCE ? source_cell(table, session, &tag, 0) : NULL;
	if (!source)
		return;
	found->sources[source - table->sources].live++;
	found->sources[source - table->sources].half_open += half_open;
}

/* Only a process that died between counting a session and installing it leaves a difference: too much of everything it counted. What
 * the sweeper takes away while this counts looks the same, so a cell is corrected only when two counts agree on the difference. */
static void correct(__u32 *cell, __u32 before, __u32 first, __u32 second)
{
	if (before - first == *cell - second && before != first)
		__atomic_sub_fetch(cell, before - first, __ATOMIC_RELAXED);
}

static int recount(struct svr_table *table, struct recount *out)
{
	out->usage = calloc(SVR_NAMES, sizeof(*out->usage));
	out->sources = calloc(1, table->sources_bytes);
	if (!out->usage || !out->sources)
		return 0;
	for (__u32 i = 0; i < table->slots; i++)
		recount_session(table, &table->sessions[i], out);
	return 1;
}

static void forget(struct recount *counts)
{
	free(counts->usage);
	free(counts->sources);
}

static int copy(struct svr_table *table, struct recount *out)
{
	out->usage = malloc(table->usage_bytes);
	out->sources = malloc(table->sources_bytes);
	if (!out->usage || !out->sources)
		return 0;
	memcpy(out->usage, table->usage, SVR_NAMES * sizeof(*out->usage));
	memcpy(out->sources, table->sources, table->sources_bytes);
	return 1;
}

static void correct_all(struct svr_table *table, const struct recount *before, const struct recount *first, const struct recount *second)
{
	for (__u32 i = 1; i < SVR_NAMES; i++) {
		correct(&table->usage[i].live, before->usage[i].live, first->usage[i].live, second->usage[i].live);
		correct(&table->usage[i].half_open, before->usage[i].half_open, first->usage[i].half_open, second->usage[i].half_open);
	}
	for (__u32 i = 0; i <= table->settings.bucket_mask >> 1; i++) {
		struct svr_source *cell = &table->sources[i], *was = &before->sources[i];

		correct(&cell->half_open, was->half_open, first->sources[i].half_open, second->sources[i].half_open);
		correct(&cell->live, was->live, first->sources[i].live, second->sources[i].live);
	}
}

void svr_usage_repair(struct svr_table *table)
{
	struct recount before = {}, first = {}, second = {};

	if (copy(table, &before) && recount(table, &first) && recount(table, &second))
		correct_all(table, &before, &first, &second);
	forget(&before);
	forget(&first);
	forget(&second);
}
