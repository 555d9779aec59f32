/* SPDX-License-Identifier: Apache-2.0 */
/* Sends packets of a shard: frames written to loopback whose destination MAC names the next hop; a tcx program there redirects
 * them, so that the kernel keeps resolving neighbours. One socket a shard; a batch is one call. */
#include "send.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 128
#define SHORTEST 20 /* an IPv4 header */
#define LONGEST 65535u
#define SEND_BUFFER (4 << 20)

struct svr_send {
	int fd;
	__u8 inject_mac[ETH_ALEN];
};

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH][2];
	struct ether_header headers[BATCH];
};

static int loopback_up(int fd)
{
	struct ifreq request = { .ifr_name = "lo" };

	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return -errno;
	if (request.ifr_flags & IFF_UP)
		return 0;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) ? -errno : 0;
}

int svr_send_close(struct svr_send *send)
{
	if (send->fd >= 0)
		close(send->fd);
	free(send);
	return 0;
}

static int set_up(struct svr_send *send)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("lo") };
	int size = SEND_BUFFER, error;

	send->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing */
	if (send->fd < 0)
		return -errno;
	error = loopback_up(send->fd);
	if (error)
		return error;
	if (!address.sll_ifindex)
		return -ENODEV;
	if (setsockopt(send->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		return -errno;
	return bind(send->fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

int svr_send_open(const __u8 *inject_mac, __u32 mac_size, struct svr_send **out)
{
	struct svr_send *send;
	int error;

	*out = NULL;
	if (mac_size != ETH_ALEN)
		return -EINVAL;
	send = calloc(1, sizeof(*send));
	if (!send)
		return -ENOMEM;
	send->fd = -1;
	memcpy(send->inject_mac, inject_mac, ETH_ALEN);
	error = set_up(send);
	if (error) {
		svr_send_close(send);
		return error;
	}
	*out = send;
	return 0;
}

int svr_send_raw(struct svr_send *send, struct mmsghdr *messages, __u32 count)
{
	__u32 done = 0;

	while (done < count) {
		int sent = sendmmsg(send->fd, messages + done, count - done, MSG_DONTWAIT);

		if (sent <= 0)
			break;
		done += (__u32)sent;
	}
	return (int)done;
}

int svr_send_offload(struct svr_send *send)
{
	int on = 1;

	return setsockopt(send->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ? -errno : 0;
}

const __u8 *svr_send_mac(const struct svr_send *send)
{
	return send->inject_mac;
}

static int is_valid(const struct svr_send_frame *frame, __u32 data_size)
{
	return frame->nexthop <= 0xffff && frame->length >= SHORTEST && frame->length <= LONGEST && frame->offset <= data_size &&
	       frame->length <= data_size - frame->offset;
}

/* One message of a batch, with the header that names its next hop in front, or as it is. */
static void prepare(const struct svr_send *send, const struct svr_send_frame *frame, const __u8 *data, struct batch *batch, __u32 i)
{
	struct ether_header *header = &batch->headers[i];
	const __u8 *packet = data + frame->offset;
	__u32 magic = htonl(SVR_INJECT_MAGIC);
	__u16 nexthop = htons((__u16)frame->nexthop);

	memcpy(header->ether_dhost, &magic, 4);
	memcpy(header->ether_dhost + 4, &nexthop, 2);
	memcpy(header->ether_shost, send->inject_mac, ETH_ALEN);
	header->ether_type = htons(packet[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	batch->parts[i][0] = (struct iovec){ header, sizeof(*header) };
	batch->parts[i][1] = (struct iovec){ (void *)packet, frame->length };
	batch->messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = batch->parts[i], .msg_iovlen = 2 } };
}

static void prepare_ether(const struct svr_send *send, const struct svr_send_frame *frame, const __u8 *data, struct batch *batch, __u32 i)
{
	(void)send;
	batch->parts[i][0] = (struct iovec){ (void *)(data + frame->offset), frame->length };
	batch->messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = batch->parts[i], .msg_iovlen = 1 } };
}

/* How many were sent; -EINVAL when one of them is none. */
static int send_all(struct svr_send *send, const struct svr_send_frame *frames, __u32 frames_size, const __u8 *data, __u32 data_size, typeof(prepare) *make)
{
	__u32 count = frames_size / (__u32)sizeof(*frames), done = 0;
	struct batch batch;

	if (frames_size % sizeof(*frames))
		return -EINVAL;
	for (__u32 i = 0; i < count; i++)
		if (!is_valid(&frames[i], data_size))
			return -EINVAL;
	while (done < count) {
		__u32 now = count - done < BATCH ? count - done : BATCH, sent;

		for (__u32 i = 0; i < now; i++)
			make(send, &frames[done + i], data, &batch, i);
		sent = (__u32)svr_send_raw(send, batch.messages, now);
		done += sent;
		if (sent < now)
			break;
	}
	return (int)done;
}

int svr_send_frames(struct svr_send *send, const struct svr_send_frame *frames, __u32 frames_size, const __u8 *data, __u32 data_size)
{
	return send_all(send, frames, frames_size, data, data_size, prepare);
}

int svr_send_ether(struct svr_send *send, const struct svr_send_frame *frames, __u32 frames_size, const __u8 *data, __u32 data_size)
{
	return send_all(send, frames, frames_size, data, data_size, prepare_ether);
}
