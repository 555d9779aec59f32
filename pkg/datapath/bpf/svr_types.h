/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Layouts shared by the eBPF programs, the native library and TypeScript: plain structs and defines only.
 * TypeScript codecs are compared with the BTF of the object at load. `_be` fields are in wire order, all others in host order.
 * IPv4 addresses stand in the first four bytes of a 16-byte field, the rest is zero. The flow hash is in svr_hash.h, the key of
 * a session's side in svr_side.h. */
#ifndef SVR_TYPES_H
#define SVR_TYPES_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define SVR_LAYOUT_VERSION 9 /* part of every map name; raised when a struct below changes */

/* ---- sessions ------------------------------------------------------------------------------------------------- */

/* One side of a session: where its packets come from and leave to. Side 0 is where forward packets arrive (toward the
 * host that opened the session), side 1 where they leave. A packet received on one side is rewritten to the other:
 * source = other.local, destination = other.remote. The flow key of a side is (ifnum, vlan, remote -> local, ports, proto). */
struct svr_side {
	__u32 remote_be;       /* host, or the peer's waypoint address as observed; of an IPv6 address the first four bytes */
	__u32 local_be;        /* what the remote talks to: a host's destination, or our waypoint address, or our NAT address */
	__u16 remote_port_be;  /* ICMP: identifier of a request's source, else 0, or the type (svr_settings.icmp_by_type) */
	__u16 local_port_be;
	__u16 ifnum;           /* the router's own interface number, never a kernel index */
	__u16 vlan;            /* 0: untagged */
	__u16 nexthop;         /* index into `nexthops` for packets that leave on this side */
	__u16 path;            /* peer path number; 0: a host side */
	__u8 proto;            /* IP protocol on the wire of this side (the carrier on a peer side) */
	__u8 family;           /* 4 or 6 */
	__u16 filtered;        /* generation of the interface's filter that permitted this flow whatever its packets look like; 0 none */
};

/* Bytes 4 to 15 of a side's IPv6 addresses; zero and not read for IPv4. */
struct svr_tail {
	__u32 remote_be[3];
	__u32 local_be[3];
};

enum svr_life {
	SVR_LIFE_FREE = 0,       /* slot may be claimed */
	SVR_LIFE_CLAIMED = 1,    /* being filled by a shard; not in the flow index yet */
	SVR_LIFE_LIVE = 2,
	SVR_LIFE_GUARD = 3,      /* ended; late packets that fit still pass, nothing new opens */
	SVR_LIFE_QUARANTINE = 4, /* only its side-1 key rests in the flow index, so that nobody re-uses the ports */
};

enum svr_tcp {
	SVR_TCP_NONE = 0, /* not TCP */
	SVR_TCP_SYN_SENT = 1,
	SVR_TCP_SYN_RCVD = 2,
	SVR_TCP_ESTABLISHED = 3,
	SVR_TCP_HALF_CLOSED = 4,
	SVR_TCP_CLOSING = 5,
	SVR_TCP_RESET = 6,
	SVR_TCP_STATES = 7,
};

/* Bits of svr_session.flags; changed with atomic and/or by all sides. */
enum svr_flag {
	SVR_F_FWD_META = 0x0001, /* I-META: forward packets need metadata, so they go to the shard */
	SVR_F_REV_META = 0x0002, /* R-META: reverse packets need metadata; eBPF clears it on a forward packet without metadata */
	SVR_F_HOLD_META = 0x0004, /* a modify is open: eBPF must not clear SVR_F_REV_META */
	SVR_F_FWD_SLOW = 0x0008, /* forward packets go to the shard for another reason */
	SVR_F_REV_SLOW = 0x0010,
	SVR_F_STARTED = 0x0020, /* start record written (sweeper) */
	SVR_F_ENDED = 0x0040, /* end record written (sweeper) */
	SVR_F_FIN_FWD = 0x0080, /* FIN seen from side 0 */
	SVR_F_FIN_REV = 0x0100,
	SVR_F_ACKED_FWD = 0x0200, /* that FIN is acknowledged */
	SVR_F_ACKED_REV = 0x0400,
	SVR_F_STRICT = 0x0800, /* enforcement strict */
	SVR_F_RST_ON_END = 0x1000, /* enforcement reset or strict: RST to the host when policy, admin ... ends the session */
	SVR_F_DELETE = 0x2000, /* the router asked for removal: side-0 key goes at the next sweep */
	SVR_F_SNAT = 0x4000, /* side-1 local address and port are source NAT */
	SVR_F_DNAT = 0x8000, /* side-1 remote address is destination NAT */
	SVR_F_COOKIES = 0x20000, /* a host's TCP segment started with the cookie: all of its segments are looked at from then on */
	SVR_F_COUNTED = 0x40000, /* counts in the usage of its tenant and route */
	SVR_F_SOURCE = 0x80000, /* ... and of its source */
	SVR_F_MIXED = 0x100000, /* a side's family is or was not that of the hosts */
	SVR_F_SETUP = 0x10000, /* setup_ms is known (eBPF, or the shard when it fills setup_ms) */
	SVR_F_SCALES = (__s32)0xff000000, /* enforcement strict: window scale + 1 of side 0 (bits 24-27) and 1 (28-31), 0 not known yet */
	SVR_F_CAPTURE = 0x200000, /* its packets are copied while the map `captured` wants some */
	SVR_F_HEALTH = 0x400000, /* recovery by inactivity: a packet that leaves toward a peer asks when nothing comes back */
	SVR_F_MOVED = 0x800000, /* an address of the way out changed: the next forward packet asks the shard when nothing comes back */
};

