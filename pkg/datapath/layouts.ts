// Layouts of the C structs that user space reads and writes, as tables with the field names of bpf/svr_types.h. Offsets and
// sizes follow from C's rules; btf.ts compares them with the loaded object, abi structs are those of native/src/svr_native.h.
// Used by the codecs beside; holds no code that runs per packet.

const SCALARS = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 } as const;
type Scalar = keyof typeof SCALARS;
type FieldType = Scalar | StructLayout;

/** FieldLayout says where a field lies: bytes from the start of its struct, and its size with all array elements. */
export interface FieldLayout { readonly name: string; readonly offset: number; readonly size: number }

/** StructLayout is one C struct. */
export interface StructLayout { readonly name: string; readonly size: number; readonly align: number; readonly fields: readonly FieldLayout[] }

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

function struct(name: string, members: readonly (readonly [name: string, type: FieldType, count?: number])[]): StructLayout {
  let at = 0, align = 1;
  const fields = members.map(([field, type, count = 1]) => {
    const own = typeof type === "string" ? { size: SCALARS[type], align: SCALARS[type] } : type;
    const offset = alignUp(at, own.align);
    at = offset + own.size * count;
    align = Math.max(align, own.align);
    return { name: field, offset, size: own.size * count };
  });
  return { name, size: alignUp(at, align), align, fields };
}

/** offsetOf is the byte offset of a field; an unknown name is a mistake of the programmer. */
export function offsetOf(layout: StructLayout, name: string): number {
  const field = layout.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`${layout.name} has no field ${name}`);
  return field.offset;
}

/** sideLayout is struct svr_side. */
export const sideLayout = struct("svr_side", [
  ["remote_be", "u32"], ["local_be", "u32"], ["remote_port_be", "u16"], ["local_port_be", "u16"], ["ifnum", "u16"], ["vlan", "u16"],
  ["nexthop", "u16"], ["path", "u16"], ["proto", "u8"], ["family", "u8"], ["filtered", "u16"],
]);

/** tailLayout is struct svr_tail. */
export const tailLayout = struct("svr_tail", [["remote_be", "u32", 3], ["local_be", "u32", 3]]);

/** handshakeLayout is struct svr_handshake. */
export const handshakeLayout = struct("svr_handshake", [
  ["forward_repeats", "u8"], ["reverse_repeats", "u8"], ["modify_out", "u16"], ["modify_in", "u16"], ["modify_flags", "u8"],
  ["have_reverse", "u8"], ["control3_ms", "u32"], ["reverse_service", "u16"], ["egress_router", "u16"],
]);

/** sessionLayout is struct svr_session. */
export const sessionLayout = struct("svr_session", [
  ["side", sideLayout, 2], ["flags", "u32"], ["life", "u8"], ["tcp_state", "u8"], ["tcp_before_reset", "u8"], ["end_reason", "u8"],
  ["seen_ms", "u32", 2], ["packets", "u64", 2], ["bytes", "u64", 2], ["next_seq", "u32", 2], ["last_ack", "u32", 2],
  ["since_ms", "u32"], ["idle_ms", "u32"], ["isn", "u32"], ["label", "u32"], ["tail", tailLayout, 2], ["uuid", "u8", 16],
  ["created_ms", "u64"], ["context_source", "u8", 16], ["context_destination", "u8", 16], ["context_source_port_be", "u16"],
  ["context_destination_port_be", "u16"], ["context_proto", "u8"], ["context_family", "u8"], ["role", "u8"], ["shard", "u8"],
  ["source_router", "u16"], ["security", "u8"], ["health", "u8"], ["span", "u8", 8], ["parent_span", "u8", 8], ["trace_flags", "u8"],
  ["traffic_class", "u8"], ["route", "u16"], ["hs", handshakeLayout], ["setup_ms", "u32"], ["retransmissions", "u32"],
  ["out_of_order", "u32"], ["interim_ms", "u32"], ["answer", "u8", 16], ["tenant", "u16"], ["service", "u16"], ["window", "u16", 2],
]);

/** keyLayout is struct svr_key. */
export const keyLayout = struct("svr_key", [
  ["source", "u8", 16], ["destination", "u8", 16], ["source_port_be", "u16"], ["destination_port_be", "u16"], ["ifnum", "u16"],
  ["vlan", "u16"], ["proto", "u8"], ["family", "u8"], ["zero", "u16"],
]);

/** BUCKET_ENTRIES is SVR_BUCKET_ENTRIES: index entries in one bucket. */
export const BUCKET_ENTRIES = 8;

