import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import { otherHolder } from '../cluster/other-holder.ts';
import type { Forwarded, PeerEnd, PeerNodes } from '../http/peer-nodes.ts';
import type { EngineMetrics } from '../observe/engine-metrics.ts';
import type { Company } from '../ports/engine.ts';

/** Connections to one node, besides those of whoever waits there for a message. */
const SOCKETS_MAX = 64;
const FREE_SOCKETS_MAX = 32;
/** A connection that nobody uses is closed before the other side does so: what is sent on it then may be lost, or done. */
const IDLE_MS = 2_000;
/** An answer takes so long at most, and the beginning of what lasts. */
const ANSWER_MS = 20_000;
/** Of one answer, and of all that are being read. */
const ANSWER_BYTES_MAX = 64 << 20;
const BYTES_MAX = 256 << 20;
/** What connections that the other side had closed end with. */
const STALE = ['ECONNRESET', 'EPIPE'];

interface Parts {
  readonly owner: string;
  readonly company: () => Company;
  readonly metrics: EngineMetrics;
}

/** The other nodes over HTTP, where their rows in the engine say that they are. */
export class PeerClient implements PeerNodes {
  private readonly parts: Parts;
  private readonly agents = new Map<string, Agent>();
  private readonly waiting = new Set<() => void>();
  private bytes = 0;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  urlOf(shard: number): string | null {
    return otherHolder(this.parts.company(), shard, this.parts.owner)?.url ?? null;
  }

  count(result: Parameters<PeerNodes['count']>[0]): void {
    const { proxied } = this.parts.metrics;
    proxied.add(proxied.slot(result));
  }

  /** Who has what was looked at. */
  changed(): void {
    for (const wake of [...this.waiting]) wake();
  }

  whenChanged(done: () => void, atMostMs: number): () => void {
    const end = (): void => {
      clearTimeout(timer);
      this.waiting.delete(wake);
    };
    const wake = (): void => {
      end();
      done();
    };
    const timer = setTimeout(wake, atMostMs);
    this.waiting.add(wake);
    return end;
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy();
  }

  /** Whoever waits has a connection that nobody else waits for. */
  private agentOf(isTls: boolean, waits: boolean): Agent {
    const name = `${isTls} ${waits}`;
    let agent = this.agents.get(name);
    if (agent === undefined) {
      const maxSockets = waits ? Number.POSITIVE_INFINITY : SOCKETS_MAX;
      // The time is only kept for those that are free.
      const options = { keepAlive: true, timeout: IDLE_MS, maxSockets, maxFreeSockets: FREE_SOCKETS_MAX };
      agent = isTls ? new TlsAgent(options) : new Agent(options);
      this.agents.set(name, agent);
    }
    return agent;
  }

  send(url: string, { method, path, headers, body, waitMs, isLong }: Forwarded, end: PeerEnd): () => void {
    const isTls = url.startsWith('https:');
    const length = body === null ? {} : { 'content-length': String(body.length) };
    const options = { method, agent: this.agentOf(isTls, isLong || waitMs > 0), headers: { ...headers, ...length } };
    const req: ClientRequest = (isTls ? requestHttps : requestHttp)(url + path, options);
    let isOver = false;
    const over = (tell: () => void): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(deadline);
      tell();
    };
    const unknown = (why: string): void => {
      over(() => end.unknown(why));
      req.destroy();
    };
    const deadline = setTimeout(() => unknown('no answer in time'), waitMs + ANSWER_MS);
    req.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = req.reusedSocket && STALE.includes(error.code ?? '');
      // Of a connection that was kept nobody knows whether the other side took what was sent: what changes nothing is asked again.
      const isUnreached = wasNotConnected(error) || (isStale && method === 'GET');
      over(() => (isUnreached ? end.unreached() : end.unknown(error.code ?? 'failed')));
    });
    req.once('response', (res) => {
      // Whoever else listens there says nothing of what is asked of a mailbox.
      if (res.headers['x-corr-id'] === undefined) return unknown('no mailbox answers there');
      const type = res.headers['content-type'] ?? '';
      if (res.statusCode === 200 && type.startsWith('application/x-ndjson')) over(() => end.streams(type, res));
      else
        this.collect(res, (answer) => over(() => (answer === null ? end.unknown('broken off') : end.answered(answer))));
    });
    req.end(body ?? undefined);
    return () => {
      isOver = true;
      clearTimeout(deadline);
      req.on('error', () => {});
      req.destroy();
    };
  }

  private collect(res: IncomingMessage, done: (answer: Parameters<PeerEnd['answered']>[0] | null) => void): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    res.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      this.bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX || this.bytes > BYTES_MAX) res.destroy();
    });
    res.once('close', () => {
      this.bytes -= bytes;
      if (!res.complete || (res.destroyed && bytes > ANSWER_BYTES_MAX)) return done(null);
      const retryAfter = res.headers['retry-after'] ?? '';
      done({
        ...{ status: res.statusCode ?? 502, type: res.headers['content-type'] ?? 'application/json' },
        ...{ retryAfterS: /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : null, body: Buffer.concat(chunks) },
      });
    });
  }
}

/** There was no connection to send anything on, by whichever address was tried. */
function wasNotConnected(error: NodeJS.ErrnoException): boolean {
  if (error instanceof AggregateError) return error.errors.every(wasNotConnected);
  return error.syscall === 'connect' || error.syscall === 'getaddrinfo';
}
