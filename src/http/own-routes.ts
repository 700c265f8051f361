import type { ServerState } from '../../spec/readiness.machine.ts';
import { ADMIN_TOPIC, type Outcome } from '../../spec/vocabulary.ts';
import type { Authority, Capability } from '../auth/authorize.ts';
import type { Revocation } from '../auth/revocation.ts';
import type { Log } from '../observe/log.ts';
import type { Clock } from '../ports.ts';
import type { Way } from './gateway.ts';
import { Malformed } from './json.ts';
import type { Ledger } from './ledger.ts';
import type { Readiness } from './readiness.ts';
import { type Answer, done, refusal } from './reply.ts';
import { checkText } from './requests.ts';
import { check } from './schemas.ts';

interface Parts {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly readiness: Readiness;
  /** Makes a revocation outlive the process where the profile does, then calls back: with null when it is kept. */
  readonly keepRevocation: (revocation: Revocation, kept: (error: Error | null) => void) => void;
  /** Body of `GET /v1/keys`. */
  readonly publicKeys: () => string;
  /** Ends what waits under a capability that is no longer valid. */
  readonly endInvalid: () => void;
}

/** Room in the list comes when keys go, not by waiting. */
const REVOKE_AGAIN_MS = 3_600_000;
const FULL = {
  nonce: 'the list of revoked nonces is full, nothing was revoked: revoke the key_id, or rotate the root key',
  key_id: 'the list of revoked key_ids is full, nothing was revoked: take the key out of the keyring',
} as const;
/** As what a state in which writers should go elsewhere is counted and logged. */
const OUTCOME_OF: Readonly<Partial<Record<ServerState, Outcome>>> = {
  starting: 'starting',
  draining: 'draining',
  failed: 'journal',
};

/** The routes that ask no shard. */
export class OwnRoutes {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  answer(way: Way, path: string, value: unknown, finish: (answer: Answer) => void): void {
    if (path === '/healthz') return finish(done('{"ok":true}'));
    if (path === '/v1/keys') return finish(done(this.parts.publicKeys()));
    if (path === '/v1/admin/revoke') return this.revoke(way, value, finish);
    const { readiness } = this.parts;
    const { ready, missing, retryAfterS } = readiness.report();
    const body = JSON.stringify({ ready, missing, retry_after: retryAfterS });
    finish(
      ready
        ? done(body)
        : { status: 503, body, outcome: OUTCOME_OF[readiness.state] ?? 'degraded_writes', retryAfterS },
    );
  }

  /** Ends a capability at once, and says so when it will stay ended (AU3, AU4). */
  private revoke(way: Way, value: unknown, finish: (answer: Answer) => void): void {
    const { authority, clock, log, ledger, keepRevocation, endInvalid } = this.parts;
    const capability = way.capability as Capability;
    const { nonce, key_id, reason } = check('revoke', value);
    checkText('reason', reason);
    if ((nonce === undefined) === (key_id === undefined)) throw new Malformed('nonce, key_id: exactly one of them');
    if (!capability.allowsTopic(ADMIN_TOPIC)) {
      ledger.denied(way, 'admin', 'topic');
      return finish(refusal('cap_scope', way.corrId));
    }
    const atMs = clock.nowMs();
    const retryAfterMs = capability.charge(0, atMs);
    if (retryAfterMs > 0) return finish(refusal('quota', way.corrId, { retryAfterMs }));
    const kind = nonce === undefined ? 'key_id' : 'nonce';
    const id = (nonce ?? key_id) as string;
    if (!authority.revoke(kind, id)) {
      const retryAfterMs = REVOKE_AGAIN_MS;
      return finish(refusal('saturated_revocations', way.corrId, { message: FULL[kind], retryAfterMs }));
    }
    endInvalid();
    log.warn('capability.revoked', {
      ...ledger.context(way),
      decision: 'allowed',
      kind,
      id,
      note: reason.slice(0, 200),
    });
    keepRevocation({ kind, value: id, atMs }, (error) =>
      finish(error === null ? done('{"ok":true}') : refusal('journal', way.corrId)),
    );
  }
}
