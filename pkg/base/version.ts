// Versions of programs, as far as they decide who understands whom. Called wherever two programs of ours meet; pure.

/** minorsApart tells how many minor versions two versions are apart: Infinity for other majors, undefined when one is no version. */
export function minorsApart(one: string, other: string): number | undefined {
  const [a, b] = [partsOf(one), partsOf(other)];
  if (a === undefined || b === undefined) return undefined;
  return a.major === b.major ? Math.abs(a.minor - b.minor) : Infinity;
}

function partsOf(version: string): { major: number; minor: number } | undefined {
  const match = /^v?([0-9]{1,6})\.([0-9]{1,6})(\.|$)/.exec(version);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}
