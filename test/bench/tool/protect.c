/* SPDX-License-Identifier: Apache-2.0 */
/* What the protect engine alone does on one core: seals super-packets of 64 KiB, or small packets, and opens what comes out, without ring
 * and socket. Two stores play two routers; everything that is opened is compared with what was sealed at the first round. */
#include "tool.h"

#include "../../../pkg/native/src/protect.h"

#include <arpa/inet.h>
#include <string.h>

#define HEADERS 40u
#define ETHERNET 14u
#define OUT_ROOM (1u << 20)
#define RECORDS 32u

static const __u8 uuid[16] = { 7 };

static struct svr_protect_worker *open_side(__u8 sends, __u8 receives, __u16 bits, __u16 first, __u16 second, __u8 suite)
{
	struct svr_protect_peer peer = { .peer = 9, .mode = SVR_PROTECT_TIMED, .window = 1, .sends = 1, .receives = 1 };
	struct svr_protect_session session = { .index = 0, .protect = bits, .peer = { first, second }, .suite = suite, .key_index = 1 };
	struct svr_protect_worker *worker;
	struct svr_vault *vault;
	__u8 mac[6] = { 2 };

	memset(peer.send.hmac, sends, sizeof(peer.send.hmac));
	memset(peer.receive[0].hmac, receives, sizeof(peer.receive[0].hmac));
	memcpy(session.uuid, uuid, sizeof(uuid));
	memset(session.key, 5, sizeof(session.key));
	MUST(!svr_protect_create(64, &vault), "cannot make a store of keys");
	MUST(!svr_protect_peer(vault, &peer, sizeof(peer)) && !svr_protect_session(vault, &session, sizeof(session)), "keys are refused");
	MUST(!svr_protect_worker_open(vault, "", mac, sizeof(mac), -1, &worker), "cannot open a worker");
	return worker;
}

/* Appends a record; returns where the next one begins. */
static __u32 put(__u8 *to, __u32 at, __u16 cause, __u16 gso, const __u8 *packet, __u32 length)
{
	struct svr_punt punt = { .length = length, .entry = 2, .cause = cause, .gso_size = gso, .flags = SVR_PUNT_PARTIAL };

	memcpy(to + at, &punt, sizeof(punt));
	memcpy(to + at + sizeof(punt), packet, length);
	return (at + (__u32)sizeof(punt) + length + 7u) & ~7u;
}

static void make_packet(__u8 *packet, __u32 payload)
{
	memset(packet, 0, HEADERS);
	packet[0] = 0x45;
	packet[2] = (__u8)((HEADERS + payload) >> 8);
	packet[3] = (__u8)(HEADERS + payload);
	packet[6] = 0x40;
	packet[8] = 64;
	packet[9] = IPPROTO_TCP;
	packet[32] = 0x50;
	packet[33] = 0x10;
	for (__u32 i = 0; i < payload; i++)
		packet[HEADERS + i] = (__u8)(i * 7);
}

struct side {
	struct svr_protect_worker *worker;
	__u8 *records, *out;
	__u32 used;
	struct svr_protect_call call;
};

/* Seals or opens its records; seconds. */
static double run(struct side *side, __u32 offload)
{
	double begun = seconds_now();

	side->call = (struct svr_protect_call){ .unix_s = 1000, .offload = offload };
	MUST(svr_protect_run(side->worker, &side->call, side->records, side->used, side->out, OUT_ROOM) > 0, "the engine writes no frames");
	return seconds_now() - begun;
}

/* What was sealed, as records of the other router. */
static void hand_over(const struct side *from, struct side *to)
{
	__u32 length;

	to->used = 0;
	for (__u32 at = 0; at < from->call.used; at += 4 + length) {
		memcpy(&length, from->out + at, 4);
		to->used = put(to->records, to->used, SVR_PUNT_OPEN, 0, from->out + at + 4 + ETHERNET, length - ETHERNET);
	}
}

static __u8 *room(void)
{
	__u8 *memory = aligned_alloc(64, 2 * OUT_ROOM);

	MUST(memory, "no memory");
	return memory;
}

int protect_command(int argc, char **argv)
{
	static __u8 packet[HEADERS + 65536];
	struct svr_protect_counts counts;
	struct side sealer = {}, opener = {};
	double seals = 0, opens = 0;
	__u32 suite, payload, each, rounds;

	MUST(argc == 4, "protect takes SUITE PAYLOAD SEGMENT ROUNDS");
	suite = number(argv[0]), payload = number(argv[1]), each = number(argv[2]), rounds = number(argv[3]);
	MUST(payload && payload + HEADERS <= 65535 && each && each <= 1400, "sizes must fit into packets");
	sealer = (struct side){ .worker = open_side(1, 2, suite ? 0x14 : 0x04, 0, 9, (__u8)suite), .records = room(), .out = room() };
	opener = (struct side){ .worker = open_side(2, 1, suite ? 0x11 : 0x01, 9, 0, (__u8)suite), .records = room(), .out = room() };
	make_packet(packet, payload);
	for (__u32 i = 0; i < (payload > each ? 8 : RECORDS); i++)
		sealer.used = put(sealer.records, sealer.used, SVR_PUNT_SEAL, (__u16)(payload > each ? each : 0), packet, HEADERS + payload);
	for (__u32 i = 0; i < rounds; i++) {
		seals += run(&sealer, 0);
		hand_over(&sealer, &opener);
		opens += run(&opener, 1);
	}
	MUST(!svr_protect_counts(opener.worker, &counts, sizeof(counts)), "no counts");
	MUST(counts.opened == (__u64)rounds * (payload > each ? 8 * ((payload + each - 1) / each) : RECORDS), "not all was opened");
	printf("{\"packets\":%llu,\"sealSeconds\":%.6f,\"openSeconds\":%.6f,\"bytes\":%.0f}\n", (unsigned long long)counts.opened, seals, opens,
	       (double)rounds * (payload > each ? 8.0 : RECORDS) * payload);
	return 0;
}
