/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptography of one batch of wire packets: bodies (protocol 8.2), then tags (7.2), or the other way round. All primitives are
 * libipsec-mb's, many packets at once. */
#include "protectbatch.h"

#include <errno.h>
#include <string.h>

#define UDP_HEADER 8u
#define COUNTER_MASK 0x00ffffffffffffffull

static const __u8 zero_iv[SVR_BLOCK];

/* AAD of GCM: uuid, direction, F. */
struct aad {
	__u8 uuid[16];
	__u8 direction;
	__u8 counter[SVR_WIRE_COUNTER];
} __attribute__((packed));

static __u8 *body_of(const struct svr_wire *wire)
{
	return wire->packet + wire->body;
}

/* F || salt, encrypted as one block, is the IV of CBC; done in place. */
static void iv_job(struct svr_batch *batch, __u32 place, struct svr_wire *wire)
{
	const struct svr_engine_key *key = &wire->cipher->key[wire->direction];

	memcpy(wire->iv, body_of(wire), SVR_WIRE_COUNTER);
	memcpy(wire->iv + SVR_WIRE_COUNTER, key->salt, sizeof(key->salt));
	svr_engine_cbc(&batch->engine->burst[place], key, zero_iv, wire->iv, SVR_BLOCK);
}

static int is_ciphered(const struct svr_wire *wire, __u32 opens, __u32 suite)
{
	return !wire->drop && wire->opens == opens && wire->cipher && wire->entry->suite == suite && wire->length > wire->body;
}

/* Key index and counter in front of a body that is encrypted. */
static void count_bodies(struct svr_batch *batch)
{
	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];
		__u64 counter;

		if (!is_ciphered(wire, 0, wire->entry->suite) || !wire->entry->suite)
			continue;
		counter = __atomic_add_fetch(&wire->cipher->sent[wire->direction], 1, __ATOMIC_RELAXED) & COUNTER_MASK;
		counter = __builtin_bswap64(counter | (__u64)wire->cipher->index << 56);
		memcpy(body_of(wire), &counter, sizeof(counter));
	}
}

static int make_ivs(struct svr_batch *batch, __u32 opens)
{
	__u32 blocks = 0;

	for (__u32 i = 0; i < batch->count; i++)
		if (is_ciphered(&batch->wires[i], opens, SVR_SUITE_CBC))
			iv_job(batch, blocks++, &batch->wires[i]);
	return svr_engine_cipher(batch->engine, blocks, IMB_DIR_ENCRYPT);
}

/* PKCS#7: at least one byte, all saying how many they are. */
static void pad(struct svr_wire *wire)
{
	__u32 plain = wire->length - wire->body - SVR_WIRE_COUNTER, padding = SVR_BLOCK - plain % SVR_BLOCK;

	memset(wire->packet + wire->length, (int)padding, padding);
	wire->length += padding;
}

static int run_cbc(struct svr_batch *batch, __u32 opens)
{
	__u32 bodies = 0;

	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];

		if (!is_ciphered(wire, opens, SVR_SUITE_CBC))
			continue;
		if (!opens)
			pad(wire);
		svr_engine_cbc(&batch->engine->burst[bodies++], &wire->cipher->key[wire->direction], wire->iv, body_of(wire) + SVR_WIRE_COUNTER,
			       wire->length - wire->body - SVR_WIRE_COUNTER);
	}
	return svr_engine_cipher(batch->engine, bodies, opens ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT);
}

/* nonce = salt[0..3] || F */
static void gcm_names(const struct svr_wire *wire, __u8 *nonce, struct aad *aad)
{
	memcpy(nonce, wire->cipher->key[wire->direction].salt, 4);
	memcpy(nonce + 4, body_of(wire), SVR_WIRE_COUNTER);
	memcpy(aad->uuid, wire->entry->uuid, sizeof(aad->uuid));
	aad->direction = wire->direction;
	memcpy(aad->counter, body_of(wire), SVR_WIRE_COUNTER);
}

static void encrypt_gcm(struct svr_batch *batch)
{
	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];
		__u8 nonce[SVR_GCM_IV], *plain = body_of(wire) + SVR_WIRE_COUNTER;
		struct gcm_context_data context;
		struct aad aad;

		if (!is_ciphered(wire, 0, SVR_SUITE_GCM))
			continue;
		gcm_names(wire, nonce, &aad);
		IMB_AES256_GCM_ENC(batch->engine->manager, &wire->cipher->key[wire->direction].gcm, &context, plain, plain, wire->packet + wire->length - plain,
				   nonce, (const __u8 *)&aad, sizeof(aad), wire->packet + wire->length, SVR_GCM_TAG);
		wire->length += SVR_GCM_TAG;
	}
}

static struct svr_job tag_place(const struct svr_wire *wire)
{
	return (struct svr_job){ .l4 = wire->l3_length, .l4_length = wire->l4_length, .tag = wire->length };
}

