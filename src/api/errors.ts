import { OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';

/** Outcomes with an error code. */
export type Refusing = {
  [O in Outcome]: (typeof OUTCOMES)[O]['code'] extends null ? never : O;
}[Outcome];
export const refuses = (outcome: Outcome): outcome is Refusing => OUTCOMES[outcome].code !== null;

/** What a refusal is called on the wire. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly reason?: string;
  readonly retryable: boolean;
}
export const refusalOf = (outcome: Refusing): Refusal => OUTCOMES[outcome];

interface Explained {
  /** What the answer says where nothing more exact is known. */
  readonly message: string;
  /** When it is given. */
  readonly cause: string;
  readonly remedy: string;
}

const WAIT = 'wait and try again; --retry-for says for how long';
const AGAIN = 'try again; GET /readyz says what is missing';
const PROTOCOL = 'docs/protocol.md: Errors';

/** Every refusal in words. */
export const ERRORS: Readonly<Record<Refusing, Explained>> = {
  cap_auth: {
    message: 'a valid capability is needed',
    cause: 'no capability came, or one that is forged, expired, revoked or of an unknown key',
    remedy: 'is MAILBOX_CAP whole, and of a key that the server has? `mailbox cap mint` makes a new one',
  },
  cap_scope: {
    message: 'the capability does not allow this',
    cause: 'the capability is valid, and not for this topic or operation',
    remedy: '`mailbox cap inspect "$MAILBOX_CAP"` shows what it allows: use one for this topic and operation',
  },
  method: {
    message: 'the path has no such method',
    cause: 'the path takes other methods, which Allow names',
    remedy: PROTOCOL,
  },
  too_large: {
    message: 'the request body is too large',
    cause: 'a body, a frame, or what it expands to is larger than may be',
    remedy: 'send less at once: a request has at most max_body',
  },
  media_type: {
    message: 'this type or encoding of a body is not taken here',
    cause: 'Content-Type or Content-Encoding is one that the route does not take',
    remedy: PROTOCOL,
  },
  timeout: {
    message: 'the request did not arrive in time',
    cause: 'the body did not arrive within read_timeout',
    remedy: 'try again',
  },
  schema: {
    message: 'the request is malformed',
    cause: 'head, query or body is not what the route takes; the message names the field',
    remedy: 'mend what the message names; docs/protocol.md says what is allowed',
  },
  integrity: {
    message: 'a hash does not match',
    cause: 'payload_hash is not that of the payload',
    remedy: 'payload and payload_hash differ: send what was hashed',
  },
  not_found: {
    message: 'there is nothing of that name here for this capability',
    cause: 'no such path or message, or none that the capability may know of',
    remedy: 'check the id, the topic, and that the server serves this (--enable-admin)',
  },
  quota: {
    message: 'the quota of the capability is used up',
    cause: 'the capability asked for more than its quota_ops or quota_bytes, or had too much refused',
    remedy: 'the quota of the capability is used up: wait, or use one with a larger quota_ops or quota_bytes',
  },
  auth_flood: {
    message: 'too many failed authentications',
    cause: 'too many failed authentications came from this address',
    remedy: 'too many failed authentications from here: wait, and check MAILBOX_CAP',
  },
  duplicate: {
    message: 'this message was accepted before',
    cause: 'the same message was accepted within t_replay; msg_id names it',
    remedy: 'it was accepted before: nothing is to be done',
  },
  idem_mismatch: {
    message: 'idem_key: used before with another payload',
    cause: 'within t_replay the idem_key came with another payload',
    remedy: 'the key was used with another payload: send with a key of its own',
  },
  lease_lost: {
    message: 'the lease is over, or was never under this receipt',
    cause: 'the receipt is not that of the lease in force',
    remedy: 'the lease is over, or the receipt is of another one: receive the message again',
  },
  degraded_writes: {
    message: 'messages are not accepted at the moment',
    cause: 'the disk, the memory, the verifier or the standby of the engine leaves no room for sends; all else goes on',
    remedy: 'sends are refused, the rest goes on: GET /readyz says why',
  },
  draining: {
    message: 'the server is shutting down',
    cause: 'the server shuts down, and takes nothing new',
    remedy: AGAIN,
  },
  journal: {
    message: 'the journal has failed',
    cause: 'the journal could not be written: nobody knows what the disk holds of it',
    remedy: AGAIN,
  },
  verifier: {
    message: 'capabilities cannot be verified at the moment',
    cause: 'the remote verifier of capabilities does not answer',
    remedy: AGAIN,
  },
  not_owner: {
    message: 'another node owns this topic',
    cause: 'another node of the cluster owns the topic',
    remedy: AGAIN,
  },
  starting: {
    message: 'the server, or the shard of this topic, is starting',
    cause: 'the server reads its journal, or the shard of the topic is made anew',
    remedy: AGAIN,
  },
  saturated_dedup: {
    message: 'the idempotency table is full',
    cause: 'as many idem_keys are remembered as dedup_capacity allows',
    remedy: WAIT,
  },
  saturated_shard: {
    message: 'the queue is full',
    cause: 'the shard of the topic holds shard_capacity messages',
    remedy: WAIT,
  },
  saturated_inflight: {
    message: 'too many messages are leased',
    cause: 'global_inflight messages are leased at once',
    remedy: WAIT,
  },
  saturated_tenant: {
    message: 'the tenant of this topic has its share',
    cause:
      'the tenant, or the topic, is beyond tenant_share or topic_share of a bound, and only tenant_reserve of it is left',
    remedy: WAIT,
  },
  internal: {
    message: 'an error on our side',
    cause: 'a bug of the server',
    remedy: 'report it with its corr_id; the log of the server has a line with it',
  },
  saturated_streams: {
    message: 'too many streams are open',
    cause: 'max_streams streams are open',
    remedy: WAIT,
  },
  saturated_memory: {
    message: 'too much memory is in use',
    cause: 'the bodies being read, or the messages held, take all the memory they may',
    remedy: WAIT,
  },
  saturated_redrives: {
    message: 'too many redrives at a rate go on',
    cause: 'as many redrives at a rate go on as may',
    remedy: WAIT,
  },
  saturated_revocations: {
    message: 'the revocation list is full: nothing was revoked',
    cause: 'as many revocations are remembered as may be',
    remedy: WAIT,
  },
  cursor_gone: {
    message: 'the cursor is of before a restart, of another past, or of facts that are no longer kept',
    cause: 'the cursor is of a process that is not part of this past, or of facts that are no longer kept',
    remedy: 'begin again: without a cursor, or with the one that the message names',
  },
};

