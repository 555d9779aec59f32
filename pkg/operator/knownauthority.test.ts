// Who asks for a certificate before routers know the authority waits for some seconds and no longer.
import { HandClock, settled } from "../../test/support/kube/timers.ts";
import type { AuthorityKeys } from "../ports/signer.ts";
import { knownAuthority } from "./knownauthority.ts";

const keys: AuthorityKeys = { certificate: "certificate", key: "key" };

function asked(known: () => AuthorityKeys | undefined): { clock: HandClock; ended: () => unknown } {
  const clock = new HandClock();
  let ended: unknown = "waits";
  knownAuthority({ namespace: "opensvr", known: () => Promise.resolve(known()), nowMs: clock.settings.nowMs, after: clock.settings.after }).then((found) => { ended = found; }, (error: unknown) => { ended = String(error); });
  return { clock, ended: () => ended };
}

test("an authority that routers know is given at once", async () => {
  const { ended } = asked(() => keys);
  await settled();
  expect(ended()).toBe(keys);
});

test("one that they know some seconds later is waited for", async () => {
  const routers: { know?: AuthorityKeys } = {}, { clock, ended } = asked(() => routers.know);
  await clock.move(7_000);
  expect(ended()).toBe("waits");
  routers.know = keys;
  await clock.move(500);
  expect(ended()).toBe(keys);
});

test("one that they do not know by then is refused", async () => {
  const { clock, ended } = asked(() => undefined);
  await clock.move(7_999);
  expect(ended()).toBe("waits");
  await clock.move(1);
  expect(ended()).toContain("nothing is issued yet: routers do not know the authority");
});
