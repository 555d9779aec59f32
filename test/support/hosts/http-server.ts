// HTTP server of a host: `GET /BYTES` gives so many bytes of a known pattern, chunked as Node does it. Run by
// test/support/traffic.ts inside a namespace: `http-server.ts ADDRESS PORT`.
import { createServer } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import { patternOf } from "./pattern.ts";

const [address = "", port = ""] = process.argv.slice(2);
const CHUNK = 65_536;
const pattern = patternOf();

function* chunks(total: number): Generator<Uint8Array> {
  for (let at = 0; at < total; at += CHUNK) yield pattern.bytes(at, Math.min(CHUNK, total - at));
}

const server = createServer((request, response) => {
  const total = Number(request.url?.slice(1));
  if (!Number.isSafeInteger(total)) return void response.writeHead(404).end();
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": total });
  Readable.from(chunks(total)).pipe(response);
});
server.listen({ host: address, port: Number(port) }, () => { console.log("listening"); });
process.once("SIGTERM", () => { process.exit(0); });
