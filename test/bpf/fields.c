/* SPDX-License-Identifier: Apache-2.0 */
/* Names of struct members, so that tests speak of fields and never of offsets. */
#include "harness.h"

#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#define FIELD_OF(type, member, kind) { #member, offsetof(struct type, member), sizeof(((struct type *)0)->member), kind, 0 }
#define SIDE(n, member, kind) { "side" #n "." #member, offsetof(struct svr_session, side[n].member), sizeof(((struct svr_side *)0)->member), kind, 0 }
#define SIDE_ADDRESS(n, name)                                                                                              \
	{ "side" #n "." #name, offsetof(struct svr_session, side[n].name##_be), 4, ADDRESS, offsetof(struct svr_session, tail[n].name##_be) }
#define SIDE_FIELDS(n)                                                                                                     \
	SIDE_ADDRESS(n, remote), SIDE_ADDRESS(n, local), SIDE(n, remote_port_be, PORT_BE), SIDE(n, local_port_be, PORT_BE),    \
	SIDE(n, ifnum, UNSIGNED), SIDE(n, vlan, UNSIGNED), SIDE(n, nexthop, UNSIGNED), SIDE(n, path, UNSIGNED),              \
	SIDE(n, proto, UNSIGNED), SIDE(n, family, UNSIGNED)
#define PAIR(member, size)                                                                                                 \
	{ #member "0", offsetof(struct svr_session, member[0]), size, UNSIGNED, 0 }, { #member "1", offsetof(struct svr_session, member[1]), size, UNSIGNED, 0 }

const struct field session_fields[] = {
	SIDE_FIELDS(0), SIDE_FIELDS(1), FIELD_OF(svr_session, flags, UNSIGNED), FIELD_OF(svr_session, life, UNSIGNED),
	FIELD_OF(svr_session, tcp_state, UNSIGNED), FIELD_OF(svr_session, tcp_before_reset, UNSIGNED),
	FIELD_OF(svr_session, end_reason, UNSIGNED), PAIR(seen_ms, 4), FIELD_OF(svr_session, since_ms, UNSIGNED),
	FIELD_OF(svr_session, idle_ms, UNSIGNED), PAIR(next_seq, 4), PAIR(last_ack, 4), PAIR(window, 2), PAIR(packets, 8), PAIR(bytes, 8),
	FIELD_OF(svr_session, isn, UNSIGNED), FIELD_OF(svr_session, label, UNSIGNED), FIELD_OF(svr_session, uuid, BYTES),
	FIELD_OF(svr_session, created_ms, UNSIGNED), FIELD_OF(svr_session, context_source_port_be, PORT_BE),
	FIELD_OF(svr_session, context_destination_port_be, PORT_BE), FIELD_OF(svr_session, context_proto, UNSIGNED),
	FIELD_OF(svr_session, context_source, BYTES), FIELD_OF(svr_session, context_destination, BYTES), FIELD_OF(svr_session, context_family, UNSIGNED),
	FIELD_OF(svr_session, shard, UNSIGNED), FIELD_OF(svr_session, health, UNSIGNED), FIELD_OF(svr_session, setup_ms, UNSIGNED),
	FIELD_OF(svr_session, retransmissions, UNSIGNED), FIELD_OF(svr_session, out_of_order, UNSIGNED),
	FIELD_OF(svr_session, interim_ms, UNSIGNED), FIELD_OF(svr_session, tenant, UNSIGNED), FIELD_OF(svr_session, service, UNSIGNED), { 0 },
};

#define TIMER(n) { "timer" #n, offsetof(struct svr_settings, tcp_timer_ms[n]), 4, UNSIGNED, 0 }
const struct field settings_fields[] = {
	FIELD_OF(svr_settings, bucket_mask, UNSIGNED), FIELD_OF(svr_settings, session_limit, UNSIGNED), FIELD_OF(svr_settings, shards, UNSIGNED),
	FIELD_OF(svr_settings, quarantine_ms, UNSIGNED), FIELD_OF(svr_settings, guard_ms, UNSIGNED), TIMER(0), TIMER(1), TIMER(2), TIMER(3),
	TIMER(4), TIMER(5), TIMER(6), FIELD_OF(svr_settings, half_closed_idle_ms, UNSIGNED), FIELD_OF(svr_settings, interim_ms, UNSIGNED),
	FIELD_OF(svr_settings, waypoint_first, UNSIGNED), FIELD_OF(svr_settings, waypoint_last, UNSIGNED),
	FIELD_OF(svr_settings, mss_clamp, UNSIGNED), FIELD_OF(svr_settings, protectors, UNSIGNED), FIELD_OF(svr_settings, icmp_by_type, UNSIGNED), FIELD_OF(svr_settings, inject_mac, BYTES), { 0 },
};

const struct field nexthop_fields[] = {
	FIELD_OF(svr_nexthop, ifindex, UNSIGNED), FIELD_OF(svr_nexthop, ifnum, UNSIGNED), FIELD_OF(svr_nexthop, family, UNSIGNED),
	FIELD_OF(svr_nexthop, flags, UNSIGNED), FIELD_OF(svr_nexthop, gateway, BYTES), FIELD_OF(svr_nexthop, vlan, UNSIGNED),
	FIELD_OF(svr_nexthop, mtu, UNSIGNED), FIELD_OF(svr_nexthop, mss4, UNSIGNED), FIELD_OF(svr_nexthop, mss6, UNSIGNED), { 0 },
};

const struct field gauges_fields[] = {
	FIELD_OF(svr_gauges, slots_used, UNSIGNED), FIELD_OF(svr_gauges, live, UNSIGNED), FIELD_OF(svr_gauges, high_water, UNSIGNED),
	FIELD_OF(svr_gauges, quarantined, UNSIGNED), FIELD_OF(svr_gauges, records_lost, UNSIGNED), FIELD_OF(svr_gauges, sweeps, UNSIGNED),
	FIELD_OF(svr_gauges, half_open, UNSIGNED), { 0 },
};

/* What stands behind " name=" in a line, up to a blank; NULL when it is not there. */
const char *word_value(const char *line, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = strchr(line, ' '); at; at = strchr(at + 1, ' '))
		if (!strncmp(at + 1, name, length) && at[1 + length] == '=')
			return at + 2 + length;
	return NULL;
}

/* A number, or "now" with an offset in monotonic milliseconds: now, now-2000. */
static __u64 parse_number(const char *text)
{
	struct timespec now;

	if (strncmp(text, "now", 3))
		return strtoull(text, NULL, 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000 + strtoll(text + 3, NULL, 10);
}

__u64 word_number(const char *line, const char *name, __u64 absent)
{
	const char *text = word_value(line, name);

	return text ? parse_number(text) : absent;
}

/* Hex digits to bytes, the rest zero; the number of bytes given. */
int word_bytes(const char *line, const char *name, __u8 *to, size_t size)
{
	const char *text = word_value(line, name);
	size_t count = 0;
	unsigned byte;

	memset(to, 0, size);
	while (text && count < size && isxdigit(text[0]) && isxdigit(text[1]) && sscanf(text, "%2x", &byte) == 1) {
		to[count++] = byte;
		text += 2;
	}
	return count;
}

static void fill_field(const struct field *field, const char *line, __u8 *base)
{
	__u8 *to = base + field->offset, address[16];
	__u64 number = word_number(line, field->name, 0);

	if (field->kind == BYTES) {
		word_bytes(line, field->name, to, field->size);
	} else if (field->kind == ADDRESS) {
		word_bytes(line, field->name, address, sizeof(address));
		memcpy(to, address, 4);
		memcpy(base + field->tail, address + 4, 12);
	} else if (field->kind == PORT_BE) {
		*(__u16 *)to = __builtin_bswap16(number);
	} else {
		memcpy(to, &number, field->size);
	}
}

/* Sets the fields that the line names, leaves the others. */
void fill_fields(const struct field *fields, const char *line, void *to)
{
	for (; fields->name; fields++)
		if (word_value(line, fields->name))
			fill_field(fields, line, to);
}

void append(struct harness *h, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	h->out_used += vsnprintf(h->out + h->out_used, h->out_size - h->out_used, format, arguments);
	va_end(arguments);
	if (h->out_used >= h->out_size)
		exit(3); /* a test asked for more output than one line holds */
}

void append_hex(struct harness *h, const __u8 *bytes, size_t size)
{
	append(h, "\"");
	for (size_t i = 0; i < size; i++)
		append(h, "%02x", bytes[i]);
	append(h, "\"");
}

static void append_field(struct harness *h, const struct field *field, const __u8 *base)
{
	const __u8 *from = base + field->offset;
	__u8 address[16];
	__u64 number = 0;

	if (field->kind == BYTES) {
		append_hex(h, from, field->size);
		return;
	}
	if (field->kind == ADDRESS) {
		memcpy(address, from, 4);
		memcpy(address + 4, base + field->tail, 12);
		append_hex(h, address, sizeof(address));
		return;
	}
	memcpy(&number, from, field->size);
	append(h, "%llu", field->kind == PORT_BE ? (unsigned long long)__builtin_bswap16(number) : (unsigned long long)number);
}

void append_fields(struct harness *h, const struct field *fields, const void *from)
{
	append(h, "{");
	for (const struct field *field = fields; field->name; field++) {
		append(h, "%s\"%s\":", field == fields ? "" : ",", field->name);
		append_field(h, field, from);
	}
	append(h, "}");
}
