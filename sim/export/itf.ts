import { ACTION_OF, type EventName, FACT_OF } from '../../spec/vocabulary.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { RunObserver } from '../watch.ts';
import type { World } from '../world.ts';
import { ScheduleError } from '../yaml.ts';

const ACTION_OF_FACT = Object.fromEntries(
  Object.entries(FACT_OF).map(([event, fact]) => [fact, ACTION_OF[event as EventName]]),
) as Record<string, string>;
const VARIABLES = ['state', 'attempt', 'epoch', 'redrives', 'releases', 'up'] as const;
/** Every state holds every message: more than this is no file that anyone opens. */
const STATES_MAX = 2_000;

type Message = Record<'state' | 'attempt' | 'epoch' | 'redrives' | 'releases', string | number>;

/**
 * Writes the messages of a run as a trace in Apalache's Informal Trace Format (ADR 15): one state after each fact, crash and
 * restart, in variables named as in `tla/Mailbox.tla`. Messages are numbered in the order of their sends.
 */
export class ItfTrace implements RunObserver {
  private world!: World;
  private readonly numbers = new Map<string, number>();
  private readonly messages = new Map<number, Message>();
  private readonly up = new Map<number, boolean>();
  private readonly states: object[] = [];
  private pending: { readonly node: number; readonly fact: Fact } | null = null;

  begin(world: World): void {
    this.world = world;
  }

  /** The checkers see a fact after the observers: what it came to is known with the next thing that happens. */
  fact(node: number, _shard: unknown, fact: Fact): void {
    this.flush();
    this.pending = { node, fact };
  }

  crashed(node: number): void {
    this.flush();
    this.up.set(node, false);
    this.state('Crash', node);
  }

  started(node: number, _shards: unknown, first: boolean): void {
    this.flush();
    this.up.set(node, true);
    this.state(first ? 'Init' : 'Recover', node);
  }

  private flush(): void {
    if (this.pending === null) return;
    const { node, fact } = this.pending;
    this.pending = null;
    if (fact.name === 'recovered') return;
    let number = this.numbers.get(fact.msgId);
    if (number === undefined) {
      number = this.numbers.size + 1;
      this.numbers.set(fact.msgId, number);
    }
    const live = this.world.watch.nodes[node]?.lifecycle.messages.get(fact.msgId)?.live;
    if (live !== undefined) {
      const { state, attempt, epoch, redrives, releases } = live;
      this.messages.set(number, { state, attempt, epoch, redrives, releases });
    }
    this.state(`${ACTION_OF_FACT[fact.name]}(${number})`, node);
  }

  private state(action: string, node: number): void {
    if (this.states.length >= STATES_MAX) {
      throw new ScheduleError(`itf: more than ${STATES_MAX} states; shrink the run first`);
    }
    const of = (name: keyof Message): object => ({
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
    this.flush();
    const meta = {
      format: 'ITF',
      'format-description': 'https://apalache.informal.systems/docs/adr/015adr-trace.html',
      source: 'mailbox sim',
    };
    return `${JSON.stringify({ '#meta': meta, vars: VARIABLES, states: this.states }, null, 1)}\n`;
  }
}
