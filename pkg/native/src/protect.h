/* SPDX-License-Identifier: Apache-2.0 */
/* Protected packets of established sessions (protocol 7, 8.2): the surface that pkg/native/binding.ts calls, and what the files of the
 * protect engine share. One store of keys a router, used by all of its threads; workers and their buffers belong to one thread each. */
#ifndef SVR_PROTECT_ENGINE_H
#define SVR_PROTECT_ENGINE_H

#include "engine.h"
#include "protectpool.h"
#include "../../datapath/bpf/svr_reasons.h"

#include <pthread.h>

/* ---- surface: protect.c, protectwork.c ---- */

enum { SVR_PROTECT_RECEIVES = 3, SVR_PROTECT_WINDOW = 1024, SVR_PROTECT_OVERLAP_S = 120, SVR_PROTECT_MISSING = 64 };
enum svr_protect_mode { SVR_PROTECT_DISABLED = 0, SVR_PROTECT_REGULAR = 1, SVR_PROTECT_TIMED = 2 };

struct svr_protect_secret {
	__u8 id[4];            /* TLV 16, as sent */
	__u8 hmac[32];
};
struct svr_protect_peer {
	__u32 peer;            /* name number */
	__u32 mode;            /* enum svr_protect_mode */
	__u32 window;          /* epochs to either side that are accepted */
	__u32 sends;           /* 0 or 1 */
	__u32 receives;        /* at most SVR_PROTECT_RECEIVES, newest first */
	struct svr_protect_secret send, receive[SVR_PROTECT_RECEIVES];
};
struct svr_protect_session {
	__u32 index;           /* slot */
	__u8 uuid[16];
	__u16 protect;         /* bits of enum svr_protect, shifted down */
	__u16 peer[2];         /* name number of the peer of side 0, 1; 0 a host */
	__u8 suite;            /* enum svr_suite of the body */
	__u8 key_index;
	__u8 key[2][32];       /* K_fwd, K_rev */
	__u8 salt[2][8];
};

struct svr_vault;
struct svr_protect_worker;
struct svr_protect_call {
	__u32 unix_s;
	__u32 frames;          /* out: frames written */
	__u32 used;            /* out: bytes written */
	__u32 offload;         /* frames as the socket gets them: struct virtio_net_hdr first, segments merged, sums left to the device */
};
/* What a worker has done since it began, and sessions whose keys it lacked in its last turn. */
struct svr_protect_counts {
	__u64 opened, sealed, opened_bytes, sealed_bytes;
	__u64 drops[SVR_REASON_SLOTS];
	__u32 missing_count;
	__u32 missing[SVR_PROTECT_MISSING];
	__u32 skew_peer;       /* whose tag would have been right at another time, the last one */
	__s32 skew_epochs;     /* how many epochs it was ahead; 0: none yet */
	__u32 reserved;
};

SVR_EXPORT int svr_protect_create(__u32 slots, struct svr_vault **out);
/* After all workers are closed. Wipes all keys. */
SVR_EXPORT int svr_protect_close(struct svr_vault *protect);
/* Replaces what is known of a peer; the caller wipes what it passed. Without keys: forgets it. */
SVR_EXPORT int svr_protect_peer(struct svr_vault *protect, const struct svr_protect_peer *peer, __u32 size);
/* Begins or changes a session; with another key index the old one is accepted for a while. */
SVR_EXPORT int svr_protect_session(struct svr_vault *protect, const struct svr_protect_session *session, __u32 size);
/* Forgets it, if it is still this one. */
SVR_EXPORT int svr_protect_end(struct svr_vault *protect, __u32 index, const __u8 *uuid);

/* `pin`: the ring, or "" for a worker that only runs what it is given. */
SVR_EXPORT int svr_protect_worker_open(struct svr_vault *protect, const char *pin, const __u8 *inject_mac, __u32 mac_size, int wake_fd,
				       struct svr_protect_worker **out);
SVR_EXPORT int svr_protect_worker_close(struct svr_protect_worker *worker);
/* Drains its ring, waiting at most `timeout_ms` for something; the number of records, or a negative errno. */
SVR_EXPORT int svr_protect_turn(struct svr_protect_worker *worker, __u32 timeout_ms);
/* Records (struct svr_punt and its packet, each begins at a multiple of 8): writes frames as they would be sent, each behind its length (4 bytes). */
SVR_EXPORT int svr_protect_run(struct svr_protect_worker *worker, struct svr_protect_call *call, const void *record, __u32 record_size, void *out,
			       __u32 out_size);
SVR_EXPORT int svr_protect_counts(struct svr_protect_worker *worker, struct svr_protect_counts *out, __u32 size);


/* One body of a call, in `room` bytes of the arena: sealing adds up to 64. */
struct svr_body_job {
	__u32 index;           /* slot */
	__u8 uuid[16];
	__u32 direction;       /* 0 forward, 1 reverse */
	__u32 opens;
	__u32 at, length, room;
	__s32 result;          /* its length afterwards, or an enum svr_reason, negative */
};
struct svr_body_call {
	__u32 unix_s, arena_size, jobs_size;
};
/* Encrypts or decrypts bodies with the counters and windows that workers use; the number of jobs. */
SVR_EXPORT int svr_protect_body(struct svr_protect_worker *worker, const struct svr_body_call *call, __u8 *arena, struct svr_body_job *jobs);

/* ---- protect.c: the store, read under its lock ---- */

struct svr_protect_pair {
	__u32 mode, window, sends, receives;
	struct svr_engine_key send, receive[SVR_PROTECT_RECEIVES];
};
/* Counters received under one key and direction: the highest, and which of the 1024 up to it were seen. */
struct svr_protect_seen {
	__u64 highest;
	__u64 bits[SVR_PROTECT_WINDOW / 64];
};
struct svr_protect_cipher {
	struct svr_engine_key key[2]; /* by direction */
	__u64 sent[2];
	struct svr_protect_seen seen[2];
	__u32 until_s;         /* unix time up to which a previous key is accepted */
	__u8 index;
};
struct svr_protect_entry {
	struct svr_protect_cipher *current, *previous;
	__u8 uuid[16];
	__u16 protect, peer[2];
	__u8 suite;
	__u8 busy;             /* its windows are being changed */
};
struct svr_vault {
	pthread_rwlock_t lock;
	struct svr_engine *expander;
	__u32 slots;
	struct svr_pool ciphers, peers;
	struct svr_protect_entry **entries;
	struct svr_protect_pair *pairs[65536];
};

/* Is the counter new? Then it is seen from now on. */
int svr_protect_fresh(struct svr_protect_entry *entry, struct svr_protect_seen *seen, __u64 counter);
#endif
