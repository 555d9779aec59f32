/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness does to the sweeper: start it, wait for its walks, make it see other limits between two of them. */
#include "harness.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 10000

static __u8 frame[64]; /* what a test run wants, though the program looks at none */

void gauges_read(struct harness *h, struct svr_gauges *gauges)
{
	__u32 zero = 0;

	must(bpf_map_lookup_elem(map_fd(h, "gauges"), &zero, gauges), "gauges");
}

/* Arms the timer. */
void do_sweep(struct harness *h, const char *line)
{
	struct bpf_program *program = bpf_object__find_program_by_name(h->object, "svr_sweep_start");
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	(void)line;
	must(bpf_prog_test_run_opts(bpf_program__fd(program), &opts), "sweep start");
	append(h, "{\"code\":%d}", (int)opts.retval);
}

/* Waits until the sweeper has walked so many times more, bounded. */
static bool wait_walks(struct harness *h, __u64 walks)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	struct svr_gauges gauges;
	__u64 until;

	gauges_read(h, &gauges);
	until = gauges.sweeps + walks;
	for (int i = 0; i < WAIT_MS / 2 && gauges.sweeps < until; i++) {
		nanosleep(&pause, NULL);
		gauges_read(h, &gauges);
	}
	return gauges.sweeps >= until;
}

void do_walks(struct harness *h, const char *line)
{
	append(h, "{\"ok\":%s}", wait_walks(h, word_number(line, "walks", 1)) ? "true" : "false");
}

/* `slots` is what the sweeper takes for the size of the table from its next walk on: 0 stops it. A walk under way ends first; while the
 * limit changes, walks see no slot, because a session whose record waits would be given up under a limit that is too low. */
void do_limit(struct harness *h, const char *line)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct svr_gauges *gauges = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd(h, "gauges"), 0);
	struct svr_settings settings;
	__u32 zero = 0, high;

	must(gauges == MAP_FAILED, "gauges");
	high = __atomic_exchange_n(&gauges->high_water, 0, __ATOMIC_SEQ_CST);
	must(!wait_walks(h, 1), "the sweeper does not walk");
	settings_read(h, &settings);
	settings.session_limit = word_number(line, "slots", 0);
	must(bpf_map_update_elem(map_fd(h, "settings"), &zero, &settings, 0), "settings");
	__atomic_store_n(&gauges->high_water, high, __ATOMIC_SEQ_CST);
	munmap(gauges, page);
	append(h, "{\"ok\":true}");
}
