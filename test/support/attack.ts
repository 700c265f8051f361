import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { spellingsOf, stretchesOf } from './secrets.ts';
import { until } from './server.ts';
import { type Response, responsesIn, type Target } from './target.ts';

/** One thing that someone tries, and all that may come of it. */
export interface Attack {
  /** What is tried, with the ids of what stands against it. */
  readonly name: string;
  /** The bytes of one connection, made when it is its turn.. */
  readonly sends?: () => string | Buffer;
  /** .. or something that takes more than that, and gives everything it was answered. */
  readonly does?: () => Promise<Buffer>;
  /** Status and code of each answer, in order: `401 E_CAP_AUTH`, `400` for one without a body. None: closed without a word. */
  readonly gets: readonly string[];
  /** Event and reason of each decision line. */
  readonly logs: readonly string[];
  /** The connection outlives it: a request behind it is answered, and as what it is. */
  readonly stays?: boolean;
  /** It is done so many times that only which answers and lines there are is looked at, not how many. */
  readonly many?: boolean;
  /** What the process may grow by meanwhile. */
  readonly growsMax?: number;
}

/** In every payload that an attack carries: it must never be seen again. */
export const MARKER = 'PAYLOAD-MARKER-5d1f0c93';
export const MARKER_B64 = Buffer.from(MARKER).toString('base64');

const MiB = 1024 * 1024;
const GROWS_MAX = 64 * MiB;
const HONEST_MS_MAX = 20_000;
const BEHIND = 'GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n';
const COUNTED =
  /^(enqueued_total|delivered_total|redelivered_total|visibility_timeout_total|dlq_total|dlq_reprocess_total|dlq_purged_total|queue_depth|revocations|internal_errors_total)(?:\{[^}]*?queue="(\w+)")?\S* (\S+)$/;

