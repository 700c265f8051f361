import { type Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HttpExchange } from '../../src/http/exchange.ts';
import type { Answer } from '../../src/http/reply.ts';
import { Routing } from '../../src/http/routing.ts';
import type { MailboxNode } from '../../src/node/node.ts';
import type { EngineMetrics } from '../../src/observe/engine-metrics.ts';
import type { Company } from '../../src/ports/engine.ts';
import { PeerClient } from '../../src/server/peer-client.ts';
import { until } from '../support/until.ts';

const SHARD = 3;
const NOT_OWNER = JSON.stringify({ code: 'E_UNAVAILABLE', message: 'no', reason: 'not_owner' });

/** A node that does not have a shard, and another that answers what the test says. */
class Bench {
  isAway = true;
  company: Company = { members: [], holders: [], revoked: 0 };
  readonly counted: string[] = [];
  readonly asked: { readonly req: IncomingMessage; readonly body: string }[] = [];
  answers: (req: IncomingMessage, res: ServerResponse) => void = (_, res) => res.end('{"ok":true}');
  readonly answered: Answer[] = [];
  here = 0;
  leave = (): void => {};
  written = '';
  /** Which nodes the streams were said to come from. */
  readonly streamsFrom: (string | undefined)[] = [];
  isCut = false;
  readonly peers: PeerClient;
  readonly routing: Routing;
  readonly server: Server;

