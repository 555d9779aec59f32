/* SPDX-License-Identifier: Apache-2.0 */
/* Drains a ring buffer of the eBPF programs into one flat buffer of the caller: punted packets with a copy of their session,
 * records of one size, or copies of captured packets. A ring has one reader, the thread that opened it; any thread may end its wait through an eventfd. */
#include "table.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "checksum.h"

struct svr_ring {
	struct ring_buffer *buffer;
	int map_fd, epoll_fd, wake_fd;
	/* the call under way */
	int (*take)(struct svr_ring *ring, const void *data, size_t size);
	struct svr_table *table;
	struct svr_ring_call *call;
	__u8 *out;
	__u32 room, count, each; /* each: bytes of a record */
	__u64 unix_offset_ns; /* from the monotonic clock */
};

_Static_assert(sizeof(struct svr_punt) == 40, "the packet follows at 40");
_Static_assert(sizeof(struct svr_copy) == 48, "the packet follows at 48");
_Static_assert(sizeof(struct svr_record) == 336 && sizeof(struct svr_refusal) == 64, "records are packed");
_Static_assert(sizeof(struct svr_ring_entry) + sizeof(struct svr_session) + 65536 + 128 + 8 <= SVR_RING_ROOM, "the largest punt fits");

#define COPY_ROOM ((__u32)sizeof(struct svr_copy) + SVR_COPY_MOST)

/* Stops libbpf after a record; it has moved past that record already. */
static int go_on(const struct svr_ring *ring, __u32 needed)
{
	return ring->count < ring->call->max && ring->room - ring->call->used >= needed ? 0 : -ENOBUFS;
}

/* The session that eBPF found, unless it is gone by now. */
static __u32 copy_session(struct svr_table *table, __u32 entry, __u8 *out)
{
	__u32 index = SVR_ENTRY_INDEX(entry), life;

	if (entry < 2 || index >= table->slots)
		return 0;
	life = svr_table_life(&table->sessions[index]);
	if (life != SVR_LIFE_LIVE && life != SVR_LIFE_GUARD)
		return 0;
	memcpy(out, &table->sessions[index], sizeof(struct svr_session));
	return sizeof(struct svr_session);
}

static int take_punt(struct svr_ring *ring, const void *data, size_t size)
{
	struct svr_ring_entry *entry = (struct svr_ring_entry *)(ring->out + ring->call->used);
	const struct svr_punt *punt = data;
	__u8 *at = (__u8 *)(entry + 1);

	if (size < sizeof(*punt) || punt->length > size - sizeof(*punt) || punt->length > 65536 + 128) {
		ring->call->malformed++;
		return 0;
	}
	entry->punt = *punt;
	entry->has_session = copy_session(ring->table, punt->entry, at);
	at += entry->has_session;
	memcpy(at, punt + 1, punt->length);
	if (punt->flags & SVR_PUNT_PARTIAL)
		svr_checksum_finish(at, punt->length, punt->sum_start, punt->sum_field);
	at += (punt->length + 7u) & ~7u;
	entry->size = (__u32)(at - (__u8 *)entry);
	ring->call->used += entry->size;
	ring->count++;
	return go_on(ring, SVR_RING_ROOM);
}

static int take_record(struct svr_ring *ring, const void *data, size_t size)
{
	if (size < ring->each) {
		ring->call->malformed++;
		return 0;
	}
	memcpy(ring->out + ring->call->used, data, ring->each);
	ring->call->used += ring->each;
	ring->count++;
	return go_on(ring, ring->each);
}

static int take_copy(struct svr_ring *ring, const void *data, size_t size)
{
	struct svr_copy *copy = (struct svr_copy *)(ring->out + ring->call->used);
	const struct svr_copy *from = data;

	if (size < sizeof(*from) || from->captured > SVR_COPY_MOST || from->captured > size - sizeof(*from)) {
		ring->call->malformed++;
		return 0;
	}
	memcpy(copy, from, sizeof(*from) + from->captured);
	copy->time_ns += ring->unix_offset_ns;
	if ((copy->flags & SVR_PUNT_PARTIAL) && copy->captured == copy->length && !copy->gso_size)
		svr_checksum_complete((__u8 *)(copy + 1), copy->captured);
	ring->call->used += (__u32)(sizeof(*copy) + copy->captured + 7u) & ~7u;
	ring->count++;
	return go_on(ring, COPY_ROOM);
}

static int take_raw(struct svr_ring *ring, const void *data, size_t size)
{
	const struct svr_punt *punt = data;

	if (size < sizeof(*punt) || punt->length > size - sizeof(*punt) || punt->length > 65536 + 128) {
		ring->call->malformed++;
		return 0;
	}
	memcpy(ring->out + ring->call->used, punt, sizeof(*punt) + punt->length);
	ring->call->used += (__u32)(sizeof(*punt) + punt->length + 7u) & ~7u;
	ring->count++;
	return go_on(ring, SVR_RING_ROOM);
}

