/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Token buckets in front of the punt rings: one flood must not starve the rest. A bucket is the time until which its packets
 * are paid for; a packet is refused when that lies a whole burst ahead of now. Called by svr_miss.h. */
#ifndef SVR_RATE_H
#define SVR_RATE_H

#include "svr_packet.h"

#define SVR_RATE_SECOND_NS 1000000000ull
#define SVR_RATE_IDLE_NS (10 * SVR_RATE_SECOND_NS)
#define SVR_RATE_TENANT 1
#define SVR_RATE_ADDRESS 2
#define SVR_RATE_RETRIES 4

/* The bucket, made when missing; all that find the map full share one. */
static __always_inline struct svr_tokens *svr_rate_bucket(const struct svr_bucket_key *key)
{
	struct svr_tokens *bucket = bpf_map_lookup_elem(&tokens, key), fresh = {};
	struct svr_bucket_key shared = {};

	if (bucket)
		return bucket;
	bpf_map_update_elem(&tokens, key, &fresh, BPF_NOEXIST);
	bucket = bpf_map_lookup_elem(&tokens, key);
	return bucket ?: bpf_map_lookup_elem(&tokens, &shared);
}

/* Pays one packet; false when the burst is used up. */
static __always_inline bool svr_rate_pay(struct svr_tokens *bucket, const struct svr_rate *rate)
{
	__u64 cost = SVR_RATE_SECOND_NS / rate->per_second, window = cost * (rate->burst ?: 1), now = bpf_ktime_get_ns();

	for (int i = 0; i < SVR_RATE_RETRIES; i++) {
		__u64 paid = *(volatile __u64 *)&bucket->paid_until_ns, from = paid > now ? paid : now;

		if (from + cost - now > window)
			break;
		if (__sync_val_compare_and_swap(&bucket->paid_until_ns, paid, from + cost) == paid)
			return true;
	}
	__sync_fetch_and_add(&bucket->refused, 1);
	return false;
}

static __always_inline bool svr_rate_take(const struct svr_bucket_key *key, __u32 of)
{
	struct svr_rate *rate = bpf_map_lookup_elem(&rates, &of);
	struct svr_tokens *bucket;

	if (!rate || !rate->per_second)
		return true;
	bucket = svr_rate_bucket(key);
	return bucket && svr_rate_pay(bucket, rate);
}

/* svr_rate_member: tenant of a host, SVR_RATE_NO_TENANT when it has none; NULL when no host of this network has its address. */
static __always_inline __u32 *svr_rate_member(const struct svr_key *key)
{
	struct svr_member_key member = { .prefixlen = 8 * (sizeof(member) - sizeof(member.prefixlen)) };

	member.ifnum = key->ifnum;
	member.vlan = key->vlan;
	member.family = key->family;
	__builtin_memcpy(member.address, key->source, 16);
	return bpf_map_lookup_elem(&members, &member);
}

/* svr_rate_host: may a first packet of a host of this tenant go up? */
static __always_inline bool svr_rate_host(const __u32 *tenant)
{
	struct svr_bucket_key key = { .kind = SVR_RATE_TENANT };

	key.tenant = tenant ? *tenant : SVR_RATE_NO_TENANT;
	return svr_rate_take(&key, key.tenant);
}

/* svr_rate_remote: may a packet from this remote address go up? */
static __always_inline bool svr_rate_remote(const struct svr_packet *p)
{
	struct svr_bucket_key key = { .kind = SVR_RATE_ADDRESS, .family = p->key.family };

	__builtin_memcpy(key.address, p->key.source, 16);
	return svr_rate_take(&key, SVR_RATE_REMOTE);
}

/* svr_rate_share: makes the bucket for those that find the map full. */
static __always_inline void svr_rate_share(void)
{
	struct svr_bucket_key shared = {};
	struct svr_tokens fresh = {};

	bpf_map_update_elem(&tokens, &shared, &fresh, BPF_NOEXIST);
}

static long svr_rate_visit(void *map, const struct svr_bucket_key *key, struct svr_tokens *bucket, __u64 *now)
{
	if (key->kind && bucket->paid_until_ns + SVR_RATE_IDLE_NS < *now)
		bpf_map_delete_elem(map, key);
	return 0;
}

/* svr_rate_prune: forgets idle buckets; called by the sweeper. */
static __always_inline void svr_rate_prune(void)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_for_each_map_elem(&tokens, svr_rate_visit, &now, 0);
}
#endif
