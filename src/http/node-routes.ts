import type { ServerState } from '../../spec/readiness.machine.ts';
import type { Outcome } from '../../spec/vocabulary.ts';
import type { MailboxNode } from '../node/node.ts';
import { check } from './check.ts';
import type { HttpExchange } from './exchange.ts';
import { Malformed } from './json.ts';
import { type Answer, answerOf, done } from './reply.ts';
import { checkText } from './requests.ts';

/** As what a state in which writers should go elsewhere is counted and logged. */
const OUTCOME_OF: Readonly<Partial<Record<ServerState, Outcome>>> = {
  starting: 'starting',
  draining: 'draining',
  failed: 'journal',
};

/** The routes that ask no shard. */
export class NodeRoutes {
  private readonly node: MailboxNode;
  private readonly publicKeys: () => string;

  /** `publicKeys`: the body of `GET /v1/keys`. */
  constructor(node: MailboxNode, publicKeys: () => string) {
    this.node = node;
    this.publicKeys = publicKeys;
  }

  answer(exchange: HttpExchange, path: string, value: unknown, finish: (answer: Answer) => void): void {
    if (path === '/healthz') return finish(done('{"ok":true}'));
    if (path === '/v1/keys') return finish(done(this.publicKeys()));
    if (path === '/v1/admin/revoke') return this.revoke(exchange, value, finish);
    if (path === '/v1/node') return this.look(exchange, value, finish);
    const { readiness } = this.node;
    const { ready, missing, retryAfterS } = readiness.report();
    const body = JSON.stringify({ ready, missing, retry_after: retryAfterS });
    finish(
      ready
        ? done(body)
        : { status: 503, body, outcome: OUTCOME_OF[readiness.state] ?? 'degraded_writes', retryAfterS },
    );
  }

  private look(exchange: HttpExchange, value: unknown, finish: (answer: Answer) => void): void {
    check('none', value);
    this.node.requests.admitLook(exchange, (refused) => {
      if (refused !== null) return finish(answerOf(refused, exchange.corrId, () => ''));
      const { isReady, missing, bounds, journal, shards } = this.node.describe();
      const { isKept, term, lacks } = journal;
      finish(
        done(JSON.stringify({ ready: isReady, missing, bounds, journal: { durable: isKept, term, lacks }, shards })),
      );
    });
  }

  private revoke(exchange: HttpExchange, value: unknown, finish: (answer: Answer) => void): void {
    const { nonce, key_id, reason } = check('revoke', value);
    checkText('reason', reason);
    if ((nonce === undefined) === (key_id === undefined)) throw new Malformed('nonce, key_id: exactly one of them');
    const kind = nonce === undefined ? 'key_id' : 'nonce';
    const revocation = { kind, value: (nonce ?? key_id) as string, note: reason } as const;
    this.node.requests.revoke(exchange, revocation, (reply) =>
      finish(answerOf(reply, exchange.corrId, () => '{"ok":true}')),
    );
  }
}