/** A request in full; `lines` are more of its head. */
export function request(method: string, path: string, lines: readonly string[] = [], body = ''): string {
  const head = [`${method} ${path} HTTP/1.1`, 'Host: t', ...lines];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** A POST of JSON, whole and well-formed but for what is in it. */
export function post(path: string, cap: string | null, body: unknown, ...lines: string[]): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const authorization = cap === null ? [] : [`Authorization: Bearer ${cap}`];
  const typed = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`];
  return request('POST', path, [...authorization, ...typed, ...lines], Buffer.from(text).toString('latin1'));
}

/** Messages in every state for an attack to damage, and their owner's capability. */
export interface Victim {
  readonly topic: string;
  readonly cap: string;
  readonly msgId: string;
  readonly receipt: string;
  readonly deadMsgId: string;
}

export async function victimOf(target: Target): Promise<Victim> {
  const topic = `victim.${randomBytes(4).toString('hex')}`;
  const cap = target.cap(`topic = ${topic}`, 'op = send,recv,ack,nack,extend,stats');
  const lease = async (key: string) => {
    await target.ask('POST', '/v1/send', cap, { topic, idem_key: key, payload_b64: MARKER_B64 });
    const { body } = await target.ask('POST', '/v1/recv', cap, { topic, visibility_ms: 3_600_000 });
    return JSON.parse(body.toString()).messages[0] as { msg_id: string; receipt: string };
  };
  const dead = await lease('dead');
  await target.ask('POST', `/v1/nack/${dead.msg_id}`, cap, { receipt: dead.receipt, dead_letter: true });
  const { msg_id: msgId, receipt } = await lease('leased');
  await target.ask('POST', '/v1/send', cap, { topic, idem_key: 'queued', payload_b64: MARKER_B64 });
  return { topic, cap, msgId, receipt, deadMsgId: dead.msg_id };
}

/** Runs the attack beside an honest client, and checks that it got what it should and did nothing else. */
export async function attacked(target: Target, attack: Attack, victim: Victim): Promise<void> {
  const before = effectsIn(await target.metrics());
  const { out, err } = target.process;
  const [outStart, errStart] = [out.length, err.length];
  target.peakBytes();
  const occupied = target.peakBytes();
  const sentStart = target.sent.length;

  const [answered, cuts] = await Promise.all([perform(target, attack), honest(target)]);

  const peak = target.peakBytes();
  const responses = responsesIn(answered);
  if (attack.stays === true) expectBehind(responses.pop());
  const told = (all: string[]): string[] => (attack.many === true ? [...new Set(all)].sort() : all);
  const gets = responses.map(({ status, code }) => (code === null ? `${status}` : `${status} ${code}`));
  expect(told(gets)).toEqual(attack.gets);
  const last = responses.at(-1);
  if (last !== undefined && last.status !== 200 && attack.stays !== true) expectClosing(last.head);

  const written = () => target.process.out.slice(outStart);
  // On a busy machine the honest client may be cut for a head that was late, and asks again.
  const decided = () => told(withoutCuts(decisionsIn(written()), cuts));
  await until(() => decided().length >= attack.logs.length);
  const metrics = await target.metrics();
  expect(decided()).toEqual(attack.logs);
  expect(effectsIn(metrics)).toEqual(withHonest(before));
  expect(peak - occupied, 'bytes grown').toBeLessThan(attack.growsMax ?? GROWS_MAX);

  const seen = [answered.toString('latin1'), written(), target.process.err.slice(errStart), metrics].join('\n');
  const secrets = new Set([
    ...spellingsOf(Buffer.from(MARKER)),
    victim.receipt,
    ...target.sent.slice(sentStart).flatMap(tokensIn),
  ]);
  expect([...secrets].filter((secret) => seen.includes(secret))).toEqual([]);
}

async function perform(target: Target, { sends, does, stays }: Attack): Promise<Buffer> {
  if (sends === undefined) return does?.() ?? Buffer.alloc(0);
  const made = sends();
  const bytes = typeof made === 'string' ? Buffer.from(made, 'latin1') : made;
  return target.exchange(stays === true ? Buffer.concat([bytes, Buffer.from(BEHIND)]) : bytes);
}

/** Someone who does everything right and must not notice: one message, all the way. Gives how often it was cut with 408. */
async function honest(target: Target): Promise<number> {
  let cuts = 0;
  const topic = `honest.${randomBytes(6).toString('hex')}`;
  const cap = target.cap(`topic = ${topic}`, 'op = send,recv,ack');
  const endMs = performance.now() + HONEST_MS_MAX;
  // Asked again when it was pushed out or cut as a newcomer, like any client does.
  const ask = async (path: string, body: object): Promise<Response> => {
    for (;;) {
      const answered = await target.ask('POST', path, cap, body).catch(() => null);
      if (answered !== null && answered.status !== 408) return answered;
      if (answered?.status === 408) cuts++;
      expect(performance.now(), `ms of an honest ${path}`).toBeLessThan(endMs);
    }
  };
  const sent = await ask('/v1/send', { topic, idem_key: 'k', payload_b64: 'aGVsbG8=' });
  const received = await ask('/v1/recv', { topic });
  const [{ msg_id, receipt }] = JSON.parse(received.body.toString()).messages;
  const acked = await ask(`/v1/ack/${msg_id}`, { receipt });
  expect([sent.status, received.status, acked.status]).toEqual([200, 200, 200]);
  return cuts;
}

function withoutCuts(decisions: readonly string[], cuts: number): string[] {
  let left = cuts;
  return decisions.filter((decision) => decision !== 'connection.refused timeout' || left-- <= 0);
}

function expectBehind(response: Response | undefined): void {
  expect(response?.body.toString('latin1'), 'the request behind it').toBe('{"ok":true}');
}
const expectClosing = (head: string): void => expect(head).toMatch(/^connection: close\r?$/im);

/** What has happened to messages and revocations, by name and queue. */
function effectsIn(metrics: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of metrics.split('\n')) {
    const [, name, queue = '', value] = COUNTED.exec(line) ?? [];
    if (name !== undefined) found[`${name} ${queue}`] = (found[`${name} ${queue}`] ?? 0) + Number(value);
  }
  return found;
}

const withHonest = (effects: Record<string, number>): Record<string, number> => ({
  ...effects,
  'enqueued_total ': (effects['enqueued_total '] ?? 0) + 1,
  'delivered_total ': (effects['delivered_total '] ?? 0) + 1,
});

function decisionsIn(written: string): string[] {
  const whole = written.slice(0, written.lastIndexOf('\n') + 1).split('\n');
  return whole
    .filter((line) => line.includes('"decision":"denied"'))
    .map((line) => {
      const { event, reason } = JSON.parse(line) as Record<string, string>;
      return `${event} ${reason}`;
    });
}

/** Stretches of whatever was sent that may be a token. */
const tokensIn = (sent: string): string[] =>
  (sent.match(/[A-Za-z0-9_-]{84,}/g) ?? []).slice(0, 4).flatMap((token) => stretchesOf(token.slice(0, 4096)));
