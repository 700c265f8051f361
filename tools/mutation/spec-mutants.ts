import { ACTION_OF, DEAD_REASONS, STATES } from '../../spec/vocabulary.ts';
import { type Mutant, mutantOf, numbered } from './mutants.ts';
import {
  type Definition,
  definitionsOf,
  isBullet,
  itemOf,
  operandOf,
  type Span,
  type Token,
  tokensOf,
} from './tla-tokens.ts';

/** Definitions that are no part of an action: sets of names, fairness, what must hold. */
const APART = new Set([
  ...['Msgs', 'NoTtl', 'States', 'Reasons', 'LastErrors', 'shardVars', 'vars', 'mVars', 'dVars', 'told', 'M', 'D'],
  ...['Next', 'Fairness', 'Spec'],
]);
/** Of this name and after it nothing is mutated: invariants and properties. */
const INVARIANTS = new Set(['TypeOK', 'ReplyDurableInv']);

const SWAPPED: Readonly<Record<string, string>> = {
  ...{ '<': '<=', '<=': '<', '>': '>=', '>=': '>' },
  ...{ '#': '=', '\\notin': '\\in', '\\cup': '\\cap', '+': '-', '-': '+', '*': '+', '^': '*' },
};
/** A name becomes the next one of its kind. */
const NAMES: readonly (readonly string[])[] = [
  ...[
    STATES,
    DEAD_REASONS,
    ['none', 'expired', 'nacked', 'released'],
    ['ack', 'nack'],
    ['up', 'failed', 'dying', 'down'],
  ],
  [...Object.values(ACTION_OF), 'Tick', 'Recover'],
];
const WORD = /^[A-Za-z]\w*$/;

/** Every mutant of a module's actions and of what they are made of, in the order of their places. */
export function specMutantsOf(file: string, text: string): Mutant[] {
  const definitions = definitionsOf(tokensOf(text));
  const end = definitions.findIndex(({ name }) => INVARIANTS.has(name));
  const mutated = definitions.slice(0, end).filter(({ name }) => !APART.has(name));
  const actions = actionsOf(definitions);
  return numbered(
    mutated.flatMap((definition) => [
      ...(actions.includes(definition.name) ? [neverOf(file, text, definition)] : []),
      ...mutantsOfDefinition(file, text, definition),
    ]),
  );
}

/** The actions that `Next` is made of. */
export function actionsOf(definitions: readonly Definition[]): string[] {
  const names = new Set(definitions.map(({ name }) => name));
  const next = definitions.find(({ name }) => name === 'Next')?.body ?? [];
  return next.map(({ text }) => text).filter((word) => names.has(word) && word !== 'Msgs');
}

/** The action that never happens. */
function neverOf(file: string, text: string, { name, body }: Definition): Mutant {
  const [start, end] = [(body[0] as Token).start, (body.at(-1) as Token).end];
  return { ...mutantOf(file, text, name, start, end, 'FALSE'), id: `${file} ${name}: all of it -> FALSE` };
}

function mutantsOfDefinition(file: string, text: string, { name, body }: Definition): Mutant[] {
  const mutants: Mutant[] = [];
  const taken = new Set<string>();
  const add = ({ first, last }: Span, replacement: string): void => {
    const [start, end] = [(body[first] as Token).start, (body[last] as Token).end];
    const key = `${start} ${end} ${replacement}`;
    if (taken.has(key) || replacement === text.slice(start, end)) return;
    taken.add(key);
    mutants.push(mutantOf(file, text, name, start, end, replacement));
  };
  const source = ({ first, last }: Span): string => text.slice((body[first] as Token).start, (body[last] as Token).end);
  // The conjuncts of Init give the variables their values: they cannot be left out, only changed.
  for (let i = 0; i < body.length; i++) {
    const { text: sign } = body[i] as Token;
    if (sign === '/\\' || sign === '\\/') {
      if (name === 'Init') continue;
      for (const span of operandsAt(body, i)) changeOperand(body, span, sign, source(span), add);
    } else if (name !== 'Init' || sign !== '=')
      for (const replacement of tokenChanges(body, i)) add({ first: i, last: i }, replacement);
  }
  return mutants;
}

const operandsAt = (body: readonly Token[], i: number): Span[] =>
  isBullet(body, i) ? [itemOf(body, i)] : [operandOf(body, i, -1), operandOf(body, i, 1)];

/** A conjunct or disjunct: left out, negated; an update: lost. */
function changeOperand(
  body: readonly Token[],
  span: Span,
  sign: string,
  text: string,
  add: (span: Span, replacement: string) => void,
): void {
  const { first, last } = span;
  if (first > last) return;
  const [head, prime, equals] = [body[first], body[first + 1], body[first + 2]].map((token) => token?.text ?? '');
  if (WORD.test(head as string) && prime === "'" && equals === '=')
    return add({ first: first + 3, last }, head as string);
  if (sign === '\\/') return add(span, 'FALSE');
  const tokens = body.slice(first, last + 1);
  if (tokens.some(({ text: token }) => ACTING.has(token))) return;
  add(span, 'TRUE');
  const compares = tokens.some(({ text: token }) => COMPARES.has(token));
  if (!compares && tokens.every(({ leads }, i) => i === 0 || !leads)) add(span, `~(${text})`);
}

/** Guards with one of these are negated by changing it. */
const COMPARES = new Set(['=', '#', '<', '<=', '>', '>=', '\\notin']);
/** What says something of the next state: TLC takes no action that leaves a variable unsaid, so without it there is no mutant. */
const ACTING = new Set([
  ...["'", '!', 'UNCHANGED', 'Idle', 'End', 'DeadLetter', 'GiveBack', 'TakeBack', 'Return', 'Remember', 'LetPass'],
  ...['Resume', 'Answer', 'Running', 'Logged', 'Tell', 'Follow'],
]);

function tokenChanges(body: readonly Token[], i: number): string[] {
  const { text } = body[i] as Token;
  const before = body[i - 1]?.text;
  if (/^\d+$/.test(text)) return [String(Number(text) + 1)];
  if (text === 'TRUE') return ['FALSE'];
  if (text === 'FALSE') return ['TRUE'];
  if (text.startsWith('"')) return otherName(text.slice(1, -1));
  if (text === '=' && before !== "'" && !closesPlace(body, i - 1)) return ['#'];
  return SWAPPED[text] === undefined ? [] : [SWAPPED[text]];
}

function otherName(name: string): string[] {
  const kind = NAMES.find((names) => names.includes(name));
  return kind === undefined ? [] : [`"${kind[(kind.indexOf(name) + 1) % kind.length]}"`];
}

/** `![m]` before the sign: the place of an update, not something compared. */
function closesPlace(body: readonly Token[], i: number): boolean {
  if (body[i]?.text !== ']') return false;
  let depth = 0;
  for (let at = i; at >= 0; at--) {
    if (body[at]?.text === ']') depth++;
    if (body[at]?.text === '[' && --depth === 0) return body[at - 1]?.text === '!';
  }
  return false;
}
