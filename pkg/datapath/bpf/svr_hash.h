/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The flow hash, one text for eBPF and the native library; TypeScript repeats it and is compared with known answers.
 *
 * A key is 11 words w[0..10] of 32 bits, read from struct svr_key in memory order, little-endian: source 0-3, destination 4-7,
 * ports 8, ifnum and vlan 9, proto and family 10. With the secret multipliers k[0..11] (one row of settings.hash_key):
 *
 *     hash(k, w) = (k[0] + k[1] * w[0] + ... + k[11] * w[10] modulo 2^64) >> 32
 *
 * which is strongly universal. Zero words add nothing, so IPv4 leaves words 1-3 and 5-7 out.
 * h0 = hash(hash_key[0]): tag = h0, first bucket = h0 & bucket_mask. h1 = hash(hash_key[1]): second bucket = h1 & bucket_mask.
 * The shard of a packet without a session: x[0..3] = source ^ destination words, x[4] = source port ^ destination port as
 * big-endian fields (0 for fragments), x[5] = proto, x[6] = source port + destination port;
 * shard = (hash(hash_key[1], x) * shards) >> 32. The sum is there for waypoint pairs: an even port and the odd one behind it,
 * whose exclusive or is the same all over a hop. */
#ifndef SVR_HASH_H
#define SVR_HASH_H

#include "svr_types.h"

/* A key seen as words. */
typedef __u32 __attribute__((may_alias)) svr_hash_word;

/* svr_hash_key: 32-bit hash of a key under one row of multipliers. */
static inline __attribute__((always_inline)) __u32 svr_hash_key(const __u64 *k, const struct svr_key *key)
{
	const svr_hash_word *w = (const svr_hash_word *)key;
	__u64 sum = k[0] + k[1] * w[0] + k[5] * w[4] + k[9] * w[8] + k[10] * w[9] + k[11] * w[10];

	if (key->family != 4)
		sum += k[2] * w[1] + k[3] * w[2] + k[4] * w[3] + k[6] * w[5] + k[7] * w[6] + k[8] * w[7];
	return sum >> 32;
}

/* svr_hash_shard: owner of a packet that belongs to no session; both directions give the same. */
static inline __attribute__((always_inline)) __u32 svr_hash_shard(const struct svr_settings *settings, const struct svr_key *key)
{
	const __u64 *k = settings->hash_key[1];
	const svr_hash_word *w = (const svr_hash_word *)key;
	__u64 sum = k[0] + k[1] * (w[0] ^ w[4]) + k[2] * (w[1] ^ w[5]) + k[3] * (w[2] ^ w[6]) + k[4] * (w[3] ^ w[7]);

	sum += k[5] * (__u32)(key->source_port_be ^ key->destination_port_be) + k[6] * (__u32)key->proto;
	sum += k[7] * ((__u32)key->source_port_be + key->destination_port_be);
	return ((sum >> 32) * settings->shards) >> 32;
}
#endif
