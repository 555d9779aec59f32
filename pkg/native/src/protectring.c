/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of a protect worker, read with one release a batch. Layout as in linux/bpf.h and the kernel's documentation of ring buffers: a page
 * with the reader's position, a page with the writer's, the data twice in a row, so that a record is never cut. One reader, one thread. */
#include "protectring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct svr_taker {
	unsigned long *reader; /* page of its own, written here */
	const __u8 *writer;    /* page of its own, then the data */
	unsigned long at;      /* up to where records were taken */
	unsigned long last;    /* where the last of them begins */
	size_t page, size;
};

/* Lengths are rounded up to 8, behind a header of two words. */
static unsigned long step(__u32 length)
{
	return ((unsigned long)length + BPF_RINGBUF_HDR_SZ + 7u) & ~7ul;
}

static __u32 length_of(__u32 word)
{
	return word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
}

void svr_taker_close(struct svr_taker *taker)
{
	if (!taker)
		return;
	if (taker->reader)
		munmap(taker->reader, taker->page);
	if (taker->writer)
		munmap((void *)taker->writer, taker->page + 2 * taker->size);
	free(taker);
}

static int map_pages(struct svr_taker *taker, int map_fd)
{
	void *reader = mmap(NULL, taker->page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0), *writer;

	if (reader == MAP_FAILED)
		return -errno;
	taker->reader = reader;
	writer = mmap(NULL, taker->page + 2 * taker->size, PROT_READ, MAP_SHARED, map_fd, (off_t)taker->page);
	if (writer == MAP_FAILED)
		return -errno;
	taker->writer = writer;
	taker->at = taker->last = __atomic_load_n(taker->reader, __ATOMIC_ACQUIRE);
	return 0;
}

int svr_taker_open(int map_fd, struct svr_taker **out)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	struct svr_taker *taker;
	int error = bpf_obj_get_info_by_fd(map_fd, &info, &size);

	*out = NULL;
	if (error)
		return error;
	if (info.type != BPF_MAP_TYPE_RINGBUF)
		return -EINVAL;
	taker = calloc(1, sizeof(*taker));
	if (!taker)
		return -ENOMEM;
	taker->page = (size_t)sysconf(_SC_PAGESIZE);
	taker->size = info.max_entries;
	error = map_pages(taker, map_fd);
	if (error) {
		svr_taker_close(taker);
		return error;
	}
	*out = taker;
	return 0;
}

__u32 svr_taker_take(struct svr_taker *taker, __u32 most, void (*take)(void *context, const void *data, __u32 size), void *context)
{
	unsigned long end = __atomic_load_n((const unsigned long *)taker->writer, __ATOMIC_ACQUIRE), limit = taker->at + most;
	__u32 count = 0;

	while (taker->at < end && taker->at < limit) {
		const __u8 *record = taker->writer + taker->page + (taker->at & (taker->size - 1));
		__u32 word = __atomic_load_n((const __u32 *)record, __ATOMIC_ACQUIRE);

		if (word & BPF_RINGBUF_BUSY_BIT)
			break;
		taker->last = taker->at;
		taker->at += step(length_of(word));
		count++;
		if (!(word & BPF_RINGBUF_DISCARD_BIT))
			take(context, record + BPF_RINGBUF_HDR_SZ, length_of(word));
	}
	return count;
}

void svr_taker_release(struct svr_taker *taker)
{
	__atomic_store_n(taker->reader, taker->last, __ATOMIC_RELEASE);
}

void svr_taker_release_all(struct svr_taker *taker)
{
	taker->last = taker->at;
	/* ordered before the caller looks at the ring again: a writer that saw the old position does not wake */
	__atomic_store_n(taker->reader, taker->at, __ATOMIC_SEQ_CST);
}
