import type { IncomingMessage } from 'node:http';

/** What the server reads of a request's head. */
export interface Head {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** After the `?`, empty without one. */
  readonly query: string;
  authorization: string | undefined;
  contentType: string | undefined;
  contentLength: number;
  contentEncoding: string | undefined;
  chunked: boolean;
  /** Waits for leave to send its body. */
  expects: boolean;
  corrId: string | undefined;
  idemMode: string | undefined;
  /** Another node of the cluster sent it on. */
  isHop: boolean;
  /** Why the head is refused although Node's parser took it, or null. */
  fault: string | null;
}

/** More fields than any client has a use for. Node's own limit would drop what is beyond it without a word. */
const FIELDS_MAX = 100;

export const hasBody = ({ chunked, contentLength }: Head): boolean => chunked || contentLength > 0;

/** A body that is refused and no longer than this costs less to read than another connection. */
const CHEAP_BYTES = 64 * 1024;

/**
 * Whether a body that is refused unread ends the connection. Whoever waits for leave to send it may send it now or send the next
 * request: nobody could tell.
 */
export const endsConnection = (head: Head): boolean =>
  hasBody(head) && (head.chunked || head.expects || head.contentLength > CHEAP_BYTES);

/**
 * Reads the head from the raw headers: Node keeps the first of two Authorization or Host headers without a word, and takes
 * transfer codings, targets and versions that this server has no use for. A difference between two readers of
 * one request is how requests are smuggled, so all of these are refused.
 */
export function headOf(req: IncomingMessage): Head {
  const url = req.url ?? '';
  const mark = url.indexOf('?');
  const head: Head = {
    method: req.method ?? '',
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    authorization: undefined,
    contentType: undefined,
    contentLength: 0,
    contentEncoding: undefined,
    chunked: false,
    expects: false,
    corrId: undefined,
    idemMode: undefined,
    isHop: false,
    fault: null,
  };
  if (url.charCodeAt(0) !== 0x2f) head.fault = 'request target: must be a path';
  if (req.httpVersion !== '1.1') head.fault = 'HTTP version: must be 1.1';
  const raw = req.rawHeaders;
  if (raw.length > 2 * FIELDS_MAX) head.fault = `head: at most ${FIELDS_MAX} fields`;
  let seen = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const field = FIELDS[(raw[i] as string).length];
    if (field === undefined) continue;
    const name = (raw[i] as string).toLowerCase();
    for (const { name: known, bit, take } of field) {
      if (name !== known) continue;
      if ((seen & bit) !== 0) head.fault = `${known}: there twice`;
      seen |= bit;
      take?.(head, raw[i + 1] as string);
    }
  }
  if ((seen & HOST) === 0) head.fault ??= 'host: missing';
  return head;
}

interface Field {
  readonly name: string;
  readonly bit: number;
  readonly take?: (head: Head, value: string) => void;
}

/** The bit of the first of these. */
const HOST = 1;
const SINGULAR: readonly Omit<Field, 'bit'>[] = [
  { name: 'host' },
  {
    name: 'expect',
    take: (head) => {
      head.expects = true;
    },
  },
  {
    name: 'upgrade',
    take: (head) => {
      head.fault = 'upgrade: not supported';
    },
  },
  {
    name: 'authorization',
    take: (head, value) => {
      head.authorization = value;
    },
  },
  {
    name: 'content-type',
    take: (head, value) => {
      head.contentType = value;
    },
  },
  {
    name: 'content-length',
    take: (head, value) => {
      head.contentLength = Number(value);
    },
  },
  {
    name: 'content-encoding',
    take: (head, value) => {
      head.contentEncoding = value;
    },
  },
  {
    name: 'transfer-encoding',
    take: (head, value) => {
      head.chunked = true;
      if (value.toLowerCase() !== 'chunked') head.fault = 'transfer-encoding: only chunked';
    },
  },
  {
    name: 'x-corr-id',
    take: (head, value) => {
      head.corrId = value;
    },
  },
  {
    name: 'x-mailbox-hop',
    take: (head) => {
      head.isHop = true;
    },
  },
  {
    name: 'x-idempotency-mode',
    take: (head, value) => {
      head.idemMode = value;
    },
  },
];

/** The fields that may be there once, by the length of their name. */
const FIELDS: readonly (readonly Field[] | undefined)[] = Array.from({ length: 24 }, (_, length) => {
  const fields = SINGULAR.map((field, i) => ({ ...field, bit: 1 << i })).filter(
    (field) => field.name.length === length,
  );
  return fields.length === 0 ? undefined : fields;
});
