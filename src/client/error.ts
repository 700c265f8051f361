import { OUTCOMES } from '../../spec/vocabulary.ts';

/** The code of every refusal: the table of outcomes has them (`docs/protocol.md`: Errors). */
export type ErrorCode = NonNullable<(typeof OUTCOMES)[keyof typeof OUTCOMES]['code']>;
/** Codes that the client itself gives: no answer came, or one that no mailbox gives. */
export type OwnCode = 'E_UNREACHABLE' | 'E_HTTP';

interface TableRow {
  readonly code: string | null;
  readonly retryable: boolean;
  readonly reason?: string;
}
const TABLE: readonly TableRow[] = Object.values(OUTCOMES);

/** What the table says of a code, and of a reason where the code has several; null of what is not in it. */
function isRetryable(code: string, reason: string | null): boolean | null {
  const rows = TABLE.filter((row) => row.code === code);
  return (rows.find((row) => row.reason === reason) ?? rows[0])?.retryable ?? null;
}

/** An answer that is no 200, by its stable `code`; `status` 0 when there was no answer at all. */
export class MailboxError extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number;

  constructor(status: number, code: string, message: string, body: Record<string, unknown> = {}, retryAfterMs = 0) {
    super(message);
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }

  /** Which bound or state it was, where a code has several. */
  get reason(): string | null {
    return textIn(this.body, 'reason');
  }

  /** What the server's log knows the request by. */
  get corrId(): string | null {
    return textIn(this.body, 'corr_id');
  }

  /** Whether the same request may succeed later (`docs/protocol.md`: Errors); of a code that is not in the table its status says it. */
  get retryable(): boolean {
    const { status, code, reason } = this;
    return isRetryable(code, reason) ?? (status === 0 || status === 408 || status === 429 || status >= 500);
  }
}

/** 400, 405, 413, 415: the request is none that the server takes. */
export class RequestError extends MailboxError {}
/** 401: the capability is missing, forged, expired or revoked. */
export class CapabilityError extends MailboxError {}
/** 403: the capability is good, and not for this topic or operation. */
export class ScopeError extends MailboxError {}
/** 404: nothing of that name, or nothing that the capability may know of. */
export class NotFoundError extends MailboxError {}
/** 408: the request did not arrive in time. */
export class TimeoutError extends MailboxError {}
/** 409: the message was accepted before. */
export class DuplicateError extends MailboxError {}
/** 409: the key was used with another payload. */
export class IdemMismatchError extends MailboxError {}
/** 409: the lease is over: somebody else may have the message. */
export class LeaseLostError extends MailboxError {}
/** 410: what the cursor points at is not kept any more; the message says where to begin. */
export class CursorGoneError extends MailboxError {}
/** 422, and what the client finds itself: a hash or a signature does not hold. */
export class IntegrityError extends MailboxError {}
/** 429: a bound is reached; `reason` says which. */
export class SaturatedError extends MailboxError {}
/** 503: not at the moment; `reason` says why. */
export class UnavailableError extends MailboxError {}
/** 500: a defect of the server. */
export class InternalError extends MailboxError {}
/** No answer: whether the request was carried out is not known. */
export class UnreachableError extends MailboxError {}

const CLASS_OF: Readonly<Record<ErrorCode | OwnCode, typeof MailboxError>> = {
  E_SCHEMA: RequestError,
  E_METHOD: RequestError,
  E_FRAME_TOO_LARGE: RequestError,
  E_MEDIA_TYPE: RequestError,
  E_CAP_AUTH: CapabilityError,
  E_CAP_SCOPE: ScopeError,
  E_NOT_FOUND: NotFoundError,
  E_TIMEOUT: TimeoutError,
  E_DUPLICATE: DuplicateError,
  E_IDEM_MISMATCH: IdemMismatchError,
  E_LEASE_LOST: LeaseLostError,
  E_CURSOR_GONE: CursorGoneError,
  E_INTEGRITY: IntegrityError,
  E_SATURATED: SaturatedError,
  E_UNAVAILABLE: UnavailableError,
  E_INTERNAL: InternalError,
  E_UNREACHABLE: UnreachableError,
  E_HTTP: MailboxError,
};

function textIn(body: Readonly<Record<string, unknown>>, field: string): string | null {
  const value = body[field];
  return typeof value === 'string' ? value : null;
}

/** A request that was refused for now is about to be tried again. */
export interface Wait {
  readonly error: MailboxError;
  /** So long from now. */
  readonly ms: number;
  /** What is left of the patience after that. */
  readonly leftMs: number;
}

/** The error that an answer's `{code, message, ..}` is, of the class of its code. */
export function errorOf(status: number, answer: Record<string, unknown>, retryAfterMs = 0): MailboxError {
  const { code, message } = answer;
  const name = typeof code === 'string' ? code : 'E_HTTP';
  const said = typeof message === 'string' ? message : `an answer that says nothing: HTTP ${status}`;
  const Class = Object.hasOwn(CLASS_OF, name) ? CLASS_OF[name as ErrorCode] : MailboxError;
  return new Class(status, name, said, answer, retryAfterMs);
}

/** The error of one item of several; the table knows its status. */
export function errorOfItem(item: { readonly code: string; readonly message: string }): MailboxError {
  const status = Object.values(OUTCOMES).find(({ code }) => code === item.code)?.status ?? 0;
  return errorOf(status, { ...item });
}

/** Something answers there, and not as a mailbox does. */
export const noMailbox = (status: number, what = 'an answer that is no JSON object'): MailboxError =>
  new MailboxError(status, 'E_HTTP', what);

/** The object that a text is in JSON, or null. */
export function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

/** Seconds, as our servers write it; what stands before one may write a date, which asks for nothing here. */
export function retryAfterMsOf({ headers }: Response): number {
  const seconds = Number(headers.get('retry-after') ?? 0);
  return seconds >= 0 ? seconds * 1000 : 0;
}
