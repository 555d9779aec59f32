// Connections of the site endpoint: so many of an address and in all. When there is one more, the one that has been open longest ends, for who opens
// connections and says nothing is the oldest; one whose request is being answered with a good token does not. Called by site.ts.
import type { Server, Socket } from "node:net";
import { networkOf } from "./siterate.ts";

/** SiteConnections is what the server tells. */
export interface SiteConnections {
  /** the request on this connection is answered whatever comes */
  keep(of: { remoteAddress?: string | undefined; remotePort?: number | undefined }): void;
}

interface Open { socket: Socket; network: string; isKept: boolean }

/** limitConnections watches a server. */
export function limitConnections(server: Server, { each, all }: { each: number; all: number }): SiteConnections {
  const open = new Map<string, Open>(); // the oldest first
  const makeRoom = (most: number, isOf: (one: Open) => boolean): void => {
    const those = [...open.values()].filter(isOf);
    if (those.length > most) those.find(({ isKept }) => !isKept)?.socket.destroy();
  };
  server.on("connection", (socket: Socket) => {
    const name = nameOf(socket), network = networkOf(socket.remoteAddress ?? "");
    open.set(name, { socket, network, isKept: false });
    socket.once("close", () => { open.delete(name); });
    makeRoom(each, (one) => one.network === network && !one.socket.destroyed);
    makeRoom(all, ({ socket: { destroyed } }) => !destroyed);
  });
  return {
    keep(of) {
      const found = open.get(nameOf(of));
      if (found !== undefined) found.isKept = true;
    },
  };
}

function nameOf({ remoteAddress, remotePort }: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string {
  return `${remoteAddress ?? ""} ${remotePort ?? 0}`;
}
