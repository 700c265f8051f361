import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shardOf } from '../../src/core/msg-id.ts';
import { victimOf } from '../support/attack.ts';
import { Target } from '../support/target.ts';

/** Items of a request. */
const BATCH = 256;
const HOURS_12_MS = 12 * 3_600_000;

interface Result {
  readonly msg_id?: string;
  readonly code?: string;
  readonly reason?: string;
}

/** Someone with a capability for all topics of its own, who wants the rest as well. */
class Hog {
  readonly cap: string;
  private readonly target: Target;
  private sent = 0;

  constructor(target: Target) {
    this.target = target;
    this.cap = target.cap('topic prefix hog.', 'op = send,recv,ack,nack,extend,stats');
  }

  private async post(path: string, body: unknown) {
    const { status, body: answer } = await this.target.ask('POST', path, this.cap, body);
    return { status, answer: JSON.parse(answer.toString()) };
  }

  async send(topic: string, count = BATCH): Promise<Result[]> {
    const messages = Array.from({ length: count }, () => ({ topic, idem_key: `k${this.sent++}`, payload_b64: 'AAAA' }));
    const { answer } = await this.post('/v1/send/batch', { messages });
    return answer.results as Result[];
  }

  /** A topic whose messages live where the victim's do: the number of the shard stands in every msg_id. */
  async topicBeside(msgId: string): Promise<string> {
    for (let i = 0; i < 1000; i++) {
      const [first] = await this.send(`hog.t${i}`, 1);
      if (shardOf(first?.msg_id as string) === shardOf(msgId)) return `hog.t${i}`;
    }
    throw new Error('no topic of a thousand is in that shard');
  }

  /** Sends until something is refused. @returns what it is refused with */
  async fill(topic: string): Promise<Result> {
    for (;;) {
      const refused = (await this.send(topic)).find(({ msg_id: msgId }) => msgId === undefined);
      if (refused !== undefined) return refused;
    }
  }

  async lease(
    topic: string,
  ): Promise<{ status: number; messages: { msg_id: string; receipt: string }[]; reason?: string }> {
    const { status, answer } = await this.post('/v1/recv', { topic, max_messages: BATCH, visibility_ms: HOURS_12_MS });
    return { status, messages: answer.messages ?? [], reason: answer.reason };
  }

  async bury(topic: string, count: number): Promise<void> {
    await this.send(topic, count);
    const { messages } = await this.lease(topic);
    const items = messages.map(({ msg_id, receipt }) => ({ msg_id, receipt, dead_letter: true }));
    await Promise.all(
      items.map(({ msg_id, ...body }) => this.target.ask('POST', `/v1/nack/${msg_id}`, this.cap, body)),
    );
  }
}

describe('a tenant that wants everything (BD5), against the real server', () => {
  let target: Target;
  const neighbour = () => victimOf(target);
  beforeAll(async () => {
    target = await Target.start();
  });
  afterAll(() => target.stop());

  it('fills the shard its neighbour lives in: the neighbour sends as before, with all defaults', async () => {
    const victim = await neighbour();
    const hog = new Hog(target);
    const topic = await hog.topicBeside(victim.msgId);
    expect(await hog.fill(topic)).toMatchObject({ code: 'E_SATURATED', reason: 'tenant' });
    for (let i = 0; i < 20; i++) {
      const body = { topic: victim.topic, idem_key: `after-${i}`, payload_b64: 'AAAA' };
      expect((await target.ask('POST', '/v1/send', victim.cap, body)).status).toBe(200);
    }
    expect(await target.metrics()).toMatch(/^tenant_rejections_total [1-9]/m);
  }, 120_000);

  it('leases all that may be leased for twelve hours: the neighbour is served as before, with all defaults', async () => {
    const victim = await neighbour();
    const hog = new Hog(target);
    let refused: string | undefined;
    for (let i = 0; refused === undefined && i < 40; i++) {
      await hog.fill(`hog.lease${i}`);
      for (;;) {
        const { status, messages, reason } = await hog.lease(`hog.lease${i}`);
        if (status === 429) refused = reason;
        if (messages.length === 0) break;
      }
    }
    expect(refused).toBe('tenant');
    const { status, body } = await target.ask('POST', '/v1/recv', victim.cap, { topic: victim.topic });
    expect([status, JSON.parse(body.toString()).messages.length]).toEqual([200, 1]);
  }, 240_000);
});

describe('a tenant that buries (DL3), against the real server', () => {
  it('fills the dead letters: those of its neighbour stay, at a bound of a thousand', async () => {
    const target = await Target.start({ ready_shards: '1', dlq_capacity: '1000', enable_admin: '' });
    try {
      const victim = await victimOf(target);
      const hog = new Hog(target);
      for (let i = 0; i < 8; i++) await hog.bury(`hog.dead${i}`, BATCH);
      const admin = target.cap(`topic = ${victim.topic}`, 'op = admin');
      const listed = await target.ask('GET', `/v1/dlq?topic=${victim.topic}`, admin);
      expect(listed.status, listed.body.toString()).toBe(200);
      expect(listed.body.toString()).toContain(victim.deadMsgId);
      expect(await target.metrics()).toMatch(/dlq_purged_total\{[^}]*reason="count"[^}]*\} [1-9]/);
    } finally {
      await target.stop();
    }
  }, 240_000);
});
