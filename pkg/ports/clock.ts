// Time and randomness as they are handed to everything below the mains. Implemented in cmd/ and by tests.

/** Clock gives both times a router needs; monotonic is the kernel's CLOCK_MONOTONIC in milliseconds. */
export interface Clock {
  monotonicMs(): number;
  unixMs(): number;
}

/** RandomSource gives fresh bytes from the operating system's generator (or a seeded one in tests); they are the caller's. */
export interface RandomSource {
  bytes(count: number): Uint8Array;
}
