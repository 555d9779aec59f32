/* SPDX-License-Identifier: Apache-2.0 */
/* The eBPF object as load.c, attach.c and btf.c share it. Not part of the exported surface. */
#ifndef SVR_LOAD_H
#define SVR_LOAD_H

#include <bpf/libbpf.h>
#include "svr_native.h"

#define SVR_LOAD_VERIFIER (1u << 20) /* the kernel keeps the end of longer logs */

struct svr_load {
	struct bpf_object *object;
	char *verifier;
	size_t said_length;
	char said[16384];
};

/* Whose call libbpf is working for on this thread, so that its words find their way; NULL for none. */
void svr_load_speak(struct svr_load *load);
#endif
