/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the benchmark tool share. One command a process, one JSON line on stdout; errors end it. Tests only. */
#ifndef BENCH_TOOL_H
#define BENCH_TOOL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../../pkg/native/src/load.h"
#include "../../../pkg/datapath/bpf/svr_side.h"
#include "pattern.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define SUFFIX "_v" TEXT(SVR_LAYOUT_VERSION) /* of pinned maps */

#define MUST(condition, ...) ((condition) ? (void)0 : fail(__VA_ARGS__))
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
__u32 number(const char *text);
double seconds_now(void);
void pin_to_cpu(__u32 cpu);

/* ---- plane.c: a router's programs and maps through the product's own library ---- */

#define LAN_IFNUM 1
#define WAN_IFNUM 2
struct plane {
	struct svr_load *load;
	struct svr_table *table;
};
struct plane plane_load(const char *object, const char *dir, __u32 slots, __u32 buckets);
void plane_put(const char *dir, const char *map, __u32 key, const void *value, __u32 size);
int plane_program(const struct plane *plane, const char *name);

/* ---- flows.c: the sessions of pattern.h at R1, and frames that hit them ---- */

enum way { FORWARD, REVERSE }; /* how the packet arrives: from the host, from R2 */
struct flows {
	__u8 family, proto, tcp_state;
};
void flows_install(struct svr_table *table, const struct flows *flows, __u32 first, __u32 count);
void flows_frame(struct bench_control *control, const struct flows *flows, enum way way);

/* ---- traffic.c: the programs of bench.bpf.c on devices of namespaces ---- */

struct traffic {
	struct bpf_object *object;
	struct bench_control *control;
	__u32 ifindex; /* where frames appear; the process stays in its namespace */
};
/* Six words: router namespace and device, host, server. Aims the frame of flow 0 at the router's device. */
void traffic_open(struct traffic *t, const char *object, char **places);
int traffic_program(struct bpf_object *object, const char *name);
struct bench_control *traffic_load(const char *object, struct bpf_object **out);
/* A link that lasts until it is closed. Leaves the process in that namespace. */
int traffic_attach(struct traffic *t, const char *program, const char *netns, const char *device);
/* Nanoseconds a packet as the kernel measures them: what other processes take of the CPU does not count. */
__u32 traffic_spray(struct traffic *t, __u32 packets);
__u32 traffic_enter(const char *netns, const char *device); /* the device's index */
int traffic_command(int argc, char **argv);
int steady_command(int argc, char **argv);

/* ---- opening.c ---- */

int opening_command(int argc, char **argv);
struct opening_plan {
	__u32 first, count; /* flows */
	__u32 window;       /* at most under way */
	double seconds;     /* at most */
};
struct opened {
	__u32 sent, answered; /* flows */
	double seconds;     /* to the last answer */
};
/* Sends one packet of each flow from the host's device (the process is in its namespace) and waits for the answers. */
struct opened opening_run(struct traffic *t, __u32 ifindex, const struct opening_plan *plan);

/* Sends at a steady rate over flows that are open already; what arrives at the server is counted there. */
void opening_steady(struct traffic *t, __u32 ifindex, __u32 flows, __u32 per_second, double seconds);

/* ---- testrun.c, fill.c, latency.c ---- */

int latency_command(int argc, char **argv);

int fill_command(int argc, char **argv);

int protect_command(int argc, char **argv);
int protected_command(int argc, char **argv);
int testrun_command(int argc, char **argv);
#endif
