// Bodies of single packets for shards: what carries metadata is tagged by the seal engine, its body is counted and encrypted here, under
// the keys, counters and replay windows that protect workers use too (protocol 8.2). Belongs to one thread; a call is one foreign call.
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { openNative } from "../native/binding.ts";
import type { Handle, Native } from "../native/binding.ts";
import type { BodyJob, ProtectBodies } from "../ports/protect.ts";
import { reasonOf } from "../svr/reasons.ts";
import type { DropReason } from "../svr/reasons.ts";
import { openWorkerHandle } from "./protect.ts";

const ROOM = 64, JOB_BYTES = 44; // struct svr_body_job
const J_UUID = 4, J_DIRECTION = 20, J_OPENS = 24, J_AT = 28, J_LENGTH = 32, J_ROOM = 36, J_RESULT = 40;

function writeJobs(jobs: readonly BodyJob[], arena: Uint8Array, view: DataView): void {
  let at = 0;
  jobs.forEach((job, number) => {
    const base = number * JOB_BYTES, room = job.body.length + ROOM;
    view.setUint32(base, job.ref.index, true);
    new Uint8Array(view.buffer).set(job.ref.uuid, base + J_UUID);
    view.setUint32(base + J_DIRECTION, job.direction, true);
    view.setUint32(base + J_OPENS, job.opens ? 1 : 0, true);
    view.setUint32(base + J_AT, at, true);
    view.setUint32(base + J_LENGTH, job.body.length, true);
    view.setUint32(base + J_ROOM, room, true);
    arena.set(job.body, at);
    at += room;
  });
}

function resultOf(view: DataView, number: number, arena: Uint8Array): Result<Uint8Array, DropReason> {
  const at = view.getUint32(number * JOB_BYTES + J_AT, true), result = view.getInt32(number * JOB_BYTES + J_RESULT, true);
  if (result >= 0) return ok(arena.slice(at, at + result));
  return fail((reasonOf(-result)?.name ?? "fault") as DropReason);
}

/** openProtectBodies opens this thread's part of the engine behind a handle. */
export function openProtectBodies(handle: Handle, native: Native = openNative()): ProtectBodies {
  const worker = openWorkerHandle(native, handle, { injectMac: new Uint8Array(6) }); // it has no ring, and sends nothing
  return {
    run(jobs, unixSeconds) {
      const arena = new Uint8Array(jobs.reduce((sum, { body }) => sum + body.length + ROOM, 0)), list = new Uint8Array(jobs.length * JOB_BYTES), view = new DataView(list.buffer);
      writeJobs(jobs, arena, view);
      const status = native.protectBody(worker, Uint32Array.of(unixSeconds, arena.length, list.length), arena, list);
      if (status < 0) throw new Error(`the protect engine refuses bodies (${status})`);
      return jobs.map((_, number) => resultOf(view, number, arena));
    },
    close: () => { native.protectWorkerClose(worker); },
  };
}
