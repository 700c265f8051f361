import { createHash } from 'node:crypto';
import type { HistoryHeader, Op } from '../../src/trace/history/format.ts';
import type { Answered } from './traffic.ts';

/** What was asked of a real server and answered by it, as a history has it; for the verbs that a `Swarm` uses. */
export class Recorded {
  readonly ops: Op[] = [];
  private readonly header: HistoryHeader;
  private readonly visibilityMs: number;

  constructor(maxAttempts: number, visibilityMs: number) {
    this.visibilityMs = visibilityMs;
    this.header = {
      ...{ history: 'svc-mailbox', version: 1, producer: 'client', commit: null, true_clocks: true },
      constants: { TReplay: 300_000, MaxAttempts: maxAttempts, SettledCapacity: 65_536, RevokedWithin: 0 },
    };
  }

  /** `answer`: null where none came. */
  told(path: string, body: object, askedMs: number, answer: Answered | null): void {
    // Times are whole, and no call is told to be shorter than it was.
    const end_ms = answer === null ? null : Math.ceil(performance.now());
    const about = { client: 'swarm', begin_ms: Math.floor(askedMs), end_ms };
    this.ops.push({ ...about, ...told(path, body as Asked, answer, this.visibilityMs) });
  }

  restarted(fromMs: number): void {
    const times = { begin_ms: Math.floor(fromMs), end_ms: Math.ceil(performance.now()) };
    this.ops.push({ client: 'mailbox', verb: 'restart', result: 'unknown', ...times });
  }

  drained(topic: string): void {
    const at = Math.ceil(performance.now());
    this.ops.push({ client: 'swarm', verb: 'drained', result: 'ok', topic, dead: [], begin_ms: at, end_ms: at });
  }

  text(): string {
    return [this.header, ...this.ops].map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}

interface Asked {
  readonly topic?: string;
  readonly idem_key?: string;
  readonly payload_b64?: string;
  readonly receipt?: string;
}

function told(
  path: string,
  asked: Asked,
  answer: Answered | null,
  visibilityMs: number,
): Omit<Op, 'client' | 'begin_ms' | 'end_ms'> {
  const isUnknown = answer === null || answer.status >= 500;
  const isRefused = answer?.status === 429;
  const otherwise = isUnknown ? 'unknown' : isRefused ? 'refused' : null;
  const { topic = '', idem_key = '', payload_b64 = '', receipt = '' } = asked;
  if (path === '/v1/send') {
    const payload_hash = createHash('sha256').update(payload_b64).digest('hex');
    const about = { verb: 'send' as const, topic, idem_key, payload_hash };
    if (otherwise !== null) return { ...about, result: otherwise };
    const result = answer?.status === 200 ? 'accepted' : 'duplicate';
    return { ...about, result, msg_id: answer?.body.msg_id };
  }
  if (path === '/v1/recv') {
    if (otherwise !== null) return { verb: 'recv', topic, result: otherwise };
    // biome-ignore lint/suspicious/noExplicitAny: an answer of the server
    const got = answer?.body.messages.map((one: any) => ({
      ...{ msg_id: one.msg_id, idem_key: one.idem_key, receipt: one.receipt, epoch: one.epoch, attempt: one.attempt },
      payload_hash: createHash('sha256').update(one.payload_b64).digest('hex'),
      deadline_in_ms: visibilityMs,
    }));
    return { verb: 'recv', topic, result: 'ok', got };
  }
  const msg_id = path.slice(path.lastIndexOf('/') + 1);
  const ended = answer?.status === 200 ? 'ok' : answer?.body?.code === 'E_NOT_FOUND' ? 'not_found' : 'lease_lost';
  return { verb: 'ack', msg_id, receipt, result: otherwise ?? ended };
}
