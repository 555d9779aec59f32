// IP addresses as small immutable values: four signed 32-bit words, IPv4 in the first, the rest zero.
// Called by every layer, on the packet path too. The text form is in addresstext.ts. Never resolves names.
import { readI32, writeU32 } from "./bytes.ts";

/** IpFamily is the IP version. */
export type IpFamily = 4 | 6;

/** IpAddress is one address. Words are signed 32-bit integers in network order of significance; compare with sameAddress. */
export interface IpAddress {
  readonly family: IpFamily;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** addressOfWords makes an address from signed 32-bit words; IPv4 uses w0 only. */
export function addressOfWords(family: IpFamily, w0: number, w1 = 0, w2 = 0, w3 = 0): IpAddress {
  return { family, w0: w0 | 0, w1: w1 | 0, w2: w2 | 0, w3: w3 | 0 };
}

/** sameAddress tells whether two addresses are equal, family included. */
export function sameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.w0 === b.w0 && a.w1 === b.w1 && a.w2 === b.w2 && a.w3 === b.w3;
}

/** addressBytes is the wire size of a family: 4 or 16. */
export function addressBytes(family: IpFamily): 4 | 16 {
  return family === 4 ? 4 : 16;
}

/** readAddress reads 4 or 16 bytes in wire order; the caller has checked that they are there. */
export function readAddress(data: Uint8Array, at: number, family: IpFamily): IpAddress {
  if (family === 4) return { family, w0: readI32(data, at), w1: 0, w2: 0, w3: 0 };
  return { family, w0: readI32(data, at), w1: readI32(data, at + 4), w2: readI32(data, at + 8), w3: readI32(data, at + 12) };
}

/** writeAddress writes 4 or 16 bytes in wire order. */
export function writeAddress(data: Uint8Array, at: number, address: IpAddress): void {
  writeU32(data, at, address.w0);
  if (address.family === 4) return;
  writeU32(data, at + 4, address.w1);
  writeU32(data, at + 8, address.w2);
  writeU32(data, at + 12, address.w3);
}

/** addressKey gives a key for Map and Set: a number for IPv4, a string of eight 16-bit units for IPv6. */
export function addressKey(address: IpAddress): number | string {
  if (address.family === 4) return address.w0;
  const { w0, w1, w2, w3 } = address;
  return String.fromCharCode(w0 >>> 16, w0 & 0xffff, w1 >>> 16, w1 & 0xffff, w2 >>> 16, w2 & 0xffff, w3 >>> 16, w3 & 0xffff);
}

/** compareAddress orders IPv4 before IPv6 and then by value: negative, zero or positive. */
export function compareAddress(a: IpAddress, b: IpAddress): number {
  return a.family - b.family || (a.w0 >>> 0) - (b.w0 >>> 0) || (a.w1 >>> 0) - (b.w1 >>> 0) ||
    (a.w2 >>> 0) - (b.w2 >>> 0) || (a.w3 >>> 0) - (b.w3 >>> 0);
}

/** isUnspecified tells whether the address is 0.0.0.0 or ::. */
export function isUnspecified(address: IpAddress): boolean {
  return (address.w0 | address.w1 | address.w2 | address.w3) === 0;
}

/** isMulticast tells whether the address is in 224.0.0.0/4 or ff00::/8. */
export function isMulticast(address: IpAddress): boolean {
  return address.family === 4 ? address.w0 >>> 28 === 0xe : address.w0 >>> 24 === 0xff;
}

/** isLoopback tells whether the address is in 127.0.0.0/8 or is ::1. */
export function isLoopback(address: IpAddress): boolean {
  if (address.family === 4) return address.w0 >>> 24 === 127;
  return (address.w0 | address.w1 | address.w2) === 0 && address.w3 === 1;
}

/** isBroadcast tells whether the address is 255.255.255.255; directed broadcasts need the prefix of the link. */
export function isBroadcast(address: IpAddress): boolean {
  return address.family === 4 && address.w0 === -1;
}
