import type { Limits } from '../core/limits.ts';
import type { ShardState } from '../core/state.ts';
import { Replica } from '../journal/replica.ts';
import type { Engine } from '../ports/engine.ts';
import type { Barred, Charged, Clocks, ProcessFact } from '../ports/process-facts.ts';
import { batchFraming, NOTHING } from './batch-framing.ts';
import { LogReading, type Replay } from './log-reading.ts';
import { ProcessReplay, ShardReplay } from './replays.ts';
import { ShardLog } from './shard-log.ts';

export interface LogsReading {
  readonly engine: Engine;
  readonly secret: Parameters<typeof batchFraming>[1];
  readonly shards: number;
  /** Those of processes that hold anything. */
  readonly processLogs: readonly number[];
}

/** How often a log is read: whoever owns it may trim it meanwhile. */
const TRIES = 3;

/** Reads one log to its end, without a claim. */
function readLog(
  reading: LogsReading,
  number: number,
  shard: number | null,
  replay: Replay,
  done: (error: Error | null) => void,
  tries = TRIES,
): void {
  readOnce(reading, number, shard, replay, (error) => {
    if (error === null || tries === 1) done(error);
    else readLog(reading, number, shard, replay, done, tries - 1);
  });
}

function readOnce(
  { engine, secret }: LogsReading,
  number: number,
  shard: number | null,
  replay: Replay,
  done: (error: Error | null) => void,
): void {
  const log = new ShardLog({ shard: number, framing: batchFraming('reader', secret), flightMax: 1, nothing: NOTHING });
  log.claim();
  LogReading.begin({ engine, number, shard, secret, log, replay, upTo: Number.POSITIVE_INFINITY }, (read) =>
    done(read instanceof Error ? read : null),
  );
}

/**
 * All logs of an engine as one journal: what each shard is, and what outlives processes. Each log is read to where it ends then: nodes may go
 * on meanwhile, and what is only in one of two logs is. Calls `done` once.
 */
export function readLogs(reading: LogsReading, done: (replica: Replica | Error) => void): void {
  const processes: Replica[] = [];
  const [first, ...others] = reading.processLogs;
  if (first === undefined) return done(new Error('export: no process has started yet'));
  const next = ([number, ...rest]: readonly number[]): void => {
    if (number === undefined) return readShards(reading, processes, done);
    const replay = new ProcessReplay();
    readLog(reading, number, null, replay, (error) => {
      if (error !== null) return done(error);
      if (replay.replica.limits !== null) processes.push(replay.replica);
      next(rest);
    });
  };
  next([first, ...others]);
}

function readShards(
  reading: LogsReading,
  processes: readonly Replica[],
  done: (replica: Replica | Error) => void,
): void {
  const { shards } = reading;
  // Those of whoever was there last.
  const last = processes.toSorted((one, other) => clockOf(one) - clockOf(other)).at(-1);
  if (last === undefined) return done(new Error('export: no process has started yet'));
  const limits = last.limits as Limits;
  const states: ShardState[] = [];
  const next = (shard: number): void => {
    if (shard === shards) return done(together(processes, states, { shards, limits }));
    const replay = new ShardReplay(shard, shards, limits);
    readLog(reading, shard, shard, replay, (error) => {
      if (error !== null) return done(error);
      states.push(replay.state);
      next(shard + 1);
    });
  };
  next(0);
}

const clockOf = ({ clocks }: Replica): number => clocks?.serviceMs ?? 0;

function together(
  processes: readonly Replica[],
  states: readonly ShardState[],
  about: { readonly shards: number; readonly limits: Limits },
): Replica {
  const facts = processes.flatMap((one) => one.processFacts());
  const others = facts.filter(({ name }) => name !== 'charged' && name !== 'barred');
  const term = Math.max(1, ...processes.map((one) => one.term));
  return Replica.of({ ...about, term }, [...clocksOf(processes, states), ...others, ...chargesOf(facts)], states);
}

/** The latest of all, and no fact of a shard is later. */
function clocksOf(processes: readonly Replica[], states: readonly ShardState[]): readonly Clocks[] {
  const said = processes.flatMap(({ clocks }) => clocks ?? []).toSorted((a, b) => a.serviceMs - b.serviceMs);
  const last = said.at(-1);
  if (last === undefined) return [];
  const serviceMs = Math.max(last.serviceMs, ...states.map(({ nowMs }) => nowMs));
  return [{ name: 'clocks', serviceMs, wallMs: last.wallMs + serviceMs - last.serviceMs }];
}

/** What several processes counted on the same window is used up together (AU2). */
function chargesOf(facts: readonly ProcessFact[]): readonly ProcessFact[] {
  const charges = new Map<string, Charged | Barred>();
  for (const fact of facts) {
    if (fact.name !== 'charged' && fact.name !== 'barred') continue;
    const key = JSON.stringify([fact.nonce, fact.chain ?? '', fact.name === 'charged' ? fact.line : null]);
    const before = charges.get(key);
    if (before === undefined || before.endMs < fact.endMs) charges.set(key, fact);
    else if (before.endMs === fact.endMs && before.name === 'charged' && fact.name === 'charged')
      charges.set(key, { ...before, used: before.used + fact.used });
  }
  return [...charges.values()];
}
