import { readFileSync, writeFileSync } from 'node:fs';
import { Compile } from 'typebox/compile';
import type { RunResult, Verdict, World } from '../world.ts';
import { ScheduleError } from '../yaml.ts';
import { replaySchema } from './schema.ts';
import type { Element, Script } from './script.ts';
import { type Failure, failureOf } from './shrink.ts';

export const REPLAY_FORMAT = 'svc-mailbox replay 1';

/** A run that was saved: what it takes to run it again, and how it went. */
export interface Replay {
  readonly title: string;
  /** Where it comes from: a schedule and a seed. */
  readonly from: string;
  readonly version: string;
  readonly verdict: Failure & { readonly detail: string };
  /** Shrunk until nothing could be taken out any more. */
  readonly minimal: boolean;
  readonly hash: string;
  /** A number for each step: where two runs part, these differ first. */
  readonly prints: readonly number[];
  readonly script: Script;
}

/** What a finished run leaves to be saved. */
export function replayOf(
  script: Script,
  { world, run }: { readonly world: World; readonly run: RunResult },
  about: Pick<Replay, 'title' | 'from' | 'version' | 'minimal'>,
): Replay {
  const { verdict, hash } = run;
  return {
    ...about,
    verdict: { ...failureOf(verdict), detail: detailOf(verdict) },
    hash,
    prints: world.loop.prints ?? [],
    script,
  };
}

const detailOf = (verdict: Verdict): string =>
  'detail' in verdict ? (verdict.detail.split('\n')[0] as string) : 'held';

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

/** @throws ScheduleError naming the file and what is wrong in it */
export function readReplay(path: string): Replay {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ScheduleError(`${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`);
  }
  return parseReplay(text, path);
}

/** @throws ScheduleError */
export function parseReplay(text: string, path: string): Replay {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ScheduleError(`${path}: not JSON: ${(error as Error).message}`);
  }
  if ((value as { format?: unknown } | null)?.format !== REPLAY_FORMAT) {
    throw new ScheduleError(`${path}: format: must be "${REPLAY_FORMAT}"; is this a replay file?`);
  }
  if (!schema.Check(value)) throw new ScheduleError(`${path}: ${explain(value)}`);
  const {
    format: _,
    prints,
    ...rest
  } = value as unknown as Omit<Replay, 'prints'> & { format: string; prints: string };
  const bytes = new Uint8Array(Buffer.from(prints, 'base64'));
  const { script } = rest;
  const capabilities = script.capabilities.map((c) => ({ ...c, expiresS: c.expiresS ?? Number.POSITIVE_INFINITY }));
  const replay = {
    ...rest,
    script: { ...script, capabilities },
    prints: [...new Uint32Array(bytes.buffer, 0, bytes.length >> 2)],
  };
  for (const [i, element] of script.elements.entries()) check(replay.script, element, `${path}: script.elements[${i}]`);
  return replay;
}

/** What no schema says: numbers that name something must name something that is there. */
function check({ setup, capabilities, elements }: Script, element: Element, where: string): void {
  const node = 'call' in element ? element.call.node : element.fault.node;
  if (node >= setup.nodes) throw new ScheduleError(`${where}: node: must be below the number of nodes, ${setup.nodes}`);
  if ('call' in element && element.call.capability >= capabilities.length) {
    throw new ScheduleError(`${where}: call.capability: there are only ${capabilities.length}`);
  }
  const before = elements[elements.indexOf(element) - 1];
  if (before !== undefined && before.atMs > element.atMs) throw new ScheduleError(`${where}: atMs: goes back`);
}

interface Fault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function explain(value: unknown): string {
  const faults = schema.Errors(value) as readonly Fault[];
  // Of a union every branch complains; the one that got farthest is the one that was meant.
  const deepest = faults
    .filter(({ keyword }) => keyword !== 'boolean' && keyword !== 'anyOf')
    .toSorted((a, b) => depth(b) - depth(a))[0];
  const error = deepest ?? faults[0];
  if (error === undefined) return 'does not fit';
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const { additionalProperties, requiredProperties } = error.params as Record<string, string[] | undefined>;
  if (additionalProperties !== undefined) return `${path}.${additionalProperties[0]}: unknown field`;
  if (requiredProperties !== undefined) return `${path}.${requiredProperties[0]}: missing`;
  return `${path}: ${error.message}`;
}

const depth = ({ instancePath }: Fault): number => instancePath.split('/').length;
