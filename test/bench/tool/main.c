/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the benchmark tool and what all commands need: errors, clock, CPU. Started by test/bench/tool.ts only. */
#define _GNU_SOURCE
#include "tool.h"

#include <sched.h>
#include <stdarg.h>
#include <time.h>

void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

__u32 number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	MUST(*text && !*end, "not a number: %s", text);
	return (__u32)value;
}

double seconds_now(void)
{
	return svr_abi_clock_ns() / 1e9;
}

void pin_to_cpu(__u32 cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(!sched_setaffinity(0, sizeof(set), &set), "cannot run on CPU %u", cpu);
}

static const struct {
	const char *name, *usage;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "traffic", "BENCH-OBJECT ROUTER-NETNS DEVICE HOST-NETNS DEVICE SERVER-NETNS DEVICE CPU FLOWS PACKETS", traffic_command },
	{ "opening", "BENCH-OBJECT ROUTER-NETNS DEVICE HOST-NETNS DEVICE SERVER-NETNS DEVICE CPU|any FIRST-FLOW FLOWS WINDOW MILLISECONDS", opening_command },
	{ "steady", "BENCH-OBJECT ROUTER-NETNS DEVICE HOST-NETNS DEVICE SERVER-NETNS DEVICE CPU FLOWS PACKETS-A-SECOND MILLISECONDS", steady_command },
	{ "fill", "PIN-DIR FIRST-FLOW FLOWS", fill_command },
	{ "latency", "KIBIBYTES", latency_command },
	{ "protect", "SUITE PAYLOAD SEGMENT ROUNDS", protect_command },
	{ "protected", "SUITE PIN-DIR NETNS PIN-DIR NETNS MILLISECONDS", protected_command },
	{ "testrun", "OBJECT BENCH-OBJECT DIR 4|6 PROTO SESSIONS ACTIVE RUNS", testrun_command },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (argc > 1 && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 2, argv + 2);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(stderr, "usage: svr-bench %s %s\n", commands[i].name, commands[i].usage);
	return 2;
}
