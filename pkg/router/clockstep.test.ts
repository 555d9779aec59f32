// A clock that is set, and one that only runs.
import { createClockWatch } from "./clockstep.ts";

test("4.4 a jump of more than 2 s in either direction is told once, a slow drift is not", () => {
  let [mono, unix] = [0, 1_000_000];
  const look = createClockWatch({ monotonicMs: () => mono, unixMs: () => unix });
  const pass = (ms: number, jump = 0): number | undefined => {
    mono += ms;
    unix += ms + jump;
    return look();
  };
  expect([pass(50), pass(50, 2_000), pass(50, 2_001), pass(50), pass(50, -3_600_000), pass(50)]).toEqual([undefined, undefined, 2_001, undefined, -3_600_000, undefined]);
});