/* The UDP length that the tag covers is that of the packet with it. */
static void cover_length(struct svr_wire *wire)
{
	__u16 length = __builtin_bswap16((__u16)(wire->length - wire->l3_length + SVR_TAG));

	if (wire->l4_length == UDP_HEADER)
		memcpy(wire->packet + wire->l3_length + 4, &length, sizeof(length));
}

static int sign(struct svr_batch *batch)
{
	__u32 tags = 0;
	int error;

	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];
		struct svr_job job = tag_place(wire);

		if (wire->drop || wire->opens || !wire->pair->mode)
			continue;
		cover_length(wire);
		memcpy(wire->ports, wire->packet + wire->l3_length, sizeof(wire->ports));
		svr_engine_tag(&batch->engine->burst[tags++], &wire->pair->send, wire->packet, &job, wire->pair->mode == SVR_PROTECT_TIMED ? batch->unix_s / 2 : 0,
			       wire->packet + wire->length);
	}
	error = svr_engine_hash(batch->engine, tags);
	for (__u32 i = 0; !error && i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];

		if (wire->drop || wire->opens || !wire->pair->mode)
			continue;
		memcpy(wire->packet + wire->l3_length, wire->ports, sizeof(wire->ports));
		wire->length += SVR_TAG;
	}
	return error;
}

/* Takes the tags off what came; what is too short for one has a wrong one. */
static void take_tags(struct svr_batch *batch)
{
	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];

		if (!wire->opens || !wire->pair->mode)
			continue;
		wire->drop = SVR_DROP_HMAC_FAILURE; /* until it is shown to be right */
		memcpy(wire->ports, wire->packet + wire->l3_length, sizeof(wire->ports));
		if (wire->length - wire->body < SVR_TAG)
			continue;
		wire->length -= SVR_TAG;
		if (wire->split) /* else it is covered as it came */
			cover_length(wire);
		memcpy(wire->tag, wire->packet + wire->length, SVR_TAG);
	}
}

/* Epoch of the try. */
static __u32 epoch_of(const struct svr_batch *batch, const struct svr_protect_pair *pair, __u32 number)
{
	return pair->mode == SVR_PROTECT_TIMED ? batch->unix_s / 2 + (__u32)svr_skew_distance(number) : 0;
}

/* Epochs that are tried for a packet, each with every key. */
static __u32 epochs_of(const struct svr_wire *wire)
{
	if (wire->pair->mode != SVR_PROTECT_TIMED)
		return 1;
	return 2 * (wire->skews ? SVR_SKEW_EPOCHS : wire->pair->window) + 1;
}

/* Does a packet have a key and epoch left for this round? */
static int waits(const struct svr_batch *batch, const struct svr_wire *wire, __u32 number)
{
	if (!wire->opens || wire->drop != SVR_DROP_HMAC_FAILURE || wire->length < wire->body || wire->skews != batch->looks)
		return 0;
	return number < epochs_of(wire) * wire->pair->receives;
}

/* The time does not depend on where two tags differ. */
static int is_equal(const __u8 *a, const __u8 *b)
{
	__u8 difference = 0;

	for (__u32 i = 0; i < SVR_TAG; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

/* The tag is right; where it was looked for outside the window it is dropped all the same, and why is known. */
static void accept_tag(struct svr_wire *wire, __u32 number)
{
	wire->drop = wire->skews ? SVR_DROP_HMAC_CLOCK_SKEW : 0;
	wire->skew = wire->skews ? svr_skew_distance(number) : 0;
}

/* Marks those whose failure is looked into. */
static int choose_skewed(struct svr_batch *batch)
{
	int chosen = 0;

	for (__u32 i = 0; i < batch->count; i++)
		if (waits(batch, &batch->wires[i], 0) && svr_skew_permits(&batch->gate, &batch->wires[i], batch->unix_s))
			batch->wires[i].skews = 1, chosen++;
	return chosen;
}

/* One key and epoch for all that are not verified yet; how many those were, or -EIO. */
static int verify_round(struct svr_batch *batch, __u32 number)
{
	__u8 computed[SVR_ENGINE_BURST][SVR_TAG];
	__u32 tags = 0;
	int error;

	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];
		__u32 epochs = epochs_of(wire);
		struct svr_job job = tag_place(wire);

		if (waits(batch, wire, number))
			svr_engine_tag(&batch->engine->burst[tags++], &wire->pair->receive[number / epochs], wire->packet, &job, epoch_of(batch, wire->pair, number % epochs),
				       computed[i]);
	}
	error = svr_engine_hash(batch->engine, tags);
	for (__u32 i = 0; !error && i < batch->count; i++)
		if (waits(batch, &batch->wires[i], number) && is_equal(computed[i], batch->wires[i].tag))
			accept_tag(&batch->wires[i], number % epochs_of(&batch->wires[i]));
	return error ? error : (int)tags;
}

