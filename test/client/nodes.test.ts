import { describe, expect, it } from 'vitest';
import { MailboxClient } from '../../src/client/client.ts';
import { MailboxError } from '../../src/client/error.ts';
import { aboutOf, Nodes } from '../../src/client/nodes.ts';
import { formatMsgId, shardOf } from '../../src/core/msg-id.ts';
import fc from '../support/properties.ts';

const [A, B, C] = ['http://a.test', 'http://b.test', 'http://c.test'] as const;

/** Nodes of which these have topics; which were asked, in order. */
class Cluster {
  readonly asked: string[] = [];
  readonly owners = new Map<string, string>();
  readonly gone = new Set<string>();
  says: ((owner: string) => string) | null = null;
  readonly client: MailboxClient;

  constructor(urls: string | readonly string[]) {
    this.client = new MailboxClient({
      url: urls,
      capability: 'cap',
      wait: async () => {},
      fetch: async (input, init) => {
        const { origin, searchParams } = new URL(String(input));
        this.asked.push(origin);
        if (this.gone.has(origin)) throw new Error('gone');
        const { topic = searchParams.get('topic') } = init?.body === undefined ? {} : JSON.parse(String(init.body));
        const owner = this.owners.get(topic) ?? origin;
        const headers: Record<string, string> =
          owner === origin ? {} : { 'x-mailbox-owner': this.says?.(owner) ?? owner };
        const status = this.gone.has(owner) ? 503 : 200;
        const body = status === 200 ? { topic } : { code: 'E_UNAVAILABLE', message: 'm', reason: 'not_owner' };
        return new Response(JSON.stringify(body), { status, headers });
      },
    });
  }
}

describe('client of a cluster (B13)', () => {
  it('goes to the node that has the topic once one has said which that is', async () => {
    const cluster = new Cluster([A, B, C]);
    cluster.owners.set('t', C).set('u', B);
    for (const topic of ['t', 't', 'u', 'v', 't', 'u']) await cluster.client.stats(topic);
    expect(cluster.asked).toEqual([A, C, A, A, C, B]);
    cluster.owners.set('t', B);
    for (const topic of ['t', 't']) await cluster.client.stats(topic);
    expect(cluster.asked.slice(6)).toEqual([C, B]);
  });

  it('a node that does not answer, or refuses for now, is left for the next, and what it had is asked for anew', async () => {
    const cluster = new Cluster([A, B, C]);
    cluster.owners.set('t', C);
    await cluster.client.stats('t');
    cluster.gone.add(C);
    cluster.owners.set('t', B);
    await expect(cluster.client.stats('t')).rejects.toMatchObject({ code: 'E_UNREACHABLE' });
    for (let i = 0; i < 2; i++) expect(await cluster.client.stats('t')).toMatchObject({ topic: 't' });
    expect(cluster.asked).toEqual([A, C, A, B]);
    cluster.gone.add(A);
    const message = { topic: 'v', idem_key: 'k', payload_b64: '' };
    await cluster.client.send(message);
    expect(cluster.asked.slice(4)).toEqual([A, B]);
    cluster.owners.set('w', C);
    await expect(cluster.client.send({ ...message, topic: 'w' })).rejects.toBeInstanceOf(MailboxError);
    expect(new Set(cluster.asked.slice(6))).toEqual(new Set([A, B, C]));
  });

  it('a stream that breaks off leaves the node that it came from, and no other; who had the topic is still known (B13)', async () => {
    const asked: string[] = [];
    const client = new MailboxClient({
      url: [A, B, C],
      capability: 'cap',
      fetch: async (input) => {
        const { origin, pathname } = new URL(String(input));
        asked.push(origin);
        const headers: Record<string, string> = origin === C ? {} : { 'x-mailbox-owner': C };
        if (pathname === '/v1/stats') return new Response('{"topic":"t"}', { headers });
        const broken = new ReadableStream({ start: (out) => out.error(new Error('cut')) });
        return new Response(broken, { headers });
      },
    });
    await expect(client.feed({ topic: 't' } as never).next()).rejects.toMatchObject({ code: 'E_UNREACHABLE' });
    await client.stats('t');
    await client.stats('u');
    expect(asked).toEqual([A, C, B]);
  });

  it('a node that was not given is never gone to, whatever is said: the capability stays where it was meant to go', async () => {
    for (const evil of ['http://evil.test', 'http://a.test.evil.test', 'http://c.test@evil.test', 'no url', '']) {
      const cluster = new Cluster([A, C]);
      cluster.owners.set('t', C);
      cluster.says = () => evil;
      for (let i = 0; i < 3; i++) await cluster.client.stats('t');
      expect(cluster.asked).toEqual([A, A, A]);
    }
    const one = new Cluster(A);
    one.owners.set('t', C);
    for (let i = 0; i < 2; i++) await one.client.stats('t');
    expect(one.asked).toEqual([A, A]);
    expect(() => new Nodes([])).toThrow(RangeError);
  });

  it('property: ids are known by their shard, whatever else they say', () => {
    const id = fc.tuple(fc.nat(65_535), fc.nat(2 ** 30), fc.nat(2 ** 30)).map(([shard, random, slot]) => {
      return formatMsgId(1_700_000_000_000 + random, shard, random, slot);
    });
    fc.assert(
      fc.property(id, id, fc.constantFrom('ack', 'nack', 'extend', 'messages'), (one, other, verb) => {
        const [a, b] = [aboutOf(`/v1/${verb}/${one}`, undefined), aboutOf(`/v1/ack/${other}`, undefined)];
        expect(a).not.toBeNull();
        expect(a === b).toBe(shardOf(one) === shardOf(other));
      }),
    );
    expect(aboutOf('/v1/topics', undefined)).toBeNull();
  });
});
