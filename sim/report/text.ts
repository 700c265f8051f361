import { shellWord, visible } from '../../src/platform/visible.ts';
import { RULES } from '../checkers/breach.ts';
import type { HistoryCounts } from '../checkers/history.ts';
import { ACTIONS, emptyCells } from '../checkers/tally.ts';
import { type Conclusion, SIM_EXIT } from '../conclusion.ts';
import { FAULT_FAMILIES, FAULT_KINDS, type FaultKind } from '../faults/index.ts';
import { type BatchCounts, JUDGED_FROM, neverReached } from '../fuzz/batch.ts';
import type { Catch } from '../fuzz/hunt.ts';
import type { Replay } from '../replay/file.ts';
import type { SimResult } from '../run.ts';
import type { RunResult } from '../world.ts';
import { commandOf } from './command.ts';

const number = (value: number): string => Math.round(value).toLocaleString('en');

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${number(count)}`)
    .join(', ') || 'none';

/** What a rule says, where its name does not. */
function meaning({ rule }: Conclusion): string[] {
  return rule !== null && rule in RULES ? [`rule       ${rule}: ${RULES[rule as keyof typeof RULES]}`] : [];
}

const speed = (steps: number, simulatedMs: number, seconds: number): string =>
  `${number(steps / seconds)} events/s, ${number(simulatedMs / 1000 / seconds)} x real time`;

const historyLine = (history: HistoryCounts): string =>
  `${number(history.operations)} operations: ${list({ ...history, operations: 0 }).replace(/(, )?operations 0(, )?/, '$1')}`;

const goalsLine = ({ goals }: Conclusion): string =>
  goals.map(({ goal, least, reached }) => `${goal} ${reached}/${least}`).join(', ') || 'none';

/** A run in lines; `seconds` is how long it took, measured by the caller. */
export function formatResult(result: SimResult, seconds: number, version = ''): string {
  const { schedule, seed, steps, simulatedMs, hash, tally, injected, history, conclusion } = result;
  return [
    visible(`schedule   ${schedule.name}: ${schedule.description}`),
    `seed       ${seed}`,
    ...(version === '' ? [] : [`version    ${version}`]),
    `events     ${number(steps)} in ${(simulatedMs / 1000).toFixed(1)} s of simulated time`,
    `speed      ${speed(steps, simulatedMs, seconds)}`,
    `faults     ${list(injected)}`,
    `happened   ${list(tally)}`,
    `history    ${historyLine(history)}`,
    `goals      ${goalsLine(conclusion)}`,
    `hash       ${hash}`,
    `verdict    ${conclusion.line}`,
    ...meaning(conclusion),
    `repeat     ${commandOf(schedule, seed)}`,
  ].join('\n');
}

/** The same for machines. */
export function jsonOf({ schedule, matrix, conclusion, ...result }: SimResult, seconds: number): object {
  const coverage = Object.fromEntries(
    ACTIONS.map((action, row) => [
      action,
      Object.fromEntries(FAULT_KINDS.map((kind, column) => [kind, matrix[row * FAULT_KINDS.length + column] ?? 0])),
    ]),
  );
  return { schedule: schedule.name, ...result, ...concluded(conclusion), coverage, seconds };
}

/** How a run came out, for machines. */
export const concluded = ({ exit, ...verdict }: Conclusion): object => ({ verdict, exit });

export function formatReplay(
  file: string,
  recorded: Replay,
  run: RunResult,
  conclusion: Conclusion,
  seconds: number,
): string {
  const { elements } = recorded.script;
  const { kind, detail } = recorded.verdict;
  return [
    visible(
      `replay     ${file}: ${elements.length} elements of ${recorded.from}${recorded.minimal ? ', minimal' : ''}`,
    ),
    visible(`recorded   by ${recorded.version}: ${kind === detail ? kind : `${kind} ${detail}`}`),
    `events     ${number(run.steps)} in ${(run.simulatedMs / 1000).toFixed(1)} s of simulated time`,
    `speed      ${speed(run.steps, run.simulatedMs, seconds)}`,
    `hash       ${run.hash}`,
    ...(conclusion.goals.length === 0 ? [] : [`goals      ${goalsLine(conclusion)}`]),
    `verdict    ${conclusion.line}`,
    ...meaning(conclusion),
  ].join('\n');
}

// ---- many runs

export interface Batch {
  readonly counts: BatchCounts;
  readonly caught: readonly Catch[];
  readonly fromSeed: number;
  readonly lastSeed: number;
  readonly schedules: readonly string[];
  /** Goals of its schedules that no run reached. */
  readonly missed: readonly string[];
  readonly seconds: number;
  readonly workers: number;
  readonly version: string;
}

/** What is drawn at random must reach everything between its runs, when there are enough; schedules only their own goals. */
const isJudged = ({ counts, schedules }: Batch): boolean => schedules.length > 0 || counts.runs >= JUDGED_FROM;
const missing = ({ counts, schedules, missed }: Batch): readonly string[] =>
  schedules.length > 0 ? missed : neverReached(counts);

/** What a batch came to, for its exit code, its last line and its JSON. */
export interface BatchConclusion {
  readonly kind: 'held' | 'as_expected' | 'violated' | 'never_reached';
  readonly line: string;
  readonly exit: number;
}

export function concludeBatch(batch: Batch): BatchConclusion {
  const { caught, counts } = batch;
  const [first] = caught;
  if (first !== undefined) {
    const broken = [...new Set(caught.map(({ verdict: { kind, rule } }) => nameOf(kind, rule)))].join(', ');
    const line = `${caught.length} ${caught.length === 1 ? 'violation' : 'violations'}: ${broken}`;
    return { kind: 'violated', line, exit: first.verdict.exit };
  }
  if (isJudged(batch) && missing(batch).length > 0)
    return { kind: 'never_reached', line: 'NEVER REACHED, see above', exit: SIM_EXIT.liveness };
  const expected = Object.entries(counts.expected);
  const seen = expected.map(([rule, runs]) => `${rule} in ${number(runs)} of ${number(counts.runs)} runs`).join(', ');
  if (expected.length === 0) return { kind: 'held', line: 'held', exit: SIM_EXIT.held };
  return { kind: 'as_expected', line: `VIOLATED, as the schedules expect: ${seen}`, exit: SIM_EXIT.held };
}

const nameOf = (kind: Conclusion['kind'], rule: string | null): string =>
  kind === 'not_violated' ? `${rule} not caught` : (rule ?? kind);

export function formatCatch({ what, whole, line, saved, unsaved }: Catch): string {
  const head = `${what}\n  ${line}`;
  if (saved === null) return `${head}\n  not saved: ${unsaved}\n  repeat   ${whole}\n`;
  const proof = saved.minimal ? 'minimal' : 'not minimal: its time was over';
  return [
    head,
    `  shrunk   ${saved.of} elements to ${saved.elements}, ${proof}: ${saved.line}`,
    ...saved.story,
    `  repeat   mailbox sim replay ${shellWord(saved.file)}`,
    `  whole    ${whole}\n`,
  ].join('\n');
}

export function formatBatch(batch: Batch): string {
  const { counts, fromSeed, lastSeed, schedules, seconds, workers, version } = batch;
  const unreached = missing(batch);
  const judged = isJudged(batch);
  const note = judged
    ? unreached.join(', ')
    : `${unreached.length} (not judged: fewer than ${number(JUDGED_FROM)} runs)`;
  return [
    `seeds      ${fromSeed}..${lastSeed}${schedules.length === 0 ? ', swarm' : ` of ${visible(schedules.join(', '))}`}`,
    `version    ${version}`,
    `runs       ${number(counts.runs)} in ${seconds.toFixed(1)} s on ${workers} threads, ${number(counts.runs / seconds)}/s`,
    `events     ${number(counts.steps)} in ${number(counts.simulatedMs / 1000)} s of simulated time`,
    `speed      ${speed(counts.steps, counts.simulatedMs, seconds)}`,
    `faults     ${list(counts.injected)}`,
    `happened   ${list(counts.tally)}`,
    `coverage   ${coverageLine(counts.matrix)}`,
    `unreached  ${unreached.length === 0 ? 'nothing' : note}`,
    `verdict    ${concludeBatch(batch).line}`,
  ].join('\n');
}

function coverageLine(matrix: readonly number[]): string {
  const cells = ACTIONS.length * FAULT_KINDS.length;
  return `${cells - emptyCells(matrix).length} of ${cells} cells`;
}

const CELL = 10;
const NAME = 18;

function short(count: number): string {
  if (count === 0) return '.';
  if (count < 10_000) return String(count);
  return count < 10_000_000 ? `${Math.round(count / 1000)}k` : `${Math.round(count / 1e6)}M`;
}

/** Actions by kinds of faults, those that were felt: how often each action happened meanwhile. */
export function formatCoverage(matrix: readonly number[]): string {
  const cells = (kind: FaultKind): number[] =>
    ACTIONS.map((_, row) => matrix[row * FAULT_KINDS.length + FAULT_KINDS.indexOf(kind)] ?? 0);
  const felt = (kind: FaultKind): boolean => cells(kind).some((count) => count > 0);
  const line = (name: string, texts: readonly string[]): string =>
    name.padEnd(NAME) + texts.map((text) => text.padStart(CELL)).join('');
  const blocks = FAULT_FAMILIES.flatMap(([family, kinds]) => {
    const rows = kinds.filter(felt).map((kind) => line(`  ${kind}`, cells(kind).map(short)));
    return rows.length === 0 ? [] : [family, ...rows];
  });
  const never = FAULT_KINDS.filter((kind) => !felt(kind));
  return [
    line('while it was felt', ACTIONS),
    ...blocks,
    ...(never.length === 0 ? [] : [`never felt: ${never.join(', ')}`]),
  ].join('\n');
}
