// ICMP errors as they pass through a router (protocol 12.2, 12.3): read one, and say it again about the packet as another host or
// segment knows it. The quote loses metadata and trailers, gets the addresses, ports and protocol of the other side, and
// checksums that fit as far as the quoted bytes allow (RFC 5508); another family is RFC 7915. Pure and total; who may send
// or get one is the caller's.
import { readAddress, sameAddress } from "../base/address.ts";
import type { IpFamily } from "../base/address.ts";
import { readU16, writeU16, writeU32 } from "../base/bytes.ts";
import { writeIpHeader } from "./build.ts";
import { checksumAt, checksumOf, finishChecksum, fold, negate, pseudoSum, sumBytes, writeChecksum } from "./checksum.ts";
import * as wire from "./constants.ts";
import { startsWithCookie } from "./decode.ts";
import { isIcmpError, isIcmpQuery, isIcmpRequest } from "./icmp.ts";
import { translateError } from "./icmptranslate.ts";
import type { Endpoints } from "./layout.ts";

/** QuotedError is an ICMP error without its checksum. */
export interface QuotedError {
  family: IpFamily;
  type: number;
  code: number;
  /** bytes 4-7: the size that would pass, or a pointer */
  rest: number;
  /** the packet that it is about, from its IP header on, as much as was sent of it */
  quote: Uint8Array;
}

/** Quoted is a packet as one side knows it: its ends, and its protocol there. */
export interface Quoted extends Endpoints { proto: number }

const LEAST_L4 = 8; // bytes of L4 that an error quotes at least (RFC 792)
const TOO_BIG = { 4: { type: 3, code: 4 }, 6: { type: 2, code: 0 } } as const;

/** readError reads the ICMP message [at, end) of a packet; undefined for what is no error about a packet of its family that says who sent it. */
export function readError(data: Uint8Array, range: { at: number; end: number }, family: IpFamily): QuotedError | undefined {
  const { at, end } = range;
  if (end - at < wire.ICMP_HEADER || !isIcmpError(family, data[at]!)) return undefined;
  const type = data[at]!, code = data[at + 1]!;
  const units = family === 4 ? data[at + 5]! * 4 : data[at + 4]! * 8; // RFC 4884: what follows says more than a host may know
  const isSized = family === 4 ? type !== TOO_BIG[4].type || code !== TOO_BIG[4].code : type === 1 || type === 3;
  const quoteEnd = isSized && units > 0 ? Math.min(end, at + wire.ICMP_HEADER + units) : end;
  const quote = data.subarray(at + wire.ICMP_HEADER, quoteEnd);
  return placesOf(quote, family) === undefined ? undefined : { family, type, code, rest: restOf(data, at, { family, type, code }), quote };
}

/** Only what has a meaning in these bytes: the rest are lengths of RFC 4884. */
function restOf(data: Uint8Array, at: number, of: { family: IpFamily; type: number; code: number }): number {
  if (isTooBig(of)) return of.family === 4 ? readU16(data, at + 6) : readU16(data, at + 4) * 0x10000 + readU16(data, at + 6);
  return of.type === (of.family === 4 ? 12 : 4) ? (readU16(data, at + 4) * 0x10000 + readU16(data, at + 6)) >>> 0 : 0;
}

/** isTooBig tells the error that says which size would pass. */
export function isTooBig({ family, type, code }: Pick<QuotedError, "family" | "type" | "code">): boolean {
  return type === TOO_BIG[family].type && (family === 6 || code === TOO_BIG[family].code);
}

/** writeError is the message as it stands in an ICMP packet or in a body over SVR, checksum 0, at most `limit` bytes. */
export function writeError(error: QuotedError, limit: number): Uint8Array {
  const quote = error.quote.subarray(0, limit - wire.ICMP_HEADER);
  const message = new Uint8Array(wire.ICMP_HEADER + quote.length);
  message[0] = error.type;
  message[1] = error.code;
  writeU32(message, 4, error.rest);
  message.set(quote, wire.ICMP_HEADER);
  return message;
}

/** Places are where the parts of a quoted packet are, and how long it was. */
interface Places { proto: number; l4: number; length: number }

