import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bucket } from '../../src/objects/bucket.ts';
import { ObjectPayloads } from '../../src/objects/object-payloads.ts';
import type { LeftOut, Payload, PayloadFound } from '../../src/ports/payload-store.ts';
import { FakeBucket, KEYS, type Trouble } from '../support/fake-bucket.ts';

const FOLDER = 'f'.repeat(32);
const payloadOf = (text: string): Payload => ({
  hash: `b3:${createHash('sha256').update(text).digest('hex')}`,
  bytes: Buffer.from(text),
});
const TROUBLES: readonly Exclude<Trouble, null>[] = ['silent', 'reset', 'error', 'no bucket', 'redirect'];

describe('payloads in a bucket (B11)', () => {
  let bucket: FakeBucket;
  let nowMs = 0;
  let told: (string | null)[] = [];
  beforeEach(async () => {
    bucket = await new FakeBucket().start();
    [nowMs, told] = [0, []];
  });
  afterEach(() => bucket.stop());

  const open = (folder = FOLDER, keys = KEYS): ObjectPayloads =>
    new ObjectPayloads({
      bucket: new Bucket({ url: bucket.url, region: 'us-east-1', timeoutMs: 300, ...keys }),
      folder,
      nowMs: () => nowMs,
      after: (_, run) => setImmediate(run),
      onTrouble: (reason) => told.push(reason),
    });
  const put = (store: ObjectPayloads, ...payloads: Payload[]) =>
    new Promise<readonly LeftOut[]>((resolve, reject) =>
      store.put(payloads, (error, without) => (error === null ? resolve(without) : reject(error))),
    );
  const get = (store: ObjectPayloads, hash: string) => new Promise<PayloadFound>((resolve) => store.get(hash, resolve));
  const keepOnly = (store: ObjectPayloads, ...hashes: string[]) =>
    new Promise<Error | null>((resolve) => store.keepOnly(new Set(hashes), resolve));

  it('kept, found by their hash in another process, and removed', async () => {
    const [one, other] = [payloadOf('one'), payloadOf('')];
    const store = open();
    expect(await put(store, one, other)).toEqual([]);
    expect([...bucket.objects.keys()].every((key) => key.startsWith(`some/prefix/${FOLDER}/`))).toBe(true);
    expect(await get(open(), one.hash)).toEqual({ found: 'whole', bytes: one.bytes });
    expect(await get(open(), other.hash)).toEqual({ found: 'whole', bytes: other.bytes });
    expect(await get(open(), payloadOf('none').hash)).toEqual({ found: 'missing' });
    store.remove(one.hash);
    expect(await get(store, one.hash)).toEqual({ found: 'missing' });
    expect(told).toEqual([]);
  });

  it.each(TROUBLES)(
    '%s: what is sent is left out for the log, at once while that lasts; it is told once, and when it is over',
    async (trouble) => {
      const store = open();
      bucket.trouble = trouble;
      const payloads = Array.from({ length: 12 }, (_, i) => payloadOf(`p${i}`));
      expect((await put(store, ...payloads)).map(({ hash, lack }) => [hash, lack]).sort()).toEqual(
        payloads.map(({ hash }) => [hash, 'connection']).sort(),
      );
      expect(told).toEqual([expect.stringMatching(/^(no answer in time|not reached|PUT was answered)/)]);
      bucket.trouble = null;
      const { served } = bucket;
      expect(await put(store, payloads[0] as Payload)).toHaveLength(1);
      expect(bucket.served).toBe(served);
      nowMs += 60_000;
      expect(await put(store, payloads[0] as Payload)).toEqual([]);
      expect(told).toEqual([expect.any(String), null]);
      expect(bucket.names).toEqual([(payloads[0] as Payload).hash.slice(3)]);
    },
  );

  it.each(TROUBLES)(
    '%s: nobody can say whether a payload is there, so no message is given up for it',
    async (trouble) => {
      const store = open();
      const payload = payloadOf('one');
      await put(store, payload);
      bucket.trouble = trouble;
      expect(await get(store, payload.hash)).toMatchObject({
        found: 'unknown',
        error: { message: /^payload_store: / },
      });
      expect(await keepOnly(store)).toBeInstanceOf(Error);
      bucket.trouble = null;
      expect((await get(store, payload.hash)).found).toBe('whole');
    },
  );

  it('longer than any payload: damaged, and not read to its end', async () => {
    const payload = payloadOf('one');
    bucket.objects.set(`some/prefix/${FOLDER}/${payload.hash.slice(3)}`, Buffer.alloc(5 << 20));
    expect(await get(open(), payload.hash)).toEqual({ found: 'damaged' });
  });

  it('a wrong key: told by its code, and no secret in it', async () => {
    const store = open(FOLDER, { ...KEYS, secretAccessKey: 'another-secret' });
    expect(await put(store, payloadOf('one'))).toHaveLength(1);
    expect(told).toEqual(['PUT was answered 403 SignatureDoesNotMatch']);
  });

  it('what nobody needs goes, page by page; what others have in the bucket stays, and what is kept meanwhile', async () => {
    const store = open();
    const old = Array.from({ length: 10 }, (_, i) => payloadOf(`old ${i}`));
    await put(store, ...old);
    const others = [payloadOf('of another directory')];
    await put(open('e'.repeat(32)), ...others);
    bucket.objects.set(`some/prefix/${FOLDER}/readme`, Buffer.from('put there by hand'));
    const needed = old.slice(0, 2);
    const during = [payloadOf('new'), old[5] as Payload];
    const cleared = keepOnly(store, ...needed.map(({ hash }) => hash));
    await put(store, ...during);
    expect(await cleared).toBeNull();
    const names = [...needed, ...others, ...during].map(({ hash }) => hash.slice(3));
    expect(bucket.names.sort()).toEqual([...names, 'readme'].sort());
  });

  it('one payload: kept, removed and kept again in the order in which that is asked', async () => {
    const store = open();
    const payload = payloadOf('again and again');
    for (let i = 0; i < 10; i++) {
      void put(store, payload);
      store.remove(payload.hash);
    }
    await put(store, payload);
    expect((await get(store, payload.hash)).found).toBe('whole');
  });
});
