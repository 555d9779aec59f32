/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the test harness share. The harness loads the real eBPF object with small maps into the kernel, fills the
 * maps as told on stdin, runs packets through the programs and prints one JSON line for each command. Tests only. */
#ifndef HARNESS_H
#define HARNESS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "svr_side.h"
#include "svr_reasons.h"

#define MAX_PACKET 70000

#define MAX_SHARDS 8
#define PROTECT_SLOT 64 /* SVR_SHARDS: where the rings of protect workers begin in the map `rings` */

struct harness;
struct shard_ring {
	struct harness *harness;
	__u32 shard;
};

struct harness {
	struct bpf_object *object;
	__u32 slots, bucket_count, shards, record_bytes, copy_bytes;
	struct ring_buffer *punts, *records, *refusals, *copies;
	struct shard_ring rings[MAX_SHARDS], protect;
	char *out;         /* JSON of punts or records that arrived */
	size_t out_used, out_size;
	int socket;        /* of the command `socket`, -1 */
};

/* ---- harness.c, commands.c ---- */

void must(int error, const char *what); /* ends the process when error is set */
void run_command(struct harness *h, const char *line);

/* ---- copies.c ---- */

int on_copy(void *context, void *data, size_t size);
void do_want(struct harness *h, const char *line);
void do_captured(struct harness *h, const char *line);
void do_copies(struct harness *h, const char *line);

/* ---- sweeping.c ---- */

void gauges_read(struct harness *h, struct svr_gauges *gauges);
void do_sweep(struct harness *h, const char *line);
void do_walks(struct harness *h, const char *line);
void do_limit(struct harness *h, const char *line);

/* ---- fields.c: structs as name=value words and as JSON ---- */

enum kind { UNSIGNED, PORT_BE, BYTES, ADDRESS };
struct field {
	const char *name;
	__u32 offset;
	__u32 size;
	enum kind kind;
	__u32 tail;        /* ADDRESS: where bytes 4 to 15 stand, from the start of the struct */
};
extern const struct field session_fields[], settings_fields[], nexthop_fields[], gauges_fields[];

const char *word_value(const char *line, const char *name);
__u64 word_number(const char *line, const char *name, __u64 absent);
int word_bytes(const char *line, const char *name, __u8 *to, size_t size);
void fill_fields(const struct field *fields, const char *line, void *to);
void append(struct harness *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
void append_hex(struct harness *h, const __u8 *bytes, size_t size);
void append_fields(struct harness *h, const struct field *fields, const void *from);

/* ---- table.c: what the native library does to sessions and index, in the plainest way ---- */

int map_fd(struct harness *h, const char *name);
void session_read(struct harness *h, __u32 slot, struct svr_session *session);
void session_write(struct harness *h, __u32 slot, const struct svr_session *session);
int index_session(struct harness *h, __u32 slot, const struct svr_session *session);
int index_count(struct harness *h, __u32 slot, __u32 side);
int fill_background(struct harness *h, __u32 from, __u32 count, __u32 first);
void forget_sessions(struct harness *h);
void reset_maps(struct harness *h);
void settings_read(struct harness *h, struct svr_settings *settings);
#endif