/** bucketLayout is struct svr_bucket. */
export const bucketLayout = struct("svr_bucket", [["tag", "u32", BUCKET_ENTRIES], ["entry", "u32", BUCKET_ENTRIES]]);

/** HASH_KEY_WORDS is the number of secret multipliers of both hashes, SVR_HASH_WORDS + 1 each. */
export const HASH_KEY_WORDS = 24;

/** settingsLayout is struct svr_settings. */
export const settingsLayout = struct("svr_settings", [
  ["hash_key", "u64", HASH_KEY_WORDS], ["bucket_mask", "u32"], ["session_limit", "u32"], ["live_limit", "u32"], ["shards", "u32"],
  ["quarantine_ms", "u32"], ["guard_ms", "u32"], ["tcp_timer_ms", "u32", 7], ["half_closed_idle_ms", "u32"], ["interim_ms", "u32"], ["inactivity_ms", "u32"],
  ["waypoint_first", "u16"], ["waypoint_last", "u16"], ["mss_clamp", "u8"], ["icmp_by_type", "u8"], ["protectors", "u8"], ["reserved", "u8"], ["inject_mac", "u8", 6], ["reserved2", "u8", 2],
]);

/** gaugesLayout is struct svr_gauges. */
export const gaugesLayout = struct("svr_gauges", [
  ["slots_used", "u32"], ["live", "u32"], ["high_water", "u32"], ["quarantined", "u32"], ["records_lost", "u64"], ["sweeps", "u64"],
  ["records_taken", "u64"], ["half_open", "u32"], ["reserved", "u32"],
]);

/** usageLayout is struct svr_usage. */
export const usageLayout = struct("svr_usage", [["live", "u32"], ["half_open", "u32"], ["second", "u32"], ["started", "u32"]]);

/** sourceLayout is struct svr_source. */
export const sourceLayout = struct("svr_source", [["live", "u32"], ["tag", "u32"], ["half_open", "u32"], ["reserved", "u32"]]);

/** interfaceLayout is struct svr_interface. */
export const interfaceLayout = struct("svr_interface", [["ifindex", "u32"], ["ifnum", "u16"], ["flags", "u16"]]);

/** INTERFACE_LINES and INTERFACE_PLACES are SVR_INTERFACE_LINES and SVR_INTERFACE_PLACES: the shape of the map `interfaces`. */
export const INTERFACE_LINES = 256;
export const INTERFACE_PLACES = 8;

/** interfacesLayout is struct svr_interfaces. */
export const interfacesLayout = struct("svr_interfaces", [["at", interfaceLayout, INTERFACE_PLACES]]);

/** ruleLayout is struct svr_rule, filterLayout struct svr_filter. */
export const ruleLayout = struct("svr_rule", [
  ["source", "u32", 4], ["source_mask", "u32", 4], ["destination", "u32", 4], ["destination_mask", "u32", 4], ["tests", "u16"], ["vlan", "u16"],
  ["source_first", "u16"], ["source_last", "u16"], ["destination_first", "u16"], ["destination_last", "u16"], ["length_first", "u16"], ["length_last", "u16"],
  ["family", "u8"], ["proto", "u8"], ["tcp_mask", "u8"], ["tcp_value", "u8"], ["icmp_type", "u8"], ["dscp", "u8"], ["reserved", "u8", 2],
]);
export const filterLayout = struct("svr_filter", [["count", "u32"], ["flags", "u32"], ["options", "u32"], ["reserved", "u32"], ["rule", ruleLayout, 256]]);

/** nexthopLayout is struct svr_nexthop. */
export const nexthopLayout = struct("svr_nexthop", [
  ["ifindex", "u32"], ["ifnum", "u16"], ["family", "u8"], ["flags", "u8"], ["gateway", "u8", 16], ["vlan", "u16"], ["mtu", "u16"], ["mss4", "u16"], ["mss6", "u16"],
]);

/** addressLayout is struct svr_address, the key of `locals`. */
export const addressLayout = struct("svr_address", [["family", "u32"], ["address", "u8", 16]]);

/** localLayout is struct svr_local. */
export const localLayout = struct("svr_local", [["flags", "u32"]]);

/** rateLayout is struct svr_rate. */
export const rateLayout = struct("svr_rate", [["per_second", "u32"], ["burst", "u32"]]);

/** memberKeyLayout is struct svr_member_key; its value is a u32 tenant. */
export const memberKeyLayout = struct("svr_member_key", [
  ["prefixlen", "u32"], ["ifnum", "u16"], ["vlan", "u16"], ["family", "u8"], ["zero", "u8", 3], ["address", "u8", 16],
]);

