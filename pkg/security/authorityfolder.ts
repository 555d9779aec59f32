// An authority in a folder: authority.pem, authority-key.pem (closed to others), issued.jsonl with a line for each certificate and each
// revocation. Written whole or appended, never changed in place. Constructed by cmd/svrctl; the key is read when something is signed.
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPublicKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SvrError } from "../base/errors.ts";
import { routerNameField } from "../api/names.ts";
import type { AuthorityPort, AuthorityView, IssueAnswer, IssuedCertificate, IssueRequest } from "../ports/authority.ts";
import type { Clock } from "../ports/clock.ts";
import { makeAuthority, makeRequest, signRequest } from "./authority.ts";
import type { Signer } from "./authority.ts";

const CERTIFICATE = "authority.pem", KEY = "authority-key.pem", ISSUED = "issued.jsonl";
const LINES_MOST = 100_000; // certificates and revocations of one authority
const identity = { key: "key.pem", chain: "chain.pem", authorities: "authorities.pem" };

function refuse(object: string, attempted: string, fix: string): never {
  throw new SvrError("SVR_AUTHORITY", { object, attempted, fix });
}

function readText(path: string, fix: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new SvrError("SVR_AUTHORITY", { object: path, attempted: `${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, fix, cause });
  }
}

/** What the system keeps from being written is a fault with a name and a way on. */
function written(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new SvrError("SVR_AUTHORITY", { object: path, attempted: `${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, fix: "name a folder that you may write, with none of these files in it", cause });
  }
}

/** openAuthorityFolder is the authority of a folder that may not be there yet. */
export function openAuthorityFolder(folder: string, clock: Pick<Clock, "unixMs">): AuthorityPort {
  const path = (file: string): string => join(folder, file);
  const certificate = (): string => readText(path(CERTIFICATE), `make an authority there: svrctl ca init --dir ${folder}`);
  const note = (line: object): void => { written(path(ISSUED), () => { appendFileSync(path(ISSUED), `${JSON.stringify(line)}\n`, { mode: 0o644 }); }); };
  const port: AuthorityPort = {
    async create(of) {
      if (existsSync(path(CERTIFICATE)) || existsSync(path(KEY))) refuse(folder, `there is an authority in ${folder} already`, "name another folder; an authority is never overwritten");
      const made = await makeAuthority({ ...of, nowMs: clock.unixMs() });
      written(folder, () => {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeFileSync(path(KEY), made.key, { mode: 0o600, flag: "wx" });
        writeFileSync(path(CERTIFICATE), made.certificate, { flag: "wx" });
        writeFileSync(path(ISSUED), "", { flag: "wx" });
      });
      return port.view();
    },
    view: () => Promise.resolve(viewOf(certificate(), listOf(path(ISSUED)))),
    async issue(request) {
      const name = routerNameField.safeParse(request.router);
      if (!name.success) refuse(`router ${request.router}`, `"${request.router}" is no name of a router`, "use 1-63 letters, digits, dots and hyphens, all in lower case");
      return issueFrom(signerOf(folder, certificate()), request, { nowMs: clock.unixMs(), note });
    },
    revoke(of) {
      const chosen = listOf(path(ISSUED)).filter((one) => one.revoked === undefined && ("serial" in of ? one.serial === of.serial : one.router === of.router));
      if (chosen.length === 0) refuse("serial" in of ? `certificate ${of.serial}` : `router ${of.router}`, "nothing is revoked: no certificate of it counts", `see which there are: svrctl ca show --dir ${folder}`);
      const revoked = clock.unixMs();
      for (const { serial } of chosen) note({ revokes: serial, at: revoked });
      return Promise.resolve(chosen.map((one) => ({ ...one, revoked })));
    },
    writeIdentity: (to, answer) => { writeIdentity(to, answer); return Promise.resolve(); },
  };
  return port;
}

/** A key that others can read signs nothing. */
function signerOf(folder: string, certificate: string): Signer {
  const path = join(folder, KEY);
  const key = readText(path, "bring the key of this authority back, or make another one");
  if ((statSync(path).mode & 0o077) !== 0) refuse(path, `${path} is open to other users of this machine`, `close it: chmod 600 ${path}`);
  if (!new X509Certificate(certificate).publicKey.equals(publicOf(key, path))) refuse(path, `${path} is not the key of ${CERTIFICATE}`, "bring both files of one authority back");
  return { certificate, key };
}

async function issueFrom(signer: Signer, of: IssueRequest, by: { nowMs: number; note(line: object): void }): Promise<IssueAnswer> {
  const made = of.request === undefined ? await makeRequest(of.router, of.key) : { request: of.request };
  const { certificate, issued } = await signRequest(signer, { ...of, request: made.request, nowMs: by.nowMs });
  by.note(issued);
  return { certificate: issued, chain: certificate, authorities: signer.certificate, ...("key" in made && { key: made.key }) };
}

function viewOf(certificate: string, issued: IssuedCertificate[]): AuthorityView {
  const read = new X509Certificate(certificate);
  return {
    name: /CN=(.*)/.exec(read.subject)?.[1] ?? read.subject, key: read.publicKey.asymmetricKeyType === "ed25519" ? "Ed25519" : "ECDSA",
    notAfter: read.validToDate.getTime(), certificate, issued,
  };
}

/** Lines in their order; one that cannot be read stops everything, because a revocation may stand there. */
function listOf(path: string): IssuedCertificate[] {
  const bySerial = new Map<string, IssuedCertificate>();
  const lines = readText(path, "bring the list of what this authority issued back").split("\n").filter((line) => line !== "");
  if (lines.length > LINES_MOST) refuse(path, `${path} has more than ${LINES_MOST} lines`, "begin another authority, and let both count while certificates are renewed");
  for (const [at, text] of lines.entries()) {
    const line = parsed(text) ?? refuse(`${path}:${at + 1}`, `line ${at + 1} of ${path} cannot be read`, "bring the list back as it was");
    if ("revokes" in line) bySerial.set(line.revokes, { ...bySerial.get(line.revokes) as IssuedCertificate, revoked: line.at });
    else bySerial.set(line.serial, line);
  }
  return [...bySerial.values()];
}

function parsed(text: string): IssuedCertificate | { revokes: string; at: number } | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const isIssue = typeof value["serial"] === "string" && typeof value["router"] === "string" && typeof value["notAfter"] === "number";
    const isRevocation = typeof value["revokes"] === "string" && typeof value["at"] === "number";
    return isIssue || isRevocation ? value as never : undefined;
  } catch {
    return undefined; // the caller says which line it is
  }
}

function writeIdentity(to: string, { chain, authorities, key }: IssueAnswer): void {
  written(to, () => {
    mkdirSync(to, { recursive: true, mode: 0o700 });
    if (key !== undefined) writeFileSync(join(to, identity.key), key, { mode: 0o600, flag: "wx" });
    writeFileSync(join(to, identity.authorities), authorities);
    writeFileSync(join(to, identity.chain), chain);
  });
}

function publicOf(key: string, path: string): KeyObject {
  try {
    return createPublicKey(key);
  } catch {
    return refuse(path, `${path} holds no private key in PEM`, "bring the key of this authority back"); // the library's own words may quote it
  }
}