/* Handshake memory of the shard; eBPF never touches it. */
struct svr_handshake {
	__u8 forward_repeats;  /* forward metadata since the last reverse packet (6.1, control 3 of the responder) */
	__u8 reverse_repeats;  /* reverse metadata received in I-QUIET */
	__u16 modify_out;      /* last modify sequence sent, 0 none */
	__u16 modify_in;       /* last one applied */
	__u8 modify_flags;     /* bit 0 out pending, bit 1 answer owed (side 0), bit 2 answer owed (side 1) */
	__u8 have_reverse;     /* the S-scoped reverse TLVs are known (a transit router may go upstream) */
	__u32 control3_ms;     /* last control 3 sent, 0 never */
	__u16 reverse_service; /* service the egress reported, 0 none */
	__u16 egress_router;   /* name id of the egress router, 0 unknown */
};

/* 320 bytes: five cache lines, of which an established IPv4 packet touches two (docs/decisions/009). The four bytes life, tcp_state, tcp_before_reset, end_reason are one aligned 32-bit word that
 * every writer changes with one 32-bit compare-and-swap; who takes life away from LIVE decrements gauges.live. A claim writes
 * since_ms before it sets life to CLAIMED (the sweeper frees claims older than SVR_CLAIM_MS). */
#define SVR_CLAIM_MS 10000
struct svr_session {
	/* line 0: what every packet is compared with and rewritten to */
	struct svr_side side[2];
	__u32 flags;
	__u8 life;             /* enum svr_life */
	__u8 tcp_state;        /* enum svr_tcp */
	__u8 tcp_before_reset;
	__u8 end_reason;       /* enum svr_end of svr_reasons.h */
	__u32 seen_ms[2];      /* monotonic ms (low 32 bits) of the last packet that arrived on side 0, 1; 0 never */
	/* line 1: what packets change */
	__u64 packets[2];      /* wire packets that arrived on side 0, 1 and were passed */
	__u64 bytes[2];        /* inner bytes of them, from the IP header on */
	__u32 next_seq[2];     /* TCP: next sequence expected from side 0, 1 */
	__u32 last_ack[2];     /* TCP: last acknowledgement sent by side 0, 1 */
	__u32 since_ms;        /* monotonic ms of the last change of life or tcp_state */
	__u32 idle_ms;         /* idle timeout of the established state */
	__u32 isn;             /* TCP: initial sequence of the opener; else idle timeout (ms) until the first reverse packet, 0 none */
	__u32 label;           /* low 20 bits: outer IPv6 flow label toward peers (protocol 14), 0 leaves it; above: enum svr_protect */
	/* line 2: IPv6 */
	struct svr_tail tail[2];
	__u8 uuid[16];
	/* line 3-4: cold */
	__u64 created_ms;      /* monotonic */
	__u8 context_source[16];
	__u8 context_destination[16];
	__u16 context_source_port_be;
	__u16 context_destination_port_be;
	__u8 context_proto;    /* inner protocol */
	__u8 context_family;   /* inner family */
	__u8 role;             /* 0 single, 1 ingress, 2 transit, 3 egress */
	__u8 shard;            /* owner of punted packets of this session */
	__u16 source_router;   /* name id of the ingress router */
	__u8 security;         /* suite (4 bits), what adaptive encryption left alone by the first packet (4 bits: 1 QUIC, 2 IPsec) */
	__u8 health;           /* requests under way: count (3 bits), time of the last one in 256 ms (5 bits) */
	__u8 span[8];          /* this router's span id */
	__u8 parent_span[8];
	__u8 trace_flags;
	__u8 traffic_class;
	__u16 route;           /* name id of the service route it was opened on, 0 none */
	struct svr_handshake hs;
	__u32 setup_ms;        /* milliseconds from start to first answer + 1, 0 unknown */
	__u32 retransmissions;
	__u32 out_of_order;
	__u32 interim_ms;      /* last interim record */
	__u8 answer[16];       /* address that answers at the egress (reverse context source) */
	__u16 tenant;          /* name ids, see the map `names` */
	__u16 service;
	__u16 window[2];       /* TCP, enforcement strict: last window field of side 0, 1, not scaled */
};

