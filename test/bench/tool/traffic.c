/* SPDX-License-Identifier: Apache-2.0 */
/* Small packets through a pair of routers on one CPU: frames appear on the first router's device as from a driver (XDP live
 * frames), the whole path runs in softirqs of the same CPU, and the server's device counts. What arrived counts, not what was
 * sent. All flows are opened before, by packets that are answered. */
#define _GNU_SOURCE
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS, which older headers lack */
#define LIVE_FRAMES (1u << 1) /* BPF_F_TEST_XDP_LIVE_FRAMES */
#define BATCH 64u
#define UDP 17
#define OPEN_SECONDS 20
#define OPEN_WINDOW 128

int traffic_program(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	MUST(program, "no program %s", name);
	return bpf_program__fd(program);
}

struct bench_control *traffic_load(const char *object, struct bpf_object **out)
{
	struct bench_control *control;
	long page = sysconf(_SC_PAGESIZE);

	*out = bpf_object__open_file(object, NULL);
	MUST(*out && !bpf_object__load(*out), "cannot load %s", object);
	control = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_object__find_map_fd_by_name(*out, "control"), 0);
	MUST(control != MAP_FAILED, "cannot map the control block");
	return control;
}

__u32 traffic_enter(const char *netns, const char *device)
{
	char path[256];
	__u32 ifindex;
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0 && !setns(fd, CLONE_NEWNET), "cannot enter %s", netns);
	close(fd);
	ifindex = if_nametoindex(device);
	MUST(ifindex, "no device %s in %s", device, netns);
	return ifindex;
}

/* No flow was answered yet. */
static void forget(struct traffic *t)
{
	__u64 zero = 0;

	for (__u32 word = 0; word <= t->control->flows / 8; word++)
		MUST(!bpf_map_update_elem(bpf_object__find_map_fd_by_name(t->object, "seen"), &word, &zero, BPF_ANY), "marks");
}

int traffic_attach(struct traffic *t, const char *program, const char *netns, const char *device)
{
	__u32 ifindex = traffic_enter(netns, device);
	int link = bpf_link_create(traffic_program(t->object, program), (int)ifindex, TCX_INGRESS, NULL);

	MUST(link >= 0, "cannot attach to %s: %s", device, strerror(errno));
	return link;
}

void traffic_open(struct traffic *t, const char *object, char **places)
{
	struct flows flows = { 4, UDP, SVR_TCP_NONE };
	struct svr_device device;

	t->control = traffic_load(object, &t->object);
	flows_frame(t->control, &flows, FORWARD);
	t->ifindex = traffic_enter(places[0], places[1]);
	MUST(!svr_device_find(places[1], &device, sizeof(device)), "no device %s", places[1]);
	memcpy(t->control->frame, device.mac, 6);
	memcpy(t->control->frame + 6, "\x02\0\0\0\0\x99", 6);
}

__u32 traffic_spray(struct traffic *t, __u32 packets)
{
	struct xdp_md md = { .data_end = t->control->size, .ingress_ifindex = t->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = t->control->frame, .data_size_in = t->control->size, .ctx_in = &md,
		    .ctx_size_in = sizeof(md), .repeat = (int)packets, .flags = LIVE_FRAMES, .batch_size = packets < BATCH ? packets : BATCH);

	MUST(!bpf_prog_test_run_opts(traffic_program(t->object, "bench_spray"), &opts), "live frames: %s", strerror(errno));
	return opts.duration;
}

/* Seconds of one spray without what the call itself takes: the kernel swaps the dispatched program and waits for all readers. */
static double timed(struct traffic *t, __u32 packets, __u32 *inside_ns)
{
	double start = seconds_now(), call;

	traffic_spray(t, 1);
	call = seconds_now() - start;
	start = seconds_now();
	*inside_ns = traffic_spray(t, packets);
	return seconds_now() - start - call;
}

/* The second and third packet of a session bring it from metadata to the fast path. */
static void open_flows(struct traffic *t, char **places)
{
	int echo = traffic_attach(t, "bench_echo", places[4], places[5]), answered_at = traffic_attach(t, "bench_answered", places[2], places[3]);
	__u32 host = traffic_enter(places[2], places[3]);
	struct opening_plan plan = { .count = t->control->flows, .window = OPEN_WINDOW, .seconds = OPEN_SECONDS };
	struct opened opened;

	for (int i = 0; i < 3; i++) {
		forget(t);
		opened = opening_run(t, host, &plan);
		MUST(opened.answered == plan.count, "%u of %u flows were answered in %d s", opened.answered, plan.count, OPEN_SECONDS);
	}
	close(echo);
	close(answered_at);
}

/* Without routers in between (the router's place is the server's) it measures what making and counting a packet costs. */
int traffic_command(int argc, char **argv)
{
	struct traffic t = {};
	__u64 sent, received;
	__u32 packets, ns;
	double seconds;
	bool routed;

	MUST(argc == 10, "traffic: ten words");
	routed = strcmp(argv[1], argv[5]) || strcmp(argv[2], argv[6]);
	traffic_open(&t, argv[0], argv + 1);
	t.control->flows = number(argv[8]);
	packets = number(argv[9]);
	MUST(t.control->flows && !(t.control->flows & (t.control->flows - 1)) && t.control->flows <= 1 << BENCH_LOW_BITS, "flows: a power of two");
	pin_to_cpu(number(argv[7]));
	if (routed)
		open_flows(&t, argv + 1);
	t.ifindex = traffic_enter(argv[1], argv[2]);
	traffic_attach(&t, "bench_sink", argv[5], argv[6]);
	traffic_enter(argv[1], argv[2]);
	traffic_spray(&t, packets / 8); /* warm */
	sent = t.control->next + 1;
	received = t.control->received + 1;
	seconds = timed(&t, packets, &ns);
	sent = t.control->next - sent;
	received = t.control->received - received;
	printf("{\"sent\":%llu,\"received\":%llu,\"seconds\":%.6f,\"inside_ns\":%u}\n", (unsigned long long)sent, (unsigned long long)received, seconds, ns);
	return 0;
}

int steady_command(int argc, char **argv)
{
	struct timespec settle = { .tv_nsec = 300000000 };
	struct traffic t = {};
	__u64 before;

	MUST(argc == 11, "steady: eleven words");
	traffic_open(&t, argv[0], argv + 1);
	t.control->flows = number(argv[8]);
	pin_to_cpu(number(argv[7]));
	open_flows(&t, argv + 1);
	traffic_attach(&t, "bench_sink", argv[5], argv[6]);
	puts("running");
	fflush(stdout);
	before = t.control->received;
	opening_steady(&t, traffic_enter(argv[3], argv[4]), t.control->flows, number(argv[9]), number(argv[10]) / 1000.0);
	nanosleep(&settle, NULL);
	printf("{\"sent\":%llu,\"received\":%llu}\n", (unsigned long long)t.control->next, (unsigned long long)(t.control->received - before));
	return 0;
}
