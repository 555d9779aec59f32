/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* A packet socket of one device, for the tools of this folder: opened with room for what arrives, given its options, then bound. What fails ends
 * the program. */
#ifndef FRAMES_DEVICE_H
#define FRAMES_DEVICE_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static int device_open(int room)
{
	int s = socket(AF_PACKET, SOCK_RAW, 0);

	if (s < 0)
		fail("socket");
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		fail("SO_RCVBUFFORCE");
	return s;
}

static void device_option(int s, int level, int name, int value)
{
	if (setsockopt(s, level, name, &value, sizeof(value)))
		fail("setsockopt");
}

static int device_bind(int s, const char *device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(device) };

	if (!at.sll_ifindex)
		fail(device);
	if (bind(s, (struct sockaddr *)&at, sizeof(at)))
		fail("bind");
	return s;
}
#endif
