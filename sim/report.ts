import type { SimResult } from './run.ts';

/** Exit codes of `mailbox sim`. */
export const SIM_EXIT = { held: 0, usage: 2, safety: 10, liveness: 11, nondeterministic: 12, crashed: 13 } as const;

/** A goal that was not reached, or a violation that did not come, is a run that proved nothing: it fails as liveness does. */
export function exitCodeOf({ verdict, missed, schedule }: SimResult): number {
  if (verdict.kind === 'safety') return SIM_EXIT.safety;
  if (verdict.kind === 'crashed') return SIM_EXIT.crashed;
  if (verdict.kind === 'liveness' || missed.length > 0 || schedule.violates !== null) return SIM_EXIT.liveness;
  return SIM_EXIT.held;
}

/** True when the run came out as its schedule says it must. */
export function asDeclared(result: SimResult): boolean {
  const { verdict, missed, schedule } = result;
  if (schedule.violates === null) return verdict.kind === 'held' && missed.length === 0;
  return verdict.kind === 'safety' && verdict.rule === schedule.violates;
}

function verdictLine({ verdict, missed, schedule }: SimResult): string {
  if (verdict.kind === 'safety') {
    const expected = verdict.rule === schedule.violates ? ', as this schedule expects' : '';
    return `SAFETY VIOLATED${expected}: ${verdict.detail}`;
  }
  if (verdict.kind === 'crashed') return `CRASHED: ${verdict.detail}`;
  if (verdict.kind === 'liveness') return `LIVENESS VIOLATED: ${verdict.detail}`;
  if (missed.length > 0) return `GOALS MISSED: ${missed.join(', ')}`;
  if (schedule.violates !== null) return `NOT CAUGHT: ${schedule.violates} must be violated and was not`;
  return 'held';
}

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count.toLocaleString('en')}`)
    .join(', ') || 'none';

/** A run in lines; `seconds` is how long it took, measured by the caller. */
export function formatResult(result: SimResult, seconds: number): string {
  const { schedule, seed, steps, simulatedMs, hash, tally, injected } = result;
  const goals = Object.entries(schedule.goals).map(([goal, least]) => `${goal} ${tally[goal] ?? 0}/${least}`);
  const rate = Math.round(steps / seconds).toLocaleString('en');
  const times = Math.round(simulatedMs / 1000 / seconds).toLocaleString('en');
  return [
    `schedule   ${schedule.name}: ${schedule.description}`,
    `seed       ${seed}`,
    `events     ${steps.toLocaleString('en')} in ${(simulatedMs / 1000).toFixed(1)} s of simulated time`,
    `speed      ${rate} events/s, ${times} x real time`,
    `faults     ${list(injected)}`,
    `happened   ${list(tally)}`,
    `goals      ${goals.join(', ') || 'none'}`,
    `hash       ${hash}`,
    `verdict    ${verdictLine(result)}`,
    `repeat     mailbox sim run ${schedule.file} --seed ${seed}`,
  ].join('\n');
}
