// `svrctl site token`: one-time tokens by which routers outside of the cluster enroll. Called by sitecommands.ts. Tokens are shown once, when they
// are made; the cluster keeps a hash.
import { formatToken, pinKey, readRecords, siteTokensName, tokenKey, tokensMost } from "../api/sitetoken.ts";
import type { TokenRecord } from "../api/sitetoken.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { KubeObject } from "../ports/kube.ts";
import { finish } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import type { Asked } from "./cluster.ts";
import type { Context, Style } from "./context.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { readLease } from "./operators.ts";
import { secrets } from "./resources.ts";
import { renderTable } from "./table.ts";

/** SiteFlags say where the operator is. */
export interface SiteFlags { operatorNamespace?: string }
/** TokenFlags are those of `site token create`; for is milliseconds. */
export interface TokenFlags extends SiteFlags { for: number }

/** TokenItem is a token as it is shown. */
export interface TokenItem { id: string; router: string; ends: string; state: "counts" | "ended" | "used"; used?: string; serial?: string }

const TRIES = 5;

function itemOf(id: string, { router, endsMs, used }: TokenRecord, nowMs: number): TokenItem {
  const state = used !== undefined ? "used" : endsMs <= nowMs ? "ended" : "counts";
  return { id, router, ends: new Date(endsMs).toISOString(), state, ...(used !== undefined && { used: new Date(used.atMs).toISOString(), serial: used.serial }) };
}

interface Found { secret: KubeObject; texts: Record<string, string>; records: Map<string, TokenRecord> }

/** createToken makes one and shows it. */
export function createToken(context: Context, router: string, flags: TokenFlags): Promise<ExitCode> {
  return withCluster(context, async (asked) => {
    const nowMs = context.around.clock.unixMs();
    const made = await changed(context, asked, flags, async ({ texts, records }) => {
      const kept = [...records].filter(([, { endsMs }]) => endsMs > nowMs), pin = texts[pinKey];
      if (pin === undefined) return fail(noEndpoint);
      if (kept.length >= tokensMost) return fail({ code: "SVR_USAGE", attempted: "no token is made", reason: `there are ${tokensMost} whose time has not ended`, next: "delete some: \"svrctl site token list\", \"svrctl site token delete\"" });
      const { token, hash } = await context.around.siteToken(pin);
      const record: TokenRecord = { router, hash, endsMs: nowMs + flags.for };
      return ok({ texts: { [pinKey]: pin, ...textsOf([...kept, [token.id, record]]) }, value: { token: formatToken(token), item: itemOf(token.id, record, nowMs) } });
    });
    if (!made.ok) return finish(context, [made.error]);
    const { token, item } = made.value;
    await context.show({ data: { ...item, token }, text: () => `${token}\n`, names: [item.id] });
    await context.note(`note: on the machine of router ${router}, until ${item.ends}: "svrctl enroll ${router} --token-file FILE --to HOST:9282". Whoever has the token first gets the certificate; it is not shown again`);
    return finish(context, []);
  });
}

/** listTokens shows what is kept of them. */
export function listTokens(context: Context, flags: SiteFlags): Promise<ExitCode> {
  return withCluster(context, async (asked) => {
    const found = await findTokens(context, asked, flags);
    if (!found.ok) return finish(context, [found.error]);
    const items = [...found.value.records].map(([id, record]) => itemOf(id, record, context.around.clock.unixMs())).sort((a, b) => (a.ends < b.ends ? -1 : 1));
    await context.show({ data: { items }, text: (style) => tokenTable(items, style), names: items.map(({ id }) => id) });
    return finish(context, []);
  });
}

/** deleteToken takes one back; it shows what it would do, and does it with --yes only. */
export function deleteToken(context: Context, id: string, { yes = false, ...flags }: SiteFlags & { yes?: boolean }): Promise<ExitCode> {
  return withCluster(context, async (asked) => {
    const done = await changed(context, asked, flags, ({ texts, records }) => {
      const record = records.get(id);
      if (record === undefined) return Promise.resolve(fail({ code: "SVR_NOT_FOUND", attempted: `token ${id} is not deleted`, reason: "there is none", next: "list them: svrctl site token list" } as const));
      return Promise.resolve(ok({ ...(yes && { texts: Object.fromEntries(Object.entries(texts).filter(([key]) => key !== tokenKey(id))) }), value: itemOf(id, record, context.around.clock.unixMs()) }));
    });
    if (!done.ok) return finish(context, [done.error]);
    await context.show({ data: { deleted: yes, items: [done.value] }, text: () => `${yes ? "deleted" : "would delete"} token ${id} of router ${done.value.router}\n`, names: [id] });
    return finish(context, yes ? [] : [{ code: "SVR_USAGE", attempted: `token ${id} is not deleted`, reason: "it takes --yes", next: `"svrctl site token delete ${id} --yes" does it` }]);
  });
}

function tokenTable(items: readonly TokenItem[], style: Style): string {
  return renderTable(["ID", "ROUTER", "ENDS", "STATE", "CERTIFICATE"].map((header) => ({ header })), items.map((one) => [one.id, one.router, one.ends, { text: one.state, tone: one.state === "counts" ? "good" : "bad" }, one.serial ?? ""]), style);
}

const noEndpoint: Failure = { code: "SVR_NOT_FOUND", attempted: "site tokens cannot be made", reason: "no operator here serves the site endpoint", next: "install the chart with identity.enabled=true and site.enabled=true" };

async function findTokens(context: Context, asked: Asked, { operatorNamespace }: SiteFlags): Promise<Result<Found, Failure>> {
  const lease = operatorNamespace === undefined ? await readLease(context, asked, undefined) : undefined;
  if (lease?.ok === false) return lease;
  const namespace = operatorNamespace ?? lease?.value?.namespace;
  if (namespace === undefined) return fail(noEndpoint);
  const secret = await asked.ask(`Secret ${namespace}/${siteTokensName}`, (kube) => kube.get(secrets, { namespace, name: siteTokensName }));
  if (!secret.ok) return secret;
  if (secret.value === undefined) return fail(noEndpoint);
  const texts = Object.fromEntries(Object.entries((secret.value["data"] ?? {}) as Record<string, string>).map(([key, text]) => [key, Buffer.from(text, "base64").toString("utf8")]));
  return ok({ secret: secret.value, texts, records: readRecords(texts) });
}

/** Writes at the version that was read; somebody else may be faster a few times. */
async function changed<T>(context: Context, asked: Asked, flags: SiteFlags, change: (found: Found) => Promise<Result<{ texts?: Record<string, string>; value: T }, Failure>>): Promise<Result<T, Failure>> {
  for (let tries = 1; ; tries += 1) {
    const found = await findTokens(context, asked, flags);
    if (!found.ok) return found;
    const next = await change(found.value);
    if (!next.ok) return next;
    const { texts, value } = next.value;
    if (texts === undefined) return ok(value);
    const data = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]));
    const written = await asked.ask(`Secret ${siteTokensName}`, (kube) => kube.replace(secrets, { ...found.value.secret, data }));
    if (written.ok) return ok(value);
    if (written.error.code !== "SVR_KUBE_CONFLICT" || tries >= TRIES) return written;
  }
}

function textsOf(records: readonly (readonly [string, TokenRecord])[]): Record<string, string> {
  return Object.fromEntries(records.map(([id, record]) => [tokenKey(id), JSON.stringify(record)]));
}