function placesOf(quote: Uint8Array, family: IpFamily): Places | undefined {
  const header = family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER;
  if (quote.length < header || quote[0]! >>> 4 !== family) return undefined;
  if (family === 6) return checked(quote, { proto: quote[6]!, l4: header, length: header + readU16(quote, 4) });
  const l4 = (quote[0]! & 15) * 4;
  if (l4 < header || (readU16(quote, 6) & wire.IPV4_OFFSET_MASK) !== 0) return undefined;
  return checked(quote, { proto: quote[9]!, l4, length: Math.max(l4, readU16(quote, 2)) });
}

/** Its first eight bytes of L4 must be there, and it must not be an error itself. */
function checked(quote: Uint8Array, places: Places): Places | undefined {
  const { proto, l4 } = places;
  if (quote.length < l4 + LEAST_L4) return undefined;
  const family = proto === wire.PROTO_ICMP ? 4 : proto === wire.PROTO_ICMPV6 ? 6 : undefined;
  return family === undefined || isIcmpQuery(family, quote[l4]!) ? places : undefined;
}

/** quoteIsOf tells whether an error is about a packet with these ends. */
export function quoteIsOf({ quote, family }: QuotedError, of: Quoted): boolean {
  const places = placesOf(quote, family);
  if (places === undefined || places.proto !== of.proto || of.source.family !== family) return false;
  const [from, to] = family === 4 ? [12, 16] : [8, 24];
  if (!sameAddress(readAddress(quote, from, family), of.source) || !sameAddress(readAddress(quote, to, family), of.destination)) return false;
  return !hasPorts(of.proto) || (readU16(quote, places.l4) === of.sourcePort && readU16(quote, places.l4 + 2) === of.destinationPort);
}

function hasPorts(proto: number): boolean {
  return proto === wire.PROTO_TCP || proto === wire.PROTO_UDP;
}

/** requote says an error again about the packet as another side knows it; undefined where that family or protocol has no such error. */
export function requote(error: QuotedError, to: Quoted): QuotedError | undefined {
  const places = placesOf(error.quote, error.family);
  if (places === undefined) return undefined;
  const family = to.source.family;
  const said = family === error.family ? error : translateError(error);
  if (said === undefined) return undefined;
  const inner = innerOf(error.quote, places, to);
  const header = family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER;
  const quote = new Uint8Array(header + inner.bytes.length);
  quote.set(inner.bytes, header);
  writeQuoteHeader(quote, { error, places, to, length: header + inner.length });
  writeQuoteL4(quote, header, { error, places, to, inner });
  const grows = header - (error.family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER) - (inner.unwrapped ? wire.UDP_HEADER : 0);
  return { family, type: said.type, code: said.code, rest: isTooBig({ ...said, family }) && said.rest > 0 ? Math.max(0, said.rest + grows) : said.rest, quote };
}

/** Inner is the L4 part of a quote as a host knows it. */
interface Inner {
  bytes: Uint8Array;
  /** of the whole packet, quoted or not */
  length: number;
  /** it came out of the UDP that carried it (protocol 3.3) */
  unwrapped: boolean;
  /** nothing but ports and addresses differs from what was quoted */
  intact: boolean;
}

function innerOf(quote: Uint8Array, places: Places, to: Quoted): Inner {
  const { proto, l4, length } = places;
  const header = proto === wire.PROTO_TCP ? (quote.length > l4 + 12 ? Math.max(wire.TCP_HEADER, (quote[l4 + 12]! >>> 4) * 4) : wire.TCP_HEADER) : proto === wire.PROTO_UDP ? wire.UDP_HEADER : 0;
  const bodyAt = Math.min(quote.length, l4 + header);
  const metadata = header === 0 ? 0 : metadataBytes(quote, bodyAt);
  const unwrapped = proto === wire.PROTO_UDP && to.proto !== wire.PROTO_UDP;
  const bodyEnd = metadata === 0 ? quote.length : bodyAt + metadata + (unwrapped ? LEAST_L4 : 0); // a tag may stand at the end
  const body = quote.subarray(Math.min(quote.length, bodyAt + metadata), Math.min(quote.length, bodyEnd));
  const whole = Math.max(0, length - l4 - metadata);
  if (unwrapped) return { bytes: queryOf(body, to), length: Math.max(LEAST_L4, whole - wire.UDP_HEADER), unwrapped, intact: false };
  const bytes = new Uint8Array(bodyAt - l4 + body.length);
  bytes.set(quote.subarray(l4, bodyAt));
  bytes.set(body, bodyAt - l4);
  return { bytes, length: whole, unwrapped, intact: metadata === 0 };
}

