/* SPDX-License-Identifier: Apache-2.0 */
/* The surface of libopensvr.so as pkg/native/binding.ts calls it: one call a batch, flat buffers, sizes passed in and checked.
 * Every function returns a count or 0, or a negative errno; texts are made in TypeScript. Handles belong to one thread each.
 * The only process-wide state is one mutex in table.c that serialises writers of the flow index. */
#ifndef SVR_NATIVE_H
#define SVR_NATIVE_H

#include <stddef.h>
#include "../../datapath/bpf/svr_types.h"
#include "../../datapath/bpf/svr_hash.h"

#define SVR_ABI_VERSION 1 /* raised when a struct or signature below changes; binding.ts refuses another one */
#define SVR_EXPORT __attribute__((visibility("default")))

SVR_EXPORT int svr_abi_version(void);
SVR_EXPORT __u64 svr_abi_clock_ns(void); /* CLOCK_MONOTONIC, the clock of the eBPF programs */

/* ---- table.c, install.c, change.c, search.c, repair.c ----------------------------------------------------------- */

struct svr_table;

/* Maps pinned in `dir` under names with `suffix`. */
SVR_EXPORT int svr_table_open(const char *dir, const char *suffix, struct svr_table **out);
/* Plain memory instead of maps, for tests and measurements of the table alone. */
SVR_EXPORT int svr_table_create(const struct svr_settings *settings, __u32 settings_size, struct svr_table **out);
SVR_EXPORT int svr_table_close(struct svr_table *table);

enum svr_op_kind { SVR_OP_INSTALL = 1, SVR_OP_PATCH = 2, SVR_OP_REPLACE_SIDE = 3, SVR_OP_END = 4 };

/* Which fields of svr_op.session a patch carries. */
enum svr_op_field {
	SVR_FIELD_HANDSHAKE = 0x0001, SVR_FIELD_TCP_STATE = 0x0002, SVR_FIELD_SINCE = 0x0004, SVR_FIELD_SEEN = 0x0008,
	SVR_FIELD_NEXT_SEQ = 0x0010, SVR_FIELD_LAST_ACK = 0x0020, SVR_FIELD_IDLE = 0x0040, SVR_FIELD_SETUP = 0x0080,
	SVR_FIELD_SERVICE = 0x0100, SVR_FIELD_TENANT = 0x0200, SVR_FIELD_ANSWER = 0x0400,
	SVR_FIELD_PACKETS = 0x0800, SVR_FIELD_BYTES = 0x1000, /* added, not set */
};

/* One operation; `session` carries the whole session (install), the new side (replace) or the patched fields. */
struct svr_op {
	__u32 kind;
	__u32 index;       /* all but install: slot */
	__u8 uuid[16];     /* ... and who must still be there */
	__u32 clear_flags; /* patch */
	__u32 set_flags;
	__u32 fields;      /* patch: enum svr_op_field */
	__u32 nat_count;   /* install: 0, or side 1 takes the first free local port of nat_first .. + nat_count - 1 */
	__u16 nat_first;
	__u16 nat_start;   /* ... cyclic from here */
	__u8 side;         /* replace */
	__u8 reason;       /* end: enum svr_end */
	__u8 now;          /* end: keys are free at once */
	__u8 reserved[13];
	struct svr_session session;
};

struct svr_op_result {
	__s32 status;      /* 0, -EEXIST (index, side, uuid name the other session), -ENOSPC, -ENOENT (gone), -EINVAL */
	__u32 index;
	__u16 local_port;  /* install: of side 1, host order */
	__u16 side;
	__u32 reserved;
	__u8 uuid[16];
};

SVR_EXPORT int svr_table_apply(struct svr_table *table, const struct svr_op *ops, __u32 ops_size, struct svr_op_result *results,
			       __u32 results_size);

/* A session as user space reads it: a copy without a lock. */
struct svr_slot {
	__u32 index;
	__u32 side;
	struct svr_session session;
};

/* Both return 1 and fill `out`, or 0. */
SVR_EXPORT int svr_table_find(struct svr_table *table, const struct svr_key *key, struct svr_slot *out, __u32 out_size);
SVR_EXPORT int svr_table_find_uuid(struct svr_table *table, const __u8 *uuid, struct svr_slot *out, __u32 out_size);

/* Copies slots from `cursor` on whose life is in `lives` (bit per enum svr_life). Walks at most SVR_SCAN_STEPS slots; `next` is
 * where to go on, SVR_SCAN_END when done. */
#define SVR_SCAN_STEPS 65536u
#define SVR_SCAN_END 0xffffffffu
struct svr_scan {
	__u32 cursor;
	__u32 lives;
	__u32 next;
};
SVR_EXPORT int svr_table_scan(struct svr_table *table, struct svr_scan *scan, struct svr_slot *out, __u32 out_size);

SVR_EXPORT int svr_table_gauges(struct svr_table *table, struct svr_gauges *out, __u32 out_size);

/* What a start found of an earlier process that died at work. */
struct svr_repair {
	__u32 claims;     /* slots that were being filled */
	__u32 entries;    /* index entries without a matching session */
	__u32 indexed;    /* keys that were missing */
	__u32 unindexed;  /* keys that found no place */
};
/* Before any shard runs. */
SVR_EXPORT int svr_table_repair(struct svr_table *table, struct svr_repair *out, __u32 out_size);

/* ---- ring.c ------------------------------------------------------------------------------------------------------ */

struct svr_ring;

/* `wake_fd` is an eventfd of the caller that ends a wait, or -1. */
SVR_EXPORT int svr_ring_open(const char *pin, int wake_fd, struct svr_ring **out);
SVR_EXPORT int svr_ring_close(struct svr_ring *ring);

/* In front of each punt in the caller's buffer. Then struct svr_punt, the session if there is one, the packet, padding to 8. */
struct svr_ring_entry {
	__u32 size;        /* with this header and padding */
	__u32 has_session;
	struct svr_punt punt;
};
#define SVR_RING_PACKET 65600u /* room for one more record; a buffer holds at least this */

struct svr_ring_wait {
	__u32 max;         /* records */
	__s32 timeout_ms;  /* 0 polls */
	__u32 used;        /* out: bytes filled */
	__u32 malformed;   /* out: records dropped because their lengths lie */
};
/* The number of records; 0 after the timeout or a wake. */
SVR_EXPORT int svr_ring_drain(struct svr_ring *ring, struct svr_table *table, struct svr_ring_wait *wait, void *buffer, __u32 size);
/* The same for a ring of records of one size (svr_record), packed without headers. */
SVR_EXPORT int svr_ring_records(struct svr_ring *ring, struct svr_ring_wait *wait, void *buffer, __u32 size);

SVR_EXPORT int svr_ring_wake_open(void);
SVR_EXPORT int svr_ring_wake(int wake_fd);
SVR_EXPORT int svr_ring_wake_close(int wake_fd);
#endif
