import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import { Keyring } from '../../src/auth/keyring.ts';
import { type Answer, TestServer, until } from '../support/server.ts';

const DAY_MS = 86_400_000;

/** One rule that a request breaks, and the answer when it is the first that does. */
interface Broken {
  readonly outcome: Outcome;
  readonly says?: RegExp;
}
const NO_CAPABILITY: Broken = { outcome: 'cap_auth' };
const NO_OP: Broken = { outcome: 'cap_scope', says: /^the capability does not allow this/ };
const TOO_LARGE: Broken = { outcome: 'too_large' };
const NO_JSON: Broken = { outcome: 'media_type' };
const MALFORMED: Broken = { outcome: 'schema' };
const WRONG_HASH: Broken = { outcome: 'integrity' };
const OTHER_TOPIC: Broken = { outcome: 'cap_scope', says: /^topic: outside/ };
const NOT_THERE: Broken = { outcome: 'not_found' };
const SPENT: Broken = { outcome: 'quota' };
const DUPLICATE: Broken = { outcome: 'duplicate' };
const LEASE_LOST: Broken = { outcome: 'lease_lost' };
const NO_WRITES: Broken = { outcome: 'degraded_writes' };
const FULL: Broken = { outcome: 'saturated_shard' };
const ALL_LEASED: Broken = { outcome: 'saturated_inflight' };

type Asking = {
  readonly path: string;
  readonly body: string;
  readonly type: string;
  readonly broken: readonly Broken[];
};

/** A server in one of the states that refuse something to everybody, with what requests about it need. */
class Bench {
  readonly everybody: readonly Broken[];
  private readonly server: TestServer;
  private readonly caps = new Map<string, string>();
  /** The message that is leased, and its receipt. */
  readonly leased: { readonly msg_id: string; readonly receipt: string };

  private constructor(server: TestServer, leased: Bench['leased'], everybody: readonly Broken[]) {
    this.server = server;
    this.leased = leased;
    this.everybody = everybody;
  }

