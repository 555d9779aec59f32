// Limits and timers of the handshake (protocol 6.1, 6.4, 6.6), in ms and packets. Read by both halves of its table.
// Holds numbers only.

/** REPEATS_BEFORE_CONTROL is how often metadata must repeat in vain before control 3 is sent (protocol 6.1). */
export const REPEATS_BEFORE_CONTROL = 3;
/** REPEATS_LIMIT is where the repeat counter stops: it is kept in one byte. */
export const REPEATS_LIMIT = 255;
/** IDLE_MS is the silence of the own direction that control 3, and metadata in control 1, wait for (protocol 6.1, 6.6). */
export const IDLE_MS = 1_000;
/** CONTROL_SPACING_MS is the least time between control messages of one session (protocol 6.1, 6.4). */
export const CONTROL_SPACING_MS = 1_000;
/** LOST_MS is how long a responder bears control 2 without a forward packet before the session ends (protocol 6.4). */
export const LOST_MS = 30_000;
/** INITIATOR_REASONS are the modify reasons that only an initiator may use: path move and carrier (protocol 6.6). */
export const INITIATOR_REASONS: readonly number[] = [1, 7];
