import type { Op } from '../../spec/vocabulary.ts';
import type { AuthFailure, Authority, Capability, Session } from '../auth/authorize.ts';
import type { Reply } from '../service/messages.ts';
import { authorizeOps, unknownCaller } from './authorize.ts';
import type { Exchange } from './exchange.ts';

/** How long the answer to a sender that fails too often is held back. */
export const HELD_MS = 1000;

/** One request may bring so many that fail before others in it suffer for it: somebody else behind its address may have failed before. */
const FAILURES_OF_ONE = 8;

const MUCH_REFUSED = 'too much was refused of this capability: the next request is read when that is worked off';

/** Who stands behind a token, or why nobody does. */
export type Verdict = Capability | AuthFailure;
export type Verdicts = ReadonlyMap<string, Verdict>;

/** The answer to whoever may not ask at all. */
export interface Denial {
  readonly reply: Reply;
  /** It goes out after `HELD_MS`, and nothing of its connection is taken until then (AU5). */
  readonly held: boolean;
}

/** Finds out who asks: known here at once, or by the word of a remote verifier. */
export class Authentication {
  private readonly authority: Authority;
  private readonly asked: () => void;

  /** `asked`: somebody else has been asked, and time may have to go on with that. */
  constructor(authority: Authority, asked: () => void) {
    this.authority = authority;
    this.asked = asked;
  }

  /** Who sends this header (AU1), as `exchange.capability`; or the answer to whoever does. Calls back once, maybe at once. */
  identify(
    exchange: Exchange,
    header: string | undefined,
    ops: readonly Op[],
    done: (denied: Denial | null) => void,
  ): void {
    const { session } = exchange.client;
    // Sent ahead on a connection that is held back (AU5): it has its turn, for it may be valid.
    if (session.held) {
      session.waiting.push(() => this.identify(exchange, header, ops, done));
      return;
    }
    const verdict = this.authority.authenticate(header, session);
    if (verdict === 'unverified') {
      const { peer } = exchange.client;
      this.authority.ask(header as string, peer, session, (answer) => done(this.judge(exchange, ops, answer)));
      this.asked();
    } else done(this.judge(exchange, ops, verdict));
  }

  private judge(exchange: Exchange, ops: readonly Op[], verdict: Verdict): Denial | null {
    if (typeof verdict === 'string') return this.unknown(exchange, ops, verdict);
    exchange.capability = verdict;
    exchange.client.session.holder = verdict;
    const reply = authorizeOps(exchange, verdict, ops);
    if (reply !== null) return { reply, held: false };
    const retryAfterMs = verdict.refusedWaitMs(this.authority.clock.nowMs());
    return retryAfterMs === 0
      ? null
      : { reply: { outcome: 'quota', retryAfterMs, message: MUCH_REFUSED }, held: false };
  }

  /** Nobody stands behind the request. A sender that has failed too often gets its answer later (AU5). */
  private unknown(exchange: Exchange, ops: readonly Op[], failure: AuthFailure): Denial {
    const { client } = exchange;
    exchange.denied(ops[0] as Op, failure);
    const reply = unknownCaller(failure);
    if (reply.outcome === 'verifier') return { reply, held: false };
    const retryAfterMs = this.authority.failed(failure, client.peer);
    if (retryAfterMs === 0 && reply.outcome === 'cap_auth') return { reply, held: false };
    client.session.held = true;
    return { reply: { outcome: 'auth_flood', retryAfterMs }, held: true };
  }

  /**
   * Who stands behind each of these tokens, for requests that bring several. Failures count as any others: where some have failed
   * and their sender fails too often, no further token is verified that is not remembered, and the answer is to be `held` back (AU5).
   */
  identifyAll(
    { client: { session, peer } }: Exchange,
    tokens: ReadonlySet<string>,
    done: (found: Verdicts, held: boolean) => void,
  ): void {
    const { authority } = this;
    const found = new Map<string, Verdict>();
    let held = false;
    let failures = 0;
    const take = (token: string, verdict: Verdict): void => {
      found.set(token, verdict);
      if (typeof verdict === 'string') failures++;
      if (typeof verdict === 'string' && authority.failed(verdict, peer) > 0) held = true;
      if (found.size === tokens.size) done(found, held);
    };
    if (tokens.size === 0) return done(found, held);
    for (const token of tokens) {
      const header = `Bearer ${token}`;
      const isFlood = held && failures > FAILURES_OF_ONE;
      const verdict = isFlood && !authority.knows(token) ? 'crowded' : authority.authenticate(header);
      if (verdict !== 'unverified') take(token, verdict);
      else authority.ask(header, peer, session, (answer) => take(token, answer));
    }
    this.asked();
  }
}

/** The answer that was held back is out: what came on its connection meanwhile has its turn, up to the next that is held back. */
export function letGo(session: Session, isClosing: () => boolean): void {
  session.held = false;
  while (!session.held && !isClosing() && session.waiting.length > 0) session.waiting.shift()?.();
}
