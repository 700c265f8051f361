import { Stream } from '../../sim/random.ts';
import type { Command } from '../../src/core/commands.ts';
import { due } from '../../src/core/due.ts';
import { execute } from '../../src/core/execute.ts';
import type { Fact } from '../../src/core/facts.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { replay } from '../../src/core/replay.ts';
import { ShardState } from '../../src/core/state.ts';
import type { TraceHeader, TraceStep } from '../../src/trace/format.ts';
import { parseHeader, parseStep } from '../../src/trace/parse.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { sendOf } from './shard.ts';

/** Small enough for everything to happen in a few dozen steps. */
const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  ...{ maxAttempts: 3, maxRedrives: 1, inflightFactor: 2, releasesMax: 1, backoffBaseMs: 4, backoffMaxMs: 20 },
  ...{
    tReplayMs: 120,
    readyRetentionMs: 150,
    dlqRetentionMs: 200,
    shardCapacity: 3,
    globalInflight: 2,
    dedupCapacity: 3,
  },
  ...{ settledCapacity: 4, dlqMaxPerTopic: 1, dlqCapacity: 2 },
};
/** What each message is: topic and key. */
const MESSAGES = [
  ['t1', 'k1'],
  ['t2', 'k1'],
  ['t1', 'k2'],
  ['t1', 'k1'],
  ['t2', 'k2'],
] as const;

export interface CorpusTrace {
  readonly header: TraceHeader;
  readonly steps: readonly TraceStep[];
}

export const textOf = ({ header, steps }: CorpusTrace): string =>
  [header, ...steps].map((line) => `${JSON.stringify(line)}\n`).join('');

export const goodTrace = (seed: number): CorpusTrace => traceOf(goodFacts(seed));

/** One random life of a shard, driven through the shipped core with restarts in between. */
export function goodFacts(seed: number): readonly Fact[] {
  const random = new Stream(seed, 'trace');
  const facts: Fact[] = [];
  let state = new ShardState(0, LIMITS);
  let atMs = 1_000_000;
  let sent = 0;
  let receipts = 0;
  const take = (command: Command): void => {
    facts.push(...execute(state, command).facts);
  };
  const run = (command: Command): void => {
    take(command);
    settleDue();
  };
  const settleDue = (): void => {
    for (let next = due(state, 0); next !== null; next = due(state, 0))
      take(next.name === 'expire' ? { ...next, jitter: random.next() / 2 ** 32 } : next);
  };
  for (let i = 0; i < 40; i++) {
    atMs += random.chance(0.5) ? random.below(3) : random.below(40);
    if (random.chance(0.04)) {
      atMs += random.below(60) - 30;
      state = replay(0, LIMITS, facts);
      const recovered: Fact = { name: 'recovered', atMs };
      facts.push(recovered);
      state = replay(0, LIMITS, facts);
      settleDue();
      continue;
    }
    execute(state, { name: 'purge', atMs, msgId: 'none', reason: 'admin' });
    settleDue();
    const known = [...state.messages()];
    const message = known[random.below(Math.max(known.length, 1))];
    const what = random.below(10);
    const item = { atMs, msgId: message?.msgId ?? '', receipt: message?.receipt ?? 'none' };
    const jitter = random.next() / 2 ** 32;
    if (what < 3 && sent < MESSAGES.length) {
      const [topic, idemKey] = MESSAGES[sent] as readonly [string, string];
      const ttlMs = random.chance(0.2) ? 30 + random.below(50) : Number.POSITIVE_INFINITY;
      const before = facts.length;
      run(
        sendOf(atMs, topic, idemKey, {
          delayMs: random.chance(0.2) ? random.below(20) : 0,
          ttlMs,
          random: seed * 100 + sent,
        }),
      );
      if (facts.length > before) sent++;
    } else if (what < 6) {
      const topic = random.chance(0.6) ? 't1' : 't2';
      const recv = {
        name: 'recv',
        atMs,
        topic,
        receipt: `r${++receipts}`,
        visibilityMs: 10 + random.below(20),
      } as const;
      run({ ...recv, bytesMax: 99, inflightElsewhere: 0, tenantInflightElsewhere: 0 });
    } else if (what === 6) run({ name: 'ack', ...item });
    else if (what === 7) {
      const retryAfterMs = random.chance(0.3) ? random.below(30) : null;
      const nack = {
        name: 'nack',
        ...item,
        jitter,
        reason: random.pick(['why', 'expired', null]),
        retryAfterMs,
        deadLetter: random.chance(0.3),
      } as const;
      run({ ...nack, damaged: random.chance(0.1) });
    } else if (what === 8 && random.chance(0.5)) run({ name: 'release', ...item, jitter });
    else if (what === 8)
      run({ name: 'extend', ...item, visibilityMs: random.chance(0.5) ? null : 5 + random.below(30) });
    else if (random.chance(0.6)) run({ name: 'reprocess', ...item });
    else run({ name: 'purge', ...item, reason: 'admin' });
  }
  return facts;
}

/** The facts from `from` on; those before make what is found. */
export function traceOf(facts: readonly Fact[], from = 0): CorpusTrace {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const recorder = new TraceRecorder({ producer: 'simulator', commit: null, limits: LIMITS, write });
  if (from > 0) recorder.begin(replay(0, LIMITS, facts.slice(0, from)));
  for (const fact of facts.slice(from)) recorder.take(0, fact);
  const [header, ...steps] = lines;
  return { header: parseHeader(header as string), steps: steps.map((line, i) => parseStep(line, i + 2)) };
}

export const CORRUPTIONS = ['dropped', 'duplicated', 'swapped', 'edited'] as const;
export type Corruption = (typeof CORRUPTIONS)[number];

/** The trace with one line dropped, doubled, swapped with the next or edited; lines are numbered anew, so that only the behaviour tells. */
export function corrupted({ header, steps }: CorpusTrace, how: Corruption, seed: number): CorpusTrace {
  const random = new Stream(seed, `corrupt ${how}`);
  const lines = steps.slice();
  const at = random.below(Math.max(lines.length - 1, 1));
  const line = lines[at] as TraceStep;
  if (how === 'dropped') lines.splice(at, 1);
  else if (how === 'duplicated') lines.splice(at, 0, line);
  else if (how === 'swapped') lines.splice(at, 2, lines[at + 1] as TraceStep, line);
  else lines[at] = edited(line, random);
  return { header, steps: lines.map((step, i) => ({ ...step, seq: i + 1 })) };
}

const STATES = ['queued', 'leased', 'redelivered', 'acked', 'dead_lettered', 'purged'] as const;
const ACTIONS = ['Recv', 'Ack', 'Nack', 'Extend', 'Release', 'Expire', 'Reprocess', 'Purge'];

function edited(step: TraceStep, random: Stream): TraceStep {
  const names = Object.keys(step.changes ?? {});
  const kind = random.below(4);
  if (names.length === 0 || kind === 0) return { ...step, at_ms: step.at_ms + 1 + random.below(25) };
  if (kind === 1 && step.action !== 'Send')
    return { ...step, action: ACTIONS[(ACTIONS.indexOf(step.action) + 1 + random.below(7)) % 8] as string };
  const name = names[random.below(names.length)] as string;
  const changes: Record<string, unknown> = { ...step.changes };
  if (kind === 2) delete changes[name];
  else if (name === 'state') changes[name] = STATES[(STATES.indexOf(changes[name] as never) + 1 + random.below(5)) % 6];
  else if (typeof changes[name] === 'number') changes[name] = (changes[name] as number) + 1 + random.below(3);
  else delete changes[name];
  return { ...step, changes } as TraceStep;
}
