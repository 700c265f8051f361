import { writeFileSync } from 'node:fs';
import { Compile } from 'typebox/compile';
import { LIMITS_BEFORE } from '../../src/core/limits.ts';
import { readBounded } from '../../src/platform/bounded.ts';
import { visible } from '../../src/platform/visible.ts';
import { CLIENT_GOALS } from '../checkers/tally.ts';
import { type Conclusion, conclude, type Expectations, NOTHING_MORE } from '../conclusion.ts';
import { completed } from '../faults/lookup.ts';
import { whyUnreadable } from '../files.ts';
import type { Setup } from '../setup.ts';
import type { RunResult, World } from '../world.ts';
import { ScheduleError } from '../yaml.ts';
import { explain } from './explain.ts';
import { replaySchema } from './schema.ts';
import type { Element, Script } from './script.ts';

export const REPLAY_FORMAT = 'svc-mailbox replay 1';

/** A run that was saved: what it takes to run it again, and how it went. */
export interface Replay {
  readonly title: string;
  /** Where it comes from: a schedule and a seed. */
  readonly from: string;
  readonly version: string;
  readonly verdict: Pick<Conclusion, 'kind' | 'rule' | 'detail'>;
  readonly expects: Expected;
  /** Shrunk until nothing could be taken out any more. */
  readonly minimal: boolean;
  readonly hash: string;
  /** A number for each step: where two runs part, these differ first. */
  readonly prints: readonly number[];
  readonly script: Script;
}

/** What the run had to show, with what its clients counted of it: a script has their calls and not them. */
export interface Expected extends Expectations {
  readonly counted: Readonly<Record<string, number>>;
}

/** What a script must show that comes from a schedule; `tally` is of the whole run, whose goals are asked for. */
export function expectationsOf({ goals, violates }: Expectations, tally: RunResult['tally'] = {}): Expected {
  const counted = CLIENT_GOALS.filter((goal) => goal in goals).map((goal) => [goal, tally[goal] ?? 0]);
  return { goals, violates, counted: Object.fromEntries(counted) };
}

/** How a run of a script came out, by what it had to show. */
export const concludeReplay = ({ verdict, tally }: RunResult, expects: Expected): Conclusion =>
  conclude({ verdict, tally: { ...tally, ...expects.counted } }, expects);

/** What a finished run leaves to be saved. */
export function replayOf(
  script: Script,
  { world, run }: { readonly world: World; readonly run: RunResult },
  about: Pick<Replay, 'title' | 'from' | 'version' | 'minimal' | 'expects'>,
): Replay {
  const { title, from, version, minimal, expects } = about;
  const { kind, rule, detail } = concludeReplay(run, expects);
  const verdict = { kind, rule, detail: detail.split('\n')[0] || kind };
  return { title, from, version, minimal, expects, verdict, hash: run.hash, prints: world.loop.prints ?? [], script };
}

/** One element a line, so that two files can be compared line by line. */
export function formatReplay({ prints, script, ...rest }: Replay): string {
  const { elements, capabilities, ...world } = script;
  const head = JSON.stringify({
    format: REPLAY_FORMAT,
    ...rest,
    prints: Buffer.from(Uint32Array.from(prints).buffer).toString('base64'),
  });
  const lines = (values: readonly unknown[]): string => values.map((value) => `\n${JSON.stringify(value)}`).join(',');
  const forEver = capabilities.map((c) => ({ ...c, expiresS: Number.isFinite(c.expiresS) ? c.expiresS : null }));
  return `${head.slice(0, -1)},\n"script":${JSON.stringify(world).slice(0, -1)},\n"capabilities":[${lines(forEver)}],\n"elements":[${lines(elements)}\n]}}\n`;
}

export function writeReplay(path: string, replay: Replay): void {
  writeFileSync(path, formatReplay(replay));
}

const schema = Compile(replaySchema);

/** As a file has it; those of earlier versions do not say what was expected. */
interface Given {
  readonly format: string;
  readonly prints: string;
  readonly expects?: Expected;
}

/** @throws ScheduleError naming the file and what is wrong in it */
export function readReplay(path: string): Replay {
  let text: string;
  try {
    text = readBounded(path, REPLAY_BYTES_MAX).toString();
  } catch (error) {
    throw new ScheduleError(`${visible(path)}: ${whyUnreadable(error)}`);
  }
  return parseReplay(text, visible(path));
}

/** A day of simulated time under load takes a tenth of it. */
const REPLAY_BYTES_MAX = 256 * 1024 ** 2;

/** @throws ScheduleError */
export function parseReplay(text: string, path: string): Replay {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ScheduleError(`${path}: not JSON: ${visible((error as Error).message)}`);
  }
  if ((value as { format?: unknown } | null)?.format !== REPLAY_FORMAT) {
    throw new ScheduleError(`${path}: format: must be "${REPLAY_FORMAT}"; is this a replay file?`);
  }
  if (!schema.Check(value)) throw new ScheduleError(`${path}: ${explain(value)}`);
  const { format: _, prints, ...rest } = value as unknown as Omit<Replay, 'prints' | 'expects'> & Given;
  const bytes = new Uint8Array(Buffer.from(prints, 'base64'));
  const { script } = rest;
  const capabilities = script.capabilities.map((c) => ({ ...c, expiresS: c.expiresS ?? Number.POSITIVE_INFINITY }));
  const replay = {
    ...rest,
    expects: rest.expects ?? { ...NOTHING_MORE, counted: {} },
    script: { ...script, setup: withLaterLimits(script.setup), capabilities, elements: script.elements.map(whole) },
    prints: [...new Uint32Array(bytes.buffer, 0, bytes.length >> 2)],
  };
  checkSetup(replay.script, path);
  for (const i of script.elements.keys()) check(replay.script, i, `${path}: script.elements[${i}]`);
  return replay;
}

const withLaterLimits = (setup: Setup): Setup => ({
  ...setup,
  // Its own first, in their order: what is written again is the same.
  limits: { ...setup.limits, ...LIMITS_BEFORE, ...setup.limits },
});

/** With all that later versions say of it. */
const whole = (element: Element): Element =>
  'fault' in element ? { ...element, fault: completed(element.fault) } : element;

/** @throws ScheduleError */
function checkSetup({ setup: { syncMs } }: Script, path: string): void {
  if (syncMs.max < syncMs.min) throw new ScheduleError(`${path}: script.setup.syncMs: max must be at least min`);
}

/** What no schema says: numbers that name something must name something that is there. */
function check({ setup, capabilities, elements }: Script, i: number, where: string): void {
  const element = elements[i] as Element;
  const node = 'call' in element ? element.call.node : element.fault.node;
  if (node >= setup.nodes) throw new ScheduleError(`${where}: node: must be below the number of nodes, ${setup.nodes}`);
  if ('call' in element && element.call.capability >= capabilities.length) {
    throw new ScheduleError(`${where}: call.capability: there are only ${capabilities.length}`);
  }
  const before = elements[i - 1];
  if (before !== undefined && before.atMs > element.atMs) throw new ScheduleError(`${where}: atMs: goes back`);
}
