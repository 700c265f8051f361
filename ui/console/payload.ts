/** A payload as something to read, whatever it is. Nothing of it is ever markup. */
export const PAYLOAD_MODES = ['text', 'json', 'hex'] as const;
export type PayloadMode = (typeof PAYLOAD_MODES)[number];

/** So much is shown at first, and so much at all: more takes a browser longer than anybody reads. */
export const SHOWN_BYTES = 8 * 1024;
export const SHOWN_BYTES_MAX = 256 * 1024;
/** JSON is read as a whole. */
const JSON_BYTES_MAX = 1024 * 1024;
const DEPTH_MAX = 32;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

function textIn(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** How it is best read: as JSON where it is some, as text where it is UTF-8 without bytes that no text has, else as hex. */
export function modeOf(bytes: Uint8Array): PayloadMode {
  const text = textIn(bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what no text has
  if (text === null || /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text)) return 'hex';
  return /^\s*[[{]/.test(text) && isJson(text) ? 'json' : 'text';
}

/** The payload's beginning in a mode; null where it is nothing of the kind. */
export function shownAs(mode: PayloadMode, bytes: Uint8Array, most: number): string | null {
  if (mode === 'hex') return hexDump(bytes.subarray(0, most));
  if (mode === 'text') return lenient.decode(bytes.subarray(0, most));
  const text = bytes.length > JSON_BYTES_MAX ? null : textIn(bytes);
  return text === null ? null : jsonOf(text, most);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * JSON on lines of its own, its strings and numbers as they were sent: a parsed number would not be the same. Null for what is no JSON.
 * No more is laid out than `most` characters: a payload of brackets alone would be fifty times as long as it came.
 */
export function jsonOf(text: string, most = Number.POSITIVE_INFINITY): string | null {
  if (!isJson(text)) return null;
  let out = '';
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(Math.min(depth, DEPTH_MAX))}`;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{]\s*[\]}]|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') {
      depth++;
      out += token + line();
    } else if (token === '}' || token === ']') {
      depth--;
      out += line() + token;
    } else if (token === ',') out += token + line();
    else if (token === ':') out += ': ';
    else out += /^[[{]/.test(token) ? token.replace(/\s/g, '') : token;
    if (out.length >= most) return out.slice(0, most);
  }
  return out;
}

/** Lines of 16 bytes: where, what, and what of it is printable. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0'));
    const halves = [hex.slice(0, 8).join(' '), hex.slice(8).join(' ')].join('  ').padEnd(48);
    const seen = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${halves}  ${seen}`);
  }
  return lines.join('\n');
}
