import type { IncomingMessage } from 'node:http';
import type { Session } from '../auth/authorize.ts';
import { freshCorrId } from '../observe/ids.ts';
import type { AccessLog } from './access-log.ts';
import { connectionOf } from './connection.ts';
import type { NodeRequestHandler } from './dispatch.ts';
import { headOf } from './head.ts';
import { type Answer, refuse } from './reply.ts';
import { NodeResponseWriter, type ResponseWriterOptions } from './response-writer.ts';

/** One file of the console. */
export interface ConsoleFile {
  readonly type: string;
  readonly body: Buffer;
}
/** All of them by their whole paths: nothing else is ever looked up, on a disk or elsewhere. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

/** Of the page: its own scripts, styles and pictures, requests to where it came from, and nothing that is made of text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Of every answer of this listener, those of the interface too: nothing is kept, sniffed, framed or read by another origin. */
const EVERYWHERE: readonly (readonly [string, string])[] = [
  ['cache-control', 'no-store'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', POLICY],
  ['cross-origin-opener-policy', 'same-origin'],
  ['permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'],
  ['referrer-policy', 'no-referrer'],
  ['x-frame-options', 'DENY'],
];

interface ConsoleOptions extends ResponseWriterOptions {
  readonly accessLog: AccessLog;
  readonly newSession: () => Session;
}

/**
 * Answers what is a file of the console, and leaves everything else to the interface: the page asks where it came from, so that no
 * other origin has to be let in. While the server starts the page is there already, and says so.
 */
export function consoleHandler(
  files: ConsoleFiles,
  { accessLog, newSession, ...options }: ConsoleOptions,
  others: NodeRequestHandler,
): NodeRequestHandler {
  return (req, res) => {
    for (const [name, value] of EVERYWHERE) res.setHeader(name, value);
    const file = files.get(pathOf(req));
    if (file === undefined) return others(req, res);
    const startedMs = performance.now();
    const connection = connectionOf(req.socket, newSession);
    if (connection.isClosing) return;
    const corrId = freshCorrId();
    const answer = answerTo(req, corrId, file);
    accessLog.answered({ req, corrId, startedMs, route: null, capability: null, decided: false }, answer);
    new NodeResponseWriter(req, res, connection, options).respond(answer, corrId);
  };
}

/** Without the query, which says nothing to a file. */
function pathOf({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}

function answerTo(req: IncomingMessage, corrId: string, { type, body }: ConsoleFile): Answer {
  const head = headOf(req);
  const asked = { head, corrId };
  if (head.fault !== null) return { ...refuse(asked, 'schema', { message: head.fault }), close: true };
  if (head.method !== 'GET' && head.method !== 'HEAD') return refuse(asked, 'method', { allow: 'GET, HEAD' });
  return { status: 200, body, type, outcome: 'ok', ...(head.contentLength > 0 || head.chunked ? { close: true } : {}) };
}
