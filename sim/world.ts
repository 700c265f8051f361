import { createSecretKey } from 'node:crypto';
import { Violation } from '../spec/invariants.ts';
import type { InvariantName } from '../spec/vocabulary.ts';
import { Authority } from '../src/auth/authorize.ts';
import { Keyring } from '../src/auth/keyring.ts';
import { mintToken } from '../src/auth/macaroon.ts';
import { LifecycleChecker, type Tally } from './checkers/lifecycle.ts';
import { Admin, type ClientParts, Consumer, Producer } from './clients.ts';
import { diskIn } from './disk.ts';
import { Loop } from './loop.ts';
import { Network } from './network.ts';
import { MailboxNode } from './node.ts';
import { Stream } from './random.ts';
import type { Fault, Schedule } from './schedule.ts';

export type Verdict =
  | { readonly kind: 'held' }
  | { readonly kind: 'safety'; readonly invariant: InvariantName; readonly detail: string }
  | { readonly kind: 'liveness'; readonly detail: string }
  | { readonly kind: 'crashed'; readonly detail: string };

export interface SimResult {
  readonly schedule: Schedule;
  readonly seed: number;
  readonly verdict: Verdict;
  /** Goals of the schedule that were not reached, with what was. */
  readonly missed: readonly string[];
  readonly steps: number;
  readonly simulatedMs: number;
  /** SHA-256 over everything that happened, in order. */
  readonly hash: string;
  readonly tally: Readonly<Tally>;
  /** Faults by kind. */
  readonly injected: Readonly<Record<string, number>>;
}

const SETTLE_CHECK_MS = 500;
const TEN_YEARS_S = 10 * 365 * 86_400;
const ROOT = { id: 'sim', createdMs: 0, key: createSecretKey(Buffer.alloc(32, 7)) };
const NONCES = {
  producers: '0PR0DCER'.padEnd(26, '0'),
  consumers: '0C0NSMER'.padEnd(26, '0'),
  admin: '0ADM1N'.padEnd(26, '0'),
};

/** One run of one schedule: everything in one thread, on simulated time, from one seed. */
export class World {
  private readonly schedule: Schedule;
  private readonly seed: number;
  private readonly loop = new Loop();
  private readonly checker: LifecycleChecker;
  private readonly node: MailboxNode;
  private readonly network: Network;
  private readonly producers: Producer[] = [];
  private readonly consumers: Consumer[] = [];
  private readonly injected: Record<string, number> = {};

  constructor(schedule: Schedule, seed: number) {
    this.schedule = schedule;
    this.seed = seed;
    const { loop } = this;
    this.checker = new LifecycleChecker(schedule.limits, loop);
    const disk = diskIn(loop, this.stream('disk'), schedule.syncMs);
    this.node = new MailboxNode({
      loop,
      disk,
      random: this.stream('node'),
      shards: schedule.shards,
      checker: this.checker,
      limits: schedule.limits,
      defect: schedule.defect,
    });
    // Revocations outlive a restart here; the server's list lives in its process until the journal holds it.
    this.node.useAuthority(new Authority(new Keyring([ROOT]), this.node, 30_000));
    this.network = new Network(loop, this.stream('network'), this.node, schedule.network);
    this.populate();
  }

  private stream(name: string): Stream {
    return new Stream(this.seed, name);
  }

  private token(nonce: string, ...caveats: string[]): string {
    const expires = `expires = ${Math.floor(this.node.wallMs() / 1000) + TEN_YEARS_S}`;
    return mintToken(ROOT.key, ROOT.id, nonce, [...caveats, expires, 'quota_ops = 1000000000/1']);
  }

