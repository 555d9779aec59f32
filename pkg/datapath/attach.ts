// The programs on their devices, through links pinned beside the maps: a live link gets the new program in place, a severed one is
// made anew, one that nobody wants is removed. Called by program.ts. Links outlive the process on purpose.
import { SvrError } from "../base/errors.ts";
import type { Handle, Native } from "../native/binding.ts";
import { errnoText } from "./errno.ts";
import { isLinkPin, unpin } from "./pins.ts";
import type { Pins } from "./pins.ts";

/** Attacher keeps the programs where they belong. */
export interface Attacher {
  /** svr_ingress on these devices, svr_inject on loopback */
  attach(devices: readonly number[]): void;
  /** removes links of all other devices, and of other network namespaces */
  detachOthers(devices: readonly number[]): void;
}

const LOOPBACK = 1; // every network namespace's first device

/** createAttacher works with the programs of a loaded object. */
export function createAttacher(native: Native, load: Handle, pins: Pins): Attacher {
  const current = new Set<string>();
  const set = (program: string, ifindex: number, pin: string): void => {
    if (current.has(pin) && native.attachDevice(pin) === ifindex) return;
    const status = native.attachSet(load, program, ifindex, pin);
    if (status < 0) {
      throw new SvrError("SVR_BPF_LOAD", {
        object: pin, attempted: `${program} cannot be attached to the device with index ${ifindex} (${errnoText(status)})`,
        fix: `look who else is there: "bpftool net"; a pin that is not ours goes with "rm ${pin}"`,
      });
    }
    current.add(pin);
  };
  return {
    attach: (devices) => {
      set("svr_inject", LOOPBACK, pins.inject());
      for (const ifindex of devices) set("svr_ingress", ifindex, pins.link(ifindex));
    },
    detachOthers: (devices) => {
      const wanted = new Set([pins.inject(), ...devices.map((ifindex) => pins.link(ifindex))]);
      for (const name of pins.list().filter(isLinkPin)) {
        const pin = `${pins.dir}/${name}`;
        if (wanted.has(pin)) continue;
        unpin(pin);
        current.delete(pin);
      }
    },
  };
}
