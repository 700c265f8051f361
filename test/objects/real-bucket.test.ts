import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bucket, BucketError } from '../../src/objects/bucket.ts';
import { openObjects } from '../../src/objects/open.ts';
import type { Payload, PayloadFound } from '../../src/ports/payload-store.ts';
import { isHere } from '../support/programs.ts';
import { until } from '../support/until.ts';

const program = process.env['MOTO'] ?? 'moto_server';
const KEYS = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** Another's idea of S3: what requests look like, which answers there are, how lists go on. */
describe.skipIf(!isHere(program, '--help'))(
  'payloads at an S3-compatible server, moto (unavailable where it is missing)',
  () => {
    let server: ChildProcess;
    let origin: string;
    beforeAll(async () => {
      const port = await freePort();
      server = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
      origin = `http://127.0.0.1:${port}`;
      const isThere = async (): Promise<boolean> =>
        fetch(`${origin}/bucket`, { method: 'PUT' }).then(
          ({ ok }) => ok,
          () => false,
        );
      await until(isThere, 60_000);
    });
    afterAll(() => server.kill('SIGKILL'));

    const place = (bucket = 'bucket') => ({
      ...{ url: `${origin}/${bucket}/a.prefix/of-two`, region: 'us-east-1', timeoutMs: 20_000 },
      ...KEYS,
    });
    const payloadOf = (bytes: Uint8Array): Payload => ({
      hash: `b3:${createHash('sha256').update(bytes).digest('hex')}`,
      bytes,
    });

    it('kept, found, listed, removed (B11)', async () => {
      const store = openObjects({ place: place(), folder: 'f'.repeat(32) });
      const get = (hash: string) => new Promise<PayloadFound>((resolve) => store.get(hash, resolve));
      // A page has a thousand.
      const many = Array.from({ length: 1100 }, (_, i) => payloadOf(Buffer.from(`${i}`)));
      const large = payloadOf(randomBytes(1 << 20));
      const left = await new Promise((resolve) => store.put([...many, large], (_, without) => resolve(without)));
      expect(left).toEqual([]);
      const found = await get(large.hash);
      expect(found.found === 'whole' && Buffer.compare(found.bytes, large.bytes)).toBe(0);
      expect(await get(payloadOf(Buffer.from('none')).hash)).toEqual({ found: 'missing' });
      const kept = new Set([large.hash, ...many.slice(0, 3).map(({ hash }) => hash)]);
      expect(await new Promise((resolve) => store.keepOnly(kept, resolve))).toBeNull();
      const names: string[] = [];
      for await (const keys of new Bucket(place()).keys(''))
        names.push(...keys.map((key) => `b3:${key.split('/')[1]}`));
      expect(new Set(names)).toEqual(kept);
      store.remove(large.hash);
      expect(await get(large.hash)).toEqual({ found: 'missing' });
    }, 240_000);

    it('a bucket that is not there is no payload that is missing', async () => {
      await expect(new Bucket(place('another')).get('key', 10)).rejects.toThrow(BucketError);
      await expect(new Bucket(place('another')).get('key', 10)).rejects.toThrow('404 NoSuchBucket');
    });
  },
);
