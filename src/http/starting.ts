import type { Session } from '../auth/authorize.ts';
import { freshCorrId, isCorrId } from '../observe/ids.ts';
import type { AccessLog } from './access-log.ts';
import { connectionOf } from './connection.ts';
import type { NodeRequestHandler } from './dispatch.ts';
import { type Head, headOf } from './head.ts';
import { type Answer, done, refusal } from './reply.ts';
import { NodeResponseWriter, type ResponseWriterOptions } from './response-writer.ts';

interface StartingOptions extends ResponseWriterOptions {
  readonly accessLog: AccessLog;
  readonly newSession: () => Session;
}

const RETRY_S = 1;

/** Answers while the journal is read: alive, not ready, and everything else later (BD3). Every answer is the last of its connection. */
export function startingHandler({ accessLog, newSession, ...options }: StartingOptions): NodeRequestHandler {
  return (req, res) => {
    const startedMs = performance.now();
    const connection = connectionOf(req.socket, newSession);
    if (connection.isClosing) return;
    const head = headOf(req);
    const corrId = head.corrId !== undefined && isCorrId(head.corrId) ? head.corrId.toLowerCase() : freshCorrId();
    const answer: Answer = { ...answerTo(head, corrId), close: true };
    accessLog.answered({ req, corrId, startedMs, route: null, capability: null, decided: false }, answer);
    new NodeResponseWriter(req, res, connection, options).respond(answer, corrId);
  };
}

function answerTo({ method, path, fault }: Head, corrId: string): Answer {
  if (fault !== null) return refusal('schema', corrId, { message: fault });
  if (method === 'GET' && path === '/healthz') return done('{"ok":true}');
  if (method !== 'GET' || path !== '/readyz') return refusal('starting', corrId);
  const body = JSON.stringify({ ready: false, missing: ['starting'], retry_after: RETRY_S });
  return { status: 503, body, outcome: 'starting', retryAfterS: RETRY_S };
}
