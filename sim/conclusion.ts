import type { RuleName } from './checkers/breach.ts';

/** What the rules say of a run. */
export type Verdict =
  | { readonly kind: 'held' }
  | { readonly kind: 'safety'; readonly rule: RuleName; readonly detail: string; readonly msgId: string | null }
  | { readonly kind: 'liveness'; readonly detail: string; readonly msgId: string | null }
  | { readonly kind: 'crashed'; readonly detail: string };

/** Exit codes of `mailbox sim`. */
export const SIM_EXIT = { held: 0, usage: 2, safety: 10, liveness: 11, nondeterministic: 12, crashed: 13 } as const;

/** What a run must show beside unbroken rules: least counts by goal, and for a negative one the rule that must be seen broken. */
export interface Expectations {
  readonly goals: Readonly<Record<string, number>>;
  readonly violates: RuleName | null;
}
export const NOTHING_MORE: Expectations = { goals: {}, violates: null };

export interface GoalReached {
  readonly goal: string;
  readonly least: number;
  readonly reached: number;
}

/**
 * What a run came to, measured by what it had to show. The only place that says so: the exit code, every line, the JSON and the
 * report's badge are taken from here. A goal that was not reached and a violation that did not come are never `held`.
 */
export interface Conclusion {
  readonly kind: Verdict['kind'] | 'goals_missed' | 'not_violated';
  /** It broke the very rule that it had to break. */
  readonly expected: boolean;
  /** The broken rule, or the one that had to be broken and was not. */
  readonly rule: RuleName | null;
  /** What went wrong, '' for a run that held. */
  readonly detail: string;
  readonly msgId: string | null;
  readonly goals: readonly GoalReached[];
  /** All of it in a line. */
  readonly line: string;
  /** As a title has it. */
  readonly badge: string;
  readonly exit: number;
}

type Of = Pick<Conclusion, 'kind' | 'rule' | 'detail' | 'msgId'>;
const NOTHING: Of = { kind: 'held', rule: null, detail: '', msgId: null };
const EXPECTED = ', as this schedule expects';

/** `tally`: what happened how often, by goal. */
export function conclude(
  { verdict, tally }: { readonly verdict: Verdict; readonly tally: Readonly<Record<string, number>> },
  expects: Expectations,
): Conclusion {
  const { violates } = expects;
  const goals = Object.entries(expects.goals).map(([goal, least]) => ({ goal, least, reached: tally[goal] ?? 0 }));
  const of =
    verdict.kind === 'held' ? unbroken(goals, violates) : { ...NOTHING, ...verdict, rule: brokenRule(verdict) };
  const expected = verdict.kind !== 'held' && of.rule !== null && of.rule === violates;
  return { ...of, goals, expected, ...said(of, expected ? EXPECTED : '') };
}

/** No rule was broken; that alone need not be what the run had to show. */
function unbroken(goals: readonly GoalReached[], violates: RuleName | null): Of {
  const missed = goals.filter(({ least, reached }) => reached < least);
  if (missed.length > 0) {
    const detail = missed.map(({ goal, least, reached }) => `${goal} ${reached} of ${least}`).join(', ');
    return { ...NOTHING, kind: 'goals_missed', detail };
  }
  if (violates === null) return NOTHING;
  return { ...NOTHING, kind: 'not_violated', rule: violates, detail: `${violates} must be violated and was not` };
}

/** The rule that a verdict says is broken, or null. */
function brokenRule(verdict: Verdict): RuleName | null {
  if (verdict.kind === 'safety') return verdict.rule;
  return verdict.kind === 'liveness' ? 'DeliveredLive' : null;
}

function said({ kind, detail }: Of, note: string): Pick<Conclusion, 'line' | 'badge' | 'exit'> {
  switch (kind) {
    case 'held':
      return { line: 'held', badge: 'held', exit: SIM_EXIT.held };
    case 'goals_missed':
      return { line: `GOALS MISSED: ${detail}`, badge: 'goals missed', exit: SIM_EXIT.liveness };
    case 'not_violated':
      return { line: `NOT CAUGHT: ${detail}`, badge: 'not caught', exit: SIM_EXIT.liveness };
    case 'safety':
      return { line: `SAFETY VIOLATED${note}: ${detail}`, badge: `safety violated${note}`, exit: SIM_EXIT.safety };
    case 'liveness':
      return {
        line: `LIVENESS VIOLATED${note}: DeliveredLive: ${detail}`,
        badge: `liveness violated${note}`,
        exit: SIM_EXIT.liveness,
      };
    case 'crashed':
      return { line: `CRASHED: ${detail}`, badge: 'crashed', exit: SIM_EXIT.crashed };
  }
}

/** Whether a run came out as it had to. */
export const asDeclared = ({ kind, expected }: Conclusion): boolean => kind === 'held' || expected;
