/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and flow index through plain map calls: the slow twin of pkg/native, enough for tests with few sessions. */
#include "harness.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <time.h>

int map_fd(struct harness *h, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(h->object, name);

	if (fd < 0) {
		fprintf(stderr, "no map %s\n", name);
		exit(3);
	}
	return fd;
}

void settings_read(struct harness *h, struct svr_settings *settings)
{
	__u32 zero = 0;

	must(bpf_map_lookup_elem(map_fd(h, "settings"), &zero, settings), "settings");
}

void session_read(struct harness *h, __u32 slot, struct svr_session *session)
{
	if (bpf_map_lookup_elem(map_fd(h, "sessions"), &slot, session))
		memset(session, 0, sizeof(*session));
}

void session_write(struct harness *h, __u32 slot, const struct svr_session *session)
{
	must(bpf_map_update_elem(map_fd(h, "sessions"), &slot, session, 0), "sessions");
}

static int put_in(struct harness *h, __u32 at, __u32 tag, __u32 entry)
{
	int fd = map_fd(h, "buckets");
	struct svr_bucket bucket;

	if (bpf_map_lookup_elem(fd, &at, &bucket))
		return 0;
	for (int i = 0; i < SVR_BUCKET_ENTRIES; i++) {
		if (bucket.entry[i])
			continue;
		bucket.tag[i] = tag;
		bucket.entry[i] = entry;
		return bpf_map_update_elem(fd, &at, &bucket, 0) == 0;
	}
	return 0;
}

/* The first bucket takes it if it can, as in the library. */
static int put_key(struct harness *h, const struct svr_key *key, __u32 entry)
{
	struct svr_settings settings;
	__u32 tag;

	settings_read(h, &settings);
	tag = svr_hash_key(settings.hash_key[0], key);
	return put_in(h, tag & settings.bucket_mask, tag, entry) ||
	       put_in(h, svr_hash_key(settings.hash_key[1], key) & settings.bucket_mask, tag, entry);
}

/* All three keys: side 1, uuid, side 0. */
int index_session(struct harness *h, __u32 slot, const struct svr_session *session)
{
	struct svr_key first, second, name = { .family = 0 };

	svr_side_key(session, 0, &first);
	svr_side_key(session, 1, &second);
	memcpy(name.source, session->uuid, 16);
	return put_key(h, &second, (slot + 1) << 1 | 1) && put_key(h, &name, (slot + 1) << 1) && put_key(h, &first, (slot + 1) << 1);
}

/* How often an entry stands in the whole index. */
int index_count(struct harness *h, __u32 slot, __u32 side)
{
	int fd = map_fd(h, "buckets"), count = 0;
	struct svr_bucket bucket;

	for (__u32 at = 0; at < h->bucket_count; at++) {
		must(bpf_map_lookup_elem(fd, &at, &bucket), "buckets");
		for (int i = 0; i < SVR_BUCKET_ENTRIES; i++)
			count += bucket.entry[i] == ((slot + 1) << 1 | side);
	}
	return count;
}

/* Many sessions, numbered from `first`: UDP, 10.x.y.z to 10.200.0.1, x.y.z the number. Returns how many found a place. */
int fill_background(struct harness *h, __u32 from, __u32 count, __u32 first)
{
	struct svr_session session = { .life = SVR_LIFE_LIVE, .idle_ms = 0x7fffffff };
	struct timespec now;
	int placed = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	session.since_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	for (__u32 i = first; i < first + count; i++) {
		for (int side = 0; side < 2; side++) {
			session.side[side] = (struct svr_side){ .remote_be = htonl((10u + side) << 24 | i), .local_be = htonl(0x0ac80001),
				.remote_port_be = 1, .local_port_be = 2, .ifnum = 1 + side, .proto = 17, .family = 4 };
		}
		memcpy(session.uuid, &i, sizeof(i));
		session_write(h, from + i - first, &session);
		placed += index_session(h, from + i - first, &session);
	}
	return placed;
}

static void empty_map(struct harness *h, const char *name)
{
	int fd = map_fd(h, name);
	__u8 key[32];

	while (!bpf_map_get_next_key(fd, NULL, key))
		must(bpf_map_delete_elem(fd, key), name);
}

/* Sessions and index as after load. */
void forget_sessions(struct harness *h)
{
	struct svr_session session = {};
	struct svr_bucket bucket = {};
	struct svr_gauges gauges;
	__u32 zero = 0;

	for (__u32 at = 0; at < h->bucket_count; at++)
		must(bpf_map_update_elem(map_fd(h, "buckets"), &at, &bucket, 0), "buckets");
	must(bpf_map_lookup_elem(map_fd(h, "gauges"), &zero, &gauges), "gauges");
	for (__u32 slot = 0; slot < gauges.high_water; slot++)
		session_write(h, slot, &session);
	memset(&gauges, 0, offsetof(struct svr_gauges, records_lost));
	gauges.half_open = 0;
	must(bpf_map_update_elem(map_fd(h, "gauges"), &zero, &gauges, 0), "gauges");
}

/* Nothing was told of refused packets. */
static void forget_refusals(struct harness *h)
{
	static struct svr_refused counts[1024]; /* a processor each */
	struct svr_recent never = {};

	for (__u32 at = 0; at < SVR_RECENT; at++)
		must(bpf_map_update_elem(map_fd(h, "recent"), &at, &never, 0), "recent");
	must(libbpf_num_possible_cpus() > 1024, "more than 1024 processors");
	for (__u32 reason = 0; reason < SVR_REASON_SLOTS; reason++)
		must(bpf_map_update_elem(map_fd(h, "refused"), &reason, counts, 0), "refused");
}

/* Everything but settings, counters, next hops and filters as after load. */
void reset_maps(struct harness *h)
{
	static const char *const filled[] = { "locals", "members", "rates", "tokens", "captured" };

	struct svr_interfaces none = {};

	forget_sessions(h);
	forget_refusals(h);
	for (__u32 line = 0; line < SVR_INTERFACE_LINES; line++)
		must(bpf_map_update_elem(map_fd(h, "interfaces"), &line, &none, 0), "interfaces");
	for (size_t i = 0; i < sizeof(filled) / sizeof(*filled); i++)
		empty_map(h, filled[i]);
}
