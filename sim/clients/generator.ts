import type { Delivery } from '../../src/service/messages.ts';
import type { Answered, Ask, LeaseRef, Reply, Streamed } from '../call.ts';
import type { Capability, Group } from '../capabilities.ts';
import type { PlannedFault } from '../faults/index.ts';
import { fire } from '../faults/plan.ts';
import type { NetworkRules } from '../network-rules.ts';
import { type Draws, Stream } from '../random.ts';
import type { Schedule } from '../schedule.ts';
import { nodeOfTopic, topicOf } from '../setup.ts';
import type { Driver, World } from '../world.ts';
import { Consumer } from './consumer.ts';
import { holding } from './hostile.ts';
import { Issuer } from './issuer.ts';
import { Listener } from './listener.ts';
import { Observer } from './observer.ts';
import { Admin, Stranger } from './others.ts';
import { Port, type Traffic } from './port.ts';
import { Producer } from './producer.ts';
import { Redriver } from './redriver.ts';
import { Streamer } from './streamer.ts';

const HEARD = 32;

/** Drives a world by chance: the clients and faults of a schedule, each with a stream of its own. */
export class Generator implements Driver, Traffic {
  readonly schedule: Schedule;
  readonly seed: number;
  world!: World;
  issuer!: Issuer;
  isOver = false;
  networkNow: NetworkRules;
  /** Where everyone sends to while one topic is hot. */
  hotTopic: string | null = null;
  readonly producers: Producer[] = [];
  readonly stranger: Stranger[] = [];
  /** Groups whose capability was taken back for good. */
  readonly dismissed = new Set<Group>();
  private calls = 0;
  private plans = 0;
  /** Where each client found each topic last. */
  private readonly found = new Map<string, number>();
  /** Deliveries that got around. */
  private readonly rumours: Delivery[] = [];

  constructor(schedule: Schedule, seed: number) {
    this.schedule = schedule;
    this.seed = seed;
    this.networkNow = schedule.network;
  }

  chance(name: string): Draws {
    return new Stream(this.seed, name);
  }

  start(world: World): void {
    this.world = world;
    const { schedule } = this;
    this.issuer = new Issuer(this, schedule.capabilities, this.chance('authority'));
    for (let i = 0; i < schedule.producers.count; i++) {
      const producer = new Producer(this.port(`producer ${i}`, 'producers', i), schedule.producers);
      this.producers.push(producer);
      producer.run();
    }
    let consumers = 0;
    for (const rules of schedule.consumers) {
      for (let i = 0; i < rules.count; i++)
        new Consumer(this.port(`consumer ${consumers++}`, 'consumers', i), rules).run();
    }
    const { hostile, producers } = schedule;
    if (hostile !== null) {
      const rules = { ...producers, everyMs: hostile.everyMs };
      new Producer(this.port(`producer ${producers.count}`, 'producers', 0), rules).run();
      new Consumer(this.port(`consumer ${consumers++}`, 'consumers', 0), holding(hostile.holds)).run();
    }
    let streamers = 0;
    for (const rules of schedule.streams) {
      for (let i = 0; i < rules.count; i++)
        new Streamer(this.port(`streamer ${streamers++}`, 'streamers', i), rules).run();
    }
    for (let i = 0; i < schedule.setup.topics; i++) {
      this.stranger.push(new Stranger(this.port(`stranger ${i}`, 'strangers', i)));
      if (schedule.admin !== null) new Admin(this.port(`admin ${i}`, 'admins', i), schedule.admin).run();
    }
    const { observers, redrivers, listeners } = schedule;
    for (let i = 0; listeners !== null && i < listeners.count; i++)
      new Listener(this.port(`listener ${i}`, 'listeners', i), listeners).run();
    for (let i = 0; redrivers !== null && i < redrivers.count; i++)
      new Redriver(this.port(`redriver ${i}`, 'admins', i), redrivers).run();
    for (let i = 0; observers !== null && i < observers.count; i++)
      new Observer(this.port(`observer ${i}`, 'viewers', i % schedule.setup.topics), observers).run();
    for (const [i, fault] of schedule.faults.entries())
      this.schedulePlanned(fault, this.chance(`fault ${i} ${fault.kind}`));
  }

