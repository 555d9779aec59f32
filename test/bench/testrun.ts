// Nanoseconds a packet of svr_ingress in the kernel's test run: forward and reverse, IPv4 and IPv6, UDP and TCP, with few and many
// sessions in the table. Each packet belongs to a session picked at random among the active ones.
import { join } from "node:path";
import { mkdirSync, rmSync } from "node:fs";
import { median, medianOf } from "./measure.ts";
import type { Effort, Measure, Outcome, Row, Sample } from "./measure.ts";
import { benchObject, callTool, object, valueOf, withPins } from "./tool.ts";

const UDP = 17, TCP = 6;
const SMALL = 8192; // a power of two near 10,000
const GROWTH = 1.5;

interface Case { family: 4 | 6; proto: number; sessions: number; active: number }

const nameOf = ({ family, proto, sessions, active }: Case): string => `IPv${family} ${proto === UDP ? "UDP" : "TCP"}, ${sessions} sessions, ${active} active`;

function casesOf(large: number): Case[] {
  const kinds = [{ family: 4, proto: UDP }, { family: 6, proto: UDP }, { family: 4, proto: TCP }] as const;
  return kinds.flatMap((kind) => [{ ...kind, sessions: SMALL, active: SMALL }, { ...kind, sessions: large, active: SMALL }, { ...kind, sessions: large, active: large }]);
}

async function readCase(folder: string, one: Case, runs: number): Promise<Record<string, number>> {
  const pins = join(folder, "router");
  mkdirSync(pins);
  try {
    return await callTool(["testrun", object, benchObject, pins, one.family, one.proto, one.sessions, one.active, runs], { alone: true });
  } finally {
    rmSync(pins, { recursive: true });
  }
}

/** Sizes that stand for the second-level cache, for ten thousand sessions and for a million. */
const MEMORY = [["512 KiB", 512], ["4 MiB", 4096], ["352 MiB", 352 * 1024]] as const;

async function readLatency(round: number): Promise<Sample> {
  const values: Record<string, number> = {};
  for (const [name, kibibytes] of MEMORY) values[name] = valueOf(await callTool(["latency", kibibytes]), "ns");
  return { variant: "memory", round, values };
}

function latencyRow(samples: readonly Sample[]): Row {
  const text = MEMORY.map(([name]) => `${medianOf(samples, "memory", name).toFixed(0)} ns in ${name}`);
  return { what: "the machine: a load that waits for the one before, picked at random", value: text.join(", "), against: "a packet makes two such loads: index, session" };
}

function rowsOf(samples: readonly Sample[], cases: readonly Case[]): Row[] {
  const of = (one: Case, name: string): number => median(samples.filter((sample) => sample.variant === nameOf(one)).map((sample) => valueOf(sample.values, name)));
  return cases.flatMap((one, i): Row[] => {
    const small = cases[i - (i % 3)] ?? one;
    const row = { what: nameOf(one), value: `${of(one, "forward_ns").toFixed(0)} ns forward, ${of(one, "reverse_ns").toFixed(0)} ns reverse`, against: `${of(one, "plain_ns").toFixed(0)} ns plain redirect` };
    if (one === small) return [row];
    const growth = Math.max(of(one, "forward_ns") / of(small, "forward_ns"), of(one, "reverse_ns") / of(small, "reverse_ns"));
    return [{ ...row, value: `${row.value}: ${growth.toFixed(2)} x`, target: `<= ${GROWTH} x of ${SMALL} sessions`, reached: growth <= GROWTH }];
  });
}

/** testrun is the measure of the program alone. */
export const testrun: Measure = {
  name: "testrun", title: "The program alone, in the kernel's test run",
  method: "The frame is written anew inside the kernel before each run, by a program that tail-calls svr_ingress; its own cost is taken off. Active sessions are hit in a random order, so with all of a million active every packet finds its session outside all caches.",
  run: async (effort: Effort, say): Promise<Outcome> => {
    const large = effort.smoke ? 4 * SMALL : 1 << 20, cases = casesOf(large);
    return withPins(async (folder) => {
      const samples: Sample[] = [];
      for (let round = 0; round < effort.rounds; round++) {
        samples.push(await readLatency(round));
        for (const one of cases) samples.push({ variant: nameOf(one), round, values: await readCase(folder, one, effort.smoke ? 20_000 : 300_000) });
        say(`round ${round + 1} of ${effort.rounds}`);
      }
      return { samples, rows: [...rowsOf(samples, cases), latencyRow(samples)] };
    });
  },
};
