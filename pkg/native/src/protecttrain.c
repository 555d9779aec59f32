/* SPDX-License-Identifier: Apache-2.0 */
/* Trains of encrypted TCP segments, whose sequence numbers follow each other on the wire (protocol 8.2, docs/decisions/026). */
#include "protectbatch.h"

#include <string.h>

#define TCP_HEADER 20u
#define SEQ_AT 4u

/* A segment of a train stands where the segments before it end on the wire, which are `by` bytes longer than they were, or than before. */
void svr_train_move(const struct svr_wire *wire, __s32 by)
{
	__u8 *at = wire->packet + wire->l3_length + SEQ_AT;
	__u32 seq;

	if (!wire->position)
		return;
	memcpy(&seq, at, sizeof(seq));
	seq = __builtin_bswap32(__builtin_bswap32(seq) + (__u32)(wire->position * by));
	memcpy(at, &seq, sizeof(seq));
}

/* Position of a body that is encrypted, here or by the ends of the session. */
void svr_train_read(struct svr_wire *wire)
{
	const struct svr_protect_entry *entry = wire->entry;
	__u32 mark = (wire->direction ? SVR_PROTECT_ENCRYPTED_REV : SVR_PROTECT_ENCRYPTED) >> SVR_PROTECT_SHIFT;
	int passes = entry->peer[0] && entry->peer[1] && entry->protect & mark && !wire->plain;

	if (wire->l4_length >= TCP_HEADER && (wire->cipher || passes) && wire->length - wire->body > SVR_WIRE_COUNTER)
		wire->position = svr_wire_body(wire)[1] >> 3;
}
