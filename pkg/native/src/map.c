/* SPDX-License-Identifier: Apache-2.0 */
/* Small maps (configuration, counters, names) by their pins: batches of updates and deletes, whole dumps, rings of shards.
 * Called by pkg/datapath; sizes of keys and values are those of the kernel, checked against what the caller passes. */
#include "svr_native.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT_CHUNK 1024 /* entries of one call while counting: more than any bucket of a hash has */

struct svr_map {
	int fd;
	struct svr_map_sizes sizes;
};

static int is_per_cpu(__u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH;
}

static int describe(struct svr_map *map)
{
	struct bpf_map_info info = {};
	__u32 length = sizeof(info);
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0)
		return cpus;
	if (bpf_obj_get_info_by_fd(map->fd, &info, &length))
		return -errno;
	map->sizes = (struct svr_map_sizes){ info.type, info.key_size, info.value_size, info.max_entries, info.value_size, (__u32)cpus };
	if (is_per_cpu(info.type))
		map->sizes.stride = ((info.value_size + 7u) & ~7u) * (__u32)cpus;
	return 0;
}

int svr_map_close(struct svr_map *map)
{
	close(map->fd);
	free(map);
	return 0;
}

int svr_map_open(const char *pin, struct svr_map_sizes *sizes, __u32 sizes_size, struct svr_map **out)
{
	struct svr_map *map;
	int fd, error;

	*out = NULL;
	if (sizes_size < sizeof(*sizes))
		return -EINVAL;
	fd = bpf_obj_get(pin);
	if (fd < 0)
		return fd;
	map = calloc(1, sizeof(*map));
	if (!map) {
		close(fd);
		return -ENOMEM;
	}
	map->fd = fd;
	error = describe(map);
	if (error) {
		svr_map_close(map);
		return error;
	}
	*sizes = map->sizes;
	*out = map;
	return 0;
}

int svr_map_update(struct svr_map *map, const __u8 *entries, __u32 size, __u32 flags)
{
	__u32 step = map->sizes.key_size + map->sizes.stride;

	if (!step || size % step)
		return -EINVAL;
	for (__u32 at = 0; at < size; at += step) {
		int error = bpf_map_update_elem(map->fd, entries + at, entries + at + map->sizes.key_size, flags);

		if (error)
			return error;
	}
	return (int)(size / step);
}

int svr_map_delete(struct svr_map *map, const __u8 *keys, __u32 size)
{
	if (!map->sizes.key_size || size % map->sizes.key_size)
		return -EINVAL;
	for (__u32 at = 0; at < size; at += map->sizes.key_size) {
		int error = bpf_map_delete_elem(map->fd, keys + at);

		if (error && error != -ENOENT)
			return error;
	}
	return (int)(size / map->sizes.key_size);
}

int svr_map_lookup(struct svr_map *map, const __u8 *key, __u32 key_size, __u8 *value, __u32 value_size)
{
	if (key_size != map->sizes.key_size || value_size < map->sizes.stride)
		return -EINVAL;
	return bpf_map_lookup_elem(map->fd, key, value);
}