  private port(name: string, group: Group, i: number): Port {
    return new Port(this, { name, group }, this.chance(name), topicOf(this.schedule.setup, i));
  }

  private schedulePlanned(fault: PlannedFault, random: Draws): void {
    const again = (atMs: number): void => {
      if (atMs >= this.schedule.setup.durationMs) return;
      this.plan(atMs - this.world.loop.nowMs, () => {
        fire(this, fault, random);
        if (fault.everyMs.max > 0) again(this.world.loop.nowMs + Math.max(1, random.within(fault.everyMs)));
      });
    };
    again(fault.atMs);
  }

  /** Something that is injected, first of all that happens in its millisecond. */
  plan(afterMs: number, run: () => void): void {
    this.world.loop.after(afterMs, 'fault', ++this.plans, () => {
      if (!this.isOver) run();
    });
  }

  stop(): void {
    this.isOver = true;
  }

  // ---- what clients share

  call(
    port: Port,
    topic: string,
    ask: Ask,
    refs: readonly LeaseRef[],
    timeoutMs: number,
    answer: Answered,
    capability: Capability | null = null,
  ): void {
    this.led(port, topic, (node, led) => this.callNode(port, node, ask, refs, timeoutMs, led, capability), answer);
  }

  /**
   * Nodes that share shards: a client asks where it found the topic last, and the next node when it is told that this one does not own it, which
   * is said before anything is decided; when it hears nothing, the next time.
   */
  private led(port: Port, topic: string, ask: (node: number, answer: Answered) => void, answer: Answered): void {
    const { nodes, engine = null } = this.schedule.setup;
    const key = `${port.client.name} ${topic}`;
    if (engine === null) return ask(nodeOfTopic(this.schedule.setup, topic), answer);
    const from = (left: number): void => {
      const node = this.found.get(key) ?? nodeOfTopic(this.schedule.setup, topic);
      ask(node, (reply) => {
        const isElsewhere = reply !== null && isSentOn(reply);
        if (isElsewhere || reply === null) this.found.set(key, (node + 1) % nodes);
        if (isElsewhere && left > 1 && !this.isOver) from(left - 1);
        else answer(reply);
      });
    };
    from(nodes);
  }

  callNode(
    port: Port,
    node: number,
    ask: Ask,
    refs: readonly LeaseRef[],
    timeoutMs: number,
    answer: Answered,
    capability: Capability | null = null,
    streamed: Streamed | null = null,
  ): void {
    const by = port.client;
    const held = capability ?? this.issuer.of(by.group, port.topic);
    const { network, loop } = this.world;
    const [id, atMs, copies] = [++this.calls, loop.nowMs, port.copies()];
    network.call({ id, atMs, by, node, capability: held, ask, refs, timeoutMs, copies }, answer, streamed);
  }

  /** Opens a stream about the client's own topic. */
  stream(
    port: Port,
    { ask, refs, timeoutMs }: { readonly ask: Ask; readonly refs: readonly LeaseRef[]; readonly timeoutMs: number },
    streamed: Streamed,
    answer: Answered,
    capability: Capability | null = null,
  ): void {
    const at = (node: number, led: Answered): void =>
      this.callNode(port, node, ask, refs, timeoutMs, led, capability, streamed);
    this.led(port, port.topic, at, answer);
  }

  mayRenew(group: Group): boolean {
    return !this.dismissed.has(group);
  }

  gossip(delivery: Delivery): void {
    if (this.rumours.length < HEARD) this.rumours.push(delivery);
    else this.rumours[this.calls % HEARD] = delivery;
  }

  heard(random: Draws): Delivery | undefined {
    return this.rumours.length === 0 ? undefined : random.pick(this.rumours);
  }

  strange(forged: boolean): Capability {
    return this.issuer.strange(forged);
  }
}

/** Whether nothing of it was decided, for the shard is somebody else's. */
const isSentOn = ({ outcome, replies }: Reply): boolean =>
  replies === undefined ? outcome === 'not_owner' : replies.every((one) => one.outcome === 'not_owner');
