/* SPDX-License-Identifier: Apache-2.0 */
/* Completes the checksum of a punted packet whose sender (a host on the same machine, or receive coalescing) left it to the device: of
 * TCP or UDP, of a packet inside a tunnel, or the CRC of SCTP. Lengths are checked: packets come from outside. */
#include "checksum.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6
#define SCTP_CHECKSUM 8

static __u64 add_bytes(__u64 sum, const __u8 *data, __u32 length)
{
	__u32 i = 0;

	for (; i + 4 <= length; i += 4) {
		__u32 word;

		memcpy(&word, data + i, 4);
		sum += word;
	}
	if (i < length) {
		__u32 word = 0;

		memcpy(&word, data + i, length - i);
		sum += word;
	}
	return sum;
}

static __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffu) + (sum >> 16);
	sum = (sum & 0xffffu) + (sum >> 16);
	sum = (sum & 0xffffu) + (sum >> 16);
	return (__u16)~sum;
}

struct transport {
	__u8 *header;
	__u32 length;
	__u8 protocol;
	__u64 addresses; /* sum of the pseudo header's */
};

static int find(__u8 *packet, __u32 length, struct transport *out)
{
	__u32 header = length ? (packet[0] >> 4 == 4 ? (packet[0] & 15u) * 4u : 40u) : 0;

	if (header < 20 || length < header)
		return 0;
	out->header = packet + header;
	out->length = length - header;
	out->protocol = packet[0] >> 4 == 4 ? packet[9] : packet[6];
	out->addresses = packet[0] >> 4 == 4 ? add_bytes(0, packet + 12, 8) : add_bytes(0, packet + 8, 32);
	return packet[0] >> 4 == 4 || packet[0] >> 4 == 6;
}

void svr_checksum_complete(__u8 *packet, __u32 length)
{
	struct transport at;
	__u32 field;
	__u16 sum;

	if (!find(packet, length, &at))
		return;
	field = at.protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
	if ((at.protocol != IPPROTO_TCP && at.protocol != IPPROTO_UDP) || at.length < field + 2)
		return;
	memset(at.header + field, 0, 2);
	sum = fold(at.addresses + htons(at.protocol) + htonl(at.length) + add_bytes(0, at.header, at.length));
	if (!sum && at.protocol == IPPROTO_UDP)
		sum = 0xffff;
	memcpy(at.header + field, &sum, 2);
}

/* CRC-32C (RFC 9260 appendix A), four bits at a time. */
static __u32 crc32c(const __u8 *data, __u32 length)
{
	static const __u32 steps[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	__u32 crc = ~0u;

	for (__u32 i = 0; i < length; i++) {
		crc ^= data[i];
		crc = crc >> 4 ^ steps[crc & 15];
		crc = crc >> 4 ^ steps[crc & 15];
	}
	return ~crc;
}

static void finish_crc(__u8 *packet, __u32 length, __u32 start)
{
	__u32 crc;

	memset(packet + start + SCTP_CHECKSUM, 0, 4);
	crc = crc32c(packet + start, length - start);
	for (int i = 0; i < 4; i++)
		packet[start + SCTP_CHECKSUM + i] = (__u8)(crc >> 8 * i);
}

/* The field holds the sum of the pseudo header, or 0. */
static void finish_sum(__u8 *packet, __u32 length, __u32 start, __u32 field)
{
	__u16 sum = fold(add_bytes(0, packet + start, length - start));

	if (!sum)
		sum = 0xffff; /* as the kernel writes it, whatever the protocol */
	memcpy(packet + field, &sum, 2);
}

void svr_checksum_finish(__u8 *packet, __u32 length, __u32 start, __u32 field)
{
	struct transport at;
	int own = find(packet, length, &at) && packet + start == at.header && (at.protocol == IPPROTO_TCP || at.protocol == IPPROTO_UDP);

	if (own)
		svr_checksum_complete(packet, length);
	else if (field < start || field + 2 > length)
		return;
	else if (field == start + SCTP_CHECKSUM && field + 4 <= length)
		finish_crc(packet, length, start);
	else
		finish_sum(packet, length, start, field);
}
