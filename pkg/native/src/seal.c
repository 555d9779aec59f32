/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypts and signs packets that leave with metadata, many at once: IVs, sections, tags (protocol 8.1, then 7.2). Called by
 * the seal engine of pkg/security. */
#include "engine.h"

#include <errno.h>
#include <string.h>

static const __u8 zero_iv[SVR_BLOCK];

/* counter(8) || salt(8), encrypted as one block, is the IV of CBC. */
static int make_ivs(const struct svr_run *run, __u32 count)
{
	__u32 blocks = 0;

	for (__u32 i = 0; i < count; i++) {
		const struct svr_job *job = &run->jobs[i];
		const struct svr_engine_key *key = svr_engine_try(run, job, 0);
		__u8 *iv = svr_engine_packet(run, job) + job->iv;
		__u64 counter_be = __builtin_bswap64(job->counter);

		if (job->suite != SVR_SUITE_CBC)
			continue;
		memcpy(iv, &counter_be, sizeof(counter_be));
		memcpy(iv + sizeof(counter_be), key->salt, sizeof(key->salt));
		svr_engine_cbc(&run->engine->burst[blocks++], key, zero_iv, iv, SVR_BLOCK);
	}
	return svr_engine_cipher(run->engine, blocks, IMB_DIR_ENCRYPT);
}

static int encrypt_cbc(const struct svr_run *run, __u32 count)
{
	__u32 sections = 0;

	for (__u32 i = 0; i < count; i++) {
		const struct svr_job *job = &run->jobs[i];
		__u8 *packet = svr_engine_packet(run, job);

		if (job->suite == SVR_SUITE_CBC)
			svr_engine_cbc(&run->engine->burst[sections++], svr_engine_try(run, job, 0), packet + job->iv, packet + job->plain,
				       job->cipher_length);
	}
	return svr_engine_cipher(run->engine, sections, IMB_DIR_ENCRYPT);
}

/* Nonce = salt[0..3] || counter; it stands in TLV 0x8000, so it is part of the AAD. */
static void encrypt_gcm(const struct svr_run *run, __u32 count)
{
	struct gcm_context_data context;

	for (__u32 i = 0; i < count; i++) {
		const struct svr_job *job = &run->jobs[i];
		const struct svr_engine_key *key = svr_engine_try(run, job, 0);
		__u8 *packet = svr_engine_packet(run, job), *plain = packet + job->plain;
		__u64 counter_be = __builtin_bswap64(job->counter);

		if (job->suite != SVR_SUITE_GCM)
			continue;
		memcpy(packet + job->iv, key->salt, 4);
		memcpy(packet + job->iv + 4, &counter_be, sizeof(counter_be));
		IMB_AES256_GCM_ENC(run->engine->manager, &key->gcm, &context, plain, plain, job->plain_length, packet + job->iv,
				   packet + job->metadata, job->header_length, plain + job->plain_length, SVR_GCM_TAG);
	}
}

static int sign(const struct svr_run *run, __u32 count)
{
	__u32 tags = 0;

	for (__u32 i = 0; i < count; i++) {
		const struct svr_job *job = &run->jobs[i];
		__u8 *packet = svr_engine_packet(run, job);

		if (job->tag)
			svr_engine_tag(&run->engine->burst[tags++], svr_engine_try(run, job, 0), packet, job, run->lists[job->epochs],
				       packet + job->tag);
	}
	return svr_engine_hash(run->engine, tags);
}

static int seal(const struct svr_run *run, __u32 count)
{
	int error = make_ivs(run, count);

	if (!error)
		error = encrypt_cbc(run, count);
	if (error)
		return error;
	encrypt_gcm(run, count);
	return sign(run, count);
}

/* Besides what every job needs: one key, one epoch, a section of the length its suite gives it. */
static int is_sealable(const struct svr_job *job)
{
	if (job->key_count != 1 || job->epoch_count != 1)
		return 0;
	if (job->suite == SVR_SUITE_CBC)
		return job->cipher_length && job->cipher_length % SVR_BLOCK == 0;
	return job->suite != SVR_SUITE_GCM || (__u64)job->plain_length + SVR_GCM_TAG == job->cipher_length;
}

static int check(const struct svr_engine *engine, const struct svr_job_call *call, struct svr_job *jobs, const __u32 *lists)
{
	int error = svr_engine_check(engine, call, jobs, lists);

	for (__u32 i = 0; !error && i < call->jobs_size / sizeof(*jobs); i++) {
		if (is_sealable(&jobs[i]))
			continue;
		jobs[i].result = SVR_JOB_REFUSED;
		error = -EINVAL;
	}
	return error;
}

int svr_seal_run(struct svr_engine *engine, const struct svr_job_call *call, __u8 *arena, struct svr_job *jobs, const __u32 *lists)
{
	__u32 count = call->jobs_size / (__u32)sizeof(*jobs);
	int error = check(engine, call, jobs, lists);

	for (__u32 at = 0; !error && at < count; at += SVR_ENGINE_BURST) {
		const struct svr_run run = { .engine = engine, .arena = arena, .jobs = jobs + at, .lists = lists };

		error = seal(&run, count - at < SVR_ENGINE_BURST ? count - at : SVR_ENGINE_BURST);
	}
	return error ? error : (int)count;
}
