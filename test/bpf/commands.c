/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the harness: each reads name=value words and appends one JSON value. */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEST_COMPLETE (1u << 2) /* BPF_F_TEST_SKB_CHECKSUM_COMPLETE */
#define TCX_INGRESS 46 /* BPF_TCX_INGRESS, which older headers lack */

static __u8 packet[MAX_PACKET], result[MAX_PACKET + 256];

static void do_reset(struct harness *h, const char *line)
{
	(void)line;
	reset_maps(h);
	if (h->socket >= 0)
		close(h->socket);
	h->socket = -1;
	must(ring_buffer__consume(h->punts) < 0 || ring_buffer__consume(h->records) < 0 || ring_buffer__consume(h->refusals) < 0 || ring_buffer__consume(h->copies) < 0, "rings");
	h->out_used = 0;
	append(h, "{\"ok\":true}");
}

static void do_forget(struct harness *h, const char *line)
{
	(void)line;
	forget_sessions(h);
	append(h, "{\"ok\":true}");
}

static void put(struct harness *h, const char *map, const void *key, const void *value)
{
	must(bpf_map_update_elem(map_fd(h, map), key, value, 0), map);
	append(h, "{\"ok\":true}");
}

static void do_settings(struct harness *h, const char *line)
{
	struct svr_settings settings;
	__u32 zero = 0;

	settings_read(h, &settings);
	fill_fields(settings_fields, line, &settings);
	put(h, "settings", &zero, &settings);
}

static void do_interface(struct harness *h, const char *line)
{
	__u32 ifindex = word_number(line, "ifindex", 1), at = ifindex % SVR_INTERFACE_LINES, place = 0;
	struct svr_interfaces found;

	must(bpf_map_lookup_elem(map_fd(h, "interfaces"), &at, &found), "interfaces");
	while (place < SVR_INTERFACE_PLACES - 1 && found.at[place].ifindex && found.at[place].ifindex != ifindex)
		place++;
	found.at[place] = (struct svr_interface){ ifindex, word_number(line, "ifnum", 0), word_number(line, "flags", 0) };
	put(h, "interfaces", &at, &found);
}

static void do_nexthop(struct harness *h, const char *line)
{
	struct svr_nexthop nexthop = {};
	__u32 index = word_number(line, "index", 0);

	fill_fields(nexthop_fields, line, &nexthop);
	put(h, "nexthops", &index, &nexthop);
}

static void do_local(struct harness *h, const char *line)
{
	struct svr_address key = { .family = word_number(line, "family", 4) };
	struct svr_local local = { .flags = word_number(line, "flags", 0) };

	word_bytes(line, "address", key.address, 16);
	put(h, "locals", &key, &local);
}

static void do_member(struct harness *h, const char *line)
{
	struct svr_member_key key = { .prefixlen = 64 + word_number(line, "bits", 0), .ifnum = word_number(line, "ifnum", 0),
		.vlan = word_number(line, "vlan", 0), .family = word_number(line, "family", 4) };
	__u32 tenant = word_number(line, "tenant", 0);

	word_bytes(line, "address", key.address, 16);
	put(h, "members", &key, &tenant);
}

/* `data` is the start of struct svr_filter, the rest is zero. */
static void do_filter(struct harness *h, const char *line)
{
	static struct svr_filter filter;
	__u32 ifnum = word_number(line, "ifnum", 0);

	memset(&filter, 0, sizeof(filter));
	word_bytes(line, "data", (__u8 *)&filter, sizeof(filter));
	put(h, "filters", &ifnum, &filter);
}

static void do_rate(struct harness *h, const char *line)
{
	struct svr_rate rate = { .per_second = word_number(line, "per_second", 0), .burst = word_number(line, "burst", 0) };
	__u32 key = word_number(line, "key", 0);

	put(h, "rates", &key, &rate);
}

/* Writes a whole session and its keys. */
static void do_session(struct harness *h, const char *line)
{
	struct svr_session session = {};
	struct svr_gauges gauges;
	__u32 slot = word_number(line, "slot", 0), zero = 0;
	int placed;

	fill_fields(session_fields, line, &session);
	session_write(h, slot, &session);
	placed = index_session(h, slot, &session);
	must(bpf_map_lookup_elem(map_fd(h, "gauges"), &zero, &gauges), "gauges");
	gauges.slots_used++;
	gauges.live += session.life == SVR_LIFE_LIVE;
	gauges.half_open += SVR_WORD_IS_HALF_OPEN(session.life | session.tcp_state << 8);
	gauges.quarantined += session.life == SVR_LIFE_QUARANTINE;
	gauges.high_water = gauges.high_water > slot ? gauges.high_water : slot + 1;
	must(bpf_map_update_elem(map_fd(h, "gauges"), &zero, &gauges, 0), "gauges");
	append(h, "{\"ok\":%s}", placed ? "true" : "false");
}

