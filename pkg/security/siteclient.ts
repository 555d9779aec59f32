// Asks the site endpoint of an operator for a certificate. Who answers is known by the pin in the token before the token is sent: a first
// connection, over which nothing of ours goes, brings the authority with that hash; the second one believes that authority only.
import { createHash } from "node:crypto";
import { request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import { connect } from "node:tls";
import type { DetailedPeerCertificate } from "node:tls";
import { formatToken, siteServerName } from "../api/sitetoken.ts";
import type { SiteToken } from "../api/sitetoken.ts";
import { SvrError } from "../base/errors.ts";
import type { IdentityAnswer, SiteAddress } from "../ports/enrollment.ts";

const CONNECT_MS = 10_000, ANSWER_MS = 20_000;
const ANSWER_MOST = 65_536, TEXT_MOST = 500;
const CHAIN_MOST = 6;

/** askSite gives chain and authorities, or rejects with a SvrError. */
export async function askSite(of: SiteAddress & { token: SiteToken; router: string; request: string }): Promise<IdentityAnswer> {
  const authority = await pinnedAuthority(of);
  const { status, text } = await post(of, authority);
  const answer = parsed(text);
  if (status === 201 && typeof answer["chain"] === "string" && typeof answer["authorities"] === "string") return { chain: answer["chain"], authorities: answer["authorities"] };
  if (answer["code"] !== "SVR_ENROLL_REFUSED") throw unreachable(of, `it answered ${status}, and not as the endpoint of an operator does`);
  throw new SvrError("SVR_ENROLL_REFUSED", { object: `router ${of.router}`, attempted: plain(answer["detail"]), fix: plain(answer["fix"]) });
}

/** PEM of the certificate that the pin names, out of the chain that the endpoint shows. */
async function pinnedAuthority({ host, port, token }: SiteAddress & { token: SiteToken }): Promise<string> {
  const shown = await new Promise<Buffer[]>((resolve, reject) => {
    const socket = connect({ host, port, servername: siteServerName, rejectUnauthorized: false, minVersion: "TLSv1.3", timeout: CONNECT_MS }, () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.once("timeout", () => { socket.destroy(new Error("it did not answer in time")); });
    socket.once("error", (error: NodeJS.ErrnoException) => { reject(unreachable({ host, port }, error.code ?? error.message)); });
  });
  const found = shown.find((der) => createHash("sha256").update(der).digest("hex") === token.pin);
  if (found !== undefined) return `-----BEGIN CERTIFICATE-----\n${found.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
  throw notTrusted({ host, port }, "who answers is not of the authority that the token names");
}

function chainOf(leaf: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  for (let one: DetailedPeerCertificate | undefined = leaf; one?.raw !== undefined && chain.length < CHAIN_MOST; one = one.issuerCertificate === one ? undefined : one.issuerCertificate) chain.push(one.raw);
  return chain;
}

interface Reply { status: number; text: string }

async function post({ host, port, token, router, request }: SiteAddress & { token: SiteToken; router: string; request: string }, ca: string): Promise<Reply> {
  const headers = { "content-type": "application/json", "authorization": `Bearer ${formatToken(token)}` };
  const tls = { ca, servername: siteServerName, minVersion: "TLSv1.3", allowPartialTrustChain: true, agent: false } as const;
  try {
    return await new Promise<Reply>((resolve, reject) => {
      const asked = httpsRequest({ host, port, method: "POST", path: "/api/v1/enrollments", headers, ...tls, signal: AbortSignal.timeout(ANSWER_MS) }, (response) => { resolve(replyOf(response)); });
      asked.once("error", reject);
      asked.end(JSON.stringify({ router, request }));
    });
  } catch (error) {
    if (error instanceof SvrError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw /CERT|ISSUER|SIGNATURE|ALTNAME|SSL/.test(code) ? notTrusted({ host, port }, `its certificate is not believed (${code})`) : unreachable({ host, port }, code === "" ? message : code);
  }
}

async function replyOf(response: IncomingMessage): Promise<Reply> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > ANSWER_MOST) throw new Error("its answer is too long");
    parts.push(part);
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {}; // told by the status
  }
}

/** What the endpoint says is shown on a terminal. */
function plain(value: unknown): string {
  return typeof value === "string" ? value.replace(/[^\x20-\x7e]/g, "?").slice(0, TEXT_MOST) : "it does not say why";
}

function unreachable({ host, port }: SiteAddress, why: string): SvrError {
  return new SvrError("SVR_SITE_UNREACHABLE", { object: `${host}:${port}`, attempted: `the site endpoint ${host}:${port} cannot be asked: ${why}`, fix: "see that the address is that of the operator's Service, and that TCP to it is let through; the token counts still, unless \"svrctl site token list\" says otherwise" });
}

function notTrusted({ host, port }: SiteAddress, why: string): SvrError {
  return new SvrError("SVR_SITE_NOT_TRUSTED", { object: `${host}:${port}`, attempted: `the token is not sent to ${host}:${port}: ${why}`, fix: "see that the address is right; somebody may stand in between. If the authority of the cluster was replaced, make another token: svrctl site token create ROUTER" });
}
