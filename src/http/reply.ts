import { OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import { ERRORS, type Refusing, refusalOf, refuses } from '../api/errors.ts';
import type { RejectedReason } from '../observe/metric-table.ts';
import type { Reply } from '../service/messages.ts';
import { endsConnection, type Head } from './head.ts';

/** A response, before it is written. */
export interface Answer {
  readonly status: number;
  readonly body: string | Buffer;
  readonly outcome: Outcome;
  /** The body's media type, JSON unless it says otherwise. */
  readonly type?: string;
  readonly retryAfterS?: number;
  /** Methods that the path has (405). */
  readonly allow?: string;
  /** The rest of the request was not read: the connection must go. */
  readonly close?: boolean;
  /** What `rejected_total` counts it as, where the outcome alone does not say. */
  readonly rejected?: RejectedReason;
  /** The outcomes of those items that were refused, where the request as a whole was not. */
  readonly refusedItems?: readonly Outcome[];
  /** Where the node is that answered, where that is another one. */
  readonly owner?: string;
  /** The answer goes out after this time, and nothing more is read from the connection until then (AU5). */
  readonly heldMs?: number;
}

export interface RefusalDetail {
  readonly message?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly msgId?: string | undefined;
  readonly allow?: string;
  readonly close?: boolean;
  readonly rejected?: RejectedReason | undefined;
}

interface ErrorBody {
  code: string;
  message: string;
  corr_id?: string;
  reason?: string;
  msg_id?: string;
}

/** `code` and `message`, with `reason` where a code has several, and `msg_id` for a duplicate. */
export function errorOf(outcome: Refusing, message: string | undefined, corrId?: string, msgId?: string): ErrorBody {
  const { code, reason } = refusalOf(outcome);
  const body: ErrorBody = { code, message: message ?? ERRORS[outcome].message };
  if (corrId !== undefined) body.corr_id = corrId;
  if (reason !== undefined) body.reason = reason;
  if (msgId !== undefined) body.msg_id = msgId;
  return body;
}

/** Whole seconds after which to try again; undefined for what will not get better. */
export function retryAfterS(outcome: Outcome, retryAfterMs = 1000): number | undefined {
  const { status } = OUTCOMES[outcome];
  return status === 429 || status === 503 ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : undefined;
}

/** The response of a refusal: `{"code", "message", "corr_id", ..}`. */
export function refusal(outcome: Refusing, corrId: string, detail: RefusalDetail = {}): Answer {
  const waitS = retryAfterS(outcome, detail.retryAfterMs);
  return {
    status: OUTCOMES[outcome].status,
    body: JSON.stringify(errorOf(outcome, detail.message, corrId, detail.msgId)),
    outcome,
    ...(waitS === undefined ? {} : { retryAfterS: waitS }),
    ...(detail.allow === undefined ? {} : { allow: detail.allow }),
    ...(detail.close === true ? { close: true } : {}),
    ...(detail.rejected === undefined ? {} : { rejected: detail.rejected }),
  };
}

export const done = (body: string, outcome: Outcome = 'ok'): Answer => ({ status: 200, body, outcome });

/** The msg_id that a refusal tells: that of the message which a duplicate repeats (ID2). */
export const original = ({ outcome, msgId }: Reply): string | undefined =>
  outcome === 'duplicate' ? msgId : undefined;

/** A refusal before the body was read: it is read and thrown away, or goes with the connection. */
export const refuse = (
  { head, corrId }: { readonly head: Head; readonly corrId: string },
  outcome: Refusing,
  detail: RefusalDetail = {},
): Answer => refusal(outcome, corrId, { ...detail, close: endsConnection(head) });

/** The service's reply as a response; `write` makes the body of a success. */
export function answerOf(
  reply: Reply,
  corrId: string,
  write: () => string,
  isRefused: boolean = refuses(reply.outcome),
): Answer {
  const { outcome } = reply;
  if (!isRefused || !refuses(outcome)) return done(write(), outcome);
  const { message, retryAfterMs } = reply;
  return refusal(outcome, corrId, { message, retryAfterMs, msgId: original(reply) });
}
