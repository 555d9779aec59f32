/* SPDX-License-Identifier: Apache-2.0 */
/* Attaches programs to devices through pinned tcx links: a live link is updated in place, so that no packet sees a gap; a severed
 * one is made anew. Removing a pin detaches; that is done by whoever owns the directory. Called by pkg/datapath. */
#include "load.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS; the distribution's headers are older than the kernels we run on */
#define LINK_TYPE_TCX 11

/* struct bpf_link_info as far as tcx goes. */
struct tcx_info {
	__u32 type, id, prog_id, pad;
	__u32 ifindex, attach_type;
	__u8 rest[64];
};

static int device_of(int link_fd)
{
	struct tcx_info info = {};
	__u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(link_fd, &info, &length))
		return -errno;
	return info.type == LINK_TYPE_TCX && info.attach_type == TCX_INGRESS ? (int)info.ifindex : -EPROTO;
}

int svr_attach_device(const char *pin)
{
	int fd = bpf_obj_get(pin), device;

	if (fd < 0)
		return fd;
	device = device_of(fd);
	close(fd);
	return device;
}

static int program_of(struct svr_load *load, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(load->object, name);

	return program ? bpf_program__fd(program) : -ENOENT;
}

static int make(int program_fd, __u32 ifindex, const char *pin)
{
	int fd = bpf_link_create(program_fd, (int)ifindex, TCX_INGRESS, NULL), error;

	if (fd < 0)
		return fd;
	error = bpf_obj_pin(fd, pin);
	close(fd);
	return error ? error : 1;
}

int svr_attach_set(struct svr_load *load, const char *program, __u32 ifindex, const char *pin)
{
	int program_fd = program_of(load, program), link_fd, device, error;

	if (program_fd < 0)
		return program_fd;
	link_fd = bpf_obj_get(pin);
	if (link_fd < 0)
		return link_fd == -ENOENT ? make(program_fd, ifindex, pin) : link_fd;
	device = device_of(link_fd);
	if (device == (int)ifindex) {
		error = bpf_link_update(link_fd, program_fd, NULL);
		close(link_fd);
		return error;
	}
	close(link_fd);
	if (device < 0)
		return device;
	if (unlink(pin))
		return -errno;
	return make(program_fd, ifindex, pin);
}

int svr_attach_call(struct svr_load *load, const char *program)
{
	__u8 frame[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);
	int program_fd = program_of(load, program), error;

	if (program_fd < 0)
		return program_fd;
	error = bpf_prog_test_run_opts(program_fd, &options);
	return error ? error : (int)options.retval;
}
