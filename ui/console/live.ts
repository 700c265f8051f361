import { useEffect, useRef, useState } from 'preact/hooks';
import { MailboxError } from '../../src/client/error.ts';
import { held } from './session.ts';

/** What is asked for again and again. */
export interface Live<T> {
  readonly value: T | null;
  /** Of the last try; what is shown is older then. */
  readonly error: unknown;
  /** When the value came. */
  readonly atMs: number;
  refresh(): void;
}

const WAIT_MS_MAX = 30_000;

/** How long until the next try: longer after each failure, and as long as the server says. Null: nothing will change by itself. */
export function waitAfter(error: unknown, failures: number, everyMs: number): number | null {
  if (error === null) return everyMs;
  if (error instanceof MailboxError && !error.retryable) return null;
  const asked = error instanceof MailboxError ? error.retryAfterMs : 0;
  return Math.min(WAIT_MS_MAX, Math.max(asked, everyMs * 2 ** Math.min(failures, 5)));
}

/**
 * Asks, and asks again each `everyMs` while the page can be seen: one request at a time, whatever `key` stands for anew when that
 * changes. Nothing of the answers before the last is kept.
 */
export function useLive<T>(key: string, everyMs: number, ask: () => Promise<T>): Live<T> {
  const [state, set] = useState<{ key: string; value: T | null; error: unknown; atMs: number }>({
    ...{ key, value: null, error: null, atMs: 0 },
  });
  const latest = useRef(ask);
  latest.current = ask;
  const again = useRef((): void => {});
  const hands = held.value;
  // Other capabilities in hand may allow what was refused.
  useEffect(() => {
    let isOver = false;
    let isAsking = false;
    let failures = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (error: unknown): void => {
      const ms = waitAfter(error, failures, everyMs);
      clearTimeout(timer);
      if (ms !== null && !isOver) timer = setTimeout(look, ms);
    };
    const look = (): void => {
      if (isOver || isAsking || document.hidden) return;
      isAsking = true;
      latest
        .current()
        .then(
          (value) => {
            failures = 0;
            if (!isOver) set({ key, value, error: null, atMs: Date.now() });
            return null;
          },
          (error: unknown) => {
            failures++;
            if (!isOver) set((old) => ({ ...(old.key === key ? old : { key, value: null, atMs: 0 }), error }));
            return error;
          },
        )
        .then((error) => {
          isAsking = false;
          later(error);
        });
    };
    again.current = look;
    document.addEventListener('visibilitychange', look);
    look();
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [key, everyMs, hands]);
  const { value, error, atMs } = state.key === key ? state : { value: null, error: null, atMs: 0 };
  return { value, error, atMs, refresh: () => again.current() };
}