  constructor() {
    const proxied = { slot: (result: string) => this.counted.push(result), add: () => {} };
    const metrics = { proxied } as unknown as EngineMetrics;
    this.peers = new PeerClient({ owner: 'me.1', company: () => this.company, metrics });
    const down = { size: 1, why: () => (this.isAway ? 'not_owner' : null) };
    const node = { service: { shardFor: () => SHARD, down } } as unknown as MailboxNode;
    this.routing = new Routing(node, this.peers);
    this.server = createServer((req, res) => {
      let body = '';
      req.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      req.once('end', () => {
        this.asked.push({ req, body });
        res.setHeader('content-type', 'application/json');
        res.setHeader('x-corr-id', req.headers['x-corr-id'] as string);
        this.answers(req, res);
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.owns(this.url);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The node at this URL has the shard. */
  owns(url: string, owner = 'b.1'): void {
    const member = { name: 'b', owner, url, version: '1', quietMs: 0, isConnected: true };
    this.company = { members: [member], holders: [{ shard: SHARD, owner, leftMs: 1 }], revoked: 0 };
  }

  exchange(isHop = false, method = 'POST'): HttpExchange {
    const client = {
      onGone: (gone: () => void) => {
        this.leave = gone;
      },
      cut: () => {
        this.isCut = true;
      },
      stream: (_type: string, _corrId: string, owner?: string) => {
        this.streamsFrom.push(owner);
        const write = (text: string, then: () => void): void => {
          this.written += text;
          then();
        };
        return { write, end: () => {} };
      },
    };
    const head = {
      isHop,
      method,
      authorization: 'Bearer cap',
      contentType: 'application/json',
      idemMode: '409',
    };
    const more = { corrId: 'corr', req: { url: '/v1/send?x=1' }, body: Buffer.from('{"a":1}'), client };
    return { head, ...more } as unknown as HttpExchange;
  }

  send(how: { readonly waitMs?: number; readonly isLong?: boolean } = {}, method = 'POST'): void {
    this.routing.send(
      this.exchange(false, method),
      { shard: SHARD, ...how },
      () => this.here++,
      (answer) => this.answered.push(answer),
    );
  }

  async answer(): Promise<Answer> {
    await until(() => this.answered.length > 0);
    return this.answered.shift() as Answer;
  }

  /** Sockets to the other node. */
  sockets(which: 'sockets' | 'freeSockets'): Socket[] {
    const { agents } = this.peers as unknown as { readonly agents: ReadonlyMap<string, Agent> };
    return [...agents.values()].flatMap((agent) => Object.values(agent[which]).flatMap((some) => some ?? []));
  }
}

describe('requests for the shard of another node (B13)', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = new Bench();
    await bench.listen();
  });
  afterEach(() => {
    bench.peers.close();
    bench.server.closeAllConnections();
    bench.server.close();
  });

  it('go there as they came, with the capability that they came with and a mark; the answer comes back as it is', async () => {
    bench.answers = (_, res) => {
      res.writeHead(429, { 'retry-after': '7' });
      res.end('{"code":"E_QUOTA","message":"m"}');
    };
    bench.send();
    expect(await bench.answer()).toMatchObject({ status: 429, outcome: 'quota', retryAfterS: 7 });
    const [{ req, body }] = bench.asked as [(typeof bench.asked)[0]];
    expect([req.method, req.url, body]).toEqual(['POST', '/v1/send?x=1', '{"a":1}']);
    expect(req.headers).toMatchObject({
      ...{ authorization: 'Bearer cap', 'content-type': 'application/json', 'x-idempotency-mode': '409' },
      ...{ 'x-corr-id': 'corr', 'x-mailbox-hop': '1' },
    });
    expect(bench.counted).toEqual(['answered']);
  });

  it('what came by a hop goes nowhere', () => {
    const ask = { request: { verb: 'stats', topic: 't' }, capability: null } as never;
    expect(bench.routing.partsOf(bench.exchange(true), [ask])).toEqual([{ shard: null, items: [0] }]);
    expect(bench.routing.partsOf(bench.exchange(), [ask])).toEqual([{ shard: SHARD, items: [0] }]);
    expect([
      bench.routing.awayOfTopic(bench.exchange(true), 't'),
      bench.routing.awayOfTopic(bench.exchange(), 't'),
    ]).toEqual([null, SHARD]);
  });

  it('nobody has it, or who is asked does not, or nobody listens there: looked for, for a second, then 503 not_owner', async () => {
    const ways: readonly [string, () => void][] = [
      ['not_owner', () => bench.owns('http://127.0.0.1:1', 'me.1')],
      ['not_owner', () => (bench.answers = (_, res) => res.writeHead(503).end(NOT_OWNER))],
      ['unreachable', () => bench.owns('http://127.0.0.1:1')],
    ];
    for (const [result, prepare] of ways) {
      prepare();
      const fromMs = performance.now();
      bench.send();
      expect(await bench.answer()).toMatchObject({ status: 503, outcome: 'not_owner', retryAfterS: 1 });
      expect(performance.now() - fromMs).toBeGreaterThan(990);
      expect(bench.counted.at(-1)).toBe(result);
      bench.answers = (_, res) => res.end('{"ok":true}');
      bench.owns(bench.url);
    }
  });

  it('found meanwhile: asked of whoever has it then, at once when that is seen; or answered here when it came to us', async () => {
    const { company } = bench;
    bench.company = { ...company, holders: [] };
    bench.send();
    bench.company = company;
    bench.peers.changed();
    expect(await bench.answer()).toMatchObject({ status: 200, outcome: 'ok' });
    bench.company = { ...company, holders: [] };
    bench.send();
    bench.isAway = false;
    bench.peers.changed();
    expect([bench.here, bench.answered.length]).toEqual([1, 0]);
  });

  it('the other node goes before it answered: 503 journal, for it may have been done; nothing is asked twice', async () => {
    bench.answers = (req) => req.socket.destroy();
    bench.send();
    expect(await bench.answer()).toMatchObject({ status: 503, outcome: 'journal' });
    bench.answers = (_, res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('{"half":');
      setImmediate(() => res.destroy());
    };
    bench.send();
    expect(await bench.answer()).toMatchObject({ status: 503, outcome: 'journal' });
    expect([bench.asked.length, bench.counted]).toEqual([2, ['unreachable', 'unreachable']]);
  });

  it('whatever becomes of a connection that stands: 503 journal; only where there was none nothing was sent', async () => {
    for (const code of ['ECONNABORTED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ECONNREFUSED']) {
      bench.asked.length = 0;
      bench.answers = () => {
        for (const socket of bench.sockets('sockets'))
          socket.destroy(Object.assign(new Error(code), { code, syscall: 'read' }));
      };
      bench.send();
      expect(await bench.answer(), code).toMatchObject({ status: 503, outcome: 'journal' });
      expect(bench.asked.length, code).toBe(1);
    }
    // A name that is nobody's, and one that is two addresses, at neither of which anybody listens.
    const port = new URL(bench.url).port;
    bench.server.closeAllConnections();
    await new Promise((resolve) => bench.server.close(resolve));
    for (const host of ['nobody.invalid', 'localhost']) {
      bench.owns(`http://${host}:${port}`);
      bench.send();
      expect(await bench.answer(), host).toMatchObject({ status: 503, outcome: 'not_owner' });
    }
  });

  it('a connection that was kept and is gone: a send may have been taken, what changes nothing is asked once more', async () => {
    const resets = (req: IncomingMessage): void => {
      bench.answers = (_, res) => res.end('{"ok":true}');
      req.socket.destroy();
    };
    for (const [method, outcome, asked] of [['POST', 'journal', 1] as const, ['GET', 'ok', 2] as const]) {
      bench.send();
      expect(await bench.answer()).toMatchObject({ outcome: 'ok' });
      await until(() => bench.sockets('freeSockets').length === 1);
      bench.asked.length = 0;
      bench.answers = resets;
      bench.send({}, method);
      expect([(await bench.answer()).outcome, bench.asked.length], method).toEqual([outcome, asked]);
      bench.answers = (_, res) => res.end('{"ok":true}');
    }
  });

  it('one that nobody uses is closed long before the other side would', async () => {
    bench.server.keepAliveTimeout = 300_000;
    bench.send();
    expect(await bench.answer()).toMatchObject({ outcome: 'ok' });
    await until(() => bench.sockets('freeSockets').length === 1);
    const [socket] = bench.sockets('freeSockets') as [Socket];
    await until(() => socket.destroyed);
  });

  it('who answers there is no mailbox: 503 journal, and nothing of it goes on to the client', async () => {
    for (const [status, type] of [
      [200, 'application/json'],
      [404, 'text/html'],
      [200, 'application/x-ndjson'],
    ] as const) {
      bench.answers = (_, res) => {
        res.removeHeader('x-corr-id');
        res.writeHead(status, { 'content-type': type }).end('{"ok":true}\n');
      };
      bench.send();
      expect(await bench.answer()).toMatchObject({ status: 503, outcome: 'journal' });
      expect([bench.written, bench.isCut]).toEqual(['', false]);
    }
  });

  it('a stream begins as soon as any answer is due, and lasts as long as it likes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const turns = async (isSo: () => boolean): Promise<void> => {
        while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
      };
      let stream: ServerResponse | null = null;
      bench.answers = (_, res) => {
        stream = res;
      };
      bench.send({ isLong: true });
      await turns(() => bench.asked.length === 1);
      vi.advanceTimersByTime(60_000);
      expect(bench.answered.shift()).toMatchObject({ status: 503, outcome: 'journal' });
      bench.answers = (_, res) => {
        stream = res;
        res.writeHead(200, { 'content-type': 'application/x-ndjson' });
        res.write('first\n');
      };
      bench.send({ isLong: true });
      await turns(() => bench.written === 'first\n');
      vi.advanceTimersByTime(7 * 86_400_000);
      (stream as ServerResponse | null)?.end('last\n');
      await turns(() => bench.answered.length > 0);
      expect(bench.streamsFrom).toEqual([bench.url]);
      expect([bench.written, bench.isCut]).toEqual(['first\nlast\n', false]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('a client that leaves is gone at the other node too, while it waits there or is looked for', async () => {
    let isGone = false;
    bench.answers = (_, res) => {
      res.once('close', () => {
        isGone = true;
      });
    };
    bench.send({ waitMs: 60_000 });
    await until(() => bench.asked.length === 1);
    bench.leave();
    await until(() => isGone);
    bench.company = { ...bench.company, holders: [] };
    bench.send();
    bench.leave();
    bench.peers.changed();
    expect([bench.answered, bench.here, bench.counted]).toEqual([[], 0, ['gone', 'gone']]);
  });

  it('a stream is passed on as it comes, and cut where it is cut there', async () => {
    let stream: ServerResponse | null = null;
    bench.answers = (_, res) => {
      stream = res;
      res.writeHead(200, { 'content-type': 'application/x-ndjson' });
      res.write('{"a":"ä"}\n');
    };
    bench.send({ isLong: true });
    await until(() => bench.written === '{"a":"ä"}\n');
    (stream as ServerResponse | null)?.end('last\n');
    expect(await bench.answer()).toMatchObject({ status: 200, outcome: 'ok' });
    expect([bench.written, bench.isCut]).toEqual(['{"a":"ä"}\nlast\n', false]);
    bench.send({ isLong: true });
    await until(() => bench.asked.length === 2);
    await until(() => bench.written.endsWith('last\n{"a":"ä"}\n'));
    (stream as ServerResponse | null)?.destroy();
    await until(() => bench.isCut);
    expect(bench.counted).toEqual(['answered', 'cut']);
  });
});
