/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Loses packets on purpose: a TC program that drops what a rule selects, at random or by position, and counts both. Attached
 * and configured by test/support/drop.ts; the kernel of small machines has no netem. */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual Apache/GPL";

enum { TC_OK = 0, TC_SHOT = 2, ETHERNET = 14, ANY = 0, WITH = 1, WITHOUT = 2, CHANCES = 1000000 };

/* Rule and counters, in the order in which drop.ts writes and reads them. */
struct rule {
	__u32 cookie;   /* ANY, WITH or WITHOUT metadata */
	__u32 proto;    /* IP protocol, 0 any */
	__u32 flags;    /* TCP flags that must be set */
	__u32 shortest; /* bytes of the IP packet */
	__u32 skip;     /* of the selected ones, let so many pass first */
	__u32 count;    /* then drop at most so many */
	__u32 ppm;      /* each with this chance */
};

struct seen { __u64 selected, dropped; };

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct rule); } rules SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct seen); } counts SEC(".maps");

struct place { __u32 l4, payload, length, flags; __u8 proto; };

static __always_inline bool find_transport(struct __sk_buff *skb, struct place *at)
{
	__u8 first, offset = 0;

	if (bpf_skb_load_bytes(skb, ETHERNET, &first, 1))
		return false;
	at->l4 = ETHERNET + ((first >> 4) == 6 ? 40 : (first & 15) * 4);
	if (bpf_skb_load_bytes(skb, ETHERNET + ((first >> 4) == 6 ? 6 : 9), &at->proto, 1))
		return false;
	at->length = skb->len - ETHERNET;
	at->payload = at->l4 + 8;
	if (at->proto != 6)
		return true;
	if (bpf_skb_load_bytes(skb, at->l4 + 12, &offset, 1) || bpf_skb_load_bytes(skb, at->l4 + 13, &first, 1))
		return false;
	at->flags = first;
	at->payload = at->l4 + (offset >> 4) * 4;
	return true;
}

static __always_inline bool has_cookie(struct __sk_buff *skb, const struct place *at)
{
	__u32 words[2] = {};

	if ((at->proto != 6 && at->proto != 17) || bpf_skb_load_bytes(skb, at->payload, words, sizeof(words)))
		return false;
	return words[0] == bpf_htonl(0x4c48dbc6) && words[1] == bpf_htonl(0xddf6670c);
}

static __always_inline bool is_selected(struct __sk_buff *skb, const struct rule *rule)
{
	struct place at = {};

	if (skb->protocol != bpf_htons(0x0800) && skb->protocol != bpf_htons(0x86dd))
		return false;
	if (!find_transport(skb, &at) || at.proto == 58) /* neighbour discovery is no traffic */
		return false;
	if (rule->proto && rule->proto != at.proto)
		return false;
	if (at.length < rule->shortest || (at.flags & rule->flags) != rule->flags)
		return false;
	return rule->cookie == ANY || has_cookie(skb, &at) == (rule->cookie == WITH);
}

SEC("tc")
int drop(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct rule *rule = bpf_map_lookup_elem(&rules, &zero);
	struct seen *seen = bpf_map_lookup_elem(&counts, &zero);

	if (!rule || !seen || !is_selected(skb, rule))
		return TC_OK;
	__u64 number = __sync_fetch_and_add(&seen->selected, 1);

	if (number < rule->skip || seen->dropped >= rule->count || bpf_get_prandom_u32() % CHANCES >= rule->ppm)
		return TC_OK;
	__sync_fetch_and_add(&seen->dropped, 1);
	return TC_SHOT;
}
