/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The flow key that one side of a session stands for: one text for eBPF and the native library. Pure. */
#ifndef SVR_SIDE_H
#define SVR_SIDE_H

#include "svr_hash.h"

typedef unsigned long long __attribute__((may_alias)) svr_side_word64;

/* svr_side_remote: 16 bytes of the remote address. The tail is read for IPv6 only: it lies in another cache line. */
static inline __attribute__((always_inline)) void svr_side_remote(const struct svr_session *s, __u32 side, void *to)
{
	svr_hash_word *words = to;

	words[0] = s->side[side & 1].remote_be;
	words[1] = words[2] = words[3] = 0;
	if (s->side[side & 1].family != 4)
		__builtin_memcpy(words + 1, s->tail[side & 1].remote_be, 12);
}

/* svr_side_local: 16 bytes of the local address. */
static inline __attribute__((always_inline)) void svr_side_local(const struct svr_session *s, __u32 side, void *to)
{
	svr_hash_word *words = to;

	words[0] = s->side[side & 1].local_be;
	words[1] = words[2] = words[3] = 0;
	if (s->side[side & 1].family != 4)
		__builtin_memcpy(words + 1, s->tail[side & 1].local_be, 12);
}

/* svr_side_key: the key under which packets arrive on a side. */
static inline __attribute__((always_inline)) void svr_side_key(const struct svr_session *s, __u32 side, struct svr_key *key)
{
	const struct svr_side *at = &s->side[side & 1];

	svr_side_remote(s, side, key->source);
	svr_side_local(s, side, key->destination);
	key->source_port_be = at->remote_port_be;
	key->destination_port_be = at->local_port_be;
	key->ifnum = at->ifnum;
	key->vlan = at->vlan;
	key->proto = at->proto;
	key->family = at->family;
	key->zero = 0;
}

/* The compiler may not see through a value: it would turn a chain of comparisons without branches into branches, each of which
 * doubles what the verifier has to walk. */
#define SVR_SIDE_OPAQUE(value) asm volatile("" : "+r"(value))

static inline __attribute__((always_inline)) int svr_side_tail_matches(const struct svr_tail *tail, const struct svr_key *key)
{
	const svr_hash_word *w = (const svr_hash_word *)key;
	svr_side_word64 differ = tail->remote_be[0] ^ w[1];

	SVR_SIDE_OPAQUE(differ);
	differ |= tail->remote_be[1] ^ w[2];
	SVR_SIDE_OPAQUE(differ);
	differ |= tail->remote_be[2] ^ w[3];
	SVR_SIDE_OPAQUE(differ);
	differ |= tail->local_be[0] ^ w[5];
	SVR_SIDE_OPAQUE(differ);
	differ |= tail->local_be[1] ^ w[6];
	SVR_SIDE_OPAQUE(differ);
	differ |= tail->local_be[2] ^ w[7];
	return differ == 0;
}

/* svr_side_matches: does the key read as this side receives it? By words, as the key was written. */
static inline __attribute__((always_inline)) int svr_side_matches(const struct svr_session *s, __u32 side, const struct svr_key *key)
{
	const struct svr_side *at = &s->side[side & 1];
	const svr_hash_word *w = (const svr_hash_word *)key, *ports = (const svr_hash_word *)&at->remote_port_be;

	if (ports[0] != w[8] || at->remote_be != w[0] || at->local_be != w[4] || ports[1] != w[9] || at->proto != key->proto ||
	    at->family != key->family)
		return 0;
	return key->family == 4 || svr_side_tail_matches(&s->tail[side & 1], key);
}

/* svr_side_source_key: the key under which a source of a tenant is hashed (struct svr_source). */
static inline __attribute__((always_inline)) void svr_side_source_key(const struct svr_session *s, struct svr_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->source, s->context_source, 16);
	key->ifnum = s->tenant;
	key->family = s->context_family;
}
#endif
