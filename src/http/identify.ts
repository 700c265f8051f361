import type { Op } from '../../spec/vocabulary.ts';
import type { AuthFailure, Authority, Capability } from '../auth/authorize.ts';
import type { Way } from './gateway.ts';
import type { Ledger } from './ledger.ts';
import { peerOf } from './peer.ts';
import { type Answer, refuse } from './reply.ts';

/** How long the answer to a sender that fails too often is held back. */
export const HELD_MS = 1000;

/** Who stands behind a token, or why nobody does. */
export type Verdict = Capability | AuthFailure;
export type Verdicts = ReadonlyMap<string, Verdict>;

/** Finds out who asks: known here at once, or by the word of a remote verifier. */
export class Identification {
  private readonly authority: Authority;
  private readonly ledger: Ledger;

  constructor(authority: Authority, ledger: Ledger) {
    this.authority = authority;
    this.ledger = ledger;
  }

  /** Who sends this header (AU1), as `way.capability`; or the answer to whoever does. Calls back once, maybe at once. */
  identify(way: Way, header: string | undefined, done: (refused: Answer | null) => void): void {
    const { session } = way.sink;
    // Sent ahead on a connection that is held back (AU5): it has its turn, for it may be valid.
    if (session.held) {
      session.waiting.push(() => this.identify(way, header, done));
      return;
    }
    const verdict = this.authority.authenticate(header, session);
    if (verdict === 'unverified') {
      this.authority.ask(header as string, peerOf(way.req.socket), (answer) => done(this.judge(way, answer)));
    } else done(this.judge(way, verdict));
  }

  private judge(way: Way, verdict: Verdict): Answer | null {
    if (typeof verdict === 'string') return this.unknown(way, verdict);
    way.capability = verdict;
    way.sink.session.holder = verdict;
    const ops = way.route?.ops as readonly Op[];
    if (ops.some((op) => verdict.allowsOp(op))) return null;
    this.ledger.denied(way, ops[0] as Op, 'op');
    return refuse(way, 'cap_scope');
  }

  /** Nobody stands behind the request. A sender that has failed too often gets its answer later (AU5). */
  private unknown(way: Way, failure: AuthFailure): Answer {
    this.ledger.denied(way, way.route?.ops?.[0] as Op, failure);
    if (failure === 'unavailable') return refuse(way, 'verifier');
    const retryAfterMs = this.authority.failed(failure, peerOf(way.req.socket));
    if (retryAfterMs === 0 && failure !== 'crowded') return refuse(way, 'cap_auth');
    way.sink.session.held = true;
    return { ...refuse(way, 'auth_flood', { retryAfterMs }), heldMs: HELD_MS };
  }

  /**
   * Who stands behind each of these tokens, for requests that bring several. Failures count as any others: of a sender that
   * fails too often no further token is verified that is not remembered, and its answer is to be `held` back (AU5).
   */
  identifyAll(way: Way, tokens: ReadonlySet<string>, done: (found: Verdicts, held: boolean) => void): void {
    const { authority } = this;
    const found = new Map<string, Verdict>();
    const peer = peerOf(way.req.socket);
    let held = false;
    const take = (token: string, verdict: Verdict): void => {
      found.set(token, verdict);
      if (typeof verdict === 'string' && authority.failed(verdict, peer) > 0) held = true;
      if (found.size === tokens.size) done(found, held);
    };
    if (tokens.size === 0) return done(found, held);
    for (const token of tokens) {
      const header = `Bearer ${token}`;
      const verdict = held && !authority.knows(token) ? 'crowded' : authority.authenticate(header);
      if (verdict !== 'unverified') take(token, verdict);
      else authority.ask(header, peer, (answer) => take(token, answer));
    }
  }
}
