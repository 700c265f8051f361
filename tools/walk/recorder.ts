import type { Entry } from './walk.ts';

/** Calls that are under way: which file is left for which. */
const stack: { readonly file: string; readonly name: string }[] = [];

/** Notes what instrumented functions say. */
export const recorder = {
  /** Null while nothing is recorded. */
  entries: null as Entry[] | null,
};
Object.assign(globalThis, {
  $walkIn(file: string, name: string): void {
    const from = stack.at(-1);
    if (recorder.entries !== null && from?.file !== file)
      recorder.entries.push({ file, name, from: from?.file ?? null, by: from?.name ?? null });
    stack.push({ file, name });
  },
  $walkOut(): void {
    stack.pop();
  },
});
