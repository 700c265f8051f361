import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../model/compare.ts';
import { type Counterexample, follow, parseCounterexample } from '../model/counterexample.ts';
import { explainStep, explainTrail } from '../model/explain.ts';
import { type Variables, valuesOf } from '../model/graph.ts';
import { type MailboxConstants, readMailboxConstants } from '../model/mailbox.ts';
import { MODELS, type Model, type Subject, specificationOf, subjectOf, TLA } from '../model/models.ts';
import {
  CONSTANT_NAMES,
  type ConstantName,
  type LastError,
  lineOf,
  type MessageVariables,
  STEP_ACTIONS,
  TRACE_VERSION,
  type TraceConstants,
  type TraceStep,
  VARIABLE_NAMES,
  type VariableName,
} from './format.ts';

type Values = Readonly<Record<string, unknown>>;
/** What time takes from, by LetPass. */
const COUNTDOWNS: readonly VariableName[] = ['timer', 'left', 'ttl', 'keep', 'window'];

/** There is no counterexample in it, or it is not one of this model. */
export class CounterexampleError extends Error {
  override readonly name = 'CounterexampleError';
}

/** A counterexample, driven through the code. */
export interface Replayed {
  readonly summary: {
    readonly model: string;
    readonly violated: string;
    readonly states: number;
    /** States that the code came to as well, from the first on. */
    readonly matched: number;
    /** The action at which the code parts, or null. */
    readonly parts: string | null;
    readonly loops_to: number | null;
  };
  readonly text: string;
  /** As a trace; null for a specification of more than messages. */
  readonly trace: string | null;
}

/** Reads what TLC printed of this model. @throws CounterexampleError */
export function readCounterexample(output: string, { name }: Model, { variables, actions }: Subject): Counterexample {
  try {
    const replaced = replacedIn(readFileSync(join(TLA, `${name}.cfg`), 'utf8'));
    return parseCounterexample(output, variables, (label) => {
      const action = replaced.get(label) ?? label;
      return actions.includes(action) ? action : undefined;
    });
  } catch (error) {
    throw new CounterexampleError((error as Error).message);
  }
}

/** Reads what TLC printed of this model and drives the code along it. @throws CounterexampleError */
export function replayCounterexample(output: string, name: string): Replayed {
  const model = MODELS.find((one) => one.name === name);
  if (model === undefined) throw new CounterexampleError(`model: one of ${MODELS.map((one) => one.name).join(', ')}`);
  const subject = subjectOf(model);
  const { variables, driver } = subject;
  const { steps, violated, loopsTo } = readCounterexample(output, model, subject);
  const { matched, instead } = follow(driver(), steps);
  const parted = steps[matched];
  const last = steps[matched - 1]?.state;
  const head =
    parted === undefined
      ? `${name}: ${violated}\nthe code does all of it: ${matched} states`
      : `${name}: ${violated}\nthe code comes along to state ${matched} of ${steps.length} and parts at ${parted.action}`;
  const parting =
    parted === undefined
      ? []
      : [
          ...explainStep(variables, 'the counterexample', last, parted),
          ...(instead.length === 0
            ? [`the code has no ${parted.action} there`]
            : instead.flatMap((step) => explainStep(variables, 'the code', last, step))),
        ];
  return {
    summary: { model: name, violated, states: steps.length, matched, parts: parted?.action ?? null, loops_to: loopsTo },
    text: [head, explainTrail(variables, steps.slice(0, matched)), ...parting].join('\n'),
    trace:
      specificationOf(model) === 'Mailbox' ? traceOfBehaviour(variables, readMailboxConstants(TLA, name), steps) : null,
  };
}

/** Operators that a config puts in the place of others, by their own name. */
const replacedIn = (config: string): Map<string, string> =>
  new Map([...config.matchAll(/^\s*(\w+)\s*<-\s*(\w+)/gm)].map(([, of, by]) => [by as string, of as string]));

const at = (values: Values, name: string, m: number): unknown => (values[name] as readonly unknown[])[m - 1];
const less = (value: number, by: number): number => (value < 0 ? value : Math.max(value - by, 0));

