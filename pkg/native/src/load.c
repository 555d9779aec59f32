/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the eBPF object, gives its maps their sizes, takes pinned maps over, loads and pins. Called by pkg/datapath in that
 * order. What libbpf says is kept per handle, not printed; libbpf's print hook (the one global thing it has) hands the text to
 * the handle whose call is under way on this thread. */
#include "load.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static __thread struct svr_load *speaking;

static int listen(enum libbpf_print_level level, const char *format, va_list arguments)
{
	struct svr_load *load = speaking;
	int length;

	if (!load || level == LIBBPF_DEBUG || load->said_length >= sizeof(load->said) - 1)
		return 0;
	length = vsnprintf(load->said + load->said_length, sizeof(load->said) - load->said_length, format, arguments);
	if (length > 0)
		load->said_length += (size_t)length;
	if (load->said_length >= sizeof(load->said))
		load->said_length = sizeof(load->said) - 1;
	return length;
}

void svr_load_speak(struct svr_load *load)
{
	speaking = load;
}

int svr_load_close(struct svr_load *load)
{
	bpf_object__close(load->object);
	free(load->verifier);
	free(load);
	return 0;
}

int svr_load_open(const char *object, struct svr_load **out)
{
	struct svr_load *load = calloc(1, sizeof(*load));
	int error = 0;

	*out = NULL;
	if (!load)
		return -ENOMEM;
	load->verifier = calloc(1, SVR_LOAD_VERIFIER);
	if (!load->verifier)
		error = -ENOMEM;
	if (!error) {
		LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_buf = load->verifier, .kernel_log_size = SVR_LOAD_VERIFIER);

		libbpf_set_print(listen);
		svr_load_speak(load);
		load->object = bpf_object__open_file(object, &options);
		svr_load_speak(NULL);
		error = load->object ? 0 : -errno;
	}
	if (error) {
		svr_load_close(load);
		return error;
	}
	*out = load;
	return 0;
}

/* The end of a text, cut to fit behind `used`. */
static __u32 append_end(char *out, __u32 size, __u32 used, const char *text)
{
	size_t length = strlen(text), room = size - used - 1;

	if (length > room) {
		text += length - room;
		length = room;
	}
	memcpy(out + used, text, length);
	out[used + length] = 0;
	return used + (__u32)length;
}

int svr_load_log(struct svr_load *load, char *out, __u32 size)
{
	__u32 used = 0;

	if (size < 2)
		return -EINVAL;
	used = append_end(out, size / 2, used, load->said);
	return (int)append_end(out, size, used, load->verifier);
}

static struct bpf_map *find_map(struct svr_load *load, const char *name)
{
	return bpf_object__find_map_by_name(load->object, name);
}

int svr_load_resize(struct svr_load *load, const char *map, __u32 entries)
{
	struct bpf_map *found = find_map(load, map);

	return found ? bpf_map__set_max_entries(found, entries) : -ENOENT;
}

static struct svr_load_map wanted(const struct bpf_map *map)
{
	return (struct svr_load_map){ bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map),
				      bpf_map__map_flags(map) };
}

int svr_load_reuse(struct svr_load *load, const char *map, const char *pin, struct svr_load_map *out, __u32 out_size)
{
	struct bpf_map *found = find_map(load, map);
	struct bpf_map_info info = {};
	__u32 length = sizeof(info);
	int fd, error;

	if (!found || out_size < 2 * sizeof(*out))
		return -EINVAL;
	fd = bpf_obj_get(pin);
	if (fd < 0)
		return fd;
	error = bpf_obj_get_info_by_fd(fd, &info, &length) ? -errno : 0;
	out[0] = wanted(found);
	out[1] = (struct svr_load_map){ info.type, info.key_size, info.value_size, info.max_entries, info.map_flags };
	if (!error && memcmp(&out[0], &out[1], sizeof(*out)))
		error = -EPROTO;
	if (!error)
		error = bpf_map__reuse_fd(found, fd); /* keeps its own copy of the fd */
	close(fd);
	return error;
}

/* The verifier gives up (EAGAIN) when a signal waits, and libbpf asks only five times: other threads take signals meanwhile. */
int svr_load_run(struct svr_load *load)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	error = -pthread_sigmask(SIG_BLOCK, &all, &before);
	if (error)
		return error;
	svr_load_speak(load);
	error = bpf_object__load(load->object);
	svr_load_speak(NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int svr_load_pin(struct svr_load *load, const char *map, const char *pin)
{
	struct bpf_map *found = find_map(load, map);

	return found ? bpf_obj_pin(bpf_map__fd(found), pin) : -ENOENT;
}

int svr_load_maps(struct svr_load *load, char *out, __u32 size)
{
	struct bpf_map *map;
	__u32 used = 0;

	if (!size)
		return -EINVAL;
	out[0] = 0;
	bpf_object__for_each_map(map, load->object) {
		int length;

		if (bpf_map__is_internal(map))
			continue;
		length = snprintf(out + used, size - used, "%s\n", bpf_map__name(map));
		if (length < 0 || (__u32)length >= size - used)
			return -ENOSPC;
		used += (__u32)length;
	}
	return (int)used;
}
