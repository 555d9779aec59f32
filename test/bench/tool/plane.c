/* SPDX-License-Identifier: Apache-2.0 */
/* One router's data plane as pkg/datapath sets it up, for the test run: load, size, pin, settings, one ring. */
#include "tool.h"

#include <unistd.h>

#define RING_BYTES (1 << 20)

static void pin_path(char *path, size_t size, const char *dir, const char *name)
{
	MUST(snprintf(path, size, "%s/%s" SUFFIX, dir, name) < (int)size, "path too long: %s", name);
}

/* xorshift: secrets of a benchmark need not be secret. */
static void make_settings(struct svr_settings *s, __u32 slots, __u32 buckets)
{
	__u64 x = 88172645463325252ull;

	*s = (struct svr_settings){
		.bucket_mask = buckets - 1, .session_limit = slots, .live_limit = slots, .shards = 1, .quarantine_ms = 30000, .guard_ms = 2000,
		.tcp_timer_ms = { 0, 10000, 10000, 0, 0, 10000, 5000 }, .half_closed_idle_ms = 300000, .waypoint_first = 16384,
		.waypoint_last = 65534, .mss_clamp = 1, .inject_mac = { 2, 1, 2, 3, 4, 5 },
	};
	for (int row = 0; row < 2; row++)
		for (int i = 0; i <= SVR_HASH_WORDS; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			s->hash_key[row][i] = x;
		}
}

void plane_put(const char *dir, const char *map, __u32 key, const void *value, __u32 size)
{
	struct svr_map_sizes sizes;
	struct svr_map *opened;
	__u8 entry[512];
	char path[512];

	pin_path(path, sizeof(path), dir, map);
	MUST(!svr_map_open(path, &sizes, sizeof(sizes), &opened), "cannot open %s", path);
	MUST(4 + size <= sizeof(entry) && sizes.value_size == size, "%s: value of %u bytes", map, sizes.value_size);
	memcpy(entry, &key, 4);
	memcpy(entry + 4, value, size);
	MUST(svr_map_update(opened, entry, 4 + size, BPF_ANY) == 1, "cannot write %s", map);
	svr_map_close(opened);
}

static void pin_all(struct svr_load *load, const char *dir)
{
	char names[4096], path[512], *rest = names, *name;

	MUST(svr_load_maps(load, names, sizeof(names)) > 0, "no maps");
	while ((name = strsep(&rest, "\n")) && *name) {
		pin_path(path, sizeof(path), dir, name);
		MUST(!svr_load_pin(load, name, path), "cannot pin %s (is %s on a bpf file system?)", path, dir);
	}
}

static void add_ring(const char *dir)
{
	struct svr_map_sizes sizes;
	struct svr_map *rings;
	char path[512];

	pin_path(path, sizeof(path), dir, "rings");
	MUST(!svr_map_open(path, &sizes, sizeof(sizes), &rings), "cannot open %s", path);
	pin_path(path, sizeof(path), dir, "ring0");
	MUST(!svr_map_add_ring(rings, 0, RING_BYTES, path), "cannot add the ring of shard 0");
	svr_map_close(rings);
}

struct plane plane_load(const char *object, const char *dir, __u32 slots, __u32 buckets)
{
	struct svr_settings settings;
	struct plane plane;
	char log[4096];

	MUST(!svr_load_open(object, &plane.load), "cannot open %s", object);
	MUST(!svr_load_resize(plane.load, "sessions", slots) && !svr_load_resize(plane.load, "buckets", buckets) && !svr_load_resize(plane.load, "sources", buckets / 2),
	     "cannot size the table");
	if (svr_load_run(plane.load)) {
		svr_load_log(plane.load, log, sizeof(log));
		fail("cannot load %s: %s", object, log);
	}
	pin_all(plane.load, dir);
	make_settings(&settings, slots, buckets);
	plane_put(dir, "settings", 0, &settings, sizeof(settings));
	add_ring(dir);
	MUST(!svr_table_open(dir, SUFFIX, &plane.table), "cannot open the table in %s", dir);
	MUST(svr_attach_call(plane.load, "svr_sweep_start") >= 0, "the sweeper does not start");
	return plane;
}

int plane_program(const struct plane *plane, const char *name)
{
	return traffic_program(plane->load->object, name);
}