  /** One message is leased, one waits, and there is room for no more; `degraded` has a root key that is overdue. */
  static async start(degraded: boolean): Promise<Bench> {
    const bounds = { ready_shards: '1', shard_capacity: '2', global_inflight: '1' };
    const settings = { ...bounds, max_body: '1KiB', auth_failure_burst: '1000000' };
    const server = await TestServer.start(settings);
    for (const key of ['dup', 'other']) expect((await server.send('t.one', key)).status).toBe(200);
    const recv = { topic: 't.one', max_messages: 1, visibility_ms: 43_200_000 };
    const leased = (await server.post('/v1/recv', recv)).body.messages[0];
    if (degraded) {
      const old = server.keyring.keys.map((key) => ({ ...key, createdMs: Date.now() - 31 * DAY_MS }));
      server.reload(settings, new Keyring(old));
      await until(async () => (await server.ask('GET', '/readyz')).body.missing.includes('keyring'));
    }
    return new Bench(server, leased, [...(degraded ? [NO_WRITES] : []), FULL, ALL_LEASED]);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** A capability that breaks these; its quota is spent by asking for figures, which it may. */
  private async capability(broken: readonly Broken[], op: string): Promise<string | null> {
    if (broken.includes(NO_CAPABILITY)) return null;
    const topic = broken.includes(OTHER_TOPIC) || broken.includes(NOT_THERE) ? 'u' : 't';
    const isSpent = broken.includes(SPENT);
    const ops = broken.includes(NO_OP) ? 'stats' : `${op},stats`;
    const name = `${topic} ${ops} ${isSpent}`;
    let token = this.caps.get(name);
    if (token === undefined) {
      token = this.server.cap(`topic prefix ${topic}`, `op = ${ops}`, ...(isSpent ? ['quota_ops = 1/3600'] : []));
      this.caps.set(name, token);
      if (isSpent) await this.server.ask('GET', `/v1/stats?topic=${topic}.x`, undefined, { cap: token });
    }
    return token;
  }

  async ask({ path, body, type, broken }: Asking, op: string): Promise<Answer> {
    const cap = await this.capability(broken, op);
    return this.server.post(path, body, { cap, headers: { 'content-type': type } });
  }
}

/** Every choice of one or none of each. */
const choices = (stages: readonly (readonly Broken[])[]): readonly (readonly Broken[])[] =>
  stages.reduce<readonly (readonly Broken[])[]>(
    (all, stage) => all.flatMap((chosen) => [chosen, ...stage.map((one) => [...chosen, one])]),
    [[]],
  );

/** What is wrong with an answer where these rules, in their order, are broken; null for nothing. */
function wrongWith({ status, body }: Answer, broken: readonly Broken[]): string | null {
  const [first] = broken;
  const row = first === undefined ? OUTCOMES.ok : OUTCOMES[first.outcome];
  const is = [status, body?.code ?? null, body?.reason ?? undefined];
  const must = [row.status, row.code, 'reason' in row ? row.reason : undefined];
  if (String(is) === String(must) && (first?.says?.test(body.message) ?? true)) return null;
  return `${broken.map(({ outcome }) => outcome).join(', ')}: ${is.join(' ')} ${body?.message}`;
}

const JSON_TYPE = 'application/json';
const typeOf = (broken: readonly Broken[]): string => (broken.includes(NO_JSON) ? 'text/plain' : JSON_TYPE);
const bodyOf = (body: object, broken: readonly Broken[]): string =>
  JSON.stringify({
    ...body,
    ...(broken.includes(MALFORMED) ? { colour: 'red' } : {}),
    ...(broken.includes(WRONG_HASH) ? { payload_hash: `b3:${'0'.repeat(64)}` } : {}),
  }).padEnd(broken.includes(TOO_LARGE) ? 1_100 : 0);

describe('precedence (BD2): a request that breaks several rules is answered for the first of them', () => {
  let full: Bench;
  let fullAndDegraded: Bench;
  beforeAll(async () => {
    full = await Bench.start(false);
    fullAndDegraded = await Bench.start(true);
  });
  afterAll(() => Promise.all([full.stop(), fullAndDegraded.stop()]));

  /** Asks everything of these servers; `about` says what is asked, `meets` which rules of a server's state the verb meets. */
  async function expectOrder(
    asked: readonly Bench[],
    op: string,
    stages: readonly (readonly Broken[])[],
    about: (bench: Bench, broken: readonly Broken[], n: number) => Pick<Asking, 'path' | 'body'>,
    meets: readonly Broken[],
  ): Promise<number> {
    const wrong: string[] = [];
    let n = 0;
    for (const bench of asked) {
      const state = bench.everybody.filter((one) => meets.includes(one));
      for (const chosen of choices(stages)) {
        const broken = [...chosen, ...state];
        // What is right acts, and is no matter here.
        if (broken.length < 2) continue;
        const asking = { ...about(bench, broken, ++n), type: typeOf(broken), broken };
        const found = wrongWith(await bench.ask(asking, op), broken);
        if (found !== null) wrong.push(found);
      }
    }
    expect(wrong).toEqual([]);
    return n;
  }

  it('send: capability, op, body, topic, quota, duplicate, writes, bounds', async () => {
    const last = [[OTHER_TOPIC], [SPENT], [DUPLICATE]];
    const stages = [[NO_CAPABILITY, NO_OP], [TOO_LARGE, NO_JSON, MALFORMED, WRONG_HASH], ...last];
    const about = (_bench: Bench, broken: readonly Broken[], n: number) => {
      const idem_key = broken.includes(DUPLICATE) ? 'dup' : `new-${n}`;
      return { path: '/v1/send', body: bodyOf({ topic: 't.one', idem_key, payload_b64: 'aGVsbG8=' }, broken) };
    };
    const state = [NO_WRITES, FULL];
    expect(await expectOrder([fullAndDegraded], 'send', stages, about, state)).toBe(120);
    expect(await expectOrder([full], 'send', [[NO_OP], [MALFORMED], ...last], about, state)).toBe(31);
  });

  it('recv: capability, op, body, topic, quota, bounds; it goes on while writes are refused (BD3)', async () => {
    const stages = [[NO_CAPABILITY, NO_OP], [TOO_LARGE, NO_JSON, MALFORMED], [OTHER_TOPIC], [SPENT]];
    const about = (_bench: Bench, broken: readonly Broken[]) => ({
      path: '/v1/recv',
      body: bodyOf({ topic: 't.one', max_messages: 1 }, broken),
    });
    expect(await expectOrder([full, fullAndDegraded], 'recv', stages, about, [ALL_LEASED])).toBe(94);
  });

  it('ack, nack, extend: capability, op, body, message or topic, quota, lease; they go on while writes are refused (BD3, LE3)', async () => {
    const last = [[NOT_THERE], [SPENT], [LEASE_LOST]];
    const all = [[NO_CAPABILITY, NO_OP], [TOO_LARGE, NO_JSON, MALFORMED], ...last];
    for (const verb of ['ack', 'nack', 'extend']) {
      const about = ({ leased: { msg_id, receipt } }: Bench, broken: readonly Broken[]) => ({
        path: `/v1/${verb}/${msg_id}`,
        body: bodyOf({ receipt: broken.includes(LEASE_LOST) ? 'stale' : receipt }, broken),
      });
      const stages = verb === 'ack' ? all : [[NO_OP], [MALFORMED], ...last];
      expect(await expectOrder([fullAndDegraded], verb, stages, about, [])).toBe(verb === 'ack' ? 87 : 26);
    }
  });

  it('the table of outcomes is in that order; the 403 of a topic stands with that of an op, and comes after the body', () => {
    const order: Broken[] = [
      NO_CAPABILITY,
      NO_OP,
      TOO_LARGE,
      NO_JSON,
      MALFORMED,
      WRONG_HASH,
      NOT_THERE,
      SPENT,
      DUPLICATE,
    ];
    const names = [...order, LEASE_LOST, NO_WRITES, FULL, ALL_LEASED].map(({ outcome }) => outcome);
    expect(Object.keys(OUTCOMES).filter((name) => (names as string[]).includes(name))).toEqual(names);
  });
});
