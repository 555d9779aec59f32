// What the site endpoint answers to who asks for a certificate with a one-time token. The certificate is made first and leaves only when the
// token is marked as used. Called by site.ts, which speaks HTTP; each outcome is told to the log and, for tokens that exist, as an event.
import { judgeToken, siteTokensName } from "../api/sitetoken.ts";
import type { SiteToken, TokenProblem } from "../api/sitetoken.ts";
import { routerNameField } from "../api/names.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventSink } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import type { AuthorityKeys } from "../ports/signer.ts";
import type { SiteSigner } from "../ports/site.ts";
import { changeToken } from "./sitestore.ts";
import type { SiteStore } from "./sitestore.ts";

/** EnrollingParts is what it works with. */
export interface EnrollingParts extends SiteStore {
  signer: SiteSigner;
  authority(): Promise<AuthorityKeys>;
  clock: Clock;
  log: Log;
  events: Pick<EventSink, "emit">;
}

/** Asked is one request: its token when it has the form of one, the body, and the address it came from. */
export interface Asked { token: SiteToken | undefined; body: string; from: string }

/** SiteAnswer is a status of HTTP with a body in JSON. */
export interface SiteAnswer { status: number; body: object }

/** siteRefusal is a body of RFC 9457 with a code and what to do. */
export function siteRefusal(status: number, detail: string, fix: string): SiteAnswer {
  return { status, body: { type: "about:blank", title: "not enrolled", status, detail, code: "SVR_ENROLL_REFUSED", fix } };
}

const again = (router: string): string => `make another one: svrctl site token create ${router}`;
const refusals: Readonly<Record<TokenProblem, (router: string) => SiteAnswer>> = {
  "unknown": (router) => siteRefusal(401, "the token is not known here", again(router)),
  "ended": (router) => siteRefusal(403, "the time of the token has ended", again(router)),
  "other-name": (router) => siteRefusal(403, `the token is not for router ${router}`, again(router)),
  "used": (router) => siteRefusal(409, "the token was used already", `if that was not you, somebody has a certificate of this router: revoke it (svrctl site token list has its serial number), then ${again(router)}`),
};

/** enroll answers one request. */
export async function enroll(parts: EnrollingParts, { token, body, from }: Asked): Promise<SiteAnswer> {
  const asked = readBody(body);
  if (asked === undefined) return tell(parts, { from, answer: siteRefusal(400, "the body is not { router, request } in JSON", "ask with svrctl enroll of this version") });
  const { router, request } = asked;
  if (token === undefined) return tell(parts, { from, router, answer: refusals.unknown(router) });
  const [nowMs, told] = [parts.clock.unixMs(), { from, router, id: token.id }];
  const take = (serial?: string): Promise<TokenProblem | undefined> => takeToken(parts, { router, nowMs, token, serial });
  const refusal = (problem: TokenProblem): SiteAnswer => tell(parts, { ...told, isKnown: problem !== "unknown", answer: refusals[problem](router) });
  const problem = await take();
  if (problem !== undefined) return refusal(problem);
  const wrong = await parts.signer.judge(request, router);
  if (wrong !== undefined) return tell(parts, { ...told, isKnown: true, answer: siteRefusal(422, `the request is not good for router ${router} (${wrong})`, `make it with an Ed25519 or P-256 key and the one name urn:svr:router:${router}; the token counts still`) });
  const authority = await parts.authority(), { chain, serial } = await parts.signer.issue(authority, { request, router, nowMs });
  const late = await take(serial);
  return late !== undefined ? refusal(late) : tell(parts, { ...told, isKnown: true, serial, answer: { status: 201, body: { chain, authorities: authority.certificate, serial } } });
}

interface Taking { router: string; nowMs: number; token: SiteToken; serial: string | undefined }

/** Judges a token, and with a serial number marks it as used when it counts. */
async function takeToken(parts: EnrollingParts, { router, nowMs, token, serial }: Taking): Promise<TokenProblem | undefined> {
  const seen: TokenProblem[] = [];
  await changeToken(parts, token.id, (record) => {
    const isOwn = serial !== undefined && record?.used?.serial === serial; // the answer to what was written here before was lost
    const judged = judgeToken(record, { router, nowMs, isSecret: (hash) => parts.signer.isSecret(token.secret, hash) });
    seen.length = 0;
    if (!judged.ok && !isOwn) seen.push(judged.error);
    return judged.ok && serial !== undefined ? { ...judged.value, used: { atMs: nowMs, serial } } : undefined;
  });
  return seen[0];
}

function readBody(text: string): { router: string; request: string } | undefined {
  try {
    const { router, request, ...more } = JSON.parse(text) as Record<string, unknown>;
    const name = routerNameField.safeParse(router);
    return name.success && typeof request === "string" && Object.keys(more).length === 0 ? { router: name.data, request } : undefined;
  } catch {
    return undefined; // bytes of anybody: that they are no JSON is the answer
  }
}

interface Told { from: string; router?: string; id?: string; isKnown?: boolean; serial?: string; answer: SiteAnswer }

/** Who has no token that exists can fill the log at the rate of the endpoint, and nothing else. */
function tell({ log, events, namespace }: EnrollingParts, { answer, isKnown = false, ...about }: Told): SiteAnswer {
  const { status, body } = answer, detail = "detail" in body ? String(body.detail) : undefined;
  if (detail === undefined) log.info({ audit: "enrolled", ...about }, "a router got a certificate with a one-time token");
  else log.warn({ audit: "not enrolled", ...about, status, detail }, "who asked with a one-time token got no certificate");
  const regarding = { apiVersion: "v1", kind: "Secret", metadata: { namespace, name: siteTokensName } };
  const note = detail === undefined ? `router ${about.router ?? ""} has certificate ${about.serial ?? ""} by token ${about.id ?? ""}` : `token ${about.id ?? ""} for router ${about.router ?? ""}: ${detail}`;
  if (isKnown) events.emit({ regarding, type: detail === undefined ? "Normal" : "Warning", reason: detail === undefined ? "Enrolled" : "EnrollmentRefused", action: "Enroll", note });
  return answer;
}
