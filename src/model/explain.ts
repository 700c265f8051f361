import type { Difference, Step } from './compare.ts';
import { formatState, type Variables } from './graph.ts';

/** Lines of `to` that differ from `from`: what a step changed. */
function changes(variables: Variables, from: Uint8Array | undefined, to: Uint8Array): string[] {
  const lines = formatState(variables, to).split('\n');
  if (from === undefined) return lines;
  const before = formatState(variables, from).split('\n');
  const changed = lines.filter((line, i) => line !== before[i]);
  return changed.length === 0 ? ['(nothing changes)'] : changed;
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`);

/** Steps one under the other, each with what it changed, and the state at the end in full. */
export function explainTrail(variables: Variables, trail: readonly Step[]): string {
  const lines: string[] = [];
  let before: Uint8Array | undefined;
  for (const { action, state } of trail) {
    if (before !== undefined) lines.push(action, ...indented(changes(variables, before, state)));
    before = state;
  }
  if (before !== undefined) lines.push('here', ...indented(formatState(variables, before).split('\n')));
  return lines.join('\n');
}

/** What one side does in this state. */
export const explainStep = (
  variables: Variables,
  title: string,
  here: Uint8Array | undefined,
  { action, state }: Step,
): string[] => [`${title} ${action}`, ...indented(changes(variables, here, state))];

/** A difference in words: the shortest way to it, the state, and what each side does there that the other does not. */
export function explain(variables: Variables, { trail, extra, missing }: Difference): string {
  const here = trail.at(-1)?.state;
  const side = (title: string, steps: readonly Step[]): string[] =>
    steps.flatMap((step) => explainStep(variables, title, here, step));
  return [
    explainTrail(variables, trail),
    ...side('only the code has', extra),
    ...side('only the specification has', missing),
  ].join('\n');
}
