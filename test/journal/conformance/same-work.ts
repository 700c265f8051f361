import { expect } from 'vitest';
import { advance } from '../../../src/core/advance.ts';
import type { Command } from '../../../src/core/commands.ts';
import { imagesOf } from '../../../src/core/image.ts';
import type { ShardState } from '../../../src/core/state.ts';
import { Reader, Writer } from '../../../src/journal/bytes.ts';
import { readRecord, writeRecord } from '../../../src/journal/record.ts';
import type { Batch } from '../../../src/ports/journal.ts';
import { LIMITS, takenOver } from '../../support/journal.ts';
import fc, { Reached } from '../../support/properties.ts';
import { sendOf } from '../../support/shard.ts';
import { type Kind, type Place, SHARDS } from './backends.ts';
import { Owner } from './owner.ts';

/** What is asked of a shard; `pick` chooses among what is there. */
interface Ask {
  readonly verb: 'send' | 'recv' | 'ack' | 'nack' | 'extend' | 'reprocess' | 'purge';
  readonly shard: number;
  readonly topic: number;
  readonly pick: number;
  readonly bytes: number;
  readonly afterMs: number;
}
type Step =
  | { readonly name: 'append'; readonly asks: readonly Ask[] }
  | { readonly name: 'again'; readonly shard: number }
  | { readonly name: 'snapshot' }
  | { readonly name: 'restart' };

const ASK: fc.Arbitrary<Ask> = fc.record({
  verb: fc.constantFrom('send', 'send', 'send', 'recv', 'recv', 'ack', 'nack', 'extend', 'reprocess', 'purge'),
  shard: fc.nat(SHARDS - 1),
  topic: fc.nat(1),
  pick: fc.nat(20),
  bytes: fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(90_000) }),
  afterMs: fc.oneof({ weight: 9, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: fc.nat(2_000) }),
});
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ name: fc.constant('append' as const), asks: fc.array(ASK, { minLength: 1, maxLength: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('again' as const), shard: fc.nat(SHARDS - 1) }) },
  { weight: 1, arbitrary: fc.constant({ name: 'snapshot' } as const) },
  { weight: 1, arbitrary: fc.constant({ name: 'restart' } as const) },
);

/** Each backend has hashes of its own, and a heap is any shape that says the same. */
const LEFT_OUT = new Set(['payloadHash', 'hashChain', 'place', 'ttlPlace']);
const text = (value: unknown): string =>
  JSON.stringify(value, (key, part) => {
    if (LEFT_OUT.has(key)) return undefined;
    return part instanceof Uint8Array ? `${part.byteLength} bytes ${part[0] ?? ''}` : part;
  });
/** Through the records of a snapshot, which say all of it. */
const summaryOf = (state: ShardState): string =>
  [...imagesOf(state)]
    .map((image) => {
      const w = new Writer();
      writeRecord(w, state.shard, image);
      return text(readRecord(new Reader(w.buffer.subarray(0, w.length))).item);
    })
    .join('\n');

/** One backend under a script: what it answers, step by step. */
class Run {
  readonly answers: string[] = [];
  readonly seen = { appends: 0, facts: 0, restarts: 0, claims: 0, snapshots: 0, files: 0, dead: 0 };
  private readonly kind: Kind;
  private readonly place: Place;
  private owner!: Owner;
  private keys = 0;

  constructor(kind: Kind) {
    this.kind = kind;
    this.place = kind.make();
  }

  async all(steps: readonly Step[]): Promise<void> {
    try {
      this.owner = await Owner.start(this.place);
      for (const step of steps) {
        await this[step.name](step as never);
        this.answers.push(...this.owner.states.map((state) => this.asOfNow(state)));
      }
      await this.restart();
      this.answers.push(...this.owner.states.map((state) => this.asOfNow(state)));
    } finally {
      await this.place.end();
    }
  }

  private asOfNow(state: ShardState): string {
    advance(state, this.owner.nowMs);
    return summaryOf(state);
  }

  private async append({ asks }: { readonly asks: readonly Ask[] }): Promise<void> {
    const batches = asks.map((ask): Batch => this.owner.decide(ask.shard, this.command(ask)));
    const facts = batches.flatMap((batch): readonly object[] => batch.facts);
    this.answers.push(batches.map((batch) => text(batch.facts)).join('\n'));
    const ends = await this.owner.append(batches);
    // As many as there are logs, which is no answer that a client sees.
    this.answers.push([...new Set(ends.map(({ end }) => end))].join());
    this.seen.appends++;
    this.seen.facts += facts.length;
    this.seen.dead = Math.max(this.seen.dead, ...this.owner.states.map(({ dead }) => dead.size));
  }

