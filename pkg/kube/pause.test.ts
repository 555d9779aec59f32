// Turns: work that waits for nothing lets timers and answers run once in a while, and is not slowed before.
import { createTurns } from "./pause.ts";

test("no time passes within 10 ms, and after that others have their turn", async () => {
  let now = 0;
  const turn = createTurns(() => now), seen: string[] = [];
  await turn(); // the first one begins a slice
  setImmediate(() => { seen.push("another"); });
  now = 9;
  await turn();
  seen.push("within");
  now = 10;
  await turn();
  seen.push("after");
  expect(seen).toEqual(["within", "another", "after"]);
});