static int is_array(__u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* A whole array in few calls; `keys` and `values` have room for all of it. */
static int read_array(struct svr_map *map, __u32 *keys, __u8 *values)
{
	__u32 position, done = 0;
	int error = 0;

	while (!error && done < map->sizes.entries) {
		__u32 count = map->sizes.entries - done;

		error = bpf_map_lookup_batch(map->fd, done ? &position : NULL, &position, keys + done, values + (size_t)done * map->sizes.stride, &count, NULL);
		if (!error || error == -ENOENT)
			done += count;
	}
	return error && error != -ENOENT ? error : (int)done;
}

static int dump_array(struct svr_map *map, __u8 *out, __u32 size)
{
	__u32 entries = map->sizes.entries, step = 4 + map->sizes.stride;
	__u32 *keys = malloc((size_t)entries * 4);
	__u8 *values = malloc((size_t)entries * map->sizes.stride);
	int count = -ENOMEM;

	if (size / step < entries)
		count = -ENOSPC;
	else if (keys && values)
		count = read_array(map, keys, values);
	for (int i = 0; i < count; i++) {
		memcpy(out + (size_t)i * step, &keys[i], 4);
		memcpy(out + (size_t)i * step + 4, values + (size_t)i * map->sizes.stride, map->sizes.stride);
	}
	free(keys);
	free(values);
	return count;
}

static int dump_keys(struct svr_map *map, __u8 *out, __u32 size)
{
	__u32 step = map->sizes.key_size + map->sizes.stride, used = 0;
	const __u8 *last = NULL;
	__u8 next[256];

	if (!map->sizes.key_size || map->sizes.key_size > sizeof(next))
		return -EINVAL;
	for (__u32 i = 0; i <= map->sizes.entries; i++) {
		if (bpf_map_get_next_key(map->fd, last, next))
			return errno == ENOENT ? (int)(used / step) : -errno;
		if (size - used < step)
			return -ENOSPC;
		memcpy(out + used, next, map->sizes.key_size);
		last = out + used;
		if (!bpf_map_lookup_elem(map->fd, next, out + used + map->sizes.key_size))
			used += step;
		else if (errno != ENOENT)
			return -errno;
	}
	return (int)(used / step); /* a hash that changes meanwhile may start over: the bound ends it */
}

int svr_map_dump(struct svr_map *map, __u8 *out, __u32 size)
{
	return is_array(map->sizes.type) ? dump_array(map, out, size) : dump_keys(map, out, size);
}

/* Bytes between the writers' and the reader's position: the first word of the ring's second and first page. */
static int used_bytes(struct svr_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	__u8 *pages = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, map->fd, 0);
	unsigned long read, written;

	if (pages == MAP_FAILED)
		return -errno;
	read = __atomic_load_n((unsigned long *)pages, __ATOMIC_ACQUIRE);
	written = __atomic_load_n((unsigned long *)(pages + page), __ATOMIC_ACQUIRE);
	munmap(pages, 2 * page);
	return (int)(written - read);
}

/* Entries of a hash, in few calls; one that changes meanwhile is counted as it was found. */
static int count_entries(struct svr_map *map)
{
	__u8 *keys = malloc((size_t)COUNT_CHUNK * map->sizes.key_size), *values = malloc((size_t)COUNT_CHUNK * map->sizes.stride);
	__u32 position, total = 0, most = map->sizes.entries / COUNT_CHUNK * 2 + 2; /* each call but the last gives half a chunk or more */
	int error = keys && values ? 0 : -ENOMEM;

	for (__u32 i = 0; !error && i < most; i++) {
		__u32 count = COUNT_CHUNK;

		error = bpf_map_lookup_batch(map->fd, i ? &position : NULL, &position, keys, values, &count, NULL);
		if (!error || error == -ENOENT)
			total += count;
	}
	free(keys);
	free(values);
	return error && error != -ENOENT ? error : (int)total;
}

int svr_map_used(struct svr_map *map)
{
	if (map->sizes.type == BPF_MAP_TYPE_RINGBUF)
		return used_bytes(map);
	return map->sizes.type == BPF_MAP_TYPE_HASH ? count_entries(map) : -EINVAL;
}

static int put(struct svr_map *rings, __u32 index, int fd)
{
	return bpf_map_update_elem(rings->fd, &index, &fd, BPF_ANY);
}

int svr_map_add_ring(struct svr_map *rings, __u32 index, __u32 bytes, const char *pin)
{
	int fd, error;

	if (rings->sizes.type != BPF_MAP_TYPE_ARRAY_OF_MAPS || index >= rings->sizes.entries)
		return -EINVAL;
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, bytes, NULL);
	if (fd < 0)
		return fd;
	error = bpf_obj_pin(fd, pin);
	if (!error) {
		error = put(rings, index, fd);
		if (error)
			unlink(pin);
	}
	close(fd);
	return error;
}

int svr_map_put_ring(struct svr_map *rings, __u32 index, const char *pin)
{
	int fd, error;

	if (rings->sizes.type != BPF_MAP_TYPE_ARRAY_OF_MAPS || index >= rings->sizes.entries)
		return -EINVAL;
	fd = bpf_obj_get(pin);
	if (fd < 0)
		return fd;
	error = put(rings, index, fd);
	close(fd);
	return error;
}
