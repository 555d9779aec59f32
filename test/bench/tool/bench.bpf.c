/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Traffic inside the kernel for benchmarks, so that no sender stands in front of what is measured:
 *   bench_spray    xdp, run as live frames: packets of many flows appear on a router's interface as from a driver
 *   bench_sink     tcx: counts and drops what arrives at the server
 *   bench_answered tcx: counts the flows whose answer arrives at the host, each once
 *   bench_echo     tcx: answers each packet by turning it round
 *   bench_spread   test run: writes the packet of the next flow, then runs the program under test by a tail call
 *   bench_plain    the least a forwarder can do: link addresses and redirect
 *   bench_nothing  what a measurement costs by itself
 * Loaded by test/bench/tool only. */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "pattern.h"

#define TC_SHOT 2
#define ETH_HEADER 14
#define ETH_IP4 0x0800
#define ETH_IP6 0x86dd
#define PROTO_UDP 17

char LICENSE[] SEC("license") = "GPL";

/* What to send, and what came: one entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_control);
} control SEC(".maps");

/* Flow numbers that have come back, one byte each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BENCH_MAX_FLOWS / 8);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

/* The program under test. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

static __always_inline struct bench_control *told(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

/* A place in the packet, bounded for the verifier; NULL behind the end. */
static __always_inline void *place(void *data, void *data_end, __u32 offset)
{
	void *at = data + (offset & (BENCH_FRAME - 1));

	return at + 2 > data_end ? NULL : at;
}

static __always_inline __u16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Writes the frame of the next flow over the packet, with checksums as they must be; `bytes` of it are told. */
static __always_inline bool write_next(struct bench_control *c, void *data, void *data_end, __u32 bytes)
{
	__u32 n = c->next++, i = n * c->step & (c->flows - 1);
	__u16 shift = BENCH_LOW(i) * c->port_scale, high = BENCH_HIGH(i), *port, *balance, *check;
	__u8 *address;

	if (data + bytes > data_end)
		return false;
	__builtin_memcpy(data, c->frame, bytes);
	address = place(data, data_end, c->address_at);
	port = place(data, data_end, c->port_at);
	balance = place(data, data_end, c->balance_at);
	check = place(data, data_end, c->check_at);
	if (!address || !port || !balance || !check)
		return false;
	*address += high;
	*port = bpf_htons(bpf_ntohs(*port) + shift);
	*balance = bpf_htons(folded((__u32)(__u16)~shift + (__u16)~high));
	if (high && c->check_at)
		*check = bpf_htons(~folded((__u32)(__u16)~bpf_ntohs(*check) + high));
	return true;
}

SEC("xdp")
int bench_spray(struct xdp_md *xdp)
{
	struct bench_control *c = told();

	if (!c || !write_next(c, (void *)(long)xdp->data, (void *)(long)xdp->data_end, BENCH_FRAME_IP4))
		return XDP_DROP;
	return XDP_PASS;
}

SEC("tc")
int bench_spread(struct __sk_buff *skb)
{
	struct bench_control *c = told();

	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;

	if (c && (c->size == BENCH_FRAME_IP4 ? write_next(c, data, data_end, BENCH_FRAME_IP4) : write_next(c, data, data_end, BENCH_FRAME_IP6)))
		bpf_tail_call(skb, &under_test, 0);
	return TC_SHOT;
}

SEC("tc")
int bench_plain(struct __sk_buff *skb)
{
	struct bench_control *c = told();
	__u8 *data = (void *)(long)skb->data;

	if (!c || data + ETH_HEADER > (__u8 *)(long)skb->data_end)
		return TC_SHOT;
	__builtin_memcpy(data, c->frame + 6, 12);
	return bpf_redirect(skb->ifindex, 0);
}

SEC("tc")
int bench_nothing(struct __sk_buff *skb)
{
	return 7;
}

struct udp4 {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

static __always_inline struct udp4 *udp4_of(struct __sk_buff *skb)
{
	struct udp4 *p = (void *)(long)skb->data;

	if ((void *)(p + 1) > (void *)(long)skb->data_end || p->ethernet.h_proto != bpf_htons(ETH_IP4) || p->ip.protocol != PROTO_UDP)
		return NULL;
	return p;
}

/* Marks the flow as answered; true the first time. */
static __always_inline bool first_time(__u32 flow)
{
	__u32 word = flow / 8 & (BENCH_MAX_FLOWS / 8 - 1);
	__u8 *marks = bpf_map_lookup_elem(&seen, &word);

	if (!marks || marks[flow & 7])
		return false;
	marks[flow & 7] = 1;
	return true;
}

/* UDP is the traffic of the benchmark; the rest passes. */
SEC("tc")
int bench_sink(struct __sk_buff *skb)
{
	struct bench_control *c = told();
	struct udp4 *p = udp4_of(skb);

	if (!c || !p)
		return -1;
	__sync_fetch_and_add(&c->received, 1);
	return TC_SHOT;
}

/* At the host: answers, each flow once. */
SEC("tc")
int bench_answered(struct __sk_buff *skb)
{
	struct bench_control *c = told();
	struct udp4 *p = udp4_of(skb);
	__u32 low, high;

	if (!c || !p)
		return -1;
	low = bpf_ntohs(p->udp.dest) - BENCH_HOST_PORT;
	high = (bpf_ntohl(p->ip.saddr) & 0xff) - c->frame[BENCH_SERVER_AT];
	if (first_time(high << BENCH_LOW_BITS | low))
		__sync_fetch_and_add(&c->distinct, 1);
	return TC_SHOT;
}

SEC("tc")
int bench_echo(struct __sk_buff *skb)
{
	struct udp4 *p = udp4_of(skb);
	__u8 mac[6];
	__be32 address;
	__be16 port;

	if (!p)
		return -1;
	__builtin_memcpy(mac, p->ethernet.h_dest, 6);
	__builtin_memcpy(p->ethernet.h_dest, p->ethernet.h_source, 6);
	__builtin_memcpy(p->ethernet.h_source, mac, 6);
	address = p->ip.saddr;
	p->ip.saddr = p->ip.daddr;
	p->ip.daddr = address;
	port = p->udp.source;
	p->udp.source = p->udp.dest;
	p->udp.dest = port;
	return bpf_redirect(skb->ifindex, 0);
}
