import { type Actor, createActor, fromCallback } from 'xstate';
import { parkMs, type ShardEvent, shardMachine } from '../../spec/shard.machine.ts';
import type { Timers } from '../ports/clock.ts';

/** The shard is for another process to serve, until it is wanted here. */
export const ELSEWHERE = Symbol('elsewhere');

export interface SupervisorOptions<State> {
  /** Makes the shard anew of what is durable and calls back later, once. */
  readonly rebuild: (shard: number, done: (error: unknown, state: State | null | typeof ELSEWHERE) => void) => void;
  /** It was made anew: it may serve. */
  readonly revive: (shard: number, state: State) => void;
  /** It is left alone for so long: it fell again, or could not be made anew. */
  readonly parked: (shard: number, forMs: number, error: unknown) => void;
  readonly timers: Timers;
}

/** Watches over the shards of a process: an actor for each that ever fell (`spec/shard.machine.ts`). */
export class Supervisor<State> {
  private readonly options: SupervisorOptions<State>;
  private readonly actors = new Map<number, Actor<typeof shardMachine>>();
  /** What the shard fell over last. */
  private readonly errors = new Map<number, unknown>();

  constructor(options: SupervisorOptions<State>) {
    this.options = options;
  }

  /** Something in the shard threw: it serves nothing until it is revived. */
  fell(shard: number, error: unknown): void {
    this.errors.set(shard, error);
    const actor = this.actors.get(shard) ?? this.watch(shard);
    actor.send({ type: 'fell' });
  }

  /** What is elsewhere or parked is asked for; whatever else becomes of it goes on. */
  wanted(shard: number): void {
    this.actors.get(shard)?.send({ type: 'wanted' });
  }

  private watch(shard: number): Actor<typeof shardMachine> {
    const { timers, parked } = this.options;
    const rebuild = fromCallback<ShardEvent>(() => this.rebuild(shard));
    const machine = shardMachine.provide({ actors: { rebuild } });
    const actor = createActor(machine, { clock: timers });
    this.actors.set(shard, actor);
    actor.subscribe(({ value, context }) => {
      if (value === 'parked') parked(shard, parkMs(context.falls), this.errors.get(shard));
    });
    actor.start();
    return actor;
  }

  private rebuild(shard: number): void {
    this.options.rebuild(shard, (error, state) => {
      const actor = this.actors.get(shard);
      if (state === ELSEWHERE) return actor?.send({ type: 'elsewhere' });
      if (state === null) {
        this.errors.set(shard, error);
        actor?.send({ type: 'not_rebuilt' });
        return;
      }
      this.errors.delete(shard);
      actor?.send({ type: 'rebuilt' });
      this.options.revive(shard, state);
    });
  }

  /** Nothing is made anew any more. */
  stop(): void {
    for (const actor of this.actors.values()) actor.stop();
    this.actors.clear();
  }
}
