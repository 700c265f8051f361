import type { Fact } from '../../src/core/facts.ts';
import type { ShardState } from '../../src/core/state.ts';
import { visible } from '../../src/platform/visible.ts';
import type { Call, Exchange, Reply } from '../call.ts';
import { ASKED, INVARIANT_TEXT } from '../checkers/asked.ts';
import { RULES } from '../checkers/breach.ts';
import { ACTIONS } from '../checkers/tally.ts';
import { EPOCH_MS } from '../clock.ts';
import type { Conclusion } from '../conclusion.ts';
import { FAULT_KINDS } from '../faults/index.ts';
import { HAPPENINGS, type Happening, Narrator } from '../narrate.ts';
import type { ObservedWorld } from '../watch.ts';
import type { RunResult } from '../world.ts';
import { answerOf, requestOf } from './calls.ts';
import { comparisonOf } from './comparison.ts';
import { Durability } from './durability.ts';
import type { Comparison, ReportCall, ReportData, ReportMessage, ReportRows, Seen } from './model.ts';
import { type Change, SeenTable } from './seen.ts';

/** More rows than this make a file that is slow to open; the last ones are the ones that matter. */
const ROWS_MAX = 60_000;

export type About = Pick<ReportData, 'title' | 'description' | 'seed' | 'version' | 'repeat'>;

interface Row extends Happening {
  readonly changes: readonly Change[];
  /** Row at which it became durable, counted from the first of the run. */
  durableAt?: number;
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
  private readonly durability = new Durability();
  private readonly calls = new Map<number, ReportCall>();
  private readonly answers = new Map<string, string>();
  /** The shards of the processes that run, by node and number. */
  private readonly shards = new Map<number, ShardState[]>();
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
    this.durability.decided(node, shard.shard, fact, this.leftOut + this.rows.length);
    this.with(this.table.fact(node, shard, fact), () => super.fact(node, shard, fact));
  }

  override called(call: Call): void {
    this.calls.set(call.id, requestOf(call));
    super.called(call);
  }

  override replied(node: number, exchange: Exchange, reply: Reply): void {
    this.answers.set(`${exchange.call.id} ${exchange.copy}`, answerOf(reply));
    super.replied(node, exchange, reply);
  }

  override crashed(node: number): void {
    this.shards.delete(node);
    super.crashed(node);
  }

  override synced(node: number, shard: number, facts: readonly Fact[]): void {
    this.table.synced(node, shard, facts);
    const at = this.leftOut + this.rows.length;
    for (const decided of this.durability.synced(node, shard, facts)) {
      const row = this.rows[decided - this.leftOut];
      if (row !== undefined) row.durableAt = at;
    }
    super.synced(node, shard, facts);
  }

  override started(node: number, shards: readonly ShardState[], first: boolean): void {
    this.durability.undone(node);
    this.shards.set(node, [...shards]);
    const changes = shards.flatMap((shard) => this.table.taken(node, shard, false));
    this.with(changes, () => super.started(node, shards, first));
  }

  override revived(node: number, shard: ShardState): void {
    this.durability.undone(node, shard.shard);
    const own = this.shards.get(node);
    if (own !== undefined) own[shard.shard] = shard;
    this.with(this.table.taken(node, shard), () => super.revived(node, shard));
  }

  override gaveUp(node: number, shard: number): void {
    this.durability.undone(node, shard);
    super.gaveUp(node, shard);
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
    const kept = new Set(this.rows.map(({ call }) => call));
    for (const call of this.calls.keys()) if (!kept.has(call)) this.calls.delete(call);
    for (const answer of this.answers.keys()) if (!kept.has(Number.parseInt(answer, 10))) this.answers.delete(answer);
  }

  /** Process and specification, as the run left them. */
  private compared({ verdict }: RunResult): Comparison | null {
    if (verdict.kind !== 'safety' && verdict.kind !== 'liveness') return null;
    const nodes = this.world.watch.nodes.map(({ lifecycle: { messages } }, node) => ({
      ...{ lane: `node ${node}`, aheadMs: this.aheadMs(node), messages, shards: this.shards.get(node) ?? [] },
      nowMs: this.world.loop.nowMs + this.aheadMs(node),
    }));
    return comparisonOf(this.world.breach, verdict.msgId, nodes);
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
    const faults = [...new Set(kept.flatMap(({ fault }) => fault ?? []))].sort();
    const outcomes = [...new Set(kept.flatMap(({ outcome }) => outcome ?? []))].sort();
    const rows = columnsOf(kept, { lanes, faults, outcomes, leftOut }, numberOf);
    const { kind, expected, rule, detail, msgId, line, badge, exit, goals } = conclusion;
    const untold = [...this.before].filter(([id]) => !numbers.has(id)).map(([, { state }]) => state);
    return {
      ...about,
      ...{ title: visible(about.title), description: visible(about.description) },
      verdict: { kind, expected, rule, detail, msgId, line, badge, exit },
      goals,
      ...{ steps, simulatedMs, hash, tally, injected, history: { ...history } },
      coverage: coverageOf(run.matrix),
      leftOut,
      before: [...this.before].filter(([id]) => numbers.has(id)).map(([id, seen]) => [numberOf(id), seen] as const),
      beforeUntold: {
        pending: untold.filter((state) => state === 'queued' || state === 'redelivered' || state === 'leased').length,
        leased: untold.filter((state) => state === 'leased').length,
      },
      comparison: this.compared(run),
      ...{ faults, outcomes, calls: Object.fromEntries(this.calls), answers: Object.fromEntries(this.answers) },
      failingRow: verdict.kind === 'held' ? -1 : kept.length - 1,
      kinds: HAPPENINGS,
      lanes,
      rows,
      messages,
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

/** Nodes first, and the engine that they share, then clients, each by number. */
function lanesOf(rows: readonly Row[]): string[] {
  const key = (lane: string): [number, string, number] => {
    const [group = '', number = '0'] = lane.split(' ');
    return [group === 'node' || group === 'engine' ? 0 : group === 'sweeper' ? 2 : 1, group, Number(number)];
  };
  return [...new Set(rows.map(({ lane }) => lane))].sort((a, b) => {
    const [[x, g, i], [y, h, j]] = [key(a), key(b)];
    return x - y || g.localeCompare(h, 'en') || i - j;
  });
}

interface Names {
  readonly lanes: readonly string[];
  readonly faults: readonly string[];
  readonly outcomes: readonly string[];
  readonly leftOut: number;
}

function columnsOf(
  rows: readonly Row[],
  { lanes, faults, outcomes, leftOut }: Names,
  numberOf: (id: string) => number,
): ReportRows {
  const laneNumbers = new Map(lanes.map((lane, i) => [lane, i]));
  const kindNumbers = new Map(HAPPENINGS.map((kind, i) => [kind, i]));
  const columns: ReportRows = {
    ...{ step: [], atMs: [], kind: [], lane: [], call: [], copy: [], messages: [], text: [], lastsMs: {}, changes: {} },
    ...{ durable: {}, fault: {}, outcome: {} },
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
    if (row.durableAt !== undefined) columns.durable[i] = row.durableAt - leftOut;
    if (row.fault !== undefined) columns.fault[i] = faults.indexOf(row.fault);
    if (row.outcome !== undefined) columns.outcome[i] = outcomes.indexOf(row.outcome);
    if (row.lastsMs !== undefined && row.lastsMs > 0) columns.lastsMs[i] = row.lastsMs;
    if (row.changes.length > 0) columns.changes[i] = row.changes.map(({ msgId, seen }) => [numberOf(msgId), seen]);
  }
  return columns;
}
