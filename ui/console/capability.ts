import { CAP_FORMATS, OPS, type Op } from '../../spec/vocabulary.ts';

/** `docs/protocol.md`: Capabilities. What one says of itself, read in the page; whether it is true only the server knows. */
export interface Capability {
  readonly format: string;
  readonly keyId: string;
  readonly nonce: string;
  readonly caveats: readonly string[];
  readonly topics: readonly string[];
  readonly prefixes: readonly string[];
  readonly ops: readonly Op[];
  /** Seconds since 1970; Infinity and 0 where nothing is said. */
  readonly expiresS: number;
  readonly notBeforeS: number;
  readonly quotas: readonly string[];
}

const CHARS_MAX = 4096;
const IDENTIFIER = new RegExp(`^(${CAP_FORMATS.join('|')}):([A-Za-z0-9_-]{1,32}):([0-9A-HJKMNP-TV-Z]{26})$`);
const CAVEAT = /^(?:(topic prefix) |(topic|op|expires|not_before|quota_ops|quota_bytes|role) = )([!-~]+)$/;
const ROLE_OPS: Readonly<Record<string, readonly Op[]>> = {
  producer: ['send', 'stats'],
  consumer: ['recv', 'ack', 'nack', 'extend', 'stats'],
  viewer: ['view', 'stats'],
  admin: ['admin'],
};

/** The capabilities in what was pasted: bare, or in the line that a shell takes. At most so many. */
export function tokensIn(pasted: string, most: number): string[] {
  const words = pasted.split(/[\s"']+/).map((word) => word.replace(/^(?:MAILBOX_CAP=|Bearer:?)/, ''));
  return [...new Set(words.filter((word) => word.length > 60 && /^[A-Za-z0-9_-]+$/.test(word)))].slice(0, most);
}

/** What it says, or null when it is none. */
export function decode(token: string): Capability | null {
  const packets = token.length <= CHARS_MAX ? packetsOf(token) : null;
  if (packets === null || packets.length < 3) return null;
  const [location, identifier, ...rest] = packets as [string, string, ...string[]];
  const named = IDENTIFIER.exec(identifier.replace(/^identifier /, ''));
  const isWhole = location === 'location svc-mailbox' && rest.at(-1)?.startsWith('signature ') === true;
  const lines = rest.slice(0, -1);
  if (named === null || !isWhole || !lines.every((line) => line.startsWith('cid '))) return null;
  const [, format = '', keyId = '', nonce = ''] = named;
  const caveats = lines.map((line) => line.slice('cid '.length));
  return { format, keyId, nonce, caveats, ...scopeOf(caveats) };
}

/** Each packet is its own length in four hex digits, a word, a space, a value, a line feed. */
function packetsOf(token: string): string[] | null {
  let text: string;
  try {
    text = atob(token.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    return null;
  }
  const packets: string[] = [];
  for (let at = 0; at < text.length; ) {
    const digits = text.slice(at, at + 4);
    const end = at + Number.parseInt(digits, 16);
    if (!/^[0-9a-f]{4}$/.test(digits) || end <= at + 4 || end > text.length) return null;
    packets.push(text.slice(at + 4, end - 1));
    at = end;
  }
  return packets;
}

/** Every caveat must hold, so several of a kind narrow each other. One that is unknown here allows nothing. */
function scopeOf(caveats: readonly string[]) {
  const topics: string[] = [];
  const prefixes: string[] = [];
  const quotas: string[] = [];
  let ops: readonly Op[] = OPS;
  let [expiresS, notBeforeS] = [Number.POSITIVE_INFINITY, 0];
  for (const line of caveats) {
    const [, prefix, named, value = ''] = CAVEAT.exec(line) ?? [];
    const kind = prefix ?? named;
    if (kind === 'topic') topics.push(value);
    else if (kind === 'topic prefix') prefixes.push(value);
    else if (kind === 'op') ops = ops.filter((op) => value.split(',').includes(op));
    else if (kind === 'role') ops = ops.filter((op) => (ROLE_OPS[value] ?? []).includes(op));
    else if (kind === 'expires') expiresS = Math.min(expiresS, Number(value));
    else if (kind === 'not_before') notBeforeS = Math.max(notBeforeS, Number(value));
    else if (kind === undefined) ops = [];
    else quotas.push(quotaText(kind, value));
  }
  return { topics, prefixes, ops, expiresS, notBeforeS, quotas };
}

function quotaText(kind: string, value: string): string {
  const [most, seconds] = value.split('/').map(Number);
  return `${most?.toLocaleString('en')} ${kind === 'quota_ops' ? 'requests' : 'bytes'} in ${seconds} s`;
}

/** Whether it speaks of this topic. */
export const covers = ({ topics, prefixes }: Capability, topic: string): boolean =>
  topics.every((one) => one === topic) && prefixes.every((prefix) => topic.startsWith(prefix));
