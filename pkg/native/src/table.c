/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the session table over mapped maps (or plain memory) and runs batches of operations on it. Called by the router's
 * main thread and by shard workers, each with its own handle; eBPF reads and ages the same memory all the while.
 *
 * Who writes what: slots are claimed and index entries added, moved and removed under the one mutex below; the eBPF sweeper
 * only clears entries (compare-and-swap to 0) and frees slots, so a place that is empty under the mutex stays empty. */
#include "table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct svr_session) == 320, "five cache lines");
_Static_assert(sizeof(struct svr_bucket) == 64, "one cache line");
_Static_assert(sizeof(struct svr_op) == 64 + 320, "op header is one cache line");
_Static_assert(sizeof(struct svr_op_result) == 32, "results are packed");
_Static_assert(offsetof(struct svr_session, life) % 4 == 0, "the life word is aligned");

static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;

void svr_table_lock(void)
{
	pthread_mutex_lock(&table_mutex);
}

void svr_table_unlock(void)
{
	pthread_mutex_unlock(&table_mutex);
}

int svr_abi_version(void)
{
	return SVR_ABI_VERSION;
}

__u64 svr_abi_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000000ull + (__u64)now.tv_nsec;
}

__u64 svr_abi_unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (__u64)now.tv_sec * 1000000000ull + (__u64)now.tv_nsec;
}

__u32 svr_table_now_ms(void)
{
	return (__u32)(svr_abi_clock_ns() / 1000000u);
}

/* A pinned array map: its fd, after checking that values have the size we were built for. */
static int open_map(const char *dir, const char *name, const char *suffix, __u32 value_size, __u32 *entries)
{
	struct bpf_map_info info = {};
	__u32 length = sizeof(info);
	char path[512];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) || info.type != BPF_MAP_TYPE_ARRAY || info.value_size != value_size) {
		close(fd);
		return -EPROTO;
	}
	*entries = info.max_entries;
	return fd;
}

/* Maps a whole mmapable array; the mapping keeps the map, so the fd is closed. Values are rounded up to 8 bytes. */
static int map_array(const char *dir, const char *name, const char *suffix, __u32 value_size, void **memory, size_t *bytes,
		     __u32 *entries)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open_map(dir, name, suffix, value_size, entries);

	if (fd < 0)
		return fd;
	*bytes = ((size_t)((value_size + 7u) & ~7u) * *entries + page - 1) & ~(page - 1);
	*memory = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*memory == MAP_FAILED) {
		int error = -errno;

		*memory = NULL;
		close(fd);
		return error;
	}
	close(fd);
	return 0;
}

static int read_settings(const char *dir, const char *suffix, struct svr_settings *out)
{
	__u32 zero = 0, entries;
	int fd = open_map(dir, "settings", suffix, sizeof(*out), &entries), error;

	if (fd < 0)
		return fd;
	error = bpf_map_lookup_elem(fd, &zero, out);
	close(fd);
	return error;
}

static int is_power_of_two(__u32 value)
{
	return value && !(value & (value - 1));
}

int svr_table_close(struct svr_table *table)
{
	if (table->gauges)
		munmap(table->gauges, table->gauges_bytes);
	if (table->sessions)
		munmap(table->sessions, table->sessions_bytes);
	if (table->buckets)
		munmap(table->buckets, table->buckets_bytes);
	if (table->usage)
		munmap(table->usage, table->usage_bytes);
	if (table->sources)
		munmap(table->sources, table->sources_bytes);
	free(table);
	return 0;
}

