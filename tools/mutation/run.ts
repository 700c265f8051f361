import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkJava, tlcJar } from '../../src/model/jar.ts';
import { CODE_FILES, CodeLane, codeMutants, ROOT } from './code.ts';
import type { Equivalents } from './equivalents.ts';
import { type Mutant, mutantOf } from './mutants.ts';
import { BATCH, expectedOf, type MutatedSpec, SPEC_FILES, SpecLane, specMutants } from './spec.ts';
import { type Kind, verdictStampOf } from './stamp.ts';
import type { Verdict } from './verdict.ts';
import { VerdictLog } from './verdict-log.ts';

export interface Choice {
  /** How many, chosen by the seed; all when undefined. */
  readonly sample: number | undefined;
  readonly seed: number;
  /** Only ids that hold this text. */
  readonly match: string;
  readonly lanes: number;
  /** Equivalents are run in the full models, too. */
  readonly thorough: boolean;
  /** Verdicts of a run that was broken off are not taken over. */
  readonly fresh: boolean;
}
type Seen = (verdict: Verdict, done: number, all: number) => void;

export interface Run {
  readonly kind: Kind;
  /** All there are, whether chosen or not. */
  readonly mutants: readonly Mutant[];
  readonly verdicts: readonly Verdict[];
  readonly seconds: number;
}

/** Runs the chosen mutants of one kind. @throws Error when the rig itself is broken: a canary lives, or the unchanged dies */
export async function runKind(kind: Kind, choice: Choice, equivalents: Equivalents, seen: Seen): Promise<Run> {
  const startedMs = performance.now();
  const mutants = kind === 'code' ? codeMutants() : specMutants();
  const chosen = choose(mutants, choice);
  const log = new VerdictLog(verdictStampOf(kind), choice.fresh);
  const verdicts: Verdict[] = [];
  const add = (verdict: Verdict): void => {
    verdicts.push(verdict);
    seen(verdict, verdicts.length, chosen.length);
  };
  const open: Mutant[] = [];
  for (const mutant of chosen) {
    const known = log.find(mutant);
    if (known === undefined) open.push(mutant);
    else add(known);
  }
  const folder = scratch();
  try {
    const found = (verdict: Verdict): void => {
      log.add(verdict);
      add(verdict);
    };
    if (kind === 'code') await runCode(open, choice, equivalents, folder, found);
    else await runSpec(open, choice.lanes, folder, found);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { kind, mutants, verdicts, seconds: (performance.now() - startedMs) / 1000 };
}

/** Inside of node_modules, so that bundles find the packages they import. */
function scratch(): string {
  const cache = join(ROOT, 'node_modules/.cache/svc-mailbox');
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(join(cache, 'mutants-'));
}

function choose(mutants: readonly Mutant[], { sample, seed, match }: Choice): Mutant[] {
  const own = mutants.filter(({ id }) => id.includes(match));
  if (sample === undefined) return own;
  const random = mulberry32(seed);
  const drawn = own.map((mutant) => ({ mutant, at: random() })).sort((a, b) => a.at - b.at);
  return drawn.slice(0, sample).map(({ mutant }) => mutant);
}

/** A small generator of numbers in [0, 1), the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const inLanes = async (lanes: number, lane: () => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: lanes }, lane));
};

/** The change of one text in a file, the first place where it stands. @throws Error when it stands nowhere */
function changeOf(file: string, original: string, replacement: string): Mutant {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const start = text.indexOf(original);
  if (start < 0) throw new Error(`mutation: ${file} does not hold ${original}; choose another canary`);
  return mutantOf(file, text, '', start, start + original.length, replacement);
}

/** What must be so for any verdict to mean something: the code as it is lives, an epoch that grows by two dies. */
async function canariesOfCode(lane: CodeLane): Promise<void> {
  const file = CODE_FILES[0] as string;
  const [line, wrong] = ['message.epoch += 1;', 'message.epoch += 2;'];
  const unchanged = await lane.run(changeOf(file, line, line), false);
  if (unchanged.verdict !== 'lives')
    throw new Error(`mutation: the unchanged code is ${unchanged.verdict} by ${unchanged.by}: ${unchanged.why}`);
  const canary = await lane.run(changeOf(file, line, wrong), false);
  if (canary.verdict !== 'killed')
    throw new Error('mutation: the canary lives: epochs grow by two, and nothing sees it');
}

async function runCode(
  open: readonly Mutant[],
  { lanes, thorough }: Choice,
  equivalents: Equivalents,
  folder: string,
  found: (verdict: Verdict) => void,
): Promise<void> {
  const all = Array.from({ length: lanes }, () => new CodeLane(mkdtempSync(join(folder, 'lane-'))));
  try {
    await canariesOfCode(all[0] as CodeLane);
    let next = 0;
    let lane = 0;
    await inLanes(lanes, async () => {
      const own = all[lane++] as CodeLane;
      while (next < open.length) {
        const mutant = open[next++] as Mutant;
        found(await own.run(mutant, thorough || !(mutant.id in equivalents)));
      }
    });
  } finally {
    for (const one of all) one.end();
  }
}

/** The specification as it is goes with every batch and must live; so does a canary, and must die. */
async function runSpec(
  open: readonly Mutant[],
  lanes: number,
  folder: string,
  found: (verdict: Verdict) => void,
): Promise<void> {
  checkJava();
  const jar = tlcJar();
  for (const specification of Object.keys(SPEC_FILES) as MutatedSpec[]) {
    const own = open.filter(({ file }) => file === SPEC_FILES[specification]);
    if (own.length === 0) continue;
    const expected = expectedOf(specification);
    const canary = canaryOf(specification);
    let next = 0;
    await inLanes(lanes, async () => {
      const lane = new SpecLane(jar, folder);
      while (next < own.length) {
        const batch = own.slice(next, next + BATCH);
        next += BATCH;
        const verdicts = await lane.run(specification, expected, [...batch, canary]);
        if (verdicts.find(({ mutant }) => mutant === canary)?.verdict !== 'killed')
          throw new Error(`mutation: the canary of ${specification} lives`);
        for (const verdict of verdicts) if (verdict.mutant !== canary) found(verdict);
      }
    });
  }
}

function canaryOf(specification: MutatedSpec): Mutant {
  const file = SPEC_FILES[specification];
  return specification === 'Mailbox'
    ? { ...changeOf(file, 'epoch[m] + 1', 'epoch[m] + 2'), definition: 'Recv' }
    : { ...changeOf(file, "/\\ draining' = flight", "/\\ draining' = 0"), definition: 'Synced' };
}
