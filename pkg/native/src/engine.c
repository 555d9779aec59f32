/* SPDX-License-Identifier: Apache-2.0 */
/* The batch engine of metadata: its keys, and what sealing and opening share. Called by pkg/security, one engine a thread;
 * knows nothing of peers, epochs in force or replay. */
#include "engine.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UDP_HEADER 8u
#define TCP_HEADER 20u
#define UDP_CHECKSUM_AT 6u
#define TCP_CHECKSUM_AT 16u
#define HMAC_BLOCK 64u
#define IPAD 0x36
#define OPAD 0x5c
#define LIBRARY "libIPSec_MB.so.1"

_Static_assert(sizeof(struct svr_job) == 80, "pkg/security/jobs.ts writes twenty words");
_Static_assert(offsetof(struct svr_job, counter) == 64 && offsetof(struct svr_job, result) == 72, "as pkg/security/jobs.ts has them");
_Static_assert(sizeof(struct svr_engine_secret) == 76, "secrets are packed");
_Static_assert(sizeof(struct svr_engine_key) % 64 == 0, "keys stand in an array");

/* Never in a core dump. */
static struct svr_engine_key *key_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, MADV_DONTDUMP);
	return memory;
}

int svr_engine_close(struct svr_engine *engine)
{
	if (engine->keys) {
		explicit_bzero(engine->keys, engine->keys_bytes);
		munmap(engine->keys, engine->keys_bytes);
	}
	if (engine->manager)
		((void (*)(IMB_MGR *))dlsym(engine->library, "free_mb_mgr"))(engine->manager);
	if (engine->library)
		dlclose(engine->library);
	explicit_bzero(engine, sizeof(*engine));
	free(engine);
	return 0;
}

/* A machine without the library has its packets sealed by somebody else: what is linked to it could not be loaded at all there. */
static int open_library(struct svr_engine *engine)
{
	IMB_MGR *(*alloc)(uint64_t);
	void (*init)(IMB_MGR *, IMB_ARCH *);
	int (*fault)(IMB_MGR *);

	engine->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!engine->library)
		return -ENOENT;
	alloc = (IMB_MGR *(*)(uint64_t))dlsym(engine->library, "alloc_mb_mgr");
	init = (void (*)(IMB_MGR *, IMB_ARCH *))dlsym(engine->library, "init_mb_mgr_auto");
	fault = (int (*)(IMB_MGR *))dlsym(engine->library, "imb_get_errno");
	if (!alloc || !init || !fault || !dlsym(engine->library, "free_mb_mgr"))
		return -ENOENT;
	engine->manager = alloc(0);
	if (!engine->manager)
		return -ENOMEM;
	init(engine->manager, &engine->arch);
	return fault(engine->manager) ? -ENOTSUP : 0;
}

/* The fastest code of this CPU. Without AES instructions the library would use tables: slow, and not constant in time. */
static int set_up(struct svr_engine *engine, __u32 slots)
{
	int error = open_library(engine);

	if (error)
		return error;
	if (engine->arch < IMB_ARCH_SSE)
		return -ENOTSUP;
	if ((engine->manager->features & IMB_FEATURE_SELF_TEST) && !(engine->manager->features & IMB_FEATURE_SELF_TEST_PASS))
		return -ENOTSUP;
	engine->slots = slots;
	engine->keys_bytes = sizeof(*engine->keys) * (size_t)slots;
	engine->keys = key_memory(engine->keys_bytes);
	return engine->keys ? 0 : -ENOMEM;
}

int svr_engine_create(__u32 slots, struct svr_engine **out)
{
	struct svr_engine *engine;
	int error;

	*out = NULL;
	if (!slots || slots > 65536)
		return -EINVAL;
	engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	error = set_up(engine, slots);
	if (error) {
		svr_engine_close(engine);
		return error;
	}
	*out = engine;
	return 0;
}

int svr_engine_arch(struct svr_engine *engine)
{
	return (int)engine->arch;
}

/* The state of SHA-256 after key xor pad, which is one block. */
static void pad_state(IMB_MGR *manager, const __u8 *hmac, __u8 pad, __u8 *state)
{
	__u8 block[HMAC_BLOCK];

	for (__u32 i = 0; i < HMAC_BLOCK; i++)
		block[i] = (i < SVR_HASH ? hmac[i] : 0) ^ pad;
	IMB_SHA256_ONE_BLOCK(manager, block, state);
	explicit_bzero(block, sizeof(block));
}

int svr_engine_key(struct svr_engine *engine, __u32 slot, const struct svr_engine_secret *secret, __u32 secret_size)
{
	struct svr_engine_key *key;

	if (secret_size != sizeof(*secret) || slot >= engine->slots)
		return -EINVAL;
	key = &engine->keys[slot];
	explicit_bzero(key, sizeof(*key));
	pad_state(engine->manager, secret->hmac, IPAD, key->ipad);
	pad_state(engine->manager, secret->hmac, OPAD, key->opad);
	IMB_AES_KEYEXP_256(engine->manager, secret->meta, key->encrypt, key->decrypt);
	IMB_AES256_GCM_PRE(engine->manager, secret->meta, &key->gcm);
	memcpy(key->salt, secret->salt, sizeof(key->salt));
	memcpy(key->id, secret->id, sizeof(key->id));
	key->present = 1;
	return 0;
}

