/* SPDX-License-Identifier: Apache-2.0 */
/* Protects the TCP sessions of two running routers with keys made here: rings, workers and bits as a router would make them, so that the
 * data plane and the engine are measured without a policy. Runs for a time, then tells what the two workers did. */
#define _GNU_SOURCE
#include "tool.h"

#include "../../../pkg/native/src/protect.h"
#include "../../../pkg/native/src/table.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define RINGS_OF_SHARDS 64u /* SVR_SHARDS of svr_maps.h: behind them are those of protect workers */
#define RING_BYTES (1u << 23)
#define TCP 6
#define SCAN_US 20000
#define TURN_MS 50u
#define PEER 9

struct router {
	const char *dir, *netns;
	__u16 bits;
	__u16 peer[2];
	struct svr_vault *vault;
	struct svr_table *table;
	char pin[512];
	pthread_t thread;
	struct svr_protect_counts counts;
	double cpu;
	volatile int stop;
};

static void enter(const char *netns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0 && !setns(fd, CLONE_NEWNET), "cannot enter %s", netns);
	close(fd);
}

static void *work(void *context)
{
	struct router *router = context;
	struct svr_protect_worker *worker;
	struct rusage used;

	enter(router->netns);
	MUST(!svr_protect_worker_open(router->vault, router->pin, router->table->settings.inject_mac, 6, -1, &worker), "no worker for %s", router->pin);
	while (!router->stop)
		MUST(svr_protect_turn(worker, TURN_MS) >= 0, "a turn fails");
	MUST(!svr_protect_counts(worker, &router->counts, sizeof(router->counts)) && !getrusage(RUSAGE_THREAD, &used), "no counts");
	router->cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	svr_protect_worker_close(worker);
	return NULL;
}

static void add_ring(struct router *router)
{
	struct svr_map_sizes sizes;
	struct svr_map *rings;
	char path[512];

	snprintf(path, sizeof(path), "%s/rings" SUFFIX, router->dir);
	snprintf(router->pin, sizeof(router->pin), "%s/protect0" SUFFIX, router->dir);
	unlink(router->pin);
	MUST(!svr_map_open(path, &sizes, sizeof(sizes), &rings), "cannot open %s", path);
	MUST(svr_map_add_ring(rings, RINGS_OF_SHARDS, RING_BYTES, router->pin) >= 0, "cannot make %s", router->pin);
	svr_map_close(rings);
}

static void start(struct router *router, __u8 sends, __u8 receives)
{
	struct svr_protect_peer peer = { .peer = PEER, .mode = SVR_PROTECT_TIMED, .window = 1, .sends = 1, .receives = 1 };
	struct svr_settings settings;

	memset(peer.send.hmac, sends, sizeof(peer.send.hmac));
	memset(peer.receive[0].hmac, receives, sizeof(peer.receive[0].hmac));
	MUST(!svr_table_open(router->dir, SUFFIX, &router->table), "cannot open the table in %s", router->dir);
	MUST(!svr_protect_create(router->table->slots, &router->vault) && !svr_protect_peer(router->vault, &peer, sizeof(peer)), "no store of keys");
	add_ring(router);
	settings = router->table->settings;
	settings.protectors = 1;
	plane_put(router->dir, "settings", 0, &settings, sizeof(settings));
	MUST(!pthread_create(&router->thread, NULL, work, router), "no thread");
}

/* A session whose metadata is done with on both sides. */
static int is_ready(const struct svr_session *session)
{
	return SVR_WORD_LIFE(*(const __u32 *)&session->life) == SVR_LIFE_LIVE && session->context_proto == TCP && session->tcp_state == SVR_TCP_ESTABLISHED &&
	       !(session->flags & (SVR_F_FWD_META | SVR_F_REV_META | SVR_F_HOLD_META)) && !(session->label >> SVR_PROTECT_SHIFT);
}

static struct svr_session *find(struct svr_table *table, const __u8 *uuid)
{
	for (__u32 i = 0; i < table->gauges->high_water; i++)
		if (is_ready(&table->sessions[i]) && !memcmp(table->sessions[i].uuid, uuid, 16))
			return &table->sessions[i];
	return NULL;
}

static void add_keys(const struct router *router, const struct svr_session *session, __u8 suite)
{
	struct svr_protect_session keys = { .index = (__u32)(session - router->table->sessions), .protect = router->bits,
					    .peer = { router->peer[0], router->peer[1] }, .suite = suite, .key_index = 1 };

	memcpy(keys.uuid, session->uuid, sizeof(keys.uuid));
	memset(keys.key, 5, sizeof(keys.key));
	MUST(!svr_protect_session(router->vault, &keys, sizeof(keys)), "a session is refused");
}

/* Both ends at once: what is under way in the clear is lost, and sent again. */
static __u32 protect_new(struct router routers[2], __u8 suite)
{
	struct svr_table *table = routers[0].table;
	__u32 found = 0;

	for (__u32 i = 0; i < table->gauges->high_water; i++) {
		struct svr_session *first = &table->sessions[i], *second = is_ready(first) ? find(routers[1].table, first->uuid) : NULL;

		if (!second)
			continue;
		add_keys(&routers[0], first, suite);
		add_keys(&routers[1], second, suite);
		__atomic_or_fetch(&second->label, (__u32)routers[1].bits << SVR_PROTECT_SHIFT, __ATOMIC_RELEASE);
		__atomic_or_fetch(&first->label, (__u32)routers[0].bits << SVR_PROTECT_SHIFT, __ATOMIC_RELEASE);
		found++;
	}
	return found;
}

/* Drops by their reasons too: what was under way in the clear is an hmac-failure (38), of a host's super-packet all its segments. */
static void tell(const char *name, const struct router *router)
{
	__u64 drops = 0;

	for (__u32 i = 0; i < SVR_REASON_SLOTS; i++) {
		drops += router->counts.drops[i];
		if (router->counts.drops[i])
			printf("\"%sDrops%u\":%llu,", name, i, (unsigned long long)router->counts.drops[i]);
	}
	printf("\"%sSealed\":%llu,\"%sOpened\":%llu,\"%sDrops\":%llu,\"%sCpu\":%.3f,", name, (unsigned long long)router->counts.sealed, name,
	       (unsigned long long)router->counts.opened, name, (unsigned long long)drops, name, router->cpu);
}

int protected_command(int argc, char **argv)
{
	__u32 suite, sessions = 0;
	double end;

	MUST(argc == 6, "protected takes SUITE PIN-DIR NETNS PIN-DIR NETNS MILLISECONDS");
	suite = number(argv[0]);
	end = seconds_now() + number(argv[5]) / 1e3;
	struct router routers[2] = {
		{ .dir = argv[1], .netns = argv[2], .bits = suite ? 0x36 : 0x06, .peer = { 0, PEER } },
		{ .dir = argv[3], .netns = argv[4], .bits = suite ? 0x39 : 0x09, .peer = { PEER, 0 } },
	};
	start(&routers[0], 1, 2);
	start(&routers[1], 2, 1);
	for (; seconds_now() < end; usleep(SCAN_US))
		sessions += protect_new(routers, (__u8)suite);
	for (int i = 0; i < 2; i++) {
		routers[i].stop = 1;
		pthread_join(routers[i].thread, NULL);
	}
	putchar('{');
	tell("first", &routers[0]);
	tell("second", &routers[1]);
	printf("\"sessions\":%u}\n", sessions);
	return 0;
}
