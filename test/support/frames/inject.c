/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Sends packets as they are: `inject DEVICE MAC VLAN` reads lines of hex from standard input, each one IP packet, and sends it to
 * that link address, tagged unless VLAN is 0, checksums and lengths untouched. A line `=` prints `sent COUNT`.
 * Started by test/support/inject.ts. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
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
		size_t length = read_hex(line, data + TAG, LONGEST);

		if (length > 0)
			send_tagged(s, &to, data + TAG, length, atoi(words[3]));
	}
	return 0;
}