  private command({ verb, shard, topic: number, pick, bytes, afterMs }: Ask): Command {
    const { owner } = this;
    owner.nowMs += afterMs;
    const atMs = owner.nowMs;
    const topic = `t${number}`;
    const state = owner.states[shard] as ShardState;
    if (verb === 'send') {
      if (bytes > 65_536) this.seen.files++;
      const payload = new Uint8Array(bytes).fill(pick);
      const payloadHash = this.kind.hashOf(payload);
      const idemKey = pick === 0 ? 'again' : `k${++this.keys}`;
      return sendOf(atMs, topic, idemKey, { payload, payloadHash, hashChain: payloadHash, random: this.keys });
    }
    if (verb === 'recv') {
      const bytesMax = Number.POSITIVE_INFINITY;
      const receipt = `r${++this.keys}`;
      return {
        name: 'recv',
        atMs,
        topic,
        receipt,
        visibilityMs: 50,
        bytesMax,
        inflightElsewhere: 0,
        tenantInflightElsewhere: 0,
      };
    }
    const messages = [...state.messages()].sort((a, b) => a.seq - b.seq);
    const fitting = messages.filter(({ state: is }) =>
      verb === 'reprocess' || verb === 'purge' ? is === 'dead_lettered' : is === 'leased',
    );
    const message = fitting[pick % Math.max(1, fitting.length)] ?? messages[pick % Math.max(1, messages.length)];
    const msgId = message?.msgId ?? 'AAAAAAAAAAAAAAAAAAAAAAAAAA';
    const receipt = message?.receipt ?? 'none';
    switch (verb) {
      case 'ack':
        return { name: 'ack', atMs, msgId, receipt };
      case 'extend':
        return { name: 'extend', atMs, msgId, receipt, visibilityMs: null };
      case 'nack': {
        const what = { reason: 'why', retryAfterMs: pick % 3 === 0 ? pick : null, deadLetter: pick % 2 === 0 };
        return { name: 'nack', atMs, msgId, receipt, jitter: 0.5, damaged: false, ...what };
      }
      case 'reprocess':
        return { name: 'reprocess', atMs, msgId };
      case 'purge':
        return { name: 'purge', atMs, msgId, reason: 'admin' };
    }
  }

  private async again({ shard }: { readonly shard: number }): Promise<void> {
    await this.owner.again(shard);
    this.seen.claims++;
  }

  private async snapshot(): Promise<void> {
    const said: (Error | null)[] = [];
    for (const claim of this.owner.claims) claim.snapshot((error) => said.push(error));
    await this.place.until(() => said.length === SHARDS);
    this.answers.push(said.join());
    this.seen.snapshots++;
  }

  /** Where nothing outlives a process, it claims all that it has again, and says that it took it over. */
  private async restart(): Promise<void> {
    const { owner, place, kind } = this;
    this.seen.restarts++;
    if (kind.outlives) {
      await place.crash();
      this.owner = await Owner.start(place, owner.nowMs);
      return;
    }
    for (let shard = 0; shard < SHARDS; shard++) await owner.again(shard);
    await owner.durably(takenOver(owner.states, 1, owner.nowMs, LIMITS).slice(1));
  }
}

/** The same work over several backends: answer by answer, shard by shard, as over the first of them. */
export async function sameWorkOver(kinds: readonly Kind[], numRuns: number): Promise<Reached> {
  const reached = new Reached('differential run of the journal');
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 1, maxLength: 50 }), async (steps) => {
      const runs = kinds.map((kind) => new Run(kind));
      for (const run of runs) await run.all(steps);
      const [first, ...others] = runs as [Run, ...Run[]];
      for (const [i, run] of others.entries()) {
        const at = run.answers.findIndex((answer, place) => answer !== first.answers[place]);
        expect([kinds[i + 1]?.name, run.answers[at]]).toEqual([kinds[i + 1]?.name, first.answers[at]]);
        expect(run.answers.length).toBe(first.answers.length);
      }
      reached.saw({ steps: steps.length, answers: first.answers.length, ...first.seen });
    }),
    { numRuns },
  );
  return reached;
}
