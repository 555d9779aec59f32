/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about one network device of the calling thread's namespace. Called by pkg/datapath and pkg/netio. */
#include "svr_native.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int query(int fd, const char *name, struct svr_device *out)
{
	struct ifreq request = {};

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFINDEX, &request))
		return -errno;
	out->index = (__u32)request.ifr_ifindex;
	if (ioctl(fd, SIOCGIFMTU, &request))
		return -errno;
	out->mtu = (__u32)request.ifr_mtu;
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return -errno;
	out->flags = (__u16)request.ifr_flags;
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	memcpy(out->mac, request.ifr_hwaddr.sa_data, sizeof(out->mac));
	return 0;
}

int svr_device_find(const char *name, struct svr_device *out, __u32 out_size)
{
	int fd, error;

	if (out_size < sizeof(*out) || strlen(name) >= IFNAMSIZ)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = query(fd, name, out);
	close(fd);
	return error;
}
