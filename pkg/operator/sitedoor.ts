// Who may ask the site endpoint now. Who has the secret of a token is limited by that token alone; everybody else shares one rate, and each address
// has its part of it. So strangers behind the address of everybody (a Service hides addresses) keep nobody with a token out. Called by site.ts
// before anything else of a request is read.
import { readRecords, siteTokensName, tokensMost } from "../api/sitetoken.ts";
import type { SiteToken, TokenRecord } from "../api/sitetoken.ts";
import type { Clock } from "../ports/clock.ts";
import type { SiteSigner } from "../ports/site.ts";
import { secrets } from "./resources.ts";
import { createSiteRate, networkOf } from "./siterate.ts";
import { textsOf } from "./sitestore.ts";
import type { SiteStore } from "./sitestore.ts";

/** DoorParts is what it works with. */
export interface DoorParts extends SiteStore { signer: Pick<SiteSigner, "isSecret">; clock: Pick<Clock, "monotonicMs"> }

/** Standing is what somebody may: `holder` has the secret of a token, used or ended ones included; `wait`: asks too often. */
export type Standing = "holder" | "stranger" | "wait";

const ADDRESS = { burst: 10, perSecond: 1 }, STRANGERS = { burst: 50, perSecond: 20 }, ADDRESSES_MOST = 1_024;
const TOKEN = { burst: 10, perSecond: 1 };
const READ_EACH_MS = 1_000; // tokens, for the sake of those that are not known

/** createSiteDoor gives what says whether somebody may ask; it rejects when tokens cannot be read. */
export function createSiteDoor({ kube, namespace, signer, clock }: DoorParts): (asked: { token: SiteToken | undefined; address: string }) => Promise<Standing> {
  const nowMs = (): number => clock.monotonicMs();
  const [mayHolder, mayStranger] = [createSiteRate({ each: TOKEN, most: tokensMost, nowMs }), createSiteRate({ each: ADDRESS, all: STRANGERS, most: ADDRESSES_MOST, nowMs })];
  let records: ReadonlyMap<string, TokenRecord> = new Map(), readAtMs = -Infinity, reading: Promise<void> | undefined;
  const holds = ({ id, secret }: SiteToken): boolean => signer.isSecret(secret, records.get(id)?.hash ?? "");
  const load = async (): Promise<void> => {
    readAtMs = nowMs();
    try {
      records = readRecords(textsOf(await kube.get(secrets, { namespace, name: siteTokensName })));
    } finally {
      reading = undefined;
    }
  };
  const read = async (): Promise<void> => {
    if (reading === undefined && nowMs() - readAtMs >= READ_EACH_MS) reading = load();
    await reading;
  };
  return async ({ token, address }) => {
    if (token !== undefined && !holds(token)) await read();
    if (token !== undefined && holds(token)) return mayHolder(token.id) ? "holder" : "wait";
    return mayStranger(networkOf(address)) ? "stranger" : "wait";
  };
}