/** Bytes of metadata in front of a body: never shown to a host. All that is there, when its end is not. */
function metadataBytes(quote: Uint8Array, at: number): number {
  if (!startsWithCookie(quote, at, quote.length)) return 0;
  if (quote.length < at + wire.BASE_HEADER) return quote.length - at;
  return (readU16(quote, at + 8) & wire.HEADER_LENGTH_MAX) + readU16(quote, at + 10);
}

/** The message that UDP carried; when the quote ends before it, what is known of the query. */
function queryOf(body: Uint8Array, to: Quoted): Uint8Array {
  if (body.length >= LEAST_L4) return body.slice();
  const bytes = new Uint8Array(LEAST_L4);
  const isRequest = to.sourcePort !== 0 || to.destinationPort === 0;
  if (to.proto === wire.PROTO_ICMP) bytes[0] = isRequest ? 8 : 0;
  else if (to.proto === wire.PROTO_ICMPV6) bytes[0] = isRequest ? 128 : 129;
  return bytes;
}

interface Requoting { error: QuotedError; places: Places; to: Quoted }

function writeQuoteHeader(quote: Uint8Array, of: Requoting & { length: number }): void {
  const { error, to, length } = of;
  const from = error.quote;
  const is4 = error.family === 4;
  const ttl = is4 ? from[8]! : from[7]!;
  const tos = is4 ? from[1]! : ((from[0]! & 0x0f) << 4) | (from[1]! >>> 4);
  const fixed = { source: to.source, destination: to.destination, ttl, tos, ipId: is4 ? readU16(from, 4) : 0, dontFragment: !is4 || (readU16(from, 6) & wire.IPV4_DF) !== 0 };
  writeIpHeader(quote, fixed, to.proto);
  if (to.source.family === 6) return writeU16(quote, 4, Math.min(wire.IP_LENGTH_MAX, length - wire.IPV6_HEADER));
  writeU16(quote, 2, Math.min(wire.IP_LENGTH_MAX, length)); // of the packet, not of what is quoted of it
  writeU16(quote, 10, 0);
  writeU16(quote, 10, checksumOf(sumBytes(quote, 0, wire.IPV4_HEADER)));
}

function writeQuoteL4(quote: Uint8Array, l4: number, of: Requoting & { inner: Inner }): void {
  const { to, inner } = of;
  const before = quote.slice(l4, l4 + 4);
  if (hasPorts(to.proto)) {
    writeU16(quote, l4, to.sourcePort);
    writeU16(quote, l4 + 2, to.destinationPort);
    if (to.proto === wire.PROTO_UDP) writeU16(quote, l4 + 4, Math.min(wire.IP_LENGTH_MAX, inner.length));
  } else writeIdentifier(quote, l4, to);
  writeQuoteChecksum(quote, l4, { ...of, before });
}

function writeIdentifier(quote: Uint8Array, l4: number, { proto, sourcePort, destinationPort }: Quoted): void {
  if (proto !== wire.PROTO_ICMP && proto !== wire.PROTO_ICMPV6) return;
  const family = proto === wire.PROTO_ICMP ? 4 : 6;
  writeU16(quote, l4 + wire.ICMP_IDENTIFIER_AT, isIcmpRequest(family, quote[l4]!) ? sourcePort : destinationPort);
}

/** By difference where the bytes are those that the sum was made over, anew where all of them are here, else none. */
function writeQuoteChecksum(quote: Uint8Array, l4: number, of: Requoting & { inner: Inner; before: Uint8Array }): void {
  const { error, places, to, inner, before } = of;
  const field = checksumAt(to.proto);
  if (field < 0 || quote.length < l4 + field + 2) return;
  if (quote.length - l4 === inner.length) return finishChecksum(quote, l4);
  if (!inner.intact || !hasPorts(to.proto) || places.proto !== to.proto) return writeU16(quote, l4 + field, 0);
  const stored = readU16(quote, l4 + field);
  if (to.proto === wire.PROTO_UDP && stored === 0) return;
  const addresses = error.family === 4 ? sumBytes(error.quote, 12, 20) : sumBytes(error.quote, 8, 40);
  const sum = fold(negate(stored) + negate(addresses) + negate(sumBytes(before, 0, 4)) + pseudoSum({ ...to, proto: 0 }, 0) + sumBytes(quote, l4, l4 + 4));
  writeChecksum(quote, l4 + field, sum, to.proto);
}
