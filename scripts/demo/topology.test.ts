// The demo's network is the one of its configuration and of its drawing: devices and addresses are the same in all three.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocuments } from "../../pkg/api/document.ts";
import { drawing } from "./drawing.ts";
import { exampleFiles, exampleFolder, routerNames } from "./example.ts";
import { capturePoints, hostAddresses, serverAddresses, topology } from "./topology.ts";

const { objects } = parseDocuments(exampleFiles().map((path) => ({ path, text: readFileSync(join(exampleFolder, path), "utf8") })));
const ends = topology.links.flatMap((link) => link.ends);

test.each(routerNames)("the devices of %s are those of its Router object", (name) => {
  const router = objects.map((one) => one.object).find((one) => one.kind === "Router" && one.metadata.name === name);
  const configured = router?.kind === "Router" ? router.spec.interfaces.map((one) => [one.device ?? one.name, one.addresses]) : [];
  const built = ends.filter((one) => one.node === name).map((one) => [one.device, one.addresses]);
  expect(built.sort()).toEqual(configured.sort());
});

test("two hosts have one address, and the drawing shows hosts, routers and addresses", () => {
  const hosts = ends.filter((one) => one.node === "engineering" || one.node === "finance");
  expect(hosts[0]?.addresses).toEqual(hosts[1]?.addresses);
  for (const word of [...routerNames, "lan-eng", "lan-fin", "lan0", hostAddresses[4], hostAddresses[6], serverAddresses[4], serverAddresses[6], "192.0.2.0/24", "198.51.100.0/24"]) expect(drawing).toContain(word);
});

test("captures are on devices that exist, on every link between routers", () => {
  for (const { node, device } of capturePoints) expect(ends).toContainEqual(expect.objectContaining({ node, device }));
  const between = topology.links.map((link) => link.name).filter((name) => /^(branch|transit|cloud)-(branch|transit|cloud)$/.test(name));
  expect(capturePoints.flatMap((point) => point.link ?? []).sort()).toEqual(between.sort());
});
