// Key exchanges a second of one core: both sides with their messages, certificates and signatures in one thread, so that each side has
// about half of what is measured; and what a thousand peers that take new keys within a minute cost a router.
import { cpuUsage } from "node:process";
import { readKx } from "../../pkg/svr/kxmessage.ts";
import type { KxInitiator } from "../../pkg/svr/kxinitiator.ts";
import type { KxResponder } from "../../pkg/svr/kxresponder.ts";
import { kxPair } from "../support/kx.ts";
import { medianOf, takeTurns, whole } from "./measure.ts";
import type { Measure, Outcome, Row, Sample } from "./measure.ts";

const PEERS = 1_000, MINUTE_S = 60;
const TARGET_PER_SECOND = 500, TARGET_SHARE = 0.2;
const TIMES = { begin: "initiator", answer: "responder", complete: "initiator", take: "responder" } as const;

function exchange({ initiator, responder }: { initiator: KxInitiator; responder: KxResponder }, n: number, spend: (step: keyof typeof TIMES, work: () => Uint8Array) => Uint8Array): void {
  const place = `host${n} port`, nowMs = n * 20; // each from a host of its own: one host alone is held to a rate
  const kx1 = readKx(spend("begin", () => initiator.start(nowMs)[0] ?? new Uint8Array(0)));
  if (!kx1.ok || kx1.value.kind !== "kx1") throw new Error("no KX1");
  const one = kx1.value;
  const kx2 = readKx(spend("answer", () => {
    const answer = responder.asked(one, place, nowMs);
    if (!answer.ok) throw new Error(answer.error);
    return answer.value;
  }));
  if (!kx2.ok || kx2.value.kind !== "kx2") throw new Error("no KX2");
  const two = kx2.value;
  const kx3 = readKx(spend("complete", () => {
    const answered = initiator.answered(two, nowMs);
    if (!answered.ok) throw new Error(answered.error);
    return answered.value.send[0] ?? new Uint8Array(0);
  }));
  if (!kx3.ok || kx3.value.kind !== "kx3") throw new Error("no KX3");
  const three = kx3.value;
  spend("take", () => {
    const told = responder.told(three, place, nowMs);
    if (!told.ok || told.value === undefined) throw new Error("not told");
    return told.value.send.hmac;
  });
  initiator.proven();
}

/** One reading: microseconds of CPU that an exchange takes in all, and that each side spends. */
function read(count: number): Record<string, number> {
  const pair = kxPair({});
  const spent: Record<"initiator" | "responder", number> = { initiator: 0, responder: 0 };
  const before = cpuUsage();
  for (let n = 0; n < count; n++) {
    exchange(pair, n, (step, work) => {
      const started = performance.now();
      const done = work();
      spent[TIMES[step]] += performance.now() - started;
      return done;
    });
  }
  const { user, system } = cpuUsage(before);
  return { cpuUs: (user + system) / count, initiatorUs: spent.initiator * 1000 / count, responderUs: spent.responder * 1000 / count };
}

function rowsOf(samples: readonly Sample[]): Row[] {
  const of = (name: string): number => medianOf(samples, "exchange", name);
  const perSecond = 1e6 / of("cpuUs"), slowest = Math.max(of("initiatorUs"), of("responderUs"));
  const share = PEERS * slowest / 1e6 / MINUTE_S;
  return [
    { what: "whole exchanges of one core", value: `${whole(perSecond)} a second`, against: `both sides in one thread; ${of("initiatorUs").toFixed(0)} us the one that begins, ${of("responderUs").toFixed(0)} us the other`, target: `>= ${TARGET_PER_SECOND}`, reached: perSecond >= TARGET_PER_SECOND },
    { what: `${whole(PEERS)} peers take new keys within a minute`, value: `${(share * 100).toFixed(1)} % of a core`, against: "the dearer side of each exchange; packets around the messages not counted", target: `<= ${TARGET_SHARE * 100} %`, reached: share <= TARGET_SHARE },
  ];
}

/** keyexchange is the measure of key exchanges. */
export const keyexchange: Measure = {
  name: "keyexchange", title: "Key exchanges: X25519, ML-KEM-768, Ed25519 signatures on both sides",
  method: "Both sides of an exchange in one thread on the runtime's OpenSSL, messages written and read; CPU time of the process.",
  run: async ({ rounds, smoke }, say): Promise<Outcome> => {
    const samples = await takeTurns(["exchange"], rounds, (_variant, round) => {
      const values = read(smoke ? 20 : 2_000);
      say(`round ${round + 1}: ${JSON.stringify(values)}`);
      return Promise.resolve(values);
    });
    return { samples, rows: rowsOf(samples) };
  },
};
