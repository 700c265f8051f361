import { visible } from '../platform/visible.ts';
import type { Mismatch, TraceResult } from './check.ts';
import { VARIABLE_NAMES } from './format.ts';

/** The verdict in a line; with `why`, what was matched, what the step was, and why no action is it. */
export function explainTrace({ matched, mismatch }: TraceResult, why: boolean): string {
  if (mismatch === null) return `a behaviour of the specification: ${matched.toLocaleString('en')} steps`;
  const verdict = `line ${mismatch.line}: not a behaviour of the specification: ${mismatch.says}`;
  return [verdict, ...(why ? reasons(matched, mismatch) : [])].map(visible).join('\n');
}

function reasons(matched: number, { step, before, refused, couldBe }: Mismatch): string[] {
  const changes = Object.entries(step.changes ?? {}).map(([name, value]) => `${name} = ${String(value)}`);
  const lines = [
    `matched    ${matched.toLocaleString('en')} steps before it`,
    `the step   ${step.action} of ${step.msg_id ?? 'the shard'} at ${step.at_ms}: ${changes.join(', ') || 'nothing changes'}`,
  ];
  if (before !== null) lines.push(`before     ${VARIABLE_NAMES.map((name) => `${name} = ${before[name]}`).join(', ')}`);
  for (const { branch, conjunct, differs } of refused) {
    if (conjunct !== null) lines.push(`${branch}: ${conjunct} does not hold`);
    for (const { variable, expected, actual } of differs)
      lines.push(`${branch}: expected ${variable} = ${String(expected)}, the trace says ${String(actual)}`);
  }
  if (couldBe.length > 0) lines.push(`as its variables are, it could have been ${couldBe.join(' or ')}`);
  return lines;
}
