/** The explorer against TLC on the same model, and how fast a trace is checked. Alternating rounds, medians. */
import { advance } from '../src/core/advance.ts';
import type { Command } from '../src/core/commands.ts';
import { execute } from '../src/core/execute.ts';
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import { ShardState } from '../src/core/state.ts';
import { checkJava, tlcJar } from '../src/model/jar.ts';
import { MODELS, type Model, TLA } from '../src/model/models.ts';
import { Parallel } from '../src/model/parallel.ts';
import { spawnTlc } from '../src/model/run-tlc.ts';
import { parseTlc } from '../src/model/tlc-output.ts';
import { checkTrace } from '../src/trace/check.ts';
import { TraceRecorder } from '../src/trace/recorder.ts';
import { median } from './measure.ts';

const TLC_WORKERS = 2;
/** So small that its seconds are those of starting a virtual machine and reading modules. */
const START = 'NegReplyEarly';

export interface ExplorerFigures {
  readonly model: string;
  readonly states: number;
  /** Distinct states per second: the code's explorer, in two threads that run already. */
  readonly explorer: number;
  /** TLC with two workers and no dump, its start taken off; null without Java. */
  readonly tlc: number | null;
}

export async function benchExplorer(names: readonly string[], rounds = 5): Promise<ExplorerFigures[]> {
  const models = names.map((name) => MODELS.find((model) => model.name === name) as Model);
  const seen = models.map(() => ({ states: 0, explorer: [] as number[], tlc: [] as number[] }));
  const java = javaIsThere();
  const pair = new Parallel();
  for (let round = 0; round < rounds; round++) {
    for (const [i, model] of models.entries()) {
      const figures = seen[i] as (typeof seen)[number];
      const startedMs = performance.now();
      const { count } = await pair.explore(model);
      figures.explorer.push((count / (performance.now() - startedMs)) * 1000);
      figures.states = count;
      if (java) figures.tlc.push(await tlcStatesPerSecond(model.name));
    }
  }
  await pair.end();
  return models.map(({ name }, i) => {
    const { states, explorer, tlc } = seen[i] as (typeof seen)[number];
    return { model: name, states, explorer: median(explorer), tlc: java ? median(tlc) : null };
  });
}

function javaIsThere(): boolean {
  try {
    checkJava();
    return true;
  } catch {
    return false;
  }
}

async function tlcStatesPerSecond(name: string): Promise<number> {
  const timed = async (model: string): Promise<{ ms: number; distinct: number }> => {
    const startedMs = performance.now();
    const args = ['-workers', String(TLC_WORKERS), '-config', `${model}.cfg`];
    const output = await spawnTlc(tlcJar(), TLA, args, model);
    return { ms: performance.now() - startedMs, distinct: parseTlc(output, null, TLA).distinct };
  };
  const start = await timed(START);
  const run = await timed(name);
  return (run.distinct / (run.ms - start.ms)) * 1000;
}

/** Steps per second of `trace check`, reading the lines included. */
export function benchTraceCheck(lifecycles = 100_000, rounds = 5): number {
  const text = traceOf(lifecycles);
  const steps = text.split('\n').length - 2;
  const rates: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const startedMs = performance.now();
    const { mismatch } = checkTrace(text);
    if (mismatch !== null) throw new Error(`the trace is refused: ${mismatch.says}`);
    if (round >= 0) rates.push((steps / (performance.now() - startedMs)) * 1000);
  }
  return median(rates);
}

/** Sends, receives and acks of one topic, a millisecond apart. */
function traceOf(lifecycles: number): string {
  const lines: string[] = [];
  const limits = DEFAULT_LIMITS;
  const shard = new ShardState(0, limits);
  const recorder = new TraceRecorder({ producer: 'journal', commit: null, limits, write: (line) => lines.push(line) });
  const payload = new Uint8Array(16);
  let atMs = 1_000_000;
  const run = (command: Command): string => {
    const { facts } = execute(shard, command);
    for (const fact of facts) recorder.take(0, fact);
    const fact = facts[0];
    return fact?.msgId ?? '';
  };
  for (let i = 0; i < lifecycles; i++) {
    advance(shard, ++atMs);
    const content = {
      topic: 'bench',
      idemKey: `k${i}`,
      payload,
      payloadHash: '',
      hashChain: '',
      attrs: {},
      corrId: '',
    };
    run({ name: 'send', atMs, tsMs: atMs, ...content, delayMs: 0, ttlMs: Number.POSITIVE_INFINITY, random: i });
    const lease = {
      topic: 'bench',
      receipt: `r${i}`,
      visibilityMs: 30_000,
      bytesMax: 1e9,
      inflightElsewhere: 0,
      tenantInflightElsewhere: 0,
    };
    const msgId = run({ name: 'recv', atMs, ...lease });
    run({ name: 'ack', atMs, msgId, receipt: `r${i}` });
  }
  return lines.join('');
}
