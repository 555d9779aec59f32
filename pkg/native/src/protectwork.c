/* SPDX-License-Identifier: Apache-2.0 */
/* A protect worker: takes records from its ring, has them sealed and opened in batches, writes the frames to loopback, where svr_inject
 * takes them. Belongs to one thread. */
#include "protectbatch.h"
#include "protectring.h"
#include "send.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define RECORDS_PER_TURN 1024
#define TAKEN_AT_ONCE (1u << 19) /* bytes of the ring, 8 MiB, between two releases */
#define STREAM_NS 1000000u      /* packets of this time ... */
#define STREAM_FROM 32u         /* ... from which on they are taken for a stream */
#define GATHER_WIRES 32         /* that a batch of a stream should have */
#define GATHER_NS 20000l        /* how long it waits for them, once */

_Static_assert(sizeof(struct svr_protect_call) == 16 && sizeof(struct svr_protect_counts) == 4 * 8 + SVR_REASON_SLOTS * 8 + 4 * 68, "as pkg/security/protect.ts has them");

struct svr_protect_worker {
	struct svr_vault *protect;
	struct svr_send *send;
	struct svr_taker *ring;
	int map_fd, epoll_fd, wake_fd, error;
	__u32 records;
	__u32 window_records; /* since window_ns */
	__u64 window_ns;
	__u8 was_stream;
	struct svr_protect_counts counts;
	struct svr_batch batch;
	/* of svr_protect_run: where frames go instead of the socket */
	struct svr_protect_call *call;
	__u8 *out;
	__u32 room;
	__u8 inject_mac[ETH_ALEN];
};