/* Every key and epoch that there is for the packets that are looked at; 0, or -EIO. */
static int verify_rounds(struct svr_batch *batch)
{
	int waiting = 1;

	for (__u32 number = 0; waiting > 0; number++)
		waiting = verify_round(batch, number);
	return waiting;
}

static int verify(struct svr_batch *batch)
{
	int error;

	take_tags(batch);
	batch->looks = 0;
	error = verify_rounds(batch);
	if (!error && choose_skewed(batch)) {
		batch->looks = 1;
		error = verify_rounds(batch);
	}
	for (__u32 i = 0; i < batch->count; i++)
		if (batch->wires[i].opens && batch->wires[i].pair->mode)
			memcpy(batch->wires[i].packet + batch->wires[i].l3_length, batch->wires[i].ports, 4);
	return error;
}

/* Under which key the body is encrypted: the current one, or for a while the one before. */
static void choose_cipher(struct svr_batch *batch, struct svr_wire *wire)
{
	struct svr_protect_cipher *previous = wire->entry->previous;
	__u32 length = wire->length - wire->body, least = SVR_WIRE_COUNTER + (wire->entry->suite == SVR_SUITE_GCM ? SVR_GCM_TAG : SVR_BLOCK);

	if (!wire->entry->suite || length < least || (wire->entry->suite == SVR_SUITE_CBC && (length - SVR_WIRE_COUNTER) % SVR_BLOCK)) {
		wire->drop = SVR_DROP_DECRYPT_FAILURE;
		return;
	}
	if (*body_of(wire) == wire->cipher->index)
		return;
	if (previous && *body_of(wire) == previous->index && batch->unix_s < previous->until_s)
		wire->cipher = previous;
	else
		wire->drop = SVR_DROP_DECRYPT_FAILURE;
}

/* Counters are judged once the tag was right. */
static void judge_counters(struct svr_batch *batch)
{
	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];
		__u64 counter;

		if (wire->drop || !wire->opens || !wire->cipher || wire->length == wire->body)
			continue;
		choose_cipher(batch, wire);
		if (wire->drop)
			continue;
		memcpy(&counter, body_of(wire), sizeof(counter));
		if (!svr_protect_fresh(wire->entry, &wire->cipher->seen[wire->direction], __builtin_bswap64(counter) & COUNTER_MASK))
			wire->drop = SVR_DROP_REPLAY_PAYLOAD;
	}
}

static void decrypt_gcm(struct svr_batch *batch, struct svr_wire *wire)
{
	__u8 nonce[SVR_GCM_IV], tag[SVR_GCM_TAG], *section = body_of(wire) + SVR_WIRE_COUNTER;
	struct gcm_context_data context;
	struct aad aad;

	gcm_names(wire, nonce, &aad);
	wire->length -= SVR_GCM_TAG;
	IMB_AES256_GCM_DEC(batch->engine->manager, &wire->cipher->key[wire->direction].gcm, &context, section, section, wire->packet + wire->length - section,
			   nonce, (const __u8 *)&aad, sizeof(aad), tag, SVR_GCM_TAG);
	if (!is_equal(tag, wire->packet + wire->length))
		wire->drop = SVR_DROP_DECRYPT_FAILURE;
}

/* The body was authentic, so the time this takes tells an attacker nothing. */
static void unpad(struct svr_wire *wire)
{
	__u8 padding = wire->packet[wire->length - 1];

	if (padding < 1 || padding > SVR_BLOCK) {
		wire->drop = SVR_DROP_DECRYPT_FAILURE;
		return;
	}
	for (__u32 i = 1; i <= padding; i++)
		if (wire->packet[wire->length - i] != padding)
			wire->drop = SVR_DROP_DECRYPT_FAILURE;
	wire->length -= padding;
}

/* The plain body moves to where F was. */
static void end_bodies(struct svr_batch *batch)
{
	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];

		if (is_ciphered(wire, 1, SVR_SUITE_GCM))
			decrypt_gcm(batch, wire);
		else if (is_ciphered(wire, 1, SVR_SUITE_CBC))
			unpad(wire);
		else
			continue;
		if (wire->drop)
			continue;
		wire->length -= SVR_WIRE_COUNTER;
		memmove(body_of(wire), body_of(wire) + SVR_WIRE_COUNTER, wire->length - wire->body);
	}
}

static int seal(struct svr_batch *batch)
{
	int error;

	count_bodies(batch);
	error = make_ivs(batch, 0);
	if (!error)
		error = run_cbc(batch, 0);
	if (error)
		return error;
	encrypt_gcm(batch);
	return sign(batch);
}

int svr_batch_run(struct svr_batch *batch)
{
	int error = verify(batch);

	if (error < 0)
		return error;
	judge_counters(batch);
	error = make_ivs(batch, 1);
	if (!error)
		error = run_cbc(batch, 1);
	if (error)
		return error;
	end_bodies(batch);
	return seal(batch);
}
