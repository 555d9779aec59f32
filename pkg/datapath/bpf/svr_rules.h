/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Layout of interface filters: plain structs and defines, part of svr_types.h, which includes it. */
#ifndef SVR_RULES_H
#define SVR_RULES_H

/* A rule of an interface filter (behaviour 10.1). Masks of zeros match every address; ranges have both ends. */
#define SVR_RULES 256
#define SVR_RULE_PERMIT 0x1u
#define SVR_RULE_VLAN 0x2u
#define SVR_RULE_PROTO 0x4u
#define SVR_RULE_PORTS 0x8u
#define SVR_RULE_TCP 0x10u
#define SVR_RULE_ICMP 0x20u
#define SVR_RULE_DSCP 0x40u
#define SVR_RULE_LENGTH 0x80u
#define SVR_RULE_L4 (SVR_RULE_PORTS | SVR_RULE_TCP | SVR_RULE_ICMP)
#define SVR_RULE_PACKET (SVR_RULE_TCP | SVR_RULE_ICMP | SVR_RULE_DSCP | SVR_RULE_LENGTH) /* packets of one flow differ in it */
struct svr_rule {
	__u32 source[4];       /* wire order */
	__u32 source_mask[4];
	__u32 destination[4];
	__u32 destination_mask[4];
	__u16 tests;           /* SVR_RULE_* */
	__u16 vlan;
	__u16 source_first, source_last;
	__u16 destination_first, destination_last;
	__u16 length_first, length_last;
	__u8 family;           /* 0 both */
	__u8 proto;
	__u8 tcp_mask;
	__u8 tcp_value;
	__u8 icmp_type;
	__u8 dscp;
	__u8 reserved[2];
};
#define SVR_FILTER_OPTIONS 0x1u /* IPv4 options are dropped but for those of `options` */
struct svr_filter {          /* key of `filters`: ifnum */
	__u32 count;
	__u32 flags;
	__u32 options;         /* bit per option number (low 5 bits of its kind) that may pass */
	__u32 reserved;
	struct svr_rule rule[SVR_RULES];
};
#endif
