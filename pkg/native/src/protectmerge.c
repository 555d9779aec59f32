/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves a protect worker, as frames for one call of the kernel: opened segments of a TCP flow that follow each other become one
 * super-packet again, as receive offload would have made it, and checksums are left to the device. No payload is copied. */
#include "protectbatch.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#define LONGEST 65535u
#define FLAGS_AT 13u
#define CWR 0x80u
#define ALONE (TH_SYN | TH_FIN | TH_RST | TH_URG | CWR)

static __u32 read32(const __u8 *at)
{
	__u32 word;

	memcpy(&word, at, sizeof(word));
	return ntohl(word);
}

static __u32 payload_of(const struct svr_wire *wire)
{
	return wire->length - wire->body;
}

static int is_segment(const struct svr_wire *wire)
{
	return !wire->drop && wire->l4_length >= sizeof(struct tcphdr) && payload_of(wire) &&
	       !(wire->packet[wire->l3_length + FLAGS_AT] & ALONE);
}

/* Equal but for what differs from segment to segment: lengths, identification, sums. */
static int is_like(const __u8 *a, const __u8 *b, __u32 l3_length)
{
	if (a[0] >> 4 == 6)
		return !memcmp(a, b, 4) && !memcmp(a + 6, b + 6, sizeof(struct ip6_hdr) - 6);
	return !memcmp(a, b, 2) && !memcmp(a + 6, b + 6, 4) && !memcmp(a + 12, b + 12, l3_length - 12);
}

/* Does a segment continue a train of `length` bytes whose first one is `first`? */
static int continues(const struct svr_wire *first, const struct svr_wire *next, __u32 length)
{
	const __u8 *a = first->packet + first->l3_length, *b = next->packet + next->l3_length;

	if (!is_segment(next) || next->flow != first->flow || next->opens != first->opens || next->nexthop != first->nexthop ||
	    next->marked != first->marked || next->body != first->body || next->l4_length != first->l4_length ||
	    payload_of(next) > payload_of(first) || first->body + length + payload_of(next) > LONGEST)
		return 0;
	if (!is_like(first->packet, next->packet, first->l3_length) || read32(b + 4) != read32(a + 4) + length)
		return 0;
	return !memcmp(a + 8, b + 8, 5) && ((a[FLAGS_AT] ^ b[FLAGS_AT]) & (__u8)~TH_PUSH) == 0 && !memcmp(a + 14, b + 14, 2) &&
	       !memcmp(a + sizeof(struct tcphdr), b + sizeof(struct tcphdr), first->l4_length - sizeof(struct tcphdr));
}

__u32 svr_merge_count(const struct svr_batch *batch, __u32 at)
{
	const struct svr_wire *first = &batch->wires[at];
	__u32 count = 1, length = payload_of(first);

	if (!is_segment(first))
		return 1;
	while (at + count < batch->count && count < SVR_TRAIN) {
		const struct svr_wire *last = &batch->wires[at + count - 1], *next = last + 1;

		if ((last->packet[last->l3_length + FLAGS_AT] & TH_PUSH) || payload_of(last) < payload_of(first) || !continues(first, next, length))
			break;
		length += payload_of(next);
		count++;
	}
	return count;
}

static void write16(__u8 *at, __u32 value)
{
	__u16 word = htons((__u16)value);

	memcpy(at, &word, sizeof(word));
}

static __u32 sum16(const __u8 *at, __u32 length)
{
	__u32 sum = 0;

	for (; length >= 2; length -= 2, at += 2)
		sum += (__u32)at[0] << 8 | at[1];
	return sum;
}

static __u32 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Lengths of a packet of `length` bytes, the sum of its IP header, and that of the pseudo header where the device completes it. */
static void finish_headers(struct svr_wire *wire, __u32 length)
{
	__u8 *p = wire->packet, *l4 = p + wire->l3_length;
	int is_ip4 = p[0] >> 4 == 4, is_udp = wire->l4_length == sizeof(struct udphdr);
	__u32 rest = length - wire->l3_length, sum = is_ip4 ? sum16(p + 12, 8) : sum16(p + 8, 32);

	if (is_udp)
		write16(l4 + offsetof(struct udphdr, uh_ulen), rest);
	write16(l4 + (is_udp ? offsetof(struct udphdr, uh_sum) : offsetof(struct tcphdr, th_sum)),
		wire->summed ? fold(sum + rest + (is_udp ? IPPROTO_UDP : IPPROTO_TCP)) : 0);
	if (!is_ip4) {
		write16(p + offsetof(struct ip6_hdr, ip6_plen), rest);
		return;
	}
	write16(p + offsetof(struct iphdr, tot_len), length);
	write16(p + offsetof(struct iphdr, check), 0);
	write16(p + offsetof(struct iphdr, check), ~fold(sum16(p, wire->l3_length)));
}

static void describe(const struct svr_wire *first, __u32 count, struct virtio_net_hdr *out)
{
	int is_udp = first->l4_length == sizeof(struct udphdr);

	memset(out, 0, sizeof(*out));
	if (first->summed) {
		out->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		out->csum_start = (__u16)(ETH_HLEN + first->l3_length);
		out->csum_offset = is_udp ? offsetof(struct udphdr, uh_sum) : offsetof(struct tcphdr, th_sum);
	}
	out->hdr_len = (__u16)(ETH_HLEN + first->body);
	if (count == 1)
		return;
	out->gso_type = first->packet[0] >> 4 == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	out->gso_size = (__u16)payload_of(first);
}

__u32 svr_merge_frame(struct svr_batch *batch, __u32 at, __u32 count, struct virtio_net_hdr *header, struct iovec *parts)
{
	struct svr_wire *first = &batch->wires[at], *last = first + count - 1;
	__u32 length = first->length;

	parts[0] = (struct iovec){ header, sizeof(*header) };
	parts[1] = (struct iovec){ first->packet - ETH_HLEN, first->length + ETH_HLEN };
	for (__u32 i = 1; i < count; i++) {
		struct svr_wire *wire = first + i;

		parts[1 + i] = (struct iovec){ wire->packet + wire->body, payload_of(wire) };
		length += payload_of(wire);
	}
	if (count > 1)
		first->packet[first->l3_length + FLAGS_AT] |= last->packet[last->l3_length + FLAGS_AT] & TH_PUSH;
	finish_headers(first, length);
	describe(first, count, header);
	return count + 1;
}
