// `svrctl enroll`: an identity for a router on this machine. Called by enrollcommands.ts. The port makes and keeps the key; here is what
// people see of it, and that no key is among it.
import { SvrError } from "../base/errors.ts";
import { parseToken } from "../api/sitetoken.ts";
import { ok } from "../base/result.ts";
import type { AuthorityKeyType } from "../ports/authority.ts";
import type { EnrollmentPort, IdentityAnswer, InstalledIdentity, SiteAddress } from "../ports/enrollment.ts";
import { finish } from "./ask.ts";
import type { Context } from "./context.ts";
import { isFailureCode, readFailure, usageFailure } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";

/** EnrollFlags are those of `enroll`; one of offline, finish and the two of tokens, which go with `to`. */
export interface EnrollFlags { stateDir?: string; key: AuthorityKeyType; offline?: boolean; finish?: string; token?: string; tokenFile?: string; to?: SiteAddress }

/** enrollRouter does the step that the flags name. */
export async function enrollRouter(context: Context, router: string, flags: EnrollFlags): Promise<ExitCode> {
  const stateDir = flags.stateDir ?? `/var/lib/opensvr/${router}`;
  const step = flags.offline === true ? begin : flags.finish !== undefined ? end : (flags.token ?? flags.tokenFile) !== undefined && flags.to !== undefined ? bySite : undefined;
  if (step === undefined) return finish(context, [usageFailure("one of --offline, --finish and --token-file with --to is needed", "svrctl enroll")]);
  try {
    return await finish(context, await step(context, { router, stateDir, flags, port: await context.around.enrollment({ stateDir, router }) }));
  } catch (error) {
    if (!(error instanceof SvrError) || !isFailureCode(error.code)) throw error;
    return finish(context, [{ code: error.code, attempted: `router ${router} is not enrolled`, reason: error.message.slice(`${error.code}: `.length, -`; ${error.fix}`.length), next: error.fix }]);
  }
}

interface Step { router: string; stateDir: string; flags: EnrollFlags; port: EnrollmentPort }

async function begin(context: Context, { router, port, flags }: Step): Promise<Failure[]> {
  const { request, folder } = await port.begin(flags.key);
  await context.show({ data: { router, request, folder }, text: () => request, names: [router] });
  await context.note(`note: bring this request to the authority: "svrctl ca issue ${router} --request FILE --write FOLDER"; then here "svrctl enroll ${router} --finish FOLDER". Its key waits in ${folder} and stays there`);
  return [];
}

async function end(context: Context, { router, port, flags }: Step): Promise<Failure[]> {
  const answer = await readAnswer(context, flags.finish ?? "");
  if ("code" in answer) return [answer];
  await showInstalled(context, router, await port.finish(answer));
  return [];
}

async function bySite(context: Context, { router, port, flags }: Step): Promise<Failure[]> {
  const { around } = context, { to = { host: "", port: 0 } } = flags;
  const text = flags.token !== undefined ? ok(flags.token) : await around.readText(flags.tokenFile ?? "");
  if (!text.ok) return [readFailure(`cannot read the token in ${flags.tokenFile ?? ""}`, text.error, "name the file that it was put in")];
  const token = parseToken(text.value.trim());
  if (token === undefined) return [usageFailure("it is no token; one begins with svr1. and is copied as a whole", "svrctl enroll")];
  await port.begin(flags.key);
  await showInstalled(context, router, await port.finish(await port.ask(to, token)));
  return [];
}

async function readAnswer({ around }: Context, folder: string): Promise<IdentityAnswer | Failure> {
  const [chain, authorities] = await Promise.all(["chain.pem", "authorities.pem"].map((file) => around.readText(`${folder}/${file}`))) as [Awaited<ReturnType<typeof around.readText>>, Awaited<ReturnType<typeof around.readText>>];
  if (chain.ok && authorities.ok) return { chain: chain.value, authorities: authorities.value };
  return readFailure(`cannot read chain.pem and authorities.pem in ${folder}`, chain.ok ? authorities.ok ? "" : authorities.error : chain.error, "name the folder that the authority wrote");
}

/** showInstalled tells what counts now. */
export async function showInstalled(context: Context, router: string, { serial, notAfter, folder }: InstalledIdentity): Promise<void> {
  const data = { router, serial, notAfter: new Date(notAfter).toISOString(), folder };
  await context.show({ data, text: () => `router ${router} has certificate ${serial} until ${data.notAfter}, in ${folder}\n`, names: [serial] });
  await context.note("note: a router that runs takes it within seconds; nobody renews it by itself: before it ends, \"svrctl ca renew\" where the authority is on this machine, else enroll again");
}
