// `svrctl ca`: an authority in a folder of this machine, for sites without a cluster (protocol 15.1). Called by cacommands.ts. The port does
// the work; here is what people see of it, and that no key is among it.
import { SvrError } from "../base/errors.ts";
import type { AuthorityKeyType, AuthorityPort, AuthorityView, IssuedCertificate } from "../ports/authority.ts";
import { finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import { renderFacts } from "./facts.ts";
import { isFailureCode, readFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { renderTable } from "./table.ts";
import type { Cell } from "./table.ts";

/** CaFlags are what all of them take. */
export interface CaFlags { dir: string }
/** InitFlags are those of `ca init`. */
export interface InitFlags extends CaFlags { name: string; key: AuthorityKeyType; days: number }
/** IssueFlags are those of `ca issue`; `request` is a file in PEM. */
export interface IssueFlags extends CaFlags { write: string; key: AuthorityKeyType; days: number; request?: string }
/** RenewFlags are those of `ca renew`. */
export interface RenewFlags extends CaFlags { stateDir?: string; days: number }
/** RevokeFlags are those of `ca revoke`. */
export interface RevokeFlags extends CaFlags { yes?: boolean; dryRun?: boolean }

/** CaView is an authority as it is shown; times are RFC 3339. */
export interface CaView { name: string; key: AuthorityKeyType; notAfter: string; certificate: string; items: CaItem[] }
/** CaItem is a certificate as it is shown. */
export interface CaItem { router: string; serial: string; notBefore: string; notAfter: string; state: "counts" | "expired" | "revoked"; revoked?: string }

const DAY_MS = 86_400_000;
const time = (ms: number): string => new Date(ms).toISOString();

function itemOf(one: IssuedCertificate, nowMs: number): CaItem {
  const state = one.revoked !== undefined ? "revoked" : one.notAfter < nowMs ? "expired" : "counts";
  return { router: one.router, serial: one.serial, notBefore: time(one.notBefore), notAfter: time(one.notAfter), state, ...(one.revoked !== undefined && { revoked: time(one.revoked) }) };
}

function viewOf({ name, key, notAfter, certificate, issued }: AuthorityView, nowMs: number): CaView {
  return { name, key, notAfter: time(notAfter), certificate, items: issued.map((one) => itemOf(one, nowMs)) };
}

/** Runs with the authority of a folder; what it refuses is a failure like any other. */
async function withAuthority(context: Context, { dir, attempted }: CaFlags & { attempted: string }, work: (port: AuthorityPort) => Promise<Failure[]>): Promise<ExitCode> {
  try {
    return await finish(context, await work(await context.around.authority(dir)));
  } catch (error) {
    if (!(error instanceof SvrError) || !isFailureCode(error.code)) throw error;
    return finish(context, [{ code: error.code, attempted, reason: error.message.slice(`${error.code}: `.length, -`; ${error.fix}`.length), next: error.fix }]);
  }
}

/** initAuthority makes an authority. */
export function initAuthority(context: Context, flags: InitFlags): Promise<ExitCode> {
  return withAuthority(context, { ...flags, attempted: `no authority is made in ${flags.dir}` }, async (port) => {
    const view = await port.create(flags);
    await showView(context, view);
    await context.note(`note: ${flags.dir}/authority-key.pem signs certificates of routers; keep it where only you can read it`);
    return [];
  });
}

/** showAuthority shows it and what it issued. */
export function showAuthority(context: Context, flags: CaFlags): Promise<ExitCode> {
  return withAuthority(context, { ...flags, attempted: `cannot show the authority in ${flags.dir}` }, async (port) => {
    await showView(context, await port.view());
    return [];
  });
}

async function showView(context: Context, view: AuthorityView): Promise<void> {
  const data = viewOf(view, context.around.clock.unixMs());
  await context.show({ data, text: (style) => viewText(data, style), names: data.items.map(({ serial }) => serial) });
}

function viewText({ name, key, notAfter, items }: CaView, style: Style): string {
  const facts = renderFacts([["authority", name], ["key", key], ["until", notAfter], ["certificates", String(items.length)]], style);
  if (items.length === 0) return facts;
  const tone = (state: CaItem["state"]): Cell => ({ text: state, tone: state === "counts" ? "good" : "bad" });
  return `${facts}\n${renderTable(["ROUTER", "SERIAL", "UNTIL", "STATE"].map((header) => ({ header })), items.map((one) => [one.router, one.serial, one.notAfter, tone(one.state)]), style)}`;
}

/** issueCertificate issues one and writes the files that a router reads from the folder identity of its state directory. */
export function issueCertificate(context: Context, router: string, flags: IssueFlags): Promise<ExitCode> {
  return withAuthority(context, { ...flags, attempted: `no certificate of router ${router} is issued` }, async (port) => {
    const { around } = context;
    const request = flags.request === undefined ? undefined : await around.readText(flags.request);
    if (request !== undefined && !request.ok) return [readFailure(`cannot read the request ${flags.request}`, request.error, "name the file that the router's site sent")];
    const { certificate, madeKey } = await port.issue({ router, key: flags.key, days: flags.days, folder: flags.write, ...(request !== undefined && { request: request.value }) });
    const data = { ...itemOf(certificate, around.clock.unixMs()), folder: flags.write, madeKey };
    await context.show({ data, text: () => `certificate ${data.serial} of router ${router} until ${data.notAfter}, written to ${flags.write}\n`, names: [data.serial] });
    await noteShort(context, certificate, flags.days);
    await context.note(data.madeKey ? `note: ${flags.write}/key.pem is the router's own; move the folder to STATE/identity of the router, and keep no copy` : `note: bring the folder to the machine of the router; there "svrctl enroll ${router} --finish FOLDER", or, where the key was made otherwise, put both files beside its key.pem in STATE/identity`);
    return [];
  });
}

/** No certificate counts for longer than its authority. */
async function noteShort({ around, note }: Pick<Context, "around" | "note">, { notAfter }: IssuedCertificate, days: number): Promise<void> {
  const left = notAfter - around.clock.unixMs();
  if (left < (days - 1) * DAY_MS) await note(`note: it counts for ${Math.floor(left / DAY_MS)} days and not ${days}, for the authority ends then; make another authority in time, and let routers trust both until all certificates are replaced`);
}

/** renewIdentity gives a router of this machine another key and certificate. */
export function renewIdentity(context: Context, router: string, flags: RenewFlags): Promise<ExitCode> {
  return withAuthority(context, { ...flags, attempted: `the identity of router ${router} is not renewed` }, async (port) => {
    const stateDir = flags.stateDir ?? `/var/lib/opensvr/${router}`;
    const { certificate, madeKey } = await port.renew({ router, days: flags.days, stateDir });
    const data = { ...itemOf(certificate, context.around.clock.unixMs()), folder: `${stateDir}/identity`, madeKey };
    await context.show({ data, text: () => `certificate ${data.serial} of router ${router} until ${data.notAfter}, in ${data.folder} with a new key\n`, names: [data.serial] });
    await noteShort(context, certificate, flags.days);
    await context.note("note: a router that runs takes it within seconds; the certificate before counts until it ends, or until you revoke it");
    return [];
  });
}

/** revokeCertificates takes certificates back: one by its serial number, or all of a router. It tells what routers must be told. */
export function revokeCertificates(context: Context, what: string, { yes = false, dryRun = false, ...flags }: RevokeFlags): Promise<ExitCode> {
  return withAuthority(context, { ...flags, attempted: `nothing is revoked in ${flags.dir}` }, async (port) => {
    const nowMs = context.around.clock.unixMs();
    const chosen = (await port.view()).issued.filter((one) => one.revoked === undefined && (one.serial === what || one.router === what));
    const revokes = yes && !dryRun && chosen.length > 0;
    const revoked = revokes ? await port.revoke(chosen.some(({ serial }) => serial === what) ? { serial: what } : { router: what }) : chosen;
    if (chosen.length === 0) return [{ code: "SVR_NOT_FOUND", attempted: `nothing is revoked in ${flags.dir}`, reason: `no certificate that counts has the serial number or router ${what}`, next: `list them: svrctl ca show --dir ${flags.dir}` }];
    const data = { revoked: revokes, items: revoked.map((one) => itemOf(one, nowMs)) };
    await context.show({ data, text: () => data.items.map((one) => `${revokes ? "revoked" : "would revoke"} certificate ${one.serial} of router ${one.router}\n`).join(""), names: data.items.map(({ serial }) => serial) });
    if (revokes) await context.note("note: routers refuse it once their Router objects list it in spec.trust.revoked");
    return revokes || dryRun ? [] : [{ code: "SVR_USAGE", attempted: `nothing is revoked in ${flags.dir}`, reason: "it takes --yes: the router loses its keys with all peers within 60 s of their hearing of it", next: `"svrctl ca revoke ${what} --dir ${flags.dir} --yes" does it` }];
  });
}
