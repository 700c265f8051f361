/**
 * The service clock (TM1), whole milliseconds: it runs with the machine's monotonic clock, and goes on over a restart by the time
 * that no process ran, so that it never goes back. Where it began says nothing: it is no date.
 */
export interface Clock {
  nowMs(): number;
  /** The wall clock as it stands, ms since 1970, 0 .. `WALL_MS_MAX`: for `ts`, the times of capabilities, and for nothing else. */
  wallMs(): number;
}

/** Timers of a process: real ones, or simulated ones that go when it does. */
export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

/** What a msg_id has room for. */
export const WALL_MS_MAX = 2 ** 48 - 1;

/** Someone set the wall clock when it moved by more than this against the service clock. */
export const WALL_SET_MS = 100;

/** The two clocks of a machine, as they come; fractions of a millisecond count. */
export interface TimeSource {
  /** Runs while the machine does, from anywhere on; nobody sets it. */
  monotonicMs(): number;
  /** Since 1970; anybody may set it. */
  wallMs(): number;
}
