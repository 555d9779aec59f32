/* SPDX-License-Identifier: Apache-2.0 */
/* Usage: bpf-harness OBJECT SLOTS BUCKETS SHARDS RECORD_BYTES COPY_BYTES (sizes of rings). Then one command a line on stdin, one JSON
 * line on stdout for each; see commands.c and test/bpf/harness.ts. Runs in a network namespace of its own, which ends with the process. */
#define _GNU_SOURCE
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>

#define RING_BYTES (1 << 20)

void must(int error, const char *what)
{
	if (error) {
		fprintf(stderr, "%s: %s\n", what, strerror(error < 0 ? -error : errno));
		exit(3);
	}
}

static int on_punt(void *context, void *data, size_t size)
{
	struct shard_ring *ring = context;
	struct harness *h = ring->harness;
	struct svr_punt *punt = data;

	append(h, "%s{\"shard\":%u,\"cause\":%u,\"entry\":%u,\"ifnum\":%u,\"vlan\":%u,\"gsoSize\":%u,\"segments\":%u,\"local\":%u,\"flags\":%u,\"room\":%zu,\"mac\":",
	       h->out_used ? "," : "", ring->shard, punt->cause, punt->entry, punt->ifnum, punt->vlan, punt->gso_size, punt->gso_segments,
	       punt->local_flags, punt->flags, size - sizeof(*punt));
	append_hex(h, punt->source_mac, 6);
	append(h, ",\"data\":");
	append_hex(h, (__u8 *)(punt + 1), punt->length);
	append(h, "}");
	return 0;
}

static int on_record(void *context, void *data, size_t size)
{
	struct harness *h = context;
	struct svr_record *record = data;

	append(h, "%s{\"type\":%u,\"index\":%u,\"size\":%zu,\"time_ms\":%llu,\"session\":", h->out_used ? "," : "", record->type, record->index, size,
	       (unsigned long long)record->time_ms);
	append_fields(h, session_fields, &record->session);
	append(h, "}");
	return 0;
}

static int on_refusal(void *context, void *data, size_t size)
{
	struct harness *h = context;
	struct svr_refusal *r = data;

	append(h, "%s{\"reason\":%u,\"tenant\":%u,\"service\":%u,\"path\":%u,\"ifnum\":%u,\"vlan\":%u,\"proto\":%u,\"family\":%u,\"sourcePort\":%u,\"destinationPort\":%u,\"size\":%zu,\"source\":",
	       h->out_used ? "," : "", r->reason, r->tenant, r->service, r->path, r->key.ifnum, r->key.vlan, r->key.proto, r->key.family,
	       ntohs(r->key.source_port_be), ntohs(r->key.destination_port_be), size);
	append_hex(h, r->key.source, 16);
	append(h, ",\"destination\":");
	append_hex(h, r->key.destination, 16);
	append(h, "}");
	return 0;
}

static void make_ring(struct harness *h, struct shard_ring *ring, __u32 slot)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "test_ring", 0, 0, RING_BYTES, NULL);

	*ring = (struct shard_ring){ h, slot };
	must(fd < 0 ? fd : bpf_map_update_elem(map_fd(h, "rings"), &slot, &fd, 0), "ring");
	if (!slot)
		h->punts = ring_buffer__new(fd, on_punt, ring, NULL);
	else
		must(ring_buffer__add(h->punts, fd, on_punt, ring), "second ring");
}

static void make_rings(struct harness *h)
{
	for (__u32 shard = 0; shard < h->shards; shard++)
		make_ring(h, &h->rings[shard], shard);
	make_ring(h, &h->protect, PROTECT_SLOT);
	h->records = ring_buffer__new(map_fd(h, "records"), on_record, h, NULL);
	h->refusals = ring_buffer__new(map_fd(h, "refusals"), on_refusal, h, NULL);
	h->copies = ring_buffer__new(map_fd(h, "copies"), on_copy, h, NULL);
	must(!h->punts || !h->records || !h->refusals || !h->copies, "ring buffer");
}

/* Secrets of a test need not be secret, only fixed: xorshift. */
static void make_settings(struct harness *h)
{
	struct svr_settings settings = {
		.bucket_mask = h->bucket_count - 1, .session_limit = h->slots, .live_limit = h->slots, .shards = h->shards, .quarantine_ms = 30000,
		.guard_ms = 2000, .tcp_timer_ms = { 0, 10000, 10000, 0, 0, 10000, 5000 }, .half_closed_idle_ms = 300000, .interim_ms = 0, .inactivity_ms = 5000,
		.waypoint_first = 16384, .waypoint_last = 65534, .mss_clamp = 1, .protectors = 1, .inject_mac = { 2, 1, 2, 3, 4, 5 },
	};
	__u64 x = 88172645463325252ull;
	__u32 zero = 0;

	for (int row = 0; row < 2; row++)
		for (int i = 0; i <= SVR_HASH_WORDS; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			settings.hash_key[row][i] = x;
		}
	must(bpf_map_update_elem(map_fd(h, "settings"), &zero, &settings, 0), "settings");
}

static void load(struct harness *h, char **argv)
{
	h->object = bpf_object__open_file(argv[1], NULL);
	must(!h->object, "open the object");
	h->slots = atoi(argv[2]);
	h->bucket_count = atoi(argv[3]);
	h->shards = atoi(argv[4]);
	h->record_bytes = atoi(argv[5]);
	h->copy_bytes = atoi(argv[6]);
	must(h->shards > MAX_SHARDS, "at most 8 shards");
	must(bpf_map__set_max_entries(bpf_object__find_map_by_name(h->object, "sessions"), h->slots), "slots");
	must(bpf_map__set_max_entries(bpf_object__find_map_by_name(h->object, "buckets"), h->bucket_count), "buckets");
	must(bpf_map__set_max_entries(bpf_object__find_map_by_name(h->object, "tokens"), 8), "tokens");
	must(bpf_map__set_max_entries(bpf_object__find_map_by_name(h->object, "records"), h->record_bytes), "records");
	must(bpf_map__set_max_entries(bpf_object__find_map_by_name(h->object, "copies"), h->copy_bytes), "copies");
	must(unshare(CLONE_NEWNET), "network namespace");
	must(bpf_object__load(h->object), "load");
	make_settings(h);
	make_rings(h);
}

int main(int argc, char **argv)
{
	struct harness h = { .socket = -1, .out_size = 4 << 20 };
	size_t size = 0;
	char *line = NULL;

	if (argc != 7) {
		fprintf(stderr, "usage: bpf-harness OBJECT SLOTS BUCKETS SHARDS RECORD_BYTES COPY_BYTES\n");
		return 2;
	}
	h.out = malloc(h.out_size);
	must(!h.out, "memory");
	load(&h, argv);
	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		run_command(&h, line);
	}
	return 0;
}
