// The only file that reads a clock. Order never comes from a clock: the wall clock is informational, timeouts
// and ticks use the monotonic one (faults.md F24).

/** Milliseconds that never go back, with a fraction; for timeouts and ticks. */
export function monotonicMs(): number {
  return performance.now();
}

/** Wall clock in whole milliseconds since 1970; informational only. */
export function wallClockMs(): number {
  return Date.now();
}
