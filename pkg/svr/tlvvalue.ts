// How the values of TLVs are written and read: one small codec per kind of value, used by the table in tlv.ts. Lengths
// are checked against the table before a codec runs, so a codec reads only bytes that are there. Pure.
import { addressBytes, readAddress, writeAddress, type IpAddress, type IpFamily } from "../base/address.ts";
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from "../base/bytes.ts";
import { isZeroBytes } from "../base/ids.ts";
import type { FragmentTlv, Metadata, PathMetrics, PayloadKey } from "./metadata.ts";
import type { Modify } from "./segment.ts";
import type { SessionContext } from "./session.ts";

/** ValueCodec writes and reads the value of a TLV. */
export interface ValueCodec<T> {
  /** Bytes of a value; -1 when this row of the table does not hold it (the other IP family does). */
  size(value: T): number;
  write(value: T, data: Uint8Array, at: number): void;
  /** Undefined when the bytes are no value: the metadata is malformed. */
  read(data: Uint8Array, at: number, length: number): T | undefined;
}

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

function writeText(text: string, data: Uint8Array, at: number): void {
  if (!isAscii(text)) return data.set(utf8.encode(text), at);
  for (let index = 0; index < text.length; index++) data[at + index] = text.charCodeAt(index);
}

function readText(data: Uint8Array, at: number, length: number): string | undefined {
  let text = "";
  for (let index = at; index < at + length; index++) {
    const byte = data[index]!;
    if (byte > 0x7f) return decodeText(data.subarray(at, at + length));
    text += String.fromCharCode(byte);
  }
  return text;
}

function decodeText(data: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(data);
  } catch {
    return undefined; // not UTF-8: the caller drops the packet as malformed
  }
}

/** nameValue is UTF-8 text; what is not UTF-8 is malformed. */
export const nameValue: ValueCodec<string> = {
  size: (text) => (isAscii(text) ? text.length : utf8.encode(text).length),
  write: writeText,
  read: readText,
};

/** flagValue is a TLV without a value. */
export const flagValue: ValueCodec<true> = { size: () => 0, write: () => undefined, read: () => true };

/** byteValue is a number of 8 bits. */
export const byteValue: ValueCodec<number> = {
  size: () => 1,
  write: (value, data, at) => void (data[at] = value),
  read: (data, at) => data[at]!,
};

/** dscpValue is a number of 6 bits; others are malformed. */
export const dscpValue: ValueCodec<number> = { ...byteValue, read: (data, at) => (data[at]! > 63 ? undefined : data[at]!) };

/** wordValue is an unsigned number of 32 bits. */
export const wordValue: ValueCodec<number> = { size: () => 4, write: (value, data, at) => writeU32(data, at, value), read: readU32 };

/** longValue is an unsigned number of 64 bits. */
export const longValue: ValueCodec<bigint> = { size: () => 8, write: (value, data, at) => writeU64(data, at, value), read: readU64 };

/** bytesValue is kept as it is. */
export const bytesValue: ValueCodec<Uint8Array> = {
  size: (value) => value.length,
  write: (value, data, at) => data.set(value, at),
  read: (data, at, length) => data.slice(at, at + length),
};

/** viewValue is the same, read as a view of the packet: for what each first packet has. */
export const viewValue: ValueCodec<Uint8Array> = { ...bytesValue, read: (data, at, length) => data.subarray(at, at + length) };

/** uuidValue is 16 bytes, not all zero; a view of the packet. */
export const uuidValue: ValueCodec<Uint8Array> = {
  ...bytesValue,
  read(data, at, length) {
    const uuid = data.subarray(at, at + length);
    return isZeroBytes(uuid) ? undefined : uuid;
  },
};

/** addressValue is an address of one family. */
export function addressValue(family: IpFamily): ValueCodec<IpAddress> {
  return {
    size: (address) => (address.family === family ? addressBytes(family) : -1),
    write: (address, data, at) => writeAddress(data, at, address),
    read: (data, at) => readAddress(data, at, family),
  };
}

/** contextValue is a 5-tuple of one family (TLVs 2 to 5). */
export function contextValue(family: IpFamily): ValueCodec<SessionContext> {
  const size = addressBytes(family);
  return {
    size: (context) => (context.family === family ? 2 * size + 5 : -1),
    write(context, data, at) {
      writeAddress(data, at, context.source);
      writeAddress(data, at + size, context.destination);
      writeU16(data, at + 2 * size, context.sourcePort);
      writeU16(data, at + 2 * size + 2, context.destinationPort);
      data[at + 2 * size + 4] = context.proto;
    },
    read: (data, at) => ({
      source: readAddress(data, at, family), destination: readAddress(data, at + size, family),
      sourcePort: readU16(data, at + 2 * size), destinationPort: readU16(data, at + 2 * size + 2), proto: data[at + 2 * size + 4]!, family,
    }),
  };
}

/** fragmentValue is TLV 1: ext-id, IP id, flags and offset, largest fragment. */
export const fragmentValue: ValueCodec<FragmentTlv> = {
  size: () => 10,
  write(value, data, at) {
    writeU32(data, at, value.extId);
    writeU16(data, at + 4, value.ipId);
    writeU16(data, at + 6, (value.dontFragment ? 0x4000 : 0) | (value.more ? 0x2000 : 0) | (value.offset >>> 3));
    writeU16(data, at + 8, value.largest);
  },
  read(data, at) {
    const flags = readU16(data, at + 6);
    return {
      extId: readU32(data, at), ipId: readU16(data, at + 4), dontFragment: (flags & 0x4000) !== 0, more: (flags & 0x2000) !== 0,
      offset: (flags & 0x1fff) * 8, largest: readU16(data, at + 8),
    };
  },
};

