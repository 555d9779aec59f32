// Captures in a namespace: every packet of a device, full length, started before traffic and flushed on demand. Called by
// tests that judge what was on a wire; wire.ts says what the packets mean.
import { join } from "node:path";
import { frameTool } from "./frames.ts";
import type { Net } from "./net.ts";
import { readPcap } from "./pcap.ts";
import type { Frame } from "./pcap.ts";
import type { TestProcess } from "./process.ts";

const END_MS = 10_000;

/** Capture is one running capture. */
export class Capture {
  readonly file: string;
  readonly #process: TestProcess;
  #stopped = false;

  constructor(process: TestProcess, file: string) {
    this.#process = process;
    this.file = file;
  }

  /** frames gives everything that crossed the device until now; the capture goes on. */
  async frames(): Promise<Frame[]> {
    if (!this.#stopped) {
      const from = this.#process.lines.length;
      this.#process.signal("SIGUSR1");
      await this.#process.line(/^flushed/, { from });
    }
    return readPcap(this.file);
  }

  /** stop ends the capture and gives all frames; rejects when the kernel had to drop some. */
  async stop(): Promise<Frame[]> {
    this.#stopped = true;
    this.#process.signal("SIGTERM");
    const { code } = await this.#process.end(END_MS);
    if (code !== 0) throw new Error(`capture ${this.file}: ${code} ${this.#process.errors}`);
    return readPcap(this.file);
  }
}

let number = 0;

/** startCapture captures a device of a node; it listens when the promise resolves. */
export async function startCapture(net: Net, node: string, device: string): Promise<Capture> {
  const file = join(net.folder, "captures", `${node}-${device}-${++number}.pcap`);
  const process = net.start(node, [frameTool("capture"), device, file]);
  await process.line(/^ready$/);
  return new Capture(process, file);
}
