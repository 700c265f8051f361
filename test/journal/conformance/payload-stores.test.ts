import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LeftOut, Payload, PayloadFound, PayloadStore } from '../../../src/ports/payload-store.ts';
import { hashOf } from '../../support/journal.ts';
import { type PayloadPlace, PLACES } from './payload-places.ts';

const payloadOf = (n: number, bytes = 3000): Payload => {
  const content = new Uint8Array(bytes).fill(n);
  return { hash: hashOf(content), bytes: content };
};

/** A process that uses a store; every question of it must be answered once. */
class User {
  readonly place: PayloadPlace;
  readonly store: PayloadStore;
  /** To each question. */
  readonly answers: (readonly unknown[])[] = [];

  constructor(place: PayloadPlace) {
    this.place = place;
    this.store = place.open();
  }

  private async answer<A>(ask: (done: (answer: A) => void) => void): Promise<A> {
    const answers: A[] = [];
    this.answers.push(answers);
    ask((answer) => answers.push(answer));
    await this.place.until(() => answers.length > 0);
    return answers[0] as A;
  }

  put(...payloads: readonly Payload[]): Promise<{ error: Error | null; without: readonly LeftOut[] }> {
    return this.answer((done) => this.store.put(payloads, (error, without) => done({ error, without })));
  }
  get(hash: string): Promise<PayloadFound> {
    return this.answer((done) => this.store.get(hash, done));
  }
  keepOnly(...hashes: readonly string[]): Promise<Error | null> {
    return this.answer((done) => this.store.keepOnly(new Set(hashes), done));
  }

  async mustKeep(...payloads: readonly Payload[]): Promise<void> {
    expect(await this.put(...payloads)).toEqual({ error: null, without: [] });
  }
  async mustBe({ hash, bytes }: Payload): Promise<void> {
    const found = await this.get(hash);
    expect(found.found).toBe('whole');
    expect(Buffer.compare((found as { bytes: Uint8Array }).bytes, bytes)).toBe(0);
  }
  async mustMiss({ hash }: Payload): Promise<void> {
    expect(await this.get(hash)).toEqual({ found: 'missing' });
  }
}

describe.each(PLACES)('payloads, $name', ({ make }) => {
  let place: PayloadPlace;
  let user: User;
  beforeEach(() => {
    place = make();
    user = new User(place);
  });
  afterEach(() => {
    for (const answers of user.answers) expect(answers).toHaveLength(1);
    place.end();
  });

  it('put: what is kept is found as it was, by this process and the next; put twice is put once (T1)', async () => {
    const payloads = Array.from({ length: 9 }, (_, n) => payloadOf(n, 1 + n * 1000));
    await user.mustKeep(...payloads);
    await user.mustKeep(payloads[3] as Payload);
    for (const payload of payloads) await user.mustBe(payload);
    await place.crash();
    const next = new User(place);
    for (const payload of payloads) await next.mustBe(payload);
  });

  it('get: one that was never put is missing', async () => {
    await user.mustMiss(payloadOf(1));
  });

  it('get: one that was damaged is never taken for what was put, and is whole when it is put again (IN1)', async () => {
    const payload = payloadOf(1);
    await user.mustKeep(payload, payloadOf(2));
    place.damage(payload.hash);
    const found = await user.get(payload.hash);
    if (found.found === 'whole') expect(hashOf(found.bytes)).not.toBe(payload.hash);
    else expect(found.found).toBe('damaged');
    await user.mustKeep(payload);
    await user.mustBe(payload);
  });

  it('get: what cannot be read now is neither missing nor damaged, and is found later', async () => {
    const payload = payloadOf(1);
    await user.mustKeep(payload);
    place.blind(true);
    expect(await user.get(payload.hash)).toMatchObject({ found: 'unknown', error: expect.any(Error) });
    place.blind(false);
    await user.mustBe(payload);
  });

  it('remove: it is missing then; twice, and of one that was never there, is nothing', async () => {
    const [one, other] = [payloadOf(1), payloadOf(2)];
    await user.mustKeep(one, other);
    for (const hash of [one.hash, one.hash, payloadOf(3).hash]) user.store.remove(hash);
    await user.mustMiss(one);
    await user.mustBe(other);
  });

  it('what is asked of one payload is done in the order in which it was asked', async () => {
    const payload = payloadOf(1);
    await user.mustKeep(payload);
    user.store.remove(payload.hash);
    await user.mustKeep(payload);
    await user.mustBe(payload);
    const put = user.put(payload);
    user.store.remove(payload.hash);
    await put;
    await user.mustMiss(payload);
  });

  it('keepOnly: removes all others, those of processes before too', async () => {
    const [one, other, orphan] = [payloadOf(1), payloadOf(2), payloadOf(3)];
    await user.mustKeep(one, other, orphan);
    await place.crash();
    const next = new User(place);
    expect(await next.keepOnly(one.hash, other.hash, payloadOf(4).hash)).toBeNull();
    await next.mustBe(one);
    await next.mustBe(other);
    await next.mustMiss(orphan);
  });

  it('put: one for which something is wanting is named with it, and is not there (journal rule 5)', async () => {
    place.want();
    const payloads = [payloadOf(1)];
    const { error, without } = await user.put(...payloads);
    expect([error, without.length]).toEqual([null, 1]);
    expect(without[0]).toMatchObject({
      hash: payloads[0]?.hash,
      lack: expect.stringMatching(/^(disk_space|connection)$/),
    });
    await user.mustMiss(payloadOf(1));
    await user.mustKeep(...payloads);
    await user.mustBe(payloadOf(1));
  });

  it('put: a failure is said, once, and what was kept before stays (journal rule 4)', async () => {
    await user.mustKeep(payloadOf(1));
    place.breakNext();
    const { error, without } = await user.put(payloadOf(2), payloadOf(3));
    if (place.leavesOut === true) expect(without).toHaveLength(1);
    else expect(error).toBeInstanceOf(Error);
    await user.mustBe(payloadOf(1));
  });

  it('a process that dies while it puts and removes: what was answered is whole, the rest does no harm (AC1)', async () => {
    for (let round = 0; round < 30; round++) {
      const process = new User(place);
      const [kept, dropped, late] = [payloadOf(1), payloadOf(round + 2), payloadOf(round + 100, 9000)];
      await process.mustKeep(kept, dropped);
      process.store.remove(dropped.hash);
      let isLateKept = false;
      process.store.put([late], (error) => {
        isLateKept = error === null;
      });
      if (round % 3 === 0) await process.get(kept.hash);
      await place.crash();
      const next = new User(place);
      await next.mustBe(kept);
      if (isLateKept) await next.mustBe(late);
      expect(await next.keepOnly(kept.hash)).toBeNull();
      await next.mustMiss(dropped);
      await next.mustMiss(late);
    }
  });
});
