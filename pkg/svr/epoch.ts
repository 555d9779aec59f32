// Epochs of the time-based mode (protocol 7.1): which one a tag is made for and which ones are accepted. Time comes in as
// a number. Called by the planner of seals and by the router when it judges clock skew.
import { EPOCH_SECONDS, SKEW_EPOCHS, WINDOW_MAX } from "./constants.ts";

/** AuthMode is configured per peer and never read from a packet. */
export type AuthMode = "disabled" | "regular" | "time-based";

/** epochAt is the epoch of a unix time in seconds, 32 bits. */
export function epochAt(unixSeconds: number): number {
  return Math.floor(unixSeconds / EPOCH_SECONDS) >>> 0;
}

/** sendEpoch is the epoch a tag is made for: 0 unless the mode is time-based. */
export function sendEpoch(mode: AuthMode, epoch: number): number {
  return mode === "time-based" ? epoch : 0;
}

/** acceptedEpochs lists what a tag may be made for, in the order they are tried: e, e-1, e+1, e-2 ... within the window (1-5); 0 alone in regular mode. Made once per epoch, not per packet. */
export function acceptedEpochs(mode: AuthMode, epoch: number, window: number): number[] {
  if (mode !== "time-based") return [0];
  const epochs = [epoch];
  for (let distance = 1; distance <= window; distance++) epochs.push((epoch - distance) >>> 0, (epoch + distance) >>> 0);
  return epochs;
}

/** acceptedLater lists what a tag of a packet may be made for that arrived at `arrived` and is judged at `epoch`: what was accepted then, as far as first packets of that epoch are still remembered. Empty: it waited too long. */
export function acceptedLater(mode: AuthMode, at: { arrived: number; epoch: number }, window: number): number[] {
  const accepted = acceptedEpochs(mode, at.arrived, window);
  return mode === "time-based" ? accepted.filter((one) => ((at.epoch - one) | 0) <= WINDOW_MAX) : accepted;
}

/** skewEpochs lists the epochs outside the window up to 30 away, nearest first: a tag that is right there means that clocks differ. */
export function skewEpochs(epoch: number, window: number): number[] {
  const epochs: number[] = [];
  for (let distance = window + 1; distance <= SKEW_EPOCHS; distance++) epochs.push((epoch - distance) >>> 0, (epoch + distance) >>> 0);
  return epochs;
}