/* A list lies inside `lists`. */
static int is_list(__u32 at, __u32 count, __u32 words)
{
	return count <= words && at <= words - count;
}

static int has_keys(const struct svr_engine *engine, const struct svr_job *job, const __u32 *lists, __u32 words)
{
	if (!is_list(job->keys, job->key_count, words) || !is_list(job->epochs, job->epoch_count, words) || !job->key_count)
		return 0;
	for (__u32 i = 0; i < job->key_count; i++) {
		__u32 slot = lists[job->keys + i];

		if (slot >= engine->slots || !engine->keys[slot].present)
			return 0;
	}
	return 1;
}

/* The tag covers L4 header and payload before it and ends inside the packet. Sums of four numbers of 32 bits fit into 64. */
static int has_tag_room(const struct svr_job *job)
{
	__u64 payload = (__u64)job->l4 + job->l4_length;

	if (job->l4_length != UDP_HEADER && job->l4_length < TCP_HEADER)
		return 0;
	if (job->tag < payload || (__u64)job->tag + SVR_TAG > job->length)
		return 0;
	return (__u64)job->tag + SVR_ENCODED_EPOCH - job->l4 <= SVR_LENGTH_MAX;
}

/* L4 header, metadata, IV, section and tag follow each other. */
static int has_section_room(const struct svr_job *job)
{
	__u64 iv_end = (__u64)job->iv + (job->suite == SVR_SUITE_CBC ? SVR_BLOCK : SVR_GCM_IV);
	__u64 header_end = (__u64)job->metadata + job->header_length;
	__u64 end = job->tag ? job->tag : job->length;

	if (!job->metadata || job->metadata < (__u64)job->l4 + job->l4_length || job->iv < job->metadata)
		return 0;
	return iv_end <= header_end && header_end <= job->plain && (__u64)job->plain + job->cipher_length <= end &&
	       job->cipher_length <= SVR_LENGTH_MAX;
}

static int is_sound(const struct svr_job *job, __u32 arena_size)
{
	if (job->suite > SVR_SUITE_GCM || job->length > arena_size || job->at > arena_size - job->length || job->cipher_length > job->length)
		return 0;
	return (!job->tag || has_tag_room(job)) && (!job->suite || has_section_room(job));
}

int svr_engine_check(const struct svr_engine *engine, const struct svr_job_call *call, struct svr_job *jobs, const __u32 *lists)
{
	int error = call->jobs_size % sizeof(*jobs) || call->lists_size % sizeof(*lists) ? -EINVAL : 0;

	for (__u32 i = 0; !error && i < call->jobs_size / sizeof(*jobs); i++) {
		jobs[i].result = 0;
		if (is_sound(&jobs[i], call->arena_size) && has_keys(engine, &jobs[i], lists, call->lists_size / (__u32)sizeof(*lists)))
			continue;
		jobs[i].result = SVR_JOB_REFUSED;
		error = -EINVAL;
	}
	return error;
}

void svr_engine_tag(IMB_JOB *to, const struct svr_engine_key *key, __u8 *packet, const struct svr_job *job, __u32 epoch, __u8 *out)
{
	__u8 *l4 = packet + job->l4, *encoded = packet + job->tag;
	__u32 epoch_be = __builtin_bswap32(epoch);

	memset(l4, 0, 4);
	memset(l4 + (job->l4_length == UDP_HEADER ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT), 0, 2);
	memcpy(encoded, key->id, sizeof(key->id));
	memcpy(encoded + sizeof(key->id), &epoch_be, sizeof(epoch_be));
	to->src = l4;
	to->hash_start_src_offset_in_bytes = 0;
	to->msg_len_to_hash_in_bytes = job->tag + SVR_ENCODED_EPOCH - job->l4;
	to->auth_tag_output = out;
	to->auth_tag_output_len_in_bytes = SVR_TAG;
	to->u.HMAC._hashed_auth_key_xor_ipad = key->ipad;
	to->u.HMAC._hashed_auth_key_xor_opad = key->opad;
}

void svr_engine_cbc(IMB_JOB *to, const struct svr_engine_key *key, const __u8 *iv, __u8 *blocks, __u32 length)
{
	to->src = blocks;
	to->dst = blocks;
	to->cipher_start_src_offset_in_bytes = 0;
	to->msg_len_to_cipher_in_bytes = length;
	to->enc_keys = key->encrypt;
	to->dec_keys = key->decrypt;
	to->key_len_in_bytes = IMB_KEY_256_BYTES;
	to->iv = iv;
	to->iv_len_in_bytes = SVR_BLOCK;
}

int svr_engine_hash(struct svr_engine *engine, __u32 count)
{
	if (!count)
		return 0;
	return IMB_SUBMIT_HASH_BURST(engine->manager, engine->burst, count, IMB_AUTH_HMAC_SHA_256) == count ? 0 : -EIO;
}

int svr_engine_cipher(struct svr_engine *engine, __u32 count, IMB_CIPHER_DIRECTION direction)
{
	if (!count)
		return 0;
	return IMB_SUBMIT_CIPHER_BURST(engine->manager, engine->burst, count, IMB_CIPHER_CBC, direction, IMB_KEY_256_BYTES) == count ? 0 : -EIO;
}