/** metricsValue is TLV 26. */
export const metricsValue: ValueCodec<PathMetrics> = {
  size: () => 10,
  write(value, data, at) {
    writeU32(data, at, (value.txColour << 28) | value.txTime);
    writeU32(data, at + 4, (value.rxColour << 28) | value.rxTime);
    writeU16(data, at + 8, (value.drop ? 0x8000 : 0) | value.previousCount);
  },
  read(data, at) {
    const count = readU16(data, at + 8);
    return {
      txColour: data[at]! >>> 4, txTime: readU32(data, at) & 0x0fffffff, rxColour: data[at + 4]! >>> 4, rxTime: readU32(data, at + 4) & 0x0fffffff,
      drop: (count & 0x8000) !== 0, previousCount: count & 0x7fff,
    };
  },
};

/** modifyValue is TLV 28: F, D, 12-bit sequence, reason in requests that name one. */
export const modifyValue: ValueCodec<Modify> = {
  size: (modify) => (modify.reason === undefined ? 2 : 3),
  write(modify, data, at) {
    writeU16(data, at, (modify.byInitiator ? 0x8000 : 0) | (modify.done ? 0x4000 : 0) | (modify.sequence & 0x0fff));
    if (modify.reason !== undefined) data[at + 2] = modify.reason;
  },
  read(data, at, length) {
    const field = readU16(data, at);
    const modify = { byInitiator: (field & 0x8000) !== 0, done: (field & 0x4000) !== 0, sequence: field & 0x0fff };
    return length === 2 ? modify : { ...modify, reason: data[at + 2]! };
  },
};

/** payloadKeyValue is TLV 46 of the payload section. */
export const payloadKeyValue: ValueCodec<PayloadKey> = {
  size: (value) => 2 + value.key.length,
  write(value, data, at) {
    data[at] = value.suite;
    data[at + 1] = value.index;
    data.set(value.key, at + 2);
  },
  read: (data, at, length) => ({ suite: data[at]!, index: data[at + 1]!, key: data.slice(at + 2, at + length) }),
};

type Field<K extends keyof Metadata> = NonNullable<Metadata[K]>;

/** signatureValue is TLV 0x8001: issue time and Ed25519 signature. */
export const signatureValue: ValueCodec<Field<"originSignature">> = {
  size: (value) => 4 + value.signature.length,
  write(value, data, at) {
    writeU32(data, at, value.seconds);
    data.set(value.signature, at + 4);
  },
  read: (data, at, length) => ({ seconds: readU32(data, at), signature: data.slice(at + 4, at + length) }),
};

/** traceValue is TLV 0x8002: W3C flags and the span of the router before, a view of the packet. */
export const traceValue: ValueCodec<Field<"traceContext">> = {
  size: (value) => 1 + value.parentSpan.length,
  write(value, data, at) {
    data[at] = value.flags;
    data.set(value.parentSpan, at + 1);
  },
  read: (data, at, length) => ({ flags: data[at]!, parentSpan: data.subarray(at + 1, at + length) }),
};

/** classValue is TLV 0x8004: class and the name of the service class, which may be empty. */
export const classValue: ValueCodec<Field<"trafficClass">> = {
  size: (value) => 1 + nameValue.size(value.name),
  write(value, data, at) {
    data[at] = value.class;
    writeText(value.name, data, at + 1);
  },
  read(data, at, length) {
    const name = readText(data, at + 1, length - 1);
    return name === undefined ? undefined : { class: data[at]!, name };
  },
};

/** capabilitiesValue is TLV 0x8011; the last two bytes are zero. */
export const capabilitiesValue: ValueCodec<Field<"capabilities">> = {
  size: () => 8,
  write(value, data, at) {
    writeU32(data, at, value.bitmap);
    writeU16(data, at + 4, value.mtu);
  },
  read: (data, at) => ({ bitmap: readU32(data, at), mtu: readU16(data, at + 4) }),
};

/** observedValue is TLV 0x8012; a family that does not match the length is malformed. */
export const observedValue: ValueCodec<Field<"observed">> = {
  size: (value) => 3 + addressBytes(value.address.family),
  write(value, data, at) {
    data[at] = value.address.family;
    writeU16(data, at + 1, value.port);
    writeAddress(data, at + 3, value.address);
  },
  read(data, at, length) {
    const family = length === 3 + addressBytes(4) ? 4 : 6;
    return data[at] === family ? { address: readAddress(data, at + 3, family), port: readU16(data, at + 1) } : undefined;
  },
};

/** detectorValue is TLV 0x8013. */
export const detectorValue: ValueCodec<Field<"detector">> = {
  size: () => 6,
  write(value, data, at) {
    writeU32(data, at, value.round);
    writeU16(data, at + 4, value.bitmap);
  },
  read: (data, at) => ({ round: readU32(data, at), bitmap: readU16(data, at + 4) }),
};

/** securityValue is TLV 0xC001. */
export const securityValue: ValueCodec<Field<"security">> = {
  size: () => 2,
  write(value, data, at) {
    data[at] = value.suite;
    data[at + 1] = value.scope;
  },
  read: (data, at) => ({ suite: data[at]!, scope: data[at + 1]! }),
};

/** resilienceValue is TLV 0xC002. */
export const resilienceValue: ValueCodec<Field<"resilience">> = {
  size: () => 4,
  write(value, data, at) {
    data[at] = (value.duplication ? 1 : 0) | (value.fec ? 2 : 0);
    data[at + 1] = value.leg;
    data[at + 2] = value.fecRound;
  },
  read: (data, at) => ({ duplication: (data[at]! & 1) !== 0, fec: (data[at]! & 2) !== 0, leg: data[at + 1]!, fecRound: data[at + 2]! }),
};
