/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs around the local one, in the order in which they are tried, and how often a clock that differs is looked for (protocol 7.1). */
#include "protectbatch.h"

#define SKEW_PER_SECOND 10

/* Not at all, then one before, one after, two before ... */
__s32 svr_skew_distance(__u32 number)
{
	__s32 distance = (__s32)((number + 1) / 2);

	return number % 2 ? -distance : distance;
}

/* A few a second of each peer; those that share a place share them. */
int svr_skew_permits(struct svr_skew_gate *gate, const struct svr_wire *wire, __u32 unix_s)
{
	__u8 *tried = &gate->tried[svr_wire_peer(wire) % sizeof(gate->tried)];

	if (wire->pair->mode != SVR_PROTECT_TIMED)
		return 0;
	if (gate->unix_s != unix_s)
		*gate = (struct svr_skew_gate){ .unix_s = unix_s };
	if (*tried >= SKEW_PER_SECOND)
		return 0;
	++*tried;
	return 1;
}
