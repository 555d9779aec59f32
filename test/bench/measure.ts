// What a benchmark is, and the arithmetic they share. A measure gives raw samples and the rows that the table shows; main.ts adds
// machine and command and keeps both. Every comparison is a ratio inside one run: variants take turns, medians are compared.

/** Effort bounds a measure: how often variants take turns, and whether only to prove that it runs. */
export interface Effort { readonly rounds: number; readonly smoke: boolean }

/** Sample is one raw reading: which variant, under which conditions, and what was read. */
export interface Sample { readonly variant: string; readonly round: number; readonly values: Readonly<Record<string, number>> }

/** Row is one line of the table. */
export interface Row {
  readonly what: string;
  readonly value: string;
  readonly against?: string;
  readonly target?: string;
  readonly reached?: boolean;
}

/** Outcome is what a measure found. */
export interface Outcome { readonly samples: readonly Sample[]; readonly rows: readonly Row[] }

/** Measure is one benchmark. */
export interface Measure {
  readonly name: string;
  readonly title: string;
  /** how it is measured, for the reader of the table */
  readonly method: string;
  /** turns when nobody asks for a number of them; more than the usual where single readings differ much */
  readonly rounds?: number;
  run(effort: Effort, say: (line: string) => void): Promise<Outcome>;
}

/** median of at least one number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error("there are no values to take the median of");
  return (low + high) / 2;
}

/** quantile of at least one number: the smallest that so large a part of them does not exceed. */
export function quantile(values: readonly number[], part: number): number {
  const value = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * part) - 1)];
  if (value === undefined) throw new Error("there are no values");
  return value;
}

/** takeTurns reads every variant once a round: a, b, a, b ... */
export async function takeTurns(variants: readonly string[], rounds: number, read: (variant: string, round: number) => Promise<Record<string, number>>): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const variant of variants) samples.push({ variant, round, values: await read(variant, round) });
  }
  return samples;
}

/** medianOf is the median of one value over the samples of a variant. */
export function medianOf(samples: readonly Sample[], variant: string, name: string): number {
  return median(valuesOf(samples, variant, name));
}

/** valuesOf are the readings of one value of a variant. */
export function valuesOf(samples: readonly Sample[], variant: string, name: string): number[] {
  return samples.filter((sample) => sample.variant === variant).map((sample) => sample.values[name] ?? Number.NaN);
}

/** atLeast is a row for a ratio that should be as high as possible. */
export function atLeast(what: string, ratio: number, more: { target?: number; against?: string }): Row {
  const value = `${ratio.toFixed(2)} x`;
  return {
    what, value, ...(more.against === undefined ? {} : { against: more.against }),
    ...(more.target === undefined ? {} : { target: `>= ${more.target} x`, reached: ratio >= more.target }),
  };
}

/** whole writes a number without digits behind the point, thousands apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
