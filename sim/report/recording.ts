import { rowsOf } from '../../spec/table.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { ShardState } from '../../src/core/state.ts';
import { ASKED, INVARIANT_TEXT } from '../checkers/asked.ts';
import { RULES } from '../checkers/breach.ts';
import { ACTIONS } from '../checkers/tally.ts';
import { EPOCH_MS } from '../clock.ts';
import type { Conclusion } from '../conclusion.ts';
import { FAULT_KINDS } from '../faults/index.ts';
import { HAPPENINGS, type Happening, Narrator } from '../narrate.ts';
import type { ObservedWorld } from '../watch.ts';
import type { RunResult } from '../world.ts';
import type { Arrow, ReportData, ReportMessage, ReportRows, Seen } from './model.ts';
import { type Change, SeenTable } from './seen.ts';

/** More rows than this make a file that is slow to open; the last ones are the ones that matter. */
const ROWS_MAX = 60_000;

export type About = Pick<ReportData, 'title' | 'description' | 'seed' | 'version' | 'repeat'>;

interface Row extends Happening {
  readonly changes: readonly Change[];
}
const NONE: readonly Change[] = [];

/** Keeps everything that happens in a run, for a report. */
export class Recording extends Narrator {
  private readonly rows: Row[] = [];
  private leftOut = 0;
  /** What messages were after the rows that were left out. */
  private readonly before = new Map<string, Seen>();
  /** What the row at hand changes. */
  private pending = NONE;
  private readonly keys = new Map<string, ReportMessage>();
  private readonly table = new SeenTable((node) => this.aheadMs(node));
  private world!: ObservedWorld;
  private readonly rowsMax: number;

  constructor(rowsMax = ROWS_MAX) {
    super();
    this.rowsMax = rowsMax;
  }

  override begin(world: ObservedWorld): void {
    super.begin(world);
    this.world = world;
  }

  private aheadMs(node: number): number {
    return (this.world.nodes[node]?.clock.nowMs() ?? EPOCH_MS) - this.world.loop.nowMs;
  }

  /** Tells a row that brings these changes with it. */
  private with(changes: readonly Change[], tell: () => void): void {
    this.pending = changes;
    tell();
    this.pending = NONE;
  }

  override fact(node: number, shard: ShardState, fact: Fact): void {
    if (fact.name === 'sent') {
      const { msgId, topic, idemKey } = fact;
      this.keys.set(msgId, { id: msgId, topic, idemKey });
    }
    this.with(this.table.fact(node, shard, fact), () => super.fact(node, shard, fact));
  }

  override synced(node: number, shard: number, facts: readonly Fact[]): void {
    this.table.synced(node, shard, facts);
    super.synced(node, shard, facts);
  }

  override started(node: number, shards: readonly ShardState[], first: boolean): void {
    const changes = shards.flatMap((shard) => this.table.taken(node, shard, false));
    this.with(changes, () => super.started(node, shards, first));
  }

  override revived(node: number, shard: ShardState): void {
    this.with(this.table.taken(node, shard), () => super.revived(node, shard));
  }

  protected override tell(happening: Happening): void {
    this.rows.push({ ...happening, changes: this.pending });
    if (this.rows.length < 2 * this.rowsMax) return;
    this.cut();
  }

  /** Leaves out all but the last rows. */
  private cut(): void {
    const count = Math.max(0, this.rows.length - this.rowsMax);
    for (const { changes } of this.rows.splice(0, count))
      for (const { msgId, seen } of changes) this.before.set(msgId, seen);
    this.leftOut += count;
  }

  /** The report of the run, which is over. */
  data(run: RunResult, conclusion: Conclusion, about: About): ReportData {
    const { verdict, steps, simulatedMs, hash, tally, injected, history } = run;
    this.cut();
    const { rows: kept, leftOut } = this;
    const lanes = lanesOf(kept);
    const numbers = new Map<string, number>();
    const messages: ReportMessage[] = [];
    const numberOf = (id: string): number => {
      let number = numbers.get(id);
      if (number === undefined) {
        number = messages.length;
        numbers.set(id, number);
        messages.push(this.keys.get(id) ?? { id, topic: '', idemKey: '' });
      }
      return number;
    };
    const rows = columnsOf(kept, lanes, numberOf);
    const { kind, expected, rule, detail, msgId, line, badge, goals } = conclusion;
    return {
      ...about,
      verdict: { kind, expected, rule, detail, msgId, line, badge },
      goals,
      ...{ steps, simulatedMs, hash, tally, injected, history: { ...history } },
      coverage: coverageOf(run.matrix),
      leftOut,
      before: [...this.before].filter(([id]) => numbers.has(id)).map(([id, seen]) => [numberOf(id), seen] as const),
      failingRow: verdict.kind === 'held' ? -1 : kept.length - 1,
      kinds: HAPPENINGS,
      lanes,
      rows,
      messages,
      machine: arrows(),
      rules: { ...INVARIANT_TEXT, ...RULES },
      asked: ASKED,
    };
  }
}

function coverageOf(matrix: readonly number[]): ReportData['coverage'] {
  const rows = FAULT_KINDS.map((kind, column) => ({
    kind,
    counts: ACTIONS.map((_, row) => matrix[row * FAULT_KINDS.length + column] ?? 0),
  }));
  return { actions: ACTIONS, rows: rows.filter(({ counts }) => counts.some((count) => count > 0)) };
}

/** Nodes first, then clients, each by number. */
function lanesOf(rows: readonly Row[]): string[] {
  const key = (lane: string): [number, string, number] => {
    const [group = '', number = '0'] = lane.split(' ');
    return [group === 'node' ? 0 : group === 'sweeper' ? 2 : 1, group, Number(number)];
  };
  return [...new Set(rows.map(({ lane }) => lane))].sort((a, b) => {
    const [[x, g, i], [y, h, j]] = [key(a), key(b)];
    return x - y || g.localeCompare(h, 'en') || i - j;
  });
}

function columnsOf(rows: readonly Row[], lanes: readonly string[], numberOf: (id: string) => number): ReportRows {
  const laneNumbers = new Map(lanes.map((lane, i) => [lane, i]));
  const kindNumbers = new Map(HAPPENINGS.map((kind, i) => [kind, i]));
  const columns: ReportRows = {
    ...{ step: [], atMs: [], kind: [], lane: [], call: [], copy: [], messages: [], text: [], lastsMs: {}, changes: {} },
  };
  for (const [i, row] of rows.entries()) {
    columns.step.push(row.step);
    columns.atMs.push(row.atMs);
    columns.kind.push(kindNumbers.get(row.kind) as number);
    columns.lane.push(laneNumbers.get(row.lane) as number);
    columns.call.push(row.call);
    columns.copy.push(row.copy);
    columns.messages.push(row.msgIds.map(numberOf));
    columns.text.push(row.text);
    if (row.lastsMs !== undefined && row.lastsMs > 0) columns.lastsMs[i] = row.lastsMs;
    if (row.changes.length > 0) columns.changes[i] = row.changes.map(({ msgId, seen }) => [numberOf(msgId), seen]);
  }
  return columns;
}

/** The lifecycle as the machine has it, each arrow once. */
function arrows(): Arrow[] {
  const all = rowsOf().map(({ from, event, target }) => ({ from, event, to: target }));
  return all.filter((a, i) => all.findIndex((b) => b.from === a.from && b.event === a.event && b.to === a.to) === i);
}
