import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareGraphs, type Difference } from '../../src/model/compare.ts';
import { type Graph, rowOf } from '../../src/model/graph.ts';
import {
  graphFile,
  MODELS,
  type Model,
  type Specification,
  type Subject,
  subjectOf,
  TLA,
} from '../../src/model/models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import { eachLine, SHORT, spawnTlc } from '../../src/model/run-tlc.ts';
import { livenessOf, parseTlc } from '../../src/model/tlc-output.ts';
import { NUMBER_MIN, widthOf } from '../../src/model/values.ts';
import { type Mutant, mutate } from './mutants.ts';
import { CHOICE, weave } from './schema.ts';
import { specMutantsOf } from './spec-mutants.ts';
import type { Verdict } from './verdict.ts';
import { WovenDump } from './woven-dump.ts';

/** So many mutants go into one module at most: one that stops TLC makes the others run again. */
export const BATCH = 150;
const TIMEOUT_MS = 1_800_000;

/** Those whose actions are mutated. */
export type MutatedSpec = Exclude<Specification, 'Capability' | 'Ownership'>;
export const SPEC_FILES: Readonly<Record<MutatedSpec, string>> = {
  Mailbox: 'tla/Mailbox.tla',
  Durability: 'tla/Durability.tla',
};
const textOf = (specification: MutatedSpec): string => readFileSync(join(TLA, `${specification}.tla`), 'utf8');

export const specMutants = (): Mutant[] =>
  (Object.keys(SPEC_FILES) as MutatedSpec[]).flatMap((name) => specMutantsOf(SPEC_FILES[name], textOf(name)));

/** A tiny model, the graph of it that is on record, which the tests hold to be the code's, and the largest values there. */
interface Expected {
  readonly model: Model;
  readonly subject: Subject;
  readonly graph: Graph;
  readonly bound: string;
}

/** The tiny models of a specification, smallest first. */
export function expectedOf(specification: MutatedSpec): Expected[] {
  return MODELS.filter(({ tiny, graph }) => tiny && graph === specification)
    .map((model) => {
      const subject = subjectOf(model);
      const graph = decodeGraph(readFileSync(graphFile(model)), subject.variables, subject.actions);
      return { model, subject, graph, bound: boundOf(graph) };
    })
    .sort((a, b) => a.graph.count - b.graph.count);
}

/** What holds of every state of the graph, in TLA+: no number is larger or smaller than there, no sequence longer. */
function boundOf(graph: Graph): string {
  const largest = new Uint8Array(graph.width);
  const smallest = new Uint8Array(graph.width).fill(255);
  for (let i = 0; i < graph.count; i++) {
    const row = rowOf(graph, i);
    for (let at = 0; at < row.length; at++) {
      largest[at] = Math.max(largest[at] as number, row[at] as number);
      smallest[at] = Math.min(smallest[at] as number, row[at] as number);
    }
  }
  let at = 0;
  const conjuncts: string[] = [];
  for (const [name, type] of graph.variables) {
    const range = (width: number): string => {
      const [least, most] = [
        Math.min(...smallest.subarray(at, at + width)),
        Math.max(...largest.subarray(at, at + width)),
      ];
      return `${least + NUMBER_MIN}..${most + NUMBER_MIN}`;
    };
    if (type.kind === 'number') conjuncts.push(`${name} \\in ${range(1)}`);
    if (type.kind === 'function' && type.of.kind === 'number')
      conjuncts.push(`\\A each \\in Msgs : ${name}[each] \\in ${range(type.size)}`);
    if (type.kind === 'sequence') conjuncts.push(`Len(${name}) <= ${largest[at]}`);
    at += widthOf(type);
  }
  return `(${conjuncts.map((one) => `(${one})`).join(' /\\ ')})`;
}

/** Runs a batch of mutants of one specification through its tiny models. */
export class SpecLane {
  private readonly jar: string;
  private readonly folder: string;

  constructor(jar: string, folder: string) {
    this.jar = jar;
    this.folder = folder;
  }

  /**
   * Calls `found` with each verdict as it comes.
   * @throws Error when the rig itself is broken: the specification as it is must live, and TLC must get to an end
   */
  async run(
    specification: MutatedSpec,
    expected: readonly Expected[],
    batch: readonly Mutant[],
    found: (verdict: Verdict) => void,
  ): Promise<void> {
    const left = new Map(batch.map((mutant, i) => [i + 1, mutant]));
    const kill = (number: number, by: string, why: string): void => {
      const mutant = left.get(number);
      if (mutant === undefined) throw new Error(`mutation: the unchanged ${specification} differs in ${by}: ${why}`);
      left.delete(number);
      found({ mutant, verdict: 'killed', by, why });
    };
    for (const one of expected)
      while (left.size > 0) {
        const culprit = await this.pass(specification, one, left, kill);
        if (culprit === null) break;
        kill(culprit.number, `TLC, ${one.model.name}`, culprit.why);
      }
    for (const [number, mutant] of left) {
      const [{ model }] = expected as [Expected];
      const broken = await this.brokenBy(specification, mutant, model);
      if (broken !== null) kill(number, model.name, `violates ${broken}`);
      else found({ mutant, verdict: 'lives', by: '', why: '' });
    }
  }

