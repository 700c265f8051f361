import type { Step } from './compare.ts';
import type { Driver } from './explore.ts';
import { readState, type Variables, widthOfState } from './graph.ts';
import { TypeMismatch } from './values.ts';

/** A behaviour that TLC printed because something does not hold of it. */
export interface Counterexample {
  /** As TLC says it. */
  readonly violated: string;
  /** From the initial state on; actions of the world and refusals among them. */
  readonly steps: readonly Step[];
  /** The index of the step to which a liveness violation comes back, its own last one when it stutters, else null. */
  readonly loopsTo: number | null;
}

const STATE = /^(?:State )?(\d+): <(Initial predicate|\w+)\b.*>$/;
const BACK = /^(?:State )?\d+: Back to state (\d+)\b|^Back to state (\d+)\b/;
const STUTTERING = /^(?:State )?\d+: Stuttering/;
const CONJUNCT = /^(?:\/\\ )?(\w+) = (.*)$/;

/**
 * Reads the first counterexample in what TLC printed, whatever stands around it. `actionOf` says which action a label is.
 * @throws TypeMismatch when there is none, or when it is not of a model with these variables
 */
export function parseCounterexample(
  output: string,
  variables: Variables,
  actionOf: (name: string) => string | undefined,
): Counterexample {
  const lines = output.split(/\r?\n/);
  const violated = lines.find((line) => /^Error: .*\bviolated\b/.test(line))?.slice('Error: '.length) ?? 'not said';
  const steps: Step[] = [];
  let loopsTo: number | null = null;
  for (let i = lines.findIndex((line) => STATE.test(line)); i >= 0 && i < lines.length; ) {
    const line = lines[i++] as string;
    const back = BACK.exec(line);
    if (back !== null) loopsTo = Number(back[1] ?? back[2]) - 1;
    if (STUTTERING.test(line)) loopsTo = steps.length - 1;
    const [, number, action] = STATE.exec(line) ?? [];
    if (number === undefined) continue;
    // The next behaviour begins.
    if (Number(number) !== steps.length + 1) break;
    const name = action === 'Initial predicate' ? 'Init' : actionOf(action as string);
    if (name === undefined) throw new TypeMismatch(`state ${number}: ${action} is no action of this model`);
    const conjuncts: string[] = [];
    while (i < lines.length && lines[i] !== '' && !STATE.test(lines[i] as string)) conjuncts.push(lines[i++] as string);
    steps.push({ action: name, state: stateOf(conjuncts, variables, Number(number)) });
  }
  if (steps.length === 0)
    throw new TypeMismatch('no counterexample: TLC prints one as "State 1: <Initial predicate>", ..');
  return { violated, steps, loopsTo };
}

/** A value may go over several lines. */
function stateOf(lines: readonly string[], variables: Variables, number: number): Uint8Array {
  const found = new Map<string, string>();
  let last = '';
  for (const line of lines) {
    const [, name, value] = CONJUNCT.exec(line) ?? [];
    if (name === undefined) found.set(last, `${found.get(last) ?? ''} ${line.trim()}`);
    else found.set(name, value as string);
    last = name ?? last;
  }
  const bytes = new Uint8Array(widthOfState(variables));
  readState(found, variables, bytes, `state ${number}`);
  return bytes;
}

/** How far the code goes along with a behaviour. */
export interface Followed {
  /** States that the code came to, from the first on. */
  readonly matched: number;
  /** What the code does instead in the last of them; empty when it went all the way. */
  readonly instead: readonly Step[];
}

/** Drives the code along the states of a behaviour: at each one it is asked for everything that it may do next. */
export function follow<Saved>(driver: Driver<Saved>, steps: readonly Step[]): Followed {
  const bytes = new Uint8Array(widthOfState(driver.variables));
  let saved: Saved | null = null;
  driver.initial(() => {
    driver.encode(bytes);
    if (saved === null && equal(bytes, steps[0]?.state)) saved = driver.save();
  });
  if (saved === null) return { matched: 0, instead: [{ action: 'Init', state: bytes }] };
  for (let at = 1; at < steps.length; at++) {
    const [before, wanted] = [steps[at - 1] as Step, steps[at] as Step];
    const next: Tried<Saved> = stepFrom(driver, saved as Saved, before.state, wanted);
    if (next.saved === null) return { matched: at, instead: next.tried };
    saved = next.saved;
  }
  return { matched: steps.length, instead: [] };
}

/** What the code came to by the wanted step, or where else its action leads. */
interface Tried<Saved> {
  saved: Saved | null;
  readonly tried: Step[];
}

function stepFrom<Saved>(driver: Driver<Saved>, saved: Saved, before: Uint8Array, wanted: Step): Tried<Saved> {
  const found: Tried<Saved> = { saved: null, tried: [] };
  const see = (action: number): void => {
    const state = new Uint8Array(before.length);
    driver.encode(state);
    const step = { action: driver.actions[action] as string, state };
    if (step.action === wanted.action && equal(state, wanted.state)) found.saved ??= driver.save();
    else if (step.action === wanted.action) found.tried.push(step);
  };
  driver.restore(saved);
  driver.expand(saved, before, see, see);
  return found;
}

const equal = (one: Uint8Array, other: Uint8Array | undefined): boolean =>
  other !== undefined && Buffer.compare(one, other) === 0;
