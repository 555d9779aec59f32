/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the layouts that the eBPF object was compiled with as text, for comparison with the codecs of user space. Called by
 * pkg/datapath before load. */
#include "load.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
	char *out;
	__u32 size, used;
	int full;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->out + text->used, text->size - text->used, format, arguments);
	va_end(arguments);
	if (length < 0 || (__u32)length >= text->size - text->used)
		text->full = 1;
	else
		text->used += (__u32)length;
}

static void add_struct(struct text *text, const struct btf *btf, const struct btf_type *type, const char *name)
{
	const struct btf_member *member = btf_members(type);

	add(text, "struct %s %u\n", name, type->size);
	for (__u32 i = 0; i < btf_vlen(type); i++)
		add(text, "field %s %u %lld\n", btf__name_by_offset(btf, member[i].name_off), btf_member_bit_offset(type, i) / 8,
		    (long long)btf__resolve_size(btf, member[i].type));
}

static void add_enum(struct text *text, const struct btf *btf, const struct btf_type *type, const char *name)
{
	const struct btf_enum *value = btf_enum(type);

	add(text, "enum %s\n", name);
	for (__u32 i = 0; i < btf_vlen(type); i++)
		add(text, "value %s %d\n", btf__name_by_offset(btf, value[i].name_off), value[i].val);
}

int svr_btf_dump(struct svr_load *load, char *out, __u32 size)
{
	const struct btf *btf = bpf_object__btf(load->object);
	struct text text = { out, size, 0, 0 };

	if (!btf || !size)
		return btf ? -EINVAL : -ENOENT;
	out[0] = 0;
	for (__u32 id = 1; id < btf__type_cnt(btf) && !text.full; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, type->name_off);

		if (!name || strncmp(name, "svr_", 4))
			continue;
		if (btf_is_struct(type))
			add_struct(&text, btf, type, name);
		else if (btf_is_enum(type))
			add_enum(&text, btf, type, name);
	}
	return text.full ? -ENOSPC : (int)text.used;
}
