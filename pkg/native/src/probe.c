/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel can do, asked by trying, and the BPF file system. Called by pkg/datapath before anything is loaded, so that a
 * missing feature has a name instead of a verifier log. Leaves nothing behind but a mount that was asked for. */
#include "svr_native.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sys/mount.h>
#include <unistd.h>

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS */

static int has_mapped_arrays(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "svr_probe", 4, 8, 1, &options);

	if (fd < 0)
		return fd == -EINVAL ? 0 : fd;
	close(fd);
	return 1;
}

/* A kernel without tcx does not know the attach type; with it the list of loopback is empty or not. */
static int has_tcx(void)
{
	__u32 attach_flags = 0, count = 0;
	int error = bpf_prog_query((int)if_nametoindex("lo"), TCX_INGRESS, 0, &attach_flags, NULL, &count);

	if (!error || error == -ENOENT || error == -ENOSPC)
		return 1;
	return error == -EINVAL ? 0 : error;
}

static int has_helper(enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helper, NULL);
}

int svr_probe_feature(__u32 feature)
{
	switch (feature) {
	case SVR_FEATURE_BTF: return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	case SVR_FEATURE_MAPPED_ARRAYS: return has_mapped_arrays();
	case SVR_FEATURE_RING: return libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL);
	case SVR_FEATURE_NEIGHBOUR: return has_helper(BPF_FUNC_redirect_neigh);
	case SVR_FEATURE_TIMER: return has_helper(BPF_FUNC_timer_init);
	case SVR_FEATURE_LOOP: return has_helper(BPF_FUNC_loop);
	case SVR_FEATURE_TCX: return has_tcx();
	}
	return -EINVAL;
}

int svr_probe_mount(const char *dir)
{
	return mount("bpf", dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") ? -errno : 0;
}
