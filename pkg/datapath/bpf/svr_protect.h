/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* What eBPF and protect workers say to each other about packets of protected sessions. Part of svr_types.h, which includes it. */
#ifndef SVR_PROTECT_H
#define SVR_PROTECT_H

/* Bits of svr_session.label above the flow label: what protection (protocol 7, 8) its packets need. Changed with atomic and/or by user
 * space; here because a packet reads this line anyway. */
#define SVR_LABEL_MASK 0xfffffu
#define SVR_PROTECT_SHIFT 20
enum svr_protect {
	SVR_PROTECT_OPEN_FWD = 0x00100000, /* forward packets without metadata are verified and decrypted when they arrive */
	SVR_PROTECT_OPEN_REV = 0x00200000,
	SVR_PROTECT_SEAL_FWD = 0x00400000, /* forward packets get their tag, and are encrypted, when they leave */
	SVR_PROTECT_SEAL_REV = 0x00800000,
	SVR_PROTECT_BODY_FWD = 0x01000000, /* the body is encrypted: it grows by more than the tag */
	SVR_PROTECT_BODY_REV = 0x02000000,
	SVR_PROTECT_WATCH = 0x04000000,    /* adaptive encryption, armed: TCP payload goes to the shard (protocol 8.3) */
	SVR_PROTECT_ENCRYPTED = 0x08000000, /* forward bodies are encrypted, here or by the ends: read for windows and marks of records */
	SVR_PROTECT_ENCRYPTED_REV = 0x10000000, /* reverse bodies */
};
#define SVR_PROTECT_TAG 16  /* bytes that a sealed packet grows by at most: tag */
#define SVR_PROTECT_MOST 40 /* ... counter, padding or GCM tag, and tag */

/* A frame that a protect worker writes to loopback: destination MAC = one of these words(2), the flow index entry of its record(4), both
 * big-endian. An opened packet goes on as if it had just arrived, a sealed one leaves by its session's next hop. */
#define SVR_INJECT_OPENED 0x024fu
#define SVR_INJECT_SEALED 0x024cu
#endif
