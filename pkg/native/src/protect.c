/* SPDX-License-Identifier: Apache-2.0 */
/* The store of the protect engine: keys of peers and of sessions, with what must never repeat (counters) and never come twice (replay
 * windows). Changed by the router's threads under a lock, read by workers. Keys are wiped when they are replaced. */
#include "protect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(struct svr_protect_peer) == 164 && sizeof(struct svr_protect_session) == 108, "as pkg/security/protect.ts has them");

/* Locked, or closing. */
static void forget_entry(struct svr_vault *protect, struct svr_protect_entry *entry)
{
	if (!entry)
		return;
	svr_pool_give(&protect->ciphers, entry->current);
	svr_pool_give(&protect->ciphers, entry->previous);
	free(entry);
}

int svr_protect_close(struct svr_vault *protect)
{
	for (__u32 i = 0; protect->entries && i < protect->slots; i++)
		free(protect->entries[i]);
	svr_pool_close(&protect->ciphers);
	svr_pool_close(&protect->peers);
	if (protect->expander)
		svr_engine_close(protect->expander);
	free(protect->entries);
	pthread_rwlock_destroy(&protect->lock);
	free(protect);
	return 0;
}

/* Workers hold it nearly always: who has keys to give goes first. */
static void init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t kind;

	pthread_rwlockattr_init(&kind);
	pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &kind);
	pthread_rwlockattr_destroy(&kind);
}

int svr_protect_create(__u32 slots, struct svr_vault **out)
{
	struct svr_vault *protect = calloc(1, sizeof(*protect));
	int error = 0;

	*out = NULL;
	if (!protect)
		return -ENOMEM;
	init_lock(&protect->lock);
	protect->ciphers.size = sizeof(struct svr_protect_cipher);
	protect->peers.size = sizeof(struct svr_protect_pair);
	protect->slots = slots;
	protect->entries = calloc(slots ? slots : 1, sizeof(*protect->entries)); /* pages that nobody touches cost nothing */
	if (!slots || !protect->entries)
		error = slots ? -ENOMEM : -EINVAL;
	if (!error)
		error = svr_engine_create(1, &protect->expander);
	if (error) {
		svr_protect_close(protect);
		return error;
	}
	*out = protect;
	return 0;
}

/* Locked. */
static void expand(struct svr_vault *protect, const struct svr_engine_secret *secret, struct svr_engine_key *to)
{
	svr_engine_key(protect->expander, 0, secret, sizeof(*secret));
	*to = protect->expander->keys[0];
	explicit_bzero(&protect->expander->keys[0], sizeof(*to));
}

static void expand_hmac(struct svr_vault *protect, const struct svr_protect_secret *from, struct svr_engine_key *to)
{
	struct svr_engine_secret secret = {};

	memcpy(secret.id, from->id, sizeof(secret.id));
	memcpy(secret.hmac, from->hmac, sizeof(secret.hmac));
	expand(protect, &secret, to);
	explicit_bzero(&secret, sizeof(secret));
}

/* Locked: what is known of a peer from now on; NULL when there is no memory. */
static struct svr_protect_pair *make_pair(struct svr_vault *protect, const struct svr_protect_peer *peer)
{
	struct svr_protect_pair *pair = svr_pool_take(&protect->peers);

	if (!pair)
		return NULL;
	*pair = (struct svr_protect_pair){ .mode = peer->mode, .window = peer->window, .sends = peer->sends, .receives = peer->receives };
	if (peer->sends)
		expand_hmac(protect, &peer->send, &pair->send);
	for (__u32 i = 0; i < peer->receives; i++)
		expand_hmac(protect, &peer->receive[i], &pair->receive[i]);
	return pair;
}

int svr_protect_peer(struct svr_vault *protect, const struct svr_protect_peer *peer, __u32 size)
{
	struct svr_protect_pair *pair = NULL;
	int known;

	if (size != sizeof(*peer) || !peer->peer || peer->peer > 65535 || peer->sends > 1 || peer->receives > SVR_PROTECT_RECEIVES || peer->window > 5)
		return -EINVAL;
	known = peer->sends || peer->receives || peer->mode == SVR_PROTECT_DISABLED;
	pthread_rwlock_wrlock(&protect->lock);
	if (known)
		pair = make_pair(protect, peer);
	if (pair || !known) {
		svr_pool_give(&protect->peers, protect->pairs[peer->peer]);
		protect->pairs[peer->peer] = pair;
	}
	pthread_rwlock_unlock(&protect->lock);
	return known && !pair ? -ENOMEM : 0;
}

#define REVERSE_EPOCH_S 1577836800u /* 2020: 31 bits of seconds and 20 of packets fit the counter until 2088 */

/* The egress is given its key and cannot know what was sent under it before: by itself before it lost its state, or because somebody
 * says old metadata again. So the reverse direction counts from the time, and never says a counter twice (docs/decisions/025). */
