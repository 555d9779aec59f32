// ICMP errors from one family to the other (RFC 7915 4.2 and 5.2). Called when an error crosses sides of different families;
// knows types, codes and sizes, not the quote.

/** Said is what an error says. */
export interface Said { family: 4 | 6; type: number; code: number; rest: number }

const MTU_MAX = 0xffff;
/** ICMPv4 destination unreachable by code, to ICMPv6 type and code; absent: not translated. */
const UNREACHABLE_4: Record<number, readonly [number, number]> = {
  0: [1, 0], 1: [1, 0], 2: [4, 1], 3: [1, 4], 4: [2, 0], 5: [1, 0], 6: [1, 0], 7: [1, 0], 8: [1, 0], 9: [1, 1], 10: [1, 1], 11: [1, 0], 12: [1, 0], 13: [1, 1], 15: [1, 1],
};
/** ICMPv6 destination unreachable by code, to the ICMPv4 code. */
const UNREACHABLE_6: Record<number, number> = { 0: 1, 1: 10, 2: 1, 3: 1, 4: 3 };

/** translateError gives an error of the other family; `rest` of a size is as received, the caller adds what headers differ by. Undefined where there is none. */
export function translateError(said: Said): Said | undefined {
  return said.family === 4 ? toVersion6(said) : toVersion4(said);
}

function toVersion6({ type, code, rest }: Said): Said | undefined {
  if (type === 11) return { family: 6, type: 3, code: Math.min(code, 1), rest: 0 };
  const to = type === 3 ? UNREACHABLE_4[code] : undefined;
  if (to === undefined) return undefined;
  const next = to[0] === 4 ? 6 : 0; // a pointer to the next header field
  return { family: 6, type: to[0], code: to[1], rest: to[0] === 2 ? rest : next };
}

function toVersion4({ type, code, rest }: Said): Said | undefined {
  if (type === 3) return { family: 4, type: 11, code: Math.min(code, 1), rest: 0 };
  if (type === 2) return { family: 4, type: 3, code: 4, rest: Math.min(rest, MTU_MAX) };
  if (type === 4 && code === 1) return { family: 4, type: 3, code: 2, rest: 0 };
  const to = type === 1 ? UNREACHABLE_6[code] : undefined;
  return to === undefined ? undefined : { family: 4, type: 3, code: to, rest: 0 };
}