/** puntLayout is struct svr_punt. */
export const puntLayout = struct("svr_punt", [
  ["time_ns", "u64"], ["length", "u32"], ["entry", "u32"], ["cause", "u16"], ["ifnum", "u16"], ["vlan", "u16"], ["gso_size", "u16"],
  ["gso_segments", "u16"], ["local_flags", "u16"], ["source_mac", "u8", 6], ["flags", "u16"], ["sum_start", "u16"], ["sum_field", "u16"],
]);

/** recordLayout is struct svr_record. */
export const recordLayout = struct("svr_record", [["time_ms", "u64"], ["type", "u32"], ["index", "u32"], ["session", sessionLayout]]);

/** capturedLayout is struct svr_captured, copyLayout struct svr_copy. */
export const capturedLayout = struct("svr_captured", [["packets", "u32", 4], ["lost", "u32"], ["zero", "u32"]]);
export const copyLayout = struct("svr_copy", [
  ["time_ns", "u64"], ["slot", "u32"], ["length", "u32"], ["captured", "u32"], ["ifnum", "u16"], ["vlan", "u16"], ["point", "u16"], ["gso_size", "u16"], ["flags", "u32"],
  ["uuid", "u8", 16],
]);

/** refusalLayout is struct svr_refusal, refusedLayout struct svr_refused. */
export const refusalLayout = struct("svr_refusal", [["time_ms", "u64"], ["reason", "u32"], ["tenant", "u16"], ["service", "u16"], ["path", "u16"], ["key", keyLayout]]);
export const refusedLayout = struct("svr_refused", [["second", "u32"], ["looks", "u32"], ["untold", "u64"]]);

/** ifstatsLayout is struct svr_ifstats. */
export const ifstatsLayout = struct("svr_ifstats", [["rx_packets", "u64"], ["rx_bytes", "u64"], ["tx_packets", "u64"], ["tx_bytes", "u64"]]);

/** bpfLayouts are the structs shared with the eBPF programs; compared with the object's BTF at load. */
export const bpfLayouts: readonly StructLayout[] = [
  sideLayout, tailLayout, handshakeLayout, sessionLayout, keyLayout, bucketLayout, settingsLayout, gaugesLayout, usageLayout, sourceLayout, interfaceLayout, interfacesLayout, ruleLayout, filterLayout, nexthopLayout,
  addressLayout, localLayout, rateLayout, memberKeyLayout, puntLayout, recordLayout, capturedLayout, copyLayout, refusalLayout, refusedLayout, ifstatsLayout,
];

/** opLayout is struct svr_op of the library; an install has its struct svr_op_limits where the others have uuid and flags. */
export const opLayout = struct("svr_op", [
  ["kind", "u32"], ["index", "u32"], ["uuid", "u8", 16], ["clear_flags", "u32"], ["set_flags", "u32"], ["fields", "u32"], ["nat_count", "u32"],
  ["nat_first", "u16"], ["nat_start", "u16"], ["side", "u8"], ["reason", "u8"], ["now", "u8"], ["dry", "u8"], ["clear_protect", "u16"], ["set_protect", "u16"], ["reserved", "u8", 8], ["session", sessionLayout],
]);

/** opResultLayout is struct svr_op_result of the library. */
export const opResultLayout = struct("svr_op_result", [
  ["status", "s32"], ["index", "u32"], ["local_port", "u16"], ["side", "u16"], ["reserved", "u32"], ["uuid", "u8", 16],
]);

/** slotLayout is struct svr_slot of the library. */
export const slotLayout = struct("svr_slot", [["index", "u32"], ["side", "u32"], ["session", sessionLayout]]);

/** ringEntryLayout is struct svr_ring_entry of the library. */
export const ringEntryLayout = struct("svr_ring_entry", [["size", "u32"], ["has_session", "u32"], ["punt", puntLayout]]);

/** verifyLayout is struct svr_verify of the library. */
export const verifyLayout = struct("svr_verify", [
  ["cursor", "u32"], ["steps", "u32"], ["next", "u32"], ["faults", "u32"], ["uses", "u32"], ["entries", "u32"], ["found", gaugesLayout],
]);

/** faultLayout is struct svr_fault of the library. */
export const faultLayout = struct("svr_fault", [
  ["kind", "u32"], ["at", "u32"], ["slot", "u32"], ["key", "u32"], ["life", "u32"], ["place", "u32"], ["entry", "u32"], ["uuid", "u8", 16],
]);

/** useLayout is struct svr_use of the library. */
export const useLayout = struct("svr_use", [["path", "u16"], ["local_port", "u16"], ["remote_port", "u16"], ["life", "u16"]]);
