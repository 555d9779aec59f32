// Errors of the system as they come out of the library: negative errno to names for the text of faults.
import { getSystemErrorName } from "node:util";

/** ENOENT, EPERM ... as the library returns them. */
export const errno = { ENOENT: -2, EPERM: -1, EEXIST: -17, EINVAL: -22, ENOSPC: -28, EPROTO: -71, ENODEV: -19, E2BIG: -7, EDQUOT: -122, ENOMEM: -12, EACCES: -13 } as const;

/** errnoText names an error: "ENOENT", or its number when the system has no name. */
export function errnoText(status: number): string {
  try {
    return getSystemErrorName(status);
  } catch {
    return `error ${-status}`;
  }
}
