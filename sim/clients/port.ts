import type { Answered, Ask, Client, Copy, LeaseRef } from '../call.ts';
import type { Draws } from '../random.ts';
import type { NetworkRules } from '../schedule.ts';
import type { Generator } from './generator.ts';

const REORDER_FACTOR = 10;

/** One client's way into the world: its name, its own chance, its calls. */
export class Port {
  readonly client: Client;
  readonly random: Draws;
  readonly topic: string;
  readonly generator: Generator;

  constructor(generator: Generator, client: Client, random: Draws, topic: string) {
    this.generator = generator;
    this.client = client;
    this.random = random;
    this.topic = topic;
  }

  get nowMs(): number {
    return this.generator.world.loop.nowMs;
  }

  /** Runs later, unless the clients have stopped by then. */
  later(ms: number, run: () => void): void {
    const { generator } = this;
    generator.world.loop.later(ms, () => {
      if (!generator.isOver) run();
    });
  }

  /** Asks about the client's own topic. */
  ask(ask: Ask, refs: readonly LeaseRef[], timeoutMs: number, answer: Answered): void {
    this.generator.call(this, this.topic, ask, refs, timeoutMs, answer);
  }

  /** What becomes of one call on its way. */
  copies(): Copy[] {
    const { faults, loop } = this.generator.world;
    const rules = this.generator.networkNow;
    const { random } = this;
    if (random.chance(rules.drop)) {
      faults.began('drop', loop.nowMs);
      return [];
    }
    const first = this.copy(rules);
    if (!random.chance(rules.duplicate)) return [first];
    faults.began('duplicate', loop.nowMs);
    return [first, this.copy(rules)];
  }

  private copy(rules: NetworkRules): Copy {
    const { random } = this;
    const [outMs, backMs] = [this.latencyMs(rules), this.latencyMs(rules)];
    return {
      outMs,
      backMs,
      end: random.chance(rules.gone) ? 'gone' : random.chance(rules.lostReply) ? 'lost' : 'answered',
    };
  }

  private latencyMs({ latencyMs, reorder }: NetworkRules): number {
    const { faults, loop } = this.generator.world;
    const ms = Math.max(1, this.random.within(latencyMs));
    if (!this.random.chance(reorder)) return ms;
    faults.began('reorder', loop.nowMs);
    return ms * REORDER_FACTOR;
  }
}
