// FIPS mode is had as a whole or not at all: each algorithm is tried, and the mode is off again when one is missing.
import { createHash } from "node:crypto";
import { opensslFips, requireFips } from "./fips.ts";
import type { FipsSwitch } from "./fips.ts";

function library(missing?: string, stays = false): FipsSwitch & { state: boolean[] } {
  const state: boolean[] = [];
  const probe = (name: string) => (): void => { if (name === missing) throw new Error("unsupported"); };
  return { state, set: (on) => { state.push(on); }, isOn: () => !stays && state.at(-1) === true, probes: Object.fromEntries(Object.keys(opensslFips.probes).map((name) => [name, probe(name)])) };
}

test("a library with all approved algorithms stays in FIPS mode", () => {
  const whole = library();
  expect([requireFips(whole), whole.state]).toEqual([["SHA-256", "HMAC-SHA256", "AES-256-GCM", "AES-256-CBC", "ECDSA P-256"], [true]]);
});

test.each(Object.keys(opensslFips.probes))("without %s it is refused, by name and with a fix", (name) => {
  const poor = library(name);
  expect(() => requireFips(poor)).toThrow(expect.objectContaining({ code: "SVR_FIPS", message: expect.stringMatching(new RegExp(`there is no ${name}.*leave --fips out`)) as string }) as Error);
  expect(poor.state).toEqual([true, false]);
});

test("a mode that stays off is refused", () => {
  expect(() => requireFips(library(undefined, true))).toThrow("it stays off");
});

test("without a provider on this machine it is refused, and cryptography works as before; with one it is on", () => {
  const outcome = ((): string => {
    try {
      return requireFips().join();
    } catch (error) {
      return (error as Error).message;
    } finally {
      opensslFips.set(false);
    }
  })();
  expect(outcome).toMatch(/^SHA-256,HMAC-SHA256|FIPS mode was asked for and cannot be had \(there is no (?:SHA-256|HMAC-SHA256)\)/);
  expect(createHash("sha256").update("x").digest("hex")).toMatch(/^2d711642/);
});
