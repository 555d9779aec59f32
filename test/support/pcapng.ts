// Files of captured packets for tests of svrctl, made and joined by the real writer. Constructors only.
import { writePcapng } from "../../pkg/capture/pcapng.ts";
export { joinPcapng } from "../../pkg/capture/join.ts";

/** captureFile is a file of one router with one packet at a time. */
export function captureFile(router: string, timeNs: bigint): Uint8Array {
  return writePcapng({
    program: "OpenSVR 0.1.0", comments: [router], snapLength: 2048,
    packets: [{ interface: `${router} lan0 forward in`, direction: "in", timeNs, length: 20, data: new Uint8Array(20), comment: router }],
  });
}
