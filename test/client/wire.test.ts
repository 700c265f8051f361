import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailboxClient } from '../../src/client/client.ts';
import { nodeFetch } from '../../src/client/node.ts';
import type { Envelope } from '../../src/client/types.ts';
import { verifyEnvelope } from '../../src/integrity/verify.ts';
import { versionAt } from '../../src/wire/frame.ts';
import { TestCertificate } from '../support/certificates.ts';
import { TestServer, until } from '../support/server.ts';

const directory = mkdtempSync(join(tmpdir(), 'mailbox-client-'));
const socketPath = join(directory, 'socket');
let certificate: TestCertificate;
let server: TestServer;
let clients: [string, MailboxClient][];
beforeAll(async () => {
  certificate = await TestCertificate.make();
  server = await TestServer.start({ ...certificate.settings, uds: socketPath });
  const { capability } = server;
  clients = [
    ['tls', new MailboxClient({ url: server.url, capability, fetch: nodeFetch({ ca: certificate.cert }) })],
    ['unix', new MailboxClient({ url: 'http://mailbox', capability, fetch: nodeFetch({ socketPath }) })],
  ];
});
afterAll(async () => {
  await server.stop();
  certificate.remove();
  rmSync(directory, { recursive: true });
});
const payload_b64 = Buffer.from('hello').toString('base64');

