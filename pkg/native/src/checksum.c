/* SPDX-License-Identifier: Apache-2.0 */
/* Completes the TCP or UDP checksum of a punted packet whose sender (a host on the same machine, or receive coalescing) left it
 * to the device. Lengths are checked: packets come from outside. */
#include "checksum.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6

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
