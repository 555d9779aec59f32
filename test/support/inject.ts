// Packets from nowhere: sends any bytes as an IP packet out of a device of a namespace. Called by tests that need packets no
// kernel would send; the packets come from pkg/svr builders.
import { toHex } from "../../pkg/base/bytes.ts";
import { frameTool } from "./frames.ts";
import type { Net } from "./net.ts";
import type { TestProcess } from "./process.ts";

/** Injector sends packets to one link address. */
export class Injector {
  readonly #process: TestProcess;

  constructor(process: TestProcess) {
    this.#process = process;
  }

  /** send sends packets in order; when it resolves the device took them all. */
  async send(...packets: Uint8Array[]): Promise<void> {
    return this.#write(packets.map(toHex));
  }

  /** sendOffloaded sends packets whose checksum from `start` (of the IP packet) on, `offset` behind it, is left to the device. */
  async sendOffloaded(at: { start: number; offset: number }, ...packets: Uint8Array[]): Promise<void> {
    return this.#write(packets.map((packet) => `~${at.start},${at.offset},${toHex(packet)}`));
  }

  async #write(lines: readonly string[]): Promise<void> {
    const from = this.#process.lines.length;
    for (const line of [...lines, "="]) this.#process.write(line);
    await this.#process.line(/^sent/, { from, deadlineMs: 60_000 });
  }

  /** close ends the sender. */
  async close(): Promise<void> {
    await this.#process.stop();
  }
}

/** openInjector opens a sender in `from` that reaches the link address of `to`, the other end of a link (or anything behind it), tagged if asked. What it sends over a link enters the other end on its CPU. */
export async function openInjector(net: Net, from: { node: string; device: string; cpu?: number }, to: { node: string; device: string; vlan?: number }): Promise<Injector> {
  const pinned = from.cpu === undefined ? [] : ["taskset", "--cpu-list", String(from.cpu)];
  const process = net.start(from.node, [...pinned, frameTool("inject"), from.device, net.macOf(to.node, to.device), String(to.vlan ?? 0)]);
  await process.line(/^ready$/);
  return new Injector(process);
}
