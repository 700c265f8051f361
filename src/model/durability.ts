import { ACTION_OF, EVENTS } from '../../spec/vocabulary.ts';
import { advance } from '../core/advance.ts';
import { due } from '../core/due.ts';
import type { Fact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import type { Savepoint } from '../core/savepoint.ts';
import type { Batch } from '../ports/journal.ts';
import { GroupCommit } from '../service/commit.ts';
import { audit } from './audit.ts';
import { Commands } from './commands.ts';
import { Deciding, type Enabled } from './enabled.ts';
import type { Driver } from './explore.ts';
import { type Variables, widthOfState } from './graph.ts';
import { START_MS } from './lifecycle.ts';
import { type DurabilityConstants, shardVariables } from './mailbox.ts';
import { factsOf, type Journal, ModelShard } from './model-shard.ts';
import { BOOLEAN, functionOver, NUMBER, names, sequence, subset, tuple } from './values.ts';

const PHASES = ['up', 'failed', 'dying', 'down'] as const;
type Phase = (typeof PHASES)[number];

/** Every action of `tla/Durability.tla`. */
export const DURABILITY_ACTIONS: readonly string[] = [
  ...EVENTS.map((event) => ACTION_OF[event]),
  ...['Tick', 'Synced', 'SyncFailed', 'Drain', 'Crash', 'Die', 'Recover'],
];
/** What stands in the tail. */
const ENTRIES: readonly string[] = [...EVENTS.map((event) => ACTION_OF[event]), 'Tick', 'Recover'];

const prefixed = (prefix: string, variables: Variables): Variables =>
  variables.map(([name, type]) => [`${prefix}${name[0]?.toUpperCase()}${name.slice(1)}`, type]);

export const durabilityVariables = (c: DurabilityConstants): Variables => [
  ...prefixed('m', shardVariables(c)),
  ['mDelivered', functionOver(c.N, NUMBER)],
  ...prefixed('d', shardVariables(c)),
  ['dDelivered', functionOver(c.N, NUMBER)],
  ['dUp', BOOLEAN],
  ['dCrashes', NUMBER],
  ['phase', names(...PHASES)],
  ['crashes', NUMBER],
  ['tail', sequence(c.TailMax, tuple(names(...ENTRIES), NUMBER, NUMBER))],
  ['flight', NUMBER],
  ['draining', NUMBER],
  ['toldSent', subset(c.N)],
  ['toldEpoch', functionOver(c.N, NUMBER)],
  ['toldAcked', subset(c.N)],
];

/** Something memory did that the disk may not know yet. */
interface Entry {
  readonly action: string;
  readonly m: number;
  readonly timer: number;
  /** None for a tick. */
  readonly facts: readonly Fact[];
  /** The epoch of a delivery. */
  readonly epoch: number;
}

interface World {
  readonly dUp: boolean;
  readonly dCrashes: number;
  readonly phase: Phase;
  readonly crashes: number;
  readonly tail: readonly Entry[];
  readonly flight: number;
  readonly draining: number;
  /** While draining: how many entries the append holds that began when the last one ended. */
  readonly next: number;
  /** While draining: the entries whose replies the commit let go. */
  readonly released: readonly Entry[];
  readonly sent: readonly number[];
  readonly epochs: readonly number[];
  readonly acked: readonly number[];
  readonly journal: Journal | null;
}

interface Saved {
  readonly memory: Savepoint;
  readonly disk: Savepoint;
  readonly world: World;
}

const isFact = ({ action }: Entry): boolean => action !== 'Tick';

/**
 * The core with the shipped group commit and a disk that holds what became durable: a second shard to which the durable facts are
 * applied, as replay would. A crash leaves that and nothing else. Replies are what the commit really lets go, and when.
 */
export class DurabilityDriver implements Driver<Saved> {
  readonly variables: Variables;
  readonly actions = DURABILITY_ACTIONS;
  private readonly c: DurabilityConstants;
  private readonly deciding: Deciding;
  private readonly memory: ModelShard;
  private readonly disk: ModelShard;
  private readonly scratch: Uint8Array;
  private world: World;

  constructor(c: DurabilityConstants) {
    this.c = c;
    this.variables = durabilityVariables(c);
    this.memory = new ModelShard(c);
    this.deciding = new Deciding(this.memory, new Commands(c), (_command, { outcome, message }) => {
      if (outcome === 'duplicate') this.mustWait(message as Message);
    });
    this.disk = new ModelShard(c);
    this.scratch = new Uint8Array(widthOfState(this.variables));
    this.world = {
      ...{ dUp: true, dCrashes: 0, phase: 'up', crashes: 0, tail: [], flight: 0, draining: 0, next: 0, released: [] },
      ...{ sent: [], epochs: Array.from({ length: c.N + 1 }, () => 0), acked: [], journal: null },
    };
  }

  initial(found: () => void): void {
    advance(this.memory.shard, START_MS);
    advance(this.disk.shard, START_MS);
    found();
  }

  encode(into: Uint8Array): void {
    const { c, world } = this;
    // Of a process that is down nothing is left but what the disk says.
    let at = (world.phase === 'down' ? this.disk : this.memory).project(into);
    at = this.delivered(world.phase === 'down' ? this.disk : this.memory, into, at);
    at += this.disk.project(into.subarray(at));
    at = this.delivered(this.disk, into, at);
    into[at++] = world.dUp ? 1 : 0;
    into[at++] = world.dCrashes + 1;
    into[at++] = PHASES.indexOf(world.phase);
    into[at++] = world.crashes + 1;
    const end = at + 1 + 3 * c.TailMax;
    into.fill(0, at, end);
    into[at++] = world.tail.length;
    for (const { action, m, timer } of world.tail) {
      into[at++] = ENTRIES.indexOf(action);
      into[at++] = m + 1;
      into[at++] = timer + 1;
    }
    at = end;
    into[at++] = world.flight + 1;
    into[at++] = world.draining + 1;
    for (let m = 1; m <= c.N; m++) into[at++] = world.sent.includes(m) ? 1 : 0;
    for (let m = 1; m <= c.N; m++) into[at++] = (world.epochs[m] as number) + 1;
    for (let m = 1; m <= c.N; m++) into[at++] = world.acked.includes(m) ? 1 : 0;
  }

  private delivered(shard: ModelShard, into: Uint8Array, at: number): number {
    for (let m = 1; m <= this.c.N; m++) into[at + m - 1] = (shard.delivered[m] as number) + 1;
    return at + this.c.N;
  }

  save(): Saved {
    return { memory: this.memory.save(), disk: this.disk.save(), world: this.world };
  }

  restore({ memory, disk, world }: Saved): void {
    this.memory.restore(memory);
    this.disk.restore(disk);
    this.world = world;
  }

  check(): string | null {
    return audit(this.disk.shard) ?? (this.world.phase === 'up' ? audit(this.memory.shard) : null);
  }

  expand(saved: Saved, _bytes: Uint8Array, step: (action: number) => void): void {
    const act = (action: string, change: () => void): void => {
      change();
      step(DURABILITY_ACTIONS.indexOf(action));
      this.restore(saved);
    };
    const { phase, draining } = this.world;
    if (draining > 0) act('Drain', () => this.drain());
    else if (phase === 'up') this.serve(act);
    else if (phase === 'dying') act('Die', () => this.die());
    else if (phase === 'down') for (const elapsed of this.c.Elapsed) act('Recover', () => this.recover(elapsed));
    if (draining === 0 && (phase === 'up' || phase === 'failed')) this.crashes(act);
    this.memory.discard(saved.memory);
    this.disk.discard(saved.disk);
  }

  private serve(act: (action: string, change: () => void) => void): void {
    const { world, memory, disk, c } = this;
    const room = world.tail.length < c.TailMax;
    const acting = this.deciding.all();
    if (room) for (const one of acting) act(ACTION_OF[one.command], () => this.command(one));
    if (due(memory.shard, 0) === null && (room || world.flight === 0))
      act('Tick', () => {
        advance(memory.shard, memory.shard.nowMs + 1);
        if (world.flight === 0) advance(disk.shard, disk.shard.nowMs + 1);
        else this.world = { ...world, tail: [...world.tail, TICK] };
      });
    if (world.flight === 0) return;
    act('Synced', () => this.synced());
    act('SyncFailed', () => {
      const { commit, released } = this.commitOf(world.tail, world.flight);
      commit.fail();
      this.world = { ...world, phase: 'failed' };
      for (const entry of released) this.tell(entry);
    });
  }

  /** A command acts in memory; its fact goes to the commit, its reply waits there. */
  private command({ command, decision }: Enabled): void {
    const { world, memory } = this;
    for (const fact of decision.facts) memory.apply(fact, decision.message);
    const last = decision.facts[decision.facts.length - 1] as Fact & { readonly msgId: string };
    const m = memory.messages.findIndex((message) => message?.msgId === last.msgId);
    memory.project(this.scratch);
    const timer = (this.scratch[TIMER_VARIABLE * this.c.N + m - 1] as number) - 1;
    const { epoch } = memory.messages[m] as Message;
    const entry: Entry = { action: ACTION_OF[command], m, timer, facts: decision.facts, epoch };
    const tail = [...world.tail, entry];
    const { released, appended } = this.commitOf(tail, world.flight);
    this.world = { ...world, tail, flight: appended };
    for (const early of released) this.tell(early);
  }

  /**
   * The shipped group commit with these entries in it, the first `flight` of them in the append under way. Tells which replies
   * it let go, and how many entries the append under way holds.
   */
  private commitOf(tail: readonly Entry[], flight: number) {
    const released: Entry[] = [];
    let appends: (readonly Fact[])[] = [];
    const append = (batches: readonly Batch[]): void => {
      appends.push(batches.flatMap((batch) => (batch.shard === null ? [] : batch.facts)));
    };
    const commit = new GroupCommit({ append });
    const feed = (entries: readonly Entry[]): void => {
      for (const entry of entries.filter(isFact)) {
        commit.add(0, entry.facts);
        commit.whenDurable((durable) => durable && released.push(entry));
      }
      commit.pump();
    };
    if (flight > 0) feed(tail.slice(0, flight));
    for (const entry of tail.slice(flight)) feed([entry]);
    const appended = lengthOf(tail, appends[0] ?? []);
    appends = [];
    /** What the next append holds, once the one under way is durable. */
    const next = (): number => (appends[0] === undefined ? 0 : lengthOf(tail.slice(appended), appends[0]));
    return { commit, released, appended, next };
  }

  /** The answer to a duplicate says that its message is accepted: it may not leave before that is durable. */
  private mustWait(message: Message): void {
    const { tail, flight } = this.world;
    let answered = false;
    this.commitOf(tail, flight).commit.whenDurable(() => {
      answered = true;
    });
    if (answered && this.disk.messages[message.seq] === undefined)
      throw new Error('the answer to a duplicate left before its message was durable');
  }

  private synced(): void {
    const { world } = this;
    const { commit, released, next } = this.commitOf(world.tail, world.flight);
    commit.durable();
    this.world = { ...world, draining: world.flight, released: [...released], next: next() };
    const durable = world.tail.slice(0, world.flight);
    for (const entry of released) if (!durable.includes(entry)) this.tell(entry);
  }

  /** One durable fact reaches the disk's shard, and its reply, if the commit let it go, the client. */
  private drain(): void {
    const { world, disk } = this;
    const [entry, ...rest] = world.tail as [Entry, ...Entry[]];
    if (entry.action === 'Tick') advance(disk.shard, disk.shard.nowMs + 1);
    for (const fact of entry.facts) disk.apply(fact);
    const journal = entry.facts.length === 0 ? world.journal : { facts: entry.facts, before: world.journal };
    const recovered = entry.action === 'Recover';
    const last = world.draining === 1;
    const running = world.phase === 'up';
    this.world = {
      ...world,
      tail: rest,
      journal,
      dUp: recovered || world.dUp,
      draining: last ? (running && !rest.some(isFact) ? rest.length : 0) : world.draining - 1,
      flight: last ? (running ? world.next : 0) : world.flight,
      next: last ? 0 : world.next,
    };
    if (running && world.released.includes(entry)) this.tell(entry);
  }

  private tell({ action, m, epoch }: Entry): void {
    const { world } = this;
    if (action === 'Send') this.world = { ...world, sent: [...world.sent, m] };
    if (action === 'Ack') this.world = { ...world, acked: [...world.acked, m] };
    if (action === 'Recv') this.world = { ...world, epochs: world.epochs.map((was, i) => (i === m ? epoch : was)) };
  }

  private crashes(act: (action: string, change: () => void) => void): void {
    const { world } = this;
    if (world.crashes >= this.c.CrashesMax) return;
    for (const written of world.flight === 0 ? [0] : [0, world.flight]) {
      act('Crash', () => {
        const tail = world.tail.slice(0, written);
        const gone = { flight: 0, next: 0, released: [] };
        this.world = { ...world, phase: 'dying', crashes: world.crashes + 1, tail, draining: written, ...gone };
      });
    }
  }

  private die(): void {
    const { world } = this;
    this.world = { ...world, phase: 'down', dUp: false, dCrashes: world.dCrashes + (world.dUp ? 1 : 0) };
  }

  private recover(elapsed: number): void {
    const { world, memory, disk } = this;
    for (let m = 1; m <= this.c.N; m++) {
      memory.messages[m] = disk.messages[m];
      memory.delivered[m] = disk.delivered[m] as number;
    }
    memory.replay(factsOf(world.journal));
    const facts = [memory.recover(disk.shard.nowMs + elapsed)];
    const tail = [{ action: 'Recover', m: 0, timer: elapsed, facts, epoch: 0 }];
    this.world = { ...world, phase: 'up', tail, flight: this.commitOf(tail, 0).appended };
  }
}

const TICK: Entry = { action: 'Tick', m: 0, timer: 0, facts: [], epoch: 0 };
/** The place of `timer` among the variables of a shard. */
const TIMER_VARIABLE = 6;

/** How many entries an append of these facts holds. */
function lengthOf(tail: readonly Entry[], facts: readonly Fact[]): number {
  let left = facts.length;
  let entries = 0;
  while (entries < tail.length && left > 0) left -= (tail[entries++] as Entry).facts.length;
  if (left !== 0) throw new Error('the append holds other facts than were decided');
  return entries;
}
