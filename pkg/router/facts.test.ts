// What a router reports: its certificate as far as it has one, and the worst of its alarms, cut to what a status may hold.
import type { AlarmView } from "../api/view.ts";
import { statusSchemaOf } from "../api/status.ts";
import type { Identity } from "../ports/identity.ts";
import { factsOf } from "./facts.ts";

type Parts = Parameters<typeof factsOf>[0];
const parts = ({ alarms = [], identity }: { alarms?: AlarmView[]; identity?: Identity }): Parts => ({
  datapath: { gauges: () => ({ live: 3 }) } as ReturnType<() => Parts["datapath"]>, intake: { current: () => ({ config: { peers: [], paths: [] } }) } as unknown as Parts["intake"], mtus: { verdictOf: () => "silent" } as unknown as Parts["mtus"],
  census: { latest: () => undefined }, keying: { keys: () => ({}), identity: () => identity }, alarms: { list: () => alarms },
});
const alarm = (severity: AlarmView["severity"], name: string, text = ""): AlarmView => ({ severity, name, object: "Router a", text });

test("without a certificate and alarms it says so", () => {
  expect(factsOf(parts({}))).toEqual({ sessions: 3, peers: { up: 0, all: 0 }, silentPeers: [], alarms: [] });
});

test("a certificate of the longest names and many alarms of long texts are what the status may hold, the worst first", () => {
  const identity: Identity = { name: "a", chain: [], serial: "0a", notBefore: 0, notAfter: 1_767_225_600_999, authority: { name: "x".repeat(5_000), key: "f".repeat(500) }, sign: () => new Uint8Array() };
  const alarms = Array.from({ length: 40 }, (_, number) => alarm((["minor", "major", "critical"] as const)[number % 3]!, `a${number}`, "y".repeat(5_000)));
  const { certificate, alarms: told } = factsOf(parts({ identity, alarms }));
  expect(certificate).toMatchObject({ serial: "0a", notBefore: "1970-01-01T00:00:00Z", notAfter: "2026-01-01T00:00:00Z" });
  expect(told.map(({ severity }) => severity)).toEqual([...Array.from({ length: 13 }, () => "critical"), ...Array.from({ length: 3 }, () => "major")]);
  expect(statusSchemaOf("Router").safeParse({ certificate, alarms: told }).error).toBeUndefined();
});
