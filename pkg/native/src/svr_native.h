/* SPDX-License-Identifier: Apache-2.0 */
/* The surface of libopensvr.so as pkg/native/binding.ts calls it: one call a batch, flat buffers, sizes passed in and checked.
 * Every function returns a count or 0, or a negative errno; texts are made in TypeScript. Handles belong to one thread each.
 * The only process-wide state is one mutex in table.c that serialises writers of the flow index. */
#ifndef SVR_NATIVE_H
#define SVR_NATIVE_H

#include <stddef.h>
#include "../../datapath/bpf/svr_types.h"
#include "../../datapath/bpf/svr_hash.h"

#define SVR_ABI_VERSION 9 /* raised when a struct or signature below changes; binding.ts refuses another one */
#define SVR_EXPORT __attribute__((visibility("default")))

SVR_EXPORT int svr_abi_version(void);
SVR_EXPORT __u64 svr_abi_clock_ns(void); /* CLOCK_MONOTONIC, the clock of the eBPF programs */
SVR_EXPORT __u64 svr_abi_unix_ns(void);  /* CLOCK_REALTIME */

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
	SVR_FIELD_TCP_BEFORE = 0x2000, SVR_FIELD_ISN = 0x4000, SVR_FIELD_RETRANSMISSIONS = 0x8000, SVR_FIELD_OUT_OF_ORDER = 0x10000,
	SVR_FIELD_WINDOW = 0x40000,
	SVR_FIELD_HEALTH = 0x20000,
	SVR_FIELD_SECURITY = 0x80000,
};

/* What an install must keep to; 0 is unlimited. Everything is counted, limited or not. */
struct svr_op_limits {
	__u32 tenant;           /* sessions of the session's tenant */
	__u32 tenant_half_open;
	__u32 route;            /* sessions of its route */
	__u32 route_rate;       /* sessions that begin on its route in one second */
	__u32 source;           /* sessions of its source address and tenant */
	__u32 source_half_open;
};
/* Which of them refused an install; svr_op_result.side. */
enum svr_limit {
	SVR_LIMIT_TENANT = 1, SVR_LIMIT_TENANT_HALF_OPEN = 2, SVR_LIMIT_ROUTE = 3, SVR_LIMIT_ROUTE_RATE = 4, SVR_LIMIT_SOURCE = 5,
	SVR_LIMIT_SOURCE_HALF_OPEN = 6,
};

/* One operation; `session` carries the whole session (install), the new side (replace) or the patched fields. */
struct svr_op {
	__u32 kind;
	__u32 index;       /* all but install: slot */
	union {
		struct {
			__u8 uuid[16];     /* ... and who must still be there */
			__u32 clear_flags; /* patch */
			__u32 set_flags;
		};
		struct svr_op_limits limits; /* install */
	};
	__u32 fields;      /* patch: enum svr_op_field */
	__u32 nat_count;   /* install: 0, or side 1 takes the first free local port of nat_first .. + nat_count - 1 */
	__u16 nat_first;
	__u16 nat_start;   /* ... cyclic from here */
	__u8 side;         /* replace */
	__u8 reason;       /* end: enum svr_end */
	__u8 now;          /* end: keys are free at once */
	__u8 dry;          /* install: only tell what would happen */
	__u16 clear_protect; /* patch: bits of enum svr_protect, shifted down */
	__u16 set_protect;
	__u8 reserved[8];
	struct svr_session session;
};

