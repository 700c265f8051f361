/**
 * Makes the table of planted bugs in `docs/simulator.md`: each is built into a program of its own, which `sim fuzz` hunts on
 * one core for at most two minutes. `npm run planted`, or with names of bugs for those alone (the table then stays as it is).
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { argumentsOf } from '../../../tools/arguments.ts';
import { withTable } from '../../../tools/documents.ts';
import { bundlePatched } from '../../support/patched.ts';
import type { PlantedBug } from './bug.ts';
import { PLANTED } from './bugs.ts';
import { BY_OTHERS } from './by-others.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
/** Inside, so that the program finds its packages. */
const BUILT = join(ROOT, 'node_modules/.cache/planted');
const LONGEST = '120s';

export interface Found {
  readonly bug: PlantedBug;
  readonly rule: string;
  /** Seeds that were run until it was found. */
  readonly seeds: number;
  readonly seconds: number;
  /** Elements of the smallest case, and whether it is proved to be the smallest. */
  readonly elements: number;
  readonly minimal: boolean;
}

interface FuzzJson {
  readonly counts: { readonly runs: number };
  readonly seconds: number;
  readonly caught: readonly {
    readonly verdict: { readonly kind: string; readonly rule: string | null };
    readonly saved: { readonly elements: number; readonly minimal: boolean } | null;
  }[];
}

/** Null when it was not found in time. */
export async function find(bug: PlantedBug, args: readonly string[] = ['--duration', LONGEST]): Promise<Found | null> {
  mkdirSync(BUILT, { recursive: true });
  const program = join(BUILT, `${bug.name}.mjs`);
  await bundlePatched('src/cli/mailbox.ts', program, bug.patches);
  const out = mkdtempSync(join(tmpdir(), 'planted-'));
  try {
    const text = await run([program, 'sim', 'fuzz', '--workers', '1', '--out', out, '--json', ...args]);
    const { counts, seconds, caught } = JSON.parse(text) as FuzzJson;
    const [first] = caught;
    if (first?.saved == null) return null;
    const { rule, kind } = first.verdict;
    const { elements, minimal } = first.saved;
    return {
      bug,
      rule: rule ?? (kind === 'liveness' ? 'DeliveredLive' : kind),
      seeds: counts.runs,
      seconds,
      elements,
      minimal,
    };
  } finally {
    rmSync(out, { recursive: true });
    rmSync(program);
  }
}

/** The rule that a shipped schedule sees broken; null when it holds. Where it is built the schedules are found as from a package. */
export async function foundBy(bug: PlantedBug, schedule: string): Promise<string | null> {
  const folder = join(ROOT, 'dist/planted');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, `${bug.name}.mjs`);
  await bundlePatched('src/cli/mailbox.ts', program, bug.patches);
  try {
    const { verdict } = JSON.parse(await run([program, 'sim', 'run', schedule, '--json']));
    return verdict.kind === 'liveness' ? 'DeliveredLive' : (verdict.rule ?? null);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(out));
  });
}

const rowOf = ({ bug, rule, seeds, seconds, elements, minimal }: Found): string =>
  `| \`${bug.name}\` | ${bug.what} | ${rule} | ${seeds} | ${seconds.toFixed(0)} s | ${elements}${minimal ? '' : ' (not minimal)'} |`;

function table(found: readonly Found[]): string {
  const sizes = found.map(({ elements }) => elements).sort((a, b) => a - b);
  return [
    '| bug | what it does | found as | runs | time | elements |',
    '|---|---|---|---|---|---|',
    ...found.map(rowOf),
    '',
    `${found.length} bugs, all found; the smallest case has ${sizes[(sizes.length - 1) >> 1]} elements in the median, ${sizes.at(-1)} at most.`,
  ].join('\n');
}

function document(text: string): void {
  const path = join(ROOT, 'docs/simulator.md');
  writeFileSync(path, withTable(readFileSync(path, 'utf8'), 'planted', text));
}

if (process.argv[1] === import.meta.filename) {
  const names = argumentsOf(
    'npm run planted [-- BUG..]: hunts each planted bug, or those named; all of them make the table in docs/simulator.md',
    {},
    [...PLANTED, ...BY_OTHERS].map(({ name }) => name),
  ).positionals;
  const bugs = names.length === 0 ? PLANTED : [...PLANTED, ...BY_OTHERS].filter(({ name }) => names.includes(name));
  const found: Found[] = [];
  for (const bug of bugs) {
    const result = await find(bug);
    if (result === null) {
      console.log(`${bug.name}: NOT FOUND in ${LONGEST}`);
      process.exitCode = 1;
      continue;
    }
    found.push(result);
    console.log(rowOf(result));
  }
  if (names.length === 0 && found.length === bugs.length) document(table(found));
}
