/** An answer that is no 200, by its stable `code`; `status` 0 when there was no answer at all. */
export class MailboxError extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number;

  constructor(status: number, code: string, message: string, body: Record<string, unknown>, retryAfterMs: number) {
    super(message);
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

  /** Whether the same request may succeed later (`docs/protocol.md`: Errors). */
  get retryable(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

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

/** The error that an answer's `{code, message, ..}` is. */
export function errorOf(status: number, answer: Record<string, unknown>, retryAfterMs = 0): MailboxError {
  const { code, message } = answer;
  return new MailboxError(
    status,
    typeof code === 'string' ? code : 'E_HTTP',
    typeof message === 'string' ? message : `an answer that says nothing: HTTP ${status}`,
    answer,
    retryAfterMs,
  );
}

/** Something answers there, and not as a mailbox does. */
export const noMailbox = (status: number): MailboxError =>
  new MailboxError(status, 'E_HTTP', 'an answer that is no JSON object', {}, 0);

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
