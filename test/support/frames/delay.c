/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Carries frames between two devices, each later by a fixed time: `delay DEVICE DEVICE MILLISECONDS MEBIBYTES [SWAP]`, for kernels
 * without sch_netem. With SWAP every so-many-th frame of a direction changes places with the one behind it, if that comes within 20 ms. Each direction has a ring of so many MiB; what does not fit is lost and counted. Frames stay whole: what is left to
 * offload travels along. Tagged frames are not carried. Prints `ready`, and on a line of standard input for each direction
 * `frames LOST LEAST MOST` (times in microseconds from arrival to departure). Started by test/support/delay.ts. */
#include "device.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = (1 << 16) + 256, ROOM = 1 << 26, BATCH = 64, MIB_MOST = 1024, MS_MOST = 60000 };
static const uint64_t US = 1000, MS = 1000000, SECOND = 1000000000;

/* In front of each frame of a ring; a length of 0: go on at its start. */
struct entry { uint64_t due; uint32_t length, pad; };

/* From socket `in` to socket `out`. The ring is empty when head equals tail, so one place stays free. */
struct way {
	int in, out;
	uint8_t *ring;
	size_t size, head, tail;
	uint64_t frames, lost, least, most;
	uint8_t *aside; /* the frame that waits for the one behind it */
	uint32_t aside_length;
	uint64_t aside_since, taken;
};

static const uint64_t ASIDE = 20000000;
static uint64_t delay_ns, swap;

static uint64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * SECOND + at.tv_nsec;
}

