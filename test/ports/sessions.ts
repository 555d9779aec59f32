// Sessions for the datapath suites: each number gives one distinct session. Data only.
import { addressOfWords } from "../../pkg/base/address.ts";
import type { FlowKey } from "../../pkg/ports/datapath.ts";
import { Protect } from "../../pkg/svr/session.ts";
import type { Session, SessionSide } from "../../pkg/svr/session.ts";

/** sampleUuid is the uuid of session n. */
export function sampleUuid(n: number): Uint8Array {
  const uuid = new Uint8Array(16).fill(0x40);
  new DataView(uuid.buffer).setUint32(12, n);
  return uuid;
}

/** hostSide is a side toward host n: no peer path, TCP. */
export function hostSide(n: number, change: Partial<SessionSide> = {}): SessionSide {
  return {
    remote: addressOfWords(4, 0x0a000000 + n), local: addressOfWords(4, 0x0a630001), remotePort: 1024 + (n % 60000), localPort: 443,
    ifnum: 1, vlan: 0, nexthop: 1, path: 0, proto: 6, family: 4, ...change,
  };
}

/** peerSide is a side toward a peer over IPv6, its port pair taken from n. */
export function peerSide(n: number, change: Partial<SessionSide> = {}): SessionSide {
  return {
    remote: addressOfWords(6, 0x20010db8, 0, 0, n >>> 14), local: addressOfWords(6, 0x20010db8, 0, 0, -1),
    remotePort: 16385 + 2 * (n & 0x3fff), localPort: 16384 + 2 * (n & 0x3fff), ifnum: 2, vlan: 7, nexthop: 2, path: 1, proto: 6, family: 6, ...change,
  };
}

/** sampleSession is session n: from a host (side 0) to a peer (side 1); every field has a value of its own. */
export function sampleSession(n: number, change: Partial<Session> = {}): Session {
  return {
    side: [hostSide(n), peerSide(n)], flags: 0x0800, life: 2, tcpState: 1, tcpBeforeReset: 0, endReason: 0, seenMs: [11, 12], sinceMs: 13,
    idleMs: 0xfffffff0, nextSeq: [0xffffffff, 15], lastAck: [16, 17], packets: [18n, 19n], bytes: [2n ** 40n, 21n], isn: 22, tenant: 23,
    service: 24, uuid: sampleUuid(n), createdMs: 2 ** 40 + 25,
    context: { source: addressOfWords(4, 0x0a000000 + n), destination: addressOfWords(4, 0x0a630001), sourcePort: 26, destinationPort: 27, proto: 6, family: 4 },
    role: 1, shard: 0, sourceRouter: 28, security: 0, health: 0x5d, span: new Uint8Array(8).fill(29), parentSpan: new Uint8Array(8).fill(30), traceFlags: 1,
    trafficClass: 3, route: 31, window: [7, 9],
    handshake: { forwardRepeats: 1, reverseRepeats: 2, modifyOut: 3, modifyIn: 4, modifyFlags: 5, haveReverse: 1, control3Ms: 6, reverseService: 7, egressRouter: 8 },
    setupMs: 32, retransmissions: 33, outOfOrder: 34, interimMs: 35, answer: addressOfWords(4, 0x0a630002), flowLabel: 0xfffff, protect: Protect.openFwd | Protect.sealRev | Protect.watch, ...change,
  };
}

/** keyOf is the key under which packets arrive on a side. */
export function keyOf(side: SessionSide): FlowKey {
  return { source: side.remote, destination: side.local, sourcePort: side.remotePort, destinationPort: side.localPort, ifnum: side.ifnum, vlan: side.vlan, proto: side.proto };
}