static void do_patch(struct harness *h, const char *line)
{
	__u32 slot = word_number(line, "slot", 0);
	struct svr_session session;

	session_read(h, slot, &session);
	fill_fields(session_fields, line, &session);
	session_write(h, slot, &session);
	append(h, "{\"ok\":true}");
}

static void do_show(struct harness *h, const char *line)
{
	__u32 slot = word_number(line, "slot", 0);
	struct svr_session session;

	session_read(h, slot, &session);
	append_fields(h, session_fields, &session);
}

static void do_entries(struct harness *h, const char *line)
{
	__u32 slot = word_number(line, "slot", 0);

	append(h, "{\"forward\":%d,\"reverse\":%d}", index_count(h, slot, 0), index_count(h, slot, 1));
}

static void do_fill(struct harness *h, const char *line)
{
	append(h, "{\"placed\":%d}", fill_background(h, word_number(line, "from", 1), word_number(line, "count", 0), word_number(line, "first", 0)));
}

static __u64 sum_of_cpus(struct harness *h, const char *map, __u32 key, size_t word, size_t words)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *values = calloc(cpus * words, 8), sum = 0;

	must(!values || bpf_map_lookup_elem(map_fd(h, map), &key, values), map);
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += values[cpu * words + word];
	free(values);
	return sum;
}

static void do_stats(struct harness *h, const char *line)
{
	__u32 ifnum = word_number(line, "ifnum", 0);

	append(h, "{\"rxPackets\":%llu,\"rxBytes\":%llu,\"txPackets\":%llu,\"txBytes\":%llu}", (unsigned long long)sum_of_cpus(h, "ifstats", ifnum, 0, 4),
	       (unsigned long long)sum_of_cpus(h, "ifstats", ifnum, 1, 4), (unsigned long long)sum_of_cpus(h, "ifstats", ifnum, 2, 4),
	       (unsigned long long)sum_of_cpus(h, "ifstats", ifnum, 3, 4));
}

/* Which reason was counted since `before`; 0 none. */
static __u32 reason_since(struct harness *h, __u64 *before)
{
	__u32 found = 0;

	for (__u32 reason = 0; reason < SVR_REASON_SLOTS; reason++) {
		__u64 now = sum_of_cpus(h, "drops", reason, 0, 1);

		if (now != before[reason])
			found = reason;
		before[reason] = now;
	}
	return found;
}

static void do_run(struct harness *h, const char *line)
{
	static __u64 counted[SVR_REASON_SLOTS];
	const char *name = word_value(line, "prog") ? "svr_inject" : "svr_ingress";
	struct bpf_program *program = bpf_object__find_program_by_name(h->object, name);
	struct __sk_buff skb = { .ifindex = word_number(line, "ifindex", 1), .gso_size = word_number(line, "gso", 0) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_out = result, .data_size_out = sizeof(result), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb), .repeat = word_number(line, "repeat", 1),
		    .flags = word_number(line, "complete", 0) ? TEST_COMPLETE : 0);
	int error;

	opts.data_size_in = word_bytes(line, "data", packet, sizeof(packet));
	skb.gso_segs = skb.gso_size ? 2 : 0;
	reason_since(h, counted);
	error = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
	if (error == -EINVAL && opts.flags) { /* a kernel before 6.17 cannot be asked for it */
		opts.flags = 0;
		error = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
	}
	must(error && error != -EBADMSG, "test run");
	if (error)
		opts.retval = (__u32)error; /* the sum that the driver supplied is not that of the packet any more */
	append(h, "{\"code\":%d,\"reason\":%u,\"ns\":%u,\"out\":", (int)opts.retval, reason_since(h, counted), opts.duration);
	append_hex(h, result, opts.data_size_out);
	append(h, "}");
}

/* One packet of each of `runs` sessions made by `fill`, far apart in memory: average nanoseconds of a run, and how many left. */
static void do_spread(struct harness *h, const char *line)
{
	__u32 count = word_number(line, "count", 1), runs = word_number(line, "runs", 1000), left = 0;
	int fd = bpf_program__fd(bpf_object__find_program_by_name(h->object, "svr_ingress"));
	struct __sk_buff skb = { .ifindex = 1 };
	__u64 total = 0, size = word_bytes(line, "data", packet, sizeof(packet));
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = size, .data_out = result, .data_size_out = sizeof(result),
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb), .repeat = 1);

	for (__u32 i = 0; i < runs; i++) {
		__u32 session = (__u32)((__u64)i * 2654435761u % count);

		packet[27] = session >> 16; /* the source is 10.x.y.z */
		packet[28] = session >> 8;
		packet[29] = session;
		opts.data_size_out = sizeof(result);
		must(bpf_prog_test_run_opts(fd, &opts), "test run");
		total += opts.duration;
		left += opts.retval == 7;
	}
	append(h, "{\"ns\":%llu,\"left\":%u}", (unsigned long long)(total / runs), left);
}

