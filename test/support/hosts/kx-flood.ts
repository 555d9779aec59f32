// A host that floods a router with beginnings of key exchange from many ports and answers every cookie, as a host does that is where it says. Run
// inside a namespace: `kx-flood.ts FROM TO PORTS PER_SECOND`; each line on standard input prints what it sent and got.
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseAddress } from "../../../pkg/base/addresstext.ts";
import { nodeKxCrypto } from "../../../pkg/security/kxcrypto.ts";
import { IPV4_HEADER, PEERING_PORT, UDP_HEADER } from "../../../pkg/svr/constants.ts";
import { parseHeader } from "../../../pkg/svr/decode.ts";
import { KX_NONCE, readKx, writeKx1 } from "../../../pkg/svr/kxmessage.ts";
import { writeExchange } from "../../../pkg/svr/peeringexchange.ts";

const [from = "", to = "", ports = "1", perSecond = "100"] = process.argv.slice(2);
const FIRST_PORT = 20_000, EVERY_MS = 20;
const count = { sent: 0, retries: 0, answered: 0 };
const way = { source: parseAddress(from)!, destination: parseAddress(to)!, destinationPort: PEERING_PORT };
const keys = { x25519: nodeKxCrypto.x25519().publicKey, mlkem: nodeKxCrypto.mlkem().publicKey };
let extId = 1;

/** What the kernel puts its own headers in front of. */
function payloads(message: Uint8Array): Uint8Array[] {
  const packets = writeExchange(message, way, extId++);
  return packets.ok ? packets.value.map((packet) => packet.subarray(IPV4_HEADER + UDP_HEADER)) : [];
}

const speakers = await Promise.all(Array.from({ length: Number(ports) }, async (_, index) => {
  const socket = createSocket("udp4");
  let asked = keyed(randomBytes(KX_NONCE));
  const say = (cookie?: Uint8Array): void => {
    count.sent++;
    for (const data of payloads(writeKx1(asked, cookie))) socket.send(data, PEERING_PORT, to);
  };
  socket.on("message", (data) => {
    const header = parseHeader(data, 0, data.length);
    const message = header.ok && header.value.metadata.fragment === undefined ? readKx(data.subarray(header.value.body)) : undefined;
    if (message?.ok === true && message.value.kind === "retry") {
      count.retries++;
      say(message.value.cookie);
    } else count.answered++; // KX2 comes in fragments
  });
  await new Promise<void>((resolve) => { socket.bind(FIRST_PORT + index, from, resolve); });
  return { begin: () => { asked = keyed(randomBytes(KX_NONCE)); say(); } };
}));

function keyed(nonce: Uint8Array): { nonce: Uint8Array; x25519: Uint8Array; mlkem: Uint8Array } {
  return { nonce: new Uint8Array(nonce), ...keys };
}

let begun = 0;
const since = performance.now();
setInterval(() => { while (begun < Number(perSecond) * (performance.now() - since) / 1000) speakers[begun++ % speakers.length]?.begin(); }, EVERY_MS);
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) if (line !== "") console.log(JSON.stringify(count));
