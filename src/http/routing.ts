import type { IncomingMessage } from 'node:http';
import { OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import { refusalNamed } from '../api/errors.ts';
import type { MailboxNode } from '../node/node.ts';
import type { HttpExchange, StreamOut } from './exchange.ts';
import type { Ask } from './formats/asks.ts';
import type { BatchPart } from './merged-batch.ts';
import { type Forwarded, type PeerAnswer, type PeerNodes, UNANSWERED } from './peer-nodes.ts';
import { type Answer, refusal } from './reply.ts';

/** A shard that is on its way from one node to another is waited for so long, and looked for so often. */
const HOLD_MS = 1_000;
const LOOK_MS = 50;
const HOP = 'x-mailbox-hop';

const NOBODY = 'no node serves the shard of it at the moment';

interface SentOn {
  readonly shard: number;
  /** How long its asker may wait for a message. */
  readonly waitMs?: number;
  /** It is a stream, or a feed. */
  readonly isLong?: boolean;
  /** Where that is not the body as it came. */
  readonly body?: Buffer | null;
}

interface Way {
  readonly exchange: HttpExchange;
  readonly shard: number;
  readonly request: Forwarded;
  /** It is for us after all. */
  readonly here: () => void;
  readonly finish: (answer: Answer) => void;
  /** Until when it is looked for whoever has the shard; null while nothing says that nobody does. */
  untilMs: number | null;
  isOver: boolean;
  cancel: () => void;
}

/**
 * Requests for shards that another node serves: one hop, as they came and with the capability that they came with. That node authenticates
 * and charges; nothing is charged here. What came by a hop goes no further.
 */
export class Routing {
  private readonly node: MailboxNode;
  private readonly peers: PeerNodes;

  constructor(node: MailboxNode, peers: PeerNodes) {
    this.node = node;
    this.peers = peers;
  }

  /** What of these goes where: one part where all of it is for one node, or is refused anyhow. */
  partsOf(exchange: HttpExchange, asks: readonly Ask[]): readonly BatchPart[] {
    const { down } = this.node.service;
    if (down.size === 0) return [{ shard: null, items: [] }];
    const parts = new Map<string, { readonly shard: number | null; readonly items: number[] }>();
    for (const [item, ask] of asks.entries()) {
      const found = 'refused' in ask || exchange.head.isHop ? null : this.node.service.shardFor(ask.request);
      const shard = found !== null && this.isAway(found) ? found : null;
      const where = shard === null ? 'here' : (this.peers.urlOf(shard) ?? 'nobody');
      const part = parts.get(where) ?? { shard, items: [] };
      part.items.push(item);
      parts.set(where, part);
    }
    return [...parts.values()];
  }

  /** Of each other node one of the shards that it has; none for what came by a hop. */
  others(exchange: HttpExchange): readonly number[] {
    const { service } = this.node;
    const found = new Map<string, number>();
    if (exchange.head.isHop) return [];
    for (const { shard } of service.shards) {
      const url = this.isAway(shard) ? this.peers.urlOf(shard) : null;
      if (url !== null && !found.has(url)) found.set(url, shard);
    }
    return [...found.values()];
  }

  /** The same of a stream or a feed. */
  awayOfTopic(exchange: HttpExchange, topic: string | null): number | null {
    if (exchange.head.isHop || topic === null) return null;
    const shard = this.node.service.shardFor({ topic });
    return shard !== null && this.isAway(shard) ? shard : null;
  }

  isAway(shard: number): boolean {
    return this.node.service.down.why(shard) === 'not_owner';
  }

  /** Sends it on; `finish` answers it, or `here` does when the shard came to us meanwhile. */
  send(
    exchange: HttpExchange,
    { shard, waitMs = 0, isLong = false, body = exchange.body }: SentOn,
    here: () => void,
    finish: (answer: Answer) => void,
  ): void {
    const way: Way = {
      ...{ exchange, shard, here, finish, request: { ...forwarded(exchange, body), waitMs, isLong } },
      ...{ untilMs: null, isOver: false, cancel: () => {} },
    };
    exchange.client.onGone(() => {
      if (way.isOver) return;
      way.isOver = true;
      way.cancel();
      this.peers.count('gone');
    });
    this.attempt(way);
  }

  private attempt(way: Way): void {
    if (way.isOver) return;
    if (!this.isAway(way.shard)) {
      way.isOver = true;
      return way.here();
    }
    const url = this.peers.urlOf(way.shard);
    if (url === null) return this.again(way, 'not_owner');
    way.cancel = this.peers.send(url, way.request, {
      answered: (answer) => {
        if (isNotOwner(answer)) this.again(way, 'not_owner');
        else this.end(way, 'answered', ownedBy(url, answerOf(answer)));
      },
      streams: (type, lines) => this.pipe(way, type, lines, url),
      unreached: () => this.again(way, 'unreachable'),
      unknown: () => this.end(way, 'unreachable', refusal('journal', way.exchange.corrId, { message: UNANSWERED })),
    });
  }

  /** Nothing was decided: asked once more when it is known better who has the shard. */
  private again(way: Way, result: 'not_owner' | 'unreachable'): void {
    const nowMs = performance.now();
    way.untilMs ??= nowMs + HOLD_MS;
    if (nowMs < way.untilMs) {
      way.cancel = this.peers.whenChanged(() => this.attempt(way), LOOK_MS);
      return;
    }
    this.end(way, result, refusal('not_owner', way.exchange.corrId, { message: NOBODY }));
  }

  private end(way: Way, result: Parameters<PeerNodes['count']>[0], answer: Answer): void {
    if (way.isOver) return;
    way.isOver = true;
    this.peers.count(result);
    way.finish(answer);
  }

  /** Each piece when the one before has left. */
  private pipe(way: Way, type: string, lines: IncomingMessage, owner: string): void {
    const { client, corrId } = way.exchange;
    const out: StreamOut = client.stream(type, corrId, owner);
    lines.setEncoding('utf8');
    lines.on('data', (text: string) => {
      lines.pause();
      out.write(text, () => lines.resume());
    });
    lines.once('end', () => {
      if (way.isOver) return;
      out.end('');
      this.end(way, 'answered', { status: 200, body: '', outcome: 'ok' });
    });
    lines.once('close', () => {
      if (way.isOver) return;
      way.isOver = true;
      this.peers.count('cut');
      client.cut();
    });
  }
}

/** As it came, but for what is of one connection; the body as it was expanded. */
function forwarded({ req, head, corrId }: HttpExchange, body: Buffer | null): Omit<Forwarded, 'waitMs' | 'isLong'> {
  const headers: Record<string, string> = { [HOP]: '1', 'x-corr-id': corrId };
  if (head.authorization !== undefined) headers['authorization'] = head.authorization;
  if (head.contentType !== undefined) headers['content-type'] = head.contentType;
  if (head.idemMode !== undefined) headers['x-idempotency-mode'] = head.idemMode;
  return { method: head.method, path: req.url as string, headers, body };
}

/** Who was let in is told where it may go the next time. */
const ownedBy = (owner: string, answer: Answer): Answer => (answer.status < 400 ? { ...answer, owner } : answer);

const isNotOwner = ({ status, body }: PeerAnswer): boolean => status === 503 && body.includes('"reason":"not_owner"');

function answerOf({ status, type, retryAfterS, body }: PeerAnswer): Answer {
  const answer = { status, type, body, outcome: outcomeOf(status, body) };
  return retryAfterS === null ? answer : { ...answer, retryAfterS };
}

/** As its code says, for log and counters. */
function outcomeOf(status: number, body: Buffer): Outcome {
  if (status < 400) return 'ok';
  const names = Object.keys(OUTCOMES) as Outcome[];
  const ofStatus = names.find((name) => OUTCOMES[name].status === status) ?? 'internal';
  try {
    const { code, reason = null } = JSON.parse(body.toString()) as { code: string; reason?: string };
    return refusalNamed(code, reason) ?? ofStatus;
  } catch {
    // Frames.
    return ofStatus;
  }
}
