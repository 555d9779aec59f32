// Files of captured packets, as the router and svrctl need them. Implemented by pkg/capture.

/** CaptureFile is what one router captured. */
export interface CaptureFile {
  /** name and version of the program that writes it */
  program: string;
  /** about the file as a whole */
  comments: readonly string[];
  /** most bytes of a packet that are kept */
  snapLength: number;
  packets: readonly FilePacket[];
  /** the router as one interface: packets that should be here and are not, as counted at this time in unix nanoseconds */
  whole: { interface: string; lost: number; timeNs: bigint };
}

/** FilePacket is one packet, from its IP header on. */
export interface FilePacket {
  /** the interface and the point at it; each gets a line of its own in readers of such files */
  interface: string;
  direction: "in" | "out";
  /** unix nanoseconds */
  timeNs: bigint;
  /** bytes that it had; `data` may be less */
  length: number;
  data: Uint8Array;
  comment: string;
}

/** WriteCapture writes a file; packets stand in the order of their times. */
export type WriteCapture = (file: CaptureFile) => Uint8Array;

/** JoinCaptures makes one file of the files of several routers, in the order of time; undefined when one is not what WriteCapture writes. */
export type JoinCaptures = (files: readonly Uint8Array[]) => Uint8Array | undefined;
