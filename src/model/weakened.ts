import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Conjunct } from './inductive-models.ts';
import { TLA } from './models.ts';
import { SHORT, spawnTlc } from './run-tlc.ts';

/** The name of the model that leaves a conjunct of `Inv` out. */
export const withoutName = ({ name }: Conjunct): string => `Without${name}`;

const MODULES = ['Mailbox', 'Rules', 'Inductive'];
const VIOLATED = /^Error: (?:Invariant|Property|Action property) (\w+) is violated/gm;

/** Module and config of a model in which the conjunct is left out, and the property that then fails is all that is checked. */
export function weakened(conjunct: Conjunct): { readonly module: string; readonly config: string } {
  const { name, model, breaks } = conjunct;
  const checked = `${breaks.endsWith('Prop') ? 'PROPERTY' : 'INVARIANT'} ${breaks}`;
  const config = readFileSync(join(TLA, `${model}.cfg`), 'utf8')
    .replace('Left = {}', `Left = {"${name}"}`)
    .replace(/^INVARIANTS .*\n/m, '')
    .replace(/^PROPERTIES .*$/m, checked);
  const module = readFileSync(join(TLA, `${model}.tla`), 'utf8');
  return { module: module.replace(`MODULE ${model} `, `MODULE ${withoutName(conjunct)} `), config };
}

export interface WeakenedRun {
  readonly seconds: number;
  readonly output: string;
  /** Null when exactly that property failed. A state that TLC begins with is violated before there are any counts. */
  readonly surprise: string | null;
}

/** @throws Error */
export async function runWeakened(jar: string, conjunct: Conjunct): Promise<WeakenedRun> {
  const folder = mkdtempSync(join(tmpdir(), 'tlc-weakened-'));
  const startedMs = performance.now();
  try {
    const [name, { module, config }] = [withoutName(conjunct), weakened(conjunct)];
    for (const each of MODULES) copyFileSync(join(TLA, `${each}.tla`), join(folder, `${each}.tla`));
    writeFileSync(join(folder, `${name}.tla`), module);
    writeFileSync(join(folder, `${name}.cfg`), config);
    const output = await spawnTlc(jar, folder, ['-config', `${name}.cfg`, '-workers', '1'], name, SHORT);
    const violated = [...new Set([...output.matchAll(VIOLATED)].map(([, one]) => one))].join(', ');
    const surprise = violated === conjunct.breaks ? null : `violated: ${violated || 'nothing'}, not ${conjunct.breaks}`;
    return { seconds: (performance.now() - startedMs) / 1000, output, surprise };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
