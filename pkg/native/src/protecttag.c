/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of one batch of wire packets (protocol 7.2): made for what is sealed, judged for what is opened, many at once by libipsec-mb. */
#include "protectbatch.h"

#include <errno.h>
#include <string.h>

#define UDP_HEADER 8u

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

int svr_batch_sign(struct svr_batch *batch)
{
	__u32 tags = 0;
	int error;

	for (__u32 i = 0; i < batch->count; i++) {
		struct svr_wire *wire = &batch->wires[i];
		struct svr_job job = tag_place(wire);

		if (wire->drop || wire->opens || !wire->pair->mode)
			continue;
		cover_length(wire);
		svr_train_move(wire, SVR_TAG);
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
int svr_tag_equal(const __u8 *a, const __u8 *b)
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
		if (waits(batch, &batch->wires[i], number) && svr_tag_equal(computed[i], batch->wires[i].tag))
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

/* The tag is off, and so is what it added to the segments before this one. */
static void find_place(struct svr_wire *wire)
{
	svr_train_read(wire);
	if (wire->pair->mode)
		svr_train_move(wire, -SVR_TAG);
}

int svr_batch_verify(struct svr_batch *batch)
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
	for (__u32 i = 0; i < batch->count; i++)
		if (batch->wires[i].opens && !batch->wires[i].drop)
			find_place(&batch->wires[i]);
	return error;
}
