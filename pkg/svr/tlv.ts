// The one table of TLVs (protocol 4): it drives encode.ts, decode.ts and the scope rule of metadata.ts. Adding a TLV is a
// line here, a field in metadata.ts and, for a new kind of value, a codec in tlvvalue.ts. Data only.
import type { Metadata } from "./metadata.ts";
import * as value from "./tlvvalue.ts";
import type { ValueCodec } from "./tlvvalue.ts";

/** Section of the metadata a TLV belongs to. */
export type Section = "header" | "payload";
/** Scope: session scoped TLVs are copied by a transit router, hop scoped ones each router writes itself. */
export type Scope = "S" | "H";
export type MetadataKey = Exclude<keyof Metadata, "unknownPayload">;

/** TlvRow is one line of the table; a length n is right when it is min, min + step ... up to max. */
export interface TlvRow {
  /** place on the wire: the header section first, each section ascending */
  readonly order: number;
  readonly type: number;
  readonly name: string;
  readonly section: Section;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly scope: Scope;
  readonly key: MetadataKey;
  readonly codec: ValueCodec<never>;
}

type Lengths = readonly [min: number, max?: number, step?: number];
type Line = { [K in MetadataKey]: readonly [type: number, name: string, section: Section, lengths: Lengths, scope: Scope, key: K, codec: ValueCodec<NonNullable<Metadata[K]>>] }[MetadataKey];

const NAME: Lengths = [1, 253];

const lines: readonly Line[] = [
  [1, "Fragment", "header", [10], "H", "fragment", value.fragmentValue],
  [2, "Forward context v4", "payload", [13], "S", "forwardContext", value.contextValue(4)],
  [3, "Forward context v6", "payload", [37], "S", "forwardContext", value.contextValue(6)],
  [4, "Reverse context v4", "payload", [13], "S", "reverseContext", value.contextValue(4)],
  [5, "Reverse context v6", "payload", [37], "S", "reverseContext", value.contextValue(6)],
  [6, "Session UUID", "payload", [16], "S", "uuid", value.uuidValue],
  [7, "Tenant name", "payload", NAME, "S", "tenant", value.nameValue],
  [8, "Global interface id", "payload", [4], "H", "globalInterface", value.wordValue],
  [10, "Service name", "payload", NAME, "S", "service", value.nameValue],
  [11, "Payload encrypted", "payload", [0], "S", "payloadEncrypted", value.flagValue],
  [12, "TCP SYN", "payload", [0], "H", "tcpSyn", value.flagValue],
  [13, "Sessions in service", "payload", [8], "S", "sessionsInService", value.longValue],
  [14, "Source router name", "payload", NAME, "S", "sourceRouter", value.nameValue],
  [15, "Security policy name", "payload", NAME, "S", "securityPolicy", value.nameValue],
  [16, "Security id", "header", [4], "H", "keyId", value.wordValue],
  [17, "Destination router name", "payload", NAME, "S", "destinationRouter", value.nameValue],
  [18, "Disable forward metadata", "payload", [0], "H", "disableForward", value.flagValue],
  [19, "Peer path id", "payload", NAME, "H", "peerPath", value.nameValue],
  [20, "ICMP error location v4", "header", [4], "S", "icmpLocation", value.addressValue(4)],
  [21, "ICMP error location v6", "header", [16], "S", "icmpLocation", value.addressValue(6)],
  [24, "SVR control message", "header", [1], "H", "control", value.byteValue],
  [25, "IPv4 source NAT address", "payload", [4], "S", "natSource", value.addressValue(4)],
  [26, "Path metrics", "header", [10], "H", "pathMetrics", value.metricsValue],
  [28, "Modify request", "payload", [2, 3], "H", "modify", value.modifyValue],
  [35, "Application name", "payload", NAME, "S", "application", value.nameValue],
  [42, "Remaining session time", "payload", [4], "H", "remainingSeconds", value.wordValue],
  [46, "Health check", "header", [1], "H", "healthCheck", value.byteValue],
  [46, "Payload key", "payload", [34], "S", "payloadKey", value.payloadKeyValue],
  [0x8000, "Metadata IV", "header", [12, 16, 4], "H", "iv", value.viewValue],
  [0x8001, "Origin signature", "payload", [68], "S", "originSignature", value.signatureValue],
  [0x8002, "Trace context", "payload", [9], "H", "traceContext", value.traceValue],
  [0x8003, "DSCP", "payload", [1], "S", "dscp", value.dscpValue],
  [0x8004, "Class of service", "payload", [1, 254], "S", "trafficClass", value.classValue],
  [0x8005, "Capture request", "payload", [1, 64], "S", "captureTag", value.bytesValue],
  [0x8010, "Peering message type", "header", [1], "H", "message", value.byteValue],
  [0x8011, "Capabilities", "payload", [8], "H", "capabilities", value.capabilitiesValue],
  [0x8012, "Observed address", "payload", [7, 19, 12], "H", "observed", value.observedValue],
  [0x8013, "Detector report", "payload", [6], "H", "detector", value.detectorValue],
  [0x8014, "Receive cap", "payload", [8], "H", "receiveCap", value.longValue],
  [0xc001, "Session security", "payload", [2], "S", "security", value.securityValue],
  [0xc002, "Session resilience", "payload", [4], "S", "resilience", value.resilienceValue],
];

