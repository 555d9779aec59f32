// What a SecurityPolicy changes, shown on the running routers: the same echo requests with a word in them, captured between two routers before
// and after one is asked for. Called by main.ts when the proof from captures is done, for encrypted packets are longer.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startCapture } from "../../test/support/capture.ts";
import { waitFor } from "../../test/support/wait.ts";
import { check } from "./checks.ts";
import type { Check } from "./checks.ts";
import { routerNames } from "./example.ts";
import type { Scene } from "./scene.ts";
import { svrctlAt } from "./show.ts";
import { serverAddresses } from "./topology.ts";

const WORD = "secret!!", COUNT = 3, IDENTIFIERS = [1_234, 1_235] as const;
const FOLLOWED_MS = 20_000;
const policy = "---\napiVersion: opensvr.io/v1alpha1\nkind: SecurityPolicy\nmetadata: { name: secret, namespace: shop }\nspec: { payloadEncryption: GCM }\n";

/** showEncryption shows it for service shop/ping. */
export async function showEncryption(scene: Scene): Promise<Check> {
  scene.say(`no policy of the example encrypts. finance pings with the word "${WORD}", before and after Service shop/ping asks for a SecurityPolicy with payloadEncryption: GCM`);
  const clear = await pinged(scene, IDENTIFIERS[0]);
  await askFor(scene);
  const words = ["--tenant", "finance.acme", "--proto", "icmp", "--to", serverAddresses[4]];
  const why = await svrctlAt(scene, "branch", "why", ...words);
  scene.say(`svrctl why ${words.join(" ")}:`);
  scene.say(`\n${why.stdout}${why.stderr}`);
  const sealed = await pinged(scene, IDENTIFIERS[1]);
  const isRight = clear.answered === COUNT && clear.read >= COUNT && sealed.answered === COUNT && sealed.read === 0 && sealed.security === "encrypted" && why.stdout.includes("AES-256-GCM");
  return check("what hosts say is encrypted where a policy asks for it", isRight, `before: ${told(clear)}; after: ${told(sealed)}`);
}

interface Pinged { answered: number; read: number; security: string }

function told({ answered, read, security }: Pinged): string {
  return `${answered} of ${COUNT} answered, "${WORD}" in ${read} packets between branch and transit, session ${security}`;
}

async function pinged({ net, routers }: Scene, identifier: number): Promise<Pinged> {
  const capture = await startCapture(net, "branch", "wan0");
  const { stdout } = await net.exec("finance", ["ping", "-q", "-n", "-c", String(COUNT), "-i", "0.2", "-W", "2", "-e", String(identifier), "-p", Buffer.from(WORD).toString("hex"), serverAddresses[4]]);
  const frames = await capture.stop();
  const session = (await routers.branch.sessions({ protocol: "1" })).find(({ sourcePort }) => sourcePort === identifier);
  return { answered: Number(/(\d+) received/.exec(stdout)?.[1] ?? 0), read: frames.filter(({ data }) => Buffer.from(data).includes(WORD)).length, security: session?.security ?? "not seen" };
}

/** Each router has its own copy of the configuration, and follows it. */
async function askFor({ routers }: Scene): Promise<void> {
  await Promise.all(routerNames.map(async (name) => {
    const router = routers[name], { hash } = (await router.status()).configuration;
    const text = readFileSync(join(router.config.folder, "services.yaml"), "utf8");
    router.config.write("services.yaml", `${text.replace("{ name: ping, namespace: shop }\nspec:\n", "$&  securityPolicyRef: { name: secret }\n")}${policy}`);
    await waitFor(`router ${name} has the policy`, async () => (await router.status()).configuration.hash !== hash, { deadlineMs: FOLLOWED_MS });
  }));
}
