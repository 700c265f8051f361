/** Work that may be left for a while between two of its pieces. */
export type Pieces<T> = Generator<void, T, void>;

/** Does all of it before returning. */
export function atOnce<T>(pieces: Pieces<T>): T {
  let next = pieces.next();
  while (next.done !== true) next = pieces.next();
  return next.value;
}

/** The event loop gets its turn this often: whoever asks meanwhile is answered, and a signal is heard. */
const TURN_MS = 20;

/** Does it a while at a time. @throws the reason of `ended` once that is aborted, and leaves the rest undone */
export async function inTurns<T>(pieces: Pieces<T>, ended: AbortSignal): Promise<T> {
  for (;;) {
    const endMs = performance.now() + TURN_MS;
    do {
      const next = pieces.next();
      if (next.done === true) return next.value;
    } while (performance.now() < endMs);
    await new Promise((resolve) => setImmediate(resolve));
    ended.throwIfAborted();
  }
}
