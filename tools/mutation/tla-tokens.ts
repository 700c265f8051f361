/** A word, number, string or sign of a TLA+ module, and where it stands. */
export interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** 0 at the beginning of a line. */
  readonly column: number;
  /** The first of its line. */
  readonly leads: boolean;
}

const TOKEN =
  /\\\*.*|\(\*[\s\S]*?\*\)|-{4,}|={4,}|"[^"]*"|\d+|\w+|\/\\|\\\/|\\[A-Za-z]+|<<|>>_?|<=|>=|=>|==|\|->|->|~>|\[\]|\.\.|\S/g;

/** The tokens of a module, comments and rules left out. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    if (/^(\\\*|\(\*|----|====)/.test(token)) continue;
    const start = match.index;
    const lineStart = text.lastIndexOf('\n', start - 1) + 1;
    const leads = text.slice(lineStart, start).trim() === '';
    tokens.push({ text: token, start, end: start + token.length, column: start - lineStart, leads });
  }
  return tokens;
}

/** A definition `Name(..) == body` that begins a line. */
export interface Definition {
  readonly name: string;
  readonly body: readonly Token[];
}

const WORD = /^[A-Za-z]\w*$/;

export function definitionsOf(tokens: readonly Token[]): Definition[] {
  const heads: { name: string; head: number; body: number }[] = [];
  tokens.forEach(({ column, leads, text }, i) => {
    if (!leads || column !== 0 || !WORD.test(text)) return;
    let at = i + 1;
    if (tokens[at]?.text === '(') while (tokens[at++]?.text !== ')');
    if (tokens[at]?.text === '==') heads.push({ name: text, head: i, body: at + 1 });
  });
  return heads.map(({ name, body }, i) => {
    const next = heads[i + 1]?.head ?? tokens.length;
    const own = tokens.slice(body, next);
    const over = own.findIndex(({ column, leads, text }) => leads && column === 0 && WORD.test(text));
    return { name, body: over < 0 ? own : own.slice(0, over) };
  });
}

const OPEN = new Set(['(', '[', '{', '<<']);
const CLOSE = new Set([')', ']', '}', '>>', '>>_']);

/** An operand or bullet item: the tokens `first` to `last` of a body, both included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export const isBullet = (body: readonly Token[], i: number): boolean => {
  const { text, leads } = body[i] as Token;
  if (text !== '/\\' && text !== '\\/') return false;
  if (leads || i === 0) return true;
  const before = body[i - 1] as Token;
  // `/\ \/ A`, `IN  /\ A` and `THEN /\ A` begin lists as well.
  return /^(\/\\|\\\/|IN|THEN|ELSE|:|==|=>)$/.test(before.text);
};

/** What a bullet at `i` introduces: everything to its right, until a line begins at its column or left of it. */
export function itemOf(body: readonly Token[], i: number): Span {
  const { column } = body[i] as Token;
  let last = i;
  let depth = 0;
  while (last + 1 < body.length) {
    const next = body[last + 1] as Token;
    if (next.leads && next.column <= column) break;
    if (OPEN.has(next.text)) depth++;
    if (CLOSE.has(next.text) && --depth < 0) break;
    last++;
  }
  return { first: i + 1, last };
}

/** Signs that bind less than a conjunction or disjunction within a line, and so end its operands. */
const ENDS = new Set([',', ':', '==', '=>', '|->', '->', 'THEN', 'ELSE', 'IF', 'IN', 'LET', '~>', '/\\', '\\/']);

/** The operand on one side of the infix sign at `i`, on its bracket level. */
export function operandOf(body: readonly Token[], i: number, side: 1 | -1): Span {
  const [opening, closing] = side === 1 ? [OPEN, CLOSE] : [CLOSE, OPEN];
  const bullet = side === 1 ? columnOfItem(body, i) : -1;
  let at = i;
  let depth = 0;
  for (;;) {
    const next = body[at + side];
    if (next === undefined) break;
    if (side === 1 && depth === 0 && next.leads && next.column <= bullet) break;
    if (depth === 0 && ENDS.has(next.text) && !quantified(body, i, at + side, side)) break;
    if (opening.has(next.text)) depth++;
    if (closing.has(next.text) && --depth < 0) break;
    at += side;
    if (side === -1 && depth === 0 && isBullet(body, at)) return { first: at + 1, last: i - 1 };
  }
  return side === 1 ? { first: i + 1, last: at } : { first: at, last: i - 1 };
}

/** After `\E x \in S` everything on the right belongs to it. */
function quantified(body: readonly Token[], sign: number, at: number, side: 1 | -1): boolean {
  if (side !== 1) return false;
  const from = body[sign + 1]?.text;
  return (from === '\\E' || from === '\\A') && at > sign;
}

/** The column of the bullet whose item holds the token at `i`; -1 for none. */
function columnOfItem(body: readonly Token[], i: number): number {
  for (let at = i - 1; at >= 0; at--) {
    if (!isBullet(body, at)) continue;
    const { first, last } = itemOf(body, at);
    if (first <= i && i <= last) return (body[at] as Token).column;
  }
  return -1;
}
