// Network devices of this namespace by name, through pkg/native. Called by program.ts; asks, never changes.
import { SvrError } from "../base/errors.ts";
import type { Native } from "../native/binding.ts";
import { errno, errnoText } from "./errno.ts";
import { createBytes } from "./sessioncodec.ts";

/** Device is what is needed of one: its kernel index and the MTU in bytes. */
export interface Device { index: number; mtu: number }

const DEVICE_SIZE = 20; // struct svr_device

function ask(name: string, call: (out: Uint8Array) => number): Device | undefined {
  const { view, array } = createBytes(DEVICE_SIZE);
  const status = call(array);
  if (status === errno.ENODEV || status === errno.EINVAL) return undefined; // EINVAL: longer than any device name
  if (status < 0) {
    throw new SvrError("SVR_INTERFACE_MISSING", { object: name, attempted: `device ${name} cannot be read (${errnoText(status)})`, fix: `look at it: "ip link show ${name}"` });
  }
  return { index: view.getUint32(0, true), mtu: view.getUint32(4, true) };
}

/** findDevice finds a device by name; absent when there is none. */
export function findDevice(native: Native, name: string): Device | undefined {
  return ask(name, (out) => native.deviceFind(name, out, out.length));
}

/** findVlan finds the device that stands for a VLAN of another; absent when packets are to be tagged by hand. */
export function findVlan(native: Native, name: string, vlan: number): Device | undefined {
  return ask(name, (out) => native.deviceVlan(name, vlan, out, out.length));
}
