/* SPDX-License-Identifier: Apache-2.0 */
/* New sessions a second: each packet of the host is the first of a flow, the server's device answers in the kernel, and a session
 * counts when its answer is back at the host. A window bounds how many are under way, so nothing overflows. On a busy machine a
 * router may stand still for a while: then the window opens, and answers that come late count. Frames leave by the host's own
 * device, in batches. */
#define _GNU_SOURCE
#include "tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 64u
#define PAUSE_NS 50000
#define STILL_SECONDS 0.5 /* without any answer: what is under way no longer keeps the window shut */
#define LATE_SECONDS 5.0  /* without any answer or packet: what has not come will not come */

struct opening {
	struct traffic *t;
	int socket;
	__u8 frames[BURST][BENCH_FRAME];
	struct iovec parts[BURST];
	struct mmsghdr messages[BURST];
};

static int open_socket(__u32 ifindex)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)ifindex };
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);

	MUST(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)), "packet socket: %s", strerror(errno));
	MUST(!setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)), "qdisc bypass: %s", strerror(errno));
	return fd;
}

static __u16 added(__u16 sum_be, __u32 more)
{
	__u32 sum = ntohs(sum_be) + more;

	return htons((__u16)((sum & 0xffff) + (sum >> 16)));
}

/* The frame of flow i; what bench.bpf.c does in the kernel. */
static void write_frame(const struct bench_control *c, __u32 i, __u8 *to)
{
	__u16 high = (__u16)BENCH_HIGH(i), shift = (__u16)(BENCH_LOW(i) * c->port_scale);
	__u16 *port = (__u16 *)(to + c->port_at), *balance = (__u16 *)(to + c->balance_at), *check = (__u16 *)(to + c->check_at);

	memcpy(to, c->frame, c->size);
	to[c->address_at] += (__u8)high;
	*port = htons((__u16)(ntohs(*port) + shift));
	*balance = added(htons((__u16)~shift), (__u16)~high);
	if (c->check_at)
		*check = (__u16)~added((__u16)~*check, high);
}

static void send_burst(struct opening *o, __u32 first, __u32 count)
{
	__u32 done = 0;

	for (__u32 i = 0; i < count; i++)
		write_frame(o->t->control, first + i, o->frames[i]);
	while (done < count) {
		int sent = sendmmsg(o->socket, o->messages + done, count - done, 0);

		MUST(sent > 0, "send: %s", strerror(errno));
		done += (__u32)sent;
	}
}

static void prepare(struct opening *o, struct traffic *t, __u32 ifindex)
{
	memset(o, 0, sizeof(*o));
	o->t = t;
	o->socket = open_socket(ifindex);
	for (__u32 i = 0; i < BURST; i++) {
		o->parts[i] = (struct iovec){ o->frames[i], t->control->size };
		o->messages[i].msg_hdr.msg_iov = &o->parts[i];
		o->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

/* What the loop knows: flows sent, answered, and those under way that no longer count against the window. */
struct progress {
	__u64 sent, answered, overdue;
	double answered_at, moved_at; /* the last answer; the last answer or packet */
	double opened_at;             /* the last answer, or when the window was opened without one */
};

static void look(struct progress *p, __u64 answered, double now)
{
	if (answered != p->answered)
		p->answered_at = p->moved_at = p->opened_at = now;
	p->answered = answered;
	if (now - p->opened_at > STILL_SECONDS || p->answered + p->overdue > p->sent) {
		p->overdue = p->sent - p->answered;
		p->opened_at = now;
	}
}

static bool is_done(const struct progress *p, const struct opening_plan *plan, double now)
{
	return p->sent == plan->count && (p->answered == p->sent || now - p->moved_at > LATE_SECONDS);
}

struct opened opening_run(struct traffic *t, __u32 ifindex, const struct opening_plan *plan)
{
	volatile struct bench_control *c = t->control;
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	double start = seconds_now(), now;
	struct progress p = { .answered_at = start, .moved_at = start, .opened_at = start };
	__u64 base = c->distinct;
	struct opening o;

	prepare(&o, t, ifindex);
	while ((now = seconds_now()) < start + plan->seconds && !is_done(&p, plan, now)) {
		__u32 left = plan->count - (__u32)p.sent, room = left < BURST ? left : BURST;

		look(&p, c->distinct - base, now);
		if (room && p.sent - p.answered - p.overdue + room <= plan->window) {
			send_burst(&o, plan->first + (__u32)p.sent, room);
			p.sent += room;
			p.moved_at = now;
		} else {
			nanosleep(&pause, NULL);
		}
	}
	close(o.socket);
	look(&p, c->distinct - base, now);
	return (struct opened){ (__u32)p.sent, (__u32)p.answered, p.answered_at - start };
}

void opening_steady(struct traffic *t, __u32 ifindex, __u32 flows, __u32 per_second, double seconds)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	double start = seconds_now(), now;
	struct opening o;
	__u64 sent = 0;

	prepare(&o, t, ifindex);
	while ((now = seconds_now()) < start + seconds) {
		__u64 due = (__u64)((now - start) * per_second);
		__u32 first = (__u32)(sent % flows), room = flows - first < BURST ? flows - first : BURST;

		if (due - sent >= room) {
			send_burst(&o, first, room);
			sent += room;
		} else {
			nanosleep(&pause, NULL);
		}
	}
	close(o.socket);
	t->control->next = sent;
}

/* CPU time of this process, with the softirqs that ran in it. */
static double cpu_us(void)
{
	struct rusage used;

	MUST(!getrusage(RUSAGE_SELF, &used), "rusage: %s", strerror(errno));
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

int opening_command(int argc, char **argv)
{
	struct opening_plan plan;
	struct traffic t = {};
	struct opened opened;
	double before;
	__u32 host;

	MUST(argc == 12, "opening: twelve words");
	plan = (struct opening_plan){ number(argv[8]), number(argv[9]), number(argv[10]), number(argv[11]) / 1000.0 };
	MUST(plan.first + plan.count <= BENCH_MAX_FLOWS, "at most %u flows", BENCH_MAX_FLOWS);
	traffic_open(&t, argv[0], argv + 1);
	traffic_attach(&t, "bench_echo", argv[5], argv[6]);
	traffic_attach(&t, "bench_answered", argv[3], argv[4]);
	host = traffic_enter(argv[3], argv[4]);
	if (strcmp(argv[7], "any"))
		pin_to_cpu(number(argv[7]));
	before = cpu_us();
	opened = opening_run(&t, host, &plan);
	printf("{\"sent\":%u,\"answered\":%u,\"seconds\":%.6f,\"cpuUs\":%.0f}\n", opened.sent, opened.answered, opened.seconds, cpu_us() - before);
	return 0;
}
