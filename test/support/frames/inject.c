/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Sends packets as they are: `inject DEVICE MAC VLAN` reads lines of hex from standard input, each one IP packet, and sends it to
 * that link address, tagged unless VLAN is 0, checksums and lengths untouched. A line `~START,OFFSET,hex` is one whose checksum is
 * left to offload (CHECKSUM_PARTIAL): it covers what follows START and stands OFFSET behind it; no tag. A line `=` prints
 * `sent COUNT`. Started by test/support/inject.ts. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LONGEST = 1 << 16, MAC = 6, TAG = 4 };

static unsigned long sent;

static void fail(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads hex up to the end of the line; the number of bytes. */
static size_t read_hex(const char *text, uint8_t *to, size_t room)
{
	size_t length = 0;

	for (; digit(text[0]) >= 0 && digit(text[1]) >= 0; text += 2) {
		if (length == room) {
			fprintf(stderr, "inject: longer than %zu bytes\n", room);
			exit(1);
		}
		to[length++] = digit(text[0]) << 4 | digit(text[1]);
	}
	return length;
}

/* A device that has no room now will have some soon: veth queues drain by themselves. */
static void send_packet(int s, struct sockaddr_ll *to, const uint8_t *data, size_t length)
{
	while (sendto(s, data, length, 0, (struct sockaddr *)to, sizeof(*to)) < 0)
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			fail("sendto");
	sent++;
}

/* Room for a tag is in front of the packet. */
static void send_tagged(int s, struct sockaddr_ll *to, uint8_t *packet, size_t length, int vlan)
{
	uint16_t type = htons((packet[0] >> 4) == 6 ? ETH_P_IPV6 : ETH_P_IP), tag[2] = { htons(vlan), type };

	to->sll_protocol = vlan ? htons(ETH_P_8021Q) : type;
	memcpy(packet - TAG, tag, TAG);
	if (vlan)
		send_packet(s, to, packet - TAG, length + TAG);
	else
		send_packet(s, to, packet, length);
}

/* With what a virtual machine says in front of its packets; a socket of its own, because it is then in front of all of them. */
static void send_offloaded(struct sockaddr_ll *to, char *line)
{
	enum { HEADERS = sizeof(struct virtio_net_hdr) + ETH_HLEN };
	static uint8_t data[HEADERS + LONGEST];
	static int s = -1;
	struct virtio_net_hdr *offload = (struct virtio_net_hdr *)data;
	struct ether_header *ethernet = (struct ether_header *)(offload + 1);
	int on = 1;
	size_t length;

	if (s < 0) {
		s = socket(AF_PACKET, SOCK_RAW, 0); /* others have no such header */
		if (s < 0 || setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
			fail("offload");
	}
	memset(data, 0, HEADERS);
	offload->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	offload->csum_start = ETH_HLEN + strtoul(line, &line, 10);
	offload->csum_offset = strtoul(line + 1, &line, 10);
	length = read_hex(line + 1, data + HEADERS, LONGEST);
	to->sll_protocol = htons((data[HEADERS] >> 4) == 6 ? ETH_P_IPV6 : ETH_P_IP);
	memcpy(ethernet->ether_dhost, to->sll_addr, MAC);
	ethernet->ether_shost[0] = 2; /* nobody's */
	ethernet->ether_type = to->sll_protocol;
	send_packet(s, to, data, HEADERS + length);
}

int main(int count, char **words)
{
	static char line[2 * LONGEST + 64];
	static uint8_t data[TAG + LONGEST];
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = MAC };
	int s = socket(AF_PACKET, SOCK_DGRAM, 0);

	if (count != 4 || read_hex(words[2], to.sll_addr, MAC) != MAC)
		return fprintf(stderr, "usage: inject DEVICE MAC VLAN\n"), 2;
	to.sll_ifindex = if_nametoindex(words[1]);
	if (s < 0 || !to.sll_ifindex)
		fail(words[1]);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == '=') {
			printf("sent %lu\n", sent);
			fflush(stdout);
			continue;
		}
		if (line[0] == '~') {
			send_offloaded(&to, line + 1);
			continue;
		}
		size_t length = read_hex(line, data + TAG, LONGEST);

		if (length > 0)
			send_tagged(s, &to, data + TAG, length, atoi(words[3]));
	}
	return 0;
}