struct svr_op_result {
	__s32 status;      /* 0, -EEXIST (index, uuid of the holder; side of this session that it is about), -ENOSPC, -EDQUOT (side: enum svr_limit), -ENOENT (gone), -EINVAL */
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
/* The shard that a packet with this key goes to while no session holds it. */
SVR_EXPORT int svr_table_shard(struct svr_table *table, const struct svr_key *key);
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

/* Records lost since this was last asked, by this process or an earlier one. One caller at a time. */
SVR_EXPORT __s64 svr_table_take_lost(struct svr_table *table);

/* Looks at `looks` places for counted sources, spread evenly, all of them if there are no more: how many it looked at and are in use. */
struct svr_sources {
	__u32 looks;  /* in: at most; out: looked at */
	__u32 used;
	__u32 places; /* that there are */
};
SVR_EXPORT int svr_table_sources(struct svr_table *table, struct svr_sources *call);

/* What a start found of an earlier process that died at work. */
struct svr_repair {
	__u32 claims;     /* slots that were being filled */
	__u32 entries;    /* index entries without a matching session */
	__u32 indexed;    /* keys that were missing */
	__u32 unindexed;  /* keys that found no place */
};
/* Before any shard runs. */
SVR_EXPORT int svr_table_repair(struct svr_table *table, struct svr_repair *out, __u32 out_size);

/* What does not fit, as far as one look without a lock can tell: looked at again before it is believed. */
enum svr_fault_kind {
	SVR_FAULT_STALE_ENTRY = 1,   /* an entry of the flow index that no session wants */
	SVR_FAULT_HALF_ENTRY = 2,    /* a place that was reserved and never filled */
	SVR_FAULT_DOUBLE_ENTRY = 3,  /* a key of a session stands twice */
	SVR_FAULT_MISSING_ENTRY = 4, /* a key of a session stands nowhere */
	SVR_FAULT_SHADOWED = 5,      /* another session is found under a key of this one */
	SVR_FAULT_STUCK = 6,         /* its timer is over, and it stays */
	SVR_FAULT_LIFE = 7,          /* a state that there is not */
	SVR_FAULT_UNSWEPT = 8,       /* a used slot where the sweeper does not look */
};
enum svr_fault_key { SVR_KEY_FORWARD = 0, SVR_KEY_REVERSE = 1, SVR_KEY_UUID = 2, SVR_KEY_NONE = 3 };
#define SVR_FAULT_NO_SLOT 0xffffffffu
struct svr_fault {
	__u32 kind;
	__u32 at;       /* cursor of the place: a look with one step there looks again */
	__u32 slot;     /* SVR_FAULT_NO_SLOT: an entry that names none */
	__u32 key;      /* enum svr_fault_key */
	__u32 life;     /* enum svr_life of the slot */
	__u32 place;    /* stale and half-made entries: which of the bucket */
	__u32 entry;    /* ... and its value */
	__u8 uuid[16];
};
/* A waypoint pair (path) or source NAT port (path 0) that a session holds or rests with. */
struct svr_use {
	__u16 path, local_port, remote_port, life;
};
/* Walks slots, then buckets, from `cursor` on, at most `steps` of them, and stops when there is no room for what one more step may
 * find: at most SVR_VERIFY_STEP faults and one use. */
#define SVR_VERIFY_STEP 16u
struct svr_verify {
	__u32 cursor, steps;
	__u32 next;     /* SVR_SCAN_END: all was looked at */
	__u32 faults, uses;
	__u32 entries;  /* of the index that are in use */
	struct svr_gauges found;       /* slots_used, live, half_open, quarantined of these slots */
};
/* `timers` are the settings in force. */
SVR_EXPORT int svr_table_verify(struct svr_table *table, const struct svr_settings *timers, struct svr_verify *call, __u32 call_size,
				struct svr_fault *faults, __u32 faults_size, struct svr_use *uses, __u32 uses_size);

/* ---- ring.c ------------------------------------------------------------------------------------------------------ */

struct svr_ring;

/* `wake_fd` is an eventfd of the caller that ends a wait, or -1. */
SVR_EXPORT int svr_ring_open(const char *pin, int wake_fd, struct svr_ring **out);
SVR_EXPORT int svr_ring_close(struct svr_ring *ring);

/* In front of each punt in the caller's buffer. Then the session if there is one, the packet, padding to 8. A checksum that was
 * left to offload is completed, so that the packet is as it would be on the wire (segments still joined). */
struct svr_ring_entry {
	__u32 size;        /* with this header and padding */
	__u32 has_session;
	struct svr_punt punt;
};
#define SVR_RING_ROOM 66560u /* bytes that one more record may need; the smallest buffer */

struct svr_ring_call {
	__u32 max;         /* records */
	__s32 timeout_ms;  /* 0 polls */
	__u32 used;        /* out: bytes filled */
	__u32 malformed;   /* out: records dropped because their lengths lie */
};
/* The number of records; 0 after the timeout or a wake. */
SVR_EXPORT int svr_ring_drain(struct svr_ring *ring, struct svr_table *table, struct svr_ring_call *call, void *buffer, __u32 size);
/* The same, each as it stands in the ring (struct svr_punt and its packet), at a multiple of 8. */
SVR_EXPORT int svr_ring_punts(struct svr_ring *ring, struct svr_ring_call *call, void *buffer, __u32 size);
/* The same for rings of one struct (svr_record, svr_refusal) of `each` bytes, packed without headers; never waits. */
SVR_EXPORT int svr_ring_records(struct svr_ring *ring, struct svr_ring_call *call, __u32 each, void *buffer, __u32 size);

/* The same for the ring of struct svr_copy, each with its bytes and padding to 8, its time in unix nanoseconds and a checksum that was left
 * to offload completed where the packet is whole; never waits. */
SVR_EXPORT int svr_ring_copies(struct svr_ring *ring, struct svr_ring_call *call, void *buffer, __u32 size);

SVR_EXPORT int svr_ring_wake_open(void);
SVR_EXPORT int svr_ring_wake(int wake_fd);
SVR_EXPORT int svr_ring_wake_close(int wake_fd);

/* ---- send.c ------------------------------------------------------------------------------------------------------ */

struct svr_send;

/* A socket on lo of the calling thread's network namespace; brings lo up. */
SVR_EXPORT int svr_send_open(const __u8 *inject_mac, __u32 mac_size, struct svr_send **out);
SVR_EXPORT int svr_send_close(struct svr_send *send);

struct svr_send_frame {
	__u32 nexthop;
	__u32 offset;      /* of the packet in `data` */
	__u32 length;
};
/* Number of frames the kernel took, in order; a negative errno when it took none. */
SVR_EXPORT int svr_send_frames(struct svr_send *send, const struct svr_send_frame *frames, __u32 frames_size, const __u8 *data, __u32 data_size);

/* The same for complete Ethernet frames; `nexthop` means nothing. What the kernel does not take is not sent again. */
SVR_EXPORT int svr_send_ether(struct svr_send *send, const struct svr_send_frame *frames, __u32 frames_size, const __u8 *data, __u32 data_size);

/* ---- load.c, attach.c, btf.c ------------------------------------------------------------------------------------- */

struct svr_load;

SVR_EXPORT int svr_load_open(const char *object, struct svr_load **out);
SVR_EXPORT int svr_load_close(struct svr_load *load);
/* What libbpf and the verifier said so far: text with a final 0, the end of it when `size` is short. */
SVR_EXPORT int svr_load_log(struct svr_load *load, char *out, __u32 size);
SVR_EXPORT int svr_load_resize(struct svr_load *load, const char *map, __u32 entries);

/* What a map is: of the object, and of the pin. */
struct svr_load_map {
	__u32 type, key_size, value_size, entries, flags;
};
/* Takes the pinned map instead of a new one: 0, -ENOENT without pin, -EPROTO when `out` [0] object and [1] pin differ. */
SVR_EXPORT int svr_load_reuse(struct svr_load *load, const char *map, const char *pin, struct svr_load_map *out, __u32 out_size);
SVR_EXPORT int svr_load_run(struct svr_load *load);
SVR_EXPORT int svr_load_pin(struct svr_load *load, const char *map, const char *pin);
/* Names of the maps to pin, one a line with a final 0. */
SVR_EXPORT int svr_load_maps(struct svr_load *load, char *out, __u32 size);
/* All types of the object named svr_*, one a line: "struct NAME SIZE", "field NAME OFFSET SIZE", "enum NAME", "value NAME VALUE". */
SVR_EXPORT int svr_btf_dump(struct svr_load *load, char *out, __u32 size);

/* Makes `program` run on tcx ingress of the device through the link pinned at `pin`: 0 updated in place, 1 made anew. */
SVR_EXPORT int svr_attach_set(struct svr_load *load, const char *program, __u32 ifindex, const char *pin);
/* Device of a pinned link, 0 when it is severed. */
SVR_EXPORT int svr_attach_device(const char *pin);
/* Runs a program once on an empty frame, as a call: its result. */
SVR_EXPORT int svr_attach_call(struct svr_load *load, const char *program);

/* ---- map.c ------------------------------------------------------------------------------------------------------- */

struct svr_map;

struct svr_map_sizes {
	__u32 type, key_size, value_size, entries;
	__u32 stride;      /* bytes of one value as read: of all CPUs in a per-CPU map */
	__u32 cpus;
};
SVR_EXPORT int svr_map_open(const char *pin, struct svr_map_sizes *sizes, __u32 sizes_size, struct svr_map **out);
SVR_EXPORT int svr_map_close(struct svr_map *map);
/* Entries are key then value, packed. Flags as in bpf(2). Number written, or the error of the first that failed. */
SVR_EXPORT int svr_map_update(struct svr_map *map, const __u8 *entries, __u32 size, __u32 flags);
SVR_EXPORT int svr_map_delete(struct svr_map *map, const __u8 *keys, __u32 size);
SVR_EXPORT int svr_map_lookup(struct svr_map *map, const __u8 *key, __u32 key_size, __u8 *value, __u32 value_size);
/* All entries, packed; number of them, -ENOSPC when `out` is short. */
SVR_EXPORT int svr_map_dump(struct svr_map *map, __u8 *out, __u32 size);
/* How much of a map is used: entries of a hash, bytes of a ring; -EINVAL for others. Takes nothing out of it. */
SVR_EXPORT int svr_map_used(struct svr_map *map);
/* Makes a ring buffer, pins it and puts it into this array of maps. */
SVR_EXPORT int svr_map_add_ring(struct svr_map *rings, __u32 index, __u32 bytes, const char *pin);
SVR_EXPORT int svr_map_put_ring(struct svr_map *rings, __u32 index, const char *pin);

/* ---- device.c ---------------------------------------------------------------------------------------------------- */

struct svr_device {
	__u32 index;
	__u32 mtu;
	__u32 flags;       /* IFF_* */
	__u8 mac[6];
	__u8 reserved[2];
};
/* 0, or -ENODEV. */
SVR_EXPORT int svr_device_find(const char *name, struct svr_device *out, __u32 out_size);
/* The VLAN device over `name` that carries this tag: 0, or -ENODEV. */
SVR_EXPORT int svr_device_vlan(const char *name, __u32 vlan, struct svr_device *out, __u32 out_size);

/* ---- guard.c ----------------------------------------------------------------------------------------------------- */

/* No core dumps, not dumpable; 0 or negative errno. For the whole process, and not taken back. */
SVR_EXPORT int svr_guard_memory(void);

/* ---- probe.c ----------------------------------------------------------------------------------------------------- */

enum svr_feature {
	SVR_FEATURE_BTF = 1, SVR_FEATURE_MAPPED_ARRAYS = 2, SVR_FEATURE_RING = 3, SVR_FEATURE_NEIGHBOUR = 4, SVR_FEATURE_TIMER = 5,
	SVR_FEATURE_LOOP = 6, SVR_FEATURE_TCX = 7,
};
/* 1 there, 0 not, or why it cannot be told. */
SVR_EXPORT int svr_probe_feature(__u32 feature);
/* Mounts a BPF file system on an empty directory. */
SVR_EXPORT int svr_probe_mount(const char *dir);

/* ---- engine.c, seal.c, open.c ------------------------------------------------------------------------------------ */

struct svr_engine;

/* Room for `slots` key sets; -ENOTSUP when this CPU has no AES instructions or libipsec-mb refuses it. */
SVR_EXPORT int svr_engine_create(__u32 slots, struct svr_engine **out);
/* Wipes all keys. */
SVR_EXPORT int svr_engine_close(struct svr_engine *engine);
/* IMB_ARCH of the code in use: 2 SSE, 3 AVX, 4 AVX2, 5 AVX-512. */
SVR_EXPORT int svr_engine_arch(struct svr_engine *engine);

struct svr_engine_secret {
	__u8 id[4];        /* TLV 16, as sent */
	__u8 hmac[32];
	__u8 meta[32];
	__u8 salt[8];
};
/* Puts a key set into a slot; what stood there is wiped first. The caller wipes `secret`. */
SVR_EXPORT int svr_engine_key(struct svr_engine *engine, __u32 slot, const struct svr_engine_secret *secret, __u32 secret_size);

/* One packet, in the order of protocol 7: offsets count from its first byte, 0 is none. */
struct svr_job {
	__u32 at, length;                  /* the packet in the arena */
	__u32 l4, l4_length;
	__u32 metadata, header_length;     /* base header and header TLVs: the AAD of GCM */
	__u32 iv;                          /* 16 bytes CBC, 12 bytes GCM */
	__u32 plain, plain_length, cipher_length;
	__u32 tag;
	__u32 suite;                       /* 0 clear, 1 CBC, 2 GCM */
	__u32 keys, key_count;             /* slots, in `lists` */
	__u32 epochs, epoch_count;         /* in `lists` */
	__u64 counter;                     /* seal */
	__s32 result;                      /* open: bytes of payload TLVs or an enum svr_job_result */
	__u32 fit;                         /* open: key number x epoch_count + epoch number */
};
enum svr_job_result { SVR_JOB_HMAC = -1, SVR_JOB_DECRYPT = -2, SVR_JOB_REFUSED = -3 };

struct svr_job_call {
	__u32 arena_size, jobs_size, lists_size; /* bytes */
};
/* Both run all jobs, or none and give -EINVAL: jobs that point outside of their packet are SVR_JOB_REFUSED then. The arena is
 * scratch: ports and checksum of a packet are lost, and after svr_open_run its tag; a section is plain only where result >= 0.
 * A seal job has one key and one epoch. Returns the number of jobs. */
SVR_EXPORT int svr_seal_run(struct svr_engine *engine, const struct svr_job_call *call, __u8 *arena, struct svr_job *jobs, const __u32 *lists);
SVR_EXPORT int svr_open_run(struct svr_engine *engine, const struct svr_job_call *call, __u8 *arena, struct svr_job *jobs, const __u32 *lists);
#endif