static void write_header(struct svr_protect_worker *worker, const struct svr_wire *wire)
{
	struct ether_header *header = (struct ether_header *)(wire->packet - ETH_HLEN);
	__u32 flow = htonl(wire->flow), magic = htonl(SVR_INJECT_MAGIC);
	__u16 word = htons(wire->opens ? SVR_INJECT_OPENED : SVR_INJECT_SEALED), nexthop = htons(wire->nexthop);

	if (wire->opens || wire->marked) {
		memcpy(header->ether_dhost, &word, 2);
		memcpy(header->ether_dhost + 2, &flow, 4);
	} else {
		memcpy(header->ether_dhost, &magic, 4);
		memcpy(header->ether_dhost + 4, &nexthop, 2);
	}
	memcpy(header->ether_shost, worker->inject_mac, ETH_ALEN);
	header->ether_type = htons(wire->packet[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
}

static void count_skew(struct svr_protect_worker *worker, const struct svr_wire *wire)
{
	if (wire->drop != SVR_DROP_HMAC_CLOCK_SKEW)
		return;
	worker->counts.skew_peer = svr_wire_peer(wire);
	worker->counts.skew_epochs = wire->skew;
}

static void count(struct svr_protect_worker *worker, const struct svr_wire *wire)
{
	if (wire->drop)
		worker->counts.drops[wire->drop]++, count_skew(worker, wire);
	else if (wire->opens)
		worker->counts.opened++, worker->counts.opened_bytes += wire->length;
	else
		worker->counts.sealed++, worker->counts.sealed_bytes += wire->length;
}

/* Behind its length: the frame, or with `offload` that and the header that tells the device what is left to do. */
static void keep_frame(struct svr_protect_worker *worker, const struct iovec *parts, __u32 count)
{
	__u32 length = 0, *used = &worker->call->used;

	for (__u32 i = 0; i < count; i++)
		length += (__u32)parts[i].iov_len;
	if (worker->room - *used < length + 4) {
		worker->error = -ENOBUFS;
		return;
	}
	memcpy(worker->out + *used, &length, 4);
	*used += 4;
	for (__u32 i = 0; i < count; i++) {
		memcpy(worker->out + *used, parts[i].iov_base, parts[i].iov_len);
		*used += (__u32)parts[i].iov_len;
	}
	worker->call->frames++;
}

/* What one flush sends. */
struct outgoing {
	struct mmsghdr messages[SVR_ENGINE_BURST];
	struct virtio_net_hdr headers[SVR_ENGINE_BURST];
	struct iovec parts[3 * SVR_ENGINE_BURST];
	__u32 frames, used;
};

/* The wires from `at` on that make one frame; returns how many. */
static __u32 add_frame(struct svr_protect_worker *worker, struct outgoing *out, __u32 at)
{
	struct svr_wire *wire = &worker->batch.wires[at];
	struct iovec *parts = &out->parts[out->used];
	int whole = worker->call && !worker->call->offload;
	__u32 count = whole ? 1 : svr_merge_count(&worker->batch, at), used = 1;

	write_header(worker, wire);
	if (whole) {
		svr_batch_finish(wire);
		parts[0] = (struct iovec){ wire->packet - ETH_HLEN, wire->length + ETH_HLEN };
	} else {
		used = svr_merge_frame(&worker->batch, at, count, &out->headers[out->frames], parts);
	}
	if (worker->call)
		keep_frame(worker, parts, used);
	out->messages[out->frames++] = (struct mmsghdr){ .msg_hdr = { .msg_iov = parts, .msg_iovlen = used } };
	out->used += used;
	return count;
}

/* What the socket does not take is lost, as on a link. Who has keys to give need not wait for it. */
static void send_frames(struct svr_protect_worker *worker, struct outgoing *out)
{
	pthread_rwlock_unlock(&worker->protect->lock);
	worker->counts.drops[SVR_DROP_PROTECT_FULL] += out->frames - (__u32)svr_send_raw(worker->send, out->messages, out->frames);
	pthread_rwlock_rdlock(&worker->protect->lock);
}

/* Locked. Nothing that was found in the store is known afterwards. */
static void flush(void *context)
{
	struct svr_protect_worker *worker = context;
	struct svr_batch *batch = &worker->batch;
	struct outgoing out;
	int error = svr_batch_run(batch);

	out.frames = out.used = 0;
	if (error)
		worker->error = error;
	for (__u32 i = 0; !error && i < batch->count; i++)
		count(worker, &batch->wires[i]);
	for (__u32 i = 0; !error && i < batch->count;)
		i += batch->wires[i].drop ? 1 : add_frame(worker, &out, i);
	batch->count = batch->used = 0;
	if (out.frames && !worker->call)
		send_frames(worker, &out);
}

static void note_missing(struct svr_protect_worker *worker, __u32 index)
{
	struct svr_protect_counts *counts = &worker->counts;

	for (__u32 i = 0; i < counts->missing_count; i++)
		if (counts->missing[i] == index)
			return;
	if (counts->missing_count < SVR_PROTECT_MISSING)
		counts->missing[counts->missing_count++] = index;
}

static void on_record(void *context, const void *data, __u32 size)
{
	struct svr_protect_worker *worker = context;
	const struct svr_punt *punt = data;
	__u32 reason;

	if (size < sizeof(*punt) || punt->length > size - sizeof(*punt) || punt->entry < 2 || (punt->cause != SVR_PUNT_OPEN && punt->cause != SVR_PUNT_SEAL))
		return;
	reason = svr_batch_add(&worker->batch, punt, worker->protect, flush, worker);
	if (reason)
		worker->counts.drops[reason]++;
	if (reason == SVR_DROP_NO_KEY)
		note_missing(worker, (punt->entry >> 1) - 1);
	worker->records++;
}

int svr_protect_worker_close(struct svr_protect_worker *worker)
{
	svr_taker_close(worker->ring);
	if (worker->map_fd >= 0)
		close(worker->map_fd);
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->send)
		svr_send_close(worker->send);
	if (worker->batch.engine)
		svr_engine_close(worker->batch.engine);
	free(worker->batch.arena);
	free(worker);
	return 0;
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_ring(struct svr_protect_worker *worker, const char *pin)
{
	int error;

	worker->map_fd = bpf_obj_get(pin);
	if (worker->map_fd < 0)
		return worker->map_fd;
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll_fd < 0)
		return -errno;
	error = svr_taker_open(worker->map_fd, &worker->ring);
	if (!error)
		error = watch(worker->epoll_fd, worker->map_fd);
	if (!error && worker->wake_fd >= 0)
		error = watch(worker->epoll_fd, worker->wake_fd);
	if (!error)
		error = svr_send_open(worker->inject_mac, ETH_ALEN, &worker->send);
	return error ? error : svr_send_offload(worker->send);
}

int svr_protect_worker_open(struct svr_vault *protect, const char *pin, const __u8 *inject_mac, __u32 mac_size, int wake_fd, struct svr_protect_worker **out)
{
	struct svr_protect_worker *worker = mac_size == ETH_ALEN ? calloc(1, sizeof(*worker)) : NULL;
	int error;

	*out = NULL;
	if (!worker)
		return mac_size == ETH_ALEN ? -ENOMEM : -EINVAL;
	worker->protect = protect;
	worker->map_fd = worker->epoll_fd = -1;
	worker->wake_fd = wake_fd;
	memcpy(worker->inject_mac, inject_mac, ETH_ALEN);
	worker->batch.arena = aligned_alloc(64, SVR_ARENA);
	error = worker->batch.arena ? svr_engine_create(1, &worker->batch.engine) : -ENOMEM;
	if (!error && *pin)
		error = open_ring(worker, pin);
	if (error) {
		svr_protect_worker_close(worker);
		return error;
	}
	*out = worker;
	return 0;
}

static void begin(struct svr_protect_worker *worker, __u32 unix_s)
{
	worker->batch.unix_s = unix_s;
	worker->batch.count = worker->batch.used = 0;
	worker->records = 0;
	worker->error = 0;
	worker->counts.missing_count = 0;
}

/* Did enough come in this window, or in all of the one before? */
static int is_stream(struct svr_protect_worker *worker, __u32 got)
{
	__u64 now = svr_abi_clock_ns(), since = now - worker->window_ns;

	if (since >= 2 * STREAM_NS)
		worker->window_records = 0;
	if (since >= STREAM_NS) {
		worker->was_stream = worker->window_records >= STREAM_FROM;
		worker->window_records = 0;
		worker->window_ns = now;
	}
	worker->window_records += got;
	return worker->was_stream || worker->window_records >= STREAM_FROM;
}

/* A worker that follows a stream packet by packet is woken for each of them, and sends each by itself: it lets some gather first, without a
 * release of the ring, so that nothing wakes it. */
static __u32 take(struct svr_protect_worker *worker)
{
	const struct timespec pause = { .tv_nsec = GATHER_NS };
	__u32 got = svr_taker_take(worker->ring, TAKEN_AT_ONCE, on_record, worker);

	if (!got || worker->batch.count >= GATHER_WIRES || !is_stream(worker, got))
		return got;
	nanosleep(&pause, NULL);
	return got + svr_taker_take(worker->ring, TAKEN_AT_ONCE, on_record, worker);
}

/* What the ring has now; how many records that was. The last one keeps its place, so that nobody is woken who is awake. */
static __u32 drain(struct svr_protect_worker *worker)
{
	__u32 got = take(worker);

	flush(worker);
	svr_taker_release(worker->ring);
	return got;
}

static int consume(struct svr_protect_worker *worker)
{
	__u32 got;

	begin(worker, (__u32)(svr_abi_unix_ns() / 1000000000u));
	pthread_rwlock_rdlock(&worker->protect->lock);
	do {
		got = drain(worker);
		if (!got) {
			svr_taker_release_all(worker->ring);
			got = drain(worker); /* what came before could not wake */
		}
	} while (got && worker->records < RECORDS_PER_TURN && !worker->error);
	pthread_rwlock_unlock(&worker->protect->lock);
	return worker->error ? worker->error : (int)worker->records;
}

int svr_protect_turn(struct svr_protect_worker *worker, __u32 timeout_ms)
{
	struct epoll_event events[2];
	int got, count;
	__u64 wakes;

	if (!worker->ring)
		return -EINVAL;
	got = consume(worker);
	if (got || !timeout_ms)
		return got;
	count = epoll_wait(worker->epoll_fd, events, 2, (int)timeout_ms);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++)
		if (events[i].data.fd == worker->wake_fd && read(worker->wake_fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
			return -errno;
	return count ? consume(worker) : 0;
}

int svr_protect_run(struct svr_protect_worker *worker, struct svr_protect_call *call, const void *record, __u32 record_size, void *out, __u32 out_size)
{
	call->frames = call->used = 0;
	worker->call = call;
	worker->out = out;
	worker->room = out_size;
	begin(worker, call->unix_s);
	pthread_rwlock_rdlock(&worker->protect->lock);
	for (__u32 at = 0; record_size - at >= sizeof(struct svr_punt);) {
		const struct svr_punt *punt = (const void *)((const __u8 *)record + at);
		__u32 left = record_size - at, size = punt->length <= left - sizeof(*punt) ? (__u32)sizeof(*punt) + punt->length : left;

		on_record(worker, punt, size);
		size = (size + 7u) & ~7u;
		at += size < left ? size : left;
	}
	flush(worker);
	pthread_rwlock_unlock(&worker->protect->lock);
	worker->call = NULL;
	return worker->error ? worker->error : (int)call->frames;
}

int svr_protect_counts(struct svr_protect_worker *worker, struct svr_protect_counts *out, __u32 size)
{
	if (size < sizeof(*out))
		return -EINVAL;
	*out = worker->counts;
	return 0;
}

int svr_protect_body(struct svr_protect_worker *worker, const struct svr_body_call *call, __u8 *arena, struct svr_body_job *jobs)
{
	int count;

	pthread_rwlock_rdlock(&worker->protect->lock);
	count = svr_protect_bodies(worker->protect, &worker->batch, call, arena, jobs);
	pthread_rwlock_unlock(&worker->protect->lock);
	return count;
}
