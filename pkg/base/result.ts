// Expected outcomes are values: Result carries either a value or a reason. Used by every layer; throws nothing.

/** Result is either a value or an error value; expected failures travel this way, faults are exceptions. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; error: E };

/** ok wraps a value. */
export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

/** fail wraps an expected failure. */
export function fail<E>(error: E): { ok: false; error: E } {
  return { ok: false, error };
}
