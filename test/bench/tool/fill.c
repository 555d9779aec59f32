/* SPDX-License-Identifier: Apache-2.0 */
/* Puts many sessions into the pinned table of a router that is at rest, to see what it costs the process. */
#include "tool.h"

#define UDP 17

int fill_command(int argc, char **argv)
{
	struct flows flows = { 4, UDP, SVR_TCP_NONE };
	struct svr_table *table;
	double start;

	MUST(argc == 3, "fill: three words");
	MUST(!svr_table_open(argv[0], SUFFIX, &table), "cannot open the table in %s", argv[0]);
	start = seconds_now();
	flows_install(table, &flows, number(argv[1]), number(argv[2]));
	printf("{\"installed\":%u,\"seconds\":%.6f}\n", number(argv[2]), seconds_now() - start);
	svr_table_close(table);
	return 0;
}
