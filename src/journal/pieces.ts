/** Calls `goOn` once, now or later, when what is waited for is there. */
export type Wait = (goOn: () => void) => void;

/** Work that may be left for a while between two of its pieces, and must be where it waits for something. */
export type Pieces<T> = Generator<Wait | undefined, T, void>;

/** What a question is answered, which may take a while. */
export function* answered<A>(ask: (done: (answer: A) => void) => void): Pieces<A> {
  const answers: A[] = [];
  yield (goOn) =>
    ask((answer) => {
      answers.push(answer);
      goOn();
    });
  return answers[0] as A;
}

/** Does all of it before returning: nothing of it may have to wait. */
export function atOnce<T>(pieces: Pieces<T>): T {
  for (;;) {
    const next = pieces.next();
    if (next.done === true) return next.value;
    if (next.value === undefined) continue;
    let isThere = false;
    next.value(() => {
      isThere = true;
    });
    if (!isThere) throw new Error('journal: what must be done at once has to wait');
  }
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
      if (next.value !== undefined) await waited(next.value, ended);
    } while (performance.now() < endMs);
    await new Promise((resolve) => setImmediate(resolve));
    ended.throwIfAborted();
  }
}

/** @throws the reason of `ended` where that comes first */
function waited(wait: Wait, ended: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(ended.reason);
    if (ended.aborted) return stop();
    ended.addEventListener('abort', stop, { once: true });
    wait(() => {
      ended.removeEventListener('abort', stop);
      resolve();
    });
  });
}