/* svr_session.health: count of requests, their last time in steps of 256 ms modulo 32, how many steps an answer is awaited. */
#define SVR_HEALTH_COUNT 0x07
#define SVR_HEALTH_TIME 3
#define SVR_HEALTH_STEP 8
#define SVR_HEALTH_STEPS 32
#define SVR_HEALTH_WAIT 3

/* ---- flow index ------------------------------------------------------------------------------------------------ */

/* Each session stands in the index under three keys: side 1, side 0, and its uuid (source = uuid, family 0, all else
 * zero, entry side 0; looked up by shards only, confirmed by comparing svr_session.uuid). The uuid key goes together with
 * the side-0 key.
 *
 * The key of a packet as received, also the hash input (11 words; IPv4 hashes words 0, 4, 8, 9, 10). */
struct svr_key {
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port_be;
	__u16 destination_port_be;
	__u16 ifnum;
	__u16 vlan;
	__u8 proto;
	__u8 family;
	__u16 zero;
};

#define SVR_BUCKET_ENTRIES 8
#define SVR_ENTRY_CLAIMED 0xffffffffu
/* A bucket is one cache line. entry = ((session index + 1) << 1) | side; 0 empty. A key lives in one of two buckets. */
struct svr_bucket {
	__u32 tag[SVR_BUCKET_ENTRIES];
	__u32 entry[SVR_BUCKET_ENTRIES];
};

#define SVR_HASH_WORDS 11
/* One per router: sizes, secrets, timers. Written at load and on configuration changes. */
struct svr_settings {
	__u64 hash_key[2][SVR_HASH_WORDS + 1]; /* secret multipliers: [0] first bucket and tag, [1] second bucket, shards */
	__u32 bucket_mask;
	__u32 session_limit;   /* slots */
	__u32 live_limit;      /* sessions that may be live at once */
	__u32 shards;
	__u32 quarantine_ms;
	__u32 guard_ms;
	__u32 tcp_timer_ms[SVR_TCP_STATES]; /* fixed timers; 0 where idle_ms rules */
	__u32 half_closed_idle_ms;
	__u32 interim_ms;
	__u32 inactivity_ms;   /* silence of the peer after which a session of SVR_F_HEALTH or SVR_F_MOVED is looked at */
	__u16 waypoint_first;  /* ports that unknown packets to a waypoint address are judged on */
	__u16 waypoint_last;
	__u8 mss_clamp;        /* 1: lower the MSS option of SYN and SYN-ACK to the next hop's `mss` */
	__u8 icmp_by_type;     /* 1: the key of an ICMP query has the type of the request in the port that is not its identifier */
	__u8 protectors;       /* protect workers, each with a ring of its own; the worker of a session is its slot modulo this */
	__u8 reserved;
	__u8 inject_mac[6];    /* secret of this boot: source MAC of frames sent into loopback */
	__u8 reserved2[2];
};

/* Gauges kept with atomic adds by shards and sweeper. */
struct svr_gauges {
	__u32 slots_used;      /* life != FREE */
	__u32 live;            /* life == LIVE */
	__u32 high_water;      /* sessions below this index have been used */
	__u32 quarantined;
	__u64 records_lost;    /* records that found the ring full */
	__u64 sweeps;          /* finished walks */
	__u64 records_taken;   /* of records_lost: declared by user space */
	__u32 half_open;       /* life == LIVE and TCP in SYN-SENT or SYN-RCVD */
	__u32 reserved;
};