static __u64 reverse_start(void)
{
	return (svr_abi_unix_ns() / 1000000000u - REVERSE_EPOCH_S) << 20;
}

/* Locked: a cipher of its own; the forward direction, whose key is new, counts from 1. */
static struct svr_protect_cipher *make_cipher(struct svr_vault *protect, const struct svr_protect_session *from)
{
	struct svr_protect_cipher *cipher = svr_pool_take(&protect->ciphers);

	if (!cipher)
		return NULL;
	cipher->index = from->key_index;
	cipher->sent[1] = reverse_start();
	for (int direction = 0; direction < 2; direction++) {
		struct svr_engine_secret secret = {};

		memcpy(secret.meta, from->key[direction], sizeof(secret.meta));
		memcpy(secret.salt, from->salt[direction], sizeof(secret.salt));
		expand(protect, &secret, &cipher->key[direction]);
		explicit_bzero(&secret, sizeof(secret));
	}
	return cipher;
}

/* Locked: the session's entry, emptied when the slot was another's. */
static struct svr_protect_entry *claim(struct svr_vault *protect, const struct svr_protect_session *from)
{
	struct svr_protect_entry **place = &protect->entries[from->index];

	if (*place && memcmp((*place)->uuid, from->uuid, 16)) {
		forget_entry(protect, *place);
		*place = NULL;
	}
	if (!*place) {
		*place = calloc(1, sizeof(**place));
		if (*place)
			memcpy((*place)->uuid, from->uuid, 16);
	}
	return *place;
}

/* Metadata that comes late must not bring an older key back (RFC 1982, 8 bits). */
static int is_newer(__u8 index, const struct svr_protect_cipher *current)
{
	return !current || (signed char)(__u8)(index - current->index) > 0;
}

/* Locked: a newer key index takes over, the old one is accepted for a while. */
static int change_cipher(struct svr_vault *protect, struct svr_protect_entry *entry, const struct svr_protect_session *from)
{
	struct svr_protect_cipher *cipher;

	if (!from->suite || !is_newer(from->key_index, entry->current))
		return 0;
	cipher = make_cipher(protect, from);
	if (!cipher)
		return -ENOMEM;
	svr_pool_give(&protect->ciphers, entry->previous);
	entry->previous = entry->current;
	if (entry->previous)
		entry->previous->until_s = (__u32)(svr_abi_unix_ns() / 1000000000u) + SVR_PROTECT_OVERLAP_S;
	entry->current = cipher;
	return 0;
}

int svr_protect_session(struct svr_vault *protect, const struct svr_protect_session *session, __u32 size)
{
	struct svr_protect_entry *entry;
	int error = -ENOMEM;

	if (size != sizeof(*session) || session->index >= protect->slots || session->suite > SVR_SUITE_GCM)
		return -EINVAL;
	pthread_rwlock_wrlock(&protect->lock);
	entry = claim(protect, session);
	if (entry)
		error = change_cipher(protect, entry, session);
	if (!error) {
		entry->protect = session->protect;
		if (session->suite) /* without a body only bits and peers change */
			entry->suite = session->suite;
		memcpy(entry->peer, session->peer, sizeof(entry->peer));
	}
	pthread_rwlock_unlock(&protect->lock);
	return error;
}

int svr_protect_end(struct svr_vault *protect, __u32 index, const __u8 *uuid)
{
	struct svr_protect_entry *entry = NULL;

	if (index >= protect->slots)
		return -EINVAL;
	pthread_rwlock_wrlock(&protect->lock);
	if (protect->entries[index] && !memcmp(protect->entries[index]->uuid, uuid, 16)) {
		entry = protect->entries[index];
		protect->entries[index] = NULL;
		forget_entry(protect, entry);
	}
	pthread_rwlock_unlock(&protect->lock);
	return entry ? 1 : 0;
}

/* Moves the window up to a counter above the highest. */
static void advance(struct svr_protect_seen *seen, __u64 counter)
{
	__u64 steps = counter - seen->highest;

	if (steps >= SVR_PROTECT_WINDOW)
		memset(seen->bits, 0, sizeof(seen->bits));
	else
		for (__u64 at = seen->highest + 1; at <= counter; at++)
			seen->bits[at % SVR_PROTECT_WINDOW / 64] &= ~(1ull << at % 64);
	seen->highest = counter;
}

int svr_protect_fresh(struct svr_protect_entry *entry, struct svr_protect_seen *seen, __u64 counter)
{
	__u64 bit = 1ull << counter % 64, *word = &seen->bits[counter % SVR_PROTECT_WINDOW / 64];
	int fresh;

	while (__atomic_test_and_set(&entry->busy, __ATOMIC_ACQUIRE))
		;
	if (counter > seen->highest)
		advance(seen, counter);
	fresh = counter && counter + SVR_PROTECT_WINDOW > seen->highest && !(*word & bit);
	if (fresh)
		*word |= bit;
	__atomic_clear(&entry->busy, __ATOMIC_RELEASE);
	return fresh;
}