static void do_punts(struct harness *h, const char *line)
{
	(void)line;
	must(ring_buffer__consume(h->punts) < 0, "punts");
}

static void do_records(struct harness *h, const char *line)
{
	(void)line;
	must(ring_buffer__consume(h->records) < 0, "records");
}

static void do_refusals(struct harness *h, const char *line)
{
	(void)line;
	must(ring_buffer__consume(h->refusals) < 0, "refusals");
}

/* Refused packets of a reason that are not in the ring. */
static void do_untold(struct harness *h, const char *line)
{
	append(h, "{\"count\":%llu}", (unsigned long long)sum_of_cpus(h, "refused", word_number(line, "reason", 0), 1, 2));
}

static void do_gauges(struct harness *h, const char *line)
{
	struct svr_gauges gauges;

	(void)line;
	gauges_read(h, &gauges);
	append_fields(h, gauges_fields, &gauges);
}

static void do_tokens(struct harness *h, const char *line)
{
	struct svr_bucket_key key, *at = NULL;
	int count = 0, fd = map_fd(h, "tokens");

	(void)line;
	for (; !bpf_map_get_next_key(fd, at, &key) && count < 100; at = &key)
		count++;
	append(h, "{\"count\":%d}", count);
}

/* A token bucket of a remote address that has been idle since the machine started. */
static void do_stale(struct harness *h, const char *line)
{
	struct svr_bucket_key key = { .kind = 2, .family = 4, .address = { word_number(line, "number", 1) } };
	struct svr_tokens bucket = { .paid_until_ns = 1 };

	put(h, "tokens", &key, &bucket);
}

/* A UDP or TCP socket on a port of any address. */
static void do_socket(struct harness *h, const char *line)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(word_number(line, "port", 0)) };
	bool tcp = word_number(line, "proto", 17) == 6;

	if (h->socket >= 0)
		close(h->socket);
	h->socket = socket(AF_INET6, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	must(bind(h->socket, (struct sockaddr *)&address, sizeof(address)), "bind");
	if (tcp)
		must(listen(h->socket, 1), "listen");
	append(h, "{\"ok\":true}");
}

/* Attaches a program to the ingress of a device in this namespace; the link ends with the process. */
static void do_attach(struct harness *h, const char *line)
{
	const char *name = word_value(line, "prog") ? "svr_inject" : "svr_ingress";
	int fd = bpf_program__fd(bpf_object__find_program_by_name(h->object, name));

	must(bpf_link_create(fd, word_number(line, "ifindex", 0), TCX_INGRESS, NULL) < 0, "attach");
	append(h, "{\"ok\":true}");
}

static const struct {
	const char *name;
	void (*run)(struct harness *, const char *);
	bool list; /* the answer is a list */
} commands[] = {
	{ "reset", do_reset, false }, { "forget", do_forget, false }, { "settings", do_settings, false }, { "interface", do_interface, false }, { "nexthop", do_nexthop, false }, { "local", do_local, false },
	{ "member", do_member, false }, { "rate", do_rate, false }, { "filter", do_filter, false }, { "session", do_session, false }, { "patch", do_patch, false },
	{ "show", do_show, false }, { "entries", do_entries, false }, { "fill", do_fill, false }, { "stats", do_stats, false },
	{ "run", do_run, false }, { "spread", do_spread, false }, { "punts", do_punts, true }, { "records", do_records, true }, { "refusals", do_refusals, true }, { "untold", do_untold, false }, { "gauges", do_gauges, false },
	{ "sweep", do_sweep, false }, { "walks", do_walks, false }, { "tokens", do_tokens, false }, { "socket", do_socket, false }, { "attach", do_attach, false }, { "stale", do_stale, false },
	{ "want", do_want, false }, { "captured", do_captured, true }, { "copies", do_copies, true }, { "limit", do_limit, false },
};

void run_command(struct harness *h, const char *line)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		size_t length = strlen(commands[i].name);

		if (strncmp(line, commands[i].name, length) || (line[length] != ' ' && line[length] != '\0'))
			continue;
		h->out_used = 0;
		h->out[0] = '\0';
		commands[i].run(h, line);
		printf(commands[i].list ? "[%s]\n" : "%s\n", h->out);
		fflush(stdout);
		return;
	}
	fprintf(stderr, "no such command: %.40s\n", line);
	exit(3);
}