  private populate(): void {
    const { topics, producers, consumers, reprocessEveryMs, durationMs } = this.schedule;
    const { loop, network, checker } = this;
    const parts = (name: string, token: string): ClientParts => ({
      loop,
      network,
      checker,
      token,
      random: this.stream(name),
    });
    const topicOf = (i: number): string => `sim.${i % topics}`;
    const produces = this.token(NONCES.producers, 'topic prefix sim.', 'op = send');
    for (let i = 0; i < producers.count; i++) {
      const producer = new Producer(parts(`producer ${i}`, produces), topicOf(i), i, producers.poison);
      this.producers.push(producer);
      producer.run(producers.everyMs, durationMs);
    }
    const consumes = this.token(NONCES.consumers, 'topic prefix sim.', 'op = recv,ack,nack,extend');
    for (const group of consumers) {
      for (let i = 0; i < group.count; i++) {
        const name = this.consumers.length;
        const consumer = new Consumer(parts(`consumer ${name}`, consumes), topicOf(i), name, group);
        this.consumers.push(consumer);
        consumer.run();
      }
    }
    if (reprocessEveryMs > 0) {
      const all = Array.from({ length: topics }, (_, i) => `sim.${i}`);
      // One capability a topic: an admin has no prefix (K8).
      for (const topic of all) {
        const administers = this.token(NONCES.admin, `topic = ${topic}`, 'op = admin');
        new Admin(parts(`admin ${topic}`, administers), [topic]).run(reprocessEveryMs, durationMs);
      }
    }
    for (const fault of this.schedule.faults)
      this.plan(fault, fault.atMs, this.stream(`fault ${fault.kind} ${fault.atMs}`));
  }

  private plan(fault: Fault, atMs: number, random: Stream): void {
    if (atMs >= this.schedule.durationMs) return;
    this.loop.after(atMs - this.loop.nowMs, 'fault', 0, () => {
      this.inject(fault, random);
      if (fault.everyMs > 0) this.plan(fault, this.loop.nowMs + fault.everyMs, random);
    });
  }

  private inject(fault: Fault, random: Stream): void {
    this.injected[fault.kind] = (this.injected[fault.kind] ?? 0) + 1;
    const { loop, network, node } = this;
    switch (fault.kind) {
      case 'crash':
        loop.record(0, 1, node.isUp ? 1 : 0);
        node.crash();
        loop.after(random.within(fault.downMs), 'restart', 0, () => node.start());
        return;
      case 'partition':
        if (fault.direction !== 'replies') network.cutRequests = true;
        if (fault.direction !== 'requests') network.cutReplies = true;
        loop.after(fault.forMs, 'fault', 1, () => this.heal());
        return;
      case 'clock_step':
        node.stepClock(fault.byMs);
        return;
      case 'burst':
        for (let i = 0; i < fault.messages; i++) this.producers[i % this.producers.length]?.burst(1);
        return;
      case 'revoke':
        node.revoke(NONCES[fault.of]);
    }
  }

  private heal(): void {
    this.network.cutRequests = false;
    this.network.cutReplies = false;
  }

  run(): SimResult {
    const verdict = this.verdict();
    const missed =
      verdict.kind === 'held'
        ? Object.entries(this.schedule.goals)
            .filter(([goal, least]) => (this.checker.tally[goal] ?? 0) < least)
            .map(([goal, least]) => `${goal} ${this.checker.tally[goal] ?? 0} of ${least}`)
        : [];
    return {
      schedule: this.schedule,
      seed: this.seed,
      verdict,
      missed,
      steps: this.loop.steps,
      simulatedMs: this.loop.nowMs,
      hash: this.loop.digest(),
      tally: this.checker.tally,
      injected: { ...this.injected, ...this.network.injected },
    };
  }

  private verdict(): Verdict {
    try {
      this.node.start();
      while (this.loop.step(this.schedule.durationMs));
      return this.settle();
    } catch (error) {
      if (error instanceof Violation) return { kind: 'safety', invariant: error.invariant, detail: error.message };
      return { kind: 'crashed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  }

  /** The faults are over, everyone behaves: every accepted message must be acked or dead-lettered in time (DeliveredLive). */
  private settle(): Verdict {
    this.heal();
    this.network.rules = { ...this.network.rules, drop: 0, duplicate: 0, reorder: 0, lostReply: 0, gone: 0 };
    for (const consumer of this.consumers) consumer.behaves = true;
    this.node.start();
    const endMs = this.schedule.durationMs + this.schedule.settleMs;
    for (let untilMs = this.loop.nowMs; untilMs <= endMs; untilMs += SETTLE_CHECK_MS) {
      while (this.loop.step(untilMs));
      if (this.open() === 0 && this.checker.unsettled() === 0) return { kind: 'held' };
    }
    const detail = `${this.checker.unsettled()} accepted messages unsettled, ${this.open()} sends unanswered after ${this.schedule.settleMs} ms`;
    return { kind: 'liveness', detail };
  }

  private open(): number {
    return this.producers.reduce((sum, producer) => sum + producer.open, 0);
  }
}

export const runSchedule = (schedule: Schedule, seed = schedule.seed): SimResult => new World(schedule, seed).run();
