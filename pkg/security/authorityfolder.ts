// An authority in a folder: authority.pem, authority-key.pem (closed to others), issued.jsonl with a line for each certificate and each
// revocation. A crash at any step is mended by the same command again. Constructed by cmd/svrctl; the key is read when something is signed.
import { existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createPublicKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SvrError } from "../base/errors.ts";
import { routerNameField } from "../api/names.ts";
import type { AuthorityPort, AuthorityView, IssueAnswer, IssuedCertificate, IssueRequest } from "../ports/authority.ts";
import type { Clock } from "../ports/clock.ts";
import { pemCertificates } from "./chain.ts";
import { isKeyOfRequest, isOfRequest, judgeRequest, makeAuthority, makeRequest, signRequest } from "./authority.ts";
import type { KeyedCertificate, Signer } from "./authority.ts";
import { makeFolder, syncFolder, writeSynced } from "./identitywriter.ts";
import { giveNames, hasKey, keyIn, leftBeside, nameIn, putBeside } from "./issuedfiles.ts";
import { noteIssued, readIssued } from "./issuedlist.ts";
import type { IssuedLine } from "./issuedlist.ts";
import { renewIdentity } from "./renewal.ts";

const CERTIFICATE = "authority.pem", KEY = "authority-key.pem", ISSUED = "issued.jsonl";
const UNFINISHED = "authority.pem.new"; // the certificate until all else is there: what lies beside it has signed nothing
const CLOSED = 0o600, OPEN = 0o644;

function refuse(object: string, attempted: string, fix: string): never {
  throw new SvrError("SVR_AUTHORITY", { object, attempted, fix });
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? "unknown";
}

function isForbidden(code: string): boolean {
  return code === "EACCES" || code === "EPERM" || code === "EROFS";
}

function readText(path: string, fix: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const code = codeOf(cause);
    throw new SvrError(code === "ENOENT" ? "SVR_NOT_FOUND" : isForbidden(code) ? "SVR_NOT_PERMITTED" : "SVR_AUTHORITY", { object: path, attempted: `${path} cannot be read (${code})`, fix: isForbidden(code) ? "run svrctl as the user who made the authority, for example with sudo" : fix, cause });
  }
}

/** What the system keeps from being written is a fault with a name and a way on. */
function written(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (cause instanceof SvrError) throw cause;
    throw new SvrError(isForbidden(codeOf(cause)) ? "SVR_NOT_PERMITTED" : "SVR_AUTHORITY", { object: path, attempted: `${path} cannot be written (${codeOf(cause)})`, fix: "make room, or name a folder that you may write; then the same command again", cause });
  }
}

/** openAuthorityFolder is the authority of a folder that may not be there yet. */
export function openAuthorityFolder(folder: string, clock: Pick<Clock, "unixMs">): AuthorityPort {
  const path = (file: string): string => join(folder, file);
  const certificate = (): string => {
    const text = readText(path(CERTIFICATE), `make an authority there: svrctl ca init --dir ${folder}`);
    return pemCertificates(text) === undefined ? refuse(path(CERTIFICATE), `${path(CERTIFICATE)} holds no certificate in PEM`, "bring the certificate of this authority back") : text;
  };
  const list = (): IssuedCertificate[] => readIssued(path(ISSUED));
  const note = (lines: readonly IssuedLine[]): void => { written(path(ISSUED), () => { noteIssued(path(ISSUED), lines); }); };
  const port: AuthorityPort = {
    async create(of) {
      refuseOther(folder);
      const made = await makeAuthority({ ...of, nowMs: clock.unixMs() });
      written(folder, () => { writeAuthority(folder, made); });
      return port.view();
    },
    view: () => Promise.resolve(viewOf(certificate(), list())),
    async issue(request) {
      const name = routerNameField.safeParse(request.router);
      if (!name.success) refuse(`router ${request.router}`, `"${request.router}" is no name of a router`, "use 1-63 letters, digits, dots and hyphens, all in lower case");
      const signer = signerOf(folder, certificate());
      return await finished(request, list(), clock.unixMs()) ?? issueFrom(signer, request, { nowMs: clock.unixMs(), note });
    },
    renew: (request) => renewIdentity(port, request, clock),
    revoke(of) {
      const chosen = list().filter((one) => one.revoked === undefined && ("serial" in of ? one.serial === of.serial : one.router === of.router));
      if (chosen.length === 0) refuse("serial" in of ? `certificate ${of.serial}` : `router ${of.router}`, "nothing is revoked: no certificate of it counts", `see which there are: svrctl ca show --dir ${folder}`);
      const revoked = clock.unixMs();
      note(chosen.map(({ serial }) => ({ revokes: serial, at: revoked })));
      return Promise.resolve(chosen.map((one) => ({ ...one, revoked })));
    },
  };
  return port;
}

