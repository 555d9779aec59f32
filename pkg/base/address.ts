// IP addresses as small immutable values: four signed 32-bit words, IPv4 in the first, the rest zero.
// Called by every layer. Text form per RFC 4291 / RFC 5952. Never resolves names.

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