/**
 * The trace of a behaviour of `tla/Mailbox.tla`, a tick being a millisecond. What changes no message (time, a crash, answers that
 * refuse) is no line of its own; room made in the dead letters is one, before what needed it.
 */
export function traceOfBehaviour(variables: Variables, c: MailboxConstants, steps: readonly Step[]): string {
  const lines: TraceStep[] = [];
  let nowMs = 0;
  let before = valuesOf(variables, (steps[0] as Step).state);
  const add = (action: string, more: Partial<TraceStep>): void => {
    lines.push({ seq: lines.length + 1, at_ms: nowMs, shard: 0, action, outcome: 'ok', ...more });
  };
  for (const { action, state } of steps.slice(1)) {
    const after = valuesOf(variables, state);
    if (!c.Errors) after['error'] = errorsAfter(action, before, after, c.N);
    if (action === 'Tick') nowMs++;
    if (action === 'Recover') nowMs += elapsed(before, after, c);
    if (action === 'Recover') add('Recover', {});
    else if (STEP_ACTIONS.includes(action)) {
      const changed = changedMessages(before, after, c.N);
      for (const m of changed.toSorted((one, other) => madeRoom(after, one) - madeRoom(after, other))) {
        const made = madeRoom(after, m) < 0 && action !== 'Purge' ? 'Purge' : action;
        const sent = made === 'Send' ? { topic: `topic-${c.TopicOf[m - 1]}`, idem_key: `key-${c.KeyOf[m - 1]}` } : {};
        add(made, { msg_id: `m${m}`, ...sent, changes: changesOf(before, after, m) });
      }
    }
    before = after;
  }
  const header = { trace: 'svc-mailbox', version: TRACE_VERSION, producer: 'tlc', commit: null } as const;
  return [{ ...header, constants: constantsOf(c) }, ...lines].map(lineOf).join('');
}

/** Before the rest: a message that had to go. */
const madeRoom = (after: Values, m: number): number => (at(after, 'state', m) === 'purged' ? -1 : 0);

function constantsOf(c: MailboxConstants): TraceConstants {
  const constants = Object.fromEntries(
    (Object.keys(CONSTANT_NAMES) as ConstantName[]).map((name) => [name, c[name]]),
  ) as Record<ConstantName, number>;
  constants.GlobalInflight -= c.Elsewhere;
  return constants;
}

/** A model may leave last errors out (`Errors`); a trace may not. */
function errorsAfter(action: string, before: Values, after: Values, count: number): LastError[] {
  return Array.from({ length: count }, (_, i) => {
    const [m, state] = [i + 1, at(after, 'state', i + 1)];
    const old = at(before, 'error', m) as LastError;
    if (state === 'absent' || state === 'acked' || state === 'purged') return 'none';
    if (state === at(before, 'state', m)) return old;
    if (action === 'Nack') return 'nacked';
    if (action === 'Reprocess') return 'none';
    if (action === 'Expire') return at(before, 'state', m) === 'leased' ? 'expired' : old;
    const takenBack = (at(after, 'releases', m) as number) > (at(before, 'releases', m) as number);
    return action === 'Release' && !takenBack ? 'released' : old;
  });
}

function changedMessages(before: Values, after: Values, count: number): number[] {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  return all.filter((m) => VARIABLE_NAMES.some((name) => at(before, name, m) !== at(after, name, m)));
}

function changesOf(before: Values, after: Values, m: number): Partial<MessageVariables> {
  const names = VARIABLE_NAMES.filter((name) => at(before, name, m) !== at(after, name, m));
  return Object.fromEntries(names.map((name) => [name, at(after, name, m)]));
}

/** TLC does not say how long the process was down: the first time that explains what is left. */
function elapsed(before: Values, after: Values, c: MailboxConstants): number {
  const explains = (d: number): boolean =>
    COUNTDOWNS.every((name) =>
      (before[name] as readonly number[]).every((value, i) => less(value, d) === at(after, name, i + 1)),
    );
  return c.Elapsed.find(explains) ?? 0;
}