int svr_table_open(const char *dir, const char *suffix, struct svr_table **out)
{
	struct svr_table *table = calloc(1, sizeof(*table));
	__u32 gauges, buckets = 0, usage = 0, sources = 0;
	int error;

	*out = NULL;
	if (!table)
		return -ENOMEM;
	error = read_settings(dir, suffix, &table->settings);
	if (!error)
		error = map_array(dir, "gauges", suffix, sizeof(struct svr_gauges), (void **)&table->gauges, &table->gauges_bytes, &gauges);
	if (!error)
		error = map_array(dir, "sessions", suffix, sizeof(struct svr_session), (void **)&table->sessions, &table->sessions_bytes,
				  &table->slots);
	if (!error)
		error = map_array(dir, "buckets", suffix, sizeof(struct svr_bucket), (void **)&table->buckets, &table->buckets_bytes, &buckets);
	if (!error)
		error = map_array(dir, "usage", suffix, sizeof(struct svr_usage), (void **)&table->usage, &table->usage_bytes, &usage);
	if (!error)
		error = map_array(dir, "sources", suffix, sizeof(struct svr_source), (void **)&table->sources, &table->sources_bytes, &sources);
	if (!error && (usage != SVR_NAMES || sources != buckets / 2))
		error = -EPROTO;
	if (!error && (!is_power_of_two(buckets) || table->settings.bucket_mask != buckets - 1 || table->settings.session_limit > table->slots))
		error = -EPROTO;
	if (error) {
		svr_table_close(table);
		return error;
	}
	*out = table;
	return 0;
}

static void *plain_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int svr_table_create(const struct svr_settings *settings, __u32 settings_size, struct svr_table **out)
{
	struct svr_table *table;
	size_t buckets = (size_t)settings->bucket_mask + 1;

	*out = NULL;
	if (settings_size != sizeof(*settings) || !is_power_of_two((__u32)buckets) || buckets < 2 || !settings->session_limit)
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->settings = *settings;
	table->slots = settings->session_limit;
	table->gauges_bytes = sizeof(struct svr_gauges);
	table->sessions_bytes = sizeof(struct svr_session) * (size_t)table->slots;
	table->buckets_bytes = sizeof(struct svr_bucket) * buckets;
	table->gauges = plain_memory(table->gauges_bytes);
	table->sessions = plain_memory(table->sessions_bytes);
	table->buckets = plain_memory(table->buckets_bytes);
	table->usage_bytes = sizeof(struct svr_usage) * SVR_NAMES;
	table->sources_bytes = sizeof(struct svr_source) * (buckets / 2);
	table->usage = plain_memory(table->usage_bytes);
	table->sources = plain_memory(table->sources_bytes);
	if (!table->gauges || !table->sessions || !table->buckets || !table->usage || !table->sources) {
		svr_table_close(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

int svr_table_apply(struct svr_table *table, const struct svr_op *ops, __u32 ops_size, struct svr_op_result *results, __u32 results_size)
{
	__u32 count = ops_size / (__u32)sizeof(*ops);

	if (ops_size % sizeof(*ops) || results_size / sizeof(*results) < count)
		return -EINVAL;
	for (__u32 i = 0; i < count; i++) {
		memset(&results[i], 0, sizeof(results[i]));
		results[i].index = ops[i].index;
		switch (ops[i].kind) {
		case SVR_OP_INSTALL: svr_install_run(table, &ops[i], &results[i]); break;
		case SVR_OP_PATCH: svr_change_patch(table, &ops[i], &results[i]); break;
		case SVR_OP_REPLACE_SIDE: svr_change_side(table, &ops[i], &results[i]); break;
		case SVR_OP_END: svr_change_end(table, &ops[i], &results[i]); break;
		default: results[i].status = -EINVAL;
		}
	}
	return (int)count;
}

__s64 svr_table_take_lost(struct svr_table *table)
{
	__u64 lost = __atomic_load_n(&table->gauges->records_lost, __ATOMIC_RELAXED);

	return (__s64)(lost - __atomic_exchange_n(&table->gauges->records_taken, lost, __ATOMIC_RELAXED));
}

int svr_table_sources(struct svr_table *table, struct svr_sources *call)
{
	__u32 step;

	call->places = (table->settings.bucket_mask + 1) / 2; /* a power of two */
	if (!call->looks)
		return -EINVAL;
	step = call->places > call->looks ? call->places / call->looks : 1;
	call->looks = call->places / step;
	call->used = 0;
	for (__u32 i = 0; i < call->looks; i++)
		call->used += __atomic_load_n(&table->sources[(size_t)i * step].live, __ATOMIC_RELAXED) != 0;
	return 0;
}

int svr_table_gauges(struct svr_table *table, struct svr_gauges *out, __u32 out_size)
{
	if (out_size < sizeof(*out))
		return -EINVAL;
	*out = *table->gauges;
	return 0;
}