/** reservedTypes are known numbers that version 1 skips (protocol 4), with the scope they will have. */
export const reservedTypes: ReadonlyMap<number, Scope> = new Map([[50, "S"], [51, "S"], [0x8006, "S"], [0x8009, "H"]]);

/** tlvTable is the table in ascending order of types. */
export const tlvTable: readonly TlvRow[] = lines.map(([type, name, section, [min, max = min, step = 1], scope, key, codec]) =>
  ({ order: type + (section === "header" ? 0 : 0x10000), type, name, section, min, max, step, scope, key, codec: codec as ValueCodec<never> }));

/** headerRows and payloadRows are the lines of each section, ascending. */
export const headerRows: readonly TlvRow[] = tlvTable.filter((row) => row.section === "header");
export const payloadRows: readonly TlvRow[] = tlvTable.filter((row) => row.section === "payload");

const rowsByKey: ReadonlyMap<string, readonly TlvRow[]> = Map.groupBy(tlvTable, (row): string => row.key);
const NONE: readonly TlvRow[] = [];

/** rowsFor gives the lines that write a field of Metadata: one, or one a family; none for what has no line. */
export function rowsFor(key: string): readonly TlvRow[] {
  return rowsByKey.get(key) ?? NONE;
}

const SLOTS_A_RANGE = 64; // all known types lie in the first 64 numbers of 0x0000, 0x8000 and 0xc000

function slotOf(type: number): number {
  const low = type & 0x3fff;
  return low < SLOTS_A_RANGE ? (type >>> 14) * SLOTS_A_RANGE + low : -1;
}

function slotsOf(rows: readonly TlvRow[]): readonly (TlvRow | undefined)[] {
  const slots = new Array<TlvRow | undefined>(4 * SLOTS_A_RANGE).fill(undefined);
  for (const row of rows) slots[slotOf(row.type)] = row;
  return slots;
}

const headerSlots = slotsOf(headerRows);
const payloadSlots = slotsOf(payloadRows);

/** rowOf finds the line of a type in a section; undefined when the table has none there. */
export function rowOf(type: number, section: Section): TlvRow | undefined {
  const slot = slotOf(type);
  return slot < 0 ? undefined : section === "header" ? headerSlots[slot] : payloadSlots[slot];
}

/** isRightLength tells whether a value may be this long. */
export function isRightLength(row: TlvRow, length: number): boolean {
  return length >= row.min && length <= row.max && (length - row.min) % row.step === 0;
}
