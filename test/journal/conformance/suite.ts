import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../../../src/core/commands.ts';
import { isClaim, type Unclaimed } from '../../../src/ports/journal.ts';
import { sendOf } from '../../support/shard.ts';
import { type Kind, type Place, SHARDS } from './backends.ts';
import { Owner } from './owner.ts';

/** What every backend of the journal does. */
export function conformanceOf(kinds: readonly Kind[]): void {
  describe.each(kinds)('journal, $name', ({ make, outlives, hashOf }) => {
    const send = (owner: Owner, key: string, bytes = 10): Command => {
      const payload = new Uint8Array(bytes).fill(key.length);
      const payloadHash = hashOf(payload);
      return sendOf(++owner.nowMs, 't', key, { payload, payloadHash, hashChain: payloadHash });
    };
    const recv = (owner: Owner, receipt: string): Command => ({
      ...{ name: 'recv', atMs: ++owner.nowMs, topic: 't', receipt, visibilityMs: 1000 },
      ...{ bytesMax: Number.POSITIVE_INFINITY, inflightElsewhere: 0, tenantInflightElsewhere: 0 },
    });
    const ack = (owner: Owner, msgId: string, receipt: string): Command => ({
      ...{ name: 'ack', atMs: ++owner.nowMs, msgId, receipt },
    });

    /** Some of everything: sent, leased, acked, a payload in a file of its own. */
    async function work(owner: Owner, round = ''): Promise<void> {
      for (let shard = 0; shard < SHARDS; shard++) {
        const sent = [10, 500, 100_000 * shard].map((bytes, i) =>
          owner.decide(shard, send(owner, `${round}k${i}`, bytes)),
        );
        await owner.durably(sent);
        const leased = owner.decide(shard, recv(owner, `receipt${round}`));
        await owner.durably([leased]);
        const { msgId } = leased.facts[0] as { readonly msgId: string };
        if (shard > 0) await owner.durably([owner.decide(shard, ack(owner, msgId, `receipt${round}`))]);
      }
    }

    let place: Place;
    beforeEach(() => {
      place = make();
    });
    afterEach(() => place.end());

    it('opened: a new one knows nothing, has its shards, and is of the first term', async () => {
      const { journal } = await Owner.open(place);
      expect(journal.contents).toMatchObject({ limits: null, processFacts: [], clocks: null });
      expect([journal.shards, journal.condition]).toEqual([SHARDS, null]);
      expect(journal.processLog.term).toBe(outlives ? 1 : null);
      const logs = Array.from({ length: SHARDS }, (_, shard) => journal.logOf(shard));
      expect(Math.max(...logs, journal.processLog.number)).toBe(journal.logs - 1);
    });

    it('claim: of one owner at a time, who has an empty shard at first and appends to the log that was said', async () => {
      const owner = await Owner.open(place);
      for (let shard = 0; shard < SHARDS; shard++) {
        const claim = await owner.mustClaim(shard);
        expect([claim.shard, claim.state.shard, claim.state.depth, claim.log.number]).toEqual([
          shard,
          shard,
          0,
          owner.journal.logOf(shard),
        ]);
        expect(await owner.claim(shard)).toMatchObject({ shard, why: 'held' });
      }
    });

    it('append: ends once, as durable, one after the other, those of nothing too', async () => {
      const owner = await Owner.start(place);
      const answers: string[] = [];
      for (let i = 0; i < 20; i++) {
        const { ends, logs } = owner.begin([owner.decide(i % SHARDS, send(owner, `k${i}`))]);
        await place.until(() => ends.length === logs);
        answers.push(...ends.map(({ end }) => end));
      }
      const ends: string[] = [];
      owner.claims[0]?.log.append([], ({ end }) => ends.push(end));
      await place.until(() => ends.length > 0);
      expect([answers, ends]).toEqual([Array(20).fill('durable'), ['durable']]);
    });

    it('append: facts of a shard that is not ours are a bug, and nothing of them is written', async () => {
      const owner = await Owner.start(place);
      const batch = owner.decide(1, send(owner, 'k'));
      owner.claims[1]?.release();
      expect(() => owner.begin([batch])).toThrow('shard 1 is not claimed');
      // In memory what was decided is there already.
      expect((await owner.mustClaim(1)).state.depth).toBe(outlives ? 0 : 1);
    });

    it('a shard claimed again is what was durable of it, and what is left alone meanwhile is not disturbed', async () => {
      const owner = await Owner.start(place);
      await work(owner);
      const before = owner.digests();
      for (let shard = 0; shard < SHARDS; shard++) {
        const old = owner.states[shard];
        const state = await owner.again(shard);
        // Made anew: whatever became of the old one, nobody knows.
        expect(state === old).toBe(false);
        expect(owner.digests([state])).toEqual([before[shard]]);
      }
      await work(owner, 'more');
      expect(owner.digests()).not.toEqual(before);
    });

    it('released twice is released once: who claimed it since keeps it', async () => {
      const owner = await Owner.start(place);
      const [first] = owner.claims;
      await owner.again(0);
      first?.release();
      expect(await owner.claim(0)).toMatchObject({ why: 'held' });
    });

    it('a snapshot says the same in short, for a claim and for the next process', async () => {
      const owner = await Owner.start(place);
      await work(owner);
      for (let round = 0; round < 2; round++) {
        const said: (Error | null)[] = [];
        for (const claim of owner.claims) claim.snapshot((error) => said.push(error));
        await place.until(() => said.length === SHARDS);
        expect(said).toEqual(Array(SHARDS).fill(null));
      }
      const before = owner.digests();
      expect(owner.digests([await owner.again(1)])).toEqual([before[1]]);
      if (!outlives) return;
      await place.crash();
      const next = await Owner.start(place, owner.nowMs);
      expect(next.digests()).toEqual(before);
    });

    it('the next process: finds what was durable, in shards and of the process, and is of the next term; or nothing at all', async () => {
      const owner = await Owner.start(place);
      await work(owner);
      const revoked = { name: 'revoked', kind: 'nonce', value: 'n1', atMs: owner.nowMs } as const;
      const charged = { name: 'charged', nonce: 'n2', line: 'quota_ops = 5/60', used: 3 } as const;
      const window = { endMs: owner.nowMs + 50_000, windowMs: 60_000 };
      await owner.durably([owner.note(revoked), owner.note({ ...charged, ...window })]);
      const limits = { ...owner.states[0]!.limits, maxAttempts: 7 };
      await owner.durably([owner.note({ name: 'limited', limits })]);
      const before = owner.digests();
      await place.crash();
      const { journal } = await Owner.open(place);
      await place.crash();
      const next = await Owner.start(place, owner.nowMs);
      if (!outlives) {
        expect(journal.contents).toMatchObject({ limits: null, processFacts: [], clocks: null });
        expect(next.states.map(({ depth }) => depth)).toEqual(Array(SHARDS).fill(0));
        return;
      }
      expect(journal.contents.limits).toEqual(limits);
      expect(journal.contents.processFacts).toEqual([revoked, { ...charged, ...window }]);
      expect(journal.contents.clocks).toMatchObject({ serviceMs: owner.nowMs, wallMs: owner.nowMs + 5 });
      expect(next.digests()).toEqual(before);
      expect(next.journal.processLog.term).toBe(2);
    });

    it('a process that dies in an append: its decisions are there whole and in order, or are not; what was durable is', async () => {
      if (!outlives) return;
      const owner = await Owner.start(place);
      await work(owner);
      const keys = ['a', 'b', 'c'];
      const { ends } = owner.begin(keys.map((key) => owner.decide(0, send(owner, key))));
      await place.crash();
      const answered = ends.length;
      const next = await Owner.start(place, owner.nowMs);
      const found = [...next.states[0]!.messages()].map(({ idemKey }) => idemKey).filter((key) => keys.includes(key));
      expect(found).toEqual(keys.slice(0, answered === 0 ? found.length : keys.length));
      expect(next.digests().slice(1)).toEqual(owner.digests().slice(1));
      await work(next, 'next');
    });

    it('a failure: this append and all later ones end so, and nothing can be claimed of it; the next process goes on', async () => {
      const owner = await Owner.start(place);
      await work(owner);
      place.breakNext();
      for (let i = 0; i < 2; i++) {
        const [end] = await owner.append([owner.decide(0, send(owner, `broken${i}`))]);
        expect(end).toMatchObject({ end: 'failed', error: { message: expect.stringMatching(/broken|EIO/) } });
      }
      owner.claims[0]?.release();
      const claimed = await owner.claim(0);
      expect(isClaim(claimed)).toBe(false);
      expect((claimed as Unclaimed).why).toBe('unreadable');
      await place.crash();
      const next = await Owner.start(place, owner.nowMs);
      await work(next, 'next');
    });
  });
}
