/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Writes every packet of one device, full length, to a pcap file: `capture DEVICE FILE`. Started by test/support/capture.ts.
 * Prints `ready` when it listens and, on SIGUSR1, `flushed PACKETS` when everything seen so far is in the file; SIGTERM does
 * the same and ends. Exit code 3: the kernel dropped packets for want of room, so the file does not tell the truth. */
#include "device.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 1 << 18, ROOM = 1 << 28, VLAN_BYTES = 4, MACS = 12 };

struct pcap_header { uint32_t magic; uint16_t major, minor; int32_t zone; uint32_t accuracy, longest, link; };
struct pcap_packet { uint32_t seconds, nanoseconds, kept, length; };

static uint8_t frame[LONGEST + VLAN_BYTES];
static unsigned long packets;

static int open_device(const char *device)
{
	int s = device_open(ROOM);

	device_option(s, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	device_option(s, SOL_PACKET, PACKET_AUXDATA, 1);
	return device_bind(s, device);
}

/* The kernel takes the VLAN tag out of the frame: it goes back behind the link addresses. */
static uint8_t *restore_tag(uint8_t *data, ssize_t *length, const struct tpacket_auxdata *aux)
{
	uint16_t tag[2] = { htons(aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETHERTYPE_VLAN), htons(aux->tp_vlan_tci) };

	if (!(aux->tp_status & TP_STATUS_VLAN_VALID) || *length < MACS)
		return data;
	memmove(data - VLAN_BYTES, data, MACS);
	memcpy(data - VLAN_BYTES + MACS, tag, VLAN_BYTES);
	*length += VLAN_BYTES;
	return data - VLAN_BYTES;
}

static void write_packet(FILE *out, uint8_t *data, ssize_t length, struct msghdr *message)
{
	struct tpacket_auxdata aux = {};
	struct timespec at = {};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
			memcpy(&at, CMSG_DATA(c), sizeof(at));
	}
	data = restore_tag(data, &length, &aux);
	struct pcap_packet head = { at.tv_sec, at.tv_nsec, length, length };

	if (fwrite(&head, sizeof(head), 1, out) != 1 || fwrite(data, length, 1, out) != 1)
		fail("write");
	packets++;
}

static void drain(int s, FILE *out)
{
	char control[256];

	for (;;) {
		struct iovec at = { frame + VLAN_BYTES, LONGEST };
		struct msghdr message = { .msg_iov = &at, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t length = recvmsg(s, &message, MSG_DONTWAIT);

		if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (length < 0 && errno != ENETDOWN && errno != EINTR)
			fail("recvmsg");
		if (length > 0)
			write_packet(out, frame + VLAN_BYTES, length, &message);
	}
}

static int dropped(int s)
{
	struct tpacket_stats stats = {};
	socklen_t size = sizeof(stats);

	if (getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
		fail("statistics");
	if (stats.tp_drops)
		fprintf(stderr, "capture: the kernel dropped %u packets\n", stats.tp_drops);
	return stats.tp_drops != 0;
}

int main(int count, char **words)
{
	struct pcap_header header = { 0xa1b23c4d, 2, 4, 0, 0, LONGEST, 1 };
	sigset_t signals;

	if (count != 3)
		return fprintf(stderr, "usage: capture DEVICE FILE\n"), 2;
	FILE *out = fopen(words[2], "wb");
	if (!out || fwrite(&header, sizeof(header), 1, out) != 1)
		fail(words[2]);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	struct pollfd from[2] = { { .fd = open_device(words[1]), .events = POLLIN }, { .fd = signalfd(-1, &signals, SFD_CLOEXEC), .events = POLLIN } };

	puts("ready");
	fflush(stdout);
	for (;;) {
		struct signalfd_siginfo told = {};

		if (poll(from, 2, -1) < 0)
			fail("poll");
		drain(from[0].fd, out);
		if (!(from[1].revents & POLLIN))
			continue;
		if (read(from[1].fd, &told, sizeof(told)) != sizeof(told) || fflush(out))
			fail("flush");
		printf("flushed %lu\n", packets);
		fflush(stdout);
		if (told.ssi_signo == SIGTERM)
			return dropped(from[0].fd) ? 3 : 0;
	}
}