/* Sessions that a tenant or a route has here, by its name id. Added to under the table lock of user space, taken from by whoever
 * ends a session, as gauges.live is. */
struct svr_usage {
	__u32 live;
	__u32 half_open;
	__u32 second;          /* monotonic second in which `started` sessions began (routes) */
	__u32 started;
};
/* ... and a source address of a tenant. A cell stands in one of SVR_SOURCE_TRIES places from its hash on; it is free while live is
 * 0. Sources that find no place are not counted (SVR_F_SOURCE). There are half as many cells as buckets. */
#define SVR_SOURCE_TRIES 8
struct svr_source {
	__u32 live;
	__u32 tag;
	__u32 half_open;
	__u32 reserved;
};

/* life, tcp_state, tcp_before_reset, end_reason as one word. */
#define SVR_WORD_LIFE(word) ((word) & 0xff)
#define SVR_WORD_TCP(word) ((word) >> 8 & 0xff)
#define SVR_WORD_BEFORE(word) ((word) >> 16 & 0xff)
#define SVR_WORD_END(word) ((word) >> 24)
#define SVR_WORD_IS_LIVE(word) (SVR_WORD_LIFE(word) == SVR_LIFE_LIVE)
#define SVR_WORD_IS_HALF_OPEN(word) \
	(SVR_WORD_IS_LIVE(word) && (SVR_WORD_TCP(word) == SVR_TCP_SYN_SENT || SVR_WORD_TCP(word) == SVR_TCP_SYN_RCVD))

/* ---- interfaces, next hops, addresses -------------------------------------------------------------------------- */

#define SVR_IF_SHARED 0x1u /* configuration marks it as shared with the host's own traffic */
#define SVR_IF_HOSTS 0x2u  /* hosts live here: packets to foreign addresses are first packets */
#define SVR_IF_SOURCES 0x4u /* first packets of hosts must come from an address in `members` */
#define SVR_IF_FILTER_SHIFT 4 /* the bits above: generation of the interface's filter, 1-4095; 0 none */

struct svr_interface {
	__u32 ifindex;         /* of the kernel; 0: unused place */
	__u16 ifnum;
	__u16 flags;
};
/* A cache line of the map `interfaces`; an interface stands in line ifindex % SVR_INTERFACE_LINES, in any place. */
#define SVR_INTERFACE_LINES 256
#define SVR_INTERFACE_PLACES 8
struct svr_interfaces {
	struct svr_interface at[SVR_INTERFACE_PLACES];
};

#define SVR_NH_CUTTABLE 0x1u /* no MTU of the peer path is known: packets leave with DF=0 and an identification of their own */
struct svr_nexthop {       /* key: u32 index, 0 unused */
	__u32 ifindex;         /* 0: entry unused, or interface missing */
	__u16 ifnum;
	__u8 family;           /* of the gateway */
	__u8 flags;
	__u8 gateway[16];      /* all zero: on link, the packet's own destination is the neighbour */
	__u16 vlan;
	__u16 mtu;             /* IP bytes; path MTU on a peer path */
	__u16 mss4;            /* clamp for IPv4 and IPv6 inner SYN segments; 0 none */
	__u16 mss6;
};

#define SVR_LOCAL_WAYPOINT 0x1u /* peers send here */
#define SVR_LOCAL_PEER 0x2u     /* not ours: address of a peer known on a shared interface; unknown packets of others stay the host's */
struct svr_address {       /* key of `locals` */
	__u32 family;
	__u8 address[16];
};
struct svr_local {
	__u32 flags;
};

/* Token buckets in front of the punt rings. Key: tenant on a host interface, remote address on a waypoint address. */
struct svr_bucket_key {
	__u16 kind;            /* 1 tenant, 2 remote address, 0 shared by all that found the map full */
	__u16 family;
	__u32 tenant;
	__u8 address[16];
};
struct svr_tokens {        /* one packet costs 1 s / per_second; at most burst packets may be ahead of the clock */
	__u64 paid_until_ns;   /* monotonic; changed by compare-and-swap */
	__u64 refused;
};
#define SVR_RATE_REMOTE 0u             /* key of `rates` for every remote address */
#define SVR_RATE_NO_TENANT 0xffffffffu /* ... for packets of hosts without a tenant */
struct svr_rate {          /* map `rates`: one of the keys above, else a tenant id; no entry is unlimited */
	__u32 per_second;      /* 0 unlimited */
	__u32 burst;
};
/* LPM key of `members`: who talks on a host interface. prefixlen counts from ifnum on: 64 + prefix bits. Value: __u32 tenant id. */
struct svr_member_key {
	__u32 prefixlen;
	__u16 ifnum;
	__u16 vlan;
	__u8 family;
	__u8 zero[3];
	__u8 address[16];
};

