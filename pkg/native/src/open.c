/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies and decrypts received packets, many at once (protocol 7.3, steps 3 and 5). Called by the seal engine of pkg/security.
 * Every key and epoch that may fit is tried in rounds over all packets that are still unverified. */
#include "engine.h"

#include <errno.h>
#include <string.h>

struct round {
	__u32 waiting[SVR_ENGINE_BURST]; /* jobs that no key and epoch fitted yet */
	__u32 count;
	__u8 received[SVR_ENGINE_BURST][SVR_TAG];
	__u8 computed[SVR_ENGINE_BURST][SVR_TAG];
};

/* The time does not depend on where two tags differ. */
static int is_equal(const __u8 *a, const __u8 *b)
{
	__u8 difference = 0;

	for (__u32 i = 0; i < SVR_TAG; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

/* Without a tag the first key counts; with one nothing does until it was right. */
static void begin(const struct svr_run *run, __u32 count, struct round *round)
{
	round->count = 0;
	for (__u32 i = 0; i < count; i++) {
		struct svr_job *job = &run->jobs[i];

		job->fit = 0;
		job->result = job->tag ? SVR_JOB_HMAC : 0;
		if (!job->tag || !job->epoch_count)
			continue;
		memcpy(round->received[i], svr_engine_packet(run, job) + job->tag, SVR_TAG);
		round->waiting[round->count++] = i;
	}
}

static int verify_round(const struct svr_run *run, struct round *round, __u32 number)
{
	__u32 left = 0;
	int error;

	for (__u32 i = 0; i < round->count; i++) {
		const struct svr_job *job = &run->jobs[round->waiting[i]];
		__u32 epoch = run->lists[job->epochs + number % job->epoch_count];

		svr_engine_tag(&run->engine->burst[i], svr_engine_try(run, job, number / job->epoch_count), svr_engine_packet(run, job), job,
			       epoch, round->computed[i]);
	}
	error = svr_engine_hash(run->engine, round->count);
	if (error)
		return error;
	for (__u32 i = 0; i < round->count; i++) {
		__u32 at = round->waiting[i];
		struct svr_job *job = &run->jobs[at];

		job->fit = number;
		if (is_equal(round->received[at], round->computed[i]))
			job->result = 0;
		else if (number + 1 < (__u64)job->key_count * job->epoch_count)
			round->waiting[left++] = at;
	}
	round->count = left;
	return 0;
}

static int is_cipher_length(const struct svr_job *job)
{
	return job->suite == SVR_SUITE_CBC ? job->cipher_length && job->cipher_length % SVR_BLOCK == 0 : job->cipher_length >= SVR_GCM_TAG;
}

static const struct svr_engine_key *fitting(const struct svr_run *run, const struct svr_job *job)
{
	return svr_engine_try(run, job, job->epoch_count ? job->fit / job->epoch_count : 0);
}

/* Bytes before PKCS#7 padding. The section was authentic, so the time it takes tells an attacker nothing. */
static __s32 unpadded(const __u8 *section, __u32 length)
{
	__u8 padding = section[length - 1];

	if (padding < 1 || padding > SVR_BLOCK)
		return SVR_JOB_DECRYPT;
	for (__u32 i = length - padding; i < length; i++)
		if (section[i] != padding)
			return SVR_JOB_DECRYPT;
	return (__s32)(length - padding);
}

static __s32 decrypt_gcm(const struct svr_run *run, const struct svr_job *job)
{
	__u8 *packet = svr_engine_packet(run, job), *section = packet + job->plain;
	__u32 length = job->cipher_length - SVR_GCM_TAG;
	struct gcm_context_data context;
	__u8 tag[SVR_GCM_TAG];

	IMB_AES256_GCM_DEC(run->engine->manager, &fitting(run, job)->gcm, &context, section, section, length, packet + job->iv,
			   packet + job->metadata, job->header_length, tag, SVR_GCM_TAG);
	return is_equal(tag, section + length) ? (__s32)length : SVR_JOB_DECRYPT;
}

/* Sets the result of all jobs but the CBC ones, which go into the burst; returns their number. */
static __u32 decrypt_others(const struct svr_run *run, __u32 count)
{
	__u32 sections = 0;

	for (__u32 i = 0; i < count; i++) {
		struct svr_job *job = &run->jobs[i];
		__u8 *packet = svr_engine_packet(run, job);

		if (job->result < 0)
			continue;
		if (job->suite == SVR_SUITE_CLEAR)
			job->result = (__s32)job->cipher_length;
		else if (!is_cipher_length(job))
			job->result = SVR_JOB_DECRYPT;
		else if (job->suite == SVR_SUITE_GCM)
			job->result = decrypt_gcm(run, job);
		else
			svr_engine_cbc(&run->engine->burst[sections++], fitting(run, job), packet + job->iv, packet + job->plain, job->cipher_length);
	}
	return sections;
}

static int decrypt(const struct svr_run *run, __u32 count)
{
	int error = svr_engine_cipher(run->engine, decrypt_others(run, count), IMB_DIR_DECRYPT);

	if (error)
		return error;
	for (__u32 i = 0; i < count; i++) {
		struct svr_job *job = &run->jobs[i];

		if (job->suite == SVR_SUITE_CBC && job->result == 0)
			job->result = unpadded(svr_engine_packet(run, job) + job->plain, job->cipher_length);
	}
	return 0;
}

static int open_burst(const struct svr_run *run, __u32 count)
{
	struct round round;
	int error = 0;

	begin(run, count, &round);
	for (__u32 number = 0; !error && round.count; number++)
		error = verify_round(run, &round, number);
	return error ? error : decrypt(run, count);
}

int svr_open_run(struct svr_engine *engine, const struct svr_job_call *call, __u8 *arena, struct svr_job *jobs, const __u32 *lists)
{
	__u32 count = call->jobs_size / (__u32)sizeof(*jobs);
	int error = svr_engine_check(engine, call, jobs, lists);

	for (__u32 at = 0; !error && at < count; at += SVR_ENGINE_BURST) {
		const struct svr_run run = { .engine = engine, .arena = arena, .jobs = jobs + at, .lists = lists };

		error = open_burst(&run, count - at < SVR_ENGINE_BURST ? count - at : SVR_ENGINE_BURST);
	}
	return error ? error : (int)count;
}
