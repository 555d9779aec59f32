/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about one network device of the calling thread's namespace. Called by pkg/datapath and pkg/netio. */
#include "svr_native.h"

#include <errno.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
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

static int is_vlan_of(int fd, const char *device, const char *name, __u32 vlan)
{
	struct vlan_ioctl_args request = { .cmd = GET_VLAN_REALDEV_NAME_CMD };

	strncpy(request.device1, device, sizeof(request.device1) - 1);
	if (ioctl(fd, SIOCGIFVLAN, &request) || strcmp(request.u.device2, name))
		return 0;
	request.cmd = GET_VLAN_VID_CMD;
	return !ioctl(fd, SIOCGIFVLAN, &request) && (__u32)request.u.VID == vlan;
}

int svr_device_vlan(const char *name, __u32 vlan, struct svr_device *out, __u32 out_size)
{
	struct if_nameindex *all;
	int fd, error = -ENODEV;

	if (out_size < sizeof(*out) || strlen(name) >= IFNAMSIZ)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	all = if_nameindex();
	for (struct if_nameindex *one = all; one && one->if_name && error == -ENODEV; one++)
		if (is_vlan_of(fd, one->if_name, name, vlan))
			error = query(fd, one->if_name, out);
	if (all)
		if_freenameindex(all);
	close(fd);
	return error;
}
