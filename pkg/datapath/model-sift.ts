// What a kind of session is, written plainly (Sift of the port): all that a configuration decides on, and nothing else.
// Called by model.ts; a configuration judged by it alone must judge as one that looks at every session (test/lab/preview.prop).
import { addressKey } from "../base/address.ts";
import { Flag } from "../svr/session.ts";
import type { SiftVerdict } from "../ports/datapath.ts";
import type { Session } from "../svr/session.ts";

/** siftModel judges once a kind; the result is the verdict on any session. */
export function siftModel(judge: (session: Session) => SiftVerdict): (session: Session) => SiftVerdict {
  const answers = new Map<string, SiftVerdict>();
  return (session) => {
    const kind = kindOf(session), known = answers.get(kind) ?? judge(session);
    answers.set(kind, known);
    return known;
  };
}

function kindOf({ tenant, service, flags, context, side: [from, out] }: Session): string {
  return JSON.stringify([
    tenant, service, flags & Flag.snat, context.proto, context.destinationPort, addressKey(context.destination),
    from.path, from.nexthop, out.path, out.nexthop, out.ifnum, out.vlan, out.family, addressKey(out.remote), addressKey(out.local),
  ]);
}
