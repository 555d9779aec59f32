/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of pattern.h as R1 holds them, installed through the product's table, and the frames that hit them. */
#include "tool.h"

#include <arpa/inet.h>

#define BATCH 1024u
#define TCP 6

/* As in test/support/topologies.ts, topology `pair`. */
struct ends {
	const char *host, *server, *waypoint, *peer;
};
static const struct ends ends_of[2] = {
	{ "10.1.0.10", "10.2.0.10", "192.0.2.17", "192.0.2.18" },
	{ "fd00:1::10", "fd00:2::10", "2001:db8:1::1", "2001:db8:1::2" },
};

/* The first four bytes of an address, and the rest of an IPv6 one. */
static void address(__u32 *head, __u32 *rest, int family, const char *text, __u32 high)
{
	__u8 bytes[16] = {};

	MUST(inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes) == 1, "not an address: %s", text);
	bytes[family == 4 ? 3 : 15] += (__u8)high;
	memcpy(head, bytes, 4);
	memcpy(rest, bytes + 4, 12);
}

static void side_of(struct svr_session *s, __u32 number, const struct flows *f, __u32 i)
{
	const struct ends *e = &ends_of[f->family == 6];
	struct svr_side *side = &s->side[number];
	struct svr_tail *tail = &s->tail[number];
	bool lan = number == 0;

	address(&side->remote_be, tail->remote_be, f->family, lan ? e->host : e->peer, 0);
	address(&side->local_be, tail->local_be, f->family, lan ? e->server : e->waypoint, BENCH_HIGH(i));
	side->remote_port_be = htons((__u16)(lan ? BENCH_HOST_PORT + BENCH_LOW(i) : BENCH_PEER_PORT));
	side->local_port_be = htons((__u16)(lan ? BENCH_SERVER_PORT : BENCH_WAYPOINT_PORT + 2 * BENCH_LOW(i)));
	side->ifnum = side->nexthop = lan ? LAN_IFNUM : WAN_IFNUM;
	side->path = lan ? 0 : 1;
	side->proto = f->proto;
	side->family = f->family;
}

static void session_of(struct svr_session *s, const struct flows *f, __u32 i)
{
	memset(s, 0, sizeof(*s));
	side_of(s, 0, f, i);
	side_of(s, 1, f, i);
	s->context_proto = f->proto;
	s->context_family = f->family;
	s->tcp_state = f->tcp_state;
	s->idle_ms = 3600000;
	s->since_ms = (__u32)(svr_abi_clock_ns() / 1000000);
	s->created_ms = svr_abi_clock_ns() / 1000000;
	s->flags = SVR_F_STARTED | SVR_F_SETUP; /* no start record: nobody reads the ring */
	s->role = 1;
	memcpy(s->uuid, &i, sizeof(i));
	s->uuid[8] = f->proto;
	s->uuid[9] = f->family;
	s->label = i & 0xfffff;
}

void flows_install(struct svr_table *table, const struct flows *f, __u32 first, __u32 count)
{
	struct svr_op *ops = calloc(BATCH, sizeof(*ops));
	struct svr_op_result *results = calloc(BATCH, sizeof(*results));

	MUST(ops && results, "no memory");
	for (__u32 from = 0; from < count; from += BATCH) {
		__u32 batch = count - from < BATCH ? count - from : BATCH;

		for (__u32 i = 0; i < batch; i++) {
			ops[i].kind = SVR_OP_INSTALL;
			session_of(&ops[i].session, f, first + from + i);
		}
		MUST(svr_table_apply(table, ops, batch * sizeof(*ops), results, batch * sizeof(*results)) == (int)batch, "install");
		for (__u32 i = 0; i < batch; i++)
			MUST(!results[i].status, "session %u: %s", first + from + i, strerror(-results[i].status));
	}
	free(ops);
	free(results);
}

static __u32 sum_of(const __u8 *bytes, __u32 count, __u32 sum)
{
	for (__u32 i = 0; i < count; i++)
		sum += i & 1 ? bytes[i] : (__u32)bytes[i] << 8;
	return sum;
}

static __u16 fold(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static void put16(__u8 *to, __u32 value)
{
	to[0] = (__u8)(value >> 8);
	to[1] = (__u8)value;
}

static void write_ip(__u8 *ip, const struct svr_key *key, __u32 l4_bytes)
{
	if (key->family == 4) {
		memcpy(ip, "\x45\0\0\0\0\0\x40\0\x40", 9);
		ip[9] = key->proto;
		put16(ip + 2, 20 + l4_bytes);
		memcpy(ip + 12, key->source, 4);
		memcpy(ip + 16, key->destination, 4);
		put16(ip + 10, fold(sum_of(ip, 20, 0)));
		return;
	}
	ip[0] = 0x60;
	put16(ip + 4, l4_bytes);
	ip[6] = key->proto;
	ip[7] = 64;
	memcpy(ip + 8, key->source, 16);
	memcpy(ip + 24, key->destination, 16);
}

static void write_l4(__u8 *l4, const struct svr_key *key, __u32 bytes)
{
	__u32 words = key->family == 4 ? 4 : 16, sum = sum_of(key->destination, words, sum_of(key->source, words, key->proto + bytes));

	memcpy(l4, &key->source_port_be, 2);
	memcpy(l4 + 2, &key->destination_port_be, 2);
	if (key->proto == TCP)
		memcpy(l4 + 12, "\x50\x10\xff\xff", 4); /* an acknowledgement without data */
	else
		put16(l4 + 4, bytes);
	put16(l4 + (key->proto == TCP ? 16 : 6), fold(sum_of(l4, bytes, sum)));
}

void flows_frame(struct bench_control *control, const struct flows *f, enum way way)
{
	__u32 l4 = f->family == 4 ? 34 : 54, bytes;
	struct svr_session session;
	struct svr_key key;

	session_of(&session, f, 0);
	svr_side_key(&session, way == REVERSE, &key);
	memset(control->frame, 0, sizeof(control->frame));
	control->size = f->family == 4 ? BENCH_FRAME_IP4 : BENCH_FRAME_IP6;
	put16(control->frame + 12, f->family == 4 ? 0x0800 : 0x86dd);
	bytes = f->proto == TCP ? 20 : control->size - l4; /* TCP: no data, or it would count as sent again */
	write_ip(control->frame + 14, &key, bytes);
	write_l4(control->frame + l4, &key, bytes);
	control->address_at = l4 - 1;
	control->port_at = l4 + (way == FORWARD ? 0 : 2);
	control->port_scale = way == FORWARD ? 1 : 2;
	control->balance_at = l4 + (f->proto == TCP ? 18 : 8); /* urgent pointer, or data */
	control->check_at = f->family == 4 ? 24 : 0;
	control->step = 2654435761u;
}