static int on_sample(void *context, void *data, size_t size)
{
	struct svr_ring *ring = context;

	return ring->take(ring, data, size);
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int svr_ring_close(struct svr_ring *ring)
{
	ring_buffer__free(ring->buffer);
	if (ring->epoll_fd >= 0)
		close(ring->epoll_fd);
	if (ring->map_fd >= 0)
		close(ring->map_fd);
	free(ring);
	return 0;
}

int svr_ring_open(const char *pin, int wake_fd, struct svr_ring **out)
{
	struct svr_ring *ring = calloc(1, sizeof(*ring));
	int error = 0;

	*out = NULL;
	if (!ring)
		return -ENOMEM;
	ring->wake_fd = wake_fd;
	ring->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ring->map_fd = bpf_obj_get(pin);
	if (ring->map_fd < 0 || ring->epoll_fd < 0)
		error = ring->map_fd < 0 ? ring->map_fd : -EMFILE;
	if (!error) {
		ring->buffer = ring_buffer__new(ring->map_fd, on_sample, ring, NULL);
		error = ring->buffer ? watch(ring->epoll_fd, ring->map_fd) : -errno;
	}
	if (!error && wake_fd >= 0)
		error = watch(ring->epoll_fd, wake_fd);
	if (error) {
		svr_ring_close(ring);
		return error;
	}
	*out = ring;
	return 0;
}

static int consume(struct svr_ring *ring)
{
	int error = ring_buffer__consume(ring->buffer);

	return error < 0 && error != -ENOBUFS ? error : (int)ring->count;
}

enum { WAIT_OVER, WAIT_AGAIN };

/* Until something is in the ring (WAIT_AGAIN), or a wake or the end of `left_ms` (WAIT_OVER). */
static int wait_for(struct svr_ring *ring, int left_ms)
{
	struct epoll_event events[2];
	int count = epoll_wait(ring->epoll_fd, events, 2, left_ms), result = count > 0 ? WAIT_AGAIN : WAIT_OVER;
	__u64 wakes;

	if (count < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd != ring->wake_fd)
			continue;
		result = WAIT_OVER;
		if (read(ring->wake_fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
			return -errno;
	}
	return result;
}

/* The ring counts as readable while a record is still being written or was thrown away: then the wait goes on. */
static int drain_within(struct svr_ring *ring, int timeout_ms)
{
	__u64 end = svr_abi_clock_ns() / 1000000u + (__u64)timeout_ms, now;
	int got = consume(ring), wait = WAIT_AGAIN;

	for (now = end - (__u64)timeout_ms; !got && wait == WAIT_AGAIN && now < end; now = svr_abi_clock_ns() / 1000000u) {
		wait = wait_for(ring, (int)(end - now));
		if (wait < 0)
			return wait;
		got = consume(ring);
	}
	return got;
}

static void begin(struct svr_ring *ring, struct svr_ring_call *call, void *buffer, __u32 size)
{
	ring->call = call;
	ring->out = buffer;
	ring->room = size;
	ring->count = 0;
	call->used = 0;
	call->malformed = 0;
}

int svr_ring_drain(struct svr_ring *ring, struct svr_table *table, struct svr_ring_call *call, void *buffer, __u32 size)
{
	if (size < SVR_RING_ROOM || !call->max || call->timeout_ms < 0)
		return -EINVAL;
	begin(ring, call, buffer, size);
	ring->take = take_punt;
	ring->table = table;
	return drain_within(ring, call->timeout_ms);
}

int svr_ring_punts(struct svr_ring *ring, struct svr_ring_call *call, void *buffer, __u32 size)
{
	if (size < SVR_RING_ROOM || !call->max || call->timeout_ms < 0)
		return -EINVAL;
	begin(ring, call, buffer, size);
	ring->take = take_raw;
	return drain_within(ring, call->timeout_ms);
}

int svr_ring_records(struct svr_ring *ring, struct svr_ring_call *call, __u32 each, void *buffer, __u32 size)
{
	if (!each || size < each || !call->max)
		return -EINVAL;
	begin(ring, call, buffer, size);
	ring->each = each;
	ring->take = take_record;
	return consume(ring);
}

int svr_ring_copies(struct svr_ring *ring, struct svr_ring_call *call, void *buffer, __u32 size)
{
	if (size < COPY_ROOM || !call->max)
		return -EINVAL;
	begin(ring, call, buffer, size);
	ring->take = take_copy;
	ring->unix_offset_ns = svr_abi_unix_ns() - svr_abi_clock_ns();
	return consume(ring);
}

int svr_ring_wake_open(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int svr_ring_wake(int wake_fd)
{
	__u64 one = 1;

	return write(wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN ? -errno : 0;
}

int svr_ring_wake_close(int wake_fd)
{
	return close(wake_fd) ? -errno : 0;
}
