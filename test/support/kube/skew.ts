// The wall clock of a process shifted, as on a machine whose clock is wrong: what Date says is so many milliseconds off, timers and the
// monotonic clock are as they are. For processes of tests.

/** skewedEnvironment is the environment of a Node process whose clock is off. */
export function skewedEnvironment(ms: number): Record<string, string> {
  const code = `const Real = Date; const now = () => Real.now() + ${ms}; globalThis.Date = class Date extends Real { constructor(...parts) { if (parts.length === 0) super(now()); else super(...parts); } static now() { return now(); } };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}
