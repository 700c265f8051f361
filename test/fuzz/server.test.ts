import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OAP_TYPE } from '../../src/http/formats/units.ts';
import { corpus } from '../support/corpus.ts';
import { fuzzAsync } from '../support/fuzz.ts';
import { mutants } from '../support/mutate.ts';
import fc from '../support/properties.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ auth_failure_burst: '1000000', log_level: 'error' });
});
afterAll(() => server.stop());

/** What may come of a body, whatever it holds (R4); streams answer 200 and are cut. */
const STATUSES = [200, 400, 401, 403, 404, 409, 413, 415, 422, 429];
const SMALL = 64 * 1024;
const kept = (name: string): Buffer[] =>
  corpus(name)
    .map(({ bytes }) => bytes)
    .filter(({ length }) => length < SMALL);
const MSG_ID = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const FRAMES = ['send', 'send/batch', 'recv', `ack/${MSG_ID}`, 'ack/batch', `nack/${MSG_ID}`, 'nack/batch'];
const PATHS = [...FRAMES, `extend/${MSG_ID}`, 'dlq/reprocess', 'dlq/purge', 'admin/revoke'];

interface Asked {
  readonly path: string;
  readonly body: Buffer;
}
const asked = (paths: readonly string[], bodies: readonly Buffer[]): fc.Arbitrary<Asked> =>
  fc.record({ path: fc.constantFrom(...paths), body: mutants(bodies) });

async function check({ path, body }: Asked, type: string, cap: string): Promise<void> {
  const { status, bytes } = await server.postBytes(`/v1/${path}`, body, { 'content-type': type }, cap);
  expect(STATUSES).toContain(status);
  expect(bytes.toString('latin1')).not.toMatch(/E_INTERNAL|at \S+ \(/);
}

async function expectAlive(): Promise<void> {
  expect(await server.metric('internal_errors_total')).toBe(0);
  expect((await server.ask('GET', '/healthz', undefined, { cap: null })).status).toBe(200);
}

describe('fuzz: server', () => {
  it('JSON bodies that were changed, to every route: never a 500 (V1, V2)', async () => {
    const cap = server.cap('topic = a', 'op = send,recv,ack,nack,extend');
    // Nobody waits here: a wait is time that nothing is tried in.
    const bodies = kept('json').filter((body) => !body.includes('wait_ms'));
    await fuzzAsync(asked(PATHS, bodies), (one) => check(one, 'application/json', cap));
    await expectAlive();
  });

  it("JSON bodies that were changed, to what is the admin's: never a 500 (V1, V2)", async () => {
    const cap = server.cap('topic = a', 'op = admin');
    await fuzzAsync(asked(['dlq/reprocess', 'dlq/purge'], kept('json')), (one) => check(one, 'application/json', cap));
    await expectAlive();
  });

  it('frames that were changed, to every route that takes them: never a 500 (V1, V2, T5)', async () => {
    const cap = server.cap('topic = a', 'op = send,recv,ack,nack');
    await fuzzAsync(asked(FRAMES, kept('frames')), (one) => check(one, OAP_TYPE, cap));
    await expectAlive();
  });

  it('heads of capabilities that were changed: 401, never a 500 (S2, V1)', async () => {
    const tokens = mutants(kept('capabilities')).map((bytes) => bytes.toString('latin1').replace(/[^ -~]/g, '?'));
    await fuzzAsync(tokens, async (token) => {
      const cap = token.slice(0, 8_000);
      const { status } = await server.postBytes(
        '/v1/send',
        Buffer.from('{}'),
        { 'content-type': 'application/json' },
        cap,
      );
      expect(status).toBe(401);
    });
    await expectAlive();
  });
});
