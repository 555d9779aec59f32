/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Layouts of captured packets: what is wanted of a session, and one copied packet. Part of svr_types.h, which includes it. */
#ifndef SVR_COPIES_H
#define SVR_COPIES_H

/* Where a packet of a captured session was seen. */
enum svr_point {
	SVR_POINT_FORWARD_IN = 0,
	SVR_POINT_FORWARD_OUT = 1,
	SVR_POINT_REVERSE_IN = 2,
	SVR_POINT_REVERSE_OUT = 3,
	SVR_POINTS = 4,
};
/* How many more packets of a slot's session are wanted at each point. Key: slot. */
struct svr_captured {
	__u32 packets[SVR_POINTS];
	__u32 lost;            /* wanted, but the ring was full */
	__u32 zero;
};
/* In front of every copied packet; the first bytes of the packet follow, from its IP header on. */
struct svr_copy {
	__u64 time_ns;         /* monotonic */
	__u32 slot;
	__u32 length;          /* bytes of the packet */
	__u32 captured;        /* bytes that follow, at most SVR_COPY_MOST */
	__u16 ifnum;
	__u16 vlan;
	__u16 point;           /* enum svr_point */
	__u16 gso_size;        /* 0: one wire packet */
	__u32 flags;           /* SVR_PUNT_PARTIAL */
	__u8 uuid[16];
};
#define SVR_COPY_MOST 2048
#endif