/** Files of an authority are never overwritten; those of one that a crash kept from coming to be are none. */
function refuseOther(folder: string): void {
  const has = (file: string): boolean => existsSync(join(folder, file));
  if (has(CERTIFICATE) || (has(KEY) && !has(UNFINISHED))) refuse(folder, `there is an authority in ${folder} already`, `name another folder; an authority is never overwritten. If ${CERTIFICATE} is gone, bring it back`);
  if (has(ISSUED) && statSync(join(folder, ISSUED)).size > 0) refuse(folder, `there is the list ${ISSUED} of another authority in ${folder}`, `name another folder, or bring ${CERTIFICATE} and ${KEY} back`);
}

/** The certificate gets its name last: before that there is no authority. */
function writeAuthority(folder: string, { certificate, key }: KeyedCertificate): void {
  const path = (file: string): string => join(folder, file);
  makeFolder(folder);
  if (existsSync(path(UNFINISHED))) for (const file of [KEY, ISSUED, UNFINISHED]) rmSync(path(file), { force: true });
  writeSynced(path(UNFINISHED), certificate, OPEN);
  writeSynced(path(KEY), key, CLOSED);
  rmSync(path(ISSUED), { force: true }); // it is empty
  writeSynced(path(ISSUED), "", OPEN);
  syncFolder(folder);
  renameSync(path(UNFINISHED), path(CERTIFICATE));
  syncFolder(folder);
}

/** A key that others can read signs nothing. */
function signerOf(folder: string, certificate: string): Signer {
  const path = join(folder, KEY);
  const key = readText(path, "bring the key of this authority back, or make another one");
  if ((statSync(path).mode & 0o077) !== 0) refuse(path, `${path} is open to other users of this machine`, `close it: chmod 600 ${path}`);
  if (!new X509Certificate(certificate).publicKey.equals(publicOf(key, path))) refuse(path, `${path} is not the key of ${CERTIFICATE}`, "bring both files of one authority back");
  return { certificate, key };
}

/** What was written down for this folder before a crash gets its names; the router has one certificate and not two. */
async function finished({ folder, router, request }: IssueRequest, list: readonly IssuedCertificate[], nowMs: number): Promise<IssueAnswer | undefined> {
  const left = leftBeside(folder), serial = left?.certificate.serialNumber.toLowerCase();
  const certificate = list.find((one) => one.serial === serial && one.router === router && one.revoked === undefined && one.notAfter > nowMs);
  if (left === undefined || certificate === undefined) return undefined;
  if (request === undefined ? !left.hasKey : !await isOfRequest(left.certificate, { request, router })) return undefined;
  written(folder, () => { giveNames(folder); });
  return { certificate, madeKey: request === undefined };
}

/** Beside, then written down, then with their names: no certificate counts that is not in the list. */
async function issueFrom(signer: Signer, of: IssueRequest, by: { nowMs: number; note(lines: readonly IssuedLine[]): void }): Promise<IssueAnswer> {
  const { folder, router } = of;
  if (of.request === undefined && hasKey(folder)) refuse(folder, `there is a key in ${folder} already, and no key is ever overwritten`, `name another folder; to renew the identity of a router on this machine: svrctl ca renew ${router}`);
  const made = of.request === undefined ? await makeRequest(router, of.key) : { request: of.request };
  if (of.request !== undefined) await refuseOthers(of.request, of);
  const { certificate, issued } = await signRequest(signer, { ...of, request: made.request, nowMs: by.nowMs });
  written(folder, () => { putBeside(folder, { ...made, authorities: signer.certificate, chain: certificate }); });
  by.note([issued]);
  written(folder, () => { giveNames(folder); });
  return { certificate: issued, madeKey: of.request === undefined };
}

/** An answer goes beside the key of its request, or where no key is; it takes the place of no other router's. */
async function refuseOthers(request: string, { folder, router }: IssueRequest): Promise<void> {
  const key = keyIn(folder), named = nameIn(folder), fix = "name another folder with --write; on the machine of the router: svrctl enroll " + router + " --finish FOLDER";
  if (key !== undefined && await judgeRequest(request, router) === undefined && !isKeyOfRequest(key, request)) refuse(folder, `${join(folder, "key.pem")} is not the key of the request, and would have a certificate that is not its own`, fix);
  if (named !== undefined && named !== router) refuse(folder, `there is a certificate of router ${named} in ${folder}`, fix);
}

function viewOf(certificate: string, issued: IssuedCertificate[]): AuthorityView {
  const read = new X509Certificate(certificate);
  return {
    name: /CN=(.*)/.exec(read.subject)?.[1] ?? read.subject, key: read.publicKey.asymmetricKeyType === "ed25519" ? "Ed25519" : "ECDSA",
    notAfter: read.validToDate.getTime(), certificate, issued,
  };
}

function publicOf(key: string, path: string): KeyObject {
  try {
    return createPublicKey(key);
  } catch {
    if (key.includes("ENCRYPTED")) refuse(path, `${path} has a passphrase, which nothing here asks for`, "write it without one, closed to others: openssl pkey");
    return refuse(path, `${path} holds no private key in PEM`, "bring the key of this authority back"); // the library's own words may quote it
  }
}
