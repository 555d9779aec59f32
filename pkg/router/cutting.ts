// SVR fragments of one packet toward a peer (protocol 10.2): plans the cuts, encodes the metadata of the first fragment, lays
// the whole out and asks for its tag. Called by sealing.ts for what does not fit the path; cut when the batch was signed.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { IPV4_HEADER, IPV6_HEADER, PROTO_TCP, TAG_BYTES, UDP_HEADER } from "../svr/constants.ts";
import { planMetadata } from "../svr/encode.ts";
import type { MetadataPlan } from "../svr/encode.ts";
import { planFragments } from "../svr/fragment.ts";
import type { FragmentPlan } from "../svr/fragment.ts";
import { layoutPacket, tcpHeaderBytes } from "../svr/layout.ts";
import type { Metadata } from "../svr/metadata.ts";
import { sealJob } from "../svr/seal.ts";
import type { Output } from "./batch.ts";
import { coverBody, growthOf } from "./protection.ts";
import { contentOf, nextIpId, signingOf } from "./outputplan.ts";
import type { OutputPlan, Refusal } from "./outputplan.ts";
import type { Turn } from "./turn.ts";

/** A packet of a peer without TLV 1: nobody knows its DF any more, and the egress may cut it (protocol 10.2). */
const UNKNOWN_ORIGINAL = { ipId: 0, largest: 0, dontFragment: false } as const;

/** planCut gives the output whose fragments leave in place of one packet; `limit` when its metadata is too long. */
export function planCut(turn: Turn, plan: OutputPlan): Result<Output, Refusal> {
  const { path, body } = plan;
  const isSigned = path.peer.mode !== "disabled";
  const content = contentOf(plan);
  const measured = content === undefined ? undefined : planMetadata(content, path.peer.suite);
  if (measured?.ok === false) return measured;
  const cut = planFragments({
    headers: headerBytes(plan), carrier: isTcp(plan) ? "tcp" : "udp", isSigned, body: body.end - body.at + growthOf(plan.cover, body.end - body.at), pathMtu: path.mtu,
    original: plan.original ?? UNKNOWN_ORIGINAL, extId: turn.ids.next(),
    ...(content === undefined || measured === undefined ? {} : { metadata: { length: measured.value.length, hasKeyId: content.keyId !== undefined } }),
  });
  if (!cut.ok) return cut;
  const first = planMetadata(firstMetadata(plan, content, cut.value), path.peer.suite);
  return first.ok ? layWhole(turn, plan, { cut: cut.value, first: first.value }) : first;
}

/** M1: the metadata of the packet with TLV 1, and with TLV 16 because the whole is signed. */
function firstMetadata(plan: OutputPlan, content: Metadata | undefined, cut: FragmentPlan): Metadata {
  const { peer } = plan.path;
  const keyId = peer.mode === "disabled" ? content?.keyId : peer.send?.keyId;
  return { ...content, ...(keyId === undefined ? {} : { keyId }), ...(cut.slices[0] === undefined ? {} : { fragment: cut.slices[0].tlv }) };
}

function layWhole(turn: Turn, plan: OutputPlan, of: { cut: FragmentPlan; first: MetadataPlan }): Result<Output, Refusal> {
  const { cut, first } = of, length = plan.body.end - plan.body.at, growth = growthOf(plan.cover, length);
  const layout = layoutPacket(plan.packet, plan.to, {
    options: { ...plan.options, willBeCut: true }, body: plan.body, dontFragment: true,
    room: { before: first.length, behind: growth + (cut.tag === 0 ? 0 : TAG_BYTES) },
  });
  if (!layout.ok) return layout;
  const { data, l4, payload } = layout.value;
  const signing = signingOf(turn, plan.path.peer);
  if (signing === undefined) return fail("no-key");
  const at = payload + first.length, covered = coverBody(turn, plan.cover, data, { at, end: at + length });
  if (!covered.ok) return covered;
  const seal = sealJob(layout.value, first, signing);
  const ipIds = plan.path.cuttable === true ? cut.slices.map(() => nextIpId(turn)) : [];
  return ok({ frame: { nexthop: plan.nexthop, data }, seal, cut: { plan: cut, whole: { data, l4, payload, body: payload + first.length }, ipIds } });
}

function isTcp(plan: OutputPlan): boolean {
  return (plan.options.carrier ?? plan.packet.proto) === PROTO_TCP;
}

function headerBytes(plan: OutputPlan): number {
  const ip = plan.to.source.family === 4 ? IPV4_HEADER : IPV6_HEADER;
  return ip + (isTcp(plan) ? tcpHeaderBytes(plan.packet) : UDP_HEADER);
}
