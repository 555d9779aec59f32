/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the batch engine share: key schedules and one burst of library jobs. Not part of the exported surface.
 * An engine belongs to one thread. All primitives are libipsec-mb's; these files only say what goes into them. */
#ifndef SVR_ENGINE_H
#define SVR_ENGINE_H

#include "svr_native.h"

#include <intel-ipsec-mb.h>

#define SVR_ENGINE_BURST IMB_MAX_BURST_SIZE
#define SVR_TAG 16u            /* first bytes of HMAC-SHA256 */
#define SVR_HASH 32u
#define SVR_ENCODED_EPOCH 8u   /* key id 4, epoch 4: the E of protocol 7.2, stands where the tag goes */
#define SVR_BLOCK 16u          /* AES; IV of CBC */
#define SVR_GCM_IV 12u
#define SVR_GCM_TAG 16u
#define SVR_LENGTH_MAX 65534u  /* what the library's lanes can count */

enum svr_suite { SVR_SUITE_CLEAR = 0, SVR_SUITE_CBC = 1, SVR_SUITE_GCM = 2 };

/* A key set as the library wants it; wiped before its slot is used again and when the engine closes. */
struct svr_engine_key {
	struct gcm_key_data gcm __attribute__((aligned(64)));
	__u32 encrypt[60] __attribute__((aligned(16)));
	__u32 decrypt[60] __attribute__((aligned(16)));
	__u8 ipad[SVR_HASH], opad[SVR_HASH];               /* SHA-256 after the first block of HMAC */
	__u8 salt[8];
	__u8 id[4];
	__u32 present;
};

struct svr_engine {
	void *library;         /* opened at run time */
	IMB_MGR *manager;
	IMB_ARCH arch;
	__u32 slots;
	size_t keys_bytes;
	struct svr_engine_key *keys;
	IMB_JOB burst[SVR_ENGINE_BURST];
};

/* The jobs of one call after they were checked. */
struct svr_run {
	struct svr_engine *engine;
	__u8 *arena;
	struct svr_job *jobs;
	const __u32 *lists;
};

static inline __u8 *svr_engine_packet(const struct svr_run *run, const struct svr_job *job)
{
	return run->arena + job->at;
}
static inline const struct svr_engine_key *svr_engine_try(const struct svr_run *run, const struct svr_job *job, __u32 number)
{
	return &run->engine->keys[run->lists[job->keys + number]];
}

/* 0, or -EINVAL: every job is checked before one is run. */
int svr_engine_check(const struct svr_engine *engine, const struct svr_job_call *call, struct svr_job *jobs, const __u32 *lists);
/* The library job of a tag: zeroes ports and checksum, writes E over the tag's place; the 16 bytes go to `out`. */
void svr_engine_tag(IMB_JOB *to, const struct svr_engine_key *key, __u8 *packet, const struct svr_job *job, __u32 epoch, __u8 *out);
/* The library job of a CBC run over whole blocks, in place. */
void svr_engine_cbc(IMB_JOB *to, const struct svr_engine_key *key, const __u8 *iv, __u8 *blocks, __u32 length);
/* Run the first `count` jobs of the burst; 0, or -EIO. */
int svr_engine_hash(struct svr_engine *engine, __u32 count);
int svr_engine_cipher(struct svr_engine *engine, __u32 count, IMB_CIPHER_DIRECTION direction);
#endif
