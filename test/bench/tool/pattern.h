/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The flows of the benchmarks, by number: which addresses and ports flow i has at each router. One text for the eBPF generator,
 * the native generator and the installer of sessions. Tests only.
 *
 *   host --lan-- R1 --wan-- R2 --lan-- server
 *
 * i = high * 16384 + low. Host port 20000 + low; waypoint port of R1 16384 + 2 * low, of R2 always 16385. The server's address,
 * and in the test run R1's waypoint address, are raised by high in their last byte: so source NAT never runs out of ports. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#define BENCH_LOW_BITS 14
#define BENCH_LOW(i) ((i) & ((1u << BENCH_LOW_BITS) - 1))
#define BENCH_HIGH(i) ((i) >> BENCH_LOW_BITS)
#define BENCH_HOST_PORT 20000
#define BENCH_SERVER_PORT 5201 /* iperf3 */
#define BENCH_WAYPOINT_PORT 16384
#define BENCH_PEER_PORT 16385
#define BENCH_MAX_FLOWS (1u << 20)
#define BENCH_FRAME 128
#define BENCH_FRAME_IP4 60 /* the smallest on Ethernet, without its checksum */
#define BENCH_SERVER_AT 33 /* last byte of an IPv4 destination */
#define BENCH_FRAME_IP6 76 /* room for a TCP header */

/* What the generator programs are told: one entry of a mmapable map. */
struct bench_control {
	unsigned char frame[BENCH_FRAME]; /* of flow 0 */
	unsigned int size;
	unsigned int flows;         /* power of two */
	unsigned int step;          /* odd; flows are visited in the order n * step modulo flows */
	unsigned int address_at;    /* offset of the byte of the destination address that `high` is added to */
	unsigned int port_at;       /* ... of the port that `low` is added to */
	unsigned int port_scale;    /* ... times this */
	unsigned int balance_at;    /* ... of a word that nobody reads, which keeps the L4 checksum valid */
	unsigned int check_at;      /* ... of the IPv4 header checksum; 0 in IPv6 */
	unsigned long long next;    /* packets made */
	unsigned long long received;
	unsigned long long distinct;
};
#endif
