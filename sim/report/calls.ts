import type { Ask, Call, Reply } from '../call.ts';
import type { ReportCall } from './model.ts';

/** Hashes, receipts and capabilities are told apart by their first characters. */
const SHORT: ReadonlySet<string> = new Set(['payloadHash', 'hashChain', 'receipt', 'nonce']);
const SHORT_CHARS = 12;
/** More than any client of the simulator asks or is given at once; what is beyond is counted. */
const ITEMS_MAX = 20;
const TEXT_MAX = 200;

/** What a person wants to read of a request or an answer: bytes as their number, long lists cut, nothing that is not set. */
function plain(value: unknown, name = ''): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'number' && !Number.isFinite(value)) return 'for ever';
  if (typeof value === 'string') return value.slice(0, SHORT.has(name) ? SHORT_CHARS : TEXT_MAX);
  if (Array.isArray(value)) {
    const kept = value.slice(0, ITEMS_MAX).map((item) => plain(item));
    return value.length > ITEMS_MAX ? [...kept, `and ${value.length - ITEMS_MAX} more`] : kept;
  }
  if (typeof value !== 'object' || value === null) return value;
  const set = Object.entries(value).filter(([, own]) => own !== null && own !== undefined && !isEmpty(own));
  return Object.fromEntries(set.map(([own, inner]) => [own, plain(inner, own)]));
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !(value instanceof Uint8Array) &&
  (value instanceof Map ? value.size : Object.keys(value).length) === 0;

const topicOf = (ask: Ask): string => {
  if (ask.verb === 'batch') return topicOf(ask.items[0] as Ask);
  return 'topic' in ask ? (ask.topic ?? '') : '';
};

export const requestOf = ({ ask }: Call): ReportCall => ({
  verb: ask.verb,
  topic: topicOf(ask),
  request: JSON.stringify(plain(ask)),
});

export const answerOf = (reply: Reply): string => JSON.stringify(plain(reply));