const byName = new Map<string, Refusing>();
for (const outcome of Object.keys(ERRORS) as Refusing[]) {
  const { code, reason } = refusalOf(outcome);
  byName.set(reason === undefined ? code : `${code} ${reason}`, outcome);
}
/** The refusal that a client was told of by code and, where a code has several, reason; null for what this version does not know. */
export const refusalNamed = (code: string, reason: string | null): Refusing | null =>
  byName.get(`${code} ${reason}`) ?? byName.get(code) ?? null;

/** What to do about an answer of this code and reason; also of reasons that this version does not know. */
export function remedyOf(code: string, reason: string | null): string {
  const outcome = refusalNamed(code, reason);
  return (outcome === null ? undefined : ERRORS[outcome].remedy) ?? REMEDY_OF_CODE[code] ?? PROTOCOL;
}

/** What a client says of answers that are none of a mailbox; on the wire they are not. */
export const CLIENT_ERRORS: Readonly<Record<string, Omit<Explained, 'message'>>> = {
  E_UNREACHABLE: {
    cause: 'the client got no answer at all',
    remedy: 'is a server running there? --url or MAILBOX_URL names it, --ca a certificate of your own',
  },
  E_HTTP: {
    cause: 'the client got an answer that no mailbox gives',
    remedy: 'is it a mailbox that answers there, and nothing before it that answers instead?',
  },
};

const REMEDY_OF_CODE: Readonly<Record<string, string>> = {
  E_SATURATED: WAIT,
  E_UNAVAILABLE: AGAIN,
  ...Object.fromEntries(Object.entries(CLIENT_ERRORS).map(([code, { remedy }]) => [code, remedy])),
};
