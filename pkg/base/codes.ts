// Catalogue of error codes: append-only, one line each. docs/reference/errors.md is generated from it.

/** errorCodes maps each stable code to what it means for the reader. */
export const errorCodes = {
  SVR_NOT_ROOT: "the command needs root or the capabilities NET_ADMIN, NET_RAW, BPF and PERFMON",
  SVR_KERNEL_FEATURE: "the kernel lacks a feature that the data plane needs",
  SVR_BPF_LOAD: "the eBPF object was refused",
  SVR_BPF_LAYOUT: "maps or programs pinned by another version, or by something else, have another layout",
  SVR_BPFFS: "the BPF file system is not mounted or not writable",
  SVR_INTERFACE_MISSING: "an interface named in the Router object does not exist",
  SVR_NATIVE_LIBRARY: "the native library is missing or does not match",
  SVR_CONFIG_INVALID: "an object of the configuration is invalid",
  SVR_CONFIG_EMPTY: "no Router object with this name",
  SVR_PSK_FILE: "a pre-shared key file is missing, open to other users, or holds no key of 32 bytes",
  SVR_STATE_DIR: "the state directory cannot be used",
  SVR_STATE_LOCKED: "another process runs this router",
  SVR_ADMIN_UNREACHABLE: "the router's admin socket does not answer",
  SVR_NOT_FOUND: "no such object",
  SVR_USAGE: "the command line is not understood",
  SVR_NOT_PERMITTED: "the user may not use the router's admin socket or read the file",
  SVR_ADMIN_ANSWER: "the router answered with a fault, or something else than its admin API answers",
  SVR_INTERRUPTED: "the command was interrupted before it had its answer",
  SVR_CONFIG_DIR: "the configuration directory is missing, unreadable, too large, or never stands still",
  SVR_RECORD_FILE: "session records cannot be written to their file",
  SVR_SEAL_JOB: "a packet to be signed or verified is described by offsets outside of it",
  SVR_LAST_GOOD: "the last good configuration cannot be written to or read from the state directory",
  SVR_INTERNAL: "a fault of the program; its log has the reason",
} as const;
