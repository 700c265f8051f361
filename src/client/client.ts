import type { PublicJwk } from '../integrity/signature.ts';
import type { HashedEnvelope } from '../integrity/verify.ts';

/** The typed client of the HTTP interface (`docs/protocol.md`). Needs a `fetch`, nothing else. */
export interface Envelope extends HashedEnvelope {
  readonly msg_id: string;
  readonly corr_id: string;
  readonly shard: number;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly receipt: string;
  readonly deadline_in_ms: number;
  readonly epoch: number;
}

export interface SendBody {
  readonly topic: string;
  readonly idem_key: string;
  readonly payload_b64: string;
  readonly attrs?: Readonly<Record<string, string>>;
  readonly payload_hash?: string;
  readonly delay_ms?: number;
  readonly ttl_ms?: number;
}
export interface Sent {
  readonly msg_id: string;
  readonly duplicate: boolean;
  readonly payload_hash: string;
  readonly hash_chain: string;
}
export interface RecvBody {
  readonly topic: string;
  readonly visibility_ms?: number;
  readonly max_messages?: number;
  readonly max_bytes?: number;
  readonly wait_ms?: number;
  readonly acks?: readonly { readonly msg_id: string; readonly receipt: string }[];
}
export type AckResult =
  | { readonly msg_id: string; readonly ok: true }
  | { readonly msg_id: string; readonly code: string; readonly message: string };
export interface Received {
  readonly messages: readonly Envelope[];
  readonly ack_results?: readonly AckResult[];
}

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

export interface ClientOptions {
  readonly url: string;
  readonly capability: string;
  /** Tries of a request that is safe to repeat, default 5. */
  readonly attempts?: number;
  readonly backoffBaseMs?: number;
  readonly backoffMaxMs?: number;
  /** For tests. */
  readonly fetch?: typeof fetch;
  readonly wait?: (ms: number) => Promise<void>;
  readonly random?: () => number;
}

export class MailboxClient {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** Safe to repeat: the idem_key makes a second try the same send. A duplicate is a success. */
  send(body: SendBody): Promise<Sent> {
    return this.retrying(() => this.post('/v1/send', body, { 'x-idempotency-mode': '200-flag' }));
  }
  recv(body: RecvBody): Promise<Received> {
    return this.post('/v1/recv', body);
  }
  ack(msgId: string, receipt: string): Promise<{ ok: true }> {
    return this.retrying(() => this.post(`/v1/ack/${msgId}`, { receipt }));
  }
  nack(
    msgId: string,
    body: { receipt: string; reason?: string; retry_after_ms?: number; dead_letter?: boolean },
  ): Promise<{ ok: true; state: string }> {
    return this.retrying(() => this.post(`/v1/nack/${msgId}`, body));
  }
  extend(
    msgId: string,
    body: { receipt: string; visibility_ms?: number },
  ): Promise<{ ok: true; deadline_in_ms: number }> {
    return this.post(`/v1/extend/${msgId}`, body);
  }
  stats(topic: string): Promise<Record<string, unknown>> {
    return this.get('/v1/stats', { topic });
  }
  deadLetters(query: Readonly<Record<string, string>>): Promise<{ dead_letters: unknown[]; next: string | null }> {
    return this.get('/v1/dlq', query);
  }
  reprocess(body: object): Promise<{ moved: number; skipped: number; failed: number }> {
    return this.post('/v1/dlq/reprocess', body);
  }
  purge(body: object): Promise<{ purged: number }> {
    return this.post('/v1/dlq/purge', body);
  }
  revoke(body: { nonce?: string; key_id?: string; reason: string }): Promise<{ ok: true }> {
    return this.post('/v1/admin/revoke', body);
  }

  /** Keys that sign envelopes, for `verifyEnvelope`. Fetched once over a channel you trust, and pinned. */
  async keys(): Promise<readonly PublicJwk[]> {
    return (await this.get<{ keys: readonly PublicJwk[] }>('/v1/keys', {})).keys;
  }

  private get<T>(path: string, query: Readonly<Record<string, string>>): Promise<T> {
    return this.ask('GET', `${path}?${new URLSearchParams(query)}`, undefined, {});
  }
  private post<T>(path: string, body: object, headers: Record<string, string> = {}): Promise<T> {
    return this.ask('POST', path, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
  }

  private async ask<T>(
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string>,
  ): Promise<T> {
    const { url, capability } = this.options;
    const init = { method, headers: { authorization: `Bearer ${capability}`, ...headers } };
    let response: Response;
    try {
      response = await (this.options.fetch ?? fetch)(new URL(path, url), body === undefined ? init : { ...init, body });
    } catch (error) {
      const cause = (error as { cause?: { code?: string } }).cause?.code ?? 'no answer';
      throw new MailboxError(0, 'E_UNREACHABLE', `${url}: ${cause}`, {}, 0);
    }
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (response.ok) return answer as T;
    const retryAfterMs = Number(response.headers.get('retry-after') ?? 0) * 1000;
    const { code, message } = answer;
    throw new MailboxError(
      response.status,
      String(code ?? 'E_HTTP'),
      String(message ?? 'no body'),
      answer,
      retryAfterMs,
    );
  }

  /** Exponential backoff with full jitter, and never sooner than the server asks for (D6). */
  private async retrying<T>(attempt: () => Promise<T>): Promise<T> {
    const { attempts = 5, backoffBaseMs = 100, backoffMaxMs = 10_000, random = Math.random } = this.options;
    const wait = this.options.wait ?? ((ms: number) => new Promise((resolve) => setTimeout(resolve, ms)));
    for (let tried = 1; ; tried++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof MailboxError) || !error.retryable || tried >= attempts) throw error;
        await wait(error.retryAfterMs + random() * Math.min(backoffMaxMs, backoffBaseMs * 2 ** tried));
      }
    }
  }
}
