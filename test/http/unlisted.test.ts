import { afterEach, describe, expect, it, vi } from 'vitest';
import { ROUTES } from '../../src/http/routes.ts';
import { unlistedIn } from '../../src/http/unlisted.ts';
import type { Reply } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { TestServer } from '../support/server.ts';

/** From now on the service answers so, whatever it is asked. */
const answering = (reply: Reply): void => {
  vi.spyOn(Service.prototype, 'request').mockImplementation((_request, _caller, _nowMs, answer) => answer(reply));
};

describe('answers that are not in the contract', () => {
  afterEach(() => vi.restoreAllMocks());

  it('a route answering an outcome that its row does not list: told, counted, sent, and its test fails', async () => {
    const server = await TestServer.start();
    answering({ outcome: 'saturated_streams' });
    expect((await server.ask('GET', '/v1/stats?topic=t')).body).toMatchObject({ reason: 'streams' });
    expect(server.lines.filter(({ event }) => event === 'answer.unlisted')).toMatchObject([
      { level: 'error', route: '/v1/stats', status: 429, reason: 'saturated_streams' },
    ]);
    expect(await server.metric('internal_errors_total')).toBe(1);
    await expect(server.stop()).rejects.toThrow(/not in the contract.*saturated_streams/);
  });

  it('an ack that rides along, or an item of a batch, refused with what its row does not list: the same', async () => {
    const server = await TestServer.start();
    answering({ outcome: 'ok', deliveries: [], ackOutcomes: ['integrity'] });
    const acks = [{ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' }];
    expect((await server.post('/v1/recv', { topic: 't', acks })).status).toBe(200);
    await expect(server.stop()).rejects.toThrow(/"route":"\/v1\/recv".*"integrity"/);
  });

  it('listed: of the whole request, of one unit of frames, of an item, of the end of a stream; each alone', () => {
    const route = (id: string) => ROUTES.find((one) => one.id === id) ?? null;
    const body = '';
    const cases = [
      [{ route: route('sendBatch') }, { status: 409, body, outcome: 'duplicate' }, 'duplicate'],
      [{ route: route('sendBatch'), isFrames: true }, { status: 409, body, outcome: 'duplicate' }, null],
      [{ route: route('sendBatch') }, { status: 200, body, outcome: 'ok', refusedItems: ['duplicate'] }, null],
      [{ route: route('send') }, { status: 200, body, outcome: 'duplicate' }, null],
      [{ route: route('recvStream') }, { status: 200, body, outcome: 'lease_lost' }, null],
      [{ route: route('recvStream') }, { status: 200, body, outcome: 'starting' }, null],
      [{ route: route('recvStream') }, { status: 409, body, outcome: 'lease_lost' }, 'lease_lost'],
      [{ route: route('recv') }, { status: 200, body, outcome: 'empty' }, null],
      [{ route: null }, { status: 405, body, outcome: 'method' }, null],
      [{ route: null }, { status: 409, body, outcome: 'duplicate' }, 'duplicate'],
    ] as const;
    for (const [asked, answer, unlisted] of cases)
      expect(unlistedIn(asked, answer), JSON.stringify(answer)).toBe(unlisted);
  });
});
