// A new key and certificate for the identity of a router on this machine, by an authority in a folder. Called by authorityfolder.ts. The key
// waits in identity.request as that of any enrolment does, so the same again after a crash goes on with the certificate that it has.
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SvrError } from "../base/errors.ts";
import type { AuthorityKeyType, AuthorityPort, IssueAnswer, IssuedCertificate, RenewRequest } from "../ports/authority.ts";
import type { Clock } from "../ports/clock.ts";
import { isOfRequest } from "./authority.ts";
import { ownName, pemCertificates } from "./chain.ts";
import { openEnrollment } from "./enrollment.ts";
import { identityFiles as files, mendIdentity, written } from "./identitywriter.ts";
import { keyTypeOf } from "./signerchain.ts";

/** renewIdentity gives what counts now. Authorities that the router trusts already stay, so that one can take over from another. */
export async function renewIdentity(authority: Pick<AuthorityPort, "view" | "issue">, of: RenewRequest, clock: Pick<Clock, "unixMs">): Promise<IssueAnswer> {
  const { router, stateDir, days } = of, before = identityOf(of), key = kindOf(before.key, stateDir);
  const enrollment = openEnrollment({ stateDir, router }, clock);
  const { request, folder } = await enrollment.begin(key);
  const waiting = await waitingOf(join(folder, files.chain), { request, router, issued: (await authority.view()).issued, nowMs: clock.unixMs() });
  const certificate = waiting ?? (await authority.issue({ router, days, key, folder, request })).certificate;
  const [chain, trusted] = [files.chain, files.authorities].map((file) => readFileSync(join(folder, file), "utf8")) as [string, string];
  await enrollment.finish({ chain, authorities: joined(trusted, before.authorities, clock.unixMs()) });
  return { certificate, madeKey: true };
}

function identityOf({ router, stateDir }: RenewRequest): { key: string; authorities: string } {
  const folder = join(stateDir, "identity");
  const text = (file: string): string => (existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : "");
  return written(folder, () => {
    mendIdentity(stateDir);
    const named = ownName(pemCertificates(text(files.chain)) ?? []);
    if (!named.ok || named.value.name !== router || text(files.key) === "") refuse(folder, router);
    return { key: text(files.key), authorities: text(files.authorities) };
  });
}

function kindOf(key: string, stateDir: string): AuthorityKeyType {
  try {
    return keyTypeOf(key) ?? "Ed25519";
  } catch {
    const path = join(stateDir, "identity", files.key); // the library's own words may quote it
    throw new SvrError("SVR_AUTHORITY", { object: path, attempted: `${path} holds no private key in PEM`, fix: "bring it back, or move the folder away and issue another identity" });
  }
}

function refuse(folder: string, router: string): never {
  throw new SvrError("SVR_AUTHORITY", { object: folder, attempted: `there is no identity of router ${router} in ${folder}, so nothing is renewed`, fix: `name its state directory with --state-dir, or issue its first one: svrctl ca issue ${router} --write ${folder}` });
}

/** What the authority gave the key that waits before a crash, if that counts. */
async function waitingOf(path: string, { request, router, issued, nowMs }: { request: string; router: string; issued: readonly IssuedCertificate[]; nowMs: number }): Promise<IssuedCertificate | undefined> {
  const [leaf] = pemCertificates(existsSync(path) ? readFileSync(path, "utf8") : "") ?? [];
  if (leaf === undefined) return undefined;
  const certificate = new X509Certificate(leaf), serial = certificate.serialNumber.toLowerCase();
  const known = issued.find((one) => one.serial === serial && one.revoked === undefined && one.notAfter > nowMs);
  return known !== undefined && await isOfRequest(certificate, { request, router }) ? known : undefined;
}

/** Each once, without those that have ended. */
function joined(now: string, before: string, nowMs: number): string {
  const all = [...pemCertificates(now) ?? [], ...pemCertificates(before) ?? []].map((one) => new X509Certificate(one));
  return [...new Set(all.filter((one) => one.validToDate.getTime() > nowMs).map(String))].join("");
}
