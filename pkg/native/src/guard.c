/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what is in memory in memory: no core dump, and no other process of the same user may look into this one. Called by the router
 * before it reads keys. */
#include "svr_native.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int svr_guard_memory(void)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}
