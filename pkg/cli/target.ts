// Which routers a command asks: those at the sockets given, else those of this machine; of either only those that --router
// names. Called by ask.ts.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { GlobalOptions } from "./context.ts";
import { usageFailure } from "./failure.ts";
import type { Failure } from "./failure.ts";
import type { SocketFinder } from "./surroundings.ts";

/** Choice is the sockets to ask, without doubles, whether the user named them, and which of the routers there are meant (none: all). */
export interface Choice {
  sockets: readonly string[];
  isNamed: boolean;
  only: readonly string[];
}

const attempted = "cannot choose a router";

/** chooseSockets gives the sockets to ask; without sockets, router names are folder names, never paths. */
export async function chooseSockets(options: Pick<GlobalOptions, "sockets" | "routers">, finder: SocketFinder): Promise<Result<Choice, Failure>> {
  const path = options.routers.find((router) => !/^[a-z0-9][-a-z0-9.]{0,252}$/i.test(router));
  if (path !== undefined) return fail(usageFailure(`"${path}" is no router name; for a path use --socket`, "svrctl"));
  if (options.sockets.length > 0) return ok({ sockets: [...new Set(options.sockets)], isNamed: true, only: options.routers });
  const named = await Promise.all(options.routers.map((router) => finder.of(router)));
  return named.length > 0 ? ok({ sockets: [...new Set(named)], isNamed: true, only: [] }) : allFound(finder);
}

/** severalFailure says that a command needs one router and several run here. */
export function severalFailure(sockets: readonly string[]): Failure {
  const flags = sockets.map((socket) => `--socket ${socket}`).join(", ");
  return { code: "SVR_USAGE", attempted, reason: `several routers run here: ${flags}`, next: "name one, or more than one" };
}

/** absentFailure says that nobody of that name answered at the sockets that were given. */
export function absentFailure(name: string, answered: readonly string[]): Failure {
  return { code: "SVR_NOT_FOUND", attempted, reason: `no router ${name} answers at the sockets that were given; there are: ${answered.join(", ") || "none"}`, next: "correct --router, or add the socket of that router" };
}

async function allFound(finder: SocketFinder): Promise<Result<Choice, Failure>> {
  const { sockets, forbidden } = await finder.list();
  if (sockets.length > 0) return ok({ sockets, isNamed: false, only: [] });
  if (forbidden.length > 0) {
    return fail({ code: "SVR_NOT_PERMITTED", attempted, reason: `you may not look into ${forbidden.join(", ")}`, next: "run svrctl as the user of the router, for example with sudo" });
  }
  return fail({ code: "SVR_ADMIN_UNREACHABLE", attempted, reason: `there is no admin socket below ${finder.roots.join(" or ")}`, next: "start a router, or name its socket with --socket PATH" });
}
