/**
 * What a terminal acts on, or does not show, instead of printing it: control characters (C0, DEL, C1), separators of lines and
 * paragraphs, marks that change the direction of writing, invisible characters that hide text in text, and halves of surrogates.
 */
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** As JSON writes it, so that JSON stays the JSON that it was. */
const escaped = (found: string): string =>
  SHORT[found] ?? [...Array(found.length).keys()].map((i) => `\\u${hex4(found.charCodeAt(i))}`).join('');
const hex4 = (unit: number): string => unit.toString(16).padStart(4, '0');

/**
 * Text of others, in one line that does nothing to a terminal: everything that is not plainly seen is written as `\u001b`. Text
 * that others may have had a hand in (topics, keys, attributes, reasons, payloads, names and contents of files, arguments)
 * goes through here before people see it.
 */
export const visible = (text: string): string => text.replace(UNSEEN, escaped);

/** The same for text of several lines: line feeds and tabs stay. */
export const visibleBlock = (text: string): string =>
  text.replace(UNSEEN, (found) => (found === '\n' || found === '\t' ? found : escaped(found)));

const ECHO_CHARS = 80;

/** A value that is not what it should be, short enough for an error message. */
export function echoed(text: string): string {
  const cut = text.length > ECHO_CHARS;
  return (
    visible(JSON.stringify(cut ? text.slice(0, ECHO_CHARS) : text)) + (cut ? `.. (${text.length} characters)` : '')
  );
}

/** A name that others gave: as it is when it is one, else as `echoed`. */
export const named = (text: string): string => (PLAIN_NAME.test(text) ? text : echoed(text));
const PLAIN_NAME = /^[\w.:/-]{1,128}$/;

/** A word for a shell, so that what is pasted does what it says. */
export const shellWord = (text: string): string =>
  /^[\w.,:/#@%+=-]+$/.test(text) ? text : `'${visible(text).replaceAll("'", "'\\''")}'`;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A payload for people: as text when it is well-formed UTF-8, with the lines after the first set in, else in base64. */
export function payloadShown(payload: Uint8Array): { readonly as: 'text' | 'base64'; readonly text: string } {
  try {
    return { as: 'text', text: visibleBlock(UTF8.decode(payload)).replaceAll('\n', '\n  ') };
  } catch {
    return { as: 'base64', text: Buffer.from(payload).toString('base64') };
  }
}
