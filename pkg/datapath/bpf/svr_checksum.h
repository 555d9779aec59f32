/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* One's complement sums (RFC 1071, RFC 1624). Words are summed as they lie in memory, which any byte order may do; sums are
 * 64 bits wide and folded late. Pure: touches no packet. */
#ifndef SVR_CHECKSUM_H
#define SVR_CHECKSUM_H

#include "svr_packet.h"
#include "svr_side.h"

/* svr_checksum_fold32: sum to 32 bits. */
static __always_inline __u32 svr_checksum_fold32(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

/* svr_checksum_fold: sum to 16 bits. */
static __always_inline __u16 svr_checksum_fold(__u64 sum)
{
	__u32 half = svr_checksum_fold32(sum);

	half = (half & 0xffff) + (half >> 16);
	return (half & 0xffff) + (half >> 16);
}

/* svr_checksum_minus: what to add to take a sum away. */
static __always_inline __u64 svr_checksum_minus(__u64 sum)
{
	return (__u32)~svr_checksum_fold32(sum);
}

/* svr_checksum_change16, 32: what to add when a word changes. */
static __always_inline __u64 svr_checksum_change16(__u16 from, __u16 to)
{
	return (__u64)(__u16)~from + to;
}

static __always_inline __u64 svr_checksum_change32(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

/* svr_checksum_addresses: sum of two 16-byte address fields; the zeros behind an IPv4 address add nothing. */
static __always_inline __u64 svr_checksum_addresses(const __u8 *a, const __u8 *b, __u8 family)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;
	__u64 sum = (__u64)x[0] + y[0];

	if (family == 6)
		sum += (__u64)x[1] + x[2] + x[3] + y[1] + y[2] + y[3];
	return sum;
}

/* svr_checksum_side: sum of both addresses of a side. */
static __always_inline __u64 svr_checksum_side(const struct svr_session *s, __u32 side)
{
	const struct svr_tail *tail = &s->tail[side & 1];
	__u64 sum = (__u64)s->side[side & 1].remote_be + s->side[side & 1].local_be;

	if (s->side[side & 1].family == 6)
		sum += (__u64)tail->remote_be[0] + tail->remote_be[1] + tail->remote_be[2] + tail->local_be[0] + tail->local_be[1] + tail->local_be[2];
	return sum;
}

/* svr_checksum_update: a checksum field after its bytes changed by `delta`. */
static __always_inline __u16 svr_checksum_update(__u16 field, __u64 delta)
{
	return ~svr_checksum_fold((__u16)~field + delta);
}
#endif
