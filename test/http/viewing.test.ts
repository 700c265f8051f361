import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DECISION_EVENTS, decisionFields } from '../../src/api/answers.ts';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { factLine, factRow } from '../../src/http/formats/viewed.ts';
import { guarded, hold, operationOf, requestFor } from '../support/contract.ts';
import { LineReader } from '../support/lines.ts';
import fc from '../support/properties.ts';
import { type Answer, TestServer, until } from '../support/server.ts';

let server: TestServer;
let viewer: string;
beforeAll(async () => {
  server = await TestServer.start({ recent_facts: '64', max_attempts: '1', stream_heartbeat: '100ms' });
  viewer = server.cap('topic prefix t', 'op = view');
});
afterAll(() => server.stop());

const get = async (url: string, cap = viewer): Promise<Answer> =>
  hold('GET', url, await server.ask('GET', url, undefined, { cap }));
/** Opens a feed on a connection of its own. */
const feed = (query: string, cap = viewer): LineReader =>
  new LineReader(
    server.where,
    `GET /v1/feed?${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${cap}\r\n\r\n`,
  );
const lines = (reader: LineReader) => reader.values;
const facts = (reader: LineReader): string[] =>
  lines(reader).flatMap(({ fact, idem_key }) => (fact === undefined ? [] : [`${fact} ${idem_key}`]));

