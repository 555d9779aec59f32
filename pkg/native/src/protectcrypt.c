/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptography of one batch of wire packets: bodies (protocol 8.2), then tags (protecttag.c), or the other way round. All primitives are
 * libipsec-mb's, many packets at once. */
#include "protectbatch.h"

#include <string.h>

#define COUNTER_MASK 0x0007ffffffffffffull
#define POSITION_SHIFT 51

static const __u8 zero_iv[SVR_BLOCK];

/* AAD of GCM: uuid, direction, F. */
struct aad {
	__u8 uuid[16];
	__u8 direction;
	__u8 counter[SVR_WIRE_COUNTER];
} __attribute__((packed));

/* F || salt, encrypted as one block, is the IV of CBC; done in place. */
static void iv_job(struct svr_batch *batch, __u32 place, struct svr_wire *wire)
{
	const struct svr_engine_key *key = &wire->cipher->key[wire->direction];

	memcpy(wire->iv, svr_wire_body(wire), SVR_WIRE_COUNTER);
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

		if (wire->drop || wire->opens)
			continue;
		if (!is_ciphered(wire, 0, wire->entry->suite) || !wire->entry->suite) {
			svr_train_read(wire);
			continue;
		}
		counter = __atomic_add_fetch(&wire->cipher->sent[wire->direction], 1, __ATOMIC_RELAXED) & COUNTER_MASK;
		counter = __builtin_bswap64(counter | (__u64)wire->position << POSITION_SHIFT | (__u64)wire->cipher->index << 56);
		memcpy(svr_wire_body(wire), &counter, sizeof(counter));
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
	svr_train_move(wire, (__s32)(SVR_WIRE_COUNTER + padding));
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
		svr_engine_cbc(&batch->engine->burst[bodies++], &wire->cipher->key[wire->direction], wire->iv, svr_wire_body(wire) + SVR_WIRE_COUNTER,
			       wire->length - wire->body - SVR_WIRE_COUNTER);
	}
	return svr_engine_cipher(batch->engine, bodies, opens ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT);
}

/* nonce = salt[0..3] || F */
static void gcm_names(const struct svr_wire *wire, __u8 *nonce, struct aad *aad)
{
	memcpy(nonce, wire->cipher->key[wire->direction].salt, 4);
	memcpy(nonce + 4, svr_wire_body(wire), SVR_WIRE_COUNTER);
	memcpy(aad->uuid, wire->entry->uuid, sizeof(aad->uuid));
	aad->direction = wire->direction;
	memcpy(aad->counter, svr_wire_body(wire), SVR_WIRE_COUNTER);
}

static void encrypt_gcm(struct svr_batch *batch)
{
	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];
		__u8 nonce[SVR_GCM_IV], *plain = svr_wire_body(wire) + SVR_WIRE_COUNTER;
		struct gcm_context_data context;
		struct aad aad;

		if (!is_ciphered(wire, 0, SVR_SUITE_GCM))
			continue;
		gcm_names(wire, nonce, &aad);
		IMB_AES256_GCM_ENC(batch->engine->manager, &wire->cipher->key[wire->direction].gcm, &context, plain, plain, wire->packet + wire->length - plain,
				   nonce, (const __u8 *)&aad, sizeof(aad), wire->packet + wire->length, SVR_GCM_TAG);
		wire->length += SVR_GCM_TAG;
		svr_train_move(wire, SVR_WIRE_COUNTER + SVR_GCM_TAG);
	}
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
	if (*svr_wire_body(wire) == wire->cipher->index)
		return;
	if (previous && *svr_wire_body(wire) == previous->index && batch->unix_s < previous->until_s)
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
		memcpy(&counter, svr_wire_body(wire), sizeof(counter));
		if (!svr_protect_fresh(wire->entry, &wire->cipher->seen[wire->direction], __builtin_bswap64(counter) & COUNTER_MASK))
			wire->drop = SVR_DROP_REPLAY_PAYLOAD;
	}
}

static void decrypt_gcm(struct svr_batch *batch, struct svr_wire *wire)
{
	__u8 nonce[SVR_GCM_IV], tag[SVR_GCM_TAG], *section = svr_wire_body(wire) + SVR_WIRE_COUNTER;
	struct gcm_context_data context;
	struct aad aad;

	gcm_names(wire, nonce, &aad);
	wire->length -= SVR_GCM_TAG;
	IMB_AES256_GCM_DEC(batch->engine->manager, &wire->cipher->key[wire->direction].gcm, &context, section, section, wire->packet + wire->length - section,
			   nonce, (const __u8 *)&aad, sizeof(aad), tag, SVR_GCM_TAG);
	svr_train_move(wire, -(SVR_WIRE_COUNTER + SVR_GCM_TAG));
	if (!svr_tag_equal(tag, wire->packet + wire->length))
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
	svr_train_move(wire, -(__s32)(SVR_WIRE_COUNTER + padding));
}

/* F goes: the headers, which are shorter than the body, move behind it. A body alone moves to where F was. */
static void drop_counter(struct svr_wire *wire)
{
	wire->length -= SVR_WIRE_COUNTER;
	if (!wire->body) {
		memmove(wire->packet, wire->packet + SVR_WIRE_COUNTER, wire->length);
		return;
	}
	memmove(wire->packet + SVR_WIRE_COUNTER, wire->packet, wire->body);
	wire->packet += SVR_WIRE_COUNTER;
}

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
		if (!wire->drop)
			drop_counter(wire);
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
	return svr_batch_sign(batch);
}

int svr_batch_run(struct svr_batch *batch)
{
	int error = svr_batch_verify(batch);

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
