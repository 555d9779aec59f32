/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds a packet of svr_ingress in the kernel's test run, each packet of another session picked at random. The frame is
 * written anew inside the kernel before each run (bench_spread), whose own cost is measured and taken off. Also what the table
 * costs: kernel memory as the kernel accounts it, and the time of an install. */
#include "tool.h"

#include <errno.h>
#include <unistd.h>

#define ROUNDS 5
#define TC_REDIRECT 7

struct testrun {
	struct plane plane;
	struct bpf_object *object; /* of bench.bpf.c */
	struct bench_control *control;
	int spread;
	__u32 sessions; /* in the table */
	__u32 active;   /* of them carry the packets */
	__u32 runs;
	double nothing, plain;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One measurement: `runs` packets in one call. */
static double run_once(struct testrun *t)
{
	struct __sk_buff skb = { .ifindex = 1 };
	__u8 out[256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = t->control->frame, .data_size_in = t->control->size, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &skb, .ctx_size_in = sizeof(skb), .repeat = (int)t->runs);

	MUST(!bpf_prog_test_run_opts(t->spread, &opts), "test run: %s", strerror(errno));
	MUST(opts.retval == TC_REDIRECT, "the program returned %d", (int)opts.retval);
	return opts.duration;
}

static double median_of(struct testrun *t, int program)
{
	double all[ROUNDS];
	__u32 zero = 0;

	MUST(!bpf_map_update_elem(bpf_object__find_map_fd_by_name(t->object, "under_test"), &zero, &program, BPF_ANY), "tail call");
	run_once(t); /* warm */
	for (int i = 0; i < ROUNDS; i++)
		all[i] = run_once(t);
	qsort(all, ROUNDS, sizeof(*all), by_value);
	return all[ROUNDS / 2];
}

/* Bytes that the kernel accounts for a map. */
static unsigned long long memory_of(const char *dir, const char *map)
{
	unsigned long long bytes = 0;
	char path[512], line[128];
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "%s/%s%s", dir, map, SUFFIX);
	fd = bpf_obj_get(path);
	MUST(fd >= 0, "cannot open %s", path);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	MUST(file, "no %s", path);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "memlock: %llu", &bytes);
	fclose(file);
	return bytes;
}

static __u32 power_of_two_from(__u32 least)
{
	__u32 size = 1;

	while (size < least)
		size *= 2;
	return size;
}

/* Packets that left by an interface: proof that all took the fast path. */
static unsigned long long left_by(const char *dir, __u32 ifnum)
{
	struct svr_ifstats stats[256] = {};
	unsigned long long packets = 0;
	int fd;
	char path[512];

	snprintf(path, sizeof(path), "%s/ifstats%s", dir, SUFFIX);
	fd = bpf_obj_get(path);
	MUST(fd >= 0 && libbpf_num_possible_cpus() <= 256 && !bpf_map_lookup_elem(fd, &ifnum, stats), "cannot read %s", path);
	close(fd);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		packets += stats[cpu].tx_packets;
	return packets;
}

/* The one device of the namespace plays the interface of arrival, and both next hops. */
static void put_devices(const char *dir, __u32 in)
{
	struct svr_interfaces interface = { .at[0] = { 1, (__u16)in, SVR_IF_HOSTS } };
	struct svr_nexthop hop = { .ifindex = 1, .family = 4, .mtu = 1500 };

	plane_put(dir, "interfaces", 1, &interface, sizeof(interface));
	for (__u32 ifnum = LAN_IFNUM; ifnum <= WAN_IFNUM; ifnum++) {
		hop.ifnum = (__u16)ifnum;
		plane_put(dir, "nexthops", ifnum, &hop, sizeof(hop));
	}
}

/* Instructions that the verifier walked, of 1,000,000 that it allows. */
static __u32 verified(int program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	MUST(!bpf_obj_get_info_by_fd(program, &info, &size), "no information about the program");
	return info.verified_insns;
}

/* Net nanoseconds of svr_ingress in one direction. */
static double measure(struct testrun *t, const char *dir, enum way way, const struct flows *flows)
{
	__u32 in = way == FORWARD ? LAN_IFNUM : WAN_IFNUM, out = way == FORWARD ? WAN_IFNUM : LAN_IFNUM;
	unsigned long long before = left_by(dir, out);
	double gross;

	put_devices(dir, in);
	flows_frame(t->control, flows, way);
	t->control->flows = t->active;
	t->nothing = median_of(t, traffic_program(t->object, "bench_nothing"));
	t->plain = median_of(t, traffic_program(t->object, "bench_plain")) - t->nothing;
	gross = median_of(t, plane_program(&t->plane, "svr_ingress"));
	MUST(left_by(dir, out) - before == (unsigned long long)(ROUNDS + 1) * t->runs, "%llu of %llu packets were forwarded",
	     left_by(dir, out) - before, (unsigned long long)(ROUNDS + 1) * t->runs);
	return gross - t->nothing;
}

int testrun_command(int argc, char **argv)
{
	struct testrun t = {};
	struct flows flows;
	double start, install, forward, reverse;

	MUST(argc == 8, "testrun: eight words");
	flows = (struct flows){ (__u8)number(argv[3]), (__u8)number(argv[4]), number(argv[4]) == 6 ? SVR_TCP_ESTABLISHED : SVR_TCP_NONE };
	t.sessions = number(argv[5]);
	t.active = number(argv[6]);
	t.runs = number(argv[7]);
	t.plane = plane_load(argv[0], argv[2], t.sessions, power_of_two_from(t.sessions / 16 * 7));
	t.control = traffic_load(argv[1], &t.object);
	t.spread = traffic_program(t.object, "bench_spread");
	start = seconds_now();
	flows_install(t.plane.table, &flows, 0, t.sessions);
	install = seconds_now() - start;
	forward = measure(&t, argv[2], FORWARD, &flows);
	reverse = measure(&t, argv[2], REVERSE, &flows);
	printf("{\"family\":%u,\"proto\":%u,\"sessions\":%u,\"active\":%u,\"forward_ns\":%.1f,\"reverse_ns\":%.1f,\"plain_ns\":%.1f,\"nothing_ns\":%.1f,"
	       "\"install_us\":%.3f,\"sessions_bytes\":%llu,\"buckets_bytes\":%llu,\"verified\":%u}\n",
	       flows.family, flows.proto, t.sessions, t.active, forward, reverse, t.plain, t.nothing, install / t.sessions * 1e6,
	       memory_of(argv[2], "sessions"), memory_of(argv[2], "buckets"), verified(plane_program(&t.plane, "svr_ingress")));
	return 0;
}
