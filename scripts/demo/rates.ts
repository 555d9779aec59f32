// Numbers of the demo: the median, and what iperf3 says. Pure; called by throughput.ts and traffic.ts.

/** median of at least one number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error("there are no values to take the median of");
  return (low + high) / 2;
}

/** Transfer is the outcome of one iperf3 run. */
export interface Transfer { gbps: number; bytes: number }

/** readIperf reads the JSON of an iperf3 client: what arrived, or throws with what iperf3 complains about. */
export function readIperf(text: string): Transfer {
  const answer = JSON.parse(text) as { error?: string; end?: { sum_received?: Rate; sum?: Rate } };
  const rate = answer.end?.sum_received ?? answer.end?.sum;
  if (answer.error !== undefined || rate === undefined) throw new Error(`iperf3: ${answer.error ?? "its answer has no sums"}`);
  return { gbps: rate.bits_per_second / 1e9, bytes: rate.bytes };
}

interface Rate { bits_per_second: number; bytes: number }
