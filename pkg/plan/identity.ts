// Which routers need a certificate of their own. Pure; asked by the router, which enrols itself, and by the operator, which tells where one is missing.
import type { RouterConfig } from "./config.ts";

/** needsIdentity: for exchanges with peers, or to sign what the router claims of sessions (protocol 7.6). */
export function needsIdentity({ name, peers, trust }: Pick<RouterConfig, "name" | "peers" | "trust">): boolean {
  return peers.some(({ authentication }) => authentication === "certificate") || trust?.origins?.some(({ router }) => router === name) === true;
}
