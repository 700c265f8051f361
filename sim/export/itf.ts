import { ACTION_OF, type EventName, FACT_OF } from '../../spec/vocabulary.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { ShardState } from '../../src/core/state.ts';
import type { Seen } from '../report/model.ts';
import { type Change, SeenTable } from '../report/seen.ts';
import type { ObservedWorld, RunObserver } from '../watch.ts';
import { ScheduleError } from '../yaml.ts';

const ACTION_OF_FACT = Object.fromEntries(
  Object.entries(FACT_OF).map(([event, fact]) => [fact, ACTION_OF[event as EventName]]),
) as Record<string, string>;
const VARIABLES = ['state', 'attempt', 'epoch', 'redrives', 'releases', 'up'] as const;
/** Every state holds every message: more than this is no file that anyone opens. */
const STATES_MAX = 2_000;

/**
 * Writes the messages of a run as a trace in Apalache's Informal Trace Format (ADR 15): one state after each fact, crash and
 * restart, in variables named as in `tla/Mailbox.tla`. Messages are numbered in the order of their sends.
 */
export class ItfTrace implements RunObserver {
  private world!: ObservedWorld;
  private readonly numbers = new Map<string, number>();
  private readonly messages = new Map<number, Seen>();
  /** Times are no variables of it. */
  private readonly table = new SeenTable(() => 0);
  private readonly up = new Map<number, boolean>();
  private readonly states: object[] = [];

  begin(world: ObservedWorld): void {
    this.world = world;
  }

  fact(node: number, shard: ShardState, fact: Fact): void {
    this.take(this.table.fact(node, shard, fact));
    if (fact.name !== 'recovered') this.state(`${ACTION_OF_FACT[fact.name]}(${this.numberOf(fact.msgId)})`, node);
  }

  synced(node: number, shard: number, facts: readonly Fact[]): void {
    this.table.synced(node, shard, facts);
  }

  crashed(node: number): void {
    this.up.set(node, false);
    this.state('Crash', node);
  }

  started(node: number, shards: readonly ShardState[], first: boolean): void {
    for (const shard of shards) this.take(this.table.taken(node, shard, false));
    this.up.set(node, true);
    this.state(first ? 'Init' : 'Recover', node);
  }

  private take(changes: readonly Change[]): void {
    for (const { msgId, seen } of changes) this.messages.set(this.numberOf(msgId), seen);
  }

  private numberOf(msgId: string): number {
    const number = this.numbers.get(msgId) ?? this.numbers.size + 1;
    this.numbers.set(msgId, number);
    return number;
  }

  private state(action: string, node: number): void {
    if (this.states.length >= STATES_MAX) {
      throw new ScheduleError(`itf: more than ${STATES_MAX} states; shrink the run first`);
    }
    const of = (name: keyof Seen): object => ({
      '#map': [...this.messages].map(([number, m]) => [number, m[name]]),
    });
    const [state, attempt, epoch, redrives, releases] = (
      ['state', 'attempt', 'epoch', 'redrives', 'releases'] as const
    ).map(of);
    const { nowMs } = this.world.loop;
    this.states.push({
      '#meta': { index: this.states.length, action, node, at_ms: nowMs },
      ...{ state, attempt, epoch, redrives, releases, up: { '#map': [...this.up] } },
    });
  }

  text(): string {
    const meta = {
      format: 'ITF',
      'format-description': 'https://apalache.informal.systems/docs/adr/015adr-trace.html',
      source: 'mailbox sim',
    };
    return `${JSON.stringify({ '#meta': meta, vars: VARIABLES, states: this.states }, null, 1)}\n`;
  }
}
