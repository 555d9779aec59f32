/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of single packets, for shards: what carries metadata has its tag made and judged there, but its body is counted and encrypted
 * under the session's keys as everything else (protocol 8.2). Called by pkg/security with a worker of the shard's own. */
#include "protectbatch.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(struct svr_body_job) == 44, "as pkg/security/protectbodies.ts has it");

/* Tags are the shard's business. */
static const struct svr_protect_pair no_tags = { .mode = SVR_PROTECT_DISABLED };

static int is_sound(const struct svr_body_job *job, __u32 arena_size)
{
	return job->direction <= 1 && job->opens <= 1 && job->length <= 65535 && job->room <= arena_size && job->at <= arena_size - job->room &&
	       (__u64)job->length + (job->opens ? 0 : SVR_WIRE_ROOM) <= job->room;
}

static struct svr_protect_entry *find(struct svr_vault *protect, const struct svr_body_job *job)
{
	struct svr_protect_entry *entry = job->index < protect->slots ? protect->entries[job->index] : NULL;

	return entry && entry->current && !memcmp(entry->uuid, job->uuid, sizeof(job->uuid)) ? entry : NULL;
}

/* A wire packet that is nothing but its body; sealed, it begins with the counter. */
static void begin(struct svr_vault *protect, struct svr_body_job *job, __u8 *arena, struct svr_wire *wire)
{
	__u8 *body = arena + job->at;
	__u32 shift = !job->opens && job->length ? SVR_WIRE_COUNTER : 0;

	*wire = (struct svr_wire){ .packet = body, .length = job->length + shift, .direction = (__u8)job->direction, .opens = (__u8)job->opens,
				   .pair = &no_tags, .entry = find(protect, job) };
	if (!wire->entry) {
		wire->drop = SVR_DROP_NO_KEY;
		return;
	}
	wire->cipher = wire->entry->current;
	memmove(body + shift, body, job->length);
}

static int run(struct svr_vault *protect, struct svr_batch *batch, __u8 *arena, struct svr_body_job *jobs)
{
	struct svr_body_job *todo[SVR_ENGINE_BURST];
	__u32 wires = 0, count = batch->count;
	int error;

	for (__u32 i = 0; i < count; i++) {
		begin(protect, &jobs[i], arena, &batch->wires[wires]);
		jobs[i].result = -(__s32)batch->wires[wires].drop;
		if (!batch->wires[wires].drop)
			todo[wires++] = &jobs[i];
	}
	batch->count = wires;
	error = svr_batch_run(batch);
	for (__u32 i = 0; i < wires; i++)
		todo[i]->result = batch->wires[i].drop ? -(__s32)batch->wires[i].drop : (__s32)batch->wires[i].length;
	return error;
}

int svr_protect_bodies(struct svr_vault *protect, struct svr_batch *batch, const struct svr_body_call *call, __u8 *arena, struct svr_body_job *jobs)
{
	__u32 count = call->jobs_size / (__u32)sizeof(*jobs);
	int error = call->jobs_size % sizeof(*jobs) ? -EINVAL : 0;

	for (__u32 i = 0; i < count; i++)
		if (!is_sound(&jobs[i], call->arena_size))
			return -EINVAL;
	batch->unix_s = call->unix_s;
	for (__u32 at = 0; error >= 0 && at < count; at += SVR_ENGINE_BURST) {
		batch->count = count - at < SVR_ENGINE_BURST ? count - at : SVR_ENGINE_BURST;
		error = run(protect, batch, arena, jobs + at);
	}
	batch->count = batch->used = 0;
	return error < 0 ? error : (int)count;
}
