// Keeps keys out of core dumps and of other processes of the same user. Called by cmd/router before anything is read.
import { SvrError } from "../base/errors.ts";
import { openNative } from "../native/binding.ts";

/** guardMemory turns core dumps off for this process and closes it to ptrace; throws SVR_NATIVE_LIBRARY when that cannot be. */
export function guardMemory(): void {
  const result = openNative().guardMemory();
  if (result === 0) return;
  throw new SvrError("SVR_NATIVE_LIBRARY", { object: "memory of the process", attempted: `core dumps cannot be turned off (error ${-result})`, fix: "let the process lower RLIMIT_CORE and call prctl" });
}
