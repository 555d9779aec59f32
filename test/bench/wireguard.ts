// wireguard-go between two forwarders of a world: what a user would pick to protect what crosses a network, without a kernel module.
// Built from its Go module (wireguard/go.mod has the version), kept outside the checkout, configured over its own socket. Used by worlds.ts.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { connect } from "node:net";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import type { Net } from "../support/net.ts";
import { linkAddress } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";

const MODULE = "golang.zx2c4.com/wireguard";
const folder = join(import.meta.dirname, "wireguard");
const PORT = 51_820;
const sockets = "/var/run/wireguard";
const ANSWER_MS = 5_000;

interface Side { node: string; device: string; own: string; endpoint: string; prefix: string; privateKey: string; publicKey: string }

/** wireguardPath is the program, built when it is not there yet. */
export function wireguardPath(): string {
  const version = new RegExp(`require ${MODULE} (v\\S+)`).exec(readFileSync(join(folder, "go.mod"), "utf8"))?.[1] ?? "unknown";
  const path = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "opensvr", `wireguard-go-${version}`);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`; // under its name only when it is whole
  execFileSync("go", ["build", "-trimpath", "-ldflags", "-s -w", "-o", fresh, MODULE], { cwd: folder, env: { ...process.env, CGO_ENABLED: "0" }, stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
  renameSync(fresh, path);
  return path;
}

function keyPair(): Pick<Side, "privateKey" | "publicKey"> {
  const { d = "", x = "" } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  const hex = (text: string): string => Buffer.from(text, "base64url").toString("hex");
  return { privateKey: hex(d), publicKey: hex(x) };
}

/** Its configuration protocol: lines of key=value, an empty line ends question and answer. */
async function configure(device: string, lines: readonly string[]): Promise<void> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect(join(sockets, `${device}.sock`), () => { socket.write(`${lines.join("\n")}\n\n`); });
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`wireguard-go did not answer for ${device}`)));
    socket.on("data", (data) => {
      text += data.toString();
      if (text.endsWith("\n\n")) socket.end();
    });
    socket.once("error", reject).once("close", () => { resolve(text); });
  });
  if (!answer.includes("errno=0\n")) throw new Error(`wireguard-go refused its configuration: ${answer.trim()}`);
}

async function bringUp(net: Net, side: Side, peer: Side): Promise<void> {
  const { node, device, own } = side;
  net.start(node, [wireguardPath(), "--foreground", device], { env: { LOG_LEVEL: "error" } });
  await waitFor(`the socket of wireguard-go in ${node}`, () => existsSync(join(sockets, `${device}.sock`)));
  await configure(device, [
    "set=1", `private_key=${side.privateKey}`, `listen_port=${PORT}`, "replace_peers=true",
    `public_key=${peer.publicKey}`, `endpoint=${side.endpoint}:${PORT}`, `allowed_ip=${peer.own}/32`, `allowed_ip=${side.prefix}`,
  ]);
  await net.must(node, "ip", "addr", "add", `${own}/24`, "dev", device);
  await net.must(node, "ip", "link", "set", device, "up");
  await net.must(node, "ip", "route", "replace", side.prefix, "dev", device);
}

/** joinByWireguard carries what goes between the LANs of k1 and k2 through wireguard-go on both. */
export async function joinByWireguard(net: Net): Promise<void> {
  const name = (n: number): string => `${net.run.prefix.slice(-8)}wg${n}`; // its socket is named after it, whatever the namespace
  const first: Side = { node: "k1", device: name(1), own: "172.16.0.1", endpoint: linkAddress(1, 4, 1), prefix: "10.2.0.0/24", ...keyPair() };
  const second: Side = { node: "k2", device: name(2), own: "172.16.0.2", endpoint: linkAddress(1, 4, 0), prefix: "10.1.0.0/24", ...keyPair() };
  await bringUp(net, first, second);
  await bringUp(net, second, first);
}
