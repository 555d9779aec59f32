/* SPDX-License-Identifier: Apache-2.0 */
/* What one load costs that waits for the load before it, by the size of what it is picked from at random: what the memory of the
 * machine does to a table. Small pages, as the kernel gives to maps. CPU time of the thread, so that other work counts little. */
#define _GNU_SOURCE
#include "tool.h"

#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#define LINE 64
#define LOADS 2000000

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* One cycle through all lines in random order (Sattolo). */
static void **make_cycle(size_t lines)
{
	char *memory = mmap(NULL, lines * LINE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t *order = malloc(lines * sizeof(*order));
	uint64_t x = 88172645463325252ull;

	MUST(memory != MAP_FAILED && order, "no memory");
	madvise(memory, lines * LINE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < lines; i++)
		order[i] = (uint32_t)i;
	for (size_t i = lines - 1; i > 0; i--) {
		size_t j;
		uint32_t kept = order[i];

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		j = x % i;
		order[i] = order[j];
		order[j] = kept;
	}
	for (size_t i = 0; i < lines; i++)
		*(void **)(memory + (size_t)order[i] * LINE) = memory + (size_t)order[(i + 1) % lines] * LINE;
	free(order);
	return (void **)memory;
}

int latency_command(int argc, char **argv)
{
	double start, took;
	void **at;

	MUST(argc == 1, "latency: one word");
	at = make_cycle((size_t)number(argv[0]) * 1024 / LINE);
	start = cpu_seconds();
	for (int i = 0; i < LOADS; i++)
		at = *at;
	took = cpu_seconds() - start;
	MUST(at, "the chain broke");
	printf("{\"kibibytes\":%u,\"ns\":%.1f}\n", number(argv[0]), took / LOADS * 1e9);
	return 0;
}
