/* SPDX-License-Identifier: Apache-2.0 */
/* A reader of one BPF ring buffer that gives its space back in batches: the kernel wakes the reader for each record that stands where
 * the reader has given back to, so that a reader that follows closely and gives back each record by itself is woken, by an interrupt
 * of the writer, for each of them. */
#ifndef SVR_PROTECT_RING_H
#define SVR_PROTECT_RING_H

#include "svr_native.h"

struct svr_taker;

/* Closing takes NULL; `map_fd` stays the caller's. */
int svr_taker_open(int map_fd, struct svr_taker **out);
void svr_taker_close(struct svr_taker *taker);
/* Hands complete records over, in order, until `most` bytes of the ring are passed; how many it passed, those thrown away included. Their
 * space stays taken until svr_taker_release. */
__u32 svr_taker_take(struct svr_taker *taker, __u32 most, void (*take)(void *context, const void *data, __u32 size), void *context);
/* Gives the space of what was taken back, but for the last record; nothing of it may be read any more. The kernel wakes a reader that has given
 * everything back, with an interrupt, also one that is awake: */
void svr_taker_release(struct svr_taker *taker);
/* ... so all of it goes back before a reader looks at the ring the last time and sleeps. */
void svr_taker_release_all(struct svr_taker *taker);
#endif
