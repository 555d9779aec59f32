// The configuration made of a topology is one that the compiler takes without a word, for each standard topology.
import { stringify } from "yaml";
import { parseDocuments } from "../../pkg/api/document.ts";
import { formatProblem } from "../../pkg/api/problem.ts";
import { compile } from "../../pkg/plan/compile.ts";
import { objectsOf, pskFile, pskOf } from "./site.ts";
import { overlap, pair, small, transit } from "./topologies.ts";

describe("sites", () => {
  test.each(Object.entries({ pair, transit, overlap, small }))("%s compiles", (_name, topology) => {
    const interfaces = topology.links.flatMap((link) => link.ends).filter((end) => end.node === "r1" && end.device !== "wan0");
    const objects = objectsOf(topology, {
      tenants: interfaces.map((end) => ({ name: end.device === "lan0" ? "corp" : end.device, members: [{ router: "r1", interface: end.device }] })),
      services: [
        { name: "web", addresses: ["10.2.0.0/24", "fd00:2::/64"], transports: [{ protocol: "TCP", ports: [80] }], at: { router: "r2", interface: "lan0" }, more: { sourceNat: "Interface" } },
        { name: "moved", addresses: ["10.3.0.1"], at: { router: "r2", interface: "lan0" }, targets: ["10.2.0.10"], access: [] },
      ],
      routers: { r1: { more: { timers: { udpIdle: "5s" } }, paths: { r2: { pairs: 8 } } } },
    });
    const parsed = parseDocuments(objects.map((object, index) => ({ path: `${index}.yaml`, text: stringify(object) })));
    const { routers, problems } = compile(parsed);
    expect(problems.map(formatProblem)).toEqual([]);
    const r1 = routers.get("r1");
    expect(r1?.paths.map((path) => path.mtu)).toEqual(Array<number>(2).fill(topology === small ? 1400 : 1500));
    expect(r1?.routes.map((route) => [route.service, route.kind])).toEqual([["test/moved", "peer"], ["test/moved", "peer"], ["test/web", "peer"], ["test/web", "peer"]]);
    expect([...routers.keys()].toSorted()).toEqual(Object.keys(topology.nodes).filter((name) => topology.nodes[name]?.kind === "router").toSorted());
  });

  test("a pair has one key and one file, whoever asks", () => {
    expect(pskOf("a", "b")).toEqual(pskOf("b", "a"));
    expect(pskOf("a", "b")).not.toEqual(pskOf("a", "c"));
    expect([pskFile("a", "b"), pskFile("b", "a")]).toEqual(["keys/a-b.psk", "keys/a-b.psk"]);
  });
});
