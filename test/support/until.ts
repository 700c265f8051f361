/** Turns of the event loop after which a condition is looked at less often: what is waited for needs the core more than we do. */
const EAGER_TURNS = 50;
const LOOK_MS = 3;

/** Waits until `what` holds: a condition with a deadline, against a hang and no measure. */
export async function until(what: () => boolean | Promise<boolean>, deadlineMs = 30_000): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  for (let turn = 0; !(await what()); turn++) {
    if (performance.now() > endMs) throw new Error('condition not reached');
    await new Promise((resolve) => (turn < EAGER_TURNS ? setImmediate(resolve) : setTimeout(resolve, LOOK_MS)));
  }
}