static int open_device(const char *device)
{
	int s = device_open(ROOM);

	device_option(s, SOL_SOCKET, SO_SNDBUFFORCE, ROOM);
	device_option(s, SOL_PACKET, PACKET_VNET_HDR, 1);
	device_option(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	return device_bind(s, device);
}

static size_t whole(uint32_t length)
{
	return sizeof(struct entry) + ((length + 7) & ~7u);
}

/* Where the next frame goes, or nothing when the ring has no room for the longest one. */
static struct entry *room_of(struct way *way)
{
	size_t need = whole(LONGEST) + sizeof(struct entry);

	if (way->head >= way->tail && way->size - way->head < need) {
		if (way->tail <= need)
			return NULL;
		((struct entry *)(way->ring + way->head))->length = 0;
		way->head = 0;
	}
	if (way->head < way->tail && way->tail - way->head <= need)
		return NULL;
	return (struct entry *)(way->ring + way->head);
}

/* What waits for nothing any more goes behind what is there. */
static void put_aside_back(struct way *way)
{
	struct entry *entry = room_of(way);

	if (!way->aside_length)
		return;
	if (entry) {
		*entry = (struct entry){ now() + delay_ns, way->aside_length, 0 };
		memcpy(entry + 1, way->aside, way->aside_length);
		way->head += whole(way->aside_length);
	} else {
		way->lost++;
	}
	way->aside_length = 0;
}

/* Whether a frame that was received waits for the one behind it. */
static int sets_aside(struct way *way, const struct entry *entry, uint32_t length)
{
	if (!swap || ++way->taken % swap || way->aside_length)
		return 0;
	memcpy(way->aside, entry + 1, length);
	way->aside_length = length;
	way->aside_since = now();
	return 1;
}

static void take(struct way *way)
{
	static uint8_t nowhere[LONGEST];

	for (int i = 0; i < BATCH; i++) {
		struct entry *entry = room_of(way);
		ssize_t length = recv(way->in, entry ? (uint8_t *)(entry + 1) : nowhere, LONGEST, MSG_DONTWAIT | MSG_TRUNC);

		if (length < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
			fail("recv");
		if (length <= 0)
			return;
		if (!entry || length > LONGEST) {
			way->lost++;
			continue;
		}
		if (sets_aside(way, entry, length))
			continue;
		*entry = (struct entry){ now() + delay_ns, length, 0 };
		way->head += whole(length);
		put_aside_back(way);
	}
}

/* The frame that leaves next, or nothing. */
static struct entry *first_of(struct way *way)
{
	if (way->head == way->tail)
		return NULL;
	if (!((struct entry *)(way->ring + way->tail))->length)
		way->tail = 0;
	return way->head == way->tail ? NULL : (struct entry *)(way->ring + way->tail);
}

/* A device that has no room now will have some soon: veth queues drain by themselves. */
static void give(struct way *way)
{
	struct entry *entry = first_of(way);

	for (int i = 0; i < BATCH && entry && entry->due <= now(); i++, entry = first_of(way)) {
		while (send(way->out, entry + 1, entry->length, 0) < 0)
			if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
				fail("send");
		uint64_t held = now() - entry->due + delay_ns;

		way->least = !way->frames || held < way->least ? held : way->least;
		way->most = held > way->most ? held : way->most;
		way->frames++;
		way->tail += whole(entry->length);
	}
}

static void report(struct way ways[2])
{
	for (int i = 0; i < 2; i++) {
		struct tpacket_stats stats = {};
		socklen_t size = sizeof(stats);

		if (getsockopt(ways[i].in, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
			fail("statistics");
		ways[i].lost += stats.tp_drops; /* the kernel forgets what it told */
		printf("frames %lu %lu %lu %lu\n", ways[i].frames, ways[i].lost, ways[i].least / US, ways[i].most / US);
	}
	fflush(stdout);
}

/* Until the next frame leaves; a second at most. */
static struct timespec pause_of(struct way ways[2])
{
	uint64_t at = now(), wait = SECOND;

	for (int i = 0; i < 2; i++) {
		struct entry *entry = first_of(&ways[i]);
		uint64_t left = !entry ? wait : entry->due > at ? entry->due - at : 0;

		wait = left < wait ? left : wait;
		wait = ways[i].aside_length && ASIDE < wait ? ASIDE : wait;
	}
	return (struct timespec){ wait / SECOND, wait % SECOND };
}

static void run(struct way ways[2])
{
	struct pollfd from[3] = { { .fd = ways[0].in, .events = POLLIN }, { .fd = ways[1].in, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
	char line[64];

	for (;;) {
		struct timespec wait = pause_of(ways);

		if (ppoll(from, 3, &wait, NULL) < 0 && errno != EINTR)
			fail("poll");
		for (int i = 0; i < 2; i++) {
			take(&ways[i]);
			if (ways[i].aside_length && now() - ways[i].aside_since >= ASIDE)
				put_aside_back(&ways[i]);
			give(&ways[i]);
		}
		if (from[2].revents && read(STDIN_FILENO, line, sizeof(line)) <= 0)
			return;
		if (from[2].revents)
			report(ways);
	}
}

int main(int count, char **words)
{
	unsigned long ms = count >= 5 ? strtoul(words[3], NULL, 10) : 0, mib = count >= 5 ? strtoul(words[4], NULL, 10) : 0;

	if (mib < 1 || mib > MIB_MOST || ms > MS_MOST)
		return fprintf(stderr, "usage: delay DEVICE DEVICE MILLISECONDS MEBIBYTES [SWAP]\n"), 2;
	int a = open_device(words[1]), b = open_device(words[2]);
	struct way ways[2] = { { .in = a, .out = b, .size = mib << 20 }, { .in = b, .out = a, .size = mib << 20 } };

	delay_ns = ms * MS;
	swap = count == 6 ? strtoul(words[5], NULL, 10) : 0;
	for (int i = 0; i < 2; i++) {
		ways[i].ring = mmap(NULL, ways[i].size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ways[i].aside = malloc(LONGEST);
		if (ways[i].ring == MAP_FAILED || !ways[i].aside)
			fail("memory");
	}
	puts("ready");
	fflush(stdout);
	run(ways);
	return 0;
}
