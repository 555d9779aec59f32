/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of one size for keys, out of large pieces (protectpool.h). Called by protect.c under its lock. */
#include "protectpool.h"

#include <string.h>
#include <sys/mman.h>

#define PIECE (1u << 20)
#define HEAD 64u

static void put(struct svr_pool *pool, void *block)
{
	memcpy(block, &pool->free, sizeof(pool->free));
	pool->free = block;
}

static int grow(struct svr_pool *pool)
{
	char *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (piece == MAP_FAILED)
		return 0;
	madvise(piece, PIECE, MADV_DONTDUMP);
	memcpy(piece, &pool->pieces, sizeof(pool->pieces));
	pool->pieces = piece;
	for (size_t at = HEAD + (PIECE - HEAD) / pool->size * pool->size; at > HEAD; at -= pool->size)
		put(pool, piece + at - pool->size);
	return 1;
}

void *svr_pool_take(struct svr_pool *pool)
{
	void *block;

	if (!pool->free && !grow(pool))
		return NULL;
	block = pool->free;
	memcpy(&pool->free, block, sizeof(pool->free));
	memset(block, 0, sizeof(pool->free));
	return block;
}

void svr_pool_give(struct svr_pool *pool, void *block)
{
	if (!block)
		return;
	explicit_bzero(block, pool->size);
	put(pool, block);
}

void svr_pool_close(struct svr_pool *pool)
{
	while (pool->pieces) {
		void *piece = pool->pieces;

		memcpy(&pool->pieces, piece, sizeof(pool->pieces));
		explicit_bzero(piece, PIECE);
		munmap(piece, PIECE);
	}
	pool->free = NULL;
}