/* ---- records from eBPF to user space ---------------------------------------------------------------------------- */

enum svr_punt_cause {
	SVR_PUNT_MISS = 1,     /* no flow, packet of a host */
	SVR_PUNT_METADATA = 2, /* cookie on a waypoint address, no flow */
	SVR_PUNT_UNKNOWN = 3,  /* no cookie, waypoint address and port range, no flow, no socket */
	SVR_PUNT_COOKIE = 4,   /* flow known, a segment starts with the cookie */
	SVR_PUNT_NEED_META = 5,/* flow known, this direction needs metadata */
	SVR_PUNT_SLOW = 6,     /* flow known, slow flag */
	SVR_PUNT_MTU = 7,      /* flow known, too big for the next hop */
	SVR_PUNT_FRAGMENT = 8, /* IP fragment of any kind */
	SVR_PUNT_NEW_SYN = 9,  /* SYN with another ISN on a session in RESET or GUARD */
	SVR_PUNT_TTL = 10,     /* TTL would reach 0 */
	SVR_PUNT_ERROR = 11,   /* ICMP error; the session is the one it quotes, the side the one it came from */
	SVR_PUNT_OPEN = 12,    /* to a protect worker: as it came, to be verified and decrypted */
	SVR_PUNT_SEAL = 13,    /* to a protect worker: rewritten, to be sealed and sent */
};

/* In front of every punted packet; the packet follows from its IP header on. */
struct svr_punt {
	__u64 time_ns;         /* monotonic */
	__u32 length;          /* bytes of packet that follow */
	__u32 entry;           /* flow index entry, 0 none: ((session + 1) << 1) | side of arrival */
	__u16 cause;
	__u16 ifnum;
	__u16 vlan;
	__u16 gso_size;        /* 0: one wire packet; of a tunnel that of the packet inside */
	__u16 gso_segments;
	__u16 local_flags;     /* svr_local.flags of the destination address, 0 if not ours; SVR_PUNT_SEAL: index of the next hop */
	__u8 source_mac[6];
	__u16 flags;           /* SVR_PUNT_PARTIAL ... SVR_PUNT_PLAIN */
	__u16 sum_start;       /* with PARTIAL: what the checksum covers starts here, from the IP header on */
	__u16 sum_field;       /* ... and it stands here */
};
#define SVR_PUNT_PARTIAL 0x1u /* a checksum was left to offload: good, not yet computed (its field holds the pseudo header sum) */
#define SVR_PUNT_COPIED 0x2u  /* its session is captured, and it was copied as it came; an ICMP error is not, but its quoted session is captured */
#define SVR_PUNT_OPENED 0x4u  /* a protect worker verified and decrypted it: nothing of it is sealed any more */
#define SVR_PUNT_PLAIN 0x8u   /* to a protect worker: bodies of its direction were not encrypted when it passed, whatever they are when it is read */

enum svr_record_type {
	SVR_RECORD_START = 1,
	SVR_RECORD_INTERIM = 2,
	SVR_RECORD_END = 3,
	SVR_RECORD_RELEASE = 4, /* quarantine over: the waypoint pair or NAT port may be used again */
};
struct svr_record {
	__u64 time_ms;         /* monotonic */
	__u32 type;
	__u32 index;           /* slot */
	struct svr_session session;
};

/* Per-CPU counters of one interface. */
struct svr_ifstats {
	__u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
};

/* A frame sent into loopback: destination MAC = magic(4), next hop(2), both big-endian; source MAC = settings.inject_mac; ethertype
 * IPv4 or IPv6; then the packet. Those of protect workers are in svr_protect.h. */
#define SVR_INJECT_KERNEL 0 /* in place of a next hop: the packet is the kernel's after all, as if it had arrived */
#define SVR_INJECT_MAGIC 0x02535652u

#include "svr_copies.h"
#include "svr_protect.h"
#include "svr_rules.h"
#include "svr_refused.h"
#endif
