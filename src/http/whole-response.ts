import { type ServerResponse, STATUS_CODES } from 'node:http';
import { OAP_TYPE } from './formats/units.ts';
import type { Answer } from './reply.ts';

/** What node:http says of a connection that stays. */
export interface StayRules {
  readonly idleTimeoutMs: number;
  readonly requestsPerSocket: number;
}

/** Longer bodies are not worth copying once more to spare a system call its vector. */
const ONE_TEXT_MAX = 16_384;

/** The same of bytes, which become text for it first. */
const ONE_BUFFER_MAX = 1024;

/**
 * A response as node:http keeps it: what it has for a head it sends before anything else, at its turn among pipelined requests. Made by
 * `writeHead`, that text costs more than all else of a short response: each field is checked, compared and joined, request by request.
 */
interface Headed {
  _header: string | null;
  readonly maxRequestsOnConnectionReached?: boolean;
}

/** A body that is written as Latin-1: its length in bytes is that in characters. */
export const isOneText = (body: string | Buffer, bytes: number): body is string =>
  typeof body === 'string' && bytes === body.length && bytes <= ONE_TEXT_MAX;

/**
 * Writes a response whose connection stays, with a head of nothing but names of ours, ids and numbers; a short one as one text in one
 * write. False, and nothing is done, for any other: those, node:http makes itself.
 */
export function writeWhole(
  res: ServerResponse,
  answer: Answer,
  bytes: number,
  corrId: string,
  rules: StayRules,
): boolean {
  const { status, body, type, retryAfterS } = answer;
  const headed = res as ServerResponse & Headed;
  if (headed._header !== null || !res.shouldKeepAlive || headed.maxRequestsOnConnectionReached === true) return false;
  // Those of the console have more in their heads.
  if (res.getHeaderNames().length > 0) return false;
  if (answer.owner !== undefined || answer.allow !== undefined || answer.close === true) return false;
  if ((type !== undefined && type !== OAP_TYPE) || isBodiless(status) || res.req.method === 'HEAD') return false;
  res.statusCode = status;
  const again = retryAfterS === undefined ? '' : `retry-after: ${retryAfterS}\r\n`;
  const head = `${beginOf(status, type)}${corrId}\r\n${again}content-length: ${bytes}\r\n${endOf(rules)}`;
  if (isOneText(body, bytes)) {
    headed._header = head + body;
    res.end();
  } else if (typeof body !== 'string' && bytes <= ONE_BUFFER_MAX) {
    headed._header = head + body.toString('latin1');
    res.end();
  } else {
    headed._header = head;
    res.end(body);
  }
  return true;
}

const isBodiless = (status: number): boolean => status < 200 || status === 204 || status === 304;

const begins = new Map<number, string>();

function beginOf(status: number, type: string | undefined): string {
  const key = type === undefined ? status : -status;
  let begin = begins.get(key);
  if (begin === undefined) {
    begin = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${type ?? 'application/json'}\r\nx-corr-id: `;
    begins.set(key, begin);
  }
  return begin;
}

let end = '';
let endSecond = 0;
let endRules: StayRules | null = null;

/** The rest of the head, which stays the same for a second. */
function endOf(rules: StayRules): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1000);
  if (second !== endSecond || rules !== endRules) {
    endSecond = second;
    endRules = rules;
    const { idleTimeoutMs, requestsPerSocket } = rules;
    const most = requestsPerSocket > 0 ? `, max=${requestsPerSocket}` : '';
    const stays = idleTimeoutMs > 0 ? `Keep-Alive: timeout=${Math.floor(idleTimeoutMs / 1000)}${most}\r\n` : '';
    end = `Date: ${new Date(nowMs).toUTCString()}\r\nConnection: keep-alive\r\n${stays}\r\n`;
  }
  return end;
}
