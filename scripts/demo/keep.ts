// What the demo says when it stays up (--keep): how to look around and how to end it. Text only; called by main.ts.
import { join } from "node:path";
import process from "node:process";
import type { Scene } from "./scene.ts";
import { socketsOf } from "./show.ts";

/** keepText lists commands that work as long as the demo stays up. */
export function keepText(scene: Scene): string {
  const inside = (node: string, words: string): string => `  ${scene.net.inside(node, [words]).join(" ")}`;
  const svrctl = `  svrctl() { node_modules/.bin/node cmd/svrctl/main.ts ${socketsOf(scene).join(" ")} "$@"; }`;
  return [
    "", "The routers stay up. In another shell, as root, in this folder:", svrctl, "  svrctl sessions", "  svrctl counters", "  svrctl peers -o wide", "  svrctl audit show",
    inside("engineering", "curl http://10.9.0.10/1000000 -o /dev/null"), inside("finance", "ping -c 3 10.9.0.10"), inside("finance", "curl --max-time 2 telnet://10.9.0.10:22"),
    inside("branch", "tshark -i wan0 -c 20"),
    `  configuration of router branch: ${scene.routers.branch.config.folder}; edit it and the router follows`, `  records of router branch: tail -f ${join(scene.routers.branch.stateDir, "records.jsonl")}`,
    `End it with Ctrl-C here, or from elsewhere: kill ${process.pid}`,
  ].join("\n");
}