describe('viewing', () => {
  it('view: lets in where the contract says so, and nowhere else (AU7, E7)', async () => {
    const allowed: string[] = [];
    for (const operation of guarded) {
      const { method, url, body } = requestFor(operation, server);
      const topic = url.includes('admin') || url.includes('decisions') ? 'mailbox.admin' : 't';
      const cap = server.cap(`topic = ${topic}`, 'op = view');
      const { status } = hold(method, url, await server.ask(method, url, body, { cap }));
      if (status !== 403) allowed.push(operation.id);
    }
    expect(allowed.sort()).toEqual(['decisions', 'feed', 'message', 'messages', 'node', 'topics']);
  });

  it('topics, messages, one message: what was sent, as it is, without its receipt (B15)', async () => {
    const { msg_id } = (await server.send('t.look', 'k1', { attrs: { a: '1' } })).body;
    await server.send('t.look', 'k2', { delay_ms: 60_000 });
    const { messages } = (await server.post('/v1/recv', { topic: 't.look', visibility_ms: 60_000 })).body;
    const topics = (await get('/v1/topics?prefix=t.l')).body;
    expect(topics).toMatchObject({ topics: [{ topic: 't.look', depth: 2, queued: 1, leased: 1 }], next: null });
    const page = (await get('/v1/messages?topic=t.look&limit=1&include=payload')).body;
    expect(page.messages).toMatchObject([
      { msg_id, state: 'leased', attempt: 1, attrs: { a: '1' }, payload_b64: 'aGVsbG8=' },
    ]);
    const rest = (await get(`/v1/messages?topic=t.look&cursor=${page.next}`)).body;
    expect(rest).toMatchObject({ messages: [{ idem_key: 'k2', state: 'queued' }], next: null });
    expect(rest.messages[0].until_in_ms).toBeGreaterThan(50_000);
    await server.post(`/v1/nack/${msg_id}`, { receipt: messages[0].receipt, reason: 'odd' });
    const shown = await get(`/v1/messages/${msg_id}`);
    expect(shown.body.message).toMatchObject({ state: 'dead_lettered', reason: 'max_attempts', last_error: 'odd' });
    expect(shown.body.timeline.map(({ fact, state }: Record<string, string>) => `${fact} ${state}`)).toEqual([
      ...['sent queued', 'received leased', 'nacked dead_lettered'],
    ]);
    expect(shown.body.timeline[2]).toMatchObject({ reason: 'max_attempts', last_error: 'odd', attempt: 1 });
    expect(shown.body.is_complete).toBe(true);
    expect(JSON.stringify([page, shown.body])).not.toContain(messages[0].receipt);
  });

  it('scope: what is not there and what is out of scope are told alike (AU7)', async () => {
    const { msg_id } = (await server.send('t.secret', 'k1')).body;
    const narrow = server.cap('topic = t.open', 'op = view');
    const hidden = await get(`/v1/messages/${msg_id}`, narrow);
    const none = await get(`/v1/messages/${msg_id.slice(0, -2)}ZZ`, narrow);
    expect([hidden.status, none.status]).toEqual([404, 404]);
    expect({ ...hidden.body, corr_id: '' }).toEqual({ ...none.body, corr_id: '' });
    expect((await get('/v1/topics', narrow)).body.topics).toEqual([]);
    expect((await get('/v1/messages?topic=t.secret', narrow)).status).toBe(403);
    expect((await get('/v1/messages?topic=t.neither', narrow)).status).toBe(403);
    const reader = feed('prefix=t&wait_ms=0', narrow);
    await until(() => reader.isClosed);
    expect(facts(reader)).toEqual([]);
  });

  it('cursors: of elsewhere 400, of before what is remembered 410 with where to begin', async () => {
    expect((await get('/v1/topics?cursor=m.1')).status).toBe(400);
    expect((await get('/v1/messages?topic=t.look&cursor=m.zz.0.0.any.t.look')).body.code).toBe('E_CURSOR_GONE');
    expect((await get('/v1/messages?topic=t.look&cursor=m.zz.0.0.any.t.other')).status).toBe(400);
    const gone = await get('/v1/feed?topic=t&after=zz-1&wait_ms=0');
    expect([gone.status, gone.body.code]).toEqual([410, 'E_CURSOR_GONE']);
    const again = /after=([0-9a-z-]+)/.exec(gone.body.message)?.[1];
    const reader = feed(`prefix=t&after=${again}&wait_ms=0`);
    await reader.closed();
    expect(lines(reader)[0]).toEqual({ cursor: again });
  });

  it('feed: facts as they become durable, from a cursor on, with a heartbeat that says how far it is (B10)', async () => {
    const reader = feed('topic=t.feed&after=now');
    await until(() => reader.values.length > 0);
    const { msg_id } = (await server.send('t.feed', 'k1')).body;
    await server.send('t.other', 'k1');
    await server.post('/v1/recv', { topic: 't.feed' });
    await until(() => facts(reader).length === 2);
    expect(facts(reader)).toEqual(['sent k1', 'received k1']);
    const [sent, received] = lines(reader).filter(({ fact }) => fact !== undefined);
    expect(sent).toMatchObject({ msg_id, topic: 't.feed', state: 'queued' });
    expect(JSON.stringify(lines(reader))).not.toMatch(/receipt|payload_b64/);
    await until(() => lines(reader).at(-1).fact === undefined);
    reader.socket.destroy();
    const rest = feed(`topic=t.feed&after=${sent.cursor}&wait_ms=0`);
    await rest.closed();
    expect(facts(rest)).toEqual(['received k1']);
    expect(lines(rest)[1]).toEqual(received);
  });

  it('feed: revoked, it ends at once and says so; nothing is told after (AU3)', async () => {
    const cap = server.cap('topic prefix t', 'op = view');
    const reader = feed('prefix=t.end&after=now', cap);
    await until(() => reader.values.length > 0);
    const { nonce } = await nonceOf(cap);
    const admin = server.cap('topic = mailbox.admin', 'op = admin');
    await server.post('/v1/admin/revoke', { nonce, reason: 'test' }, { cap: admin });
    await server.send('t.end', 'k1');
    await until(() => reader.isClosed);
    expect(facts(reader)).toEqual([]);
    expect(lines(reader).at(-1)).toMatchObject({ code: 'E_CAP_AUTH' });
  });

  it('property: a line of the feed is JSON of its fields, whatever a client chose (T1)', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    const key = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
    });
    const nullable = fc.option(text);
    fc.assert(
      fc.property(
        key,
        nullable,
        nullable,
        fc.option(fc.constant('2026-01-01T00:00:00.000Z')),
        (idemKey, reason, lastError, until) => {
          const ids = { msgId: '0'.repeat(26), topic: 't.a:b', corrId: 'c', payloadHash: 'b3:00' };
          const told = {
            ...ids,
            n: 7,
            fact: 'sent',
            atMs: 1,
            shard: 0,
            idemKey,
            state: 'queued',
            attempt: 1,
            epoch: 2,
            reason,
            lastError,
            untilMs: null,
          } as const;
          const view = { told, cursor: 'a-7', at: '2026-01-01T00:00:00.000Z', until };
          expect(factLine(view)).toBe(JSON.stringify(factRow(view)));
        },
      ),
    );
  });

  it('decisions: refusals and revocations as they are made, in the form of the feed, for a capability of mailbox.admin alone (B10, O3)', async () => {
    const watching = server.cap('topic = mailbox.admin', 'op = view');
    const follow = (query: string): LineReader =>
      new LineReader(
        server.where,
        `GET /v1/feed/decisions?${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${watching}\r\n\r\n`,
      );
    const reader = follow('after=now');
    await until(() => reader.values.length > 0);
    const stranger = server.cap('topic = t.other', 'op = send');
    const message = { topic: 't.look', idem_key: 'denied', payload_b64: '' };
    const denied = await server.post('/v1/send', message, { cap: stranger });
    expect(denied.status).toBe(403);
    const { nonce } = await nonceOf(stranger);
    const admin = server.cap('topic = mailbox.admin', 'op = admin');
    await server.post('/v1/admin/revoke', { nonce, reason: 'left the company' }, { cap: admin });
    await until(() => reader.values.some(({ event }) => event === 'capability.revoked'));
    const told = reader.values.filter(({ event }) => event !== undefined);
    const known = ['cursor', 'at', 'event', 'decision', ...Object.keys(decisionFields)];
    for (const line of told) {
      expect(DECISION_EVENTS).toContain(line.event);
      for (const name of Object.keys(line)) expect(known).toContain(name);
    }
    expect(told.find(({ event }) => event === 'auth.denied')).toMatchObject({
      ...{
        decision: 'denied',
        op: 'send',
        reason: 'topic',
        route: '/v1/send',
        corr_id: denied.headers.get('x-corr-id'),
      },
    });
    const revoked = told.find(({ event }) => event === 'capability.revoked');
    expect(revoked).toMatchObject({ decision: 'allowed', kind: 'nonce', id: nonce, note: 'left the company' });
    expect(JSON.stringify(told)).not.toContain(stranger);
    const again = follow(`wait_ms=0&after=${told[0]?.cursor}`);
    await again.closed();
    expect(again.values.filter(({ event }) => event === 'capability.revoked')).toHaveLength(1);
    expect(again.values.some(({ cursor, event }) => event !== undefined && cursor === told[0]?.cursor)).toBe(false);
    for (const cap of [
      viewer,
      server.cap('topic prefix m', 'op = view'),
      server.cap('topic prefix mailbox.', 'op = view'),
      server.cap('topic = mailbox.administration', 'op = view'),
      server.cap('topic prefix mailbox.admin.', 'op = view'),
    ])
      expect((await server.ask('GET', '/v1/feed/decisions?wait_ms=0', undefined, { cap })).status).toBe(403);
    const { keys } = server.keyring;
    await server.reload({}, new Keyring([...keys, freshKey('k2', Date.now())]));
    await server.reload({}, new Keyring(keys));
    await until(() => reader.values.filter(({ event }) => event === 'keyring.changed').length === 2);
    const changes = reader.values.filter(({ event }) => event === 'keyring.changed');
    expect(changes.map(({ key_id, reason }) => `${key_id} ${reason}`)).toEqual(['k2 added', 'k2 removed']);
    reader.socket.destroy();
  });

  it('refused: what a query may not say, each by the name of the field (T4)', async () => {
    const wrong: [string, string][] = [
      ['/v1/topics?prefix=T', 'prefix'],
      ['/v1/topics?limit=0', 'limit'],
      ['/v1/messages?topic=t&state=acked', 'state'],
      ['/v1/messages?topic=t&limit=1001', 'limit'],
      ['/v1/feed?topic=t&prefix=t&wait_ms=0', 'topic, prefix'],
      ['/v1/feed?wait_ms=0', 'topic, prefix'],
      ['/v1/feed?topic=t&wait_ms=43200001', 'wait_ms'],
      ['/v1/feed?topic=t&after=-', 'after'],
    ];
    for (const [url, field] of wrong) {
      const { status, body } = await get(url);
      expect([status, body.message], url).toEqual([400, expect.stringContaining(`${field}:`)]);
    }
    expect(operationOf('feed').responses['410']).toBeDefined();
  });
});

async function nonceOf(token: string): Promise<{ nonce: string }> {
  const { parseToken } = await import('../../src/auth/macaroon.ts');
  return { nonce: parseToken(token)?.nonce ?? '' };
}
