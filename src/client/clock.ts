/** Time and chance, as tests can give others. */
export interface Clock {
  /** Monotonic. */
  nowMs(): number;
  /** Resolves after so long, or as soon as the signal is aborted; never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  /** From 0 up to 1. */
  random(): number;
}

/** Timers of Node and of browsers that are longer go off at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  random: Math.random,
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const timer = setTimeout(done, Math.min(ms, TIMER_MS_MAX));
      signal?.addEventListener('abort', done);
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      }
    }),
};

export interface Backoff {
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

/** Exponential with full jitter, and never sooner than the server asks for (D6); `tried` is 1 after the first failure. */
export const backoffMs = (
  { backoffBaseMs, backoffMaxMs }: Backoff,
  tried: number,
  retryAfterMs: number,
  random: number,
): number => retryAfterMs + random * Math.min(backoffMaxMs, backoffBaseMs * 2 ** tried);
