// Who the routers of the demo are: an authority made for the run, a certificate for each router in its state directory, and the keys that they
// agreed on, which each router writes to a file here so that the captures can be read. Called by scene.ts and evidence.ts.
import { join } from "node:path";
import { openAuthorityFolder } from "../../pkg/security/authorityfolder.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import { logKeys, readKeyLog } from "../../test/support/keylog.ts";
import type { Net } from "../../test/support/net.ts";
import type { Router } from "../../test/support/router.ts";
import { pairs } from "./example.ts";
import type { Pair } from "./example.ts";

const DAYS = 1;

/** giveIdentities makes an authority in the folder of the run and writes an identity for each router; call it before they start. */
export async function giveIdentities(net: Net, routers: readonly Router[]): Promise<void> {
  const authority = openAuthorityFolder(join(net.folder, "authority"), { unixMs: () => Date.now() });
  await authority.create({ name: "authority of the demo", key: "Ed25519", days: DAYS });
  for (const router of routers) {
    await authority.issue({ router: router.name, days: DAYS, key: "Ed25519", folder: join(router.stateDir, "identity") });
    logKeys(router, keyLog(net, router.name));
  }
}

function keyLog(net: Net, router: string): string {
  return join(net.folder, `${router}.keys`);
}

/** exchangedKeys reads the keys that two neighbours agreed on, as the first one of them wrote them. */
export function exchangedKeys(net: Net, [router, peer]: Pair["routers"]): PeerKeys[] {
  return readKeyLog(keyLog(net, router)).filter(({ sender, receiver }) => sender === peer || receiver === peer);
}

/** neighboursOf lists the neighbours of a router. */
export function neighboursOf(router: string): string[] {
  return pairs.flatMap(({ routers: [a, b] }) => (a === router ? [b] : b === router ? [a] : []));
}
