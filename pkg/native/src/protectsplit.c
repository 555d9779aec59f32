/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a protect ring into single wire packets, and their headers made true again when they leave. A super-packet stands for
 * segments of gso_size bytes of payload; sealed, each of them is a packet of its own, since its sequence number does not tell its length. */
#include "protectbatch.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#define TCP_FLAGS_AT 13u
#define TCP_ENDS (TH_FIN | TH_PUSH)
#define TCP_CWR 0x80u

/* Where everything stands in the packet of a record. */
struct shape {
	const __u8 *packet;
	__u32 l3_length, l4_length, body, length, each;
	__u8 version, proto;
};

static int read_shape(const struct svr_punt *punt, struct shape *shape)
{
	const __u8 *packet = (const __u8 *)(punt + 1);
	__u32 payload;

	*shape = (struct shape){ .packet = packet, .length = punt->length, .version = punt->length ? packet[0] >> 4 : 0 };
	shape->l3_length = shape->version == 4 ? (packet[0] & 15u) * 4 : sizeof(struct ip6_hdr);
	if ((shape->version != 4 && shape->version != 6) || punt->length < shape->l3_length + sizeof(struct udphdr))
		return 0;
	shape->proto = packet[shape->version == 4 ? offsetof(struct iphdr, protocol) : offsetof(struct ip6_hdr, ip6_nxt)];
	if (shape->proto == IPPROTO_TCP && punt->length >= shape->l3_length + sizeof(struct tcphdr))
		shape->l4_length = (packet[shape->l3_length + 12] >> 4) * 4u;
	else if (shape->proto == IPPROTO_UDP)
		shape->l4_length = sizeof(struct udphdr);
	shape->body = shape->l3_length + shape->l4_length;
	if (!shape->l4_length || (shape->proto == IPPROTO_TCP && shape->l4_length < sizeof(struct tcphdr)) || shape->body > punt->length)
		return 0;
	payload = punt->length - shape->body;
	shape->each = punt->gso_size && payload > punt->gso_size ? punt->gso_size : payload;
	return shape->body + shape->each + SVR_WIRE_ROOM <= 65535;
}

/* Sequence number, flags and identification of a segment of a super-packet. */
static void number_segment(const struct shape *shape, __u8 *packet, __u32 at, __u32 number)
{
	__u8 *tcp = packet + shape->l3_length;
	__u32 seq;
	__u16 id;

	if (shape->version == 4 && number) {
		memcpy(&id, packet + offsetof(struct iphdr, id), sizeof(id));
		id = htons((__u16)(ntohs(id) + number));
		memcpy(packet + offsetof(struct iphdr, id), &id, sizeof(id));
	}
	if (shape->proto != IPPROTO_TCP)
		return;
	memcpy(&seq, tcp + offsetof(struct tcphdr, seq), sizeof(seq));
	seq = htonl(ntohl(seq) + at);
	memcpy(tcp + offsetof(struct tcphdr, seq), &seq, sizeof(seq));
	if (at + shape->each < shape->length - shape->body)
		tcp[TCP_FLAGS_AT] &= (__u8)~TCP_ENDS;
	if (number)
		tcp[TCP_FLAGS_AT] &= (__u8)~TCP_CWR;
}

/* The payload from `at` on as a packet of its own, shifted by the counter that an encrypted body begins with. */
static void add_segment(struct svr_batch *batch, const struct shape *shape, __u32 at, const struct svr_wire *like)
{
	__u32 left = shape->length - shape->body - at, size = left < shape->each ? left : shape->each;
	__u32 shift = !like->opens && like->cipher && size ? SVR_WIRE_COUNTER : 0;
	struct svr_wire *wire = &batch->wires[batch->count++];

	*wire = *like;
	wire->packet = batch->arena + batch->used + ETH_HLEN;
	wire->l3_length = shape->l3_length;
	wire->l4_length = shape->l4_length;
	wire->body = shape->body;
	wire->length = shape->body + shift + size;
	if (shape->proto == IPPROTO_TCP && shift && size == shape->each)
		wire->position = (__u8)(at / shape->each % SVR_POSITIONS);
	memcpy(wire->packet, shape->packet, shape->body);
	memcpy(wire->packet + shape->body + shift, shape->packet + shape->body + at, size);
	number_segment(shape, wire->packet, at, shape->each ? at / shape->each : 0);
	batch->used += (ETH_HLEN + shape->body + size + SVR_WIRE_ROOM + 63u) & ~63u;
}

