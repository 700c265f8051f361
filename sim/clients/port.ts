import type { Delivery } from '../../src/service/messages.ts';
import type { Answered, Ask, Client, Copy, LeaseRef, Streamed } from '../call.ts';
import type { Capability, Group } from '../capabilities.ts';
import type { NetworkRules } from '../network-rules.ts';
import type { Draws } from '../random.ts';
import type { World } from '../world.ts';

const REORDER_FACTOR = 10;

/** What the clients of a world have in common, and how they get out of it: the calls and plans of all of them. */
export interface Traffic {
  readonly world: World;
  readonly issuer: {
    of(group: Group, topic: string): Capability;
    attenuated(): Capability;
    paced(group: Group, quotaOps: number): Capability;
    narrowed(group: Group, topic: string): Capability;
    brief(group: Group, topic: string, forS: number): Capability;
    revoke(group: Group, reissueMs: number, topic?: string): void;
  };
  readonly isOver: boolean;
  readonly networkNow: NetworkRules;
  /** Where everyone sends to while one topic is hot. */
  readonly hotTopic: string | null;
  /** Groups whose capability was taken back for good. */
  readonly dismissed: Set<Group>;
  /** Something that is injected, first of all that happens in its millisecond. */
  plan(afterMs: number, run: () => void): void;
  call(
    port: Port,
    topic: string,
    ask: Ask,
    refs: readonly LeaseRef[],
    timeoutMs: number,
    answer: Answered,
    capability?: Capability | null,
  ): void;
  callNode(port: Port, node: number, ask: Ask, refs: readonly LeaseRef[], timeoutMs: number, answer: Answered): void;
  /** Opens a stream about the client's own topic. */
  stream(
    port: Port,
    asked: { readonly ask: Ask; readonly refs: readonly LeaseRef[]; readonly timeoutMs: number },
    streamed: Streamed,
    answer: Answered,
    capability?: Capability | null,
  ): void;
  mayRenew(group: Group): boolean;
  /** Makes a delivery known to the others, and a delivery that got around. */
  gossip(delivery: Delivery): void;
  heard(random: Draws): Delivery | undefined;
  /** A capability that is good for nothing. */
  strange(forged: boolean): Capability;
}

/** One client's way into the world: its name, its own chance, its calls. */
export class Port {
  readonly client: Client;
  readonly random: Draws;
  readonly topic: string;
  readonly traffic: Traffic;

  constructor(traffic: Traffic, client: Client, random: Draws, topic: string) {
    this.traffic = traffic;
    this.client = client;
    this.random = random;
    this.topic = topic;
  }

  get nowMs(): number {
    return this.traffic.world.loop.nowMs;
  }

  /** Runs later, unless the clients have stopped by then. */
  later(ms: number, run: () => void): void {
    const { traffic } = this;
    traffic.world.loop.later(ms, () => {
      if (!traffic.isOver) run();
    });
  }

  /** Asks about the client's own topic. */
  ask(ask: Ask, refs: readonly LeaseRef[], timeoutMs: number, answer: Answered): void {
    this.traffic.call(this, this.topic, ask, refs, timeoutMs, answer);
  }

  /** What becomes of one call on its way. */
  copies(): Copy[] {
    const { faults, loop } = this.traffic.world;
    const rules = this.traffic.networkNow;
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
    const { faults, loop } = this.traffic.world;
    const ms = Math.max(1, this.random.within(latencyMs));
    if (!this.random.chance(reorder)) return ms;
    faults.began('reorder', loop.nowMs);
    return ms * REORDER_FACTOR;
  }
}
