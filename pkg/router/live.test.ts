// Which live sessions a new configuration ends (behaviour 1.2, P-8), over sessions that routers in one process carry.
import type { RouterConfig } from "../plan/config.ts";
import { reasonOf } from "../svr/reasons.ts";
import { chainConfig } from "../../test/lab/config.ts";
import type { Chain } from "../../test/lab/config.ts";
import { createLab, keysOf } from "../../test/lab/lab.ts";
import type { Lab } from "../../test/lab/lab.ts";
import { content, endsOf, everything, udpUp } from "../../test/lab/packets.ts";
import { buildTables } from "./build.ts";
import { judgeKind } from "./live.ts";
import { numberNames } from "./names.ts";

const names = ["branch", "transit", "cloud"];
const tenants = ["corp", "guest"];
const chain: Omit<Chain, "names" | "index"> = { services: [{ ...everything, allow: tenants }], tenants };

/** One session of each tenant on every router. */
function lab(): Lab {
  const made = createLab(names, chain);
  for (const vlan of [0, 1]) made.fromLeft(udpUp(endsOf(4), content(9), { from: 40_000 + vlan }), 0, vlan);
  made.run();
  return made;
}

function endings(made: Lab, index: number, change: (config: RouterConfig) => void, options: Partial<Chain> = {}): string[] {
  const { datapath } = made.routers[index]!;
  const config = chainConfig({ ...chain, ...options, names, index });
  change(config);
  const { ids } = numberNames(config, (name) => datapath.nameId(name));
  const keys = Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }]));
  const tenantOf = (uuid: Uint8Array): string => datapath.nameOf(datapath.findUuid(uuid)!.state.tenant)!;
  const by = { tables: buildTables({ config, ids, keys }, datapath), before: [] };
  return datapath.sessions(0, 99).sessions.flatMap(({ state }) => {
    const verdict = judgeKind(by, state);
    return typeof verdict === "boolean" ? [] : [`${tenantOf(state.uuid)} ${reasonOf(verdict.end)!.name}`];
  });
}

const nothing = (): void => undefined;
const deny: Partial<Chain> = { services: [{ ...everything, allow: ["corp"], deny: ["guest"] }] };

test.each<{ desc: string; at: number; change?: (config: RouterConfig) => void; options?: Partial<Chain>; ends: string[] }>([
  { desc: "the same configuration", at: 0, ends: [] },
  { desc: "a tenant that is denied now", at: 0, options: deny, ends: ["tenant/guest policy"] },
  { desc: "a service that is gone", at: 2, options: { services: [] }, ends: ["tenant/corp policy", "tenant/guest policy"] },
  { desc: "a tenant that is gone", at: 0, change: (config) => void config.tenants.splice(1), ends: ["tenant/guest policy"] },
  { desc: "a tenant that the peer may not assert any more", at: 1, options: { allowed: ["corp"] }, ends: ["tenant/guest policy"] },
  { desc: "another service for the same destination", at: 0, options: { services: [{ ...everything, name: "shop/renamed", allow: tenants }] }, ends: [] },
  { desc: "a peer that is gone, seen from the ingress", at: 0, change: (config) => { config.peers = []; config.paths = []; }, ends: ["tenant/corp path-lost", "tenant/guest path-lost"] },
  { desc: "the upstream path that is gone", at: 1, change: (config) => void config.paths.splice(0, 1), ends: ["tenant/corp path-lost", "tenant/guest path-lost"] },
  { desc: "a policy that asks for a post-quantum exchange, which the peer downstream has not", at: 0, change: (config) => { for (const one of config.services) one.postQuantum = true; }, ends: ["tenant/corp policy", "tenant/guest policy"] },
  { desc: "a policy that asks for a post-quantum exchange, which the peer upstream has not", at: 2, change: (config) => { for (const one of config.services) one.postQuantum = true; }, ends: ["tenant/corp policy", "tenant/guest policy"] },
  { desc: "a policy that asks for a post-quantum exchange, of peers that have it", at: 1, change: (config) => { for (const one of config.services) one.postQuantum = true; for (const one of config.peers) one.authentication = "certificate"; }, ends: [] },
])("1.2 $desc", ({ at, change = nothing, options = {}, ends }) => {
  expect(endings(lab(), at, change, options).sort()).toEqual(ends);
});
