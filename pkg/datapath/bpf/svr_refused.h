/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Layouts of what is told and counted of refused packets: plain structs and defines, part of svr_types.h, which includes it. The code
 * is in svr_refusal.h. */
#ifndef SVR_REFUSED_H
#define SVR_REFUSED_H

/* A packet that was refused; its tuple is the inner one where its session is known. */
struct svr_refusal {
	__u64 time_ms;         /* monotonic */
	__u32 reason;          /* enum svr_reason */
	__u16 tenant;          /* name ids, 0 not known */
	__u16 service;
	__u16 path;            /* peer path that it came by, 0 none or not known */
	struct svr_key key;    /* interface and VLAN of arrival */
};
/* Per-CPU and reason: packets looked at in the second, and refused packets without a record since the maps were made. */
struct svr_refused {
	__u32 second;
	__u32 looks;
	__u64 untold;
};
/* When a tuple and reason was told last; two that meet in a place drive each other out. */
#define SVR_RECENT 4096
struct svr_recent {
	__u32 tag;
	__u32 second;
};
#endif
