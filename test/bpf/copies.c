/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness does about captured sessions: says how many copies are wanted, shows what is left of that and what was copied. */
#include "harness.h"

int on_copy(void *context, void *data, size_t size)
{
	struct harness *h = context;
	struct svr_copy *copy = data;

	append(h, "%s{\"slot\":%u,\"point\":%u,\"ifnum\":%u,\"vlan\":%u,\"gsoSize\":%u,\"flags\":%u,\"length\":%u,\"room\":%zu,\"uuid\":", h->out_used ? "," : "",
	       copy->slot, copy->point, copy->ifnum, copy->vlan, copy->gso_size, copy->flags, copy->length, size - sizeof(*copy));
	append_hex(h, copy->uuid, sizeof(copy->uuid));
	append(h, ",\"data\":");
	append_hex(h, (__u8 *)(copy + 1), copy->captured);
	append(h, "}");
	return 0;
}

/* `packets`: so many at each point, 32 bits each in hex, low byte first; without it nothing is wanted any more. What was lost stays counted. */
void do_want(struct harness *h, const char *line)
{
	__u32 slot = word_number(line, "slot", 0);
	struct svr_captured wanted = {};
	int fd = map_fd(h, "captured");

	if (!word_value(line, "packets")) {
		bpf_map_delete_elem(fd, &slot); /* it may have none */
	} else {
		bpf_map_lookup_elem(fd, &slot, &wanted);
		word_bytes(line, "packets", (__u8 *)wanted.packets, sizeof(wanted.packets));
		must(bpf_map_update_elem(fd, &slot, &wanted, 0), "captured");
	}
	append(h, "{\"ok\":true}");
}

/* What is still wanted, and what was lost, of every slot that is captured. */
void do_captured(struct harness *h, const char *line)
{
	int fd = map_fd(h, "captured");
	struct svr_captured wanted;
	__u32 slot, *at = NULL;

	(void)line;
	for (__u32 left = h->slots; left && !bpf_map_get_next_key(fd, at, &slot); left--, at = &slot) {
		must(bpf_map_lookup_elem(fd, &slot, &wanted), "captured");
		append(h, "%s{\"slot\":%u,\"packets\":[%u,%u,%u,%u],\"lost\":%u}", h->out_used ? "," : "", slot, wanted.packets[0], wanted.packets[1],
		       wanted.packets[2], wanted.packets[3], wanted.lost);
	}
}

void do_copies(struct harness *h, const char *line)
{
	(void)line;
	must(ring_buffer__consume(h->copies) < 0, "copies");
}
