/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Every map of the data plane, one line of purpose each. Sizes of sessions, buckets, tokens and rings are set by the loader
 * before load; it pins all of them under names that carry SVR_LAYOUT_VERSION. Included once, by svr.bpf.c. */
#ifndef SVR_MAPS_H
#define SVR_MAPS_H

#include "svr_types.h"
#include "svr_reasons.h"
#include <bpf/bpf_helpers.h>

#define SVR_IFSTATS 2048
#define SVR_NEXTHOPS 65536
#define SVR_SHARDS 64
#define SVR_PROTECTORS 64
#define SVR_NAMES 65536

/* Sizes, secrets, timers: one entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct svr_settings);
} settings SEC(".maps");

/* Counts kept with atomic adds by shards, fast path and sweeper: one entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct svr_gauges);
} gauges SEC(".maps");

/* The only copy of session state. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct svr_session);
} sessions SEC(".maps");

/* The flow index: finds the session of a packet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, struct svr_bucket);
} buckets SEC(".maps");

/* Sessions by tenant and by route: the index is the number of the name. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SVR_NAMES);
	__type(key, __u32);
	__type(value, struct svr_usage);
} usage SEC(".maps");

/* Sessions by source address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct svr_source);
} sources SEC(".maps");

/* Kernel ifindex to our interface number: an array in lines, because looking into a hash map costs a fifth of a packet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SVR_INTERFACE_LINES);
	__type(key, __u32);
	__type(value, struct svr_interfaces);
} interfaces SEC(".maps");

/* Filters by our interface number: only interfaces that have one. A change replaces a whole filter at once. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SVR_IFSTATS);
	__type(key, __u32);
	__type(value, struct svr_filter);
} filters SEC(".maps");

/* Packets that a rule denied: interface number << 16 | place of the rule. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64);
} denied SEC(".maps");

/* Where packets of a side leave. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SVR_NEXTHOPS);
	__type(key, __u32);
	__type(value, struct svr_nexthop);
} nexthops SEC(".maps");

/* Our addresses, and on shared interfaces those of known peers. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct svr_address);
	__type(value, struct svr_local);
} locals SEC(".maps");

/* Tenant of a host, by interface, VLAN and source prefix. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct svr_member_key);
	__type(value, __u32);
} members SEC(".maps");

/* Rate of first packets per tenant and per remote address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct svr_rate);
} rates SEC(".maps");

/* Token buckets; bounded, idle ones go with the sweeper, the rest share one entry when it is full. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct svr_bucket_key);
	__type(value, struct svr_tokens);
} tokens SEC(".maps");

struct svr_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* Punted packets, one ring a shard, then one a protect worker. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SVR_SHARDS + SVR_PROTECTORS);
	__type(key, __u32);
	__array(values, struct svr_ring);
} rings SEC(".maps");

/* Start, interim, end and release records. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} records SEC(".maps");

/* Packets of captured sessions. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 21);
} copies SEC(".maps");

/* How much is wanted of captured sessions, by slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct svr_captured);
} captured SEC(".maps");

/* Dropped packets by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SVR_REASON_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

/* Refused packets that are told; small, because what finds it full is counted. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 17);
} refusals SEC(".maps");

/* ... how many were and were not, by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SVR_REASON_SLOTS);
	__type(key, __u32);
	__type(value, struct svr_refused);
} refused SEC(".maps");

/* ... and which tuples just were. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SVR_RECENT);
	__type(key, __u32);
	__type(value, struct svr_recent);
} recent SEC(".maps");

/* Packets and bytes by our interface number. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SVR_IFSTATS);
	__type(key, __u32);
	__type(value, struct svr_ifstats);
} ifstats SEC(".maps");

/* Names behind the ids of a session; user space only, here so that it is pinned with the rest. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SVR_NAMES);
	__type(key, __u32);
	__type(value, char[256]);
} names SEC(".maps");

struct svr_sweep {
	struct bpf_timer timer;
	__u32 cursor;    /* next slot */
	__u32 pruned_ms; /* last time idle token buckets were removed */
	__u32 now_ms;    /* monotonic ms of the last tick: the clock of packets; 0 while it has not run */
};

/* The sweeper's clockwork: one entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct svr_sweep);
} sweep SEC(".maps");

static __always_inline struct svr_settings *svr_maps_settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

/* svr_maps_interface: copies what is known of a kernel interface; a pointer into the line would give the verifier eight cases of
 * everything that follows. False: not ours. */
static __always_inline bool svr_maps_interface(__u32 ifindex, struct svr_interface *out)
{
	__u32 line = ifindex % SVR_INTERFACE_LINES;
	struct svr_interfaces *found = bpf_map_lookup_elem(&interfaces, &line);

	for (int i = 0; found && i < SVR_INTERFACE_PLACES; i++)
		if (found->at[i].ifindex == ifindex) {
			*out = found->at[i];
			return true;
		}
	return false;
}

static __always_inline struct svr_sweep *svr_maps_clock(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sweep, &zero);
}

static __always_inline struct svr_gauges *svr_maps_gauges(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&gauges, &zero);
}
#endif