static __u16 read16(const __u8 *at)
{
	__u16 word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Session and peer of a record; the reason when something is missing. */
static __u32 find_keys(struct svr_vault *protect, const struct svr_punt *punt, struct svr_wire *wire)
{
	__u32 side = punt->entry & 1, bits;

	wire->index = (punt->entry >> 1) - 1;
	wire->flow = punt->entry;
	wire->direction = (__u8)side;
	wire->opens = punt->cause == SVR_PUNT_OPEN;
	wire->cipher = NULL;
	wire->nexthop = punt->local_flags;
	wire->marked = (punt->flags & SVR_PUNT_COPIED) != 0;
	wire->plain = (punt->flags & SVR_PUNT_PLAIN) != 0;
	wire->entry = wire->index < protect->slots ? protect->entries[wire->index] : NULL;
	if (!wire->entry)
		return SVR_DROP_NO_KEY;
	bits = (__u32)wire->entry->protect << SVR_PROTECT_SHIFT;
	wire->pair = protect->pairs[svr_wire_peer(wire)];
	bits &= wire->plain ? 0 : side ? SVR_PROTECT_BODY_REV : SVR_PROTECT_BODY_FWD;
	if (bits)
		wire->cipher = wire->entry->current;
	if (!wire->pair || (wire->pair->mode && !(wire->opens ? wire->pair->receives : wire->pair->sends)))
		return SVR_DROP_NO_KEY;
	return bits && !wire->cipher ? SVR_DROP_NO_KEY : 0;
}

__u32 svr_wire_peer(const struct svr_wire *wire)
{
	return wire->entry->peer[wire->opens ? wire->direction : wire->direction ^ 1];
}

__u32 svr_batch_add(struct svr_batch *batch, const struct svr_punt *punt, struct svr_vault *protect, void (*flush)(void *context), void *context)
{
	struct svr_wire like = { .summed = 1 };
	struct shape shape;
	__u32 missing = find_keys(protect, punt, &like), at = 0;

	if (missing)
		return missing;
	if (!read_shape(punt, &shape))
		return SVR_DROP_TOO_BIG;
	if (shape.proto == IPPROTO_UDP && shape.version == 4 && !(punt->flags & SVR_PUNT_PARTIAL))
		like.summed = read16(shape.packet + shape.l3_length + offsetof(struct udphdr, uh_sum)) != 0;
	if (!like.opens && like.summed && !punt->gso_size && !(punt->flags & SVR_PUNT_PARTIAL)) {
		struct svr_wire whole = { .packet = (__u8 *)shape.packet, .length = shape.length, .l3_length = shape.l3_length };

		if (svr_batch_sum(&whole) != 0xffff) /* sealing must not make good what a host or a link broke */
			return SVR_DROP_FILTER;
	}
	like.split = shape.each < shape.length - shape.body;
	do {
		if (batch->count == SVR_ENGINE_BURST || batch->used + ETH_HLEN + shape.body + shape.each + 2 * SVR_WIRE_ROOM > SVR_ARENA)
			flush(context), missing = find_keys(protect, punt, &like);
		if (missing)
			return missing;
		add_segment(batch, &shape, at, &like);
		at += shape.each;
	} while (at < shape.length - shape.body);
	return 0;
}

static __u64 add_words(__u64 sum, const __u8 *at, __u32 length)
{
	__u32 word;

	for (; length >= 4; length -= 4, at += 4) {
		memcpy(&word, at, 4);
		sum += word;
	}
	if (length >= 2) {
		sum += read16(at);
		at += 2;
	}
	return length & 1 ? sum + *at : sum; /* little endian: the last byte is the low one of its word */
}

static __u32 fold(__u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)sum;
}

__u32 svr_batch_sum(const struct svr_wire *wire)
{
	int is_ip4 = wire->packet[0] >> 4 == 4;
	__u32 length = wire->length - wire->l3_length;
	__u64 sum = (__u64)htonl(length) + htons(wire->packet[is_ip4 ? offsetof(struct iphdr, protocol) : offsetof(struct ip6_hdr, ip6_nxt)]);

	sum = add_words(sum, wire->packet + (is_ip4 ? offsetof(struct iphdr, saddr) : offsetof(struct ip6_hdr, ip6_src)), is_ip4 ? 8 : 32);
	return fold(add_words(sum, wire->packet + wire->l3_length, length));
}

static void write16(__u8 *at, __u32 value)
{
	__u16 word = htons((__u16)value);

	memcpy(at, &word, sizeof(word));
}

/* Length fields of IP and UDP. */
static void set_lengths(struct svr_wire *wire)
{
	if (wire->packet[0] >> 4 == 4)
		write16(wire->packet + offsetof(struct iphdr, tot_len), wire->length);
	else
		write16(wire->packet + offsetof(struct ip6_hdr, ip6_plen), wire->length - wire->l3_length);
	if (wire->l4_length == sizeof(struct udphdr))
		write16(wire->packet + wire->l3_length + offsetof(struct udphdr, uh_ulen), wire->length - wire->l3_length);
}

void svr_batch_finish(struct svr_wire *wire)
{
	int is_udp = wire->l4_length == sizeof(struct udphdr);
	__u8 *check = wire->packet + wire->l3_length + (is_udp ? offsetof(struct udphdr, uh_sum) : offsetof(struct tcphdr, th_sum));
	__u16 sum = 0;

	set_lengths(wire);
	memcpy(check, &sum, sizeof(sum));
	if (wire->summed) {
		sum = (__u16)~svr_batch_sum(wire);
		if (is_udp && !sum)
			sum = 0xffff;
		memcpy(check, &sum, sizeof(sum));
	}
	if (wire->packet[0] >> 4 == 4) {
		memset(wire->packet + offsetof(struct iphdr, check), 0, 2);
		sum = (__u16)~fold(add_words(0, wire->packet, wire->l3_length));
		memcpy(wire->packet + offsetof(struct iphdr, check), &sum, sizeof(sum));
	}
}
