import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph } from './graph.ts';
import { type Model, type Subject, subjectOf, TLA } from './models.ts';
import { DumpReader } from './tlc-dump.ts';
import { livenessOf, parseTlc, surprise, type TlcResult } from './tlc-output.ts';

const WORKERS = 2;
const READ_BYTES = 1 << 20;

export interface TlcRun {
  readonly model: Model;
  readonly seconds: number;
  readonly output: string;
  readonly result: TlcResult;
  /** Null when TLC said what it must. */
  readonly surprise: string | null;
  /** The state graph, where the model has one and TLC came to its end. */
  readonly graph: Graph | null;
}

/** For a machine of its own, and for many short runs side by side. */
const LONG = ['-XX:+UseParallelGC'];
export const SHORT: readonly string[] = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/**
 * Runs TLC on a module; resolves with all it printed. `args` come before the module's name. Each run has a temporary folder of
 * its own: TLC unpacks the standard modules into it by their plain names, and removes them at its end.
 */
export function spawnTlc(
  jar: string,
  folder: string,
  args: readonly string[],
  module: string,
  jvm: readonly string[] = LONG,
  timeoutMs = 0,
): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'tlc-'));
  const java = [
    ...jvm,
    `-Djava.io.tmpdir=${scratch}`,
    '-cp',
    jar,
    'tlc2.TLC',
    '-metadir',
    join(scratch, 'states'),
    ...args,
    module,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('java', java, { cwd: folder, timeout: timeoutMs, killSignal: 'SIGKILL' });
    let output = '';
    const add = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.on('error', reject);
    child.on('close', () => {
      rmSync(scratch, { recursive: true, force: true });
      resolve(output);
    });
  });
}

/** Checks one model with TLC; where the code is compared with it, the state graph is dumped and read. @throws Error */
export async function runModel(jar: string, model: Model, folder: string = TLA): Promise<TlcRun> {
  const scratch = mkdtempSync(join(tmpdir(), 'tlc-dump-'));
  const startedMs = performance.now();
  try {
    const dump = join(scratch, 'graph.dot');
    const args = ['-config', `${model.name}.cfg`];
    if (model.expected.kind === 'reaches') args.push('-continue');
    // The dump is only complete and in order with one worker.
    if (model.graph === null) args.push('-workers', String(WORKERS));
    else args.push('-workers', '1', '-dump', 'dot,actionlabels', dump);
    const output = await spawnTlc(jar, folder, args, model.name);
    const config = readFileSync(join(folder, `${model.name}.cfg`), 'utf8');
    const result = parseTlc(output, livenessOf(config), folder);
    const surprised = surprise(result, model.expected);
    const graph = model.graph === null || surprised !== null ? null : readDump(dump, subjectOf(model, folder), result);
    return { model, seconds: (performance.now() - startedMs) / 1000, output, result, surprise: surprised, graph };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function readDump(path: string, { variables, actions }: Subject, { distinct }: TlcResult): Graph {
  const reader = new DumpReader(variables, actions);
  eachLine(path, (line) => reader.line(line));
  return reader.finish(distinct);
}

/** A file's lines, read piece by piece: a dump may be larger than a string. */
export function eachLine(path: string, take: (line: string) => void): void {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(READ_BYTES);
    let rest = '';
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const lines = (rest + chunk.toString('latin1', 0, read)).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) take(line);
    }
    take(rest);
  } finally {
    closeSync(file);
  }
}