describe('client', () => {
  it('batches, frames and streams, over TLS with a CA of its own and over a Unix socket (S1, S4, B3)', async () => {
    for (const [name, client] of clients) {
      const topic = `t.${name}`;
      const sent = await client.sendBatch([
        { topic, idem_key: 'b1', payload_b64 },
        { topic: 'u', idem_key: 'b2', payload_b64 },
        { topic, idem_key: 'b1', payload_b64 },
      ]);
      expect(sent).toMatchObject([{ duplicate: false }, { code: 'E_CAP_SCOPE' }, { duplicate: true }]);
      const payload = Buffer.alloc(200_000, 'raw');
      expect(await client.sendFrames([{ topic, idem_key: 'f1', payload }])).toMatchObject([{ duplicate: false }]);
      const whole = Buffer.alloc(1_000_000, 'x');
      const one = await client.sendBytes({ topic, idem_key: 'f2', payload: whole });
      expect(one).toMatchObject({ duplicate: false, payload_hash: expect.stringMatching(/^b3:/) });

      const { messages } = await client.recvFrames({ topic, max_messages: 2, visibility_ms: 60_000 });
      expect(messages.map(({ idem_key }) => idem_key)).toEqual(['b1', 'f1']);
      expect(Buffer.compare(messages[1]!.payload, payload)).toBe(0);
      const [first, second] = messages.map(({ msg_id, receipt }) => ({ msg_id, receipt }));
      expect(await client.ackBatch([first!, { ...first!, receipt: 'no' }])).toMatchObject([
        { ok: true },
        { code: 'E_LEASE_LOST' },
      ]);
      expect(await client.nackBatch([{ ...second!, retry_after_ms: 0 }])).toMatchObject([
        { ok: true, state: 'redelivered' },
      ]);

      const seen: Envelope[] = [];
      for await (const envelope of client.stream({ topic, max_messages: 2 })) {
        expect(verifyEnvelope(envelope)).toBeNull();
        await client.ack(envelope.msg_id, envelope.receipt);
        seen.push(envelope);
      }
      expect(seen.map(({ idem_key }) => idem_key)).toEqual(['f1', 'f2']);
      expect(await client.stats(topic)).toMatchObject({ depth: 0 });
    }
  });

  it('a server that knows version 1 of frames alone is asked in it, after the first request, which it did nothing for (U1)', async () => {
    const asked: number[] = [];
    const old: typeof fetch = async (input, init = {}) => {
      const body = Buffer.from(init.body as Uint8Array);
      asked.push(versionAt(body, 0));
      // As a server of before refuses what it does not know: no version 3 is known here.
      if (versionAt(body, 0) === 2) body.writeUInt16BE(3, 4);
      return fetch(input as string, { ...init, body });
    };
    const own = await TestServer.start();
    const client = new MailboxClient({ url: own.url, capability: own.capability, fetch: old });
    const payload = Buffer.from('raw');
    const keys = ['k1', 'k2'];
    const sent = await client.sendFrames(keys.map((idem_key) => ({ topic: 't.old', idem_key, payload })));
    expect(sent).toMatchObject([{ duplicate: false }, { duplicate: false }]);
    const { messages } = await client.recvFrames({ topic: 't.old', max_messages: 1 });
    expect(messages).toMatchObject([{ idem_key: 'k1', attempt: 1, attrs: {} }]);
    const acks = messages.map(({ msg_id, receipt }) => ({ msg_id, receipt }));
    const rest = await client.recvFrames({ topic: 't.old', acks });
    expect(rest).toMatchObject({ messages: [{ idem_key: 'k2' }], ack_results: [{ ok: true }] });
    expect(asked).toEqual([2, 1, 1, 1]);
    // What version 2 cannot say is said in 1, and refused as ever.
    const newer = new MailboxClient({ url: own.url, capability: own.capability });
    const refused = newer.sendBytes({ topic: 't.old', idem_key: 'k3', ttl_ms: 0, payload });
    await expect(refused).rejects.toMatchObject({ code: 'E_SCHEMA', message: expect.stringContaining('ttl_ms') });
    await own.stop();
  });

  it('acks that ride along in frames are told apart, refused ones among them (LE8)', async () => {
    const [, client] = clients[1]!;
    await client.sendFrames([{ topic: 't.ride', idem_key: 'k', payload: new Uint8Array(3), attrs: { a: 'é' } }]);
    const { messages } = await client.recvFrames({ topic: 't.ride' });
    expect(messages).toMatchObject([{ attrs: { a: 'é' }, payload: new Uint8Array(3) }]);
    const [{ msg_id, receipt }] = messages as [(typeof messages)[0]];
    const acks = [
      { msg_id, receipt },
      { msg_id, receipt: 'other' },
    ];
    const answer = await client.recvFrames({ topic: 't.ride', acks });
    expect(answer).toMatchObject({
      messages: [],
      ack_results: [
        { msg_id, ok: true },
        { msg_id, code: 'E_LEASE_LOST' },
      ],
    });
  });

  it('leaving a stream closes it, by break and by signal', async () => {
    const [, client] = clients[0]!;
    await client.send({ topic: 't.leave', idem_key: 'k', payload_b64 });
    for await (const { idem_key } of client.stream({ topic: 't.leave' })) {
      expect(idem_key).toBe('k');
      break;
    }
    const leaving = new AbortController();
    const rest = client.stream({ topic: 't.leave' }, leaving.signal).next();
    await until(async () => (await server.metric('streams')) === 1);
    leaving.abort();
    await expect(rest).rejects.toThrow();
    await until(async () => (await server.metric('streams')) === 0);
  });

  it('what the server ends a stream with, or refuses in frames, is an error by its code', async () => {
    const [, client] = clients[1]!;
    await expect(client.stream({ topic: 'u' }).next()).rejects.toMatchObject({ code: 'E_CAP_SCOPE', status: 403 });
    const scope = { code: 'E_CAP_SCOPE', status: 403 };
    await expect(client.sendBytes({ topic: 'u', idem_key: 'k', payload: new Uint8Array(1) })).rejects.toMatchObject(
      scope,
    );
    await expect(client.recvFrames({ topic: 'u' })).rejects.toMatchObject(scope);
    const nobody = new MailboxClient({ url: 'http://mailbox', capability: 'none', fetch: nodeFetch({ socketPath }) });
    await expect(nobody.sendFrames([])).rejects.toMatchObject({ code: 'E_CAP_AUTH', status: 401 });
    const own = await TestServer.start();
    const streaming = new MailboxClient({ url: own.url, capability: own.capability }).stream({ topic: 't' }).next();
    await until(async () => (await own.metric('streams')) === 1);
    const ended = expect(streaming).rejects.toMatchObject({ code: 'E_UNAVAILABLE' });
    await own.stop();
    await ended;
  });

  it('a stream and a feed that break off in the middle end with an error of its class, to go on from (R4, U1)', async () => {
    const broken = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write('{"cursor":"a-0"}\n{"cursor":"a-', () => response.destroy());
    });
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`;
    for (const fetch of [globalThis.fetch, nodeFetch({})]) {
      const client = new MailboxClient({ url, capability: 'any', fetch });
      for (const lines of [client.feed({ topic: 't' }), client.stream({ topic: 't' })]) {
        expect((await lines.next()).value).toEqual({ cursor: 'a-0' });
        await expect(lines.next()).rejects.toMatchObject({
          ...{ name: 'UnreachableError', code: 'E_UNREACHABLE', retryable: true },
        });
      }
    }
    broken.close();
  });

  it('a certificate that nobody vouches for is not trusted (S1)', async () => {
    const { capability } = server;
    const trusting = new MailboxClient({ url: server.url, capability, attempts: 1, fetch: nodeFetch({}) });
    await expect(trusting.stats('t')).rejects.toMatchObject({
      code: 'E_UNREACHABLE',
      message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
    });
  });
});
