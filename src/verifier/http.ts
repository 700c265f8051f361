import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { AskRemote, Verdict } from '../auth/remote.ts';

const ANSWER_BYTES_MAX = 4096;
/** More than are asked at a time: no question waits for a socket while its time runs. */
export const VERIFIER_SOCKETS_MAX = 64;

/**
 * The remote verifier over HTTP(S) (B8): `POST {"capability": ".."}` is answered `200 {"valid": true, "ttl_ms"?: n}` or
 * `{"valid": false}`. Whatever else comes, or nothing in `timeoutMs`, is no answer: it fails closed. Redirects are not
 * followed: they would carry capabilities to wherever they point. TLS 1.3, the system's certificate authorities.
 */
export function askOverHttp(url: URL, timeoutMs: number): AskRemote {
  const secure = url.protocol === 'https:';
  const pool = { keepAlive: true, maxSockets: VERIFIER_SOCKETS_MAX };
  const agent = secure ? new HttpsAgent({ ...pool, minVersion: 'TLSv1.3' }) : new HttpAgent(pool);
  const start = secure ? httpsRequest : httpRequest;
  return (capability, done) => {
    const body = JSON.stringify({ capability });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const req = start(url, { method: 'POST', agent, headers });
    let open = true;
    let isReached = false;
    const finish = (verdict: Verdict): void => {
      if (!open) return;
      open = false;
      clearTimeout(deadline);
      if (verdict === null) req.destroy();
      done(verdict, isReached);
    };
    // Absolute: an answer that drips is none.
    const deadline = setTimeout(() => finish(null), timeoutMs);
    req.on('error', () => finish(null));
    req.on('response', (res) => {
      isReached = true;
      readAnswer(res, finish);
    });
    req.end(body);
  };
}

function readAnswer(res: IncomingMessage, finish: (verdict: Verdict) => void): void {
  if (res.statusCode !== 200) return finish(null);
  const chunks: Buffer[] = [];
  let bytes = 0;
  res.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) finish(null);
    else chunks.push(chunk);
  });
  res.on('error', () => finish(null));
  res.on('close', () => finish(null));
  res.on('end', () => finish(verdictOf(Buffer.concat(chunks).toString('utf8'))));
}

/** The answer's text as a verdict; null unless it is exactly what was asked for. */
function verdictOf(text: string): Verdict {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { valid, ttl_ms, ...rest } = value as Record<string, unknown>;
  if (typeof valid !== 'boolean' || Object.keys(rest).length > 0) return null;
  if (ttl_ms === undefined) return { valid };
  return Number.isSafeInteger(ttl_ms) && (ttl_ms as number) >= 0 ? { valid, ttlMs: ttl_ms as number } : null;
}