  /** The property that a mutant with the right graph breaks: those may rest on more than the actions do. */
  private brokenBy(specification: MutatedSpec, mutant: Mutant, model: Model): Promise<string | null> {
    return this.inFolder(async (folder) => {
      writeFileSync(join(folder, `${specification}.tla`), mutate(textOf(specification), mutant));
      const config = readFileSync(join(TLA, `${model.name}.cfg`), 'utf8');
      writeFileSync(join(folder, `${model.name}.cfg`), config);
      const args = ['-config', `${model.name}.cfg`, '-workers', '1'];
      const output = await spawnTlc(this.jar, folder, args, model.name, SHORT, TIMEOUT_MS);
      return parseTlc(output, livenessOf(config), folder).violated[0] ?? null;
    });
  }

  /** With the modules in a folder of its own. */
  private async inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = mkdtempSync(join(this.folder, 'woven-'));
    try {
      for (const file of readdirSync(TLA).filter((name) => name.endsWith('.tla')))
        copyFileSync(join(TLA, file), join(folder, file));
      return await work(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** One run of TLC; null when it came to its end, else the mutant that stopped it. */
  private pass(
    specification: MutatedSpec,
    { model, subject, graph, bound }: Expected,
    left: ReadonlyMap<number, Mutant>,
    kill: (number: number, by: string, why: string) => void,
  ): Promise<{ number: number; why: string } | null> {
    return this.inFolder(async (folder) => {
      writeFileSync(join(folder, `${specification}.tla`), weave(textOf(specification), left, bound));
      writeFileSync(join(folder, 'Woven.cfg'), constantsOnly(readFileSync(join(TLA, `${model.name}.cfg`), 'utf8')));
      const dump = join(folder, 'graph.dot');
      const args = ['-config', 'Woven.cfg', '-workers', '1', '-dump', 'dot,actionlabels', dump];
      const output = await spawnTlc(this.jar, folder, args, model.name, SHORT, TIMEOUT_MS);
      const stopped = stoppedBy(output);
      if (stopped !== null) return stopped;
      const woven = new WovenDump(subject);
      eachLine(dump, (line) => woven.line(line));
      for (const number of [0, ...left.keys()]) {
        const why = woven.outside.get(number) ?? differenceIn(graph, woven.graphOf(number));
        if (why !== null) kill(number, model.name, why);
      }
      return null;
    });
  }
}

/** The configuration without what is to hold: a mutant is told by its graph. */
const constantsOnly = (config: string): string => config.replace(/^(INVARIANTS?|PROPERT(Y|IES))\b.*\n/gm, '');

/** The mutant in whose graph TLC met what it cannot evaluate, and what it said. @throws Error when there is none to blame */
function stoppedBy(output: string): { number: number; why: string } | null {
  const error = /^Error: ([\s\S]*?)$/m.exec(output);
  if (error === null && parseTlc(output, null, TLA).finished) return null;
  const number = [...output.matchAll(new RegExp(`^/\\\\ ${CHOICE} = (\\d+)`, 'gm'))].at(-1)?.[1];
  if (number === undefined)
    throw new Error(`mutation: TLC does not run the woven module:\n${output.split('\n').slice(-30).join('\n')}`);
  return { number: Number(number), why: error?.[1]?.trim() ?? 'does not come to an end' };
}

/** In a line: what one of them does, and after which steps, that the other does not. */
function differenceIn(code: Graph, spec: Graph | null): string | null {
  if (spec === null) return 'no initial state';
  const difference = compareGraphs(code, spec);
  return difference === null ? null : inShort(difference);
}

export function inShort({ trail, extra, missing }: Difference): string {
  const after = trail.slice(1).map(({ action }) => action);
  const names = (steps: Difference['extra']): string => [...new Set(steps.map(({ action }) => action))].join(', ');
  const sides = [
    ...(extra.length > 0 ? [`only the code has ${names(extra)}`] : []),
    ...(missing.length > 0 ? [`only the specification has ${names(missing)}`] : []),
  ];
  return `after ${after.length === 0 ? 'nothing' : after.join(', ')}: ${sides.join('; ')}`;
}
