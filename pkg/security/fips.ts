// FIPS 140 posture: approved algorithms from the platform's OpenSSL in its FIPS mode, or no start. Called by cmd/router when it is asked for. What
// is claimed with it, and what is not: docs/security.md.
import { createCipheriv, createHash, createHmac, generateKeyPairSync, getFips, setFips, sign } from "node:crypto";
import { SvrError } from "../base/errors.ts";

/** FipsSwitch is the switch of a cryptographic library; tests bring their own. */
export interface FipsSwitch { set(on: boolean): void; isOn(): boolean; probes: Readonly<Record<string, () => unknown>> }

const zeros = (count: number): Uint8Array => new Uint8Array(count);

/** opensslFips is that of this process. Node.js turns it on also when no provider is there, so each algorithm is tried. */
export const opensslFips: FipsSwitch = {
  set: (on) => { setFips(on); },
  isOn: () => getFips() === 1,
  probes: {
    "SHA-256": () => createHash("sha256").update("x").digest(),
    "HMAC-SHA256": () => createHmac("sha256", zeros(32)).update("x").digest(),
    "AES-256-GCM": () => createCipheriv("aes-256-gcm", zeros(32), zeros(12)).update(zeros(16)),
    "AES-256-CBC": () => createCipheriv("aes-256-cbc", zeros(32), zeros(16)).update(zeros(16)),
    "ECDSA P-256": () => sign("sha256", zeros(1), generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey),
  },
};

/** requireFips turns FIPS mode on and gives what was tried in it; throws SVR_FIPS, with the mode off again, when something is not there. */
export function requireFips(of: FipsSwitch = opensslFips): string[] {
  const names = Object.keys(of.probes);
  try {
    of.set(true);
    if (!of.isOn()) throw new Error("it stays off");
    for (const name of names) tried(name, of.probes[name]);
    return names;
  } catch (cause) {
    of.set(false);
    throw new SvrError("SVR_FIPS", {
      object: "OpenSSL", attempted: `FIPS mode was asked for and cannot be had (${cause instanceof Error ? cause.message : String(cause)})`,
      fix: "install a validated FIPS provider and name it in OPENSSL_CONF with a Node.js that reads it, or leave --fips out", cause,
    });
  }
}

function tried(name: string, probe: (() => unknown) | undefined): void {
  try {
    probe?.();
  } catch (cause) {
    throw new Error(`there is no ${name}`, { cause });
  }
}
