import { rowsOf } from '../../spec/table.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { Message, ShardState } from '../../src/core/state.ts';
import { ASKED, INVARIANT_TEXT } from '../checkers/asked.ts';
import { RULES } from '../checkers/breach.ts';
import { ACTIONS } from '../checkers/tally.ts';
import { EPOCH_MS } from '../clock.ts';
import type { Conclusion } from '../conclusion.ts';
import { FAULT_KINDS } from '../fault-log.ts';
import { HAPPENINGS, type Happening, Narrator } from '../narrate.ts';
import type { RunResult, World } from '../world.ts';
import type { Arrow, ReportData, ReportMessage, ReportRows, Seen } from './model.ts';

/** More rows than this make a file that is slow to open; the last ones are the ones that matter. */
const ROWS_MAX = 60_000;

export type About = Pick<ReportData, 'title' | 'description' | 'seed' | 'version' | 'repeat'>;

interface Row extends Happening {
  readonly seen: Seen | null;
}

/** Keeps everything that happens in a run, for a report. */
export class Recording extends Narrator {
  private rows: Row[] = [];
  private leftOut = 0;
  private pending: Seen | null = null;
  private readonly keys = new Map<string, ReportMessage>();
  private world!: World;

  override begin(world: World): void {
    super.begin(world);
    this.world = world;
  }

  override fact(node: number, shard: ShardState, fact: Fact): void {
    if (fact.name !== 'recovered') {
      this.pending = this.seenOf(node, fact, shard.find(fact.msgId));
      if (fact.name === 'sent') {
        const { msgId, topic, idemKey } = fact;
        this.keys.set(msgId, { id: msgId, topic, idemKey });
      }
    }
    super.fact(node, shard, fact);
    this.pending = null;
  }

  /** The message as the process has it; it may be over and forgotten already. */
  private seenOf(node: number, fact: Fact, message: Message | undefined): Seen {
    if (message === undefined) {
      const state = fact.name === 'purged' ? 'purged' : 'acked';
      return { state, attempt: 0, epoch: 0, redrives: 0, releases: 0, receipt: null, timerMs: null, reason: null };
    }
    const { state, attempt, epoch, redrives, releases, receipt, timerAtMs, deadReason } = message;
    const waits = state === 'leased' || state === 'queued' || state === 'redelivered';
    const offMs = (this.world.nodes[node]?.clock.nowMs() ?? EPOCH_MS) - this.world.loop.nowMs;
    const timerMs = waits ? timerAtMs - offMs : null;
    return {
      state,
      attempt,
      epoch,
      redrives,
      releases,
      receipt: receipt?.slice(0, 8) ?? null,
      timerMs,
      reason: deadReason,
    };
  }

  protected override tell(happening: Happening): void {
    this.rows.push({ ...happening, seen: this.pending });
    if (this.rows.length < 2 * ROWS_MAX) return;
    this.leftOut += this.rows.length - ROWS_MAX;
    this.rows = this.rows.slice(-ROWS_MAX);
  }

  /** The report of the run, which is over. */
  data(run: RunResult, conclusion: Conclusion, about: About): ReportData {
    const { verdict, steps, simulatedMs, hash, tally, injected, history } = run;
    const cut = Math.max(0, this.rows.length - ROWS_MAX);
    const kept = this.rows.slice(cut);
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
    const { kind, expected, rule, detail, msgId, line, badge, goals } = conclusion;
    return {
      ...about,
      verdict: { kind, expected, rule, detail, msgId, line, badge },
      goals,
      ...{ steps, simulatedMs, hash, tally, injected, history: { ...history } },
      coverage: coverageOf(run.matrix),
      leftOut: this.leftOut + cut,
      failingRow: verdict.kind === 'held' ? -1 : kept.length - 1,
      kinds: HAPPENINGS,
      lanes,
      rows: columnsOf(kept, lanes, numberOf),
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
    ...{ step: [], atMs: [], kind: [], lane: [], call: [], copy: [], messages: [], text: [], lastsMs: {}, seen: {} },
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
    if (row.seen !== null) columns.seen[i] = row.seen;
  }
  return columns;
}

/** The lifecycle as the machine has it, each arrow once. */
function arrows(): Arrow[] {
  const all = rowsOf().map(({ from, event, target }) => ({ from, event, to: target }));
  return all.filter((a, i) => all.findIndex((b) => b.from === a.from && b.event === a.event && b.to === a.to) === i);
}
