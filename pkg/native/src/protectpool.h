/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for keys: blocks of one size out of large pieces, never in a core dump, wiped when they are given back. A mapping for each key would reach
 * the kernel's limit of mappings (vm.max_map_count) with 65,530 sessions that end in any order. Not locked: its owner is. */
#ifndef SVR_PROTECT_POOL_H
#define SVR_PROTECT_POOL_H

#include <stddef.h>

struct svr_pool {
	size_t size;  /* of a block, a multiple of 64 */
	void *pieces; /* each begins with the one before it */
	void *free;   /* each begins with the next one */
};

/* A block of zeroes, aligned to 64 bytes; NULL when there is no memory. */
void *svr_pool_take(struct svr_pool *pool);
/* Wipes it; NULL is nothing. */
void svr_pool_give(struct svr_pool *pool, void *block);
/* Wipes all and gives the memory back. */
void svr_pool_close(struct svr_pool *pool);
#endif
