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

  /** Whether the same request may succeed later (`docs/protocol.md`: Errors). */
  get retryable(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The error that an answer's `{code, message, ..}` is. */
export function errorOf(status: number, answer: Record<string, unknown>, retryAfterMs = 0): MailboxError {
  const { code, message } = answer;
  return new MailboxError(status, String(code ?? 'E_HTTP'), String(message ?? 'no body'), answer, retryAfterMs);
}
